//! Text -> statements with footprints: the entry for sessions and for `rules explain`.
//!
//! Never an error: what cannot be read is a statement of its own, opaque.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use pg_query::NodeEnum;
use pg_query::protobuf::{ExecuteStmt, FetchDirection, FetchStmt, SelectStmt};

use crate::catalog::Catalog;
use crate::statement::footprint::{
    Access, Facet, Footprint, Opaque, Output, RelationUse, RowBound, SessionEffect, TransactionVerb, Transfer, Verb,
};
use crate::statement::scope::{Dialect, Scope};
use crate::statement::variable::Variables;
use crate::statement::{lineage, mysql, pg, utility};

/// FETCH ALL in the grammar's tree.
const FETCH_ALL: i64 = i64::MAX;

/// What was sent at once.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its statements in order; at least one.
    pub statements: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Its exact bytes within the batch.
    pub text: Arc<str>,
    /// Where it ends in the batch, its semicolon not counted: bytes from the beginning.
    pub end: usize,
    /// Its footprint rests on the session's prepared statements or cursors: it means something else in another session.
    pub depends_on_session: bool,
    /// How the server that it is meant for reads it.
    pub dialect: Dialect,
    /// What it touches.
    pub footprint: Arc<Footprint>,
    /// The query inside a DECLARE, PREPARE or EXPLAIN as the grammar prints it, for estimates; `None` if there is none.
    pub inner: Option<String>,
    /// PREPARE: the name, and what running it will touch.
    pub prepared: Option<(Arc<str>, Arc<Footprint>)>,
    /// DECLARE: the name, and what fetching from it touches.
    pub declared: Option<(Arc<str>, Arc<Footprint>)>,
}

/// What the session has prepared and declared by name.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// PREPARE's.
    pub prepared: HashMap<Arc<str>, Arc<Footprint>>,
    /// DECLARE's.
    pub cursors: HashMap<Arc<str>, Arc<Footprint>>,
    /// User variables (MySQL), by name in lower case.
    pub variables: Variables,
}

impl Known {
    /// Code ran that nobody followed: any name may stand for anything now.
    pub fn distrust(&mut self) {
        self.prepared.clear();
        self.cursors.clear();
        self.variables.distrust();
    }
}

/// Reads a batch. Prepared statements and cursors that are named in it are looked up in `known`, then in what the batch
/// itself prepares before.
pub fn read(text: &str, scope: &Scope, catalog: &Catalog, known: &Known) -> Batch {
    match &scope.dialect {
        Dialect::MySql(reading) => mysql::batch::read(text, reading, scope, catalog, known),
        Dialect::Postgres { .. } => read_postgres(text, scope, catalog, known),
    }
}

fn read_postgres(text: &str, scope: &Scope, catalog: &Catalog, known: &Known) -> Batch {
    let parsed = match pg::parse(text, scope.standard_conforming_strings()) {
        Ok(parsed) => parsed,
        Err(reason) => return Batch { statements: vec![unreadable(text, scope.dialect, &reason.to_string())] },
    };
    if parsed.is_empty() {
        return Batch { statements: vec![plain(text, scope.dialect, lineage::blank(Verb::Empty))] };
    }
    let mut known = Cow::Borrowed(known);
    let mut statements: Vec<Statement> = Vec::with_capacity(parsed.len());
    let mut settled = true;
    for one in &parsed {
        let Some(own) = text.get(one.start..one.end.min(text.len())) else {
            return Batch {
                statements: vec![unreadable(text, scope.dialect, "its statements could not be told apart")],
            };
        };
        let mut statement = statement(own, &one.node, &Reader { scope, catalog, known: &known, settled });
        statement.end = one.end.min(text.len());
        settled &= keeps_names(&statement.footprint);
        if let Some((name, footprint)) = &statement.prepared {
            known.to_mut().prepared.insert(name.clone(), footprint.clone());
        }
        if let Some((name, footprint)) = &statement.declared {
            known.to_mut().cursors.insert(name.clone(), footprint.clone());
        }
        statements.push(statement);
    }
    Batch { statements }
}

struct Reader<'r> {
    scope: &'r Scope,
    catalog: &'r Catalog,
    known: &'r Known,
    /// Nothing before it in the batch may have changed what names mean.
    settled: bool,
}

/// Do names mean afterwards what they meant before? Not if it defines things, changes settings or runs unknown code; nor
/// when a transaction ends, for that takes back what was set inside it.
fn keeps_names(footprint: &Footprint) -> bool {
    let defines = |facet: &Facet| matches!(facet, Facet::Defines | Facet::Privilege | Facet::Routine | Facet::Server);
    let changes = |effect: &SessionEffect| match effect {
        SessionEffect::ChangesReading { .. } => true,
        SessionEffect::Transaction(verb) => {
            !matches!(verb, TransactionVerb::Begin | TransactionVerb::Savepoint | TransactionVerb::Release)
        }
        _ => false,
    };
    footprint.opaque.is_empty() && !footprint.facets.iter().any(defines) && !footprint.session.iter().any(changes)
}

