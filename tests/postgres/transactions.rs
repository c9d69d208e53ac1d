//! Holds inside transactions and pipelines: short, refused on both sides alike, and nothing overtakes.

use std::time::{Duration, Instant};

use crate::holdpoint::{Holdpoint, Setup};
use crate::raw::{self, Raw};
use crate::{answer, cell, db_error, hasty, kind, refusal, rows, sample, send, stage};

#[tokio::test]
async fn hold_in_a_transaction_is_short_and_says_so() {
    let rules = sample::rules();
    let stage = Holdpoint::start(Setup::rules(rules).with("hold: { hold_in_transaction: 400ms }")).await;
    let client = stage.connect().await;
    rows(&client, "BEGIN").await;
    rows(&client, "UPDATE counter SET n = 7 WHERE n = 0").await;
    let began = Instant::now();
    let sent = send(&client, "DROP TABLE orders");
    let approval = stage.one_pending().await;
    assert_eq!(approval["request"]["in_transaction"], true);
    let locks = approval["request"]["locks"].as_str().unwrap();
    assert!(locks.contains("RowExclusiveLock on counter") && locks.contains("waiting for it: 0"), "{locks}");
    let error = refusal(sent).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(kind(&error), "holdpoint_pending");
    assert!(error.message().contains("roll back"), "{}", error.message());
    let told = format!("{} {:?}", error.message(), error.detail());
    assert!(!told.contains("Lock on") && !told.contains(".."), "what is locked is for approvers: {told}");
}

#[tokio::test]
async fn refusal_in_a_transaction_fails_it_on_both_sides() {
    let stage = hasty().await;
    let client = stage.connect().await;
    rows(&client, "BEGIN").await;
    rows(&client, "INSERT INTO scratch VALUES (1, 'x')").await;
    assert_eq!(kind(&refusal(send(&client, "DROP TABLE orders")).await), "holdpoint_pending");
    let state = stage.direct("SELECT state FROM pg_stat_activity WHERE usename = 'shop_app' AND datname = current_database() AND state LIKE 'idle in%'");
    assert_eq!(state, "idle in transaction (aborted)");
    let error = db_error(client.simple_query("SELECT 1").await.unwrap_err());
    assert_eq!(error.code().code(), "25P02");
    let error = db_error(client.query("SELECT id FROM orders WHERE id = 1", &[]).await.unwrap_err());
    assert_eq!(error.code().code(), "25P02");
    rows(&client, "COMMIT").await;
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "0");
    assert_eq!(cell(&client, "SELECT 1").await, "1");
}

#[tokio::test]
async fn refusal_in_a_transaction_fails_it_in_the_extended_protocol_too() {
    let stage = hasty().await;
    let client = stage.connect().await;
    client.execute("BEGIN", &[]).await.unwrap();
    client.execute("INSERT INTO scratch VALUES (1, 'x')", &[]).await.unwrap();
    let error = db_error(client.execute("DROP TABLE orders", &[]).await.unwrap_err());
    assert_eq!(kind(&error), "holdpoint_pending");
    let error = db_error(client.query("SELECT id FROM orders WHERE id = 1", &[]).await.unwrap_err());
    assert_eq!(error.code().code(), "25P02");
    client.execute("ROLLBACK", &[]).await.unwrap();
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "0");
    assert_eq!(client.query_one("SELECT 1", &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test]
async fn savepoint_brings_a_refused_transaction_back() {
    let stage = hasty().await;
    let client = stage.connect().await;
    rows(&client, "BEGIN").await;
    rows(&client, "INSERT INTO scratch VALUES (1, 'x')").await;
    rows(&client, "SAVEPOINT s").await;
    refusal(send(&client, "DROP TABLE orders")).await;
    rows(&client, "ROLLBACK TO s").await;
    rows(&client, "COMMIT").await;
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "1");
}

#[tokio::test]
async fn approval_in_a_transaction_goes_on_with_it() {
    let stage = stage().await;
    let client = stage.connect().await;
    rows(&client, "BEGIN").await;
    rows(&client, "INSERT INTO scratch VALUES (1, 'x')").await;
    let sent = send(&client, "UPDATE orders SET note = 'n'");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    rows(&client, "COMMIT").await;
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "1");
    assert_eq!(stage.direct("SELECT count(*) FROM orders WHERE note = 'n'"), "3000");
}

