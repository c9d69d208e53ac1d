//! Who may decide, and what the audit log tells afterwards.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::holdpoint::id;
use crate::{answer, cell, db_error, hasty, kind, refusal, send, stage};

fn exported(stage: &crate::holdpoint::Holdpoint) -> Vec<Value> {
    let (done, text) = stage.command(&["audit", "export"]);
    assert!(done, "{text}");
    text.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|record| record["event"].is_object())
        .collect()
}

#[tokio::test]
async fn owner_of_the_agent_may_not_approve() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, "DROP TABLE scratch");
    let approval = stage.one_pending().await;
    let (status, problem) = stage.decide(&stage.keys.mia, &approval, "approve", "it is mine").await;
    assert_eq!(status, 403, "{problem}");
    assert!(problem["type"].as_str().is_some_and(|name| name.ends_with("self-approval")), "{problem}");
    assert_eq!(stage.approval(id(&approval)).await["state"], "pending");
    stage.deny_pending("no").await;
    refusal(sent).await;
    assert!(exported(&stage).iter().any(|record| record["event"]["kind"] == "decision_refused"));
}

#[tokio::test]
async fn approver_must_say_what_was_shown() {
    let stage = stage().await;
    let client = stage.connect().await;
    let sent = send(&client, "DROP TABLE scratch");
    let mut approval = stage.one_pending().await;
    approval["request"]["digest"] = Value::String("00".repeat(32));
    let (status, _) = stage.decide(&stage.keys.dana, &approval, "approve", "whatever").await;
    assert!(matches!(status, 409 | 412), "{status}");
    assert_eq!(stage.approval(id(&approval)).await["state"], "pending");
    stage.deny_pending("no").await;
    refusal(sent).await;
}

#[tokio::test]
async fn approver_never_sees_classified_literals() {
    let stage = hasty().await;
    let client = stage.connect().await;
    refusal(send(&client, "SELECT id FROM customers WHERE ssn = 'SSN-CANARY-LITERAL'")).await;
    let error =
        db_error(client.query("SELECT id FROM customers WHERE ssn = $1", &[&"SSN-CANARY-PARAM"]).await.unwrap_err());
    assert_eq!(kind(&error), "holdpoint_pending");
    let shown = serde_json::to_string(&stage.approvals("pending").await).unwrap();
    assert!(!shown.contains("CANARY"), "{shown}");
    let audit = serde_json::to_string(&exported(&stage)).unwrap();
    assert!(!audit.contains("CANARY"));
    assert!(!stage.log().contains("CANARY"));
}

#[tokio::test]
async fn story_of_an_approval_is_complete_and_the_log_proves_itself() {
    let stage = stage().await;
    let client = stage.connect().await;
    assert_eq!(cell(&client, "SELECT email FROM customers WHERE id = 7").await, "s***@canary.example");
    let sent = send(&client, "UPDATE counter SET n = n + 1");
    let approval = stage.approve_pending().await;
    answer(sent).await.unwrap();
    stage.approval_becomes(id(&approval), "executed").await;
    drop(client);
    crate::pause(200).await;
    let (verified, text) = stage.command(&["audit", "verify"]);
    assert!(verified, "{text}");
    let records = exported(&stage);
    assert!(records.windows(2).all(|pair| pair[1]["seq"].as_u64() == pair[0]["seq"].as_u64().map(|seq| seq + 1)));
    let of = |kind: &str| {
        let about = |record: &&Value| record["event"]["kind"] == kind && record["event"]["approval"] == approval["id"];
        records.iter().find(about).unwrap_or_else(|| panic!("no {kind} of {}", id(&approval)))["seq"].as_u64().unwrap()
    };
    let order = [of("approval_requested"), of("approval_decided"), of("intent"), of("statement")];
    assert!(order.is_sorted(), "{order:?}");
    let states: BTreeSet<&str> = records
        .iter()
        .filter(|record| record["event"]["kind"] == "approval_state" && record["event"]["approval"] == approval["id"])
        .filter_map(|record| record["event"]["state"].as_str())
        .collect();
    assert!(states.contains("executed"), "{states:?}");
    let select =
        records.iter().find(|record| record["event"]["kind"] == "statement" && record["event"]["masked"][0] == "email");
    let select = &select.expect("the masked SELECT")["event"];
    assert_eq!(
        (select["verdict"].as_str(), select["rows"].as_u64(), select["outcome"].as_str()),
        (Some("allow"), Some(1), Some("ok"))
    );
    let kinds: BTreeSet<&str> = records.iter().filter_map(|record| record["event"]["kind"].as_str()).collect();
    for kind in ["log_started", "session_opened", "session_closed", "rules_loaded"] {
        assert!(kinds.contains(kind), "no {kind} in {kinds:?}");
    }
}

#[tokio::test]
async fn audit_that_was_touched_does_not_verify() {
    let stage = stage().await;
    let client = stage.connect().await;
    assert_eq!(cell(&client, "SELECT 1").await, "1");
    let (done, text) = stage.command(&["audit", "export"]);
    assert!(done && text.contains("session_opened"), "{text}");
    let forged = text.replace("reporting-bot", "somebody-else");
    assert_ne!(forged, text);
    let file = stage.dir.join("forged.jsonl");
    std::fs::write(&file, forged).unwrap();
    let (verified, text) = stage.command(&["audit", "verify", "--file", file.to_str().unwrap()]);
    assert!(!verified, "{text}");
}
