//! What an upstream database contains: relations, columns, keys, views, functions. Pure data, one snapshot at a time.
//!
//! A snapshot is immutable and versioned; `catalog/load` says what to ask the server and turns the answers into a
//! snapshot, the session does the asking. Names are as the server stores them (already folded).

pub mod load;
pub mod mysql_type;

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A relation's identity within one snapshot's database. PostgreSQL: its OID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RelationKey(pub u32);

/// A column's identity. PostgreSQL: table OID and attribute number; number 0 is the whole row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnKey {
    /// The relation.
    pub relation: RelationKey,
    /// The column's number in it; 0 is the whole row, negative a system column.
    pub number: i16,
}

/// What kind of relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelationKind {
    /// An ordinary table.
    Table,
    /// A partitioned table (its partitions are tables with it as parent).
    Partitioned,
    /// A view: read through its definition.
    View,
    /// A materialized view: holds copies of what its definition selects.
    MaterializedView,
    /// A foreign table.
    Foreign,
    /// A sequence.
    Sequence,
    /// A composite type's relation, index, TOAST: never read by ordinary statements.
    Other,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its number (PostgreSQL: attnum, from 1, with gaps after DROP COLUMN).
    pub number: i16,
    /// Its name as stored.
    pub name: Arc<str>,
    /// The type's OID.
    pub type_oid: u32,
    /// `pg_attribute.attnotnull`.
    pub not_null: bool,
    /// The expression of a generated column, in SQL.
    pub generated: Option<Arc<str>>,
}

/// One relation.
#[derive(Clone, Debug, PartialEq)]
pub struct Relation {
    /// Its identity.
    pub key: RelationKey,
    /// Schema name as stored.
    pub schema: Arc<str>,
    /// Relation name as stored.
    pub name: Arc<str>,
    /// What it is.
    pub kind: RelationKind,
    /// Live columns in order of number.
    pub columns: Vec<Column>,
    /// Column numbers of each usable unique key (primary key first): not partial, not on expressions, valid, not deferrable.
    /// Keys with a nullable column are left out unless NULLS NOT DISTINCT, because equality never finds NULL anyway.
    pub unique_keys: Vec<Vec<i16>>,
    /// A view's or materialized view's definition as the server prints it (`pg_get_viewdef`).
    pub definition: Option<Arc<str>>,
    /// Partition or inheritance parents.
    pub parents: Vec<RelationKey>,
    /// Partition or inheritance children, direct ones.
    pub children: Vec<RelationKey>,
    /// Has rewrite rules other than a view's own `_RETURN`.
    pub has_rules: bool,
    /// Has user triggers (internal foreign-key triggers do not count).
    pub has_triggers: bool,
    /// Row level security is on.
    pub has_row_security: bool,
    /// `pg_class.reltuples`; negative when never analysed.
    pub rows_estimate: f64,
}

/// A user-defined function or procedure; built-ins are in `statement/builtins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Schema name.
    pub schema: Arc<str>,
    /// Function name.
    pub name: Arc<str>,
    /// Input argument names ("" if unnamed) and type OIDs.
    pub arguments: Vec<(Arc<str>, u32)>,
    /// How many trailing arguments have defaults.
    pub defaults: u16,
    /// The result type's OID; for `SETOF` the element type's.
    pub returns: u32,
    /// Names and types of OUT/TABLE columns; empty if none.
    pub out_columns: Vec<(Arc<str>, u32)>,
    /// `f` function, `p` procedure, `a` aggregate, `w` window.
    pub kind: char,
    /// `sql`, `plpgsql`, `c`, …
    pub language: Arc<str>,
    /// The source of an SQL-language function (`prosrc`, or `pg_get_function_sqlbody` for standard bodies).
    pub body: Option<Arc<str>>,
    /// Returns a set.
    pub returns_set: bool,
    /// SECURITY DEFINER, or with SET clauses: never followed into.
    pub changes_context: bool,
    /// Belongs to an extension: its name.
    pub extension: Option<Arc<str>>,
    /// Hex SHA-256 of `pg_get_functiondef`, for vouching.
    pub definition_sha256: Arc<str>,
}

/// A user-defined type, as far as masking and lineage need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// OID.
    pub oid: u32,
    /// Schema name.
    pub schema: Arc<str>,
    /// Type name.
    pub name: Arc<str>,
    /// `b` base, `c` composite, `d` domain, `e` enum, `r` range, `m` multirange, `p` pseudo.
    pub kind: char,
    /// A domain's base type, else 0.
    pub base: u32,
    /// An array's element type, else 0.
    pub element: u32,
    /// A composite's relation, else 0.
    pub relation: u32,
}

