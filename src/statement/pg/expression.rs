//! Expressions.

use pg_query::protobuf::{self, AExprKind, SqlValueFunctionOp, SubLinkType, a_const};
use pg_query::{Node, NodeEnum};

use super::call::{call, json};
use super::query::{opaque_query, query};
use super::{inner, name, names, string, unknown};
use crate::statement::tree::{Constant, Expr, Name, Operator, SubqueryKind, TypeName};

/// Subscripts and fields after one value, at most.
const INDIRECTIONS_MAX: usize = 32;

pub(super) fn expressions(nodes: &[Node]) -> Vec<Expr> {
    nodes.iter().map(expression).collect()
}

pub(super) fn optional(node: &Option<Box<Node>>) -> Option<Expr> {
    inner(node).filter(|node| node.node.is_some()).map(expression)
}

pub(super) fn required(node: &Option<Box<Node>>) -> Expr {
    optional(node).unwrap_or_else(|| Expr::Opaque(unknown("expression", "not understood"), Vec::new()))
}

fn boxed(node: &Option<Box<Node>>) -> Box<Expr> {
    Box::new(required(node))
}

pub(super) fn expression(node: &Node) -> Expr {
    let Some(node) = &node.node else {
        return Expr::Opaque(unknown("expression", "not understood"), Vec::new());
    };
    match node {
        NodeEnum::ColumnRef(column) => column_ref(column),
        NodeEnum::ParamRef(parameter) => Expr::Parameter(u32::try_from(parameter.number).unwrap_or(0)),
        NodeEnum::AConst(constant) => Expr::Constant(constant_of(constant)),
        NodeEnum::Integer(integer) => Expr::Constant(Constant::Integer(i64::from(integer.ival))),
        NodeEnum::String(_) | NodeEnum::Float(_) | NodeEnum::Boolean(_) | NodeEnum::BitString(_) => {
            Expr::Constant(Constant::Other)
        }
        NodeEnum::TypeCast(cast) => type_cast(cast),
        NodeEnum::AExpr(operator) => a_expr(operator),
        NodeEnum::BoolExpr(logic) => bool_expr(logic),
        NodeEnum::FuncCall(function) => call(function),
        NodeEnum::SubLink(sublink) => sub_link(sublink),
        NodeEnum::CaseExpr(case) => case_expr(case),
        NodeEnum::CoalesceExpr(coalesce) => Expr::Choice(name("coalesce"), expressions(&coalesce.args)),
        NodeEnum::MinMaxExpr(choice) => {
            let greatest = choice.op == protobuf::MinMaxOp::IsGreatest as i32;
            Expr::Choice(name(if greatest { "greatest" } else { "least" }), expressions(&choice.args))
        }
        NodeEnum::RowExpr(row) => Expr::Row(expressions(&row.args)),
        NodeEnum::AArrayExpr(array) => Expr::Array(expressions(&array.elements)),
        NodeEnum::AIndirection(indirection) => indirect(indirection),
        NodeEnum::NullTest(test) => Expr::IsNull(boxed(&test.arg)),
        NodeEnum::BooleanTest(test) => Expr::Logic(vec![required(&test.arg)]),
        NodeEnum::CollateClause(collate) => Expr::Collate(boxed(&collate.arg)),
        NodeEnum::SqlvalueFunction(function) => session_value(function),
        NodeEnum::GroupingFunc(_) => Expr::Marker(name("grouping")),
        NodeEnum::MergeSupportFunc(_) => Expr::Marker(name("merge_action")),
        NodeEnum::SetToDefault(_) => Expr::Default,
        NodeEnum::NamedArgExpr(argument) => required(&argument.arg),
        NodeEnum::List(list) => Expr::Row(expressions(&list.items)),
        NodeEnum::XmlExpr(xml) => {
            let mut parts = expressions(&xml.args);
            parts.extend(expressions(&xml.named_args));
            Expr::Opaque(unknown("XML expression", "XML functions are not understood"), parts)
        }
        NodeEnum::XmlSerialize(xml) => {
            Expr::Opaque(unknown("XMLSERIALIZE", "XML functions are not understood"), vec![required(&xml.expr)])
        }
        NodeEnum::CurrentOfExpr(_) => {
            Expr::Opaque(unknown("WHERE CURRENT OF", "address the row by its key instead"), Vec::new())
        }
        other => json(other),
    }
}

fn column_ref(column: &protobuf::ColumnRef) -> Expr {
    let star = column.fields.last().is_some_and(|last| matches!(last.node, Some(NodeEnum::AStar(_))));
    let path = names(&column.fields);
    match star {
        true => Expr::Star(path),
        false => Expr::Column(path),
    }
}

