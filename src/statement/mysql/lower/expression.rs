//! Expressions.

use std::sync::Arc;

use sqlparser::ast::{self, BinaryOperator, CastKind, Expr as Ast, UnaryOperator};

use super::{Lowering, is_word, opaque};
use crate::statement::tree::{Argument, Call, Constant, Expr, Name, Operator, SubqueryKind, TypeName};

/// Variables that may be set in one run of operators whose grouping is not known.
const ASSIGNED_MAX: usize = 16;

impl Lowering<'_> {
    pub(super) fn expr(&mut self, expr: &Ast) -> Expr {
        if self.is_operator(expr) && !self.is_grouped_alike(expr) {
            return self.loose(expr);
        }
        self.grouped(expr)
    }

    pub(super) fn exprs(&mut self, list: &[Ast]) -> Vec<Expr> {
        list.iter().map(|expr| self.expr(expr)).collect()
    }

    /// A row of VALUES.
    pub(super) fn given(&mut self, row: &[Ast]) -> Vec<Expr> {
        row.iter().map(|expr| self.given_one(expr)).collect()
    }

    /// A value where DEFAULT may stand.
    pub(super) fn given_one(&mut self, expr: &Ast) -> Expr {
        match expr {
            Ast::Identifier(ident) if is_word(ident, "default") => Expr::Default,
            expr => self.expr(expr),
        }
    }

    /// One whose operators are grouped as MySQL groups them.
    fn grouped(&mut self, expr: &Ast) -> Expr {
        self.deeper(|inner| Some(inner.grouped_of(expr))).unwrap_or_else(|| opaque("expression", Vec::new()))
    }

    /// Operators of unknown grouping: every operand may be computed with, assigned, or compared.
    fn loose(&mut self, expr: &Ast) -> Expr {
        let lowered = self.deeper(|inner| {
            let (operands, assigns) = inner.operands(expr);
            let operands: Vec<Expr> = operands.into_iter().map(|operand| inner.expr(operand)).collect();
            Some((operands, assigns))
        });
        let Some((operands, assigns)) = lowered else { return opaque("expression", Vec::new()) };
        let variable = |operand: &Expr| match operand {
            Expr::Variable(name) => Some(name.clone()),
            _ => None,
        };
        let targets: Vec<Name> = if assigns { operands.iter().filter_map(variable).collect() } else { Vec::new() };
        if targets.len() > ASSIGNED_MAX || assigns && targets.is_empty() {
            return opaque("assignment", operands);
        }
        let all = binary("+", None, Some(Expr::Row(operands)));
        targets.into_iter().fold(all, |value, name| Expr::Assign(name, Box::new(value)))
    }

    fn grouped_of(&mut self, expr: &Ast) -> Expr {
        match expr {
            Ast::Identifier(ident) => self.identifier(ident),
            Ast::CompoundIdentifier(parts) => self.compound(parts),
            Ast::Nested(inner) => self.expr(inner),
            Ast::Value(value) => self.constant(&value.value),
            Ast::Prefixed { prefix, value } => self.introduced(prefix, value),
            Ast::TypedString(typed) => typed_string(typed),
            Ast::BinaryOp { left, op, right } => self.binary(left, op, right),
            Ast::UnaryOp { op, expr } => self.unary(*op, expr),
            Ast::IsNull(inner) | Ast::IsNotNull(inner) => Expr::IsNull(Box::new(self.operand(inner))),
            Ast::IsTrue(inner)
            | Ast::IsNotTrue(inner)
            | Ast::IsFalse(inner)
            | Ast::IsNotFalse(inner)
            | Ast::IsUnknown(inner)
            | Ast::IsNotUnknown(inner) => Expr::Logic(vec![self.operand(inner)]),
            Ast::InList { expr, list, negated } => {
                let tested = Box::new(self.operand(expr));
                negate(*negated, Expr::InList(tested, self.exprs(list)))
            }
            Ast::InSubquery { expr, subquery, negated: _ } => {
                let tested = self.operand(expr);
                self.compared(tested, subquery)
            }
            Ast::Between { expr, negated: _, low, high } => {
                Expr::Compare([expr, low, high].map(|part| self.operand(part)).to_vec())
            }
            Ast::Like { negated: _, any, expr, pattern, escape_char } => self.like(*any, expr, pattern, escape_char),
            Ast::RLike { negated: _, expr, pattern, regexp: _ } => {
                binary("regexp", Some(self.operand(expr)), Some(self.operand(pattern)))
            }
            Ast::AnyOp { left, compare_op: _, right, is_some: _ } | Ast::AllOp { left, compare_op: _, right } => {
                let tested = self.operand(left);
                match &**right {
                    Ast::Subquery(query) => self.compared(tested, query),
                    _ => opaque("ANY or ALL", vec![tested]),
                }
            }
            Ast::MemberOf(ast::MemberOf { value, array }) => {
                binary("member of", Some(self.operand(value)), Some(self.expr(array)))
            }
            Ast::Convert { .. } | Ast::Cast { .. } | Ast::Collate { .. } => self.converted(expr),
            Ast::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref())
            }
            Ast::Exists { subquery, negated: _ } => {
                Expr::Subquery(SubqueryKind::Exists, None, Box::new(self.query(subquery)))
            }
            Ast::Subquery(query) => Expr::Subquery(SubqueryKind::Scalar, None, Box::new(self.query(query))),
            Ast::Tuple(parts) => Expr::Row(self.exprs(parts)),
            Ast::Interval(interval) => self.interval(interval),
            other => self.called(other),
        }
    }

    /// Expressions that are calls of functions in other words.
    fn called(&mut self, expr: &Ast) -> Expr {
        match expr {
            Ast::Function(function) => self.function(function),
            Ast::Extract { field: _, syntax: ast::ExtractSyntax::From, expr } => self.call("extract", &[expr]),
            Ast::Ceil { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
                self.call("ceil", &[expr])
            }
            Ast::Floor { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
                self.call("floor", &[expr])
            }
            Ast::Position { expr, r#in } => self.call("locate", &[expr, r#in]),
            Ast::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                let mut parts: Vec<&Ast> = vec![expr];
                parts.extend(substring_from.as_deref());
                parts.extend(substring_for.as_deref());
                self.call("substring", &parts)
            }
            Ast::Trim { trim_where: _, trim_what, expr, trim_characters: None } => {
                let mut parts: Vec<&Ast> = vec![expr];
                parts.extend(trim_what.as_deref());
                self.call("trim", &parts)
            }
            Ast::MatchAgainst { columns, match_value, opt_search_modifier: _ } => {
                let mut parts: Vec<Expr> = columns.iter().map(|name| self.matched(name)).collect();
                parts.push(self.constant(&match_value.value));
                plain_call("match", parts)
            }
            // Nothing of MySQL's.
            _ => opaque("expression", Vec::new()),
        }
    }

    fn matched(&self, name: &ast::ObjectName) -> Expr {
        match super::idents(name).and_then(|parts| self.column_path(parts)) {
            Some(path) => Expr::Column(path),
            None => opaque("name", Vec::new()),
        }
    }

    /// A part of an operator: its own operators are known to be grouped alike.
    fn operand(&mut self, expr: &Ast) -> Expr {
        self.grouped(expr)
    }

    fn call(&mut self, name: &str, parts: &[&Ast]) -> Expr {
        let parts = parts.iter().map(|part| self.expr(part)).collect();
        plain_call(name, parts)
    }

    fn compared(&mut self, tested: Expr, query: &ast::Query) -> Expr {
        Expr::Subquery(SubqueryKind::Compared, Some(Box::new(tested)), Box::new(self.query(query)))
    }

    fn like(&mut self, any: bool, expr: &Ast, pattern: &Ast, escape: &Option<Box<Ast>>) -> Expr {
        let like = binary("like", Some(self.operand(expr)), Some(self.operand(pattern)));
        match escape {
            _ if any => opaque("LIKE ANY", vec![like]),
            None => like,
            Some(escape) => Expr::Logic(vec![like, self.expr(escape)]),
        }
    }

    fn unary(&mut self, op: UnaryOperator, expr: &Ast) -> Expr {
        let operand = self.operand(expr);
        match (op, &operand) {
            (UnaryOperator::Not | UnaryOperator::BangNot, _) => Expr::Logic(vec![operand]),
            (UnaryOperator::Minus, Expr::Constant(Constant::Integer(number))) => {
                Expr::Constant(number.checked_neg().map_or(Constant::Number, Constant::Integer))
            }
            (UnaryOperator::Plus | UnaryOperator::Minus, Expr::Constant(Constant::Number)) => operand,
            (UnaryOperator::Plus, _) => binary("+", None, Some(operand)),
            (UnaryOperator::Minus, _) => binary("-", None, Some(operand)),
            (UnaryOperator::BitwiseNot, _) => binary("~", None, Some(operand)),
            _ => opaque("operator", vec![operand]),
        }
    }

    fn binary(&mut self, left: &Ast, op: &BinaryOperator, right: &Ast) -> Expr {
        let name = match op {
            BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Xor => return self.chain(left, op, right),
            BinaryOperator::StringConcat if !self.reading.pipes_as_concat => return self.chain(left, op, right),
            BinaryOperator::Assignment => return self.assign(left, right),
            BinaryOperator::StringConcat => "||",
            BinaryOperator::Eq => "=",
            BinaryOperator::NotEq => "<>",
            BinaryOperator::Lt => "<",
            BinaryOperator::LtEq => "<=",
            BinaryOperator::Gt => ">",
            BinaryOperator::GtEq => ">=",
            BinaryOperator::Spaceship => "<=>",
            BinaryOperator::Plus => "+",
            BinaryOperator::Minus => "-",
            BinaryOperator::Multiply => "*",
            BinaryOperator::Divide => "/",
            BinaryOperator::Modulo => "%",
            BinaryOperator::MyIntegerDivide => "div",
            BinaryOperator::BitwiseAnd => "&",
            BinaryOperator::BitwiseOr => "|",
            BinaryOperator::BitwiseXor => "^",
            BinaryOperator::PGBitwiseShiftLeft => "<<",
            BinaryOperator::PGBitwiseShiftRight => ">>",
            BinaryOperator::Arrow => "->",
            BinaryOperator::LongArrow => "->>",
            _ => {
                let parts = vec![self.expr(left), self.expr(right)];
                return opaque("operator", parts);
            }
        };
        binary(name, Some(self.operand(left)), Some(self.operand(right)))
    }

    /// AND, OR and kin. Long chains lean to the left, deeper than anything else may.
    fn chain(&mut self, left: &Ast, op: &BinaryOperator, right: &Ast) -> Expr {
        let mut members = vec![right];
        let mut rest = left;
        while let Ast::BinaryOp { left, op: same, right } = rest
            && same == op
        {
            members.push(right);
            rest = left;
        }
        members.push(rest);
        let parts = members.into_iter().rev().map(|member| self.operand(member)).collect();
        match op {
            BinaryOperator::And => Expr::And(parts),
            _ => Expr::Logic(parts),
        }
    }

    fn assign(&mut self, variable: &Ast, value: &Ast) -> Expr {
        let value = self.operand(value);
        match self.operand(variable) {
            Expr::Variable(name) => Expr::Assign(name, Box::new(value)),
            other => opaque("assignment", vec![other, value]),
        }
    }

    fn case(&mut self, operand: Option<&Ast>, branches: &[ast::CaseWhen], otherwise: Option<&Ast>) -> Expr {
        let mut conditions: Vec<Expr> = operand.iter().map(|operand| self.expr(operand)).collect();
        let mut results = Vec::new();
        for ast::CaseWhen { condition, result } in branches {
            conditions.push(self.expr(condition));
            results.push(self.expr(result));
        }
        results.push(otherwise.map_or_else(super::null, |otherwise| self.expr(otherwise)));
        Expr::Case(conditions, results)
    }

    /// A span of time: what it is computed from. It stands only where dates are computed with.
    fn interval(&mut self, interval: &ast::Interval) -> Expr {
        let ast::Interval {
            value,
            leading_field: _,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        } = interval
        else {
            return opaque("INTERVAL", Vec::new());
        };
        Expr::Construct(Arc::from("interval"), vec![self.expr(value)])
    }

    fn converted(&mut self, expr: &Ast) -> Expr {
        match expr {
            Ast::Collate { expr, collation: _ } => Expr::Collate(Box::new(self.expr(expr))),
            Ast::Cast { kind: CastKind::Cast, expr, data_type, format: None } => {
                let inner = self.expr(expr);
                Expr::Cast(Box::new(inner), type_name(data_type))
            }
            Ast::Convert {
                is_try: false,
                expr,
                data_type: Some(data_type),
                charset: None,
                target_before_value: false,
                styles,
            } if styles.is_empty() => {
                let inner = self.expr(expr);
                Expr::Cast(Box::new(inner), type_name(data_type))
            }
            Ast::Convert {
                is_try: false,
                expr,
                data_type: None,
                charset: Some(_),
                target_before_value: false,
                styles,
            } if styles.is_empty() => {
                let inner = self.expr(expr);
                Expr::Cast(Box::new(inner), named_type("char"))
            }
            other => self.called(other),
        }
    }
}

