//! Utility statements and the footprints they leave.

use super::*;
use crate::catalog::{Column, ColumnKey, Parts, Relation, RelationKey, RelationKind};
use crate::statement::footprint::{Access, CopyFormat, Flow, Position, RowBound, TransactionVerb};

fn relation(key: u32, schema: &str, name: &str, columns: &[&str]) -> Relation {
    let column = |(index, name): (usize, &&str)| Column {
        number: i16::try_from(index + 1).unwrap(),
        name: Arc::from(*name),
        type_oid: 25,
        not_null: false,
        generated: (*name == "made").then(|| Arc::from("upper(name)")),
    };
    Relation {
        key: RelationKey(key),
        schema: Arc::from(schema),
        name: Arc::from(name),
        kind: RelationKind::Table,
        columns: columns.iter().enumerate().map(column).collect(),
        unique_keys: vec![vec![1]],
        definition: None,
        parents: Vec::new(),
        children: Vec::new(),
        has_rules: false,
        has_triggers: false,
        has_row_security: false,
        rows_estimate: 5.0,
    }
}

fn catalog() -> Catalog {
    let relations = vec![
        relation(1, "public", "customers", &["id", "name", "ssn", "made"]),
        relation(2, "private", "notes", &["id", "body"]),
        Relation { kind: RelationKind::View, ..relation(3, "public", "v", &["id"]) },
        Relation { has_triggers: true, ..relation(4, "public", "watched", &["id"]) },
    ];
    Catalog::new(Arc::from("shop"), 1, 150_000, Parts { relations, ..Parts::default() })
}

/// Stands for the analysis of queries: reads ssn plainly, with a predicate on name.
fn analysed(node: &NodeEnum) -> Footprint {
    let column = |number| ColumnKey { relation: RelationKey(1), number };
    let mut print = Footprint {
        outputs: Some(vec![output("ssn", vec![Source { column: column(3), flow: Flow::Plain }])]),
        probes: vec![Probe { column: column(2), position: Position::Predicate }],
        facets: vec![Facet::Reads],
        returned: RowBound::Unbounded,
        explainable: true,
        ..blank(Verb::Select)
    };
    if let NodeEnum::DeleteStmt(_) = node {
        print.facets = vec![Facet::Writes, Facet::WritesAll];
        print.changed = RowBound::Unbounded;
        print.verb = Verb::Delete;
    }
    print
}

fn scope() -> Scope {
    Scope { temporary: vec![Arc::from("shadow")], ..Scope::default() }
}

fn print_of(sql: &str) -> Option<Footprint> {
    let parsed = pg_query::parse(sql, 0).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let node = parsed.protobuf.stmts[0].stmt.as_ref().unwrap().node.as_ref().unwrap();
    footprint(node, &mut analysed, &catalog(), &scope())
}

fn known(sql: &str) -> Footprint {
    print_of(sql).unwrap_or_else(|| panic!("not known: {sql}"))
}

fn relations(print: &Footprint) -> Vec<(String, Access)> {
    print.relations.iter().map(|used| (used.name.to_string(), used.access)).collect()
}

