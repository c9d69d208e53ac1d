//! Builds the channels of a configuration, runs planner and couriers, and answers what operators ask about them.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::audit::log::AuditLog;
use crate::clock::{Clock, Timestamp};
use crate::config::notify::NotifyConfig;
use crate::gate::desk::Desk;
use crate::identity::person::Person;
use crate::identity::store::StoreError;
use crate::notify::channel::{Channel, Outcome};
use crate::notify::courier::{CLOSED, Courier};
use crate::notify::email::Email;
use crate::notify::event::EventKind;
use crate::notify::outbox::{About, Delivery, NoteStore, OutboxStore, Progress};
use crate::notify::planner::Planner;
use crate::notify::slack::Slack;
use crate::notify::teams::Teams;
use crate::notify::webhook::Webhook;

/// Deliveries that one replay brings back, at most.
const REPLAY_MAX: usize = 10_000;

/// What the notifier rests on.
#[derive(Clone)]
pub struct NotifierParts {
    /// Deliveries.
    pub outbox: Arc<dyn OutboxStore>,
    /// Notes of channels.
    pub notes: Arc<dyn NoteStore>,
    /// Approvals, and who decides them.
    pub desk: Arc<Desk>,
    /// Where it is recorded who was told.
    pub audit: Arc<AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The people of `holdpoint.yaml`, replaced when it is read again.
    pub people: Arc<ArcSwap<Vec<Person>>>,
}

/// What planner, couriers and channels share.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) outbox: Arc<dyn OutboxStore>,
    pub(super) notes: Arc<dyn NoteStore>,
    pub(super) desk: Arc<Desk>,
    pub(super) audit: Arc<AuditLog>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) give_up_after: Duration,
    pub(super) keep: Duration,
}

/// A channel as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Channel)]
pub struct ChannelBody {
    /// Its name in the configuration.
    pub name: String,
    /// `webhook`, `email`, `slack`, `teams`.
    pub kind: String,
    /// Where it leads, without secrets.
    pub target: String,
    /// Deliveries that are still to be carried out.
    pub waiting: u64,
    /// Why nothing is sent any more: the receiver said so. A test that succeeds opens it again.
    pub closed: Option<String>,
}

/// A delivery as operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Delivery)]
pub struct DeliveryBody {
    /// The same at every attempt; `webhook-id` of a webhook.
    pub id: String,
    /// Place in the outbox.
    pub number: u64,
    /// What happened, such as `approval.requested`.
    pub event: String,
    /// The approval it is about.
    pub approval_id: Option<String>,
    /// When it happened.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// `waiting`, `delivered`, `dead`.
    pub state: String,
    /// Attempts so far.
    pub attempts: u32,
    /// When it is tried next, if it waits.
    #[schema(value_type = Option<String>)]
    pub next_at: Option<Timestamp>,
    /// What went wrong last.
    pub trouble: Option<String>,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        let state = match delivery.progress {
            Progress::Waiting => "waiting",
            Progress::Delivered => "delivered",
            Progress::Dead => "dead",
        };
        Self {
            id: delivery.id,
            number: delivery.number,
            event: delivery.kind.as_str().to_owned(),
            approval_id: delivery.about.approval.map(|id| id.to_string()),
            at: delivery.at,
            state: state.to_owned(),
            attempts: delivery.attempts,
            next_at: (delivery.progress == Progress::Waiting).then_some(delivery.next_at),
            trouble: delivery.trouble,
        }
    }
}

/// Which deliveries to bring back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// These ids, delivered ones included. Empty: every dead one.
    #[serde(default)]
    pub ids: Vec<String>,
    /// Only what happened since then.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub since: Option<Timestamp>,
}

