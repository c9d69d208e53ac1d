//! The life of a hold outside transactions: approved, denied, expired, left, taken up again, cancelled.

use std::time::{Duration, Instant};

use crate::client::{answer, refusal};
use crate::holdpoint::id;
use crate::scenarios;
use crate::stage::Kind;

scenarios!(
    approved_statement_runs_once_and_only_then,
    denied_statement_does_not_run_and_the_reason_is_told,
    rule_that_denies_asks_nobody,
    undecided_approval_expires_and_the_client_is_told,
    pending_error_then_approval_then_the_same_statement_runs_at_once_and_once,
    same_statement_with_another_trailing_comment_is_the_same_request,
    parameters_are_part_of_what_is_approved,
    prepared_statement_is_held_at_its_execution,
    resend_while_pending_joins_and_the_newest_waiter_wins,
    another_agent_does_not_join,
    client_that_leaves_detaches_and_nothing_runs_for_nobody,
    cancel_withdraws_a_hold,
    nobody_is_asked_about_a_statement_that_would_fail,
    release_is_spent_once_under_concurrent_resends,
    two_people_count_only_if_they_are_two,
    the_owner_of_the_agent_never_approves,
    reason_is_asked_for_where_the_rule_wants_one,
    where_an_approval_stands_can_be_asked_over_sql,
    kill_switch_ends_what_waits,
    held_batch_is_one_approval_and_runs_whole,
    grant_lets_the_same_shape_run_so_often_and_no_more,
);

async fn approved_statement_runs_once_and_only_then(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("CREATE TABLE made (id int)");
    let approval = stage.one_pending().await;
    assert_eq!(stage.tables("made"), "0");
    assert_eq!(approval["request"]["statements"][0]["text"], "CREATE TABLE made (id int)");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    assert_eq!(stage.tables("made"), "1");
    stage.approval_becomes(id(&approval), "executed").await;
}

async fn denied_statement_does_not_run_and_the_reason_is_told(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("DROP TABLE scratch");
    let approval = stage.deny_pending("not in the \"change\"\nwindow").await;
    let error = refusal(sent).await;
    assert_eq!(error.kind(), "denied", "{error:?}");
    assert_eq!(error.state, kind.sql("42501", "45000"));
    assert_eq!(error.number, if kind == Kind::Postgres { 0 } else { 1644 });
    assert_eq!(error.approval().as_deref(), Some(id(&approval)));
    assert!(error.message.contains("dana@example.com said") && error.message.contains("window"), "{error:?}");
    assert!(!error.message.contains('\n') && error.message.len() < 400, "{error:?}");
    assert_eq!(stage.tables("scratch"), "1");
    assert_eq!(client.cell("SELECT 1").await, "1");
}

async fn rule_that_denies_asks_nobody(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let error = client.query("TRUNCATE TABLE scratch").await.unwrap_err();
    assert_eq!(error.kind(), "forbidden", "{error:?}");
    assert!(error.message.contains("never truncated"), "{error:?}");
    let error = client.execute("TRUNCATE TABLE scratch", &[]).await.unwrap_err();
    assert_eq!(error.kind(), "forbidden", "{error:?}");
    assert!(stage.approvals("pending").await.is_empty());
}

async fn undecided_approval_expires_and_the_client_is_told(kind: Kind) {
    let stage = kind.start(kind.rules().replace("expires: 1h", "expires: 1s"), "").await;
    let client = stage.client().await;
    let sent = client.send("DROP TABLE scratch");
    let approval = stage.one_pending().await;
    assert_eq!(refusal(sent).await.kind(), "expired");
    assert_eq!(stage.approval(id(&approval)).await["state"], "expired");
    let (status, _) = stage.decide(&stage.keys.dana, &approval, "approve", "late").await;
    assert!(status >= 400, "an approval after its end was taken: {status}");
    assert_eq!(stage.tables("scratch"), "1");
}

