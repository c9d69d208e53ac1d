//! Calls of built-in functions and aggregates, and the choice between them and the user's.

use std::sync::Arc;

use super::Analyser;
use super::names::{Env, Row, Table};
use super::source::Source;
use super::value::{Field, Shape, Value};
use crate::statement::builtins::{self, Kind, Total};
use crate::statement::footprint::{Facet, Flow, Position, RowBound};
use crate::statement::tree::{Alias, Call, Expr, Name, TableCall};

/// Domains over domains that are looked through, at most.
const DOMAINS_MAX: usize = 16;

impl Analyser<'_> {
    pub(super) fn call(&mut self, call: &Call, env: &Env<'_>, at: Position) -> Value {
        let mut arguments = self.all(call.arguments.iter().map(|argument| &argument.value), env, at);
        let around = self.call_around(call, env, at);
        if call.within_group {
            arguments.extend(around);
        }
        self.calls(call, &arguments)
    }

    /// FILTER, ORDER BY, OVER, DISTINCT: what shapes the rows a call sees. Returns the ordering values.
    fn call_around(&mut self, call: &Call, env: &Env<'_>, at: Position) -> Vec<Value> {
        if let Some(filter) = &call.filter {
            let value = self.value(filter, env, Position::Predicate);
            self.shape(&value, Position::Predicate);
        }
        for shaping in call.over.iter().flat_map(|window| &window.shape) {
            let value = self.value(shaping, env, at);
            self.shape(&value, Position::Order);
        }
        let order = self.all(&call.order, env, at);
        order.iter().for_each(|value| self.shape(value, Position::Order));
        order
    }

    fn calls(&mut self, call: &Call, arguments: &[Value]) -> Value {
        let (name, schema) = match call.name.as_slice() {
            [name] => (name, None),
            [schema, name] => (name, Some(schema)),
            _ => return self.not_understood("function of another database", arguments),
        };
        let users = self.visible(schema.map(|schema| &**schema), name);
        let home = self.dialect.function_home(name);
        let system = schema.is_none_or(|schema| &**schema == home);
        let builtin = match call.arguments.len() {
            // Of a harmless setting to a constant, see `pg/call.rs`.
            0 if system && self.dialect.has_row_values() && &**name == "set_config" => Some(Kind::SessionInfo),
            count if system => builtins::function(self.dialect, name, count),
            _ => None,
        };
        let rows = self.dialect.has_row_values();
        if rows && schema.is_none() && arguments.len() == 1 && self.is_temporary_type(name) {
            // `name(value)` is a cast if no function of this name takes the value.
            return self.not_understood(&format!("function {name}"), arguments);
        }
        match (users.is_empty(), builtin) {
            (true, Some(kind)) => {
                self.functions.insert(if home.is_empty() { name.clone() } else { Arc::from(format!("{home}.{name}")) });
                self.builtin(kind, name, call, arguments)
            }
            (false, None) => self.routine(&users, call, arguments),
            (false, Some(_)) => {
                self.facets.insert(Facet::Routine);
                self.not_understood(&format!("function {name}"), arguments)
            }
            (true, None) => match arguments {
                // `f(row)` without such a function is `row.f`.
                [only] if rows && schema.is_none() && only.field(name).is_some() => {
                    only.field(name).cloned().unwrap_or_default()
                }
                _ => self.not_listed(schema, name, arguments),
            },
        }
    }

    /// A function on no list; some are known for what they do beyond returning a value.
    fn not_listed(&mut self, schema: Option<&Name>, name: &Name, arguments: &[Value]) -> Value {
        let written = schema.map_or_else(|| name.to_string(), |schema| format!("{schema}.{name}"));
        self.facets.extend(builtins::danger(self.dialect, name));
        self.functions.insert(Arc::from(written.as_str()));
        self.not_understood(&format!("function {written}"), arguments)
    }

    /// `row.f` or `f(row)` where `f` is no column: a function of one argument.
    pub(super) fn attribute(&mut self, name: &Name, row: &Value) -> Option<Value> {
        if !self.dialect.has_row_values() {
            return None;
        }
        let users = self.visible(None, name);
        let builtin = builtins::function(self.dialect, name, 1);
        if users.is_empty() && builtin.is_none() {
            return None;
        }
        let call = Call {
            name: vec![name.clone()],
            arguments: Vec::new(),
            star: false,
            distinct: false,
            variadic: false,
            order: Vec::new(),
            within_group: false,
            filter: None,
            over: None,
        };
        Some(match builtin {
            Some(kind) if users.is_empty() => self.builtin(kind, name, &call, std::slice::from_ref(row)),
            Some(_) => self.not_understood(&format!("function {name}"), std::slice::from_ref(row)),
            None => self.routine(&users, &call, std::slice::from_ref(row)),
        })
    }

    pub(super) fn not_understood(&mut self, what: &str, arguments: &[Value]) -> Value {
        self.opaque(what, "not on the list of understood functions");
        arguments.iter().for_each(|argument| self.shape(argument, Position::Fallible));
        Value { unknown: true, ..Value::derived(arguments) }
    }

    fn builtin(&mut self, kind: Kind, name: &str, call: &Call, arguments: &[Value]) -> Value {
        if call.distinct {
            arguments.iter().for_each(|argument| self.shape(argument, Position::Group));
        }
        if call.over.is_none() && is_aggregate(kind) {
            self.local.aggregates = true;
        }
        match kind {
            Kind::Scalar(total) => {
                let count = call.arguments.len();
                for (index, argument) in arguments.iter().enumerate() {
                    if total == Total::Fallible && builtins::fails_by(self.dialect, name, count, index) {
                        self.shape(argument, Position::Fallible);
                    }
                }
                Value::derived(arguments)
            }
            Kind::Count => Value::aggregated(arguments, Flow::Counted),
            // `sum(row)` is `row.sum`: no sum takes a row.
            Kind::NumericAggregate if arguments.iter().any(|argument| self.may_be_row(argument)) => {
                Value::derived(arguments)
            }
            Kind::NumericAggregate => {
                let dialect = self.dialect;
                for argument in arguments.iter().filter(|argument| dialect.warns_of(argument)) {
                    self.shape(argument, Position::Fallible);
                }
                Value::aggregated(arguments, Flow::Aggregated)
            }
            Kind::ValueAggregate => Value::derived(arguments),
            Kind::OrderedAggregate => {
                arguments.iter().for_each(|argument| self.shape(argument, Position::Order));
                Value::derived(arguments)
            }
            Kind::Window { value: true } => {
                // Which row is looked at, or whether there is one, depends on all but the first.
                arguments.iter().skip(1).for_each(|argument| self.shape(argument, Position::Predicate));
                Value::derived(arguments)
            }
            Kind::Window { value: false } | Kind::SessionInfo => {
                arguments.iter().for_each(|argument| self.shape(argument, Position::Fallible));
                Value::derived(arguments)
            }
            Kind::TableFunction => {
                self.local.multiplies = true;
                // The number of rows speaks about the arguments.
                arguments.iter().for_each(|argument| self.shape(argument, Position::Fallible));
                let value = Value::derived(arguments);
                // Members may be read in the select list: each is as derived as the whole.
                let member = |name: &str| Field { name: Some(Arc::from(name)), value: value.clone() };
                match record_columns(name).filter(|names| names.contains(' ')) {
                    Some(names) => Value { fields: Some(names.split(' ').map(member).collect()), ..value },
                    None => value,
                }
            }
        }
    }

    /// It is a row, or may be one as far as its type tells; a domain is what it is over.
    pub(super) fn may_be_row(&self, value: &Value) -> bool {
        let mut oid = value.type_oid;
        for _ in 0..DOMAINS_MAX {
            match self.catalog.type_of(oid) {
                Some(found) if found.kind == 'd' => oid = found.base,
                Some(found) => return value.fields.is_some() || found.kind == 'c',
                None => return value.fields.is_some(),
            }
        }
        true
    }

    /// How the one column of a user's scalar function is named.
    fn user_column(&self, expr: &Expr) -> Option<UserColumn> {
        let Expr::Call(call) = expr else { return None };
        let schema = call.name.len().checked_sub(2).and_then(|index| call.name.get(index));
        let users = self.visible(schema.map(|schema| &**schema), call.name.last()?);
        let [function] = users.as_slice() else { return None };
        Some(match function.out_columns.first() {
            Some((name, _)) if !name.is_empty() => UserColumn::Named(name.clone()),
            _ => UserColumn::Scalar,
        })
    }

    /// The columns of a function in FROM; `None` if they are not known.
    fn columns_of(
        &self,
        table_call: &TableCall,
        value: &Value,
        alias: Option<&Alias>,
        arrays: bool,
    ) -> Option<Vec<Field>> {
        if value.unknown {
            return None;
        }
        let member = |name: Name| Field { name: Some(name), value: Value::derived([value]) };
        if !table_call.columns.is_empty() {
            return Some(table_call.columns.iter().map(|(name, _)| member(name.clone())).collect());
        }
        if let Some(fields) = &value.fields {
            return Some(fields.to_vec());
        }
        let Expr::Call(call) = &table_call.call else {
            return match (&table_call.call, called(&table_call.call)) {
                (Expr::Session(_), Some(name)) => Some(vec![member(alias.map_or(name, |alias| alias.name.clone()))]),
                _ => None,
            };
        };
        let name = call.name.last()?;
        let scalar = || alias.map_or_else(|| name.clone(), |alias| alias.name.clone());
        match self.user_column(&table_call.call) {
            Some(UserColumn::Named(name)) => return Some(vec![member(name)]),
            Some(UserColumn::Scalar) => return Some(vec![member(scalar())]),
            None => {}
        }
        if let Some(names) = record_columns(name) {
            return Some(names.split(' ').map(|name| member(Arc::from(name))).collect());
        }
        match builtins::function(self.dialect, name, call.arguments.len())? {
            Kind::Scalar(_) | Kind::SessionInfo => Some(vec![member(scalar())]),
            Kind::TableFunction if &**name == "unnest" => match call.arguments.len() {
                1 if arrays => Some(vec![member(scalar())]),
                several if arrays => Some((0..several).map(|_| member(name.clone())).collect()),
                _ => None,
            },
            Kind::TableFunction if SCALAR_SETS.contains(&&**name) => Some(vec![member(scalar())]),
            _ => None,
        }
    }

    /// Functions in FROM.
    pub(super) fn table_functions(
        &mut self,
        calls: &[TableCall],
        ordinality: bool,
        alias: Option<&Alias>,
        beside: &Env<'_>,
    ) -> Source {
        let around = std::mem::take(&mut self.local);
        let lone = calls.len() == 1;
        let mut columns = Vec::new();
        let mut wild = false;
        let mut scalar = lone && !ordinality;
        let mut bound = RowBound::AtMost(1);
        for table_call in calls {
            let value = self.value(&table_call.call, beside, Position::Predicate).outside();
            for (_, to) in &table_call.columns {
                match to {
                    Some(to) => {
                        self.cast_value(Value { fixed: false, fields: None, ..value.clone() }, to);
                    }
                    None => self.opaque("column definition", "type not understood"),
                }
            }
            let arrays = self.takes_arrays(&table_call.call, beside);
            let named = self.columns_of(table_call, &value, alias.filter(|_| lone), arrays);
            scalar &= named.as_ref().is_some_and(|found| found.len() == 1) && value.fields.is_none();
            match named {
                Some(found) => columns.extend(found),
                None => wild = true,
            }
        }
        if self.local.multiplies {
            bound = RowBound::Unbounded;
        }
        self.local = around;
        if ordinality {
            columns.push(Field { name: Some(Arc::from("ordinality")), value: Value::default() });
        }
        if wild {
            self.opaque("function in FROM", "the columns it returns are not known");
        }
        let shape = Shape { columns, wild, bound, unique: Vec::new() };
        let shape = super::query::renamed(shape, alias.map_or(&[], |alias| &alias.columns));
        let id = self.leaf();
        let first = calls.first().and_then(|call| called(&call.call));
        let name = alias.map(|alias| alias.name.clone()).or(first);
        let mut source = Source::of(shape, name, id, self.dialect);
        for table in &mut source.row.tables {
            table.scalar = scalar;
        }
        source
    }
}

