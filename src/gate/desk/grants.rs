//! Grants: standing, bounded approvals. "This statement for 30 minutes, 5 runs, 200 rows each, these parameters."
//!
//! A grant is given from an approval, by the same stages of the same people; until they are filled it is a proposal. Each use
//! is recorded durably and counted by compare-and-set before its release is given, so that the last run is given out once.

pub mod bound;
mod due;
pub mod grant;
mod may;
pub mod shape;
pub mod store;

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::audit::event::Event;
use crate::audit::log::AuditLog;
use crate::clock::{Clock, Timestamp};
use crate::gate::approval::{Approval, Review, Verdict};
use crate::gate::desk::Desk;
use crate::gate::desk::grants::due::Dues;
use crate::gate::desk::grants::grant::{Grant, GrantError, Standing, Terms};
use crate::gate::desk::grants::shape::Shape;
use crate::gate::desk::grants::store::GrantStore;
use crate::gate::digest::{DigestInput, shape_digest};
use crate::gate::quorum::Chain;
use crate::gate::refusal::{Refusal, one_line};
use crate::gate::release::Release;
use crate::identity::ids::{AgentName, ApprovalId, GrantId, PersonName, SessionId, StatementId};
use crate::identity::person::Person;
use crate::identity::store::{AgentStore, StoreError, TokenStore};

const REASON_CHARS_MAX: usize = 500;

/// What grants rest on.
pub struct GrantsParts {
    /// Where grants are kept.
    pub grants: Arc<dyn GrantStore>,
    /// The approvals they are given from.
    pub desk: Arc<Desk>,
    /// Kill switches and owners.
    pub agents: Arc<dyn AgentStore>,
    /// Who issued whose credentials.
    pub tokens: Arc<dyn TokenStore>,
    /// Where everything is recorded first.
    pub audit: Arc<AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Who says something about a grant, and how it came in.
#[derive(Clone, Debug)]
pub struct Voice {
    /// Who, with the groups of this moment.
    pub person: Person,
    /// In the person's words.
    pub reason: Option<String>,
    /// The surface.
    pub via: String,
    /// How sure we are who it was.
    pub assurance: String,
}

/// A statement that would be held, and may run by a grant instead.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Everything a release of it is bound to.
    pub input: &'a DigestInput<'a>,
    /// The digest over all of that: what the release will be for.
    pub digest: &'a str,
    /// Rows that it changes at most; [`u64::MAX`] where nobody knows. Rows changed have no ceiling on their way, so a grant
    /// for fewer does not fit.
    pub changes: u64,
    /// The session.
    pub session: SessionId,
    /// The statement, for the audit.
    pub statement: StatementId,
}

/// A run by a grant.
#[derive(Debug)]
#[must_use = "a run is counted when it is given"]
pub struct Granted {
    /// Permission to send it, once.
    pub release: Release,
    /// By which grant.
    pub grant: GrantId,
    /// Rows it may return or change; the sender holds or refuses what would be more.
    pub rows_max: u64,
    /// Runs that are left.
    pub runs_left: u32,
}

/// See the module.
pub struct Grants {
    parts: GrantsParts,
    /// Changes go one at a time; the store's compare-and-set holds against other processes.
    turn: Mutex<()>,
    dues: Dues,
}

impl Grants {
    /// Over these parts.
    pub fn new(parts: GrantsParts) -> Self {
        Self { parts, turn: Mutex::new(()), dues: Dues::default() }
    }

    /// Keeps what a grant from this approval would be bound to. Called when a statement is held; without it no grant can be
    /// given from the approval.
    ///
    /// # Errors
    /// The store fails.
    pub async fn remember(&self, approval: &ApprovalId, input: &DigestInput<'_>) -> Result<(), StoreError> {
        let shape = Shape::of(input, &hex::encode(rand::random::<[u8; 16]>()));
        self.parts.grants.put_shape(approval.clone(), shape).await
    }

    /// Proposes a grant from an approval; it is active at once if this person alone fills the approval's stages.
    ///
    /// # Errors
    /// See [`GrantError`].
    pub async fn propose(&self, approval: &ApprovalId, terms: Terms, voice: &Voice) -> Result<Grant, GrantError> {
        terms.check()?;
        let found = self.parts.desk.get(approval)?.ok_or(GrantError::NotFound)?;
        let shape = self.parts.grants.shape(approval)?.ok_or(GrantError::NoShape)?;
        if terms.bounds.len() > shape.parameters.len() {
            return Err(GrantError::Terms(format!("the statement has {} parameters", shape.parameters.len())));
        }
        let _turn = self.turn.lock().await;
        let id = GrantId::from_random(rand::random());
        let grant = Grant::new(id, &found, shape, terms, self.parts.clock.now());
        self.reviewed(grant, None, voice, Verdict::Approve).await
    }

