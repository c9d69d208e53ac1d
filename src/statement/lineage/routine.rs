//! The user's functions: followed when they are one SELECT in SQL, opaque otherwise.

use std::sync::Arc;

use super::Analyser;
use super::call::argument_row;
use super::names::Env;
use super::value::{Field, Shape, Value};
use crate::catalog::vouched::Reveals;
use crate::catalog::{Function, RelationKey};
use crate::statement::footprint::{Facet, Position};
use crate::statement::pg;
use crate::statement::tree::{Call, Name, Query};

/// SQL functions followed inside one another, at most.
const ROUTINES_MAX: usize = 8;

/// Extensions that overload built-in names for types of their own, with code that is as pure as the original. Their
/// functions are not seen as the user's: a name that is built in stays so, any other is on no list.
const HARMLESS_OVERLOADS: [&str; 12] = [
    "btree_gin",
    "btree_gist",
    "citext",
    "cube",
    "earthdistance",
    "hstore",
    "intarray",
    "ltree",
    "pg_trgm",
    "pgcrypto",
    "unaccent",
    "uuid-ossp",
];

/// OID of `record`.
const RECORD: u32 = 2249;

/// OIDs of `anyelement`, `anynonarray`, `anycompatible`, `anycompatiblenonarray`: any of them may be a row.
const POLYMORPHIC: [u32; 4] = [2283, 2776, 5077, 5079];

