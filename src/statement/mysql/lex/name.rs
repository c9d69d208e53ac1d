//! Words, quoted names, variables, points between names.

use sqlparser::tokenizer::Token;

use super::{Doubt, Lexer, is_word_byte};

/// Character sets that may introduce a literal, as `_utf8mb4'…'`.
const CHARACTER_SETS: &str = "armscii8 ascii big5 binary cp1250 cp1251 cp1256 cp1257 cp850 cp852 cp866 cp932 dec8 \
    eucjpms euckr gb2312 gbk geostd8 greek hebrew hp8 keybcs2 koi8r koi8u latin1 latin2 latin5 latin7 macce macroman \
    sjis swe7 tis620 ucs2 ujis utf16 utf16le utf32 utf8 utf8mb3 utf8mb4";

impl Lexer<'_> {
    /// An unquoted word, or a literal that begins with a letter.
    pub(super) fn word(&mut self) -> Result<(), Doubt> {
        if self.peek(1) == b'\'' {
            match self.peek(0) {
                b'n' | b'N' => return self.national_string(),
                b'x' | b'X' | b'b' | b'B' => return self.bits(),
                _ => {}
            }
        }
        let start = self.at;
        let word = self.run();
        if let Some(set) = word.strip_prefix('_') {
            let set = set.to_ascii_lowercase();
            if CHARACTER_SETS.split_ascii_whitespace().any(|known| known == set) && self.introducer.is_none() {
                self.introducer = Some(start);
                return Ok(());
            }
            if set == "gb18030" {
                return Err(Doubt("not every server has the character set gb18030"));
            }
        }
        // In front of a point and a name, even a keyword is a name.
        let quote = (self.peek(0) == b'.' && is_word_byte(self.peek(1))).then_some('`');
        self.push(Token::make_word(&word, quote), start)?;
        self.names_behind_points()
    }

    fn national_string(&mut self) -> Result<(), Doubt> {
        let start = self.at;
        self.at += 1;
        let value = self.text_in_quotes()?;
        self.push(Token::SingleQuotedString(value), start)
    }

    /// A word that began with digits: always a name.
    pub(super) fn name_from(&mut self, start: usize) -> Result<(), Doubt> {
        self.run();
        let name = self.text.get(start..self.at).unwrap_or_default().to_owned();
        self.push(Token::make_word(&name, Some('`')), start)?;
        self.names_behind_points()
    }

    /// Points that touch the names on both sides: what follows is a name whatever it spells.
    fn names_behind_points(&mut self) -> Result<(), Doubt> {
        while self.peek(0) == b'.' && is_word_byte(self.peek(1)) {
            self.point_and_name()?;
        }
        Ok(())
    }

    fn point_and_name(&mut self) -> Result<(), Doubt> {
        let start = self.at;
        self.at += 1;
        self.push(Token::Period, start)?;
        let start = self.at;
        let name = self.run();
        self.push(Token::make_word(&name, Some('`')), start)
    }

    /// A point that follows no unquoted name.
    pub(super) fn point(&mut self) -> Result<(), Doubt> {
        if is_word_byte(self.peek(1)) {
            self.point_and_name()?;
            return self.names_behind_points();
        }
        let start = self.at;
        self.at += 1;
        self.push(Token::Period, start)
    }

    /// The bytes of a word from here on; goes behind them.
    fn run(&mut self) -> String {
        let start = self.at;
        while is_word_byte(self.peek(0)) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default().to_owned()
    }

    pub(super) fn quoted_name(&mut self, quote: u8) -> Result<(), Doubt> {
        let start = self.at;
        let name = self.name_in_quotes(quote)?;
        self.push(Token::make_word(&name, Some('`')), start)
    }

    /// The name that begins at the quote here; goes behind its end. Only doubled quotes are special in it.
    fn name_in_quotes(&mut self, quote: u8) -> Result<String, Doubt> {
        self.at += 1;
        let mut name = Vec::new();
        loop {
            match (self.peek(0), self.peek(1)) {
                (0, _) => return Err(Doubt("a quoted name is not closed")),
                (byte, next) if byte == quote && next == quote => {
                    name.push(quote);
                    self.at += 2;
                }
                (byte, _) if byte == quote => {
                    self.at += 1;
                    break;
                }
                (byte, _) => {
                    name.push(byte);
                    self.at += 1;
                }
            }
        }
        let name = String::from_utf8(name).map_err(|_| Doubt("a name is not UTF-8"))?;
        if name.is_empty() { Err(Doubt("a name is empty")) } else { Ok(name) }
    }

    /// `@name`, `@'name'`, `@@name`.
    pub(super) fn variable(&mut self) -> Result<(), Doubt> {
        let start = self.at;
        self.at += 1;
        let name = match self.peek(0) {
            b'@' => return self.system_variable(start),
            b'\'' | b'"' if self.peek(0) == b'\'' || !self.reading.ansi_quotes => self.text_in_quotes()?,
            quote @ (b'`' | b'"') => self.name_in_quotes(quote)?,
            _ => self.bare_variable()?,
        };
        if name.is_empty() || name.starts_with('@') {
            return Err(Doubt("a variable's name is empty or begins with @"));
        }
        // Servers compare these names by a collation that knows no accents and no blanks at the end: `@é` is `@e`.
        if name.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) || name.ends_with(' ') {
            return Err(Doubt("a variable's name has other characters than printable ASCII"));
        }
        self.push(Token::make_word(&format!("@{name}"), None), start)
    }

    /// The server reads an unquoted variable as it reads a host: points belong to it, characters beyond ASCII may or may not.
    fn bare_variable(&mut self) -> Result<String, Doubt> {
        let start = self.at;
        while self.peek(0).is_ascii_alphanumeric() || b"._$".contains(&self.peek(0)) {
            self.at += 1;
        }
        if self.peek(0) >= 0x80 {
            return Err(Doubt("a variable's name has other characters than printable ASCII"));
        }
        Ok(self.text.get(start..self.at).unwrap_or_default().to_owned())
    }

    fn system_variable(&mut self, start: usize) -> Result<(), Doubt> {
        self.at += 1;
        let name = if self.peek(0) == b'`' { self.name_in_quotes(b'`')? } else { self.run() };
        if name.is_empty() {
            return Err(Doubt("a system variable has no name"));
        }
        self.push(Token::make_word(&format!("@@{name}"), None), start)?;
        self.names_behind_points()
    }
}
