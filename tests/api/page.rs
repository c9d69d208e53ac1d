//! The approvers' page without scripts: what it shows, what its forms do, what it refuses and how it says so.

use holdpoint::gate::approval::Request;
use serde_json::json;

use crate::rig::{Rig, request};
use crate::visit::{Browser, Page, visitor};

async fn look(browser: &mut Browser, rig: &Rig, id: &str) -> Page {
    let page = browser.get(rig, &format!("/a/{id}")).await;
    assert_eq!(page.status, 200, "{}", page.text);
    page
}

async fn press(browser: &mut Browser, rig: &Rig, page: &Page, id: &str, fields: &[(&str, &str)]) -> Page {
    browser.submit(rig, page, &format!("/a/{id}"), fields).await
}

async fn state(rig: &Rig, id: &str) -> String {
    rig.get(&format!("/v1/approvals/{id}"), "reader").await.json["state"].as_str().unwrap().to_owned()
}

fn with_text(agent: &str, text: &str) -> Request {
    let mut asked = request(agent, 1);
    asked.digest = format!("{text:_<64}").chars().take(64).collect();
    asked.statements[0].text = text.to_owned();
    asked
}

#[tokio::test]
async fn what_waits_is_listed_for_those_who_can_decide_it_first() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let home = visitor(&rig, "dana").await.get(&rig, "/").await;
    assert!(home.has("<title>(1) Waiting · Holdpoint</title>") && home.has("1 request waits for you."));
    assert!(
        home.has(&format!("href=\"/a/{id}\""))
            && home.has("Reads public.customers: email (pii.email), about 84 000 rows")
    );
    let home = visitor(&rig, "otto").await.get(&rig, "/").await;
    assert!(home.has("Nothing waits for you.") && home.has("For others") && home.has(&id));
    let part = visitor(&rig, "dana").await.get(&rig, "/?part=live").await;
    assert!(part.text.starts_with("<div id=\"live\"") && !part.has("<html"), "{}", part.text);
    rig.clock.forward(3601);
    assert!(!visitor(&rig, "dana").await.get(&rig, "/").await.has(&id), "too late");
}

#[tokio::test]
async fn one_approval_shows_words_text_claims_and_proof() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let page = look(&mut visitor(&rig, "dana").await, &rig, &id).await;
    for part in [
        "<h1><bdi>Reads public.customers: email (pii.email), about 84 000 rows</bdi></h1>",
        "<span class=\"k\">SELECT</span> email <span class=\"k\">FROM</span> customers",
        "Exact characters",
        "SELECT<span class=\"blank\">·</span>email",
        "Who, proved",
        "Who, claimed",
        "bulk_read of pii.email",
        "0 of 1",
        "value=\"approve\"",
        "value=\"deny\"",
        "Nothing before this request.",
        "None among the last 500 requests.",
    ] {
        assert!(page.has(part), "{part} in {}", page.text);
    }
    // The reason carries an escape sequence and a bidirectional override.
    assert!(
        page.has("weekly<span class=\"odd\">U+001B</span>[2J <span class=\"odd\">U+202E</span>report"),
        "{}",
        page.text
    );
    assert!(!page.has("\u{202e}") && !page.has("\u{1b}"));
}

#[tokio::test]
async fn markup_in_anything_an_agent_sends_is_text() {
    let rig = Rig::new().await;
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let mut asked = with_text("bot", &format!("SELECT '{evil}' -- {evil}"));
    asked.statements[0].summary = evil.into();
    asked.statements[0].lineage = vec![evil.into()];
    asked.statements[0].parameters = vec![evil.into()];
    asked.requester.claims.reason = Some(evil.into());
    asked.requester.claims.application_name = Some(evil.into());
    asked.requester.claims.ticket = Some("javascript:alert(3)".into());
    let id = rig.asked(asked).await;
    let mut dana = visitor(&rig, "dana").await;
    for path in [format!("/a/{id}"), "/".into(), "/history".into()] {
        let page = dana.get(&rig, &path).await;
        assert!(
            !page.has("<script>alert") && !page.has("<img") && !page.has("href=\"javascript"),
            "{path}: {}",
            page.text
        );
        assert!(page.has("&lt;script&gt;"), "{path}");
    }
    let page = look(&mut dana, &rig, &id).await;
    let typed =
        press(&mut dana, &rig, &page, &id, &[("verb", "odd"), ("reason", "</textarea><script>x</script>")]).await;
    assert_eq!(typed.status, 400);
    assert!(typed.has("&lt;/textarea&gt;&lt;script&gt;") && !typed.has("<script>x"), "{}", typed.text);
}

