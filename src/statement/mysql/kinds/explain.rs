//! EXPLAIN, DESCRIBE, ANALYZE: plans may speak about every column that the inner statement reads.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::set::joined;
use super::{Context, owned};
use crate::catalog::ColumnKey;
use crate::statement::footprint::{Access, Facet, Flow, Footprint, Output, RowBound, Source, Verb};
use crate::statement::lineage::blank;
use crate::statement::scope::Flavour;
use crate::statement::utility::Build;

/// Plan lines: an estimate below any bulk limit, for they are not rows of a table.
const PLAN_LINES: u64 = 500;

const OF_MYSQL: &str = "id select_type table partitions type possible_keys key key_len ref rows filtered Extra";
const OF_MARIADB: &str = "id select_type table type possible_keys key key_len ref rows Extra";
const EXTENDED: &str = "id select_type table type possible_keys key key_len ref rows filtered Extra";
const PARTITIONS: &str = "id select_type table partitions type possible_keys key key_len ref rows Extra";
const ANALYZED: &str = "id select_type table type possible_keys key key_len ref rows r_rows filtered r_filtered Extra";

impl Context<'_> {
    /// EXPLAIN or DESCRIBE of a table or a statement.
    pub(super) fn explain(&self, mut cursor: Cursor<'_>) -> Footprint {
        if let Some(print) = self.describe_table(cursor).filter(|_| !opens_statement(cursor)) {
            return print;
        }
        let maria = self.reading.flavour == Flavour::MariaDb;
        let runs = !maria && cursor.word("ANALYZE");
        let mut columns = if maria { OF_MARIADB } else { OF_MYSQL };
        if maria && cursor.word("EXTENDED") {
            columns = EXTENDED;
        } else if maria && cursor.word("PARTITIONS") {
            columns = PARTITIONS;
        }
        match format(&mut cursor) {
            Ok(None) if runs => columns = "EXPLAIN",
            Ok(None) => {}
            Ok(Some(whole)) => columns = if whole { "EXPLAIN" } else { columns },
            Err(()) => return Self::not_understood(Verb::Explain, "EXPLAIN"),
        }
        self.plan(cursor, columns, runs)
    }

    /// MariaDB's ANALYZE of a statement runs it; of a TABLE it is upkeep.
    pub(super) fn analyze(&self, mut cursor: Cursor<'_>) -> Footprint {
        let mut ahead = cursor;
        let table = ahead.any(&["NO_WRITE_TO_BINLOG", "LOCAL"]) || ahead.any(&["TABLE", "TABLES"]);
        if table {
            return self.upkeep(cursor);
        }
        if self.reading.flavour != Flavour::MariaDb {
            return Self::not_understood(Verb::Explain, "ANALYZE");
        }
        match format(&mut cursor) {
            Ok(Some(true)) => self.plan(cursor, "ANALYZE", true),
            Ok(_) => self.plan(cursor, ANALYZED, true),
            Err(()) => Self::not_understood(Verb::Explain, "ANALYZE"),
        }
    }

    /// `runs`: the statement is run, so that what it does counts as well.
    fn plan(&self, cursor: Cursor<'_>, columns: &str, runs: bool) -> Footprint {
        if !opens_statement(cursor) {
            // EXPLAIN FOR CONNECTION shows what others do.
            return Self::not_understood(Verb::Explain, "EXPLAIN");
        }
        let inner = (self.statement)(cursor.rest());
        let (sources, unknown) = spoken_of(&inner);
        let column = |name: &str| Output { name: owned(name), sources: sources.clone(), unknown };
        let outputs = Some(columns.split_ascii_whitespace().map(column).collect());
        let print = if runs { inner } else { planned(inner) };
        Footprint { verb: Verb::Explain, outputs, returned: RowBound::AtMost(PLAN_LINES), explainable: false, ..print }
            .facet(Facet::Reads)
    }
}

/// The columns that a plan may quote.
fn spoken_of(inner: &Footprint) -> (Vec<Source>, bool) {
    let outputs = inner.outputs.iter().flatten();
    let columns = outputs
        .clone()
        .flat_map(|output| output.sources.iter().map(|source| source.column))
        .chain(inner.writes.iter().flat_map(|write| write.sources.iter().map(|source| source.column)))
        .chain(inner.probes.iter().map(|probe| probe.column));
    let mut found: Vec<ColumnKey> = columns.collect();
    found.sort_unstable();
    found.dedup();
    let sources = found.into_iter().map(|column| Source { column, flow: Flow::Derived }).collect();
    let unknown = outputs.clone().any(|output| output.unknown) || inner.writes.iter().any(|write| write.unknown);
    (sources, unknown)
}

/// Nothing is written or changed by planning; constant tables are read.
fn planned(inner: Footprint) -> Footprint {
    let read = |used: crate::statement::footprint::RelationUse| match used.access {
        Access::Write => crate::statement::footprint::RelationUse { access: Access::Read, ..used },
        _ => used,
    };
    let facets: Vec<Facet> =
        inner.facets.iter().copied().filter(|facet| matches!(facet, Facet::Reads | Facet::Routine)).collect();
    let given = Footprint {
        relations: inner.relations.into_iter().map(read).collect(),
        writes: Vec::new(),
        session: Vec::new(),
        facets,
        ..inner
    };
    joined(blank(Verb::Explain), given)
}

fn opens_statement(cursor: Cursor<'_>) -> bool {
    let words = ["SELECT", "WITH", "VALUES", "TABLE", "INSERT", "REPLACE", "UPDATE", "DELETE"];
    cursor.peek().is_some_and(|first| first.token == Token::LParen || words.iter().any(|word| first.is(word)))
}

/// FORMAT = name. `Some(true)`: the plan is one text.
fn format(cursor: &mut Cursor<'_>) -> Result<Option<bool>, ()> {
    if !cursor.word("FORMAT") {
        return Ok(None);
    }
    if !cursor.sign(&Token::Eq) {
        return Err(());
    }
    let name = cursor.keyword().or_else(|| cursor.string().map(|name| name.to_ascii_uppercase())).ok_or(())?;
    match name.as_str() {
        "TRADITIONAL" => Ok(Some(false)),
        "JSON" | "TREE" => Ok(Some(true)),
        _ => Err(()),
    }
}