fn constant_of(constant: &protobuf::AConst) -> Constant {
    match &constant.val {
        _ if constant.isnull => Constant::Null,
        Some(a_const::Val::Ival(integer)) => Constant::Integer(i64::from(integer.ival)),
        Some(a_const::Val::Fval(number)) => number.fval.parse().map_or(Constant::Other, Constant::Integer),
        Some(_) => Constant::Other,
        // The grammar leaves the value out when it is its type's zero.
        None => Constant::Other,
    }
}

fn type_cast(cast: &protobuf::TypeCast) -> Expr {
    let value = boxed(&cast.arg);
    match cast.type_name.as_ref().and_then(type_name) {
        Some(type_name) => Expr::Cast(value, type_name),
        None => Expr::Opaque(unknown("cast", "type not understood"), vec![*value]),
    }
}

pub(super) fn type_name(type_name: &protobuf::TypeName) -> Option<TypeName> {
    if type_name.pct_type || type_name.setof {
        return None;
    }
    let mut path = names(&type_name.names);
    let last = path.pop()?;
    let schema = path.pop().filter(|schema| &**schema != "pg_catalog");
    if !path.is_empty() {
        return None;
    }
    Some(TypeName {
        schema,
        name: last,
        array: !type_name.array_bounds.is_empty(),
        modified: !type_name.typmods.is_empty(),
    })
}

fn a_expr(expr: &protobuf::AExpr) -> Expr {
    let kind = AExprKind::try_from(expr.kind).unwrap_or(AExprKind::Undefined);
    let right_list = || match inner(&expr.rexpr).and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::List(list)) => expressions(&list.items),
        _ => optional(&expr.rexpr).into_iter().collect(),
    };
    match kind {
        AExprKind::AexprOp | AExprKind::AexprLike | AExprKind::AexprIlike | AExprKind::AexprSimilar => {
            row_equality(expr).unwrap_or_else(|| operator(expr, false))
        }
        AExprKind::AexprOpAny | AExprKind::AexprOpAll => operator(expr, true),
        AExprKind::AexprIn if operator_name(&expr.name).as_deref() == Some("=") => {
            Expr::InList(boxed(&expr.lexpr), right_list())
        }
        AExprKind::AexprNullif => Expr::NullIf(boxed(&expr.lexpr), boxed(&expr.rexpr)),
        AExprKind::AexprIn
        | AExprKind::AexprDistinct
        | AExprKind::AexprNotDistinct
        | AExprKind::AexprBetween
        | AExprKind::AexprNotBetween
        | AExprKind::AexprBetweenSym
        | AExprKind::AexprNotBetweenSym => {
            let mut operands = vec![required(&expr.lexpr)];
            operands.extend(right_list());
            Expr::Compare(operands)
        }
        AExprKind::Undefined => {
            let parts = [optional(&expr.lexpr), optional(&expr.rexpr)].into_iter().flatten().collect();
            Expr::Opaque(unknown("operator", "not understood"), parts)
        }
    }
}

/// `(a, b) = (c, d)` is `a = c AND b = d`.
fn row_equality(expr: &protobuf::AExpr) -> Option<Expr> {
    let (NodeEnum::RowExpr(left), NodeEnum::RowExpr(right)) =
        (inner(&expr.lexpr)?.node.as_ref()?, inner(&expr.rexpr)?.node.as_ref()?)
    else {
        return None;
    };
    if left.args.len() != right.args.len() || expr.name.len() != 1 || operator_name(&expr.name).as_deref() != Some("=")
    {
        return None;
    }
    let pair = |(left, right): (&Node, &Node)| {
        Expr::Operator(Box::new(Operator {
            schema: None,
            name: name("="),
            left: Some(expression(left)),
            right: Some(expression(right)),
            over_array: false,
            any: false,
        }))
    };
    Some(Expr::And(left.args.iter().zip(&right.args).map(pair).collect()))
}

fn operator_name(path: &[Node]) -> Option<Name> {
    path.last().and_then(string)
}

fn operator(expr: &protobuf::AExpr, over_array: bool) -> Expr {
    let mut path = names(&expr.name);
    let last = path.pop().unwrap_or_else(|| name("?"));
    Expr::Operator(Box::new(Operator {
        schema: path.pop(),
        name: last,
        left: optional(&expr.lexpr),
        right: optional(&expr.rexpr),
        over_array,
        any: expr.kind == AExprKind::AexprOpAny as i32,
    }))
}

