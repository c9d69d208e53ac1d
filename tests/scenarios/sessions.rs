//! Transactions, settings and the end of things.

use std::time::Duration;

use crate::client::{Client, answer, refusal};
use crate::holdpoint::{PATIENCE, id};
use crate::scenarios;
use crate::stage::{Kind, Stage};

scenarios!(
    hold_in_a_transaction_is_short_and_says_so,
    pending_text_is_about_the_session_that_reads_it,
    hold_outside_a_transaction_holds_no_lock,
    transaction_goes_on_after_an_approved_statement,
    ddl_makes_new_names_known,
    draining_proxy_tells_who_waits,
    every_statement_leaves_a_record,
    texts_that_differ_in_a_literal_are_sent_as_they_came,
    running_statement_can_be_cancelled,
    read_that_its_client_left_is_stopped_at_the_server,
    write_that_its_client_left_is_brought_to_its_end,
    statement_of_a_killed_session_is_stopped_at_the_server,
    upstream_that_dies_ends_the_session_and_not_the_proxy,
);

async fn hold_in_a_transaction_is_short_and_says_so(kind: Kind) {
    let stage = kind.start(kind.rules(), "hold: { hold_in_transaction: 1s }").await;
    let client = stage.client().await;
    client.rows("BEGIN").await;
    client.rows("UPDATE orders SET note = 'mine' WHERE id = 1").await;
    let began = std::time::Instant::now();
    let error = refusal(client.send("UPDATE counter SET n = n + 1")).await;
    assert_eq!(error.kind(), "pending", "{error:?}");
    assert!(error.message.contains("roll back"), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "held for {:?}", began.elapsed());
    client.rows("ROLLBACK").await;
    assert_eq!(stage.direct("SELECT note FROM orders WHERE id = 1"), "note 1");
}

/// The request was opened inside a transaction; who takes it up outside of one has nothing to roll back.
async fn pending_text_is_about_the_session_that_reads_it(kind: Kind) {
    let stage = kind.hasty().await;
    let (inside, outside) = (stage.client().await, stage.client().await);
    inside.rows("BEGIN").await;
    let first = refusal(inside.send("UPDATE counter SET n = n + 1")).await;
    inside.rows("ROLLBACK").await;
    let second = refusal(outside.send("UPDATE counter SET n = n + 1")).await;
    assert_eq!(first.approval(), second.approval());
    assert!(first.message.contains("Wait, roll back, then send the same transaction again"), "{first:?}");
    assert!(second.message.contains("Wait, then send exactly the same statement again"), "{second:?}");
}

async fn hold_outside_a_transaction_holds_no_lock(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("UPDATE orders SET note = 'x' WHERE id > 0");
    stage.one_pending().await;
    // DDL needs the table for itself: it would wait for whoever holds anything of it.
    let alter = kind.sql(
        "SET lock_timeout = '3s'; ALTER TABLE orders ADD COLUMN extra int",
        "SET lock_wait_timeout = 3; ALTER TABLE orders ADD COLUMN extra int",
    );
    stage.direct(alter);
    stage.deny_pending("no").await;
    assert_eq!(refusal(sent).await.kind(), "denied");
}

async fn transaction_goes_on_after_an_approved_statement(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    client.rows("BEGIN").await;
    client.rows("UPDATE orders SET note = 'mine' WHERE id = 1").await;
    let sent = client.send("UPDATE counter SET n = n + 1");
    let approval = stage.approve_pending().await;
    assert_eq!(approval["request"]["in_transaction"], true);
    let locks = approval["request"]["locks"].as_str().unwrap_or_default();
    assert!(locks.contains("open transaction"), "{approval}");
    answer(sent).await.unwrap();
    assert_eq!(stage.direct("SELECT n FROM counter"), "0");
    client.rows("COMMIT").await;
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
    assert_eq!(stage.direct("SELECT note FROM orders WHERE id = 1"), "mine");
}

async fn ddl_makes_new_names_known(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("CREATE TABLE fresh (id int PRIMARY KEY, ssn varchar(20))");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    assert!(client.rows("SELECT id FROM fresh WHERE id = 1").await.is_empty());
    client.rows("INSERT INTO fresh (id) VALUES (1)").await;
    assert_eq!(client.rows("SELECT id FROM fresh WHERE id = 1").await, [["1"]]);
}

