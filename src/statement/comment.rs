//! The one trailing sqlcommenter block that a statement may carry: `/*key='value',…*/`, keys and values URL-encoded.
//!
//! Such blocks hold trace ids and so differ from one sending to the next; they are set aside before a statement is
//! digested. Never `/*!` or `/*+`: those are executed, or steer the planner.

use crate::statement::mysql;
use crate::statement::scope::Dialect;

/// A longer block is not recognised.
const BLOCK_MAX: usize = 4096;

/// Parts the text from its trailing sqlcommenter block; a `;` and white space behind the block go with it.
///
/// The pairs come decoded, in order. Without such a block, or when in doubt whether it is one (it might stand in a
/// string), the whole text comes back with no pairs.
pub fn split_sqlcommenter<'t>(text: &'t str, dialect: &Dialect) -> (&'t str, Vec<(String, String)>) {
    recognise(text, dialect).unwrap_or((text, Vec::new()))
}

fn recognise<'t>(text: &'t str, dialect: &Dialect) -> Option<(&'t str, Vec<(String, String)>)> {
    let end = text.trim_end_matches(|c: char| c.is_ascii_whitespace());
    let end = end.strip_suffix(';').unwrap_or(end).trim_end_matches(|c: char| c.is_ascii_whitespace());
    let inside = end.strip_suffix("*/")?;
    let start = inside.rfind("/*")?;
    let before = inside.get(..start)?;
    let block = inside.get(start + 2..)?;
    let in_code = match dialect {
        Dialect::Postgres { .. } => ends_in_code(before.as_bytes()),
        Dialect::MySql(reading) => mysql::lex::ends_in_code(before, reading),
    };
    if block.len() > BLOCK_MAX || !in_code {
        return None;
    }
    let pairs = pairs(block)?;
    Some((before.trim_end_matches(|c: char| c.is_ascii_whitespace()), pairs))
}

/// `key='value'`, separated by commas; at least one.
fn pairs(block: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = block;
    loop {
        let (key, after) = rest.split_once("='")?;
        let (value, after) = after.split_once('\'')?;
        let key = key.trim_matches(' ');
        let legal_key =
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte));
        let legal_value = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~%!*()+/:=@,".contains(&byte));
        if !legal_key || !legal_value || value.contains("*/") {
            return None;
        }
        found.push((decode(key), decode(value)));
        match after.trim_matches(' ') {
            "" => return Some(found),
            more => rest = more.strip_prefix(',')?,
        }
    }
}

/// Undoes URL encoding; what is not a valid escape stays as it is, bytes that are not UTF-8 become U+FFFD.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|digits| {
            let digits =
                std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()))?;
            u8::from_str_radix(digits, 16).ok()
        });
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Is the end of this text outside every string, quoted name and comment, however backslashes are read?
fn ends_in_code(text: &[u8]) -> bool {
    // A quote behind a backslash ends a string or does not, depending on settings.
    if text.windows(2).any(|pair| pair == b"\\'") {
        return false;
    }
    let mut rest = text;
    let mut before = b' ';
    while let Some((first, after)) = rest.split_first() {
        let second = after.first().copied();
        let next = match (first, second) {
            (b'\'' | b'"', _) => skip_past(after, &[*first]),
            (b'-', Some(b'-')) => skip_past(after, b"\n"),
            (b'/', Some(b'*')) => after.get(1..).and_then(skip_comment),
            (b'$', Some(b'0'..=b'9')) => Some(after),
            // FAIL CLOSED: a dollar sign that is neither a parameter's nor inside a name may open a string.
            (b'$', _) if !(before.is_ascii_alphanumeric() || before == b'_') => None,
            _ => Some(after),
        };
        let Some(next) = next else { return false };
        before = *first;
        rest = next;
    }
    true
}

/// What follows the first occurrence of `mark`.
fn skip_past<'a>(text: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = text.windows(mark.len()).position(|window| window == mark)?;
    text.get(at + mark.len()..)
}

