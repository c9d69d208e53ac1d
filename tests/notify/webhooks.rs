//! Webhooks: what is sent, how it is signed, and that nothing is lost, reordered or followed.

use std::time::{Duration, Instant};

use holdpoint::audit::event::Event;
use holdpoint::config::notify::{Content, WebhookConfig, WebhookFormat};
use holdpoint::gate::approval::Verdict;
use holdpoint::identity::secret::Secret;
use holdpoint::notify::event::EventKind;
use holdpoint::notify::notifier::{Notifier, Replay};
use holdpoint::notify::webhook::signature::{Key, verify};
use holdpoint::store::memory::{Fault, Part};
use serde_json::json;

use crate::receiver::{Message, Receiver, Say};
use crate::rig::{OLD_SECRET, PUBLIC_URL, Rig, SECRET, hook, hooks, until};

fn is_signed(message: &Message, secret: &str) -> bool {
    let seconds: i64 = message.header("webhook-timestamp").parse().unwrap();
    let key = Key::parse(secret).unwrap();
    let (id, signature) = (message.header("webhook-id"), message.header("webhook-signature"));
    verify(&[key], &id, seconds, &message.body, &signature, seconds)
}

#[tokio::test]
async fn every_change_is_told_in_order_and_signed() {
    let (rig, receiver) = (Rig::new().await, Receiver::new().await);
    let running = rig.start(&hooks(vec![hook("siem", &receiver.url)]));
    let ticket = rig.ask("d1").await;
    rig.executes(&ticket).await;
    until("four messages", || receiver.count() == 4).await;
    let told = ["approval.requested", "approval.approved", "approval.executing", "approval.executed"];
    assert_eq!(receiver.kinds(), told);
    let got = receiver.got();
    assert!(got.iter().all(|message| is_signed(message, SECRET) && !is_signed(message, OLD_SECRET)));
    let mut ids: Vec<String> = got.iter().map(|message| message.header("webhook-id")).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    let first = got[0].json();
    assert_eq!(first["data"]["approval_id"], json!(ticket.id()));
    assert_eq!(first["data"]["link"], format!("{PUBLIC_URL}/a/{}", ticket.id()));
    assert!(!first.to_string().contains("<!here>"), "a literal at level summary: {first}");
    assert_eq!(got[1].json()["data"]["decision"]["person"], "dana");
    assert_eq!(got[3].json()["data"]["execution"]["rows"], 3);
    until("all recorded", || rig.events().iter().filter(|event| matches!(event, Event::Notified { .. })).count() == 4)
        .await;
    running.stop().await;
}

#[tokio::test]
async fn failed_message_is_repeated_unchanged_and_keeps_its_place() {
    let (rig, receiver) = (Rig::new().await, Receiver::new().await);
    receiver.say(&[Say::Status(500)]);
    let running = rig.start(&hooks(vec![hook("siem", &receiver.url)]));
    let first = rig.ask("d1").await;
    until("the failure", || receiver.count() == 1).await;
    rig.says(&first, "dana", Verdict::Deny).await.unwrap();
    let _second = rig.ask("d2").await;
    until("everything", || receiver.count() == 4).await;
    let got = receiver.got();
    // The other approval did not wait for the repetition; the denial did.
    let shown: Vec<_> =
        got.iter().map(|one| (one.json()["type"].clone(), one.json()["data"]["digest"].clone())).collect();
    let requested = |digest: &str| (json!("approval.requested"), json!(digest));
    assert_eq!(shown, [requested("d1"), requested("d2"), requested("d1"), (json!("approval.denied"), json!("d1"))]);
    assert_eq!((got[0].header("webhook-id"), &got[0].body), (got[2].header("webhook-id"), &got[2].body));
    let failed =
        |event: &Event| matches!(event, Event::NotificationFailed { given_up: false, why, .. } if why == "HTTP 500");
    assert_eq!(rig.events().into_iter().filter(failed).count(), 1);
    running.stop().await;
}

