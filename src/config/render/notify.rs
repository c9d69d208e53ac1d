//! `notify:` with the values that count. URLs may be secrets, so they are starred with the rest.

use crate::config::notify::{EmailConfig, NotifyConfig, SlackConfig, SlackMode, WebhookConfig};
use crate::config::render::{Lines, path, quoted};
use crate::policy::span;

pub(super) fn render(text: &mut Lines, notify: &NotifyConfig) {
    text.head(0, "notify");
    text.put(1, "give_up_after", &span::format(notify.give_up_after));
    text.put(1, "keep", &span::format(notify.keep));
    if !notify.webhooks.is_empty() {
        text.head(1, "webhooks");
    }
    for hook in &notify.webhooks {
        webhook(text, hook);
    }
    if !notify.email.is_empty() {
        text.head(1, "email");
    }
    for mail in &notify.email {
        email(text, mail);
    }
    if let Some(config) = &notify.slack {
        slack(text, config);
    }
    if !notify.teams.is_empty() {
        text.head(1, "teams");
    }
    for workflow in &notify.teams {
        text.put(2, "- name", &quoted(&workflow.name));
        text.put(3, "url", "\"***\"");
        text.put(3, "content", &word(&workflow.content));
        text.put(3, "events", &list(&workflow.events));
        text.put(3, "allow_private", &workflow.allow_private.to_string());
    }
}

fn slack(text: &mut Lines, slack: &SlackConfig) {
    text.head(1, "slack");
    text.put(2, "name", &quoted(&slack.name));
    text.put(2, "bot_token", "\"***\"");
    match slack.mode {
        SlackMode::Socket { .. } => text.put(2, "app_token", "\"***\""),
        SlackMode::Http { .. } => text.put(2, "signing_secret", "\"***\""),
    }
    text.put(2, "channel", &quoted(&slack.channel));
    text.put(2, "team_ids", &list(&slack.team_ids));
    let people: Vec<String> =
        slack.people.iter().map(|(user, person)| format!("{}: {}", quoted(user), quoted(person))).collect();
    text.put(2, "people", &format!("{{ {} }}", people.join(", ")));
    text.put(2, "content", &word(&slack.content));
    text.put(2, "api_url", &quoted(&slack.api_url));
    text.put(2, "allow_private", &slack.allow_private.to_string());
}

fn email(text: &mut Lines, mail: &EmailConfig) {
    text.put(2, "- name", &quoted(&mail.name));
    text.put(3, "host", &quoted(&mail.host));
    text.put(3, "port", &mail.port.to_string());
    text.put(3, "tls", &word(&mail.tls));
    if let Some(ca) = &mail.ca {
        text.put(3, "ca", &path(ca));
    }
    if let Some((user, _)) = &mail.login {
        text.put(3, "user", &quoted(user));
        text.put(3, "password", "\"***\"");
    }
    text.put(3, "from", &quoted(&mail.from));
    text.put(3, "to", &list(&mail.to));
    text.put(3, "content", &word(&mail.content));
    text.put(3, "events", &list(&mail.events));
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
}

fn webhook(text: &mut Lines, hook: &WebhookConfig) {
    text.put(2, "- name", &quoted(&hook.name));
    text.put(3, "url", "\"***\"");
    text.put(3, "secret", "\"***\"");
    if hook.previous_secret.is_some() {
        text.put(3, "previous_secret", "\"***\"");
    }
    text.put(3, "format", &word(&hook.format));
    text.put(3, "content", &word(&hook.content));
    text.put(3, "events", &list(&hook.events));
    text.put(3, "allow_private", &hook.allow_private.to_string());
    if let Some(ca) = &hook.ca {
        text.put(3, "ca", &path(ca));
    }
    text.put(3, "timeout", &span::format(hook.timeout));
}

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
