//! Bulk by evidence: keys and limits, then the planner, then the stream itself.

use crate::client::{answer, refusal};
use crate::holdpoint::id;
use crate::scenarios;
use crate::stage::Kind;

scenarios!(
    bulk_read_is_held_and_a_bounded_one_is_not,
    planner_knows_what_the_text_does_not_tell,
    result_that_crosses_its_ceiling_is_held_in_mid_stream,
    refused_rest_of_a_result_leaves_the_session_in_order,
    hold_in_mid_result_shows_what_runs_not_what_was_judged_before,
    bulk_write_is_held_and_a_keyed_one_is_not,
    approved_bulk_read_comes_whole,
);

async fn bulk_read_is_held_and_a_bounded_one_is_not(kind: Kind) {
    let stage = kind.hasty().await;
    let client = stage.client().await;
    assert_eq!(client.rows("SELECT id, name FROM customers LIMIT 10").await.len(), 10);
    assert_eq!(client.rows("SELECT id, name FROM customers WHERE id = 3").await.len(), 1);
    assert_eq!(client.query("SELECT id, name FROM customers").await.unwrap_err().kind(), "pending");
    assert_eq!(client.execute("SELECT id, name FROM customers", &[]).await.unwrap_err().kind(), "pending");
}

async fn planner_knows_what_the_text_does_not_tell(kind: Kind) {
    let stage = kind.hasty().await;
    let client = stage.client().await;
    assert_eq!(client.rows("SELECT id FROM customers WHERE id BETWEEN 10 AND 30").await.len(), 21);
    assert_eq!(client.rows("SELECT id FROM employees").await.len(), 50);
    assert_eq!(client.query("SELECT id FROM customers WHERE id > 5").await.unwrap_err().kind(), "pending");
}

/// The planner is made to believe in few rows. PostgreSQL: by statistics from before the table grew. The others dive into
/// indexes for constants, and count what they find; not for a join, where they believe statistics from before values changed.
async fn grown(kind: Kind, rules: String) -> crate::stage::Stage {
    let stage = kind.start(rules, "").await;
    let fill = kind.sql(
        "CREATE TABLE grown (id int, note text); ALTER TABLE grown SET (autovacuum_enabled = off); \
         INSERT INTO grown VALUES (1, 'x'); ANALYZE grown; \
         ALTER TABLE grown OWNER TO shop_app; INSERT INTO grown SELECT i, 'note' FROM generate_series(1, 1500) AS i; \
         CREATE TABLE two (note text PRIMARY KEY); INSERT INTO two VALUES ('note'), ('other'); ANALYZE two; \
         ALTER TABLE two OWNER TO shop_app",
        "CREATE TABLE grown (id int PRIMARY KEY, note varchar(20), KEY (note)) STATS_PERSISTENT=1 STATS_AUTO_RECALC=0; \
         INSERT INTO grown SELECT id, concat('n', id) FROM orders WHERE id <= 1500; ANALYZE TABLE grown; \
         UPDATE grown SET note = 'note'; \
         CREATE TABLE two (note varchar(20) PRIMARY KEY); INSERT INTO two VALUES ('note'), ('other'); ANALYZE TABLE two",
    );
    stage.direct(fill);
    stage
}

const GROWN: &str = "SELECT g.id FROM two t JOIN grown g ON g.note = t.note";

async fn result_that_crosses_its_ceiling_is_held_in_mid_stream(kind: Kind) {
    let stage = grown(kind, kind.rules()).await;
    let client = stage.client().await;
    let sent = client.send(GROWN);
    let approval = stage.one_pending().await;
    assert_eq!(approval["request"]["rows_so_far"], 1000, "{approval}");
    stage.approve_pending().await;
    assert_eq!(answer(sent).await.unwrap().len(), 1500);
    stage.approval_becomes(id(&approval), "executed").await;
}

async fn refused_rest_of_a_result_leaves_the_session_in_order(kind: Kind) {
    let stage = grown(kind, kind.rules()).await;
    let client = stage.client().await;
    let sent = client.send(GROWN);
    stage.deny_pending("enough").await;
    assert_eq!(refusal(sent).await.kind(), "denied");
    assert_eq!(client.cell("SELECT 41 + 1").await, "42");
}

/// A judgement is kept for texts that differ in harmless literals; a person must see the one that runs.
async fn hold_in_mid_result_shows_what_runs_not_what_was_judged_before(kind: Kind) {
    let stage = grown(kind, kind.rules()).await;
    let client = stage.client().await;
    assert!(client.rows(&format!("{GROWN} WHERE t.note = 'other'")).await.is_empty());
    let sent = client.send(&format!("{GROWN} WHERE t.note = 'note'"));
    let shown = stage.deny_pending("seen").await["request"]["statements"][0].clone();
    assert!(shown["text"].as_str().unwrap().ends_with("t.note = 'note'"), "{shown}");
    assert_eq!(refusal(sent).await.kind(), "denied");

    let text = kind.sql(
        "SELECT g.id FROM two t JOIN grown g ON g.note = t.note WHERE t.note = $1",
        "SELECT g.id FROM two t JOIN grown g ON g.note = t.note WHERE t.note = ?",
    );
    assert!(client.execute(text, &["other"]).await.unwrap().is_empty());
    let other = client.clone();
    let sent = tokio::spawn(async move { other.execute(text, &["note"]).await });
    let shown = stage.deny_pending("seen").await["request"]["statements"][0].clone();
    assert_eq!(shown["parameters"], serde_json::json!(["note"]), "{shown}");
    assert_eq!(refusal(sent).await.kind(), "denied");
}

async fn bulk_write_is_held_and_a_keyed_one_is_not(kind: Kind) {
    let stage = kind.hasty().await;
    let client = stage.client().await;
    client.rows("UPDATE orders SET note = 'one' WHERE id = 3").await;
    assert_eq!(stage.direct("SELECT note FROM orders WHERE id = 3"), "one");
    assert_eq!(client.query("UPDATE orders SET note = 'all'").await.unwrap_err().kind(), "pending");
    assert_eq!(client.query("DELETE FROM orders WHERE id > 5").await.unwrap_err().kind(), "pending");
    assert_eq!(stage.direct("SELECT count(*) FROM orders WHERE note = 'all'"), "0");
}

async fn approved_bulk_read_comes_whole(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("SELECT id, name, ssn FROM customers");
    let approval = stage.approve_pending().await;
    let shown = &approval["request"]["statements"][0];
    assert!(shown["row_estimate"].as_u64().unwrap() > 4000, "{shown}");
    let rows = answer(sent).await.unwrap();
    assert_eq!(rows.len(), 5000);
    assert!(rows.iter().all(|row| row[2] == "[masked:pii.ssn]"));
}
