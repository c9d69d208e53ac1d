//! Slack: one message per approval, edited in place whatever surface decides; buttons for people whose Slack account is
//! tied to a person of the configuration. What comes back arrives by Socket Mode or by signed HTTP requests.
//!
//! A click proves a Slack account, not a login here: decisions carry the assurance `slack`, and go through the desk like
//! any other, with the version and the digest that the message showed.

mod api;
mod click;
pub mod message;
mod person;
pub mod signature;
mod socket;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::notify::{SlackConfig, SlackMode};
use crate::gate::approval::Approval;
use crate::gate::desk::Desk;
use crate::identity::person::Person;
use crate::notify::channel::{Channel, Outcome};
use crate::notify::event::{EventKind, Occurrence};
use crate::notify::notifier::NotifierParts;
use crate::notify::outbox::{Delivery, NoteStore};
use crate::notify::slack::api::{Api, ApiError};
use crate::notify::slack::message::Look;
use crate::notify::slack::person::Accounts;
use crate::notify::slack::signature::Signatures;

pub use crate::notify::slack::person::{LinkError, LinkShown};

/// Slack takes about one new message per second and channel.
const POST_EVERY: Duration = Duration::from_secs(1);

/// Where an approval's message stands, and what it shows.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Posted {
    channel: String,
    ts: String,
    version: u64,
}

/// One Slack channel.
#[derive(Clone)]
pub struct Slack(Arc<Inner>);

pub(super) struct Inner {
    config: SlackConfig,
    public_url: String,
    api: Api,
    accounts: Accounts,
    signatures: Option<Signatures>,
    desk: Arc<Desk>,
    notes: Arc<dyn NoteStore>,
    people: Arc<ArcSwap<Vec<Person>>>,
    clock: Arc<dyn Clock>,
    posted_at: Mutex<Option<Instant>>,
}

impl Slack {
    /// Sets it up; nothing is connected yet.
    ///
    /// # Errors
    /// The API's address cannot be used, or a CA file cannot be read.
    pub fn new(config: &SlackConfig, public_url: &str, parts: &NotifierParts) -> Result<Self, String> {
        let signatures = match &config.mode {
            SlackMode::Http { signing_secret } => Some(Signatures::new(signing_secret.clone())),
            SlackMode::Socket { .. } => None,
        };
        Ok(Self(Arc::new(Inner {
            api: Api::new(config)?,
            accounts: Accounts::new(config, parts.notes.clone(), parts.clock.clone()),
            signatures,
            config: config.clone(),
            public_url: public_url.to_owned(),
            desk: parts.desk.clone(),
            notes: parts.notes.clone(),
            people: parts.people.clone(),
            clock: parts.clock.clone(),
            posted_at: Mutex::new(None),
        })))
    }

    /// Takes a signed request of Slack's: headers and raw body. Gives the JSON to answer, if there is any to give.
    ///
    /// # Errors
    /// It is not signed with our secret, is too old, or was seen before: answer 401 and nothing else.
    pub async fn request(
        &self,
        timestamp: &str,
        signature: &str,
        body: &[u8],
    ) -> Result<Option<Value>, signature::Unsigned> {
        let now = self.0.clock.now().as_millis().div_euclid(1000);
        let signatures = self.0.signatures.as_ref().ok_or(signature::Unsigned)?;
        signatures.check(timestamp, signature, body, now)?;
        let Some(payload) = signature::payload(body) else { return Ok(None) };
        Ok(self.interact(payload).await)
    }

    /// Who would be tied by this one-time code; for a page to show before it asks to confirm.
    ///
    /// # Errors
    /// Unknown, used or expired, or the store fails.
    pub fn link_shown(&self, code: &str) -> Result<LinkShown, LinkError> {
        self.0.accounts.link_shown(code)
    }

    /// Ties the Slack account of a one-time code to a person who has just proved to be that person. Works once.
    ///
    /// # Errors
    /// Unknown, used or expired, or the store fails.
    pub async fn link(&self, code: &str, person: &Person) -> Result<LinkShown, LinkError> {
        self.0.accounts.link(code, &person.name).await
    }

