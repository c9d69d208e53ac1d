//! One grant: who gave what to whom, and how much of it is left. Functions of values; nothing is stored here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gate::approval::{Approval, Requester, Review, Target, Verdict};
use crate::gate::desk::grants::bound::Bound;
use crate::gate::desk::grants::shape::Shape;
use crate::gate::desk::grants::summary;
use crate::gate::digest::BoundParameter;
use crate::gate::quorum::{self, Chain};
use crate::identity::assurance::Assurance;
use crate::identity::ids::{ApprovalId, GrantId};
use crate::identity::store::StoreError;
use crate::policy::ruling::Stage;
use crate::policy::span;

/// Longest life of a grant.
pub const LIFE_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Most runs of a grant.
pub const RUNS_MAX: u32 = 1000;
/// A proposal that nobody completes is over after this.
const PROPOSAL_TIME: Duration = Duration::from_secs(3600);

/// How far a grant goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How long it lives, in seconds, once it is given.
    pub life_seconds: u64,
    /// How many runs.
    pub runs: u32,
    /// How many rows each run may return or change.
    pub rows: u64,
    /// Bounds of parameters, in order; those not listed must be the approved ones.
    pub bounds: Vec<Bound>,
}

impl Terms {
    /// Are they bounded?
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self) -> Result<(), GrantError> {
        let wrong = |why: String| Err(GrantError::Terms(why));
        if self.life_seconds == 0 || self.life_seconds > LIFE_MAX.as_secs() {
            return wrong(format!("it must live for at most {}", span::format(LIFE_MAX)));
        }
        if self.runs == 0 || self.runs > RUNS_MAX {
            return wrong(format!("it must have 1 to {RUNS_MAX} runs"));
        }
        if self.rows == 0 {
            return wrong("it must allow a number of rows".to_owned());
        }
        Ok(())
    }
}

impl std::fmt::Display for Terms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let life = span::format(Duration::from_secs(self.life_seconds));
        write!(f, "{life}, {} runs, {} rows each", self.runs, self.rows)?;
        for (index, bound) in self.bounds.iter().enumerate() {
            write!(f, ", ${} {bound}", index + 1)?;
        }
        Ok(())
    }
}

/// Where a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// More people have to say yes.
    Proposed,
    /// It may be used.
    Active,
    /// Somebody said no.
    Denied,
    /// Every run was used.
    UsedUp,
    /// Its time is over, or nobody completed it in time.
    Expired,
    /// Taken back.
    Revoked,
}

impl Standing {
    /// The word used in the API, the audit and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Active => "active",
            Self::Denied => "denied",
            Self::UsedUp => "used_up",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Why a grant is not given, taken back or found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// No such grant or approval.
    #[error("there is no such grant or approval")]
    NotFound,
    /// What it would be bound to was not kept with the approval.
    #[error("no grant can be given from this approval: what it would be bound to was not kept")]
    NoShape,
    /// The terms are not bounded, or do not fit the statement.
    #[error("{0}")]
    Terms(String),
    /// The person is in none of the groups that the stages name.
    #[error("you are in none of the groups that may give this")]
    NotAnApprover,
    /// The person stands behind the agent.
    #[error("you stand behind this request, so somebody else has to give it")]
    SelfApproval,
    /// It is not sure enough who says yes.
    #[error("this needs a sign-in by {}", .0.as_str())]
    Assurance(Assurance),
    /// Its state does not allow it.
    #[error("the grant is {}", .0.as_str())]
    Not(Standing),
    /// The audit log cannot be written.
    #[error("the audit log cannot be written: {0}")]
    Audit(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Public id.
    pub id: GrantId,
    /// Grows by one with every change and every run.
    pub version: u64,
    /// The approval it comes from.
    pub approval: ApprovalId,
    /// Who asked then.
    pub requester: Requester,
    /// Where it runs.
    pub target: Target,
    /// What it does, in words.
    pub summary: Vec<String>,
    /// What it is bound to.
    pub shape: Shape,
    /// How far it goes.
    pub terms: Terms,
    /// Who has to give it: the approval's stages.
    pub stages: Vec<Stage>,
    /// How sure it has to be who says yes: as for the approval.
    pub assurance: Option<Assurance>,
    /// Who said what.
    pub reviews: Vec<Review>,
    /// When it was proposed.
    pub created_at: Timestamp,
    /// Until when people may complete it, or it may be used.
    pub expires_at: Timestamp,
    /// When it was given.
    pub given_at: Option<Timestamp>,
    /// Somebody said no.
    pub denied: bool,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// Runs used.
    pub runs: u32,
    /// When it was used last.
    pub used_at: Option<Timestamp>,
}

impl Grant {
    /// A proposal without a review yet.
    pub fn new(id: GrantId, approval: &Approval, shape: Shape, terms: Terms, now: Timestamp) -> Self {
        Self {
            id,
            version: 1,
            approval: approval.id.clone(),
            requester: approval.request.requester.clone(),
            target: approval.request.target.clone(),
            summary: summary(approval),
            shape,
            terms,
            stages: approval.request.stages.clone(),
            assurance: approval.request.assurance,
            reviews: Vec::new(),
            created_at: now,
            expires_at: now.after(PROPOSAL_TIME),
            given_at: None,
            denied: false,
            revoked_at: None,
            runs: 0,
            used_at: None,
        }
    }

