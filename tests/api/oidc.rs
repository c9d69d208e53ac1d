//! Signing in by an identity provider, and its access tokens at the API: the good way, and every bad one.

use std::collections::BTreeMap;

use holdpoint::config::oidc::OidcConfig;
use serde_json::{Value, json};

use crate::idp::{AUDIENCE, CLIENT, Idp, Signing};
use crate::rig::{Rig, problem, sign_in};
use crate::visit::{Browser, Page};

/// The rig's clock when it starts, in seconds.
pub const NOW: i64 = 1_795_165_924;

async fn rig(idp: &Idp) -> Rig {
    Rig::with(sign_in(), Some(idp.config())).await
}

fn asked(page: &Page) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(page.header("location")).unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// Goes to the provider and comes back with what it says.
async fn round(rig: &Rig, idp: &Idp, browser: &mut Browser) -> Page {
    let begun = browser.get(rig, "/sign-in/oidc?to=/history").await;
    assert_eq!(begun.status, 303, "{}", begun.text);
    let asked = asked(&begun);
    let code = idp.code(&asked);
    browser.get(rig, &format!("/sign-in/oidc/callback?code={code}&state={}", asked["state"])).await
}

/// Comes back with these claims, and gets no session.
async fn refused(rig: &Rig, idp: &Idp, claims: Value) -> String {
    idp.says(claims.clone());
    let mut browser = Browser::default();
    let page = round(rig, idp, &mut browser).await;
    assert_eq!(page.status, 403, "{claims}");
    assert!(page.has("you are not signed in"), "{}", page.text);
    assert_eq!(browser.get(rig, "/").await.status, 303, "{claims}");
    page.text
}

#[tokio::test]
async fn a_person_of_the_provider_is_in_with_their_groups_and_decides_as_oidc() {
    let idp = Idp::start().await;
    let rig = rig(&idp).await;
    let mut browser = Browser::default();
    assert!(browser.get(&rig, "/sign-in?to=/history").await.has("href=\"/sign-in/oidc?to=/history\""));
    let begun = browser.get(&rig, "/sign-in/oidc?to=/history").await;
    let sent = asked(&begun);
    assert_eq!((sent["response_type"].as_str(), sent["client_id"].as_str()), ("code", CLIENT));
    assert_eq!((sent["code_challenge_method"].as_str(), sent["scope"].as_str()), ("S256", "openid email"));
    assert_eq!(sent["redirect_uri"], "https://holdpoint.test/sign-in/oidc/callback");
    assert!(begun.header("set-cookie").contains("SameSite=Lax; Secure; Max-Age=600"), "{}", begun.header("set-cookie"));
    idp.says(json!({"groups": ["ops"], "amr": ["pwd", "mfa"]}));
    let page = round(&rig, &idp, &mut browser).await;
    assert_eq!((page.status, page.header("location")), (303, "/history"), "{}", page.text);
    assert_eq!(browser.get(&rig, "/agents").await.status, 200, "ops is a group of the token");
    let id = rig.pending("bot").await;
    let page = browser.get(&rig, &format!("/a/{id}")).await;
    browser.submit(&rig, &page, &format!("/a/{id}"), &[("verb", "approve")]).await;
    let shown = rig.get(&format!("/v1/approvals/{id}"), "reader").await.json;
    assert_eq!((&shown["state"], &shown["reviews"][0]["assurance"]), (&json!("approved"), &json!("oidc+mfa")));
    assert_eq!(shown["reviews"][0]["groups"], json!(["dba", "ops"]));
    let home = browser.get(&rig, "/").await;
    let out = browser.submit(&rig, &home, "/sign-out", &[]).await;
    let bye = browser.get(&rig, out.header("location")).await;
    assert!(bye.has("/end?client_id=holdpoint") && bye.has("Sign out of Example SSO as well"), "{}", bye.text);
}