#[tokio::test]
async fn a_yes_with_a_note_and_a_no_with_a_reason_are_decisions_of_a_password() {
    let rig = Rig::new().await;
    let (yes, no) = (rig.pending("bot").await, rig.pending("other").await);
    let mut dana = visitor(&rig, "dana").await;
    let page = look(&mut dana, &rig, &yes).await;
    let done = press(&mut dana, &rig, &page, &yes, &[("verb", "approve"), ("reason", " fine ")]).await;
    assert_eq!((done.status, done.header("location")), (303, format!("/a/{yes}?done=approve").as_str()));
    let shown = rig.get(&format!("/v1/approvals/{yes}"), "reader").await.json;
    let review = &shown["reviews"][0];
    assert_eq!((&shown["state"], &review["reason"]), (&json!("approved"), &json!("fine")));
    assert_eq!((&review["via"], &review["assurance"]), (&json!("page"), &json!("password")));
    assert_eq!(review["digest_seen"], shown["request"]["digest"]);

    let page = look(&mut dana, &rig, &no).await;
    let blank = press(&mut dana, &rig, &page, &no, &[("verb", "deny"), ("reason", "  ")]).await;
    assert_eq!((blank.status, state(&rig, &no).await.as_str()), (422, "pending"));
    assert!(blank.has("role=\"alert\"") && blank.has("say why not"), "{}", blank.text);
    let done = press(&mut dana, &rig, &page, &no, &[("verb", "deny"), ("reason", "not today")]).await;
    assert_eq!((done.status, state(&rig, &no).await.as_str()), (303, "denied"));
    let after = dana.get(&rig, done.header("location")).await;
    assert!(after.has("Your no is recorded") && after.has("not today") && !after.has("value=\"approve\""));
}

#[tokio::test]
async fn a_stale_click_is_refused_with_what_is_true_now_and_what_was_typed() {
    let rig = Rig::new().await;
    let id = rig.pending_with("bot", 2).await;
    let (mut dana, mut erik) = (visitor(&rig, "dana").await, visitor(&rig, "erik").await);
    let (seen, page) = (look(&mut erik, &rig, &id).await, look(&mut dana, &rig, &id).await);
    press(&mut dana, &rig, &page, &id, &[("verb", "approve")]).await;
    let stale = press(&mut erik, &rig, &seen, &id, &[("verb", "approve"), ("reason", "my long note")]).await;
    assert_eq!(stale.status, 412);
    assert!(
        stale.has("Your decision does not count") && stale.has("my long note") && stale.has("1 of 2"),
        "{}",
        stale.text
    );
    let done = press(&mut erik, &rig, &stale, &id, &[("verb", "approve")]).await;
    assert_eq!((done.status, state(&rig, &id).await.as_str()), (303, "approved"));
    let late = press(&mut erik, &rig, &seen, &id, &[("verb", "deny"), ("reason", "no")]).await;
    assert_eq!(late.status, 409);
    assert!(late.has("is approved already"), "{}", late.text);
}

#[tokio::test]
async fn a_comment_decides_nothing_and_whoever_decides_next_has_seen_it() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let (mut dana, mut mia) = (visitor(&rig, "dana").await, visitor(&rig, "mia").await);
    let seen = look(&mut dana, &rig, &id).await;
    let page = look(&mut mia, &rig, &id).await;
    let blank = press(&mut mia, &rig, &page, &id, &[("verb", "comment"), ("reason", " ")]).await;
    assert_eq!(blank.status, 422);
    let done = press(&mut mia, &rig, &page, &id, &[("verb", "comment"), ("reason", "it is <for> me")]).await;
    assert_eq!((done.status, state(&rig, &id).await.as_str()), (303, "pending"), "the owner may speak");
    let stale = press(&mut dana, &rig, &seen, &id, &[("verb", "approve")]).await;
    assert_eq!(stale.status, 412);
    assert!(stale.has("it is &lt;for&gt; me"), "{}", stale.text);
    let by_api =
        rig.call("POST", &format!("/v1/approvals/{id}:comment"), "otto", &[], Some(json!({"reason": "hm"}))).await;
    assert_eq!((by_api.status, &by_api.json["comments"][1]["text"]), (200, &json!("hm")), "{}", by_api.json);
    let records = rig.get("/v1/audit/events?limit=1000", "auditor").await.json.to_string();
    assert!(records.contains("approval_commented") && records.contains("it is <for> me"));
    for number in 2..50 {
        let said = json!({"reason": format!("more {number}")});
        let path = format!("/v1/approvals/{id}:comment");
        assert_eq!(rig.call("POST", &path, "otto", &[], Some(said)).await.status, 200);
    }
    let path = format!("/v1/approvals/{id}:comment");
    let full = rig.call("POST", &path, "otto", &[], Some(json!({"reason": "x"}))).await;
    assert_eq!(full.status, 409);
}

