//! `notify:`, checked: who is told of approvals, and how much.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::identity::secret::Secret;

/// Everything under `notify:`.
#[derive(Clone, Debug)]
pub struct NotifyConfig {
    /// A delivery that has failed for this long is given up. Default 3 d.
    pub give_up_after: Duration,
    /// Deliveries that ended are kept for this long. Default 30 d.
    pub keep: Duration,
    /// Receivers of webhooks.
    pub webhooks: Vec<WebhookConfig>,
    /// Mailboxes.
    pub email: Vec<EmailConfig>,
    /// A Slack channel.
    pub slack: Option<SlackConfig>,
    /// Microsoft Teams.
    pub teams: Vec<TeamsConfig>,
}

impl Default for NotifyConfig {
    fn default() -> Self {
        Self {
            give_up_after: Duration::from_secs(3 * 86_400),
            keep: Duration::from_secs(30 * 86_400),
            webhooks: Vec::new(),
            email: Vec::new(),
            slack: None,
            teams: Vec::new(),
        }
    }
}

/// How much is told.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Ids, state and link.
    None,
    /// Also who, where, what in words: actions, objects, rows expected, rules.
    #[default]
    Summary,
    /// Also the statement with `?` for every literal, and what the agent claims.
    Redacted,
    /// Also the statement and its parameters as approvers see them: classified literals withheld.
    Full,
}

/// How a webhook's body is built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WebhookFormat {
    /// `{"type", "timestamp", "data"}`, as Standard Webhooks has it.
    #[default]
    Standard,
    /// CloudEvents 1.0, structured JSON.
    CloudEvents,
}

/// One receiver of webhooks.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// Unique among all channels.
    pub name: String,
    /// Where to.
    pub url: Secret,
    /// `whsec_` and base64.
    pub secret: Secret,
    /// The secret before: while it is set, both sign.
    pub previous_secret: Option<Secret>,
    /// How the body is built.
    pub format: WebhookFormat,
    /// How much is told.
    pub content: Content,
    /// Which events, such as `approval.*`.
    pub events: Vec<String>,
    /// Private addresses and plain HTTP are allowed.
    pub allow_private: bool,
    /// PEM file with a CA to trust beside the system's.
    pub ca: Option<PathBuf>,
    /// For one attempt. Default 15 s.
    pub timeout: Duration,
}

/// TLS towards a mail server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailTls {
    /// From the first byte (port 465).
    #[default]
    Implicit,
    /// By STARTTLS, or nothing is sent (port 587).
    Starttls,
    /// None: only towards this machine.
    None,
}

/// Mail to some people.
#[derive(Clone, Debug)]
pub struct EmailConfig {
    /// Unique among all channels.
    pub name: String,
    /// The mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// TLS towards it.
    pub tls: MailTls,
    /// PEM file with a CA to trust beside the built-in ones.
    pub ca: Option<PathBuf>,
    /// User and password, if it wants a login.
    pub login: Option<(String, Secret)>,
    /// The sender's address.
    pub from: String,
    /// The receivers' addresses.
    pub to: Vec<String>,
    /// How much is told.
    pub content: Content,
    /// Which events, such as `approval.requested`.
    pub events: Vec<String>,
}

/// How Slack's interactions arrive.
#[derive(Clone, Debug)]
pub enum SlackMode {
    /// Over a websocket that we open.
    Socket {
        /// `xapp-…`, with `connections:write`.
        app_token: Secret,
    },
    /// At `/v1/slack/interactive`.
    Http {
        /// Signs Slack's requests.
        signing_secret: Secret,
    },
}

/// A Slack channel.
#[derive(Clone, Debug)]
pub struct SlackConfig {
    /// Unique among all channels. Default `slack`.
    pub name: String,
    /// `xoxb-…`, with `chat:write` and `users:read`.
    pub bot_token: Secret,
    /// How interactions arrive.
    pub mode: SlackMode,
    /// The channel's id.
    pub channel: String,
    /// The workspaces whose people may decide.
    pub team_ids: Vec<String>,
    /// Account ids of people, besides those tied by a one-time link.
    pub people: BTreeMap<String, String>,
    /// How much is told.
    pub content: Content,
    /// The Web API's address.
    pub api_url: String,
    /// Private addresses and plain HTTP are allowed.
    pub allow_private: bool,
}

/// A Workflow of Microsoft Teams.
#[derive(Clone, Debug)]
pub struct TeamsConfig {
    /// Unique among all channels.
    pub name: String,
    /// The Workflow's URL.
    pub url: Secret,
    /// How much is told.
    pub content: Content,
    /// Which events, such as `approval.requested`.
    pub events: Vec<String>,
    /// Private addresses and plain HTTP are allowed.
    pub allow_private: bool,
}
