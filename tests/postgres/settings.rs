//! What changes how SQL is read or where names resolve, and the proxy's own settings.

use crate::holdpoint::id;
use crate::raw::{self, Raw};
use crate::{answer, cell, cells, db_error, hasty, kind, refusal, rows, send, stage};

/// A statement that must not show a canary, whatever it ends with.
async fn shows_nothing(client: &tokio_postgres::Client, sql: &str) {
    let shown = match client.simple_query(sql).await {
        Ok(answer) => format!("{:?}", cells(&answer)),
        Err(error) => format!("{error:?}"),
    };
    assert!(!shown.contains("CANARY-7") && !shown.contains("secret.person"), "{sql}: {shown}");
}

#[tokio::test]
async fn own_settings_are_answered_in_the_simple_protocol() {
    let stage = stage().await;
    let client = stage.connect().await;
    rows(&client, "SET holdpoint.reason = 'monthly report'; SET holdpoint.ticket TO 'OPS-1'").await;
    assert_eq!(cell(&client, "SHOW holdpoint.reason").await, "monthly report");
    assert_eq!(cell(&client, "show HOLDPOINT.ticket;").await, "OPS-1");
    assert!(cell(&client, "SHOW holdpoint.help").await.contains("SET holdpoint.reason"));
    assert_eq!(cell(&client, "SET holdpoint.model = 'm'; SELECT 5").await, "5");
    let sent = send(&client, "DROP TABLE scratch");
    let approval = stage.one_pending().await;
    let claims = &approval["request"]["requester"]["claims"];
    assert_eq!(
        (claims["reason"].as_str(), claims["ticket"].as_str(), claims["model"].as_str()),
        (Some("monthly report"), Some("OPS-1"), Some("m"))
    );
    stage.deny_pending("no").await;
    refusal(sent).await;
    let shown = cell(&client, "SHOW holdpoint.approval").await;
    assert!(shown.contains(id(&approval)) && shown.contains("denied"), "{shown}");
    assert!(cell(&client, &format!("SHOW holdpoint.\"{}\"", id(&approval))).await.contains("denied"));
    assert_eq!(stage.direct("SELECT count(*) FROM pg_settings WHERE name LIKE 'holdpoint%'"), "0");
}

#[tokio::test]
async fn own_settings_are_answered_in_the_extended_protocol() {
    let stage = stage().await;
    let client = stage.connect().await;
    client.execute("SET holdpoint.reason = 'extended'", &[]).await.unwrap();
    let row = client.query_one("SHOW holdpoint.reason", &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "extended");
    let statement = client.prepare("SHOW holdpoint.help").await.unwrap();
    for _ in 0..2 {
        assert!(client.query_one(&statement, &[]).await.unwrap().get::<_, &str>(0).contains("holdpoint"));
    }
    assert_eq!(client.query_one("SELECT 1", &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test]
async fn hold_time_can_be_shortened_by_the_client() {
    let stage = stage().await;
    let client = stage.connect().await;
    rows(&client, "SET holdpoint.hold = '1s'").await;
    assert_eq!(kind(&refusal(send(&client, "DROP TABLE scratch")).await), "holdpoint_pending");
}

#[tokio::test]
async fn own_settings_come_with_the_start_up_options() {
    let stage = stage().await;
    let client = stage.connect_with("options='-c holdpoint.ticket=OPS-7' application_name=reporter").await;
    assert_eq!(cell(&client, "SHOW holdpoint.ticket").await, "OPS-7");
    let sent = send(&client, "DROP TABLE scratch");
    let approval = stage.one_pending().await;
    let claims = &approval["request"]["requester"]["claims"];
    assert_eq!((claims["ticket"].as_str(), claims["application_name"].as_str()), (Some("OPS-7"), Some("reporter")));
    stage.deny_pending("no").await;
    refusal(sent).await;
}

#[tokio::test]
async fn search_path_decides_which_table_is_meant() {
    let stage = stage().await;
    stage.direct("SET ROLE shop_app; CREATE SCHEMA other; CREATE TABLE other.customers (id int PRIMARY KEY, ssn text); INSERT INTO other.customers VALUES (7, 'open value')");
    // A table that others made is behind a name that is known: nothing passes, the session ends, the next one knows.
    let early = stage.connect().await;
    rows(&early, "SET search_path = other, public").await;
    shows_nothing(&early, "SELECT ssn FROM customers WHERE id = 7").await;
    crate::pause(300).await;
    let client = stage.connect().await;
    assert!(cell(&client, "SELECT ssn FROM customers WHERE id = 7").await.starts_with("[masked"));
    rows(&client, "SET search_path = other, public").await;
    let shown = cell(&client, "SELECT ssn FROM customers WHERE id = 7").await;
    assert_eq!(shown, "open value");
    rows(&client, "SET search_path = public, other").await;
    assert!(cell(&client, "SELECT ssn FROM customers WHERE id = 7").await.starts_with("[masked"));
    rows(&client, "BEGIN; SET LOCAL search_path = other").await;
    rows(&client, "ROLLBACK").await;
    assert!(cell(&client, "SELECT ssn FROM customers WHERE id = 7").await.starts_with("[masked"));
    shows_nothing(&client, "SET search_path = other; SET search_path = public; SELECT ssn FROM customers WHERE id = 7")
        .await;
    rows(&client, "RESET search_path").await;
    shows_nothing(&client, "SELECT set_config('search_path', 'public', false), ssn FROM customers WHERE id = 7").await;
}

#[tokio::test]
async fn temporary_table_does_not_shadow_a_name_unseen() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, "CREATE TEMP TABLE orders (id int, note text)");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    let sent = send(&client, "INSERT INTO pg_temp.orders VALUES (1, 'temporary')");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    shows_nothing(&client, "SELECT ssn FROM customers WHERE id = 7").await;
    let sent = send(&client, "CREATE TEMP TABLE customers AS SELECT id, ssn AS name FROM public.customers LIMIT 10");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    let held = send(&client, "SELECT name FROM customers WHERE id = 7");
    crate::pause(300).await;
    if !stage.approvals("pending").await.is_empty() {
        stage.deny_pending("no").await;
    }
    let shown = format!("{:?}", answer(held).await);
    assert!(!shown.contains("CANARY-7"), "{shown}");
}