#[test]
fn ddl_names_its_verb_object_and_relations() {
    type Row = (&'static str, Verb, &'static str, &'static [(&'static str, Access)]);
    let table: &[Row] = &[
        ("CREATE TABLE t (a int)", Verb::Create, "table", &[("public.t", Access::Define)]),
        (
            "CREATE TABLE private.t (LIKE customers)",
            Verb::Create,
            "table",
            &[("private.t", Access::Define), ("public.customers", Access::Read)],
        ),
        ("ALTER TABLE customers DROP COLUMN ssn", Verb::Alter, "table", &[("public.customers", Access::Define)]),
        ("ALTER TABLE customers RENAME ssn TO x", Verb::Alter, "column", &[("public.customers", Access::Define)]),
        ("ALTER TABLE customers SET SCHEMA private", Verb::Alter, "table", &[("public.customers", Access::Define)]),
        (
            "DROP TABLE customers, private.notes",
            Verb::Drop,
            "table",
            &[("public.customers", Access::Define), ("private.notes", Access::Define)],
        ),
        ("DROP VIEW v", Verb::Drop, "view", &[("public.v", Access::Define)]),
        ("DROP DATABASE shop", Verb::Drop, "database", &[]),
        ("DROP TRIGGER t_audit ON customers", Verb::Drop, "trigger", &[("public.customers", Access::Define)]),
        ("CREATE INDEX ON customers (name)", Verb::Create, "index", &[("public.customers", Access::Define)]),
        ("CREATE SEQUENCE s", Verb::Create, "sequence", &[("public.s", Access::Define)]),
        ("COMMENT ON COLUMN customers.ssn IS 'x'", Verb::Comment, "column", &[("public.customers", Access::Define)]),
        ("COMMENT ON DATABASE shop IS 'x'", Verb::Comment, "database", &[]),
        ("REINDEX TABLE customers", Verb::Reindex, "index", &[("public.customers", Access::Define)]),
        ("VACUUM (FULL) customers", Verb::Maintain, "table", &[("public.customers", Access::Define)]),
        ("ANALYZE", Verb::Maintain, "table", &[]),
        ("CLUSTER customers USING i", Verb::Maintain, "table", &[("public.customers", Access::Define)]),
        ("CREATE TYPE mood AS ENUM ('a')", Verb::Create, "type", &[]),
        ("CREATE SCHEMA s", Verb::Create, "schema", &[]),
        (
            "CREATE STATISTICS s ON id, name FROM customers",
            Verb::Create,
            "statistics",
            &[("public.customers", Access::Define)],
        ),
        ("CREATE DATABASE d", Verb::Create, "database", &[]),
    ];
    for (sql, verb, kind, expected) in table {
        let print = known(sql);
        assert_eq!((print.verb, print.object_kind.as_deref()), (*verb, Some(*kind)), "{sql}");
        assert!(print.facets.contains(&Facet::Defines), "{sql}: {print:?}");
        assert!(print.opaque.is_empty(), "{sql}: {print:?}");
        let expected: Vec<_> = expected.iter().map(|(name, access)| ((*name).to_owned(), *access)).collect();
        assert_eq!(relations(&print), expected, "{sql}");
        assert_eq!(print.returned, RowBound::None, "{sql}");
    }
}

