//! Expressions: from what their value comes, and what evaluating them tells on the way.

mod variable;

use std::sync::Arc;

use super::Analyser;
use super::names::{Env, Found, Table};
use super::value::{Field, Value};
use crate::catalog::{ColumnKey, RelationKey};
use crate::statement::builtins::{self, CastKind, OperatorKind};
use crate::statement::footprint::Position;
use crate::statement::tree::{Constant, Expr, Name, Operator, Query, SubqueryKind, TypeName};

/// PostgreSQL's OIDs of `text` and `varchar`.
const TEXT_OIDS: [u32; 2] = [25, 1043];

impl Analyser<'_> {
    /// Follows an expression. `at` is what columns compared inside it amount to.
    pub(super) fn value(&mut self, expr: &Expr, env: &Env<'_>, at: Position) -> Value {
        if self.descend().is_none() {
            return Value::unknown();
        }
        let value = self.value_of(expr, env, at);
        self.spend(value.sources.len());
        self.ascend();
        value
    }

    fn value_of(&mut self, expr: &Expr, env: &Env<'_>, at: Position) -> Value {
        match expr {
            Expr::Constant(constant) => Value { type_oid: self.dialect.constant(*constant), ..Value::fixed() },
            Expr::Parameter(number) => self.parameter(*number, env),
            Expr::Default | Expr::Session(_) | Expr::Marker(_) => Value::default(),
            Expr::Variable(name) => self.variable(name),
            Expr::Assign(name, inner) => {
                let value = self.value(inner, env, at);
                self.assign_variable(name, value)
            }
            Expr::Column(path) => self.column(path, env),
            Expr::Star(path) => self.star_value(path, env),
            Expr::FieldStar(inner) => self.value(inner, env, at),
            Expr::Call(call) => self.call(call, env, at),
            Expr::Operator(operator) => self.operator(operator, env, at),
            Expr::InList(tested, list) => self.compared(std::iter::once(&**tested).chain(list), env, at),
            Expr::Compare(operands) => self.compared(operands, env, at),
            Expr::NullIf(left, right) => self.compared([&**left, &**right], env, at),
            Expr::And(parts) | Expr::Logic(parts) => {
                let parts = self.all(parts, env, at);
                Value::derived(&parts)
            }
            Expr::IsNull(inner) => {
                let inner = self.value(inner, env, at);
                Value::derived([&inner])
            }
            Expr::Case(conditions, results) => self.case(conditions, results, env, at),
            Expr::Choice(_, parts) | Expr::Array(parts) | Expr::Construct(_, parts) => {
                let parts = self.all(parts, env, at);
                self.computed(&parts)
            }
            Expr::Cast(inner, type_name) => self.cast(inner, type_name, env, at),
            Expr::Row(parts) => self.row(parts, env, at),
            Expr::Field(inner, name) => self.field(inner, name, env, at),
            Expr::Subscript(inner, bounds) => self.subscript(inner, bounds, env, at),
            Expr::Collate(inner) => {
                let value = self.value(inner, env, at);
                Value { type_oid: value.type_oid, ..Value::derived([&value]) }
            }
            Expr::Subquery(kind, test, query) => self.subquery(*kind, test.as_deref(), query, env, at),
            Expr::Opaque(unknown, parts) => {
                self.opaque(&unknown.what, &unknown.why);
                let parts = self.all(parts, env, at);
                parts.iter().for_each(|part| self.shape(part, Position::Fallible));
                Value { unknown: true, ..Value::derived(&parts) }
            }
        }
    }

    pub(super) fn all<'e>(
        &mut self,
        list: impl IntoIterator<Item = &'e Expr>,
        env: &Env<'_>,
        at: Position,
    ) -> Vec<Value> {
        list.into_iter().map(|expr| self.value(expr, env, at)).collect()
    }

    /// Operands that are compared: they speak about their columns.
    fn compared<'e>(&mut self, list: impl IntoIterator<Item = &'e Expr>, env: &Env<'_>, at: Position) -> Value {
        if ["=", "<", ">", "<=", ">="].iter().any(|name| self.catalog.has_user_operator(name)) {
            self.opaque("comparison", "user-defined comparison operators exist");
        }
        let operands = self.all(list, env, at);
        operands.iter().for_each(|operand| self.shape(operand, at));
        Value::derived(&operands)
    }

    fn parameter(&mut self, number: u32, env: &Env<'_>) -> Value {
        if !env.has_arguments() {
            return Value::fixed();
        }
        match env.parameter(number) {
            Some(value) => value.clone(),
            None => {
                self.opaque("parameter", "a function's body names a parameter it does not have");
                Value::unknown()
            }
        }
    }

    fn column(&mut self, path: &[Name], env: &Env<'_>) -> Value {
        let found = match path {
            [name] => match env.bare(name, self.dialect) {
                Found::Missing if self.is_system_column(name) => return Value::default(),
                found => found,
            },
            [table, name] => self.qualified(None, table, name, env),
            [schema, table, name] => self.qualified(Some(schema), table, name, env),
            _ => Found::Missing,
        };
        match found {
            Found::Value(value) => value,
            Found::Maybe => {
                self.opaque(&format!("column {}", path.join(".")), "a source whose columns are not known may have it");
                Value::unknown()
            }
            Found::Missing => {
                self.unresolved = true;
                self.opaque(&format!("column {}", path.join(".")), "not found");
                Value::unknown()
            }
        }
    }

    fn qualified(&mut self, schema: Option<&Name>, table: &Name, name: &Name, env: &Env<'_>) -> Found {
        let schema = schema.map(|schema| &**schema);
        let Some(found) = env.table(schema, table) else {
            // In an SQL function's body, `argument.field`.
            return match (schema, env.bare(table, self.dialect)) {
                (None, Found::Value(row)) if env.has_arguments() => {
                    row.field(name).cloned().map_or(Found::Missing, Found::Value)
                }
                _ => Found::Missing,
            };
        };
        if let Some(value) = found.column(name) {
            return Found::Value(value.clone());
        }
        if found.may_have(name, self.dialect) {
            return Found::Maybe;
        }
        if self.is_system_column(name) && !found.relations.is_empty() {
            return Found::Value(Value::default());
        }
        // `t.f` without such a column is `f(t)`.
        let row = found.row();
        match self.attribute(name, &row) {
            Some(value) => Found::Value(value),
            None => Found::Missing,
        }
    }

    /// The table that `t.*` or `s.t.*` means.
    pub(super) fn table_of<'t>(&self, path: &[Name], env: &'t Env<'_>) -> Option<&'t Table> {
        match path {
            [table] => env.table(None, table),
            [schema, table] => env.table(Some(schema), table),
            _ => None,
        }
    }

    /// A star where one value is wanted: the whole row.
    fn star_value(&mut self, path: &[Name], env: &Env<'_>) -> Value {
        match self.table_of(path, env) {
            Some(table) => table.row(),
            None => {
                self.opaque("star", "what it stands for is not known");
                Value::unknown()
            }
        }
    }

    fn operator(&mut self, operator: &Operator, env: &Env<'_>, at: Position) -> Value {
        let operands = self.all(operator.left.iter().chain(&operator.right), env, at);
        let own = operator.schema.as_ref().is_none_or(|schema| &**schema == "pg_catalog");
        let kind = builtins::operator(self.dialect, &operator.name).filter(|_| own);
        let mut value = self.computed(&operands);
        value.fixed &= !operands.is_empty() && !operator.over_array;
        if self.catalog.has_user_operator(&operator.name) {
            self.opaque(&format!("operator {}", operator.name), "a user-defined operator of this name exists");
            value.unknown = true;
        }
        let position = match kind {
            Some(OperatorKind::Comparison) => at,
            Some(OperatorKind::Fallible | OperatorKind::JsonPath) => Position::Fallible,
            Some(OperatorKind::Total | OperatorKind::Concat) => return value,
            None => {
                self.opaque(&format!("operator {}", operator.name), "not on the list of understood operators");
                value.unknown = true;
                Position::Fallible
            }
        };
        operands.iter().for_each(|operand| self.shape(operand, position));
        value
    }

    fn case(&mut self, conditions: &[Expr], results: &[Expr], env: &Env<'_>, at: Position) -> Value {
        for condition in self.all(conditions, env, at) {
            self.shape(&condition, Position::Predicate);
        }
        let results = self.all(results, env, at);
        Value::derived(&results)
    }

    fn row(&mut self, parts: &[Expr], env: &Env<'_>, at: Position) -> Value {
        let mut fields = Vec::new();
        for part in parts {
            match part {
                Expr::Star(path) => match self.table_of(path, env).map(|table| (table.columns.clone(), table.wild)) {
                    Some((columns, false)) => fields.extend(columns.iter().cloned()),
                    _ => {
                        self.opaque("star", "the columns it stands for are not known");
                        fields.push(Field { name: None, value: Value::unknown() });
                    }
                },
                part => {
                    let value = self.value(part, env, at);
                    fields.push(Field { name: None, value });
                }
            }
        }
        for (index, field) in fields.iter_mut().enumerate() {
            field.name = Some(Arc::from(format!("f{}", index + 1)));
        }
        let fixed = fields.iter().all(|field| field.value.fixed);
        Value { fixed, ..Value::row(fields.into()) }
    }

    fn field(&mut self, inner: &Expr, name: &Name, env: &Env<'_>, at: Position) -> Value {
        let row = self.value(inner, env, at);
        if let Some(value) = row.field(name) {
            return value.clone();
        }
        if row.fields.is_none() && self.may_have_member(&row, name) {
            let known = self.member_type(&row, name).is_some();
            if !known {
                self.opaque(&format!("field {name}"), "the members of this value are not known");
            }
            return Value { unknown: row.unknown || !known, ..Value::derived([&row]) };
        }
        match self.attribute(name, &row) {
            Some(value) => value,
            None => {
                self.opaque(&format!("field {name}"), "the members of this value are not known");
                Value { unknown: true, ..Value::derived([&row]) }
            }
        }
    }

    /// A member goes before a function of the same name.
    fn may_have_member(&self, row: &Value, name: &str) -> bool {
        let nothing = row.sources.is_empty() && !row.unknown;
        self.member_type(row, name).is_some() || !nothing && (row.type_oid == 0 || self.may_be_row(row))
    }

    /// The type of a composite's member, if its type is in the catalog and has it.
    fn member_type(&self, row: &Value, name: &str) -> Option<u32> {
        let found = self.catalog.type_of(row.type_oid)?;
        let relation = self.catalog.relation(RelationKey(found.relation))?;
        Some(relation.column_named(name)?.type_oid)
    }

    fn subscript(&mut self, inner: &Expr, bounds: &[Expr], env: &Env<'_>, at: Position) -> Value {
        let value = self.value(inner, env, at);
        // Which member, and whether there is one, tells about the bounds' columns.
        for bound in self.all(bounds, env, at) {
            self.shape(&bound, Position::Predicate);
        }
        if bounds.iter().any(|bound| !matches!(bound, Expr::Constant(Constant::Integer(_)) | Expr::Parameter(_))) {
            self.shape(&value, Position::Fallible);
        }
        Value::derived([&value])
    }

    fn cast(&mut self, inner: &Expr, to: &TypeName, env: &Env<'_>, at: Position) -> Value {
        let value = self.value(inner, env, at);
        self.cast_value(value, to)
    }

    /// A value made one of this type: by a cast, or by a column definition list.
    pub(super) fn cast_value(&mut self, value: Value, to: &TypeName) -> Value {
        let mut result = Value::derived([&value]);
        result.fixed = value.fixed;
        result.type_oid = self.dialect.constant(Constant::Number);
        let kind = match &to.schema {
            None if self.is_temporary_type(&to.name) => CastKind::Unknown,
            None => match builtins::cast(self.dialect, &to.name) {
                // Reading text as a user's enum runs none of the user's code.
                CastKind::Unknown if self.is_enum(to) => CastKind::Fallible,
                kind => kind,
            },
            Some(_) if self.is_enum(to) => CastKind::Fallible,
            Some(_) => CastKind::Unknown,
        };
        if self.catalog.has_user_casts()
            && (to.schema.is_some() || builtins::cast(self.dialect, &to.name) == CastKind::Unknown)
        {
            // Cast on, it may meet code of the user's.
            result.fixed = false;
        }
        match kind {
            CastKind::Unknown if !to.array && self.is_own_row_type(&value, to) => {
                return Value { origin: None, ..value };
            }
            CastKind::Unknown => {
                self.opaque(&format!("cast to {}", to.name), "not on the list of understood types");
                self.shape(&value, Position::Fallible);
                result.unknown = true;
                return result;
            }
            CastKind::Total if !to.array => {
                if !to.modified && TEXT_OIDS.contains(&value.type_oid) && matches!(&*to.name, "text" | "varchar") {
                    return Value { origin: None, ..value };
                }
            }
            CastKind::Total | CastKind::Fallible => self.shape(&value, Position::Fallible),
        }
        if self.catalog.has_user_casts() && !value.fixed {
            self.opaque(&format!("cast to {}", to.name), "user-defined casts exist");
            result.unknown = true;
        }
        result
    }

    fn is_enum(&self, name: &TypeName) -> bool {
        let found = match name.schema.as_deref() {
            Some(schema) if schema.starts_with("pg_temp") => None,
            Some(schema) => self.catalog.type_named(Some(schema), &name.name),
            None => self.path.iter().find_map(|schema| self.catalog.type_named(Some(schema), &name.name)),
        };
        found.is_some_and(|found| found.kind == 'e')
    }

    /// Temporary types are found before all others, the system's included; every relation is a type, too.
    pub(super) fn is_temporary_type(&self, name: &Name) -> bool {
        self.dialect.has_row_values() && self.shadowed && self.scope.temporary.contains(name)
    }

    /// A table's row cast to the table's type stays as it is. Definitions of views write whole rows like that.
    fn is_own_row_type(&self, value: &Value, name: &TypeName) -> bool {
        let Some(fields) = &value.fields else { return false };
        if name.schema.is_none() && self.is_temporary_type(&name.name) {
            return false;
        }
        let relation = match &name.schema {
            Some(schema) => self.catalog.relation_named(schema, &name.name),
            None => self.path.iter().find_map(|schema| self.catalog.relation_named(schema, &name.name)),
        };
        relation.is_some_and(|relation| {
            let own = value.sources.contains_key(&ColumnKey { relation: relation.key, number: 0 });
            own && relation.columns.len() == fields.len()
                && relation
                    .columns
                    .iter()
                    .zip(fields.iter())
                    .all(|(column, field)| field.name.as_ref() == Some(&column.name))
        })
    }

    fn subquery(
        &mut self,
        kind: SubqueryKind,
        test: Option<&Expr>,
        query: &Query,
        env: &Env<'_>,
        at: Position,
    ) -> Value {
        let test = test.map(|test| self.value(test, env, at));
        let shape = self.nested(query, env);
        match kind {
            SubqueryKind::Exists => Value::default(),
            SubqueryKind::Scalar => shape.scalar(),
            SubqueryKind::Array => Value::derived([&shape.scalar()]),
            SubqueryKind::Compared => {
                if shape.wild {
                    self.opaque("subquery", "its columns are not known");
                }
                if ["=", "<>", "<", ">", "<=", ">="].iter().any(|name| self.catalog.has_user_operator(name)) {
                    self.opaque("comparison", "user-defined comparison operators exist");
                }
                let mut compared: Vec<Value> = shape.columns.iter().map(|field| field.value.clone()).collect();
                compared.extend(test);
                compared.iter().for_each(|value| self.shape(value, at));
                Value::derived(&compared)
            }
        }
    }
}
