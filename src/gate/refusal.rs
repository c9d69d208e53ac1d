//! An answer that is no: what happened and what to do next, in one line. Not an error of ours.

use crate::identity::ids::ApprovalId;

/// Why a statement is not run. Each kind has its own text and code per protocol (`pg/refusal`, later `mysql/refusal`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The hold ran out; the approval lives on.
    Pending,
    /// Somebody said no.
    Denied,
    /// A rule denies it; nobody was asked.
    Forbidden,
    /// Nobody decided in time.
    Expired,
    /// The rule wants a reason first.
    ReasonMissing,
    /// The client cancelled while it was held.
    Cancelled,
    /// Another connection of the same agent took over the wait.
    Superseded,
    /// It was approved, and the approval was taken back or lapsed before it was used.
    Revoked,
    /// The agent was switched off.
    Disabled,
    /// Something it rests on changed between approval and release: rules, catalog, settings.
    Changed,
    /// The gate cannot work: store, audit or rules are failing, or too many holds.
    Unavailable,
    /// The proxy is shutting down.
    Draining,
}

/// One refusal, ready to be worded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub kind: RefusalKind,
    /// The approval it is about.
    pub approval: Option<ApprovalId>,
    /// The one self-contained primary line: no newline, under 400 bytes, no secrets.
    pub message: String,
    /// More, for clients that show it.
    pub detail: Option<String>,
    /// What to do next, for clients that show it.
    pub hint: Option<String>,
}