/// What follows a comment whose opening has been read; comments nest.
fn skip_comment(text: &[u8]) -> Option<&[u8]> {
    let mut depth = 1_usize;
    let mut rest = text;
    while let Some(pair) = rest.get(..2) {
        let step = match pair {
            b"/*" => {
                depth += 1;
                2
            }
            b"*/" => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        rest = rest.get(step..)?;
        if depth == 0 {
            return Some(rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::scope::Flavour;

    const POSTGRES: Dialect = Dialect::Postgres { standard_conforming_strings: true };

    #[test]
    fn mysqls_text_is_read_in_its_own_mode() {
        let reading = crate::statement::scope::MySqlReading::plain(Flavour::MySql, 80_403);
        let dialect = Dialect::MySql(reading);
        for (text, rest) in [
            ("SELECT `a` FROM t /*a='b'*/", "SELECT `a` FROM t"),
            ("SELECT 'it\\'s' /*a='b'*/;", "SELECT 'it\\'s'"),
            ("SELECT 1 # x'\n /*a='b'*/", "SELECT 1 # x'"),
            ("SELECT 1 /*! + 1 */ /*a='b'*/", "SELECT 1 /*! + 1 */"),
        ] {
            assert_eq!(split_sqlcommenter(text, &dialect).0, rest, "{text}");
        }
        for text in [
            "SELECT 1--'\n', '/*a='b'*/",
            "SELECT 1 # /*a='b'*/",
            "SELECT 1 -- /*a='b'*/",
            "SELECT `x /*a='b'*/",
            "SELECT \"x /*a='b'*/",
            "SELECT 'x\\' /*a='b'*/",
            "SELECT 1 /*! + 1 /*a='b'*/",
            "SELECT 1 /*!a='b'*/",
        ] {
            assert_eq!(split_sqlcommenter(text, &dialect), (text, Vec::new()), "{text}");
        }
    }

    #[test]
    fn a_trailing_block_is_set_aside_and_decoded() {
        type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
        let table: &[Row] = &[
            (
                "SELECT 1 /*reason='refund%20check',traceparent='00-ab-cd-01'*/",
                "SELECT 1",
                &[("reason", "refund check"), ("traceparent", "00-ab-cd-01")],
            ),
            ("SELECT 1/*a='b'*/;  \n", "SELECT 1", &[("a", "b")]),
            ("SELECT 1; /*a='b'*/", "SELECT 1;", &[("a", "b")]),
            ("SELECT 'it''s' /*a=''*/", "SELECT 'it''s'", &[("a", "")]),
            ("SELECT $1 /*route='%5Epolls/%24', b='%C3%BC'*/", "SELECT $1", &[("route", "^polls/$"), ("b", "ü")]),
            ("/*+ IndexScan(t) */ SELECT 1 -- x'\n /*a='b'*/", "/*+ IndexScan(t) */ SELECT 1 -- x'", &[("a", "b")]),
            ("SELECT '\\d' /*a='b'*/", "SELECT '\\d'", &[("a", "b")]),
            ("SELECT a$b /*a='%zz'*/", "SELECT a$b", &[("a", "%zz")]),
            ("SELECT 1 /*a='b'*/ /*c='d'*/", "SELECT 1 /*a='b'*/", &[("c", "d")]),
        ];
        for (text, rest, pairs) in table {
            let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(split_sqlcommenter(text, &POSTGRES), (*rest, pairs), "{text}");
        }
    }

    #[test]
    fn what_is_not_surely_such_a_block_stays_in_the_text() {
        let texts = [
            "SELECT 1",
            "",
            "*/",
            "/*/",
            "SELECT 1 /* plain */",
            "SELECT 1 /**/",
            "SELECT 1 /*!a='b'*/",
            "SELECT 1 /*+a='b'*/",
            "SELECT 1 /*a='b' c*/",
            "SELECT 1 /*a='b',*/",
            "SELECT 1 /*a='b'*/ FROM t",
            "SELECT 1 -- /*a='b'*/",
            "SELECT 'x /*a='b'*/",
            "SELECT \"x /*a='b'*/",
            "SELECT $$ /*a='b'*/",
            "SELECT $x$ /*a='b'*/",
            "SELECT 'x\\' /*a='b'*/",
            "SELECT E'x\\'' /*a='b'*/",
            "SELECT 1 /* /*a='b'*/",
            "SELECT 1 /*a='b'*/ */",
            "SELECT 1 /*a='b\u{e9}'*/",
            "SELECT 1 /*a='b\\'c'*/",
        ];
        for text in texts {
            assert_eq!(split_sqlcommenter(text, &POSTGRES), (text, Vec::new()), "{text}");
        }
    }
}
