//! A proxy that logs in and then copies bytes, in front of the test server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use holdpoint::audit::event::Event;
use holdpoint::clock::Timestamp;
use holdpoint::config::notify::NotifyConfig;
use holdpoint::config::sign_in::SignInConfig;
use holdpoint::config::{
    ApiConfig, AuditConfig, Certificate, ClientTls, Config, HoldConfig, Limits, Listener, MysqlLogin, PaceConfig,
    Protocol, SslMode, Upstream,
};
use holdpoint::identity::agent::Agent;
use holdpoint::identity::ids::{AgentName, PersonName};
use holdpoint::identity::secret::Secret;
use holdpoint::pg::scram::verifier::Verifier;
use holdpoint::session::cancel::send_upstream;
use holdpoint::session::login::Established;
use holdpoint::session::login::accept;
use holdpoint::session::shared::{AgentDirectory, RefusalSink, Shared};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::postgres::Postgres;

/// The secret of every agent in these tests.
pub const SECRET: &str = "agent-secret";

/// What a session was when it was handed over.
#[derive(Clone, Debug)]
pub struct Seen {
    pub agent: String,
    pub database: String,
    pub tls: Option<String>,
    pub minor: u16,
    pub claims: Vec<(String, String)>,
    pub application_name: Option<String>,
}

/// What the proxy told its owner.
#[derive(Default)]
pub struct Told {
    pub refused: Mutex<Vec<String>>,
    pub seen: Mutex<Vec<Seen>>,
}

impl RefusalSink for Told {
    fn refused(&self, event: Event) {
        if let Event::SessionRefused { why, .. } = event {
            self.refused.lock().push(why);
        }
    }
}

struct Agents(BTreeMap<String, Agent>);

impl AgentDirectory for Agents {
    fn agent(&self, name: &str) -> Option<Agent> {
        self.0.get(name).cloned()
    }
}

fn agents() -> Agents {
    let verifier = Verifier::of(SECRET, [9; 16]).to_string();
    let agent = |name: &str, databases: &[&str], disabled| {
        let agent = Agent {
            name: AgentName(name.to_owned()),
            owner: PersonName("olga".into()),
            issued_by: PersonName("ivan".into()),
            groups: vec![],
            databases: databases.iter().map(|name| (*name).to_owned()).collect(),
            scram_verifier: verifier.clone(),
            secret_sha256: String::new(),
            native_verifier: None,
            created_at: Timestamp::default(),
            disabled,
        };
        (name.to_owned(), agent)
    };
    Agents([agent("bot", &[], false), agent("narrow", &["other"], false), agent("off", &[], true)].into())
}

/// A running proxy.
pub struct Proxy {
    pub addr: SocketAddr,
    pub told: Arc<Told>,
    pub shared: Arc<Shared>,
    pub shutdown: CancellationToken,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Proxy {
    /// Waits until this many refusals are recorded: a record follows its refusal, a moment later.
    pub async fn refusals(&self, count: usize) -> Vec<String> {
        for _ in 0..200 {
            let refused = self.told.refused.lock().clone();
            if refused.len() >= count {
                return refused;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count} refusals expected, {:?} recorded", self.told.refused.lock());
    }
}

/// The proxy's own certificate: the test server's.
pub fn certificate(server: &Postgres) -> Certificate {
    Certificate { chain: server.certificate.clone(), key: server.key.clone() }
}

/// `shop` behind the proxy: the test server's `postgres` as `hp_scram`, without TLS.
pub fn upstream(server: &Postgres) -> Upstream {
    Upstream {
        protocol: Protocol::Postgres,
        host: "127.0.0.1".into(),
        port: server.port,
        database: "postgres".into(),
        user: "hp_scram".into(),
        password: Some(Secret::new("scram-secret")),
        ssl_mode: SslMode::Disable,
        ca: None,
        client_certificate: None,
        mysql: MysqlLogin::default(),
        connections_max: 50,
        elevate: Default::default(),
    }
}

/// A configuration with one database, `shop`.
pub fn config(tls: ClientTls, shop: Upstream) -> Config {
    Config {
        notify: NotifyConfig::default(),
        pace: PaceConfig::default(),
        postgres: Listener { listen: ([127, 0, 0, 1], 0).into(), tls },
        mysql: None,
        api: ApiConfig { listen: ([127, 0, 0, 1], 0).into(), public_url: String::new(), tls: None },
        store: "unused".into(),
        rules: None,
        databases: [("shop".to_owned(), shop)].into(),
        people: vec![],
        sign_in: SignInConfig::default(),
        oidc: None,
        hold: HoldConfig {
            hold: Duration::from_secs(300),
            hold_in_transaction: Duration::from_secs(60),
            hold_max: Duration::from_secs(86_400),
            heartbeat: Duration::from_secs(20),
            expires: Duration::from_secs(3600),
            use_within: Duration::from_secs(900),
            waiting_max_per_agent: 20,
            waiting_max: 1000,
        },
        limits: Limits {
            clients_max: 2000,
            half_open_max: 500,
            login_timeout: Duration::from_secs(10),
            message_bytes_max: 64 << 20,
            statement_bytes_max: 1 << 20,
            prepared_max: 5000,
            catalog_refresh: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(1),
        },
        audit: AuditConfig {
            checkpoint_every: Duration::from_secs(60),
            checkpoint_file: None,
            sync_every: Duration::from_millis(50),
        },
    }
}

/// A proxy in front of the test server, with TLS offered and everything at its default.
pub async fn proxy() -> Proxy {
    let server = Postgres::shared();
    start(config(ClientTls::Optional(certificate(server)), upstream(server))).await
}

/// A proxy without TLS whose `shop` is this upstream.
pub async fn proxy_to(upstream: Upstream) -> Proxy {
    start(config(ClientTls::Off, upstream)).await
}

/// Starts a proxy.
pub async fn start(config: Config) -> Proxy {
    let told = Arc::new(Told::default());
    let shared = Shared::new(Arc::new(config), Arc::new(agents()), told.clone(), [3; 32]).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let witness = told.clone();
    let relay = move |established: Established| {
        witness.seen.lock().push(Seen {
            agent: established.agent.name.0.clone(),
            database: established.database.clone(),
            tls: established.tls.clone(),
            minor: established.minor,
            claims: established.claims.clone(),
            application_name: established.application_name.clone(),
        });
        copy(established)
    };
    tokio::spawn(accept::run(listener, shared.clone(), shutdown.clone(), relay));
    Proxy { addr, told, shared, shutdown }
}

/// Stands in for the relay: bytes as they come, cancel requests passed on.
async fn copy(mut session: Established) {
    let handle = session.cancel.handle().clone();
    if session.upstream.write_all(&session.leftovers).await.is_err() {
        return;
    }
    let cancels = async {
        loop {
            handle.requested().await;
            send_upstream(&handle).await.unwrap();
        }
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut session.client, &mut session.upstream) => {}
        () = cancels => {}
    }
}
