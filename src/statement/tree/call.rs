//! Calls, operators and types as expressions name them.

use crate::statement::tree::{Expr, Name, Window};

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    /// The name, schema first if written.
    pub name: Vec<Name>,
    /// Arguments.
    pub arguments: Vec<Argument>,
    /// `count(*)`.
    pub star: bool,
    /// DISTINCT.
    pub distinct: bool,
    /// VARIADIC.
    pub variadic: bool,
    /// ORDER BY inside the call.
    pub order: Vec<Expr>,
    /// The order is WITHIN GROUP: its expressions are arguments, too.
    pub within_group: bool,
    /// FILTER.
    pub filter: Option<Expr>,
    /// OVER.
    pub over: Option<Window>,
}

/// An argument.
#[derive(Clone, Debug)]
pub struct Argument {
    /// `name =>`.
    pub name: Option<Name>,
    /// The value.
    pub value: Expr,
}

/// An operator with its operands.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Schema, if written with OPERATOR(…).
    pub schema: Option<Name>,
    /// The operator.
    pub name: Name,
    /// Left operand.
    pub left: Option<Expr>,
    /// Right operand.
    pub right: Option<Expr>,
    /// The right operand is an array whose members are compared (ANY, ALL).
    pub over_array: bool,
    /// One member is enough (ANY).
    pub any: bool,
}

/// A type's name.
#[derive(Clone, Debug)]
pub struct TypeName {
    /// Schema, if written and not the system's.
    pub schema: Option<Name>,
    /// Name.
    pub name: Name,
    /// It is an array of it.
    pub array: bool,
    /// It has modifiers: `varchar(3)`.
    pub modified: bool,
}
