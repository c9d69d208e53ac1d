//! The composition root: builds store, rules, gate, listeners and API out of a configuration, and takes them down again.

mod connected;
mod reload;
mod rulebook;
mod signals;
pub mod survey;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use futures_util::FutureExt;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::signin::SignIn;
use crate::api::signin::oidc::provider::Provider;
use crate::api::state::{ApiState, Check};
use crate::app::connected::Connected;
use crate::audit::event::Event;
use crate::audit::log::{AuditLog, LogOptions};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::gate::budget::Budgets;
use crate::gate::desk::grants::{Grants, GrantsParts};
use crate::gate::desk::pace::PaceLimits;
use crate::gate::desk::{Desk, DeskLimits, DeskParts};
use crate::gate::inherit::Inheritance;
use crate::identity::agent::Agent;
use crate::identity::ids::AgentName;
use crate::identity::person::Person;
use crate::identity::store::{AgentStore, KeyName, KeyStore};
use crate::masking::plan::Keys;
use crate::notify::notifier::{Notifier, NotifierParts};
use crate::session::keeper::Keeper;
use crate::session::login::Established;
use crate::session::login::mysql::MysqlEstablished;
use crate::session::services::Services;
use crate::session::shared::{AgentDirectory, RefusalSink, Shared};
use crate::session::{mysql, postgres};
use crate::store::rocks::RocksStore;

/// What was used of budgets is written this often.
const BUDGETS_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// The system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

struct Directory(Arc<RocksStore>);

impl AgentDirectory for Directory {
    fn agent(&self, name: &str) -> Option<Agent> {
        match self.0.agent(&AgentName(name.to_owned())) {
            Ok(agent) => agent,
            Err(error) => {
                // FAIL CLOSED: an agent that cannot be read cannot log in.
                tracing::error!(%error, "agents cannot be read");
                None
            }
        }
    }
}

struct Refusals(Arc<AuditLog>);

impl RefusalSink for Refusals {
    fn refused(&self, event: Event) {
        // A flood of refused logins may fill the queue: the log counts what it drops.
        let _counted = self.0.record(event);
    }
}

/// Everything that runs.
struct Running {
    services: Arc<Services>,
    shared: Arc<Shared>,
    api: ApiState,
    rules: Arc<rulebook::Rulebook>,
    notifier: Arc<Notifier>,
    draining: CancellationToken,
}

/// Reads the configuration again.
pub type Reread = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// Runs the proxy until it is told to stop. `reread` is called at SIGHUP.
///
/// # Errors
/// Something it needs cannot be had: the store, the rules, a port.
pub async fn run(config: Config, reread: Reread) -> anyhow::Result<()> {
    let config = Arc::new(config);
    let metrics = crate::audit::meters::install().context("metrics cannot be set up")?;
    let postgres = TcpListener::bind(config.postgres.listen)
        .await
        .with_context(|| format!("cannot listen for PostgreSQL clients on {}", config.postgres.listen))?;
    let mysql = match &config.mysql {
        None => None,
        Some(mysql) => Some(
            TcpListener::bind(mysql.listen)
                .await
                .with_context(|| format!("cannot listen for MySQL clients on {}", mysql.listen))?,
        ),
    };
    let api_listener = TcpListener::bind(config.api.listen)
        .await
        .with_context(|| format!("cannot listen for the API on {}", config.api.listen))?;
    let running = build(config.clone(), metrics).await?;
    let ended = CancellationToken::new();
    let mut background = tokio::task::JoinSet::new();
    for keeper in running.services.keepers.values() {
        background.spawn(keeper.clone().run(config.limits.catalog_refresh, running.draining.clone()));
    }
    background.spawn(signals::watch(running.rules.clone(), reread, running.draining.clone()));
    background.spawn(flush_budgets(running.services.clone()));
    let (notifier, notifier_ends) = (running.notifier.clone(), ended.clone());
    let notifier_task = tokio::spawn(async move { notifier.run(notifier_ends).await });
    let (desk, desk_ends) = (running.services.desk.clone(), ended.clone());
    let desk_task = tokio::spawn(async move { desk.run(desk_ends.cancelled_owned()).await });
    let router = crate::api::router(running.api.clone());
    let api_tls = reload::api_tls(&config)?;
    let api = tokio::spawn(crate::api::serve::serve(api_listener, api_tls, router, ended.clone()));
    tracing::info!(postgres = %config.postgres.listen, api = %config.api.listen, "holdpoint serves");
    let services = running.services.clone();
    let on_established = move |established: Established| serve_one(services.clone(), established);
    let postgres =
        crate::session::login::accept::run(postgres, running.shared.clone(), running.draining.clone(), on_established);
    let mysql = serve_mysql(mysql, &running);
    tokio::join!(postgres, mysql);
    // Sessions are over: nothing new can be asked. The API goes last, so that people see how it ended.
    ended.cancel();
    let _api_ended = api.await;
    let _desk_ended = desk_task.await;
    // What the last changes tell is in the outbox, or in the store for the next start.
    let _notifier_ended = notifier_task.await;
    background.shutdown().await;
    if let Err(error) = running.services.budgets.flush(running.services.clock.now()).await {
        tracing::error!(%error, "budgets were not written: agents will seem to have used what was reserved");
    }
    running.services.audit.close().await;
    tracing::info!("holdpoint stopped");
    Ok(())
}

