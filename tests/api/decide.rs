//! Deciding, and every reason why a decision does not count.

use holdpoint::store::memory::{Fault, Part};
use serde_json::json;

use crate::rig::{Rig, problem};

#[tokio::test]
async fn approver_says_yes_and_it_is_recorded_with_what_was_shown() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let reply = rig.decide("dana", &id, "approve").await;
    assert_eq!((reply.status, &reply.json["state"]), (200, &json!("approved")), "{}", reply.json);
    let review = &reply.json["reviews"][0];
    assert_eq!(
        (&review["person"], &review["via"], &review["assurance"]),
        (&json!("dana"), &json!("api"), &json!("token"))
    );
    assert_eq!(review["digest_seen"], reply.json["request"]["digest"]);
    assert!(reply.json["use_by"].is_string());
    assert_ne!(reply.header("etag"), "\"1\"");
}

#[tokio::test]
async fn one_no_ends_it() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let reply =
        rig.call("POST", &format!("/v1/approvals/{id}:deny"), "dana", &[], Some(json!({"reason": "not now"}))).await;
    assert_eq!((reply.status, &reply.json["state"]), (200, &json!("denied")));
    let late = rig.decide("erik", &id, "approve").await;
    assert_eq!(problem(&late), (409, "already-decided"));
    assert_eq!(late.json["state"], "denied");
    assert_eq!(late.json["approval_id"], json!(id));
}

#[tokio::test]
async fn neither_owner_nor_issuer_nor_end_user_decides() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    for verb in ["approve", "deny"] {
        for person in ["mia", "ivan", "uma"] {
            let reply = rig.decide(person, &id, verb).await;
            assert_eq!(problem(&reply), (403, "self-approval"), "{person} {verb}");
        }
    }
    assert_eq!(rig.get(&format!("/v1/approvals/{id}"), "reader").await.json["state"], "pending");
}

#[tokio::test]
async fn somebody_in_none_of_the_groups_does_not_decide() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    assert_eq!(problem(&rig.decide("otto", &id, "approve").await), (403, "not-an-approver"));
}

#[tokio::test]
async fn quorum_of_two_takes_two_people_and_a_double_click_is_one() {
    let rig = Rig::new().await;
    let id = rig.pending_with("bot", 2).await;
    let first = rig.decide("dana", &id, "approve").await;
    assert_eq!((first.status, &first.json["state"]), (200, &json!("pending")));
    assert_eq!(first.json["progress"][0]["have"], 1);
    let again = rig.decide_by_digest("dana", &id, "approve").await;
    assert_eq!((again.status, &again.json["state"]), (200, &json!("pending")), "{}", again.json);
    assert_eq!(again.json["reviews"].as_array().unwrap().len(), 1);
    let other_token = rig.token_for("dana").await;
    let third = rig.decide_as_text(&other_token, &id, "approve").await;
    assert_eq!(third.json["state"], "pending", "a second token is not a second person");
    let second = rig.decide_by_digest("erik", &id, "approve").await;
    assert_eq!((second.status, &second.json["state"]), (200, &json!("approved")));
}

#[tokio::test]
async fn second_click_after_the_decision_gets_the_same_answer() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    assert_eq!(rig.decide("dana", &id, "approve").await.status, 200);
    let again = rig.decide_by_digest("dana", &id, "approve").await;
    assert_eq!((again.status, &again.json["state"]), (200, &json!("approved")), "{}", again.json);
}

#[tokio::test]
async fn approving_needs_to_say_what_was_seen() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let path = format!("/v1/approvals/{id}:approve");
    let blind = rig.call("POST", &path, "dana", &[], Some(json!({"reason": "fine"}))).await;
    assert_eq!(problem(&blind), (428, "precondition-required"));
    let star = rig.call("POST", &path, "dana", &[("if-match", "*")], None).await;
    assert_eq!(problem(&star), (428, "precondition-required"));
    let by_version = rig.call("POST", &path, "dana", &[("if-match", "\"1\"")], None).await;
    assert_eq!(by_version.status, 200, "{}", by_version.json);
}

