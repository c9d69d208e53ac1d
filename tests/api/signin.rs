//! Signing in by password: who gets in, for how long, and what other sites and guessers can do.

use holdpoint::identity::ids::PersonName;
use holdpoint::identity::store::{LoginStore, TokenStore};
use holdpoint::store::memory::{Fault, Part};
use serde_json::json;

use crate::rig::{Rig, problem};
use crate::visit::{Browser, PASSWORD, give_password, visitor};

const COOKIE: &str = "__Host-holdpoint";

#[tokio::test]
async fn without_a_session_every_page_leads_to_the_form_and_back() {
    let rig = Rig::new().await;
    let mut browser = Browser::default();
    for path in ["/", "/history?state=denied", "/agents", "/audit", "/a/apr_1", "/live"] {
        let page = browser.get(&rig, path).await;
        assert_eq!(page.status, 303, "{path}");
        assert!(page.header("location").starts_with("/sign-in"), "{path}: {}", page.header("location"));
    }
    give_password(&rig, "dana").await;
    let form = browser.get(&rig, "/sign-in?to=/history%3Fstate=denied").await;
    let fields = [("name", "dana"), ("password", PASSWORD)];
    let page = browser.submit(&rig, &form, "/sign-in", &fields).await;
    assert_eq!((page.status, page.header("location")), (303, "/history?state=denied"));
    assert_eq!(browser.get(&rig, "/history?state=denied").await.status, 200);
    let form = browser.get(&rig, "/sign-in?to=//evil.example/").await;
    assert_eq!((form.status, form.header("location")), (303, "/"), "signed in already, and never to another site");
}

#[tokio::test]
async fn pages_and_cookies_are_locked_down() {
    let rig = Rig::new().await;
    give_password(&rig, "dana").await;
    let mut browser = Browser::default();
    let form = browser.get(&rig, "/sign-in").await;
    let policy = form.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(form.header("cache-control"), "no-store");
    assert_eq!(form.header("x-content-type-options"), "nosniff");
    let cookie = form.header("set-cookie");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict; Secure"), "{cookie}");
    let page = browser.submit(&rig, &form, "/sign-in", &[("name", "dana"), ("password", PASSWORD)]).await;
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with(COOKIE) && cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let home = browser.get(&rig, "/").await;
    assert!(!home.has(" style=") && !home.has("onclick") && !home.has("javascript:"), "nothing inline");
}

#[tokio::test]
async fn wrong_names_and_wrong_passwords_look_alike_and_are_recorded() {
    let rig = Rig::new().await;
    give_password(&rig, "dana").await;
    let mut seen = Vec::new();
    for name in ["dana", "otto", "nobody"] {
        let page = Browser::default().sign_in(&rig, name, "not the password").await;
        assert_eq!(page.status, 401);
        seen.push(
            page.text
                .replace(name, "NAME")
                .split("role=\"alert\"")
                .nth(1)
                .unwrap()
                .split("</div>")
                .next()
                .unwrap()
                .to_owned(),
        );
    }
    assert!(seen.iter().all(|text| *text == seen[0]), "{seen:?}");
    let records = rig.get("/v1/audit/events?limit=1000", "auditor").await.json.to_string();
    assert!(records.contains("wrong password") && records.contains("\"person\":\"dana\""));
    assert!(!records.contains("nobody") && !records.contains("not the password"), "a typed name may be a password");
}