async fn draining_proxy_tells_who_waits(kind: Kind) {
    let mut stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("DROP TABLE scratch");
    let approval = stage.one_pending().await;
    stage.signal("TERM");
    let error = refusal(sent).await;
    assert_eq!(error.state, kind.sql("57P01", "08S01"), "{error:?}");
    assert_eq!(error.approval().as_deref(), Some(id(&approval)));
    assert_eq!(stage.holdpoint.ended(PATIENCE).await, Some(0));
}

async fn every_statement_leaves_a_record(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    client.rows("SELECT id, ssn FROM customers WHERE id = 7").await;
    client.rows("SELECT 1").await;
    drop(client);
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let (done, text) = stage.command(&["audit", "export"]);
        assert!(done, "{text}");
        if text.lines().any(|line| line.contains("pii.ssn") && line.contains("\"masked\":[\"ssn\"]")) {
            assert!(!text.contains("CANARY"), "a value in the audit");
            return;
        }
        assert!(std::time::Instant::now() < deadline, "no record: {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Judged alike, so that the judgement of the first serves the others, and yet each its own statement.
async fn texts_that_differ_in_a_literal_are_sent_as_they_came(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    for number in 1..=4 {
        assert_eq!(
            client.cell(&format!("SELECT note FROM orders WHERE id = {number}")).await,
            format!("note {number}")
        );
        client.rows(&format!("UPDATE scratch SET body = 'x{number}' WHERE id = {number}")).await;
    }
}

async fn running_statement_can_be_cancelled(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send(kind.sql("SELECT pg_sleep(20)", "SELECT sleep(20)"));
    stage.approve_pending().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = std::time::Instant::now();
    client.cancel().await;
    // MySQL's sleep() that is cancelled answers 1 instead of failing; what comes of it is masked, since it was not understood.
    let ended = answer(sent).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{ended:?}");
    if kind != Kind::MySql {
        assert!(ended.is_err(), "{ended:?}");
    }
    assert_eq!(client.cell("SELECT 1").await, "1");
}

/// Runs for hours.
const ENDLESS: &str = "SELECT count(*) FROM orders AS a, orders AS b, orders AS c, orders AS endless WHERE a.id + b.id + c.id < endless.id";

/// Waits until the server runs so many statements that contain this word.
async fn at_the_server(stage: &Stage, word: &str, count: usize) {
    let ask = stage.kind.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid() AND query LIKE",
        "SELECT count(*) FROM information_schema.processlist WHERE db = database() AND id <> connection_id() AND info LIKE",
    );
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while stage.direct(&format!("{ask} '%{word}%'")) != count.to_string() {
        assert!(std::time::Instant::now() < deadline, "not {count} statements with `{word}` at the server");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn read_that_its_client_left_is_stopped_at_the_server(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send(ENDLESS);
    at_the_server(&stage, "endless", 1).await;
    client.leave(sent);
    at_the_server(&stage, "endless", 0).await;
}

/// As without a proxy: whoever sends a write and goes may count on it.
async fn write_that_its_client_left_is_brought_to_its_end(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send(kind.sql(
        "UPDATE orders SET note = 'left' WHERE id = 1 AND pg_sleep(2) IS NOT NULL",
        "UPDATE orders SET note = 'left' WHERE id = 1 AND sleep(2) = 0",
    ));
    stage.approve_pending().await;
    at_the_server(&stage, "left", 1).await;
    client.leave(sent);
    at_the_server(&stage, "left", 0).await;
    assert_eq!(stage.direct("SELECT note FROM orders WHERE id = 1"), "left");
}

async fn statement_of_a_killed_session_is_stopped_at_the_server(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send(ENDLESS);
    at_the_server(&stage, "endless", 1).await;
    match &client {
        // PostgreSQL's agents have no command for it: cancelling is what they can do.
        Client::Postgres(..) => client.cancel().await,
        Client::MySql(_, _, id) => drop(stage.client().await.rows(&format!("KILL {id}")).await),
    }
    at_the_server(&stage, "endless", 0).await;
    assert!(answer(sent).await.is_err());
}

async fn upstream_that_dies_ends_the_session_and_not_the_proxy(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    assert_eq!(client.cell("SELECT 1").await, "1");
    let kill = kind.sql(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'shop_app' AND datname = current_database()",
        "SELECT group_concat('KILL ', id SEPARATOR '; ') FROM information_schema.processlist WHERE user = 'hp_upstream' AND db = database()",
    );
    let printed = stage.direct(kill);
    if kind != Kind::Postgres {
        stage.direct(&printed);
    }
    let broken = client.send("SELECT 1").await;
    assert!(!matches!(broken, Ok(Ok(_))), "the session went on");
    let again = stage.client().await;
    assert_eq!(again.cell("SELECT 1").await, "1");
}
