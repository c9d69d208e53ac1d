//! The life of one approval: each transition takes the approval as it is and the time, and gives the next one or says why
//! not. Nothing is stored or told here; that is `gate/desk`. The picture stands at [`State`].

use std::time::Duration;

use crate::clock::Timestamp;
use crate::gate::approval::{Approval, Comment, Execution, Request, Review, State, Verdict};
use crate::gate::decision::{Decision, DecisionError};
use crate::gate::quorum::{self, Chain, Standing};
use crate::gate::refusal::one_line;
use crate::identity::ids::ApprovalId;
use crate::identity::person::Person;

const REASON_CHARS_MAX: usize = 1000;
/// Most remarks on one approval.
pub const COMMENTS_MAX: usize = 50;

/// Deadlines of a new approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How long people may decide.
    pub expires: Duration,
    /// How long an approval may be used after it was given.
    pub use_within: Duration,
}

/// How a released statement ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// The server said it went well.
    pub ok: bool,
    /// Rows returned or changed.
    pub rows: Option<u64>,
    /// SQLSTATE or errno if it failed.
    pub code: Option<String>,
    /// Nobody knows: the connection or the process ended before the answer. Wins over `ok`.
    pub unknown: bool,
}

/// Why a transition is not possible. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LifeError {
    /// Not from this state.
    #[error("the approval is {}", .0.as_str())]
    Not(State),
    /// Its deadline has not come yet.
    #[error("its time has not come")]
    TooEarly,
    /// `use_by` has passed.
    #[error("it was not used in time")]
    TooLate,
    /// Digest or rules are not those that were approved.
    #[error("what was approved has changed")]
    Changed,
}

/// What a decision did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decided {
    /// The same person had said the same before.
    Unchanged,
    /// The approval after the decision.
    Changed(Box<Approval>),
}

impl Approval {
    /// A new request, pending.
    pub fn new(id: ApprovalId, request: Request, times: Times, now: Timestamp) -> Self {
        Self {
            id,
            version: 1,
            state: State::Pending,
            request,
            created_at: now,
            expires_at: now.after(times.expires),
            use_within_seconds: times.use_within.as_secs(),
            use_by: None,
            decided_at: None,
            reviews: Vec::new(),
            comments: Vec::new(),
            waiting: false,
            execution: None,
        }
    }

    /// Applies a person's decision. `chain` are those who may never decide this request.
    ///
    /// # Errors
    /// See [`DecisionError`]. A late decision does not reach back: after `expires_at` it is [`DecisionError::Expired`].
    pub fn decide(&self, decision: &Decision, chain: &Chain, now: Timestamp) -> Result<Decided, DecisionError> {
        let earlier = self.reviews.iter().rev().find(|review| review.person == decision.person.name);
        if earlier.is_some_and(|review| review.verdict == decision.verdict) {
            return Ok(Decided::Unchanged);
        }
        self.check(decision, chain, now)?;
        let mut next = self.next();
        next.reviews.retain(|review| review.person != decision.person.name);
        next.reviews.push(Review {
            person: decision.person.name.clone(),
            verdict: decision.verdict,
            reason: decision.reason.as_deref().map(|reason| one_line(reason, REASON_CHARS_MAX)),
            at: now,
            via: decision.via.clone(),
            assurance: decision.assurance.clone(),
            groups: decision.person.groups.clone(),
            digest_seen: decision.digest.clone().unwrap_or_default(),
        });
        match quorum::standing(&next.request.stages, &next.reviews, chain) {
            Standing::Open { .. } => {}
            Standing::Denied => next.leave_pending(State::Denied, now),
            Standing::Filled => {
                next.leave_pending(State::Approved, now);
                next.use_by = Some(now.after(Duration::from_secs(next.use_within_seconds)));
            }
        }
        Ok(Decided::Changed(Box::new(next)))
    }

    /// Everything that speaks against a decision but a missing reason.
    pub(in crate::gate) fn check(
        &self,
        decision: &Decision,
        chain: &Chain,
        now: Timestamp,
    ) -> Result<(), DecisionError> {
        let late = self.state == State::Pending && now >= self.expires_at;
        if late || self.state == State::Expired {
            return Err(DecisionError::Expired);
        }
        if self.state != State::Pending {
            return Err(self.already_decided());
        }
        if chain.holds(&decision.person.name) {
            return Err(DecisionError::SelfApproval);
        }
        if !quorum::is_approver(&self.request.stages, &decision.person.groups) {
            return Err(DecisionError::NotAnApprover);
        }
        // A no needs no more than the right to say it: it only keeps things as they are.
        if let Some(needed) = self.request.assurance.filter(|needed| !needed.is_met_by(&decision.assurance))
            && decision.verdict == Verdict::Approve
        {
            return Err(DecisionError::AssuranceTooLow { needed });
        }
        if decision.if_version.is_some_and(|version| version != self.version) {
            return Err(DecisionError::StaleVersion { current: self.version });
        }
        if decision.digest.as_ref().is_some_and(|digest| *digest != self.request.digest) {
            return Err(DecisionError::DigestMismatch);
        }
        Ok(())
    }