#[tokio::test]
async fn guessing_is_slowed_down_and_the_right_password_has_to_wait_too() {
    let rig = Rig::new().await;
    give_password(&rig, "dana").await;
    for _ in 0..5 {
        assert_eq!(Browser::default().sign_in(&rig, "dana", "wrong").await.status, 401);
    }
    let page = Browser::default().sign_in(&rig, "dana", PASSWORD).await;
    assert_eq!((page.status, page.header("retry-after")), (429, "60"));
    rig.clock.forward(60);
    assert_eq!(Browser::default().sign_in(&rig, "dana", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn forms_of_other_sites_or_other_browsers_do_nothing() {
    let rig = Rig::new().await;
    give_password(&rig, "dana").await;
    let mut browser = Browser::default();
    let form = browser.get(&rig, "/sign-in").await;
    let token = form.hidden("/sign-in")["token"].clone();
    let fields = [("name", "dana"), ("password", PASSWORD), ("token", token.as_str())];
    let foreign = browser.post(&rig, "/sign-in", &fields, &[("origin", "https://evil.example")]).await;
    assert_eq!(foreign.status, 403);
    let other = Browser::default().post(&rig, "/sign-in", &fields, &[]).await;
    assert_eq!(other.status, 403, "the token belongs to the other browser's cookie");
    let mut dana = visitor(&rig, "dana").await;
    let id = rig.pending("bot").await;
    let page = dana.get(&rig, &format!("/a/{id}")).await;
    let action = format!("/a/{id}");
    let mut erik = visitor(&rig, "erik").await;
    let fields = page.hidden(&action);
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let approve = [fields.as_slice(), &[("verb", "approve")]].concat();
    assert_eq!(erik.post(&rig, &action, &approve, &[]).await.status, 403, "another session's form");
    assert_eq!(dana.post(&rig, &action, &approve, &[("sec-fetch-site", "cross-site")]).await.status, 403);
    let bare = [("verb", "approve"), ("version", "1"), ("digest", "x")];
    assert_eq!(dana.post(&rig, &action, &bare, &[]).await.status, 400);
    assert_eq!(rig.get(&format!("/v1/approvals/{id}"), "reader").await.json["state"], "pending");
    assert_eq!(dana.post(&rig, "/sign-out", &[("token", "x")], &[]).await.status, 403);
    assert_eq!(dana.get(&rig, "/").await.status, 200);
}

#[tokio::test]
async fn sessions_end_by_idling_by_age_and_by_signing_out() {
    let rig = Rig::new().await;
    let mut browser = visitor(&rig, "dana").await;
    rig.clock.forward(3599);
    assert_eq!(browser.get(&rig, "/").await.status, 200);
    rig.clock.forward(3600);
    assert_eq!(browser.get(&rig, "/").await.status, 303, "an hour without a request");

    let mut browser = visitor(&rig, "dana").await;
    for _ in 0..23 {
        rig.clock.forward(1800);
        assert_eq!(browser.get(&rig, "/").await.status, 200);
    }
    rig.clock.forward(1800);
    assert_eq!(browser.get(&rig, "/").await.status, 303, "twelve hours");

    let mut browser = visitor(&rig, "dana").await;
    let stolen = browser.cookies[COOKIE].clone();
    let home = browser.get(&rig, "/").await;
    let out = browser.submit(&rig, &home, "/sign-out", &[]).await;
    assert_eq!((out.status, out.header("location")), (303, "/sign-in?bye=1"));
    let mut thief = Browser::default();
    thief.cookies.insert(COOKIE.into(), stolen);
    assert_eq!(thief.get(&rig, "/").await.status, 303, "the cookie opens nothing any more");
    assert!(rig.store.browser_sessions().unwrap().is_empty(), "old sessions are swept away");
}

#[tokio::test]
async fn a_planted_cookie_is_not_taken_over() {
    let rig = Rig::new().await;
    give_password(&rig, "dana").await;
    let mut browser = Browser::default();
    browser.cookies.insert(COOKIE.into(), "planted".into());
    browser.sign_in(&rig, "dana", PASSWORD).await;
    assert_ne!(browser.cookies[COOKIE], "planted");
}

#[tokio::test]
async fn whoever_leaves_the_configuration_is_out_at_once() {
    let rig = Rig::new().await;
    let mut browser = visitor(&rig, "dana").await;
    let others = rig.state.people.load().iter().filter(|person| person.name.0 != "dana").cloned().collect();
    rig.state.people.store(std::sync::Arc::new(others));
    assert_eq!(browser.get(&rig, "/").await.status, 303);
    assert_eq!(Browser::default().sign_in(&rig, "dana", PASSWORD).await.status, 401);
}

#[tokio::test]
async fn when_the_audit_log_fails_nobody_gets_in() {
    let rig = Rig::new().await;
    give_password(&rig, "dana").await;
    rig.store.set_fault(Part::Audit, Fault::Refuse);
    let page = Browser::default().sign_in(&rig, "dana", PASSWORD).await;
    assert_eq!(page.status, 503);
    assert!(page.has("<h1>Unavailable</h1>") && page.headers.get("set-cookie").is_none());
    assert!(rig.store.browser_sessions().unwrap().is_empty());
}

#[tokio::test]
async fn a_link_sets_a_password_once_and_its_maker_joins_the_chain() {
    let rig = Rig::new().await;
    let made = rig.call("POST", "/v1/people/mia:invite", "admin", &[], None).await;
    assert_eq!(made.status, 200, "{}", made.json);
    let link = made.json["link"].as_str().unwrap().strip_prefix("https://holdpoint.test").unwrap().to_owned();
    let mut browser = Browser::default();
    for _ in 0..3 {
        assert!(browser.get(&rig, &link).await.has("value=\"mia\""), "looking uses nothing up");
    }
    let send = |password: &'static str, again: &'static str| [("password", password), ("again", again)];
    for (fields, says) in [
        (send(PASSWORD, "something else"), "not the same"),
        (send("short", "short"), "at least 12 characters"),
        (send("mmmmmmmmmmmmmm", "mmmmmmmmmmmmmm"), "too easy"),
    ] {
        let page = browser.post(&rig, &link, &fields, &[]).await;
        assert_eq!(page.status, 422);
        assert!(page.has(says), "{}", page.text);
    }
    let page = browser.post(&rig, &link, &send(PASSWORD, PASSWORD), &[]).await;
    assert_eq!((page.status, page.header("location")), (303, "/"));
    assert_eq!(browser.get(&rig, "/").await.status, 200);
    assert_eq!(browser.post(&rig, &link, &send(PASSWORD, PASSWORD), &[]).await.status, 404, "used");
    let issuers = rig.store.issuers_of(&PersonName("mia".into())).unwrap();
    assert!(issuers.contains(&PersonName("ada".into())));
    // ada could have used the link herself and been mia, who owns the agent: so she does not decide for it.
    let id = rig.pending("bot").await;
    let mut ada = visitor(&rig, "ada").await;
    let page = ada.get(&rig, &format!("/a/{id}")).await;
    assert!(page.has("You stand behind this request") && !page.has("value=\"approve\""), "{}", page.text);
}

#[tokio::test]
async fn links_grow_old() {
    let rig = Rig::new().await;
    let made = rig.call("POST", "/v1/people/dana:invite", "admin", &[], None).await;
    let link = made.json["link"].as_str().unwrap().strip_prefix("https://holdpoint.test").unwrap().to_owned();
    rig.clock.forward(24 * 3600);
    assert_eq!(Browser::default().get(&rig, &link).await.status, 404);
    assert_eq!(Browser::default().get(&rig, "/password/guess").await.status, 404);
}

#[tokio::test]
async fn people_are_listed_and_managed_by_admins_only() {
    let rig = Rig::new().await;
    for (method, path) in
        [("GET", "/v1/people"), ("POST", "/v1/people/dana:invite"), ("POST", "/v1/people/dana:sign-out")]
    {
        assert_eq!(problem(&rig.call(method, path, "dana", &[], None).await), (403, "forbidden"), "{path}");
    }
    let set = json!({"password": PASSWORD});
    let done = rig.call("POST", "/v1/people/dana:set-password", "admin", &[], Some(set)).await;
    assert_eq!(done.status, 204, "{}", done.json);
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(&rig, "dana", PASSWORD).await.status, 303);
    let list = rig.get("/v1/people", "admin").await;
    let dana = list.json["people"].as_array().unwrap().iter().find(|person| person["name"] == "dana").unwrap().clone();
    assert_eq!((&dana["sessions"], &dana["issued_by"]), (&json!(1), &json!(["ada"])));
    assert!(dana["password_set_at"].is_string() && !list.json.to_string().contains("argon2"));
    assert_eq!(rig.call("POST", "/v1/people/dana:remove-password", "admin", &[], None).await.status, 204);
    assert_eq!(browser.get(&rig, "/").await.status, 303, "sessions end with the password");
    assert_eq!(browser.sign_in(&rig, "dana", PASSWORD).await.status, 401);
    for (path, kind) in
        [("/v1/people/stranger:invite", 404), ("/v1/people/dana:odd", 404), ("/v1/people/dana:set-password", 400)]
    {
        assert_eq!(problem(&rig.call("POST", path, "admin", &[], None).await).0, kind, "{path}");
    }
    let weak = rig.call("POST", "/v1/people/dana:set-password", "admin", &[], Some(json!({"password": "x"}))).await;
    assert_eq!(problem(&weak), (400, "bad-request"));
}
