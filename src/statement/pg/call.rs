//! Calls of functions and aggregates, SQL/JSON constructors.

use pg_query::NodeEnum;
use pg_query::protobuf::{self, JsonAggConstructor, JsonKeyValue, JsonValueExpr};

use super::expression::{expression, expressions, optional, required};
use super::query::{opaque_query, query, sort_keys, window};
use super::{inner, name, names, unknown};
use crate::statement::tree::{Argument, Call, Expr, SubqueryKind};

pub(super) fn call(function: &protobuf::FuncCall) -> Expr {
    // Without arguments a `set_config` stands for one that is understood; written so, the server refuses it.
    let harmless = sets_harmlessly(function);
    let arguments = if harmless { Vec::new() } else { function.args.iter().map(argument).collect() };
    Expr::Call(Box::new(Call {
        name: names(&function.funcname),
        arguments,
        star: function.agg_star,
        distinct: function.agg_distinct,
        variadic: function.func_variadic,
        order: sort_keys(&function.agg_order),
        within_group: function.agg_within_group,
        filter: optional(&function.agg_filter),
        over: function.over.as_deref().map(window),
    }))
}

/// Is it `set_config` of a harmless setting to a constant? It is a SET written as a call, and its value is that constant.
/// A parameter passes for `jit` only, which keeps nothing of it but on or off: asyncpg restores it so.
fn sets_harmlessly(function: &protobuf::FuncCall) -> bool {
    let path = names(&function.funcname);
    let called = matches!(path.as_slice(), [only] if &**only == "set_config")
        || matches!(path.as_slice(), [schema, only] if &**schema == "pg_catalog" && &**only == "set_config");
    let [setting, value, _] = function.args.as_slice() else { return false };
    let Some(setting) = text_constant(setting).filter(|_| called) else { return false };
    let constant = |node: &pg_query::Node| matches!(node.node, Some(NodeEnum::AConst(_)));
    let jit = setting.eq_ignore_ascii_case("jit") && matches!(value.node, Some(NodeEnum::ParamRef(_)));
    crate::statement::utility::harmless_setting(setting)
        && (constant(value) || jit)
        && function.args.last().is_some_and(constant)
}

fn text_constant(node: &pg_query::Node) -> Option<&str> {
    let Some(NodeEnum::AConst(constant)) = &node.node else { return None };
    match &constant.val {
        Some(protobuf::a_const::Val::Sval(text)) => Some(&text.sval),
        _ => None,
    }
}

fn argument(node: &pg_query::Node) -> Argument {
    match &node.node {
        Some(NodeEnum::NamedArgExpr(named)) => Argument { name: Some(name(&named.name)), value: required(&named.arg) },
        _ => Argument { name: None, value: expression(node) },
    }
}

/// SQL/JSON, and the end of the road for every other node.
pub(super) fn json(node: &NodeEnum) -> Expr {
    match node {
        NodeEnum::JsonObjectConstructor(object) => {
            let members = object.exprs.iter().flat_map(|node| match &node.node {
                Some(NodeEnum::JsonKeyValue(pair)) => key_value(pair),
                _ => vec![expression(node)],
            });
            construct("json_object", members.collect(), object.output.is_some())
        }
        NodeEnum::JsonArrayConstructor(array) => {
            construct("json_array", expressions(&array.exprs), array.output.is_some())
        }
        NodeEnum::JsonArrayQueryConstructor(array) => {
            let query = match inner(&array.query).and_then(|node| node.node.as_ref()) {
                Some(NodeEnum::SelectStmt(select)) => query(select),
                _ => opaque_query("JSON_ARRAY"),
            };
            let rows = Expr::Subquery(SubqueryKind::Array, None, Box::new(query));
            construct("json_array", vec![rows], array.output.is_some())
        }
        NodeEnum::JsonObjectAgg(aggregate) => {
            let members = aggregate.arg.as_deref().map(key_value).unwrap_or_default();
            json_aggregate("json_object_agg", members, aggregate.constructor.as_deref())
        }
        NodeEnum::JsonArrayAgg(aggregate) => {
            let members = aggregate.arg.as_deref().map(json_value).into_iter().collect();
            json_aggregate("json_agg", members, aggregate.constructor.as_deref())
        }
        NodeEnum::JsonValueExpr(value) => json_value(value),
        NodeEnum::JsonScalarExpr(scalar) => {
            construct("json_scalar", vec![required(&scalar.expr)], scalar.output.is_some())
        }
        _ => Expr::Opaque(unknown("expression", "this kind of expression is not understood"), Vec::new()),
    }
}

fn key_value(pair: &JsonKeyValue) -> Vec<Expr> {
    let value = pair.value.as_deref().map(json_value);
    optional(&pair.key).into_iter().chain(value).collect()
}

fn json_value(value: &JsonValueExpr) -> Expr {
    let formatted = value
        .format
        .as_ref()
        .is_some_and(|format| format.format_type > protobuf::JsonFormatType::JsFormatDefault as i32);
    match formatted {
        // FORMAT JSON parses the text, and quotes it when that fails.
        true => Expr::Opaque(unknown("FORMAT JSON", "leave FORMAT JSON out"), vec![required(&value.raw_expr)]),
        false => required(&value.raw_expr),
    }
}

fn construct(called: &str, members: Vec<Expr>, typed: bool) -> Expr {
    match typed {
        true => Expr::Opaque(unknown("RETURNING of a JSON constructor", "leave RETURNING out"), members),
        false => Expr::Construct(name(called), members),
    }
}

/// The SQL/JSON aggregates are the `json_agg` family by other names.
fn json_aggregate(called: &str, members: Vec<Expr>, constructor: Option<&JsonAggConstructor>) -> Expr {
    let Some(constructor) = constructor else {
        return Expr::Opaque(unknown("JSON aggregate", "not understood"), members);
    };
    let call = Expr::Call(Box::new(Call {
        name: vec![name("pg_catalog"), name(called)],
        arguments: members.into_iter().map(|value| Argument { name: None, value }).collect(),
        star: false,
        distinct: false,
        variadic: false,
        order: sort_keys(&constructor.agg_order),
        within_group: false,
        filter: optional(&constructor.agg_filter),
        over: constructor.over.as_deref().map(window),
    }));
    let written = if called == "json_agg" { "json_arrayagg" } else { "json_objectagg" };
    construct(written, vec![call], constructor.output.is_some())
}
