//! MySQL's UPDATE and DELETE: the tables changed stand in a FROM list like any other, and names find them there.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Changed, plain_keys};
use crate::catalog::{Relation, RelationKey, RelationKind};
use crate::statement::footprint::{Access, ColumnWrite, Facet, Flow, Position, RowBound};
use crate::statement::lineage::Analyser;
use crate::statement::lineage::bounds;
use crate::statement::lineage::names::{Env, Row, Table};
use crate::statement::lineage::value::{Field, Shape, Value};
use crate::statement::tree::change::{Deed, Joined};
use crate::statement::tree::{Constant, Expr, Name};

impl Analyser<'_> {
    /// Follows it; `None` when it returns no rows.
    pub(super) fn joined(&mut self, joined: &Joined, env: &Env<'_>) -> Option<Shape> {
        self.facets.insert(Facet::Writes);
        let level = self.level(joined.with.as_ref(), env);
        let mut names = Env::inside(&level);
        let mut product = self.bring(&joined.from, &mut names, &level);
        match &joined.filter {
            Some(filter) => {
                self.condition(filter, &names, Position::Predicate, &mut product.equalities);
            }
            None if joined.limit.is_none() => {
                self.facets.insert(Facet::WritesAll);
            }
            None => {}
        }
        let none = Shape { columns: Vec::new(), wild: false, bound: RowBound::None, unique: Vec::new() };
        self.order(&joined.order, &none, &names, Position::Order);
        let mut bound = product.bound();
        if let Some(limit) = &joined.limit {
            let value = self.value(limit, &names, Position::Limit);
            self.shape(&value, Position::Limit);
            if let Expr::Constant(Constant::Integer(rows)) = limit {
                bound = bounds::least(bound, RowBound::AtMost(u64::try_from(*rows).unwrap_or(0)));
            }
        }
        let targets = match &joined.deed {
            Deed::Update(set) => self.set_columns(set, &names),
            Deed::Delete(tables) => self.delete_rows(tables, &names),
        };
        for _ in 0..targets {
            self.change_rows(bound);
        }
        if joined.returning.is_empty() {
            return None;
        }
        self.facets.insert(Facet::Reads);
        let (mut columns, wild) = self.items(&joined.returning, &names);
        for field in &mut columns {
            field.value = field.value.outside();
        }
        Some(Shape { columns, wild, bound, unique: Vec::new() })
    }

    /// SET. Returns how many tables are changed, at least 1.
    fn set_columns(&mut self, set: &[(Vec<Name>, Expr)], names: &Env<'_>) -> usize {
        let mut written: BTreeMap<RelationKey, Table> = BTreeMap::new();
        // Assignments run from left to right: a later one may read what an earlier one wrote, whose sources are those of
        // the whole list then.
        let values: Vec<Value> = set.iter().map(|(_, value)| self.value(value, names, Position::Predicate)).collect();
        let mut before: Vec<(Value, Value)> = Vec::new();
        for ((path, _), value) in set.iter().zip(values) {
            let mut value = value;
            for (column, wrote) in &before {
                if column.sources.keys().any(|key| value.sources.contains_key(key)) {
                    value = Value::derived([&value, wrote]);
                }
            }
            let Some((table, column)) = self.target_column(path, names) else {
                self.unresolved = true;
                self.opaque("column written", "not found");
                continue;
            };
            let keys = plain_keys(&column);
            if keys.is_empty() || table.relations.is_empty() {
                self.opaque("column written", "it is computed by a view or a query");
            }
            for target in keys {
                self.writes.push(ColumnWrite { target, sources: value.source_list(), unknown: value.unknown });
            }
            before.push((column, value));
            written.extend(table.relations.iter().map(|key| (*key, table.clone())));
        }
        self.touch(written.values().flat_map(|table| &table.relations).copied().collect(), names);
        written.len().max(1)
    }

    /// The column that a name in SET means, and the table it is of.
    fn target_column(&self, path: &[Name], names: &Env<'_>) -> Option<(Table, Value)> {
        let tables = || names.rows.iter().flat_map(|row: &Row| &row.tables);
        let (column, mut tables): (&Name, Vec<&Table>) = match path {
            [column] => (column, tables().collect()),
            [table, column] => (column, tables().filter(|one| one.name.as_ref() == Some(table)).collect()),
            [schema, table, column] => {
                let same = |one: &&Table| one.name.as_ref() == Some(table) && self.is_of(one, schema);
                (column, tables().filter(same).collect())
            }
            _ => return None,
        };
        tables.retain(|table| table.column(column).is_some() || table.wild);
        // Two tables with a column of the name are an error for the server.
        let [table] = tables.as_slice() else { return None };
        Some(((*table).clone(), table.column(column)?.clone()))
    }

    /// Its relation is of this schema, under an alias too.
    fn is_of(&self, table: &Table, schema: &Name) -> bool {
        let of = |key: &RelationKey| self.catalog.relation(*key).is_some_and(|one| one.schema == *schema);
        table.schema.as_ref() == Some(schema) || table.relations.iter().any(of)
    }

    /// DELETE. Returns from how many tables, at least 1.
    fn delete_rows(&mut self, tables: &[Vec<Name>], names: &Env<'_>) -> usize {
        let mut keys = Vec::new();
        for path in tables {
            let (schema, name) = match path.as_slice() {
                [name] => (None, name),
                [schema, name] => (Some(schema), name),
                _ => continue,
            };
            let all = names.rows.iter().flat_map(|row| &row.tables);
            let mut found = all
                .filter(|one| one.name.as_ref() == Some(name) && schema.is_none_or(|schema| self.is_of(one, schema)));
            match found.next().filter(|table| !table.relations.is_empty()) {
                Some(table) => keys.extend(&table.relations),
                None => self.opaque("DELETE", "the table it deletes from is not among those it names"),
            }
        }
        self.touch(keys, names);
        tables.len().max(1)
    }

    /// What else happens when these relations change.
    fn touch(&mut self, keys: Vec<RelationKey>, names: &Env<'_>) {
        let relations: Vec<Arc<Relation>> =
            keys.iter().filter_map(|key| self.catalog.relation(*key)).cloned().collect();
        for relation in relations {
            self.uses(Some(relation.key), &relation.qualified(), Access::Write);
            if !matches!(
                relation.kind,
                RelationKind::Table | RelationKind::Partitioned | RelationKind::Foreign | RelationKind::View
            ) {
                self.opaque(&format!("relation {}", relation.qualified()), "not a table or view");
            }
            let tables = names.rows.iter().flat_map(|row| &row.tables);
            let mut of = tables.filter(|table| table.relations.contains(&relation.key));
            let columns = of.next().map(|table| table.columns.clone()).unwrap_or_default();
            self.side_effects(&relation, false, &columns);
        }
    }
}

impl Changed {
    /// The row with what has been written so far: each column may be what it was, or what was written into it.
    pub(super) fn with_written(&self) -> Row {
        let pairs = self.table.columns.iter().zip(&self.written);
        let after = pairs.map(|(field, written)| {
            let mut value = field.value.clone();
            value.absorb(written, |flow| flow.max(Flow::Derived));
            Field { name: field.name.clone(), value }
        });
        let columns: Vec<Field> = after.collect();
        let table = Table { columns: columns.as_slice().into(), ..self.table.clone() };
        Row { tables: vec![table], columns, wild: self.table.wild }
    }
}
