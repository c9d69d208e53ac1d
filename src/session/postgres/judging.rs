//! From text to judgement: a fresh scope, a fresh catalog, the planner's word if it matters, then the rules.

use std::sync::Arc;

use bytes::Bytes;

use crate::gate::digest::{DigestInput, digest};
use crate::gate::refusal::Refusal;
use crate::gate::verdict::{Verdict, admit};
use crate::identity::ids::StatementId;
use crate::pg::compose;
use crate::policy::judge::Evidence;
use crate::policy::ruling::Effect;
use crate::session::judge::shelf::Shelf;
use crate::session::judge::{Bench, Judged, World, changes_reading, judge};
use crate::session::keeper::{CatalogError, SHELF_BYTES};
use crate::session::postgres::statements::{Parameter, Prepared};
use crate::session::postgres::{End, Session};
use crate::statement::footprint::{Facet, RowBound, SessionEffect, TransactionVerb};
use crate::statement::read::Known;
use crate::statement::scope::{Scope, ask};

const DDL_BEFORE: &str = "DDL ran in the open transaction; commit first, then names can be trusted again";
const NO_SCOPE: &str = "the session's settings could not be asked";

/// What was asked of the upstream to judge a text ended with an error of its own, which the client gets.
pub(super) enum Asked {
    /// Judged.
    Judged(Arc<Judged>),
    /// The upstream refused to plan or parse it: this is its error.
    Refused(Bytes),
}

/// What changes how the next statement is read.
pub(super) struct Reading {
    pub scope: Arc<Scope>,
    /// Ask the server for the scope before anything is judged.
    pub stale: bool,
    /// Something that changes reading ran in the open transaction: ask again when it ends.
    pub touched: bool,
    /// DDL ran in the open transaction: the catalog does not show it.
    pub ddl_in_transaction: bool,
    /// DDL was committed: read the catalog before anything is judged.
    pub catalog_stale: bool,
    /// Where judgements for the present world and scope are kept.
    pub shelf: Option<(Arc<World>, Arc<Scope>, Arc<Shelf>)>,
    /// SQL-level prepared statements and cursors, with what they touch.
    pub known: Known,
}

impl Default for Reading {
    /// Nothing is known yet: the server is asked before the first judgement.
    fn default() -> Self {
        Self {
            scope: Arc::new(Scope::default()),
            stale: true,
            touched: false,
            ddl_in_transaction: false,
            catalog_stale: false,
            shelf: None,
            known: Known::default(),
        }
    }
}

impl Session {
    pub(super) fn next_statement(&mut self) -> StatementId {
        self.statements += 1;
        StatementId(self.statements)
    }

    /// Reads and judges a text without asking the planner.
    pub(super) async fn judge_reading(&mut self, text: &Arc<str>) -> Result<Arc<Judged>, End> {
        self.refresh_reading().await?;
        let mut world = self.world().await?;
        let mut judged = self.judge_once(text, &world, &[]);
        if judged.statements.iter().any(|one| one.statement.footprint.unresolved) && self.status != b'E' {
            if let Err(error) = self.keeper.refresh_for_miss().await {
                tracing::warn!(%error, "catalog not refreshed after a name was not found");
            }
            world = self.world().await?;
            judged = self.judge_once(text, &world, &[]);
        }
        Ok(judged)
    }

    async fn world(&self) -> Result<Arc<World>, End> {
        self.keeper.world().await.map_err(|error: CatalogError| End::Proxy(error.to_string()))
    }

    fn judge_once(&mut self, text: &Arc<str>, world: &Arc<World>, evidence: &[Evidence]) -> Arc<Judged> {
        let blind = match (self.reading.ddl_in_transaction, self.reading.stale) {
            (true, _) => Some(DDL_BEFORE),
            (_, true) => Some(NO_SCOPE),
            _ => None,
        };
        let shelf = self.shelf(world);
        if evidence.is_empty()
            && blind.is_none()
            && let Some(kept) = shelf.get(text, &self.reading.scope)
        {
            return kept;
        }
        let bench = Bench {
            world,
            scope: &self.reading.scope,
            known: &self.reading.known,
            agent: &self.agent,
            database: &self.database,
            blind,
        };
        let judged = Arc::new(judge(text, &bench, evidence));
        if blind.is_none() {
            shelf.put(&judged, &self.reading.scope, SHELF_BYTES);
        }
        judged
    }

    /// The shelf of judgements for this agent, scope and world.
    fn shelf(&mut self, world: &Arc<World>) -> Arc<Shelf> {
        match &self.reading.shelf {
            Some((of, scope, shelf)) if Arc::ptr_eq(of, world) && Arc::ptr_eq(scope, &self.reading.scope) => {
                shelf.clone()
            }
            _ => {
                let shelf = self.keeper.cache.shelf(world, &self.agent.name, &self.reading.scope);
                self.reading.shelf = Some((world.clone(), self.reading.scope.clone(), shelf.clone()));
                shelf
            }
        }
    }

