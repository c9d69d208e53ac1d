//! The scan behind a cache key: one pass over the bytes, with just enough grammar to know where literals stand.

use super::{CacheKey, is_control};

/// Deeper parentheses have no key.
const DEPTH_MAX: usize = 64;

/// What stands in for a cut literal: a byte that no text with a key contains, then the kind.
const SLOT: u8 = 0x01;

/// The last token that matters to the next literal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// A comparison, LIKE, BETWEEN (or its AND) with a name on its left: the next literal may be cut.
    Comparison,
    /// The opening of a list whose elements may be cut, or a comma in one.
    Element,
    /// IN with a name on its left.
    In,
    /// VALUES.
    Values,
    /// The end of a VALUES row.
    RowEnd,
    /// A comma behind a VALUES row.
    RowComma,
    /// `::` or a point: the next word goes on with the operand.
    Suffix,
    Other,
}

/// What the operand to the left of an operator is. Only a plain name counts: between constants, a literal may decide
/// whether a predicate holds for every row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    /// An operand may start here.
    Start,
    /// It is a name, perhaps qualified or cast.
    Name,
    /// It is, or may hold, a constant.
    Spoiled,
}

/// What a parenthesis encloses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paren {
    InList,
    ValuesRow,
    Other,
}

pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    copied: usize,
    key: &'a mut CacheKey,
    last: Last,
    operand: Operand,
    /// BETWEEN was seen, and its AND not yet.
    between: bool,
    parens: [Paren; DEPTH_MAX],
    depth: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8], key: &'a mut CacheKey) -> Self {
        Self {
            bytes,
            at: 0,
            copied: 0,
            key,
            last: Last::Other,
            operand: Operand::Spoiled,
            between: false,
            parens: [Paren::Other; DEPTH_MAX],
            depth: 0,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// Goes over the text once. `None`: some doubt came up.
    pub(super) fn run(&mut self) -> Option<()> {
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word()?,
                b'0'..=b'9' => self.number()?,
                b'.' if self.peek_at(1).is_some_and(|next| next.is_ascii_digit()) && !self.after_name() => {
                    self.number()?;
                }
                b'\'' => self.string()?,
                b'"' => self.quoted_name()?,
                b'(' => self.open()?,
                b')' => self.close()?,
                b',' => self.comma(),
                b'$' => self.parameter()?,
                b';' => return self.end(),
                b'.' | b':' => self.suffix(),
                b'[' | b']' => self.bracket(),
                _ if is_operator(byte) => self.operator()?,
                _ => return None,
            }
        }
        self.copy_to(self.bytes.len())
    }

    fn suffix(&mut self) {
        self.at += 1;
        self.last = Last::Suffix;
    }

    fn bracket(&mut self) {
        self.at += 1;
        self.last = Last::Other;
        self.operand = Operand::Spoiled;
    }

    /// Is the byte before this one part of a name, so that a point here qualifies it?
    fn after_name(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.bytes.get(at));
        before
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'"' | b']' | b')' | b'$' | b'.'))
    }

    fn word(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'$') {
            self.at += 1;
        }
        let word = self.bytes.get(start..self.at)?;
        // E'', B'', X'', N'', U&'' and U&"": strings and names with escapes of their own.
        if let [letter] = word {
            let escape = matches!(letter | 0x20, b'e' | b'b' | b'x' | b'n') && self.peek() == Some(b'\'');
            if escape || (letter | 0x20 == b'u' && self.peek() == Some(b'&')) {
                return None;
            }
        }
        let is = |keyword: &[u8]| word.eq_ignore_ascii_case(keyword);
        let named = self.operand == Operand::Name;
        self.last = match word.len() {
            2 if named && is(b"in") => Last::In,
            3 if self.between && is(b"and") => {
                self.between = false;
                Last::Comparison
            }
            // What stands left of NOT LIKE and NOT IN stays the operand.
            3 if is(b"not") => Last::Other,
            4 | 5 if named && (is(b"like") || is(b"ilike")) => Last::Comparison,
            6 if is(b"values") => Last::Values,
            7 if named && is(b"between") => {
                self.between = true;
                Last::Comparison
            }
            _ => {
                self.operand = self.operand_after(word);
                // Any name behind BETWEEN may bring an AND of its own.
                self.between = false;
                self.no_list();
                Last::Other
            }
        };
        Some(())
    }

    /// The operand once this word, which is no operator, has been read.
    fn operand_after(&self, word: &[u8]) -> Operand {
        let among = |words: &[&[u8]]| words.iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
        if self.last == Last::Suffix {
            return self.operand;
        }
        match word.len() {
            2..=6 if among(&[b"where", b"and", b"or", b"set", b"on", b"having", b"when"]) => Operand::Start,
            3..=5 if among(&[b"true", b"false", b"null", b"end"]) => Operand::Spoiled,
            _ if self.operand == Operand::Start => Operand::Name,
            _ => Operand::Spoiled,
        }
    }

    /// A word in the parentheses behind IN: it may be a subquery with positions in its ORDER BY.
    fn no_list(&mut self) {
        if let Some(top) = self.depth.checked_sub(1).and_then(|top| self.parens.get_mut(top))
            && *top == Paren::InList
        {
            *top = Paren::Other;
        }
    }

    fn quoted_name(&mut self) -> Option<()> {
        self.skip_quoted(b'"')?;
        self.operand = match (self.last, self.operand) {
            (Last::Suffix, operand) => operand,
            (_, Operand::Start) => Operand::Name,
            _ => Operand::Spoiled,
        };
        self.last = Last::Other;
        self.no_list();
        Some(())
    }

    /// Skips a quoted run whose quote is doubled inside. `None` if it does not end, or holds a control byte.
    fn skip_quoted(&mut self, quote: u8) -> Option<()> {
        self.at += 1;
        loop {
            let byte = self.peek()?;
            self.at += 1;
            if byte == quote {
                if self.peek() != Some(quote) {
                    return Some(());
                }
                self.at += 1;
            } else if is_control(byte) || (quote == b'"' && !byte.is_ascii()) {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        let start = self.at;
        self.skip_quoted(b'\'')?;
        let next = self.after_literal()?;
        // A mask written back is recognised by its brackets, which must therefore stay in sight.
        let bracketed = self.bytes.get(start..self.at)?.contains(&b'[');
        self.literal(start, next, b's', !bracketed)
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let mut kind = b'i';
        while let Some(byte) = self.peek() {
            match byte {
                b'0'..=b'9' => {}
                b'.' => kind = b'n',
                _ => break,
            }
            self.at += 1;
        }
        if kind == b'i' && self.at - start > 9 {
            kind = b'I';
        }
        // 1e5, 0x1f, 1_000 and 1abc are read differently by different versions.
        if self.peek().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'$' || !b.is_ascii()) {
            return None;
        }
        let points = self.bytes.get(start..self.at)?.iter().filter(|byte| **byte == b'.').count();
        if points > 1 {
            return None;
        }
        let next = self.after_literal()?;
        self.literal(start, next, kind, true)
    }

    /// The next byte that is no white space (0 at the end). `None` if a quote follows, for that may go on with a string.
    fn after_literal(&self) -> Option<u8> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match rest.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => Some(0),
            Some(b'\'') => None,
            Some(byte) => Some(*byte),
        }
    }

    /// Cuts the literal from `start` to here, if it may be.
    fn literal(&mut self, start: usize, next: u8, kind: u8, harmless: bool) -> Option<()> {
        let position = match self.last {
            // What casts or subscripts the literal, or goes on from it, makes it more than an operand.
            Last::Comparison => !matches!(next, b':' | b'[' | b'.'),
            Last::Element => matches!(next, b',' | b')'),
            _ => false,
        };
        if position && harmless {
            self.copy_to(start)?;
            self.key.skeleton.extend_from_slice(&[SLOT, kind]);
            self.key.literals.push(u32::try_from(start).ok()?..u32::try_from(self.at).ok()?);
            self.copied = self.at;
        }
        self.last = Last::Other;
        self.operand = Operand::Spoiled;
        Some(())
    }

    fn copy_to(&mut self, end: usize) -> Option<()> {
        self.key.skeleton.extend_from_slice(self.bytes.get(self.copied..end)?);
        self.copied = end;
        Some(())
    }

    fn open(&mut self) -> Option<()> {
        let paren = match self.last {
            Last::In => Paren::InList,
            Last::Values | Last::RowComma => Paren::ValuesRow,
            _ => Paren::Other,
        };
        *self.parens.get_mut(self.depth)? = paren;
        self.depth += 1;
        self.at += 1;
        self.last = if paren == Paren::Other { Last::Other } else { Last::Element };
        self.operand = Operand::Start;
        self.between = false;
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        self.depth = self.depth.checked_sub(1)?;
        let paren = *self.parens.get(self.depth)?;
        self.at += 1;
        self.last = if paren == Paren::ValuesRow { Last::RowEnd } else { Last::Other };
        self.operand = Operand::Spoiled;
        self.between = false;
        Some(())
    }

    fn comma(&mut self) {
        self.at += 1;
        let top = self.depth.checked_sub(1).and_then(|top| self.parens.get(top));
        self.last = match (self.last, top) {
            (Last::RowEnd, _) => Last::RowComma,
            (_, Some(Paren::InList | Paren::ValuesRow)) => Last::Element,
            _ => Last::Other,
        };
        self.operand = Operand::Start;
        self.between = false;
    }

    /// `$1` is copied; any other dollar sign may open a string.
    fn parameter(&mut self) -> Option<()> {
        self.at += 1;
        if !self.peek()?.is_ascii_digit() {
            return None;
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.peek().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_' || b == b'$' || !b.is_ascii()) {
            return None;
        }
        self.last = Last::Other;
        self.operand = Operand::Spoiled;
        Some(())
    }

    /// An operator as PostgreSQL's scanner cuts it. Comments have no key.
    fn operator(&mut self) -> Option<()> {
        let start = self.at;
        while let Some(byte) = self.peek().filter(|byte| is_operator(*byte)) {
            if matches!((byte, self.peek_at(1)), (b'-', Some(b'-')) | (b'/', Some(b'*'))) {
                return None;
            }
            self.at += 1;
        }
        let operator = self.bytes.get(start..self.at)?;
        // A sign ends up in a longer operator only along with one of these bytes.
        let signed = operator.len() > 1 && matches!(operator.last(), Some(b'-' | b'+'));
        if signed && !operator.iter().any(|byte| b"~!@#^&|`?%".contains(byte)) {
            self.at -= 1;
            return self.operator_bytes(start);
        }
        self.operator_bytes(start)
    }

    fn operator_bytes(&mut self, start: usize) -> Option<()> {
        let operator = self.bytes.get(start..self.at)?;
        // A minus before a number that may be cut: the sign stays, the number goes.
        let number_next = self.peek().is_some_and(|byte| byte.is_ascii_digit());
        if operator == b"-" && number_next && matches!(self.last, Last::Comparison | Last::Element) {
            return Some(());
        }
        let compares = matches!(operator, b"=" | b"<>" | b"!=" | b"<" | b">" | b"<=" | b">=");
        self.last = if compares && self.operand == Operand::Name { Last::Comparison } else { Last::Other };
        self.operand = Operand::Spoiled;
        Some(())
    }

    /// Only white space may follow.
    fn end(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at + 1..)?;
        if !rest.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) {
            return None;
        }
        self.copy_to(self.bytes.len())
    }
}

fn is_operator(byte: u8) -> bool {
    b"+-*/<>=~!@#%^&|`?".contains(&byte)
}