#[tokio::test]
async fn missing_buttons_are_explained() {
    let rig = Rig::new().await;
    let id = rig.pending_with("bot", 2).await;
    for (name, says) in [
        ("mia", "You stand behind this request"),
        ("ivan", "You stand behind this request"),
        ("uma", "You stand behind this request"),
        ("otto", "You are in none of the groups"),
    ] {
        let mut browser = visitor(&rig, name).await;
        let page = look(&mut browser, &rig, &id).await;
        assert!(page.has(says) && !page.has("value=\"approve\""), "{name}: {}", page.text);
    }
    let mut dana = visitor(&rig, "dana").await;
    let page = look(&mut dana, &rig, &id).await;
    press(&mut dana, &rig, &page, &id, &[("verb", "approve")]).await;
    assert!(look(&mut dana, &rig, &id).await.has("You have decided already"));
    rig.clock.forward(3601);
    assert!(look(&mut visitor(&rig, "erik").await, &rig, &id).await.has("Nobody decided in time"));
}

#[tokio::test]
async fn the_owner_cannot_decide_by_a_forged_form_either() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let mut mia = visitor(&rig, "mia").await;
    let page = look(&mut mia, &rig, &id).await;
    let digest = rig.digest(&id).await;
    let fields = [("verb", "approve"), ("version", "1"), ("digest", digest.as_str())];
    let refused = press(&mut mia, &rig, &page, &id, &fields).await;
    assert_eq!((refused.status, state(&rig, &id).await.as_str()), (403, "pending"));
}

#[tokio::test]
async fn a_yes_is_taken_back_and_a_request_is_withdrawn() {
    let rig = Rig::new().await;
    let (given, asked) = (rig.pending("bot").await, rig.pending("other").await);
    let (mut dana, mut mia) = (visitor(&rig, "dana").await, visitor(&rig, "mia").await);
    let page = look(&mut dana, &rig, &given).await;
    press(&mut dana, &rig, &page, &given, &[("verb", "approve")]).await;
    let page = look(&mut dana, &rig, &given).await;
    assert!(page.has("Take the yes back"));
    press(&mut dana, &rig, &page, &given, &[("verb", "revoke"), ("reason", "wrong table")]).await;
    assert_eq!(state(&rig, &given).await, "revoked");
    let page = look(&mut mia, &rig, &asked).await;
    press(&mut mia, &rig, &page, &asked, &[("verb", "withdraw")]).await;
    assert_eq!(state(&rig, &asked).await, "withdrawn");
}

#[tokio::test]
async fn a_long_statement_is_approved_only_by_who_says_to_have_read_it() {
    let rig = Rig::new().await;
    let text = format!("SELECT {} AS the_end_of_it", "1 + ".repeat(1200) + "1");
    let id = rig.asked(with_text("bot", &text)).await;
    let mut dana = visitor(&rig, "dana").await;
    let page = look(&mut dana, &rig, &id).await;
    assert!(page.has("the_end_of_it") && page.has("I have read the statement to its end"), "never cut");
    let unread = press(&mut dana, &rig, &page, &id, &[("verb", "approve")]).await;
    assert_eq!((unread.status, state(&rig, &id).await.as_str()), (422, "pending"));
    let done = press(&mut dana, &rig, &page, &id, &[("verb", "approve"), ("read", "yes")]).await;
    assert_eq!((done.status, state(&rig, &id).await.as_str()), (303, "approved"));
}

#[tokio::test]
async fn requests_of_the_same_shape_are_told_with_what_became_of_them() {
    let rig = Rig::new().await;
    let mut dana = visitor(&rig, "dana").await;
    for (number, verb) in [(1, "approve"), (2, "deny"), (3, "approve")] {
        let id = rig.asked(with_text("bot", &format!("SELECT email FROM customers WHERE id = {number}"))).await;
        let page = look(&mut dana, &rig, &id).await;
        press(&mut dana, &rig, &page, &id, &[("verb", verb), ("reason", "r")]).await;
    }
    rig.asked(with_text("bot", "SELECT name FROM customers WHERE id = 7")).await;
    let id = rig.asked(with_text("bot", "SELECT email FROM customers WHERE id = 4")).await;
    let page = look(&mut dana, &rig, &id).await;
    assert!(page.has("approved 2×, denied 1×, 3 in all"), "{}", page.text);
}

