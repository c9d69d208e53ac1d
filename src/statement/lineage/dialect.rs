//! What differs between dialects once a text is a tree: what names mean, how results are named, what bounds rows.

mod label;

use std::sync::Arc;

use super::value::Value;
use crate::catalog::mysql_type::MySqlType;
use crate::catalog::{Catalog, Function, Relation, is_system};
use crate::statement::mysql::lower;
use crate::statement::pg;
use crate::statement::scope::{Dialect, Flavour};
use crate::statement::tree::{Constant, Expr, Name, Query};

impl Dialect {
    fn flavour(self) -> Option<Flavour> {
        match self {
            Self::Postgres { .. } => None,
            Self::MySql(reading) => Some(reading.flavour),
        }
    }

    fn is_mysql(self) -> bool {
        matches!(self, Self::MySql(_))
    }

    /// Rows are values: a table's bare name, `(e).f`, and `f(row)` written `row.f`; tables have system columns.
    pub(super) fn has_row_values(self) -> bool {
        !self.is_mysql()
    }

    /// A stored column's name as statements are lowered with it.
    pub(super) fn column(self, name: &Name) -> Name {
        match self {
            Self::Postgres { .. } => name.clone(),
            Self::MySql(_) => lower::folded_column(name),
        }
    }

    /// The stored name of a table or schema as statements are lowered with it.
    pub(super) fn stored(self, name: &Name) -> Name {
        match self {
            Self::MySql(reading) if reading.lower_case_table_names != 0 => Arc::from(name.to_lowercase()),
            _ => name.clone(),
        }
    }

    /// How the server names a result column without AS; `None` if only its text tells.
    pub(super) fn label(self, expr: &Expr) -> Option<Name> {
        match (self, expr) {
            (Self::Postgres { .. }, expr) => label::label(expr),
            (Self::MySql(_), Expr::Column(path)) => path.last().cloned(),
            (Self::MySql(_), _) => None,
        }
    }

    /// A column named by its text may have this name. MySQL takes the text as it stands, and the text of what is more than a
    /// constant or a column is never a plain word.
    pub(super) fn may_be_text(self, name: &str) -> bool {
        !self.is_mysql() || !name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
    }

    /// What stands behind the select list sees its names anywhere, and so do queries inside the list.
    pub(super) fn sees_aliases(self) -> bool {
        self.is_mysql()
    }

    /// HAVING alone makes the rows one group. In MySQL it is another WHERE.
    pub(super) fn having_groups(self) -> bool {
        !self.is_mysql()
    }

    /// The name of a column of VALUES, counted from 0; `None` if its text tells.
    pub(super) fn values_column(self, index: usize) -> Option<Name> {
        match self {
            Self::Postgres { .. } => Some(Arc::from(format!("column{}", index + 1))),
            Self::MySql(reading) if reading.flavour == Flavour::MySql => Some(Arc::from(format!("column_{index}"))),
            Self::MySql(_) => None,
        }
    }

    /// Joins whose merged columns come in an order that is not modelled: MySQL turns a right join around.
    pub(super) fn turns_right_joins(self) -> bool {
        self.is_mysql()
    }

    /// The query of a view's definition as the server prints it.
    pub(super) fn definition(self, text: &str) -> Option<Query> {
        match self {
            Self::Postgres { .. } => pg::parse_query(text),
            Self::MySql(reading) => lower::definition(text, reading),
        }
    }

    /// Schemas that unqualified names in definitions mean.
    pub(super) fn definition_path(self) -> Vec<Name> {
        match self {
            Self::Postgres { .. } => vec![Arc::from("pg_catalog")],
            Self::MySql(_) => Vec::new(),
        }
    }

    /// A generated column that cannot be read may come from any other of its row, and from nothing else.
    pub(super) fn generates_from_row_only(self) -> bool {
        self.is_mysql()
    }

    /// Only built-ins that `pg_catalog` shadows may be trusted, so it has to be searched first.
    pub(super) fn searches_system_first(self) -> bool {
        !self.is_mysql()
    }

