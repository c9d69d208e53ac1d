//! Who may do what to a grant, asked beforehand: by the same code that decides when it is done.

use crate::clock::Timestamp;
use crate::gate::approval::{Approval, Review, Verdict};
use crate::gate::desk::grants::Grants;
use crate::gate::desk::grants::grant::{Grant, GrantError, Terms};
use crate::gate::quorum::is_approver;
use crate::identity::ids::GrantId;
use crate::identity::person::Person;

/// Terms that any grant could have: who may give it does not depend on them.
const LEAST: Terms = Terms { life_seconds: 1, runs: 1, rows: 1, bounds: Vec::new() };

impl Grants {
    /// May this person propose a grant from this approval? Gives the number of the statement's parameters.
    ///
    /// # Errors
    /// Why not: see [`GrantError`].
    pub fn may_propose(&self, approval: &Approval, person: &Person, assurance: &str) -> Result<usize, GrantError> {
        let shape = self.parts.grants.shape(&approval.id)?.ok_or(GrantError::NoShape)?;
        let parameters = shape.parameters.len();
        let (id, now) = (GrantId::from_random(rand::random()), self.parts.clock.now());
        // This one is never kept, so no deadline of it is remembered, either.
        self.check(&Grant::new(id, approval, shape, LEAST, now), person, assurance, now).map(|()| parameters)
    }

    /// May this person say yes to this proposal?
    ///
    /// # Errors
    /// Why not: see [`GrantError`].
    pub fn may_give(&self, grant: &Grant, person: &Person, assurance: &str) -> Result<(), GrantError> {
        self.check(grant, person, assurance, self.now_of(grant))
    }

    fn check(&self, grant: &Grant, person: &Person, assurance: &str, now: Timestamp) -> Result<(), GrantError> {
        let review = Review {
            person: person.name.clone(),
            verdict: Verdict::Approve,
            reason: None,
            at: now,
            via: String::new(),
            assurance: assurance.to_owned(),
            groups: person.groups.clone(),
            digest_seen: String::new(),
        };
        grant.review(review, &self.chain(grant)?, now).map(drop)
    }

    /// May this person take this grant back? Those who may give it may, and those who stand behind the agent.
    ///
    /// # Errors
    /// Why not: see [`GrantError`].
    pub fn may_revoke(&self, grant: &Grant, person: &Person) -> Result<(), GrantError> {
        if !self.chain(grant)?.holds(&person.name) && !is_approver(&grant.stages, &person.groups) {
            return Err(GrantError::NotAnApprover);
        }
        grant.revoke(self.now_of(grant)).map(drop)
    }
}
