//! Carries out the deliveries of one channel: those about one approval one after the other, different ones side by side,
//! failed ones again and again until they are given up.

pub mod schedule;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::audit::event::Event;
use crate::audit::meters;
use crate::clock::Timestamp;
use crate::identity::store::StoreError;
use crate::notify::channel::{Channel, Outcome};
use crate::notify::notifier::Ground;
use crate::notify::outbox::{Delivery, Progress};

/// The oldest waiting deliveries that are looked at; the rest follow when these have ended.
const LOOK_MAX: usize = 256;
/// Without a poke, look again after this.
const IDLE: Duration = Duration::from_secs(60);
/// After the store failed.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// One attempt takes no longer.
const ATTEMPT_MAX: Duration = Duration::from_secs(40);
/// Where closed channels are noted.
pub(super) const CLOSED: &str = "channel-closed";

pub(super) struct Courier {
    pub(super) ground: Ground,
    pub(super) channel: Arc<dyn Channel>,
    pub(super) poke: Arc<Notify>,
}

impl Courier {
    /// Delivers until told to stop. An attempt that is under way then is repeated after the next start.
    pub(super) async fn run(&self, stop: CancellationToken) {
        loop {
            let round = tokio::select! {
                () = stop.cancelled() => return,
                round = self.round() => round,
            };
            let wait = round.unwrap_or_else(|error| {
                tracing::error!(%error, channel = self.channel.name(), "the outbox fails");
                RETRY_AFTER
            });
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.poke.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Carries out what is due; gives the time to wait.
    async fn round(&self) -> Result<Duration, StoreError> {
        let name = self.channel.name();
        let waiting = self.ground.outbox.waiting(name, LOOK_MAX)?;
        self.measure()?;
        if waiting.is_empty() {
            return Ok(IDLE);
        }
        if let Some(why) = self.ground.notes.note(CLOSED, name)? {
            for delivery in waiting {
                self.settle(delivery, &Outcome::Never { why: format!("the channel is closed: {why}") }).await?;
            }
            return Ok(Duration::ZERO);
        }
        let now = self.ground.clock.now();
        let (due, next) = due(waiting, now);
        if due.is_empty() {
            return Ok(next.map_or(IDLE, |next| next.since(now).min(IDLE)));
        }
        let mut attempts =
            stream::iter(due).map(|delivery| self.attempt(delivery)).buffer_unordered(self.channel.at_once());
        while let Some(attempt) = attempts.next().await {
            attempt?;
        }
        drop(attempts);
        self.measure()?;
        Ok(Duration::ZERO)
    }

    fn measure(&self) -> Result<(), StoreError> {
        let name = self.channel.name();
        let count = u32::try_from(self.ground.outbox.waiting_count(name)?).unwrap_or(u32::MAX);
        metrics::gauge!(meters::DELIVERIES_WAITING, "channel" => name.to_owned()).set(f64::from(count));
        Ok(())
    }

    async fn attempt(&self, delivery: Delivery) -> Result<(), StoreError> {
        let attempt = tokio::time::timeout(ATTEMPT_MAX, self.channel.deliver(&delivery)).await;
        let outcome =
            attempt.unwrap_or_else(|_| Outcome::later(format!("no answer within {} s", ATTEMPT_MAX.as_secs())));
        if let Outcome::Gone { why } = &outcome {
            self.ground.notes.put_note(CLOSED, self.channel.name(), Some(why.clone())).await?;
            tracing::warn!(channel = self.channel.name(), why, "the receiver wants nothing any more: channel closed");
        }
        self.settle(delivery, &outcome).await
    }

    async fn settle(&self, delivery: Delivery, outcome: &Outcome) -> Result<(), StoreError> {
        let first = delivery.attempts == 0;
        let next = settled(delivery, outcome, self.ground.clock.now(), self.ground.give_up_after, rand::random());
        let label = match next.progress {
            Progress::Waiting => "retry",
            Progress::Delivered => "delivered",
            Progress::Dead => "dead",
        };
        metrics::counter!(meters::DELIVERIES, "channel" => next.channel.clone(), "outcome" => label).increment(1);
        // One record when it begins to fail and one when it ends: the log is not for every attempt.
        if first || next.progress != Progress::Waiting {
            let event = record(&next);
            if let Err(error) = self.ground.audit.record(event) {
                tracing::error!(%error, channel = next.channel, "a delivery cannot be recorded");
            }
        }
        if let Some(trouble) = next.trouble.as_ref().filter(|_| next.progress != Progress::Delivered) {
            tracing::warn!(channel = next.channel, id = next.id, attempts = next.attempts, trouble, "not delivered");
        }
        self.ground.outbox.update(next).await
    }
}

fn record(delivery: &Delivery) -> Event {
    let (channel, event) = (delivery.channel.clone(), delivery.kind.as_str().to_owned());
    let approval = delivery.about.approval.clone();
    match (&delivery.trouble, delivery.progress) {
        (Some(why), Progress::Waiting | Progress::Dead) => {
            let given_up = delivery.progress == Progress::Dead;
            Event::NotificationFailed { channel, event, approval, why: why.clone(), given_up }
        }
        _ => Event::Notified { channel, event, approval, attempts: delivery.attempts },
    }
}

/// Of each approval the oldest delivery, if its time has come; and when the next one's time comes.
fn due(waiting: Vec<Delivery>, now: Timestamp) -> (Vec<Delivery>, Option<Timestamp>) {
    let mut seen = HashSet::new();
    let mut next: Option<Timestamp> = None;
    let mut found = Vec::new();
    for delivery in waiting {
        let older = delivery.about.approval.as_ref().is_some_and(|approval| !seen.insert(approval.clone()));
        if older {
            continue;
        }
        if delivery.next_at <= now {
            found.push(delivery);
        } else {
            next = Some(next.map_or(delivery.next_at, |next| next.min(delivery.next_at)));
        }
    }
    (found, next)
}

/// The delivery after an attempt.
pub(super) fn settled(
    delivery: Delivery,
    outcome: &Outcome,
    now: Timestamp,
    give_up_after: Duration,
    jitter: f64,
) -> Delivery {
    let attempts = delivery.attempts.saturating_add(1);
    let ended = |progress, trouble: Option<&String>| Delivery {
        progress,
        attempts,
        ended_at: Some(now),
        trouble: trouble.cloned(),
        ..delivery.clone()
    };
    match outcome {
        Outcome::Done => ended(Progress::Delivered, None),
        Outcome::Never { why } | Outcome::Gone { why } => ended(Progress::Dead, Some(why)),
        Outcome::Later { why, after } => {
            let next_at = now.after(schedule::delay(attempts, jitter, *after));
            if next_at > delivery.since.after(give_up_after) {
                return ended(Progress::Dead, Some(why));
            }
            Delivery { attempts, next_at, trouble: Some(why.clone()), ..delivery }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ids::ApprovalId;
    use crate::notify::event::EventKind;
    use crate::notify::outbox::About;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn delivery(number: u64, approval: u8, version: u64, next: i64) -> Delivery {
        let about = About { approval: Some(ApprovalId::from_random([approval; 10])), version };
        let new = Delivery::new("hook", EventKind::Requested, about, at(0), at(0));
        Delivery { number, next_at: at(next), ..new }
    }

    #[test]
    fn one_approvals_deliveries_keep_their_order_and_do_not_hold_up_others() {
        let waiting = vec![
            delivery(0, 1, 1, 90),
            delivery(1, 1, 2, 0),
            delivery(2, 2, 1, 5),
            delivery(3, 2, 2, 0),
            delivery(4, 3, 1, 70),
        ];
        let (found, next) = due(waiting, at(10));
        assert_eq!(found.iter().map(|delivery| delivery.number).collect::<Vec<_>>(), [2]);
        assert_eq!(next, Some(at(70)));
    }

    #[test]
    fn what_is_about_no_approval_waits_for_nothing() {
        let free = |number| Delivery { about: About { approval: None, version: 0 }, ..delivery(number, 1, 1, 0) };
        assert_eq!(due(vec![free(0), free(1)], at(0)).0.len(), 2);
    }

    #[test]
    fn a_delivery_is_repeated_until_its_time_is_over() {
        let day = Duration::from_secs(86_400);
        let mut one = delivery(0, 1, 1, 0);
        let mut now = at(0);
        for _ in 0..200 {
            one = settled(one, &Outcome::later("HTTP 500"), now, day, 0.5);
            if one.progress == Progress::Dead {
                break;
            }
            now = one.next_at;
        }
        assert_eq!((one.progress, one.attempts, one.trouble.as_deref()), (Progress::Dead, 11, Some("HTTP 500")));
        assert!(one.ended_at.is_some_and(|ended| ended <= at(86_400)));
    }

    #[test]
    fn success_clears_the_trouble_and_a_final_no_ends_at_once() {
        let day = Duration::from_secs(86_400);
        let failed = settled(delivery(0, 1, 1, 0), &Outcome::later("slow"), at(0), day, 0.5);
        assert_eq!((failed.progress, failed.next_at), (Progress::Waiting, at(2)));
        let done = settled(failed.clone(), &Outcome::Done, at(2), day, 0.5);
        assert_eq!((done.progress, done.attempts, done.trouble.as_deref()), (Progress::Delivered, 2, None));
        let never = settled(failed, &Outcome::Never { why: "no".into() }, at(2), day, 0.5);
        assert_eq!((never.progress, never.ended_at), (Progress::Dead, Some(at(2))));
    }
}
