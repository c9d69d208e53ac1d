//! The SQL of the catalog queries. Relations and types are qualified, because temporary ones are found even with an
//! empty `search_path`; functions and operators are not found in the temporary schema.

use super::system;

/// Which field of `relations` holds the row estimate.
pub(super) const ROWS_ESTIMATE: usize = 8;

/// `pg_get_function_sqlbody` came with standard function bodies.
const STANDARD_BODIES: u32 = 140_000;

/// Objects with at least this OID were made after initdb.
const FIRST_NORMAL_OID: u32 = 16_384;

/// Schemas whose objects are users': names starting with `pg_` are the server's own.
const USER_SCHEMA: &str = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'";

/// Extensions whose casts and operators are pure C functions over their own and built-in types, and whose operators mean
/// what the built-in ones of the same name mean.
const HARMLESS_EXTENSIONS: &str = "'citext', 'hstore', 'ltree', 'cube', 'seg', 'isn', 'intarray', 'pg_trgm', \
     'btree_gin', 'btree_gist', 'vector', 'postgis', 'postgis_raster', 'postgis_topology'";

/// All queries, by name.
pub(super) fn all(server_version: u32) -> Vec<(&'static str, String)> {
    vec![
        ("server", "SELECT current_setting('server_version_num')".to_owned()),
        (
            "schemas",
            "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_(toast|temp)' ORDER BY 1".to_owned(),
        ),
        ("relations", relations()),
        ("columns", columns()),
        ("keys", keys()),
        ("inheritance", inheritance()),
        ("functions", functions(server_version)),
        ("types", types()),
        ("operators", operators()),
        ("casts", casts()),
    ]
}

fn quoted(list: &str) -> String {
    list.split_ascii_whitespace().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

/// The relations that a snapshot holds, as a condition on `pg_class c` and `pg_namespace n`.
fn wanted() -> String {
    format!(
        "c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c') AND (({USER_SCHEMA}) \
         OR (n.nspname = 'pg_catalog' AND c.relname IN ({})) \
         OR (n.nspname = 'information_schema' AND c.relname IN ({})))",
        quoted(system::PG_CATALOG),
        quoted(system::INFORMATION_SCHEMA)
    )
}

fn relations() -> String {
    format!(
        "SELECT c.oid, n.nspname, c.relname, c.relkind, NOT ({USER_SCHEMA}), \
         EXISTS (SELECT FROM pg_catalog.pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_type <> '1'), \
         EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal), \
         c.relrowsecurity, c.reltuples, \
         CASE WHEN c.relkind IN ('v', 'm') AND {USER_SCHEMA} THEN pg_get_viewdef(c.oid) END \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE {} ORDER BY 1",
        wanted()
    )
}

fn columns() -> String {
    format!(
        "SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.attnotnull, \
         CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END \
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
         WHERE a.attnum > 0 AND NOT a.attisdropped AND {} ORDER BY 1, 2",
        wanted()
    )
}

/// Usable unique keys: whole-table, plain columns, checked at once, and equal by what `=` of the column means (B-tree,
/// default operator class, the column's own collation).
fn keys() -> String {
    format!(
        "SELECT i.indrelid, i.indisprimary, coalesce(to_jsonb(i)->>'indnullsnotdistinct', 'false'), i.indnkeyatts, \
         i.indkey, i.indexrelid \
         FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid JOIN pg_catalog.pg_am m ON m.oid = x.relam \
         WHERE i.indisunique AND i.indisvalid AND i.indislive AND i.indimmediate AND NOT i.indisexclusion \
         AND i.indpred IS NULL AND i.indexprs IS NULL AND m.amname = 'btree' AND {USER_SCHEMA} \
         AND NOT EXISTS (SELECT FROM generate_series(0, i.indnkeyatts - 1) k \
         JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[k] \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k] \
         WHERE NOT o.opcdefault OR a.attcollation <> i.indcollation[k]) \
         ORDER BY 1, 2 DESC, 6"
    )
}

fn inheritance() -> String {
    format!(
        "SELECT h.inhrelid, h.inhparent FROM pg_catalog.pg_inherits h \
         JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind IN ('r', 'p', 'f') AND {USER_SCHEMA} ORDER BY 1, 2"
    )
}

/// The name of the extension that owns an object, as a scalar subquery.
fn extension(class: &str, object: &str) -> String {
    format!(
        "(SELECT e.extname FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid \
         WHERE d.classid = 'pg_catalog.{class}'::pg_catalog.regclass AND d.objid = {object} AND d.objsubid = 0 \
         AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass AND d.deptype = 'e')"
    )
}

/// Functions in users' schemas, and whatever was added to the server's own after initdb. `pg_get_functiondef` refuses
/// aggregates, so their hash is over the catalog row.
fn functions(server_version: u32) -> String {
    let body = if server_version >= STANDARD_BODIES {
        "coalesce(pg_get_function_sqlbody(p.oid), p.prosrc)"
    } else {
        "p.prosrc"
    };
    format!(
        "SELECT n.nspname, p.proname, p.proargtypes, array_to_string(p.proallargtypes, ' '), \
         array_to_string(p.proargmodes, ''), array_to_json(p.proargnames), p.pronargdefaults, p.prorettype, p.prokind, \
         l.lanname, p.proretset, p.prosecdef OR p.proconfig IS NOT NULL, {}, \
         encode(sha256(convert_to(CASE WHEN p.prokind = 'a' THEN (SELECT to_jsonb(a)::pg_catalog.text FROM \
         pg_catalog.pg_aggregate a WHERE a.aggfnoid = p.oid) ELSE pg_get_functiondef(p.oid) END, 'UTF8')), 'hex'), \
         CASE WHEN l.lanname = 'sql' THEN {body} END \
         FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
         JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
         WHERE n.nspname !~ '^pg_temp' AND (({USER_SCHEMA}) OR p.oid >= {FIRST_NORMAL_OID}) ORDER BY p.oid",
        extension("pg_proc", "p.oid")
    )
}

fn types() -> String {
    format!(
        "SELECT t.oid, n.nspname, t.typname, t.typtype, t.typbasetype, CASE WHEN t.typlen = -1 THEN t.typelem ELSE 0 END, \
         t.typrelid FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
         WHERE {USER_SCHEMA} ORDER BY 1"
    )
}

fn operators() -> String {
    format!(
        "SELECT DISTINCT n.nspname, o.oprname FROM pg_catalog.pg_operator o \
         JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
         WHERE (({USER_SCHEMA}) OR o.oid >= {FIRST_NORMAL_OID}) \
         AND coalesce({}, '') NOT IN ({HARMLESS_EXTENSIONS}) ORDER BY 1, 2",
        extension("pg_operator", "o.oid")
    )
}

/// Casts made after initdb, but for those that the server itself makes from a range type to its multirange type.
fn casts() -> String {
    format!(
        "SELECT k.oid FROM pg_catalog.pg_cast k WHERE k.oid >= {FIRST_NORMAL_OID} \
         AND NOT EXISTS (SELECT FROM pg_catalog.pg_range r WHERE r.rngtypid = k.castsource \
         AND to_jsonb(r)->>'rngmultitypid' = to_jsonb(k)->>'casttarget') \
         AND coalesce({}, '') NOT IN ({HARMLESS_EXTENSIONS}) ORDER BY 1",
        extension("pg_cast", "k.oid")
    )
}
