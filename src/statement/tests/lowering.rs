//! MySQL's queries and changes: tables of data in `tests/statements/mysql`, and what lowering must never lose.

use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;

use super::{facts, is_guarded, mysql_catalog};
use crate::catalog::{Catalog, ColumnKey};
use crate::statement::footprint::{Flow, Footprint, SessionEffect, Source, Verb};
use crate::statement::lineage;
use crate::statement::mysql::lower;
use crate::statement::read::{self, Known};
use crate::statement::scope::{Dialect, Flavour, MySqlReading, Scope};
use crate::statement::variable::Variables;

pub(super) const READING: MySqlReading = MySqlReading::plain(Flavour::MySql, 80_403);

pub(super) fn scope(reading: MySqlReading) -> Scope {
    Scope {
        dialect: Dialect::MySql(reading),
        search_path: vec![Arc::from(mysql_catalog::DATABASE)],
        ..Scope::default()
    }
}

/// What the lowering makes of a text that sqlparser reads itself. What it cannot read is opaque.
fn footprint(sql: &str, catalog: &Catalog, scope: &Scope, variables: &Variables) -> Footprint {
    let Dialect::MySql(reading) = scope.dialect else { panic!("not MySQL") };
    let parsed = Parser::parse_sql(&MySqlDialect {}, sql).ok().filter(|parsed| parsed.len() == 1);
    match parsed.and_then(|parsed| lower::statement(&parsed[0], &reading)) {
        Some(dml) => lineage::analyse_with(&dml, catalog, scope, variables),
        None => {
            let mut footprint = lineage::blank(Verb::Unreadable);
            footprint.opaque.push(crate::statement::footprint::Opaque { what: "syntax".into(), why: "".into() });
            footprint
        }
    }
}

fn one(sql: &str) -> Footprint {
    footprint(sql, &mysql_catalog::shop(), &scope(READING), &Variables::default())
}

/// A text's footprint against another catalog.
pub(super) fn footprint_in(sql: &str, catalog: &Catalog) -> Footprint {
    footprint(sql, catalog, &scope(READING), &Variables::default())
}

/// What a footprint says of variables, beside the facts that every dialect has.
pub(super) fn sets(catalog: &Catalog, footprint: &Footprint) -> Vec<String> {
    let mut found = Vec::new();
    for effect in &footprint.session {
        let SessionEffect::SetsVariable { name, sources, unknown } = effect else { continue };
        let mut line = format!("sets {name}:");
        for source in sources {
            let path = super::path(catalog, source.column);
            match source.flow {
                Flow::Plain => write!(line, " {path}").unwrap(),
                flow => write!(line, " {}({path})", super::serde_name(flow)).unwrap(),
            }
        }
        if *unknown {
            line.push_str(" unknown");
        }
        found.push(line);
    }
    found
}

