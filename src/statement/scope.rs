//! What, beside the text and the catalog, decides how a statement is read and where its names resolve.

pub mod ask;

use std::sync::Arc;

/// The session's settings that matter to reading. Asked from the server, never guessed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    /// `standard_conforming_strings`.
    pub standard_conforming_strings: bool,
    /// `current_schemas(true)`: every schema searched, in order, implicit ones included.
    pub search_path: Vec<Arc<str>>,
    /// `current_user`.
    pub role: Arc<str>,
    /// Names of the session's temporary relations: any use of them is opaque, they shadow everything.
    pub temporary: Vec<Arc<str>>,
    /// `client_encoding` is UTF8 (any other encoding makes every statement opaque).
    pub utf8: bool,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            standard_conforming_strings: true,
            search_path: vec![Arc::from("pg_catalog"), Arc::from("public")],
            role: Arc::from(""),
            temporary: Vec::new(),
            utf8: true,
        }
    }
}
