//! LOAD DATA and LOAD XML, and SELECT … INTO.

use std::sync::Arc;

use sqlparser::tokenizer::Token;

use super::Context;
use super::cursor::Cursor;
use crate::catalog::ColumnKey;
use crate::statement::footprint::{
    Access, ColumnWrite, Facet, Footprint, RowBound, SessionEffect, Source, Transfer, Verb,
};
use crate::statement::lineage::blank;
use crate::statement::mysql::lex::{Doubt, Lexeme};
use crate::statement::utility::Build;

/// Where SELECT … INTO puts its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Into {
    /// User variables, in order, in lower case.
    Variables(Vec<String>),
    /// OUTFILE or DUMPFILE: a file on the server.
    File,
}

/// Takes the INTO clause out of a query's lexemes. Only queries have one; INSERT INTO is none.
pub fn take_into(lexemes: &[Lexeme]) -> Result<(Vec<Lexeme>, Option<Into>), Doubt> {
    let clause = |(index, lexeme): (usize, &Lexeme)| (index > 0 && lexeme.is("INTO")).then_some(index);
    let mut found = lexemes.iter().enumerate().filter_map(clause);
    let Some(at) = found.next() else { return Ok((lexemes.to_vec(), None)) };
    if found.next().is_some() {
        return Err(Doubt("it has two INTO clauses"));
    }
    let (before, rest) = lexemes.split_at(at);
    let mut cursor = Cursor::new(rest);
    cursor.take();
    let into = destination(&mut cursor).ok_or(Doubt("its INTO clause is not understood"))?;
    Ok((before.iter().chain(cursor.rest()).cloned().collect(), Some(into)))
}

fn destination(cursor: &mut Cursor<'_>) -> Option<Into> {
    if cursor.word("DUMPFILE") {
        cursor.string()?;
        return Some(Into::File);
    }
    if cursor.word("OUTFILE") {
        cursor.string()?;
        row_format(cursor)?;
        return Some(Into::File);
    }
    let mut names = vec![cursor.variable()?];
    while cursor.sign(&Token::Comma) {
        names.push(cursor.variable()?);
    }
    Some(Into::Variables(names))
}

/// CHARACTER SET, FIELDS, LINES. `None`: breaks off.
fn row_format(cursor: &mut Cursor<'_>) -> Option<()> {
    if cursor.words(&["CHARACTER", "SET"]) || cursor.word("CHARSET") {
        cursor.string().or_else(|| cursor.name())?;
    }
    if cursor.any(&["FIELDS", "COLUMNS"]) {
        loop {
            cursor.word("OPTIONALLY");
            if !cursor.any(&["TERMINATED", "ENCLOSED", "ESCAPED"]) {
                break;
            }
            separator(cursor)?;
        }
    }
    if cursor.word("LINES") {
        while cursor.any(&["STARTING", "TERMINATED"]) {
            separator(cursor)?;
        }
    }
    Some(())
}

fn separator(cursor: &mut Cursor<'_>) -> Option<()> {
    (cursor.word("BY") && cursor.literal()).then_some(())
}

/// What a query touches whose rows go there.
pub fn into(query: Footprint, into: Into) -> Footprint {
    match into {
        Into::File => Footprint { transfer: Some(Transfer::ToServer), explainable: false, ..query }
            .facet(Facet::Exports)
            .facet(Facet::Server),
        Into::Variables(names) => {
            let outputs = query.outputs.as_deref().unwrap_or_default();
            let fits = outputs.len() == names.len();
            let all: Vec<Source> = outputs.iter().flat_map(|output| output.sources.iter().copied()).collect();
            let effects: Vec<SessionEffect> = names
                .iter()
                .enumerate()
                .map(|(index, name)| {
                    let output = outputs.get(index).filter(|_| fits);
                    SessionEffect::SetsVariable {
                        name: Arc::from(name.as_str()),
                        sources: output.map_or_else(|| all.clone(), |output| output.sources.clone()),
                        unknown: output.is_none_or(|output| output.unknown),
                    }
                })
                .collect();
            let mut print = Footprint { outputs: None, returned: RowBound::None, ..query };
            print.session.extend(effects);
            print.facet(Facet::Session)
        }
    }
}

impl Context<'_> {
    /// LOAD DATA and LOAD XML; LOAD INDEX is upkeep.
    pub(super) fn load(&self, mut cursor: Cursor<'_>) -> Footprint {
        if cursor.words(&["INDEX", "INTO", "CACHE"]) {
            return blank(Verb::Maintain).facet(Facet::Server).kind("index");
        }
        if !cursor.any(&["DATA", "XML"]) {
            return blank(Verb::Other).facet(Facet::Server).opaque("LOAD", "this form of it is not understood");
        }
        self.load_file(&mut cursor).unwrap_or_else(|| {
            let print = blank(Verb::CopyFrom).facet(Facet::Imports).facet(Facet::Server);
            print.opaque("LOAD DATA", "this form of it is not understood")
        })
    }

    fn load_file(&self, cursor: &mut Cursor<'_>) -> Option<Footprint> {
        cursor.any(&["LOW_PRIORITY", "CONCURRENT"]);
        let local = cursor.word("LOCAL");
        if !cursor.word("INFILE") {
            return None;
        }
        let name = cursor.string()?;
        let replaces = cursor.word("REPLACE");
        cursor.word("IGNORE");
        if !cursor.words(&["INTO", "TABLE"]) {
            return None;
        }
        let named = cursor.named()?;
        let transfer = if local { Transfer::FromClientFile { name: Arc::from(name) } } else { Transfer::FromServer };
        let print = blank(Verb::CopyFrom).facet(Facet::Imports).facet(Facet::Writes);
        let print = if local { print } else { print.facet(Facet::Server) };
        let relation = self.resolve(&named).relation;
        let mut print = self.existing(print, &named, Access::Write);
        if let Some(relation) = relation {
            let target = ColumnKey { relation: relation.key, number: 0 };
            print.writes = vec![ColumnWrite { target, sources: Vec::new(), unknown: false }];
            if relation.has_triggers {
                print = print.facet(Facet::Routine);
            }
        }
        // What is replaced runs the triggers and keys of deletion, too.
        let print = if replaces { print.facet(Facet::WritesAll) } else { print };
        let print = match self.loaded_values(cursor.rest()) {
            Some(()) => print,
            None => print.opaque("LOAD DATA … SET", "compute values before sending them"),
        };
        Some(Footprint { changed: RowBound::Unbounded, transfer: Some(transfer), ..print })
    }

    /// The tail has no SET, whose expressions would read other things, and no user variable.
    fn loaded_values(&self, tail: &[Lexeme]) -> Option<()> {
        let plain = |(index, lexeme): (usize, &Lexeme)| {
            let set =
                lexeme.is("SET") && !index.checked_sub(1).and_then(|i| tail.get(i)).is_some_and(|b| b.is("CHARACTER"));
            !set && lexeme.variable().is_none()
        };
        tail.iter().enumerate().all(plain).then_some(())
    }
}
