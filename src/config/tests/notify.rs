//! `notify:`: secrets from everywhere, and all faults.

use super::read;
use crate::config::notify::{Content, MailTls, SlackMode, WebhookFormat};
use crate::config::render::render;

const SHOP: &str = "version: 1\ndatabases: { shop: { host: h, user: u } }\n";

#[test]
fn channels_are_read_with_their_defaults_and_shown_without_secrets() {
    let config = read(&format!(
        "{SHOP}notify:\n  give_up_after: 1d\n  webhooks:\n    - {{ name: siem, url: \"https://siem.example/s3cret\", secret: \"${{SHOP_PASSWORD}}\" }}\n    \
         - {{ name: bus, url_file: secrets/crm, secret: whsec_x, previous_secret: whsec_y, format: cloudevents, content: full, allow_private: true, events: [\"*\"] }}\n"
    ));
    let refused = config.unwrap_err();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert!(refused[0].contains("webhooks[1].url: this is not a URL that may be sent to"), "{refused:?}");
    let config = read(&format!(
        "{SHOP}notify:\n  webhooks: [{{ name: siem, url: \"https://siem.example/s3cret\", secret: \"${{SHOP_PASSWORD}}\", content: full }}]\n"
    ));
    let config = config.unwrap();
    let hook = &config.notify.webhooks[0];
    assert_eq!((hook.secret.expose(), hook.content, hook.format), ("s3cret", Content::Full, WebhookFormat::Standard));
    assert_eq!((hook.events.as_slice(), hook.timeout.as_secs()), (&["approval.*".to_owned()][..], 15));
    assert_eq!((config.notify.give_up_after.as_secs(), config.notify.keep.as_secs()), (3 * 86_400, 30 * 86_400));
    let shown = render(&config);
    assert!(shown.contains("- name: \"siem\"") && !shown.contains("s3cret"), "{shown}");
}

#[test]
fn faults_of_channels_name_their_place_and_no_secret() {
    let text = format!(
        "{SHOP}notify:\n  webhooks:\n    - {{ name: \"a b\", url: \"ftp://x/s3cret\", secret: x, timeout: 1m }}\n    - {{ name: c, url: \"http://x/\" }}\n    \
         - {{ name: c, url: \"https://x\", secret: x, secret_file: y, events: [\"${{X}}\"] }}\n"
    );
    let found = read(&text).unwrap_err();
    for expected in [
        "notify.webhooks[0].name: `a b` is not a name for a channel",
        "notify.webhooks[0].url: this is not a URL that may be sent to",
        "notify.webhooks[0].timeout: `timeout` is longer than 30s",
        "notify.webhooks[1].url: this is not a URL that may be sent to",
        "notify.webhooks[1]: `secret` is missing; write `secret: ${VARIABLE}` or `secret_file`",
        "notify.webhooks[2].name: `c` is there twice",
        "notify.webhooks[2].secret_file: `secret` is given too",
        "notify.webhooks[2].events[0]: environment variables are expanded in secrets only",
    ] {
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expected}\nnot in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), 8, "{}", found.join("\n"));
    assert!(!found.join("\n").contains("s3cret"));
}

#[test]
fn mail_leaves_this_machine_with_tls_only() {
    let mail = |rest: &str| {
        let to = "from: h@example.com, to: [\"dba@example.com\"]";
        read(&format!("{SHOP}notify: {{ email: [{{ name: team, {to}, {rest} }}] }}\n"))
    };
    let config = mail("host: mail.example, user: u, password: \"${SHOP_PASSWORD}\"").unwrap();
    let email = &config.notify.email[0];
    assert_eq!((email.port, email.tls, email.events.len()), (465, MailTls::Implicit, 2));
    assert_eq!(email.login.as_ref().map(|(user, password)| (user.as_str(), password.expose())), Some(("u", "s3cret")));
    assert!(!render(&config).contains("s3cret"));
    assert_eq!(mail("host: 127.0.0.1, tls: none").unwrap().notify.email[0].port, 25);
    assert_eq!(mail("host: mail.example, tls: starttls").unwrap().notify.email[0].port, 587);
    for (rest, fault) in [
        ("host: mail.example, tls: none", "notify.email[0].tls: mail leaves this machine with TLS only"),
        ("host: localhost.evil.example, tls: none", "notify.email[0].tls: mail leaves this machine with TLS only"),
        ("host: h, user: u", "notify.email[0].user: `user` and `password` belong together"),
    ] {
        let found = mail(rest).unwrap_err();
        assert!(found.len() == 1 && found[0].contains(fault), "{found:?}");
    }
}

#[test]
fn slack_takes_one_way_in_and_hides_its_tokens() {
    let slack = |rest: &str| {
        read(&format!("{SHOP}notify: {{ slack: {{ bot_token: xoxb-s3cret, channel: C1, team_ids: [T1], {rest} }} }}\n"))
    };
    let config = slack("app_token: \"${SHOP_PASSWORD}\", people: { U1: dana }").unwrap();
    let read = config.notify.slack.as_ref().unwrap();
    assert!(matches!(&read.mode, SlackMode::Socket { app_token } if app_token.expose() == "s3cret"));
    assert_eq!((read.name.as_str(), read.api_url.as_str()), ("slack", "https://slack.com/api"));
    let shown = render(&config);
    assert!(shown.contains("app_token: \"***\"") && !shown.contains("s3cret"), "{shown}");
    for (rest, fault) in [
        ("app_token: a, signing_secret: b", "exactly one of `app_token` and `signing_secret` is needed"),
        ("content: full", "exactly one of `app_token` and `signing_secret` is needed"),
        ("app_token: a, api_url: \"http://x/\"", "notify.slack.api_url: this is not a URL that may be sent to"),
    ] {
        let found = slack(rest).unwrap_err();
        assert!(found.len() == 1 && found[0].contains(fault), "{found:?}");
    }
}
