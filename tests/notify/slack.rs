//! Slack: the message that follows its approval, clicks by people and by everybody who is none, both ways in.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use holdpoint::config::notify::{Content, NotifyConfig};
use holdpoint::gate::approval::{State, Verdict};
use holdpoint::gate::desk::ticket::Ticket;
use holdpoint::identity::ids::PersonName;
use holdpoint::identity::person::Person;
use serde_json::json;

use crate::rig::{Rig, Running, until};
use crate::workspace::{SIGNING_SECRET, Workspace, click, form, signed};

struct Scene {
    rig: Rig,
    workspace: Workspace,
    running: Running,
    ticket: Ticket,
    /// What the buttons of the message carry.
    value: String,
}

impl Scene {
    async fn new() -> Self {
        let workspace = Workspace::new().await;
        let config = workspace.socket();
        Self::with(workspace, config).await
    }

    async fn with(workspace: Workspace, config: NotifyConfig) -> Self {
        let rig = Rig::new().await;
        let running = rig.start(&config);
        let ticket = rig.ask("d1").await;
        let posted = workspace.wait("chat.postMessage", 1).await;
        let value = posted.buttons()[0].1.clone();
        Self { rig, workspace, running, ticket, value }
    }

    fn state(&self) -> State {
        self.rig.desk.get(self.ticket.id()).unwrap().unwrap().state
    }