/// One consistent picture of one upstream database.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// The key under `databases:` in `holdpoint.yaml`; the first part of `match:` patterns.
    pub database: Arc<str>,
    /// Content hash of the snapshot: equal version, equal content.
    pub version: u64,
    /// Server version number (`server_version_num`), such as 150018.
    pub server_version: u32,
    relations: HashMap<RelationKey, Arc<Relation>>,
    by_name: HashMap<(Arc<str>, Arc<str>), RelationKey>,
    functions: HashMap<Arc<str>, Vec<Arc<Function>>>,
    types: HashMap<u32, Arc<Type>>,
    schemas: Vec<Arc<str>>,
    user_operators: Vec<(Arc<str>, Arc<str>)>,
    user_casts: bool,
}

/// The parts a snapshot is built from.
#[derive(Clone, Debug, Default)]
pub struct Parts {
    /// All relations in user schemas, and the system relations that `statement/builtins` allows.
    pub relations: Vec<Relation>,
    /// User functions: outside `pg_catalog` and `information_schema`.
    pub functions: Vec<Function>,
    /// User types.
    pub types: Vec<Type>,
    /// All schema names.
    pub schemas: Vec<Arc<str>>,
    /// User-defined operators: schema and name.
    pub user_operators: Vec<(Arc<str>, Arc<str>)>,
    /// Are there user-defined casts (outside extensions known to be harmless)?
    pub user_casts: bool,
}

impl Catalog {
    /// Builds a snapshot and its indexes.
    pub fn new(database: Arc<str>, version: u64, server_version: u32, parts: Parts) -> Self {
        let mut catalog = Self {
            database,
            version,
            server_version,
            types: parts.types.into_iter().map(|t| (t.oid, Arc::new(t))).collect(),
            schemas: parts.schemas,
            user_operators: parts.user_operators,
            user_casts: parts.user_casts,
            ..Self::default()
        };
        for relation in parts.relations {
            catalog.by_name.insert((relation.schema.clone(), relation.name.clone()), relation.key);
            catalog.relations.insert(relation.key, Arc::new(relation));
        }
        for function in parts.functions {
            catalog.functions.entry(function.name.clone()).or_default().push(Arc::new(function));
        }
        catalog
    }

    /// The relation with this identity.
    pub fn relation(&self, key: RelationKey) -> Option<&Arc<Relation>> {
        self.relations.get(&key)
    }

    /// The relation of this schema and name, both as stored.
    pub fn relation_named(&self, schema: &str, name: &str) -> Option<&Arc<Relation>> {
        self.relations.get(self.by_name.get(&(Arc::from(schema), Arc::from(name)))?)
    }

    /// All relations, in no order.
    pub fn relations(&self) -> impl Iterator<Item = &Arc<Relation>> {
        self.relations.values()
    }

    /// User functions of this name, in any schema.
    pub fn functions_named(&self, name: &str) -> &[Arc<Function>] {
        self.functions.get(name).map_or(&[], Vec::as_slice)
    }

    /// All user functions, in no order.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<Function>> {
        self.functions.values().flatten()
    }

    /// A user type by OID.
    pub fn type_of(&self, oid: u32) -> Option<&Arc<Type>> {
        self.types.get(&oid)
    }

    /// A user type by schema (if given) and name.
    pub fn type_named(&self, schema: Option<&str>, name: &str) -> Option<&Arc<Type>> {
        self.types.values().find(|t| &*t.name == name && schema.is_none_or(|schema| schema == &*t.schema))
    }

    /// Does this schema exist?
    pub fn has_schema(&self, schema: &str) -> bool {
        self.schemas.iter().any(|known| &**known == schema)
    }

    /// User-defined operators of this name exist in some schema.
    pub fn has_user_operator(&self, name: &str) -> bool {
        self.user_operators.iter().any(|(_, known)| &**known == name)
    }

    /// User-defined casts exist, so that a cast may run user code.
    pub fn has_user_casts(&self) -> bool {
        self.user_casts
    }

    /// `database.schema.relation.column` for people, rules and the audit.
    pub fn column_path(&self, key: ColumnKey) -> Option<String> {
        let relation = self.relation(key.relation)?;
        let column = match key.number {
            0 => "*",
            number => &*relation.column(number)?.name,
        };
        Some(format!("{}.{}.{}.{column}", self.database, relation.schema, relation.name))
    }
}

impl Relation {
    /// The column with this number.
    pub fn column(&self, number: i16) -> Option<&Column> {
        self.columns.iter().find(|column| column.number == number)
    }

    /// The column with this stored name.
    pub fn column_named(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| &*column.name == name)
    }

    /// `schema.name`.
    pub fn qualified(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}
