//! Constants, parameters, and names that are none of a column: user variables, settings, words for the session.

use std::sync::Arc;

use sqlparser::ast::{self, Value};

use super::{Lowering, is_word, lower_case, opaque};
use crate::statement::tree::{Constant, Expr};

/// Character sets that may stand before a string, after an underscore. A name that is none of these is a column with a name
/// given to it.
const CHARACTER_SETS: [&str; 41] = [
    "armscii8", "ascii", "big5", "binary", "cp1250", "cp1251", "cp1256", "cp1257", "cp850", "cp852", "cp866", "cp932",
    "dec8", "eucjpms", "euckr", "gb18030", "gb2312", "gbk", "geostd8", "greek", "hebrew", "hp8", "keybcs2", "koi8r",
    "koi8u", "latin1", "latin2", "latin5", "latin7", "macce", "macroman", "sjis", "swe7", "tis620", "ucs2", "ujis",
    "utf16", "utf16le", "utf32", "utf8mb3", "utf8mb4",
];

/// Words that call a function without parentheses. All are reserved, so that no column is named so without quotes.
const SESSION_WORDS: [&str; 9] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "utc_date",
    "utc_time",
    "utc_timestamp",
];

/// Settings that tell of the statement before, whose warnings quote values.
const TELLING_SETTINGS: [&str; 2] = ["warning_count", "error_count"];

impl Lowering<'_> {
    pub(super) fn constant(&self, value: &Value) -> Expr {
        let constant = match value {
            Value::Number(digits, false) => match digits.parse() {
                Ok(number) => Constant::Integer(number),
                Err(_) => Constant::Number,
            },
            Value::Boolean(_) => Constant::Number,
            Value::Null => Constant::Null,
            Value::SingleQuotedString(_)
            | Value::NationalStringLiteral(_)
            | Value::HexStringLiteral(_)
            | Value::SingleQuotedByteStringLiteral(_) => Constant::Other,
            Value::DoubleQuotedString(_) if !self.reading.ansi_quotes => Constant::Other,
            Value::Placeholder(mark) if mark == "?" => return Expr::Parameter(0),
            _ => return opaque("constant", Vec::new()),
        };
        Expr::Constant(constant)
    }

    /// `_utf8mb4'…'`.
    pub(super) fn introduced(&self, prefix: &ast::Ident, value: &ast::Expr) -> Expr {
        let name = lower_case(&prefix.value);
        let set = name.strip_prefix('_').filter(|_| prefix.quote_style.is_none());
        let known = set.is_some_and(|set| set == "utf8" || CHARACTER_SETS.contains(&set));
        match value {
            ast::Expr::Value(value) if known => self.constant(&value.value),
            _ => opaque("string", Vec::new()),
        }
    }

    /// A name that stands alone.
    pub(super) fn identifier(&self, ident: &ast::Ident) -> Expr {
        if ident.quote_style.is_none() {
            if let Some(setting) = ident.value.strip_prefix("@@") {
                return self.setting(setting);
            }
            if let Some(variable) = ident.value.strip_prefix('@') {
                return match variable.chars().any(super::is_doubtful) {
                    true => opaque("user variable", Vec::new()),
                    false => Expr::Variable(Arc::from(lower_case(variable))),
                };
            }
            if let Some(word) = SESSION_WORDS.iter().find(|word| is_word(ident, word)) {
                return Expr::Session(Arc::from(*word));
            }
        }
        match self.column_name(ident) {
            Some(name) => Expr::Column(vec![name]),
            None => opaque("name", Vec::new()),
        }
    }

    /// A name in several parts.
    pub(super) fn compound(&self, parts: &[ast::Ident]) -> Expr {
        if let [first, .., last] = parts
            && first.quote_style.is_none()
            && first.value.starts_with("@@")
        {
            return self.setting(&last.value);
        }
        match self.column_path(parts) {
            Some(path) => Expr::Column(path),
            None => opaque("name", Vec::new()),
        }
    }

    fn setting(&self, name: &str) -> Expr {
        let name = lower_case(name);
        match TELLING_SETTINGS.contains(&name.as_str()) {
            true => opaque(&format!("@@{name}"), Vec::new()),
            false => Expr::Session(Arc::from(format!("@@{name}"))),
        }
    }
}