/// Denied, it is no look-up.
fn negate(negated: bool, expr: Expr) -> Expr {
    if negated { Expr::Logic(vec![expr]) } else { expr }
}

fn binary(name: &str, left: Option<Expr>, right: Option<Expr>) -> Expr {
    Expr::Operator(Box::new(Operator {
        schema: None,
        name: Arc::from(name),
        left,
        right,
        over_array: false,
        any: false,
    }))
}

pub(super) fn plain_call(name: &str, parts: Vec<Expr>) -> Expr {
    Expr::Call(Box::new(Call {
        name: vec![Arc::from(name)],
        arguments: parts.into_iter().map(|value| Argument { name: None, value }).collect(),
        star: false,
        distinct: false,
        variadic: false,
        order: Vec::new(),
        within_group: false,
        filter: None,
        over: None,
    }))
}

/// `DATE '…'` and its like. Other words before a string are columns that are given a name.
fn typed_string(typed: &ast::TypedString) -> Expr {
    let ast::TypedString { data_type, value: _, uses_odbc_syntax: _ } = typed;
    let plain = matches!(
        data_type,
        ast::DataType::Date
            | ast::DataType::Time(None, ast::TimezoneInfo::None)
            | ast::DataType::Timestamp(None, ast::TimezoneInfo::None)
    );
    match plain {
        true => Expr::Constant(Constant::Other),
        false => opaque("string", Vec::new()),
    }
}

/// A type as a cast names it. Text cut to a length is another matter than text: what is cut off is told in a warning.
fn type_name(data_type: &ast::DataType) -> TypeName {
    let written = data_type.to_string().to_ascii_lowercase();
    let first: String = written.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    match written.contains('(') && matches!(first.as_str(), "char" | "binary" | "nchar" | "varchar" | "varbinary") {
        true => named_type("char(n)"),
        false => named_type(&first),
    }
}

fn named_type(name: &str) -> TypeName {
    TypeName { schema: None, name: Arc::from(name), array: false, modified: false }
}