async fn pending_error_then_approval_then_the_same_statement_runs_at_once_and_once(kind: Kind) {
    let stage = kind.hasty().await;
    let client = stage.client().await;
    let sql = "UPDATE counter SET n = n + 1";
    let error = refusal(client.send(sql)).await;
    assert_eq!(error.kind(), "pending");
    assert!(error.message.contains("do not change the statement") && error.message.len() < 400, "{error:?}");
    let again = refusal(client.send(sql)).await;
    assert_eq!(again.approval(), error.approval(), "one approval");
    let pending = stage.approvals("pending").await;
    assert_eq!(pending.len(), 1);
    let (status, _) = stage.decide(&stage.keys.dana, &pending[0], "approve", "go").await;
    assert_eq!(status, 200);
    let began = Instant::now();
    answer(client.send(sql)).await.unwrap();
    assert!(began.elapsed() < Duration::from_millis(290), "it waited for {:?}", began.elapsed());
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
    let third = refusal(client.send(sql)).await;
    assert_eq!(third.kind(), "pending", "a release is spent once");
    assert_ne!(third.approval(), error.approval());
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
}

async fn same_statement_with_another_trailing_comment_is_the_same_request(kind: Kind) {
    let stage = kind.hasty().await;
    let client = stage.client().await;
    let one = refusal(client.send("DROP TABLE scratch /*traceparent='00-aa-bb-01'*/")).await;
    let two = refusal(client.send("DROP TABLE scratch /*traceparent='00-cc-dd-01'*/")).await;
    assert_eq!((one.kind(), one.approval()), ("pending", two.approval()));
    let three = refusal(client.send("DROP TABLE  scratch")).await;
    assert_ne!(one.approval(), three.approval());
}

async fn parameters_are_part_of_what_is_approved(kind: Kind) {
    let stage = kind.hasty().await;
    let client = stage.client().await;
    let sql = "UPDATE orders SET note = ? WHERE id > 0";
    let one = client.execute(sql, &["a"]).await.unwrap_err();
    let two = client.execute(sql, &["b"]).await.unwrap_err();
    assert_eq!((one.kind(), two.kind()), ("pending", "pending"), "{one:?}");
    assert_ne!(one.approval(), two.approval());
    let approval = stage.approval(&one.approval().unwrap()).await;
    stage.decide(&stage.keys.dana, &approval, "approve", "a only").await;
    assert_eq!(client.execute(sql, &["b"]).await.unwrap_err().kind(), "pending");
    client.execute(sql, &["a"]).await.unwrap();
    assert_eq!(stage.direct("SELECT DISTINCT note FROM orders"), "a");
}

async fn prepared_statement_is_held_at_its_execution(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let other = client.clone();
    let sent =
        tokio::spawn(async move { other.execute("DELETE FROM orders WHERE id > 0 AND note <> ?", &["x"]).await });
    let approval = stage.one_pending().await;
    assert_eq!(approval["request"]["statements"][0]["parameters"][0], "x");
    assert_eq!(stage.direct("SELECT count(*) FROM orders"), "3000");
    stage.approve_pending().await;
    answer(sent).await.unwrap();
    assert_eq!(stage.direct("SELECT count(*) FROM orders"), "0");
}

async fn resend_while_pending_joins_and_the_newest_waiter_wins(kind: Kind) {
    let stage = kind.stage().await;
    let (first, second) = (stage.client().await, stage.client().await);
    let sql = "UPDATE counter SET n = n + 1";
    let one = first.send(sql);
    let approval = stage.one_pending().await;
    let two = second.send(sql);
    let error = refusal(one).await;
    assert_eq!(error.approval().as_deref(), Some(id(&approval)), "{error:?}");
    assert_eq!(stage.approvals("pending").await.len(), 1);
    stage.approve_pending().await;
    answer(two).await.unwrap();
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
    assert_eq!(first.cell("SELECT 1").await, "1");
}

async fn another_agent_does_not_join(kind: Kind) {
    let stage = kind.hasty().await;
    let (client, other) = (stage.client().await, stage.other_client().await);
    let mine = refusal(client.send("DROP TABLE scratch")).await;
    let theirs = refusal(other.send("DROP TABLE scratch")).await;
    assert_ne!(mine.approval(), theirs.approval());
    let approval = stage.approval(&mine.approval().unwrap()).await;
    stage.decide(&stage.keys.dana, &approval, "approve", "for the first").await;
    assert_eq!(refusal(other.send("DROP TABLE scratch")).await.kind(), "pending");
    assert_eq!(stage.tables("scratch"), "1");
    let shown = other.cell(&format!("SHOW holdpoint.\"{}\"", mine.approval().unwrap())).await;
    assert!(shown.contains("not known"), "{shown}");
}

