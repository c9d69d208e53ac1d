//! A client's place at the desk: it waits for its approval's fate, and spends it.

use std::sync::Arc;

use tokio::sync::watch;

use crate::gate::approval::{Approval, Verdict};
use crate::gate::desk::board::Board;
use crate::gate::refusal::Refusal;
use crate::identity::ids::{ApprovalId, PersonName, SessionId};

/// What became of a held statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Enough people said yes: spend it now.
    Approved,
    /// A person said no.
    Denied {
        /// Who.
        person: PersonName,
        /// Why, in the person's words.
        reason: Option<String>,
    },
    /// Nobody decided in time.
    Expired,
    /// The request was taken back.
    Withdrawn,
    /// Another connection of the same agent took over the wait.
    Superseded,
    /// It was approved, and revoked or lapsed before it was spent.
    Revoked,
    /// The agent was switched off.
    Disabled,
    /// The desk is gone. The approval may live on in the store.
    Unavailable,
}

impl Settled {
    /// What the client is told; `None` if it is approved. `approval` is the one of [`Ticket::approval`].
    pub fn refusal(&self, approval: &Approval, public_url: &str) -> Option<Refusal> {
        Some(match self {
            Self::Approved => return None,
            Self::Denied { .. } => Refusal::denied(approval, public_url),
            Self::Expired => Refusal::expired(approval),
            Self::Withdrawn => Refusal::cancelled(&approval.id),
            Self::Superseded => Refusal::superseded(&approval.id),
            Self::Revoked => Refusal::revoked(approval),
            Self::Disabled => Refusal::disabled(&approval.request.requester.agent, Some(&approval.id)),
            Self::Unavailable => Refusal::unavailable(Some(&approval.id), "the approval desk has stopped"),
        })
    }

    /// What the state of an approval means to its waiter; `None` while it is open.
    pub(super) fn of(approval: &Approval) -> Option<Self> {
        use crate::gate::approval::State;
        match approval.state {
            State::Pending | State::Executing => None,
            State::Approved => Some(Self::Approved),
            State::Denied => Some(match approval.last_review(Verdict::Deny) {
                Some(review) => Self::Denied { person: review.person.clone(), reason: review.reason.clone() },
                None => Self::Withdrawn,
            }),
            State::Expired => Some(Self::Expired),
            State::Withdrawn => Some(Self::Withdrawn),
            State::Revoked | State::Lapsed | State::Executed | State::Failed | State::Unknown => Some(Self::Revoked),
        }
    }
}

/// What a waiter is told: the approval as it is, and its fate once there is one.
#[derive(Clone, Debug)]
pub(super) struct News {
    pub(super) approval: Arc<Approval>,
    pub(super) settled: Option<Settled>,
}

/// One client's wait for one approval. Dropping it detaches the client; the approval lives on.
pub struct Ticket {
    pub(super) id: ApprovalId,
    pub(super) number: u64,
    pub(super) session: SessionId,
    pub(super) news: watch::Receiver<News>,
    pub(super) board: Arc<Board>,
}

impl Ticket {
    /// The approval's id.
    pub fn id(&self) -> &ApprovalId {
        &self.id
    }

    /// The approval as it was when this client was last told about it.
    pub fn approval(&self) -> Arc<Approval> {
        Arc::clone(&self.news.borrow().approval)
    }

    /// Waits until the fate is known; at once if it is. Cancel safe, and may be asked again: an approval that is not spent may
    /// still be revoked.
    pub async fn settled(&mut self) -> Settled {
        match self.news.wait_for(|news| news.settled.is_some()).await {
            Ok(news) => news.settled.clone().unwrap_or(Settled::Unavailable),
            // FAIL CLOSED: nobody is left who could tell.
            Err(_) => Settled::Unavailable,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.board.detach(&self.id, self.number);
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").field("id", &self.id).field("number", &self.number).finish_non_exhaustive()
    }
}
