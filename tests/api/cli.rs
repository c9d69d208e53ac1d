//! The command line as a program, against a served API: what it prints where, and how it ends.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::rig::Rig;

/// A directory with a configuration, removed at the end.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("holdpoint-cli-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        let config = "version: 1\napi: { listen: \"127.0.0.1:9\" }\nstore: ./data\n\
            databases: { shop: { host: localhost, user: app, password: s3cret } }\n\
            people: [ { name: dana, groups: [dba] }, { name: mia, groups: [] } ]\n";
        std::fs::write(dir.join("holdpoint.yaml"), config).unwrap();
        Self(dir)
    }

    fn config(&self) -> String {
        self.0.join("holdpoint.yaml").display().to_string()
    }

    /// Runs on the store itself: nothing listens where the configuration says.
    async fn run(&self, args: &[&str]) -> Ended {
        let mut command = command("", "", args);
        command.env_remove("HOLDPOINT_URL").env_remove("HOLDPOINT_TOKEN");
        command.env("HOLDPOINT_CONFIG", self.config()).env("USER", "olga");
        ended(command).await
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

fn command(url: &str, token: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdpoint"));
    command.args(args).env_clear().env("HOLDPOINT_URL", url).env("HOLDPOINT_TOKEN", token);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

pub async fn run(url: &str, token: &str, args: &[&str]) -> Ended {
    ended(command(url, token, args)).await
}

async fn ended(mut command: Command) -> Ended {
    let output = tokio::time::timeout(Duration::from_secs(30), command.output()).await.unwrap().unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn approver_lists_shows_and_approves_by_the_beginning_of_an_id() {
    let rig = Rig::new().await;
    let (url, id) = (rig.serve(None).await, rig.pending("bot").await);
    let token = rig.token_text("dana");
    let list = run(&url, &token, &["approvals", "list"]).await;
    assert_eq!((list.code, list.err.as_str()), (0, ""));
    assert!(list.out.contains(&id) && list.out.contains("Reads public.customers"), "{}", list.out);
    let short = id[..10].to_lowercase();
    let show = run(&url, &token, &["approvals", "show", &short]).await;
    for part in ["owner mia", "| SELECT email FROM customers", "bulk-pii", "1 of dba, has 0", "(claimed)"] {
        assert!(show.out.contains(part), "{part} in {}", show.out);
    }
    assert!(show.out.contains("weekly<U+001B>[2J <U+202E>report"), "{}", show.out);
    assert!(!show.out.contains(['\u{1b}', '\u{202e}']));
    let approve = run(&url, &token, &["approvals", "approve", &short, "-m", "ok for OPS-12", "-o", "json"]).await;
    assert_eq!((approve.code, &approve.json()["state"]), (0, &json!("approved")), "{}", approve.err);
    let decided = approve.json();
    let review = &decided["reviews"][0];
    assert_eq!((&review["via"], &review["reason"]), (&json!("cli"), &json!("ok for OPS-12")));
    let none = run(&url, &token, &["approvals", "list"]).await;
    assert_eq!((none.code, none.out.as_str()), (0, ""));
    let all = run(&url, &token, &["approvals", "list", "--all", "-o", "jsonl"]).await;
    assert_eq!(all.json()["state"], "approved");
}

#[tokio::test]
async fn exit_codes_tell_denied_wrong_unreachable_and_pending() {
    let rig = Rig::new().await;
    let (url, id) = (rig.serve(None).await, rig.pending("bot").await);
    let dana = rig.token_text("dana");
    let code = async |token: &str, args: &[&str]| run(&url, token, args).await.code;
    assert_eq!(code(&dana, &["approvals", "wait", &id, "--timeout", "100ms"]).await, 4);
    assert_eq!(code(&rig.token_text("mia"), &["approvals", "approve", &id]).await, 1);
    assert_eq!(code(&rig.token_text("reader"), &["approvals", "approve", &id]).await, 1);
    assert_eq!(code(&dana, &["approvals", "show", "apr_0000000000000000"]).await, 2);
    assert_eq!(code("", &["approvals", "list"]).await, 2);
    assert_eq!(code(&dana, &["approvals", "lst"]).await, 2);
    assert_eq!(run("http://127.0.0.1:9", &dana, &["approvals", "list"]).await.code, 3);
    assert_eq!(code(&dana, &["approvals", "deny", &id, "-m", "no"]).await, 0);
    assert_eq!(code(&dana, &["approvals", "wait", &id]).await, 1);
    assert_eq!(code(&dana, &["approvals", "approve", &id]).await, 1);
    assert_eq!(code("", &["healthcheck"]).await, 0);
    rig.break_check();
    assert_eq!(code("", &["healthcheck", "--ready"]).await, 1);
}

#[tokio::test]
async fn waiting_command_is_woken_by_the_decision() {
    let rig = Rig::new().await;
    let (url, id) = (rig.serve(None).await, rig.pending("bot").await);
    let token = rig.token_text("dana");
    let args = ["approvals", "wait", id.as_str()];
    let (waited, _) = tokio::join!(run(&url, &token, &args), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        rig.decide("erik", &id, "approve").await
    });
    assert_eq!(waited.code, 0, "{}", waited.err);
}

#[tokio::test]
async fn watcher_sees_what_waits_and_what_changes() {
    let rig = Rig::new().await;
    let (url, id) = (rig.serve(None).await, rig.pending("bot").await);
    let token = rig.token_text("dana");
    let mut child = command(&url, &token, &["approvals", "watch"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next =
        async || tokio::time::timeout(Duration::from_secs(20), lines.next_line()).await.unwrap().unwrap().unwrap();
    assert!(next().await.contains("pending"));
    rig.decide("dana", &id, "approve").await;
    let line = next().await;
    assert!(line.contains(&id) && line.contains("approved"), "{line}");
    child.kill().await.unwrap();
}

#[tokio::test]
async fn operator_makes_agents_and_tokens_through_the_api() {
    let rig = Rig::new().await;
    let (url, admin) = (rig.serve(None).await, rig.token_text("admin"));
    let home = Home::new("through-api");
    let file = home.config();
    let add = ["--config", file.as_str(), "agents", "add", "new-bot", "--owner", "mia", "--database", "shop"];
    let made = run(&url, &admin, &add).await;
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.err.contains("once"), "{}", made.err);
    let dsn = made.out.trim();
    assert!(dsn.starts_with("postgresql://new-bot:") && dsn.ends_with("@127.0.0.1:6432/shop"), "{dsn}");
    let rotated = run(&url, &admin, &["agents", "rotate", "new-bot"]).await;
    assert!(rotated.out.trim().len() == 43 && !dsn.contains(rotated.out.trim()), "{}", rotated.err);
    assert_eq!(run(&url, &admin, &["agents", "disable", "new-bot"]).await.code, 0);
    let list = run(&url, &admin, &["agents", "list", "-o", "json"]).await;
    assert_eq!(list.json()[0]["disabled"], true);
    let token = run(
        &url,
        &admin,
        &["tokens", "create", "--person", "dana", "--scope", "approvals:read,approvals:decide", "--expires", "30d"],
    )
    .await;
    assert!(token.out.starts_with("hpt_"), "{}", token.err);
    assert_eq!(run(&url, token.out.trim(), &["approvals", "list"]).await.code, 0);
    let id = token.out.split('_').nth(1).unwrap();
    assert_eq!(run(&url, &admin, &["tokens", "revoke", id]).await.code, 0);
    assert_eq!(run(&url, token.out.trim(), &["approvals", "list"]).await.code, 1);
    assert_eq!(run(&url, "", &["agents", "list"]).await.code, 2);
    assert_eq!(run(&url, &admin, &["agents", "remove", "new-bot"]).await.code, 0);
}

#[tokio::test]
async fn api_is_reached_over_tls_with_its_own_ca_and_not_without() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let rig = Rig::new().await;
    let url = rig.serve(Some(Arc::new(config))).await;
    let file = std::env::temp_dir().join(format!("holdpoint-api-ca-{}.pem", std::process::id()));
    std::fs::write(&file, made.cert.pem()).unwrap();
    let token = rig.token_text("dana");
    let trusted = run(&url, &token, &["--ca", file.to_str().unwrap(), "approvals", "list"]).await;
    let untrusted = run(&url, &token, &["approvals", "list"]).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!(trusted.code, 0, "{}", trusted.err);
    assert_eq!(untrusted.code, 3, "{}", untrusted.err);
}

#[tokio::test]
async fn first_token_and_agent_are_made_on_the_store_itself() {
    let home = Home::new("offline");
    let token = home.run(&["tokens", "create", "--person", "dana", "--scope", "admin,approvals:read"]).await;
    assert_eq!(token.code, 0, "{}", token.err);
    assert!(token.out.starts_with("hpt_"), "{}", token.out);
    let agent = home.run(&["agents", "add", "bot", "--owner", "mia", "--database", "shop"]).await;
    assert!(agent.out.starts_with("postgresql://bot:"), "{} {}", agent.out, agent.err);
    let list = home.run(&["agents", "list", "-o", "json"]).await;
    assert_eq!((&list.json()[0]["owner"], &list.json()[0]["issued_by"]), (&json!("mia"), &json!("olga")));
    assert_eq!(home.run(&["agents", "disable", "bot"]).await.code, 0);
    assert_eq!(home.run(&["agents", "list", "-o", "json"]).await.json()[0]["disabled"], true);
    assert_eq!(home.run(&["agents", "add", "bot", "--owner", "mia"]).await.code, 1);
    assert_eq!(home.run(&["agents", "add", "x", "--owner", "nobody"]).await.code, 2);
    assert_eq!(home.run(&["agents", "remove", "none"]).await.code, 2);
    let tokens = home.run(&["tokens", "list", "-o", "json"]).await;
    let id = tokens.json()[0]["id"].as_str().unwrap().to_owned();
    assert!(token.out.contains(&id) && !tokens.out.contains("sha256"));
    assert_eq!(home.run(&["tokens", "revoke", &id]).await.code, 0);
    let export = home.0.join("audit.jsonl").display().to_string();
    assert_eq!(home.run(&["audit", "export", "--output", &export]).await.code, 0);
    let key = home.run(&["audit", "key"]).await;
    let verify = home.run(&["audit", "verify", &export, "--key", key.out.trim()]).await;
    assert_eq!(verify.code, 0, "{} {}", verify.out, verify.err);
    let text = std::fs::read_to_string(&export).unwrap();
    assert!(text.contains("agent bot added, owner mia") && text.contains("\"by\":\"olga\""), "{text}");
    std::fs::write(&export, text.replace("owner mia", "owner eve")).unwrap();
    let forged = home.run(&["audit", "verify", &export, "--key", key.out.trim()]).await;
    assert_eq!(forged.code, 1, "{} {}", forged.out, forged.err);
    assert_eq!(home.run(&["tokens", "list", "-o", "json"]).await.json()[0]["revoked"], true);
}

#[tokio::test]
async fn two_do_not_work_on_one_store() {
    let home = Home::new("locked");
    assert_eq!(home.run(&["tokens", "list"]).await.code, 0);
    let _open = holdpoint::store::rocks::RocksStore::open(&home.0.join("data")).unwrap();
    let locked = home.run(&["tokens", "list"]).await;
    assert_eq!(locked.code, 3, "{}", locked.err);
}

#[tokio::test]
async fn check_prints_what_is_in_force_without_secrets_and_names_what_is_wrong() {
    let home = Home::new("check");
    let check = home.run(&["check"]).await;
    assert!(!check.out.contains("s3cret") && check.out.contains("***"), "{}", check.out);
    assert!(check.out.contains("upstream shop"), "{}", check.out);
    std::fs::write(home.0.join("holdpoint.yaml"), "version: 1\nstoer: x\n").unwrap();
    let wrong = home.run(&["check"]).await;
    assert_eq!(wrong.code, 2);
    assert!(wrong.err.contains("holdpoint.yaml:2") && wrong.err.contains("store"), "{}", wrong.err);
    for of in ["config", "rules"] {
        let schema = home.run(&["schema", of]).await;
        assert!(schema.json()["properties"].is_object());
    }
    let explain = home.run(&["rules", "lint"]).await;
    assert_eq!(explain.code, 0, "{} {}", explain.out, explain.err);
}
