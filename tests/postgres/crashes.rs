//! What survives when something dies or changes: the proxy, the upstream, the rules, the agent's standing.

use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use crate::holdpoint::{Holdpoint, Setup, id};
use crate::raw::{self, Raw};
use crate::server::Postgres;
use crate::{answer, cell, db_error, hasty, kind, pause, refusal, rows, sample, send, stage};

const ONCE: &str = "UPDATE counter SET n = n + 1";

#[tokio::test]
async fn approval_survives_a_power_cut_while_it_is_pending() {
    let mut stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, ONCE);
    let approval = stage.one_pending().await;
    stage.kill();
    assert!(answer(sent).await.is_err());
    stage.restart().await;
    let kept = stage.approval(id(&approval)).await;
    assert_eq!((kept["state"].as_str(), kept["waiting"].as_bool()), (Some("pending"), Some(false)));
    let client = stage.connect().await;
    let sent = send(&client, ONCE);
    assert_eq!(id(&stage.one_pending().await), id(&approval));
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
}

#[tokio::test]
async fn approval_survives_a_power_cut_after_it_was_given() {
    let mut stage = hasty().await;
    let client = stage.connect().await;
    refusal(send(&client, ONCE)).await;
    let approval = stage.approvals("pending").await.remove(0);
    let (status, _) = stage.decide(&stage.keys.dana, &approval, "approve", "go").await;
    assert_eq!(status, 200);
    stage.kill();
    stage.restart().await;
    assert_eq!(stage.approval(id(&approval)).await["state"], "approved");
    let client = stage.connect().await;
    answer(send(&client, ONCE)).await.unwrap();
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
    assert_eq!(kind(&refusal(send(&client, ONCE)).await), "holdpoint_pending");
}

#[tokio::test]
async fn power_cut_while_it_runs_leaves_it_unknown_and_never_runs_it_again() {
    let mut stage = stage().await;
    let client = stage.connect().await;
    let sql = "UPDATE counter SET n = n + 1 WHERE (SELECT count(pg_sleep(1)) FROM generate_series(1, 3)) = 3";
    let sent = send(&client, sql);
    let approval = stage.approve_pending().await;
    stage.approval_becomes(id(&approval), "executing").await;
    stage.kill();
    assert!(answer(sent).await.is_err());
    stage.restart().await;
    assert_eq!(stage.approval(id(&approval)).await["state"], "unknown");
    let client = stage.connect().await;
    let sent = send(&client, sql);
    let again = stage.one_pending().await;
    assert_ne!(id(&again), id(&approval), "a spent approval was used again");
    stage.deny_pending("once is enough").await;
    refusal(sent).await;
    let (verified, text) = stage.command(&["audit", "verify"]);
    assert!(verified, "{text}");
}

#[tokio::test]
async fn upstream_that_dies_during_a_hold_ends_the_session_and_keeps_the_approval() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, ONCE);
    let approval = stage.one_pending().await;
    stage.direct("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop_app' AND datname = current_database()");
    let error = answer(sent).await.unwrap_err();
    if let Some(error) = error.as_db_error() {
        assert_eq!(error.code().code(), "57P01");
    }
    assert_eq!(stage.approval(id(&approval)).await["state"], "pending");
    let client = stage.connect().await;
    let sent = send(&client, ONCE);
    assert_eq!(id(&stage.one_pending().await), id(&approval));
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
}

#[tokio::test]
async fn upstream_that_dies_while_an_approved_statement_runs_leaves_it_unknown() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent =
        send(&client, "UPDATE counter SET n = n + 1 WHERE (SELECT count(pg_sleep(3)) FROM generate_series(1, 3)) = 3");
    let approval = stage.approve_pending().await;
    stage.approval_becomes(id(&approval), "executing").await;
    pause(100).await;
    stage.direct("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop_app' AND datname = current_database()");
    assert!(answer(sent).await.is_err());
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let state = stage.approval(id(&approval)).await["state"].clone();
        if state == "unknown" || state == "failed" {
            break;
        }
        assert!(Instant::now() < deadline, "{state}");
        pause(20).await;
    }
}

#[tokio::test]
async fn rules_that_change_between_approval_and_release_refuse() {
    let stage = hasty().await;
    let client = stage.connect().await;
    let error = refusal(send(&client, ONCE)).await;
    let approval = stage.approval(error.constraint().unwrap()).await;
    let (status, _) = stage.decide(&stage.keys.dana, &approval, "approve", "under the old rules").await;
    assert_eq!(status, 200);
    let rules = sample::rules_with("  - { id: more, when: { verbs: [reindex] }, then: deny }\n")
        .replace("hold: 20s", "hold: 300ms");
    std::fs::write(stage.dir.join("rules/test.yaml"), rules).unwrap();
    stage.signal("HUP");
    let deadline = Instant::now() + Duration::from_secs(5);
    while kind(&db_error(client.simple_query("REINDEX TABLE scratch").await.unwrap_err())) != "holdpoint_forbidden" {
        assert!(Instant::now() < deadline, "the rules did not change: {}", stage.log());
        pause(20).await;
    }
    assert!(kind(&refusal(send(&client, ONCE)).await).starts_with("holdpoint_"));
    assert_eq!(stage.direct("SELECT n FROM counter"), "0");
}

