//! The task behind the audit log: gives every record its place, writes in groups, syncs, signs checkpoints.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::audit::chain::Head;
use crate::audit::checkpoint::{Checkpoint, NoteSigner};
use crate::audit::event::Event;
use crate::audit::log::{AuditError, Item, LogOptions, Pulse, load_head};
use crate::audit::store::{AuditStore, StoredCheckpoint};
use crate::clock::Clock;

/// Ordinary events wait this long for company, so that a busy proxy writes groups and not single records.
const GATHER: Duration = Duration::from_millis(10);
const RETRY: Duration = Duration::from_secs(1);
const IDLE: Duration = Duration::from_secs(3600);

pub(super) struct Writer {
    store: Arc<dyn AuditStore>,
    signer: NoteSigner,
    clock: Arc<dyn Clock>,
    options: LogOptions,
    pulse: Arc<Pulse>,
    head: Head,
    /// Ordinary events of a group that could not be written; tried again before anything newer.
    backlog: Vec<Event>,
    /// A write failed, and it may have happened all the same.
    doubtful: bool,
    /// Since when records wait for a sync, and how many.
    unsynced: Option<(Instant, usize)>,
    checkpointed: u64,
    next_checkpoint: Instant,
}

type Waiting = Vec<(std::ops::Range<usize>, oneshot::Sender<Result<Vec<u64>, AuditError>>)>;

impl Writer {
    pub(super) fn new(
        store: Arc<dyn AuditStore>,
        signer: NoteSigner,
        clock: Arc<dyn Clock>,
        options: LogOptions,
        head: Head,
        pulse: Arc<Pulse>,
    ) -> Self {
        let next_checkpoint = Instant::now() + options.checkpoint_every;
        Self {
            store,
            signer,
            clock,
            options,
            pulse,
            head,
            backlog: Vec::new(),
            doubtful: false,
            unsynced: None,
            checkpointed: 0,
            next_checkpoint,
        }
    }