    /// The schema whose functions are built in; MySQL's belong to none.
    pub(super) fn function_home(self, name: &str) -> &'static str {
        match self {
            // The allow-list has a few of information_schema, all of them beginning with `_pg_`.
            Self::Postgres { .. } if name.starts_with("_pg_") => "information_schema",
            Self::Postgres { .. } => "pg_catalog",
            Self::MySql(_) => "",
        }
    }

    /// Bodies of the user's functions may be followed.
    pub(super) fn follows_routines(self) -> bool {
        !self.is_mysql()
    }

    /// Temporary relations hide those of the same name even where the schema is written.
    pub(super) fn temporary_hides_qualified(self) -> bool {
        self.is_mysql()
    }

    /// A name in the list of temporary ones.
    pub(super) fn is_temporary(self, list: &[Name], name: &str) -> bool {
        match self {
            Self::Postgres { .. } => list.iter().any(|known| &**known == name),
            Self::MySql(_) => list.iter().any(|known| known.to_lowercase() == name.to_lowercase()),
        }
    }

    /// The server's own schema, whose relations and writes have rules of their own.
    pub(super) fn is_system(self, schema: &str) -> bool {
        is_system(self.flavour(), schema)
    }

    /// May an unqualified or qualified name mean a relation of this system schema that is not on the list?
    pub(super) fn may_be_system(self, schema: &str, name: &str, explicit: bool) -> bool {
        // Every relation of `pg_catalog` begins with `pg_`, and a user's may, too.
        self.is_mysql() || explicit || name.starts_with("pg_") || schema == "information_schema"
    }

    /// The relation of this schema and name, both as lowered.
    pub(super) fn relation<'c>(self, catalog: &'c Catalog, schema: &str, name: &str) -> Option<&'c Arc<Relation>> {
        let exact = catalog.relation_named(schema, name);
        let Self::MySql(reading) = self else { return exact };
        if exact.is_some() || (reading.lower_case_table_names == 0 && !self.is_system(schema)) {
            return exact;
        }
        let same = |stored: &str, written: &str| stored.to_lowercase() == written.to_lowercase();
        let mut found = catalog.relations().filter(|one| same(&one.schema, schema) && same(&one.name, name));
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }

    /// User functions of this name, in whatever schema.
    pub(super) fn functions<'c>(self, catalog: &'c Catalog, name: &str) -> Vec<&'c Arc<Function>> {
        match self {
            Self::Postgres { .. } => catalog.functions_named(name).iter().collect(),
            Self::MySql(_) => {
                let same = |function: &&Arc<Function>| function.name.to_lowercase() == name.to_lowercase();
                catalog.functions().filter(same).collect()
            }
        }
    }

    /// A function of this schema is meant by a name qualified with that one.
    pub(super) fn same_schema(self, stored: &str, written: &str) -> bool {
        match self {
            Self::MySql(_) => stored.to_lowercase() == written.to_lowercase(),
            Self::Postgres { .. } => stored == written,
        }
    }

    /// A value assigned is what later assignments of the same list read.
    pub(super) fn assigns_in_order(self) -> bool {
        self.is_mysql()
    }

    /// MySQL's equality that finds NULL, too.
    pub(super) fn compares_nulls(self, operator: &str) -> bool {
        self.is_mysql() && operator == "<=>"
    }

    /// The type of a constant, where comparing depends on it.
    pub(super) fn constant(self, constant: Constant) -> u32 {
        match (self, constant) {
            (Self::Postgres { .. }, _) => 0,
            (Self::MySql(_), Constant::Null) => MySqlType::Null.oid(),
            (Self::MySql(_), Constant::Integer(_)) => MySqlType::LongLong.oid(),
            (Self::MySql(_), Constant::Number) => MySqlType::Double.oid(),
            (Self::MySql(_), Constant::Other) => MySqlType::Text.oid(),
        }
    }

    /// Taken for a number, it makes the server warn and quote it.
    pub(super) fn warns_of(self, value: &Value) -> bool {
        self.is_mysql() && !MySqlType::of(value.type_oid).is_some_and(counts_as_number)
    }

    /// Is `left = right` the look-up of a value? In MySQL a text equals every number it begins with, and text that is no
    /// number equals zero, so that text has to be compared with text. A parameter is taken for what its column is.
    pub(super) fn looks_up(self, left: &Value, right: &Value) -> bool {
        let number = |value: &Value| MySqlType::of(value.type_oid).map(counts_as_number);
        match (number(left), number(right)) {
            _ if !self.is_mysql() => true,
            (Some(left), Some(right)) if left == right => true,
            (Some(true), Some(false)) => right.fixed,
            (Some(false), Some(true)) => left.fixed,
            // Of fixed values only parameters have no type.
            (Some(_), None) => right.fixed,
            (None, Some(_)) => left.fixed,
            _ => false,
        }
    }

    /// Does `left = right` hold for one value of each at most? Where a number may be bound to a parameter that is compared
    /// with text, it does not.
    pub(super) fn fixes(self, left: &Value, right: &Value) -> bool {
        let text = |value: &Value| MySqlType::of(value.type_oid).is_some_and(|kind| !counts_as_number(kind));
        let untyped = |value: &Value| value.type_oid == 0;
        let bound_to_text = text(left) && untyped(right) || text(right) && untyped(left);
        self.looks_up(left, right) && !(self.is_mysql() && bound_to_text)
    }
}

/// Compared with a constant of whatever type, at most one value of this type equals it.
fn counts_as_number(kind: MySqlType) -> bool {
    use MySqlType as T;
    match kind {
        T::Tiny | T::Short | T::Medium | T::Long | T::LongLong | T::Float | T::Double | T::Decimal | T::Year => true,
        T::Date | T::DateTime | T::Timestamp | T::Time | T::Bit | T::Null => true,
        T::Text | T::Bytes | T::Json | T::Enum | T::Set | T::Geometry | T::Strict | T::Other => false,
    }
}
