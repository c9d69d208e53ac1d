//! What statements have in common once literals are taken out: exact forms by PostgreSQL's own scanner for people and
//! statistics, and a fast key of our own for the cache of verdicts ([`key`]).

pub mod key;
mod mysql;

use pg_query::protobuf::Token;
use sha2::{Digest, Sha256};

use crate::statement::pg::scans_in_time;
use crate::statement::scope::Dialect;

/// Stands for a text that cannot be shown without its literals.
const WITHHELD: &str = "(text withheld)";

/// A statement without its literals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normalised {
    /// The text with literals replaced by `$n`; withheld but for the verb when it cannot be read.
    pub text: String,
    /// Equal for statements of the same structure.
    pub fingerprint: u64,
}

/// Normalises a statement of this dialect. A text that cannot be read is withheld, and its fingerprint is that of the exact
/// bytes.
pub fn normalise(text: &str, dialect: &Dialect) -> Normalised {
    match dialect {
        Dialect::Postgres { .. } => normalise_postgres(text),
        Dialect::MySql(reading) => mysql::normalise(text, reading),
    }
}

/// Normalises by PostgreSQL's grammar; takes tens of microseconds. A text that cannot be parsed, or whose strings read
/// differently with other settings, is withheld, and its fingerprint is that of the exact bytes.
fn normalise_postgres(text: &str) -> Normalised {
    let read = if reads_alike(text) { pg_query::normalize(text).ok() } else { None };
    let readable = scans_in_time(text).then_some(text);
    let fingerprint =
        readable.and_then(|text| pg_query::fingerprint(text, 0, 0).ok()).map(|fingerprint| fingerprint.value);
    match (read, fingerprint) {
        (Some(text), Some(fingerprint)) => Normalised { text: without_comments(&text), fingerprint },
        (_, fingerprint) => {
            let fingerprint = fingerprint.unwrap_or_else(|| of_bytes(text.as_bytes()));
            Normalised { text: withheld(text), fingerprint }
        }
    }
}

