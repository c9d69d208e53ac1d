//! What all connections share: settings, databases, limits, cancel keys, and whom to tell about refusals.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use rustls::{ClientConfig, ServerConfig};
use tokio::sync::{OnceCell, Semaphore};

use crate::audit::event::Event;
use crate::config::{ClientTls, Config, Upstream};
use crate::identity::agent::Agent;
use crate::identity::ids::SessionId;
use crate::mysql::handshake::auth::rsa::{RsaError, ServerKey};
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::handshake::version::ServerVersion;
use crate::pg::scram::client::Keys;
use crate::session::cancel::Registry;
use crate::session::tls::{self, ServerTls, TlsError};

/// Where agents are looked up. Must answer from memory or a local store, within microseconds.
pub trait AgentDirectory: Send + Sync {
    /// The agent of this name. A directory that fails answers `None`: nobody logs in.
    fn agent(&self, name: &str) -> Option<Agent>;
}

/// Who is told that a connection was refused.
pub trait RefusalSink: Send + Sync {
    /// Takes an [`Event::SessionRefused`]. Must not block.
    fn refused(&self, event: Event);
}

/// Settings that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SharedError {
    /// The certificate for clients.
    #[error("TLS for clients: {0}")]
    Clients(#[source] TlsError),
    /// An upstream's TLS files.
    #[error("TLS for database `{database}`: {source}")]
    Database {
        /// Which.
        database: String,
        /// Why.
        source: TlsError,
    },
}

/// One database behind the proxy, ready to be connected to.
#[derive(Debug)]
pub struct Database {
    /// The name clients ask for.
    pub name: String,
    /// Where it is and how to log in.
    pub upstream: Upstream,
    /// TLS towards it; `None` for `sslmode: disable`.
    pub tls: Option<Arc<ClientConfig>>,
    /// One permit per session, `connections_max` in all.
    pub(crate) places: Arc<Semaphore>,
    /// SCRAM keys of the last salt and rounds the server named: deriving them costs milliseconds.
    pub(crate) keys: Mutex<Option<DerivedKeys>>,
    /// MySQL: the server's RSA key, if the operator gave it, in PEM form.
    pub(crate) server_key: Option<String>,
    /// MySQL: what the server said of itself when it was last asked.
    pub(crate) profile: ArcSwapOption<Profile>,
    /// MySQL: one session asks at a time.
    pub(crate) asking: tokio::sync::Mutex<()>,
}

/// Keys, and what they were derived with.
#[derive(Clone)]
pub(crate) struct DerivedKeys {
    pub(crate) salt: Vec<u8>,
    pub(crate) iterations: u32,
    pub(crate) keys: Keys,
}

impl std::fmt::Debug for DerivedKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DerivedKeys(***)")
    }
}

/// What a MySQL server is, as clients must be told before they say which database they want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its version.
    pub version: ServerVersion,
    /// What it offers.
    pub capabilities: Capabilities,
    /// Its default collation, the lower byte.
    pub collation: u8,
}

/// Settings as one connection sees them from beginning to end.
#[derive(Debug)]
pub struct Settings {
    /// The configuration.
    pub config: Arc<Config>,
    /// TLS towards clients, if any.
    pub tls: Option<ServerTls>,
    /// TLS towards MySQL clients, if any.
    pub mysql_tls: Option<Arc<ServerConfig>>,
    /// Databases by the name clients ask for.
    pub databases: BTreeMap<String, Arc<Database>>,
}

/// Shared by all connections.
pub struct Shared {
    settings: ArcSwap<Settings>,
    pub(crate) agents: Arc<dyn AgentDirectory>,
    pub(crate) refusals: Arc<dyn RefusalSink>,
    /// Cancel keys in use.
    pub cancel: Arc<Registry>,
    pub(crate) probe_key: [u8; 32],
    pub(crate) half_open: Arc<Semaphore>,
    pub(crate) clients: Arc<Semaphore>,
    sessions: AtomicU64,
    rsa: OnceCell<Arc<ServerKey>>,
}

