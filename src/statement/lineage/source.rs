//! FROM: tables, subqueries, functions and joins, with the names and bounds they bring.

use std::sync::Arc;

use super::Analyser;
use super::bounds::{self, Equality, Leaf};
use super::names::{Env, Row, Table};
use super::value::{Field, Origin, Shape, Value, from_leaf};
use crate::statement::footprint::{Position, RowBound};
use crate::statement::scope::Dialect;
use crate::statement::tree::{Alias, Body, Expr, From, Join, JoinCondition, JoinKind, Name, SubqueryKind};

/// Types with lower OIDs are the server's own.
const FIRST_USER_OID: u32 = 16384;

/// What bounds the rows of a FROM list.
#[derive(Debug, Default)]
pub(super) struct Product {
    /// Its sources.
    pub leaves: Vec<Leaf>,
    /// What holds between them.
    pub equalities: Vec<Equality>,
    /// A full join: rows add up instead of multiplying.
    pub full: bool,
}

/// One item of FROM.
#[derive(Default)]
pub(super) struct Source {
    /// The names it brings.
    pub row: Row,
    /// Its rows.
    pub product: Product,
}

impl Product {
    pub(super) fn bound(&self) -> RowBound {
        match self.full {
            true => RowBound::Unbounded,
            false => bounds::product(&self.leaves, &self.equalities),
        }
    }

    fn add(&mut self, mut other: Self) {
        self.leaves.append(&mut other.leaves);
        self.equalities.append(&mut other.equalities);
        self.full |= other.full;
    }

    /// Which of these outputs fix a row: the keys of a lone source.
    pub(super) fn unique(&self, columns: &[Field]) -> Vec<Vec<usize>> {
        let [leaf] = self.leaves.as_slice() else { return Vec::new() };
        let place = |column: &usize| {
            let origin = Origin { leaf: leaf.id, column: *column };
            columns.iter().position(|field| field.value.origin == Some(origin))
        };
        let keys = leaf.unique.iter().filter(|(_, shared)| *shared == 1);
        keys.filter_map(|(key, _)| key.iter().map(place).collect::<Option<Vec<usize>>>()).collect()
    }
}

impl Source {
    /// A source whose columns are not known.
    pub(super) fn unknown(alias: Option<&Alias>, id: u32) -> Self {
        let name = alias.map(|alias| alias.name.clone());
        let table = Table { name, wild: true, ..Table::default() };
        let leaf = Leaf { id, bound: RowBound::Unbounded, unique: Vec::new() };
        Self {
            row: Row { tables: vec![table], columns: Vec::new(), wild: true },
            product: Product { leaves: vec![leaf], ..Product::default() },
        }
    }

    /// A source with the columns of a query.
    pub(super) fn of(shape: Shape, name: Option<Name>, id: u32, dialect: Dialect) -> Self {
        let unnamed = shape.columns.iter().any(|field| field.name.is_none());
        // Where only plain words name columns, an unnamed one stands in no other's way.
        let wild = shape.wild || unnamed && dialect.has_row_values();
        let columns = from_leaf(shape.columns, id);
        let table = Table {
            name,
            schema: None,
            columns: columns.as_slice().into(),
            wild,
            relations: Vec::new(),
            scalar: false,
        };
        let unique = shape.unique.into_iter().map(|key| (key, 1)).collect();
        let leaf = Leaf { id, bound: shape.bound, unique };
        Self {
            row: Row { tables: vec![table], columns, wild },
            product: Product { leaves: vec![leaf], ..Product::default() },
        }
    }
}

