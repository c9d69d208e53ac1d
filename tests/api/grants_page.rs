//! Grants on the page: given with a yes or alone, told in words, filtered by the address, taken back without scripts.

use holdpoint::audit::event::{Event, StatementEvent};
use holdpoint::identity::ids::{AgentName, SessionId, StatementId};

use crate::grants::{asked, may_run};
use crate::rig::Rig;
use crate::visit::{Browser, Page, visitor};

async fn look(browser: &mut Browser, rig: &Rig, id: &str) -> Page {
    browser.get(rig, &format!("/a/{id}")).await
}

async fn offer(browser: &mut Browser, rig: &Rig, id: &str, fields: &[(&str, &str)]) -> Page {
    let page = look(browser, rig, id).await;
    browser.submit(rig, &page, &format!("/a/{id}/grant"), &all(fields)).await
}

/// The form as it is shown, with these fields instead.
fn all<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![("life", "30m"), ("runs", "5"), ("rows", "200"), ("bounds", ""), ("reason", "")];
    all.extend_from_slice(fields);
    all
}

async fn state(rig: &Rig, id: &str) -> String {
    rig.get(&format!("/v1/approvals/{id}"), "reader").await.json["state"].as_str().unwrap().to_owned()
}

async fn first(rig: &Rig) -> (String, String) {
    let grants = rig.get("/v1/grants", "reader").await.json;
    let text = |name: &str| grants["grants"][0][name].as_str().unwrap().to_owned();
    (text("id"), text("state"))
}

async fn none(rig: &Rig) -> bool {
    rig.get("/v1/grants", "reader").await.json["grants"].as_array().unwrap().is_empty()
}

#[tokio::test]
async fn a_yes_and_a_grant_are_one_form_and_the_grant_is_told_in_words() {
    let rig = Rig::new().await;
    let id = asked(&rig, 1).await;
    let mut dana = visitor(&rig, "dana").await;
    let page = look(&mut dana, &rig, &id).await;
    assert!(page.has("Approve, and grant the same again…") && page.has("value=\"30m\""), "{}", page.text);
    let fields = [("verb", "approve"), ("bounds", "1..2000000000\r\n"), ("reason", "nightly <job>")];
    let done = offer(&mut dana, &rig, &id, &fields).await;
    assert_eq!(
        (done.status, done.header("location")),
        (303, format!("/a/{id}?done=granted").as_str()),
        "{}",
        done.text
    );
    assert_eq!(state(&rig, &id).await, "approved");
    assert!(may_run(&rig).await);
    let page = dana.get(&rig, done.header("location")).await;
    let (grant, _) = first(&rig).await;
    assert!(page.has("The grant is given.") && page.has(&format!("href=\"/grants/{grant}\"")), "{}", page.text);
    let list = dana.get(&rig, "/grants").await;
    for words in [
        "Agent <b><bdi>bot</bdi></b>",
        "exactly the statement of the request",
        "5 runs, each of at most 200 rows, for 30m once it is given",
        "1 of 5 used, 4 left",
        "1: a whole number from 1 to 2000000000",
        "<b><bdi>dana</bdi></b>, yes",
        "via <bdi>page</bdi> (<bdi>password</bdi>): <bdi>nightly &lt;job&gt;</bdi>",
        &format!("href=\"/a/{id}\""),
    ] {
        assert!(list.has(words), "{words} in {}", list.text);
    }
}

#[tokio::test]
async fn runs_are_told_as_the_audit_log_has_them() {
    let rig = Rig::new().await;
    let id = asked(&rig, 1).await;
    let mut dana = visitor(&rig, "dana").await;
    offer(&mut dana, &rig, &id, &[("verb", "grant")]).await;
    let (grant, _) = first(&rig).await;
    assert!(dana.get(&rig, &format!("/grants/{grant}")).await.has("None yet."));
    assert!(may_run(&rig).await);
    let page = dana.get(&rig, &format!("/grants/{grant}")).await;
    assert!(page.has("Run 1 ") && page.has("its end is not recorded"), "{}", page.text);
    rig.state.record(Event::Statement(Box::new(ended()))).await.unwrap();
    let page = dana.get(&rig, &format!("/grants/{grant}")).await;
    assert!(page.has("<bdi>ok</bdi>, 37 rows"), "{}", page.text);
    let records = rig.get("/v1/audit/events?limit=1000", "auditor").await.json.to_string();
    assert!(records.contains(&format!("page of {grant}")), "a look is recorded");
}

