//! What is known about a value: the base columns it comes from and how they flow into it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::ColumnKey;
use crate::statement::footprint::{Flow, RowBound, Source};
use crate::statement::tree::Name;

/// A column of a source of rows within one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Which source of rows; unique within the statement.
    pub leaf: u32,
    /// Which of its columns, from 0.
    pub column: usize,
}

/// What is known about one value.
#[derive(Clone, Debug, Default)]
pub struct Value {
    /// Base columns with their strongest flow.
    pub sources: BTreeMap<ColumnKey, Flow>,
    /// Something flowed in that could not be followed.
    pub unknown: bool,
    /// A composite's members, if they are known.
    pub fields: Option<Arc<[Field]>>,
    /// It is this column, untouched.
    pub origin: Option<Origin>,
    /// It is the same for every row: constants and parameters.
    pub fixed: bool,
    /// The type, where a catalog says it; else 0.
    pub type_oid: u32,
    /// A column that `*` leaves out.
    pub hidden: bool,
}

/// A named value; `None` is a name that could not be foretold.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name.
    pub name: Option<Name>,
    /// The value.
    pub value: Value,
}

/// Columns that are read from this source: each value's origin is its place there.
pub fn from_leaf(columns: Vec<Field>, leaf: u32) -> Vec<Field> {
    let placed = |(column, field): (usize, Field)| Field {
        name: field.name,
        value: Value { origin: Some(Origin { leaf, column }), ..field.value },
    };
    columns.into_iter().enumerate().map(placed).collect()
}

/// What a query gives: its columns, and how many rows at most.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The columns in order.
    pub columns: Vec<Field>,
    /// There may be other columns, unknown ones.
    pub wild: bool,
    /// Rows at most.
    pub bound: RowBound,
    /// Sets of columns no two rows agree on.
    pub unique: Vec<Vec<usize>>,
}

impl Value {
    /// A constant or parameter.
    pub fn fixed() -> Self {
        Self { fixed: true, ..Self::default() }
    }

    /// Nothing is known about it.
    pub fn unknown() -> Self {
        Self { unknown: true, ..Self::default() }
    }

    /// A base column itself.
    pub fn column(key: ColumnKey, type_oid: u32) -> Self {
        Self { sources: BTreeMap::from([(key, Flow::Plain)]), type_oid, ..Self::default() }
    }

    /// Computed from others by an expression that mixes or changes them.
    pub fn derived<'v>(parts: impl IntoIterator<Item = &'v Self>) -> Self {
        let mut result = Self::default();
        for part in parts {
            result.absorb(part, |flow| match flow {
                Flow::Plain | Flow::Derived => Flow::Derived,
                kept => kept,
            });
        }
        result
    }

    /// Computed by an aggregate that turns plain columns into `flow`.
    pub fn aggregated<'v>(parts: impl IntoIterator<Item = &'v Self>, flow: Flow) -> Self {
        let mut result = Self::default();
        for part in parts {
            result.absorb(part, |own| match own {
                _ if flow == Flow::Counted => Flow::Counted,
                Flow::Plain => flow,
                kept => kept,
            });
        }
        result
    }

    /// One of two values, unchanged: rows of a set operation, a merged join column.
    pub fn either(left: &Self, right: &Self) -> Self {
        let type_oid = match (left.sources.is_empty(), right.sources.is_empty()) {
            _ if left.type_oid == right.type_oid => left.type_oid,
            (true, false) => right.type_oid,
            (false, true) => left.type_oid,
            _ => 0,
        };
        let fields = match (&left.fields, &right.fields) {
            (Some(left), Some(right)) if left.len() == right.len() => Some(
                left.iter()
                    .zip(right.iter())
                    .map(|(l, r)| Field { name: l.name.clone(), value: Self::either(&l.value, &r.value) })
                    .collect(),
            ),
            _ => None,
        };
        let mut result = if left.sources == right.sources || right.sources.is_empty() {
            Self { sources: left.sources.clone(), ..Self::default() }
        } else if left.sources.is_empty() {
            Self { sources: right.sources.clone(), ..Self::default() }
        } else {
            Self::derived([left, right])
        };
        result.unknown = left.unknown || right.unknown;
        result.type_oid = type_oid;
        result.fields = fields;
        result
    }

    /// Adds another's sources, each with the flow that `change` gives.
    pub fn absorb(&mut self, other: &Self, change: impl Fn(Flow) -> Flow) {
        self.unknown |= other.unknown;
        for (key, flow) in &other.sources {
            self.add(*key, change(*flow));
        }
    }

    /// Adds a source; of two flows the stronger stays.
    pub fn add(&mut self, key: ColumnKey, flow: Flow) {
        let own = self.sources.entry(key).or_insert(flow);
        *own = (*own).max(flow);
    }

    /// It is base columns unchanged, under one or several names.
    pub fn is_plain(&self) -> bool {
        !self.unknown && !self.sources.is_empty() && self.sources.values().all(|flow| *flow == Flow::Plain)
    }

    /// The same value seen from outside the query that made it.
    pub fn outside(&self) -> Self {
        Self { origin: None, fixed: false, hidden: false, ..self.clone() }
    }

    /// The sources as a footprint lists them.
    pub fn source_list(&self) -> Vec<Source> {
        self.sources.iter().map(|(column, flow)| Source { column: *column, flow: *flow }).collect()
    }

    /// A row of these members.
    pub fn row(fields: Arc<[Field]>) -> Self {
        let mut row = Self::derived(fields.iter().map(|field| &field.value));
        row.fields = Some(fields);
        row
    }

    /// The member of this name, if the members are known and one has it.
    pub fn field(&self, name: &str) -> Option<&Self> {
        let fields = self.fields.as_ref()?;
        fields.iter().find(|field| field.name.as_deref() == Some(name)).map(|field| &field.value)
    }
}

impl Shape {
    /// Nothing is known about it.
    pub fn unknown() -> Self {
        Self { columns: Vec::new(), wild: true, bound: RowBound::Unbounded, unique: Vec::new() }
    }

    /// The value of a scalar subquery over it. Of several columns it is a row, as MySQL compares them.
    pub fn scalar(&self) -> Value {
        match self.columns.as_slice() {
            _ if self.wild => Value::unknown(),
            [] => Value::unknown(),
            [only] => only.value.outside(),
            several => Value::derived(several.iter().map(|field| &field.value)),
        }
    }
}