    /// Asks the server for what decides reading, if something may have changed it.
    async fn refresh_reading(&mut self) -> Result<(), End> {
        if !self.reading.catalog_stale && !self.reading.stale {
            return Ok(());
        }
        self.settle_upstream().await?;
        if self.reading.catalog_stale && self.status == b'I' {
            self.keeper.refresh().await.map_err(|error| End::Proxy(error.to_string()))?;
            self.reading.catalog_stale = false;
        }
        if self.reading.stale {
            // In a transaction that has failed the server answers nothing; all but its end is opaque then. In a pipeline
            // that has begun, a question of ours would end it.
            if self.status != b'E'
                && !self.extended.executed
                && let Ok(rows) = self.ask(ask::QUERY).await?
                && let Some(scope) = rows.first().and_then(|row| ask::answer(row))
            {
                if *self.reading.scope != scope {
                    self.reading.scope = Arc::new(scope);
                }
                self.reading.stale = false;
            }
        }
        Ok(())
    }

    /// Judges a simple Query, asking the planner where its word could change the ruling.
    pub(super) async fn judge_text(&mut self, text: &Arc<str>) -> Result<Asked, End> {
        let judged = self.judge_reading(text).await?;
        if !judged.statements.iter().any(|one| one.wants_estimate) || self.status == b'E' {
            return Ok(Asked::Judged(judged));
        }
        let mut evidence = Vec::with_capacity(judged.statements.len());
        for (index, one) in judged.statements.iter().enumerate() {
            if !one.wants_estimate {
                evidence.push(Evidence::default());
            } else if let Some(kept) = self.keeper.estimate(text, index) {
                evidence.push(kept);
            } else {
                self.settle_upstream().await?;
                match self.estimate(&one.statement.text.clone(), None).await? {
                    Ok(word) => {
                        self.keeper.keep_estimate(text, index, word);
                        evidence.push(word);
                    }
                    // A later statement of a batch may rest on an earlier one, so that it cannot be planned yet.
                    Err(_) if judged.statements.len() > 1 => evidence.push(Evidence::default()),
                    Err(error) => return Ok(Asked::Refused(self.reword(&judged, &error))),
                }
            }
        }
        Ok(Asked::Judged(self.judge_with(&judged, &evidence)))
    }

    fn judge_with(&mut self, judged: &Arc<Judged>, evidence: &[Evidence]) -> Arc<Judged> {
        if evidence.iter().all(|word| *word == Evidence::default()) {
            return judged.clone();
        }
        self.judge_once(&judged.text, &judged.world, evidence)
    }

    /// Judges with the planner's word on these very parameters; not kept.
    fn judge_anew(&self, judged: &Arc<Judged>, word: Evidence) -> Arc<Judged> {
        let bench = Bench {
            world: &judged.world,
            scope: &self.reading.scope,
            known: &self.reading.known,
            agent: &self.agent,
            database: &self.database,
            blind: None,
        };
        Arc::new(judge(&judged.text, &bench, &[word]))
    }

    /// Judges a Bind. `None`: the planner refused the statement and the client has its error.
    pub(super) async fn judged_for_bind(
        &mut self,
        prepared: &Prepared,
        bind: &Bytes,
    ) -> Result<Option<Arc<Judged>>, End> {
        let judged = self.judge_reading(&prepared.text).await?;
        let Some(one) = judged.statements.first().filter(|one| one.wants_estimate && self.status != b'E') else {
            return Ok(Some(judged));
        };
        // A result has its ceiling whatever the parameters are; rows changed have none, so the planner sees each Bind.
        let reads_only = one.statement.footprint.changed == RowBound::None;
        if reads_only && let Some(kept) = self.keeper.estimate(&prepared.text, 0) {
            return Ok(Some(self.judge_with(&judged, &[kept])));
        }
        let text = one.statement.text.clone();
        self.settle_upstream().await?;
        if self.extended.skipping {
            return Ok(None);
        }
        match self.estimate(&text, Some((prepared, bind))).await? {
            Ok(word) => {
                if reads_only {
                    self.keeper.keep_estimate(&prepared.text, 0, word);
                    return Ok(Some(self.judge_with(&judged, &[word])));
                }
                Ok(Some(self.judge_anew(&judged, word)))
            }
            Err(error) => {
                let error = self.reword(&judged, &error);
                self.skip_after(error);
                Ok(None)
            }
        }
    }

    /// The gate's verdict on a judged text with these parameters.
    pub(super) fn admit(&self, judged: &Judged, parameters: &[Parameter]) -> Verdict {
        let strongest = judged.strongest().map(|one| &one.ruling);
        let Some(ruling) = strongest else { return Verdict::Deny(Refusal::unavailable(None, "nothing was judged")) };
        if ruling.effect == Effect::Allow {
            return admit(ruling, &self.said.claims, "");
        }
        let mut ruling = ruling.clone();
        if ruling.effect == Effect::Hold {
            ruling.approval = judged.approval_policy();
        }
        admit(&ruling, &self.claims(judged), &self.digest(judged, parameters))
    }

