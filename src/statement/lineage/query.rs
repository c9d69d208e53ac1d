//! Queries: WITH, SELECT, VALUES, set operations, order and limits.

use std::sync::Arc;

use super::Analyser;
use super::bounds;
use super::names::{Env, Found};
use super::value::{Field, Shape, Value};
use crate::statement::footprint::{Position, RowBound};
use crate::statement::tree::{Body, Constant, Cte, Distinct, Dml, Expr, Item, Name, Query, Select, With};

/// Rounds a recursive WITH member is followed before giving up; each adds to a finite set.
const ROUNDS_MAX: usize = 12;

impl Analyser<'_> {
    pub(super) fn query(&mut self, query: &Query, outer: &Env<'_>) -> Shape {
        if self.descend().is_none() {
            return Shape::unknown();
        }
        let mut env = Env::inside(outer);
        self.with(query.with.as_ref(), &mut env);
        let mut shape = match &query.body {
            Body::Select(select) => self.select(select, &query.order, &env),
            Body::Values(rows) => {
                let shape = self.values(rows, &env);
                self.order_outputs(&query.order, &shape, &mut env);
                shape
            }
            Body::Set { keeps_all, adds, left, right } => {
                let left = self.query(left, &env);
                let right = self.query(right, &env);
                let shape = self.set_operation(left, right, *keeps_all, *adds);
                self.order_outputs(&query.order, &shape, &mut env);
                shape
            }
        };
        for limit in [&query.limit, &query.offset].into_iter().flatten() {
            let value = self.value(limit, &env, Position::Limit);
            self.shape(&value, Position::Limit);
        }
        if let (Some(Expr::Constant(Constant::Integer(rows))), false) = (&query.limit, query.with_ties) {
            shape.bound = bounds::least(shape.bound, RowBound::AtMost(u64::try_from(*rows).unwrap_or(0)));
        }
        self.ascend();
        shape
    }

    /// Adds the members of a WITH list to a level of names.
    pub(super) fn with(&mut self, with: Option<&With>, env: &mut Env<'_>) {
        let Some(with) = with else { return };
        for (index, cte) in with.tables.iter().enumerate() {
            let mut shape = if with.recursive {
                let later = with.tables.get(index..).unwrap_or_default();
                self.recursive_member(cte, later, env)
            } else {
                self.member(cte, env)
            };
            if cte.extended {
                self.opaque("SEARCH or CYCLE", "not followed; compute the path in the query itself");
                shape = Shape::unknown();
            }
            env.ctes.push((cte.name.clone(), Arc::new(shape)));
        }
    }

    fn member(&mut self, cte: &Cte, env: &Env<'_>) -> Shape {
        let shape = self.dml(&cte.body, env).unwrap_or_else(Shape::unknown);
        renamed(shape, &cte.columns)
    }

    /// Follows a member of WITH RECURSIVE until what is known of it no longer grows.
    fn recursive_member(&mut self, cte: &Cte, later: &[Cte], env: &mut Env<'_>) -> Shape {
        let known = env.ctes.len();
        // Members further down are visible too; who needs them is not followed.
        for other in later.iter().skip(1) {
            env.ctes.push((other.name.clone(), Arc::new(Shape::unknown())));
        }
        let mut shape = match self.first_arm(cte, env) {
            Some(first) => first,
            None => {
                let shape = self.member(cte, env);
                env.ctes.truncate(known);
                return shape;
            }
        };
        for _ in 0..ROUNDS_MAX {
            shape.bound = RowBound::Unbounded;
            shape.unique.clear();
            env.ctes.push((cte.name.clone(), Arc::new(shape.clone())));
            let next = self.member(cte, env);
            env.ctes.pop();
            let grown = !same_sources(&shape, &next);
            shape = Shape { bound: RowBound::Unbounded, ..next };
            if !grown {
                env.ctes.truncate(known);
                return shape;
            }
        }
        env.ctes.truncate(known);
        self.opaque("WITH RECURSIVE", "its columns could not be followed");
        Shape::unknown()
    }

    /// The arm that does not read the member itself, from which recursion starts.
    fn first_arm(&mut self, cte: &Cte, env: &Env<'_>) -> Option<Shape> {
        let Dml::Query(query) = &cte.body else { return None };
        let Body::Set { left, .. } = &query.body else { return None };
        let mut env = Env::inside(env);
        self.with(query.with.as_ref(), &mut env);
        let shape = self.query(left, &env);
        Some(renamed(shape, &cte.columns))
    }

    pub(super) fn values(&mut self, rows: &[Vec<Expr>], env: &Env<'_>) -> Shape {
        let mut columns: Vec<Value> = Vec::new();
        for (number, row) in rows.iter().enumerate() {
            for (index, expr) in row.iter().enumerate() {
                let value = self.value(expr, env, Position::Predicate).outside();
                match columns.get_mut(index) {
                    Some(known) if number > 0 => *known = Value::either(known, &value),
                    Some(_) => {}
                    None => columns.push(value),
                }
            }
        }
        let named = columns
            .into_iter()
            .enumerate()
            .map(|(index, value)| Field { name: self.dialect.values_column(index), value });
        let bound = RowBound::AtMost(u64::try_from(rows.len()).unwrap_or(u64::MAX));
        Shape { columns: named.collect(), wild: false, bound, unique: Vec::new() }
    }

    fn set_operation(&mut self, left: Shape, right: Shape, keeps_all: bool, adds: bool) -> Shape {
        if !keeps_all {
            for field in left.columns.iter().chain(&right.columns) {
                self.shape(&field.value, Position::Group);
            }
        }
        let wild = left.wild || right.wild || left.columns.len() != right.columns.len();
        if wild {
            self.opaque("set operation", "its sides could not be matched column by column");
        }
        let bound = if adds { bounds::sum(left.bound, right.bound) } else { left.bound };
        let pairs = left.columns.into_iter().zip(&right.columns);
        let columns = pairs.map(|(l, r)| Field { value: Value::either(&l.value, &r.value), name: l.name }).collect();
        Shape { columns, wild, bound, unique: Vec::new() }
    }

    fn select(&mut self, select: &Select, order: &[Expr], outer: &Env<'_>) -> Shape {
        let around = std::mem::take(&mut self.local);
        let mut env = Env::inside(outer);
        let mut product = self.bring(&select.from, &mut env, outer);
        if let Some(filter) = &select.filter {
            let mut found = Vec::new();
            self.condition(filter, &env, Position::Predicate, &mut found);
            product.equalities.append(&mut found);
        }
        let (columns, wild) = self.select_list(&select.items, &mut env);
        self.local.written = select.items.iter().filter_map(|item| item.alias.clone()).collect();
        let mut shape = Shape { columns, wild, bound: product.bound(), unique: Vec::new() };
        self.group(&select.group, &shape, &env);
        if let Some(having) = &select.having {
            let value = self.value(having, &env, Position::Predicate);
            self.shape(&value, Position::Predicate);
        }
        for expr in select.windows.iter().flat_map(|window| &window.shape) {
            let value = self.value(expr, &env, Position::Order);
            self.shape(&value, Position::Order);
        }
        self.distinct(&select.distinct, &shape, &env);
        self.order(order, &shape, &env, Position::Order);
        shape.bound = self.selected(select, shape.bound);
        if !self.local.multiplies && select.group.is_empty() && !self.local.aggregates && !select.grouping_sets {
            shape.unique = product.unique(&shape.columns);
        }
        for field in &mut shape.columns {
            field.value = field.value.outside();
        }
        self.local = around;
        shape
    }

    /// Rows of a select whose sources give `from` rows.
    fn selected(&self, select: &Select, from: RowBound) -> RowBound {
        if self.local.multiplies || select.grouping_sets {
            return RowBound::Unbounded;
        }
        let grouped = select.having.is_some() && self.dialect.having_groups();
        let one_group = select.group.is_empty() && (self.local.aggregates || grouped);
        if one_group { RowBound::AtMost(1) } else { from }
    }

    /// A select list, whose names are then seen by what follows, if the dialect has it so.
    fn select_list(&mut self, items: &[Item], env: &mut Env<'_>) -> (Vec<Field>, bool) {
        if !self.dialect.sees_aliases() {
            return self.items(items, env);
        }
        let mut columns = Vec::new();
        let mut wild = false;
        for item in items {
            let (fields, more) = self.items(std::slice::from_ref(item), env);
            wild |= more;
            let known = columns.len();
            columns.extend(fields);
            if !matches!(item.value, Expr::Star(_)) {
                env.aliases.extend(columns.iter().skip(known).cloned());
            }
        }
        env.prefers_aliases = true;
        (columns, wild)
    }

    /// ORDER BY over what VALUES or a set operation gives.
    fn order_outputs(&mut self, keys: &[Expr], shape: &Shape, env: &mut Env<'_>) {
        if self.dialect.sees_aliases() {
            env.aliases.clone_from(&shape.columns);
        }
        self.order(keys, shape, env, Position::Order);
        env.aliases.clear();
    }

    /// A select or RETURNING list.
    pub(super) fn items(&mut self, items: &[Item], env: &Env<'_>) -> (Vec<Field>, bool) {
        let mut fields: Vec<Field> = Vec::new();
        let mut wild = false;
        for item in items {
            let known = fields.len();
            match &item.value {
                Expr::Star(path) => wild |= self.star(path, env, &mut fields),
                Expr::FieldStar(inner) => {
                    let value = self.value(inner, env, Position::Predicate);
                    match &value.fields {
                        Some(members) if !value.unknown => fields.extend(members.iter().cloned()),
                        _ => {
                            self.opaque("(…).*", "the columns of this value are not known; name the one you want");
                            wild = true;
                        }
                    }
                }
                expr => {
                    let value = self.value(expr, env, Position::Predicate);
                    let name = item.alias.clone().or_else(|| self.dialect.label(expr));
                    fields.push(Field { name, value });
                }
            }
            self.spend(fields.iter().skip(known).map(|field| 1 + field.value.sources.len()).sum());
            if self.descend().is_none() {
                return (fields, true);
            }
            self.ascend();
        }
        (fields, wild)
    }

    /// Adds the columns a star stands for; true when they are not all known.
    fn star(&mut self, path: &[Name], env: &Env<'_>, fields: &mut Vec<Field>) -> bool {
        let shown = |field: &&Field| !field.value.hidden;
        match path {
            [] => {
                for row in &env.rows {
                    fields.extend(row.columns.iter().filter(shown).cloned());
                }
                env.rows.iter().any(|row| row.wild)
            }
            path => match self.table_of(path, env) {
                Some(table) => {
                    fields.extend(table.columns.iter().filter(shown).cloned());
                    table.wild
                }
                None => {
                    self.opaque("star", "what it qualifies is not known");
                    true
                }
            },
        }
    }

    /// GROUP BY: positions, then columns, then output names.
    fn group(&mut self, keys: &[Expr], shape: &Shape, env: &Env<'_>) {
        for key in keys {
            if let Expr::Column(path) = key
                && let [name] = path.as_slice()
            {
                if let Found::Value(value) = env.bare(name, self.dialect) {
                    self.shape(&value, Position::Group);
                }
                self.named(name, shape, Position::Group);
                if !shape.columns.iter().any(|field| field.name.as_ref() == Some(name)) {
                    self.value(key, env, Position::Group);
                }
                continue;
            }
            self.order(std::slice::from_ref(key), shape, env, Position::Group);
        }
    }

    fn distinct(&mut self, distinct: &Distinct, shape: &Shape, env: &Env<'_>) {
        match distinct {
            Distinct::No => {}
            Distinct::Rows => {
                for field in &shape.columns {
                    self.shape(&field.value, Position::Group);
                }
            }
            Distinct::On(keys) => self.order(keys, shape, env, Position::Order),
        }
    }

    /// ORDER BY and its like: positions, output names, then expressions over the sources.
    pub(super) fn order(&mut self, keys: &[Expr], shape: &Shape, env: &Env<'_>, position: Position) {
        for key in keys {
            match key {
                Expr::Constant(Constant::Integer(number)) => {
                    let index = usize::try_from(*number).ok().and_then(|number| number.checked_sub(1));
                    match index.and_then(|index| shape.columns.get(index)) {
                        Some(field) if !shape.wild => self.shape(&field.value, position),
                        _ => self.opaque("ORDER BY position", "the column it stands for is not known"),
                    }
                }
                Expr::Column(path) if path.len() == 1 && self.named_by(path, shape, position) => {
                    // The server takes the output's name first; the source's is added in case we named it differently, but
                    // a name that was written with AS is certain, and is not the whole row of a table of that name.
                    let certain = path.first().filter(|name| self.local.written.contains(name));
                    let only_row = certain.is_some_and(|name| !env.has_column(name));
                    let found = path.first().filter(|_| !only_row).map(|name| env.bare(name, self.dialect));
                    if let Some(Found::Value(value)) = found {
                        self.shape(&value, position);
                    }
                }
                expr => {
                    let value = self.value(expr, env, position);
                    self.shape(&value, position);
                }
            }
        }
    }

    fn named_by(&mut self, path: &[Name], shape: &Shape, position: Position) -> bool {
        path.first().is_some_and(|name| self.named(name, shape, position))
    }

    /// Records the outputs of this name; false if there is none.
    fn named(&mut self, name: &Name, shape: &Shape, position: Position) -> bool {
        let mut any = false;
        for field in shape.columns.iter().filter(|field| field.name.as_ref() == Some(name)) {
            self.shape(&field.value, position);
            any = true;
        }
        any
    }

    pub(super) fn nested(&mut self, query: &Query, env: &Env<'_>) -> Shape {
        let around = std::mem::take(&mut self.local);
        let shape = self.query(query, env);
        self.local = around;
        shape
    }
}

/// Gives the first columns new names.
pub(super) fn renamed(mut shape: Shape, names: &[Name]) -> Shape {
    if names.len() > shape.columns.len() {
        shape.wild = true;
    }
    for (field, name) in shape.columns.iter_mut().zip(names) {
        field.name = Some(name.clone());
    }
    shape
}

fn same_sources(left: &Shape, right: &Shape) -> bool {
    left.wild == right.wild
        && left.columns.len() == right.columns.len()
        && left
            .columns
            .iter()
            .zip(&right.columns)
            .all(|(l, r)| l.value.sources == r.value.sources && l.value.unknown == r.value.unknown && l.name == r.name)
}
