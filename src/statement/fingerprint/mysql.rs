//! MySQL's text without its literals, from our own lexemes.

use sqlparser::tokenizer::Token;

use super::{Normalised, of_bytes, withheld};
use crate::statement::mysql::lex::{Lexeme, lex};
use crate::statement::scope::MySqlReading;

/// Normalises a statement. Letters of unquoted words do not tell structures apart where they may be keywords, nor do the
/// lengths of lists of literals.
pub(super) fn normalise(text: &str, reading: &MySqlReading) -> Normalised {
    match (lex(text, reading), replaced(text, reading)) {
        (Ok(lexemes), Some(shown)) => Normalised { text: shown, fingerprint: structure(&lexemes) },
        _ => Normalised { text: withheld(text), fingerprint: of_bytes(text.as_bytes()) },
    }
}

/// The text with each literal replaced, and without comments; `None` if it cannot be read.
pub(super) fn replaced(text: &str, reading: &MySqlReading) -> Option<String> {
    let lexemes = lex(text, reading).ok()?;
    let mut shown = String::with_capacity(text.len());
    let mut end = 0;
    for lexeme in &lexemes {
        if lexeme.start > end && !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(if lexeme.is_literal() { "?" } else { text.get(lexeme.start..lexeme.end)? });
        end = lexeme.end;
    }
    Some(shown)
}

fn structure(lexemes: &[Lexeme]) -> u64 {
    let mut bytes = Vec::new();
    let mut in_list = false;
    for (index, lexeme) in lexemes.iter().enumerate() {
        let value = lexeme.is_literal() || matches!(lexeme.token, Token::Placeholder(_));
        let next_is_value = lexemes.get(index + 1).is_some_and(Lexeme::is_literal);
        if in_list && (value || (lexeme.token == Token::Comma && next_is_value)) {
            continue;
        }
        in_list = value;
        bytes.push(0);
        match (&lexeme.token, lexeme.word()) {
            _ if value => bytes.push(b'?'),
            (Token::Word(word), Some(text)) if word.keyword != sqlparser::keywords::Keyword::NoKeyword => {
                bytes.extend_from_slice(text.to_ascii_uppercase().as_bytes());
            }
            (token, _) => bytes.extend_from_slice(token.to_string().as_bytes()),
        }
    }
    of_bytes(&bytes)
}