#[tokio::test]
async fn an_address_counts_only_when_the_provider_says_that_it_is_verified() {
    let idp = Idp::start().await;
    let rig = rig(&idp).await;
    let erik = |verified: Value| json!({"sub": "x", "email": "erik@example.com", "email_verified": verified});
    let text = refused(&rig, &idp, erik(json!(false))).await;
    assert!(text.contains("does not say that it is verified"), "{text}");
    refused(&rig, &idp, erik(Value::Null)).await;
    idp.says(erik(json!(true)));
    assert_eq!(round(&rig, &idp, &mut Browser::default()).await.status, 303);
    refused(&rig, &idp, json!({"sub": "nobody"})).await;
    let text = refused(&rig, &idp, json!({"sub": "s-gone"})).await;
    assert!(text.contains("has no gone"), "{text}");
}

#[tokio::test]
async fn tokens_that_say_the_wrong_thing_let_nobody_in() {
    let idp = Idp::start().await;
    let rig = rig(&idp).await;
    for claims in [
        json!({"nonce": "another"}),
        json!({"nonce": null}),
        json!({"iss": "http://127.0.0.1:1"}),
        json!({"aud": "another"}),
        json!({"aud": AUDIENCE}),
        json!({"aud": [CLIENT, "another"]}),
        json!({"azp": "another"}),
        json!({"exp": NOW - 61}),
        json!({"iat": NOW + 62}),
        json!({"nbf": NOW + 62}),
        json!({"sub": null}),
        json!({"exp": null}),
        json!({"groups": 7}),
    ] {
        refused(&rig, &idp, claims).await;
    }
    for fine in [json!({"exp": NOW - 58}), json!({"iat": NOW + 58}), json!({"azp": CLIENT}), json!({"aud": [CLIENT]})] {
        idp.says(fine.clone());
        assert_eq!(round(&rig, &idp, &mut Browser::default()).await.status, 303, "{fine}");
    }
    let records = rig.get("/v1/audit/events?limit=1000", "auditor").await.json.to_string();
    assert!(records.contains("\"how\":\"oidc\"") && records.contains("nonce"), "refusals are recorded");
}

#[tokio::test]
async fn left_out_groups_are_not_no_groups() {
    let idp = Idp::start().await;
    let rig = rig(&idp).await;
    for claims in [json!({"_claim_names": {"groups": "src1"}, "_claim_sources": {}}), json!({"hasgroups": true})] {
        let text = refused(&rig, &idp, claims).await;
        assert!(text.contains("app roles"), "{text}");
    }
}

#[tokio::test]
async fn tokens_that_the_provider_did_not_sign_let_nobody_in() {
    let idp = Idp::start().await;
    let rig = rig(&idp).await;
    for signing in [Signing::None, Signing::Shared, Signing::OtherKey, Signing::OtherId] {
        idp.signs(signing);
        refused(&rig, &idp, json!({})).await;
    }
    idp.signs(Signing::Good);
    assert_eq!(round(&rig, &idp, &mut Browser::default()).await.status, 303);
}

#[tokio::test]
async fn a_rotated_key_is_found_and_unknown_ones_are_not_asked_for_all_the_time() {
    let idp = Idp::start().await;
    let rig = rig(&idp).await;
    assert_eq!(round(&rig, &idp, &mut Browser::default()).await.status, 303);
    assert_eq!(idp.key_reads(), 1);
    idp.signs(Signing::OtherId);
    for _ in 0..5 {
        refused(&rig, &idp, json!({})).await;
    }
    assert_eq!(idp.key_reads(), 1, "within a minute nothing is asked again");
    rig.clock.forward(61);
    idp.rotate();
    idp.signs(Signing::Good);
    assert_eq!(round(&rig, &idp, &mut Browser::default()).await.status, 303);
    assert_eq!(idp.key_reads(), 2);
}

