//! The tree that every dialect is lowered into: what decides names, flows and bounds. Unknown things are `Opaque`.

mod call;
pub mod change;

use std::sync::Arc;

pub use crate::statement::tree::call::{Argument, Call, Operator, TypeName};
use crate::statement::tree::change::{Delete, Insert, Joined, Merge, Update};

/// A name as stored (already folded by the dialect).
pub type Name = Arc<str>;

/// A query with its WITH list, order and limits.
#[derive(Clone, Debug)]
pub struct Query {
    /// WITH.
    pub with: Option<With>,
    /// What makes the rows.
    pub body: Body,
    /// ORDER BY.
    pub order: Vec<Expr>,
    /// LIMIT or FETCH FIRST; a NULL constant is no limit.
    pub limit: Option<Expr>,
    /// FETCH FIRST … WITH TIES: the limit bounds nothing.
    pub with_ties: bool,
    /// OFFSET.
    pub offset: Option<Expr>,
}

/// A WITH list.
#[derive(Clone, Debug)]
pub struct With {
    /// WITH RECURSIVE.
    pub recursive: bool,
    /// Its members in order.
    pub tables: Vec<Cte>,
}

/// One member of a WITH list.
#[derive(Clone, Debug)]
pub struct Cte {
    /// Its name.
    pub name: Name,
    /// Column names given with it.
    pub columns: Vec<Name>,
    /// What it computes.
    pub body: Dml,
    /// SEARCH or CYCLE clauses add columns nobody here follows.
    pub extended: bool,
}

/// A statement that may stand in a WITH list or alone.
#[derive(Clone, Debug)]
pub enum Dml {
    /// A query.
    Query(Box<Query>),
    /// INSERT.
    Insert(Box<Insert>),
    /// UPDATE.
    Update(Box<Update>),
    /// DELETE.
    Delete(Box<Delete>),
    /// MERGE.
    Merge(Box<Merge>),
    /// UPDATE or DELETE over a FROM list, as MySQL writes it.
    Joined(Box<Joined>),
    /// A kind of statement the lowering does not know.
    Opaque(Unknown),
}

/// Something a lowering does not know.
#[derive(Clone, Debug)]
pub struct Unknown {
    /// What it is, never a literal.
    pub what: Name,
    /// Why it cannot be followed, or what to write instead.
    pub why: Name,
}

/// What makes a query's rows.
#[derive(Clone, Debug)]
pub enum Body {
    /// SELECT.
    Select(Box<Select>),
    /// VALUES.
    Values(Vec<Vec<Expr>>),
    /// UNION, INTERSECT, EXCEPT.
    Set {
        /// Rows of both sides are kept as they are: UNION ALL.
        keeps_all: bool,
        /// Rows come from both sides (UNION) and not from the left one only.
        adds: bool,
        /// Left side.
        left: Box<Query>,
        /// Right side.
        right: Box<Query>,
    },
}

/// One SELECT.
#[derive(Clone, Debug, Default)]
pub struct Select {
    /// DISTINCT.
    pub distinct: Distinct,
    /// The select list.
    pub items: Vec<Item>,
    /// FROM.
    pub from: Vec<From>,
    /// WHERE.
    pub filter: Option<Expr>,
    /// GROUP BY, grouping sets flattened.
    pub group: Vec<Expr>,
    /// GROUP BY has grouping sets, so that even an empty list may give several rows.
    pub grouping_sets: bool,
    /// HAVING.
    pub having: Option<Expr>,
    /// WINDOW.
    pub windows: Vec<Window>,
}

/// DISTINCT.
#[derive(Clone, Debug, Default)]
pub enum Distinct {
    /// None.
    #[default]
    No,
    /// DISTINCT.
    Rows,
    /// DISTINCT ON.
    On(Vec<Expr>),
}

/// A member of a select or RETURNING list.
#[derive(Clone, Debug)]
pub struct Item {
    /// What is computed; [`Expr::Star`] and [`Expr::FieldStar`] stand for several columns.
    pub value: Expr,
    /// AS.
    pub alias: Option<Name>,
}

/// A window: OVER (…) or a WINDOW member.
#[derive(Clone, Debug, Default)]
pub struct Window {
    /// PARTITION BY, ORDER BY and frame offsets.
    pub shape: Vec<Expr>,
}

/// A name given to a source of rows, with names for its columns.
#[derive(Clone, Debug)]
pub struct Alias {
    /// The name.
    pub name: Name,
    /// Names for its first columns.
    pub columns: Vec<Name>,
}

/// A relation's name as written.
#[derive(Clone, Debug)]
pub struct TableName {
    /// Schema, if written.
    pub schema: Option<Name>,
    /// Name.
    pub name: Name,
}

