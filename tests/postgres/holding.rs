//! The life of a hold outside transactions: approved, denied, expired, left, taken up again, cancelled.

use std::time::{Duration, Instant};

use tokio_postgres::NoTls;

use crate::holdpoint::{Holdpoint, Setup, id};
use crate::raw::{self, Raw};
use crate::{answer, cell, db_error, hasty, kind, pause, refusal, rows, sample, send, stage};

#[tokio::test]
async fn approved_statement_runs_once_and_only_then() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, "CREATE TABLE made (id int)");
    let approval = stage.one_pending().await;
    assert_eq!(stage.direct("SELECT to_regclass('made') IS NULL"), "t");
    assert_eq!(approval["request"]["statements"][0]["text"], "CREATE TABLE made (id int)");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    assert_eq!(stage.direct("SELECT to_regclass('made') IS NULL"), "f");
    stage.approval_becomes(id(&approval), "executed").await;
}

#[tokio::test]
async fn denied_statement_does_not_run_and_the_reason_is_told() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, "DROP TABLE orders");
    let approval = stage.deny_pending("not in the \"change\"\nwindow").await;
    let error = refusal(sent).await;
    assert_eq!((error.code().code(), kind(&error)), ("42501", "holdpoint_denied"));
    assert_eq!(error.constraint(), Some(id(&approval)));
    let message = error.message();
    assert!(message.starts_with("approval denied [apr_") && message.contains("dana@example.com said"), "{message}");
    assert!(message.contains("window") && !message.contains('\n') && message.len() < 400, "{message}");
    assert_eq!(stage.direct("SELECT count(*) FROM orders"), "3000");
}

#[tokio::test]
async fn rule_that_denies_asks_nobody() {
    let stage = stage().await;
    let client = stage.connect().await;
    let error = db_error(client.simple_query("TRUNCATE orders").await.unwrap_err());
    assert_eq!((error.code().code(), kind(&error)), ("42501", "holdpoint_forbidden"));
    assert!(error.message().contains("never truncated"), "{error:?}");
    let error = db_error(client.query("TRUNCATE orders", &[]).await.unwrap_err());
    assert_eq!(kind(&error), "holdpoint_forbidden");
    assert!(stage.approvals("pending").await.is_empty());
}

#[tokio::test]
async fn undecided_approval_expires_and_the_client_is_told() {
    let rules = sample::rules().replace("expires: 1h", "expires: 1s");
    let stage = Holdpoint::start(Setup::rules(rules)).await;
    let client = stage.connect().await;
    let sent = send(&client, "DROP TABLE orders");
    let approval = stage.one_pending().await;
    let error = refusal(sent).await;
    assert_eq!((error.code().code(), kind(&error)), ("55000", "holdpoint_expired"));
    assert_eq!(stage.approval(id(&approval)).await["state"], "expired");
    let (status, _) = stage.decide(&stage.keys.dana, &approval, "approve", "late").await;
    assert!(status >= 400, "an approval after its end was taken: {status}");
    assert_eq!(stage.direct("SELECT count(*) FROM orders"), "3000");
}

#[tokio::test]
async fn pending_error_then_approval_then_the_same_statement_runs_at_once_and_once() {
    let stage = hasty().await;
    let client = stage.connect().await;
    let sql = "UPDATE counter SET n = n + 1";
    let error = refusal(send(&client, sql)).await;
    assert_eq!((error.code().code(), kind(&error)), ("55000", "holdpoint_pending"));
    assert!(
        error.message().contains("do not change the statement") && error.message().len() < 400,
        "{}",
        error.message()
    );
    let again = refusal(send(&client, sql)).await;
    assert_eq!(again.constraint(), error.constraint(), "one approval");
    let pending = stage.approvals("pending").await;
    assert_eq!(pending.len(), 1);
    let (status, _) = stage.decide(&stage.keys.dana, &pending[0], "approve", "go").await;
    assert_eq!(status, 200);
    let began = Instant::now();
    answer(send(&client, sql)).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(290), "it waited for {:?}", began.elapsed());
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
    let third = refusal(send(&client, sql)).await;
    assert_eq!(kind(&third), "holdpoint_pending", "a release is spent once");
    assert_ne!(third.constraint(), error.constraint());
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
}

