//! INSERT, REPLACE, UPDATE, DELETE.

use std::sync::Arc;

use sqlparser::ast::{self, AssignmentTarget, TableFactor};

use super::{Lowering, PROPOSED, idents};
use crate::statement::tree::change::{Assignment, Conflict, Deed, Insert, Joined, Returning, Target};
use crate::statement::tree::{Alias, Body, Dml, Expr, Item, Name, Query, With};

impl Lowering<'_> {
    pub(super) fn insert(&mut self, insert: &ast::Insert, with: Option<With>) -> Option<Dml> {
        let ast::Insert {
            insert_token: _,
            optimizer_hints: _,
            or,
            ignore,
            into: _,
            table,
            table_alias,
            columns,
            overwrite,
            source,
            assignments,
            // Names of partitions: rows that belong elsewhere are refused.
            partitioned: _,
            after_columns,
            has_table_keyword,
            on,
            returning,
            output,
            replace_into,
            priority: _,
            insert_alias,
            settings,
            format_clause,
            multi_table_insert_type,
            multi_table_into_clauses,
            multi_table_when_clauses,
            multi_table_else_clause,
        } = insert;
        let foreign = or.is_some()
            || table_alias.is_some()
            || *overwrite
            || !after_columns.is_empty()
            || *has_table_keyword
            || output.is_some()
            || settings.is_some()
            || format_clause.is_some()
            || multi_table_insert_type.is_some()
            || !multi_table_into_clauses.is_empty()
            || !multi_table_when_clauses.is_empty()
            || multi_table_else_clause.is_some();
        let ast::TableObject::TableName(table) = table else { return None };
        if foreign {
            return None;
        }
        let conflict = self.conflict(on.as_ref(), insert_alias.as_ref(), *ignore || *replace_into)?;
        let (columns, source) = match (source, assignments.as_slice()) {
            (source, []) => {
                let columns = columns.iter().map(|name| self.last_column(name)).collect::<Option<Vec<Name>>>()?;
                (columns, source.as_ref().map(|query| self.query(query)))
            }
            (None, set) if columns.is_empty() => self.set_form(set)?,
            (Some(_), _) | (None, _) => return None,
        };
        let target = Target { name: self.table_name(table)?, alias: None, only: true };
        let returning = Returning { items: self.returned(returning.as_deref())?, rows: Vec::new() };
        Some(Dml::Insert(Box::new(Insert { with, target, columns, source, conflict, returning })))
    }

    /// `INSERT … SET a = 1, b = 2`.
    fn set_form(&mut self, set: &[ast::Assignment]) -> Option<(Vec<Name>, Option<Query>)> {
        let mut columns = Vec::new();
        let mut row = Vec::new();
        for (path, value) in self.assigned(set)? {
            columns.push(path.last()?.clone());
            row.push(value);
        }
        let body = Body::Values(vec![row]);
        let query = Query { with: None, body, order: Vec::new(), limit: None, with_ties: false, offset: None };
        Some((columns, Some(query)))
    }

    /// ON DUPLICATE KEY UPDATE, IGNORE, REPLACE: each tells whether such a row exists. The outer `None` is not understood.
    #[allow(clippy::option_option, reason = "not understood, and not there, are two things")]
    fn conflict(
        &mut self,
        on: Option<&ast::OnInsert>,
        alias: Option<&ast::InsertAliases>,
        tells: bool,
    ) -> Option<Option<Conflict>> {
        let mut proposed = vec![Alias { name: Arc::from(PROPOSED), columns: Vec::new() }];
        if let Some(ast::InsertAliases { row_alias, col_aliases }) = alias {
            let [name] = idents(row_alias)?[..] else { return None };
            let columns = self.columns(col_aliases.as_deref().unwrap_or_default())?;
            proposed.push(Alias { name: self.table_ident(name)?, columns });
        }
        let update = match on {
            None if !tells => return Some(None),
            None => None,
            Some(ast::OnInsert::DuplicateKeyUpdate(set)) => {
                let assigned = self.assigned(set)?.into_iter().map(|(path, value)| {
                    let column = path.last()?.clone();
                    Some(Assignment { columns: vec![column], value })
                });
                Some(assigned.collect::<Option<Vec<Assignment>>>()?)
            }
            Some(_) => return None,
        };
        Some(Some(Conflict { target: Vec::new(), update, filter: None, proposed }))
    }

    fn assigned(&mut self, set: &[ast::Assignment]) -> Option<Vec<(Vec<Name>, Expr)>> {
        let mut assigned = Vec::new();
        for ast::Assignment { target, value } in set {
            let AssignmentTarget::ColumnName(name) = target else { return None };
            let path = self.column_path(idents(name)?)?;
            assigned.push((path, self.given_one(value)));
        }
        Some(assigned)
    }

    fn last_column(&self, name: &ast::ObjectName) -> Option<Name> {
        self.column_path(idents(name)?)?.pop()
    }

    fn returned(&mut self, returning: Option<&[ast::SelectItem]>) -> Option<Vec<Item>> {
        self.items(returning.unwrap_or_default())
    }

    pub(super) fn update(&mut self, update: &ast::Update, with: Option<With>) -> Option<Dml> {
        let ast::Update {
            update_token: _,
            optimizer_hints: _,
            table,
            assignments,
            from,
            selection,
            returning,
            output,
            or,
            order_by,
            limit,
        } = update;
        if from.is_some() || returning.is_some() || output.is_some() || or.is_some() {
            return None;
        }
        let set = self.assigned(assignments)?;
        Some(Dml::Joined(Box::new(Joined {
            with,
            from: vec![self.joins(table)],
            deed: Deed::Update(set),
            filter: selection.as_ref().map(|filter| self.expr(filter)),
            order: order_by.iter().map(|key| self.sort_key(key)).collect(),
            limit: limit.as_ref().map(|limit| self.expr(limit)),
            returning: Vec::new(),
        })))
    }

    pub(super) fn delete(&mut self, delete: &ast::Delete, with: Option<With>) -> Option<Dml> {
        let ast::Delete {
            delete_token: _,
            optimizer_hints: _,
            tables,
            from,
            using,
            selection,
            returning,
            output,
            order_by,
            limit,
        } = delete;
        let ast::FromTable::WithFromKeyword(from) = from else { return None };
        if output.is_some() {
            return None;
        }
        let named = |one: &ast::ObjectName| self.table_path(one);
        let (targets, from) = match (tables.as_slice(), using, from.as_slice()) {
            ([], None, [only]) if only.joins.is_empty() => (vec![self.known_as(&only.relation)?], from),
            ([], Some(using), listed) => {
                let plain = |one: &ast::TableWithJoins| match &one.relation {
                    TableFactor::Table { name, alias: None, .. } if one.joins.is_empty() => named(name),
                    _ => None,
                };
                (listed.iter().map(plain).collect::<Option<Vec<_>>>()?, using)
            }
            ([_, ..], None, _) => (tables.iter().map(named).collect::<Option<Vec<_>>>()?, from),
            _ => return None,
        };
        Some(Dml::Joined(Box::new(Joined {
            with,
            from: from.iter().map(|item| self.joins(item)).collect(),
            deed: Deed::Delete(targets),
            filter: selection.as_ref().map(|filter| self.expr(filter)),
            order: order_by.iter().map(|key| self.sort_key(key)).collect(),
            limit: limit.as_ref().map(|limit| self.expr(limit)),
            returning: self.returned(returning.as_deref())?,
        })))
    }

    /// What a table in FROM is called.
    fn known_as(&self, factor: &TableFactor) -> Option<Vec<Name>> {
        let TableFactor::Table { name, alias, .. } = factor else { return None };
        match alias {
            Some(alias) => Some(vec![self.alias(alias)?.name]),
            None => self.table_path(name)?.pop().map(|name| vec![name]),
        }
    }
}
