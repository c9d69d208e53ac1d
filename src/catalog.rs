//! What an upstream database contains: relations, columns, keys, views, functions. Pure data, one snapshot at a time.
//!
//! A snapshot is immutable and versioned; `catalog/load` says what to ask the server and turns the answers into a
//! snapshot, the session does the asking. Names are as the server stores them (already folded).

pub mod load;
pub mod mysql_type;
pub mod vouched;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Whose server speaks the MySQL protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// MariaDB.
    MariaDb,
    /// MySQL, and what is built from it.
    MySql,
}

/// A relation's identity within one snapshot's database. PostgreSQL: its OID. MySQL: made of its schema and name, from
/// 16384 for users' relations, below for the server's own (`load/mysql`).
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

/// The schemas that PostgreSQL brings, and those that MySQL and MariaDB bring.
pub const POSTGRES_SYSTEM: [&str; 2] = ["pg_catalog", "information_schema"];
/// As [`POSTGRES_SYSTEM`]; compared without regard to case.
pub const MYSQL_SYSTEM: [&str; 4] = ["information_schema", "mysql", "performance_schema", "sys"];

/// Is this schema the server's own? `flavour` as in [`Catalog::flavour`].
pub fn is_system(flavour: Option<Flavour>, schema: &str) -> bool {
    match flavour {
        None => POSTGRES_SYSTEM.contains(&schema),
        Some(_) => MYSQL_SYSTEM.iter().any(|known| known.eq_ignore_ascii_case(schema)),
    }
}