fn ended() -> StatementEvent {
    StatementEvent {
        session: SessionId(1),
        statement: StatementId(1),
        agent: AgentName("bot".into()),
        database: "shop".into(),
        fingerprint: String::new(),
        text: String::new(),
        actions: vec![],
        relations: vec![],
        classes: vec![],
        verdict: "allow".into(),
        rules: vec![],
        approval: None,
        role: None,
        outcome: "ok".into(),
        code: None,
        rows: 37,
        bytes: 1,
        masked: vec![],
        duration_ms: 1,
    }
}

#[tokio::test]
async fn a_grant_alone_decides_nothing_about_the_request() {
    let rig = Rig::new().await;
    let id = asked(&rig, 1).await;
    let mut dana = visitor(&rig, "dana").await;
    assert_eq!(offer(&mut dana, &rig, &id, &[("verb", "grant")]).await.status, 303);
    assert_eq!((state(&rig, &id).await.as_str(), first(&rig).await.1.as_str()), ("pending", "active"));
}

#[tokio::test]
async fn whoever_stands_behind_the_request_is_offered_nothing_and_forging_the_form_gives_nothing() {
    let rig = Rig::new().await;
    let id = asked(&rig, 1).await;
    for (name, status) in [("mia", 403), ("ivan", 403), ("uma", 403), ("otto", 403)] {
        let mut browser = visitor(&rig, name).await;
        let page = look(&mut browser, &rig, &id).await;
        assert!(!page.has(&format!("/a/{id}/grant")), "{name} is offered it");
        for verb in ["grant", "approve"] {
            let mut fields = page.hidden(&format!("/a/{id}"));
            fields.insert("verb".into(), verb.into());
            for (key, value) in all(&[]) {
                fields.insert(key.into(), value.into());
            }
            let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            let origin = [("origin", "https://holdpoint.test")];
            let refused = browser.post(&rig, &format!("/a/{id}/grant"), &fields, &origin).await;
            assert_eq!(refused.status, status, "{name} {verb}: {}", refused.text);
        }
    }
    assert!(none(&rig).await);
    assert_eq!(state(&rig, &id).await, "pending");
}

#[tokio::test]
async fn where_two_are_needed_the_second_gives_it_on_its_page() {
    let rig = Rig::new().await;
    let id = asked(&rig, 2).await;
    let (mut dana, mut erik) = (visitor(&rig, "dana").await, visitor(&rig, "erik").await);
    let done = offer(&mut dana, &rig, &id, &[("verb", "approve")]).await;
    assert_eq!(done.header("location"), format!("/a/{id}?done=proposed"));
    assert!(!may_run(&rig).await);
    let (grant, standing) = first(&rig).await;
    assert_eq!(standing, "proposed");
    let path = format!("/grants/{grant}");
    assert!(!dana.get(&rig, &path).await.has("value=\"approve\""), "dana has said yes already");
    let mut mia = visitor(&rig, "mia").await;
    let shown = mia.get(&rig, &path).await;
    assert!(!shown.has("value=\"approve\"") && shown.has("value=\"revoke\""), "{}", shown.text);
    assert_eq!(mia.submit(&rig, &shown, &path, &[("verb", "approve")]).await.status, 403);
    let shown = erik.get(&rig, &path).await;
    assert!(shown.has("2 needed from <bdi>dba</bdi>"), "{}", shown.text);
    let given = erik.submit(&rig, &shown, &path, &[("verb", "approve"), ("reason", "yes")]).await;
    assert_eq!((given.status, given.header("location")), (303, format!("{path}?done=approve").as_str()));
    assert!(may_run(&rig).await);
}