/// Why the notifier did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum NotifierError {
    /// No channel of this name.
    #[error("there is no channel {0:?}")]
    NoChannel(String),
    /// A channel cannot be set up.
    #[error("channel {name}: {why}")]
    Setup {
        /// Which.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// See the module.
pub struct Notifier {
    ground: Ground,
    planner: Planner,
    couriers: Vec<Arc<Courier>>,
    slack: Option<Slack>,
}

impl Notifier {
    /// Sets up every channel of the configuration. Nothing is sent before [`Notifier::run`].
    ///
    /// # Errors
    /// [`NotifierError::Setup`]: a file cannot be read, or a setting cannot be used.
    pub fn new(config: &NotifyConfig, public_url: &str, parts: NotifierParts) -> Result<Self, NotifierError> {
        let mut channels: Vec<Arc<dyn Channel>> = Vec::new();
        for webhook in &config.webhooks {
            let setup = |why| NotifierError::Setup { name: webhook.name.clone(), why };
            channels.push(Arc::new(Webhook::new(webhook, public_url, parts.clock.clone()).map_err(setup)?));
        }
        for email in &config.email {
            let setup = |why| NotifierError::Setup { name: email.name.clone(), why };
            channels.push(Arc::new(Email::new(email, public_url).map_err(setup)?));
        }
        for teams in &config.teams {
            let setup = |why| NotifierError::Setup { name: teams.name.clone(), why };
            channels.push(Arc::new(Teams::new(teams, public_url).map_err(setup)?));
        }
        let mut slack = None;
        if let Some(config) = &config.slack {
            let setup = |why| NotifierError::Setup { name: config.name.clone(), why };
            let channel = Slack::new(config, public_url, &parts).map_err(setup)?;
            channels.push(Arc::new(channel.clone()));
            slack = Some(channel);
        }
        Ok(Self { slack, ..Self::with_channels(config, parts, channels) })
    }

    /// The same with channels of one's own.
    pub fn with_channels(config: &NotifyConfig, parts: NotifierParts, channels: Vec<Arc<dyn Channel>>) -> Self {
        let ground = Ground {
            outbox: parts.outbox,
            notes: parts.notes,
            desk: parts.desk,
            audit: parts.audit,
            clock: parts.clock,
            give_up_after: config.give_up_after,
            keep: config.keep,
        };
        let channels: Vec<_> = channels.into_iter().map(|channel| (channel, Arc::new(Notify::new()))).collect();
        let courier = |(channel, poke): &(Arc<dyn Channel>, Arc<Notify>)| {
            Arc::new(Courier { ground: ground.clone(), channel: channel.clone(), poke: poke.clone() })
        };
        let couriers = channels.iter().map(courier).collect();
        Self { planner: Planner { ground: ground.clone(), channels }, ground, couriers, slack: None }
    }

    /// Plans and delivers until `stop` is cancelled. What is not delivered then is delivered after the next start.
    pub async fn run(&self, stop: CancellationToken) {
        let mut couriers = tokio::task::JoinSet::new();
        for courier in &self.couriers {
            let (courier, stop) = (courier.clone(), stop.clone());
            couriers.spawn(async move { tokio::join!(courier.run(stop.clone()), courier.channel.listen(stop)).0 });
        }
        self.planner.run(stop).await;
        couriers.join_all().await;
    }

    /// Tells every channel that wants it of something that is not about an approval.
    ///
    /// # Errors
    /// The store fails: nothing is sent.
    pub async fn announce(&self, kind: EventKind, body: Value) -> Result<(), StoreError> {
        self.planner.announce(kind, body).await
    }

    /// The Slack channel, if one is configured.
    pub fn slack(&self) -> Option<&Slack> {
        self.slack.as_ref()
    }

    /// Is there a channel of this name?
    pub fn has(&self, name: &str) -> bool {
        self.courier(name).is_ok()
    }

    /// Every channel and how it is doing.
    ///
    /// # Errors
    /// The store fails.
    pub fn channels(&self) -> Result<Vec<ChannelBody>, StoreError> {
        let shown = |courier: &Arc<Courier>| {
            let channel = &courier.channel;
            Ok(ChannelBody {
                name: channel.name().to_owned(),
                kind: channel.kind().to_owned(),
                target: channel.target(),
                waiting: self.ground.outbox.waiting_count(channel.name())?,
                closed: self.ground.notes.note(CLOSED, channel.name())?,
            })
        };
        self.couriers.iter().map(shown).collect()
    }

    /// At most `max` deliveries of a channel, newest first, below number `before`.
    ///
    /// # Errors
    /// No such channel, or the store fails.
    pub fn deliveries(&self, name: &str, before: Option<u64>, max: usize) -> Result<Vec<DeliveryBody>, NotifierError> {
        self.courier(name)?;
        Ok(self.ground.outbox.deliveries(name, before, max)?.into_iter().map(DeliveryBody::from).collect())
    }

    /// Sends a test message past the outbox; `Err` in the inner result says what went wrong. A success opens a closed channel.
    ///
    /// # Errors
    /// No such channel, or the store fails.
    pub async fn test(&self, name: &str) -> Result<Result<(), String>, NotifierError> {
        let courier = self.courier(name)?;
        let now = self.ground.clock.now();
        let about = About { approval: None, version: 0 };
        let body = json!({ "message": "This is a test. Nobody has to do anything." });
        let delivery = Delivery { body, ..Delivery::new(name, EventKind::Test, about, now, now) };
        match courier.channel.deliver(&delivery).await {
            Outcome::Done => {
                self.ground.notes.put_note(CLOSED, name, None).await?;
                courier.poke.notify_one();
                Ok(Ok(()))
            }
            Outcome::Later { why, .. } | Outcome::Never { why } | Outcome::Gone { why } => Ok(Err(why)),
        }
    }

    /// Brings deliveries back, to be carried out again; says how many.
    ///
    /// # Errors
    /// No such channel, or the store fails; some may be back already then.
    pub async fn replay(&self, name: &str, replay: &Replay) -> Result<usize, NotifierError> {
        let courier = self.courier(name)?;
        let now = self.ground.clock.now();
        let chosen = |delivery: &Delivery| {
            let named = replay.ids.contains(&delivery.id);
            let dead = replay.ids.is_empty() && delivery.progress == Progress::Dead;
            (named || dead)
                && delivery.progress != Progress::Waiting
                && replay.since.is_none_or(|since| delivery.at >= since)
        };
        let found = self.ground.outbox.deliveries(name, None, REPLAY_MAX)?;
        let back: Vec<Delivery> = found.into_iter().filter(chosen).collect();
        let count = back.len();
        for delivery in back {
            let fresh = Delivery {
                progress: Progress::Waiting,
                attempts: 0,
                next_at: now,
                since: now,
                ended_at: None,
                trouble: None,
                ..delivery
            };
            self.ground.outbox.update(fresh).await?;
        }
        courier.poke.notify_one();
        Ok(count)
    }

    fn courier(&self, name: &str) -> Result<&Arc<Courier>, NotifierError> {
        let found = self.couriers.iter().find(|courier| courier.channel.name() == name);
        found.ok_or_else(|| NotifierError::NoChannel(name.to_owned()))
    }
}