#[test]
fn facets_follow_what_a_statement_does() {
    use Facet::{Defines, Exports, Imports, Privilege, Routine, Server, Session, Transaction, Writes, WritesAll};
    let table: &[(&str, Verb, &[Facet])] = &[
        ("TRUNCATE customers", Verb::Truncate, &[Defines, WritesAll]),
        ("GRANT SELECT ON customers TO bob", Verb::Grant, &[Privilege]),
        ("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM bob", Verb::Revoke, &[Privilege]),
        ("GRANT admin TO bob", Verb::Grant, &[Privilege]),
        ("REVOKE admin FROM bob", Verb::Revoke, &[Privilege]),
        ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO bob", Verb::Alter, &[Privilege]),
        ("CREATE ROLE r", Verb::Create, &[Privilege]),
        ("ALTER ROLE r SUPERUSER", Verb::Alter, &[Privilege]),
        ("ALTER ROLE r SET search_path = x", Verb::Alter, &[Privilege]),
        ("DROP ROLE r", Verb::Drop, &[Privilege]),
        ("REASSIGN OWNED BY a TO b", Verb::Alter, &[Privilege, Defines]),
        ("DROP OWNED BY a", Verb::Drop, &[Privilege, Defines, WritesAll]),
        ("ALTER TABLE customers OWNER TO bob", Verb::Alter, &[Defines, Privilege]),
        ("ALTER FUNCTION f() OWNER TO bob", Verb::Alter, &[Privilege, Defines]),
        ("ALTER TABLE customers DISABLE ROW LEVEL SECURITY", Verb::Alter, &[Defines, Privilege]),
        ("CREATE POLICY p ON customers USING (true)", Verb::Create, &[Privilege, Defines]),
        ("DROP POLICY p ON customers", Verb::Drop, &[Defines, Privilege]),
        ("SECURITY LABEL ON TABLE customers IS 'x'", Verb::Other, &[Privilege]),
        ("SET ROLE admin", Verb::Set, &[Session, Privilege]),
        ("SET SESSION AUTHORIZATION bob", Verb::Set, &[Session, Privilege]),
        ("RESET ROLE", Verb::Reset, &[Session, Privilege]),
        ("SET row_security = off", Verb::Set, &[Session, Privilege]),
        ("ALTER SYSTEM SET work_mem = '1GB'", Verb::Alter, &[Server]),
        ("LOAD 'x'", Verb::Other, &[Server]),
        ("CHECKPOINT", Verb::Maintain, &[Server]),
        ("CREATE EXTENSION dblink", Verb::Create, &[Server, Defines]),
        ("DROP EXTENSION dblink", Verb::Drop, &[Defines, Server]),
        ("CREATE SERVER s FOREIGN DATA WRAPPER w", Verb::Create, &[Server, Defines]),
        ("CREATE FOREIGN TABLE f (a int) SERVER s", Verb::Create, &[Server, Defines]),
        ("IMPORT FOREIGN SCHEMA a FROM SERVER s INTO b", Verb::Other, &[Server, Defines]),
        ("CREATE USER MAPPING FOR bob SERVER s", Verb::Create, &[Server, Defines]),
        ("CREATE PUBLICATION p FOR ALL TABLES", Verb::Create, &[Server, Defines, Exports]),
        ("CREATE SUBSCRIPTION s CONNECTION 'x' PUBLICATION p", Verb::Create, &[Server, Defines, Exports, Imports]),
        ("ALTER DATABASE shop SET search_path = x", Verb::Alter, &[Server, Defines]),
        ("BEGIN", Verb::Transaction, &[Transaction]),
        ("DO $$ begin end $$", Verb::Do, &[Routine]),
        ("CALL p(1)", Verb::Call, &[Routine]),
        ("LISTEN x", Verb::Listen, &[Session]),
        ("NOTIFY x, 'y'", Verb::Notify, &[Session]),
        ("LOCK TABLE customers IN ACCESS SHARE MODE", Verb::Lock, &[Session]),
        ("LOCK TABLE customers", Verb::Lock, &[Writes]),
        ("REFRESH MATERIALIZED VIEW v", Verb::Refresh, &[Defines, Writes]),
        ("SHOW all", Verb::Show, &[Session]),
        ("DISCARD ALL", Verb::Discard, &[Session]),
        ("COPY customers TO STDOUT", Verb::CopyTo, &[Exports, Facet::Reads]),
        ("COPY customers TO '/tmp/x'", Verb::CopyTo, &[Exports, Facet::Reads, Server]),
        ("COPY customers FROM STDIN", Verb::CopyFrom, &[Imports, Writes]),
        ("COPY watched FROM PROGRAM 'x'", Verb::CopyFrom, &[Imports, Writes, Routine, Server]),
        ("EXPLAIN SELECT 1", Verb::Explain, &[Facet::Reads]),
        ("EXPLAIN DELETE FROM customers", Verb::Explain, &[Facet::Reads]),
        ("EXPLAIN ANALYZE DELETE FROM customers", Verb::Explain, &[Writes, WritesAll]),
        ("EXPLAIN (ANALYZE false) DELETE FROM customers", Verb::Explain, &[Facet::Reads]),
    ];
    for (sql, verb, facets) in table {
        let print = known(sql);
        assert_eq!((print.verb, print.facets.as_slice()), (*verb, *facets), "{sql}");
    }
}