#[tokio::test]
async fn same_statement_with_another_trailing_comment_is_the_same_request() {
    let stage = hasty().await;
    let client = stage.connect().await;
    let one = refusal(send(&client, "DROP TABLE scratch /*traceparent='00-aa-bb-01'*/")).await;
    let two = refusal(send(&client, "DROP TABLE scratch /*traceparent='00-cc-dd-01'*/")).await;
    assert_eq!(one.constraint(), two.constraint());
    let three = refusal(send(&client, "DROP TABLE  scratch")).await;
    assert_ne!(one.constraint(), three.constraint());
}

#[tokio::test]
async fn parameters_are_part_of_what_is_approved() {
    let stage = hasty().await;
    let client = stage.connect().await;
    let sql = "UPDATE orders SET note = $1 WHERE id > 0";
    let one = db_error(client.execute(sql, &[&"a"]).await.unwrap_err());
    let two = db_error(client.execute(sql, &[&"b"]).await.unwrap_err());
    assert_eq!((kind(&one), kind(&two)), ("holdpoint_pending", "holdpoint_pending"));
    assert_ne!(one.constraint(), two.constraint());
    let approval = stage.approval(one.constraint().unwrap()).await;
    stage.decide(&stage.keys.dana, &approval, "approve", "a only").await;
    let again = db_error(client.execute(sql, &[&"b"]).await.unwrap_err());
    assert_eq!(kind(&again), "holdpoint_pending");
    assert_eq!(client.execute(sql, &[&"a"]).await.unwrap(), 3000);
    assert_eq!(stage.direct("SELECT DISTINCT note FROM orders"), "a");
}

#[tokio::test]
async fn resend_while_pending_joins_and_the_newest_waiter_wins() {
    let stage = stage().await;
    let (first, second) = (stage.connect().await, stage.connect().await);
    let sql = "UPDATE counter SET n = n + 1";
    let one = send(&first, sql);
    let approval = stage.one_pending().await;
    let two = send(&second, sql);
    let error = refusal(one).await;
    assert_eq!(kind(&error), "holdpoint_superseded");
    assert_eq!(stage.approvals("pending").await.len(), 1);
    assert_eq!(id(&stage.one_pending().await), id(&approval));
    stage.approve_pending().await;
    answer(two).await.unwrap();
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
    assert_eq!(cell(&first, "SELECT 1").await, "1");
}

#[tokio::test]
async fn another_agent_does_not_join() {
    let stage = hasty().await;
    let client = stage.connect().await;
    let mine = refusal(send(&client, "DROP TABLE orders")).await;
    let mut other = Raw::login(stage.port, "other-bot", &stage.keys.other_agent).await;
    let answer = other.query("DROP TABLE orders").await;
    let (_, body) = answer.iter().find(|(kind, _)| *kind == b'E').expect("a refusal");
    assert_ne!(raw::field(body, b'n').as_deref(), mine.constraint());
    let approval = stage.approval(mine.constraint().unwrap()).await;
    stage.decide(&stage.keys.dana, &approval, "approve", "for the first").await;
    assert_eq!(raw::error_code(&other.query("DROP TABLE orders").await).as_deref(), Some("55000"));
    assert_eq!(stage.direct("SELECT count(*) FROM orders"), "3000");
    let shown = raw::texts(&other.query(&format!("SHOW holdpoint.\"{}\"", mine.constraint().unwrap())).await);
    assert!(shown[0].contains("not known"), "{shown:?}");
}

#[tokio::test]
async fn disconnect_detaches_and_nothing_runs_for_nobody() {
    let stage = stage().await;
    let mut client = Raw::login(stage.port, "reporting-bot", &stage.keys.agent).await;
    client.send(&raw::query("UPDATE counter SET n = n + 1")).await;
    let approval = stage.one_pending().await;
    drop(client);
    let deadline = Instant::now() + Duration::from_secs(10);
    while stage.approval(id(&approval)).await["waiting"] == true {
        assert!(Instant::now() < deadline, "still waiting");
        pause(20).await;
    }
    let (status, _) = stage.decide(&stage.keys.dana, &approval, "approve", "go").await;
    assert_eq!(status, 200);
    pause(300).await;
    assert_eq!(stage.direct("SELECT n FROM counter"), "0");
    assert_eq!(stage.approval(id(&approval)).await["state"], "approved");
    let again = stage.connect().await;
    answer(send(&again, "UPDATE counter SET n = n + 1")).await.unwrap();
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
}

