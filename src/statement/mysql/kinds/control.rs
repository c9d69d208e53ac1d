//! Transactions, calls, blocks, conditions.

use std::sync::Arc;

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::set::joined;
use super::{Context, owned};
use crate::statement::footprint::{Access, Facet, Footprint, RowBound, SessionEffect, TransactionVerb, Verb};
use crate::statement::lineage::blank;
use crate::statement::utility::{Build, unknown_output};

/// BEGIN, START TRANSACTION, COMMIT, ROLLBACK, savepoints, XA; START and STOP of anything else are the server's.
pub(super) fn transaction(first: &str, mut cursor: Cursor<'_>) -> Footprint {
    let verb = match first {
        "BEGIN" => {
            cursor.word("WORK");
            Some(TransactionVerb::Begin)
        }
        "START" if cursor.word("TRANSACTION") => started(&mut cursor),
        "START" | "STOP" => return blank(Verb::Other).facet(Facet::Server).kind("replication"),
        "COMMIT" => chained(&mut cursor).then_some(TransactionVerb::Commit),
        "ROLLBACK" => rolled_back(&mut cursor),
        "SAVEPOINT" => cursor.name().map(|_| TransactionVerb::Savepoint),
        "RELEASE" if cursor.word("SAVEPOINT") => cursor.name().map(|_| TransactionVerb::Release),
        "XA" => {
            let known = cursor.any(&["START", "BEGIN", "END", "PREPARE", "COMMIT", "ROLLBACK"]);
            cursor.until(|_| false);
            known.then_some(TransactionVerb::TwoPhase)
        }
        _ => None,
    };
    let print = blank(Verb::Transaction).facet(Facet::Transaction);
    match verb {
        Some(verb) if cursor.at_end() => print.effect(SessionEffect::Transaction(verb)),
        _ if first == "BEGIN" => block(),
        _ => print.opaque("transaction", "this form is not known"),
    }
}

fn started(cursor: &mut Cursor<'_>) -> Option<TransactionVerb> {
    loop {
        let known = cursor.words(&["WITH", "CONSISTENT", "SNAPSHOT"])
            || cursor.words(&["READ", "ONLY"])
            || cursor.words(&["READ", "WRITE"]);
        if !known {
            return cursor.at_end().then_some(TransactionVerb::Begin);
        }
        cursor.sign(&Token::Comma);
    }
}

/// COMMIT's and ROLLBACK's tail. RELEASE ends the session.
fn chained(cursor: &mut Cursor<'_>) -> bool {
    cursor.word("WORK");
    let _chain = cursor.words(&["AND", "NO", "CHAIN"]) || cursor.words(&["AND", "CHAIN"]);
    let _release = cursor.words(&["NO", "RELEASE"]) || cursor.word("RELEASE");
    cursor.at_end()
}

fn rolled_back(cursor: &mut Cursor<'_>) -> Option<TransactionVerb> {
    let mut ahead = *cursor;
    ahead.word("WORK");
    if ahead.word("TO") {
        ahead.word("SAVEPOINT");
        ahead.name()?;
        *cursor = ahead;
        return Some(TransactionVerb::RollbackTo);
    }
    chained(cursor).then_some(TransactionVerb::Rollback)
}

/// CALL: the procedure is not followed, and may answer with any rows.
pub(super) fn call(mut cursor: Cursor<'_>) -> Footprint {
    let name = cursor.named().map_or_else(String::new, |named| match named.database {
        Some(database) => format!("{database}.{}", named.name),
        None => named.name,
    });
    let print = blank(Verb::Call)
        .facet(Facet::Routine)
        .kind("procedure")
        .opaque(&format!("procedure {name}()"), "procedures are not followed; send plain statements");
    Footprint {
        functions: vec![Arc::from(name)],
        outputs: Some(vec![unknown_output("")]),
        returned: RowBound::Unbounded,
        changed: RowBound::Unbounded,
        ..print
    }
}

/// A block of statements: not followed.
pub(super) fn block() -> Footprint {
    let print =
        blank(Verb::Do).facet(Facet::Routine).opaque("block", "code in blocks is not followed; send plain statements");
    Footprint {
        outputs: Some(vec![unknown_output("")]),
        returned: RowBound::Unbounded,
        changed: RowBound::Unbounded,
        ..print
    }
}

/// GET DIAGNOSTICS copies messages, which quote data, into variables; SIGNAL makes messages of values.
pub(super) fn diagnostics(first: &str) -> Footprint {
    let what = if first == "GET" { "GET DIAGNOSTICS" } else { "SIGNAL" };
    blank(Verb::Other).facet(Facet::Session).opaque(what, "messages may quote data")
}

impl Context<'_> {
    /// DO evaluates and throws away.
    pub(super) fn evaluate(&self, cursor: Cursor<'_>) -> Footprint {
        let given = (self.expressions)(cursor.rest());
        joined(blank(Verb::Do).facet(Facet::Session), given)
    }

    /// HANDLER reads a table without a query, under a name of its own choice.
    pub(super) fn handler(&self, mut cursor: Cursor<'_>) -> Footprint {
        let print = blank(Verb::Fetch).facet(Facet::Reads).opaque("HANDLER", "write a SELECT instead");
        let print = Footprint { outputs: Some(vec![unknown_output("")]), returned: RowBound::Unbounded, ..print };
        match cursor.named() {
            Some(named) => print.use_of(self.resolve(&named), Access::Read),
            None => print,
        }
    }

    /// LOCK TABLES holds others up when it locks for writing; UNLOCK lets go.
    pub(super) fn lock(&self, first: &str, mut cursor: Cursor<'_>) -> Footprint {
        let print = blank(Verb::Lock).facet(Facet::Session).kind("table");
        if !cursor.any(&["TABLES", "TABLE"]) {
            return blank(Verb::Lock).facet(Facet::Server).kind("instance");
        }
        if first == "UNLOCK" {
            let effect = SessionEffect::Harmless { setting: owned("locks") };
            return if cursor.at_end() {
                print.effect(effect)
            } else {
                Self::not_understood(Verb::Lock, "UNLOCK TABLES")
            };
        }
        self.locked_tables(print, cursor).unwrap_or_else(|| Self::not_understood(Verb::Lock, "LOCK TABLES"))
    }

    fn locked_tables(&self, mut print: Footprint, mut cursor: Cursor<'_>) -> Option<Footprint> {
        loop {
            let named = cursor.named()?;
            let mode = ["READ", "WRITE", "LOW_PRIORITY"];
            let aliased = cursor.word("AS") || !cursor.peek().is_some_and(|next| mode.iter().any(|word| next.is(word)));
            if aliased {
                cursor.name()?;
            }
            cursor.word("LOW_PRIORITY");
            let writes = cursor.word("WRITE");
            if !writes && !cursor.word("READ") {
                return None;
            }
            cursor.any(&["LOCAL", "CONCURRENT"]);
            let access = if writes { Access::Write } else { Access::Read };
            print = self.existing(print, &named, access);
            if writes {
                print = print.facet(Facet::Writes);
            }
            if cursor.at_end() {
                return Some(print);
            }
            if !cursor.sign(&Token::Comma) {
                return None;
            }
        }
    }
}
