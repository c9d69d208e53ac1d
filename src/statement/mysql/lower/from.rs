//! FROM: tables, derived tables, JSON_TABLE and joins.

use std::sync::Arc;

use sqlparser::ast::{self, JoinConstraint, JoinOperator, TableFactor};

use super::{Lowering, is_word, unknown};
use crate::statement::tree::{
    Alias, Argument, Call, Expr, From, Join, JoinCondition, JoinKind, Name, TableCall, TypeName,
};

impl Lowering<'_> {
    pub(super) fn sources(&mut self, list: &[ast::TableWithJoins]) -> Vec<From> {
        match list {
            [only] if is_dual(only) => Vec::new(),
            list => list.iter().map(|item| self.joins(item)).collect(),
        }
    }

    pub(super) fn joins(&mut self, item: &ast::TableWithJoins) -> From {
        let ast::TableWithJoins { relation, joins } = item;
        let mut left = self.factor(relation);
        for join in joins {
            left = self.join(left, join);
        }
        left
    }

    fn join(&mut self, left: From, join: &ast::Join) -> From {
        let ast::Join { relation, global, join_operator } = join;
        let (kind, constraint) = match join_operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::CrossJoin(constraint)
            | JoinOperator::StraightJoin(constraint) => (JoinKind::Inner, constraint),
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (JoinKind::Left, constraint),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (JoinKind::Right, constraint),
            // To MySQL, FULL is a name that the table before is given.
            JoinOperator::FullOuter(_)
            | JoinOperator::Semi(_)
            | JoinOperator::LeftSemi(_)
            | JoinOperator::RightSemi(_)
            | JoinOperator::Anti(_)
            | JoinOperator::LeftAnti(_)
            | JoinOperator::RightAnti(_)
            | JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::AsOf { .. }
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => return opaque_source("join", None),
        };
        let condition = match constraint {
            _ if *global => None,
            JoinConstraint::None => Some(JoinCondition::None),
            JoinConstraint::Natural => Some(JoinCondition::Natural),
            JoinConstraint::On(condition) => Some(JoinCondition::On(self.expr(condition))),
            JoinConstraint::Using(names) => self.using(names),
        };
        let Some(condition) = condition else { return opaque_source("join", None) };
        let right = self.factor(relation);
        // What binds joins together grows with their number, not with their depth in the text.
        match self.depth_of(&left) {
            Some(_) => From::Join(Box::new(Join { kind, left, right, condition, alias: None })),
            None => opaque_source("joins of too many tables", None),
        }
    }

    /// How deep joins stand inside one another on the left; `None` when that is too deep to follow.
    fn depth_of(&self, mut left: &From) -> Option<u32> {
        let mut depth = 0;
        while let From::Join(join) = left {
            depth += 1;
            left = &join.left;
        }
        (depth < super::DEPTH_MAX).then_some(depth)
    }

    fn using(&self, names: &[ast::ObjectName]) -> Option<JoinCondition> {
        let column = |name: &ast::ObjectName| match super::idents(name)?.as_slice() {
            [only] => self.column_name(only),
            _ => None,
        };
        Some(JoinCondition::Using(names.iter().map(column).collect::<Option<Vec<Name>>>()?, None))
    }

    fn factor(&mut self, factor: &TableFactor) -> From {
        self.deeper(|inner| inner.factor_of(factor)).unwrap_or_else(|| opaque_source("source of rows", None))
    }

    fn factor_of(&mut self, factor: &TableFactor) -> Option<From> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                // A part of the rows is no more than all of them.
                partitions: _,
                json_path,
                sample,
                // They choose a plan.
                index_hints: _,
            } => {
                let foreign = args.is_some()
                    || !with_hints.is_empty()
                    || version.is_some()
                    || *with_ordinality
                    || json_path.is_some()
                    || sample.is_some();
                if foreign {
                    return None;
                }
                let name = self.table_name(name)?;
                Some(From::Table { name, alias: self.optional_alias(alias.as_ref())?, only: false, sample: Vec::new() })
            }
            TableFactor::Derived { lateral, subquery, alias, sample } => {
                if sample.is_some() {
                    return None;
                }
                let alias = self.optional_alias(alias.as_ref())?;
                Some(From::Subquery { query: Box::new(self.query(subquery)), alias, lateral: *lateral })
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                alias.is_none().then(|| self.joins(table_with_joins))
            }
            TableFactor::JsonTable { json_expr, json_path: _, columns, alias } => {
                self.json_table(json_expr, columns, alias.as_ref())
            }
            TableFactor::TableFunction { .. }
            | TableFactor::Function { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::OpenJsonTable { .. }
            | TableFactor::Pivot { .. }
            | TableFactor::Unpivot { .. }
            | TableFactor::UnpivotExpr { .. }
            | TableFactor::MatchRecognize { .. }
            | TableFactor::XmlTable { .. }
            | TableFactor::SemanticView { .. } => None,
        }
    }

    /// JSON_TABLE: every column may come from anywhere in the document.
    fn json_table(
        &mut self,
        document: &ast::Expr,
        columns: &[ast::JsonTableColumn],
        alias: Option<&ast::TableAlias>,
    ) -> Option<From> {
        let mut named = Vec::new();
        self.json_columns(columns, &mut named)?;
        let call = Call {
            name: vec![Arc::from("json_table")],
            arguments: vec![Argument { name: None, value: self.expr(document) }],
            star: false,
            distinct: false,
            variadic: false,
            order: Vec::new(),
            within_group: false,
            filter: None,
            over: None,
        };
        let calls = vec![TableCall { call: Expr::Call(Box::new(call)), columns: named }];
        Some(From::Functions { calls, ordinality: false, alias: self.optional_alias(alias)? })
    }

    fn json_columns(
        &mut self,
        columns: &[ast::JsonTableColumn],
        into: &mut Vec<(Name, Option<TypeName>)>,
    ) -> Option<()> {
        for column in columns {
            let name = match column {
                ast::JsonTableColumn::Named(named) => {
                    let ast::JsonTableNamedColumn { name, r#type: _, path: _, exists: _, on_empty: _, on_error: _ } =
                        named;
                    name
                }
                ast::JsonTableColumn::ForOrdinality(name) => name,
                ast::JsonTableColumn::Nested(ast::JsonTableNestedColumn { path: _, columns }) => {
                    self.deeper(|inner| inner.json_columns(columns, into))?;
                    continue;
                }
            };
            // That a value does not fit its column is told by the call already.
            let text = TypeName { schema: None, name: Arc::from("char"), array: false, modified: false };
            into.push((self.column_name(name)?, Some(text)));
        }
        Some(())
    }

    /// An alias, if there is one; `None` if it cannot be read.
    fn optional_alias(&self, alias: Option<&ast::TableAlias>) -> Option<Option<Alias>> {
        match alias {
            None => Some(None),
            Some(alias) => self.alias(alias).map(Some),
        }
    }

    pub(super) fn alias(&self, alias: &ast::TableAlias) -> Option<Alias> {
        let ast::TableAlias { explicit: _, name, columns, at } = alias;
        let column = |column: &ast::TableAliasColumnDef| {
            let ast::TableAliasColumnDef { name, data_type } = column;
            data_type.is_none().then(|| self.column_name(name))?
        };
        let columns = columns.iter().map(column).collect::<Option<Vec<Name>>>()?;
        at.is_none().then_some(())?;
        Some(Alias { name: self.table_ident(name)?, columns })
    }
}

/// `FROM DUAL` is no FROM.
fn is_dual(item: &ast::TableWithJoins) -> bool {
    let TableFactor::Table { name, alias: None, .. } = &item.relation else { return false };
    let word =
        |part: &ast::ObjectNamePart| matches!(part, ast::ObjectNamePart::Identifier(ident) if is_word(ident, "dual"));
    item.joins.is_empty() && name.0.len() == 1 && name.0.iter().all(word)
}

fn opaque_source(what: &str, alias: Option<Alias>) -> From {
    From::Opaque { unknown: unknown(what), alias }
}
