//! A proxy for MySQL clients that logs them in and then passes on what they say.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use holdpoint::audit::event::Event;
use holdpoint::clock::Timestamp;
use holdpoint::config::{Config, file};
use holdpoint::identity::agent::Agent;
use holdpoint::identity::credential::{native_verifier, scram_verifier, sha256_hex};
use holdpoint::identity::ids::{AgentName, PersonName};
use holdpoint::identity::secret::Secret;
use holdpoint::session::login::accept;
use holdpoint::session::login::mysql::MysqlEstablished;
use holdpoint::session::shared::{AgentDirectory, RefusalSink, Shared};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::mysql::{Flavour, MySqlServer, UPSTREAM, UPSTREAM_PASSWORD};
use crate::relay::relay;

/// The secret of every agent in these tests.
pub const SECRET: &str = "agent-secret";

/// What a session was when it was handed over.
#[derive(Clone, Debug)]
pub struct Seen {
    pub agent: String,
    pub database: String,
    pub tls: Option<String>,
    pub claims: Vec<(String, String)>,
    pub application_name: Option<String>,
    pub version: u32,
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

/// `bot` may open everything, `narrow` only `other`, `off` is switched off, `old` was issued before MySQL was served, and of
/// `bare` only the SCRAM verifier is kept.
fn agents() -> Agents {
    let secret = Secret::new(SECRET);
    let agent = |name: &str, databases: &[&str]| Agent {
        name: AgentName(name.to_owned()),
        owner: PersonName("olga".into()),
        issued_by: PersonName("ivan".into()),
        groups: vec![],
        databases: databases.iter().map(|name| (*name).to_owned()).collect(),
        scram_verifier: scram_verifier(&secret),
        secret_sha256: sha256_hex(SECRET),
        native_verifier: Some(native_verifier(&secret)),
        created_at: Timestamp::default(),
        disabled: false,
    };
    let all = [
        agent("bot", &[]),
        agent("twin", &[]),
        agent("narrow", &["other"]),
        Agent { disabled: true, ..agent("off", &[]) },
        Agent { native_verifier: None, ..agent("old", &[]) },
        Agent { native_verifier: None, secret_sha256: String::new(), ..agent("bare", &[]) },
    ];
    Agents(all.into_iter().map(|agent| (agent.name.0.clone(), agent)).collect())
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

/// The server of this flavour, with an empty database `sample`.
pub fn shared(flavour: Flavour) -> &'static MySqlServer {
    static MADE: Mutex<Vec<Flavour>> = Mutex::new(Vec::new());
    let server = MySqlServer::shared(flavour);
    let mut made = MADE.lock();
    if !made.contains(&flavour) {
        server.sql("", "CREATE DATABASE sample");
        made.push(flavour);
    }
    server
}

/// The settings of a database called `sample` at this server, as the upstream user, without TLS and with the server's key
/// asked for; `more` is further YAML of it.
pub fn sample(server: &MySqlServer, more: &str) -> String {
    database(
        server.port,
        UPSTREAM,
        UPSTREAM_PASSWORD,
        &format!("sslmode: disable, allow_public_key_retrieval: true{more}"),
    )
}

/// The settings of a database at 127.0.0.1.
pub fn database(port: u16, user: &str, password: &str, more: &str) -> String {
    let password = if password.is_empty() { String::new() } else { format!("password: {password}, ") };
    format!("{{ protocol: mysql, host: 127.0.0.1, port: {port}, database: sample, user: {user}, {password}{more} }}")
}

/// A configuration: databases by name as YAML, settings of the listener, further sections.
pub fn config(databases: &[(&str, &str)], listener: &str, more: &str) -> Config {
    let databases: Vec<String> = databases.iter().map(|(name, settings)| format!("  {name}: {settings}\n")).collect();
    let text = format!(
        "version: 1\nmysql: {{ listen: \"127.0.0.1:0\"{listener} }}\n{more}\ndatabases:\n{}",
        databases.concat()
    );
    let parsed =
        file::parse(&text, "/nonexistent/holdpoint.yaml", &|_| None, &|path: &Path| std::fs::read_to_string(path));
    parsed.unwrap_or_else(|faults| panic!("{text}\n{faults:?}"))
}

/// YAML of a listener that offers, or demands, TLS with this server's certificate.
pub fn tls(server: &MySqlServer, mode: &str) -> String {
    format!(", tls: {{ mode: {mode}, cert: {}, key: {} }}", server.certificate.display(), server.key.display())
}

/// A proxy that offers TLS, whose `sample` is this server's.
pub async fn proxy(server: &MySqlServer) -> Proxy {
    start(config(&[("sample", &sample(server, ""))], &tls(server, "optional"), "")).await
}

/// A proxy without TLS, whose `sample` has these settings.
pub async fn proxy_to(settings: &str) -> Proxy {
    start(config(&[("sample", settings)], "", "")).await
}

/// Starts a proxy.
pub async fn start(config: Config) -> Proxy {
    let told = Arc::new(Told::default());
    let shared = Shared::new(Arc::new(config), Arc::new(agents()), told.clone(), [3; 32]).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let (witness, sharing) = (told.clone(), shared.clone());
    let on_established = move |established: MysqlEstablished| {
        witness.seen.lock().push(Seen {
            agent: established.agent.name.0.clone(),
            database: established.database.clone(),
            tls: established.tls.clone(),
            claims: established.claims.clone(),
            application_name: established.application_name.clone(),
            version: established.version.number,
        });
        relay(established, sharing.clone())
    };
    tokio::spawn(accept::run_mysql(listener, shared.clone(), shutdown.clone(), on_established));
    Proxy { addr, told, shared, shutdown }
}