    /// Where it stands.
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self {
            Self { revoked_at: Some(_), .. } => Standing::Revoked,
            Self { denied: true, .. } => Standing::Denied,
            _ if self.runs >= self.terms.runs => Standing::UsedUp,
            _ if now >= self.expires_at => Standing::Expired,
            Self { given_at: None, .. } => Standing::Proposed,
            _ => Standing::Active,
        }
    }

    /// Adds a review; when it fills the stages, the grant is given and its life begins.
    ///
    /// # Errors
    /// Not a proposal any more, or the person may not.
    pub fn review(&self, review: Review, chain: &Chain, now: Timestamp) -> Result<Self, GrantError> {
        let standing = self.standing(now);
        if standing != Standing::Proposed {
            return Err(GrantError::Not(standing));
        }
        if chain.holds(&review.person) {
            return Err(GrantError::SelfApproval);
        }
        if !quorum::is_approver(&self.stages, &review.groups) {
            return Err(GrantError::NotAnApprover);
        }
        if let Some(needed) = self.assurance.filter(|needed| !needed.is_met_by(&review.assurance))
            && review.verdict == Verdict::Approve
        {
            return Err(GrantError::Assurance(needed));
        }
        let mut next = self.next();
        next.reviews.retain(|other| other.person != review.person);
        next.reviews.push(review);
        match quorum::standing(&next.stages, &next.reviews, chain) {
            quorum::Standing::Open { .. } => {}
            quorum::Standing::Denied => next.denied = true,
            quorum::Standing::Filled => {
                next.given_at = Some(now);
                next.expires_at = now.after(Duration::from_secs(next.terms.life_seconds));
            }
        }
        Ok(next)
    }

    /// Takes it back.
    ///
    /// # Errors
    /// It has ended.
    pub fn revoke(&self, now: Timestamp) -> Result<Self, GrantError> {
        match self.standing(now) {
            Standing::Proposed | Standing::Active => Ok(Self { revoked_at: Some(now), ..self.next() }),
            standing => Err(GrantError::Not(standing)),
        }
    }

    /// May it be used now, with these parameters? The statement's shape is compared by the caller.
    pub fn fits(&self, parameters: &[BoundParameter<'_>], now: Timestamp) -> bool {
        let allowed = |(index, value): (usize, &BoundParameter<'_>)| {
            let bound = self.terms.bounds.get(index).unwrap_or(&Bound::Same);
            bound.allows(value, self.shape.is_same(index, value))
        };
        self.standing(now) == Standing::Active
            && parameters.len() == self.shape.parameters.len()
            && parameters.iter().enumerate().all(allowed)
    }

    /// One run less; `None` if there is none left.
    pub fn run(&self, now: Timestamp) -> Option<Self> {
        (self.standing(now) == Standing::Active).then(|| Self {
            runs: self.runs.saturating_add(1),
            used_at: Some(now),
            ..self.next()
        })
    }

    fn next(&self) -> Self {
        Self { version: self.version.saturating_add(1), ..self.clone() }
    }
}