impl Analyser<'_> {
    /// Brings the items of a FROM list into a level of names. `outer` is what items without LATERAL see.
    pub(super) fn bring(&mut self, items: &[From], env: &mut Env<'_>, outer: &Env<'_>) -> Product {
        let mut product = Product::default();
        for item in items {
            let source = self.source(item, env, outer);
            env.rows.push(source.row);
            product.add(source.product);
        }
        product
    }

    /// One item. `beside` sees the items to its left (LATERAL), `outer` does not.
    pub(super) fn source(&mut self, item: &From, beside: &Env<'_>, outer: &Env<'_>) -> Source {
        if self.descend().is_none() {
            return Source::unknown(None, self.next_leaf);
        }
        let source = match item {
            From::Table { name, alias, only, sample } => {
                for argument in sample {
                    let value = self.value(argument, beside, Position::Limit);
                    self.shape(&value, Position::Limit);
                }
                self.table(name, alias.as_ref(), *only, outer)
            }
            From::Subquery { query, alias, lateral } => {
                let shape = self.nested(query, if *lateral { beside } else { outer });
                let shape = super::query::renamed(shape, alias.as_ref().map_or(&[], |alias| &alias.columns));
                let id = self.leaf();
                Source::of(shape, alias.as_ref().map(|alias| alias.name.clone()), id, self.dialect)
            }
            From::Functions { calls, ordinality, alias } => {
                self.table_functions(calls, *ordinality, alias.as_ref(), beside)
            }
            From::Join(join) => self.join(join, beside, outer),
            From::Opaque { unknown, alias } => {
                self.opaque(&unknown.what, &unknown.why);
                let id = self.leaf();
                Source::unknown(alias.as_ref(), id)
            }
        };
        self.spend(source.row.columns.iter().map(|field| 1 + field.value.sources.len()).sum());
        self.ascend();
        source
    }

    fn join(&mut self, join: &Join, beside: &Env<'_>, outer: &Env<'_>) -> Source {
        let left = self.source(&join.left, beside, outer);
        let mut within = Env::inside(beside);
        within.rows.push(left.row);
        let right = self.source(&join.right, &within, outer);
        let left_row = within.rows.pop().unwrap_or_default();
        let mut on = Env::inside(outer);
        on.rows = vec![left_row, right.row];
        let mut equalities = Vec::new();
        let mut using_alias = None;
        let mut merged = match &join.condition {
            JoinCondition::None => Vec::new(),
            JoinCondition::On(condition) => {
                self.condition(condition, &on, Position::Join, &mut equalities);
                Vec::new()
            }
            JoinCondition::Using(names, alias) => {
                using_alias = alias.clone();
                names.clone()
            }
            JoinCondition::Natural => self.shared_names(&on),
        };
        if self.dialect.turns_right_joins() {
            let leading = usize::from(join.kind == JoinKind::Right);
            let columns = on.rows.get(leading).map(|row| row.columns.as_slice()).unwrap_or_default();
            merged.sort_by_key(|name| columns.iter().position(|field| field.name.as_ref() == Some(name)));
        }
        let columns = self.merge(&merged, join.kind, &mut on, &mut equalities);
        let product = joined_product(join.kind, left.product, right.product, equalities);
        let wild = on.rows.iter().any(|row| row.wild);
        let mut tables: Vec<Table> = on.rows.into_iter().flat_map(|row| row.tables).collect();
        if let Some(name) = using_alias {
            let merged = columns.iter().take(merged.len()).cloned().collect();
            tables.push(named_table(name, merged, wild));
        }
        let row = Row { tables, columns, wild };
        Source { row: self.aliased(row, join.alias.as_ref()), product }
    }

    /// Names that both sides of a NATURAL JOIN have.
    fn shared_names(&mut self, on: &Env<'_>) -> Vec<Name> {
        let [left, right] = on.rows.as_slice() else { return Vec::new() };
        let unnamed = |row: &Row| row.columns.iter().any(|field| field.name.is_none());
        if left.wild || right.wild || unnamed(left) || unnamed(right) {
            self.opaque("NATURAL JOIN", "the columns of a side are not known");
        }
        let left_names = left.columns.iter().filter_map(|field| field.name.clone());
        left_names.filter(|name| right.columns.iter().any(|field| field.name.as_ref() == Some(name))).collect()
    }

    /// The columns of a join: merged ones first, then the left side's rest, then the right side's; MySQL and MariaDB read
    /// `a RIGHT JOIN b` as `b LEFT JOIN a`.
    fn merge(
        &mut self,
        merged: &[Name],
        kind: JoinKind,
        on: &mut Env<'_>,
        equalities: &mut Vec<Equality>,
    ) -> Vec<Field> {
        let [left, right] = on.rows.as_slice() else { return Vec::new() };
        let side = |row: &Row, name: &Name| {
            row.columns.iter().find(|field| field.name.as_ref() == Some(name)).map(|field| field.value.clone())
        };
        let mut columns = Vec::new();
        let mut probed = Vec::new();
        for name in merged {
            let (one, other) = (side(left, name), side(right, name));
            let (Some(one), Some(other)) = (one, other) else {
                columns.push(Field { name: Some(name.clone()), value: Value::unknown() });
                self.opaque("JOIN … USING", "a merged column is not known on both sides");
                continue;
            };
            if self.dialect.fixes(&one, &other) {
                equalities.extend(bounds::equalities(&one, &other));
            }
            let mut value = Value::either(&one, &other);
            value.origin = match kind {
                JoinKind::Inner | JoinKind::Left => one.origin,
                JoinKind::Right => other.origin,
                JoinKind::Full => None,
            };
            probed.extend([one, other]);
            columns.push(Field { name: Some(name.clone()), value });
        }
        for value in &probed {
            self.shape(value, Position::Join);
        }
        let rest = |row: &Row| {
            let kept = row.columns.iter().filter(|f| f.name.as_ref().is_none_or(|name| !merged.contains(name)));
            kept.cloned().collect::<Vec<Field>>()
        };
        let turned = kind == JoinKind::Right && self.dialect.turns_right_joins();
        let (first, second) = if turned { (right, left) } else { (left, right) };
        columns.extend(rest(first));
        columns.extend(rest(second));
        columns
    }

    /// Are all arguments arrays of scalars for certain? `unnest` of rows, or of a tsvector, has columns of other names.
    pub(super) fn takes_arrays(&mut self, expr: &Expr, env: &Env<'_>) -> bool {
        let Expr::Call(call) = expr else { return false };
        call.name.last().is_some_and(|name| &**name == "unnest")
            && call.arguments.iter().all(|argument| self.is_array(&argument.value, env))
    }

    fn is_array(&mut self, expr: &Expr, env: &Env<'_>) -> bool {
        const TSVECTOR: u32 = 3614;
        match expr {
            Expr::Array(parts) => parts.iter().all(|part| self.is_scalar(part, env)),
            Expr::Cast(_, to) => to.array,
            Expr::Column(_) => {
                self.is_scalar(expr, env) && self.value(expr, env, Position::Predicate).type_oid != TSVECTOR
            }
            Expr::Subquery(SubqueryKind::Array, _, query) => match &query.body {
                Body::Select(_) => {
                    let shape = self.nested(query, env);
                    shape.columns.first().is_some_and(|field| self.is_built_in(&field.value))
                }
                _ => false,
            },
            Expr::Call(call) => {
                let name = call.name.last();
                name.is_some_and(|name| matches!(&**name, "string_to_array" | "regexp_split_to_array"))
            }
            _ => false,
        }
    }

    /// Written so that it cannot be a row.
    fn is_scalar(&mut self, expr: &Expr, env: &Env<'_>) -> bool {
        match expr {
            Expr::Constant(_) => true,
            Expr::Operator(operator) => {
                operator.left.iter().chain(&operator.right).all(|operand| self.is_scalar(operand, env))
            }
            // A cast to a type that is not understood is opaque.
            Expr::Cast(..) => true,
            Expr::Column(_) => {
                let value = self.value(expr, env, Position::Predicate);
                self.is_built_in(&value)
            }
            _ => false,
        }
    }

    /// Its type is one of the server's own, and no row's; or an enum of the user's, or an array of one.
    fn is_built_in(&self, value: &Value) -> bool {
        let known = |oid: u32| match self.catalog.type_of(oid) {
            Some(found) => found.kind == 'e',
            None => oid != 0 && oid < FIRST_USER_OID,
        };
        let element = self.catalog.type_of(value.type_oid).map_or(0, |found| found.element);
        value.fields.is_none() && !value.unknown && (known(value.type_oid) || element != 0 && known(element))
    }

    /// An alias on a join hides the names inside it.
    fn aliased(&mut self, row: Row, alias: Option<&Alias>) -> Row {
        let Some(alias) = alias else { return row };
        let mut columns = row.columns;
        for (field, name) in columns.iter_mut().zip(&alias.columns) {
            field.name = Some(name.clone());
        }
        let table = named_table(alias.name.clone(), columns.clone(), row.wild);
        Row { tables: vec![table], columns, wild: row.wild }
    }
}

fn named_table(name: Name, columns: Vec<Field>, wild: bool) -> Table {
    Table { name: Some(name), schema: None, columns: Arc::from(columns), wild, relations: Vec::new(), scalar: false }
}

/// An outer join's condition bounds only the side that may be missing.
fn joined_product(kind: JoinKind, left: Product, right: Product, equalities: Vec<Equality>) -> Product {
    let belongs = |product: &Product, e: &Equality| product.leaves.iter().any(|leaf| leaf.id == e.column.leaf);
    let kept: Vec<Equality> = equalities
        .into_iter()
        .filter(|equality| match kind {
            JoinKind::Inner => true,
            JoinKind::Left => belongs(&right, equality),
            JoinKind::Right => belongs(&left, equality),
            JoinKind::Full => false,
        })
        .collect();
    let mut product = left;
    product.add(right);
    product.equalities.extend(kept);
    product.full |= kind == JoinKind::Full;
    product
}