#[tokio::test]
async fn answers_that_belong_elsewhere_are_refused() {
    let idp = Idp::start().await;
    let rig = rig(&idp).await;
    idp.says(json!({}));
    let (mut dana, mut other) = (Browser::default(), Browser::default());
    let (ours, theirs) =
        (asked(&dana.get(&rig, "/sign-in/oidc").await), asked(&other.get(&rig, "/sign-in/oidc").await));
    let back = |code: &str, state: &str| format!("/sign-in/oidc/callback?code={code}&state={state}");
    let wrong_state = dana.get(&rig, &back(&idp.code(&ours), &theirs["state"])).await;
    assert!(wrong_state.status == 403 && wrong_state.has("another sign-in"));
    // A code of another sign-in, with our own state: the code verifier does not fit.
    let injected = dana.get(&rig, &back(&idp.code(&theirs), &ours["state"])).await;
    assert!(injected.status == 403 && injected.has("did not accept the code"), "{}", injected.text);
    let begun_elsewhere = Browser::default().get(&rig, &back(&idp.code(&ours), &ours["state"])).await;
    assert!(begun_elsewhere.status == 403 && begun_elsewhere.has("not begun in this browser"));
    let mixed = dana.get(&rig, &format!("{}&iss=http://evil.example", back(&idp.code(&ours), &ours["state"]))).await;
    assert!(mixed.status == 403 && mixed.has("another identity provider"));
    let said_no =
        dana.get(&rig, &format!("/sign-in/oidc/callback?error=access_denied%3Cb%3E&state={}", ours["state"])).await;
    assert!(said_no.status == 403 && said_no.has("access_denied&lt;b&gt;"), "{}", said_no.text);
    let code = idp.code(&ours);
    assert_eq!(dana.get(&rig, &back(&code, &ours["state"])).await.status, 303);
}

#[tokio::test]
async fn what_is_demanded_of_the_provider_must_come_back() {
    let idp = Idp::start().await;
    let config = OidcConfig {
        acr_values: vec!["gold".into()],
        max_age: Some(std::time::Duration::from_secs(600)),
        ..idp.config()
    };
    let rig = Rig::with(sign_in(), Some(config)).await;
    let sent = asked(&Browser::default().get(&rig, "/sign-in/oidc").await);
    assert_eq!((sent["acr_values"].as_str(), sent["max_age"].as_str()), ("gold", "600"));
    for claims in [
        json!({"auth_time": NOW}),
        json!({"acr": "silver", "auth_time": NOW}),
        json!({"acr": "gold"}),
        json!({"acr": "gold", "auth_time": NOW - 661}),
    ] {
        refused(&rig, &idp, claims).await;
    }
    idp.says(json!({"acr": "gold", "auth_time": NOW - 600}));
    assert_eq!(round(&rig, &idp, &mut Browser::default()).await.status, 303);
    let fresh = asked(&Browser::default().get(&rig, "/sign-in/oidc?fresh=1").await);
    assert_eq!((fresh["prompt"].as_str(), fresh["max_age"].as_str()), ("login", "0"));
}

