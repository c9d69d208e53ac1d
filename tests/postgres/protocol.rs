//! What a person expects of a real proxy: notifications, large values, portals, errors, and what is refused.

use std::time::Duration;

use crate::holdpoint::AGENT;
use crate::raw::{self, Raw};
use crate::{answer, cell, rows, send, stage};

#[tokio::test]
async fn notifications_arrive() {
    let stage = stage().await;
    let mut listener = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
    assert_eq!(raw::error_code(&listener.query("LISTEN news").await), None);
    let client = stage.connect().await;
    rows(&client, "NOTIFY news, 'hello'").await;
    let (kind, body) = listener.next_within(Duration::from_secs(10)).await.expect("a notification");
    assert_eq!(kind, b'A');
    assert!(body.windows(5).any(|part| part == b"hello"));
    stage.direct("SELECT pg_notify('news', 'from elsewhere')");
    assert_eq!(listener.next_within(Duration::from_secs(10)).await.map(|(kind, _)| kind), Some(b'A'));
}

#[tokio::test]
async fn large_values_pass_both_ways() {
    let stage = stage().await;
    let client = stage.connect().await;
    let body = "0123456789".repeat(5_000_000);
    assert_eq!(client.execute("INSERT INTO scratch VALUES (1, $1)", &[&body]).await.unwrap(), 1);
    let row = client.query_one("SELECT body, id FROM scratch WHERE id = 1", &[]).await.unwrap();
    assert!(row.get::<_, &str>(0) == body, "another value came back");
    assert_eq!(rows(&client, "SELECT body FROM scratch WHERE id = 1").await[0][0].len(), body.len());
    assert_eq!(cell(&client, "SELECT 1").await, "1");
}

#[tokio::test]
async fn large_values_in_a_masked_result_pass_too() {
    let stage = stage().await;
    stage.direct("INSERT INTO scratch VALUES (1, repeat('0123456789', 3000000))");
    let client = stage.connect().await;
    let got =
        rows(&client, "SELECT c.email, s.body FROM scratch s JOIN customers c ON c.id = s.id WHERE s.id = 1").await;
    assert_eq!((got[0][0].as_str(), got[0][1].len()), ("s***@canary.example", 30_000_000));
}

#[tokio::test]
async fn portals_with_row_limits_go_on_where_they_stopped() {
    let stage = stage().await;
    let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
    raw.query("BEGIN").await;
    let open =
        [raw::parse("s", "SELECT id, email FROM customers WHERE id <= 10 ORDER BY id"), raw::bind("p", "s", &[], 0)]
            .concat();
    raw.send(&[open, raw::execute("p", 4), raw::sync()].concat()).await;
    let first = raw.until_ready().await;
    assert!(raw::kinds(&first).ends_with("DDDDsZ"), "{}", raw::kinds(&first));
    raw.send(&[raw::execute("p", 4), raw::execute("p", 0), raw::sync()].concat()).await;
    let rest = raw.until_ready().await;
    assert_eq!(raw::kinds(&rest), "DDDDsDDCZ");
    let texts = [raw::texts(&first), raw::texts(&rest)].concat();
    assert_eq!(texts.len(), 20);
    assert!(
        texts
            .chunks(2)
            .enumerate()
            .all(|(index, row)| row[0] == (index + 1).to_string() && row[1] == "s***@canary.example"),
        "{texts:?}"
    );
    assert!(raw::kinds(&raw.query("COMMIT").await).contains('C'));
}

#[tokio::test]
async fn function_call_is_refused_and_the_session_goes_on() {
    let stage = stage().await;
    let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
    raw.send(&raw::message(b'F', &[0, 0, 5, 32, 0, 0, 0, 0, 0, 0])).await;
    let answer = raw.until_ready().await;
    assert_eq!(raw::error_code(&answer).as_deref(), Some("0A000"));
    assert_eq!(raw::texts(&raw.query("SELECT 1").await), ["1"]);
    // Behind a statement that is still answering its refusal waits for its turn.
    raw.send(
        &[raw::query("SELECT pg_catalog.repeat('x', 10)"), raw::message(b'F', &[0, 0, 5, 32, 0, 0, 0, 0, 0, 0])]
            .concat(),
    )
    .await;
    let first = raw.until_ready().await;
    assert_eq!(raw::texts(&first).len(), 1, "{}", raw::kinds(&first));
    assert_eq!(raw::error_code(&raw.until_ready().await).as_deref(), Some("0A000"));
}

#[tokio::test]
async fn function_call_in_a_transaction_fails_it_on_both_sides() {
    let stage = stage().await;
    let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
    raw.query("BEGIN").await;
    raw.query("INSERT INTO scratch VALUES (1, 'x')").await;
    raw.send(&raw::message(b'F', &[0, 0, 5, 32, 0, 0, 0, 0, 0, 0])).await;
    let answer = raw.until_ready().await;
    assert_eq!(answer.last(), Some(&(b'Z', vec![b'E'])), "an error fails the transaction");
    raw.query("COMMIT").await;
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "0");
}

#[tokio::test]
async fn replication_is_refused() {
    let stage = stage().await;
    for value in ["true", "database", "1"] {
        let mut raw = Raw::connect(stage.port).await;
        raw.send(&raw::startup(&[("user", AGENT), ("database", "shop"), ("replication", value)])).await;
        let answer = raw.until_end().await;
        assert!(raw::error_code(&answer).is_some(), "{value}: {}", raw::kinds(&answer));
        assert!(!raw::kinds(&answer).contains('Z'), "{value}");
    }
}

