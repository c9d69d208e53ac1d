//! Which names are visible where: columns, tables and WITH members, level by level, as the servers search them.

use std::sync::Arc;

use super::value::{Field, Shape, Value};
use crate::catalog::{ColumnKey, RelationKey};
use crate::statement::footprint::Flow;
use crate::statement::scope::Dialect;
use crate::statement::tree::Name;

/// A name that qualifies columns.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The alias, or the relation's name; `None` cannot be named.
    pub name: Option<Name>,
    /// The schema, if it is a relation without an alias.
    pub schema: Option<Name>,
    /// Its columns.
    pub columns: Arc<[Field]>,
    /// There may be other columns.
    pub wild: bool,
    /// Base relations whose rows these are.
    pub relations: Vec<RelationKey>,
    /// It is one column without a row around it: a function's scalar result.
    pub scalar: bool,
}

/// What one item of FROM makes visible.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Names that qualify.
    pub tables: Vec<Table>,
    /// Columns without qualification, in the order of `*`.
    pub columns: Vec<Field>,
    /// There may be other columns.
    pub wild: bool,
}

/// One level of names, and the levels around it.
#[derive(Default)]
pub struct Env<'e> {
    /// The level around this one.
    pub outer: Option<&'e Env<'e>>,
    /// WITH members.
    pub ctes: Vec<(Name, Arc<Shape>)>,
    /// What FROM makes visible here.
    pub rows: Vec<Row>,
    /// Names of the select list, where the dialect lets others see them.
    pub aliases: Vec<Field>,
    /// What is looked up may be an alias as well as a column of that name.
    pub prefers_aliases: bool,
    /// Arguments of the SQL function whose body this is the outermost level of.
    pub arguments: Option<Vec<Value>>,
}

/// What a name was found to be.
pub enum Found {
    /// This value.
    Value(Value),
    /// Nothing, but a source of unknown columns might have it.
    Maybe,
    /// Nothing.
    Missing,
}

impl<'e> Env<'e> {
    /// A level inside another.
    pub fn inside(outer: &'e Env<'e>) -> Self {
        Self { outer: Some(outer), ..Self::default() }
    }

    /// The levels from this one outwards.
    fn levels(&self) -> impl Iterator<Item = &Env<'e>> {
        std::iter::successors(Some(self), |level| level.outer)
    }

    /// The member of a WITH list that a bare name means.
    pub fn cte(&self, name: &str) -> Option<Arc<Shape>> {
        let mut all = self.levels().flat_map(|level| level.ctes.iter().rev());
        all.find(|(known, _)| &**known == name).map(|(_, shape)| shape.clone())
    }

    /// A parameter's value: an argument inside a function's body.
    pub fn parameter(&self, number: u32) -> Option<&Value> {
        let arguments = self.levels().find_map(|level| level.arguments.as_ref())?;
        arguments.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// Inside a function's body.
    pub fn has_arguments(&self) -> bool {
        self.levels().any(|level| level.arguments.is_some())
    }

    /// A bare name: a column, or an output's name, or else, where the dialect has that, a whole row.
    pub fn bare(&self, name: &str, dialect: Dialect) -> Found {
        for level in self.levels() {
            let columns = level.rows.iter().flat_map(|row| &row.columns);
            let column = union(columns.clone(), name);
            if let (Some(value), false) = (&column, level.prefers_aliases) {
                return Found::Value(value.clone());
            }
            if level.rows.iter().any(|row| row.wild) {
                return Found::Maybe;
            }
            // MySQL's rules differ by clause; where both exist, either may be meant.
            let value = match (column, union(level.aliases.iter(), name)) {
                (Some(column), Some(alias)) => Some(Value::either(&column, &alias)),
                (column, alias) => column.or(alias),
            };
            if let Some(value) = value {
                return Found::Value(value);
            }
            if columns.chain(&level.aliases).any(|field| field.name.is_none()) && dialect.may_be_text(name) {
                return Found::Maybe;
            }
        }
        match self.table(None, name) {
            Some(table) if dialect.has_row_values() => Found::Value(table.row()),
            _ => Found::Missing,
        }
    }

    /// A column, known or not, may have this name.
    pub fn has_column(&self, name: &str) -> bool {
        let mut rows = self.levels().flat_map(|level| &level.rows);
        rows.any(|row| {
            row.wild || row.columns.iter().any(|field| field.name.as_deref().is_none_or(|known| known == name))
        })
    }

    /// The table of this name, innermost first.
    pub fn table(&self, schema: Option<&str>, name: &str) -> Option<&Table> {
        let mut all = self.levels().flat_map(|level| level.rows.iter().flat_map(|row| &row.tables));
        all.find(|table| {
            table.name.as_deref() == Some(name) && schema.is_none_or(|schema| table.schema.as_deref() == Some(schema))
        })
    }
}

/// The value of the fields of this name. Two of the same name are an error for the server; their union keeps us safe if it
/// is not.
fn union<'f>(fields: impl Iterator<Item = &'f Field>, name: &str) -> Option<Value> {
    let mut found = fields.filter(|field| field.name.as_deref() == Some(name));
    let first = found.next()?;
    Some(found.fold(first.value.clone(), |value, other| Value::either(&value, &other.value)))
}

impl Table {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&Value> {
        self.columns.iter().find(|field| field.name.as_deref() == Some(name)).map(|field| &field.value)
    }

    /// It may have a column of this name that is not known by name.
    pub fn may_have(&self, name: &str, dialect: Dialect) -> bool {
        self.wild || self.columns.iter().any(|field| field.name.is_none()) && dialect.may_be_text(name)
    }

    /// The whole row as one value.
    pub fn row(&self) -> Value {
        if let (true, Some(only)) = (self.scalar, self.columns.first()) {
            return only.value.clone();
        }
        let mut row = Value::row(self.columns.clone());
        for relation in &self.relations {
            row.add(ColumnKey { relation: *relation, number: 0 }, Flow::Derived);
        }
        row.unknown |= self.wild;
        if self.wild {
            row.fields = None;
        }
        row
    }
}