impl Shared {
    /// Reads certificates and sets the limits. `probe_key` keys the answers to names that do not exist; it should be the
    /// same after a restart.
    ///
    /// # Errors
    /// Unreadable or unfit TLS files.
    pub fn new(
        config: Arc<Config>,
        agents: Arc<dyn AgentDirectory>,
        refusals: Arc<dyn RefusalSink>,
        probe_key: [u8; 32],
    ) -> Result<Arc<Self>, SharedError> {
        let limits = config.limits;
        Ok(Arc::new(Self {
            settings: ArcSwap::from_pointee(settings(config, None)?),
            agents,
            refusals,
            cancel: Arc::new(Registry::default()),
            probe_key,
            half_open: places(limits.half_open_max),
            clients: places(limits.clients_max),
            sessions: AtomicU64::new(1),
            rsa: OnceCell::new(),
        }))
    }

    /// Reads what new settings rest on; nothing changes yet.
    ///
    /// # Errors
    /// Unreadable or unfit TLS files.
    pub fn prepare(&self, config: Arc<Config>) -> Result<Settings, SharedError> {
        settings(config, Some(&self.settings()))
    }

    /// Takes new settings for connections to come. Limits on clients keep their first values.
    pub fn take_up(&self, settings: Settings) {
        self.settings.store(Arc::new(settings));
    }

    /// The settings of this moment.
    pub fn settings(&self) -> Arc<Settings> {
        self.settings.load_full()
    }

    /// Client sessions that may still be opened, for metrics.
    pub fn clients_left(&self) -> usize {
        self.clients.available_permits()
    }

    /// The key that MySQL clients without TLS encrypt their secrets to: made once, off the I/O threads. Cancel safe.
    ///
    /// # Errors
    /// It cannot be made.
    pub async fn rsa(&self) -> Result<Arc<ServerKey>, RsaError> {
        let make = || async {
            let made = tokio::task::spawn_blocking(ServerKey::generate).await;
            made.map_err(|error| RsaError::Key(error.to_string()))?.map(Arc::new)
        };
        self.rsa.get_or_try_init(make).await.cloned()
    }

    pub(crate) fn next_session(&self) -> SessionId {
        SessionId(self.sessions.fetch_add(1, Ordering::Relaxed))
    }
}

/// One database of a configuration, to be asked something outside any session; `None` if it is not configured.
///
/// # Errors
/// TLS files cannot be used.
pub fn database(config: Arc<Config>, name: &str) -> Result<Option<Arc<Database>>, SharedError> {
    Ok(settings(config, None)?.databases.get(name).cloned())
}

fn settings(config: Arc<Config>, old: Option<&Settings>) -> Result<Settings, SharedError> {
    let tls = match &config.postgres.tls {
        ClientTls::Off => None,
        ClientTls::Optional(certificate) | ClientTls::Required(certificate) => {
            Some(tls::server(certificate).map_err(SharedError::Clients)?)
        }
    };
    let mysql_tls = match config.mysql.as_ref().map(|mysql| &mysql.tls) {
        None | Some(ClientTls::Off) => None,
        Some(ClientTls::Optional(certificate) | ClientTls::Required(certificate)) => {
            Some(tls::mysql_server(certificate).map_err(SharedError::Clients)?)
        }
    };
    let mut databases = BTreeMap::new();
    for (name, upstream) in &config.databases {
        let failed = |source| SharedError::Database { database: name.clone(), source };
        let before = old.and_then(|old| old.databases.get(name));
        let same = before.filter(|before| before.upstream.connections_max == upstream.connections_max);
        let database = Database {
            name: name.clone(),
            upstream: upstream.clone(),
            tls: tls::client(upstream).map_err(failed)?,
            places: same.map_or_else(|| places(upstream.connections_max), |before| before.places.clone()),
            keys: Mutex::new(None),
            server_key: upstream.mysql.public_key.as_deref().map(tls::rsa_key).transpose().map_err(failed)?,
            profile: ArcSwapOption::empty(),
            asking: tokio::sync::Mutex::new(()),
        };
        databases.insert(name.clone(), Arc::new(database));
    }
    Ok(Settings { config, tls, mysql_tls, databases })
}

fn places(count: u32) -> Arc<Semaphore> {
    let count = usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS);
    Arc::new(Semaphore::new(count.min(Semaphore::MAX_PERMITS)))
}
