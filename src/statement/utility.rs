//! Footprints of everything that is neither a query nor INSERT, UPDATE, DELETE, MERGE: an allow-list by node type.
//!
//! Queries inside (COPY, EXPLAIN, CREATE … AS, DECLARE) are handed to the caller's closure. What is not on the list here
//! is `None`, and so not understood.

mod copy;
mod define;
mod explain;
pub(super) mod names;
mod privilege;
mod server;
mod session;
mod settings;

use std::sync::Arc;

use pg_query::{Node, NodeEnum};

use super::footprint::{Facet, Footprint, Opaque, Output, Probe, RelationUse, SessionEffect, Source, Transfer, Verb};
use super::lineage::blank;
use super::scope::Scope;
use crate::catalog::Catalog;

/// What the branches need: how to analyse an inner query, and where names resolve.
struct Context<'a> {
    query: &'a mut dyn FnMut(&NodeEnum) -> Footprint,
    catalog: &'a Catalog,
    scope: &'a Scope,
}

/// What a top-level statement touches, if it is one of the utility statements of PostgreSQL's grammar.
///
/// `query` analyses a SELECT, INSERT, UPDATE, DELETE, MERGE or EXECUTE inside it. `None`: not a utility statement known
/// here. EXECUTE, FETCH and CALL come back as skeletons with an unknown output; whoever knows the cursor or prepared
/// statement of that name fills them in.
pub fn footprint(
    node: &NodeEnum,
    query: &mut dyn FnMut(&NodeEnum) -> Footprint,
    catalog: &Catalog,
    scope: &Scope,
) -> Option<Footprint> {
    let mut context = Context { query, catalog, scope };
    context.footprint(node)
}

/// May a call like `set_config('jit', 'off', false)` pass as a harmless SET? Only when name and value are constants (what
/// is set can be read back), and drivers rely on it: asyncpg switches off `jit` while it looks up types.
pub fn harmless_setting(name: &str) -> bool {
    settings::harmless(&name.to_ascii_lowercase())
}

impl Context<'_> {
    fn footprint(&mut self, node: &NodeEnum) -> Option<Footprint> {
        match node {
            NodeEnum::CopyStmt(copy) => return Some(self.copy(copy)),
            NodeEnum::ExplainStmt(explain) => return Some(self.explain(explain)),
            _ => {}
        }
        settings::footprint(node)
            .or_else(|| self.session(node))
            .or_else(|| self.privilege(node))
            .or_else(|| self.server(node))
            .or_else(|| self.define(node))
    }

    /// Analyses an inner statement: queries by the closure, others here. A missing or unknown one is opaque.
    fn inner(&mut self, node: Option<&Node>) -> Footprint {
        let Some(node) = node.and_then(|node| node.node.as_ref()) else {
            return blank(Verb::Unreadable).opaque("statement", "the inner statement is missing");
        };
        match node {
            NodeEnum::SelectStmt(_)
            | NodeEnum::InsertStmt(_)
            | NodeEnum::UpdateStmt(_)
            | NodeEnum::DeleteStmt(_)
            | NodeEnum::MergeStmt(_)
            | NodeEnum::ExecuteStmt(_) => (self.query)(node),
            other => self
                .footprint(other)
                .unwrap_or_else(|| blank(Verb::Other).opaque("statement", "the inner statement is not understood")),
        }
    }
}

/// Small steps for building footprints in one expression.
pub(super) trait Build: Sized {
    fn facet(self, facet: Facet) -> Self;
    fn kind(self, kind: &str) -> Self;
    fn opaque(self, what: &str, why: &str) -> Self;
    fn effect(self, effect: SessionEffect) -> Self;
    fn unknown_copy(self) -> Self;
    fn use_of(self, used: names::Resolved, access: super::footprint::Access) -> Self;
    fn probe(self, probe: Probe) -> Self;
}

impl Build for Footprint {
    fn facet(mut self, facet: Facet) -> Self {
        if !self.facets.contains(&facet) {
            self.facets.push(facet);
        }
        self
    }

    fn kind(mut self, kind: &str) -> Self {
        self.object_kind = Some(Arc::from(kind));
        self
    }

    fn opaque(mut self, what: &str, why: &str) -> Self {
        self.opaque.push(Opaque { what: Arc::from(what), why: Arc::from(why) });
        self
    }

    fn effect(mut self, effect: SessionEffect) -> Self {
        self.session.push(effect);
        self
    }

    /// It copies data into a new object, and what could not be followed.
    fn unknown_copy(mut self) -> Self {
        self.outputs = Some(vec![unknown_output("")]);
        self.transfer = Some(Transfer::IntoNewObject);
        self
    }

    /// Adds a relation; temporary and other databases' relations make the statement opaque.
    fn use_of(mut self, used: names::Resolved, access: super::footprint::Access) -> Self {
        if let Some(why) = used.doubt {
            self = self.opaque(&format!("relation {}", used.name), why);
        }
        let new = RelationUse { key: used.relation.as_ref().map(|relation| relation.key), name: used.name, access };
        if !self.relations.contains(&new) {
            self.relations.push(new);
        }
        self
    }

    fn probe(mut self, probe: Probe) -> Self {
        if !self.probes.contains(&probe) {
            self.probes.push(probe);
        }
        self
    }
}

/// A result column whose sources are known not to be known.
pub(super) fn unknown_output(name: &str) -> Output {
    Output { name: Arc::from(name), sources: Vec::new(), unknown: true }
}

/// A result column with these sources.
pub(super) fn output(name: &str, sources: Vec<Source>) -> Output {
    Output { name: Arc::from(name), sources, unknown: false }
}

#[cfg(test)]
#[path = "utility/tests.rs"]
mod tests;
