//! Statements in, footprints out: tables of data in `tests/statements`, and what no text may do to the reader.

mod catalog;
mod lowering;
mod mysql;
mod mysql_catalog;
mod vouched;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use crate::catalog::{Catalog, ColumnKey};
use crate::statement::footprint::{Flow, Footprint, Position, RowBound, Verb};
use crate::statement::read::{Batch, Known, read};
use crate::statement::scope::{Dialect, Scope};

fn serde_name<T: serde::Serialize>(value: T) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

fn path(catalog: &Catalog, key: ColumnKey) -> String {
    let full = catalog.column_path(key).unwrap();
    full.trim_start_matches("shop.public.").trim_start_matches("shop.evasion.").trim_start_matches("shop.").to_owned()
}

/// What a footprint says, in the words the tables use.
fn facts(catalog: &Catalog, footprint: &Footprint) -> Vec<String> {
    let mut facts = Vec::new();
    for output in footprint.outputs.iter().flatten() {
        let mut line = format!("out {}:", output.name);
        let mut sources: Vec<String> = output
            .sources
            .iter()
            .map(|source| match source.flow {
                Flow::Plain => path(catalog, source.column),
                flow => format!("{}({})", serde_name(flow), path(catalog, source.column)),
            })
            .collect();
        sources.sort();
        if output.unknown {
            sources.push("unknown".to_owned());
        }
        for source in sources {
            write!(line, " {source}").unwrap();
        }
        facts.push(line);
    }
    for probe in &footprint.probes {
        facts.push(format!("{} {}", serde_name(probe.position), path(catalog, probe.column)));
    }
    for write in &footprint.writes {
        let mut line = format!("write {}:", path(catalog, write.target));
        for source in &write.sources {
            match source.flow {
                Flow::Plain => write!(line, " {}", path(catalog, source.column)).unwrap(),
                flow => write!(line, " {}({})", serde_name(flow), path(catalog, source.column)).unwrap(),
            }
        }
        if write.unknown {
            line.push_str(" unknown");
        }
        facts.push(line);
    }
    facts.extend(footprint.facets.iter().map(|facet| format!("facet {}", serde_name(facet))));
    for (what, bound) in [("rows", footprint.returned), ("changes", footprint.changed)] {
        facts.push(match bound {
            RowBound::None => format!("{what} none"),
            RowBound::AtMost(rows) => format!("{what} {rows}"),
            RowBound::Unbounded => format!("{what} unbounded"),
        });
    }
    facts.push(if footprint.opaque.is_empty() { "clear" } else { "opaque" }.to_owned());
    facts.push(format!("verb {}", serde_name(footprint.verb)));
    facts
}

/// Is this column's way to the client known, or is the statement one that nobody lets through unseen?
fn is_guarded(catalog: &Catalog, footprint: &Footprint, column: &str) -> bool {
    let (relation, name) = column.split_once('.').unwrap();
    let of = |schema| catalog.relation_named(schema, relation);
    let relation = of("public").or_else(|| of(mysql_catalog::DATABASE)).unwrap();
    let key = ColumnKey { relation: relation.key, number: relation.column_named(name).unwrap().number };
    let row = ColumnKey { number: 0, ..key };
    let named = |sources: &[crate::statement::footprint::Source]| {
        sources.iter().any(|source| (source.column == key || source.column == row) && source.flow != Flow::Counted)
    };
    !footprint.opaque.is_empty()
        || footprint.outputs.iter().flatten().any(|output| output.unknown || named(&output.sources))
        || footprint.probes.iter().any(|probe| probe.column == key || probe.column == row)
        || footprint.writes.iter().any(|write| write.unknown || named(&write.sources))
}

