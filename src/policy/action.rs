//! What a statement amounts to (DESIGN §5).

use serde::{Deserialize, Serialize};

/// One action; a statement has one or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A result bounded below the bulk limit.
    Read,
    /// A result that may exceed the bulk limit.
    BulkRead,
    /// Data leaving the row stream.
    Export,
    /// Classified columns written to another place.
    CopyClassified,
    /// DML.
    Write,
    /// DML on more rows than the limit, or without WHERE.
    BulkWrite,
    /// CREATE, ALTER, DROP, TRUNCATE, COMMENT, REINDEX.
    Ddl,
    /// GRANT, REVOKE, roles, ownership, SET ROLE.
    Privilege,
    /// CALL, DO, functions known to run dynamic SQL.
    Routine,
    /// COPY FROM, LOAD DATA.
    Import,
    /// ALTER SYSTEM, KILL, file and network functions, extensions.
    Server,
    /// A classified column where it shapes rows.
    Probe,
    /// Values of a class to come back as they are, for one bounded statement.
    Unmask,
    /// SET, transaction control and friends.
    Session,
    /// Could not be understood.
    Opaque,
}
