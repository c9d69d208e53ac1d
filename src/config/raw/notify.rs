//! `notify:` as people write it.

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
