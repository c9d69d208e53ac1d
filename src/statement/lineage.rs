//! Names resolved and flows followed over the tree: what each output comes from, what shapes rows, what is written.
//!
//! Sound before precise: whatever is not on a list or in the catalog makes the statement opaque and the value
//! unknown. Nothing here knows a dialect's syntax, classes or rules.

mod bounds;
mod call;
mod change;
mod dialect;
mod expression;
mod names;
mod predicate;
mod query;
mod relation;
mod routine;
mod source;
mod value;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::catalog::{Catalog, RelationKey};
use crate::statement::footprint::{
    Access, ColumnWrite, Facet, Footprint, Opaque, Output, Position, Probe, RelationUse, RowBound, SessionEffect, Verb,
};
use crate::statement::lineage::names::Env;
use crate::statement::lineage::value::{Shape, Value};
use crate::statement::scope::{Dialect, Scope};
use crate::statement::tree::change::Deed;
use crate::statement::tree::{Dml, Expr, Name};
use crate::statement::variable::{Variable, Variables};

/// Levels of queries, expressions, views and functions inside one another, at most.
const DEPTH_MAX: u32 = 160;

/// Expressions and queries looked at for one statement, at most: views and recursion multiply.
const STEPS_MAX: u32 = 2_000_000;

/// Times a statement that sets user variables is followed, each with what the time before was found to flow into them.
const ROUNDS_MAX: usize = 8;

/// Follows one statement.
pub fn analyse(dml: &Dml, catalog: &Catalog, scope: &Scope) -> Footprint {
    analyse_with(dml, catalog, scope, &Variables::default())
}

/// Follows one statement of a session in which these user variables are set.
pub fn analyse_with(dml: &Dml, catalog: &Catalog, scope: &Scope, variables: &Variables) -> Footprint {
    settled(catalog, scope, variables, |analyser| analyser.statement(dml))
}

/// Follows expressions that stand alone, such as the arguments of EXECUTE; `outputs` of the answer are their values.
pub fn analyse_expressions(list: &[Expr], catalog: &Catalog, scope: &Scope) -> Footprint {
    analyse_expressions_with(list, catalog, scope, &Variables::default())
}

/// Follows expressions that stand alone in a session in which these user variables are set.
pub fn analyse_expressions_with(list: &[Expr], catalog: &Catalog, scope: &Scope, variables: &Variables) -> Footprint {
    settled(catalog, scope, variables, |analyser| {
        let env = Env::default();
        let values: Vec<Value> = list.iter().map(|expr| analyser.value(expr, &env, Position::Predicate)).collect();
        let columns = values.into_iter().map(|value| value::Field { name: None, value }).collect();
        (Verb::Other, Some(Shape { columns, wild: false, bound: RowBound::AtMost(1), unique: Vec::new() }))
    })
}

/// Follows something until what it keeps in variables no longer grows: the order in which it reads and sets them is the
/// server's affair, so that each reading may be of what any setting kept.
fn settled<'c>(
    catalog: &'c Catalog,
    scope: &'c Scope,
    variables: &Variables,
    follow: impl Fn(&mut Analyser<'c>) -> (Verb, Option<Shape>),
) -> Footprint {
    let mut known = Kept::new(variables);
    for _ in 0..ROUNDS_MAX {
        let mut analyser = Analyser::new(catalog, scope);
        analyser.kept = known.clone();
        let (verb, shape) = follow(&mut analyser);
        if analyser.kept == known {
            return analyser.footprint(verb, shape);
        }
        known = analyser.kept;
    }
    let mut analyser = Analyser::new(catalog, scope);
    analyser.kept = known;
    let (verb, shape) = follow(&mut analyser);
    analyser.opaque("user variables", "what flows between them could not be followed");
    analyser.footprint(verb, shape)
}

/// User variables while a statement is followed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Kept {
    /// What each was before the statement, with what the statement keeps in it.
    values: BTreeMap<Name, Variable>,
    /// Those that the statement sets, with what it keeps in them.
    set: BTreeMap<Name, Variable>,
    /// Those that are not in `values` may hold anything.
    others_unknown: bool,
}

impl Kept {
    fn new(variables: &Variables) -> Self {
        let values = variables.iter().map(|(name, variable)| (name.clone(), variable.as_ref().clone())).collect();
        Self { values, set: BTreeMap::new(), others_unknown: variables.others_unknown() }
    }
}

/// A footprint that says nothing yet.
pub fn blank(verb: Verb) -> Footprint {
    Footprint {
        verb,
        object_kind: None,
        relations: Vec::new(),
        outputs: None,
        probes: Vec::new(),
        writes: Vec::new(),
        functions: Vec::new(),
        facets: Vec::new(),
        returned: RowBound::None,
        changed: RowBound::None,
        transfer: None,
        session: Vec::new(),
        opaque: Vec::new(),
        unresolved: false,
        explainable: false,
    }
}

/// The state of following one statement.
struct Analyser<'c> {
    catalog: &'c Catalog,
    scope: &'c Scope,
    dialect: Dialect,
    /// User variables.
    kept: Kept,
    /// Schemas searched: the session's, or a view definition's.
    path: Vec<Name>,
    /// Temporary relations are in the way of names.
    shadowed: bool,
    depth: u32,
    steps: u32,
    next_leaf: u32,
    /// What the select being followed has met.
    local: Local,
    /// Views already followed; `None` while one is being followed.
    views: HashMap<RelationKey, Option<Arc<Shape>>>,
    /// SQL functions being followed, outermost first.
    routines: Vec<(Name, Name)>,
    relations: Vec<RelationUse>,
    probes: BTreeSet<Probe>,
    writes: Vec<ColumnWrite>,
    functions: BTreeSet<Name>,
    facets: BTreeSet<Facet>,
    opaque: BTreeSet<Opaque>,
    changed: RowBound,
    unresolved: bool,
}