#[tokio::test]
async fn string_syntax_follows_the_session() {
    let stage = hasty().await;
    let client = stage.connect().await;
    rows(&client, "SET standard_conforming_strings = off").await;
    // With backslash escapes the first string ends only before `; the column is real, not part of a literal.
    shows_nothing(&client, r"SELECT 'a\'' AS q, ssn FROM customers WHERE id = 7 --'").await;
    shows_nothing(&client, r"SELECT '\', ssn FROM customers WHERE id = 7 --'").await;
    rows(&client, "SET standard_conforming_strings = on").await;
    shows_nothing(&client, r"SELECT '\', ssn FROM customers WHERE id = 7 --'").await;
    assert_eq!(cell(&client, "SELECT name FROM customers WHERE id = 7").await, "Name 7");
}

#[tokio::test]
async fn encodings_other_than_utf8_do_not_pass_values() {
    let stage = hasty().await;
    let mut raw = Raw::login(stage.port, "reporting-bot", &stage.keys.agent).await;
    for encoding in ["LATIN1", "SJIS", "SQL_ASCII"] {
        raw.query(&format!("SET client_encoding = '{encoding}'")).await;
        let answer = raw.query("SELECT ssn FROM customers WHERE id = 7").await;
        assert!(!answer.iter().any(|(_, body)| body.windows(10).any(|part| part == b"SSN-CANARY")), "{encoding}");
        let mut bytes = b"SELECT '".to_vec();
        bytes.extend([0x95, 0x5c]);
        bytes.extend(b"', ssn FROM customers WHERE id = 7 --'\0");
        raw.send(&raw::message(b'Q', &bytes)).await;
        let answer = raw.until_ready().await;
        assert!(!answer.iter().any(|(_, body)| body.windows(10).any(|part| part == b"SSN-CANARY")), "{encoding}");
    }
}

#[tokio::test]
async fn set_role_is_held_as_a_privilege() {
    let stage = hasty().await;
    stage.direct(&format!("CREATE ROLE {0}_powerful; GRANT {0}_powerful TO shop_app; ALTER TABLE orders OWNER TO {0}_powerful; GRANT SELECT ON orders TO shop_app", stage.database));
    let client = stage.connect().await;
    for sql in [format!("SET ROLE {}_powerful", stage.database), "SET SESSION AUTHORIZATION shop_app".to_owned()] {
        assert_eq!(kind(&refusal(send(&client, &sql)).await), "holdpoint_pending", "{sql}");
    }
    assert_eq!(cell(&client, "SELECT current_user").await, "shop_app");
}

#[tokio::test]
async fn prepared_statements_of_sql_are_judged_as_what_they_hold() {
    let stage = hasty().await;
    let client = stage.connect().await;
    rows(&client, "PREPARE one (int) AS SELECT id, ssn FROM customers WHERE id = $1").await;
    let got = rows(&client, "EXECUTE one(7)").await;
    assert!(got[0][0] == "7" && got[0][1].starts_with("[masked"), "{got:?}");
    let prepared = client.simple_query("PREPARE gone AS DELETE FROM orders").await;
    if prepared.is_ok() {
        assert_eq!(kind(&refusal(send(&client, "EXECUTE gone")).await), "holdpoint_pending");
    }
    assert_eq!(stage.direct("SELECT count(*) FROM orders"), "3000");
    rows(&client, "DEALLOCATE one").await;
    let error = db_error(client.simple_query("EXECUTE one(7)").await.unwrap_err());
    assert!(matches!(error.code().code(), "26000" | "55000"), "{error:?}");
}

#[tokio::test]
async fn cursors_of_sql_are_masked() {
    let stage = hasty().await;
    let client = stage.connect().await;
    rows(&client, "BEGIN").await;
    rows(&client, "DECLARE c CURSOR FOR SELECT id, ssn, email FROM customers WHERE id < 50 ORDER BY id").await;
    let got = rows(&client, "FETCH 3 FROM c").await;
    assert_eq!(got.len(), 3);
    assert!(got.iter().all(|row| row[1].starts_with("[masked") && row[2] == "s***@canary.example"), "{got:?}");
    rows(&client, "CLOSE c").await;
    rows(&client, "COMMIT").await;
}

#[tokio::test]
async fn function_bodies_and_strings_of_sql_do_not_pass_unjudged() {
    let stage = hasty().await;
    stage.direct("SET ROLE shop_app; CREATE FUNCTION peek(i int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT ssn FROM customers WHERE id = i); END $$");
    let client = stage.connect().await;
    for sql in [
        "SELECT peek(7)",
        "DO $$ BEGIN RAISE NOTICE '%', (SELECT ssn FROM customers WHERE id = 7); END $$",
        "SELECT query_to_xml('SELECT ssn FROM customers WHERE id = 7', true, true, '')",
        "SELECT * FROM ts_stat('SELECT to_tsvector(ssn) FROM customers')",
    ] {
        shows_nothing(&client, sql).await;
    }
}
