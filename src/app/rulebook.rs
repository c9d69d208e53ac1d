//! The rules in force: loading, reloading all or nothing, and answering what they would say.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::api::signin::SignIn;
use crate::api::signin::oidc::provider::Provider;
use crate::api::state::{Explain, RulesDoor};
use crate::app::{Reread, reload};
use crate::audit::event::Event;
use crate::audit::log::AuditLog;
use crate::clock::Clock;
use crate::config::Config;
use crate::identity::ids::{AgentName, PersonName};
use crate::identity::person::Person;
use crate::identity::store::AgentStore;
use crate::notify::event::EventKind;
use crate::notify::notifier::Notifier;
use crate::policy::judge::{Evidence, Situation, Subject};
use crate::policy::rules::RuleSet;
use crate::session::keeper::Keeper;
use crate::session::shared::Shared;
use crate::statement::read::{Known, read};
use crate::statement::scope::Scope;
use crate::store::rocks::RocksStore;

/// What is known only once the rest of the process is built.
pub struct Surroundings {
    /// Catalogs, by the key under `databases:`.
    pub keepers: BTreeMap<String, Arc<Keeper>>,
    /// Settings of connections.
    pub shared: Arc<Shared>,
    /// Agents and their groups.
    pub agents: Arc<RocksStore>,
    /// People who may decide.
    pub people: Arc<ArcSwap<Vec<Person>>>,
    /// Signing in.
    pub sign_in: Arc<SignIn>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// The rules in force, where they come from, and whom to tell of changes.
pub struct Rulebook {
    current: Arc<ArcSwap<RuleSet>>,
    config: ArcSwap<Config>,
    /// What the process was started with.
    first: Arc<Config>,
    audit: Arc<AuditLog>,
    surroundings: OnceLock<Surroundings>,
    notifier: OnceLock<Arc<Notifier>>,
}

/// Reads the `*.yaml` files of a directory in order of name.
///
/// # Errors
/// The directory or a file cannot be read.
pub fn read_files(directory: &Path) -> std::io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if yaml && path.is_file() {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

/// The rules that a configuration names, or the shipped baseline.
///
/// # Errors
/// What is wrong, with file, line, key, cause and fix.
pub fn load(config: &Config) -> Result<RuleSet, String> {
    let times = crate::policy::rules::Times {
        hold: config.hold.hold,
        expires: config.hold.expires,
        use_within: config.hold.use_within,
    };
    let Some(directory) = &config.rules else { return Ok(RuleSet::baseline().with_times(times)) };
    let files = read_files(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    if files.is_empty() {
        return Err(format!("{}: no *.yaml file; leave `rules` out to use the shipped baseline", directory.display()));
    }
    let loaded = RuleSet::load_dir(&files)
        .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    Ok(loaded.with_times(times))
}

impl Rulebook {
    /// Loads the rules for the first time.
    ///
    /// # Errors
    /// As [`load`].
    pub fn load(config: &Arc<Config>, audit: Arc<AuditLog>) -> anyhow::Result<Self> {
        let rules = load(config).map_err(|why| anyhow::anyhow!("rules: {why}"))?;
        let loaded = Event::RulesLoaded { version: rules.version().to_owned(), by: "start".to_owned() };
        let _counted = audit.record(loaded);
        Ok(Self {
            current: Arc::new(ArcSwap::from_pointee(rules)),
            config: ArcSwap::new(config.clone()),
            first: config.clone(),
            audit,
            surroundings: OnceLock::new(),
            notifier: OnceLock::new(),
        })
    }

    /// From now on, channels are told of changes, too.
    pub fn tell(&self, notifier: Arc<Notifier>) {
        let _once = self.notifier.set(notifier);
    }

    /// Takes what the rest of the process has built.
    pub fn know(&self, surroundings: Surroundings) {
        let _once = self.surroundings.set(surroundings);
    }

    /// The rules in force, replaced as a whole.
    pub fn current(&self) -> Arc<ArcSwap<RuleSet>> {
        self.current.clone()
    }

    /// Reads configuration and rules again: all of it is read before any of it applies. Certificates and upstream settings
    /// apply to connections to come; people, sign-in and the identity provider at once; the rest keeps its first values, and
    /// the log says which of them have changed.
    ///
    /// # Errors
    /// What is wrong; everything old stays.
    pub async fn reload_all(&self, reread: &Reread, by: PersonName) -> Result<String, String> {
        let config = Arc::new(reread()?);
        let rules = load(&config);
        let Some(around) = self.surroundings.get() else { return self.taker().take_up(rules, &by).await };
        let settings = around.shared.prepare(config.clone()).map_err(|error| error.to_string())?;
        let provider = config.oidc.clone().map(|oidc| Provider::new(oidc, around.clock.clone())).transpose()?;
        if rules.is_ok()
            && let Some(what) = reload::people_changed(&around.people.load(), &config.people)
        {
            let event = Event::IdentityChanged { by: by.clone(), what };
            self.audit.record_durable(event).await.map_err(|error| error.to_string())?;
        }
        let version = self.taker().take_up(rules, &by).await?;
        around.shared.take_up(settings);
        around.people.store(Arc::new(config.people.clone()));
        around.sign_in.replace(config.sign_in.clone(), provider);
        let kept = reload::keep_first_values(&self.first, &config);
        if !kept.is_empty() {
            tracing::warn!(kept = kept.join(", "), "these settings have changed and apply after a restart");
        }
        self.config.store(config);
        Ok(version)
    }

    fn taker(&self) -> Taker {
        let (audit, current) = (self.audit.clone(), self.current.clone());
        Taker { audit, current, notifier: self.notifier.get().cloned() }
    }

    async fn answer(self_: Answerer, question: Explain) -> Result<Value, String> {
        let keeper = self_.keeper.ok_or_else(|| format!("database `{}` is not configured", question.database))?;
        let world = keeper.world().await.map_err(|error| error.to_string())?;
        let scope = Scope::fresh(&world.catalog, self_.current.as_deref());
        let batch = read(&question.sql, &scope, &world.catalog, &Known::default());
        let name = AgentName(question.agent.clone());
        let subject = Subject { agent: &name, groups: &self_.groups, database: &question.database, has_reason: true };
        let statements: Vec<Value> = batch
            .statements
            .iter()
            .map(|one| {
                let (footprint, map, catalog) = (&*one.footprint, &*world.classes, &*world.catalog);
                let situation = Situation { subject: &subject, footprint, map, catalog };
                let words = world.rules.explain(&situation, Evidence::default());
                json!({ "effect": words.ruling.effect, "actions": words.ruling.actions, "text": words.to_string() })
            })
            .collect();
        Ok(json!({ "rules_version": world.rules.version(), "statements": statements }))
    }
}

/// Takes up what was loaded.
struct Taker {
    audit: Arc<AuditLog>,
    current: Arc<ArcSwap<RuleSet>>,
    notifier: Option<Arc<Notifier>>,
}

impl Taker {
    /// The new rules come into force after that is recorded; broken ones never do. Either way, channels are told.
    async fn take_up(&self, outcome: Result<RuleSet, String>, by: &PersonName) -> Result<String, String> {
        match outcome {
            Ok(rules) => {
                let version = rules.version().to_owned();
                let event = Event::RulesLoaded { version: version.clone(), by: by.to_string() };
                self.audit.record_durable(event).await.map_err(|error| error.to_string())?;
                self.current.store(Arc::new(rules));
                self.announce(EventKind::RulesReloaded, json!({ "version": version, "by": by })).await;
                Ok(version)
            }
            Err(why) => {
                let _counted = self.audit.record(Event::RulesRejected { why: why.clone() });
                self.announce(EventKind::RulesRejected, json!({ "by": by })).await;
                Err(why)
            }
        }
    }

    async fn announce(&self, kind: EventKind, body: Value) {
        let Some(notifier) = &self.notifier else { return };
        if let Err(error) = notifier.announce(kind, body).await {
            tracing::error!(%error, "nobody is told of the rules");
        }
    }
}

struct Answerer {
    keeper: Option<Arc<Keeper>>,
    /// The database there.
    current: Option<String>,
    groups: Vec<String>,
}

impl RulesDoor for Rulebook {
    fn describe(&self) -> Value {
        let rules = self.current.load();
        let listed: Vec<Value> = rules
            .rules()
            .iter()
            .map(|rule| json!({ "id": rule.id, "then": rule.then, "message": rule.message }))
            .collect();
        json!({ "version": rules.version(), "rules": listed })
    }

    fn reload(&self, by: PersonName) -> BoxFuture<'static, Result<String, String>> {
        let (outcome, taker) = (load(&self.config.load()), self.taker());
        Box::pin(async move { taker.take_up(outcome, &by).await })
    }

    fn explain(&self, question: Explain) -> BoxFuture<'static, Result<Value, String>> {
        let surroundings = self.surroundings.get();
        let groups = surroundings
            .and_then(|around| around.agents.agent(&AgentName(question.agent.clone())).ok().flatten())
            .map(|agent| agent.groups)
            .unwrap_or_default();
        let keeper = surroundings.and_then(|around| around.keepers.get(&question.database).cloned());
        let current = self.config.load().databases.get(&question.database).map(|database| database.database.clone());
        Box::pin(Self::answer(Answerer { keeper, current, groups }, question))
    }
}
