//! INSERT, UPDATE, DELETE, MERGE: what is written, what flows into it, what RETURNING gives back.

mod joined;

use std::sync::Arc;

use super::Analyser;
use super::bounds::Leaf;
use super::names::{Env, Row, Table};
use super::source::Product;
use super::value::{Field, Shape, Value, from_leaf};
use crate::catalog::{ColumnKey, Relation, RelationKey, RelationKind};
use crate::statement::footprint::{Access, ColumnWrite, Facet, Flow, Position, RowBound};
use crate::statement::tree::change::{Assignment, Conflict, Delete, Insert, Merge, Returning, Target, Update};
use crate::statement::tree::{Alias, Dml, Expr, Name, SubqueryKind, With};

/// The relation a statement changes, as the names in the statement see it.
struct Changed {
    /// How it is called.
    table: Table,
    /// Its rows.
    leaf: Leaf,
    /// What is written into each of its columns.
    written: Vec<Value>,
}

impl Analyser<'_> {
    /// Follows a statement; `None` when it returns no rows.
    pub(super) fn dml(&mut self, dml: &Dml, env: &Env<'_>) -> Option<Shape> {
        match dml {
            Dml::Query(query) => {
                self.facets.insert(Facet::Reads);
                Some(self.nested(query, env))
            }
            Dml::Insert(insert) => self.insert(insert, env),
            Dml::Update(update) => self.update(update, env),
            Dml::Delete(delete) => self.delete(delete, env),
            Dml::Merge(merge) => self.merge_into(merge, env),
            Dml::Joined(joined) => self.joined(joined, env),
            Dml::Opaque(unknown) => {
                self.opaque(&unknown.what, &unknown.why);
                None
            }
        }
    }

    fn level<'e>(&mut self, with: Option<&With>, env: &'e Env<'e>) -> Env<'e> {
        let mut level = Env::inside(env);
        self.with(with, &mut level);
        level
    }

    fn insert(&mut self, insert: &Insert, env: &Env<'_>) -> Option<Shape> {
        self.facets.insert(Facet::Writes);
        let level = self.level(insert.with.as_ref(), env);
        let source = insert.source.as_ref().map(|query| self.nested(query, &level));
        let bound = source.as_ref().map_or(RowBound::AtMost(1), |shape| shape.bound);
        // New rows go to this very table (or its partitions), never to inheritance children.
        let mut changed = self.changed(&Target { only: true, ..insert.target.clone() })?;
        if let Some(shape) = &source {
            self.reads_if_any(shape);
            self.insert_columns(&mut changed, &insert.columns, shape);
        }
        self.change_rows(bound);
        if let Some(conflict) = &insert.conflict {
            self.conflict(&mut changed, conflict, &level);
        }
        self.returning(&insert.returning, changed, Vec::new(), &level, bound)
    }

    fn reads_if_any(&mut self, shape: &Shape) {
        if shape.wild || shape.columns.iter().any(|field| !field.value.sources.is_empty() || field.value.unknown) {
            self.facets.insert(Facet::Reads);
        }
    }

    fn insert_columns(&mut self, changed: &mut Changed, columns: &[Name], shape: &Shape) {
        if shape.wild {
            for index in 0..changed.written.len() {
                self.write(changed, Some(index), &Value::unknown());
            }
            return;
        }
        for (index, field) in shape.columns.iter().enumerate() {
            let place = match columns.get(index) {
                Some(name) => changed.place(name),
                None if columns.is_empty() => Some(index),
                None => None,
            };
            self.write(changed, place, &field.value);
        }
    }

    /// Records that a value is written into a column.
    fn write(&mut self, changed: &mut Changed, place: Option<usize>, value: &Value) {
        let target = place.and_then(|place| Some((changed.table.columns.get(place)?, changed.written.get_mut(place)?)));
        let Some((column, written)) = target else {
            if !changed.table.wild {
                self.unresolved = true;
                self.opaque("column written", "not found");
            }
            return;
        };
        *written = Value::derived([&*written, value]);
        let keys: Vec<ColumnKey> = plain_keys(&column.value);
        if keys.is_empty() {
            self.opaque("column written", "it is computed by a view");
        }
        for target in keys {
            self.writes.push(ColumnWrite { target, sources: value.source_list(), unknown: value.unknown });
        }
    }

    fn conflict(&mut self, changed: &mut Changed, conflict: &Conflict, level: &Env<'_>) {
        let mut env = Env::inside(level);
        env.rows.push(changed.row());
        for expr in &conflict.target {
            let value = self.value(expr, &env, Position::Predicate);
            self.shape(&value, Position::Predicate);
        }
        if conflict.target.is_empty() {
            // Any unique column may decide, and the answer tells whether such a row exists. Which are unique is not all
            // in the catalog: keys that may hold NULL, or that do not span children, are not.
            for field in changed.table.columns.iter() {
                self.shape(&field.value, Position::Predicate);
            }
        }
        env.rows.extend(conflict.proposed.iter().map(|alias| changed.proposed(alias)));
        for assignment in conflict.update.iter().flatten() {
            self.assign(changed, assignment, &env);
            if let (true, Some(row)) = (self.dialect.assigns_in_order(), env.rows.first_mut()) {
                *row = changed.with_written();
            }
        }
        if let Some(filter) = &conflict.filter {
            self.condition(filter, &env, Position::Predicate, &mut Vec::new());
        }
    }

    fn assign(&mut self, changed: &mut Changed, assignment: &Assignment, env: &Env<'_>) {
        let columns = &assignment.columns;
        if let [column] = columns.as_slice() {
            let value = self.value(&assignment.value, env, Position::Predicate);
            let place = changed.place(column);
            return self.write(changed, place, &value);
        }
        let members: Vec<Value> = match &assignment.value {
            Expr::Row(parts) => self.all(parts, env, Position::Predicate),
            Expr::Subquery(SubqueryKind::Scalar, None, query) => {
                let shape = self.nested(query, env);
                if shape.wild { Vec::new() } else { shape.columns.into_iter().map(|field| field.value).collect() }
            }
            other => {
                self.value(other, env, Position::Predicate);
                Vec::new()
            }
        };
        // Without a column list (MERGE's INSERT) values go to the first columns.
        let places: Vec<Option<usize>> = match columns.is_empty() {
            true => (0..members.len()).map(Some).collect(),
            false => columns.iter().map(|column| changed.place(column)).collect(),
        };
        if members.len() != places.len() {
            self.opaque("SET of several columns", "the values could not be matched to the columns");
        }
        for (index, place) in places.into_iter().enumerate() {
            let value = members.get(index).cloned().unwrap_or_else(Value::unknown);
            self.write(changed, place, &value);
        }
    }

    fn update(&mut self, update: &Update, env: &Env<'_>) -> Option<Shape> {
        self.facets.insert(Facet::Writes);
        let level = self.level(update.with.as_ref(), env);
        let mut changed = self.changed(&update.target)?;
        let mut names = Env::inside(&level);
        names.rows.push(changed.row());
        let mut product = Product { leaves: vec![changed.leaf.clone()], ..Product::default() };
        let from = self.bring(&update.from, &mut names, &level);
        product.leaves.extend(from.leaves);
        product.equalities.extend(from.equalities);
        product.full |= from.full;
        let bound = self.where_clause(update.filter.as_ref(), &names, product);
        for assignment in &update.set {
            self.assign(&mut changed, assignment, &names);
        }
        let beside = names.rows.split_off(1);
        self.returning(&update.returning, changed, beside, &level, bound)
    }

    fn delete(&mut self, delete: &Delete, env: &Env<'_>) -> Option<Shape> {
        self.facets.insert(Facet::Writes);
        let level = self.level(delete.with.as_ref(), env);
        let changed = self.changed(&delete.target)?;
        let mut names = Env::inside(&level);
        names.rows.push(changed.row());
        let mut product = Product { leaves: vec![changed.leaf.clone()], ..Product::default() };
        let from = self.bring(&delete.from, &mut names, &level);
        product.leaves.extend(from.leaves);
        product.equalities.extend(from.equalities);
        product.full |= from.full;
        let bound = self.where_clause(delete.filter.as_ref(), &names, product);
        let beside = names.rows.split_off(1);
        self.returning(&delete.returning, changed, beside, &level, bound)
    }

    /// WHERE of UPDATE and DELETE: how many rows change at most.
    fn where_clause(&mut self, filter: Option<&Expr>, names: &Env<'_>, mut product: Product) -> RowBound {
        match filter {
            Some(filter) => {
                self.condition(filter, names, Position::Predicate, &mut product.equalities);
            }
            None => {
                self.facets.insert(Facet::WritesAll);
            }
        }
        let bound = product.bound();
        self.change_rows(bound);
        bound
    }

    fn merge_into(&mut self, merge: &Merge, env: &Env<'_>) -> Option<Shape> {
        self.facets.insert(Facet::Writes);
        let level = self.level(merge.with.as_ref(), env);
        let mut changed = self.changed(&merge.target)?;
        let source = self.source(&merge.source, &level, &level);
        let mut names = Env::inside(&level);
        names.rows = vec![changed.row(), source.row];
        self.condition(&merge.on, &names, Position::Join, &mut Vec::new());
        for branch in &merge.branches {
            if let Some(condition) = &branch.condition {
                self.condition(condition, &names, Position::Predicate, &mut Vec::new());
            }
            for assignment in &branch.set {
                self.assign(&mut changed, assignment, &names);
            }
        }
        self.change_rows(RowBound::Unbounded);
        if merge.returning.items.iter().any(|item| matches!(&item.value, Expr::Star(path) if path.is_empty())) {
            self.opaque("RETURNING * of MERGE", "name the columns instead");
        }
        let beside = names.rows.split_off(1);
        self.returning(&merge.returning, changed, beside, &level, RowBound::Unbounded)
    }

    fn change_rows(&mut self, bound: RowBound) {
        self.changed = super::bounds::sum(self.changed, bound);
    }

    fn returning(
        &mut self,
        returning: &Returning,
        changed: Changed,
        beside: Vec<Row>,
        level: &Env<'_>,
        bound: RowBound,
    ) -> Option<Shape> {
        if returning.items.is_empty() {
            return None;
        }
        self.facets.insert(Facet::Reads);
        let mut names = Env::inside(level);
        names.rows.push(changed.after(&returning.rows));
        names.rows.extend(beside);
        let (mut columns, wild) = self.items(&returning.items, &names);
        for field in &mut columns {
            field.value = field.value.outside();
        }
        Some(Shape { columns, wild, bound, unique: Vec::new() })
    }

    /// The target of a change, checked for whatever else happens when it changes.
    fn changed(&mut self, target: &Target) -> Option<Changed> {
        let relation = self.resolve(&target.name)?;
        let qualified = relation.qualified();
        self.uses(Some(relation.key), &qualified, Access::Write);
        let columns = match relation.kind {
            RelationKind::View => self.view_target(&relation)?,
            RelationKind::Table | RelationKind::Partitioned | RelationKind::Foreign => {
                self.base_columns(&relation, target.only)?
            }
            _ => {
                self.opaque(&format!("relation {qualified}"), "not a table or view");
                return None;
            }
        };
        self.side_effects(&relation, target.only, &columns);
        let id = self.leaf();
        let columns = from_leaf(columns, id);
        let table = Table {
            name: Some(target.alias.clone().unwrap_or_else(|| relation.name.clone())),
            schema: target.alias.is_none().then(|| relation.schema.clone()),
            columns: columns.as_slice().into(),
            wild: false,
            relations: vec![relation.key],
            scalar: false,
        };
        let unique = self.keys(&relation, target.only);
        let leaf = Leaf { id, bound: RowBound::Unbounded, unique };
        Some(Changed { written: vec![Value::default(); columns.len()], table, leaf })
    }

    fn view_target(&mut self, view: &Arc<Relation>) -> Option<Vec<Field>> {
        let shape = self.view_shape(view)?;
        let pairs = view.columns.iter().zip(&shape.columns);
        let columns = pairs.map(|(column, computed)| {
            let mut value = computed.value.clone();
            let flow = if value.is_plain() { Flow::Plain } else { Flow::Derived };
            value.add(ColumnKey { relation: view.key, number: column.number }, flow);
            Field { name: Some(self.dialect.column(&column.name)), value }
        });
        Some(columns.collect())
    }

    /// Triggers and rules of the target, of the tables under a view, and of partitions run code that is not followed.
    fn side_effects(&mut self, relation: &Arc<Relation>, only: bool, columns: &[Field]) {
        let mut touched: Vec<Arc<Relation>> = vec![relation.clone()];
        if !only || relation.kind == RelationKind::Partitioned {
            touched.extend(self.descendants(relation));
        }
        // A row can be deleted through a view whose columns are all computed.
        let beneath: std::collections::BTreeSet<RelationKey> =
            columns.iter().flat_map(|field| field.value.sources.keys()).map(|key| key.relation).collect();
        if relation.kind == RelationKind::View && beneath.iter().all(|key| *key == relation.key) {
            self.opaque(&format!("view {}", relation.qualified()), "the table under it could not be told");
        }
        touched.extend(beneath.iter().filter_map(|key| self.catalog.relation(*key)).cloned());
        for one in touched {
            let qualified = one.qualified();
            self.uses(Some(one.key), &qualified, Access::Write);
            if self.dialect.is_system(&one.schema) {
                // An UPDATE of pg_settings is a SET.
                self.opaque(&format!("relation {qualified}"), "system relations are not written to");
            }
            if one.has_triggers {
                self.opaque(&format!("triggers of {qualified}"), "the table has triggers, whose code is not followed");
            }
            if one.has_rules {
                self.opaque(&format!("rules of {qualified}"), "the relation has rewrite rules, which are not followed");
            }
            if one.kind == RelationKind::Foreign {
                self.facets.insert(Facet::Exports);
            }
        }
    }
}

