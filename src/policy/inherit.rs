//! Classes that columns carry because classified data was copied into them: a statement's targets, and where they stand.
//!
//! A target is known by its relation's key and column number, which outlive renames on PostgreSQL, and by names, which outlive
//! a dump and restore. Whatever matches either way carries the class; a column that is gone leaves it to the whole relation.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, ColumnKey, Relation, RelationKey};
use crate::clock::Timestamp;
use crate::identity::ids::{AgentName, ApprovalId};
use crate::policy::class::{Class, ClassMap};
use crate::policy::judge::facts::carries;
use crate::statement::footprint::{Access, Footprint, Source, Transfer, Verb};

/// A column that a statement gives a class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// `schema.name`, or the name alone where the statement does not tell the schema.
    pub relation: String,
    /// The relation's key, once it is known.
    pub key: Option<RelationKey>,
    /// The column's number; for a new relation its place. `None`: every column.
    pub number: Option<i16>,
    /// The column's name, once it is known.
    pub column: Option<String>,
    /// The class.
    pub class: String,
    /// Where the data comes from: `database.schema.table.column`, or what could not be followed.
    pub source: String,
}

/// A target as it is kept, and who brought it about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inherited {
    /// The key under `databases:`.
    pub database: String,
    /// What carries which class.
    pub target: Target,
    /// Whose statement it was.
    pub agent: AgentName,
    /// The approval it ran under; `None` if the rules allowed it.
    pub approval: Option<ApprovalId>,
    /// When it was released.
    pub at: Timestamp,
}

impl Inherited {
    /// The same target of the same database and class: kept once.
    pub fn is_same(&self, other: &Self) -> bool {
        let (left, right) = (&self.target, &other.target);
        self.database == other.database
            && left.class == right.class
            && left.relation == right.relation
            && left.number == right.number
    }

    /// A name for it in a store: unique, and the same for equal targets.
    pub fn id(&self) -> String {
        let target = &self.target;
        let number = target.number.map_or_else(|| "*".to_owned(), |number| number.to_string());
        [self.database.as_str(), &target.relation, &number, &target.class].join("\u{0}")
    }

    /// Fills in key and name from a catalog that has the relation now; `true` if something was learnt.
    pub fn pin(&mut self, catalog: &Catalog) -> bool {
        if self.target.key.is_some_and(|key| catalog.relation(key).is_some()) {
            return false;
        }
        let Some(relation) = catalog.relations().find(|relation| is_named(relation, &self.target.relation)) else {
            return false;
        };
        self.target.key = Some(relation.key);
        let column = self.target.number.and_then(|number| relation.column(number));
        if let (Some(column), None) = (column, &self.target.column) {
            self.target.column = Some(column.name.to_string());
        }
        true
    }
}

/// What a statement would give classes to, were it run: columns written from classified ones, the columns of a new table or
/// view, and those of a relation that is altered, for it may be renamed.
pub fn targets(footprint: &Footprint, map: &ClassMap, catalog: &Catalog) -> Vec<Target> {
    let flows = Flows { footprint, map, catalog };
    let mut found = BTreeSet::new();
    flows.written(&mut found);
    if footprint.transfer == Some(Transfer::IntoNewObject) {
        flows.made(&mut found);
    }
    // A relation's key outlives its name on PostgreSQL; MySQL's keys are made from names.
    if footprint.verb == Verb::Alter && catalog.flavour.is_none() {
        flows.altered(&mut found);
    }
    found.into_iter().collect()
}

struct Flows<'a> {
    footprint: &'a Footprint,
    map: &'a ClassMap,
    catalog: &'a Catalog,
}

