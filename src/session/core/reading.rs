//! What decides how a session's next statement is read, and what of it running statements change.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::gate::digest::{BoundParameter, DigestInput, digest};
use crate::gate::refusal::Refusal;
use crate::gate::verdict::{Verdict, admit};
use crate::policy::judge::Evidence;
use crate::policy::ruling::Effect;
use crate::session::core::hold::Wording;
use crate::session::core::{Core, End, Parameter};
use crate::session::judge::shelf::Shelf;
use crate::session::judge::{Bench, Judged, World, changes_reading, judge};
use crate::session::keeper::{CatalogError, SHELF_BYTES};
use crate::statement::footprint::{Facet, SessionEffect, TransactionVerb, Verb};
use crate::statement::read::{Known, Statement};
use crate::statement::scope::{Dialect, Scope};

const DDL_BEFORE: &str = "DDL ran in the open transaction; commit first, then names can be trusted again";
const NO_SCOPE: &str = "the session's settings could not be asked";

/// What changes how the next statement is read.
pub(in crate::session) struct Reading {
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
    shelf: Option<(Arc<World>, Arc<Scope>, Arc<Shelf>)>,
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

impl Reading {
    /// Of a session that was reset: nothing of it is known any more, but that the catalog has to be read if it had to.
    pub fn anew(&self) -> Self {
        Self { catalog_stale: self.catalog_stale, ..Self::default() }
    }

    /// The server's answer to what decides reading.
    pub fn learn(&mut self, scope: Scope) {
        if *self.scope != scope {
            if !self.scope.reads_like(&scope) {
                // What was prepared by name is read again by some servers, by the settings of then or of now.
                self.known.prepared.clear();
            }
            self.scope = Arc::new(scope);
        }
        self.stale = false;
    }

    /// The transaction has ended, if one was open.
    pub fn on_transaction_end(&mut self, was_open: bool) {
        self.ddl_in_transaction = false;
        self.stale |= was_open && self.touched;
        self.touched = false;
    }

    fn apply(&mut self, effect: &SessionEffect) {
        match effect {
            SessionEffect::Deallocate { name: Some(name) } => {
                self.known.prepared.remove(name);
            }
            SessionEffect::Deallocate { name: None } => self.known.prepared.clear(),
            SessionEffect::CloseCursor { name: Some(name) } => {
                self.known.cursors.remove(name);
            }
            SessionEffect::CloseCursor { name: None } => self.known.cursors.clear(),
            SessionEffect::SetsVariable { name, sources, unknown } => {
                // A statement that fails half-way, or finds no row, keeps what was there before.
                self.known.variables.add(name, sources, *unknown);
            }
            SessionEffect::Transaction(TransactionVerb::RollbackTo) if self.touched => self.stale = true,
            SessionEffect::ChangesReading { setting } if &**setting == "discard" => {
                self.known.prepared.clear();
                self.known.cursors.clear();
            }
            _ => {}
        }
    }
}

impl Core {
    /// The present picture to judge by.
    ///
    /// # Errors
    /// There is none, and none can be had.
    pub async fn world(&self) -> Result<Arc<World>, End> {
        self.keeper.world().await.map_err(|error: CatalogError| End::Proxy(error.to_string()))
    }

    /// Judges a text by this world, or finds what was judged before. `evidence` is the planner's word as far as it was asked.
    pub fn judge_once(&mut self, text: &Arc<str>, world: &Arc<World>, evidence: &[Evidence]) -> Arc<Judged> {
        let blind = self.blind();
        if !self.said.unmask.is_empty() {
            // A wish to see values is judged each time, and never answers for another session.
            return Arc::new(judge(text, &self.bench(world, blind), evidence));
        }
        let shelf = self.shelf(world);
        if evidence.is_empty()
            && blind.is_none()
            && let Some(kept) = shelf.get(text, &self.reading.scope)
        {
            return kept;
        }
        let judged = Arc::new(judge(text, &self.bench(world, blind), evidence));
        if blind.is_none() {
            shelf.put(&judged, &self.reading.scope, SHELF_BYTES);
        }
        judged
    }

    /// Judges again with the planner's word.
    pub fn judge_with(&mut self, judged: &Arc<Judged>, evidence: &[Evidence]) -> Arc<Judged> {
        if evidence.iter().all(|word| *word == Evidence::default()) {
            return judged.clone();
        }
        self.judge_once(&judged.text, &judged.world, evidence)
    }

    /// Judges `text` in the world of `judged` with evidence that is true of this run only: not kept.
    pub fn judge_anew(&self, text: &str, judged: &Judged, evidence: &[Evidence]) -> Arc<Judged> {
        Arc::new(judge(text, &self.bench(&judged.world, self.blind()), evidence))
    }

    /// The judgement of exactly this text. One that was kept of a text with other literals allows this one as well, but must
    /// not be shown for it: it is judged again, by what the kept one was judged by.
    pub fn exactly(&self, judged: &Arc<Judged>, wording: &Wording) -> Arc<Judged> {
        let Some(text) = wording.text.as_ref().filter(|text| **text != judged.text) else { return judged.clone() };
        let evidence: Vec<Evidence> = judged.statements.iter().map(|one| one.evidence).collect();
        // What depends on the session, is blind or unmasks is never kept.
        let (known, wanted) = (Known::default(), BTreeSet::new());
        let bench = Bench { scope: &judged.scope, known: &known, wanted: &wanted, ..self.bench(&judged.world, None) };
        Arc::new(judge(text, &bench, &evidence))
    }

