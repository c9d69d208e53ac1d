//! `/v1/grants` and `holdpoint grants`.

use holdpoint::gate::desk::grants::Asked;
use holdpoint::gate::digest::DigestInput;
use holdpoint::identity::ids::{ApprovalId, SessionId, StatementId};
use serde_json::{Value, json};

use crate::cli::run;
use crate::rig::{Rig, problem};

const SECRET: &[u8] = b"1234567890";

fn input<'a>(parameters: &'a [(u32, Option<&'a [u8]>, i16)]) -> DigestInput<'a> {
    DigestInput {
        statement_bytes: b"SELECT email FROM customers WHERE id = $1",
        parameters,
        agent: "bot",
        upstream: "shop",
        database: "shop",
        role: "app",
        search_path: &[],
        settings: &[],
        rules_version: "v1",
    }
}

/// A pending approval, with what a grant from it would be bound to.
pub async fn asked(rig: &Rig, needed: u16) -> String {
    let id = rig.pending_with("bot", needed).await;
    let parameters = [(20, Some(SECRET), 0)];
    let approval = ApprovalId::parse(&id).unwrap();
    rig.state.grants.as_ref().unwrap().remember(&approval, &input(&parameters)).await.unwrap();
    id
}

fn new(id: &str) -> Value {
    json!({ "approval_id": id, "life": "30m", "runs": 2, "rows": 200, "reason": "nightly" })
}

pub async fn may_run(rig: &Rig) -> bool {
    let parameters = [(20, Some(SECRET), 0)];
    let input = input(&parameters);
    let asked = Asked { input: &input, digest: "d", changes: 0, session: SessionId(1), statement: StatementId(1) };
    rig.state.grants.as_ref().unwrap().use_grant(&asked).await.unwrap().is_some()
}

#[tokio::test]
async fn a_grant_is_given_used_listed_and_taken_back() {
    let rig = Rig::new().await;
    let id = asked(&rig, 1).await;
    let given = rig.call("POST", "/v1/grants", "dana", &[], Some(new(&id))).await;
    assert_eq!((given.status, given.json["state"].as_str()), (201, Some("active")), "{}", given.json);
    assert_eq!((&given.json["approved_by"], &given.json["life"]), (&json!(["dana"]), &json!("30m")));
    assert!(may_run(&rig).await);
    let listed = rig.get("/v1/grants?agent=bot", "reader").await;
    assert_eq!((&listed.json["grants"][0]["used"], &listed.json["grants"][0]["runs"]), (&json!(1), &json!(2)));
    // Nothing that a value could be guessed from.
    let text = listed.json.to_string();
    assert!(!text.contains("salt") && !text.contains("shape") && !text.contains("1234567890"), "{text}");
    let grant = given.json["id"].as_str().unwrap();
    let revoked = rig.call("POST", &format!("/v1/grants/{grant}:revoke"), "erik", &[], None).await;
    assert_eq!(revoked.json["state"], "revoked");
    assert!(!may_run(&rig).await);
    assert_eq!(
        problem(&rig.call("POST", &format!("/v1/grants/{grant}:revoke"), "erik", &[], None).await),
        (409, "already-decided")
    );
}

#[tokio::test]
async fn whoever_may_not_decide_may_not_grant() {
    let rig = Rig::new().await;
    let id = asked(&rig, 2).await;
    for (who, refusal) in [
        ("mia", (403, "self-approval")),
        ("ivan", (403, "self-approval")),
        ("uma", (403, "self-approval")),
        ("otto", (403, "not-an-approver")),
        ("reader", (403, "forbidden")),
        ("", (401, "unauthorized")),
    ] {
        assert_eq!(problem(&rig.call("POST", "/v1/grants", who, &[], Some(new(&id))).await), refusal, "{who}");
    }
    let proposed = rig.call("POST", "/v1/grants", "dana", &[], Some(new(&id))).await;
    assert_eq!(proposed.json["state"], "proposed");
    assert!(!may_run(&rig).await);
    let path = format!("/v1/grants/{}:approve", proposed.json["id"].as_str().unwrap());
    assert_eq!(problem(&rig.call("POST", &path, "mia", &[], None).await), (403, "self-approval"));
    assert_eq!(rig.call("POST", &path, "dana", &[], None).await.json["state"], "proposed");
    assert_eq!(rig.call("POST", &path, "erik", &[], None).await.json["state"], "active");
    assert!(may_run(&rig).await);
}

#[tokio::test]
async fn what_is_not_bounded_or_not_known_is_refused() {
    let rig = Rig::new().await;
    let id = asked(&rig, 1).await;
    for (key, value) in [
        ("life", json!("8d")),
        ("life", json!("soon")),
        ("runs", json!(0)),
        ("rows", json!(0)),
        ("bounds", json!(["9..1"])),
        ("bounds", json!(["any", "any"])),
    ] {
        let mut body = new(&id);
        body[key] = value;
        assert_eq!(
            problem(&rig.call("POST", "/v1/grants", "dana", &[], Some(body)).await),
            (400, "bad-request"),
            "{key}"
        );
    }
    let shapeless = rig.pending("bat").await;
    assert_eq!(problem(&rig.call("POST", "/v1/grants", "dana", &[], Some(new(&shapeless))).await), (409, "conflict"));
    assert_eq!(problem(&rig.call("POST", "/v1/grants/gra_x:approve", "dana", &[], None).await), (404, "not-found"));
    let path = "/v1/grants/gra_0000000000000000:approve";
    assert_eq!(problem(&rig.call("POST", path, "dana", &[], None).await), (404, "not-found"));
}

#[tokio::test]
async fn kill_switch_takes_an_agents_grants_back() {
    let rig = Rig::new().await;
    let id = asked(&rig, 1).await;
    rig.call("POST", "/v1/grants", "dana", &[], Some(new(&id))).await;
    for verb in ["disable", "enable"] {
        assert_eq!(rig.call("POST", &format!("/v1/agents/bot:{verb}"), "admin", &[], None).await.status, 200);
    }
    assert!(!may_run(&rig).await);
    assert_eq!(rig.get("/v1/grants", "reader").await.json["grants"][0]["state"], "revoked");
}

#[tokio::test]
async fn command_line_gives_lists_and_revokes() {
    let rig = Rig::new().await;
    let id = asked(&rig, 1).await;
    let (url, token) = (rig.serve(None).await, rig.token_text("dana"));
    let given =
        run(&url, &token, &["grants", "give", &id, "--for", "30m", "--runs", "2", "--rows", "9", "--param", "any"])
            .await;
    assert!(given.code == 0 && given.out.contains("is active"), "{} {}", given.out, given.err);
    let listed = run(&url, &token, &["grants", "list"]).await;
    assert!(listed.out.contains("0/2") && listed.out.contains("any"), "{}", listed.out);
    let grant = given.out.split(' ').next().unwrap();
    assert_eq!(run(&url, &token, &["grants", "revoke", grant]).await.code, 0);
    assert_eq!(run(&url, &token, &["grants", "approve", grant]).await.code, 1);
}