impl Flows<'_> {
    fn written(&self, found: &mut BTreeSet<Target>) {
        for write in &self.footprint.writes {
            let Some(relation) = self.catalog.relation(write.target.relation) else { continue };
            let others: Vec<Source> =
                write.sources.iter().filter(|source| source.column != write.target).copied().collect();
            let column = relation.column(write.target.number);
            let target = Target {
                relation: relation.qualified(),
                key: Some(relation.key),
                number: column.map(|column| column.number),
                column: column.map(|column| column.name.to_string()),
                class: String::new(),
                source: String::new(),
            };
            self.flowing(&others, write.unknown, &target, found);
        }
    }

    fn made(&self, found: &mut BTreeSet<Target>) {
        let made = self.footprint.relations.iter().filter(|used| used.access == Access::Define);
        for used in made {
            for (index, output) in self.footprint.outputs.iter().flatten().enumerate() {
                let target = Target {
                    relation: used.name.to_string(),
                    key: None,
                    // The statement may name the columns as it likes; their order is the query's.
                    number: i16::try_from(index + 1).ok(),
                    column: None,
                    class: String::new(),
                    source: String::new(),
                };
                self.flowing(&output.sources, output.unknown, &target, found);
            }
            if self.footprint.outputs.is_none() {
                // FAIL CLOSED: nobody knows its columns.
                let whole = Target { number: None, ..Target::of_relation(&used.name) };
                self.flowing(&[], true, &whole, found);
            }
        }
    }

    fn altered(&self, found: &mut BTreeSet<Target>) {
        let altered = self.footprint.relations.iter().filter(|used| used.access == Access::Define);
        for relation in altered.filter_map(|used| self.catalog.relation(used.key?)) {
            for column in &relation.columns {
                let key = ColumnKey { relation: relation.key, number: column.number };
                found.extend(self.map.of(key).map(|class| Target {
                    key: Some(relation.key),
                    number: Some(column.number),
                    column: Some(column.name.to_string()),
                    class: class.name.to_string(),
                    source: self.catalog.column_path(key).unwrap_or_default(),
                    ..Target::of_relation(&relation.qualified())
                }));
            }
        }
    }

    /// Adds the target once for every class that flows into it.
    fn flowing(&self, sources: &[Source], unknown: bool, target: &Target, found: &mut BTreeSet<Target>) {
        let mut add = |class: &Class, source: String| {
            // Of several sources of a class the first one is told.
            let known = |other: &Target| {
                other.class == *class.name && other.relation == target.relation && other.number == target.number
            };
            if !found.iter().any(known) {
                found.insert(Target { class: class.name.to_string(), source, ..target.clone() });
            }
        };
        for source in sources {
            for class in self.map.of(source.column).filter(|class| carries(source, class)) {
                add(class, self.catalog.column_path(source.column).unwrap_or_default());
            }
        }
        if unknown {
            // FAIL CLOSED: what could not be followed may carry whatever the statement can reach.
            for used in self.footprint.relations.iter().filter_map(|used| used.key) {
                for class in self.map.of(ColumnKey { relation: used, number: 0 }) {
                    add(class, "something that could not be followed".to_owned());
                }
            }
        }
    }
}

impl Target {
    fn of_relation(name: &str) -> Self {
        Self {
            relation: name.to_owned(),
            key: None,
            number: None,
            column: None,
            class: String::new(),
            source: String::new(),
        }
    }

    /// The columns of a catalog that it stands on.
    pub fn columns(&self, catalog: &Catalog) -> Vec<ColumnKey> {
        let by_key = self.key.and_then(|key| catalog.relation(key));
        let by_name = catalog.relations().filter(|relation| is_named(relation, &self.relation));
        let mut found = Vec::new();
        for relation in by_key.into_iter().chain(by_name) {
            let own = relation.columns.iter().filter(|column| {
                let same_number = self.number == Some(column.number);
                same_number || self.column.as_deref() == Some(&*column.name)
            });
            let keys: Vec<ColumnKey> =
                own.map(|column| ColumnKey { relation: relation.key, number: column.number }).collect();
            match keys.is_empty() {
                // FAIL CLOSED: every column was meant, or the one that was is gone.
                true => found.extend(
                    relation.columns.iter().map(|column| ColumnKey { relation: relation.key, number: column.number }),
                ),
                false => found.extend(keys),
            }
        }
        found
    }
}

fn is_named(relation: &Relation, written: &str) -> bool {
    match written.strip_prefix(&*relation.schema).and_then(|rest| rest.strip_prefix('.')) {
        Some(name) => *relation.name == *name,
        None => *relation.name == *written,
    }
}

#[cfg(test)]
mod tests;