    /// Why names cannot be trusted for now.
    fn blind(&self) -> Option<&'static str> {
        match (self.reading.ddl_in_transaction, self.reading.stale) {
            (true, _) => Some(DDL_BEFORE),
            (_, true) => Some(NO_SCOPE),
            _ => None,
        }
    }

    fn bench<'b>(&'b self, world: &'b Arc<World>, blind: Option<&'static str>) -> Bench<'b> {
        Bench {
            world,
            scope: &self.reading.scope,
            known: &self.reading.known,
            agent: &self.agent,
            database: &self.database,
            blind,
            wanted: &self.said.unmask,
        }
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

    /// The gate's verdict on a judged text with these parameters.
    pub fn admit(&self, judged: &Judged, parameters: &[Parameter]) -> Verdict {
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
    pub fn digest(&self, judged: &Judged, parameters: &[Parameter]) -> String {
        let bound = self.bound_to(judged, parameters);
        digest(&bound.input(&bound.settings()))
    }

    /// All that a release is bound to.
    pub fn bound_to<'b>(&'b self, judged: &'b Judged, parameters: &'b [Parameter]) -> BoundTo<'b> {
        let scope = &self.reading.scope;
        let (statement, _comment) =
            crate::statement::comment::split_sqlcommenter(&judged.text, &self.reading.scope.dialect);
        let parameters: Vec<_> = parameters.iter().map(|one| (one.oid, one.value.as_deref(), one.format)).collect();
        BoundTo {
            statement,
            parameters,
            agent: &self.agent.name.0,
            database: &self.database,
            scope,
            reading: reading_words(&scope.dialect),
            unmask: self.said.unmask.iter().map(String::as_str).collect::<Vec<_>>().join(","),
            elevate: self.role_for(judged),
            rules_version: judged.world.rules.version(),
        }
    }

    /// Takes note of what a statement that is being sent will change.
    pub fn on_released(&mut self, judged: &Judged) {
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
            if footprint.facets.iter().any(|facet| matches!(facet, Facet::Routine | Facet::Server))
                || !footprint.opaque.is_empty()
            {
                self.reading.known.distrust();
            }
            let footprint = footprint.clone();
            for effect in &footprint.session {
                if matches!(effect, SessionEffect::ChangesReading { setting } if &**setting == "discard") {
                    self.said.unmask.clear();
                }
                self.reading.apply(effect);
            }
        }
        for one in &judged.statements {
            // Until it has run nobody knows what the name stands for: a text stops at its first error.
            if let Some((name, _)) = &one.statement.prepared {
                self.reading.known.prepared.remove(name);
            }
            if let Some((name, _)) = &one.statement.declared {
                self.reading.known.cursors.remove(name);
            }
        }
    }

    /// Takes note of what a statement that ran without an error has left in the session.
    pub fn on_done(&mut self, statement: &Statement) {
        let known = &mut self.reading.known;
        if let Some((name, inner)) = &statement.prepared {
            known.prepared.insert(name.clone(), inner.clone());
        }
        if let Some((name, inner)) = &statement.declared {
            known.cursors.insert(name.clone(), inner.clone());
        }
        let sets = |effect: &&SessionEffect| matches!(effect, SessionEffect::SetsVariable { .. });
        let mut set = statement.footprint.session.iter().filter(sets);
        // One that stands deeper in an expression may not have been reached.
        if let (Verb::Set, Some(SessionEffect::SetsVariable { name, sources, unknown }), None) =
            (statement.footprint.verb, set.next(), set.next())
        {
            known.variables.replace(name, sources, *unknown);
        }
    }
}

/// All that a release is bound to, borrowed from where it stands.
pub(in crate::session) struct BoundTo<'b> {
    statement: &'b str,
    parameters: Vec<BoundParameter<'b>>,
    agent: &'b str,
    database: &'b str,
    scope: &'b Scope,
    reading: (&'static str, String),
    /// The classes that the agent asks to see.
    unmask: String,
    /// The role it runs in, if not in the session's own.
    elevate: Option<Arc<str>>,
    rules_version: &'b str,
}

impl BoundTo<'_> {
    /// Settings that change reading and what is shown, by name.
    pub fn settings(&self) -> Vec<(&str, &str)> {
        let encoding = if self.scope.utf8 { "UTF8" } else { "other" };
        let reading = (self.reading.0, self.reading.1.as_str());
        let elevate = self.elevate.as_deref().map(|role| ("holdpoint.elevate", role));
        [reading, ("client_encoding", encoding), ("holdpoint.unmask", &self.unmask)]
            .into_iter()
            .chain(elevate)
            .collect()
    }

    /// The same as the gate takes it.
    pub fn input<'i>(&'i self, settings: &'i [(&'i str, &'i str)]) -> DigestInput<'i> {
        DigestInput {
            statement_bytes: self.statement.as_bytes(),
            parameters: &self.parameters,
            agent: self.agent,
            upstream: self.database,
            database: self.database,
            role: &self.scope.role,
            search_path: &self.scope.search_path,
            settings,
            rules_version: self.rules_version,
        }
    }
}

/// The settings that change reading, as a digest names them.
fn reading_words(dialect: &Dialect) -> (&'static str, String) {
    match dialect {
        Dialect::Postgres { standard_conforming_strings } => {
            ("standard_conforming_strings", if *standard_conforming_strings { "on" } else { "off" }.to_owned())
        }
        Dialect::MySql(reading) => ("sql_mode", format!("{reading:?}")),
    }
}