/// The one column of a user's scalar function in FROM.
enum UserColumn {
    /// Its OUT parameter names it.
    Named(Name),
    /// The alias names it, or the function.
    Scalar,
}

fn is_aggregate(kind: Kind) -> bool {
    matches!(kind, Kind::Count | Kind::NumericAggregate | Kind::ValueAggregate | Kind::OrderedAggregate)
}

/// Set-returning built-ins of one unnamed column.
const SCALAR_SETS: [&str; 10] = [
    "generate_series",
    "generate_subscripts",
    "json_object_keys",
    "jsonb_object_keys",
    "jsonb_path_query",
    "jsonb_path_query_tz",
    "regexp_matches",
    "regexp_split_to_table",
    "string_to_table",
    "pg_listening_channels",
];

/// Built-ins whose columns have names of their own.
fn record_columns(name: &str) -> Option<&'static str> {
    Some(match name {
        "json_array_elements" | "jsonb_array_elements" | "json_array_elements_text" | "jsonb_array_elements_text" => {
            "value"
        }
        "json_each" | "jsonb_each" | "json_each_text" | "jsonb_each_text" => "key value",
        "aclexplode" => "grantor grantee privilege_type is_grantable",
        "pg_options_to_table" => "option_name option_value",
        "pg_partition_tree" => "relid parentrelid isleaf level",
        "pg_partition_ancestors" => "relid",
        "_pg_expandarray" => "x n",
        _ => return None,
    })
}

fn called(expr: &Expr) -> Option<Name> {
    match expr {
        Expr::Call(call) => call.name.last().cloned(),
        Expr::Session(name) => Some(name.clone()),
        _ => None,
    }
}

/// The names an SQL function's body sees.
pub(super) fn argument_row(name: &Name, arguments: Vec<Field>) -> Row {
    let table = Table {
        name: Some(name.clone()),
        schema: None,
        columns: arguments.as_slice().into(),
        wild: false,
        relations: Vec::new(),
        scalar: false,
    };
    Row { tables: vec![table], columns: arguments, wild: false }
}
