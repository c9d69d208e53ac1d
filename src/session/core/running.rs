//! A statement between its release and the end of its answer: rows counted, a plan, who approved it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::identity::ids::{ApprovalId, StatementId};
use crate::masking::column::{Format, ResultColumn};
use crate::masking::plan::{Against, Plan, Planned, plan, plan_revealing};
use crate::policy::action::Action;
use crate::session::core::Core;
use crate::session::core::dues::Dues;
use crate::session::core::hold::{Warrant, Wording};
use crate::session::judge::{Judged, Judgement, World};

/// What is known about a statement between its release and the end of its answer.
#[derive(Debug)]
pub(in crate::session) struct Running<W> {
    pub id: StatementId,
    pub judged: Arc<Judged>,
    /// Which statement of the text is answering.
    pub index: usize,
    pub started: Instant,
    /// What was sent.
    pub wording: Wording,
    pub approval: Option<ApprovalId>,
    /// The most rows that a grant covers, if it runs by one.
    pub rows_max: Option<u64>,
    pub plan: Option<Arc<Plan>>,
    pub rows: u64,
    pub bytes: u64,
    pub ceiling: Option<u64>,
    pub masked: Vec<Arc<str>>,
    /// Refused in mid-result: what still comes is dropped.
    pub discard: bool,
    /// Rows came before, of the same portal or cursor.
    pub rows_before: u64,
    /// Its end was told to audit and approval.
    pub told: bool,
    /// What it has reserved from budgets.
    pub dues: Option<Arc<Dues>>,
    /// The role it runs in, if not in the session's own.
    pub role: Option<Arc<str>>,
    /// Nothing that ran before it in its transaction can have had effects.
    pub alone: bool,
    /// What only its protocol knows.
    pub wire: W,
}

impl<W: Default> Running<W> {
    /// A text at its first statement.
    pub fn new(id: StatementId, judged: Arc<Judged>, warrant: Warrant, ceiling: Option<u64>) -> Self {
        Self {
            id,
            judged,
            index: 0,
            started: Instant::now(),
            wording: warrant.wording,
            approval: warrant.approval,
            rows_max: warrant.rows_max,
            plan: None,
            rows: 0,
            bytes: 0,
            ceiling,
            masked: Vec::new(),
            discard: false,
            rows_before: 0,
            told: false,
            dues: warrant.dues,
            role: warrant.role,
            alone: false,
            wire: W::default(),
        }
    }
}

impl<W> Running<W> {
    /// Who said that it may run.
    pub fn warrant(&self) -> Warrant {
        Warrant {
            wording: self.wording.clone(),
            approval: self.approval.clone(),
            rows_max: self.rows_max,
            dues: self.dues.clone(),
            role: self.role.clone(),
        }
    }

    /// Up to the statement that is answering, none has an effect that anybody could count on.
    pub fn has_only_read(&self) -> bool {
        self.judged.statements.get(..=self.index).is_some_and(all_read)
    }

    /// None of its statements has one.
    pub fn only_reads(&self) -> bool {
        all_read(&self.judged.statements)
    }

    /// Nothing that was sent before it shares a transaction with it: outside of one, a text of several begins its own.
    pub fn is_first(&self) -> bool {
        self.alone || self.judged.statements.len() > 1
    }

    /// Takes note of rows and bytes that were passed on.
    pub fn sent(&mut self, rows: u64, bytes: u64) {
        self.rows += rows;
        self.bytes += bytes;
        if let (true, Some(dues)) = (rows > 0, &self.dues) {
            dues.spend(self.index, rows);
        }
    }

    /// Rows that may still be sent before the ceiling is reached; `None` if there is no ceiling.
    pub fn rows_left(&self) -> Option<u64> {
        self.ceiling.map(|ceiling| ceiling.saturating_sub(self.rows_before + self.rows))
    }
}

fn all_read(statements: &[Judgement]) -> bool {
    let reads = |action: &Action| matches!(action, Action::Read | Action::BulkRead | Action::Probe | Action::Unmask);
    statements.iter().all(|one| one.ruling.actions.iter().all(reads))
}