#[tokio::test]
async fn rules_that_change_during_a_hold_refuse_what_was_approved_under_the_old_ones() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, ONCE);
    stage.one_pending().await;
    let rules = sample::rules_with("  - { id: more, when: { verbs: [reindex] }, then: deny }\n");
    std::fs::write(stage.dir.join("rules/test.yaml"), rules).unwrap();
    let before = stage.get(&stage.keys.dana, "/v1/rules").await;
    stage.signal("HUP");
    let deadline = Instant::now() + Duration::from_secs(5);
    while stage.get(&stage.keys.dana, "/v1/rules").await == before {
        assert!(Instant::now() < deadline, "the rules did not change: {}", stage.log());
        pause(20).await;
    }
    let pending = stage.approvals("pending").await;
    if let Some(approval) = pending.first() {
        stage.decide(&stage.keys.dana, approval, "approve", "old").await;
    }
    let error = refusal(sent).await;
    assert!(matches!(kind(&error), "holdpoint_changed" | "holdpoint_cancelled"), "{error:?}");
    assert_eq!(stage.direct("SELECT n FROM counter"), "0");
}

#[tokio::test]
async fn rules_that_are_wrong_are_refused_and_the_old_ones_stay() {
    let stage = hasty().await;
    std::fs::write(stage.dir.join("rules/test.yaml"), "version: 1\nrulez: []\n").unwrap();
    stage.signal("HUP");
    pause(300).await;
    let client = stage.connect().await;
    assert_eq!(kind(&refusal(send(&client, "DROP TABLE orders")).await), "holdpoint_pending");
    assert!(stage.log().contains("rulez"), "{}", stage.log());
}

#[tokio::test]
async fn kill_switch_refuses_the_held_the_approved_and_new_logins() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, ONCE);
    stage.one_pending().await;
    let (status, body) = stage.post(&stage.keys.dana, "/v1/agents/reporting-bot:disable", serde_json::json!({})).await;
    assert!(status < 300, "{status} {body}");
    let error = refusal(sent).await;
    assert!(matches!(kind(&error), "holdpoint_disabled" | "holdpoint_cancelled" | "holdpoint_revoked"), "{error:?}");
    assert!(stage.try_connect("").await.is_err());
    let sent = send(&client, "DROP TABLE orders");
    let error = answer(sent).await.unwrap_err();
    if let Some(error) = error.as_db_error() {
        assert_eq!(kind(error), "holdpoint_disabled", "{error:?}");
    }
    assert_eq!(stage.direct("SELECT n FROM counter"), "0");
    assert_eq!(stage.direct("SELECT count(*) FROM orders"), "3000");
}

#[tokio::test]
async fn revoked_approval_does_not_run() {
    let stage = hasty().await;
    let client = stage.connect().await;
    let error = refusal(send(&client, ONCE)).await;
    let approval = stage.approval(error.constraint().unwrap()).await;
    assert_eq!(stage.decide(&stage.keys.dana, &approval, "approve", "go").await.0, 200);
    let approved = stage.approval(id(&approval)).await;
    let (status, body) = stage.decide(&stage.keys.dana, &approved, "revoke", "second thoughts").await;
    assert_eq!(status, 200, "{body}");
    refusal(send(&client, ONCE)).await;
    assert_eq!(stage.direct("SELECT n FROM counter"), "0");
}

#[tokio::test]
async fn shutdown_tells_held_clients_and_lets_running_ones_end() {
    let mut stage = stage().await;
    let (held, busy, idle) = (stage.connect().await, stage.connect().await, stage.connect().await);
    assert_eq!(cell(&idle, "SELECT 1").await, "1");
    let sent = send(&held, ONCE);
    let approval = stage.one_pending().await;
    let mut running = Raw::login(stage.port, "reporting-bot", &stage.keys.agent).await;
    running.send(&raw::query("SELECT count(*) FROM customers a, customers b WHERE a.id + b.id > 0")).await;
    pause(100).await;
    stage.signal("TERM");
    let error = refusal(sent).await;
    assert_eq!(error.code().code(), "57P01", "{error:?}");
    assert!(error.message().contains(id(&approval)), "{}", error.message());
    drop(busy);
    let last = running.until_end().await;
    assert_eq!(raw::texts(&last), ["25000000"], "{:?}", raw::error_code(&last));
    assert_eq!(stage.ended(Duration::from_secs(15)).await, Some(0), "{}", stage.log());
    stage.restart().await;
    assert_eq!(stage.approval(id(&approval)).await["state"], "pending");
}

#[tokio::test]
async fn upstream_that_is_not_there_is_a_clear_error_and_no_crash() {
    // A port that accepts and says nothing, then closes.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop::<TcpStream>(stream);
        }
    });
    let upstream = Some(format!("host: 127.0.0.1, port: {port}"));
    let stage = Holdpoint::start(Setup { upstream, ..Setup::rules(sample::rules()) }).await;
    let Err(error) = stage.try_connect("").await else { panic!("connected without a database") };
    let error = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
    assert!(error.code().code().starts_with("08") || error.code().code() == "57P03", "{error:?}");
    assert!(!error.message().contains("secret"));
}

#[tokio::test]
async fn ddl_by_others_is_seen_when_a_name_is_not_found() {
    let stage = stage().await;
    let client = stage.connect().await;
    assert_eq!(cell(&client, "SELECT 1").await, "1");
    let server = Postgres::shared();
    server.sql(
        &stage.database,
        "SET ROLE shop_app; CREATE TABLE late (id int PRIMARY KEY, ssn text); INSERT INTO late VALUES (1, 'x')",
    );
    assert_eq!(rows(&client, "SELECT id FROM late WHERE id = 1").await, [["1"]]);
}
