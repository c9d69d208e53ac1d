//! Queries: SELECT, VALUES, set operations, WITH.

use pg_query::protobuf::{self, LimitOption, SelectStmt, SetOperation};
use pg_query::{Node, NodeEnum};

use super::expression::{expression, expressions, optional};
use super::from::from_item;
use super::{change, name, names, unknown};
use crate::statement::tree::{Body, Constant, Cte, Distinct, Dml, Expr, From, Item, Name, Query, Select, Window, With};

pub(super) fn query(select: &SelectStmt) -> Query {
    let op = SetOperation::try_from(select.op).unwrap_or(SetOperation::Undefined);
    let body = match op {
        SetOperation::Undefined | SetOperation::SetopNone if !select.values_lists.is_empty() => {
            Body::Values(select.values_lists.iter().map(row).collect())
        }
        SetOperation::Undefined | SetOperation::SetopNone => Body::Select(Box::new(simple(select))),
        _ => Body::Set {
            keeps_all: op == SetOperation::SetopUnion && select.all,
            adds: op == SetOperation::SetopUnion,
            left: Box::new(side(select.larg.as_deref())),
            right: Box::new(side(select.rarg.as_deref())),
        },
    };
    Query {
        with: select.with_clause.as_ref().map(with),
        body,
        order: sort_keys(&select.sort_clause),
        limit: optional(&select.limit_count),
        with_ties: select.limit_option == LimitOption::WithTies as i32,
        offset: optional(&select.limit_offset),
    }
}

fn side(select: Option<&SelectStmt>) -> Query {
    match select {
        Some(select) => query(select),
        None => opaque_query("set operation"),
    }
}

/// A query that stands for one that could not be read.
pub(super) fn opaque_query(what: &str) -> Query {
    let select = Select {
        from: vec![From::Opaque { unknown: unknown(what, "not understood"), alias: None }],
        items: vec![Item { value: Expr::Star(Vec::new()), alias: None }],
        ..Select::default()
    };
    Query {
        with: None,
        body: Body::Select(Box::new(select)),
        order: Vec::new(),
        limit: None,
        with_ties: false,
        offset: None,
    }
}

fn row(node: &Node) -> Vec<Expr> {
    match &node.node {
        Some(NodeEnum::List(list)) => expressions(&list.items),
        _ => vec![expression(node)],
    }
}

fn simple(select: &SelectStmt) -> Select {
    let mut grouping_sets = false;
    let mut group = Vec::new();
    for node in &select.group_clause {
        group_key(node, &mut group, &mut grouping_sets);
    }
    Select {
        distinct: distinct(&select.distinct_clause),
        items: items(&select.target_list),
        from: select.from_clause.iter().map(from_item).collect(),
        filter: optional(&select.where_clause),
        group,
        grouping_sets,
        having: optional(&select.having_clause),
        windows: select.window_clause.iter().map(window_node).collect(),
    }
}

fn distinct(clause: &[Node]) -> Distinct {
    match clause {
        [] => Distinct::No,
        [only] if only.node.is_none() => Distinct::Rows,
        some => Distinct::On(expressions(some)),
    }
}

pub(super) fn items(targets: &[Node]) -> Vec<Item> {
    targets
        .iter()
        .map(|node| match &node.node {
            Some(NodeEnum::ResTarget(target)) => Item {
                value: optional(&target.val).unwrap_or(Expr::Constant(Constant::Null)),
                alias: (!target.name.is_empty()).then(|| name(&target.name)),
            },
            _ => Item { value: expression(node), alias: None },
        })
        .collect()
}

fn group_key(node: &Node, into: &mut Vec<Expr>, sets: &mut bool) {
    match &node.node {
        Some(NodeEnum::GroupingSet(set)) => {
            *sets = true;
            for inner in &set.content {
                group_key(inner, into, sets);
            }
        }
        Some(NodeEnum::List(list)) => {
            for inner in &list.items {
                group_key(inner, into, sets);
            }
        }
        _ => into.push(expression(node)),
    }
}

pub(super) fn sort_keys(nodes: &[Node]) -> Vec<Expr> {
    nodes.iter().map(sort_key).collect()
}

fn sort_key(node: &Node) -> Expr {
    match &node.node {
        Some(NodeEnum::SortBy(sort)) => {
            let key = optional(&sort.node).unwrap_or(Expr::Constant(Constant::Null));
            match sort.use_op.is_empty() {
                true => key,
                false => Expr::Opaque(unknown("ORDER BY … USING", "write ASC or DESC"), vec![key]),
            }
        }
        _ => expression(node),
    }
}

fn window_node(node: &Node) -> Window {
    match &node.node {
        Some(NodeEnum::WindowDef(window_def)) => window(window_def),
        _ => Window { shape: vec![expression(node)] },
    }
}

pub(super) fn window(window: &protobuf::WindowDef) -> Window {
    let mut shape = expressions(&window.partition_clause);
    shape.extend(sort_keys(&window.order_clause));
    shape.extend(optional(&window.start_offset));
    shape.extend(optional(&window.end_offset));
    Window { shape }
}

pub(super) fn with(clause: &protobuf::WithClause) -> With {
    With { recursive: clause.recursive, tables: clause.ctes.iter().filter_map(cte).collect() }
}

fn cte(node: &Node) -> Option<Cte> {
    let Some(NodeEnum::CommonTableExpr(cte)) = &node.node else {
        return None;
    };
    let body = cte.ctequery.as_ref().and_then(|query| query.node.as_ref()).and_then(change::statement);
    Some(Cte {
        name: name(&cte.ctename),
        columns: alias_columns(&cte.aliascolnames),
        body: body.unwrap_or_else(|| Dml::Opaque(unknown("WITH member", "not understood"))),
        extended: cte.search_clause.is_some() || cte.cycle_clause.is_some(),
    })
}

pub(super) fn alias_columns(nodes: &[Node]) -> Vec<Name> {
    names(nodes)
}
