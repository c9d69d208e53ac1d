//! The durable outbox: what is still to be told to whom, and what has been. Kept by `store`, in the order it happened.
//!
//! A delivery is written before the change it tells of is forgotten, so a crash loses none; it is carried out at least
//! once, and its id is the same at every attempt, so that receivers can tell a repetition.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::gate::desk::store::ApprovalChange;
use crate::identity::ids::ApprovalId;
use crate::identity::store::StoreError;
use crate::notify::event::EventKind;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Still to be carried out.
    Waiting,
    /// The receiver took it, or had no need of it any more.
    Delivered,
    /// Given up; `holdpoint webhooks replay` tries it anew.
    Dead,
}

/// What a delivery is about. Deliveries about the same approval are carried out one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The approval; `None`: the installation itself.
    pub approval: Option<ApprovalId>,
    /// The approval's version that is told of; 0 without an approval.
    pub version: u64,
}

/// One message to one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Place in the outbox; grows. Given by the store.
    pub number: u64,
    /// The same at every attempt.
    pub id: String,
    /// The channel's name.
    pub channel: String,
    /// What happened.
    pub kind: EventKind,
    /// To what.
    pub about: About,
    /// When it happened.
    pub at: Timestamp,
    /// What is sent, as far as it is fixed beforehand; null for channels that show the approval as it is at that moment.
    pub body: Value,
    /// Where it stands.
    pub progress: Progress,
    /// Attempts so far.
    pub attempts: u32,
    /// Not before this.
    pub next_at: Timestamp,
    /// When it was put into the outbox, or replayed.
    pub since: Timestamp,
    /// When it was delivered or given up.
    pub ended_at: Option<Timestamp>,
    /// What went wrong last, in words without secrets.
    pub trouble: Option<String>,
}

impl Delivery {
    /// A delivery that has not been tried. The store gives it its number.
    pub fn new(channel: &str, kind: EventKind, about: About, at: Timestamp, now: Timestamp) -> Self {
        let id = event_id(channel, kind, &about, at);
        let channel = channel.to_owned();
        Self {
            number: 0,
            id,
            channel,
            kind,
            about,
            at,
            body: Value::Null,
            progress: Progress::Waiting,
            attempts: 0,
            next_at: now,
            since: now,
            ended_at: None,
            trouble: None,
        }
    }
}

/// The id of an event on a channel: the same however often it is planned.
fn event_id(channel: &str, kind: EventKind, about: &About, at: Timestamp) -> String {
    let approval = about.approval.as_ref().map_or("", ApprovalId::as_str);
    let text = format!("{channel}\n{}\n{approval}\n{}\n{}", kind.as_str(), about.version, at.as_millis());
    let digest = hex::encode(Sha256::digest(text.as_bytes()));
    format!("evt_{}", digest.get(..24).unwrap_or(&digest))
}

/// Deliveries by channel.
pub trait OutboxStore: Send + Sync {
    /// At most `max` changes of approvals that nobody has taken up; those of one approval in order.
    fn changes(&self, max: usize) -> Result<Vec<ApprovalChange>, StoreError>;
    /// Forgets `taken` and adds `deliveries` at the end, in one durable step. Gives them with their numbers.
    fn plan(
        &self,
        taken: Vec<ApprovalChange>,
        deliveries: Vec<Delivery>,
    ) -> BoxFuture<'_, Result<Vec<Delivery>, StoreError>>;
    /// At most `max` waiting deliveries of a channel, oldest first.
    fn waiting(&self, channel: &str, max: usize) -> Result<Vec<Delivery>, StoreError>;
    /// How many deliveries of a channel are waiting.
    fn waiting_count(&self, channel: &str) -> Result<u64, StoreError>;
    /// Writes a delivery as it is now; [`StoreError::Missing`] if there is none of its channel and number.
    fn update(&self, delivery: Delivery) -> BoxFuture<'_, Result<(), StoreError>>;
    /// At most `max` deliveries of a channel with numbers below `before`, newest first, ended ones included.
    fn deliveries(&self, channel: &str, before: Option<u64>, max: usize) -> Result<Vec<Delivery>, StoreError>;
    /// Forgets at most `max` deliveries that ended before this moment; says how many.
    fn forget(&self, before: Timestamp, max: usize) -> BoxFuture<'_, Result<usize, StoreError>>;
}

/// Small texts that channels keep: where a message stands, who is who in a chat. By space and key.
pub trait NoteStore: Send + Sync {
    /// One note.
    fn note(&self, space: &str, key: &str) -> Result<Option<String>, StoreError>;
    /// All notes of a space, by key.
    fn notes(&self, space: &str) -> Result<Vec<(String, String)>, StoreError>;
    /// Writes a note, or removes it (`None`), durably.
    fn put_note(&self, space: &str, key: &str, text: Option<String>) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Takes a note away and gives it: of several takers exactly one gets it.
    fn take_note(&self, space: &str, key: &str) -> BoxFuture<'_, Result<Option<String>, StoreError>>;
}
