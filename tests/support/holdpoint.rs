//! A real Holdpoint process in front of a real server, with its own directory, ports, agent and approvers.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What a test changes about the default set-up.
pub struct Setup {
    /// `host: …` block of the database `shop`, indented by four spaces.
    pub upstream: String,
    /// Contents of the single rules file; `None`: the shipped baseline.
    pub rules: Option<String>,
    /// More top-level YAML.
    pub extra: String,
}

/// The running process. Killed when dropped.
pub struct Holdpoint {
    child: Child,
    /// Its directory.
    pub dir: PathBuf,
    /// Where PostgreSQL clients connect.
    pub port: u16,
    /// The API's address.
    pub api: String,
    /// The agent's secret.
    pub secret: String,
    /// Token of dana@example.com (approvers, dba).
    pub dana: String,
    /// Token of erin@example.com (approvers).
    pub erin: String,
    /// Token of the agent's owner, mia@example.com (approvers).
    pub mia: String,
    client: reqwest::Client,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address").port()
}

fn holdpoint(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_holdpoint"))
        .arg("--config")
        .arg(dir.join("holdpoint.yaml"))
        .args(arguments)
        .output()
        .expect("holdpoint starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

fn word_with(text: &str, prefix: &str) -> String {
    text.split(|c: char| c.is_whitespace() || c == '"')
        .find(|word| word.starts_with(prefix))
        .unwrap_or_else(|| panic!("no {prefix}… in: {text}"))
        .to_owned()
}

impl Holdpoint {
    /// Starts one with one agent, `reporting-bot`, owned by mia@example.com.
    pub fn start(setup: &Setup) -> Self {
        let dir = std::env::temp_dir().join(format!("holdpoint-test-{}-{}", std::process::id(), free_port()));
        std::fs::create_dir_all(dir.join("rules")).expect("a directory");
        let (port, api_port) = (free_port(), free_port());
        let rules = match &setup.rules {
            Some(rules) => {
                std::fs::write(dir.join("rules/test.yaml"), rules).expect("rules are written");
                "rules: rules\n"
            }
            None => "",
        };
        let config = format!(
            "version: 1\npostgres: {{ listen: \"127.0.0.1:{port}\" }}\napi: {{ listen: \"127.0.0.1:{api_port}\" }}\nstore: data\n{rules}\
             databases:\n  shop:\n{}\npeople:\n  - {{ name: dana@example.com, groups: [approvers, dba] }}\n  \
             - {{ name: erin@example.com, groups: [approvers] }}\n  - {{ name: mia@example.com, groups: [approvers] }}\n{}",
            setup.upstream, setup.extra
        );
        std::fs::File::create(dir.join("holdpoint.yaml"))
            .and_then(|mut file| file.write_all(config.as_bytes()))
            .expect("the configuration is written");
        let added = holdpoint(&dir, &["agents", "add", "reporting-bot", "--owner", "mia@example.com", "--database", "shop"]);
        let dsn = word_with(&added, "postgresql://");
        let secret = dsn.split(':').nth(2).and_then(|rest| rest.split('@').next()).expect("a secret in the DSN").to_owned();
        let token = |person: &str| {
            let made = holdpoint(
                &dir,
                &["tokens", "create", "--person", person, "--scope", "approvals:decide", "--scope", "approvals:read"],
            );
            word_with(&made, "hpt_")
        };
        let (dana, erin, mia) = (token("dana@example.com"), token("erin@example.com"), token("mia@example.com"));
        let client = reqwest::Client::builder().timeout(Duration::from_secs(40)).build().expect("an HTTP client");
        let api = format!("http://127.0.0.1:{api_port}");
        let child = Self::spawn(&dir);
        Self { child, dir, port, api, secret, dana, erin, mia, client }
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

    /// Waits until it says that it is ready.
    pub async fn ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Ok(answer) = self.client.get(format!("{}/readyz", self.api)).send().await
                && answer.status().is_success()
            {
                return;
            }
            assert!(Instant::now() < deadline, "not ready: {}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on the same directory.
    pub fn restart(&mut self) {
        self.child = Self::spawn(&self.dir);
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Runs a command of the same binary against the same directory.
    pub fn command(&self, arguments: &[&str]) -> String {
        holdpoint(&self.dir, arguments)
    }

    /// One agent connection; the connection task ends with the client.
    pub async fn connect(&self) -> tokio_postgres::Client {
        self.connect_with("").await
    }

    /// The same with more connection parameters, `libpq` style.
    pub async fn connect_with(&self, more: &str) -> tokio_postgres::Client {
        let parameters = format!(
            "host=127.0.0.1 port={} user=reporting-bot password={} dbname=shop {more}",
            self.port, self.secret
        );
        let (client, connection) =
            tokio_postgres::connect(&parameters, tokio_postgres::NoTls).await.unwrap_or_else(|error| {
                panic!("connect: {error:?}\n{}", self.log());
            });
        tokio::spawn(async move {
            let _ended = connection.await;
        });
        client
    }

    /// GET as a person.
    pub async fn get(&self, token: &str, path: &str) -> Value {
        let answer = self.client.get(format!("{}{path}", self.api)).bearer_auth(token).send().await.expect("an answer");
        answer.json().await.expect("JSON")
    }

    /// Pending approvals.
    pub async fn pending(&self) -> Vec<Value> {
        let page = self.get(&self.dana, "/v1/approvals?state=pending").await;
        page["approvals"].as_array().cloned().unwrap_or_else(|| panic!("no approvals in {page}"))
    }

    /// The one pending approval, as soon as there is one.
    pub async fn one_pending(&self) -> Value {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(approval) = self.pending().await.into_iter().next() {
                return approval;
            }
            assert!(Instant::now() < deadline, "nothing is pending: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Decides as a person: `approve` or `deny`. The HTTP status and the answer.
    pub async fn decide(&self, token: &str, approval: &Value, verb: &str, reason: &str) -> (u16, Value) {
        let id = approval["id"].as_str().expect("an id");
        let answer = self
            .client
            .post(format!("{}/v1/approvals/{id}:{verb}", self.api))
            .bearer_auth(token)
            .json(&serde_json::json!({ "reason": reason, "digest": approval["request"]["digest"] }))
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.json().await.unwrap_or(Value::Null))
    }

    /// The approval of this id.
    pub async fn approval(&self, id: &str) -> Value {
        self.get(&self.dana, &format!("/v1/approvals/{id}")).await
    }
}

impl Drop for Holdpoint {
    fn drop(&mut self) {
        self.kill();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
