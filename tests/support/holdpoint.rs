//! A real Holdpoint process in front of a real server, with its own directory, ports, database, agent and approvers.
//!
//! Credentials are made once per test program and copied, so that a test costs one process start and one database clone.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::server::Postgres;

/// The agent's name.
pub const AGENT: &str = "reporting-bot";
/// A second agent.
pub const OTHER_AGENT: &str = "other-bot";
/// The role that the proxy logs in as.
pub const ROLE: &str = "shop_app";
/// A role with the same password that may do next to nothing, but take the role `hp_owner`.
pub const WEAK: &str = "hp_weak";
/// Their password.
pub const ROLE_PASSWORD: &str = "shop-app-secret";
/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(15);

const PEOPLE: &str = "people:\n  - { name: dana@example.com, groups: [approvers, dba] }\n  \
- { name: erin@example.com, groups: [approvers] }\n  - { name: mia@example.com, groups: [approvers] }\n";

/// What a test changes about the default set-up.
#[derive(Default)]
pub struct Setup {
    /// Contents of the single rules file; `None`: the shipped baseline.
    pub rules: Option<String>,
    /// More top-level YAML.
    pub extra: String,
    /// Where the upstream is, if not at the shared server: `host: …, port: …`.
    pub upstream: Option<String>,
    /// Another kind of server, if it is not PostgreSQL.
    pub side: Option<Side>,
    /// Log in at PostgreSQL as [`WEAK`].
    pub weak: bool,
    /// More about the database, such as `, elevate: { ddl: owner }`.
    pub about: String,
}

/// A server that is not PostgreSQL, with a database of this test's own on it.
#[derive(Clone)]
pub struct Side {
    /// How `holdpoint.yaml` describes the database: `protocol: mysql, host: …`, without braces.
    pub description: String,
    /// The database on the server.
    pub database: String,
    /// Runs SQL past the proxy as its superuser: database, text.
    pub direct: fn(&str, &str) -> String,
}

impl Setup {
    /// These rules.
    pub fn rules(rules: impl Into<String>) -> Self {
        Self { rules: Some(rules.into()), ..Self::default() }
    }

    /// With more top-level YAML.
    pub fn with(mut self, extra: &str) -> Self {
        self.extra.push_str(extra);
        self.extra.push('\n');
        self
    }
}

/// The running process. Killed when dropped.
pub struct Holdpoint {
    child: Option<Child>,
    /// Its directory.
    pub dir: PathBuf,
    /// Where clients connect.
    pub port: u16,
    /// The API's address.
    pub api: String,
    /// Database on the real server.
    pub database: String,
    /// Credentials.
    pub keys: &'static Credentials,
    /// The upstream is none of ours: do not wait for it.
    elsewhere: bool,
    direct: fn(&str, &str) -> String,
    client: reqwest::Client,
}

/// Secrets of a template directory that every test's store is copied from.
pub struct Credentials {
    dir: PathBuf,
    /// The agent's secret.
    pub agent: String,
    /// The other agent's secret.
    pub other_agent: String,
    /// Token of dana@example.com (approvers, dba): may do everything.
    pub dana: String,
    /// Token of erin@example.com (approvers).
    pub erin: String,
    /// Token of the agents' owner, mia@example.com (approvers).
    pub mia: String,
}

fn postgres_directly(database: &str, sql: &str) -> String {
    Postgres::shared().sql(database, sql)
}

