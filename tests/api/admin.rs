//! Agents, tokens, rules, audit.

use serde_json::json;

use crate::rig::{Rig, problem};

#[tokio::test]
async fn agent_is_made_once_its_secret_shown_once_and_its_verifiers_never() {
    let rig = Rig::new().await;
    let new = json!({"name": "new-bot", "owner": "mia", "groups": ["etl"], "databases": ["shop"]});
    let made = rig.call("POST", "/v1/agents", "admin", &[], Some(new.clone())).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let secret = made.json["secret"].as_str().unwrap().to_owned();
    assert!(secret.len() >= 43);
    assert_eq!(made.json["agent"]["issued_by"], "ada");
    assert_eq!(problem(&rig.call("POST", "/v1/agents", "admin", &[], Some(new)).await), (409, "conflict"));
    let list = rig.get("/v1/agents", "admin").await;
    let text = list.json.to_string();
    assert!(text.contains("new-bot") && !text.contains(&secret) && !text.contains("SCRAM") && !text.contains("sha256"));
    let rotated = rig.call("POST", "/v1/agents/new-bot:rotate", "admin", &[], None).await;
    assert_eq!(rotated.status, 200);
    assert_ne!(rotated.json["secret"], json!(secret));
}

#[tokio::test]
async fn agent_with_an_odd_name_or_an_unknown_owner_or_database_is_not_made() {
    let rig = Rig::new().await;
    for new in [
        json!({"name": "a b", "owner": "mia"}),
        json!({"name": "", "owner": "mia"}),
        json!({"name": "x", "owner": "nobody"}),
        json!({"name": "x", "owner": "mia", "databases": ["nowhere"]}),
        json!({"name": "x", "owner": "mia", "issued_by": "dana"}),
        json!({"name": "x"}),
    ] {
        let reply = rig.call("POST", "/v1/agents", "admin", &[], Some(new.clone())).await;
        assert_eq!(problem(&reply), (400, "bad-request"), "{new}");
    }
}

#[tokio::test]
async fn agent_is_switched_off_and_on_and_removed() {
    let rig = Rig::new().await;
    rig.call("POST", "/v1/agents", "admin", &[], Some(json!({"name": "x", "owner": "mia"}))).await;
    let state =
        |reply: crate::rig::Reply| reply.json["agents"].as_array().unwrap().iter().find(|a| a["name"] == "x").cloned();
    let off = rig.call("POST", "/v1/agents/x:disable", "admin", &[], None).await;
    assert_eq!((off.status, &off.json["disabled"]), (200, &json!(true)));
    assert_eq!(state(rig.get("/v1/agents", "admin").await).unwrap()["disabled"], true);
    rig.call("POST", "/v1/agents/x:enable", "admin", &[], None).await;
    assert_eq!(state(rig.get("/v1/agents", "admin").await).unwrap()["disabled"], false);
    assert_eq!(rig.call("DELETE", "/v1/agents/x", "admin", &[], None).await.status, 204);
    assert_eq!(state(rig.get("/v1/agents", "admin").await), None);
    for (method, path) in [("DELETE", "/v1/agents/x"), ("POST", "/v1/agents/x:disable"), ("POST", "/v1/agents/x:odd")] {
        assert_eq!(problem(&rig.call(method, path, "admin", &[], None).await), (404, "not-found"));
    }
}

#[tokio::test]
async fn token_for_nobody_or_without_scope_is_not_made() {
    let rig = Rig::new().await;
    for new in [
        json!({"person": "nobody", "scopes": ["admin"]}),
        json!({"person": "dana", "scopes": []}),
        json!({"person": "dana", "scopes": ["everything"]}),
        json!({"person": "dana", "scopes": ["admin"], "expires_in": "soon"}),
        json!({"person": "dana", "scopes": ["admin"], "expires_in": "0s"}),
    ] {
        let reply = rig.call("POST", "/v1/tokens", "admin", &[], Some(new.clone())).await;
        assert_eq!(problem(&reply), (400, "bad-request"), "{new}");
    }
    assert_eq!(problem(&rig.call("POST", "/v1/tokens/none:revoke", "admin", &[], None).await), (404, "not-found"));
}

#[tokio::test]
async fn changes_and_looks_are_in_the_audit_log() {
    let rig = Rig::new().await;
    rig.call("POST", "/v1/agents", "admin", &[], Some(json!({"name": "x", "owner": "mia"}))).await;
    let id = rig.pending("bot").await;
    rig.decide("mia", &id, "approve").await;
    rig.get("/v1/audit/events?limit=10", "auditor").await;
    let log = rig.get("/v1/audit/events", "auditor").await;
    let text = log.json["records"].to_string();
    for part in ["agent x added, owner mia", "\"kind\":\"accessed\"", "\"by\":\"aud\"", "decision_refused"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let records = log.json["records"].as_array().unwrap();
    let after = records[0]["seq"].as_u64().unwrap();
    let rest = rig.get(&format!("/v1/audit/events?after={after}&limit=1"), "auditor").await;
    assert_eq!(rest.json["records"][0]["seq"], json!(after + 1));
    for path in ["/v1/audit/events?limit=0", "/v1/audit/events?limit=1001", "/v1/audit/events/x/proof"] {
        assert_eq!(problem(&rig.get(path, "auditor").await), (400, "bad-request"), "{path}");
    }
    assert_eq!(problem(&rig.get("/v1/audit/events/999999/proof", "auditor").await), (404, "not-found"));
    assert_eq!(rig.get("/v1/audit/checkpoints", "auditor").await.status, 200);
}

#[tokio::test]
async fn rules_are_shown_reloaded_and_explained() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/v1/rules", "reader").await.json["version"], "v1");
    let reloaded = rig.call("POST", "/v1/rules:reload", "admin", &[], None).await;
    assert_eq!((reloaded.status, &reloaded.json["version"]), (200, &json!("v2")), "{}", reloaded.json);
    let question = json!({"database": "shop", "agent": "bot", "sql": "SELECT 1"});
    let explained = rig.call("POST", "/v1/explain", "reader", &[], Some(question)).await;
    assert_eq!(explained.json["effect"], "allow");
    let question = json!({"database": "nowhere", "agent": "bot", "sql": "SELECT 1"});
    assert_eq!(problem(&rig.call("POST", "/v1/explain", "reader", &[], Some(question)).await), (400, "bad-request"));
}
