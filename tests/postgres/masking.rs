//! What a client gets to see of classified columns: in text, in binary, in prepared statements, in errors.

use tokio_postgres::types::Type;

use crate::{cell, cells, db_error, hasty, kind, rows, stage};

const EVERY: &str = "SELECT id, name, email, ssn, card_number, born, balance, score, active, joined, uid, profile, photo, tags \
                     FROM customers WHERE id = 7";

#[tokio::test]
async fn classified_columns_are_masked_in_text_and_the_rest_is_left_alone() {
    let stage = stage().await;
    let client = stage.connect().await;
    let row = rows(&client, EVERY).await.remove(0);
    assert_eq!(row[..2], ["7", "Name 7"]);
    assert_eq!(row[2], "s***@canary.example");
    assert!(row[3].starts_with("[masked:"), "{}", row[3]);
    assert!(row[4].ends_with("0007") && row[4].contains('*'), "{}", row[4]);
    assert_eq!(row[5], "1970-01-01");
    assert_eq!(row[6..8], ["(null)", "(null)"]);
    assert_eq!(row[8], "f");
    assert!(row[9].starts_with("2020-01-01 07:00:00"), "{}", row[9]);
    let all = row.join(" ");
    assert!(
        !all.contains("CANARY") && !all.contains(&hex::encode("CANARY")) && !all.contains("secret.person"),
        "{all}"
    );
    assert!(!all.contains("8f14e45f-ceea-167a-5a36-dedd4bea2543"), "a uuid passed: {all}");
}

#[tokio::test]
async fn classified_columns_are_masked_in_binary_and_drivers_decode_them() {
    let stage = stage().await;
    let client = stage.connect().await;
    let statement =
        client.prepare("SELECT id, email, ssn, score, photo, tags, joined FROM customers WHERE id = $1").await.unwrap();
    assert_eq!(statement.columns()[3].type_(), &Type::FLOAT8);
    for round in 1..=3_i32 {
        let row = client.query_one(&statement, &[&round]).await.unwrap();
        assert_eq!(row.get::<_, i32>(0), round);
        assert_eq!(row.get::<_, &str>(1), "s***@canary.example");
        assert!(row.get::<_, &str>(2).starts_with("[masked:"));
        assert_eq!(row.get::<_, Option<f64>>(3), None);
        assert!(!String::from_utf8_lossy(row.get::<_, &[u8]>(4)).contains("CANARY"));
        assert!(!row.get::<_, Vec<String>>(5).join(",").contains("CANARY"));
        assert!(row.get::<_, std::time::SystemTime>(6) > std::time::UNIX_EPOCH);
    }
}

#[tokio::test]
async fn views_expressions_rows_and_aggregates_do_not_carry_values_out() {
    let stage = hasty().await;
    for sql in [
        "SELECT address FROM contacts WHERE id = 7",
        "SELECT upper(email) FROM customers WHERE id = 7",
        "SELECT c FROM customers c WHERE id = 7",
        "SELECT row_to_json(c) FROM customers c WHERE id = 7",
        "SELECT max(email) FROM customers",
        "SELECT string_agg(ssn, ',') FROM customers WHERE id < 9",
        "WITH x AS (SELECT ssn AS name FROM customers WHERE id = 7) SELECT name FROM x",
        "SELECT (SELECT ssn FROM customers WHERE id = 7)",
        "SELECT ssn FROM customers WHERE id = 7 UNION ALL SELECT name FROM employees WHERE id = 1",
        "SELECT query_to_xml('SELECT ssn FROM customers WHERE id = 7', true, true, '')",
        "EXPLAIN (ANALYZE, VERBOSE) SELECT ssn FROM customers WHERE id = 7",
        "SELECT most_common_vals FROM pg_stats WHERE attname = 'ssn'",
    ] {
        let client = stage.connect().await;
        let shown = match client.simple_query(sql).await {
            Ok(answer) => format!("{:?}", cells(&answer)),
            Err(error) => format!("{:?}", error),
        };
        let lowered = shown.to_lowercase();
        assert!(!lowered.contains("canary-") && !lowered.contains("secret.person"), "{sql}: {shown}");
    }
}

#[tokio::test]
async fn errors_of_tainted_statements_are_re_worded() {
    let stage = stage().await;
    let client = stage.connect().await;
    let error = db_error(client.simple_query("UPDATE customers SET name = NULL WHERE id = 7").await.unwrap_err());
    assert_eq!(error.code().code(), "23502");
    let all = format!("{error:?}");
    assert!(!all.contains("CANARY") && !all.contains("secret.person"), "{all}");
    assert_eq!(error.detail(), None);
}

#[tokio::test]
async fn errors_elsewhere_are_left_alone() {
    let stage = stage().await;
    let client = stage.connect().await;
    let error = db_error(client.simple_query("SELECT no_such FROM orders").await.unwrap_err());
    assert_eq!(error.code().code(), "42703");
    assert!(error.message().contains("no_such"), "{error:?}");
    let error = db_error(client.simple_query("INSERT INTO orders VALUES (1, 1, 1, 'open', '')").await.unwrap_err());
    assert_eq!((error.code().code(), error.constraint()), ("23505", Some("orders_pkey")));
    assert!(error.detail().is_some_and(|detail| detail.contains("(id)=(1)")), "{error:?}");
    let error = db_error(client.query("SELECT 1 / (id - id) FROM orders WHERE id = 1", &[]).await.unwrap_err());
    assert_eq!(error.code().code(), "22012");
}

#[tokio::test]
async fn masked_value_written_back_is_refused() {
    let stage = stage().await;
    let client = stage.connect().await;
    let masked = cell(&client, "SELECT ssn FROM customers WHERE id = 7").await;
    let sql = format!("UPDATE orders SET note = '{masked}' WHERE id = 1");
    let error = db_error(client.simple_query(&sql).await.unwrap_err());
    assert_eq!(error.code().code(), "42501", "{error:?}");
    let error = db_error(client.query("UPDATE orders SET note = $1 WHERE id = 1", &[&masked]).await.unwrap_err());
    assert_eq!(error.code().code(), "42501", "{error:?}");
    assert_eq!(stage.direct("SELECT note FROM orders WHERE id = 1"), "note 1");
}

#[tokio::test]
async fn probes_on_a_secret_are_denied_and_equality_on_an_email_is_ordinary_work() {
    let stage = hasty().await;
    let client = stage.connect().await;
    let name = rows(&client, "SELECT name FROM customers WHERE email = 'secret.person7@canary.example'").await;
    assert_eq!(name, [["Name 7"]]);
    let error =
        db_error(client.simple_query("SELECT id FROM api_keys WHERE api_key = 'sk_CANARY_1'").await.unwrap_err());
    assert_eq!((error.code().code(), kind(&error)), ("42501", "holdpoint_forbidden"));
    let error =
        db_error(client.simple_query("SELECT id FROM customers WHERE email LIKE 's%7@%' LIMIT 3").await.unwrap_err());
    assert_eq!(kind(&error), "holdpoint_pending");
}