    /// Says yes or no to a proposal. One no ends it.
    ///
    /// # Errors
    /// See [`GrantError`].
    pub async fn review(&self, id: &GrantId, verdict: Verdict, voice: &Voice) -> Result<Grant, GrantError> {
        let _turn = self.turn.lock().await;
        let grant = self.parts.grants.grant(id)?.ok_or(GrantError::NotFound)?;
        let expected = Some(grant.version);
        self.reviewed(grant, expected, voice, verdict).await
    }

    async fn reviewed(
        &self,
        grant: Grant,
        expected: Option<u64>,
        voice: &Voice,
        verdict: Verdict,
    ) -> Result<Grant, GrantError> {
        let now = self.now_of(&grant);
        let chain = self.chain(&grant)?;
        let review = Review {
            person: voice.person.name.clone(),
            verdict,
            reason: voice.reason.as_deref().map(|reason| one_line(reason, REASON_CHARS_MAX)),
            at: now,
            via: voice.via.clone(),
            assurance: voice.assurance.clone(),
            groups: voice.person.groups.clone(),
            digest_seen: grant.shape.digest.clone(),
        };
        let next = grant.review(review, &chain, now)?;
        let said = match verdict {
            Verdict::Approve => "approved",
            Verdict::Deny => "denied",
        };
        let what = if expected.is_none() { "proposed and approved" } else { said };
        self.keep(next, expected, Some(&voice.person.name), what).await
    }

    /// Takes a grant back. Those who may give it may, and those who stand behind the agent.
    ///
    /// # Errors
    /// See [`GrantError`].
    pub async fn revoke(&self, id: &GrantId, voice: &Voice) -> Result<Grant, GrantError> {
        let _turn = self.turn.lock().await;
        let grant = self.parts.grants.grant(id)?.ok_or(GrantError::NotFound)?;
        let person = &voice.person;
        self.may_revoke(&grant, person)?;
        let expected = Some(grant.version);
        let said = voice.reason.as_deref().map(|reason| format!(": {}", one_line(reason, 200))).unwrap_or_default();
        let next = grant.revoke(self.now_of(&grant))?;
        self.keep(next, expected, Some(&person.name), &format!("revoked{said}")).await
    }

    /// Takes back every grant of an agent: it was switched off.
    ///
    /// # Errors
    /// See [`GrantError`]; some may be revoked already then. A switched-off agent uses none anyway.
    pub async fn revoke_all(&self, agent: &AgentName, by: &PersonName) -> Result<usize, GrantError> {
        let _turn = self.turn.lock().await;
        let mut count = 0;
        for grant in self.parts.grants.grants(Some(agent))? {
            let expected = Some(grant.version);
            let Ok(next) = grant.revoke(self.now_of(&grant)) else { continue };
            self.keep(next, expected, Some(by), "revoked: the agent was switched off").await?;
            count += 1;
        }
        Ok(count)
    }

    /// Is there a grant that [`Grants::use_grant`] would use now? Nothing is counted: what else has to be looked at before the
    /// statement runs is looked at in between, so that no run is lost to it.
    ///
    /// # Errors
    /// [`Refusal`]: the store fails.
    pub fn covers(&self, asked: &Asked<'_>) -> Result<bool, Refusal> {
        Ok(self.fitting(asked)?.is_some())
    }

    /// The first that fits: right agent, statement, settings and rules, parameters and rows within bounds, in time, runs left.
    fn fitting(&self, asked: &Asked<'_>) -> Result<Option<Grant>, Refusal> {
        let shape = shape_digest(asked.input);
        let fits = |grant: &Grant| {
            grant.shape.digest == shape
                && asked.changes <= grant.terms.rows
                && grant.fits(asked.input.parameters, self.now_of(grant))
        };
        let agent = AgentName(asked.input.agent.to_owned());
        let found = self.parts.grants.grants(Some(&agent));
        let found = found.map_err(|error| Refusal::unavailable(None, &error.to_string()))?;
        Ok(found.into_iter().find(fits))
    }

