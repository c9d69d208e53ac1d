//! Changes of rows: INSERT, UPDATE, DELETE, MERGE.

use crate::statement::tree::{Expr, From, Item, Name, Query, TableName, With};

/// What a change of rows acts on.
#[derive(Clone, Debug)]
pub struct Target {
    /// The relation.
    pub name: TableName,
    /// AS.
    pub alias: Option<Name>,
    /// ONLY.
    pub only: bool,
}

/// RETURNING.
#[derive(Clone, Debug, Default)]
pub struct Returning {
    /// Its list; empty if there is none.
    pub items: Vec<Item>,
    /// Names for the old and new row given by WITH.
    pub rows: Vec<Name>,
}

/// INSERT.
#[derive(Clone, Debug)]
pub struct Insert {
    /// WITH.
    pub with: Option<With>,
    /// Where to.
    pub target: Target,
    /// Columns written, in order; empty for all.
    pub columns: Vec<Name>,
    /// The rows; `None` is DEFAULT VALUES.
    pub source: Option<Query>,
    /// ON CONFLICT.
    pub conflict: Option<Conflict>,
    /// RETURNING.
    pub returning: Returning,
}

/// ON CONFLICT.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// Inferred index columns, expressions and predicate.
    pub target: Vec<Expr>,
    /// DO UPDATE SET; `None` is DO NOTHING.
    pub update: Option<Vec<Assignment>>,
    /// DO UPDATE's WHERE.
    pub filter: Option<Expr>,
}

/// A column assigned.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// The columns: several for `(a, b) = …`.
    pub columns: Vec<Name>,
    /// The value; for several columns a row or a query.
    pub value: Expr,
}

/// UPDATE.
#[derive(Clone, Debug)]
pub struct Update {
    /// WITH.
    pub with: Option<With>,
    /// What is changed.
    pub target: Target,
    /// SET.
    pub set: Vec<Assignment>,
    /// FROM.
    pub from: Vec<From>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// RETURNING.
    pub returning: Returning,
}

/// DELETE.
#[derive(Clone, Debug)]
pub struct Delete {
    /// WITH.
    pub with: Option<With>,
    /// What is deleted from.
    pub target: Target,
    /// USING.
    pub from: Vec<From>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// RETURNING.
    pub returning: Returning,
}

/// MERGE.
#[derive(Clone, Debug)]
pub struct Merge {
    /// WITH.
    pub with: Option<With>,
    /// What is merged into.
    pub target: Target,
    /// USING.
    pub source: From,
    /// ON.
    pub on: Expr,
    /// WHEN.
    pub branches: Vec<MergeBranch>,
    /// RETURNING.
    pub returning: Returning,
}

/// A WHEN of a MERGE.
#[derive(Clone, Debug)]
pub struct MergeBranch {
    /// AND condition.
    pub condition: Option<Expr>,
    /// Columns and values written.
    pub set: Vec<Assignment>,
}
