//! Strings, numbers, bits.

use sqlparser::tokenizer::Token;

use super::{Doubt, Lexer, is_word_byte};
use crate::statement::scope::Flavour;

impl Lexer<'_> {
    /// A string in the quotes that stand here; strings side by side are one.
    pub(super) fn string(&mut self) -> Result<(), Doubt> {
        let start = self.at;
        let value = self.text_in_quotes()?;
        if self.introducer.is_none()
            && let Some(last) = self.found.last_mut()
            && let Token::SingleQuotedString(text) = &mut last.token
        {
            text.push_str(&value);
            last.end = self.at;
            return Ok(());
        }
        self.push(Token::SingleQuotedString(value), start)
    }

    /// The value of the string that begins at the quote here; goes behind its end.
    pub(super) fn text_in_quotes(&mut self) -> Result<String, Doubt> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut chars = rest.char_indices().peekable();
        let quote = chars.next().map_or('\'', |(_, quote)| quote);
        let mut value = String::new();
        while let Some((offset, c)) = chars.next() {
            if c == quote {
                if chars.next_if(|(_, next)| *next == quote).is_some() {
                    value.push(quote);
                    continue;
                }
                self.at += offset + 1;
                return Ok(value);
            }
            if c == '\\' && !self.reading.no_backslash_escapes {
                let (_, escaped) = chars.next().ok_or(Doubt("a string is not closed"))?;
                unescape(escaped, &mut value);
                continue;
            }
            value.push(c);
        }
        Err(Doubt("a string is not closed"))
    }

    /// `x'…'` and `b'…'`: only such digits, and an even number of hexadecimal ones.
    pub(super) fn bits(&mut self) -> Result<(), Doubt> {
        let start = self.at;
        let hexadecimal = self.peek(0).eq_ignore_ascii_case(&b'x');
        let rest = self.text.get(start + 2..).unwrap_or_default();
        let (digits, _) = rest.split_once('\'').ok_or(Doubt("bits are not closed"))?;
        let fits = |byte: u8| if hexadecimal { byte.is_ascii_hexdigit() } else { matches!(byte, b'0' | b'1') };
        if !digits.bytes().all(fits) || (hexadecimal && digits.len() % 2 == 1) {
            return Err(Doubt("bits are not written in their digits"));
        }
        self.at = start + 2 + digits.len() + 1;
        let token = if hexadecimal { Token::HexStringLiteral } else { Token::SingleQuotedByteStringLiteral };
        self.push(token(digits.to_owned()), start)
    }

    /// What begins with a digit: a number, bits as `0x1f` or `0b1`, or a name.
    pub(super) fn number_or_name(&mut self) -> Result<(), Doubt> {
        let start = self.at;
        if self.peek(0) == b'0' && matches!(self.peek(1), b'x' | b'b') {
            return self.prefixed_bits(start);
        }
        self.skip_digits();
        match self.peek(0) {
            b'.' => self.fraction(start),
            b'e' | b'E' => {
                let signed = matches!(self.peek(1), b'+' | b'-');
                if self.peek(1).is_ascii_digit() || (signed && self.peek(2).is_ascii_digit()) {
                    return self.exponent(start);
                }
                if signed {
                    return Err(Doubt("a number breaks off"));
                }
                self.name_from(start)
            }
            next if is_word_byte(next) => self.name_from(start),
            _ => self.number(start),
        }
    }

    fn prefixed_bits(&mut self, start: usize) -> Result<(), Doubt> {
        let hexadecimal = self.peek(1) == b'x';
        let fits = |byte: u8| if hexadecimal { byte.is_ascii_hexdigit() } else { matches!(byte, b'0' | b'1') };
        self.at += 2;
        let from = self.at;
        while fits(self.peek(0)) {
            self.at += 1;
        }
        if self.at == from || is_word_byte(self.peek(0)) {
            return self.name_from(start);
        }
        let digits = self.text.get(from..self.at).unwrap_or_default().to_owned();
        let token = if hexadecimal { Token::HexStringLiteral } else { Token::SingleQuotedByteStringLiteral };
        self.push(token(digits), start)
    }

    /// The point here, digits and perhaps an exponent behind it.
    pub(super) fn fraction(&mut self, start: usize) -> Result<(), Doubt> {
        self.at += 1;
        self.skip_digits();
        if matches!(self.peek(0), b'e' | b'E') {
            return self.exponent(start);
        }
        self.number(start)
    }

    fn exponent(&mut self, start: usize) -> Result<(), Doubt> {
        self.at += 1;
        if matches!(self.peek(0), b'+' | b'-') {
            self.at += 1;
        }
        if !self.peek(0).is_ascii_digit() {
            return Err(Doubt("a number breaks off"));
        }
        self.skip_digits();
        self.number(start)
    }

    /// Ends a number. What touches it would be another name to some servers, and is not worth the doubt.
    fn number(&mut self, start: usize) -> Result<(), Doubt> {
        if is_word_byte(self.peek(0)) || (self.peek(0) == b'.') {
            return Err(Doubt("a number runs into a name"));
        }
        let digits = self.text.get(start..self.at).unwrap_or_default().to_owned();
        self.push(Token::Number(digits, false), start)
    }

    fn skip_digits(&mut self) {
        while self.peek(0).is_ascii_digit() {
            self.at += 1;
        }
    }

    /// `\N` is MariaDB's other NULL.
    pub(super) fn null(&mut self) -> Result<(), Doubt> {
        if self.peek(1) != b'N' || self.reading.flavour != Flavour::MariaDb || is_word_byte(self.peek(2)) {
            return Err(Doubt("a backslash stands outside of quotes"));
        }
        let start = self.at;
        self.at += 2;
        self.push(Token::make_word("NULL", None), start)
    }
}

/// Adds what a backslash and this character mean (MySQL manual, "String Literals").
fn unescape(escaped: char, value: &mut String) {
    // In patterns these two stay escaped.
    if matches!(escaped, '%' | '_') {
        value.push('\\');
    }
    value.push(match escaped {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => '\u{8}',
        '0' => '\0',
        'Z' => '\u{1a}',
        other => other,
    });
}