    async fn reaches(&self, state: State) {
        until(&format!("{state:?}"), || self.state() == state).await;
    }
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[tokio::test]
async fn one_message_follows_its_approval_over_a_restart() {
    let (rig, workspace) = (Rig::new().await, Workspace::new().await);
    let running = rig.start(&workspace.http());
    let ticket = rig.ask("d1").await;
    let posted = workspace.wait("chat.postMessage", 1).await;
    assert_eq!((posted.form["channel"].as_str(), posted.token.as_str()), ("C1", "xoxb-1"));
    let buttons: Vec<String> = posted.buttons().into_iter().map(|(action, _)| action).collect();
    assert_eq!(buttons, ["approve", "deny", "open"]);
    assert!(!posted.form["text"].contains('<') && posted.form["blocks"].contains("'<!here> & d1'"));
    until("it is noted", || running.notifier.channels().unwrap()[0].waiting == 0).await;
    running.stop().await;
    // Decided on another surface, while nobody was there to tell Slack.
    rig.executes(&ticket).await;
    let running = rig.start(&workspace.http());
    let updated = workspace.wait("chat.update", 1).await;
    assert_eq!((updated.form["ts"].as_str(), updated.buttons().len()), ("1.0", 0));
    assert!(updated.form["blocks"].contains("Approved by dana") && updated.form["blocks"].contains("3 rows"));
    until("all told", || running.notifier.channels().unwrap()[0].waiting == 0).await;
    // Three changes, one edit: the message shows the approval as it is.
    assert_eq!((workspace.calls("chat.postMessage").len(), workspace.calls("chat.update").len()), (1, 1));
    running.stop().await;
}

#[tokio::test]
async fn a_click_approves_as_the_person_behind_the_account() {
    let scene = Scene::new().await;
    let answer = scene.workspace.interact(click("dana", "approve", &scene.value)).await;
    assert_eq!(answer.get("payload"), None);
    scene.reaches(State::Approved).await;
    let approval = scene.rig.desk.get(scene.ticket.id()).unwrap().unwrap();
    let review = &approval.reviews[0];
    assert_eq!((review.person.0.as_str(), review.via.as_str(), review.assurance.as_str()), ("dana", "slack", "slack"));
    assert_eq!(review.digest_seen, "d1");
    let updated = scene.workspace.wait("chat.update", 1).await;
    assert!(updated.buttons().is_empty() && updated.form["blocks"].contains("Approved by dana"));
    scene.running.stop().await;
}

#[tokio::test]
async fn denying_asks_for_a_reason_in_a_form() {
    let scene = Scene::new().await;
    scene.workspace.interact(click("dana", "deny", &scene.value)).await;
    let view = scene.workspace.wait("views.open", 1).await;
    assert_eq!(view.form["trigger_id"], "t.1");
    let ticket = view.json("view")["private_metadata"].as_str().unwrap().to_owned();
    let empty = scene.workspace.interact(form("dana", &ticket, "  ")).await;
    assert_eq!(empty["payload"]["response_action"], "errors");
    let own = scene.workspace.interact(form("mia", &ticket, "I would rather not")).await;
    assert!(own["payload"]["errors"]["reason"].as_str().unwrap().contains("stand behind"), "{own}");
    assert_eq!(scene.state(), State::Pending);
    let answer = scene.workspace.interact(form("dana", &ticket, "not in the change window")).await;
    assert_eq!(answer.get("payload"), None);
    let approval = scene.rig.desk.get(scene.ticket.id()).unwrap().unwrap();
    assert_eq!(
        (approval.state, approval.reviews[0].reason.as_deref()),
        (State::Denied, Some("not in the change window"))
    );
    scene.running.stop().await;
}

#[tokio::test]
async fn whoever_may_not_decide_is_told_so_alone() {
    let scene = Scene::new().await;
    let workspace = &scene.workspace;
    let foreign = |part: &str| {
        let mut click = click("dana", "approve", &scene.value);
        *click.pointer_mut(part).unwrap() = json!("T9");
        click
    };
    for part in ["/team/id", "/user/team_id"] {
        let before = workspace.calls("chat.postEphemeral").len();
        workspace.interact(foreign(part)).await;
        let told = workspace.wait("chat.postEphemeral", before + 1).await;
        assert!(told.form["text"].contains("other workspaces"), "{told:?}");
    }
    for (mark, words) in [
        (json!({ "team_id": "T9" }), "other workspaces"),
        (json!({ "is_restricted": true }), "guests"),
        (json!({ "is_ultra_restricted": true }), "guests"),
        (json!({ "is_bot": true }), "bots"),
        (json!({ "deleted": true }), "deactivated"),
        (json!({ "is_stranger": true }), "other workspaces"),
        (json!({ "is_bot": "yes" }), "bots"),
        (json!({ "id": "U2" }), "other workspaces"),
    ] {
        workspace.set_user("dana", mark.clone());
        let before = workspace.calls("chat.postEphemeral").len();
        workspace.interact(click("dana", "approve", &scene.value)).await;
        let told = workspace.wait("chat.postEphemeral", before + 1).await;
        assert!(told.form["text"].contains(words), "{mark}: {told:?}");
    }
    workspace.set_user("dana", json!({}));
    workspace.set_user("ghost", json!({}));
    for (who, words) in
        [("mia", "stand behind"), ("ivan", "stand behind"), ("otto", "none of the groups"), ("ghost", "not among")]
    {
        workspace.interact(click(who, "approve", &scene.value)).await;
        let told = workspace.whispered(who).await;
        assert!(told.contains(words), "{who}: {told}");
    }
    workspace.fail("users.info", "fatal_error");
    workspace.interact(click("erik", "approve", &scene.value)).await;
    assert!(workspace.whispered("erik").await.contains("cannot be looked up"));
    assert_eq!(scene.state(), State::Pending);
    scene.running.stop().await;
}

#[tokio::test]
async fn stale_changed_and_foreign_buttons_decide_nothing() {
    let scene = Scene::new().await;
    let workspace = &scene.workspace;
    let id = scene.ticket.id().as_str();
    for (value, words) in [
        (format!("{id}|7|d1"), "has changed since you looked"),
        (format!("{id}|1|d2"), "something else than what would run"),
        ("apr_0000000000000000|1|d1".to_owned(), "does not exist"),
        ("nonsense".to_owned(), "cannot be read"),
    ] {
        let before = workspace.calls("chat.postEphemeral").len();
        workspace.interact(click("dana", "approve", &value)).await;
        let told = workspace.wait("chat.postEphemeral", before + 1).await;
        assert!(told.form["text"].contains(words), "{value}: {told:?}");
    }
    assert_eq!(scene.state(), State::Pending);
    scene.rig.says(&scene.ticket, "erik", Verdict::Deny).await.unwrap();
    workspace.interact(click("dana", "approve", &scene.value)).await;
    assert!(workspace.whispered("dana").await.contains("already denied by erik"));
    workspace.interact(click("erik", "deny", &scene.value)).await;
    assert!(workspace.whispered("erik").await.contains("has changed"));
    assert_eq!(scene.state(), State::Denied);
    scene.running.stop().await;
}

#[tokio::test]
async fn of_two_clicks_at_once_one_decides() {
    let scene = Scene::new().await;
    let value = &scene.value;
    join_all(["dana", "erik"].map(|who| scene.workspace.interact(click(who, "approve", value)))).await;
    scene.reaches(State::Approved).await;
    until("the other is told", || !scene.workspace.calls("chat.postEphemeral").is_empty()).await;
    assert_eq!(scene.rig.desk.get(scene.ticket.id()).unwrap().unwrap().reviews.len(), 1);
    scene.running.stop().await;
}

#[tokio::test]
async fn an_account_is_tied_to_a_person_by_a_link_that_works_once() {
    let scene = Scene::new().await;
    scene.workspace.interact(click("stray", "approve", &scene.value)).await;
    let told = scene.workspace.whispered("stray").await;
    let code = told.split("/slack/link/").nth(1).unwrap().split(' ').next().unwrap();
    let slack = scene.running.notifier.slack().unwrap();
    let shown = slack.link_shown(code).unwrap();
    assert_eq!((shown.user.as_str(), shown.name.as_str()), ("USTRAY", "stray"));
    assert!(slack.link_shown("guessed").is_err());
    let erik = Person { name: PersonName("erik".into()), groups: vec!["dba".into()] };
    assert!(slack.link(code, &erik).await.is_ok());
    assert!(slack.link(code, &erik).await.is_err() && slack.link_shown(code).is_err());
    scene.workspace.interact(click("stray", "approve", &scene.value)).await;
    scene.reaches(State::Approved).await;
    assert_eq!(scene.rig.desk.get(scene.ticket.id()).unwrap().unwrap().reviews[0].person.0, "erik");
    scene.running.stop().await;
}

#[tokio::test]
async fn signed_requests_pass_once_and_all_others_do_not() {
    let workspace = Workspace::new().await;
    let config = workspace.http();
    let scene = Scene::with(workspace, config).await;
    let slack = scene.running.notifier.slack().unwrap();
    let payload = click("dana", "approve", &scene.value);
    let send =
        async |seconds: i64, signature: &str, body: &[u8]| slack.request(&seconds.to_string(), signature, body).await;
    for (secret, seconds) in [("other", now()), (SIGNING_SECRET, now() - 400), (SIGNING_SECRET, now() + 400)] {
        let (body, signature) = signed(secret, seconds, &payload);
        assert!(send(seconds, &signature, &body).await.is_err(), "{secret} {seconds}");
    }
    let (body, signature) = signed(SIGNING_SECRET, now(), &payload);
    let changed = String::from_utf8(body.clone()).unwrap().replace("UDANA", "UERIK");
    assert!(send(now(), &signature, changed.as_bytes()).await.is_err());
    assert_eq!(scene.state(), State::Pending);
    let seconds = now();
    let (body, signature) = signed(SIGNING_SECRET, seconds, &payload);
    assert_eq!(send(seconds, &signature, &body).await, Ok(None));
    assert!(send(seconds, &signature, &body).await.is_err(), "replayed");
    scene.reaches(State::Approved).await;
    scene.running.stop().await;
}

#[tokio::test]
async fn a_new_socket_is_there_before_the_old_one_goes() {
    let scene = Scene::new().await;
    let workspace = &scene.workspace;
    until("a socket", || workspace.socket_count() == 1).await;
    workspace.send(json!({ "type": "disconnect", "reason": "refresh_requested" })).await;
    until("a second socket", || workspace.socket_count() == 2).await;
    workspace.send(json!("close")).await;
    until("the first one alone", || workspace.socket_count() == 1).await;
    // The one that is left still works, and a lost one is replaced.
    workspace.interact(click("otto", "approve", &scene.value)).await;
    until("a replacement", || workspace.socket_count() == 2).await;
    workspace.interact(click("dana", "approve", &scene.value)).await;
    scene.reaches(State::Approved).await;
    scene.running.stop().await;
}

#[tokio::test]
async fn approving_is_not_offered_where_the_statement_is_not_shown() {
    let workspace = Workspace::new().await;
    let mut config = workspace.socket();
    config.slack.as_mut().unwrap().content = Content::Summary;
    let scene = Scene::with(workspace, config).await;
    let posted = scene.workspace.wait("chat.postMessage", 1).await;
    let actions: Vec<String> = posted.buttons().into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["deny", "open"]);
    assert!(!posted.form["blocks"].contains("<!here>"));
    scene.workspace.interact(click("dana", "approve", &scene.value)).await;
    assert!(scene.workspace.whispered("dana").await.contains("open the page"));
    assert_eq!(scene.state(), State::Pending);
    scene.running.stop().await;
}

#[tokio::test]
async fn slack_that_is_slow_or_lost_the_message_gets_it_again() {
    let (rig, workspace) = (Rig::new().await, Workspace::new().await);
    workspace.fail("chat.postMessage", "429");
    let running = rig.start(&workspace.http());
    let ticket = rig.ask("d1").await;
    workspace.wait("chat.postMessage", 2).await;
    until("it is noted", || running.notifier.channels().unwrap()[0].waiting == 0).await;
    workspace.fail("chat.update", "message_not_found");
    rig.says(&ticket, "dana", Verdict::Deny).await.unwrap();
    let anew = workspace.wait("chat.postMessage", 3).await;
    assert!(anew.buttons().is_empty() && anew.form["blocks"].contains("Denied by dana"));
    running.stop().await;
}