#[tokio::test]
async fn cancel_request_withdraws_a_hold() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, "DROP TABLE orders");
    let approval = stage.one_pending().await;
    client.cancel_token().cancel_query(NoTls).await.unwrap();
    let error = refusal(sent).await;
    assert_eq!((error.code().code(), kind(&error)), ("57014", "holdpoint_cancelled"));
    stage.approval_becomes(id(&approval), "withdrawn").await;
    assert_eq!(cell(&client, "SELECT 1").await, "1");
}

#[tokio::test]
async fn cancel_request_reaches_a_running_statement() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, "SELECT pg_sleep(20)");
    // Sleeping is not on the list of harmless functions everywhere: a hold is approved first.
    let deadline = Instant::now() + Duration::from_secs(10);
    while stage.direct("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(20)%' AND usename = 'shop_app'") == "0" {
        if !stage.approvals("pending").await.is_empty() {
            stage.approve_pending().await;
        }
        assert!(Instant::now() < deadline, "it never ran: {}", stage.log());
        pause(20).await;
    }
    let began = Instant::now();
    client.cancel_token().cancel_query(NoTls).await.unwrap();
    let error = refusal(sent).await;
    assert_eq!(error.code().code(), "57014");
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(cell(&client, "SELECT 1").await, "1");
}

#[tokio::test]
async fn guessed_cancel_keys_do_nothing() {
    let stage = stage().await;
    let mut held = Raw::login(stage.port, "reporting-bot", &stage.keys.agent).await;
    held.send(&raw::query("DROP TABLE orders")).await;
    let approval = stage.one_pending().await;
    for _ in 0..20 {
        let mut guess = Raw::connect(stage.port).await;
        let mut key = held.cancel_key.clone();
        let last = key.len() - 1;
        key[last] ^= 1;
        guess.send(&[&[0, 0, 0, 16, 4, 210, 22, 46][..], &key].concat()).await;
        assert!(guess.until_end().await.is_empty());
    }
    assert_eq!(stage.approval(id(&approval)).await["state"], "pending");
}

#[tokio::test]
async fn hold_outside_a_transaction_leaves_nothing_open_upstream() {
    let stage = stage().await;
    let client = stage.connect().await;
    let simple = send(&client, "DROP TABLE orders");
    stage.one_pending().await;
    let look = |state: &str| {
        let shown = stage.direct(
            "SELECT string_agg(DISTINCT a.state, ',') || ' ' || count(l.pid) FROM pg_stat_activity a \
             LEFT JOIN pg_locks l ON l.pid = a.pid AND l.locktype <> 'virtualxid' \
             WHERE a.datname = current_database() AND a.usename = 'shop_app' AND a.backend_xmin IS NULL AND a.xact_start IS NULL",
        );
        assert_eq!(shown, "idle 0", "{state}");
        let open = stage.direct("SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop_app' AND datname = current_database() AND xact_start IS NOT NULL");
        assert_eq!(open, "0", "{state}");
    };
    look("simple");
    stage.deny_pending("no").await;
    refusal(simple).await;
    let other = client.clone();
    let extended =
        tokio::spawn(async move { other.execute("UPDATE orders SET note = $1 WHERE id > $2", &[&"x", &0_i32]).await });
    stage.one_pending().await;
    look("extended");
    stage.deny_pending("no").await;
    assert!(extended.await.unwrap().is_err());
}

#[tokio::test]
async fn nobody_is_asked_about_a_statement_that_would_fail() {
    let stage = stage().await;
    let client = stage.connect().await;
    for sql in ["DROP TABL orders", "SELECT id FROM no_such_table", "UPDATE orders SET no_such = 1"] {
        let error = db_error(client.simple_query(sql).await.unwrap_err());
        assert!(error.code().code().starts_with("42") && error.code().code() != "42501", "{sql}: {error:?}");
    }
    assert!(stage.approvals("pending").await.is_empty());
}

