//! Checked reads of one row of an answer.

use std::str::FromStr;
use std::sync::Arc;

use super::{Answers, LoadError};

/// One row, with where it stands for error messages.
pub(super) struct Reader<'a> {
    query: &'static str,
    row: usize,
    fields: &'a [Option<String>],
}

impl<'a> Reader<'a> {
    /// All rows of the answer to this query.
    pub(super) fn all(answers: &'a Answers, query: &'static str) -> Result<Vec<Self>, LoadError> {
        let rows = answers.rows.get(query).ok_or(LoadError::Unanswered { query })?;
        Ok(rows.iter().enumerate().map(|(row, fields)| Self { query, row, fields }).collect())
    }

    /// The error that this field is not as expected.
    pub(super) fn malformed(&self, field: usize) -> LoadError {
        LoadError::Malformed { query: self.query, row: self.row, field }
    }

    /// Adds all fields to a hash, each told apart from its neighbours and from NULL.
    pub(super) fn feed(&self, hash: &mut sha2::Sha256) {
        super::hash_row(self.fields, None, hash);
    }

    fn str(&self, field: usize) -> Result<&'a str, LoadError> {
        self.fields.get(field).and_then(Option::as_deref).ok_or_else(|| self.malformed(field))
    }

    /// A field that is never NULL.
    pub(super) fn text(&self, field: usize) -> Result<Arc<str>, LoadError> {
        self.str(field).map(Arc::from)
    }

    /// A field that may be NULL, or absent on older servers.
    pub(super) fn optional(&self, field: usize) -> Option<Arc<str>> {
        self.fields.get(field)?.as_deref().map(Arc::from)
    }

    /// A number in its range.
    pub(super) fn number<T: FromStr>(&self, field: usize) -> Result<T, LoadError> {
        self.str(field)?.parse().map_err(|_| self.malformed(field))
    }

    /// Numbers separated by blanks; NULL is none.
    pub(super) fn numbers<T: FromStr>(&self, field: usize) -> Result<Vec<T>, LoadError> {
        let text = self.fields.get(field).and_then(Option::as_deref).unwrap_or_default();
        text.split_ascii_whitespace().map(|word| word.parse().map_err(|_| self.malformed(field))).collect()
    }

    /// A JSON array of strings; NULL is none, a null within is empty.
    pub(super) fn strings(&self, field: usize) -> Result<Vec<Arc<str>>, LoadError> {
        let Some(text) = self.fields.get(field).and_then(Option::as_deref) else { return Ok(Vec::new()) };
        let strings: Vec<Option<String>> = serde_json::from_str(text).map_err(|_| self.malformed(field))?;
        Ok(strings.into_iter().map(|string| Arc::from(string.unwrap_or_default())).collect())
    }

    /// A Boolean as the server prints it, `t` or `f` (`true`, `false` when cast to text).
    pub(super) fn boolean(&self, field: usize) -> Result<bool, LoadError> {
        match self.str(field)? {
            "t" | "true" => Ok(true),
            "f" | "false" => Ok(false),
            _ => Err(self.malformed(field)),
        }
    }

    /// A single character.
    pub(super) fn character(&self, field: usize) -> Result<char, LoadError> {
        self.str(field)?.chars().next().ok_or_else(|| self.malformed(field))
    }
}
