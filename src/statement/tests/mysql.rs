//! MySQL's text through the whole reader: tables of data in `tests/statements/mysql`, and what no text may do to it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;

use super::lowering::{READING, scope, sets};
use super::{facts, is_guarded, mysql_catalog, serde_name};
use crate::statement::footprint::{Footprint, SessionEffect, Transfer, Verb};
use crate::statement::read::{Batch, Known, Statement, read};
use crate::statement::scope::{Flavour, MySqlReading, Scope};

const MARIADB: MySqlReading = MySqlReading { flavour: Flavour::MariaDb, version: 101_119, ..READING };

/// What the lowering alone must refuse, and the whole reader understands: FULL is a name, INTO is taken out.
const READ_FURTHER: [&str; 2] = ["select * from departments full join customers", "select ssn into @v from customers"];

fn read_as(sql: &str, reading: MySqlReading, known: &Known) -> Batch {
    read(sql, &scope(reading), &mysql_catalog::shop(), known)
}

fn last(sql: &str, reading: MySqlReading) -> Statement {
    read_as(sql, reading, &Known::default()).statements.last().unwrap().clone()
}

/// The modes that a block's lines `% …` name.
fn reading(words: &str) -> MySqlReading {
    let mut reading = READING;
    for word in words.split_whitespace() {
        match word {
            "mariadb" => reading = MARIADB,
            "ansi" => reading.ansi_quotes = true,
            "no_backslash" => reading.no_backslash_escapes = true,
            "pipes" => reading.pipes_as_concat = true,
            "ignore_space" => reading.ignore_space = true,
            "high_not" => reading.high_not_precedence = true,
            "foreign" => reading.foreign_mode = true,
            "folded" => reading.lower_case_table_names = 1,
            other => panic!("no such mode: {other}"),
        }
    }
    reading
}

/// What is said of a session, a file, an object.
fn more_facts(footprint: &Footprint) -> Vec<String> {
    let mut found: Vec<String> = footprint.object_kind.iter().map(|kind| format!("kind {kind}")).collect();
    found.extend(footprint.session.iter().map(|effect| match effect {
        SessionEffect::Harmless { setting } => format!("harmless {setting}"),
        SessionEffect::ChangesReading { setting } => format!("reading {setting}"),
        SessionEffect::Claim { name, value } => format!("claim {name} {}", value.as_deref().unwrap_or("-")),
        SessionEffect::ShowClaim { name } => format!("shows {name}"),
        SessionEffect::Transaction(verb) => format!("transaction {}", serde_name(*verb)),
        SessionEffect::Prepare { name } => format!("prepares {name}"),
        SessionEffect::Deallocate { name } => format!("deallocates {}", name.as_deref().unwrap_or("-")),
        SessionEffect::CreatesTemporary { name } => format!("temporary {name}"),
        other => format!("{other:?}"),
    }));
    found.extend(footprint.transfer.iter().map(|transfer| match transfer {
        Transfer::ToServer => "to server".to_owned(),
        Transfer::FromServer => "from server".to_owned(),
        Transfer::FromClientFile { name } => format!("from client {name}"),
        Transfer::IntoNewObject => "into new object".to_owned(),
        other => format!("{other:?}"),
    }));
    found.extend(footprint.relations.iter().map(|used| format!("{} {}", serde_name(used.access), used.name)));
    found.push(format!("columns {}", footprint.outputs.as_ref().map_or(0, Vec::len)));
    found
}