#[tokio::test]
async fn history_is_filtered_by_its_address() {
    let rig = Rig::new().await;
    let (denied, open) = (rig.pending("bot").await, rig.pending("other").await);
    rig.decide("dana", &denied, "deny").await;
    let mut dana = visitor(&rig, "dana").await;
    let all = dana.get(&rig, "/history?state=&agent=&database=").await;
    assert!(all.has(&denied) && all.has(&open));
    let some = dana.get(&rig, "/history?state=denied").await;
    assert!(some.has(&denied) && !some.has(&open) && some.has("<option value=\"denied\" selected>"));
    let none = dana.get(&rig, "/history?agent=%3Cb%3E").await;
    assert!(none.has("Nothing on this page.") && none.has("value=\"&lt;b&gt;\""));
    let odd = dana.get(&rig, "/history?state=odd").await;
    assert_eq!(odd.status, 400);
    assert!(odd.has("there is no state"));
}

#[tokio::test]
async fn history_goes_on_behind_its_first_page_with_the_same_filters() {
    let rig = Rig::new().await;
    for number in 0..51 {
        rig.asked(with_text("bot", &format!("SELECT {number}"))).await;
    }
    let mut dana = visitor(&rig, "dana").await;
    let first = dana.get(&rig, "/history?agent=bot").await;
    let next = first.text.split("href=\"/history?").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
    assert!(next.starts_with("agent=bot&after="), "{next}");
    let second = dana.get(&rig, &format!("/history?{next}")).await;
    assert_eq!((first.text.matches("class=\"what\"").count(), second.text.matches("class=\"what\"").count()), (50, 1));
}

#[tokio::test]
async fn the_kill_switch_is_for_those_with_the_scope() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let mut dana = visitor(&rig, "dana").await;
    assert_eq!(dana.get(&rig, "/agents").await.status, 403);
    assert!(!dana.get(&rig, "/").await.has("href=\"/agents\""));
    let mut olaf = visitor(&rig, "olaf").await;
    let page = olaf.get(&rig, "/agents").await;
    assert!(page.has("Switch off <bdi>bot</bdi> now"), "{}", page.text);
    let done = olaf.submit(&rig, &page, "/agents", &[("verb", "disable")]).await;
    assert_eq!((done.status, state(&rig, &id).await.as_str()), (303, "withdrawn"));
    let page = olaf.get(&rig, "/agents").await;
    assert!(page.has("switched off"));
    assert_eq!(olaf.submit(&rig, &page, "/agents", &[("verb", "enable")]).await.status, 303);
    let gone = olaf.submit(&rig, &page, "/agents", &[("verb", "disable"), ("agent", "nobody")]).await;
    assert_eq!(gone.status, 404);
}

#[tokio::test]
async fn auditors_see_the_log_and_that_it_is_whole() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    assert_eq!(visitor(&rig, "dana").await.get(&rig, "/audit").await.status, 403);
    let mut olaf = visitor(&rig, "olaf").await;
    let page = olaf.get(&rig, "/audit").await;
    assert!(page.has("approval requested") && page.has(&id) && page.has("audit page"), "{}", page.text);
    let checked = olaf.submit(&rig, &page, "/audit", &[]).await;
    assert_eq!(checked.status, 200);
    assert!(checked.has("Good: ") && checked.has("each in its place and unchanged"), "{}", checked.text);
}

#[tokio::test]
async fn problems_are_pages_and_the_api_keeps_its_own() {
    let rig = Rig::new().await;
    let mut dana = visitor(&rig, "dana").await;
    let page = dana.get(&rig, "/a/apr_0000000000000000").await;
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(page.has("<h1>Not found</h1>") && page.has("Back to what waits"));
    let api = rig.get("/v1/approvals/apr_0000000000000000", "reader").await;
    assert_eq!(api.header("content-type"), "application/problem+json");
    assert_eq!(dana.get(&rig, "/v1/approvals").await.status, 401, "a session is no token");
    for (path, kind) in [
        ("/assets/page.css", "text/css"),
        ("/assets/page.js", "text/javascript"),
        ("/assets/icon.svg", "image/svg+xml"),
    ] {
        assert!(Browser::default().get(&rig, path).await.header("content-type").starts_with(kind), "{path}");
    }
}
