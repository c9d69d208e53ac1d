//! Statements that act on the server, on other sessions, on accounts; DEALLOCATE.

use std::sync::Arc;

use sqlparser::tokenizer::Token;

use super::Context;
use super::cursor::Cursor;
use crate::statement::footprint::{Access, Facet, Footprint, SessionEffect, Verb};
use crate::statement::lineage::blank;
use crate::statement::utility::Build;

/// The statements of this file; `None` for anything else.
pub(super) fn footprint(first: &str, cursor: Cursor<'_>) -> Option<Footprint> {
    let server = |verb, kind: &str| blank(verb).facet(Facet::Server).kind(kind);
    Some(match first {
        "DEALLOCATE" => {
            let mut cursor = cursor;
            cursor.word("PREPARE");
            deallocate(cursor)
        }
        "FLUSH" => server(Verb::Other, "system"),
        "KILL" => kill(cursor),
        "SHUTDOWN" | "RESTART" => server(Verb::Other, "system"),
        "RESET" => server(Verb::Reset, "system"),
        "PURGE" => server(Verb::Other, "binary log"),
        // Replication takes whole tables out of the row stream, or brings them in.
        "CHANGE" => server(Verb::Alter, "replication").facet(Facet::Exports).facet(Facet::Imports),
        "BINLOG" => server(Verb::Other, "binary log").facet(Facet::Writes),
        "INSTALL" | "UNINSTALL" => server(Verb::Other, "plugin").facet(Facet::Defines),
        "CACHE" => server(Verb::Maintain, "index"),
        "CLONE" => server(Verb::Other, "system").facet(Facet::Exports),
        "BACKUP" => server(Verb::Other, "backup").facet(Facet::Exports),
        "IMPORT" => server(Verb::Other, "table").facet(Facet::Imports).facet(Facet::Defines),
        _ => return None,
    })
}

/// KILL of a connection by its number is answered by the proxy, which reaches the agent's own sessions only; KILL of a user or
/// of whatever an expression says is the server's.
fn kill(mut cursor: Cursor<'_>) -> Footprint {
    let server = blank(Verb::Other).facet(Facet::Server).kind("connection");
    cursor.any(&["HARD", "SOFT"]);
    let query = cursor.word("QUERY");
    if !query {
        cursor.word("CONNECTION");
    }
    match (cursor.number(), cursor.at_end()) {
        (Some(number), true) => {
            blank(Verb::Other).facet(Facet::Session).kind("connection").effect(SessionEffect::Kill { number, query })
        }
        _ => server,
    }
}

/// DEALLOCATE PREPARE and DROP PREPARE; names are alike whatever their case.
pub(super) fn deallocate(mut cursor: Cursor<'_>) -> Footprint {
    let print = blank(Verb::Deallocate).facet(Facet::Session);
    match (cursor.statement_name(), cursor.at_end()) {
        (Some(name), true) => print.effect(SessionEffect::Deallocate { name: Some(Arc::from(name)) }),
        _ => print.opaque("DEALLOCATE", "it is not followed by one name"),
    }
}

impl Context<'_> {
    /// GRANT and REVOKE: privileges on objects, or roles.
    pub(super) fn grant(&self, first: &str, mut cursor: Cursor<'_>) -> Footprint {
        let verb = if first == "GRANT" { Verb::Grant } else { Verb::Revoke };
        let print = blank(verb).facet(Facet::Privilege);
        cursor.until(|lexeme| lexeme.is("ON"));
        if !cursor.word("ON") {
            return print.kind("role");
        }
        if cursor.any(&["FUNCTION", "PROCEDURE", "PACKAGE"]) {
            return print.kind("routine");
        }
        cursor.word("TABLE");
        match cursor.named() {
            // `db.*` and `*.*` break off behind the point.
            Some(named) if !cursor.sign(&Token::Period) => self.existing(print.kind("table"), &named, Access::Define),
            _ => print.kind("database"),
        }
    }
}