fn check(table: &str, otherwise: &str) -> usize {
    let catalog = mysql_catalog::shop();
    let mut failures = String::new();
    let mut count = 0;
    for block in table.split("\n\n").map(str::trim).filter(|block| !block.is_empty()) {
        let lines: Vec<&str> = block.lines().filter(|line| !line.starts_with("# ")).collect();
        let modes: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("% ")).collect();
        let lines: Vec<&str> = lines.into_iter().filter(|line| !line.starts_with("% ")).collect();
        let (expected, sql): (Vec<&str>, Vec<&str>) = lines.iter().partition(|line| line.starts_with("=>"));
        if sql.is_empty() {
            continue;
        }
        assert!(!expected.is_empty() || otherwise == "clear", "nothing is expected of {sql:?}");
        count += 1;
        let sql = sql.join("\n");
        if READ_FURTHER.contains(&sql.as_str()) {
            continue;
        }
        let batch = read(&sql, &scope(reading(&modes.join(" "))), &catalog, &Known::default());
        let footprint = &batch.statements.last().unwrap().footprint;
        let mut found = facts(&catalog, footprint);
        found.extend(sets(&catalog, footprint));
        found.extend(more_facts(footprint));
        let wanted = expected.iter().flat_map(|line| line.trim_start_matches("=>").split(';')).map(str::trim);
        for fact in wanted.chain(Some(otherwise).filter(|_| expected.is_empty())) {
            let holds = match (fact.split_once(' '), fact.strip_prefix('!')) {
                (Some(("guards", column)), _) => is_guarded(&catalog, footprint, column),
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
fn kinds_of_statements_are_told_apart() {
    assert!(check(include_str!("../../../tests/statements/mysql/kinds.txt"), "") > 80);
}

#[test]
fn settings_are_known_or_opaque() {
    assert!(check(include_str!("../../../tests/statements/mysql/settings.txt"), "") > 40);
}

#[test]
fn text_is_cut_as_the_server_cuts_it() {
    assert!(check(include_str!("../../../tests/statements/mysql/lexing.txt"), "") > 40);
}

#[test]
fn ordinary_work_is_understood() {
    assert!(check(include_str!("../../../tests/statements/mysql/ordinary.txt"), "clear") > 60);
}

#[test]
fn attacks_are_guarded() {
    assert!(check(include_str!("../../../tests/statements/mysql/attacks.txt"), "") > 30);
}

#[test]
fn what_the_lowering_refuses_is_read_as_the_server_does() {
    let catalog = mysql_catalog::shop();
    let [joined, kept] = READ_FURTHER.map(|sql| last(sql, READING).footprint);
    assert_eq!(joined.outputs.as_ref().map(Vec::len), Some(13));
    assert!(joined.opaque.is_empty() && is_guarded(&catalog, &joined, "customers.ssn"));
    assert!(kept.opaque.is_empty() && sets(&catalog, &kept) == ["sets v: customers.ssn"]);
}

#[test]
fn what_is_followed_from_sqlparsers_own_tokens_is_followed_from_ours() {
    assert!(check(include_str!("../../../tests/statements/mysql/queries.txt"), "") > 80);
    assert!(check(include_str!("../../../tests/statements/mysql/changes.txt"), "") > 35);
    assert!(check(include_str!("../../../tests/statements/mysql/bounds.txt"), "") > 20);
    assert!(check(include_str!("../../../tests/statements/mysql/lineage_attacks.txt"), "") > 30);
}

#[test]
fn a_batch_is_cut_at_its_semicolons() {
    let batch = read_as("select 'a;b' ; -- c;\n select 2;select `;` from t; ", READING, &Known::default());
    let texts: Vec<&str> = batch.statements.iter().map(|statement| &*statement.text).collect();
    assert_eq!(texts, ["select 'a;b' ", "-- c;\n select 2", "select `;` from t"]);
    let whole = "select 'a;b' ; -- c;\n select 2;select `;` from t; ";
    for statement in &batch.statements {
        assert!(whole[..statement.end].ends_with(&*statement.text));
    }
    for (text, count) in [("", 1), (";", 1), (" /* x */ ", 1), ("select 1;", 1), ("select 1;;select 2", 3), ("a;b", 2)]
    {
        assert_eq!(read_as(text, READING, &Known::default()).statements.len(), count, "{text}");
    }
    let body = "create procedure p() begin select 1; select 2; end; select ssn from customers";
    let batch = read_as(body, READING, &Known::default());
    assert!(batch.statements.len() == 1 && !batch.statements[0].footprint.opaque.is_empty());
}

#[test]
fn variables_carry_what_was_kept_in_them() {
    let catalog = mysql_catalog::shop();
    for sql in [
        "select ssn into @a from customers where id = 1; select @A as id",
        "set @a = (select ssn from customers where id = 1); select @a",
        "select @a := ssn from customers; select concat(@a, 'x')",
        "set @a = (select ssn from customers where id = 1), @b = @a; select @b",
        "set @a = (select ssn from customers where id = 1); set @b = concat(@a); set @a = 1; select @b",
        "set @a = (select ssn from customers where id = 1); set @a = 1; select @a",
        "set @a = (select ssn from customers where id = 1); insert into scratch values ('k', @a)",
        "set @a = (select ssn from customers where id = 1); select 1 from orders where status = @a",
    ] {
        let statement = last(sql, READING);
        assert!(statement.depends_on_session, "{sql}");
        assert!(is_guarded(&catalog, &statement.footprint, "customers.ssn"), "{sql}: {:?}", statement.footprint);
    }
    assert!(last("set @a = 1; select @a", READING).footprint.opaque.is_empty());
    let moved = last("set @a = (select ssn from customers where id = 1), sort_buffer_size = @a", READING);
    assert!(!moved.footprint.opaque.is_empty());
}

#[test]
fn prepared_texts_are_read_when_they_are_prepared() {
    let catalog = mysql_catalog::shop();
    let sql = "prepare S from 'select ssn from customers where id = ?'; execute s using @id";
    let batch = read_as(sql, READING, &Known::default());
    assert_eq!(batch.statements[0].prepared.as_ref().unwrap().0.as_ref(), "s");
    let executed = &batch.statements[1].footprint;
    assert_eq!(executed.verb, Verb::Execute);
    assert!(executed.opaque.is_empty() && is_guarded(&catalog, executed, "customers.ssn"), "{executed:?}");
    for sql in [
        "prepare s from @t; execute s",
        "prepare s from 'select 1; select 2'; execute s",
        "execute nobody",
        "prepare s from 'select ?'; set @a = (select ssn from customers limit 1); execute s using @a",
        "execute immediate @t",
    ] {
        assert!(!last(sql, MARIADB).footprint.opaque.is_empty(), "{sql}");
    }
    let immediate = last("execute immediate 'select ssn from customers'", MARIADB).footprint;
    assert!(immediate.opaque.is_empty() && is_guarded(&catalog, &immediate, "customers.ssn"));
    let mut known = Known::default();
    let prepared = batch.statements[0].prepared.clone().unwrap();
    known.prepared.insert(prepared.0, prepared.1);
    let hidden = Scope { temporary: vec![Arc::from("customers")], ..scope(READING) };
    let again = read("execute s using @id", &hidden, &catalog, &known);
    assert!(!again.statements[0].footprint.opaque.is_empty());
}

#[test]
fn temporary_tables_hide_others() {
    let hidden = Scope { temporary: vec![Arc::from("departments")], ..scope(READING) };
    for sql in ["select * from departments", "select * from evasion.departments", "truncate departments"] {
        let batch = read(sql, &hidden, &mysql_catalog::shop(), &Known::default());
        assert!(!batch.statements[0].footprint.opaque.is_empty(), "{sql}");
    }
    let after = last("create temporary table departments (id int); select * from departments", READING);
    assert!(!after.footprint.opaque.is_empty());
}

#[test]
fn other_encodings_are_opaque() {
    let latin = Scope { utf8: false, ..scope(READING) };
    let batch = read("select 1", &latin, &mysql_catalog::shop(), &Known::default());
    assert!(!batch.statements[0].footprint.opaque.is_empty());
}

#[test]
fn deep_and_long_texts_neither_crash_nor_stall() {
    let chain = |piece: &str, count: usize| format!("select 1 {}", piece.repeat(count));
    let texts = [
        format!("select {}1{}", "(".repeat(10_000), ")".repeat(10_000)),
        format!("select {}", "(".repeat(100_000)),
        chain("+ 1 ", 200_000),
        chain("or 1 ", 150_000),
        chain("union select 1 ", 20_000),
        chain(", 1", 200_000),
        format!("select {}1", "- ".repeat(100_000)),
        format!("select {}1", "not ".repeat(100_000)),
        format!("select '{}'", "a".repeat(1_000_000)),
        format!("select 1 {}", "/* */".repeat(150_000)),
        format!("select {}1{}", "case when 1 then ".repeat(5_000), " end".repeat(5_000)),
        format!("select {}1{}", "f(1,".repeat(5_000), ")".repeat(5_000)),
        format!("select * from {}t{}", "(select * from ".repeat(2_000), ") x".repeat(2_000)),
        format!("prepare s from '{}'", "prepare s from ".repeat(1_000)),
        "select 1;".repeat(20_000),
        format!("insert into scratch values {}('a','b')", "('a','b'),".repeat(50_000)),
        format!("select {}", "`a`.".repeat(100_000)),
        "x".repeat(2 << 20),
    ];
    for text in texts {
        let begun = Instant::now();
        let batch = read_as(&text, READING, &Known::default());
        assert!(!batch.statements.is_empty());
        let seconds = begun.elapsed().as_secs();
        assert!(seconds < 20, "{} … took {seconds} s", &text[..40.min(text.len())]);
    }
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC{0,80}") {
        for reading in [READING, MARIADB] {
            prop_assert!(!read_as(&text, reading, &Known::default()).statements.is_empty());
        }
    }

    #[test]
    fn any_mix_of_pieces_is_survived(pieces in prop::collection::vec(
        prop::sample::select(vec![
            "select", " ", "'", "\"", "`", "\\", "/*", "*/", "/*!", "/*!50000 ", "/*M!100100 ", "--", "-- ", "#", "\n", "@",
            "@@", "a", "ssn", "from", "customers", ",", "(", ")", ";", "1", "1e", "0x", "x'41'", "_utf8", "N'", ":=", "set",
            "<=>", "!", "||", "&&", ".", "into", "é", "\u{0}", "like", "in", "update", "insert", "as", "?",
        ]), 0..24)
    ) {
        let text = pieces.concat();
        for reading in [READING, MARIADB] {
            let batch = read_as(&text, reading, &Known::default());
            // Cutting a piece out of the batch and reading it alone gives the same number of lexemes: places are true.
            for statement in &batch.statements {
                prop_assert!(statement.end <= text.len() && text[..statement.end].ends_with(&*statement.text));
            }
        }
    }
}
