//! SIGHUP: who may decide and how people sign in apply at once, all of it or nothing.

use std::time::{Duration, Instant};

use crate::holdpoint::Holdpoint;
use crate::raw::{self, Raw};
use crate::{answer, pause, send, stage};

/// Rewrites `holdpoint.yaml` and has it read.
fn change(stage: &Holdpoint, edit: impl Fn(String) -> String) {
    let file = stage.dir.join("holdpoint.yaml");
    std::fs::write(&file, edit(std::fs::read_to_string(&file).unwrap())).unwrap();
    stage.signal("HUP");
}

async fn says(stage: &Holdpoint, words: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !stage.log().contains(words) {
        assert!(Instant::now() < deadline, "the log does not say `{words}`: {}", stage.log());
        pause(20).await;
    }
}

async fn page(stage: &Holdpoint) -> String {
    reqwest::get(format!("{}/sign-in", stage.api)).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn person_who_is_taken_out_of_the_configuration_decides_nothing_more() {
    let stage = stage().await;
    change(&stage, |text| text.replace("  - { name: erin@example.com, groups: [approvers] }\n", ""));
    says(&stage, "reloaded").await;
    let client = stage.connect().await;
    let sent = send(&client, "UPDATE counter SET n = n + 1");
    let approval = stage.one_pending().await;
    let (status, problem) = stage.decide(&stage.keys.erin, &approval, "approve", "still here").await;
    assert_eq!(status, 403, "{problem}");
    let (status, problem) = stage.decide(&stage.keys.dana, &approval, "approve", "yes").await;
    assert_eq!(status, 200, "{problem}");
    answer(sent).await.unwrap();
    let (_, audit) = stage.command(&["audit", "export"]);
    assert!(audit.contains("people read again: erin@example.com removed"), "{audit}");
}

#[tokio::test]
async fn way_to_sign_in_that_is_switched_off_is_off_at_once() {
    let stage = stage().await;
    assert!(page(&stage).await.contains("type=\"password\""));
    change(&stage, |text| format!("{text}sign_in: {{ passwords: false }}\n"));
    says(&stage, "reloaded").await;
    assert!(!page(&stage).await.contains("type=\"password\""));
}

#[tokio::test]
async fn what_applies_after_a_restart_only_is_named() {
    let stage = stage().await;
    change(&stage, |text| format!("{text}limits: {{ clients_max: 7 }}\n"));
    says(&stage, "these settings have changed and apply after a restart").await;
    assert!(stage.log().contains("limits"), "{}", stage.log());
}

#[tokio::test]
async fn certificate_that_cannot_be_read_leaves_people_and_rules_as_they_were() {
    let stage = stage().await;
    let rules = stage.get(&stage.keys.dana, "/v1/rules").await;
    let more = crate::sample::rules_with("  - { id: more, when: { verbs: [reindex] }, then: deny }\n");
    std::fs::write(stage.dir.join("rules/test.yaml"), more).unwrap();
    change(&stage, |text| {
        text.replace("  - { name: erin@example.com, groups: [approvers] }\n", "").replace(
            "postgres: { listen",
            "postgres: { tls: { mode: optional, cert: /nowhere/a.pem, key: /nowhere/b.pem }, listen",
        )
    });
    says(&stage, "not reloaded").await;
    assert_eq!(stage.get(&stage.keys.dana, "/v1/rules").await, rules);
    assert!(stage.get(&stage.keys.erin, "/v1/approvals").await["approvals"].is_array());
    let mut client = Raw::login(stage.port, crate::holdpoint::AGENT, &stage.keys.agent).await;
    client.send(&raw::query("SELECT 1")).await;
}
