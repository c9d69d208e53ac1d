//! What comes back of classified columns, in text and in binary, in rows and in errors.

use crate::client::answer;
use crate::scenarios;
use crate::stage::Kind;

scenarios!(
    text_too_long_to_read_is_held_and_its_rows_redacted,
    classified_columns_are_masked_in_text_and_binary,
    names_do_not_matter_where_the_data_comes_from_does,
    derived_values_are_redacted_whole,
    errors_that_quote_classified_values_are_reworded,
    other_errors_pass_untouched,
    probes_are_held_and_look_ups_are_not,
    masked_value_written_back_is_refused,
    counting_is_free,
);

const ROW: &str = "SELECT id, name, email, ssn, card_number FROM customers WHERE id = 7";

async fn classified_columns_are_masked_in_text_and_binary(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    for rows in [client.rows(ROW).await, client.execute(ROW, &[]).await.unwrap()] {
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row[0].as_str(), row[1].as_str()), ("7", "Name 7"));
        assert!(row[2].starts_with("s***") && row[2].ends_with("@canary.example"), "{row:?}");
        assert_eq!(row[3], "[masked:pii.ssn]");
        assert!(row[4].ends_with("0007") && row[4].starts_with('*'), "{row:?}");
    }
}

async fn names_do_not_matter_where_the_data_comes_from_does(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    for sql in [
        "SELECT ssn AS harmless FROM customers WHERE id = 7",
        "SELECT x.a FROM (SELECT ssn AS a FROM customers WHERE id = 7) x",
        "WITH orders AS (SELECT ssn AS note FROM customers WHERE id = 7) SELECT note FROM orders",
    ] {
        let row = client.rows(sql).await;
        assert_eq!(row[0][0], "[masked:pii.ssn]", "{sql}");
    }
    let view = client.rows("SELECT address FROM contacts WHERE id = 7").await;
    assert!(view[0][0].starts_with("s***"), "{view:?}");
}

async fn derived_values_are_redacted_whole(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    for sql in [
        "SELECT concat('x', email) FROM customers WHERE id = 7",
        "SELECT upper(ssn) FROM customers WHERE id = 7",
        "SELECT coalesce(ssn, 'none') FROM customers WHERE id = 7",
        "SELECT max(ssn) FROM customers WHERE id = 7",
    ] {
        let row = client.rows(sql).await;
        assert!(row[0][0].starts_with("[masked:pii."), "{sql}: {row:?}");
    }
}

async fn errors_that_quote_classified_values_are_reworded(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("UPDATE customers SET email = 'secret.person9@canary.example' WHERE id = 7");
    stage.approve_pending().await;
    let error = answer(sent).await.unwrap_err();
    assert!(!error.message.contains("canary"), "{error:?}");
    assert_eq!(error.state, kind.sql("23505", "23000"));
}

async fn other_errors_pass_untouched(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let error = client.query("SELECT no_such FROM orders WHERE id = 1").await.unwrap_err();
    assert!(error.message.contains("no_such"), "{error:?}");
    let error = client.query("INSERT INTO scratch (id, body) VALUES (1, 'a'), (1, 'b')").await.unwrap_err();
    assert!(error.message.to_lowercase().contains("duplicate"), "{error:?}");
}

async fn probes_are_held_and_look_ups_are_not(kind: Kind) {
    let stage = kind.hasty().await;
    let client = stage.client().await;
    let found = client.rows("SELECT id FROM customers WHERE email = 'secret.person9@canary.example'").await;
    assert_eq!(found, [["9"]]);
    for sql in [
        "SELECT id FROM customers WHERE email LIKE 's%' LIMIT 3",
        "SELECT id FROM customers ORDER BY ssn LIMIT 3",
        "SELECT count(*) FROM customers GROUP BY ssn LIMIT 3",
        "SELECT id FROM customers WHERE ssn = 'SSN-CANARY-9'",
    ] {
        assert_eq!(client.query(sql).await.unwrap_err().kind(), "pending", "{sql}");
    }
    let error = client.query("SELECT id FROM api_keys WHERE api_key = 'sk_CANARY_1'").await.unwrap_err();
    assert_eq!(error.kind(), "forbidden", "{error:?}");
}

async fn masked_value_written_back_is_refused(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let error = client.query("INSERT INTO scratch (id, body) VALUES (1, '[masked:pii.ssn]')").await.unwrap_err();
    assert!(error.message.contains("mask token"), "{error:?}");
    let sql = "UPDATE orders SET note = ? WHERE id = 1";
    let error = client.execute(sql, &["[masked:pii.ssn]"]).await.unwrap_err();
    assert!(error.message.contains("mask token"), "{error:?}");
}

async fn counting_is_free(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    assert_eq!(client.cell("SELECT count(email) FROM customers").await, "5000");
    assert_eq!(client.cell("SELECT count(*) FROM customers").await, "5000");
}

/// Nothing is known of the rows of a text that is not read: whoever lets it through gets them redacted, and the session goes on.
async fn text_too_long_to_read_is_held_and_its_rows_redacted(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let many = vec!["9999999"; 150_000].join(",");
    let sent = client.send(&format!("SELECT name, email FROM customers WHERE id IN (3, {many})"));
    let approval = stage.approve_pending().await;
    assert_eq!(approval["request"]["statements"][0]["actions"], serde_json::json!(["opaque"]), "{approval}");
    let rows = answer(sent).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert!(rows[0].iter().all(|cell| cell.starts_with("[masked:")), "{rows:?}");
    assert_eq!(client.cell("SELECT 41 + 1").await, "42");
}
