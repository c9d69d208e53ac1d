//! Turns changes of approvals into deliveries, one per channel that wants them. A change is forgotten in the same write
//! that puts its deliveries into the outbox.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;

use crate::gate::desk::store::ApprovalChange;
use crate::identity::store::StoreError;
use crate::notify::channel::Channel;
use crate::notify::event::{EventKind, Occurrence};
use crate::notify::notifier::Ground;
use crate::notify::outbox::{About, Delivery};

/// Changes taken up in one write.
const BATCH_MAX: usize = 128;
/// Without news the store is looked at this often: another process may have written to it.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// After a failed write.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Between sweeps of what ended long ago.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
const SWEEP_MAX: usize = 10_000;

/// A channel, and how its courier is woken.
pub(super) type Mailbox = (Arc<dyn Channel>, Arc<Notify>);

pub(super) struct Planner {
    pub(super) ground: Ground,
    pub(super) channels: Vec<Mailbox>,
}

impl Planner {
    /// Plans until told to stop. Cancel safe: what was not planned yet is planned after the next start.
    pub(super) async fn run(&self, stop: CancellationToken) {
        let mut news = self.ground.desk.subscribe();
        let mut swept: Option<tokio::time::Instant> = None;
        loop {
            let wait = match self.catch_up().await {
                Ok(()) => LOOK_EVERY,
                Err(error) => {
                    tracing::error!(%error, "notifications cannot be planned; approvals go on");
                    RETRY_AFTER
                }
            };
            if swept.is_none_or(|at| at.elapsed() >= SWEEP_EVERY) {
                self.sweep().await;
                swept = Some(tokio::time::Instant::now());
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
                told = news.recv() => if matches!(told, Err(broadcast::error::RecvError::Closed)) {
                    // Nobody will tell any more; looking goes on.
                    tokio::select! { () = stop.cancelled() => return, () = tokio::time::sleep(LOOK_EVERY) => {} }
                },
            }
        }
    }

    async fn catch_up(&self) -> Result<(), StoreError> {
        loop {
            let changes = self.ground.outbox.changes(BATCH_MAX)?;
            if changes.is_empty() {
                return Ok(());
            }
            let mut deliveries = Vec::new();
            for change in &changes {
                deliveries.extend(self.deliveries(change)?);
            }
            self.ground.outbox.plan(changes, deliveries).await?;
            self.channels.iter().for_each(|(_, poke)| poke.notify_one());
        }
    }

    fn deliveries(&self, change: &ApprovalChange) -> Result<Vec<Delivery>, StoreError> {
        let Some(approval) = self.ground.desk.get(&change.id)? else {
            tracing::error!(approval = %change.id, "it changed and is not in the store: nobody is told");
            return Ok(Vec::new());
        };
        let now = self.ground.clock.now();
        let occurrence = Occurrence::new(change.clone(), approval, now);
        let kind = occurrence.kind();
        let about = About { approval: Some(change.id.clone()), version: change.version };
        let wanted = self.channels.iter().filter(|(channel, _)| channel.wants(kind));
        let planned = wanted.map(|(channel, _)| {
            let body = channel.compose(&occurrence);
            Delivery { body, ..Delivery::new(channel.name(), kind, about.clone(), occurrence.at, now) }
        });
        Ok(planned.collect())
    }

    /// Tells of something that is not about an approval. Durable when it says so.
    pub(super) async fn announce(&self, kind: EventKind, body: Value) -> Result<(), StoreError> {
        let now = self.ground.clock.now();
        let wanted = self.channels.iter().filter(|(channel, _)| channel.wants(kind));
        let planned = wanted.map(|(channel, _)| {
            let about = About { approval: None, version: 0 };
            Delivery { body: body.clone(), ..Delivery::new(channel.name(), kind, about, now, now) }
        });
        self.ground.outbox.plan(Vec::new(), planned.collect()).await?;
        self.channels.iter().for_each(|(_, poke)| poke.notify_one());
        Ok(())
    }

    async fn sweep(&self) {
        let now = self.ground.clock.now().as_millis();
        let keep = i64::try_from(self.ground.keep.as_millis()).unwrap_or(i64::MAX);
        let before = crate::clock::Timestamp::from_millis(now.saturating_sub(keep));
        if let Err(error) = self.ground.outbox.forget(before, SWEEP_MAX).await {
            tracing::warn!(%error, "old deliveries cannot be forgotten");
        }
    }
}
