//! Changes of rows: INSERT, UPDATE, DELETE, MERGE.

use crate::statement::tree::{Alias, Expr, From, Item, Name, Query, TableName, With};

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
    /// What the proposed row is called in it: `excluded`, or MySQL's row alias.
    pub proposed: Vec<Alias>,
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

/// MySQL's UPDATE and DELETE: of one table or of several that are joined.
#[derive(Clone, Debug)]
pub struct Joined {
    /// WITH.
    pub with: Option<With>,
    /// The tables, joined or listed.
    pub from: Vec<From>,
    /// What is done to which of them.
    pub deed: Deed,
    /// WHERE.
    pub filter: Option<Expr>,
    /// ORDER BY: which rows come first under a LIMIT.
    pub order: Vec<Expr>,
    /// LIMIT.
    pub limit: Option<Expr>,
    /// RETURNING, of a DELETE from one table.
    pub returning: Vec<Item>,
}

/// What a [`Joined`] change does.
#[derive(Clone, Debug)]
pub enum Deed {
    /// SET: columns as written, `a`, `t.a` or `s.t.a`, with their values in order.
    Update(Vec<(Vec<Name>, Expr)>),
    /// DELETE from these of the tables, `t` or `s.t`, each the name or alias of one of them.
    Delete(Vec<Vec<Name>>),
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