/// FAIL CLOSED: read with names as they were before the batch, which may no longer hold.
pub(super) fn doubt(footprint: &mut Footprint) {
    if footprint.relations.is_empty() && footprint.functions.is_empty() && footprint.outputs.is_none() {
        return;
    }
    for output in footprint.outputs.iter_mut().flatten() {
        output.unknown = true;
    }
    footprint.opaque.push(Opaque {
        what: Arc::from("batch"),
        why: Arc::from("a statement before it may change what its names mean; send it on its own"),
    });
}

pub(super) fn plain(text: &str, dialect: Dialect, footprint: Footprint) -> Statement {
    let footprint = Arc::new(footprint);
    let end = text.len();
    Statement {
        text: Arc::from(text),
        end,
        depends_on_session: false,
        dialect,
        footprint,
        inner: None,
        prepared: None,
        declared: None,
    }
}

/// FAIL CLOSED: what cannot be read is opaque, and so held.
pub(super) fn unreadable(text: &str, dialect: Dialect, why: &str) -> Statement {
    let mut footprint = lineage::blank(Verb::Unreadable);
    footprint.opaque.push(Opaque { what: Arc::from("syntax"), why: Arc::from(why) });
    plain(text, dialect, footprint)
}

fn statement(text: &str, node: &NodeEnum, reader: &Reader<'_>) -> Statement {
    let mut prepared = None;
    let mut declared = None;
    let mut inner = None;
    let mut footprint = match node {
        NodeEnum::PrepareStmt(prepare) => {
            let query = prepare.query.as_ref().and_then(|query| query.node.as_ref());
            let running = query.map_or_else(|| opaque(Verb::Other, "PREPARE", "not understood"), |q| reader.query(q));
            let name: Arc<str> = Arc::from(prepare.name.as_str());
            prepared = Some((name.clone(), Arc::new(running)));
            let mut footprint = lineage::blank(Verb::Prepare);
            footprint.facets.push(Facet::Session);
            footprint.session.push(SessionEffect::Prepare { name });
            footprint
        }
        NodeEnum::DeclareCursorStmt(declare) => {
            let query = declare.query.as_ref().and_then(|query| query.node.as_ref());
            let reading = query.map_or_else(|| opaque(Verb::Other, "DECLARE", "not understood"), |q| reader.query(q));
            inner = query.and_then(printed);
            let name: Arc<str> = Arc::from(declare.portalname.as_str());
            let mut footprint = Footprint { verb: Verb::Declare, ..reading.clone() };
            footprint.session.push(SessionEffect::Declare { name: name.clone() });
            declared = Some((name, Arc::new(reading)));
            footprint
        }
        NodeEnum::ExecuteStmt(execute) => reader.execute(execute),
        NodeEnum::FetchStmt(fetch) => reader.fetch(fetch),
        NodeEnum::ExplainStmt(explain) => {
            inner = explain.query.as_ref().and_then(|query| query.node.as_ref()).and_then(printed);
            reader.any(node)
        }
        other => reader.any(other),
    };
    if !reader.settled {
        doubt(&mut footprint);
        for (_, inner) in prepared.iter_mut().chain(&mut declared) {
            doubt(Arc::make_mut(inner));
        }
    }
    if !reader.scope.utf8 {
        footprint.opaque.push(Opaque {
            what: Arc::from("client_encoding"),
            why: Arc::from("only UTF8 is read; set client_encoding to UTF8"),
        });
    }
    let depends_on_session = match node {
        NodeEnum::ExecuteStmt(_) | NodeEnum::FetchStmt(_) => true,
        // EXECUTE may stand inside.
        NodeEnum::ExplainStmt(_) | NodeEnum::CreateTableAsStmt(_) => true,
        _ => prepared.is_some() || declared.is_some(),
    };
    let footprint = Arc::new(footprint);
    Statement {
        text: Arc::from(text),
        end: text.len(),
        depends_on_session,
        dialect: reader.scope.dialect,
        footprint,
        inner,
        prepared,
        declared,
    }
}

fn opaque(verb: Verb, what: &str, why: &str) -> Footprint {
    let mut footprint = lineage::blank(verb);
    footprint.opaque.push(Opaque { what: Arc::from(what), why: Arc::from(why) });
    footprint
}

/// A query as the grammar prints it. Only queries: the printer is not trusted with the rest.
fn printed(node: &NodeEnum) -> Option<String> {
    matches!(node, NodeEnum::SelectStmt(_)).then(|| node.deparse(pg_query::DeparseOptions::default()).ok())?
}