impl Changed {
    fn place(&self, name: &str) -> Option<usize> {
        self.table.columns.iter().position(|field| field.name.as_deref() == Some(name))
    }

    fn row(&self) -> Row {
        Row { tables: vec![self.table.clone()], columns: self.table.columns.to_vec(), wild: self.table.wild }
    }

    /// The row that was to be inserted, as ON CONFLICT names it. Only MySQL's names for its columns stand alone.
    fn proposed(&self, alias: &Alias) -> Row {
        let pairs = self.table.columns.iter().zip(&self.written);
        let mut columns: Vec<Field> =
            pairs.map(|(field, value)| Field { name: field.name.clone(), value: value.clone() }).collect();
        for (field, name) in columns.iter_mut().zip(&alias.columns) {
            field.name = Some(name.clone());
        }
        let alone = if alias.columns.is_empty() { Vec::new() } else { columns.clone() };
        let table = Table { name: Some(alias.name.clone()), columns: columns.into(), ..Table::default() };
        Row { tables: vec![table], columns: alone, wild: false }
    }

    /// The row as RETURNING sees it: each column with what was written into it, under the names of old and new rows, too.
    fn after(self, rows: &[Name]) -> Row {
        let all = Value::derived(&self.written);
        let columns = self.table.columns.iter().zip(&self.written).map(|(field, written)| {
            let mut value = field.value.clone();
            value.absorb(written, |flow| flow.max(Flow::Derived));
            // A generated column follows whatever the others became.
            if value.sources.values().any(|flow| *flow == Flow::Derived) {
                value.absorb(&all, |_| Flow::Derived);
            }
            Field { name: field.name.clone(), value }
        });
        let columns: Vec<Field> = columns.collect();
        let table = Table { columns: columns.as_slice().into(), ..self.table };
        let mut tables = vec![table.clone()];
        let also = rows.iter().cloned().chain([Name::from("old"), Name::from("new")]);
        tables.extend(also.map(|name| Table { name: Some(name), schema: None, ..table.clone() }));
        Row { tables, columns, wild: false }
    }
}

/// The stored columns that a column of a table or simple view is.
fn plain_keys(value: &Value) -> Vec<ColumnKey> {
    value.sources.iter().filter(|(_, flow)| **flow == Flow::Plain).map(|(key, _)| *key).collect()
}
