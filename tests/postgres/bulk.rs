//! Bulk reads: by static bound, by the planner's word, by the streaming ceiling in mid-result.

use futures_util::TryStreamExt;

use crate::holdpoint::{Holdpoint, Setup, id};
use crate::raw::{self, Raw};
use crate::{answer, cells, db_error, hasty, kind, refusal, rows, sample, send, stage};

/// The planner believes this to be 25 rows (0.5 %); it is 2500.
const LIE: &str = "SELECT id, name, email FROM customers WHERE id % 2 = 0";

#[tokio::test]
async fn bounded_reads_pass() {
    let stage = hasty().await;
    let client = stage.connect().await;
    assert_eq!(rows(&client, "SELECT id FROM customers LIMIT 1000").await.len(), 1000);
    assert_eq!(rows(&client, "SELECT name FROM customers WHERE id = 5").await.len(), 1);
    assert_eq!(rows(&client, "SELECT count(*), max(total) FROM orders").await.len(), 1);
    assert_eq!(rows(&client, "SELECT country, count(*) FROM customers GROUP BY country").await.len(), 3);
    assert_eq!(rows(&client, "SELECT id FROM orders WHERE id < 900").await.len(), 899);
}

#[tokio::test]
async fn reads_beyond_the_limit_are_held_by_their_limit_or_by_the_planner() {
    let stage = hasty().await;
    let client = stage.connect().await;
    for sql in
        ["SELECT id FROM customers LIMIT 1001", "SELECT id FROM customers", "SELECT id FROM customers WHERE id > 10"]
    {
        let error = db_error(client.simple_query(sql).await.unwrap_err());
        assert_eq!(kind(&error), "holdpoint_pending", "{sql}");
        let error = db_error(client.query(sql, &[]).await.unwrap_err());
        assert_eq!(kind(&error), "holdpoint_pending", "extended: {sql}");
    }
    let pending = stage.approvals("pending").await;
    let estimate = pending.iter().filter_map(|one| one["request"]["statements"][0]["row_estimate"].as_u64()).max();
    assert!(estimate.is_some_and(|rows| (4000..=6000).contains(&rows)), "{estimate:?}");
}

#[tokio::test]
async fn approved_bulk_read_comes_whole_and_masked() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, "SELECT id, email FROM customers");
    let approval = stage.approve_pending().await;
    let got = cells(&answer(sent).await.unwrap());
    assert_eq!(got.len(), 5000);
    assert!(got.iter().all(|row| row[1] == "s***@canary.example"));
    let done = stage.approval_becomes(id(&approval), "executed").await;
    assert_eq!(done["execution"]["rows"], 5000);
}

#[tokio::test]
async fn planner_that_lies_is_caught_in_mid_result_and_the_rest_comes_after_approval() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, LIE);
    let approval = stage.one_pending().await;
    assert_eq!(approval["request"]["rows_so_far"], 1000, "{approval}");
    assert!(!sent.is_finished());
    stage.approve_pending().await;
    let got = cells(&answer(sent).await.unwrap());
    assert_eq!(got.len(), 2500);
    assert!(got.iter().all(|row| row[2] == "s***@canary.example"));
    stage.approval_becomes(id(&approval), "executed").await;
}

#[tokio::test]
async fn planner_that_lies_is_caught_in_mid_result_and_denied() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, LIE);
    stage.deny_pending("too many").await;
    let error = refusal(sent).await;
    assert_eq!((kind(&error), error.code().code()), ("holdpoint_denied", "42501"));
    assert_eq!(rows(&client, "SELECT id FROM orders WHERE id = 1").await, [["1"]], "the session goes on");
}

#[tokio::test]
async fn mid_result_hold_works_in_the_extended_protocol_with_rows_already_seen() {
    let stage = stage().await;
    let client = stage.connect().await;
    let stream = client.query_raw(LIE, Vec::<i32>::new()).await.unwrap();
    let mut stream = std::pin::pin!(stream);
    let mut seen = 0;
    while seen < 1000 {
        stream.try_next().await.unwrap().expect("a row");
        seen += 1;
    }
    stage.approve_pending().await;
    while stream.try_next().await.unwrap().is_some() {
        seen += 1;
    }
    assert_eq!(seen, 2500);
    let other = stage.connect().await;
    let stream = other.query_raw(LIE, Vec::<i32>::new()).await.unwrap();
    let mut stream = std::pin::pin!(stream);
    let reading = async {
        let mut seen = 0;
        loop {
            match stream.try_next().await {
                Ok(Some(_)) => seen += 1,
                Ok(None) => panic!("came to its end after {seen} rows"),
                Err(error) => return (seen, db_error(error)),
            }
        }
    };
    let ((seen, error), _) = tokio::join!(reading, stage.deny_pending("no"));
    assert_eq!((seen, kind(&error)), (1000, "holdpoint_denied"));
    assert_eq!(other.query_one("SELECT 1", &[]).await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test]
async fn row_limited_executes_of_one_portal_share_one_ceiling() {
    let stage = hasty().await;
    let mut raw = Raw::login(stage.port, "reporting-bot", &stage.keys.agent).await;
    raw.query("BEGIN").await;
    raw.send(
        &[
            raw::parse("", LIE),
            raw::bind("p", "", &[], 0),
            raw::describe_portal("p"),
            raw::execute("p", 400),
            raw::sync(),
        ]
        .concat(),
    )
    .await;
    let first = raw.until_ready().await;
    assert_eq!(raw::kinds(&first).matches('D').count(), 400, "{}", raw::kinds(&first));
    assert!(raw::kinds(&first).ends_with("sZ"));
    let mut rows = 400;
    for _ in 0..4 {
        raw.send(&[raw::execute("p", 400), raw::sync()].concat()).await;
        let more = raw.until_ready().await;
        rows += raw::kinds(&more).matches('D').count();
        if raw::error_code(&more).is_some() {
            break;
        }
    }
    assert_eq!(rows, 1000);
}

#[tokio::test]
async fn hundred_thousand_rows_pass_under_a_rule_that_allows_them() {
    let rules = sample::rules().replace("bulk_rows: 1000 }", "bulk_rows: 1000000 }");
    let stage = Holdpoint::start(Setup::rules(rules)).await;
    stage.direct("CREATE TABLE many AS SELECT i AS id, 'row ' || i AS body FROM generate_series(1, 100000) AS i; GRANT SELECT ON many TO public; ANALYZE many");
    let client = stage.connect().await;
    assert_eq!(client.query("SELECT id, body FROM many", &[]).await.unwrap().len(), 100_000);
    let got = rows(&client, "SELECT id, body FROM many").await;
    assert_eq!((got.len(), got[99_999][1].as_str()), (100_000, "row 100000"));
    let got = rows(&client, "SELECT c.email, m.body FROM many m JOIN customers c ON c.id = 1").await;
    assert!(got.len() == 100_000 && got.iter().all(|row| row[0] == "s***@canary.example"));
}
