//! The audit log as the rest of the program sees it: hand in an event, or wait until it is durable.
//!
//! One task (`audit/writer`) gives every record its place. Ordinary events wait in a bounded queue and are written in groups;
//! durable ones are answered after the group they are in was synced.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::audit::chain::Head;
use crate::audit::checkpoint::{NoteSigner, NoteVerifier};
use crate::audit::event::{Event, Record};
use crate::audit::store::AuditStore;
use crate::audit::writer::Writer;
use crate::clock::Clock;
use crate::identity::store::{KeyName, KeyStore, StoreError};

/// Why an event was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// The queue is full: the log is slower than its events.
    #[error("the audit log cannot keep up")]
    Full,
    /// The log was closed.
    #[error("the audit log is closed")]
    Closed,
    /// The store does not take records.
    #[error("the audit log cannot be written: {0}")]
    Store(#[from] StoreError),
    /// An event without canonical form, or a log that does not end as it says.
    #[error("the audit log cannot be continued: {0}")]
    Broken(String),
}

/// The name that checkpoints carry.
pub const LOG_NAME: &str = "holdpoint";

/// The signer with this installation's key, which is made and kept when it is asked for the first time.
///
/// # Errors
/// The store fails.
pub async fn signer(keys: &dyn KeyStore) -> Result<NoteSigner, StoreError> {
    let seed = keys.key_or_insert(KeyName::AuditSigning, zeroize::Zeroizing::new(rand::random())).await?;
    Ok(NoteSigner::new(LOG_NAME, &seed))
}

/// How the log is kept.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Program version, for `LogStarted`.
    pub program: String,
    /// Ordinary records may stay unsynced for at most this long.
    pub sync_every: Duration,
    /// … and at most this many of them.
    pub unsynced_max: usize,
    /// Most events waiting to be written.
    pub queue_max: usize,
    /// Sign a checkpoint at least this often, if there is anything new.
    pub checkpoint_every: Duration,
    /// Append each checkpoint to this file, too, as one JSON line.
    pub checkpoint_file: Option<PathBuf>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            sync_every: Duration::from_millis(50),
            unsynced_max: 1000,
            queue_max: 8192,
            checkpoint_every: Duration::from_secs(60),
            checkpoint_file: None,
        }
    }
}

pub(super) struct Item {
    pub(super) events: Vec<Event>,
    /// Told the position of each event once they are durable.
    pub(super) durable: Option<oneshot::Sender<Result<Vec<u64>, AuditError>>>,
}

/// What reader and writer share.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    pub(super) healthy: AtomicBool,
    pub(super) lost: AtomicU64,
    /// Somebody waits for an event: the writer stops gathering.
    pub(super) urgent: tokio::sync::Notify,
}

/// The log. Cheap to share; ends with [`AuditLog::close`].
pub struct AuditLog {
    queue: mpsc::Sender<Item>,
    stop: Mutex<Option<(oneshot::Sender<()>, JoinHandle<()>)>>,
    pulse: Arc<Pulse>,
    store: Arc<dyn AuditStore>,
    verifier: NoteVerifier,
}

impl AuditLog {
    /// Opens the log, starts its task on the current tokio runtime, and records `LogStarted` durably.
    ///
    /// # Errors
    /// The stored log does not end as its last checkpoint says, or the store fails.
    pub async fn start(
        store: Arc<dyn AuditStore>,
        signer: NoteSigner,
        clock: Arc<dyn Clock>,
        options: LogOptions,
    ) -> Result<Arc<Self>, AuditError> {
        let head = load_head(store.as_ref())?;
        let unsynced_at_most = unsynced_at_most(store.as_ref(), &head, &options)?;
        let started = Event::LogStarted { program: options.program.clone(), unsynced_at_most };
        let (queue, inbox) = mpsc::channel(options.queue_max.max(1));
        let (stop, stopped) = oneshot::channel();
        let pulse = Arc::new(Pulse { healthy: AtomicBool::new(true), lost: AtomicU64::new(0), ..Pulse::default() });
        let verifier = signer.verifier();
        let writer = Writer::new(Arc::clone(&store), signer, clock, options, head, Arc::clone(&pulse));
        let task = tokio::spawn(writer.run(inbox, stopped));
        let log = Self { queue, stop: Mutex::new(Some((stop, task))), pulse, store, verifier };
        log.record_durable(started).await?;
        Ok(Arc::new(log))
    }