/// A port that nobody listens on, below those that outgoing connections get: one of these could take it before Holdpoint does.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = std::process::id().wrapping_mul(97);
    for _ in 0..20_000 {
        let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let port = 12_000 + u16::try_from(offset).expect("below 20 000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

fn run(dir: &Path, token: Option<&str>, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdpoint"));
    command.arg("--config").arg(dir.join("holdpoint.yaml")).args(arguments).env_remove("HOLDPOINT_TOKEN");
    if let Some(token) = token {
        command.env("HOLDPOINT_TOKEN", token);
    }
    let output = command.output().expect("holdpoint starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

fn word_with(text: &str, prefix: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c == '"')
        .find(|word| word.starts_with(prefix))
        .unwrap_or_else(|| panic!("no {prefix}… in: {text}"))
        .to_owned()
}

impl Credentials {
    /// Made at first use.
    pub fn shared() -> &'static Self {
        static MADE: OnceLock<Credentials> = OnceLock::new();
        MADE.get_or_init(Self::make)
    }

    fn make() -> Self {
        // Inside the server's directory, which goes with the test program however that ends.
        let dir = Postgres::shared().dir.join("keys");
        std::fs::create_dir_all(&dir).expect("a directory");
        let config =
            format!("version: 1\nstore: data\ndatabases:\n  shop: {{ host: 127.0.0.1, user: nobody }}\n{PEOPLE}");
        std::fs::write(dir.join("holdpoint.yaml"), config).expect("the configuration is written");
        let agent = |name: &str| {
            let (done, text) =
                run(&dir, None, &["agents", "add", name, "--owner", "mia@example.com", "--database", "shop"]);
            assert!(done, "{text}");
            let dsn = word_with(&text, "postgresql://");
            dsn.split(':').nth(2).and_then(|rest| rest.split('@').next()).expect("a secret in the DSN").to_owned()
        };
        let token = |person: &str, scopes: &[&str]| {
            let mut arguments = vec!["tokens", "create", "--person", person];
            for scope in scopes {
                arguments.extend(["--scope", scope]);
            }
            let (done, text) = run(&dir, None, &arguments);
            assert!(done, "{text}");
            word_with(&text, "hpt_")
        };
        let decide = ["approvals:decide", "approvals:read"];
        // The account that removes the server's directory must be able to remove this, too.
        let open =
            |dir: &Path| std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o777)).expect("it is ours");
        let everything = ["approvals:decide", "approvals:read", "audit:read", "rules:write", "admin"];
        let made = Self {
            agent: agent(AGENT),
            other_agent: agent(OTHER_AGENT),
            dana: token("dana@example.com", &everything),
            erin: token("erin@example.com", &decide),
            mia: token("mia@example.com", &decide),
            dir,
        };
        open(&made.dir);
        open(&made.dir.join("data"));
        made
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a readable directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else if entry.file_name() != "LOCK" {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

impl Holdpoint {
    /// Starts one in front of a fresh clone of the sample database, and waits until it is ready.
    pub async fn start(setup: Setup) -> Self {
        let mut stage = Self::prepare(setup);
        stage.restart().await;
        stage
    }

    fn prepare(setup: Setup) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let keys = Credentials::shared();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("holdpoint-test-{}-{number}", std::process::id()));
        copy(&keys.dir, &dir);
        std::fs::create_dir_all(dir.join("rules")).expect("a directory");
        let (port, api_port) = (free_port(), free_port());
        let rules = match &setup.rules {
            Some(rules) => {
                std::fs::write(dir.join("rules/test.yaml"), rules).expect("rules are written");
                "rules: rules\n"
            }
            None => "",
        };
        let elsewhere = setup.upstream.is_some();
        let (database, upstream, listeners) = match &setup.side {
            Some(side) => {
                let unused = free_port();
                let listeners = format!(
                    "postgres: {{ listen: \"127.0.0.1:{unused}\" }}\nmysql: {{ listen: \"127.0.0.1:{port}\" }}"
                );
                (side.database.clone(), side.description.clone(), listeners)
            }
            None => {
                let place =
                    setup.upstream.unwrap_or_else(|| format!("host: 127.0.0.1, port: {}", Postgres::shared().port));
                let role = if setup.weak { WEAK } else { ROLE };
                let upstream = format!("{place}, user: {role}, password: {ROLE_PASSWORD}, sslmode: disable");
                let listeners = format!("postgres: {{ listen: \"127.0.0.1:{port}\" }}");
                (crate::sample::clone_database(number), upstream, listeners)
            }
        };
        let config = format!(
            "version: 1\n{listeners}\napi: {{ listen: \"127.0.0.1:{api_port}\" }}\nstore: data\n\
             {rules}databases:\n  shop: {{ {upstream}, database: {database}{} }}\n{PEOPLE}{}",
            setup.about, setup.extra
        );
        let direct = setup.side.map_or(postgres_directly as fn(&str, &str) -> String, |side| side.direct);
        std::fs::write(dir.join("holdpoint.yaml"), config).expect("the configuration is written");
        // Already installed by another test: fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(40)).build().expect("an HTTP client");
        let api = format!("http://127.0.0.1:{api_port}");
        Self { child: None, dir, port, api, database, keys, elsewhere, direct, client }
    }

    fn spawn(dir: &Path) -> Child {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("log")).expect("a log file");
        Command::new(env!("CARGO_BIN_EXE_holdpoint"))
            .arg("--config")
            .arg(dir.join("holdpoint.yaml"))
            .arg("serve")
            .stdout(Stdio::from(log.try_clone().expect("a log file")))
            .stderr(Stdio::from(log))
            .spawn()
            .expect("holdpoint serves")
    }

    /// Starts it (again) on the same directory and waits until it says that it is ready.
    pub async fn restart(&mut self) {
        self.child = Some(Self::spawn(&self.dir));
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Ok(answer) = self.client.get(format!("{}/readyz", self.api)).send().await
                && (answer.status().is_success() || self.elsewhere)
            {
                return;
            }
            assert!(Instant::now() < deadline, "not ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Sends a signal by name: `TERM`, `HUP`.
    pub fn signal(&self, name: &str) {
        let sent =
            Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().expect("kill runs");
        assert!(sent.success(), "no signal {name}");
    }

    /// Waits for the process to end by itself. `None`: it does not.
    pub async fn ended(&mut self, within: Duration) -> Option<i32> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.child.as_mut().expect("it was started").try_wait().expect("a status") {
                self.child = None;
                return Some(status.code().unwrap_or(-1));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }

    /// Runs a command of the same binary as dana. What it printed, and whether it succeeded.
    pub fn command(&self, arguments: &[&str]) -> (bool, String) {
        let mut all = vec!["--url", self.api.as_str()];
        all.extend(arguments);
        run(&self.dir, Some(&self.keys.dana), &all)
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("VmRSS");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }

    /// One agent connection; the connection task ends with the client.
    pub async fn connect(&self) -> std::sync::Arc<tokio_postgres::Client> {
        self.connect_with("").await
    }

    /// The same with more connection parameters, `libpq` style.
    pub async fn connect_with(&self, more: &str) -> std::sync::Arc<tokio_postgres::Client> {
        self.try_connect(more).await.unwrap_or_else(|error| panic!("connect: {error:?}\n{}", self.log()))
    }

    /// The same, where it may fail.
    pub async fn try_connect(
        &self,
        more: &str,
    ) -> Result<std::sync::Arc<tokio_postgres::Client>, tokio_postgres::Error> {
        let parameters =
            format!("host=127.0.0.1 port={} user={AGENT} password={} dbname=shop {more}", self.port, self.keys.agent);
        let (client, connection) = tokio_postgres::connect(&parameters, tokio_postgres::NoTls).await?;
        tokio::spawn(async move {
            let _ended = connection.await;
        });
        Ok(std::sync::Arc::new(client))
    }

    /// A connection to the same database past the proxy, as superuser.
    pub fn direct(&self, sql: &str) -> String {
        (self.direct)(&self.database, sql)
    }

    /// GET as a person.
    pub async fn get(&self, token: &str, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.api)).bearer_auth(token).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// POST as a person. The HTTP status and the answer.
    pub async fn post(&self, token: &str, path: &str, body: Value) -> (u16, Value) {
        let sent = self.client.post(format!("{}{path}", self.api)).bearer_auth(token).json(&body).send().await;
        let answer = sent.expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// Approvals in a state.
    pub async fn approvals(&self, state: &str) -> Vec<Value> {
        let page = self.get(&self.keys.dana, &format!("/v1/approvals?state={state}")).await;
        page["approvals"].as_array().cloned().unwrap_or_else(|| panic!("no approvals in {page}"))
    }

    /// The one pending approval that somebody waits for, as soon as there is one.
    pub async fn one_pending(&self) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let pending = self.approvals("pending").await;
            if let Some(approval) = pending.into_iter().find(|approval| approval["waiting"] == Value::Bool(true)) {
                return approval;
            }
            assert!(Instant::now() < deadline, "nothing is pending: {}", self.log());
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }

    /// Decides as a person: `approve`, `deny`, `revoke`. The HTTP status and the answer.
    pub async fn decide(&self, token: &str, approval: &Value, verb: &str, reason: &str) -> (u16, Value) {
        let path = format!("/v1/approvals/{}:{verb}", id(approval));
        self.post(token, &path, serde_json::json!({ "reason": reason, "digest": approval["request"]["digest"] })).await
    }

    /// Dana approves the one that is pending; returns it.
    pub async fn approve_pending(&self) -> Value {
        let approval = self.one_pending().await;
        let (status, answer) = self.decide(&self.keys.dana, &approval, "approve", "fine").await;
        assert_eq!(status, 200, "{answer}");
        approval
    }

    /// Dana denies the one that is pending; returns it.
    pub async fn deny_pending(&self, reason: &str) -> Value {
        let approval = self.one_pending().await;
        let (status, answer) = self.decide(&self.keys.dana, &approval, "deny", reason).await;
        assert_eq!(status, 200, "{answer}");
        approval
    }

    /// The approval of this id.
    pub async fn approval(&self, id: &str) -> Value {
        self.get(&self.keys.dana, &format!("/v1/approvals/{id}")).await
    }

    /// Waits until an approval is in this state.
    pub async fn approval_becomes(&self, id: &str, state: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let approval = self.approval(id).await;
            if approval["state"] == state {
                return approval;
            }
            assert!(Instant::now() < deadline, "{id} is {} and not {state}\n{}", approval["state"], self.log());
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
    }
}

/// The id of an approval.
pub fn id(approval: &Value) -> &str {
    approval["id"].as_str().unwrap_or_else(|| panic!("no id in {approval}"))
}

impl Drop for Holdpoint {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the end of Holdpoint's log, {} ---", self.dir.display());
            let log = self.log();
            eprintln!(
                "{}",
                log.lines().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n")
            );
        } else {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
