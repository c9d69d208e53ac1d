//! Tokens and scopes.

use serde_json::json;

use crate::rig::{Rig, problem};

#[tokio::test]
async fn without_a_working_token_nothing_is_told() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let path = format!("/v1/approvals/{id}");
    for token in ["", "hpt_", "Bearer", "hpt_0123456789_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        let reply = rig.call_with_text("GET", &path, token).await;
        assert_eq!(problem(&reply), (401, "unauthorized"), "{token:?}");
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
    }
    let mut other = rig.token_text("reader");
    let last = if other.pop() == Some('A') { 'B' } else { 'A' };
    other.push(last);
    assert_eq!(problem(&rig.call_with_text("GET", &path, &other).await), (401, "unauthorized"));
}

#[tokio::test]
async fn every_endpoint_wants_its_scope() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let body = Some(json!({}));
    let decide = format!("/v1/approvals/{id}:approve");
    let show = format!("/v1/approvals/{id}");
    for (method, path, lacks) in [
        ("GET", "/v1/approvals", "auditor"),
        ("GET", show.as_str(), "auditor"),
        ("GET", "/v1/events", "auditor"),
        ("POST", decide.as_str(), "reader"),
        ("POST", decide.as_str(), "admin"),
        ("GET", "/v1/agents", "reader"),
        ("POST", "/v1/agents", "reader"),
        ("DELETE", "/v1/agents/bot", "dana"),
        ("POST", "/v1/agents/bot:disable", "dana"),
        ("GET", "/v1/tokens", "dana"),
        ("POST", "/v1/tokens", "dana"),
        ("POST", "/v1/tokens/x:revoke", "dana"),
        ("GET", "/v1/rules", "auditor"),
        ("POST", "/v1/rules:reload", "reader"),
        ("POST", "/v1/explain", "auditor"),
        ("GET", "/v1/audit/events", "dana"),
        ("GET", "/v1/audit/checkpoints", "dana"),
        ("GET", "/v1/audit/events/0/proof", "dana"),
    ] {
        let body = if method != "POST" {
            None
        } else if path == "/v1/agents" {
            Some(json!({"name": "x", "owner": "mia"}))
        } else if path == "/v1/tokens" {
            Some(json!({"person": "mia", "scopes": ["admin"]}))
        } else if path == "/v1/explain" {
            Some(json!({"database": "shop", "agent": "bot", "sql": "SELECT 1"}))
        } else {
            body.clone()
        };
        assert_eq!(problem(&rig.call(method, path, lacks, &[], body).await), (403, "forbidden"), "{method} {path}");
        assert_eq!(problem(&rig.call(method, path, "", &[], None).await), (401, "unauthorized"), "{method} {path}");
    }
}

#[tokio::test]
async fn revoked_and_expired_tokens_stop_at_once() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/v1/approvals", "reader").await.status, 200);
    let id = rig.token_text("reader").split('_').nth(1).unwrap().to_owned();
    let revoked = rig.call("POST", &format!("/v1/tokens/{id}:revoke"), "admin", &[], None).await;
    assert_eq!((revoked.status, &revoked.json["revoked"]), (200, &json!(true)));
    assert_eq!(problem(&rig.get("/v1/approvals", "reader").await), (401, "unauthorized"));

    let made = rig
        .call(
            "POST",
            "/v1/tokens",
            "admin",
            &[],
            Some(json!({"person": "dana", "scopes": ["approvals:read"], "expires_in": "1h"})),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.json);
    let text = made.json["text"].as_str().unwrap();
    assert_eq!(rig.call_with_text("GET", "/v1/approvals", text).await.status, 200);
    rig.clock.forward(3600);
    assert_eq!(problem(&rig.call_with_text("GET", "/v1/approvals", text).await), (401, "unauthorized"));
}

#[tokio::test]
async fn last_use_is_noted_and_does_not_undo_a_revocation() {
    let rig = Rig::new().await;
    rig.get("/v1/approvals", "reader").await;
    let list = rig.get("/v1/tokens", "admin").await;
    let tokens = list.json["tokens"].as_array().unwrap();
    let reader = tokens.iter().find(|token| token["person"] == "rita").unwrap();
    assert!(reader["last_used_at"].is_string());
    assert!(!list.json.to_string().contains("sha256"));
}

#[tokio::test]
async fn person_the_configuration_does_not_know_reads_but_decides_nothing() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let token = rig.token_for("stranger").await;
    assert_eq!(rig.call_with_text("GET", "/v1/approvals", &token).await.status, 200);
    let reply = rig.decide_as_text(&token, &id, "approve").await;
    assert_eq!(problem(&reply), (403, "not-an-approver"));
}
