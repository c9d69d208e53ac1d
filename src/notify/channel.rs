//! What all channels have in common: a name, which events they want, and how a delivery is carried out.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::notify::event::{EventKind, Occurrence};
use crate::notify::outbox::Delivery;

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Done,
    /// Not now: try again, not before `after` if the receiver said so.
    Later {
        /// What went wrong, in words without secrets.
        why: String,
        /// The receiver's wish.
        after: Option<Duration>,
    },
    /// Never: another attempt would end alike.
    Never {
        /// Why.
        why: String,
    },
    /// The receiver wants nothing any more; the channel is closed until somebody tests it with success.
    Gone {
        /// What it said.
        why: String,
    },
}

impl Outcome {
    /// [`Outcome::Later`] without a wish.
    pub fn later(why: impl Into<String>) -> Self {
        Self::Later { why: why.into(), after: None }
    }
}

/// One way to tell somebody something.
pub trait Channel: Send + Sync {
    /// The name, unique among all channels.
    fn name(&self) -> &str;
    /// `webhook`, `email`, `slack`, `teams`.
    fn kind(&self) -> &'static str;
    /// Where it leads, without secrets: for lists.
    fn target(&self) -> String;
    /// Does it want events of this kind?
    fn wants(&self, kind: EventKind) -> bool;
    /// What is sent about an approval, fixed now; null if it is composed when it is sent.
    fn compose(&self, occurrence: &Occurrence) -> Value;
    /// Carries out one attempt. It may be dropped when it takes too long, and be repeated.
    fn deliver<'a>(&'a self, delivery: &'a Delivery) -> BoxFuture<'a, Outcome>;
    /// Deliveries about different approvals that may be under way at once.
    fn at_once(&self) -> usize {
        4
    }
    /// Listens to what comes back, for channels that people answer in; returns when told to stop, or at once.
    fn listen(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        drop(stop);
        Box::pin(std::future::ready(()))
    }
}
