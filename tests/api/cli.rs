//! The command line as a program, against a served API: what it prints where, and how it ends.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::rig::Rig;

struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

fn command(url: &str, token: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_holdpoint"));
    command.args(args).env_clear().env("HOLDPOINT_URL", url).env("HOLDPOINT_TOKEN", token);
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn run(url: &str, token: &str, args: &[&str]) -> Ended {
    let output =
        tokio::time::timeout(Duration::from_secs(30), command(url, token, args).output()).await.unwrap().unwrap();
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
    let made = run(&url, &admin, &["agents", "add", "new-bot", "--owner", "mia", "--database", "shop"]).await;
    assert_eq!(made.code, 0, "{}", made.err);
    assert!(made.err.contains("once") && made.out.trim().len() >= 43);
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