async fn client_that_leaves_detaches_and_nothing_runs_for_nobody(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("UPDATE counter SET n = n + 1");
    let approval = stage.one_pending().await;
    client.leave(sent);
    let deadline = Instant::now() + Duration::from_secs(10);
    while stage.approval(id(&approval)).await["waiting"] == true {
        assert!(Instant::now() < deadline, "still waiting");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (status, _) = stage.decide(&stage.keys.dana, &approval, "approve", "go").await;
    assert_eq!(status, 200);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(stage.direct("SELECT n FROM counter"), "0");
    assert_eq!(stage.approval(id(&approval)).await["state"], "approved");
    let again = stage.client().await;
    answer(again.send("UPDATE counter SET n = n + 1")).await.unwrap();
    assert_eq!(stage.direct("SELECT n FROM counter"), "1");
}

async fn cancel_withdraws_a_hold(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("DROP TABLE scratch");
    let approval = stage.one_pending().await;
    client.cancel().await;
    let error = refusal(sent).await;
    assert_eq!((error.kind(), error.state.as_str()), ("cancelled", kind.sql("57014", "70100")), "{error:?}");
    stage.approval_becomes(id(&approval), "withdrawn").await;
    assert_eq!(client.cell("SELECT 1").await, "1");
    assert_eq!(stage.tables("scratch"), "1");
}

async fn nobody_is_asked_about_a_statement_that_would_fail(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    for sql in ["DROP TABL scratch", "SELECT id FROM no_such_table", "UPDATE scratch SET no_such = 1"] {
        let error = client.query(sql).await.unwrap_err();
        assert!(error.state.starts_with("42") && error.kind() == "other", "{sql}: {error:?}");
    }
    assert!(stage.approvals("pending").await.is_empty());
}

async fn release_is_spent_once_under_concurrent_resends(kind: Kind) {
    let stage = kind.hasty().await;
    let sql = "UPDATE counter SET n = n + 1";
    let client = stage.client().await;
    refusal(client.send(sql)).await;
    let mut clients = vec![client];
    for _ in 0..7 {
        clients.push(stage.client().await);
    }
    let approval = stage.approvals("pending").await.remove(0);
    let (status, _) = stage.decide(&stage.keys.dana, &approval, "approve", "once").await;
    assert_eq!(status, 200);
    let sent: Vec<_> = clients.iter().map(|client| client.send(sql)).collect();
    let mut ran = 0;
    for one in sent {
        ran += usize::from(answer(one).await.is_ok());
    }
    assert_eq!((ran, stage.direct("SELECT n FROM counter").as_str()), (1, "1"));
}

async fn two_people_count_only_if_they_are_two(kind: Kind) {
    let stage = kind.start(kind.rules().replace("needed: 1", "needed: 2"), "").await;
    let client = stage.client().await;
    let sent = client.send("UPDATE counter SET n = n + 1");
    let approval = stage.approve_pending().await;
    let (again, _) = stage.decide(&stage.keys.dana, &approval, "approve", "me again").await;
    assert!(again >= 400 || stage.approval(id(&approval)).await["state"] == "pending");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!sent.is_finished());
    let (status, body) = stage.decide(&stage.keys.erin, &approval, "approve", "me too").await;
    assert_eq!(status, 200, "{body}");
    answer(sent).await.unwrap();
}

async fn the_owner_of_the_agent_never_approves(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("UPDATE counter SET n = n + 1");
    let approval = stage.one_pending().await;
    let (status, _) = stage.decide(&stage.keys.mia, &approval, "approve", "mine").await;
    assert!(status >= 400, "the owner approved");
    assert_eq!(stage.approval(id(&approval)).await["state"], "pending");
    stage.deny_pending("no").await;
    assert_eq!(refusal(sent).await.kind(), "denied");
}

