//! Names whose meaning was fixed earlier in the session: what is judged must be what the server kept under them.

use crate::hasty;
use crate::holdpoint::{AGENT, Holdpoint};
use crate::raw::{self, Raw};

const SECRETS: [&str; 3] = ["CANARY", "secret.person", "SECRET.PERSON"];

async fn login(stage: &Holdpoint) -> Raw {
    Raw::login(stage.port, AGENT, &stage.keys.agent).await
}

/// Runs a text; what it ended with shows no secret.
async fn query(raw: &mut Raw, sql: &str) -> Option<String> {
    let messages = raw.query(sql).await;
    shows_nothing(sql, &messages);
    raw::error_code(&messages)
}

fn shows_nothing(what: &str, messages: &[raw::Message]) {
    let shown = format!("{:?}", raw::texts(messages));
    assert!(!SECRETS.iter().any(|secret| shown.contains(secret)), "{what}: {shown}");
}

fn orders(stage: &Holdpoint) -> String {
    stage.direct("SELECT count(*) FROM orders")
}

/// A text stops at its first error: what stood behind it was never prepared, and PREPARE is no part of a transaction.
#[tokio::test]
async fn failed_text_leaves_the_prepared_statement_that_was_there() {
    let stage = hasty().await;
    let mut raw = login(&stage).await;
    let before = orders(&stage);
    assert_eq!(query(&mut raw, "PREPARE p AS DELETE FROM orders WHERE id > 0").await, None);
    let again = "INSERT INTO scratch VALUES (1, 'x')";
    assert_eq!(query(&mut raw, again).await, None);
    let text = format!("{again}; DEALLOCATE p; PREPARE p AS SELECT 1");
    assert_eq!(query(&mut raw, &text).await.as_deref(), Some("23505"));
    assert!(query(&mut raw, "EXECUTE p").await.is_some());
    assert_eq!(orders(&stage), before);
    query(&mut raw, "DEALLOCATE p").await;
    assert_eq!(query(&mut raw, "PREPARE p AS SELECT 41 + 1").await, None);
    assert_eq!(query(&mut raw, "EXECUTE p").await, None);
}

#[tokio::test]
async fn failed_text_leaves_the_cursor_that_was_there() {
    let stage = hasty().await;
    let mut raw = login(&stage).await;
    let declared = "DECLARE c CURSOR WITH HOLD FOR SELECT upper(ssn) FROM customers WHERE id = 1";
    assert_eq!(query(&mut raw, declared).await, None);
    let again = "INSERT INTO scratch VALUES (1, 'x')";
    assert_eq!(query(&mut raw, again).await, None);
    let text =
        format!("{again}; CLOSE c; DECLARE c CURSOR WITH HOLD FOR SELECT upper(country) FROM customers WHERE id = 1");
    assert_eq!(query(&mut raw, &text).await.as_deref(), Some("23505"));
    query(&mut raw, "FETCH ALL FROM c").await;
}

/// SQL's PREPARE and the protocol's Parse name statements in one place.
#[tokio::test]
async fn name_that_was_parsed_anew_is_not_what_sql_prepared() {
    let stage = hasty().await;
    let mut raw = login(&stage).await;
    let before = orders(&stage);
    assert_eq!(query(&mut raw, "PREPARE p AS SELECT 1").await, None);
    let close = raw::message(b'C', &[b"S", &raw::zero("p")[..]].concat());
    raw.send(&[close, raw::parse("p", "DELETE FROM orders WHERE id > 0"), raw::sync()].concat()).await;
    assert_eq!(raw::error_code(&raw.until_ready().await), None);
    assert!(query(&mut raw, "EXECUTE p").await.is_some());
    assert_eq!(orders(&stage), before);
}

/// The server keeps the tree of a text that was parsed while a backslash was a backslash.
#[tokio::test]
async fn statement_parsed_under_another_setting_is_not_executed() {
    let stage = hasty().await;
    let mut raw = login(&stage).await;
    let text = r"SELECT '\' || upper(ssn) || '' || '||' FROM customers WHERE id = 1 -- '";
    raw.send(&[raw::parse("s", text), raw::sync()].concat()).await;
    assert_eq!(raw::error_code(&raw.until_ready().await), None);
    let run = [raw::bind("", "s", &[], 0), raw::execute("", 0), raw::sync()].concat();
    raw.send(&run).await;
    shows_nothing("as it was parsed", &raw.until_ready().await);
    assert_eq!(query(&mut raw, "SET standard_conforming_strings = off").await, None);
    raw.send(&run).await;
    let messages = raw.until_ready().await;
    shows_nothing("another setting", &messages);
    assert_eq!(raw::error_code(&messages).as_deref(), Some("55000"));
    assert_eq!(query(&mut raw, "SET standard_conforming_strings = on").await, None);
    raw.send(&run).await;
    let messages = raw.until_ready().await;
    shows_nothing("as it was parsed, again", &messages);
    assert_eq!(raw::error_code(&messages), None);
}

/// PostgreSQL resolves the names of a prepared statement anew when `search_path` is another one.
#[tokio::test]
async fn statement_prepared_under_another_search_path_is_not_executed_unjudged() {
    let stage = hasty().await;
    stage.direct(
        "CREATE SCHEMA other; CREATE TABLE other.contacts (id int PRIMARY KEY, address text); \
         GRANT USAGE ON SCHEMA other TO PUBLIC; GRANT SELECT ON other.contacts TO PUBLIC",
    );
    let mut raw = login(&stage).await;
    assert_eq!(query(&mut raw, "SET search_path = other").await, None);
    assert_eq!(query(&mut raw, "SELECT address FROM contacts WHERE id = 1").await, None);
    assert_eq!(query(&mut raw, "PREPARE p AS SELECT upper(address) FROM contacts WHERE id = 1").await, None);
    assert_eq!(query(&mut raw, "EXECUTE p").await, None);
    assert_eq!(query(&mut raw, "SET search_path = public").await, None);
    assert_eq!(query(&mut raw, "EXECUTE p").await.as_deref(), Some("55000"), "held");
}
