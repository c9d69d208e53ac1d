//! Relations that statements name: found as the session finds them.

use std::sync::Arc;

use super::cursor::{Cursor, Named};
use super::{Context, owned};
use crate::catalog::{ColumnKey, Relation};
use crate::statement::footprint::{Access, Facet, Footprint, Position, Probe, SessionEffect, Verb};
use crate::statement::lineage::blank;
use crate::statement::utility::Build;
use crate::statement::utility::names::Resolved;

/// USE: unqualified names mean something else from here on.
pub(super) fn use_database(mut cursor: Cursor<'_>) -> Footprint {
    let print = blank(Verb::Set).facet(Facet::Session).kind("database");
    match (cursor.name(), cursor.at_end()) {
        (Some(_), true) => print.effect(SessionEffect::ChangesReading { setting: owned("database") }),
        _ => print.opaque("USE", "it is not followed by one name"),
    }
}

impl Context<'_> {
    /// Are names of tables the same whatever their case?
    fn folds(&self, database: Option<&str>) -> bool {
        let system = database.is_some_and(|name| name.eq_ignore_ascii_case("information_schema"));
        system || self.reading.lower_case_table_names != 0
    }

    fn same(&self, one: &str, other: &str) -> bool {
        if self.folds(None) { one.to_lowercase() == other.to_lowercase() } else { one == other }
    }

    fn find(&self, database: &str, name: &str) -> Option<Arc<Relation>> {
        if let Some(found) = self.catalog.relation_named(database, name) {
            return Some(found.clone());
        }
        if !self.folds(Some(database)) {
            return None;
        }
        let (database, name) = (database.to_lowercase(), name.to_lowercase());
        let is_it =
            |known: &&Arc<Relation>| known.schema.to_lowercase() == database && known.name.to_lowercase() == name;
        self.catalog.relations().find(is_it).cloned()
    }

    fn database<'n>(&'n self, named: &'n Named) -> Option<&'n str> {
        named.database.as_deref().or_else(|| self.scope.search_path.first().map(|name| &**name))
    }

    /// Has the session a temporary table of this name? It hides that of every database.
    pub(super) fn is_temporary(&self, name: &str) -> bool {
        self.scope.temporary.iter().any(|known| self.same(known, name))
    }

    /// The relation that a statement's name means.
    pub(super) fn resolve(&self, named: &Named) -> Resolved {
        if self.is_temporary(&named.name) {
            return Resolved {
                relation: None,
                name: owned(&named.name),
                doubt: Some("a temporary table has this name"),
            };
        }
        let relation = self.database(named).and_then(|database| self.find(database, &named.name));
        let name = match &relation {
            Some(relation) => Arc::from(relation.qualified()),
            None => self.target(named),
        };
        Resolved { relation, name, doubt: None }
    }

    /// `database.name` of what is to be created.
    fn target(&self, named: &Named) -> Arc<str> {
        match self.database(named) {
            Some(database) => Arc::from(format!("{database}.{}", named.name)),
            None => owned(&named.name),
        }
    }

    /// Adds a relation that is created. `temporary`: for this session only, hiding others of its name.
    pub(super) fn created(&self, print: Footprint, named: &Named, temporary: bool) -> Footprint {
        if temporary {
            let used = Resolved { relation: None, name: owned(&named.name), doubt: None };
            let effect = SessionEffect::CreatesTemporary { name: owned(&named.name) };
            return print.use_of(used, Access::Define).effect(effect);
        }
        // It may replace one that exists.
        print.use_of(self.resolve(named), Access::Define)
    }

    /// Adds a relation that must exist.
    pub(super) fn existing(&self, print: Footprint, named: &Named, access: Access) -> Footprint {
        let resolved = self.resolve(named);
        let missing = resolved.relation.is_none() && resolved.doubt.is_none();
        let print = print.use_of(resolved, access);
        Footprint { unresolved: print.unresolved || missing, ..print }
    }

    /// Adds a relation whose rows are checked or converted: errors may quote any of them.
    pub(super) fn checks_rows(&self, print: Footprint, named: &Named) -> Footprint {
        let relation = self.resolve(named).relation;
        let print = self.existing(print, named, Access::Define);
        match relation {
            Some(relation) => {
                let column = ColumnKey { relation: relation.key, number: 0 };
                print.probe(Probe { column, position: Position::Fallible })
            }
            None => print,
        }
    }
}