#[tokio::test]
async fn nothing_behind_a_held_statement_overtakes_it() {
    let stage = stage().await;
    let client = stage.connect().await;
    let held = client.prepare("UPDATE orders SET note = 'held'").await.unwrap();
    let behind = client.prepare("SELECT count(*) FROM orders WHERE note = 'held'").await.unwrap();
    let insert = client.prepare("INSERT INTO scratch VALUES ($1, 'behind')").await.unwrap();
    let deciding = async {
        stage.one_pending().await;
        crate::pause(200).await;
        assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "0");
        stage.approve_pending().await;
    };
    let (one, two, three, ()) = tokio::join!(
        client.execute(&held, &[]),
        client.query_one(&behind, &[]),
        client.execute(&insert, &[&1_i32]),
        deciding
    );
    assert_eq!(one.unwrap(), 3000);
    assert_eq!(two.unwrap().get::<_, i64>(0), 3000, "it saw what ran before it");
    assert_eq!(three.unwrap(), 1);
}

#[tokio::test]
async fn refused_statement_in_a_pipeline_rolls_back_what_ran_before_its_sync() {
    let stage = hasty().await;
    let mut raw = Raw::login(stage.port, "reporting-bot", &stage.keys.agent).await;
    let pipeline = [
        raw::extended("INSERT INTO scratch VALUES (1, 'before')"),
        raw::extended("DROP TABLE orders"),
        raw::extended("INSERT INTO scratch VALUES (2, 'behind')"),
        raw::sync(),
        raw::extended("INSERT INTO scratch VALUES (3, 'after the sync')"),
        raw::sync(),
    ];
    raw.send(&pipeline.concat()).await;
    let first = raw.until_ready().await;
    assert_eq!(raw::error_code(&first).as_deref(), Some("55000"), "{}", raw::kinds(&first));
    assert_eq!(raw::kinds(&first).matches('E').count(), 1, "{}", raw::kinds(&first));
    let second = raw.until_ready().await;
    assert_eq!(raw::error_code(&second), None, "{}", raw::kinds(&second));
    assert_eq!(stage.direct("SELECT string_agg(id::text, ',') FROM scratch"), "3");
}

#[tokio::test]
async fn approved_statement_in_a_pipeline_keeps_the_order_of_answers() {
    let stage = stage().await;
    let mut raw = Raw::login(stage.port, "reporting-bot", &stage.keys.agent).await;
    let pipeline = [
        raw::extended("SELECT 'first'"),
        raw::extended("UPDATE orders SET note = 'x' RETURNING 1"),
        raw::extended("SELECT 'third'"),
        raw::sync(),
    ];
    raw.send(&pipeline.concat()).await;
    stage.approve_pending().await;
    let all = raw.until_ready().await;
    let texts = raw::texts(&all);
    assert_eq!(
        (texts.first().unwrap().as_str(), texts.last().unwrap().as_str(), texts.len()),
        ("first", "third", 3002)
    );
    assert_eq!(raw::error_code(&all), None);
}

#[tokio::test]
async fn pipeline_as_pgbench_and_drivers_send_it_passes_in_one_go() {
    let stage = stage().await;
    let mut raw = Raw::login(stage.port, "reporting-bot", &stage.keys.agent).await;
    let mut pipeline = Vec::new();
    for number in 0..500 {
        pipeline.extend(raw::extended(&format!("SELECT {number}")));
        if number % 7 == 0 {
            pipeline.extend(raw::sync());
        }
    }
    pipeline.extend(raw::sync());
    raw.send(&pipeline).await;
    let mut texts = Vec::new();
    while texts.len() < 500 {
        let messages = raw.until_ready().await;
        assert_eq!(raw::error_code(&messages), None);
        texts.extend(raw::texts(&messages));
    }
    assert!(texts.iter().enumerate().all(|(number, text)| *text == number.to_string()));
}

#[tokio::test]
async fn held_statement_of_a_batch_holds_the_whole_batch_in_one_approval() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, "INSERT INTO scratch VALUES (1, 'a'); UPDATE orders SET note = 'b'; SELECT 42");
    let approval = stage.one_pending().await;
    assert_eq!(approval["request"]["statements"].as_array().unwrap().len(), 3);
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "0");
    stage.approve_pending().await;
    assert_eq!(crate::cells(&answer(sent).await.unwrap()), [["42"]]);
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "1");
}

#[tokio::test]
async fn batch_with_a_refused_statement_does_nothing_at_all() {
    let stage = hasty().await;
    let client = stage.connect().await;
    refusal(send(&client, "INSERT INTO scratch VALUES (1, 'a'); DROP TABLE orders")).await;
    let error = refusal(send(&client, "INSERT INTO scratch VALUES (1, 'a'); TRUNCATE orders")).await;
    assert_eq!(kind(&error), "holdpoint_forbidden");
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "0");
    assert_eq!(
        crate::cells(
            &client.simple_query("SELECT 1; SELECT email FROM customers WHERE id = 7; SELECT 3").await.unwrap()
        ),
        [["1"], ["s***@canary.example"], ["3"]]
    );
}