#[tokio::test]
async fn stale_version_and_wrong_digest_are_refused() {
    let rig = Rig::new().await;
    let id = rig.pending_with("bot", 2).await;
    rig.decide("dana", &id, "approve").await;
    let path = format!("/v1/approvals/{id}:approve");
    let stale = rig.call("POST", &path, "erik", &[("if-match", "\"1\"")], None).await;
    assert_eq!(problem(&stale), (412, "stale-version"));
    let other = rig.call("POST", &path, "erik", &[], Some(json!({"digest": "0".repeat(64)}))).await;
    assert_eq!(problem(&other), (409, "digest-mismatch"));
    let odd = rig.call("POST", &path, "erik", &[("if-match", "1")], None).await;
    assert_eq!(problem(&odd), (400, "bad-request"));
}

#[tokio::test]
async fn too_late_is_gone() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    rig.clock.forward(3601);
    let reply = rig.decide_by_digest("dana", &id, "approve").await;
    assert_eq!(problem(&reply), (410, "expired"));
}

#[tokio::test]
async fn approved_is_revoked_and_pending_is_withdrawn() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    rig.decide("dana", &id, "approve").await;
    let revoked =
        rig.call("POST", &format!("/v1/approvals/{id}:revoke"), "erik", &[], Some(json!({"reason": "oops"}))).await;
    assert_eq!((revoked.status, &revoked.json["state"]), (200, &json!("revoked")), "{}", revoked.json);
    assert_eq!(problem(&rig.decide_by_digest("erik", &id, "approve").await), (409, "already-decided"));

    let id = rig.pending("other").await;
    let withdrawn = rig.call("POST", &format!("/v1/approvals/{id}:withdraw"), "mia", &[], None).await;
    assert_eq!((withdrawn.status, &withdrawn.json["state"]), (200, &json!("withdrawn")), "{}", withdrawn.json);
}

#[tokio::test]
async fn identity_comes_from_the_token_never_from_the_body() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let digest = rig.digest(&id).await;
    let path = format!("/v1/approvals/{id}:approve");
    for body in [
        json!({"digest": digest, "person": "dana"}),
        json!({"digest": digest, "groups": ["dba"]}),
        json!({"digest": digest, "via": "web"}),
        json!([]),
        json!("yes"),
    ] {
        let reply = rig.call("POST", &path, "otto", &[], Some(body.clone())).await;
        assert_eq!(problem(&reply), (400, "bad-request"), "{body}");
    }
}

#[tokio::test]
async fn same_idempotency_key_gives_the_same_answer_and_only_for_the_same_request() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let digest = rig.digest(&id).await;
    let path = format!("/v1/approvals/{id}:approve");
    let headers = [("idempotency-key", "k1"), ("if-match", "\"1\"")];
    let first = rig.call("POST", &path, "dana", &headers, Some(json!({"digest": digest}))).await;
    assert_eq!(first.status, 200, "{}", first.json);
    let again = rig.call("POST", &path, "dana", &headers, Some(json!({"digest": digest}))).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true".to_owned()));
    assert_eq!(again.json, first.json);
    let other = rig.call("POST", &path, "dana", &headers, Some(json!({"digest": digest, "reason": "x"}))).await;
    assert_eq!(problem(&other), (422, "idempotency-key-reused"));
    let erik = rig.call("POST", &path, "erik", &headers, Some(json!({"digest": digest}))).await;
    assert_ne!(erik.header("idempotent-replayed"), "true", "keys belong to their token");
}

#[tokio::test]
async fn bodies_are_bounded_and_must_be_json() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let path = format!("/v1/approvals/{id}:approve");
    let long = rig.call("POST", &path, "dana", &[], Some(json!({"reason": "x".repeat(300_000)}))).await;
    assert_eq!(problem(&long), (413, "too-large"));
    let wordy = rig.call("POST", &path, "dana", &[], Some(json!({"reason": "x".repeat(501)}))).await;
    assert_eq!(problem(&wordy), (400, "bad-request"));
    let form = rig.raw("POST", &path, "dana", &[("content-type", "text/plain")], b"{}".to_vec()).await;
    assert_eq!(problem(&form), (415, "unsupported-media-type"));
    let odd = rig.call("POST", &format!("/v1/approvals/{id}:odd"), "dana", &[], None).await;
    assert_eq!(problem(&odd), (404, "not-found"));
}

