//! The key under which verdicts are cached: a statement's bytes with harmless literals cut out, made without a parse.
//!
//! A literal is cut only where its value cannot change how the statement is read or what it touches: behind a comparison
//! with a name on its left, in `IN (…)` of such, behind LIKE and BETWEEN, and as an element of a VALUES row. Everything
//! else stays byte for byte: LIMIT, positions in ORDER BY, casts, arguments, typmods. Whatever is doubtful has no key.

mod scanner;

use std::ops::Range;

use self::scanner::Scanner;
use crate::statement::scope::Dialect;

/// Longer texts have no key.
const TEXT_MAX: usize = 64 * 1024;

/// Longest text of another verb that is kept whole.
const WHOLE_MAX: usize = 1024;

/// A statement's bytes without harmless literals. Equal skeletons have equal footprints under the same scope and
/// catalog: compare the bytes, never a hash alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheKey {
    /// The text, each cut literal replaced by two bytes that tell its kind.
    pub skeleton: Vec<u8>,
    /// Where the cut literals stood in the text, in order.
    pub literals: Vec<Range<u32>>,
}

/// The key of one statement, or `None` if there is any doubt: more than one statement, dollar quotes, escape strings,
/// names that are not ASCII, backslashes while `standard_conforming_strings` is off, odd numbers, control bytes.
pub fn cache_key(text: &str, dialect: &Dialect) -> Option<CacheKey> {
    let mut key = CacheKey::default();
    cache_key_into(text, dialect, &mut key).then_some(key)
}

/// Like [`cache_key`], but reuses the buffers of `key`. When `false`, what `key` holds means nothing.
pub fn cache_key_into(text: &str, dialect: &Dialect, key: &mut CacheKey) -> bool {
    key.skeleton.clear();
    key.literals.clear();
    let bytes = text.as_bytes();
    let reads_otherwise = match dialect {
        Dialect::Postgres { standard_conforming_strings } => !standard_conforming_strings && bytes.contains(&b'\\'),
        Dialect::MySql(_) => is_mysqls_own(bytes),
    };
    if bytes.len() > TEXT_MAX || reads_otherwise {
        return false;
    }
    key.skeleton.reserve(bytes.len() + 16);
    if has_rows(bytes) { Scanner::new(bytes, key).run().is_some() } else { whole(bytes, key) }
}

/// Does it start like SELECT, INSERT, UPDATE, DELETE, WITH, VALUES?
fn has_rows(bytes: &[u8]) -> bool {
    let rest = bytes.trim_ascii_start();
    let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
    let word = rest.get(..end).unwrap_or_default();
    let verbs: [&[u8]; 6] = [b"select", b"insert", b"update", b"delete", b"with", b"values"];
    verbs.iter().any(|verb| word.eq_ignore_ascii_case(verb))
}

/// Has it anything that MySQL, in whatever mode, may read in another way than the scan does? Escapes, other quotes, comments,
/// variables, strings behind a character set or a sign of their kind, numbers in other digits.
fn is_mysqls_own(bytes: &[u8]) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut inside = false;
    let mut before = b' ';
    for &byte in bytes {
        if byte == b'\'' {
            if !inside && (word(before) || before == b'\'') {
                return true;
            }
            inside = !inside;
        }
        let number_in_letters = before.is_ascii_digit() && byte.is_ascii_alphabetic();
        let comment = matches!((before, byte), (b'/', b'*') | (b'-', b'-'));
        if number_in_letters || comment || !byte.is_ascii() || b"\\\"`#@${}[]:".contains(&byte) {
            return true;
        }
        before = byte;
    }
    // Strings side by side are one.
    bytes.windows(3).any(|three| matches!(three, [b'\'', b' ' | b'\n' | b'\t' | b'\r', b'\'']))
}

/// Texts of other verbs are keyed whole, if they are short and surely one statement.
fn whole(bytes: &[u8], key: &mut CacheKey) -> bool {
    let body = bytes.trim_ascii_end();
    let body = body.strip_suffix(b";").unwrap_or(body);
    if bytes.len() > WHOLE_MAX || body.iter().any(|byte| *byte == b';' || is_control(*byte) || !byte.is_ascii()) {
        return false;
    }
    key.skeleton.extend_from_slice(bytes);
    true
}

/// Control bytes but tab, line feed and carriage return; slots are made of them, so no text may contain one.
fn is_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r') || byte == 0x7f
}

#[cfg(test)]
#[path = "key/tests.rs"]
mod tests;
