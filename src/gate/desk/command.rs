//! What the desk's task can be asked, and how it answers.

use tokio::sync::oneshot;

use crate::gate::approval::{Approval, Request};
use crate::gate::decision::{Decision, DecisionError};
use crate::gate::desk::ticket::Ticket;
use crate::gate::desk::{DeskError, SpendCheck};
use crate::gate::life::{End, Times};
use crate::gate::refusal::Refusal;
use crate::gate::release::Release;
use crate::identity::ids::{AgentName, ApprovalId, SessionId};
use crate::identity::person::Person;

pub(super) type Answer<T, E> = oneshot::Sender<Result<T, E>>;

pub(super) enum Command {
    Open { request: Box<Request>, times: Times, reply: Answer<Ticket, Refusal> },
    Spend { id: ApprovalId, number: u64, session: SessionId, check: SpendCheck, reply: Answer<Release, Refusal> },
    Finish { id: ApprovalId, end: End, reply: Answer<(), DeskError> },
    Withdraw { id: ApprovalId, number: Option<u64>, why: String, reply: Answer<(), DeskError> },
    Decide { id: ApprovalId, decision: Box<Decision>, reply: Answer<Approval, DecisionError> },
    Comment { id: ApprovalId, person: Person, text: String, via: String, reply: Answer<Approval, DecisionError> },
    Revoke { id: ApprovalId, person: Person, reason: Option<String>, reply: Answer<Approval, DecisionError> },
    Kill { agent: AgentName, on: bool, by: Person, reply: Answer<(), DeskError> },
}

impl Command {
    /// The approval it changes, if it names one.
    pub(super) fn id(&self) -> Option<&ApprovalId> {
        match self {
            Self::Open { .. } | Self::Kill { .. } => None,
            Self::Spend { id, .. }
            | Self::Finish { id, .. }
            | Self::Withdraw { id, .. }
            | Self::Decide { id, .. }
            | Self::Comment { id, .. }
            | Self::Revoke { id, .. } => Some(id),
        }
    }
}

/// An answer that waits until the batch it belongs to is durable.
pub(super) enum Reply {
    Ticket { id: ApprovalId, session: SessionId, reply: Answer<Ticket, Refusal> },
    Release { id: ApprovalId, digest: String, reply: Answer<Release, Refusal> },
    Approval { id: ApprovalId, reply: Answer<Approval, DecisionError> },
    Done { reply: Answer<(), DeskError> },
}

impl Reply {
    /// The batch could not be kept: nothing has changed.
    pub(super) fn fail(self, why: &str) {
        match self {
            Self::Ticket { reply, .. } => drop(reply.send(Err(Refusal::unavailable(None, why)))),
            Self::Release { id, reply, .. } => drop(reply.send(Err(Refusal::unavailable(Some(&id), why)))),
            Self::Approval { reply, .. } => drop(reply.send(Err(DecisionError::Store(why.to_owned())))),
            Self::Done { reply } => drop(reply.send(Err(DeskError::Unavailable(why.to_owned())))),
        }
    }
}
