//! Listing, showing, short ids, health, description.

use serde_json::json;

use crate::rig::{Rig, problem};

#[tokio::test]
async fn pending_approval_is_listed_and_shown_with_its_version_as_etag() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let list = rig.get("/v1/approvals?state=pending", "reader").await;
    assert_eq!(list.status, 200);
    assert_eq!(list.json["approvals"][0]["id"], json!(id));
    let shown = rig.get(&format!("/v1/approvals/{id}"), "reader").await;
    assert_eq!(shown.header("etag"), "\"1\"");
    assert_eq!(shown.header("cache-control"), "no-store");
    assert_eq!(shown.json["state"], "pending");
    assert_eq!(shown.json["progress"], json!([{"groups": ["dba"], "needed": 1, "have": 0}]));
    assert_eq!(shown.json["links"]["self"], json!(format!("https://holdpoint.test/v1/approvals/{id}")));
    assert_eq!(shown.json["links"]["page"], json!(format!("https://holdpoint.test/a/{id}")));
}

#[tokio::test]
async fn unique_beginning_of_an_id_is_enough_and_a_shared_one_is_not() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let shown = rig.get(&format!("/v1/approvals/{}", id[..10].to_lowercase()), "reader").await;
    assert_eq!(shown.json["id"], json!(id));
    rig.stored("apr_ZZ00000000000000").await;
    rig.stored("apr_ZZ00000000000001").await;
    assert_eq!(problem(&rig.get("/v1/approvals/apr_ZZ", "reader").await), (409, "ambiguous-id"));
    assert_eq!(rig.get("/v1/approvals/zz00000000000001", "reader").await.status, 200);
    assert_eq!(problem(&rig.get("/v1/approvals/apr_0", "reader").await), (404, "not-found"));
    assert_eq!(problem(&rig.get("/v1/approvals/nonsense!", "reader").await), (404, "not-found"));
    assert_eq!(problem(&rig.get("/v1/approvals/apr_0000000000000000", "reader").await), (404, "not-found"));
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let rig = Rig::new().await;
    let mut made = Vec::new();
    for number in 0..7 {
        made.push(rig.pending(&format!("bot{number}")).await);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/approvals?page_size=3".to_owned();
    loop {
        let page = rig.get(&path, "reader").await;
        assert_eq!(page.status, 200, "{}", page.json);
        let approvals = page.json["approvals"].as_array().unwrap();
        assert!(approvals.len() <= 3);
        seen.extend(approvals.iter().map(|approval| approval["id"].as_str().unwrap().to_owned()));
        let Some(token) = page.json["next_page_token"].as_str() else { break };
        path = format!("/v1/approvals?page_size=3&page_token={token}");
    }
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids
    };
    assert_eq!(sorted(seen), sorted(made));
}

#[tokio::test]
async fn list_is_filtered_by_agent_and_state() {
    let rig = Rig::new().await;
    rig.pending("one").await;
    let two = rig.pending("two").await;
    let list = rig.get("/v1/approvals?agent=two", "reader").await;
    assert_eq!(list.json["approvals"].as_array().unwrap().len(), 1);
    assert_eq!(list.json["approvals"][0]["id"], json!(two));
    let none = rig.get("/v1/approvals?state=denied", "reader").await;
    assert_eq!(none.json["approvals"], json!([]));
}

#[tokio::test]
async fn wrong_queries_are_bad_requests() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    for path in [
        "/v1/approvals?state=odd",
        "/v1/approvals?page_size=0",
        "/v1/approvals?page_size=1000000",
        "/v1/approvals?page_size=-1",
        "/v1/approvals?page_token=%00odd",
        "/v1/approvals?odd=1",
        &format!("/v1/approvals/{id}?wait=soon"),
        &format!("/v1/approvals/{id}?after_version=x"),
    ] {
        assert_eq!(problem(&rig.get(path, "reader").await), (400, "bad-request"), "{path}");
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let rig = Rig::new().await;
    assert_eq!(problem(&rig.get("/v2", "reader").await), (404, "not-found"));
    assert_eq!(problem(&rig.call("PUT", "/v1/approvals", "reader", &[], None).await), (405, "method-not-allowed"));
    let reply = rig.get("/v2", "reader").await;
    assert_eq!(reply.header("content-type"), "application/problem+json");
    assert_eq!(reply.json["instance"], "/v2");
}

#[tokio::test]
async fn machines_ask_for_health_without_a_token() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/healthz", "").await.status, 200);
    let ready = rig.get("/readyz", "").await;
    assert_eq!((ready.status, &ready.json["checks"]["store"]), (200, &json!("ok")));
    rig.state.draining.cancel();
    let draining = rig.get("/readyz", "").await;
    assert_eq!((draining.status, &draining.json["draining"]), (503, &json!(true)));
    assert_eq!(rig.get("/healthz", "").await.status, 200);
}

#[tokio::test]
async fn failing_check_makes_it_unready_and_is_named() {
    let rig = Rig::new().await;
    rig.break_check();
    let ready = rig.get("/readyz", "").await;
    assert_eq!((ready.status, &ready.json["checks"]["upstream"]), (503, &json!("refused")));
}

#[tokio::test]
async fn description_is_served() {
    let rig = Rig::new().await;
    let description = rig.get("/openapi.json", "").await;
    assert_eq!(description.json["openapi"], "3.1.0");
}

#[tokio::test]
async fn metrics_are_served() {
    let rig = Rig::new().await;
    let metrics = rig.get("/metrics", "").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").starts_with("text/plain"));
}
