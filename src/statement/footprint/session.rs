//! What a statement does to its session, beside what it reads and writes.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Source;

/// What a statement changes about the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEffect {
    /// Sets or resets a setting that does not change reading or resolution (`statement_timeout`, `datestyle`, …).
    Harmless {
        /// Setting name.
        setting: Arc<str>,
    },
    /// Changes how what follows is read or resolved (`search_path`, `standard_conforming_strings`, `client_encoding`,
    /// role, session authorization, temporary objects): the scope must be asked again before anything else is judged.
    ChangesReading {
        /// Setting name or `role`, `temporary`, `discard`.
        setting: Arc<str>,
    },
    /// `SET holdpoint.<name> = '<value>'`: kept by the proxy, never sent on. `None` resets.
    Claim {
        /// `reason`, `ticket`, `hold`, `end_user`, `model`, `notices`, …
        name: Arc<str>,
        /// The value as text.
        value: Option<Arc<str>>,
    },
    /// `SHOW holdpoint.<name>`: answered by the proxy.
    ShowClaim {
        /// `approval`, `help`, an approval id, …
        name: Arc<str>,
    },
    /// Transaction control.
    Transaction(TransactionVerb),
    /// SQL-level PREPARE of this statement text (inner statement, exact bytes).
    Prepare {
        /// Name as stored.
        name: Arc<str>,
    },
    /// SQL-level DEALLOCATE; `None` is ALL.
    Deallocate {
        /// Name as stored.
        name: Option<Arc<str>>,
    },
    /// DECLARE of a cursor over the statement's own outputs.
    Declare {
        /// Name as stored.
        name: Arc<str>,
    },
    /// CLOSE; `None` is ALL.
    CloseCursor {
        /// Name as stored.
        name: Option<Arc<str>>,
    },
    /// Keeps a value in a user variable (`@v := e`, `SELECT … INTO @v`, `SET @v = e`), and with it what it comes from.
    SetsVariable {
        /// Name, in lower case.
        name: Arc<str>,
        /// Where the value comes from.
        sources: Vec<Source>,
        /// Something flowed in that could not be followed.
        unknown: bool,
    },
    /// KILL in MySQL: answered by the proxy, which knows whose sessions are whose.
    Kill {
        /// The number that it names.
        number: u32,
        /// Only what runs there now.
        query: bool,
    },
    /// SHOW WARNINGS and its kin: they quote what the statement before them met. The session knows what that was.
    TellsDiagnostics,
    /// CREATE TEMPORARY TABLE in MySQL: from here on the name means that table, in every database.
    CreatesTemporary {
        /// Name as written, without its database.
        name: Arc<str>,
    },
}

/// Transaction statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransactionVerb {
    /// BEGIN, START TRANSACTION.
    Begin,
    /// COMMIT, END (AND CHAIN too).
    Commit,
    /// ROLLBACK, ABORT.
    Rollback,
    /// SAVEPOINT.
    Savepoint,
    /// RELEASE.
    Release,
    /// ROLLBACK TO.
    RollbackTo,
    /// PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED.
    TwoPhase,
}
