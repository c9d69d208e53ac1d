//! Sources of rows: tables, subqueries, functions, joins.

use pg_query::protobuf::{self, JoinType, RangeVar};
use pg_query::{Node, NodeEnum};

use super::expression::{expression, expressions, optional, type_name};
use super::query::{opaque_query, query};
use super::{inner, name, names, string, unknown};
use crate::statement::tree::{
    Alias, Constant, Expr, From, Join, JoinCondition, JoinKind, Name, TableCall, TableName, TypeName,
};

pub(super) fn from_item(node: &Node) -> From {
    match &node.node {
        Some(NodeEnum::RangeVar(range)) => table(range, Vec::new()),
        Some(NodeEnum::RangeSubselect(subselect)) => {
            let query = match inner(&subselect.subquery).and_then(|node| node.node.as_ref()) {
                Some(NodeEnum::SelectStmt(select)) => query(select),
                _ => opaque_query("subquery"),
            };
            From::Subquery {
                query: Box::new(query),
                alias: alias(subselect.alias.as_ref()),
                lateral: subselect.lateral,
            }
        }
        Some(NodeEnum::RangeFunction(function)) => functions(function),
        Some(NodeEnum::JoinExpr(join)) => joined(join),
        Some(NodeEnum::RangeTableSample(sample)) => sampled(sample),
        Some(NodeEnum::RangeTableFunc(function)) => opaque("XMLTABLE", alias(function.alias.as_ref())),
        Some(NodeEnum::JsonTable(table)) => opaque("JSON_TABLE", alias(table.alias.as_ref())),
        _ => opaque("FROM item", None),
    }
}

fn opaque(what: &str, alias: Option<Alias>) -> From {
    From::Opaque { unknown: unknown(what, "not understood in FROM"), alias }
}

pub(super) fn alias(alias: Option<&protobuf::Alias>) -> Option<Alias> {
    alias.map(|alias| Alias { name: name(&alias.aliasname), columns: names(&alias.colnames) })
}

fn table(range: &RangeVar, sample: Vec<Expr>) -> From {
    match table_name(range) {
        Some(name) => From::Table { name, alias: alias(range.alias.as_ref()), only: !range.inh, sample },
        None => opaque("relation of another database", alias(range.alias.as_ref())),
    }
}

/// `None` when a database is written before the schema.
pub(super) fn table_name(range: &RangeVar) -> Option<TableName> {
    range.catalogname.is_empty().then(|| TableName {
        schema: (!range.schemaname.is_empty()).then(|| name(&range.schemaname)),
        name: name(&range.relname),
    })
}

fn sampled(sample: &protobuf::RangeTableSample) -> From {
    let mut arguments = expressions(&sample.args);
    arguments.extend(optional(&sample.repeatable));
    // A sampling method is a function; only the server's own two are known.
    if !names(&sample.method).last().is_some_and(|method| matches!(&**method, "system" | "bernoulli")) {
        return opaque("TABLESAMPLE method", None);
    }
    match inner(&sample.relation).and_then(|node| node.node.as_ref()) {
        Some(NodeEnum::RangeVar(range)) => {
            if arguments.is_empty() {
                arguments.push(Expr::Constant(Constant::Null));
            }
            table(range, arguments)
        }
        _ => opaque("TABLESAMPLE", None),
    }
}

fn functions(function: &protobuf::RangeFunction) -> From {
    let mut calls = Vec::new();
    for node in &function.functions {
        let Some(NodeEnum::List(list)) = &node.node else {
            return opaque("function", alias(function.alias.as_ref()));
        };
        let Some(call) = list.items.first() else {
            return opaque("function", alias(function.alias.as_ref()));
        };
        let columns = match list.items.get(1).and_then(|node| node.node.as_ref()) {
            Some(NodeEnum::List(items)) => definitions(&items.items),
            _ => Vec::new(),
        };
        calls.push(TableCall { call: expression(call), columns });
    }
    if let (Some(first), false) = (calls.first_mut(), function.coldeflist.is_empty()) {
        first.columns = definitions(&function.coldeflist);
    }
    From::Functions { calls, ordinality: function.ordinality, alias: alias(function.alias.as_ref()) }
}

fn definitions(nodes: &[Node]) -> Vec<(Name, Option<TypeName>)> {
    nodes
        .iter()
        .filter_map(|node| match &node.node {
            Some(NodeEnum::ColumnDef(column)) => {
                Some((name(&column.colname), column.type_name.as_ref().and_then(type_name)))
            }
            _ => Some((string(node)?, None)),
        })
        .collect()
}

fn joined(join: &protobuf::JoinExpr) -> From {
    let side = |node: &Option<Box<Node>>| inner(node).map_or_else(|| opaque("join", None), from_item);
    let kind = match JoinType::try_from(join.jointype) {
        Ok(JoinType::JoinInner) => JoinKind::Inner,
        Ok(JoinType::JoinLeft) => JoinKind::Left,
        Ok(JoinType::JoinRight) => JoinKind::Right,
        Ok(JoinType::JoinFull) => JoinKind::Full,
        _ => return opaque("join", alias(join.alias.as_ref())),
    };
    let condition = if join.is_natural {
        JoinCondition::Natural
    } else if !join.using_clause.is_empty() {
        let using_alias = join.join_using_alias.as_ref().map(|alias| name(&alias.aliasname));
        JoinCondition::Using(names(&join.using_clause), using_alias)
    } else {
        optional(&join.quals).map_or(JoinCondition::None, JoinCondition::On)
    };
    From::Join(Box::new(Join {
        kind,
        left: side(&join.larg),
        right: side(&join.rarg),
        condition,
        alias: alias(join.alias.as_ref()),
    }))
}