#[tokio::test]
async fn what_was_not_delivered_before_a_stop_is_delivered_after_the_next_start() {
    let (rig, receiver) = (Rig::new().await, Receiver::new().await);
    receiver.always(Say::Status(503));
    let config = hooks(vec![hook("siem", &receiver.url)]);
    let running = rig.start(&config);
    let ticket = rig.ask("d1").await;
    until("an attempt", || receiver.count() == 1).await;
    running.stop().await;
    // Nobody listens to the desk now: the change is kept by the store alone.
    rig.says(&ticket, "dana", Verdict::Deny).await.unwrap();
    receiver.always(Say::Status(200));
    let running = rig.start(&config);
    until("both", || receiver.count() == 3).await;
    assert_eq!(receiver.kinds(), ["approval.requested", "approval.requested", "approval.denied"]);
    running.stop().await;
}

#[tokio::test]
async fn hanging_receiver_and_failing_outbox_do_not_hold_up_the_gate() {
    let (rig, receiver) = (Rig::new().await, Receiver::new().await);
    receiver.say(&[Say::Hang(Duration::from_secs(30))]);
    let running =
        rig.start(&hooks(vec![WebhookConfig { timeout: Duration::from_secs(1), ..hook("siem", &receiver.url) }]));
    let begun = Instant::now();
    let first = rig.ask("d1").await;
    until("an attempt", || receiver.count() == 1).await;
    rig.store.set_fault(Part::Outbox, Fault::Refuse);
    rig.says(&first, "dana", Verdict::Deny).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    rig.store.set_fault(Part::Outbox, Fault::None);
    until("both", || receiver.kinds().contains(&"approval.denied".to_owned())).await;
    running.stop().await;
}

#[tokio::test]
async fn gone_closes_the_channel_and_a_test_opens_it_for_a_replay() {
    let (rig, receiver) = (Rig::new().await, Receiver::new().await);
    receiver.say(&[Say::Status(410)]);
    let running = rig.start(&hooks(vec![hook("siem", &receiver.url)]));
    let ticket = rig.ask("d1").await;
    rig.says(&ticket, "dana", Verdict::Deny).await.unwrap();
    let dead = || running.notifier.deliveries("siem", None, 10).unwrap().iter().all(|one| one.state == "dead");
    until("both dead", || {
        receiver.count() == 1 && running.notifier.deliveries("siem", None, 10).unwrap().len() == 2 && dead()
    })
    .await;
    assert!(running.notifier.channels().unwrap()[0].closed.is_some());
    assert_eq!(running.notifier.test("siem").await.unwrap(), Ok(()));
    assert_eq!(running.notifier.channels().unwrap()[0].closed, None);
    assert_eq!(running.notifier.replay("siem", &Replay::default()).await.unwrap(), 2);
    until("the replay", || receiver.count() == 4).await;
    assert_eq!(receiver.kinds()[1..], ["holdpoint.test", "approval.requested", "approval.denied"]);
    // A delivered one comes back only by name.
    assert_eq!(running.notifier.replay("siem", &Replay::default()).await.unwrap(), 0);
    let ids = vec![receiver.got()[3].header("webhook-id")];
    assert_eq!(running.notifier.replay("siem", &Replay { ids, since: None }).await.unwrap(), 1);
    until("one more", || receiver.count() == 5).await;
    assert!(running.notifier.test("nowhere").await.is_err());
    running.stop().await;
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (rig, receiver) = (Rig::new().await, Receiver::new().await);
    receiver.say(&[Say::Redirect]);
    let running = rig.start(&hooks(vec![hook("siem", &receiver.url)]));
    let _ticket = rig.ask("d1").await;
    until("a failure", || rig.events().iter().any(|event| matches!(event, Event::NotificationFailed { .. }))).await;
    assert!(receiver.got().iter().all(|message| message.path == "/hook"));
    running.stop().await;
}