#[test]
fn code_that_runs_later_and_unknown_forms_are_opaque() {
    let opaque = [
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'select 1'",
        "CREATE FUNCTION f() RETURNS int RETURN 1",
        "CREATE PROCEDURE p() LANGUAGE sql AS ''",
        "CREATE TRIGGER t AFTER INSERT ON customers EXECUTE FUNCTION f()",
        "CREATE RULE r AS ON UPDATE TO customers DO ALSO SELECT 1",
        "CREATE OPERATOR === (FUNCTION = f, LEFTARG = int, RIGHTARG = int)",
        "CREATE AGGREGATE a (int) (SFUNC = f, STYPE = int)",
        "CREATE CAST (text AS int) WITH FUNCTION f(text)",
        "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f()",
        "CREATE SCHEMA s CREATE TABLE t (a int)",
        "ALTER FUNCTION f() SECURITY DEFINER",
        "DO $$ begin end $$",
        "CALL p()",
        "EXECUTE q",
        "MOVE 5 IN c",
        "SET debug_print_plan = on",
        "SET plpgsql.extra_errors = 'all'",
        "SET transform_null_equals = on",
        "COPY customers TO STDOUT (ENCODING 'latin1')",
        "COPY customers TO STDOUT (FORMAT csv, DELIMITER '||')",
        "COPY customers TO STDOUT (NOVEL true)",
        "COPY customers FROM STDIN WHERE id > 1",
        "COPY v TO STDOUT",
        "COPY nowhere TO STDOUT",
        "COPY shadow TO STDOUT",
        "DROP TABLE shadow",
        "DROP TABLE pg_temp.x",
        "EXPLAIN (NOVEL) SELECT 1",
        "TRUNCATE otherdb.public.customers",
    ];
    for sql in opaque {
        assert!(!known(sql).opaque.is_empty(), "{sql}");
    }
}

#[test]
fn queries_and_changes_of_rows_are_not_utility_statements() {
    for sql in ["SELECT 1", "INSERT INTO customers VALUES (1)", "UPDATE customers SET id = 1", "DELETE FROM customers"]
    {
        assert_eq!(print_of(sql), None, "{sql}");
    }
}

#[test]
fn copy_out_knows_its_columns_and_format() {
    let names = |print: &Footprint| -> Vec<String> {
        print.outputs.iter().flatten().map(|output| output.name.to_string()).collect()
    };
    let print = known("COPY customers TO STDOUT");
    assert_eq!(names(&print), ["id", "name", "ssn"], "a generated column is not copied");
    let source = print.outputs.as_ref().unwrap()[2].sources[0];
    assert_eq!(source, Source { column: ColumnKey { relation: RelationKey(1), number: 3 }, flow: Flow::Plain });
    assert_eq!(print.returned, RowBound::Unbounded);
    assert_eq!(names(&known("COPY customers (ssn, id) TO STDOUT")), ["ssn", "id"]);
    let missing = known("COPY customers (nope) TO STDOUT");
    assert!(missing.outputs.unwrap()[0].unknown);
    let query = known("COPY (SELECT ssn FROM customers) TO STDOUT");
    assert_eq!((query.verb, names(&query)), (Verb::CopyTo, vec!["ssn".to_owned()]));
    assert_eq!(query.returned, RowBound::Unbounded);

    let text = |delimiter, null: &str, header| CopyFormat::Text { delimiter, null: null.to_owned(), header };
    let csv = |delimiter, null: &str, quote, escape, header| CopyFormat::Csv {
        delimiter,
        null: null.to_owned(),
        quote,
        escape,
        header,
    };
    let table = [
        ("", text(b'\t', "\\N", false)),
        ("(DELIMITER '|', NULL 'x', HEADER)", text(b'|', "x", true)),
        ("WITH DELIMITER '|' NULL AS ''", text(b'|', "", false)),
        ("(FORMAT csv)", csv(b',', "", b'"', b'"', false)),
        ("(FORMAT csv, QUOTE '''', HEADER true)", csv(b',', "", b'\'', b'\'', true)),
        ("(FORMAT csv, ESCAPE '\\', FORCE_QUOTE *)", csv(b',', "", b'"', b'\\', false)),
        ("CSV HEADER DELIMITER ';' FORCE QUOTE id", csv(b';', "", b'"', b'"', true)),
        ("(FORMAT binary)", CopyFormat::Binary),
        ("BINARY", CopyFormat::Binary),
        ("(ENCODING 'UTF-8')", text(b'\t', "\\N", false)),
        ("(HEADER 0)", text(b'\t', "\\N", false)),
    ];
    for (options, format) in table {
        let print = known(&format!("COPY customers TO STDOUT {options}"));
        assert_eq!(print.transfer, Some(Transfer::CopyToClient { format }), "{options}");
        assert!(print.opaque.is_empty(), "{options}: {:?}", print.opaque);
    }
}

