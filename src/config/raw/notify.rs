//! `notify:` as people write it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::notify::{Content, MailTls, WebhookFormat};
use crate::policy::span::Span;

/// Who is told what becomes of approvals.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyRaw {
    /// A message that has failed for this long is given up. Default 3d.
    #[serde(default)]
    pub give_up_after: Option<Span>,
    /// Messages that ended are kept for this long. Default 30d.
    #[serde(default)]
    pub keep: Option<Span>,
    /// Receivers of webhooks.
    #[serde(default)]
    pub webhooks: Vec<WebhookRaw>,
    /// Mailboxes.
    #[serde(default)]
    pub email: Vec<EmailRaw>,
    /// A Slack channel.
    #[serde(default)]
    pub slack: Option<SlackRaw>,
    /// Workflows of Microsoft Teams.
    #[serde(default)]
    pub teams: Vec<TeamsRaw>,
}

/// A Workflow of Microsoft Teams ("When a Teams webhook request is received"): a card with a link to the page.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TeamsRaw {
    /// Its name: letters, digits, `-` and `_`. Unique among all channels.
    pub name: String,
    /// The Workflow's URL, which is a secret: `${VARIABLE}`, or the URL itself.
    #[serde(default)]
    pub url: Option<String>,
    /// A file with the URL.
    #[serde(default)]
    pub url_file: Option<String>,
    /// How much is told. Default `summary`.
    #[serde(default)]
    pub content: Content,
    /// Which events. Default: asked, approved, denied, expired.
    #[serde(default)]
    pub events: Option<Vec<String>>,
    /// Allow private addresses and plain HTTP. Default false.
    #[serde(default)]
    pub allow_private: bool,
}

/// A Slack channel: one message per approval, edited in place. Give `app_token` (Socket Mode) or `signing_secret` (HTTP).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackRaw {
    /// Its name: letters, digits, `-` and `_`. Unique among all channels. Default `slack`.
    #[serde(default)]
    pub name: Option<String>,
    /// `xoxb-…`, with `chat:write` and `users:read`: `${VARIABLE}`, or the token itself.
    #[serde(default)]
    pub bot_token: Option<String>,
    /// A file with it.
    #[serde(default)]
    pub bot_token_file: Option<String>,
    /// `xapp-…`, with `connections:write`, for Socket Mode: nothing has to be reachable from outside.
    #[serde(default)]
    pub app_token: Option<String>,
    /// A file with it.
    #[serde(default)]
    pub app_token_file: Option<String>,
    /// Signs what Slack sends to `/v1/slack/interactive`.
    #[serde(default)]
    pub signing_secret: Option<String>,
    /// A file with it.
    #[serde(default)]
    pub signing_secret_file: Option<String>,
    /// The channel's id, such as `C0123ABCD`.
    pub channel: String,
    /// The workspaces whose people may decide, such as `T0123ABCD`.
    #[schemars(length(min = 1))]
    pub team_ids: Vec<String>,
    /// Account ids of people: `U0123ABCD: dana@example.com`. Others tie their accounts themselves, by a one-time link.
    #[serde(default)]
    pub people: BTreeMap<String, String>,
    /// How much is told. Approving in Slack needs `full`. Default `summary`.
    #[serde(default)]
    pub content: Content,
    /// The Web API's address. Default `https://slack.com/api`.
    #[serde(default)]
    pub api_url: Option<String>,
    /// Allow private addresses and plain HTTP. Default false.
    #[serde(default)]
    pub allow_private: bool,
}

/// Mail to some people, with a link to the page; nothing can be decided by opening a link.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailRaw {
    /// Its name: letters, digits, `-` and `_`. Unique among all channels.
    pub name: String,
    /// The mail server.
    pub host: String,
    /// Its port. Default 465; 587 for `starttls`; 25 for `none`.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// TLS towards it; `none` only for `localhost` and loopback addresses. Default `implicit`.
    #[serde(default)]
    pub tls: MailTls,
    /// PEM file: a CA to trust beside the built-in ones.
    #[serde(default)]
    pub ca: Option<String>,
    /// The user, if the server wants a login.
    #[serde(default)]
    pub user: Option<String>,
    /// Its password: `${VARIABLE}`, or the password itself.
    #[serde(default)]
    pub password: Option<String>,
    /// A file with its password.
    #[serde(default)]
    pub password_file: Option<String>,
    /// The sender, such as `Holdpoint <holdpoint@example.com>`.
    pub from: String,
    /// The receivers.
    #[schemars(length(min = 1))]
    pub to: Vec<String>,
    /// How much is told. Default `summary`.
    #[serde(default)]
    pub content: Content,
    /// Which events: names, or beginnings with `*`. Default `["approval.requested", "approval.expired"]`.
    #[serde(default)]
    pub events: Option<Vec<String>>,
}

/// One receiver of webhooks.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookRaw {
    /// Its name: letters, digits, `-` and `_`. Unique among all channels.
    pub name: String,
    /// Where to: `${VARIABLE}`, or the URL itself.
    #[serde(default)]
    pub url: Option<String>,
    /// A file with the URL.
    #[serde(default)]
    pub url_file: Option<String>,
    /// Signs the messages: `${VARIABLE}`, or `whsec_` and base64 of 24 to 64 bytes.
    #[serde(default)]
    pub secret: Option<String>,
    /// A file with the secret.
    #[serde(default)]
    pub secret_file: Option<String>,
    /// The secret before, while receivers learn the new one: both sign.
    #[serde(default)]
    pub previous_secret: Option<String>,
    /// A file with the secret before.
    #[serde(default)]
    pub previous_secret_file: Option<String>,
    /// How the body is built. Default `standard`.
    #[serde(default)]
    pub format: WebhookFormat,
    /// How much is told. Default `summary`.
    #[serde(default)]
    pub content: Content,
    /// Which events: names, or beginnings with `*`. Default `["approval.*"]`.
    #[serde(default)]
    pub events: Option<Vec<String>>,
    /// Allow private addresses and plain HTTP. Default false.
    #[serde(default)]
    pub allow_private: bool,
    /// PEM file: a CA to trust beside the system's.
    #[serde(default)]
    pub ca: Option<String>,
    /// For one attempt. Default 15s.
    #[serde(default)]
    pub timeout: Option<Span>,
}