/// What stands in one select list.
#[derive(Clone, Default)]
struct Local {
    /// A function that returns rows.
    multiplies: bool,
    /// An aggregate.
    aggregates: bool,
    /// Names that the select list gives with AS.
    written: Vec<Name>,
}

impl<'c> Analyser<'c> {
    fn new(catalog: &'c Catalog, scope: &'c Scope) -> Self {
        let mut analyser = Self {
            catalog,
            scope,
            dialect: scope.dialect,
            kept: Kept::default(),
            path: scope.search_path.clone(),
            shadowed: true,
            depth: 0,
            steps: 0,
            next_leaf: 0,
            local: Local::default(),
            views: HashMap::new(),
            routines: Vec::new(),
            relations: Vec::new(),
            probes: BTreeSet::new(),
            writes: Vec::new(),
            functions: BTreeSet::new(),
            facets: BTreeSet::new(),
            opaque: BTreeSet::new(),
            changed: RowBound::None,
            unresolved: false,
        };
        let mut first = scope.search_path.iter().filter(|schema| !schema.starts_with("pg_temp"));
        if scope.dialect.searches_system_first() && first.next().map(|schema| &**schema) != Some("pg_catalog") {
            analyser
                .opaque("search_path", "pg_catalog is not searched first, so that any name may mean something else");
        }
        analyser
    }

    fn statement(&mut self, dml: &Dml) -> (Verb, Option<Shape>) {
        let env = Env::default();
        let verb = match dml {
            Dml::Query(_) => Verb::Select,
            Dml::Insert(_) => Verb::Insert,
            Dml::Update(_) => Verb::Update,
            Dml::Delete(_) => Verb::Delete,
            Dml::Merge(_) => Verb::Merge,
            Dml::Joined(joined) => match joined.deed {
                Deed::Update(_) => Verb::Update,
                Deed::Delete(_) => Verb::Delete,
            },
            Dml::Opaque(_) => Verb::Other,
        };
        if verb == Verb::Select {
            self.facets.insert(Facet::Reads);
        }
        (verb, self.dml(dml, &env))
    }

    fn footprint(self, verb: Verb, shape: Option<Shape>) -> Footprint {
        let mut footprint = blank(verb);
        if let Some(shape) = shape {
            footprint.returned = shape.bound;
            // A result of unknown columns has no prediction; the statement is opaque then.
            footprint.outputs = (!shape.wild).then(|| shape.columns.iter().map(output).collect());
        }
        footprint.relations = self.relations;
        footprint.probes = self.probes.into_iter().collect();
        footprint.writes = self.writes;
        footprint.functions = self.functions.into_iter().collect();
        footprint.facets = self.facets.into_iter().collect();
        footprint.opaque = self.opaque.into_iter().collect();
        footprint.changed = self.changed;
        let sets = |(name, kept): (Name, Variable)| SessionEffect::SetsVariable {
            name,
            sources: kept.sources,
            unknown: kept.unknown,
        };
        footprint.session = self.kept.set.into_iter().map(sets).collect();
        footprint.unresolved = self.unresolved;
        footprint.explainable = !matches!(verb, Verb::Other);
        footprint
    }

    /// Says that something could not be understood.
    fn opaque(&mut self, what: &str, why: &str) {
        self.opaque.insert(Opaque { what: Arc::from(what), why: Arc::from(why) });
    }

    /// One step down; `None` when it is too deep or too much, which is said once.
    fn descend(&mut self) -> Option<()> {
        self.steps = self.steps.saturating_add(1);
        if self.depth >= DEPTH_MAX || self.steps >= STEPS_MAX {
            self.opaque("statement", "too deep or too large to be followed");
            return None;
        }
        self.depth += 1;
        Some(())
    }

    /// Counts work that is not a step of its own: sources copied along.
    fn spend(&mut self, sources: usize) {
        self.steps = self.steps.saturating_add(u32::try_from(sources).unwrap_or(u32::MAX));
    }

    fn ascend(&mut self) {
        self.depth -= 1;
    }

    /// Records that a value shapes rows. Counting tells only how many and is free.
    fn shape(&mut self, value: &Value, position: Position) {
        let spoken = value.sources.iter().filter(|(_, flow)| **flow != crate::statement::footprint::Flow::Counted);
        self.probes.extend(spoken.map(|(column, _)| Probe { column: *column, position }));
    }

    fn uses(&mut self, key: Option<RelationKey>, name: &str, access: Access) {
        let known = self.relations.iter().any(|u| u.key == key && u.access == access && &*u.name == name);
        if !known {
            self.relations.push(RelationUse { key, name: Arc::from(name), access });
        }
    }

    fn leaf(&mut self) -> u32 {
        self.next_leaf += 1;
        self.next_leaf
    }
}

fn output(field: &value::Field) -> Output {
    Output {
        name: field.name.clone().unwrap_or_else(|| Arc::from("?column?")),
        sources: field.value.source_list(),
        unknown: field.value.unknown,
    }
}
