//! A result column as the server describes it.

use std::sync::Arc;

use crate::catalog::ColumnKey;

/// How values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// The type's text form.
    Text,
    /// The type's binary form.
    Binary,
}

/// One column of a result header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultColumn {
    /// Its name.
    pub name: Arc<str>,
    /// The server's word on where it comes from; `None` for an expression. Number 0 is a whole row.
    pub origin: Option<ColumnKey>,
    /// Type OID.
    pub type_oid: u32,
    /// Format of the values.
    pub format: Format,
}