#[tokio::test]
async fn terminals_get_a_notice_and_programs_a_heartbeat() {
    let stage = Holdpoint::start(Setup::rules(sample::rules()).with("hold: { heartbeat: 100ms }")).await;
    let login = [("user", "reporting-bot"), ("database", "shop"), ("application_name", "psql")];
    let mut psql = Raw::login_with(stage.port, &stage.keys.agent, &login).await;
    psql.send(&raw::query("DROP TABLE orders")).await;
    let (kind, body) = psql.next().await.unwrap();
    assert_eq!(kind, b'N');
    assert!(raw::field(&body, b'M').unwrap().contains("apr_"));
    let (kind, body) = psql.next().await.unwrap();
    assert_eq!((kind, body.starts_with(b"holdpoint.")), (b'S', true));
    let mut program = Raw::login(stage.port, "other-bot", &stage.keys.other_agent).await;
    program.send(&raw::query("DROP TABLE orders")).await;
    let (kind, body) = program.next().await.unwrap();
    assert_eq!((kind, body.starts_with(b"holdpoint.")), (b'S', true));
    pause(350).await;
    for _ in 0..2 {
        stage.deny_pending("no").await;
    }
    assert_eq!(raw::error_code(&program.until_ready().await).as_deref(), Some("42501"));
    assert_eq!(raw::texts(&program.query("SELECT 1").await), ["1"]);
}

#[tokio::test]
async fn release_is_spent_once_under_concurrent_resends() {
    let stage = hasty().await;
    let sql = "UPDATE counter SET n = n + 1";
    let client = stage.connect().await;
    refusal(send(&client, sql)).await;
    let mut clients = vec![client];
    for _ in 0..7 {
        clients.push(stage.connect().await);
    }
    let approval = stage.approvals("pending").await.remove(0);
    let (status, _) = stage.decide(&stage.keys.dana, &approval, "approve", "once").await;
    assert_eq!(status, 200);
    let sent: Vec<_> = clients.iter().map(|client| send(client, sql)).collect();
    let mut ran = 0;
    for one in sent {
        ran += usize::from(answer(one).await.is_ok());
    }
    assert_eq!((ran, stage.direct("SELECT n FROM counter").as_str()), (1, "1"));
}

#[tokio::test]
async fn two_people_count_only_if_they_are_two() {
    let rules = sample::rules().replace("needed: 1", "needed: 2");
    let stage = Holdpoint::start(Setup::rules(rules)).await;
    let client = stage.connect().await;
    let sent = send(&client, "UPDATE counter SET n = n + 1");
    let approval = stage.approve_pending().await;
    let (again, _) = stage.decide(&stage.keys.dana, &approval, "approve", "me again").await;
    assert!(again >= 400 || stage.approval(id(&approval)).await["state"] == "pending");
    pause(100).await;
    assert!(!sent.is_finished());
    let (status, body) = stage.decide(&stage.keys.erin, &approval, "approve", "me too").await;
    assert_eq!(status, 200, "{body}");
    answer(sent).await.unwrap();
}

#[tokio::test]
async fn reason_is_asked_for_where_the_rule_wants_one() {
    let rules = sample::rules_with(
        "  - { id: reasons, when: { verbs: [comment] }, then: hold, approval: { reason: required, hold: 5s } }\n",
    );
    let stage = Holdpoint::start(Setup::rules(rules)).await;
    let client = stage.connect().await;
    let sql = "COMMENT ON TABLE orders IS 'x'";
    let error = db_error(client.simple_query(sql).await.unwrap_err());
    assert_eq!((error.code().code(), kind(&error)), ("42501", "holdpoint_reason_missing"));
    rows(&client, "SET holdpoint.reason = 'tidying up'").await;
    let sent = send(&client, sql);
    let approval = stage.approve_pending().await;
    assert_eq!(approval["request"]["requester"]["claims"]["reason"], "tidying up");
    answer(sent).await.unwrap();
}