    /// The digest that a release is bound to (DESIGN §2.2).
    pub(super) fn digest(&self, judged: &Judged, parameters: &[Parameter]) -> String {
        let scope = &self.reading.scope;
        let (statement, _comment) = crate::statement::comment::split_sqlcommenter(&judged.text);
        let parameters: Vec<_> = parameters.iter().map(|one| (one.oid, one.value.as_deref(), one.format)).collect();
        digest(&DigestInput {
            statement_bytes: statement.as_bytes(),
            parameters: &parameters,
            agent: &self.agent.name.0,
            upstream: &self.database,
            database: &self.database,
            role: &scope.role,
            search_path: &scope.search_path,
            settings: &[
                ("standard_conforming_strings", if scope.standard_conforming_strings() { "on" } else { "off" }),
                ("client_encoding", if scope.utf8 { "UTF8" } else { "other" }),
            ],
            rules_version: judged.world.rules.version(),
        })
    }

    /// Takes note of what a statement that is being sent will change.
    pub(super) fn on_released(&mut self, judged: &Judged) {
        self.tainted |= judged.tainted();
        for footprint in judged.footprints() {
            if changes_reading(footprint) {
                self.reading.stale = true;
                self.reading.touched = true;
            }
            if footprint.facets.iter().any(|facet| matches!(facet, Facet::Defines | Facet::Routine | Facet::Server))
                || !footprint.opaque.is_empty()
            {
                self.reading.catalog_stale = true;
                self.reading.ddl_in_transaction = true;
            }
            let footprint = footprint.clone();
            for effect in &footprint.session {
                self.on_session_effect(effect);
            }
        }
        for one in &judged.statements {
            if let Some((name, inner)) = &one.statement.prepared {
                self.reading.known.prepared.insert(name.clone(), inner.clone());
            }
            if let Some((name, inner)) = &one.statement.declared {
                self.reading.known.cursors.insert(name.clone(), inner.clone());
            }
        }
    }

    fn on_session_effect(&mut self, effect: &SessionEffect) {
        match effect {
            SessionEffect::Deallocate { name: Some(name) } => {
                self.reading.known.prepared.remove(name);
                self.extended.prepared.remove(name.as_bytes());
            }
            SessionEffect::Deallocate { name: None } => {
                self.reading.known.prepared.clear();
                self.extended.prepared.clear();
            }
            SessionEffect::CloseCursor { name: Some(name) } => {
                self.reading.known.cursors.remove(name);
            }
            SessionEffect::CloseCursor { name: None } => self.reading.known.cursors.clear(),
            SessionEffect::Transaction(TransactionVerb::RollbackTo) if self.reading.touched => {
                self.reading.stale = true
            }
            SessionEffect::ChangesReading { setting } if &**setting == "discard" => {
                self.reading.known.prepared.clear();
                self.reading.known.cursors.clear();
                self.extended.prepared.clear();
            }
            _ => {}
        }
    }

    /// Takes note of a ReadyForQuery.
    pub(super) fn on_ready(&mut self, status: u8) {
        let was_open = self.status != b'I';
        self.status = status;
        if status != b'I' {
            return;
        }
        self.tainted = false;
        for (_, portal) in std::mem::take(&mut self.extended.portals) {
            self.finish_unused(portal);
        }
        self.reading.ddl_in_transaction = false;
        if was_open && self.reading.touched {
            self.reading.stale = true;
        }
        self.reading.touched = false;
    }

    /// The rows a statement may send before it is held in mid-result.
    pub(super) fn ceiling_of(&self, judged: &Judged, index: usize, approved: bool) -> Option<u64> {
        let one = judged.statements.get(index)?;
        if !approved {
            return one.ruling.ceiling;
        }
        // An approver saw this number of rows; ten times that is another question.
        one.evidence.estimated_rows.map(|rows| rows.saturating_mul(10).max(10_000))
    }

    /// The client's error for a statement that the upstream would not plan, re-worded if it touches classified columns.
    fn reword(&self, judged: &Judged, error: &[u8]) -> Bytes {
        if judged.tainted() || self.tainted {
            return crate::pg::diagnostics::scrubbed(error);
        }
        Bytes::copy_from_slice(error)
    }

    /// Sends a released message. The release is spent by sending.
    pub(super) fn send_released(&mut self, release: crate::gate::release::Release, message: &[u8]) {
        let _spent = release;
        self.link.to_upstream.extend_from_slice(message);
    }

    /// The transaction must fail upstream as it does for the client: for simple queries inside a transaction.
    pub(super) async fn abort_upstream_transaction(&mut self) -> Result<(), End> {
        if self.status != b'T' {
            return Ok(());
        }
        self.drain().await?;
        let _refused = self.ask_raw(&compose::query("holdpoint refused this")).await?;
        self.status = b'E';
        Ok(())
    }
}