fn bool_expr(logic: &protobuf::BoolExpr) -> Expr {
    let parts = expressions(&logic.args);
    match logic.boolop == protobuf::BoolExprType::AndExpr as i32 {
        true => Expr::And(parts),
        false => Expr::Logic(parts),
    }
}

fn sub_link(link: &protobuf::SubLink) -> Expr {
    let query = match inner(&link.subselect).and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::SelectStmt(select)) => query(select),
        _ => opaque_query("subquery"),
    };
    let test = optional(&link.testexpr);
    let kind = match SubLinkType::try_from(link.sub_link_type) {
        Ok(SubLinkType::ExistsSublink) => SubqueryKind::Exists,
        Ok(SubLinkType::ExprSublink) => SubqueryKind::Scalar,
        Ok(SubLinkType::ArraySublink) => SubqueryKind::Array,
        Ok(SubLinkType::AnySublink | SubLinkType::AllSublink) => {
            if !plain_comparison(&link.oper_name) {
                let part = Expr::Subquery(SubqueryKind::Compared, test.map(Box::new), Box::new(query));
                return Expr::Opaque(unknown("operator with a subquery", "use =, <>, <, >, <= or >="), vec![part]);
            }
            SubqueryKind::Compared
        }
        _ => {
            let part = Expr::Subquery(SubqueryKind::Compared, test.map(Box::new), Box::new(query));
            return Expr::Opaque(unknown("subquery", "not understood"), vec![part]);
        }
    };
    Expr::Subquery(kind, test.map(Box::new), Box::new(query))
}

fn plain_comparison(path: &[Node]) -> bool {
    match names(path).as_slice() {
        [] => true,
        [only] => matches!(&**only, "=" | "<>" | "!=" | "<" | ">" | "<=" | ">=" | "~~" | "!~~" | "~~*" | "!~~*"),
        _ => false,
    }
}

fn case_expr(case: &protobuf::CaseExpr) -> Expr {
    let mut conditions: Vec<Expr> = optional(&case.arg).into_iter().collect();
    let mut results = Vec::new();
    for node in &case.args {
        if let Some(NodeEnum::CaseWhen(when)) = &node.node {
            conditions.push(required(&when.expr));
            results.push(required(&when.result));
        } else {
            results.push(expression(node));
        }
    }
    results.push(optional(&case.defresult).unwrap_or(Expr::Constant(Constant::Null)));
    Expr::Case(conditions, results)
}

fn indirect(indirection: &protobuf::AIndirection) -> Expr {
    let mut value = required(&indirection.arg);
    // A list here is a nesting in our tree, so its length is bounded like depth is.
    if indirection.indirection.len() > INDIRECTIONS_MAX {
        return Expr::Opaque(unknown("indirection", "too many subscripts or fields in a row"), vec![value]);
    }
    for step in &indirection.indirection {
        value = match &step.node {
            Some(NodeEnum::String(field)) => Expr::Field(Box::new(value), name(&field.sval)),
            Some(NodeEnum::AStar(_)) => Expr::FieldStar(Box::new(value)),
            Some(NodeEnum::AIndices(indices)) => {
                let bounds = [optional(&indices.lidx), optional(&indices.uidx)].into_iter().flatten().collect();
                Expr::Subscript(Box::new(value), bounds)
            }
            _ => Expr::Opaque(unknown("indirection", "not understood"), vec![value]),
        };
    }
    value
}

fn session_value(function: &protobuf::SqlValueFunction) -> Expr {
    use SqlValueFunctionOp as Op;
    let called = match Op::try_from(function.op).unwrap_or(Op::SqlvalueFunctionOpUndefined) {
        Op::SvfopCurrentDate => "current_date",
        Op::SvfopCurrentTime | Op::SvfopCurrentTimeN => "current_time",
        Op::SvfopCurrentTimestamp | Op::SvfopCurrentTimestampN => "current_timestamp",
        Op::SvfopLocaltime | Op::SvfopLocaltimeN => "localtime",
        Op::SvfopLocaltimestamp | Op::SvfopLocaltimestampN => "localtimestamp",
        Op::SvfopCurrentRole => "current_role",
        Op::SvfopCurrentUser => "current_user",
        Op::SvfopUser => "user",
        Op::SvfopSessionUser => "session_user",
        Op::SvfopCurrentCatalog => "current_catalog",
        Op::SvfopCurrentSchema => "current_schema",
        Op::SqlvalueFunctionOpUndefined => {
            return Expr::Opaque(unknown("value function", "not understood"), Vec::new());
        }
    };
    Expr::Session(name(called))
}
