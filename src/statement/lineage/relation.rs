//! Relations by name: base tables with their descendants and generated columns, views through their definitions.

use std::sync::Arc;

use super::Analyser;
use super::bounds::Leaf;
use super::names::{Env, Row, Table};
use super::source::{Product, Source};
use super::value::{Field, Origin, Shape, Value};
use crate::catalog::{ColumnKey, Relation, RelationKey, RelationKind};
use crate::statement::builtins;
use crate::statement::footprint::{Access, Flow, Position, RowBound};
use crate::statement::tree::{Alias, Body, Name, TableName};

/// Descendants of one relation that are followed; more make it opaque.
const DESCENDANTS_MAX: usize = 2000;

impl Analyser<'_> {
    /// A table, view or WITH member in FROM.
    pub(super) fn table(&mut self, name: &TableName, alias: Option<&Alias>, only: bool, env: &Env<'_>) -> Source {
        let names: &[Name] = alias.map_or(&[], |alias| &alias.columns);
        if name.schema.is_none()
            && let Some(shape) = env.cte(&name.name)
        {
            let called = alias.map_or(&name.name, |alias| &alias.name).clone();
            let id = self.leaf();
            return Source::of(super::query::renamed(shape.as_ref().clone(), names), Some(called), id, self.dialect);
        }
        let id = self.leaf();
        let Some(relation) = self.resolve(name) else {
            let mut source = Source::unknown(alias, id);
            for table in &mut source.row.tables {
                table.name.get_or_insert_with(|| name.name.clone());
            }
            return source;
        };
        self.uses(Some(relation.key), &relation.qualified(), Access::Read);
        let called = Alias { name: name.name.clone(), columns: Vec::new() };
        let mut source = self.relation_source(&relation, alias.unwrap_or(&called), only, id);
        if alias.is_none() {
            let schema = name.schema.clone().unwrap_or_else(|| self.dialect.stored(&relation.schema));
            source.row.tables.iter_mut().for_each(|table| table.schema = Some(schema.clone()));
        }
        source
    }

    /// The relation a name means, or `None` after saying why it cannot be known.
    pub(super) fn resolve(&mut self, name: &TableName) -> Option<Arc<Relation>> {
        let written = match &name.schema {
            Some(schema) => format!("relation {schema}.{}", name.name),
            None => format!("relation {}", name.name),
        };
        let temporary = self.dialect.temporary_hides_qualified()
            || name.schema.as_ref().is_none_or(|schema| schema.starts_with("pg_temp"));
        if temporary && self.shadowed && self.dialect.is_temporary(&self.scope.temporary, &name.name)
            || name.schema.as_ref().is_some_and(|schema| schema.starts_with("pg_temp"))
        {
            self.opaque(&written, "a temporary relation; its contents are not tracked");
            return None;
        }
        let path = match &name.schema {
            Some(schema) => vec![schema.clone()],
            None => self.path.clone(),
        };
        for schema in &path {
            if self.dialect.is_system(schema) {
                match self.system_relation(schema, &name.name, name.schema.is_some()) {
                    Ok(Some(relation)) => return Some(relation),
                    Ok(None) => continue,
                    Err(()) => {
                        self.opaque(
                            &written,
                            "this system relation is not on the list of those that hold no user data",
                        );
                        return None;
                    }
                }
            }
            if let Some(relation) = self.dialect.relation(self.catalog, schema, &name.name) {
                return Some(relation.clone());
            }
        }
        self.unresolved = true;
        self.uses(None, &name.name, Access::Read);
        self.opaque(&written, "not found in the catalog");
        None
    }

    /// `Ok(None)`: it has no such relation. `Err`: it has, or may have, and it is not allowed.
    fn system_relation(&self, schema: &str, name: &str, explicit: bool) -> Result<Option<Arc<Relation>>, ()> {
        let known = self.dialect.relation(self.catalog, schema, name);
        if builtins::system_relation(self.dialect, schema, name) {
            return known.cloned().map(Some).ok_or(());
        }
        let possible = known.is_some() || self.dialect.may_be_system(schema, name, explicit);
        if possible { Err(()) } else { Ok(None) }
    }

    fn relation_source(&mut self, relation: &Arc<Relation>, alias: &Alias, only: bool, id: u32) -> Source {
        let (columns, unique, bound) = match relation.kind {
            RelationKind::View | RelationKind::MaterializedView if !self.dialect.is_system(&relation.schema) => {
                self.view_columns(relation)
            }
            RelationKind::Other => {
                self.opaque(&format!("relation {}", relation.qualified()), "not a table or view");
                return Source::unknown(Some(alias), id);
            }
            _ => (self.base_columns(relation, only), self.keys(relation, only), RowBound::Unbounded),
        };
        let Some(mut columns) = columns else {
            return Source::unknown(Some(alias), id);
        };
        for (column, field) in columns.iter_mut().enumerate() {
            field.value.origin = Some(Origin { leaf: id, column });
            let number = relation.columns.get(column).map(|column| column.number);
            let key = number.map(|number| ColumnKey { relation: relation.key, number });
            field.value.hidden = key.is_some_and(|key| self.catalog.is_hidden(key));
        }
        for (field, name) in columns.iter_mut().zip(&alias.columns) {
            field.name = Some(name.clone());
        }
        let mut relations = vec![relation.key];
        if !only {
            relations.extend(self.descendants(relation).iter().map(|child| child.key));
        }
        let table = Table {
            name: Some(alias.name.clone()),
            schema: None,
            columns: columns.as_slice().into(),
            wild: false,
            relations,
            scalar: false,
        };
        let leaf = Leaf { id, bound, unique };
        Source {
            row: Row { tables: vec![table], columns, wild: false },
            product: Product { leaves: vec![leaf], ..Product::default() },
        }
    }

    /// A stored relation's columns, with those of its descendants and what generated ones are computed from.
    pub(super) fn base_columns(&mut self, relation: &Arc<Relation>, only: bool) -> Option<Vec<Field>> {
        let descendants = if only { Vec::new() } else { self.descendants(relation) };
        if descendants.len() >= DESCENDANTS_MAX {
            self.opaque(&format!("relation {}", relation.qualified()), "too many partitions to follow");
            return None;
        }
        let mut columns: Vec<Field> = Vec::with_capacity(relation.columns.len());
        for column in &relation.columns {
            let key = ColumnKey { relation: relation.key, number: column.number };
            let mut value = Value::column(key, column.type_oid);
            for child in &descendants {
                if let Some(same) = child.column_named(&column.name) {
                    value.add(ColumnKey { relation: child.key, number: same.number }, Flow::Plain);
                }
            }
            columns.push(Field { name: Some(self.dialect.column(&column.name)), value });
        }
        for (index, column) in relation.columns.iter().enumerate() {
            let Some(expression) = &column.generated else { continue };
            let computed = self.generated(expression, relation, &columns);
            if let Some(field) = columns.get_mut(index) {
                field.value.absorb(&computed, |_| Flow::Derived);
            }
        }
        Some(columns)
    }

    /// What a generated column is computed from.
    fn generated(&mut self, expression: &str, relation: &Relation, columns: &[Field]) -> Value {
        let parsed = self.dialect.definition(&format!("SELECT {expression}"));
        let item = parsed.as_ref().and_then(|query| match &query.body {
            Body::Select(select) => select.items.first(),
            _ => None,
        });
        let Some(item) = item else {
            if self.dialect.generates_from_row_only() {
                return Value::derived(columns.iter().map(|field| &field.value));
            }
            self.opaque(&format!("relation {}", relation.qualified()), "a generated column could not be followed");
            return Value::unknown();
        };
        let mut env = Env::default();
        env.rows.push(Row { tables: Vec::new(), columns: columns.to_vec(), wild: false });
        // Computed when the row was written: what it could tell, it told then.
        let probes = std::mem::take(&mut self.probes);
        let value = self.in_definition(|analyser| analyser.value(&item.value, &env, Position::Predicate));
        let told = std::mem::replace(&mut self.probes, probes);
        let mut value = Value::derived([&value]);
        for probe in told {
            value.add(probe.column, Flow::Derived);
        }
        value
    }

    /// Runs something with names as a view's definition has them: everything qualified but the system's own.
    pub(super) fn in_definition<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        let path = std::mem::replace(&mut self.path, self.dialect.definition_path());
        let shadowed = std::mem::replace(&mut self.shadowed, false);
        let result = run(self);
        self.path = path;
        self.shadowed = shadowed;
        result
    }

    /// Every partition or inheritance child below a relation.
    pub(super) fn descendants(&self, relation: &Relation) -> Vec<Arc<Relation>> {
        let mut found: Vec<Arc<Relation>> = Vec::new();
        let mut seen: std::collections::HashSet<RelationKey> = std::collections::HashSet::from([relation.key]);
        let mut open: Vec<RelationKey> = relation.children.clone();
        while let Some(key) = open.pop() {
            if found.len() >= DESCENDANTS_MAX || !seen.insert(key) {
                continue;
            }
            if let Some(child) = self.catalog.relation(key) {
                open.extend(&child.children);
                found.push(child.clone());
            }
        }
        found
    }

    /// Unique keys as positions of columns, with how many rows may share one.
    pub(super) fn keys(&self, relation: &Relation, only: bool) -> Vec<(Vec<usize>, u64)> {
        // A partitioned table's key spans its partitions; an inheritance parent's does not span its children.
        let spans = only || relation.kind == RelationKind::Partitioned;
        let descendants = if spans { Vec::new() } else { self.descendants(relation) };
        let mut keys = Vec::new();
        for key in &relation.unique_keys {
            let place = |number: &i16| relation.columns.iter().position(|column| column.number == *number);
            let Some(places) = key.iter().map(place).collect::<Option<Vec<usize>>>() else { continue };
            let names: Vec<&Name> = places.iter().filter_map(|p| relation.columns.get(*p)).map(|c| &c.name).collect();
            if descendants.iter().all(|child| has_key(child, &names)) {
                keys.push((places, 1 + u64::try_from(descendants.len()).unwrap_or(u64::MAX - 1)));
            }
        }
        keys
    }

    #[allow(clippy::type_complexity, reason = "the three parts of a leaf, taken apart at once")]
    fn view_columns(&mut self, view: &Arc<Relation>) -> (Option<Vec<Field>>, Vec<(Vec<usize>, u64)>, RowBound) {
        let Some(shape) = self.view_shape(view) else {
            return (None, Vec::new(), RowBound::Unbounded);
        };
        let mut columns = Vec::with_capacity(view.columns.len());
        for (column, computed) in view.columns.iter().zip(&shape.columns) {
            let mut value = computed.value.clone();
            let plain = value.sources.values().all(|flow| *flow == Flow::Plain);
            let own = ColumnKey { relation: view.key, number: column.number };
            value.add(own, if plain { Flow::Plain } else { Flow::Derived });
            value.type_oid = column.type_oid;
            columns.push(Field { name: Some(self.dialect.column(&column.name)), value });
        }
        let mut unique: Vec<(Vec<usize>, u64)> = shape.unique.iter().map(|key| (key.clone(), 1)).collect();
        unique.extend(self.keys(view, true));
        (Some(columns), unique, shape.bound)
    }

    /// What a view's definition gives; followed once per statement.
    pub(super) fn view_shape(&mut self, view: &Arc<Relation>) -> Option<Arc<Shape>> {
        if let Some(known) = self.views.get(&view.key) {
            return known.clone();
        }
        self.views.insert(view.key, None);
        let parsed = view.definition.as_ref().and_then(|text| self.dialect.definition(text));
        let shape = parsed.map(|query| {
            let around = std::mem::take(&mut self.local);
            let shape = self.in_definition(|analyser| analyser.query(&query, &Env::default()));
            self.local = around;
            shape
        });
        let matches = |shape: &Shape| !shape.wild && shape.columns.len() == view.columns.len();
        let shape = shape.filter(matches).map(Arc::new);
        if shape.is_none() {
            self.opaque(&format!("view {}", view.qualified()), "its definition could not be followed");
        }
        self.views.insert(view.key, shape.clone());
        shape
    }
}

fn has_key(relation: &Relation, names: &[&Name]) -> bool {
    relation.unique_keys.iter().any(|key| {
        key.len() == names.len()
            && key.iter().all(|number| relation.column(*number).is_some_and(|column| names.contains(&&column.name)))
    })
}