async fn reason_is_asked_for_where_the_rule_wants_one(kind: Kind) {
    let more = "  - { id: reasons, when: { verbs: [drop] }, then: hold, approval: { reason: required, hold: 5s } }\n";
    let stage = kind.start(kind.rules_with(more), "").await;
    let client = stage.client().await;
    let error = client.query("DROP TABLE scratch").await.unwrap_err();
    assert_eq!(error.kind(), "reason_missing", "{error:?}");
    client.rows("SET holdpoint.reason = 'tidying up'").await;
    let sent = client.send("DROP TABLE scratch");
    let approval = stage.approve_pending().await;
    assert_eq!(approval["request"]["requester"]["claims"]["reason"], "tidying up");
    answer(sent).await.unwrap();
}

async fn where_an_approval_stands_can_be_asked_over_sql(kind: Kind) {
    let stage = kind.hasty().await;
    let client = stage.client().await;
    assert!(client.cell("SHOW holdpoint.help").await.contains("holdpoint.reason"));
    let error = refusal(client.send("DROP TABLE scratch")).await;
    let shown = client.cell("SHOW holdpoint.approval").await;
    assert!(shown.starts_with(&error.approval().unwrap()) && shown.contains("pending"), "{shown}");
    let shown = client.execute(&format!("SHOW holdpoint.\"{}\"", error.approval().unwrap()), &[]).await.unwrap();
    assert!(shown[0][0].contains("pending"), "{shown:?}");
}

async fn kill_switch_ends_what_waits(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("DROP TABLE scratch");
    stage.one_pending().await;
    let (done, text) = stage.command(&["agents", "disable", crate::holdpoint::AGENT]);
    assert!(done, "{text}");
    let error = refusal(sent).await;
    assert!(error.message.contains("switched off") || error.kind() == "denied", "{error:?}");
    assert_eq!(stage.tables("scratch"), "1");
}

async fn held_batch_is_one_approval_and_runs_whole(kind: Kind) {
    let stage = kind.stage().await;
    let client = stage.client().await;
    let sent = client.send("UPDATE counter SET n = n + 1; SELECT n FROM counter");
    let approval = stage.one_pending().await;
    assert_eq!(approval["request"]["statements"].as_array().unwrap().len(), 2);
    stage.approve_pending().await;
    assert_eq!(answer(sent).await.unwrap().last().unwrap()[0], "1");
}

async fn grant_lets_the_same_shape_run_so_often_and_no_more(kind: Kind) {
    let stage = kind.hasty().await;
    let client = stage.client().await;
    let sql = "UPDATE orders SET note = 'x' WHERE id > 0";
    let error = refusal(client.send(sql)).await;
    let approval = error.approval().unwrap();
    let wish = |rows: u64| serde_json::json!({ "approval_id": approval, "life": "10m", "runs": 2, "rows": rows, "reason": "nightly" });
    let (status, small) = stage.post(&stage.keys.dana, "/v1/grants", wish(100)).await;
    assert!(status < 300, "{status} {small}");
    assert_eq!(refusal(client.send(sql)).await.kind(), "pending", "it changes more rows than that");
    let (status, grant) = stage.post(&stage.keys.dana, "/v1/grants", wish(5000)).await;
    assert!(status < 300 && grant["state"] == "active", "{status} {grant}");
    assert!(client.cell("SHOW holdpoint.grants").await.contains("2 more run(s)"));
    for _ in 0..2 {
        answer(client.send(sql)).await.unwrap();
    }
    assert_eq!(stage.direct("SELECT count(*) FROM orders WHERE note = 'x'"), "3000");
    assert_eq!(refusal(client.send(sql)).await.kind(), "pending", "the runs are used up");
    assert_eq!(refusal(client.send("UPDATE orders SET note = 'y' WHERE id > 0")).await.kind(), "pending");
    let listed = stage.get(&stage.keys.dana, "/v1/grants").await;
    assert_eq!(
        (&listed["grants"][0]["state"], &listed["grants"][0]["used"]),
        (&"used_up".into(), &2.into()),
        "{listed}"
    );
    assert_eq!(listed["grants"][1]["used"], 0, "no run is lost where a grant does not cover the statement: {listed}");
}
