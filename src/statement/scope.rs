//! What, beside the text and the catalog, decides how a statement is read and where its names resolve.

pub mod ask;
pub mod ask_mysql;

use std::sync::Arc;

use crate::catalog::Catalog;
pub use crate::catalog::Flavour;

/// The session's settings that matter to reading. Asked from the server, never guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// How the server reads text.
    pub dialect: Dialect,
    /// Every schema searched for unqualified names, in order, implicit ones included. PostgreSQL: `current_schemas(true)`;
    /// MySQL: the current database, or nothing.
    pub search_path: Vec<Arc<str>>,
    /// `current_user`.
    pub role: Arc<str>,
    /// Names of the session's temporary relations: any use of them is opaque, they shadow everything.
    pub temporary: Vec<Arc<str>>,
    /// The client's text is UTF-8 (`client_encoding`, `character_set_client`); any other encoding makes every statement
    /// opaque.
    pub utf8: bool,
}

/// The language of a server, with the settings that change how it reads text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres {
        /// `standard_conforming_strings`.
        standard_conforming_strings: bool,
    },
    /// MySQL or MariaDB.
    MySql(MySqlReading),
}

/// How a MySQL or MariaDB server reads text in this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MySqlReading {
    /// Whose server it is: the two run different executable comments and know different syntax.
    pub flavour: Flavour,
    /// Version as executable comments count it: 10.11.19 is 101119, 8.4.3 is 80403.
    pub version: u32,
    /// `sql_mode` has `ANSI_QUOTES`: double quotes name things.
    pub ansi_quotes: bool,
    /// `sql_mode` has `NO_BACKSLASH_ESCAPES`: a backslash in a string is itself.
    pub no_backslash_escapes: bool,
    /// `sql_mode` has `PIPES_AS_CONCAT`: `||` joins strings.
    pub pipes_as_concat: bool,
    /// `sql_mode` has `IGNORE_SPACE`: blanks may stand between a built-in's name and its parenthesis.
    pub ignore_space: bool,
    /// `sql_mode` has `HIGH_NOT_PRECEDENCE`.
    pub high_not_precedence: bool,
    /// `sql_mode` has something that is not modelled, such as `ORACLE` or `MSSQL`: every statement is opaque.
    pub foreign_mode: bool,
    /// `lower_case_table_names`: 0 compares names of databases and tables exactly, 1 and 2 without regard to case.
    pub lower_case_table_names: u8,
}

impl MySqlReading {
    /// A server of this kind with its defaults: no mode that changes reading.
    pub const fn plain(flavour: Flavour, version: u32) -> Self {
        Self {
            flavour,
            version,
            ansi_quotes: false,
            no_backslash_escapes: false,
            pipes_as_concat: false,
            ignore_space: false,
            high_not_precedence: false,
            foreign_mode: false,
            lower_case_table_names: 0,
        }
    }
}

impl Scope {
    /// A session that has just begun, on a server with defaults; `current` is the database it is in, on MySQL. For looking
    /// at statements without a session: a real one is asked.
    pub fn fresh(catalog: &Catalog, current: Option<&str>) -> Self {
        let Some(flavour) = catalog.flavour else { return Self::default() };
        let reading = MySqlReading {
            lower_case_table_names: catalog.lower_case_table_names,
            ..MySqlReading::plain(flavour, catalog.server_version)
        };
        Self {
            dialect: Dialect::MySql(reading),
            search_path: current.map(Arc::from).into_iter().collect(),
            ..Self::default()
        }
    }

    /// A text means under `other` what it means here: the same grammar, the same place to look for names. Temporary relations
    /// are no part of it: they are opaque wherever they come up.
    pub fn reads_like(&self, other: &Self) -> bool {
        self.dialect == other.dialect && self.search_path == other.search_path && self.utf8 == other.utf8
    }

    /// PostgreSQL's `standard_conforming_strings`; `true` for other servers, which have no such setting.
    pub fn standard_conforming_strings(&self) -> bool {
        !matches!(self.dialect, Dialect::Postgres { standard_conforming_strings: false })
    }
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            dialect: Dialect::Postgres { standard_conforming_strings: true },
            search_path: vec![Arc::from("pg_catalog"), Arc::from("public")],
            role: Arc::from(""),
            temporary: Vec::new(),
            utf8: true,
        }
    }
}
