//! A place in a statement's lexemes, and small steps from it.

use sqlparser::tokenizer::Token;

use crate::statement::mysql::lex::Lexeme;

/// Reads lexemes one after the other. Steps that do not fit leave the place as it is.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'l> {
    rest: &'l [Lexeme],
}

/// A name that may carry its database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The database, if written.
    pub database: Option<String>,
    /// The name.
    pub name: String,
}

impl<'l> Cursor<'l> {
    /// At the beginning of these.
    pub fn new(lexemes: &'l [Lexeme]) -> Self {
        Self { rest: lexemes }
    }

    /// What is still to be read.
    pub fn rest(&self) -> &'l [Lexeme] {
        self.rest
    }

    /// Nothing is left.
    pub fn at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// The lexeme here.
    pub fn peek(&self) -> Option<&'l Lexeme> {
        self.rest.first()
    }

    /// Takes the lexeme here.
    pub fn take(&mut self) -> Option<&'l Lexeme> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// Takes this unquoted word.
    pub fn word(&mut self, wanted: &str) -> bool {
        let here = self.peek().is_some_and(|lexeme| lexeme.is(wanted));
        if here {
            self.take();
        }
        here
    }

    /// Takes one of these words.
    pub fn any(&mut self, wanted: &[&str]) -> bool {
        wanted.iter().any(|word| self.word(word))
    }

    /// Takes these words in a row, or none of them.
    pub fn words(&mut self, wanted: &[&str]) -> bool {
        let mut ahead = *self;
        let all = wanted.iter().all(|word| ahead.word(word));
        if all {
            *self = ahead;
        }
        all
    }

    /// Takes this sign.
    pub fn sign(&mut self, wanted: &Token) -> bool {
        let here = self.peek().is_some_and(|lexeme| lexeme.token == *wanted);
        if here {
            self.take();
        }
        here
    }

    /// Takes `=` or `:=`.
    pub fn assigns(&mut self) -> bool {
        self.sign(&Token::Eq) || self.sign(&Token::Assignment)
    }

    /// Takes any unquoted word; it comes in upper case.
    pub fn keyword(&mut self) -> Option<String> {
        let word = self.peek()?.word()?.to_ascii_uppercase();
        self.take();
        Some(word)
    }

    /// Takes a name, quoted or not; no variable.
    pub fn name(&mut self) -> Option<String> {
        match &self.peek()?.token {
            Token::Word(word) if word.quote_style.is_some() || !word.value.starts_with('@') => {
                self.take();
                Some(word.value.clone())
            }
            _ => None,
        }
    }

    /// Takes the name of a prepared statement, in lower case. Servers compare these by a collation that takes letters with
    /// accents and blanks at the end for none: only names that no other one equals are taken.
    pub fn statement_name(&mut self) -> Option<String> {
        let name = self.name()?;
        name.bytes().all(|byte| byte.is_ascii_graphic()).then(|| name.to_ascii_lowercase())
    }

    /// Takes `name` or `database.name`.
    pub fn named(&mut self) -> Option<Named> {
        let mut ahead = *self;
        let first = ahead.name()?;
        let named = if ahead.sign(&Token::Period) {
            Named { database: Some(first), name: ahead.name()? }
        } else {
            Named { database: None, name: first }
        };
        *self = ahead;
        Some(named)
    }

    /// Takes a string and gives its value.
    pub fn string(&mut self) -> Option<String> {
        let Token::SingleQuotedString(value) = &self.peek()?.token else { return None };
        self.take();
        Some(value.clone())
    }

    /// Takes a whole number.
    pub fn number(&mut self) -> Option<u32> {
        let Token::Number(digits, _) = &self.peek()?.token else { return None };
        let number = digits.parse().ok()?;
        self.take();
        Some(number)
    }

    /// Takes a user variable and gives its name in lower case.
    pub fn variable(&mut self) -> Option<String> {
        let name = self.peek()?.variable()?;
        self.take();
        Some(name)
    }

    /// Takes a literal, of whatever kind.
    pub fn literal(&mut self) -> bool {
        let here = self.peek().is_some_and(Lexeme::is_literal);
        if here {
            self.take();
        }
        here
    }

    /// Takes `IF EXISTS` or `IF NOT EXISTS`.
    pub fn if_exists(&mut self) {
        if !self.words(&["IF", "EXISTS"]) {
            self.words(&["IF", "NOT", "EXISTS"]);
        }
    }

    /// Takes everything up to this sign or word outside of parentheses, and gives it.
    pub fn until(&mut self, stops: impl Fn(&Lexeme) -> bool) -> &'l [Lexeme] {
        let mut depth = 0_usize;
        let length = self.rest.iter().position(|lexeme| {
            match lexeme.token {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && stops(lexeme)
        });
        let (before, rest) = self.rest.split_at_checked(length.unwrap_or(self.rest.len())).unwrap_or((self.rest, &[]));
        self.rest = rest;
        before
    }

    /// What kind of object a CREATE or ALTER is about, in upper case, what may stand in front of it skipped; goes behind it.
    /// `None`: not known.
    pub fn object_kind(&mut self) -> Option<String> {
        loop {
            let skipped = self.words(&["OR", "REPLACE"])
                || self.words(&["SQL", "SECURITY", "DEFINER"])
                || self.words(&["SQL", "SECURITY", "INVOKER"])
                || self.any(&["AGGREGATE", "ONLINE", "OFFLINE", "IGNORE"])
                || self.definer()?
                || self.algorithm()?;
            if !skipped {
                break;
            }
        }
        let kind = self.keyword()?;
        let known = "DATABASE EVENT FULLTEXT FUNCTION INDEX INSTANCE LOGFILE PACKAGE PROCEDURE RESOURCE ROLE SCHEMA SEQUENCE \
            SERVER SPATIAL TABLE TABLESPACE TEMPORARY TRIGGER UNDO UNIQUE USER VIEW";
        known.split_ascii_whitespace().any(|word| word == kind).then_some(kind)
    }

    /// `DEFINER = user [@ host]`; `None`: it breaks off.
    fn definer(&mut self) -> Option<bool> {
        if !self.word("DEFINER") {
            return Some(false);
        }
        if !self.sign(&Token::Eq) {
            return None;
        }
        if self.string().is_none() {
            self.name()?;
            if self.sign(&Token::LParen) && !self.sign(&Token::RParen) {
                return None;
            }
        }
        self.variable();
        Some(true)
    }

    fn algorithm(&mut self) -> Option<bool> {
        if !self.word("ALGORITHM") {
            return Some(false);
        }
        (self.sign(&Token::Eq) && self.any(&["UNDEFINED", "MERGE", "TEMPTABLE"])).then_some(true)
    }
}