    /// Adds a remark, whatever the state: it decides nothing.
    ///
    /// # Errors
    /// [`DecisionError::ReasonRequired`] if it is blank; [`DecisionError::TooManyComments`] above [`COMMENTS_MAX`].
    pub fn comment(&self, person: &Person, text: &str, via: &str, now: Timestamp) -> Result<Self, DecisionError> {
        let text = one_line(text, REASON_CHARS_MAX);
        if text.is_empty() {
            return Err(DecisionError::ReasonRequired);
        }
        if self.comments.len() >= COMMENTS_MAX {
            return Err(DecisionError::TooManyComments);
        }
        let mut next = self.next();
        next.comments.push(Comment { person: person.name.clone(), text, at: now, via: via.to_owned() });
        Ok(next)
    }

    /// Nobody decided in time.
    pub fn expire(&self, now: Timestamp) -> Result<Self, LifeError> {
        let mut next = self.leaving(State::Pending)?;
        if now < self.expires_at {
            return Err(LifeError::TooEarly);
        }
        next.leave_pending(State::Expired, now);
        Ok(next)
    }

    /// The client cancelled, or its owner took the request back.
    pub fn withdraw(&self, now: Timestamp) -> Result<Self, LifeError> {
        let mut next = self.leaving(State::Pending)?;
        next.leave_pending(State::Withdrawn, now);
        Ok(next)
    }

    /// A person takes a given approval back before it is used.
    pub fn revoke(&self) -> Result<Self, LifeError> {
        let mut next = self.leaving(State::Approved)?;
        next.state = State::Revoked;
        Ok(next)
    }

    /// Approved, and not used in time.
    pub fn lapse(&self, now: Timestamp) -> Result<Self, LifeError> {
        let mut next = self.leaving(State::Approved)?;
        if self.use_by.is_some_and(|use_by| now < use_by) {
            return Err(LifeError::TooEarly);
        }
        next.state = State::Lapsed;
        Ok(next)
    }

    /// Uses the approval up, for exactly what was approved.
    pub fn spend(&self, digest: &str, rules_version: &str, now: Timestamp) -> Result<Self, LifeError> {
        let mut next = self.leaving(State::Approved)?;
        // FAIL CLOSED: an approval without a deadline is one that nobody gave.
        if self.use_by.is_none_or(|use_by| now >= use_by) {
            return Err(LifeError::TooLate);
        }
        if digest != self.request.digest || rules_version != self.request.rules_version {
            return Err(LifeError::Changed);
        }
        next.state = State::Executing;
        next.execution = Some(Execution { started_at: now, ended_at: None, rows: None, code: None });
        Ok(next)
    }

    /// The released statement ended.
    pub fn finish(&self, end: &End, now: Timestamp) -> Result<Self, LifeError> {
        let mut next = self.leaving(State::Executing)?;
        next.state = match end {
            End { unknown: true, .. } => State::Unknown,
            End { ok: true, .. } => State::Executed,
            _ => State::Failed,
        };
        let started_at = self.execution.as_ref().map_or(now, |execution| execution.started_at);
        next.execution = Some(Execution { started_at, ended_at: Some(now), rows: end.rows, code: end.code.clone() });
        Ok(next)
    }

    fn leaving(&self, from: State) -> Result<Self, LifeError> {
        if self.state == from { Ok(self.next()) } else { Err(LifeError::Not(self.state)) }
    }

    fn next(&self) -> Self {
        let mut next = self.clone();
        next.version = next.version.saturating_add(1);
        next
    }

    fn leave_pending(&mut self, state: State, now: Timestamp) {
        self.state = state;
        self.decided_at = Some(now);
    }

    /// What a decision that comes too late is told: where it stands, and who brought it there if a person's decision did.
    pub fn already_decided(&self) -> DecisionError {
        let verdict = match self.state {
            State::Denied => Some(Verdict::Deny),
            State::Approved | State::Executing | State::Executed | State::Failed | State::Unknown => {
                Some(Verdict::Approve)
            }
            _ => None,
        };
        let by = verdict.and_then(|verdict| self.last_review(verdict)).map(|review| review.person.clone());
        DecisionError::AlreadyDecided { state: self.state, by }
    }

    /// The last review with this verdict.
    pub fn last_review(&self, verdict: Verdict) -> Option<&Review> {
        self.reviews.iter().rev().find(|review| review.verdict == verdict)
    }
}

#[cfg(test)]
mod tests;