    /// Uses a grant up by one run, if one fits: right agent, statement, settings and rules, parameters within bounds, in time,
    /// runs left. `Ok(None)`: none fits, ask people. The use is durable before the release is given.
    ///
    /// # Errors
    /// [`Refusal`]: the agent is switched off, or audit or store fail.
    pub async fn use_grant(&self, asked: &Asked<'_>) -> Result<Option<Granted>, Refusal> {
        let down = |error: StoreError| Refusal::unavailable(None, &error.to_string());
        let agent = AgentName(asked.input.agent.to_owned());
        // Most agents have none: looked at before anybody waits for a turn.
        if !self.covers(asked)? {
            return Ok(None);
        }
        let _turn = self.turn.lock().await;
        let Some(grant) = self.fitting(asked)? else { return Ok(None) };
        match self.parts.agents.agent(&agent) {
            Ok(Some(found)) if !found.disabled => {}
            Ok(_) => return Err(Refusal::disabled(&agent, None)),
            // FAIL CLOSED: a kill switch that cannot be read counts as pulled for this moment.
            Err(error) => return Err(down(error)),
        }
        let Some(next) = grant.run(self.now_of(&grant)) else { return Ok(None) };
        let event = Event::GrantUsed {
            grant: grant.id.clone(),
            approval: grant.approval.clone(),
            agent,
            session: asked.session,
            statement: asked.statement,
            digest: asked.digest.to_owned(),
            run: next.runs,
        };
        let recorded = self.parts.audit.record_durable(event).await;
        recorded.map_err(|error| Refusal::unavailable(None, &error.to_string()))?;
        let (id, rows_max, runs_left) = (next.id.clone(), next.terms.rows, next.terms.runs.saturating_sub(next.runs));
        match self.parts.grants.put_grant(next, Some(grant.version)).await {
            Ok(()) => {}
            // Another process used or changed it first: people are asked instead.
            Err(StoreError::Conflict(_)) => return Ok(None),
            Err(error) => return Err(down(error)),
        }
        let release = Release::granted(id.clone(), asked.digest.to_owned());
        Ok(Some(Granted { release, grant: id, rows_max, runs_left }))
    }

    /// One grant.
    ///
    /// # Errors
    /// The store fails.
    pub fn get(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        self.parts.grants.grant(id)
    }

    /// All grants, or those of one agent, newest first.
    ///
    /// # Errors
    /// The store fails.
    pub fn list(&self, agent: Option<&AgentName>) -> Result<Vec<Grant>, StoreError> {
        let mut found = self.parts.grants.grants(agent)?;
        found.sort_by(|one, other| other.created_at.cmp(&one.created_at).then_with(|| one.id.cmp(&other.id)));
        Ok(found)
    }

    /// Those that an agent may use now, newest first: for `SHOW holdpoint.grants`.
    ///
    /// # Errors
    /// The store fails.
    pub fn usable(&self, agent: &AgentName) -> Result<Vec<Grant>, StoreError> {
        let mut found = self.list(Some(agent))?;
        found.retain(|grant| self.standing(grant) == Standing::Active);
        Ok(found)
    }

    /// Where a grant stands now, by the clock and by the time that has really passed.
    pub fn standing(&self, grant: &Grant) -> Standing {
        grant.standing(self.now_of(grant))
    }

    /// The present for this grant: a system clock set back does not lengthen its life.
    fn now_of(&self, grant: &Grant) -> Timestamp {
        self.dues.now_of(grant, self.parts.clock.now())
    }

    /// Audit first, then the store.
    async fn keep(
        &self,
        next: Grant,
        expected: Option<u64>,
        by: Option<&PersonName>,
        what: &str,
    ) -> Result<Grant, GrantError> {
        let event = Event::GrantChanged {
            grant: next.id.clone(),
            approval: next.approval.clone(),
            by: by.cloned(),
            what: format!("{what}: {}", next.terms),
            state: self.standing(&next).as_str().to_owned(),
        };
        self.parts.audit.record_durable(event).await.map_err(|error| GrantError::Audit(error.to_string()))?;
        self.parts.grants.put_grant(next.clone(), expected).await?;
        Ok(next)
    }

    fn chain(&self, grant: &Grant) -> Result<Chain, StoreError> {
        let agent = self.parts.agents.agent(&grant.requester.agent)?;
        Chain::of(&grant.requester, agent.as_ref(), |person| self.parts.tokens.issuers_of(person))
    }
}

/// The words that a grant shows of what it is about.
pub(in crate::gate) fn summary(approval: &Approval) -> Vec<String> {
    approval.request.statements.iter().map(|shown| shown.summary.clone()).collect()
}

#[cfg(test)]
mod tests;
