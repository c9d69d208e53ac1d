//! Statements of MySQL that are neither queries nor changes of rows: an allow-list by their first words.
//!
//! Queries inside them (CREATE … AS, EXPLAIN, SET @v = (…)) go to the caller. What is not on the list is `None`, and so not
//! understood.

mod control;
pub mod cursor;
mod define;
mod explain;
pub mod files;
mod names;
mod server;
mod set;
pub mod settings;
mod show;

use std::sync::Arc;

use self::cursor::Cursor;
pub(super) use self::set::CLAIM;
use super::lex::Lexeme;
use crate::catalog::Catalog;
use crate::statement::footprint::{Footprint, Verb};
use crate::statement::lineage::blank;
use crate::statement::scope::{MySqlReading, Scope};
use crate::statement::utility::Build;

/// What the readers of statements need.
pub struct Context<'a> {
    /// How the session reads text.
    pub reading: &'a MySqlReading,
    /// What the server contains.
    pub catalog: &'a Catalog,
    /// Where names resolve.
    pub scope: &'a Scope,
    /// Follows a whole statement inside: a query or a change of rows.
    pub statement: &'a dyn Fn(&[Lexeme]) -> Footprint,
    /// Follows expressions parted by commas; `outputs` of the answer are their values.
    pub expressions: &'a dyn Fn(&[Lexeme]) -> Footprint,
}

impl Context<'_> {
    /// What a statement of a kind known here touches.
    pub fn footprint(&self, lexemes: &[Lexeme]) -> Option<Footprint> {
        let mut cursor = Cursor::new(lexemes);
        let first = cursor.keyword()?;
        Some(match first.as_str() {
            "SET" => self.set(cursor),
            "USE" => names::use_database(cursor),
            "SHOW" => self.show(cursor),
            "DESCRIBE" | "DESC" | "EXPLAIN" => self.explain(cursor),
            "ANALYZE" => self.analyze(cursor),
            "CREATE" => self.create(cursor),
            "ALTER" => self.alter(cursor),
            "DROP" => self.drop_object(cursor),
            "RENAME" => self.rename(cursor),
            "TRUNCATE" => self.truncate(cursor),
            "OPTIMIZE" | "CHECK" | "REPAIR" | "CHECKSUM" => self.upkeep(cursor),
            "GRANT" | "REVOKE" => self.grant(&first, cursor),
            "LOAD" => self.load(cursor),
            "LOCK" | "UNLOCK" => self.lock(&first, cursor),
            "DO" => self.evaluate(cursor),
            "CALL" => control::call(cursor),
            "HANDLER" => self.handler(cursor),
            "HELP" => show::help(),
            "BEGIN" | "START" | "COMMIT" | "ROLLBACK" | "SAVEPOINT" | "RELEASE" | "XA" | "STOP" => {
                control::transaction(&first, cursor)
            }
            "GET" | "SIGNAL" | "RESIGNAL" => control::diagnostics(&first),
            "IF" | "LOOP" | "WHILE" | "REPEAT" | "FOR" | "CASE" | "DECLARE" => control::block(),
            _ => return server::footprint(&first, cursor),
        })
    }

    /// An opaque answer that still says which verb it was.
    fn not_understood(verb: Verb, what: &str) -> Footprint {
        blank(verb).opaque(what, "this form of it is not understood")
    }
}

/// An owned name.
fn owned(name: &str) -> Arc<str> {
    Arc::from(name)
}

#[cfg(test)]
#[path = "kinds/tests.rs"]
mod tests;