#[tokio::test]
async fn a_grant_is_taken_back_by_its_form_alone_and_once() {
    let rig = Rig::new().await;
    let id = asked(&rig, 1).await;
    let (mut dana, mut mia) = (visitor(&rig, "dana").await, visitor(&rig, "mia").await);
    offer(&mut dana, &rig, &id, &[("verb", "grant")]).await;
    let path = format!("/grants/{}", first(&rig).await.0);
    assert!(
        !visitor(&rig, "otto").await.get(&rig, "/grants").await.has("value=\"revoke\""),
        "otto is in none of the groups"
    );
    let page = mia.get(&rig, "/grants").await;
    let stolen = [("token", "x"), ("verb", "revoke")];
    for (fields, headers) in [(&stolen[..], "https://holdpoint.test"), (&[("verb", "revoke")], "https://evil.example")]
    {
        let mut sent: Vec<(&str, &str)> = fields.to_vec();
        let token = page.hidden(&path)["token"].clone();
        if !sent.iter().any(|(name, _)| *name == "token") {
            sent.push(("token", &token));
        }
        assert_eq!(mia.post(&rig, &path, &sent, &[("origin", headers)]).await.status, 403);
    }
    assert!(may_run(&rig).await);
    let done = mia.submit(&rig, &page, &path, &[("verb", "revoke"), ("reason", "no longer")]).await;
    assert_eq!(done.header("location"), format!("{path}?done=revoke"));
    assert!(mia.get(&rig, done.header("location")).await.has("The grant is taken back."));
    assert!(!may_run(&rig).await);
    let twice = mia.submit(&rig, &page, &path, &[("verb", "revoke")]).await;
    assert_eq!(twice.status, 409);
    assert!(twice.has("role=\"alert\"") && twice.has("the grant is revoked"), "{}", twice.text);
}

#[tokio::test]
async fn what_is_wrong_with_the_terms_is_said_before_anything_is_approved() {
    let rig = Rig::new().await;
    let id = asked(&rig, 1).await;
    let mut dana = visitor(&rig, "dana").await;
    let old = look(&mut dana, &rig, &id).await;
    for (field, value, says) in [
        ("life", "8d", "at most"),
        ("life", "soon", "write the time as"),
        ("runs", "1001", "1 to 1000 runs"),
        ("rows", "many", "the rows have to be a number"),
        ("bounds", "any\nany", "of which there are 1"),
        ("bounds", "<b>", "write `same`"),
    ] {
        let refused = offer(&mut dana, &rig, &id, &[("verb", "approve"), (field, value)]).await;
        assert_eq!(refused.status, 400, "{field}={value}");
        assert!(refused.has(says) && !refused.has("<b>\n"), "{field}={value}: {}", refused.text);
    }
    let typed = offer(&mut dana, &rig, &id, &[("verb", "approve"), ("runs", "2"), ("life", "\"><i>")]).await;
    assert!(typed.has("value=\"2\"") && typed.has("value=\"&quot;&gt;&lt;i&gt;\""), "{}", typed.text);
    assert_eq!(state(&rig, &id).await, "pending");
    rig.call("POST", &format!("/v1/approvals/{id}:comment"), "otto", &[], Some(serde_json::json!({"reason": "hm"})))
        .await;
    let stale = dana.submit(&rig, &old, &format!("/a/{id}/grant"), &all(&[("verb", "approve")])).await;
    assert_eq!(stale.status, 412);
    assert!(stale.has("Your decision does not count"), "{}", stale.text);
    assert!(none(&rig).await);
}

#[tokio::test]
async fn grants_are_filtered_by_the_address() {
    let rig = Rig::new().await;
    let id = asked(&rig, 1).await;
    let mut dana = visitor(&rig, "dana").await;
    offer(&mut dana, &rig, &id, &[("verb", "grant")]).await;
    let (grant, _) = first(&rig).await;
    for (query, shown) in [
        ("", true),
        ("?state=active&agent=bot&database=shop", true),
        ("?state=&agent=&database=", true),
        ("?state=revoked", false),
        ("?agent=other", false),
        ("?database=crm", false),
    ] {
        let page = dana.get(&rig, &format!("/grants{query}")).await;
        assert_eq!(page.has(&grant), shown, "{query}: {}", page.text);
        assert_eq!(page.has("There are none."), !shown, "{query}");
    }
    assert!(dana.get(&rig, "/grants?state=active").await.has("<option value=\"active\" selected>"));
    assert_eq!(dana.get(&rig, "/grants?state=odd").await.status, 400);
    assert_eq!(dana.get(&rig, "/grants/gra_0000000000000000").await.status, 404);
    assert_eq!(dana.get(&rig, "/grants/x").await.status, 404);
}
