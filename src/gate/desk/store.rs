//! What has to be kept of approvals, and how they are listed. Implementations stand in `store`.

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gate::approval::{Approval, State};
use crate::identity::ids::{AgentName, ApprovalId, PersonName};
use crate::identity::store::StoreError;

/// One approval to be written if nobody else has written it meanwhile.
#[derive(Clone, Debug)]
pub struct ApprovalWrite {
    /// The approval as it shall be.
    pub approval: Approval,
    /// The version it must have now; `None`: it must not exist yet.
    pub expected: Option<u64>,
}

/// One change of one approval, kept until whoever tells people has taken it up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalChange {
    /// Which.
    pub id: ApprovalId,
    /// Its version after the change.
    pub version: u64,
    /// Its state before; `None`: it was made.
    pub from: Option<State>,
    /// Its state after.
    pub to: State,
    /// Whose review was added, if one was.
    pub review: Option<PersonName>,
}

impl ApprovalChange {
    /// What became of `before`. Stores call it for every write and keep the outcome in the same step.
    pub fn between(before: Option<&Approval>, after: &Approval) -> Self {
        let old = before.map_or(&[][..], |before| &before.reviews);
        let added = after.reviews.iter().rfind(|review| !old.contains(review));
        Self {
            id: after.id.clone(),
            version: after.version,
            from: before.map(|before| before.state),
            to: after.state,
            review: added.map(|review| review.person.clone()),
        }
    }
}

/// Which approvals to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Only these states; empty: all.
    pub states: Vec<State>,
    /// Only this agent's.
    pub agent: Option<AgentName>,
    /// Only for this `databases:` key.
    pub database: Option<String>,
}

impl ApprovalFilter {
    /// Does it pass?
    pub fn passes(&self, approval: &Approval) -> bool {
        let request = &approval.request;
        (self.states.is_empty() || self.states.contains(&approval.state))
            && self.agent.as_ref().is_none_or(|agent| *agent == request.requester.agent)
            && self.database.as_ref().is_none_or(|database| *database == request.target.database)
    }

    /// It asks only for states that the desk has in memory.
    pub fn is_unfinished_only(&self) -> bool {
        !self.states.is_empty() && self.states.iter().all(|state| !state.is_terminal())
    }
}

/// A place in a listing, newest first: creation time, then id. Its text form is a page token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// When the last approval shown was made.
    pub created_at: Timestamp,
    /// Its id.
    pub id: ApprovalId,
}

impl Cursor {
    /// The place of an approval.
    pub fn of(approval: &Approval) -> Self {
        Self { created_at: approval.created_at, id: approval.id.clone() }
    }

    /// Reads a page token.
    pub fn parse(token: &str) -> Option<Self> {
        let (millis, id) = token.split_once('.')?;
        Some(Self { created_at: Timestamp::from_millis(millis.parse().ok()?), id: ApprovalId::parse(id)? })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.created_at.as_millis(), self.id)
    }
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Newest first.
    pub approvals: Vec<Approval>,
    /// Where the next page begins; `None`: this is the last.
    pub next: Option<Cursor>,
}

/// Approvals by id.
pub trait ApprovalStore: Send + Sync {
    /// Writes all or none, durably; [`StoreError::Conflict`] if one of them is not at the version expected. In the same step
    /// keeps the [`ApprovalChange`] of each.
    /// Dropping the future does not undo a write that has begun.
    fn commit(&self, writes: Vec<ApprovalWrite>) -> BoxFuture<'_, Result<(), StoreError>>;
    /// One approval.
    fn approval(&self, id: &ApprovalId) -> Result<Option<Approval>, StoreError>;
    /// Every approval that has not ended.
    fn unfinished(&self) -> Result<Vec<Approval>, StoreError>;
    /// At most `max` approvals that pass, newest first, behind `after`. A page may be shorter than `max` and still have a
    /// next one: a listing looks at a bounded number of approvals at a time.
    fn list(&self, filter: &ApprovalFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError>;
    /// At most `max` ids that begin with `prefix` (with `apr_`, digits in upper case).
    fn ids_with_prefix(&self, prefix: &str, max: usize) -> Result<Vec<ApprovalId>, StoreError>;
}