    /// Hands in an ordinary event without waiting. It is durable within `sync_every`.
    ///
    /// # Errors
    /// [`AuditError::Full`] if the queue is full: the event is dropped, counted, and the count is recorded as soon as the log
    /// moves again (`RecordsLost`). Whoever can wait should use [`AuditLog::append`].
    pub fn record(&self, event: Event) -> Result<(), AuditError> {
        self.queue.try_send(Item { events: vec![event], durable: None }).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => {
                self.pulse.lost.fetch_add(1, Ordering::Relaxed);
                AuditError::Full
            }
            mpsc::error::TrySendError::Closed(_) => AuditError::Closed,
        })
    }

    /// Hands in an ordinary event if there is room; gives it back if there is not, for [`AuditLog::append`].
    pub fn offer(&self, event: Event) -> Option<Event> {
        let refused = self.queue.try_send(Item { events: vec![event], durable: None }).err()?;
        refused.into_inner().events.pop()
    }

    /// Hands in an ordinary event, waiting for room in the queue: this is how a slow log slows its sessions down.
    /// Cancel safe: dropped before it is ready, nothing is recorded.
    ///
    /// # Errors
    /// [`AuditError::Closed`].
    pub async fn append(&self, event: Event) -> Result<(), AuditError> {
        self.queue.send(Item { events: vec![event], durable: None }).await.map_err(|_| AuditError::Closed)
    }

    /// Records an event and waits until it is durable; gives its position. If dropped before it is ready, the event may or may
    /// not be recorded.
    ///
    /// # Errors
    /// The event is not durable, and what rests on it must not happen.
    pub async fn record_durable(&self, event: Event) -> Result<u64, AuditError> {
        let positions = self.record_all_durable(vec![event]).await?;
        positions.first().copied().ok_or(AuditError::Closed)
    }

    /// Records events behind each other, all or none, and waits until they are durable; gives their positions.
    ///
    /// # Errors
    /// As [`AuditLog::record_durable`].
    pub async fn record_all_durable(&self, events: Vec<Event>) -> Result<Vec<u64>, AuditError> {
        let (tell, told) = oneshot::channel();
        let item = Item { events, durable: Some(tell) };
        self.queue.send(item).await.map_err(|_| AuditError::Closed)?;
        self.pulse.urgent.notify_one();
        told.await.map_err(|_| AuditError::Closed)?
    }

    /// Did the last write succeed? While not, nothing that is gated may run.
    pub fn healthy(&self) -> bool {
        self.pulse.healthy.load(Ordering::Acquire) && !self.queue.is_closed()
    }

    /// Writes what is queued, records `LogStopped`, signs a last checkpoint and ends the task. A second call does nothing.
    pub async fn close(&self) {
        let Some((stop, task)) = self.stop.lock().await.take() else { return };
        let _ = stop.send(());
        let _ = task.await;
    }

    /// The public half of the signing key.
    pub fn verifier(&self) -> &NoteVerifier {
        &self.verifier
    }

    /// Number of records written so far.
    ///
    /// # Errors
    /// The store fails.
    pub fn size(&self) -> Result<u64, AuditError> {
        Ok(self.store.record_count()?)
    }

    /// At most `max` records from position `from` on, in order.
    ///
    /// # Errors
    /// The store fails, or a record cannot be read.
    pub fn read(&self, from: u64, max: usize) -> Result<Vec<Record>, AuditError> {
        let read = |text: &String| serde_json::from_str(text).map_err(|error| AuditError::Broken(error.to_string()));
        self.store.records(from, max)?.iter().map(read).collect()
    }

    /// The store beneath, for exports and proofs.
    pub fn store(&self) -> &Arc<dyn AuditStore> {
        &self.store
    }
}

const PAGE: usize = 1000;

/// The end of the stored log: the last checkpoint's, moved on over the records behind it.
pub(super) fn load_head(store: &dyn AuditStore) -> Result<Head, AuditError> {
    let count = store.record_count()?;
    let mut head = match store.last_checkpoint()? {
        None => Head::default(),
        Some(checkpoint) => Head::new(checkpoint.frontier, checkpoint.last),
    };
    if head.size() > count {
        return Err(AuditError::Broken(format!("a checkpoint covers {} records, but there are {count}", head.size())));
    }
    while head.size() < count {
        let records = store.records(head.size(), PAGE)?;
        if records.is_empty() {
            return Err(AuditError::Broken(format!("record {} is missing", head.size())));
        }
        for record in records {
            check(&record, &head)?;
            head.take(record.as_bytes());
        }
    }
    Ok(head)
}

fn check(record: &str, head: &Head) -> Result<(), AuditError> {
    let read: Record = serde_json::from_str(record).map_err(|error| AuditError::Broken(error.to_string()))?;
    if read.seq == head.size() && read.prev == hex::encode(head.prev()) {
        return Ok(());
    }
    Err(AuditError::Broken(format!("record {} does not follow the one before it", head.size())))
}

/// How many ordinary records the run before may have lost: none if it stopped in order.
fn unsynced_at_most(store: &dyn AuditStore, head: &Head, options: &LogOptions) -> Result<u64, AuditError> {
    let Some(last) = head.size().checked_sub(1) else { return Ok(0) };
    let ended = store.records(last, 1)?.first().is_some_and(|text| text.contains(r#""event":{"kind":"log_stopped"}"#));
    let bound = options.queue_max.saturating_add(options.unsynced_max);
    Ok(if ended { 0 } else { u64::try_from(bound).unwrap_or(u64::MAX) })
}

#[cfg(test)]
mod tests;
