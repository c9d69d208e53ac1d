//! Colours for SQL: a tokenizer that loses no byte. A text it misreads is coloured wrongly and shown whole all the same;
//! what the statement amounts to is never taken from here.

use maud::{Markup, Render, html};

use crate::api::page::visible::{Layout, Shown};

/// What a piece of the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Comment,
    Keyword,
    Number,
    Other,
    Parameter,
    Quoted,
    Text,
    Word,
}

impl Kind {
    fn class(self) -> Option<&'static str> {
        match self {
            Self::Comment => Some("c"),
            Self::Keyword => Some("k"),
            Self::Number => Some("n"),
            Self::Parameter => Some("p"),
            Self::Quoted => Some("q"),
            Self::Text => Some("s"),
            Self::Other | Self::Word => None,
        }
    }
}

/// The text with its pieces coloured.
pub fn highlighted(text: &str, protocol: &str) -> Markup {
    html! {
        @for (kind, piece) in pieces(text, protocol == "mysql") {
            @match kind.class() {
                Some(class) => span class=(class) { (Shown(piece, Layout::Code)) },
                None => (foreign(piece)),
            }
        }
    }
}

/// Letters beyond ASCII outside of strings and comments are marked: they may look like others.
fn foreign(piece: &str) -> Markup {
    if piece.is_ascii() {
        return Shown(piece, Layout::Code).render();
    }
    html! {
        @for (at, letter) in piece.char_indices() {
            @let shown = piece.get(at..at + letter.len_utf8()).unwrap_or_default();
            @if letter.is_alphanumeric() && !letter.is_ascii() {
                span.foreign title=(format!("U+{:04X}", u32::from(letter))) { (Shown(shown, Layout::Code)) }
            } @else {
                (Shown(shown, Layout::Code))
            }
        }
    }
}

fn pieces(text: &str, mysql: bool) -> Vec<(Kind, &str)> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (kind, length) = piece(rest, first, mysql);
        // Never less than a character: there is always a next one.
        let length = length.max(first.len_utf8()).min(rest.len());
        let (Some(piece), Some(behind)) = (rest.get(..length), rest.get(length..)) else {
            pieces.push((Kind::Other, rest));
            break;
        };
        pieces.push((kind, piece));
        rest = behind;
    }
    pieces
}

/// Kind and bytes of the piece at the start of `rest`.
fn piece(rest: &str, first: char, mysql: bool) -> (Kind, usize) {
    let word =
        |from: usize| from + run(rest.get(from..).unwrap_or_default(), |c| c.is_alphanumeric() || c == '_' || c == '$');
    match first {
        '-' if rest.starts_with("--") => (Kind::Comment, run(rest, |c| c != '\n' && c != '\r')),
        '#' if mysql => (Kind::Comment, run(rest, |c| c != '\n')),
        // MySQL runs what stands in these: it is no comment.
        '/' if mysql && (rest.starts_with("/*!") || rest.starts_with("/*M!")) => (Kind::Keyword, 3),
        '/' if rest.starts_with("/*") => (Kind::Comment, comment(rest, !mysql)),
        '\'' => (Kind::Text, string(rest, 1, '\'', mysql)),
        '"' if mysql => (Kind::Text, string(rest, 1, '"', true)),
        '"' => (Kind::Quoted, string(rest, 1, '"', false)),
        '`' if mysql => (Kind::Quoted, string(rest, 1, '`', false)),
        'e' | 'E' if !mysql && rest.get(1..2) == Some("'") => (Kind::Text, string(rest, 2, '\'', true)),
        '$' if !mysql => dollar(rest),
        '?' if mysql => (Kind::Parameter, 1),
        '@' if mysql => (Kind::Parameter, word(1)),
        '0'..='9' => (Kind::Number, run(rest, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_')),
        _ if first.is_alphabetic() || first == '_' => {
            let length = word(0);
            (if keyword(rest.get(..length).unwrap_or_default()) { Kind::Keyword } else { Kind::Word }, length)
        }
        _ if first.is_whitespace() => (Kind::Other, run(rest, char::is_whitespace)),
        _ => (Kind::Other, first.len_utf8()),
    }
}

/// Bytes of the characters at the start that pass.
fn run(text: &str, pass: impl Fn(char) -> bool) -> usize {
    text.char_indices().find(|(_, c)| !pass(*c)).map_or(text.len(), |(at, _)| at)
}

/// Bytes of a string that began `open` bytes ago; a doubled quote is part of it, and one behind a backslash if those escape.
fn string(text: &str, open: usize, quote: char, escapes: bool) -> usize {
    let mut letters = text.char_indices().skip_while(|(at, _)| *at < open).peekable();
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' && escapes {
            letters.next();
        } else if letter == quote && letters.next_if(|(_, next)| *next == quote).is_none() {
            return at + letter.len_utf8();
        }
    }
    text.len()
}

