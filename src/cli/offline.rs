//! Working on the store itself, on the machine that owns its directory, while no Holdpoint runs on it. This is how the
//! first token is made. While one runs, RocksDB's lock keeps everybody else out, and the API is the way.

use std::path::Path;
use std::sync::Arc;

use crate::app::{SystemClock, open_audit};
use crate::audit::event::Event;
use crate::audit::log::AuditLog;
use crate::cli::Global;
use crate::cli::client::Client;
use crate::cli::exit::Failure;
use crate::clock::{Clock, Timestamp};
use crate::config::{Config, file};
use crate::gate::approval::visible::line;
use crate::identity::agent::Agent;
use crate::identity::ids::{AgentName, PersonName};
use crate::identity::store::{AgentStore, TokenStore};
use crate::store::rocks::RocksStore;

/// How agents and tokens are reached.
pub enum Way {
    /// A running Holdpoint.
    Api(Client),
    /// The store, opened here.
    Store(Box<Store>),
}

/// The parts of an opened store that the command line changes.
pub struct Store {
    /// Agents.
    pub agents: Arc<dyn AgentStore>,
    /// Tokens.
    pub tokens: Arc<dyn TokenStore>,
    /// The configuration the store belongs to.
    pub config: Config,
    /// Who is at the keyboard: the login name. It becomes the issuer, and an issuer does not approve.
    pub operator: PersonName,
    audit: Arc<AuditLog>,
    clock: Arc<dyn Clock>,
}

impl Way {
    /// Ends the audit log in order, so that what was done here is under a signed checkpoint.
    pub async fn close(&self) {
        if let Self::Store(store) = self {
            store.audit.close().await;
        }
    }
}

/// The API if it answers, else the store.
///
/// # Errors
/// The API answers but no token was given; or neither API nor store can be reached.
pub async fn way(global: &Global) -> Result<Way, Failure> {
    let client = Client::new(global)?;
    if client.answers().await {
        return if client.has_token() {
            Ok(Way::Api(client))
        } else {
            Err(Failure::Usage("Holdpoint is running: set HOLDPOINT_TOKEN or --token-file to a token with the scope `admin`, or stop it first".into()))
        };
    }
    if global.url.is_some() {
        return Err(Failure::Unreachable("the API does not answer at that --url".into()));
    }
    Store::open(config(global)?).await.map(|store| Way::Store(Box::new(store)))
}

/// Reads the configuration that `--config` names.
///
/// # Errors
/// It is not there or not right.
pub fn config(global: &Global) -> Result<Config, Failure> {
    read_config(&global.config)
}

/// Reads a configuration file, the environment and the files it names.
///
/// # Errors
/// Every fault in it, one per line: file, line, column, key, cause, fix.
pub fn read_config(path: &Path) -> Result<Config, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{name}: {error}")))?;
    let env = |name: &str| std::env::var(name).ok();
    let files = |path: &Path| std::fs::read_to_string(path);
    file::parse(&text, &name.to_string(), &env, &files).map_err(|faults| {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Failure::Usage(lines.join("\n"))
    })
}

/// A failing store, in words.
pub fn trouble(error: impl std::fmt::Display) -> Failure {
    Failure::Unreachable(format!("the store failed: {error}"))
}

impl Store {
    async fn open(config: Config) -> Result<Self, Failure> {
        let shut = |why: String| {
            let store = config.store.display();
            Failure::Unreachable(format!("no Holdpoint answers, and the store {store} cannot be opened here: {why}"))
        };
        let store = Arc::new(RocksStore::open(&config.store).map_err(|error| shut(error.to_string()))?);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let audit = open_audit(&config, &store, &clock).await.map_err(|error| shut(format!("{error:#}")))?;
        Ok(Self { agents: store.clone(), tokens: store, config, operator: operator(), audit, clock })
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Is this person in the configuration? A mistyped owner would not be kept from approving.
    ///
    /// # Errors
    /// It is not.
    pub fn must_know(&self, person: &str) -> Result<(), Failure> {
        if self.config.people.iter().any(|known| known.name.0 == person) {
            return Ok(());
        }
        Err(Failure::Usage(format!("`people:` in the configuration has no {}", line(person))))
    }

    /// The agent of this name.
    ///
    /// # Errors
    /// There is none, or the store fails.
    pub fn agent(&self, name: &str) -> Result<Agent, Failure> {
        let found = self.agents.agent(&AgentName(name.to_owned())).map_err(trouble)?;
        found.ok_or_else(|| Failure::Usage(format!("there is no agent {}", line(name))))
    }

    /// Records a change, durably, before it is made.
    ///
    /// # Errors
    /// The audit log does not take it: the caller must not go on.
    pub async fn record(&self, what: String) -> Result<(), Failure> {
        let event = Event::IdentityChanged { by: self.operator.clone(), what };
        self.audit
            .record_durable(event)
            .await
            .map(|_| ())
            .map_err(|error| Failure::Unreachable(format!("the audit log failed: {error}")))
    }
}

/// The login name; under `sudo` that of the person who called it.
fn operator() -> PersonName {
    let named = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok());
    PersonName(named.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| "operator".to_owned()))
}