    /// Runs until told to stop or until the log is dropped; then writes what is queued and says so.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Item>, mut stop: oneshot::Receiver<()>) {
        let mut items: Vec<Item> = Vec::new();
        let group = self.options.unsynced_max.max(1);
        loop {
            tokio::select! {
                biased;
                _ = &mut stop, if !inbox.is_closed() => inbox.close(),
                count = inbox.recv_many(&mut items, group) => {
                    if count == 0 {
                        break;
                    }
                }
                () = tokio::time::sleep_until(self.wake_at()) => {}
            }
            self.gather(&mut items, &mut inbox, group).await;
            self.write(std::mem::take(&mut items)).await;
            self.sync_if_due().await;
            self.checkpoint_if_due().await;
        }
        self.write(items).await;
        self.write(vec![Item { events: vec![Event::LogStopped {}], durable: None }]).await;
        self.next_checkpoint = Instant::now();
        self.checkpoint_if_due().await;
    }

    /// Lets ordinary events wait for company, without being woken for each: until the time is up or somebody waits for one.
    async fn gather(&self, items: &mut Vec<Item>, inbox: &mut mpsc::Receiver<Item>, group: usize) {
        let awaited = items.iter().any(|item| item.durable.is_some());
        if items.is_empty() || awaited || items.len() >= group || inbox.is_closed() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(GATHER.min(self.options.sync_every)) => {}
            () = self.pulse.urgent.notified() => {}
        }
        while items.len() < group
            && let Ok(item) = inbox.try_recv()
        {
            items.push(item);
        }
    }

    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let retry = if self.backlog.is_empty() { now + IDLE } else { now + RETRY };
        let sync = self.unsynced.map_or(now + IDLE, |(since, _)| since + self.options.sync_every);
        let fresh = self.head.size() > self.checkpointed;
        let checkpoint = if fresh { self.next_checkpoint.max(now + Duration::from_millis(1)) } else { now + IDLE };
        retry.min(sync).min(checkpoint)
    }

    async fn write(&mut self, items: Vec<Item>) {
        if items.is_empty() && self.backlog.is_empty() {
            return;
        }
        let (ordinary, durable): (Vec<Item>, Vec<Item>) = items.into_iter().partition(|item| item.durable.is_none());
        let mut events = std::mem::take(&mut self.backlog);
        let lost = self.pulse.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            events.push(Event::RecordsLost { count: lost });
        }
        events.extend(ordinary.into_iter().flat_map(|item| item.events));
        let kept = events.len();
        let mut waiting: Waiting = Vec::new();
        for item in durable {
            let from = events.len();
            events.extend(item.events);
            waiting.extend(item.durable.map(|tell| (from..events.len(), tell)));
        }
        let result = self.write_events(&events, kept).await;
        let was_healthy = self.pulse.healthy.swap(result.is_ok(), Ordering::AcqRel);
        if let Err(error) = &result {
            if was_healthy {
                tracing::error!(%error, "the audit log cannot be written; nothing that is gated runs until it can");
            }
            events.truncate(kept);
            self.keep(events);
        }
        if result.is_ok() && !was_healthy {
            tracing::info!("the audit log can be written again");
        }
        for (range, tell) in waiting {
            let answer = match &result {
                Err(error) => Err(error.clone()),
                Ok(first) => Ok(range.filter_map(|at| u64::try_from(at).ok()).map(|at| first + at).collect()),
            };
            let _ = tell.send(answer);
        }
    }

    /// Ordinary events stay in memory as long as there is room; the others are counted as lost.
    fn keep(&mut self, mut events: Vec<Event>) {
        let over = events.len().saturating_sub(self.options.queue_max);
        events.truncate(self.options.queue_max);
        self.pulse.lost.fetch_add(u64::try_from(over).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.backlog = events;
    }

    /// Appends all events or none; gives the position of the first. Those from `ordinary` on are awaited.
    async fn write_events(&mut self, events: &[Event], ordinary: usize) -> Result<u64, AuditError> {
        if self.doubtful {
            self.head = load_head(self.store.as_ref())?;
            self.doubtful = false;
        }
        let mut head = self.head.clone();
        let first = head.size();
        let now = self.clock.now();
        let mut records = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            let record = match head.append(event, now) {
                // One event that has no canonical form must not stop the log, and must not vanish either.
                Err(_) if index < ordinary => head.append(&Event::RecordsLost { count: 1 }, now),
                other => other,
            };
            records.push(record.map_err(|error| AuditError::Broken(error.to_string()))?);
        }
        let (since, count) = self.unsynced.unwrap_or((Instant::now(), 0));
        let count = count + records.len();
        let sync =
            events.len() > ordinary || count >= self.options.unsynced_max || since.elapsed() >= self.options.sync_every;
        let written = self.store.append_records(first, records, sync).await;
        if let Err(error) = written {
            self.doubtful = true;
            return Err(error.into());
        }
        self.head = head;
        self.unsynced = (!sync).then_some((since, count));
        Ok(first)
    }

    async fn sync_if_due(&mut self) {
        let due = self.unsynced.is_some_and(|(since, _)| since.elapsed() >= self.options.sync_every);
        if !due {
            return;
        }
        self.unsynced = None;
        if let Err(error) = self.store.sync_records().await {
            tracing::error!(%error, "the audit log cannot be synced");
            self.pulse.healthy.store(false, Ordering::Release);
            self.doubtful = true;
        }
    }

    async fn checkpoint_if_due(&mut self) {
        if Instant::now() < self.next_checkpoint || self.head.size() <= self.checkpointed || self.doubtful {
            return;
        }
        self.next_checkpoint = Instant::now() + self.options.checkpoint_every;
        let frontier = self.head.frontier().clone();
        let checkpoint = Checkpoint { size: frontier.size(), root: frontier.root(), at: self.clock.now() };
        let note = self.signer.sign(&checkpoint);
        let stored = StoredCheckpoint { frontier, last: *self.head.prev(), note: note.clone() };
        match self.store.add_checkpoint(stored).await {
            Ok(()) => {
                self.checkpointed = checkpoint.size;
                self.unsynced = None;
            }
            Err(error) => tracing::error!(%error, "a checkpoint cannot be stored"),
        }
        self.push(&note).await;
    }

    /// Appends the note to the file that is to live elsewhere. A failure is told, not hidden: the next one is tried as well.
    async fn push(&self, note: &str) {
        use tokio::io::AsyncWriteExt as _;
        let Some(path) = &self.options.checkpoint_file else { return };
        let line = format!("{}\n", serde_json::json!({ "checkpoint": note }));
        let appended = async {
            let mut file = tokio::fs::OpenOptions::new().create(true).append(true).open(path).await?;
            file.write_all(line.as_bytes()).await?;
            file.sync_data().await
        };
        if let Err(error) = appended.await {
            tracing::error!(%error, path = %path.display(), "a checkpoint cannot be appended to its file");
        }
    }
}