/// The first eight bytes of a digest, as a number.
fn of_bytes(bytes: &[u8]) -> u64 {
    Sha256::digest(bytes).iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// The text for people who must not see literals: each becomes `?`, comments go. Withheld but for the verb when the text
/// cannot be scanned, or when its strings read differently with other settings.
pub fn withhold_literals(text: &str, dialect: &Dialect) -> String {
    if let Dialect::MySql(reading) = dialect {
        return mysql::replaced(text, reading).unwrap_or_else(|| withheld(text));
    }
    if !reads_alike(text) {
        return withheld(text);
    }
    replaced(text, "?").unwrap_or_else(|| withheld(text))
}

/// A quote behind a backslash ends a string, or does not, depending on `standard_conforming_strings`. What would take the
/// scanner too long is as good as unreadable.
fn reads_alike(text: &str) -> bool {
    scans_in_time(text) && !text.contains("\\'")
}

fn without_comments(normal: &str) -> String {
    replaced(normal, "?").unwrap_or_else(|| withheld(normal))
}

/// The text with each literal token replaced and each comment dropped.
fn replaced(text: &str, literal: &str) -> Option<String> {
    let scanned = pg_query::scan(text).ok()?;
    let mut shown = String::with_capacity(text.len());
    let mut copied = 0_usize;
    for token in &scanned.tokens {
        let (start, end) = (usize::try_from(token.start).ok()?, usize::try_from(token.end).ok()?);
        let instead = match Token::try_from(token.token).ok()? {
            Token::Sconst | Token::Usconst | Token::Iconst | Token::Fconst | Token::Bconst | Token::Xconst => literal,
            Token::SqlComment | Token::CComment => "",
            _ => continue,
        };
        shown.push_str(text.get(copied..start)?);
        shown.push_str(instead);
        copied = end;
    }
    shown.push_str(text.get(copied..)?);
    Some(shown.trim().to_owned())
}

/// The first word, if it is one that starts statements, and nothing else.
fn withheld(text: &str) -> String {
    const VERBS: &str = "select insert update delete merge with values table copy create alter drop truncate grant revoke \
        set reset show explain begin start commit rollback savepoint release prepare execute deallocate declare fetch \
        move close call do listen unlisten notify lock vacuum analyze cluster reindex refresh comment discard replace \
        use handler load describe desc rename flush kill";
    let word: String = text.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
    let known = VERBS.split_ascii_whitespace().any(|verb| verb.eq_ignore_ascii_case(&word));
    if known { format!("{} {WITHHELD}", word.to_ascii_uppercase()) } else { WITHHELD.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::scope::{Flavour, MySqlReading};

    const POSTGRES: Dialect = Dialect::Postgres { standard_conforming_strings: true };

    #[test]
    fn mysqls_literals_are_withheld_as_its_server_reads_them() {
        let dialect = Dialect::MySql(MySqlReading::plain(Flavour::MySql, 80_403));
        for (text, shown) in [
            ("SELECT `a` FROM t WHERE b = 'it\\'s' AND c = \"x\" -- secret", "SELECT `a` FROM t WHERE b = ? AND c = ?"),
            ("SELECT/* secret */x'41', 0x41, _utf8mb4 'x' 'y' # secret", "SELECT ?, ?, ?"),
            ("SELECT 1 /*! , 'x' */ FROM t", "SELECT ? , ? FROM t"),
            ("SET @a = 'secret'", "SET @a = ?"),
            ("SELECT 'open secret", "SELECT (text withheld)"),
            ("SELECT 1 =! 'secret'", "SELECT (text withheld)"),
        ] {
            assert_eq!(withhold_literals(text, &dialect), shown, "{text}");
        }
        let print = |text: &str| normalise(text, &dialect).fingerprint;
        assert_eq!(print("select a from t where b in (1, 2, 3)"), print("SELECT a  FROM t WHERE b IN (7)/* x */"));
        assert_ne!(print("select a from t where b = 1"), print("select a from T where b = 1"));
        assert_ne!(print("select a from t where b = 1"), print("select a, c from t where b = 1"));
        assert_ne!(print("select 'open"), print("select 'open2"));
    }

    #[test]
    fn literals_of_every_kind_are_withheld() {
        let table = [
            ("SELECT * FROM t WHERE a = 'x' AND b = 5", "SELECT * FROM t WHERE a = ? AND b = ?"),
            ("SELECT E'a\\n', U&'\\0041', B'1', X'FF', 1.5e3, $$dollar$$, $q$x$q$", "SELECT ?, ?, ?, ?, ?, ?, ?"),
            ("SELECT 1 /* secret */ -- secret\n, 2", "SELECT ?  \n, ?"),
            ("INSERT INTO t VALUES ('it''s', -1, $1)", "INSERT INTO t VALUES (?, -?, $1)"),
            ("SELECT 'a'\n'b' FROM \"Odd 'Name\"", "SELECT ? FROM \"Odd 'Name\""),
            ("SELECT naïve FROM t WHERE b = 'geheim'", "SELECT naïve FROM t WHERE b = ?"),
            ("selec 'x'", "selec ?"),
        ];
        for (text, shown) in table {
            assert_eq!(withhold_literals(text, &POSTGRES), shown, "{text}");
        }
    }

    #[test]
    fn a_text_that_cannot_be_scanned_shows_only_its_verb() {
        let table = [
            ("SELECT 'unterminated secret", "SELECT (text withheld)"),
            ("SELECT 'a\\' OR secret", "SELECT (text withheld)"),
            ("sesame 'unterminated", "(text withheld)"),
            ("SELECT 'nul\0", "SELECT (text withheld)"),
        ];
        for (text, shown) in table {
            assert_eq!(withhold_literals(text, &POSTGRES), shown, "{text}");
        }
    }

    #[test]
    fn statements_of_one_structure_share_a_fingerprint() {
        let one = normalise("SELECT * FROM t WHERE a = 5 /* secret */", &POSTGRES);
        let other = normalise("select  * from t where a = 77", &POSTGRES);
        assert_eq!(one.text, "SELECT * FROM t WHERE a = $1");
        assert_eq!(one.fingerprint, other.fingerprint);
        assert_ne!(one.fingerprint, normalise("SELECT * FROM u WHERE a = 5", &POSTGRES).fingerprint);
        let broken = normalise("SELECT FROM WHERE 'secret'", &POSTGRES);
        assert_eq!(broken.text, "SELECT (text withheld)");
        assert_ne!(broken.fingerprint, normalise("SELECT FROM WHERE 'other'", &POSTGRES).fingerprint);
    }
}