/// Writes what agents used of their budgets from time to time, so that the store's counts come down to it.
async fn flush_budgets(services: Arc<Services>) {
    loop {
        tokio::time::sleep(BUDGETS_EVERY).await;
        if let Err(error) = services.budgets.flush(services.clock.now()).await {
            tracing::warn!(%error, "budgets were not written, tried again later");
        }
    }
}

/// Serves MySQL clients, if anybody is to, until the process drains.
async fn serve_mysql(listener: Option<TcpListener>, running: &Running) {
    let Some(listener) = listener else { return };
    tracing::info!(mysql = ?listener.local_addr().ok(), "holdpoint serves MySQL clients");
    let (services, shared) = (running.services.clone(), running.shared.clone());
    let on_established =
        move |established: MysqlEstablished| serve_one_mysql(services.clone(), shared.clone(), established);
    crate::session::login::accept::run_mysql(
        listener,
        running.shared.clone(),
        running.draining.clone(),
        on_established,
    )
    .await;
}

async fn serve_one_mysql(services: Arc<Services>, shared: Arc<Shared>, established: MysqlEstablished) {
    let Some(keeper) = services.keepers.get(&established.database).cloned() else { return };
    let opened = Event::SessionOpened {
        session: established.session,
        agent: established.agent.name.clone(),
        client_addr: established.peer.to_string(),
        database: established.database.clone(),
        tls: established.tls.clone(),
        application_name: established.application_name.clone(),
    };
    let _counted = services.audit.record(opened);
    let _connected = Connected::new("mysql");
    let session = mysql::Session::new(established, services, keeper, shared);
    let _end = session.run().await;
}

async fn serve_one(services: Arc<Services>, established: Established) {
    let Some(keeper) = services.keepers.get(&established.database).cloned() else { return };
    let opened = Event::SessionOpened {
        session: established.session,
        agent: established.agent.name.clone(),
        client_addr: established.peer.to_string(),
        database: established.database.clone(),
        tls: established.tls.clone(),
        application_name: established.application_name.clone(),
    };
    let _counted = services.audit.record(opened);
    let _connected = Connected::new("postgres");
    let session = postgres::Session::new(established, services, keeper);
    let _end = session.run().await;
}

async fn build(config: Arc<Config>, metrics: metrics_exporter_prometheus::PrometheusHandle) -> anyhow::Result<Running> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Arc::new(RocksStore::open(&config.store).with_context(|| format!("store {}", config.store.display()))?);
    let audit = open_audit(&config, &store, &clock).await?;
    let rules = Arc::new(rulebook::Rulebook::load(&config, audit.clone())?);
    let draining = CancellationToken::new();
    let desk = open_desk(&config, &store, &audit, &clock)?;
    let grants = open_grants(&store, &desk, &audit, &clock);
    let people = Arc::new(ArcSwap::from_pointee(config.people.clone()));
    let notifier = open_notifier(&config, &store, (&desk, &audit, &clock), &people)?;
    rules.tell(notifier.clone());
    let refusals = Arc::new(Refusals(audit.clone()));
    let master = fresh_or_stored(&store, KeyName::Masking).await?;
    // Answers to names that do not exist are keyed, and the same after a restart.
    let probe_key: [u8; 32] =
        Sha256::new().chain_update(b"holdpoint login probe\n").chain_update(*master).finalize().into();
    let shared = Shared::new(config.clone(), Arc::new(Directory(store.clone())), refusals, probe_key)?;
    let inheritance = Arc::new(Inheritance::open(store.clone()).context("inherited classes cannot be read")?);
    let budgets = Budgets::open(store.clone()).context("budgets cannot be read")?;
    let keepers: BTreeMap<String, Arc<Keeper>> = config
        .databases
        .keys()
        .map(|name| (name.clone(), Arc::new(Keeper::new(name, shared.clone(), rules.current(), inheritance.clone()))))
        .collect();
    let mask_keys = Arc::new(Keys::new(*master));
    let services = Arc::new(Services {
        config: config.clone(),
        desk: desk.clone(),
        grants: grants.clone(),
        audit: audit.clone(),
        keepers,
        mask_keys,
        inheritance,
        budgets,
        clock: clock.clone(),
        draining: draining.clone(),
    });
    let oidc = config.oidc.clone().map(|oidc| Provider::new(oidc, clock.clone())).transpose();
    let oidc = oidc.map_err(anyhow::Error::msg)?;
    let sign_in = Arc::new(SignIn::new(config.sign_in.clone(), oidc));
    rules.know(rulebook::Surroundings {
        keepers: services.keepers.clone(),
        shared: shared.clone(),
        agents: store.clone(),
        people: people.clone(),
        sign_in: sign_in.clone(),
        clock: clock.clone(),
    });
    let api = ApiState {
        desk,
        agents: store.clone(),
        tokens: store.clone(),
        audit,
        people,
        databases: Arc::new(config.databases.keys().cloned().collect::<BTreeSet<_>>()),
        rules: rules.clone(),
        checks: Arc::new(checks(&services, &rules)),
        clock,
        metrics: Some(metrics),
        draining: draining.clone(),
        public_url: Arc::from(config.api.public_url.as_str()),
        identity_writes: Arc::default(),
        grants: Some(grants),
        notifier: Some(notifier.clone()),
        answers: Arc::default(),
        sign_in,
    };
    Ok(Running { services, shared, api, rules, notifier, draining })
}