fn check(table: &str) -> usize {
    let catalog = mysql_catalog::shop();
    let mut failures = String::new();
    let mut count = 0;
    for block in table.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let lines: Vec<&str> = block.lines().filter(|line| !line.starts_with('#')).collect();
        let (expected, sql): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.starts_with("=>"));
        if sql.is_empty() {
            continue;
        }
        assert!(!expected.is_empty(), "nothing is expected of {sql:?}");
        count += 1;
        let sql = sql.join("\n");
        let footprint = footprint(&sql, &catalog, &scope(READING), &Variables::default());
        let mut found = facts(&catalog, &footprint);
        found.extend(sets(&catalog, &footprint));
        for fact in expected.iter().flat_map(|line| line.trim_start_matches("=>").split(';')).map(str::trim) {
            let holds = match (fact.split_once(' '), fact.strip_prefix('!')) {
                (Some(("guards", column)), _) => is_guarded(&catalog, &footprint, column),
                (_, Some(absent)) => !found.iter().any(|known| known == absent),
                _ => found.iter().any(|known| known == fact),
            };
            if !holds {
                writeln!(failures, "{sql}\n   wanted: {fact}\n   found:  {}", found.join("; ")).unwrap();
                writeln!(failures, "   opaque: {:?}\n", footprint.opaque).unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
    count
}

#[test]
fn queries_are_followed() {
    assert!(check(include_str!("../../../tests/statements/mysql/queries.txt")) > 80);
}

#[test]
fn changes_of_rows_are_followed() {
    assert!(check(include_str!("../../../tests/statements/mysql/changes.txt")) > 35);
}

#[test]
fn row_bounds_come_from_text_and_keys() {
    assert!(check(include_str!("../../../tests/statements/mysql/bounds.txt")) > 40);
}

#[test]
fn attacks_are_guarded() {
    assert!(check(include_str!("../../../tests/statements/mysql/lineage_attacks.txt")) > 100);
}

#[test]
fn variables_carry_what_was_kept_in_them() {
    let catalog = mysql_catalog::shop();
    let customers = catalog.relation_named("evasion", "customers").unwrap();
    let column = ColumnKey { relation: customers.key, number: 4 };
    let mut variables = Variables::default();
    variables.add(&Arc::from("dirty"), &[Source { column, flow: Flow::Plain }], false);
    variables.add(&Arc::from("unknown"), &[], true);
    variables.add(&Arc::from("clean"), &[], false);
    let read = |sql: &str| footprint(sql, &catalog, &scope(READING), &variables);
    assert!(is_guarded(&catalog, &read("select @DIRTY"), "customers.ssn"));
    assert!(is_guarded(&catalog, &read("select id from departments where name = @dirty"), "customers.ssn"));
    assert!(is_guarded(&catalog, &read("insert into scratch values ('k', concat(@dirty, 'x'))"), "customers.ssn"));
    assert!(is_guarded(&catalog, &read("select @clean := @dirty"), "customers.ssn"));
    assert!(read("select @unknown as u").outputs.unwrap()[0].unknown);
    let clean = read("select @clean as c, @never as n");
    assert!(clean.outputs.unwrap().iter().all(|output| output.sources.is_empty() && !output.unknown));
    // What was in it may be read before it is set.
    assert!(is_guarded(&catalog, &read("select @dirty, @dirty := 1"), "customers.ssn"));
}

#[test]
fn temporary_tables_hide_whatever_has_their_name() {
    let hidden = Scope { temporary: vec![Arc::from("Departments")], ..scope(READING) };
    let opaque = |sql: &str| !footprint(sql, &mysql_catalog::shop(), &hidden, &Variables::default()).opaque.is_empty();
    assert!(opaque("select name from departments"));
    assert!(opaque("select name from evasion.departments"));
    assert!(opaque("update departments set name = 'x'"));
    assert!(!opaque("select id from orders"));
    let hidden = Scope { temporary: vec![Arc::from("customers")], ..scope(READING) };
    let through_view =
        footprint("select name from v_customers", &mysql_catalog::shop(), &hidden, &Variables::default());
    assert!(through_view.opaque.is_empty(), "{:?}", through_view.opaque);
}

#[test]
fn names_of_tables_are_compared_as_the_server_compares_them() {
    let catalog = mysql_catalog::shop();
    let clear = |sql: &str, lower_case_table_names: u8| {
        let reading = MySqlReading { lower_case_table_names, ..READING };
        footprint(sql, &catalog, &scope(reading), &Variables::default()).opaque.is_empty()
    };
    for (sql, exact) in [
        ("select id from Departments", false),
        ("select D.id from departments d", false),
        ("with W as (select 1 as a) select a from w", false),
        ("select ID from People", true),
        ("select departments.ID from departments", true),
        ("select People.Id from People", true),
        ("select evasion.People.Id from evasion.People", true),
        ("select people.Id from People", false),
        ("select evasion.people.id from EVASION.People", false),
    ] {
        assert_eq!(clear(sql, 0), exact, "{sql}");
        assert!(clear(sql, 1), "{sql}");
        assert!(clear(sql, 2), "{sql}");
    }
    assert!(clear("select People.Id from People People", 0));
}

#[test]
fn pipes_are_what_the_session_says() {
    let catalog = mysql_catalog::shop();
    let pipes = MySqlReading { pipes_as_concat: true, ..READING };
    let read = |sql: &str| footprint(sql, &catalog, &scope(pipes), &Variables::default());
    let joined = read("select id from customers where email = 'a' || 'b'");
    let found = facts(&catalog, &joined);
    // They bind tighter than `=`, so that this is grouped as sqlparser groups it.
    assert!(found.contains(&"predicate customers.email".to_owned()), "{found:?}");
    // Looser than a sign, tighter than all else: here the text is what is added to.
    let sum = facts(&catalog, &read("select 1 + '' || ssn as a from customers"));
    assert!(sum.contains(&"fallible customers.ssn".to_owned()), "{sum:?}");
    let plain = facts(&catalog, &read("select ssn || 'x' as a from customers"));
    assert!(!plain.contains(&"fallible customers.ssn".to_owned()), "{plain:?}");
}

#[test]
fn table_alone_is_a_query() {
    let catalog = mysql_catalog::shop();
    for sql in ["table customers", "(table customers)", "select 1 union all table customers", "table customers limit 3"]
    {
        let batch = read::read(sql, &scope(READING), &catalog, &Known::default());
        let footprint = &batch.statements[0].footprint;
        assert!(is_guarded(&catalog, footprint, "customers.ssn"), "{sql}");
        // A set operation whose sides differ in number stays opaque.
        assert_eq!(footprint.opaque.is_empty(), !sql.contains("union"), "{sql}: {:?}", footprint.opaque);
    }
    let batch = read::read("insert into scratch table departments", &scope(READING), &catalog, &Known::default());
    assert!(batch.statements[0].footprint.opaque.is_empty());
}

#[test]
fn no_database_is_chosen() {
    let nowhere = Scope { search_path: Vec::new(), ..scope(READING) };
    let read = |sql: &str| footprint(sql, &mysql_catalog::shop(), &nowhere, &Variables::default());
    assert!(read("select id from orders").unresolved);
    assert!(read("select id from evasion.orders").opaque.is_empty());
    let inside = Scope { search_path: vec![Arc::from("information_schema")], ..scope(READING) };
    let read = |sql: &str| footprint(sql, &mysql_catalog::shop(), &inside, &Variables::default());
    assert!(read("select table_name from tables").opaque.is_empty());
    assert!(!read("select info from processlist").opaque.is_empty());
}

#[test]
fn mariadb_names_columns_of_values_by_their_text() {
    let maria = MySqlReading { flavour: Flavour::MariaDb, ..READING };
    let catalog = mysql_catalog::shop();
    let read = |sql: &str| footprint(sql, &catalog, &scope(maria), &Variables::default());
    assert!(read("values (1, 'a')").opaque.is_empty());
    assert!(is_guarded(&catalog, &read("select nvl(ssn, 'x') from customers"), "customers.ssn"));
    assert!(read("select nvl(ssn, 'x') from customers").opaque.is_empty());
    assert!(!one("select nvl(ssn, 'x') from customers").opaque.is_empty());
}

#[test]
fn deep_and_long_trees_neither_crash_nor_stall() {
    let survives = |text: String| {
        let started = std::time::Instant::now();
        let small = std::thread::Builder::new().stack_size(2 << 20);
        small.spawn(move || one(&text)).unwrap().join().unwrap();
        assert!(started.elapsed().as_secs() < 20, "took {:?}", started.elapsed());
    };
    survives(format!("select {}1{}", "(".repeat(2_000), ")".repeat(2_000)));
    survives(format!("select 1 from departments where id = 1{}", " or id = 2".repeat(3_000)));
    survives(format!("select 1{}", "+1".repeat(1_000)));
    survives(format!("select id from departments where id in (1{})", ", 1".repeat(100_000)));
    survives(format!("select * from departments{}", " natural join departments".repeat(1_000)));
    survives(format!("select 1 from {}", (0..5_000).map(|i| format!("orders a{i}")).collect::<Vec<_>>().join(", ")));
    survives(format!("select {}1 end", "case when true then ".repeat(100)));
    survives(format!("insert into scratch values ('a', 'b'){}", ", ('a', 'b')".repeat(30_000)));
}

/// Total expressions over `{}`, which stands for a value.
const TOTAL: [&str; 20] = [
    "upper({})",
    "concat('x', {}, 'y')",
    "concat_ws('-', 'a', {})",
    "({})",
    "if(1 = 1, {}, 'z')",
    "case when id = 3 then {} else name end",
    "coalesce(null, {})",
    "ifnull({}, 'n')",
    "replace({}, 'a', 'b')",
    "substr({}, 2)",
    "reverse(trim({}))",
    "hex({})",
    "cast({} as char)",
    "convert({} using utf8mb4)",
    "{} collate utf8mb4_bin",
    "json_array(1, {})",
    "json_object('k', {})",
    "(select {})",
    "(select max(q.v) from (select {} as v) q)",
    "greatest({}, 'a')",
];

/// Queries over an output `x` of `{}`.
const WRAPPINGS: [&str; 9] = [
    "select x from ({}) t",
    "select t.* from ({}) t",
    "with w as ({}) select x from w",
    "with w (x) as ({}) select * from w",
    "select x from departments d cross join ({}) t",
    "select x from ({}) t union all select name from departments",
    "select name as x from departments union ({})",
    "select (select x from ({}) t limit 1) as x",
    "select group_concat(x) as x from ({}) t",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// However a classified value is wrapped in expressions that never fail, it stays a source of the output.
    #[test]
    fn wrapping_a_value_never_loses_its_source(
        inner in prop::collection::vec(0..TOTAL.len(), 0..5),
        outer in prop::collection::vec(0..WRAPPINGS.len(), 0..4),
    ) {
        let mut value = "ssn".to_owned();
        for index in inner {
            // `collate` binds tighter than what may stand inside.
            value = TOTAL[index].replace("{}", &format!("({value})"));
        }
        let mut query = format!("select {value} as x from customers");
        for index in outer {
            query = WRAPPINGS[index].replace("{}", &query);
        }
        let catalog = mysql_catalog::shop();
        let footprint = footprint(&query, &catalog, &scope(READING), &Variables::default());
        prop_assert!(is_guarded(&catalog, &footprint, "customers.ssn"), "{query}");
        if footprint.opaque.is_empty() {
            let outputs = footprint.outputs.unwrap();
            prop_assert!(outputs.iter().any(|output| !output.sources.is_empty()), "{query}");
        }
    }
}
