//! A result column as the server describes it.

use std::sync::Arc;

use crate::catalog::ColumnKey;

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The type's text form; in MySQL's text rows.
    Text,
    /// The type's binary form in PostgreSQL.
    Binary,
    /// The type's form in MySQL's binary rows.
    MySqlBinary,
}

/// One column of a result header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultColumn {
    /// Its name.
    pub name: Arc<str>,
    /// The server's word on where it comes from; `None` for an expression. Number 0 is a whole row.
    pub origin: Option<ColumnKey>,
    /// Type OID; MySQL: `MySqlType::described` of the column definition, as a number.
    pub type_oid: u32,
    /// Format of the values.
    pub format: Format,
}