/// Runs one table. A block is a statement, then `=>` with facts that must hold, `!` before those that must not.
fn check(table: &str) -> usize {
    let catalog = catalog::shop();
    let mut failures = String::new();
    let mut count = 0;
    for block in table.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let lines: Vec<&str> = block.lines().filter(|line| !line.starts_with('#')).collect();
        let (expected, sql): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.starts_with("=>"));
        if sql.is_empty() {
            continue;
        }
        count += 1;
        let sql = sql.join("\n");
        let batch = read(&sql, &Scope::default(), &catalog, &Known::default());
        let footprint = &batch.statements.last().unwrap().footprint;
        let found = facts(&catalog, footprint);
        for fact in expected.iter().flat_map(|line| line.trim_start_matches("=>").split(';')).map(str::trim) {
            let holds = match fact.split_once(' ') {
                Some(("guards", column)) => is_guarded(&catalog, footprint, column),
                _ => match fact.strip_prefix('!') {
                    Some(absent) => !found.iter().any(|known| known == absent),
                    None => found.iter().any(|known| known == fact),
                },
            };
            if !holds {
                writeln!(
                    failures,
                    "{sql}\n   wanted: {fact}\n   found:  {}\n   opaque: {:?}\n",
                    found.join("; "),
                    footprint.opaque
                )
                .unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
    count
}

/// Everyday statements: every one is understood, and none makes a classified column fallible unless it says so.
fn check_ordinary(table: &str, classified: &[&str]) -> usize {
    let catalog = catalog::shop();
    let mut failures = String::new();
    let mut count = 0;
    for block in table.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let lines: Vec<&str> = block.lines().filter(|line| !line.starts_with('#')).collect();
        let (expected, sql): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.starts_with("=>"));
        if sql.is_empty() {
            continue;
        }
        let wanted: Vec<&str> =
            expected.iter().flat_map(|line| line.trim_start_matches("=>").split(';')).map(str::trim).collect();
        for statement in read(&sql.join("\n"), &Scope::default(), &catalog, &Known::default()).statements {
            count += 1;
            let found = facts(&catalog, &statement.footprint);
            let fallible = |column: &&&str| {
                let fact = format!("fallible {column}");
                found.contains(&fact) && !wanted.contains(&fact.as_str())
            };
            let fallible: Vec<&&str> = classified.iter().filter(fallible).collect();
            let holds = |fact: &str| match fact.strip_prefix('!') {
                Some(absent) => !found.iter().any(|known| known == absent),
                None => found.iter().any(|known| known == fact),
            };
            let missing: Vec<&&str> = wanted.iter().filter(|fact| !holds(fact)).collect();
            let inner = statement.prepared.iter().chain(&statement.declared).flat_map(|(_, inner)| inner.opaque.iter());
            let opaque: Vec<_> = statement.footprint.opaque.iter().chain(inner).collect();
            if !opaque.is_empty() || !fallible.is_empty() || !missing.is_empty() {
                let text = &statement.text;
                writeln!(failures, "{text}\n   opaque: {opaque:?}\n   fallible: {fallible:?}").unwrap();
                writeln!(failures, "   missing: {missing:?}\n   found: {}\n", found.join("; ")).unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
    count
}

fn one(sql: &str) -> Arc<Footprint> {
    let batch = read(sql, &Scope::default(), &catalog::shop(), &Known::default());
    batch.statements.last().unwrap().footprint.clone()
}

fn read_default(sql: &str) -> Batch {
    read(sql, &Scope::default(), &catalog::shop(), &Known::default())
}

#[test]
fn queries_are_followed() {
    assert!(check(include_str!("../../tests/statements/queries.txt")) > 60);
}

#[test]
fn changes_of_rows_are_followed() {
    assert!(check(include_str!("../../tests/statements/changes.txt")) > 20);
}

#[test]
fn attacks_are_guarded() {
    assert!(check(include_str!("../../tests/statements/attacks.txt")) > 100);
}

#[test]
fn random_queries_are_followed_as_the_server_does() {
    assert!(check(include_str!("../../tests/statements/random.txt")) > 100);
}

#[test]
fn row_bounds_come_from_text_and_keys() {
    assert!(check(include_str!("../../tests/statements/bounds.txt")) > 20);
}

#[test]
fn ordinary_work_is_understood() {
    let classified = [
        "customers.email",
        "customers.ssn",
        "customers.card_number",
        "customers.dob",
        "customers.balance",
        "employees.salary",
        "employees.bank_account",
        "payments.card_number",
        "payments.amount",
        "secrets.api_key",
    ];
    assert!(check_ordinary(include_str!("../../tests/statements/ordinary.txt"), &classified) > 80);
    assert!(check_ordinary(include_str!("../../tests/statements/introspection.txt"), &classified) > 60);
}

#[test]
fn text_that_cannot_be_read_is_one_opaque_statement() {
    for text in ["select from where", "select 'x", "\0", "select 1; selec", "select $$", "/* open", "\u{0}select 1"] {
        let batch = read_default(text);
        assert_eq!(batch.statements.len(), 1, "{text:?}");
        let footprint = &batch.statements[0].footprint;
        assert_eq!(footprint.verb, Verb::Unreadable, "{text:?}");
        assert!(!footprint.opaque.is_empty());
    }
}

#[test]
fn text_of_comments_only_is_empty() {
    for text in ["", " ", "-- nothing\n", "/* nothing */", ";", " ; ; "] {
        let batch = read_default(text);
        assert_eq!(batch.statements.len(), 1, "{text:?}");
        assert_eq!(batch.statements[0].footprint.verb, Verb::Empty, "{text:?}");
    }
}

#[test]
fn statements_of_a_batch_keep_their_bytes() {
    let batch = read_default("select 'ä' ; -- between\n select ssn from customers;select 3");
    let texts: Vec<&str> = batch.statements.iter().map(|statement| &*statement.text).collect();
    assert_eq!(texts.len(), 3);
    assert!(texts[0].contains("'ä'") && !texts[0].contains("between"), "{texts:?}");
    assert!(texts[1].trim_end().ends_with("from customers"), "{texts:?}");
    assert_eq!(texts[2], "select 3");
}

#[test]
fn backslashes_are_read_as_the_session_reads_them() {
    let text = r"select 'a\', ssn from customers --' from departments";
    let standard = one(text);
    assert!(is_guarded(&catalog::shop(), &standard, "customers.ssn"));
    assert_eq!(standard.outputs.as_ref().map(Vec::len), Some(2));
    let scope = Scope { dialect: Dialect::Postgres { standard_conforming_strings: false }, ..Scope::default() };
    let batch = read(text, &scope, &catalog::shop(), &Known::default());
    let relations = &batch.statements[0].footprint.relations;
    assert_eq!(relations.iter().map(|one| &*one.name).collect::<Vec<_>>(), ["public.departments"]);
}

#[test]
fn temporary_relations_and_foreign_encodings_are_opaque() {
    let shadowed = Scope { temporary: vec![Arc::from("departments")], ..Scope::default() };
    let footprint = |sql: &str, scope: &Scope| {
        read(sql, scope, &catalog::shop(), &Known::default()).statements[0].footprint.clone()
    };
    assert!(!footprint("select * from departments", &shadowed).opaque.is_empty());
    assert!(footprint("select * from public.departments", &shadowed).opaque.is_empty());
    assert!(
        footprint("select id from v_orders", &Scope { temporary: vec![Arc::from("orders")], ..Scope::default() })
            .opaque
            .is_empty()
    );
    let latin = Scope { utf8: false, ..Scope::default() };
    assert!(!footprint("select 1", &latin).opaque.is_empty());
    let unusual = Scope { search_path: vec![Arc::from("public"), Arc::from("pg_catalog")], ..Scope::default() };
    assert!(!footprint("select 1", &unusual).opaque.is_empty());
    let with_temp =
        Scope { search_path: ["pg_temp_3", "pg_catalog", "public"].map(Arc::from).to_vec(), ..Scope::default() };
    assert!(footprint("select name from departments", &with_temp).opaque.is_empty());
}

#[test]
fn temporary_types_are_found_before_all_others() {
    let footprint = |sql: &str, temporary: &str| {
        let scope = Scope { temporary: vec![Arc::from(temporary)], ..Scope::default() };
        read(sql, &scope, &catalog::shop(), &Known::default()).statements[0].footprint.clone()
    };
    let table = [
        ("select ssn::text from customers", "text"),
        ("select 'a'::mood", "mood"),
        ("select '{a}'::mood[]", "mood"),
        ("select text(id) from orders", "text"),
        ("select bool(id) from orders", "bool"),
        ("select * from json_to_recordset('[]') as t(a text)", "text"),
        ("select cast(id as date) from orders", "date"),
    ];
    for (sql, name) in table {
        assert!(!footprint(sql, name).opaque.is_empty(), "{sql}");
        assert!(footprint(sql, "other").opaque.is_empty(), "{sql}");
    }
}

#[test]
fn function_bodies_are_read_as_the_session_reads_them() {
    let catalog = catalog::shop();
    let scope = Scope { dialect: Dialect::Postgres { standard_conforming_strings: false }, ..Scope::default() };
    let footprint =
        |scope: &Scope, sql: &str| read(sql, scope, &catalog, &Known::default()).statements[0].footprint.clone();
    assert!(!footprint(&scope, "select sum_of(1)").opaque.is_empty());
    assert!(footprint(&scope, "select notes(1)").opaque.is_empty());
    assert!(is_guarded(&catalog, &footprint(&Scope::default(), "select sum_of(1)"), "customers.ssn"));
}

#[test]
fn execute_inside_other_statements_is_what_was_prepared() {
    let catalog = catalog::shop();
    let sql = "prepare q as select ssn from customers; explain execute q; create table x as execute q; execute q";
    let batch = read(sql, &Scope::default(), &catalog, &Known::default());
    for statement in &batch.statements[1..3] {
        assert!(statement.depends_on_session && statement.footprint.opaque.is_empty(), "{}", statement.text);
        assert!(is_guarded(&catalog, &statement.footprint, "customers.ssn"), "{}", statement.text);
    }
    assert!(batch.statements[2].footprint.transfer.is_some());
    assert!(!read_default("explain execute q").statements[0].footprint.opaque.is_empty());
}

#[test]
fn names_resolve_along_the_search_path() {
    let scope = Scope { search_path: ["pg_catalog", "crm", "public"].map(Arc::from).to_vec(), ..Scope::default() };
    let sql = "select phone from leads";
    let batch = read(sql, &scope, &catalog::shop(), &Known::default());
    assert!(batch.statements[0].footprint.opaque.is_empty());
    assert!(one(sql).unresolved);
    // `crm.upper` overloads a built-in function for whoever has `crm` on the path.
    let overloaded = read("select upper('x')", &scope, &catalog::shop(), &Known::default());
    assert!(!overloaded.statements[0].footprint.opaque.is_empty());
}

#[test]
fn prepared_statements_and_cursors_carry_their_footprints() {
    let catalog = catalog::shop();
    let mut known = Known::default();
    let mut run = |sql: &str| {
        let batch = read(sql, &Scope::default(), &catalog, &known);
        let statement = batch.statements.last().unwrap().clone();
        known.prepared.extend(statement.prepared.clone());
        known.cursors.extend(statement.declared.clone());
        statement
    };
    let prepare = run("prepare q(int) as select ssn from only customers where id = $1");
    assert_eq!(prepare.footprint.verb, Verb::Prepare);
    assert!(prepare.footprint.outputs.is_none() && prepare.footprint.opaque.is_empty());
    let execute = run("execute q(1)").footprint;
    assert_eq!(execute.verb, Verb::Execute);
    assert!(is_guarded(&catalog, &execute, "customers.ssn"));
    assert_eq!(execute.returned, RowBound::AtMost(1));
    assert!(!run("execute q(f_ssn(1)::int)").footprint.opaque.is_empty());
    assert!(!run("execute nobody").footprint.opaque.is_empty());

    let declare = run("declare c cursor for select id, ssn||'' from only customers");
    assert_eq!(declare.footprint.verb, Verb::Declare);
    assert!(declare.inner.unwrap().to_lowercase().starts_with("select"));
    let fetch = run("fetch 5 from c").footprint;
    assert_eq!(fetch.returned, RowBound::AtMost(5));
    assert!(is_guarded(&catalog, &fetch, "customers.ssn"));
    assert_eq!(run("fetch all c").footprint.returned, RowBound::Unbounded);
    assert_eq!(run("fetch next from c").footprint.returned, RowBound::AtMost(1));
    assert!(run("move 3 from c").footprint.outputs.is_none());
    assert!(!run("fetch all from xcur").footprint.opaque.is_empty());
    let batch = read(
        "begin; declare k cursor for select bank_account from employees; fetch 2 from k",
        &Scope::default(),
        &catalog,
        &known,
    );
    assert!(is_guarded(&catalog, &batch.statements[2].footprint, "employees.bank_account"));
}

#[test]
fn statements_behind_a_change_of_names_are_opaque() {
    let last_is_opaque = |sql: &str| !one(sql).opaque.is_empty();
    for before in [
        "create or replace view v_orders as select id, ssn as status from customers",
        "set search_path = crm",
        "select f_two()",
        "do $$ begin end $$",
        "rollback",
        "create temp table orders (id int)",
        "alter table orders rename to o2",
    ] {
        assert!(last_is_opaque(&format!("{before}; select status from v_orders")), "{before}");
    }
    for before in
        ["begin", "select 1", "insert into scratch values ('a', 'b')", "savepoint x", "set statement_timeout = 5"]
    {
        assert!(!last_is_opaque(&format!("{before}; select status from v_orders")), "{before}");
    }
    assert!(!last_is_opaque("create table x (a int); commit"));
}

#[test]
fn row_shaping_positions_do_not_taint_clean_outputs() {
    let footprint = one("select name from employees where salary > 5");
    let output = &footprint.outputs.as_ref().unwrap()[0];
    assert_eq!(output.sources.len(), 1);
    assert!(footprint.probes.iter().any(|probe| probe.position == Position::Predicate));
}

/// Runs a hostile text on a stack as small as a runtime's worker has.
fn survives(text: String) {
    let started = Instant::now();
    let small = std::thread::Builder::new().stack_size(2 << 20);
    let batch = small.spawn(move || read_default(&text)).unwrap().join().unwrap();
    assert!(!batch.statements.is_empty());
    assert!(started.elapsed().as_secs() < 20, "took {:?}", started.elapsed());
}

#[test]
fn deep_and_long_texts_neither_crash_nor_stall() {
    survives(format!("select {}1{}", "(".repeat(10_000), ")".repeat(10_000)));
    survives(format!("select 1 from departments where id = 1{}", " or id = 2".repeat(10_000)));
    survives(format!("select 1{}", " union select 1".repeat(5_000)));
    survives(format!("select id from departments where id in (1{})", ", 1".repeat(100_000)));
    survives(format!("select {}1", "- ".repeat(50_000)));
    survives(format!("select 1{}", "+1".repeat(100_000)));
    survives(format!("select 1{}", "::text".repeat(50_000)));
    survives(format!("select {} true", "not ".repeat(100_000)));
    survives(format!("select a{}", "[1]".repeat(100_000)));
    survives(format!("select {}1{}", "f(".repeat(9_000), ")".repeat(9_000)));
    survives(format!("select {}1{}", "(select ".repeat(9_000), ")".repeat(9_000)));
    survives(format!("select * from departments{}", " natural join departments".repeat(10_000)));
    survives(format!("select {}1 end", "case when true then ".repeat(10_000)));
    survives(format!("insert into scratch values ('a', 'b'){}", ", ('a', 'b')".repeat(60_000)));
    survives("select 1;".repeat(100_000));
    survives("x".repeat((1 << 20) + 1));
}

#[test]
fn names_that_multiply_are_given_up_in_time() {
    let mut text =
        String::from("with recursive a0 as (select id, name from departments union all select id, name from a0)");
    for level in 1..40 {
        let before = level - 1;
        write!(
            text,
            ", a{level} as (select x.id, x.name from a{before} x, a{before} y union all select id, name from a{level})"
        )
        .unwrap();
    }
    survives(format!("{text} select * from a39"));
    let mut nested = String::from("select name from departments");
    for level in 0..12 {
        nested = format!(
            "with recursive r{level} as ({nested} union all select name from r{level}) select name from r{level}"
        );
    }
    survives(nested);
    survives(format!("select {} from customers", vec!["*"; 100_000].join(", ")));
    survives(format!("select {} from customers c", vec!["c"; 100_000].join(", ")));
    survives(format!(
        "select 1 from {}",
        (0..50_000).map(|i| format!("customers a{i}")).collect::<Vec<_>>().join(", ")
    ));
}