#[tokio::test]
async fn both_secrets_sign_while_one_is_replaced() {
    let (rig, receiver) = (Rig::new().await, Receiver::new().await);
    let previous_secret = Some(Secret::new(OLD_SECRET));
    let running = rig.start(&hooks(vec![WebhookConfig { previous_secret, ..hook("siem", &receiver.url) }]));
    let _ticket = rig.ask("d1").await;
    until("a message", || receiver.count() == 1).await;
    let message = &receiver.got()[0];
    assert!(is_signed(message, SECRET) && is_signed(message, OLD_SECRET));
    running.stop().await;
}

#[tokio::test]
async fn cloud_events_are_structured_and_events_can_be_chosen() {
    let (rig, receiver) = (Rig::new().await, Receiver::new().await);
    let running = rig.start(&hooks(vec![WebhookConfig {
        format: WebhookFormat::CloudEvents,
        content: Content::Full,
        events: vec!["approval.denied".into(), "rules.*".into()],
        ..hook("bus", &receiver.url)
    }]));
    let ticket = rig.ask("d1").await;
    rig.says(&ticket, "dana", Verdict::Deny).await.unwrap();
    running.notifier.announce(EventKind::RulesReloaded, json!({ "version": "v2" })).await.unwrap();
    until("two messages", || receiver.count() == 2).await;
    let find = |kind: &str| receiver.got().into_iter().find(|one| one.json()["type"] == kind).unwrap();
    let denied = find("dev.holdpoint.approval.denied.v1");
    assert_eq!(denied.header("content-type"), "application/cloudevents+json");
    assert!(is_signed(&denied, SECRET));
    let event = denied.json();
    assert_eq!((&event["specversion"], &event["source"]), (&json!("1.0"), &json!(PUBLIC_URL)));
    assert_eq!(
        (&event["subject"], event["id"].as_str()),
        (&json!(ticket.id()), Some(denied.header("webhook-id").as_str()))
    );
    assert!(event["data"]["sql"][0].as_str().unwrap().contains("<!here>"), "{event}");
    assert_eq!(find("dev.holdpoint.rules.reloaded.v1").json()["data"]["version"], "v2");
    running.stop().await;
}

#[tokio::test]
async fn addresses_inside_and_broken_secrets_are_refused_before_anything_is_sent() {
    let rig = Rig::new().await;
    for (url, secret) in
        [("http://127.0.0.1:9/x", SECRET), ("https://127.0.0.1:9/x", SECRET), ("https://a.example/", "whsec_x")]
    {
        let config = WebhookConfig { allow_private: false, secret: Secret::new(secret), ..hook("siem", url) };
        let refused = Notifier::new(&hooks(vec![config]), PUBLIC_URL, rig.parts()).err().unwrap().to_string();
        assert!(refused.starts_with("channel siem: ") && !refused.contains("/x"), "{refused}");
    }
}

#[tokio::test]
async fn certificate_of_a_receiver_is_verified() {
    let rig = Rig::new().await;
    let issued = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let chain = vec![issued.cert.der().clone()];
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(issued.signing_key.serialize_der().into());
    let tls = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let receiver = Receiver::served(Some(std::sync::Arc::new(tls))).await;
    let ca = std::env::temp_dir().join(format!("holdpoint-notify-ca-{}.pem", std::process::id()));
    std::fs::write(&ca, issued.cert.pem()).unwrap();
    let trusting = WebhookConfig { ca: Some(ca.clone()), ..hook("trusting", &receiver.url) };
    let running = rig.start(&hooks(vec![trusting, hook("wary", &receiver.url)]));
    assert_eq!(running.notifier.test("trusting").await.unwrap(), Ok(()));
    let refused = running.notifier.test("wary").await.unwrap().unwrap_err();
    assert!(refused.to_lowercase().contains("certificate"), "{refused}");
    assert_eq!(receiver.count(), 1);
    std::fs::remove_file(&ca).unwrap();
    running.stop().await;
}