    async fn show(&self, delivery: &Delivery) -> Result<(), Outcome> {
        let Some(id) = &delivery.about.approval else { return self.announce(delivery).await };
        let down = |error: crate::identity::store::StoreError| Outcome::later(error.to_string());
        let Some(approval) = self.0.desk.get(id).map_err(down)? else {
            return Err(Outcome::Never { why: "the approval is not there".to_owned() });
        };
        let posted = self.posted(&approval).map_err(Outcome::later)?;
        match posted {
            Some(posted) if posted.version >= approval.version => Ok(()),
            Some(posted) => self.update(&approval, posted).await,
            None => self.post(&approval).await,
        }
    }

    async fn announce(&self, delivery: &Delivery) -> Result<(), Outcome> {
        let words = delivery.body.get("message").and_then(Value::as_str).unwrap_or_default();
        let text = message::escape(&format!("{}: {words}", delivery.kind.as_str()));
        let body = json!({ "channel": self.0.config.channel, "text": text });
        self.0.api.call("chat.postMessage", &body).await.map(|_| ()).map_err(ApiError::outcome)
    }

    fn space(&self) -> String {
        format!("slack-message:{}", self.0.config.name)
    }

    fn posted(&self, approval: &Approval) -> Result<Option<Posted>, String> {
        let note = self.0.notes.note(&self.space(), approval.id.as_str()).map_err(|error| error.to_string())?;
        note.map(|text| serde_json::from_str(&text).map_err(|error| error.to_string())).transpose()
    }

    async fn note(&self, approval: &Approval, posted: Option<&Posted>) -> Result<(), Outcome> {
        let text = posted.map(serde_json::to_string).transpose().map_err(|error| Outcome::later(error.to_string()))?;
        let kept = self.0.notes.put_note(&self.space(), approval.id.as_str(), text).await;
        kept.map_err(|error| Outcome::later(error.to_string()))
    }

    fn look(&self) -> Look<'_> {
        Look { level: self.0.config.content, public_url: &self.0.public_url }
    }

    async fn post(&self, approval: &Approval) -> Result<(), Outcome> {
        let wait = self.0.posted_at.lock().map(|at| (at + POST_EVERY).saturating_duration_since(Instant::now()));
        tokio::time::sleep(wait.unwrap_or_default()).await;
        let body = message::message(approval, &self.look(), &self.0.config.channel, None);
        let answer = self.0.api.call("chat.postMessage", &body).await.map_err(ApiError::outcome)?;
        *self.0.posted_at.lock() = Some(Instant::now());
        let text = |key: &str| answer.get(key).and_then(Value::as_str).map(str::to_owned);
        let (Some(channel), Some(ts)) = (text("channel"), text("ts")) else {
            return Err(Outcome::later("Slack did not say where the message stands"));
        };
        self.note(approval, Some(&Posted { channel, ts, version: approval.version })).await
    }

    async fn update(&self, approval: &Approval, posted: Posted) -> Result<(), Outcome> {
        let body = message::message(approval, &self.look(), &posted.channel, Some(&posted.ts));
        match self.0.api.call("chat.update", &body).await {
            Ok(_) => {}
            Err(ApiError::Refused(error)) if error == "message_not_found" => {
                // Somebody deleted it: the next attempt posts it anew.
                self.note(approval, None).await?;
                return Err(Outcome::later("the message was deleted"));
            }
            Err(error) => return Err(error.outcome()),
        }
        self.note(approval, Some(&Posted { version: approval.version, ..posted })).await
    }
}

impl Channel for Slack {
    fn name(&self) -> &str {
        &self.0.config.name
    }

    fn kind(&self) -> &'static str {
        "slack"
    }

    fn target(&self) -> String {
        self.0.config.channel.clone()
    }

    /// Every change of an approval changes its message.
    fn wants(&self, kind: EventKind) -> bool {
        kind == EventKind::Test || kind.matches("approval.*")
    }

    /// The message shows the approval as it is when it is sent.
    fn compose(&self, _: &Occurrence) -> Value {
        Value::Null
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome> {
        Box::pin(async move { self.show(delivery).await.err().unwrap_or(Outcome::Done) })
    }

    fn at_once(&self) -> usize {
        1
    }

    fn listen(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        match &self.0.config.mode {
            SlackMode::Http { .. } => Box::pin(std::future::ready(())),
            SlackMode::Socket { app_token } => Box::pin(socket::listen(self.clone(), app_token.clone(), stop)),
        }
    }
}
