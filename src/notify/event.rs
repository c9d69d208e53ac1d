//! What happened, in the words that receivers see.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gate::approval::{Approval, State};
use crate::gate::desk::store::ApprovalChange;

/// Names of events, as in `type` of a webhook and in `events:` of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum EventKind {
    /// People are asked.
    #[serde(rename = "approval.requested")]
    Requested,
    /// Somebody said yes; more people are needed.
    #[serde(rename = "approval.reviewed")]
    Reviewed,
    /// Enough people said yes.
    #[serde(rename = "approval.approved")]
    Approved,
    /// Somebody said no.
    #[serde(rename = "approval.denied")]
    Denied,
    /// Nobody decided in time.
    #[serde(rename = "approval.expired")]
    Expired,
    /// The client cancelled, or the owner took the request back.
    #[serde(rename = "approval.withdrawn")]
    Withdrawn,
    /// A given approval was taken back.
    #[serde(rename = "approval.revoked")]
    Revoked,
    /// A given approval was not used in time.
    #[serde(rename = "approval.lapsed")]
    Lapsed,
    /// The statement was released.
    #[serde(rename = "approval.executing")]
    Executing,
    /// It ran.
    #[serde(rename = "approval.executed")]
    Executed,
    /// It ran and the server said no, or it never got there.
    #[serde(rename = "approval.failed")]
    Failed,
    /// Nobody knows whether it ran.
    #[serde(rename = "approval.unknown")]
    Unknown,
    /// Rules were loaded anew.
    #[serde(rename = "rules.reloaded")]
    RulesReloaded,
    /// New rules were refused; the old ones stay.
    #[serde(rename = "rules.rejected")]
    RulesRejected,
    /// Sent by `holdpoint webhooks test`.
    #[serde(rename = "holdpoint.test")]
    Test,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Requested,
        Self::Reviewed,
        Self::Approved,
        Self::Denied,
        Self::Expired,
        Self::Withdrawn,
        Self::Revoked,
        Self::Lapsed,
        Self::Executing,
        Self::Executed,
        Self::Failed,
        Self::Unknown,
        Self::RulesReloaded,
        Self::RulesRejected,
        Self::Test,
    ];

    /// The name that is sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "approval.requested",
            Self::Reviewed => "approval.reviewed",
            Self::Approved => "approval.approved",
            Self::Denied => "approval.denied",
            Self::Expired => "approval.expired",
            Self::Withdrawn => "approval.withdrawn",
            Self::Revoked => "approval.revoked",
            Self::Lapsed => "approval.lapsed",
            Self::Executing => "approval.executing",
            Self::Executed => "approval.executed",
            Self::Failed => "approval.failed",
            Self::Unknown => "approval.unknown",
            Self::RulesReloaded => "rules.reloaded",
            Self::RulesRejected => "rules.rejected",
            Self::Test => "holdpoint.test",
        }
    }

    /// What a change of an approval is called.
    pub fn of(change: &ApprovalChange) -> Self {
        if change.from.is_none() {
            return Self::Requested;
        }
        match change.to {
            State::Pending => Self::Reviewed,
            State::Approved => Self::Approved,
            State::Executing => Self::Executing,
            State::Executed => Self::Executed,
            State::Failed => Self::Failed,
            State::Unknown => Self::Unknown,
            State::Denied => Self::Denied,
            State::Expired => Self::Expired,
            State::Withdrawn => Self::Withdrawn,
            State::Revoked => Self::Revoked,
            State::Lapsed => Self::Lapsed,
        }
    }

    /// Is it one that `pattern` names: a name, `approval.*`, or `*`?
    pub fn matches(self, pattern: &str) -> bool {
        match pattern.strip_suffix('*') {
            Some(start) => self.as_str().starts_with(start),
            None => self.as_str() == pattern,
        }
    }
}

/// An event about an approval: the change, and the approval as it is now, which may be further on.
#[derive(Clone, Debug)]
pub struct Occurrence {
    /// What happened.
    pub change: ApprovalChange,
    /// The approval, at the change's version or a later one. What was asked never changes.
    pub approval: Approval,
    /// When it happened.
    pub at: Timestamp,
}

impl Occurrence {
    /// Ties both together; `now` serves where the approval keeps no time of the change.
    pub fn new(change: ApprovalChange, approval: Approval, now: Timestamp) -> Self {
        let at = moment(&change, &approval).unwrap_or(now);
        Self { change, approval, at }
    }

    /// Its name.
    pub fn kind(&self) -> EventKind {
        EventKind::of(&self.change)
    }
}

fn moment(change: &ApprovalChange, approval: &Approval) -> Option<Timestamp> {
    if change.from.is_none() {
        return Some(approval.created_at);
    }
    if let Some(person) = &change.review {
        return approval.reviews.iter().rfind(|review| review.person == *person).map(|review| review.at);
    }
    let execution = approval.execution.as_ref();
    match change.to {
        State::Executing => execution.map(|execution| execution.started_at),
        State::Executed | State::Failed | State::Unknown => execution.and_then(|execution| execution.ended_at),
        State::Denied | State::Expired | State::Withdrawn => approval.decided_at,
        State::Pending | State::Approved | State::Revoked | State::Lapsed => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_configuration_and_every_pattern_finds_its_own() {
        for kind in EventKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert!(kind.matches(kind.as_str()) && kind.matches("*"));
            assert_eq!(kind.matches("approval.*"), kind.as_str().starts_with("approval."));
        }
        assert!(!EventKind::Approved.matches("approval"));
    }
}
