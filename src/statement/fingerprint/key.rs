//! The key under which verdicts are cached: a statement's bytes with harmless literals cut out, made without a parse.
//!
//! A literal is cut only where its value cannot change how the statement is read or what it touches: behind a comparison
//! with a name on its left, in `IN (…)` of such, behind LIKE and BETWEEN, and as an element of a VALUES row. Everything
//! else stays byte for byte: LIMIT, positions in ORDER BY, casts, arguments, typmods. Whatever is doubtful has no key.

use std::ops::Range;

/// Longer texts have no key.
const TEXT_MAX: usize = 64 * 1024;

/// Longest text of another verb that is kept whole.
const WHOLE_MAX: usize = 1024;

/// Deeper parentheses have no key.
const DEPTH_MAX: usize = 64;

/// What stands in for a cut literal: a byte that no text with a key contains, then the kind.
const SLOT: u8 = 0x01;

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
pub fn cache_key(text: &str, standard_conforming_strings: bool) -> Option<CacheKey> {
    let mut key = CacheKey::default();
    cache_key_into(text, standard_conforming_strings, &mut key).then_some(key)
}

/// Like [`cache_key`], but reuses the buffers of `key`. When `false`, what `key` holds means nothing.
pub fn cache_key_into(text: &str, standard_conforming_strings: bool, key: &mut CacheKey) -> bool {
    key.skeleton.clear();
    key.literals.clear();
    let bytes = text.as_bytes();
    if bytes.len() > TEXT_MAX || (!standard_conforming_strings && bytes.contains(&b'\\')) {
        return false;
    }
    key.skeleton.reserve(bytes.len() + 16);
    let mut scanner = Scanner::new(bytes, key);
    match scanner.first_word() {
        Verb::Rows => scanner.run().is_some(),
        Verb::Other => whole(bytes, key),
    }
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// SELECT, INSERT, UPDATE, DELETE, WITH, VALUES.
    Rows,
    Other,
}

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
    /// A literal.
    Literal,
    Other,
}

/// What a parenthesis encloses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paren {
    InList,
    ValuesRow,
    Other,
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    copied: usize,
    key: &'a mut CacheKey,
    last: Last,
    /// The operand before an operator is a name, and so not a constant.
    name_before: bool,
    /// BETWEEN was seen, and its AND not yet.
    between: bool,
    parens: [Paren; DEPTH_MAX],
    depth: usize,
}

impl<'a> Scanner<'a> {
    fn new(bytes: &'a [u8], key: &'a mut CacheKey) -> Self {
        Self {
            bytes,
            at: 0,
            copied: 0,
            key,
            last: Last::Other,
            name_before: false,
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

    fn first_word(&self) -> Verb {
        let rest = self.bytes.trim_ascii_start();
        let end = rest.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
        let word = rest.get(..end).unwrap_or_default();
        let verbs: [&[u8]; 6] = [b"select", b"insert", b"update", b"delete", b"with", b"values"];
        if verbs.iter().any(|verb| word.eq_ignore_ascii_case(verb)) { Verb::Rows } else { Verb::Other }
    }

    /// Goes over the text once. `None`: some doubt came up.
    fn run(&mut self) -> Option<()> {
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
                b'.' | b'[' | b']' => self.plain(),
                b':' => self.colon(),
                _ if is_operator(byte) => self.operator()?,
                _ => return None,
            }
        }
        self.copy_to(self.bytes.len())
    }

    fn plain(&mut self) {
        self.at += 1;
        self.last = Last::Other;
    }

    /// Is the byte before this one part of a name, so that a point here qualifies it?
    fn after_name(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.bytes.get(at));
        before.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'"' | b']' | b')' | b'$' | b'.'))
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
        self.last = match word.len() {
            2 if is(b"in") && self.name_before => Last::In,
            3 if is(b"and") && self.between => {
                self.between = false;
                Last::Comparison
            }
            // Left of NOT LIKE, NOT IN stands what counts.
            3 if is(b"not") => Last::Other,
            4 | 5 if (is(b"like") || is(b"ilike")) && self.name_before => Last::Comparison,
            6 if is(b"values") => Last::Values,
            7 if is(b"between") && self.name_before => {
                self.between = true;
                Last::Comparison
            }
            _ => {
                // Constants in words: a comparison between constants must not lose one of them.
                let constant = matches!(word.len(), 3..=5) && (is(b"true") || is(b"false") || is(b"null") || is(b"end"));
                self.name_before = !constant;
                // BETWEEN's AND follows its first bound; any name in between may bring an AND of its own.
                self.between = false;
                self.no_list();
                Last::Other
            }
        };
        Some(())
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
        self.last = Last::Other;
        self.name_before = true;
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
        self.last = Last::Literal;
        self.name_before = false;
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
        self.between = false;
        Some(())
    }

    fn close(&mut self) -> Option<()> {
        self.depth = self.depth.checked_sub(1)?;
        let paren = *self.parens.get(self.depth)?;
        self.at += 1;
        self.last = if paren == Paren::ValuesRow { Last::RowEnd } else { Last::Other };
        self.name_before = false;
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
        self.name_before = false;
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
        self.name_before = false;
        Some(())
    }

    /// `::` keeps a name a name (`id::int = 5`), but what is cast may be a constant: it counts as none.
    fn colon(&mut self) {
        self.at += 1;
        self.last = Last::Other;
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
        self.last = if compares && self.name_before { Last::Comparison } else { Last::Other };
        // Arithmetic on constants, as in `x - 1 = 1`, may make a constant of the operand.
        self.name_before = false;
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

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