#[test]
fn copy_in_writes_the_columns_listed_or_all() {
    let targets = |sql: &str| -> Vec<i16> { known(sql).writes.iter().map(|write| write.target.number).collect() };
    assert_eq!(targets("COPY customers FROM STDIN"), [0]);
    assert_eq!(targets("COPY customers (id, ssn) FROM STDIN"), [1, 3]);
    assert_eq!(known("COPY customers FROM STDIN").transfer, Some(Transfer::FromClient));
    assert_eq!(known("COPY customers FROM '/x'").transfer, Some(Transfer::FromServer));
    assert_eq!(known("COPY customers TO PROGRAM 'x'").transfer, Some(Transfer::ToServer));
}

#[test]
fn settings_are_sorted_by_what_they_change() {
    let harmless = |name: &str| SessionEffect::Harmless { setting: Arc::from(name) };
    let reading = |name: &str| SessionEffect::ChangesReading { setting: Arc::from(name) };
    let claim =
        |name: &str, value: Option<&str>| SessionEffect::Claim { name: Arc::from(name), value: value.map(Arc::from) };
    let table = [
        ("SET statement_timeout = '5s'", harmless("statement_timeout")),
        ("SET \"Statement_Timeout\" = 5", harmless("statement_timeout")),
        ("SET TIME ZONE 'UTC'", harmless("timezone")),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", harmless("transaction")),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", harmless("transaction")),
        ("SET CONSTRAINTS ALL DEFERRED", harmless("constraints")),
        ("SET search_path = x, y", reading("search_path")),
        ("SET SCHEMA 'x'", reading("search_path")),
        ("SET LOCAL standard_conforming_strings = off", reading("standard_conforming_strings")),
        ("SET NAMES 'latin1'", reading("client_encoding")),
        ("RESET ALL", reading("all")),
        ("RESET search_path", reading("search_path")),
        ("SET ROLE bob", reading("role")),
        ("SET SESSION AUTHORIZATION DEFAULT", reading("session_authorization")),
        ("SET holdpoint.reason = 'refund check'", claim("reason", Some("refund check"))),
        ("SET \"Holdpoint\".Hold = 50", claim("hold", Some("50"))),
        ("SET LOCAL holdpoint.ticket TO 'A', 'B'", claim("ticket", Some("A, B"))),
        ("RESET holdpoint.reason", claim("reason", None)),
        ("SET holdpoint.reason TO DEFAULT", claim("reason", None)),
        ("SHOW holdpoint.approval", SessionEffect::ShowClaim { name: Arc::from("approval") }),
        ("SHOW holdpoint.\"apr_7K3QX2\"", SessionEffect::ShowClaim { name: Arc::from("apr_7K3QX2") }),
        ("DISCARD TEMP", reading("temporary")),
        ("DISCARD PLANS", harmless("plans")),
        ("CREATE TEMP TABLE t (a int)", reading("temporary")),
        ("CREATE TEMP VIEW t AS SELECT 1", reading("temporary")),
        ("CREATE TEMP TABLE t AS SELECT 1", reading("temporary")),
        ("CREATE TABLE pg_temp.t (a int)", reading("temporary")),
        ("PREPARE q AS SELECT 1", SessionEffect::Prepare { name: Arc::from("q") }),
        ("DEALLOCATE q", SessionEffect::Deallocate { name: Some(Arc::from("q")) }),
        ("DEALLOCATE ALL", SessionEffect::Deallocate { name: None }),
        ("DECLARE c CURSOR FOR SELECT 1", SessionEffect::Declare { name: Arc::from("c") }),
        ("CLOSE c", SessionEffect::CloseCursor { name: Some(Arc::from("c")) }),
        ("CLOSE ALL", SessionEffect::CloseCursor { name: None }),
        ("PREPARE TRANSACTION 'x'", SessionEffect::Transaction(TransactionVerb::TwoPhase)),
        ("ROLLBACK TO s", SessionEffect::Transaction(TransactionVerb::RollbackTo)),
        ("COMMIT AND CHAIN", SessionEffect::Transaction(TransactionVerb::Commit)),
    ];
    for (sql, effect) in table {
        let print = known(sql);
        assert_eq!(print.session, [effect], "{sql}");
        assert!(print.opaque.is_empty(), "{sql}: {:?}", print.opaque);
    }
}