impl Analyser<'_> {
    /// User functions that a name may mean.
    pub(super) fn visible(&self, schema: Option<&str>, name: &str) -> Vec<Arc<Function>> {
        let known = self.dialect.functions(self.catalog, name).into_iter();
        let same = |function: &Function, schema: &str| self.dialect.same_schema(&function.schema, schema);
        known
            .filter(|function| match schema {
                Some(schema) => same(function, schema),
                None => self.path.iter().any(|schema| same(function, schema)),
            })
            .filter(|function| !function.extension.as_deref().is_some_and(|name| HARMLESS_OVERLOADS.contains(&name)))
            .cloned()
            .collect()
    }

    /// A call of one of these.
    pub(super) fn routine(&mut self, users: &[Arc<Function>], call: &Call, arguments: &[Value]) -> Value {
        for function in users {
            self.functions.insert(Arc::from(format!("{}.{}", function.schema, function.name)));
        }
        if let Some(value) = self.vouched(users, call, arguments) {
            return value;
        }
        let body = match users {
            [function] => self.readable(function, call, arguments.len()).map(|query| (function, query)),
            _ => None,
        };
        let Some((function, query)) = body else {
            self.facets.insert(Facet::Routine);
            let name = users.first().map(|function| format!("function {}.{}", function.schema, function.name));
            return self.not_understood(&name.unwrap_or_default(), arguments);
        };
        let shape = self.body(function, &query, arguments);
        if function.returns_set {
            self.local.multiplies = true;
        }
        let members = self.members_meant(call, arguments);
        match self.result(function, &shape) {
            Some(value) if members.iter().all(|value| value.sources.is_empty() && !value.unknown) => value,
            Some(value) => {
                let mut either = Value::derived(members.iter().chain([&value]));
                either.fields = value.fields.map(|fields| {
                    let with = |field: &Field| Field {
                        name: field.name.clone(),
                        value: Value::derived(members.iter().chain([&field.value])),
                    };
                    fields.iter().map(with).collect()
                });
                either
            }
            None => {
                let name = format!("function {}.{}", function.schema, function.name);
                self.not_understood(&name, arguments)
            }
        }
    }

    /// `f(row)` means `row.f` if no function of this name takes the row: the argument, if it may be one.
    fn members_meant<'v>(&self, call: &Call, arguments: &'v [Value]) -> &'v [Value] {
        let may_be_member = |value: &Value| match (&value.fields, call.name.last()) {
            (Some(_), Some(name)) => value.field(name).is_some(),
            _ => value.type_oid == 0 || self.may_be_row(value),
        };
        match arguments {
            [only] if call.name.len() == 1 && may_be_member(only) => arguments,
            _ => &[],
        }
    }

    /// The value of a call that somebody vouches for. `None` unless every function that the name may mean is vouched for,
    /// and what comes back can be described.
    fn vouched(&mut self, users: &[Arc<Function>], call: &Call, arguments: &[Value]) -> Option<Value> {
        let answers: Option<Vec<Reveals>> = users.iter().map(|function| self.catalog.reveals(function)).collect();
        let reveals = answers?.into_iter().max()?;
        let first = users.first()?;
        let names = self.result_names(first);
        let alike = |function: &Arc<Function>| function.out_columns == first.out_columns && function.kind == first.kind;
        let returned = Value { type_oid: first.returns, ..Value::default() };
        let scalar = first.returns != RECORD && !POLYMORPHIC.contains(&first.returns) && !self.may_be_row(&returned);
        let described = names.is_some() || scalar;
        if !described || !(users.len() == 1 || names.is_none() && users.iter().all(alike)) {
            return None;
        }
        let told: Vec<&Value> = match reveals {
            Reveals::Arguments => arguments.iter().collect(),
            Reveals::Nothing => self.members_meant(call, arguments).iter().collect(),
        };
        if reveals == Reveals::Arguments {
            arguments.iter().for_each(|argument| self.shape(argument, Position::Fallible));
        }
        if call.distinct {
            arguments.iter().for_each(|argument| self.shape(argument, Position::Group));
        }
        if first.kind == 'a' && call.over.is_none() {
            self.local.aggregates = true;
        }
        self.local.multiplies |= users.iter().any(|function| function.returns_set);
        let value = Value::derived(told);
        Some(match names {
            None => Value { type_oid: first.returns, ..value },
            Some(names) => {
                let field = |name: Name| Field { name: Some(name), value: value.clone() };
                Value::row(names.into_iter().map(field).collect())
            }
        })
    }

    /// The body, if it is one query, called plainly, and runs as its caller.
    fn readable(&mut self, function: &Function, call: &Call, given: usize) -> Option<Query> {
        let plain = self.dialect.follows_routines()
            && function.kind == 'f'
            && &*function.language == "sql"
            && !function.changes_context
            && function.extension.is_none()
            && function.arguments.len() == given
            && !call.variadic
            && call.over.is_none()
            && call.filter.is_none()
            && !call.distinct
            && !call.star
            && call.arguments.iter().all(|argument| argument.name.is_none());
        let open = (function.schema.clone(), function.name.clone());
        if !plain || self.routines.len() >= ROUTINES_MAX || self.routines.contains(&open) {
            return None;
        }
        let body = function.body.as_deref()?.trim();
        if let Some(expression) = body.strip_prefix("RETURN ") {
            return pg::parse_query(&format!("SELECT {expression}"));
        }
        match body.strip_prefix("BEGIN ATOMIC").and_then(|rest| rest.trim_end().strip_suffix("END")) {
            Some(inside) => pg::parse_query(inside),
            // This text is read when it runs, with the session's settings.
            None if self.scope.standard_conforming_strings() || !body.contains('\\') => pg::parse_query(body),
            None => None,
        }
    }

    fn body(&mut self, function: &Function, query: &Query, arguments: &[Value]) -> Shape {
        let named = function.arguments.iter().zip(arguments).map(|((name, type_oid), value)| Field {
            name: (!name.is_empty()).then(|| name.clone()),
            value: Value { type_oid: *type_oid, ..value.clone() },
        });
        let mut env = Env { arguments: Some(arguments.to_vec()), ..Env::default() };
        let named: Vec<Field> = named.filter(|field| field.name.is_some()).collect();
        env.rows.push(argument_row(&function.name, named));
        self.routines.push((function.schema.clone(), function.name.clone()));
        let path = std::mem::replace(&mut self.path, self.scope.search_path.clone());
        let shadowed = std::mem::replace(&mut self.shadowed, true);
        let shape = self.nested(query, &env);
        self.path = path;
        self.shadowed = shadowed;
        self.routines.pop();
        shape
    }

    /// The value of a call whose body gives `shape`. Results may be coerced, so nothing stays plain.
    fn result(&mut self, function: &Function, shape: &Shape) -> Option<Value> {
        if shape.wild {
            return None;
        }
        let names = self.result_names(function);
        let derived = |value: &Value| Value::derived([value]);
        let Some(names) = names else {
            // In FROM a row stands as its members.
            let returned = Value { type_oid: function.returns, ..Value::default() };
            if POLYMORPHIC.contains(&function.returns) || self.may_be_row(&returned) {
                return None;
            }
            let [only] = shape.columns.as_slice() else { return None };
            return Some(derived(&only.value));
        };
        let members: Vec<Value> = if shape.columns.len() == names.len() {
            shape.columns.iter().map(|field| derived(&field.value)).collect()
        } else {
            let [only] = shape.columns.as_slice() else { return None };
            let fields = only.value.fields.as_ref().filter(|fields| fields.len() == names.len())?;
            fields.iter().map(|field| derived(&field.value)).collect()
        };
        let fields = names.into_iter().zip(members).map(|(name, value)| Field { name: Some(name), value });
        Some(Value::row(fields.collect()))
    }

    /// Names of the members of a composite result; `None` for a scalar.
    fn result_names(&self, function: &Function) -> Option<Vec<Name>> {
        if function.out_columns.len() > 1 {
            return Some(function.out_columns.iter().map(|(name, _)| name.clone()).collect());
        }
        let relation = self.catalog.type_of(function.returns).map_or(0, |found| found.relation);
        let relation = self.catalog.relation(RelationKey(relation))?;
        Some(relation.columns.iter().map(|column| column.name.clone()).collect())
    }
}