/// Bytes of a comment; PostgreSQL's nest.
fn comment(text: &str, nests: bool) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") && (nests || depth == 0) {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// `$1`, or `$tag$ … $tag$`.
fn dollar(text: &str) -> (Kind, usize) {
    let rest = text.get(1..).unwrap_or_default();
    let digits = run(rest, |c| c.is_ascii_digit());
    if digits > 0 {
        return (Kind::Parameter, 1 + digits);
    }
    let tag = 1 + run(rest, |c| c.is_alphanumeric() || c == '_');
    let Some(opening) = text.get(..tag + 1).filter(|opening| opening.ends_with('$')) else { return (Kind::Other, 1) };
    let body = text.get(opening.len()..).unwrap_or_default();
    let end = body.find(opening).map_or(text.len(), |at| opening.len() + at + opening.len());
    (Kind::Text, end)
}

fn keyword(word: &str) -> bool {
    const WORDS: &str = " ADD ALL ALTER ANALYZE AND ANY AS ASC BEGIN BETWEEN BY CALL CASCADE CASE CAST CHECK COLUMN COMMENT \
        COMMIT CONFLICT CONSTRAINT COPY CREATE CROSS CURRENT CURSOR DATABASE DECLARE DEFAULT DELETE DESC DISTINCT DO DROP \
        DUPLICATE ELSE END EXCEPT EXECUTE EXISTS EXPLAIN EXTENSION FALSE FETCH FILTER FOR FOREIGN FROM FULL FUNCTION GRANT \
        GROUP HAVING IF ILIKE IN INDEX INFILE INNER INSERT INTERSECT INTO IS JOIN KEY LATERAL LEFT LIKE LIMIT LOAD LOCK \
        MATERIALIZED MERGE NATURAL NO NOT NOTHING NULL OF OFFSET ON OR ORDER OUTER OUTFILE OVER OWNER PARTITION PREPARE \
        PRIMARY PRIVILEGES PROCEDURE PUBLIC REFERENCES REINDEX RENAME REPLACE RESET RESTRICT RETURNING REVOKE RIGHT ROLE \
        ROLLBACK ROW ROWS SAVEPOINT SCHEMA SELECT SEQUENCE SET SHOW SOME SYSTEM TABLE TEMPORARY THEN TO TRANSACTION TRIGGER \
        TRUE TRUNCATE TYPE UNION UNIQUE UPDATE USER USING VACUUM VALUES VIEW WHEN WHERE WINDOW WITH ";
    word.is_ascii() && WORDS.contains(&format!(" {} ", word.to_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str, mysql: bool) -> Vec<(Kind, &str)> {
        pieces(text, mysql).into_iter().filter(|(_, piece)| !piece.trim().is_empty()).collect()
    }

    #[test]
    fn strings_comments_and_words_are_told_apart() {
        use Kind::{Comment, Keyword, Number, Other, Parameter, Quoted, Text, Word};
        assert_eq!(
            kinds("SELECT \"a\", 'it''s', E'\\'', $1 FROM t -- x\n/* a /* b */ c */ 1.5", false),
            [
                (Keyword, "SELECT"),
                (Quoted, "\"a\""),
                (Other, ","),
                (Text, "'it''s'"),
                (Other, ","),
                (Text, "E'\\''"),
                (Other, ","),
                (Parameter, "$1"),
                (Keyword, "FROM"),
                (Word, "t"),
                (Comment, "-- x"),
                (Comment, "/* a /* b */ c */"),
                (Number, "1.5"),
            ]
        );
        assert_eq!(kinds("DO $a$ DROP $$ $a$;", false)[1], (Text, "$a$ DROP $$ $a$"));
        assert_eq!(kinds("-- a\rDROP", false), [(Comment, "-- a"), (Keyword, "DROP")]);
    }

    #[test]
    fn mysql_runs_what_looks_like_a_comment() {
        use Kind::{Comment, Keyword, Number, Other, Quoted, Text, Word};
        assert_eq!(
            kinds("/*!50000 DROP*/ `a` \"b\\\"\" # c", true),
            [
                (Keyword, "/*!"),
                (Number, "50000"),
                (Keyword, "DROP"),
                (Other, "*"),
                (Other, "/"),
                (Quoted, "`a`"),
                (Text, "\"b\\\"\""),
                (Comment, "# c"),
            ]
        );
        assert_eq!(kinds("a#b", false).last(), Some(&(Word, "b")));
    }

    #[test]
    fn look_alike_letters_are_marked_outside_of_strings_only() {
        let shown = highlighted("dr\u{43e}p 'dr\u{43e}p'", "postgres").into_string();
        assert_eq!(shown.matches("class=\"foreign\" title=\"U+043E\"").count(), 1, "{shown}");
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(text in "[a-z'\"`$/*!#\\\\\\-\n\rE0-9 \u{e9}\u{202e}]{0,60}", mysql: bool) {
            let whole: String = pieces(&text, mysql).into_iter().map(|(_, piece)| piece).collect();
            prop_assert_eq!(whole, text);
        }
    }
}
