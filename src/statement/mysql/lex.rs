//! Text -> lexemes, as a MySQL or MariaDB server in this session's mode cuts it. Whatever is in doubt is an error.
//!
//! Lexemes are sqlparser's tokens with places in the text, so that its own tokenizer never reads the text. Quoted names
//! all carry a backtick; `@v` and `@@v` are unquoted words with that spelling.

mod comment;
mod literal;
mod name;

use sqlparser::tokenizer::Token;

use crate::statement::pg::TEXT_MAX;
use crate::statement::scope::{Flavour, MySqlReading};

/// Lexemes in one text, at most.
const LEXEMES_MAX: usize = 300_000;

/// One token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lexeme {
    /// What it is.
    pub token: Token,
    /// Its first byte in the text.
    pub start: usize,
    /// One past its last byte.
    pub end: usize,
}

impl Lexeme {
    /// The word as written, if it is an unquoted one that is no variable.
    pub fn word(&self) -> Option<&str> {
        match &self.token {
            Token::Word(word) if word.quote_style.is_none() && !word.value.starts_with('@') => Some(&word.value),
            _ => None,
        }
    }

    /// Is it this unquoted word, in any case of letters?
    pub fn is(&self, wanted: &str) -> bool {
        self.word().is_some_and(|word| word.eq_ignore_ascii_case(wanted))
    }

    /// The name of a user variable, in lower case and without its `@`.
    pub fn variable(&self) -> Option<String> {
        match &self.token {
            Token::Word(word) if word.quote_style.is_none() && !word.value.starts_with("@@") => {
                word.value.strip_prefix('@').map(str::to_lowercase)
            }
            _ => None,
        }
    }

    /// Is it a value written out: a string, a number, bits?
    pub fn is_literal(&self) -> bool {
        is_value(&self.token)
    }
}

/// Why a text cannot be told apart into lexemes, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Doubt(pub &'static str);

/// Cuts a text into lexemes. Comments are left out; executable comments are followed as the server follows them.
pub fn lex(text: &str, reading: &MySqlReading) -> Result<Vec<Lexeme>, Doubt> {
    if reading.foreign_mode {
        return Err(Doubt("sql_mode has a mode that is not modelled, such as ORACLE"));
    }
    if text.len() > TEXT_MAX {
        return Err(Doubt("longer than 1 MiB"));
    }
    if text.as_bytes().contains(&0) {
        return Err(Doubt("contains a zero byte"));
    }
    let mut lexer =
        Lexer { text, bytes: text.as_bytes(), at: 0, reading, executing: false, introducer: None, found: Vec::new() };
    while let Some(byte) = lexer.bytes.get(lexer.at) {
        lexer.step(*byte)?;
    }
    if lexer.executing {
        return Err(Doubt("an executable comment is not closed"));
    }
    if lexer.introducer.is_some() {
        return Err(Doubt("a character set's name stands before no literal"));
    }
    Ok(lexer.found)
}

/// Does this text end outside of every string, quoted name and comment, so that what follows is read afresh?
pub fn ends_in_code(text: &str, reading: &MySqlReading) -> bool {
    let marked = format!("{text} x");
    lex(&marked, reading)
        .is_ok_and(|lexemes| lexemes.last().is_some_and(|last| last.start == text.len() + 1 && last.is("x")))
}

struct Lexer<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    reading: &'t MySqlReading,
    /// Inside an executable comment whose contents are read.
    executing: bool,
    /// Where a character set introducer began that waits for its literal.
    introducer: Option<usize>,
    found: Vec<Lexeme>,
}

