//! Changes of rows: INSERT, UPDATE, DELETE, MERGE.

use std::sync::Arc;

use pg_query::protobuf::{self, OnConflictAction, RangeVar, ReturningClause};
use pg_query::{Node, NodeEnum};

use super::expression::{expression, optional, required};
use super::from::{from_item, table_name};
use super::query::{items, opaque_query, query, with};
use super::{inner, name, unknown};
use crate::statement::tree::change::{
    Assignment, Conflict, Delete, Insert, Merge, MergeBranch, Returning, Target, Update,
};
use crate::statement::tree::{Alias, Dml, Expr, Name};

pub(super) fn statement(node: &NodeEnum) -> Option<Dml> {
    Some(match node {
        NodeEnum::SelectStmt(select) => Dml::Query(Box::new(query(select))),
        NodeEnum::InsertStmt(statement) => insert(statement).map_or_else(opaque, |it| Dml::Insert(Box::new(it))),
        NodeEnum::UpdateStmt(statement) => update(statement).map_or_else(opaque, |it| Dml::Update(Box::new(it))),
        NodeEnum::DeleteStmt(statement) => delete(statement).map_or_else(opaque, |it| Dml::Delete(Box::new(it))),
        NodeEnum::MergeStmt(statement) => merge(statement).map_or_else(opaque, |it| Dml::Merge(Box::new(it))),
        _ => return None,
    })
}

fn opaque() -> Dml {
    Dml::Opaque(unknown("statement", "its target is not understood"))
}

fn target(range: Option<&RangeVar>) -> Option<Target> {
    let range = range?;
    Some(Target {
        name: table_name(range)?,
        alias: range.alias.as_ref().map(|alias| name(&alias.aliasname)),
        only: !range.inh,
    })
}

fn returning(clause: Option<&ReturningClause>) -> Returning {
    let Some(clause) = clause else {
        return Returning::default();
    };
    let rows = clause.options.iter().filter_map(|node| match &node.node {
        Some(NodeEnum::ReturningOption(option)) => Some(name(&option.value)),
        _ => None,
    });
    Returning { items: items(&clause.exprs), rows: rows.collect() }
}

fn insert(statement: &protobuf::InsertStmt) -> Option<Insert> {
    let conflict = match statement.on_conflict_clause.as_deref() {
        Some(clause) => Some(conflict(clause)?),
        None => None,
    };
    let source = statement.select_stmt.as_ref().map(|node| match &node.node {
        Some(NodeEnum::SelectStmt(select)) => query(select),
        _ => opaque_query("INSERT source"),
    });
    Some(Insert {
        with: statement.with_clause.as_ref().map(with),
        target: target(statement.relation.as_ref())?,
        columns: statement.cols.iter().map(target_column).collect::<Option<Vec<Name>>>()?,
        source,
        conflict,
        returning: returning(statement.returning_clause.as_ref()),
    })
}

/// `None` for a part of a column (`a.b`, `a[1]`): what else the column holds then matters.
fn target_column(node: &Node) -> Option<Name> {
    match &node.node {
        Some(NodeEnum::ResTarget(target)) => target.indirection.is_empty().then(|| name(&target.name)),
        _ => None,
    }
}

fn conflict(clause: &protobuf::OnConflictClause) -> Option<Conflict> {
    let mut target = Vec::new();
    if let Some(infer) = clause.infer.as_deref() {
        for node in &infer.index_elems {
            match &node.node {
                Some(NodeEnum::IndexElem(element)) if !element.name.is_empty() => {
                    target.push(Expr::Column(vec![name(&element.name)]));
                }
                Some(NodeEnum::IndexElem(element)) => target.push(required(&element.expr)),
                _ => target.push(expression(node)),
            }
        }
        target.extend(optional(&infer.where_clause));
    }
    let updates = clause.action == OnConflictAction::OnconflictUpdate as i32;
    Some(Conflict {
        target,
        update: if updates { Some(assignments(&clause.target_list)?) } else { None },
        filter: optional(&clause.where_clause),
        proposed: vec![Alias { name: Arc::from("excluded"), columns: Vec::new() }],
    })
}

/// SET lists. Members of `(a, b) = …` follow one another, the first carries the source.
fn assignments(targets: &[Node]) -> Option<Vec<Assignment>> {
    let mut list: Vec<Assignment> = Vec::new();
    let mut awaited = 0;
    for node in targets {
        let Some(NodeEnum::ResTarget(target)) = &node.node else {
            return None;
        };
        let column = target_column(node)?;
        match inner(&target.val).and_then(|value| value.node.as_ref()) {
            Some(NodeEnum::MultiAssignRef(multi)) if multi.colno > 1 && awaited > 0 => {
                awaited -= 1;
                list.last_mut()?.columns.push(column);
            }
            Some(NodeEnum::MultiAssignRef(multi)) => {
                awaited = multi.ncolumns - 1;
                list.push(Assignment { columns: vec![column], value: required(&multi.source) });
            }
            _ => list.push(Assignment { columns: vec![column], value: required(&target.val) }),
        }
    }
    Some(list)
}

fn update(statement: &protobuf::UpdateStmt) -> Option<Update> {
    Some(Update {
        with: statement.with_clause.as_ref().map(with),
        target: target(statement.relation.as_ref())?,
        set: assignments(&statement.target_list)?,
        from: statement.from_clause.iter().map(from_item).collect(),
        filter: optional(&statement.where_clause),
        returning: returning(statement.returning_clause.as_ref()),
    })
}

fn delete(statement: &protobuf::DeleteStmt) -> Option<Delete> {
    Some(Delete {
        with: statement.with_clause.as_ref().map(with),
        target: target(statement.relation.as_ref())?,
        from: statement.using_clause.iter().map(from_item).collect(),
        filter: optional(&statement.where_clause),
        returning: returning(statement.returning_clause.as_ref()),
    })
}

fn merge(statement: &protobuf::MergeStmt) -> Option<Merge> {
    Some(Merge {
        with: statement.with_clause.as_ref().map(with),
        target: target(statement.relation.as_ref())?,
        source: from_item(inner(&statement.source_relation)?),
        on: required(&statement.join_condition),
        branches: statement.merge_when_clauses.iter().map(branch).collect::<Option<Vec<_>>>()?,
        returning: returning(statement.returning_clause.as_ref()),
    })
}

fn branch(node: &Node) -> Option<MergeBranch> {
    let Some(NodeEnum::MergeWhenClause(when)) = &node.node else {
        return None;
    };
    let inserts = when.command_type == protobuf::CmdType::CmdInsert as i32;
    let set = if !inserts {
        assignments(&when.target_list)?
    } else {
        let columns = when.target_list.iter().map(target_column).collect::<Option<Vec<Name>>>()?;
        insert_values(columns, &when.values)
    };
    Some(MergeBranch { condition: optional(&when.condition), set })
}

/// An INSERT branch without a column list writes from the first column on; an empty column list says so.
fn insert_values(columns: Vec<Name>, values: &[Node]) -> Vec<Assignment> {
    if columns.is_empty() {
        let row = values.iter().map(expression).collect();
        return vec![Assignment { columns, value: Expr::Row(row) }];
    }
    let pair = |(column, value): (Name, &Node)| Assignment { columns: vec![column], value: expression(value) };
    columns.into_iter().zip(values).map(pair).collect()
}
