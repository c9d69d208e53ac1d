//! Microsoft Teams: cards to a Workflow of the tests' own.

use holdpoint::config::notify::{Content, NotifyConfig, TeamsConfig};
use holdpoint::gate::approval::Verdict;
use holdpoint::identity::secret::Secret;
use serde_json::{Value, json};

use crate::receiver::{Receiver, Say};
use crate::rig::{PUBLIC_URL, Rig, until};

const QUERY: &str = "?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sig=aB-_%2B%3d";

fn config(receiver: &Receiver) -> NotifyConfig {
    let teams = TeamsConfig {
        name: "teams".into(),
        url: Secret::new(format!("{}{QUERY}", receiver.url)),
        content: Content::Redacted,
        events: vec!["approval.requested".into(), "approval.denied".into()],
        allow_private: true,
    };
    NotifyConfig { teams: vec![teams], ..NotifyConfig::default() }
}

fn content(message: &Value) -> &Value {
    &message["attachments"][0]["content"]
}

#[tokio::test]
async fn one_card_asks_and_a_second_one_tells_of_the_decision() {
    let (rig, receiver) = (Rig::new().await, Receiver::new().await);
    receiver.say(&[Say::Status(202), Say::Status(202)]);
    let running = rig.start(&config(&receiver));
    let ticket = rig.ask("d1").await;
    rig.says(&ticket, "dana", Verdict::Deny).await.unwrap();
    until("two cards", || receiver.count() == 2).await;
    let got = receiver.got();
    assert!(got.iter().all(|message| message.path == format!("/hook{QUERY}")), "{got:?}");
    let (first, second) = (got[0].json(), got[1].json());
    assert_eq!((&first["type"], &content(&first)["type"]), (&json!("message"), &json!("AdaptiveCard")));
    let action = &content(&first)["actions"][0];
    assert_eq!(action["type"], "Action.OpenUrl");
    assert_eq!(action["url"], format!("{PUBLIC_URL}/a/{}", ticket.id()));
    assert!(first.to_string().contains("note = ?") && !first.to_string().contains("<!here>"), "{first}");
    assert!(second.to_string().contains("Denied by dana"), "{second}");
    running.stop().await;
}

#[tokio::test]
async fn test_card_is_a_card() {
    let (rig, receiver) = (Rig::new().await, Receiver::new().await);
    let running = rig.start(&config(&receiver));
    assert_eq!(running.notifier.test("teams").await.unwrap(), Ok(()));
    assert_eq!(content(&receiver.got()[0].json())["type"], "AdaptiveCard");
    receiver.say(&[Say::Status(400)]);
    assert_eq!(running.notifier.test("teams").await.unwrap(), Err("HTTP 400".to_owned()));
    running.stop().await;
}