#[tokio::test]
async fn unknown_message_type_ends_the_connection_with_a_clear_error() {
    let stage = stage().await;
    let other = stage.connect().await;
    for bytes in [raw::message(b'y', b"what"), raw::message(b'd', b""), raw::message(b'p', b"late password")] {
        let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
        raw.send(&bytes).await;
        if bytes[0] == b'd' {
            assert_eq!(
                raw::texts(&raw.query("SELECT 1").await),
                ["1"],
                "left-over COPY data is ignored, as the server does"
            );
            continue;
        }
        let answer = raw.until_end().await;
        assert_eq!(raw::error_code(&answer).as_deref(), Some("08P01"), "{}", raw::kinds(&answer));
    }
    assert_eq!(cell(&other, "SELECT 1").await, "1");
}

#[tokio::test]
async fn ddl_passes_after_approval_and_the_catalog_follows() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, "ALTER TABLE orders ADD COLUMN flag text DEFAULT 'on'");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    assert_eq!(cell(&client, "SELECT flag FROM orders WHERE id = 1").await, "on");
    let sent = send(&client, "CREATE TABLE fresh (id int PRIMARY KEY, v text)");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    rows(&client, "INSERT INTO fresh VALUES (1, 'a')").await;
    assert_eq!(cell(&client, "SELECT v FROM fresh WHERE id = 1").await, "a");
    let other = stage.connect().await;
    assert_eq!(cell(&other, "SELECT v FROM fresh WHERE id = 1").await, "a");
}

#[tokio::test]
async fn renamed_column_stays_masked() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, "CREATE VIEW renamed AS SELECT id, ssn AS label FROM customers");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    assert!(cell(&client, "SELECT label FROM renamed WHERE id = 7").await.starts_with("[masked"));
}

#[tokio::test]
async fn extended_protocol_errors_skip_to_sync_as_the_server_does() {
    let stage = stage().await;
    let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
    raw.send(
        &[
            raw::extended("SELECT nothing_here FROM orders"),
            raw::extended("SELECT 2"),
            raw::sync(),
            raw::extended("SELECT 3"),
            raw::sync(),
        ]
        .concat(),
    )
    .await;
    let first = raw.until_ready().await;
    assert_eq!((raw::kinds(&first).as_str(), raw::error_code(&first).as_deref()), ("EZ", Some("42703")));
    assert_eq!(raw::texts(&raw.until_ready().await), ["3"]);
    for (bytes, code) in [
        (raw::bind("", "absent", &[], 0), "26000"),
        (raw::execute("absent", 0), "34000"),
        (raw::describe_portal("absent"), "34000"),
        (raw::message(b'D', b"Sabsent\0"), "26000"),
    ] {
        raw.send(&[bytes, raw::extended("SELECT 2"), raw::sync()].concat()).await;
        let answer = raw.until_ready().await;
        assert_eq!((raw::kinds(&answer).as_str(), raw::error_code(&answer).as_deref()), ("EZ", Some(code)));
    }
    assert_eq!(raw::texts(&raw.query("SELECT 4").await), ["4"]);
}

#[tokio::test]
async fn empty_queries_and_every_message_kind_in_order() {
    let stage = stage().await;
    let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
    assert_eq!(raw::kinds(&raw.query("").await), "IZ");
    assert_eq!(raw::kinds(&raw.query(" ; -- nothing").await), "IZ");
    let all = [
        raw::parse("s", "SELECT $1::int"),
        raw::message(b'D', b"Ss\0"),
        raw::bind("p", "s", &["5"], 1),
        raw::describe_portal("p"),
        raw::execute("p", 0),
        raw::message(b'C', b"Pp\0"),
        raw::message(b'C', b"Ss\0"),
        raw::message(b'H', b""),
        raw::sync(),
    ];
    raw.send(&all.concat()).await;
    let answer = raw.until_ready().await;
    assert_eq!(raw::kinds(&answer), "1tT2TDC33Z");
    assert_eq!(raw::cells(&answer[5].1), [Some(vec![0, 0, 0, 5])]);
    raw.send(&[raw::extended(""), raw::sync()].concat()).await;
    assert_eq!(raw::kinds(&raw.until_ready().await), "12nIZ");
}

#[tokio::test]
async fn flush_brings_answers_before_sync() {
    let stage = stage().await;
    let mut raw = Raw::login(stage.port, AGENT, &stage.keys.agent).await;
    raw.send(
        &[raw::parse("s", "SELECT id FROM orders WHERE id = 1"), raw::message(b'D', b"Ss\0"), raw::message(b'H', b"")]
            .concat(),
    )
    .await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(raw.next().await.unwrap());
    }
    assert_eq!(raw::kinds(&seen), "1tT");
    raw.send(&[raw::bind("", "s", &[], 0), raw::execute("", 0), raw::sync()].concat()).await;
    assert_eq!(raw::kinds(&raw.until_ready().await), "2DCZ");
}

#[tokio::test]
async fn re_described_statement_after_ddl_keeps_masks_right() {
    let stage = stage().await;
    let client = stage.connect().await;
    let statement = client.prepare("SELECT * FROM api_keys WHERE id = 3").await.unwrap();
    assert!(client.query_one(&statement, &[]).await.unwrap().get::<_, &str>(2).starts_with("[masked"));
    stage.direct("ALTER TABLE api_keys ADD COLUMN extra text DEFAULT 'x'");
    match client.query_one(&statement, &[]).await {
        // PostgreSQL itself says: cached plan must not change result type.
        Err(error) => assert!(error.as_db_error().is_some() || error.is_closed(), "{error:?}"),
        Ok(row) => assert!(row.get::<_, &str>(2).starts_with("[masked")),
    }
}