/// A result as its header describes it.
pub(in crate::session) struct Header<'h> {
    /// The bytes of the header: the same bytes get the same plan.
    pub bytes: Bytes,
    /// The formats asked for.
    pub formats: &'h [Format],
}

impl Core {
    /// Makes the plan of a running statement from what the server says of its result. A disagreement of the witnesses masks
    /// everything and ends the session after it.
    ///
    /// # Errors
    /// Whatever `columns` fails with.
    pub fn plan_rows<W, E>(
        &mut self,
        running: &mut Running<W>,
        header: &Header<'_>,
        columns: impl FnOnce(&Judged) -> Result<Vec<ResultColumn>, E>,
    ) -> Result<(), E> {
        let judged = running.judged.clone();
        let one = judged.statements.get(running.index);
        let world = self.world_of_result(&judged);
        let kept = one.filter(|_| world.inherited == judged.world.inherited);
        if let Some(plan) = kept.and_then(|one| one.kept_plan(&header.bytes, header.formats)) {
            running.masked = plan.masked_names();
            running.plan = Some(plan);
            return Ok(());
        }
        let columns = columns(&judged)?;
        let names = || columns.iter().map(|column| &*column.name);
        let predicted = one.and_then(|one| one.statement.footprint.outputs_named(names()));
        let predicted = predicted.as_deref();
        let against = Against { map: &world.classes, catalog: &world.catalog, keys: &self.services.mask_keys };
        let shapeless = one.is_some_and(|one| one.statement.footprint.is_shapeless());
        let planned = match one.map(|one| &one.reveal).filter(|reveal| !reveal.is_empty()) {
            // Nothing was predicted that the server could contradict: all of it is redacted, and that is all.
            _ if shapeless => Planned { plan: Plan::whole(&columns, against.catalog), disagreement: None },
            Some(reveal) => plan_revealing(predicted, &columns, &against, reveal),
            None => plan(predicted, &columns, against.map, against.catalog, against.keys),
        };
        let plan = Arc::new(planned.plan);
        running.masked = plan.masked_names();
        running.plan = Some(plan.clone());
        match (planned.disagreement, kept) {
            (Some(what), _) => self.disagree(running.id, &what),
            (None, Some(one)) => one.keep_plan(header.bytes.clone(), header.formats, plan),
            (None, None) => {}
        }
        Ok(())
    }

    /// What a result is planned by: the picture it was judged by, unless columns inherited classes since then. A statement
    /// may have waited for a lock until what was copied meanwhile could be read.
    fn world_of_result(&self, judged: &Judged) -> Arc<World> {
        if self.services.inheritance.version() == judged.world.inherited {
            return judged.world.clone();
        }
        self.keeper.newest().unwrap_or_else(|| judged.world.clone())
    }

    /// The witnesses contradict each other: it is recorded, and the session ends after the present answer.
    pub fn disagree(&mut self, statement: StatementId, what: &str) {
        self.tell_disagreement(statement, what);
        self.ending = Some("the server's word and the statement's reading disagree about a result".to_owned());
        // The likeliest cause is a catalog that is behind: the next session should not meet it again.
        let keeper = self.keeper.clone();
        tokio::spawn(async move {
            if let Err(error) = keeper.refresh().await {
                tracing::warn!(%error, "catalog not refreshed after a disagreement");
            }
        });
    }

    /// The rows a statement may send before it is held in mid-result.
    pub fn ceiling_of(&self, judged: &Judged, index: usize, warrant: &Warrant) -> Option<u64> {
        let one = judged.statements.get(index)?;
        if warrant.rows_max.is_some() {
            return warrant.rows_max;
        }
        if warrant.approval.is_none() {
            return one.ruling.ceiling;
        }
        if !one.reveal.is_empty() {
            // Only the rows that were approved are shown as they are.
            return one.ruling.ceiling;
        }
        // An approver saw this number of rows; ten times that is another question.
        one.evidence.estimated_rows.map(|rows| rows.saturating_mul(10).max(10_000))
    }
}
