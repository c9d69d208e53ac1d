//! PostgreSQL text -> tree, by PostgreSQL's own grammar.
//!
//! Depth is bounded twice: the grammar's C code checks its stack, and decoding its answer stops at 100 nested
//! messages. What is deeper is unreadable, so that lowering may recurse freely.

mod call;
mod change;
mod expression;
mod from;
mod query;

use std::sync::Arc;

use pg_query::{Node, NodeEnum, ParserOptions};

use crate::statement::tree::{Dml, Expr, Name, Query, Unknown};

/// The longest text that is read, in bytes.
pub const TEXT_MAX: usize = 1 << 20;

/// Comments opened in one run of operator characters, at most. The grammar's scanner looks at the whole run again for each
/// of them, so that `/*/*/*…` costs it the square of its length.
const STACKED_MAX: usize = 64;

/// A parsed statement and where it stands in its batch.
#[derive(Debug)]
pub struct Parsed {
    /// The grammar's tree.
    pub node: NodeEnum,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// Why a text could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It breaks the grammar.
    #[error("not SQL that this grammar reads")]
    Syntax,
    /// Longer than [`TEXT_MAX`].
    #[error("longer than 1 MiB")]
    TooLong,
    /// Nested deeper than can be read.
    #[error("nested too deep")]
    TooDeep,
    /// It has a zero byte.
    #[error("contains a zero byte")]
    ZeroByte,
}

/// Parses a batch. An empty batch gives an empty list.
pub fn parse(text: &str, standard_conforming_strings: bool) -> Result<Vec<Parsed>, Unreadable> {
    if text.len() > TEXT_MAX {
        return Err(Unreadable::TooLong);
    }
    if text.as_bytes().contains(&0) {
        return Err(Unreadable::ZeroByte);
    }
    if !scans_in_time(text) {
        return Err(Unreadable::TooDeep);
    }
    let mut options = ParserOptions::DISABLE_ESCAPE_STRING_WARNING;
    if !standard_conforming_strings {
        options |= ParserOptions::DISABLE_STANDARD_CONFORMING_STRINGS;
    }
    let result = pg_query::parse(text, options).map_err(|error| match error {
        pg_query::Error::Decode(_) => Unreadable::TooDeep,
        pg_query::Error::Parse(message) if message.contains("stack depth") => Unreadable::TooDeep,
        _ => Unreadable::Syntax,
    })?;
    let mut parsed = Vec::new();
    for raw in result.protobuf.stmts {
        let start = usize::try_from(raw.stmt_location).unwrap_or(0);
        let end = match usize::try_from(raw.stmt_len) {
            Ok(0) | Err(_) => text.len(),
            Ok(length) => start.saturating_add(length),
        };
        let Some(node) = raw.stmt.and_then(|stmt| stmt.node) else {
            return Err(Unreadable::Syntax);
        };
        parsed.push(Parsed { node, start, end });
    }
    Ok(parsed)
}

/// The scanner gets through this text in time in proportion to its length. Ask before anything of the grammar is called.
pub fn scans_in_time(text: &str) -> bool {
    text.len() <= TEXT_MAX && stacked_comments(text.as_bytes()) <= STACKED_MAX
}

/// The most `/*` in any one run of operator characters, quoted or not.
fn stacked_comments(text: &[u8]) -> usize {
    let (mut most, mut here, mut before) = (0, 0, b' ');
    for &byte in text {
        if !b"~!@#^&|`?+-*/%<>=".contains(&byte) {
            here = 0;
        } else if (before, byte) == (b'/', b'*') {
            here += 1;
            most = most.max(here);
        }
        before = byte;
    }
    most
}

/// Parses a text that must be one query, such as a view's definition.
pub fn parse_query(text: &str) -> Option<Query> {
    let mut parsed = parse(text, true).ok()?;
    let only = parsed.pop()?;
    match (parsed.is_empty(), lower(&only.node)) {
        (true, Some(Dml::Query(query))) => Some(*query),
        _ => None,
    }
}

/// Lowers a query or a change of rows; `None` for every other statement. SELECT INTO is lowered without its INTO.
pub fn lower(node: &NodeEnum) -> Option<Dml> {
    change::statement(node)
}

/// Lowers one expression that stands alone, such as an argument of EXECUTE.
pub fn lower_expression(node: &Node) -> Expr {
    expression::expression(node)
}

fn name(text: &str) -> Name {
    Arc::from(text)
}

fn names(nodes: &[Node]) -> Vec<Name> {
    nodes.iter().filter_map(string).collect()
}

fn string(node: &Node) -> Option<Name> {
    match &node.node {
        Some(NodeEnum::String(string)) => Some(name(&string.sval)),
        _ => None,
    }
}

fn inner(node: &Option<Box<Node>>) -> Option<&Node> {
    node.as_deref()
}

fn unknown(what: &str, why: &str) -> Unknown {
    Unknown { what: name(what), why: name(why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stacked_to_waste_time_are_too_deep() {
        let stacked = |count: usize| format!("{}SELECT 1{}", "/*".repeat(count), "*/".repeat(count));
        assert!(matches!(parse(&stacked(500_000 / 2), true), Err(Unreadable::TooDeep)));
        assert!(parse(&stacked(50), true).is_ok_and(|parsed| parsed.is_empty()));
        let banner = format!("/*{}*/ SELECT 1 -- {}", "*".repeat(5000), "/* ".repeat(5000));
        assert_eq!(parse(&banner, true).map(|parsed| parsed.len()), Ok(1));
    }
}