/// One consistent picture of one upstream database.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// The key under `databases:` in `holdpoint.yaml`; the first part of `match:` patterns.
    pub database: Arc<str>,
    /// Content hash of the snapshot: equal version, equal content.
    pub version: u64,
    /// Server version number: PostgreSQL's `server_version_num`, such as 150018; MySQL's as executable comments count it.
    pub server_version: u32,
    /// Whose MySQL it is; `None` for PostgreSQL.
    pub flavour: Option<Flavour>,
    /// MySQL's `lower_case_table_names`: 0 compares names of schemas and relations exactly, 1 and 2 without regard to case.
    /// 0 for PostgreSQL.
    pub lower_case_table_names: u8,
    relations: HashMap<RelationKey, Arc<Relation>>,
    by_name: HashMap<(Arc<str>, Arc<str>), RelationKey>,
    functions: HashMap<Arc<str>, Vec<Arc<Function>>>,
    types: HashMap<u32, Arc<Type>>,
    schemas: Vec<Arc<str>>,
    user_operators: Vec<(Arc<str>, Arc<str>)>,
    user_casts: bool,
    hidden: HashSet<ColumnKey>,
    vouched: vouched::Vouched,
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
    /// Whose MySQL it is; `None` for PostgreSQL.
    pub flavour: Option<Flavour>,
    /// MySQL's `lower_case_table_names`.
    pub lower_case_table_names: u8,
    /// Columns that `*` leaves out (MySQL's `INVISIBLE`).
    pub hidden: Vec<ColumnKey>,
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
            flavour: parts.flavour,
            lower_case_table_names: parts.lower_case_table_names,
            hidden: parts.hidden.into_iter().collect(),
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

    /// The relation that MySQL means by these names: as `lower_case_table_names` compares them, those of
    /// `information_schema` always without regard to case. `None` also where several differ in case only.
    pub fn relation_folded(&self, schema: &str, name: &str) -> Option<&Arc<Relation>> {
        let exact = self.relation_named(schema, name);
        if exact.is_some() || (self.lower_case_table_names == 0 && !schema.eq_ignore_ascii_case("information_schema")) {
            return exact;
        }
        let mut found = self.relations().filter(|one| folds(&one.schema, schema) && folds(&one.name, name));
        let first = found.next();
        first.filter(|_| found.next().is_none())
    }

    /// Is this schema the server's own?
    pub fn is_system(&self, schema: &str) -> bool {
        is_system(self.flavour, schema)
    }

    /// Does `*` leave this column out?
    pub fn is_hidden(&self, key: ColumnKey) -> bool {
        self.hidden.contains(&key)
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

    /// The column of this name as MySQL compares names of columns: without regard to case.
    pub fn column_folded(&self, name: &str) -> Option<&Column> {
        self.column_named(name).or_else(|| self.columns.iter().find(|column| folds(&column.name, name)))
    }

    /// `schema.name`.
    pub fn qualified(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// The column a MySQL server names in a column definition: `schema`, `org_table`, `org_name`. `None` where it names nothing
/// that exists, as for expressions and aliases. Its word can be forged by an alias, so it may add taint and never clears any.
///
/// Materialised derived tables name their base table without its schema: that is believed if only one relation has the name.
pub fn origin(catalog: &Catalog, schema: &str, org_table: &str, org_name: &str) -> Option<ColumnKey> {
    let relation = if schema.is_empty() && !org_table.is_empty() {
        let mut found = catalog.relations().filter(|one| folds(&one.name, org_table));
        let first = found.next();
        first.filter(|_| found.next().is_none())
    } else {
        catalog.relation_folded(schema, org_table)
    }?;
    let column = relation.column_folded(org_name)?;
    Some(ColumnKey { relation: relation.key, number: column.number })
}

/// Equal without regard to case.
fn folds(stored: &str, written: &str) -> bool {
    stored == written || stored.to_lowercase() == written.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relation(key: u32, schema: &str, name: &str, columns: &[&str]) -> Relation {
        let column = |(at, name): (usize, &&str)| Column {
            number: i16::try_from(at + 1).unwrap(),
            name: Arc::from(*name),
            type_oid: 0,
            not_null: false,
            generated: None,
        };
        Relation {
            key: RelationKey(key),
            schema: schema.into(),
            name: name.into(),
            kind: RelationKind::Table,
            columns: columns.iter().enumerate().map(column).collect(),
            unique_keys: Vec::new(),
            definition: None,
            parents: Vec::new(),
            children: Vec::new(),
            has_rules: false,
            has_triggers: false,
            has_row_security: false,
            rows_estimate: 0.0,
        }
    }

    fn catalog(lower_case_table_names: u8) -> Catalog {
        let relations = vec![
            relation(20_000, "shop", "Customers", &["id", "E-Mail"]),
            relation(20_001, "crm", "leads", &["id"]),
            relation(20_002, "shop", "leads", &["id"]),
            relation(5, "information_schema", "TABLES", &["TABLE_NAME"]),
        ];
        let parts = Parts { relations, flavour: Some(Flavour::MySql), lower_case_table_names, ..Parts::default() };
        Catalog::new("shop".into(), 1, 80_403, parts)
    }

    #[test]
    fn system_schemas_are_those_of_the_catalogs_own_server() {
        let of = |flavour| Catalog::new(Arc::from("d"), 1, 1, Parts { flavour, ..Parts::default() });
        let names = ["pg_catalog", "information_schema", "INFORMATION_SCHEMA", "mysql", "sys", "public"];
        let told = |flavour| names.map(|name| of(flavour).is_system(name));
        assert_eq!(told(None), [true, true, false, false, false, false]);
        for flavour in [Flavour::MySql, Flavour::MariaDb] {
            assert_eq!(told(Some(flavour)), [false, true, true, true, true, false]);
        }
    }

    #[test]
    fn names_fold_as_the_server_folds_them() {
        let key = |mode, schema, name| catalog(mode).relation_folded(schema, name).map(|found| found.key.0);
        assert_eq!(key(0, "shop", "Customers"), Some(20_000));
        assert_eq!(key(0, "shop", "customers"), None);
        assert_eq!(key(1, "SHOP", "customers"), Some(20_000));
        assert_eq!(key(2, "shop", "CUSTOMERS"), Some(20_000));
        for mode in [0, 1, 2] {
            assert_eq!(key(mode, "INFORMATION_SCHEMA", "tables"), Some(5), "mode {mode}");
        }
        let catalog = catalog(0);
        let customers = catalog.relation_named("shop", "Customers").unwrap();
        assert_eq!(customers.column_folded("e-mail").unwrap().number, 2);
        assert_eq!(customers.column_named("e-mail"), None);
    }

    #[test]
    fn the_servers_word_names_a_column_that_exists_or_nothing() {
        let catalog = catalog(0);
        let word = |schema, table, name| origin(&catalog, schema, table, name).map(|key| (key.relation.0, key.number));
        assert_eq!(word("shop", "Customers", "e-mail"), Some((20_000, 2)));
        assert_eq!(word("shop", "Customers", "alias"), None);
        assert_eq!(word("shop", "c", "id"), None);
        assert_eq!(word("", "", ""), None);
        assert_eq!(word("", "", "id"), None);
        // A materialised derived table over the only relation of that name, and over one of two.
        assert_eq!(word("", "customers", "id"), Some((20_000, 1)));
        assert_eq!(word("", "leads", "id"), None);
    }
}