#[tokio::test]
async fn double_click_at_the_same_moment_is_one_decision() {
    let rig = Rig::new().await;
    let id = rig.pending_with("bot", 2).await;
    let (one, two) =
        tokio::join!(rig.decide_by_digest("dana", &id, "approve"), rig.decide_by_digest("dana", &id, "approve"));
    assert_eq!((one.status, two.status), (200, 200), "{} {}", one.json, two.json);
    let shown = rig.get(&format!("/v1/approvals/{id}"), "reader").await;
    assert_eq!((shown.json["reviews"].as_array().unwrap().len(), &shown.json["state"]), (1, &json!("pending")));
}

#[tokio::test]
async fn nobody_but_those_behind_the_request_takes_it_back() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let path = format!("/v1/approvals/{id}:withdraw");
    assert_eq!(problem(&rig.call("POST", &path, "dana", &[], None).await), (403, "forbidden"));
    let stale = rig.call("POST", &path, "mia", &[("if-match", "\"9\"")], None).await;
    assert_eq!(problem(&stale), (412, "stale-version"));
    assert_eq!(rig.call("POST", &path, "ivan", &[], None).await.json["state"], "withdrawn");
    assert_eq!(rig.call("POST", &path, "ivan", &[], None).await.status, 200, "twice is once");
    let id = rig.pending("other").await;
    let revoke = rig.call("POST", &format!("/v1/approvals/{id}:revoke"), "dana", &[], None).await;
    assert_eq!(problem(&revoke), (409, "already-decided"), "there is nothing to revoke yet");
}

#[tokio::test]
async fn switching_an_agent_off_ends_what_it_asked_for() {
    let rig = Rig::new().await;
    let (asked, given) = (rig.pending("bot").await, rig.pending_with("bot2", 1).await);
    rig.decide("dana", &given, "approve").await;
    for agent in ["bot", "bot2"] {
        assert_eq!(rig.call("POST", &format!("/v1/agents/{agent}:disable"), "admin", &[], None).await.status, 200);
    }
    let state = async |id: &str| rig.get(&format!("/v1/approvals/{id}"), "reader").await.json["state"].clone();
    assert_eq!((state(&asked).await, state(&given).await), (json!("withdrawn"), json!("revoked")));
}

#[tokio::test]
async fn when_store_or_audit_fail_nothing_is_decided_and_the_answer_says_try_again() {
    for part in [Part::Approvals, Part::Audit] {
        let rig = Rig::new().await;
        let id = rig.pending("bot").await;
        rig.store.set_fault(part, Fault::Refuse);
        let reply = rig.decide_by_digest("dana", &id, "approve").await;
        assert_eq!(problem(&reply), (503, "unavailable"));
        assert_eq!(reply.header("retry-after"), "5");
        rig.store.set_fault(part, Fault::None);
        assert_eq!(rig.get(&format!("/v1/approvals/{id}"), "reader").await.json["state"], "pending");
    }
}

#[tokio::test]
async fn when_the_audit_log_fails_nobody_reads_it_and_no_agent_is_made() {
    let rig = Rig::new().await;
    rig.store.set_fault(Part::Audit, Fault::Refuse);
    assert_eq!(problem(&rig.get("/v1/audit/events", "auditor").await), (503, "unavailable"));
    let new = json!({"name": "x", "owner": "mia"});
    assert_eq!(problem(&rig.call("POST", "/v1/agents", "admin", &[], Some(new)).await), (503, "unavailable"));
    assert_eq!(rig.get("/v1/agents", "admin").await.json["agents"], json!([]));
}
