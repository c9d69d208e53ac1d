//! Queries: WITH, SELECT, VALUES, TABLE, set operations, order and limits.

use std::sync::Arc;

use sqlparser::ast::{self, SetExpr, SetOperator, SetQuantifier};

use super::{Lowering, unknown};
use crate::statement::tree::{Body, Cte, Distinct, Dml, Expr, From, Item, Query, Select, Window, With};

/// A query's limits: LIMIT, WITH TIES, OFFSET.
type Limits = (Option<Expr>, bool, Option<Expr>);

impl Lowering<'_> {
    /// A query that is the statement, or the WITH list of a change of rows.
    pub(super) fn top(&mut self, query: &ast::Query) -> Option<Dml> {
        let changed = match query.body.as_ref() {
            SetExpr::Update(statement) | SetExpr::Delete(statement) => statement,
            SetExpr::Insert(_) | SetExpr::Merge(_) => return None,
            _ => return Some(Dml::Query(Box::new(self.query(query)))),
        };
        let ast::Query {
            with,
            body: _,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        let bare = order_by.is_none() && limit_clause.is_none() && fetch.is_none() && locks.is_empty();
        if !bare || for_clause.is_some() || settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty()
        {
            return None;
        }
        let with = match with {
            Some(with) => Some(self.with(with)?),
            None => None,
        };
        match changed {
            ast::Statement::Update(update) => self.update(update, with),
            ast::Statement::Delete(delete) => self.delete(delete, with),
            _ => None,
        }
    }

    pub(super) fn query(&mut self, query: &ast::Query) -> Query {
        self.deeper(|inner| inner.query_of(query)).unwrap_or_else(|| opaque_query("query"))
    }

    fn query_of(&mut self, query: &ast::Query) -> Option<Query> {
        let ast::Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            // FOR UPDATE and its like lock rows and change none.
            locks: _,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        if for_clause.is_some() || settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty() {
            return None;
        }
        let with = match with {
            Some(with) => Some(self.with(with)?),
            None => None,
        };
        let body = self.body(body)?;
        let order = match order_by {
            Some(order_by) => self.order(order_by)?,
            None => Vec::new(),
        };
        let (limit, with_ties, offset) = self.limits(limit_clause.as_ref(), fetch.as_ref())?;
        Some(Query { with, body, order, limit, with_ties, offset })
    }

    fn with(&mut self, with: &ast::With) -> Option<With> {
        let ast::With { with_token: _, recursive, cte_tables } = with;
        let tables = cte_tables.iter().map(|cte| self.cte(cte)).collect::<Option<Vec<Cte>>>()?;
        Some(With { recursive: *recursive, tables })
    }

    fn cte(&mut self, cte: &ast::Cte) -> Option<Cte> {
        let ast::Cte { alias, query, from, materialized, closing_paren_token: _ } = cte;
        if from.is_some() || materialized.is_some() {
            return None;
        }
        let alias = self.alias(alias)?;
        let body = Dml::Query(Box::new(self.query(query)));
        Some(Cte { name: alias.name, columns: alias.columns, body, extended: false })
    }

    fn body(&mut self, body: &SetExpr) -> Option<Body> {
        match body {
            SetExpr::Select(select) => Some(Body::Select(Box::new(self.select(select)?))),
            // In parentheses, with an order and limits of its own.
            SetExpr::Query(query) => Some(Body::Select(Box::new(of_subquery(self.query(query))))),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let all = match set_quantifier {
                    SetQuantifier::All => true,
                    SetQuantifier::Distinct | SetQuantifier::None => false,
                    SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => return None,
                };
                let adds = match op {
                    SetOperator::Union => true,
                    SetOperator::Except | SetOperator::Intersect => false,
                    SetOperator::Minus => return None,
                };
                let left = Box::new(self.side(left));
                let right = Box::new(self.side(right));
                Some(Body::Set { keeps_all: all && adds, adds, left, right })
            }
            SetExpr::Values(values) => {
                let ast::Values { explicit_row: _, value_keyword: _, rows } = values;
                Some(Body::Values(rows.iter().map(|row| self.given(&row.content)).collect()))
            }
            // After `TABLE t` sqlparser 0.63 passes over two words, whatever they are.
            SetExpr::Table(_) => None,
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => None,
        }
    }

    /// One side of a set operation.
    fn side(&mut self, side: &SetExpr) -> Query {
        let lowered = self.deeper(|inner| match side {
            SetExpr::Query(query) => Some(inner.query(query)),
            other => inner.body(other).map(of_body),
        });
        lowered.unwrap_or_else(|| opaque_query("set operation"))
    }

    fn select(&mut self, select: &ast::Select) -> Option<Select> {
        let ast::Select {
            select_token: _,
            // Hints choose a plan. Those that change settings the reader of the text refuses.
            optimizer_hints: _,
            distinct,
            // They change how a plan is made or what FOUND_ROWS() tells, never which rows there are.
            select_modifiers: _,
            top,
            top_before_distinct,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        let foreign = top.is_some()
            || *top_before_distinct
            || exclude.is_some()
            || into.is_some()
            || !lateral_views.is_empty()
            || prewhere.is_some()
            || !connect_by.is_empty()
            || !cluster_by.is_empty()
            || !distribute_by.is_empty()
            || !sort_by.is_empty()
            || qualify.is_some()
            || value_table_mode.is_some()
            || !matches!(flavor, ast::SelectFlavor::Standard);
        if foreign {
            return None;
        }
        let distinct = match distinct {
            None | Some(ast::Distinct::All) => Distinct::No,
            Some(ast::Distinct::Distinct) => Distinct::Rows,
            Some(ast::Distinct::On(_)) => return None,
        };
        let (group, grouping_sets) = self.group(group_by)?;
        Some(Select {
            distinct,
            items: self.items(projection)?,
            from: self.sources(from),
            filter: selection.as_ref().map(|filter| self.expr(filter)),
            group,
            grouping_sets,
            having: having.as_ref().map(|having| self.expr(having)),
            windows: named_window.iter().map(|named| self.named_window(named)).collect::<Option<Vec<Window>>>()?,
        })
    }

    /// A select or RETURNING list.
    pub(super) fn items(&mut self, items: &[ast::SelectItem]) -> Option<Vec<Item>> {
        items.iter().map(|item| self.item(item)).collect()
    }

    fn item(&mut self, item: &ast::SelectItem) -> Option<Item> {
        match item {
            ast::SelectItem::UnnamedExpr(expr) => Some(Item { value: self.expr(expr), alias: None }),
            ast::SelectItem::ExprWithAlias { expr, alias } => {
                let alias = self.column_name(alias)?;
                Some(Item { value: self.expr(expr), alias: Some(alias) })
            }
            ast::SelectItem::ExprWithAliases { .. } => None,
            ast::SelectItem::Wildcard(options) => is_plain(options).then(star),
            ast::SelectItem::QualifiedWildcard(kind, options) => {
                let ast::SelectItemQualifiedWildcardKind::ObjectName(name) = kind else { return None };
                let path = self.table_path(name)?;
                is_plain(options).then_some(Item { value: Expr::Star(path), alias: None })
            }
        }
    }

    /// GROUP BY, and whether it makes groups of groups.
    fn group(&mut self, group_by: &ast::GroupByExpr) -> Option<(Vec<Expr>, bool)> {
        let ast::GroupByExpr::Expressions(keys, modifiers) = group_by else { return None };
        let mut sets = false;
        for modifier in modifiers {
            match modifier {
                ast::GroupByWithModifier::Rollup | ast::GroupByWithModifier::Cube => sets = true,
                ast::GroupByWithModifier::Totals | ast::GroupByWithModifier::GroupingSets(_) => return None,
            }
        }
        let mut group = Vec::new();
        for key in keys {
            match key {
                ast::Expr::Rollup(lists) | ast::Expr::Cube(lists) | ast::Expr::GroupingSets(lists) => {
                    sets = true;
                    group.extend(lists.iter().flatten().map(|key| self.expr(key)));
                }
                key => group.push(self.expr(key)),
            }
        }
        Some((group, sets))
    }

    fn named_window(&mut self, named: &ast::NamedWindowDefinition) -> Option<Window> {
        let ast::NamedWindowDefinition(_, window) = named;
        match window {
            ast::NamedWindowExpr::WindowSpec(spec) => Some(self.window(spec)),
            ast::NamedWindowExpr::NamedWindow(_) => Some(Window::default()),
        }
    }

    /// A window. One that it is based on is followed where it is defined.
    pub(super) fn window(&mut self, spec: &ast::WindowSpec) -> Window {
        let ast::WindowSpec { window_name: _, partition_by, order_by, window_frame } = spec;
        let mut shape: Vec<Expr> = partition_by.iter().map(|key| self.expr(key)).collect();
        shape.extend(order_by.iter().map(|key| self.sort_key(key)));
        if let Some(ast::WindowFrame { units: _, start_bound, end_bound }) = window_frame {
            for bound in std::iter::once(start_bound).chain(end_bound) {
                match bound {
                    ast::WindowFrameBound::CurrentRow => {}
                    ast::WindowFrameBound::Preceding(offset) | ast::WindowFrameBound::Following(offset) => {
                        shape.extend(offset.iter().map(|offset| self.expr(offset)));
                    }
                }
            }
        }
        Window { shape }
    }

    fn order(&mut self, order_by: &ast::OrderBy) -> Option<Vec<Expr>> {
        let ast::OrderBy { kind, interpolate } = order_by;
        match kind {
            ast::OrderByKind::Expressions(keys) if interpolate.is_none() => {
                Some(keys.iter().map(|key| self.sort_key(key)).collect())
            }
            ast::OrderByKind::Expressions(_) | ast::OrderByKind::All(_) => None,
        }
    }

    pub(super) fn sort_key(&mut self, key: &ast::OrderByExpr) -> Expr {
        let ast::OrderByExpr { expr, options, with_fill } = key;
        let ast::OrderByOptions { sort, nulls_first } = options;
        let using = matches!(sort, Some(ast::OrderBySort::Using(_)));
        let value = self.expr(expr);
        match using || nulls_first.is_some() || with_fill.is_some() {
            false => value,
            true => super::opaque("ORDER BY", vec![value]),
        }
    }

    fn limits(&mut self, limit: Option<&ast::LimitClause>, fetch: Option<&ast::Fetch>) -> Option<Limits> {
        let (limit, offset) = match limit {
            None => (None, None),
            Some(ast::LimitClause::LimitOffset { limit, offset, limit_by }) => {
                if !limit_by.is_empty() {
                    return None;
                }
                let offset = offset.as_ref().map(|ast::Offset { value, rows: _ }| self.expr(value));
                (limit.as_ref().map(|limit| self.expr(limit)), offset)
            }
            Some(ast::LimitClause::OffsetCommaLimit { offset, limit }) => {
                (Some(self.expr(limit)), Some(self.expr(offset)))
            }
        };
        match fetch {
            None => Some((limit, false, offset)),
            Some(ast::Fetch { with_ties, percent: false, quantity: Some(quantity) }) if limit.is_none() => {
                Some((Some(self.expr(quantity)), *with_ties, offset))
            }
            Some(_) => None,
        }
    }
}

/// Nothing follows the star.
fn is_plain(options: &ast::WildcardAdditionalOptions) -> bool {
    let ast::WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    opt_ilike.is_none()
        && opt_exclude.is_none()
        && opt_except.is_none()
        && opt_replace.is_none()
        && opt_rename.is_none()
        && opt_alias.is_none()
}

fn star() -> Item {
    Item { value: Expr::Star(Vec::new()), alias: None }
}

fn of_body(body: Body) -> Query {
    Query { with: None, body, order: Vec::new(), limit: None, with_ties: false, offset: None }
}

/// All that a query in parentheses gives. No name in a text has a zero byte.
fn of_subquery(query: Query) -> Select {
    let alias = crate::statement::tree::Alias { name: Arc::from("\0query"), columns: Vec::new() };
    let from = vec![From::Subquery { query: Box::new(query), alias: Some(alias), lateral: false }];
    Select { items: vec![star()], from, ..Select::default() }
}

/// A query that stands for one that could not be read.
fn opaque_query(what: &str) -> Query {
    let from = vec![From::Opaque { unknown: unknown(what), alias: None }];
    of_body(Body::Select(Box::new(Select { items: vec![star()], from, ..Select::default() })))
}
