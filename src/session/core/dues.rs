//! What is due before a released statement may be sent: the classes that its targets inherit are recorded, and its rows
//! reserved from the budgets of its agent. What cannot be recorded is not sent.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::clock::Clock;
use crate::gate::budget::{Reservation, Wish};
use crate::gate::inherit::Inherited;
use crate::gate::refusal::Refusal;
use crate::identity::ids::ApprovalId;
use crate::policy::action::Action;
use crate::policy::inherit::targets;
use crate::policy::judge::Evidence;
use crate::session::core::Core;
use crate::session::judge::{Judged, Judgement};
use crate::statement::footprint::{RowBound, Verb};

/// What a sent text has reserved, statement by statement. Dropped, it gives back what was not used.
pub(in crate::session) struct Dues {
    clock: Arc<dyn Clock>,
    reserved: Mutex<Vec<Option<Reservation>>>,
}

impl std::fmt::Debug for Dues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dues").finish_non_exhaustive()
    }
}

/// Who said that a text may run.
#[derive(Clone, Copy)]
pub(in crate::session) enum Paying<'a> {
    /// The rules.
    Allowed,
    /// People: by this approval, or by a grant.
    Approved(Option<&'a ApprovalId>),
}

impl<'a> Paying<'a> {
    fn approval(self) -> Option<&'a ApprovalId> {
        match self {
            Self::Allowed => None,
            Self::Approved(approval) => approval,
        }
    }
}

impl Dues {
    /// Counts rows of the statement at `index` that were passed on.
    pub fn spend(&self, index: usize, rows: u64) {
        if let Some(Some(reservation)) = self.reserved.lock().get_mut(index) {
            reservation.spend(rows, self.clock.now());
        }
    }

    /// The statement at `index` has ended: what it did not use is free again.
    pub fn settle(&self, index: usize) {
        if let Some(reservation) = self.reserved.lock().get_mut(index) {
            *reservation = None;
        }
    }
}

impl Core {
    /// Judges again by what is left of the budgets that the text counts against; not kept, for it is true of this run only.
    /// The judgement may have been kept of a text with other literals (`judge/shelf`): what may be held now is `text`.
    pub fn within_budgets(&self, text: &str, judged: Arc<Judged>) -> Arc<Judged> {
        if !judged.charged {
            return judged;
        }
        let now = self.services.clock.now();
        let charged = judged.statements.iter().filter(|one| !one.charge.is_empty()).count();
        let share = u64::try_from(charged).unwrap_or(u64::MAX).max(1);
        let mut before = 0;
        let evidence: Vec<Evidence> = judged
            .statements
            .iter()
            .map(|one| {
                if one.charge.is_empty() {
                    return one.evidence;
                }
                // Statements of one text run one after another: each gets its part of the rows, and those before it look up.
                let mut left = self.services.budgets.remaining(&self.agent.name, &one.charge, now);
                left.rows = left.rows.map(|rows| rows / share);
                left.probes = left.probes.map(|probes| probes.saturating_sub(before));
                before += u64::from(!one.charge.probes.is_empty());
                one.evidence.within(left)
            })
            .collect();
        self.judge_anew(text, &judged, &evidence)
    }

    /// Pays what is due for a released text. The text must not be sent before this says `Ok`.
    ///
    /// # Errors
    /// The store fails, or other statements used up the budget meanwhile.
    pub async fn dues(&self, judged: &Judged, by: Paying<'_>) -> Result<Option<Arc<Dues>>, Refusal> {
        if judged.statements.iter().any(copies) {
            self.record_inherited(judged, by.approval()).await?;
        }
        if !judged.charged {
            return Ok(None);
        }
        let mut reserved = Vec::with_capacity(judged.statements.len());
        for one in &judged.statements {
            reserved.push(self.reserve(one, by).await?);
        }
        Ok(Some(Arc::new(Dues { clock: self.services.clock.clone(), reserved: Mutex::new(reserved) })))
    }

    async fn record_inherited(&self, judged: &Judged, approval: Option<&ApprovalId>) -> Result<(), Refusal> {
        let at = self.services.clock.now();
        let world = &judged.world;
        let copying = judged.statements.iter().filter(|one| copies(one));
        let found = copying.flat_map(|one| targets(&one.statement.footprint, &world.classes, &world.catalog));
        let entry = |target| Inherited {
            database: self.database.clone(),
            target,
            agent: self.agent.name.clone(),
            approval: approval.cloned(),
            at,
        };
        let recorded = self.services.inheritance.record(found.map(entry).collect()).await;
        recorded.map_err(|error| {
            tracing::error!(%error, "classes of copied data were not recorded");
            Refusal::unavailable(approval, "the classes of what it copies could not be recorded")
        })
    }

    async fn reserve(&self, one: &Judgement, by: Paying<'_>) -> Result<Option<Reservation>, Refusal> {
        if one.charge.is_empty() {
            return Ok(None);
        }
        let (budgets, agent) = (&self.services.budgets, &self.agent.name);
        let (rows, now) = (rows_of(one), self.services.clock.now());
        let kept = match by {
            // What people approved counts, but is not stopped.
            Paying::Approved(_) => budgets.reserve(agent, &one.charge, rows, now).await.map(Some),
            Paying::Allowed => {
                let wish = Wish { rows, judged: one.evidence.allowance };
                budgets.reserve_within(agent, &one.charge, wish, now).await
            }
        };
        match kept {
            Ok(Some(reservation)) => Ok(Some(reservation)),
            Ok(None) => Err(Refusal::unavailable(None, "other statements of yours are using up its budget")),
            Err(error) => {
                tracing::error!(%error, "a budget could not be kept");
                Err(Refusal::unavailable(by.approval(), "its budget could not be kept"))
            }
        }
    }
}

/// Classified data may stand elsewhere once it has run. An altered relation may have another name then.
fn copies(one: &Judgement) -> bool {
    one.ruling.actions.contains(&Action::CopyClassified) || one.statement.footprint.verb == Verb::Alter
}

/// The most rows it can show before it is stopped; where nothing stops it, what the planner expects.
fn rows_of(one: &Judgement) -> u64 {
    let bound = match one.statement.footprint.returned {
        RowBound::None => Some(0),
        RowBound::AtMost(rows) => Some(rows),
        _ => None,
    };
    let most = [bound, one.ruling.ceiling].into_iter().flatten().min();
    most.or(one.evidence.estimated_rows).unwrap_or(0)
}