async fn fresh_or_stored(store: &RocksStore, name: KeyName) -> anyhow::Result<crate::identity::store::Key> {
    let fresh = zeroize::Zeroizing::new(rand::random::<[u8; 32]>());
    store.key_or_insert(name, fresh).await.context("keys cannot be kept")
}

/// Opens the audit log of a store, and starts its task.
///
/// # Errors
/// The log does not end as it says, or the store fails.
pub async fn open_audit(
    config: &Config,
    store: &Arc<RocksStore>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<AuditLog>> {
    let signer = crate::audit::log::signer(store.as_ref()).await.context("keys cannot be kept")?;
    let options = LogOptions {
        sync_every: config.audit.sync_every,
        checkpoint_every: config.audit.checkpoint_every,
        checkpoint_file: config.audit.checkpoint_file.clone(),
        ..LogOptions::default()
    };
    AuditLog::start(store.clone(), signer, clock.clone(), options).await.context("the audit log cannot be opened")
}

fn open_desk(
    config: &Config,
    store: &Arc<RocksStore>,
    audit: &Arc<AuditLog>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<Desk>> {
    let places = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let limits = DeskLimits {
        waiting_max: places(config.hold.waiting_max),
        waiting_max_per_agent: places(config.hold.waiting_max_per_agent),
        pace: PaceLimits {
            asks_per_minute: config.pace.asks_per_minute.map(places),
            denials: config.pace.denials.map(places),
            pause: config.pace.pause,
        },
        ..DeskLimits::default()
    };
    let parts = DeskParts {
        approvals: store.clone(),
        agents: store.clone(),
        tokens: store.clone(),
        audit: audit.clone(),
        clock: clock.clone(),
        limits,
    };
    Ok(Arc::new(Desk::new(parts).context("approvals cannot be read")?))
}

fn open_notifier(
    config: &Config,
    store: &Arc<RocksStore>,
    (desk, audit, clock): (&Arc<Desk>, &Arc<AuditLog>, &Arc<dyn Clock>),
    people: &Arc<ArcSwap<Vec<Person>>>,
) -> anyhow::Result<Arc<Notifier>> {
    let parts = NotifierParts {
        outbox: store.clone(),
        notes: store.clone(),
        desk: desk.clone(),
        audit: audit.clone(),
        clock: clock.clone(),
        people: people.clone(),
    };
    let notifier = Notifier::new(&config.notify, &config.api.public_url, parts);
    Ok(Arc::new(notifier.context("notifications cannot be set up")?))
}

fn open_grants(
    store: &Arc<RocksStore>,
    desk: &Arc<Desk>,
    audit: &Arc<AuditLog>,
    clock: &Arc<dyn Clock>,
) -> Arc<Grants> {
    Arc::new(Grants::new(GrantsParts {
        grants: store.clone(),
        desk: desk.clone(),
        agents: store.clone(),
        tokens: store.clone(),
        audit: audit.clone(),
        clock: clock.clone(),
    }))
}

/// What `/readyz` asks.
fn checks(services: &Arc<Services>, rules: &Arc<rulebook::Rulebook>) -> Vec<Check> {
    let mut checks = Vec::new();
    let audit = services.audit.clone();
    checks.push(Check::new("audit", move || {
        let healthy = audit.healthy();
        async move { if healthy { Ok(()) } else { Err("the audit log cannot be written".to_owned()) } }.boxed()
    }));
    let rules = rules.clone();
    checks.push(Check::new("rules", move || {
        let version = rules.current().load().version().to_owned();
        async move { if version.is_empty() { Err("no rules are loaded".to_owned()) } else { Ok(()) } }.boxed()
    }));
    for (name, keeper) in &services.keepers {
        let keeper = keeper.clone();
        checks.push(Check::new(format!("upstream {name}"), move || {
            let keeper = keeper.clone();
            async move { keeper.world().await.map(|_| ()).map_err(|error| error.to_string()) }.boxed()
        }));
    }
    checks
}
