//! One approval, several ways in at once. The store belongs to one process, so that two replicas of the API are two listeners
//! with routers of their own in front of one desk: whatever comes in where, one decision counts, and the others are told.

use futures_util::future::join_all;
use holdpoint::clock::Clock as _;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::rig::{Rig, until};
use crate::visit::{Browser, visitor};
use crate::workspace::{SIGNING_SECRET, Workspace, click, id as account, signed};

const ROUNDS: usize = 16;

struct Scene {
    rig: Rig,
    workspace: Workspace,
    /// Two listeners.
    replicas: [String; 2],
    client: Client,
    dana: Browser,
}

/// One way in: who comes by it, and a request that is ready to be sent.
struct Way {
    name: &'static str,
    request: RequestBuilder,
}

impl Scene {
    async fn new() -> Self {
        let (mut rig, workspace) = (Rig::new().await, Workspace::new().await);
        let mut config = workspace.http();
        let slack = config.slack.as_mut().unwrap();
        slack.people = [(account("ada"), "ada".to_owned())].into();
        workspace.set_user("ada", json!({}));
        rig.with_notify(&config);
        let replicas = [rig.serve(None).await, rig.serve(None).await];
        let dana = visitor(&rig, "dana").await;
        let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { rig, workspace, replicas, client, dana }
    }

    /// A form of the page, as it was shown.
    async fn page(&mut self, id: &str, verb: &str, replica: usize) -> Way {
        let path = format!("/a/{id}");
        let page = self.dana.get(&self.rig, &path).await;
        let mut form = reqwest::Url::parse("form:").unwrap();
        for (name, value) in page.hidden(&path) {
            form.query_pairs_mut().append_pair(&name, &value);
        }
        form.query_pairs_mut().append_pair("verb", verb).append_pair("reason", "by page");
        let cookies = self.dana.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let request = self
            .client
            .post(format!("{}{path}", self.replicas[replica]))
            .header("cookie", cookies.collect::<Vec<_>>().join("; "))
            .header("origin", "https://holdpoint.test")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.query().unwrap().to_owned());
        Way { name: "page", request }
    }

    /// As programs and the command line do it.
    fn api(&self, id: &str, shown: &Value, verb: &str, replica: usize) -> Way {
        let request = self
            .client
            .post(format!("{}/v1/approvals/{id}:{verb}", self.replicas[replica]))
            .header("authorization", format!("Bearer {}", self.rig.token_text("erik")))
            .header("if-match", format!("\"{}\"", shown["version"]))
            .json(&json!({ "digest": shown["request"]["digest"], "reason": "by api" }));
        Way { name: "api", request }
    }

    /// A click in Slack. It is answered at once, and worked on behind the answer.
    fn slack(&self, id: &str, shown: &Value, replica: usize) -> Way {
        let value = format!("{id}|{}|{}", shown["version"], shown["request"]["digest"].as_str().unwrap());
        let seconds = self.rig.clock.now().as_millis() / 1000;
        let (body, signature) = signed(SIGNING_SECRET, seconds, &click("ada", "approve", &value));
        let request = self
            .client
            .post(format!("{}/v1/slack/interactive", self.replicas[replica]))
            .header("x-slack-request-timestamp", seconds.to_string())
            .header("x-slack-signature", signature)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        Way { name: "slack", request }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_clicks_at_once_on_two_replicas_one_counts_and_the_others_are_told() {
    let mut scene = Scene::new().await;
    let mut winners = std::collections::BTreeMap::<String, usize>::new();
    for round in 0..ROUNDS {
        let id = scene.rig.pending(&format!("bot{round}")).await;
        let shown = scene.rig.get(&format!("/v1/approvals/{id}"), "reader").await.json;
        let (first, second) = if round % 2 == 0 { ("approve", "deny") } else { ("deny", "approve") };
        let mut ways = vec![
            scene.page(&id, first, 0).await,
            scene.api(&id, &shown, second, 1),
            scene.slack(&id, &shown, round % 2),
        ];
        ways.rotate_left(round % 3);
        let told = scene.workspace.calls("chat.postEphemeral").len();
        let sent = ways.into_iter().map(async |way| {
            let answer = way.request.send().await.unwrap();
            (way.name, answer.status().as_u16(), answer.text().await.unwrap())
        });
        let answers = join_all(sent).await;
        until("it is decided", || state(&scene.rig, &id) != "pending").await;
        let after = scene.rig.get(&format!("/v1/approvals/{id}"), "reader").await.json;
        let reviews = after["reviews"].as_array().unwrap();
        assert_eq!(reviews.len(), 1, "{after}");
        let winner = reviews[0]["via"].as_str().unwrap().to_owned();
        let wanted = if reviews[0]["verdict"] == "approve" { "approved" } else { "denied" };
        assert_eq!(after["state"], wanted, "{after}");
        for (name, status, text) in answers {
            match (name, name == winner) {
                ("slack", won) => {
                    assert_eq!(status, 200, "{text}");
                    if !won {
                        until("the one in Slack is told", || scene.workspace.calls("chat.postEphemeral").len() > told)
                            .await;
                        let said = scene.workspace.calls("chat.postEphemeral")[told].form["text"].clone();
                        assert!(said.contains(&id) && said.contains("already"), "{said}");
                    }
                }
                ("page", true) => assert_eq!(status, 303, "{text}"),
                ("page", false) => {
                    assert!([409, 412].contains(&status), "{status}: {text}");
                    assert!(text.contains("Your decision does not count"), "{text}");
                }
                (_, true) => assert_eq!(status, 200, "{text}"),
                (_, false) => {
                    assert!([409, 412].contains(&status), "{status}: {text}");
                    assert!(text.contains("already-decided") || text.contains("stale-version"), "{text}");
                }
            }
        }
        *winners.entry(winner).or_default() += 1;
    }
    assert_eq!(winners.values().sum::<usize>(), ROUNDS);
}

fn state(rig: &Rig, id: &str) -> &'static str {
    let id = holdpoint::identity::ids::ApprovalId::parse(id).unwrap();
    rig.state.desk.get(&id).unwrap().unwrap().state.as_str()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_seats_the_same_person_fills_one_whichever_way_they_come() {
    let mut scene = Scene::new().await;
    let id = scene.rig.pending_with("bot", 2).await;
    let shown = scene.rig.get(&format!("/v1/approvals/{id}"), "reader").await.json;
    let page = scene.page(&id, "approve", 0).await;
    let mut own = scene.api(&id, &shown, "approve", 1).request.build().unwrap();
    let token = format!("Bearer {}", scene.rig.token_text("dana"));
    own.headers_mut().insert("authorization", token.parse().unwrap());
    let (by_page, by_api) = tokio::join!(page.request.send(), scene.client.execute(own));
    assert!(by_page.unwrap().status().as_u16() == 303 || by_api.unwrap().status().as_u16() == 200);
    let after = scene.rig.get(&format!("/v1/approvals/{id}"), "reader").await.json;
    assert_eq!((&after["state"], after["reviews"].as_array().unwrap().len()), (&json!("pending"), 1), "{after}");
}
