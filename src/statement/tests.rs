//! Statements in, footprints out: tables of data in `tests/statements`, and what no text may do to the reader.

mod catalog;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use crate::catalog::{Catalog, ColumnKey};
use crate::statement::footprint::{Flow, Footprint, Position, RowBound, Verb};
use crate::statement::read::{Batch, Known, read};
use crate::statement::scope::Scope;

fn serde_name<T: serde::Serialize>(value: T) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

fn path(catalog: &Catalog, key: ColumnKey) -> String {
    let full = catalog.column_path(key).unwrap();
    full.trim_start_matches("shop.public.").trim_start_matches("shop.").to_owned()
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
    let relation = catalog.relation_named("public", relation).unwrap();
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
    assert!(check(include_str!("../../tests/statements/attacks.txt")) >= 0);
}

#[test]
fn row_bounds_come_from_text_and_keys() {
    assert!(check(include_str!("../../tests/statements/bounds.txt")) > 20);
}
