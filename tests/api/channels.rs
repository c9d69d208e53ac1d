//! `/v1/channels` and `holdpoint webhooks`.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use holdpoint::config::notify::{Content, NotifyConfig, SlackConfig, SlackMode};
use holdpoint::identity::secret::Secret;
use serde_json::json;
use sha2::Sha256;

use crate::cli::run;
use crate::idp::Idp;
use crate::rig::{Rig, problem, sign_in};
use crate::visit::{Browser, PASSWORD, visitor};

/// A port that nobody listens on.
const NOWHERE: &str = "http://127.0.0.1:9/hook";

#[tokio::test]
async fn channels_are_for_administrators() {
    let rig = Rig::new().await;
    assert_eq!(rig.get("/v1/channels", "admin").await.json, json!({ "channels": [] }));
    for path in ["/v1/channels", "/v1/channels/siem"] {
        assert_eq!(problem(&rig.get(path, "reader").await), (403, "forbidden"));
    }
    assert_eq!(problem(&rig.get("/v1/channels/siem", "admin").await), (404, "not-found"));
    assert_eq!(problem(&rig.call("POST", "/v1/channels/siem:test", "dana", &[], None).await), (403, "forbidden"));
}

#[tokio::test]
async fn deliveries_are_listed_tested_and_replayed() {
    let mut rig = Rig::new().await;
    rig.with_webhook(NOWHERE);
    let id = rig.pending("bot").await;
    let end = tokio::time::Instant::now() + Duration::from_secs(10);
    let page = loop {
        let page = rig.get("/v1/channels/siem", "admin").await.json;
        if page["deliveries"][0]["attempts"] == 1 {
            break page;
        }
        assert!(tokio::time::Instant::now() < end, "{page}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let delivery = &page["deliveries"][0];
    assert_eq!((&delivery["event"], &delivery["approval_id"]), (&json!("approval.requested"), &json!(id)));
    assert_eq!((&delivery["state"], delivery["trouble"].is_string()), (&json!("waiting"), true));
    let channel = rig.get("/v1/channels", "admin").await.json;
    assert_eq!(channel["channels"][0]["target"], "http://127.0.0.1");
    assert_eq!(channel["channels"][0]["waiting"], 1);
    let tested = rig.call("POST", "/v1/channels/siem:test", "admin", &[], None).await;
    assert_eq!((tested.status, &tested.json["ok"]), (200, &json!(false)));
    let replayed = rig.call("POST", "/v1/channels/siem:replay", "admin", &[], Some(json!({ "ids": ["evt_x"] }))).await;
    assert_eq!(replayed.json["replayed"], 0);
    assert_eq!(problem(&rig.call("POST", "/v1/channels/siem:drop", "admin", &[], None).await), (404, "not-found"));
    assert_eq!(problem(&rig.get("/v1/channels/siem?page_size=0", "admin").await), (400, "bad-request"));
}

#[tokio::test]
async fn command_line_shows_channels_and_says_what_went_wrong() {
    let mut rig = Rig::new().await;
    rig.with_webhook(NOWHERE);
    let (url, token) = (rig.serve(None).await, rig.token_text("admin"));
    let listed = run(&url, &token, &["webhooks", "list"]).await;
    assert!(listed.out.contains("siem") && listed.out.contains("webhook") && listed.code == 0, "{}", listed.out);
    let tested = run(&url, &token, &["webhooks", "test", "siem"]).await;
    assert_eq!((tested.code, tested.out.as_str()), (1, ""), "{}", tested.err);
    let shown = run(&url, &token, &["webhooks", "show", "siem", "-o", "json"]).await;
    assert_eq!((shown.code, shown.json()), (0, json!([])));
    let replayed = run(&url, &token, &["webhooks", "replay", "siem", "--within", "1h"]).await;
    assert_eq!((replayed.code, replayed.err.trim()), (0, "siem: 0 under way again"));
    assert_eq!(run(&url, &token, &["webhooks", "test", "nowhere"]).await.code, 2);
}

fn slack(api_url: &str) -> NotifyConfig {
    let slack = SlackConfig {
        name: "slack".into(),
        bot_token: Secret::new("xoxb-1"),
        mode: SlackMode::Http { signing_secret: Secret::new("signing") },
        channel: "C1".into(),
        team_ids: vec!["T1".into()],
        people: [("U1".to_owned(), "dana".to_owned())].into(),
        content: Content::Full,
        api_url: api_url.into(),
        allow_private: true,
    };
    NotifyConfig { slack: Some(slack), ..NotifyConfig::default() }
}

/// What Slack sends with a body at this moment: the time, and its signature.
fn signature(rig: &Rig, body: &[u8]) -> (String, String) {
    let seconds = rig.state.clock.now().as_millis() / 1000;
    let mut mac = Hmac::<Sha256>::new_from_slice(b"signing").unwrap();
    mac.update(format!("v0:{seconds}:").as_bytes());
    mac.update(body);
    (seconds.to_string(), format!("v0={}", hex::encode(mac.finalize().into_bytes())))
}

#[tokio::test]
async fn slacks_requests_need_its_signature_and_no_token() {
    let mut rig = Rig::new().await;
    let path = "/v1/slack/interactive";
    let body = b"payload=%7B%22type%22%3A%22view_submission%22%2C%22view%22%3A%7B%7D%7D".to_vec();
    assert_eq!(rig.raw("POST", path, "", &[], body.clone()).await.status, 401);
    rig.with_notify(&slack("http://127.0.0.1:9/api"));
    let (seconds, signature) = signature(&rig, &body);
    let headers = [("x-slack-request-timestamp", seconds.as_str()), ("x-slack-signature", signature.as_str())];
    assert_eq!(rig.raw("POST", path, "", &headers[..1], body.clone()).await.status, 401);
    assert_eq!(rig.raw("POST", path, "dana", &[], body.clone()).await.status, 401, "a token is no signature");
    let answer = rig.raw("POST", path, "", &headers, body.clone()).await;
    assert_eq!((answer.status, &answer.json["response_action"]), (200, &json!("errors")));
    assert_eq!(rig.raw("POST", path, "", &headers, body).await.status, 401, "replayed");
}

/// A workspace in which everybody is called like this.
async fn workspace(name: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api", listener.local_addr().unwrap());
    let user = json!({ "id": "U9", "team_id": "T1", "name": name, "deleted": false, "is_bot": false });
    let answer = axum::Json(json!({ "ok": true, "user": user, "team": "Example & Co", "team_id": "T1" }));
    let router = axum::Router::new().fallback(move || async move { answer });
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A form of an account that belongs to nobody: what Slack shows is a path of the page.
async fn offered(rig: &Rig) -> String {
    let form = json!({
        "type": "view_submission", "team": { "id": "T1" }, "user": { "id": "U9", "team_id": "T1" },
        "view": { "callback_id": "deny", "state": { "values": { "reason": { "text": { "value": "no" } } } } },
    });
    let hexed: String = form.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    let body = format!("payload={hexed}").into_bytes();
    let (seconds, signature) = signature(rig, &body);
    let headers = [("x-slack-request-timestamp", seconds.as_str()), ("x-slack-signature", signature.as_str())];
    let told = rig.raw("POST", "/v1/slack/interactive", "", &headers, body).await.json.to_string();
    let at = told.find("/slack/link/").unwrap_or_else(|| panic!("{told}"));
    told[at..].split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn slack_account_is_tied_on_the_page_by_a_form_and_not_by_a_look() {
    let mut rig = Rig::new().await;
    rig.with_notify(&slack(&workspace("<b>stray</b>").await));
    let path = offered(&rig).await;
    let mut stranger = Browser::default();
    assert_eq!(stranger.get(&rig, &path).await.status, 303, "sign in first");
    let mut dana = visitor(&rig, "dana").await;
    for _look in 0..2 {
        let page = dana.get(&rig, &path).await;
        assert!(page.status == 200 && page.has("&lt;b&gt;stray&lt;/b&gt;") && page.has("U9"), "{}", page.text);
        assert!(page.has("<bdi>Example &amp; Co</bdi> (<bdi>T1</bdi>)"), "{}", page.text);
    }
    let page = dana.get(&rig, &path).await;
    let forged = dana.post(&rig, &path, &[("token", "x")], &[("origin", "https://holdpoint.test")]).await;
    let token = page.hidden(&path)["token"].clone();
    let foreign = dana.post(&rig, &path, &[("token", &token)], &[("origin", "https://evil.test")]).await;
    assert_eq!((forged.status, foreign.status), (403, 403));
    let open_browser = dana.submit(&rig, &page, &path, &[]).await;
    assert!(open_browser.status == 403 && open_browser.has("prove once more who you are"), "{}", open_browser.text);
    let wrong = dana.submit(&rig, &page, &path, &[("password", "wrong words in a row")]).await;
    assert!(wrong.status == 403 && wrong.has("this is not your password"), "{}", wrong.text);
    assert!(rig.get("/v1/audit/events?limit=1000", "auditor").await.json.to_string().contains("wrong password"));
    let done = dana.submit(&rig, &page, &path, &[("password", PASSWORD)]).await;
    assert!(done.status == 200 && done.has("now decides as") && done.has("Example &amp; Co"), "{}", done.text);
    assert_eq!(dana.submit(&rig, &page, &path, &[("password", PASSWORD)]).await.status, 404, "once");
    assert_eq!(dana.get(&rig, &path).await.status, 404);
}

#[tokio::test]
async fn a_token_ties_no_account_whatever_its_scopes() {
    let mut rig = Rig::new().await;
    rig.with_notify(&slack(&workspace("stray").await));
    let path = offered(&rig).await;
    let code = path.rsplit('/').next().unwrap();
    for old in [format!("/v1/slack/links/{code}"), path.clone()] {
        for method in ["GET", "POST"] {
            let reply = rig.call(method, &old, "all", &[], None).await;
            assert!([303, 404].contains(&reply.status), "{method} {old}: {}", reply.status);
        }
    }
    let mut dana = visitor(&rig, "dana").await;
    assert_eq!(dana.get(&rig, &path).await.status, 200, "nothing was used up");
}

#[tokio::test]
async fn whoever_came_by_the_provider_comes_from_there_again_for_this_very_link() {
    let idp = Idp::start().await;
    let mut rig = Rig::with(sign_in(), Some(idp.config())).await;
    rig.with_notify(&slack(&workspace("stray").await));
    let path = offered(&rig).await;
    let mut dana = Browser::default();
    for (to, fresh) in [(path.as_str(), ""), ("/history", "&fresh=1")] {
        back(&rig, &idp, &mut dana, to, fresh).await;
        let page = dana.get(&rig, &path).await;
        assert!(page.has("Prove it to Example SSO") && !page.has("This is my account"), "{}", page.text);
        assert!(page.has(&format!("/sign-in/oidc?fresh=1&amp;to={path}")), "{}", page.text);
        let token = page.hidden("/sign-out")["token"].clone();
        let fields = [("token", token.as_str()), ("password", PASSWORD)];
        let forged = dana.post(&rig, &path, &fields, &[("origin", "https://holdpoint.test")]).await;
        assert_eq!(forged.status, 403, "{to}");
    }
    back(&rig, &idp, &mut dana, &path, "&fresh=1").await;
    let page = dana.get(&rig, &path).await;
    let done = dana.submit(&rig, &page, &path, &[]).await;
    assert!(done.status == 200 && done.has("now decides as"), "{}", done.text);
}

/// Signs in at the provider, and comes back to `to`.
async fn back(rig: &Rig, idp: &Idp, browser: &mut Browser, to: &str, fresh: &str) {
    idp.says(json!({ "auth_time": crate::oidc::NOW }));
    let begun = browser.get(rig, &format!("/sign-in/oidc?to={to}{fresh}")).await;
    let url = reqwest::Url::parse(begun.header("location")).unwrap();
    let asked = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let (code, state) = (idp.code(&asked), &asked["state"]);
    let back = browser.get(rig, &format!("/sign-in/oidc/callback?code={code}&state={state}")).await;
    assert_eq!((back.status, back.header("location")), (303, to), "{}", back.text);
}

#[tokio::test]
async fn one_time_codes_that_nobody_gave_out_tie_nothing() {
    let mut rig = Rig::new().await;
    rig.with_notify(&slack("http://127.0.0.1:9/api"));
    let mut dana = visitor(&rig, "dana").await;
    assert_eq!(dana.get(&rig, "/slack/link/x").await.status, 404);
    let token = dana.get(&rig, "/").await.hidden("/sign-out")["token"].clone();
    let fields = [("token", token.as_str()), ("password", PASSWORD)];
    let guessed = dana.post(&rig, "/slack/link/x", &fields, &[("origin", "https://holdpoint.test")]).await;
    assert_eq!(guessed.status, 404);
    assert_eq!(visitor(&rig, "rita").await.get(&rig, "/slack/link/x").await.status, 404);
}