impl Reader<'_> {
    fn any(&self, node: &NodeEnum) -> Footprint {
        match node {
            NodeEnum::SelectStmt(_)
            | NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_)
            | NodeEnum::ExecuteStmt(_) => self.query(node),
            other => {
                let mut query = |node: &NodeEnum| self.any(node);
                let found = utility::footprint(other, &mut query, self.catalog, self.scope);
                found.unwrap_or_else(|| opaque(Verb::Other, "statement", "this kind of statement is not understood"))
            }
        }
    }

    /// A query or a change of rows; a name of a prepared statement or a cursor inside something else, too.
    fn query(&self, node: &NodeEnum) -> Footprint {
        match node {
            NodeEnum::ExecuteStmt(execute) => return self.execute(execute),
            NodeEnum::FetchStmt(fetch) => return self.fetch(fetch),
            _ => {}
        }
        let Some(dml) = pg::lower(node) else {
            return opaque(Verb::Other, "statement", "this kind of statement is not understood here");
        };
        let mut footprint = lineage::analyse(&dml, self.catalog, self.scope);
        if let NodeEnum::SelectStmt(select) = node {
            into_new_table(select, &mut footprint);
        }
        footprint
    }

    fn execute(&self, execute: &ExecuteStmt) -> Footprint {
        let Some(prepared) = self.known.prepared.get(execute.name.as_str()) else {
            return opaque(Verb::Execute, "EXECUTE", "no prepared statement of this name is known");
        };
        let arguments: Vec<_> = execute.params.iter().map(pg::lower_expression).collect();
        let given = lineage::analyse_expressions(&arguments, self.catalog, self.scope);
        let mut footprint = Footprint { verb: Verb::Execute, ..prepared.as_ref().clone() };
        let carries = |output: &Output| output.unknown || !output.sources.is_empty();
        if given.outputs.as_deref().unwrap_or_default().iter().any(carries) {
            footprint.opaque.push(Opaque {
                what: Arc::from("EXECUTE"),
                why: Arc::from("its arguments read data; pass values instead"),
            });
        }
        footprint.opaque.extend(given.opaque);
        footprint.functions.extend(given.functions);
        footprint.facets.extend(given.facets);
        footprint.probes.extend(given.probes);
        footprint.relations.extend(given.relations);
        footprint
    }

    fn fetch(&self, fetch: &FetchStmt) -> Footprint {
        let Some(cursor) = self.known.cursors.get(fetch.portalname.as_str()) else {
            return opaque(Verb::Fetch, "FETCH", "no cursor of this name is known");
        };
        let mut footprint = lineage::blank(Verb::Fetch);
        footprint.facets.push(Facet::Reads);
        footprint.relations.clone_from(&cursor.relations);
        footprint.functions.clone_from(&cursor.functions);
        footprint.probes.clone_from(&cursor.probes);
        if fetch.ismove {
            return footprint;
        }
        footprint.outputs.clone_from(&cursor.outputs);
        if footprint.outputs.is_none() {
            footprint
                .opaque
                .push(Opaque { what: Arc::from("FETCH"), why: Arc::from("the cursor's columns are not known") });
        }
        let single = matches!(
            FetchDirection::try_from(fetch.direction),
            Ok(FetchDirection::FetchAbsolute | FetchDirection::FetchRelative)
        );
        let wanted = match fetch.how_many {
            _ if single => RowBound::AtMost(1),
            FETCH_ALL => RowBound::Unbounded,
            some => RowBound::AtMost(some.unsigned_abs().max(1)),
        };
        footprint.returned = match (cursor.returned, wanted) {
            (RowBound::AtMost(all), RowBound::AtMost(some)) => RowBound::AtMost(all.min(some)),
            (RowBound::AtMost(all), _) => RowBound::AtMost(all),
            (_, wanted) => wanted,
        };
        footprint
    }
}

/// SELECT INTO makes a table of what it reads.
fn into_new_table(select: &SelectStmt, footprint: &mut Footprint) {
    let Some(into) = leftmost_into(select) else { return };
    footprint.verb = Verb::Create;
    footprint.object_kind = Some(Arc::from("table"));
    footprint.transfer = Some(Transfer::IntoNewObject);
    footprint.returned = RowBound::None;
    footprint.facets.push(Facet::Defines);
    footprint.facets.sort_unstable();
    footprint.explainable = false;
    let target = into.rel.as_ref();
    let name = target.map_or("", |range| range.relname.as_str());
    footprint.relations.push(RelationUse { key: None, name: Arc::from(name), access: Access::Define });
    if target.is_some_and(|range| range.relpersistence == "t" || range.schemaname.starts_with("pg_temp")) {
        footprint.session.push(SessionEffect::ChangesReading { setting: Arc::from("temporary") });
    }
}

fn leftmost_into(select: &SelectStmt) -> Option<&pg_query::protobuf::IntoClause> {
    let mut select = select;
    loop {
        match (&select.into_clause, &select.larg) {
            (Some(into), _) => return Some(into),
            (None, Some(left)) => select = left,
            (None, None) => return None,
        }
    }
}
