//! The SQL of the catalog queries for MySQL and MariaDB, over `information_schema`, which shows an account what it may use.

use crate::catalog::Flavour;
use crate::catalog::load::system;

/// Schemas whose objects are the server's own.
pub(super) const SYSTEM_SCHEMAS: &str = "'information_schema', 'performance_schema', 'mysql', 'sys'";

/// The query whose answer changes without a change of definition.
pub(in crate::catalog::load) const ESTIMATES: &str = "estimates";

/// The first version of MySQL that caches row counts.
const CACHED_ESTIMATES: u32 = 80_000;

/// The account that asks, as `information_schema` writes grantees.
const GRANTEE: &str =
    "concat('''', substring_index(current_user(), '@', 1), '''@''', substring_index(current_user(), '@', -1), '''')";

/// What to send first, one by one: names and definitions come in UTF-8 and are quoted the usual way.
pub(super) fn begin(flavour: Flavour, version: u32) -> Vec<&'static str> {
    let mut statements = vec!["SET NAMES utf8mb4", "SET SESSION sql_mode = ''", "SET SESSION TRANSACTION READ ONLY"];
    if flavour == Flavour::MySql && version >= CACHED_ESTIMATES {
        statements.push("SET SESSION information_schema_stats_expiry = 0");
    }
    statements
}

/// All queries, by name.
pub(super) fn all() -> Vec<(&'static str, String)> {
    vec![
        ("server", "SELECT @@version, @@lower_case_table_names".to_owned()),
        (
            "schemas",
            "SELECT t.schema_name FROM information_schema.schemata t ORDER BY cast(t.schema_name AS binary)".to_owned(),
        ),
        ("relations", relations()),
        (ESTIMATES, estimates()),
        ("columns", columns()),
        ("keys", keys()),
        ("triggers", triggers()),
        ("trigger_rights", trigger_rights()),
        ("functions", functions()),
        ("parameters", parameters()),
    ]
}

/// Orders by names byte for byte: names that differ in case only would else come in any order, and a snapshot's version with it.
fn ordered(names: [&str; 3]) -> String {
    let names = names.iter().filter(|name| !name.is_empty()).map(|name| format!("cast(t.{name} AS binary)"));
    format!("ORDER BY {}", names.collect::<Vec<_>>().join(", "))
}

/// The relations that a snapshot holds, as a condition on a table of `information_schema` named `t`.
fn wanted() -> String {
    let listed: Vec<_> =
        system::MYSQL_INFORMATION_SCHEMA.split_ascii_whitespace().map(|name| format!("'{name}'")).collect();
    format!(
        "(t.table_schema NOT IN ({SYSTEM_SCHEMAS}) \
         OR (t.table_schema = 'information_schema' AND t.table_name IN ({})))",
        listed.join(", ")
    )
}

/// A view's definition is empty for an account without SHOW VIEW.
fn relations() -> String {
    format!(
        "SELECT t.table_schema, t.table_name, t.table_type, t.engine, nullif(v.view_definition, '') \
         FROM information_schema.tables t LEFT JOIN information_schema.views v \
         ON v.table_schema = t.table_schema AND v.table_name = t.table_name WHERE {} {}",
        wanted(),
        ordered(["table_schema", "table_name", ""])
    )
}

fn estimates() -> String {
    format!(
        "SELECT t.table_schema, t.table_name, t.table_rows FROM information_schema.tables t \
         WHERE t.table_schema NOT IN ({SYSTEM_SCHEMAS}) AND t.table_rows IS NOT NULL {}",
        ordered(["table_schema", "table_name", ""])
    )
}

fn columns() -> String {
    format!(
        "SELECT t.table_schema, t.table_name, t.ordinal_position, t.column_name, t.data_type, \
         if(t.is_nullable = 'NO', 't', 'f'), if(t.extra LIKE '%INVISIBLE%', 't', 'f'), \
         nullif(t.generation_expression, '') FROM information_schema.columns t WHERE {} {}, t.ordinal_position",
        wanted(),
        ordered(["table_schema", "table_name", ""])
    )
}

/// The columns of unique keys. A functional part has no column name, a prefix has a length.
fn keys() -> String {
    format!(
        "SELECT t.table_schema, t.table_name, t.index_name, t.column_name, if(t.sub_part IS NULL, 't', 'f') \
         FROM information_schema.statistics t WHERE t.non_unique = 0 AND t.table_schema NOT IN ({SYSTEM_SCHEMAS}) \
         {}, t.seq_in_index",
        ordered(["table_schema", "table_name", "index_name"])
    )
}

fn triggers() -> String {
    format!(
        "SELECT t.event_object_schema, t.event_object_table, t.trigger_name FROM information_schema.triggers t \
         WHERE t.event_object_schema NOT IN ({SYSTEM_SCHEMAS}) {}",
        ordered(["event_object_schema", "event_object_table", "trigger_name"])
    )
}

/// Where triggers would be shown: pattern of schemas, and a table or NULL for all of them.
fn trigger_rights() -> String {
    format!(
        "SELECT '%', NULL FROM information_schema.user_privileges WHERE privilege_type = 'TRIGGER' AND grantee = {GRANTEE} \
         UNION ALL SELECT table_schema, NULL FROM information_schema.schema_privileges \
         WHERE privilege_type = 'TRIGGER' AND grantee = {GRANTEE} \
         UNION ALL SELECT table_schema, table_name FROM information_schema.table_privileges \
         WHERE privilege_type = 'TRIGGER' AND grantee = {GRANTEE} ORDER BY 1, 2"
    )
}

/// A definition is NULL for an account that may only call the routine.
fn functions() -> String {
    format!(
        "SELECT t.routine_schema, t.routine_name, t.routine_type, t.data_type, t.routine_definition, t.dtd_identifier, \
         t.security_type, t.definer, t.sql_mode, t.is_deterministic, t.sql_data_access, t.character_set_client, \
         t.collation_connection FROM information_schema.routines t \
         WHERE t.routine_schema NOT IN ({SYSTEM_SCHEMAS}) AND t.routine_type IN ('FUNCTION', 'PROCEDURE') {}",
        ordered(["routine_schema", "routine_name", "routine_type"])
    )
}

fn parameters() -> String {
    format!(
        "SELECT t.specific_schema, t.specific_name, t.routine_type, t.parameter_mode, t.parameter_name, t.data_type, \
         t.dtd_identifier FROM information_schema.parameters t \
         WHERE t.specific_schema NOT IN ({SYSTEM_SCHEMAS}) AND t.ordinal_position > 0 \
         {}, t.ordinal_position",
        ordered(["specific_schema", "specific_name", "routine_type"])
    )
}