#[tokio::test]
async fn a_rule_that_demands_a_better_proof_leads_to_the_provider_and_back() {
    let idp = Idp::start().await;
    let rig = rig(&idp).await;
    let mut asked = crate::rig::request("bot", 1);
    asked.assurance = Some(holdpoint::identity::assurance::Assurance::OidcMfa);
    let id = rig.asked(asked).await;
    let action = format!("/a/{id}");
    assert_eq!(problem(&rig.decide("dana", &id, "approve").await), (403, "assurance-too-low"));
    let mut browser = crate::visit::visitor(&rig, "dana").await;
    assert!(browser.get(&rig, "/").await.has("1 request waits for you."));
    let page = browser.get(&rig, &action).await;
    assert!(page.has("needs a sign-in by oidc+mfa or better") && !page.has("value=\"approve\""), "{}", page.text);
    assert!(page.has("value=\"deny\"") && page.has(&format!("href=\"/sign-in/oidc?fresh=1&amp;to={action}\"")));
    let forged = browser.submit(&rig, &page, &action, &[("verb", "approve")]).await;
    assert_eq!(forged.status, 403);
    // Signed in by the provider, but long ago, or by one factor.
    for (claims, status) in [(json!({"auth_time": NOW - 361}), 403), (json!({"auth_time": NOW}), 303)] {
        idp.says(claims);
        let begun = browser.get(&rig, &format!("/sign-in/oidc?fresh=1&to={action}")).await;
        let sent = self::asked(&begun);
        let back = format!("/sign-in/oidc/callback?code={}&state={}", idp.code(&sent), sent["state"]);
        assert_eq!(browser.get(&rig, &back).await.status, status);
    }
    assert!(!browser.get(&rig, &action).await.has("value=\"approve\""), "one factor is not two");
    idp.says(json!({"auth_time": NOW, "amr": ["mfa"]}));
    let sent = self::asked(&browser.get(&rig, &format!("/sign-in/oidc?fresh=1&to={action}")).await);
    let back = format!("/sign-in/oidc/callback?code={}&state={}", idp.code(&sent), sent["state"]);
    assert_eq!(browser.get(&rig, &back).await.header("location"), action);
    let page = browser.get(&rig, &action).await;
    let done = browser.submit(&rig, &page, &action, &[("verb", "approve")]).await;
    assert_eq!(done.status, 303, "{}", done.text);
    let shown = rig.get(&format!("/v1/approvals/{id}"), "reader").await.json;
    assert_eq!((&shown["state"], &shown["reviews"][0]["assurance"]), (&json!("approved"), &json!("oidc+mfa")));
}

#[tokio::test]
async fn a_provider_that_is_down_lets_nobody_in_and_says_so() {
    let idp = Idp::start().await;
    let rig = Rig::with(sign_in(), Some(OidcConfig { issuer: "http://127.0.0.1:1".into(), ..idp.config() })).await;
    let page = Browser::default().get(&rig, "/sign-in/oidc").await;
    assert_eq!(page.status, 503);
    assert!(page.has("the identity provider does not work at the moment"), "{}", page.text);
    let rig = Rig::new().await;
    assert_eq!(Browser::default().get(&rig, "/sign-in/oidc").await.status, 404);
}

#[tokio::test]
async fn access_tokens_open_the_api_by_the_groups_they_carry() {
    let idp = Idp::start().await;
    let rig = rig(&idp).await;
    let id = rig.pending("bot").await;
    let get = async |path: &str| rig.call_with_text("GET", path, &idp.access_token(NOW)).await;
    assert_eq!(get("/v1/approvals").await.status, 200);
    assert_eq!(problem(&get("/v1/agents").await), (403, "forbidden"));
    idp.says(json!({"groups": ["ops"]}));
    assert_eq!(get("/v1/agents").await.status, 200);
    let decided = rig.decide_as_text(&idp.access_token(NOW), &id, "approve").await;
    assert_eq!((decided.status, &decided.json["state"]), (200, &json!("approved")), "{}", decided.json);
    assert_eq!(decided.json["reviews"][0]["person"], "dana");
    for claims in [
        json!({"aud": CLIENT}),
        json!({"aud": null}),
        json!({"iss": "http://evil.example"}),
        json!({"exp": NOW - 61}),
        json!({"sub": "nobody"}),
        json!({"hasgroups": true}),
    ] {
        idp.says(claims.clone());
        assert_eq!(problem(&get("/v1/approvals").await), (401, "unauthorized"), "{claims}");
    }
    idp.says(json!({}));
    for signing in [Signing::None, Signing::Shared, Signing::OtherKey, Signing::OtherId] {
        idp.signs(signing);
        assert_eq!(problem(&get("/v1/approvals").await), (401, "unauthorized"), "{signing:?}");
    }
    let plain = Rig::new().await;
    assert_eq!(plain.call_with_text("GET", "/v1/approvals", "a.b.c").await.status, 401, "no provider, no JWT");
}