#[test]
fn fetch_counts_bound_its_rows() {
    let table = [
        ("FETCH c", RowBound::AtMost(1)),
        ("FETCH 100 FROM c", RowBound::AtMost(100)),
        ("FETCH BACKWARD 7 FROM c", RowBound::AtMost(7)),
        ("FETCH ALL FROM c", RowBound::Unbounded),
        ("FETCH BACKWARD ALL FROM c", RowBound::Unbounded),
        ("FETCH ABSOLUTE 900 FROM c", RowBound::AtMost(1)),
        ("FETCH LAST FROM c", RowBound::AtMost(1)),
    ];
    for (sql, bound) in table {
        let print = known(sql);
        assert_eq!(print.returned, bound, "{sql}");
        assert!(print.outputs.unwrap()[0].unknown, "{sql}");
    }
}

#[test]
fn new_objects_carry_what_flows_into_them() {
    for (sql, kind) in [
        ("CREATE TABLE t AS SELECT ssn FROM customers", "table"),
        ("CREATE MATERIALIZED VIEW t AS SELECT ssn FROM customers", "materialized view"),
        ("CREATE OR REPLACE VIEW t AS SELECT ssn FROM customers", "view"),
    ] {
        let print = known(sql);
        assert_eq!((print.verb, print.object_kind.as_deref()), (Verb::Create, Some(kind)), "{sql}");
        assert_eq!(print.transfer, Some(Transfer::IntoNewObject), "{sql}");
        assert_eq!(print.outputs.as_ref().unwrap()[0].sources[0].column.number, 3, "{sql}");
        assert_eq!(relations(&print), [("public.t".to_owned(), Access::Define)], "{sql}");
        assert_eq!(print.returned, RowBound::None, "{sql}");
    }
}

#[test]
fn explain_shows_every_column_that_the_statement_reads() {
    let print = known("EXPLAIN (VERBOSE, FORMAT json) SELECT ssn FROM customers WHERE name = 'x'");
    let output = &print.outputs.as_ref().unwrap()[0];
    let shown: Vec<_> = output.sources.iter().map(|source| (source.column.number, source.flow)).collect();
    assert_eq!(shown, [(3, Flow::Derived), (2, Flow::Derived)]);
    assert!(!print.explainable);
    assert_eq!(known("EXPLAIN ANALYZE DELETE FROM customers").changed, RowBound::Unbounded);
    assert_eq!(known("EXPLAIN DELETE FROM customers").changed, RowBound::None);
}

#[test]
fn statements_that_check_rows_can_fail_on_any_of_them() {
    let probe = Probe { column: ColumnKey { relation: RelationKey(1), number: 0 }, position: Position::Fallible };
    for sql in [
        "CREATE UNIQUE INDEX ON customers (ssn)",
        "ALTER TABLE customers ALTER ssn TYPE int USING ssn::int",
        "ALTER TABLE customers ADD CONSTRAINT c CHECK (ssn > '5')",
        "ALTER TABLE customers ADD COLUMN x int DEFAULT 1",
    ] {
        assert_eq!(known(sql).probes, [probe], "{sql}");
    }
    assert!(known("ALTER TABLE customers DROP COLUMN ssn").probes.is_empty());
}

#[test]
fn a_relation_that_the_catalog_lacks_is_reported() {
    assert!(known("ALTER TABLE nowhere ADD x int").unresolved);
    assert!(known("COPY nowhere FROM STDIN").unresolved);
    assert!(!known("CREATE TABLE nowhere (a int)").unresolved);
}

#[test]
fn only_listed_settings_pass_as_harmless() {
    for name in ["jit", "JIT", "statement_timeout", "application_name"] {
        assert!(harmless_setting(name), "{name}");
    }
    for name in ["search_path", "role", "row_security", "holdpoint.reason", "debug_print_plan", "", "my.setting"] {
        assert!(!harmless_setting(name), "{name}");
    }
}