impl Lexer<'_> {
    /// The byte this far ahead; 0 behind the end, for no text has a zero byte.
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn step(&mut self, byte: u8) -> Result<(), Doubt> {
        match byte {
            b' ' | b'\t'..=b'\r' => self.at += 1,
            b'#' => self.line_comment(),
            b'-' if self.opens_line_comment() => self.line_comment(),
            b'/' if self.peek(1) == b'*' => return self.comment(),
            b'*' if self.executing && self.peek(1) == b'/' => {
                self.executing = false;
                self.at += 2;
            }
            b'\'' => return self.string(),
            b'"' if !self.reading.ansi_quotes => return self.string(),
            b'"' | b'`' => return self.quoted_name(byte),
            b'@' => return self.variable(),
            b'0'..=b'9' => return self.number_or_name(),
            b'.' if self.peek(1).is_ascii_digit() => return self.fraction(self.at),
            b'.' => return self.point(),
            b'\\' => return self.null(),
            _ if is_word_byte(byte) => return self.word(),
            _ => return self.operator(byte),
        }
        Ok(())
    }

    /// Adds the token that began at `start` and ends here.
    fn push(&mut self, token: Token, start: usize) -> Result<(), Doubt> {
        if self.found.len() >= LEXEMES_MAX {
            return Err(Doubt("too many words and signs"));
        }
        let start = match self.introducer.take() {
            None => start,
            Some(opened) if is_value(&token) && !matches!(token, Token::Number(..)) => opened,
            Some(_) => return Err(Doubt("a character set's name stands before no literal")),
        };
        self.found.push(Lexeme { token, start, end: self.at });
        Ok(())
    }

    fn operator(&mut self, byte: u8) -> Result<(), Doubt> {
        let start = self.at;
        if b"<>=!".contains(&byte) {
            return self.comparison();
        }
        let (token, length) = match (byte, self.peek(1), self.peek(2)) {
            (b'(', ..) => (Token::LParen, 1),
            (b')', ..) => (Token::RParen, 1),
            (b',', ..) => (Token::Comma, 1),
            (b';', ..) if self.executing => return Err(Doubt("a statement ends inside an executable comment")),
            (b';', ..) => (Token::SemiColon, 1),
            (b'+', ..) => (Token::Plus, 1),
            (b'*', ..) => (Token::Mul, 1),
            (b'/', ..) => (Token::Div, 1),
            (b'%', ..) => (Token::Mod, 1),
            (b'^', ..) => (Token::Caret, 1),
            (b'~', ..) => (Token::Tilde, 1),
            (b'-', b'>', _) if self.reading.flavour == Flavour::MariaDb => return Err(Doubt("`->` is not MariaDB's")),
            (b'-', b'>', b'>') => (Token::LongArrow, 3),
            (b'-', b'>', _) => (Token::Arrow, 2),
            (b'-', ..) => (Token::Minus, 1),
            (b'&', b'&', b'&') | (b'|', b'|', b'|') => return Err(Doubt("operators run into one another")),
            (b'&', b'&', _) => (Token::make_word("AND", None), 2),
            (b'&', ..) => (Token::Ampersand, 1),
            (b'|', b'|', _) if self.reading.pipes_as_concat => (Token::StringConcat, 2),
            (b'|', b'|', _) => (Token::make_word("OR", None), 2),
            (b'|', ..) => (Token::Pipe, 1),
            (b':', b'=', _) => (Token::Assignment, 2),
            (b'?', next, _) if !is_word_byte(next) => (Token::Placeholder("?".to_owned()), 1),
            _ => return Err(Doubt("a sign that no statement has outside of quotes")),
        };
        self.at += length;
        self.push(token, start)
    }

    /// Signs of comparison that touch one another are one operator, or the server drops some of them.
    fn comparison(&mut self) -> Result<(), Doubt> {
        let start = self.at;
        while b"<>=!".contains(&self.peek(0)) {
            self.at += 1;
        }
        let token = match self.text.get(start..self.at) {
            Some("=") => Token::Eq,
            Some("<") => Token::Lt,
            Some(">") => Token::Gt,
            Some("<=") => Token::LtEq,
            Some(">=") => Token::GtEq,
            Some("<>" | "!=") => Token::Neq,
            Some("<=>") => Token::Spaceship,
            Some("<<") => Token::ShiftLeft,
            Some(">>") => Token::ShiftRight,
            Some("!") => Token::ExclamationMark,
            _ => return Err(Doubt("signs of comparison run into one another")),
        };
        self.push(token, start)
    }
}

/// May this byte stand in an unquoted name? Every byte of a character beyond ASCII may.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn is_value(token: &Token) -> bool {
    matches!(
        token,
        Token::SingleQuotedString(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
            | Token::Number(..)
    )
}

#[cfg(test)]
#[path = "lex/tests.rs"]
mod tests;