/// A source of rows.
#[derive(Clone, Debug)]
pub enum From {
    /// A table, view or CTE.
    Table {
        /// Its name.
        name: TableName,
        /// AS.
        alias: Option<Alias>,
        /// ONLY: inheritance children are left out.
        only: bool,
        /// TABLESAMPLE's arguments.
        sample: Vec<Expr>,
    },
    /// A query in parentheses.
    Subquery {
        /// The query.
        query: Box<Query>,
        /// AS.
        alias: Option<Alias>,
        /// Sees what stands to its left.
        lateral: bool,
    },
    /// Functions; they always see what stands to their left.
    Functions {
        /// One, or several in ROWS FROM.
        calls: Vec<TableCall>,
        /// WITH ORDINALITY.
        ordinality: bool,
        /// AS.
        alias: Option<Alias>,
    },
    /// A join.
    Join(Box<Join>),
    /// Something the lowering does not know.
    Opaque {
        /// What.
        unknown: Unknown,
        /// AS.
        alias: Option<Alias>,
    },
}

/// A function in FROM.
#[derive(Clone, Debug)]
pub struct TableCall {
    /// The call.
    pub call: Expr,
    /// A column definition list; a type that is not understood is `None`.
    pub columns: Vec<(Name, Option<TypeName>)>,
}

/// Which side's rows survive without a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// Neither.
    Inner,
    /// The left side's.
    Left,
    /// The right side's.
    Right,
    /// Both sides'.
    Full,
}

/// A join.
#[derive(Clone, Debug)]
pub struct Join {
    /// Which rows survive.
    pub kind: JoinKind,
    /// Left side.
    pub left: From,
    /// Right side.
    pub right: From,
    /// How rows match.
    pub condition: JoinCondition,
    /// AS.
    pub alias: Option<Alias>,
}

/// How rows of a join match.
#[derive(Clone, Debug)]
pub enum JoinCondition {
    /// CROSS JOIN.
    None,
    /// ON.
    On(Expr),
    /// USING, with an alias for the merged columns.
    Using(Vec<Name>, Option<Name>),
    /// NATURAL.
    Natural,
}

/// A constant; its value only where it decides bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Constant {
    /// NULL.
    Null,
    /// An integer.
    Integer(i64),
    /// Another number, where a dialect compares numbers and strings in ways of its own; else it is `Other`.
    Number,
    /// Anything else.
    Other,
}

/// An expression.
#[derive(Clone, Debug)]
pub enum Expr {
    /// `a`, `t.a`, `s.t.a`: a column, or a whole row.
    Column(Vec<Name>),
    /// `*`, `t.*`, `s.t.*`.
    Star(Vec<Name>),
    /// `(e).*`.
    FieldStar(Box<Expr>),
    /// A constant.
    Constant(Constant),
    /// A parameter, counted from 1; 0 if it has no number.
    Parameter(u32),
    /// DEFAULT in VALUES or SET.
    Default,
    /// A function or aggregate call.
    Call(Box<Call>),
    /// An operator, or a comparison with a list (`= ANY (array)`).
    Operator(Box<Operator>),
    /// `e IN (…)`: expressions.
    InList(Box<Expr>, Vec<Expr>),
    /// A query inside an expression.
    Subquery(SubqueryKind, Option<Box<Expr>>, Box<Query>),
    /// AND.
    And(Vec<Expr>),
    /// OR, NOT, IS TRUE and kin: truth of truths.
    Logic(Vec<Expr>),
    /// IS NULL and IS NOT NULL.
    IsNull(Box<Expr>),
    /// BETWEEN, IS DISTINCT FROM: operands that are compared.
    Compare(Vec<Expr>),
    /// NULLIF.
    NullIf(Box<Expr>, Box<Expr>),
    /// CASE: the operand and conditions, then the results, the ELSE last.
    Case(Vec<Expr>, Vec<Expr>),
    /// COALESCE, GREATEST, LEAST: named as the first member says.
    Choice(Name, Vec<Expr>),
    /// A cast.
    Cast(Box<Expr>, TypeName),
    /// ROW(…).
    Row(Vec<Expr>),
    /// ARRAY[…].
    Array(Vec<Expr>),
    /// `(e).field`.
    Field(Box<Expr>, Name),
    /// `e[…]`.
    Subscript(Box<Expr>, Vec<Expr>),
    /// COLLATE.
    Collate(Box<Expr>),
    /// `current_date`, `current_user` and kin, by name.
    Session(Name),
    /// A user variable, `@v`.
    Variable(Name),
    /// `@v := e`: gives the value, and keeps it in the session.
    Assign(Name, Box<Expr>),
    /// GROUPING(…), `merge_action()`: says nothing about values. By name.
    Marker(Name),
    /// An SQL/JSON constructor, by name; total over its members.
    Construct(Name, Vec<Expr>),
    /// Something the lowering does not know, with what stands inside.
    Opaque(Unknown, Vec<Expr>),
}

/// What a query inside an expression is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubqueryKind {
    /// Its one value.
    Scalar,
    /// EXISTS.
    Exists,
    /// IN, ANY, ALL, row comparison: compared with the test expression.
    Compared,
    /// ARRAY(…).
    Array,
}
