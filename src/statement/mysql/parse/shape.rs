//! How high sqlparser's tree would grow, before it is grown: chains of operators make trees as deep as they are long, and
//! such trees are walked and dropped recursively.

use sqlparser::tokenizer::Token;

use crate::statement::mysql::lex::{Doubt, Lexeme};

/// Parentheses inside one another, at most.
const PARENS_MAX: usize = 64;

/// Height of an expression's tree, at most.
const HEIGHT_MAX: usize = 240;

/// Set operations in one query without parentheses, at most.
const UNIONS_MAX: usize = 120;

/// Words that make one operand of what is around them.
const OPERATORS: [&str; 15] = [
    "AND", "OR", "XOR", "DIV", "MOD", "LIKE", "IN", "IS", "BETWEEN", "REGEXP", "RLIKE", "COLLATE", "NOT", "BINARY",
    "MEMBER",
];

/// Words that begin a new expression.
const BREAKS: [&str; 17] = [
    "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "ON", "JOIN", "WHEN", "THEN", "ELSE", "VALUES",
    "SET", "USING", "WINDOW", "BY",
];

#[derive(Clone, Copy, Default)]
struct Level {
    height: usize,
    highest: usize,
    unions: usize,
}

impl Level {
    fn breaks(&mut self) {
        self.highest = self.highest.max(self.height);
        self.height = 0;
    }

    fn height(self) -> usize {
        self.highest.max(self.height) + self.unions
    }
}

/// Refuses what would grow too high.
pub(super) fn check(lexemes: &[Lexeme]) -> Result<(), Doubt> {
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    for lexeme in lexemes {
        match &lexeme.token {
            Token::LParen => {
                if outer.len() >= PARENS_MAX {
                    return Err(Doubt("nested too deep"));
                }
                outer.push(level);
                level = Level::default();
            }
            Token::RParen => {
                let inside = level.height() + 1;
                level = outer.pop().ok_or(Doubt("a parenthesis closes nothing"))?;
                level.height = level.height.max(inside);
            }
            Token::Comma => level.breaks(),
            Token::Word(_) => word(lexeme, &mut level),
            Token::Period | Token::Placeholder(_) => {}
            _ if lexeme.is_literal() => {}
            _ => level.height += 1,
        }
        if level.height() > HEIGHT_MAX || level.unions > UNIONS_MAX {
            return Err(Doubt("a chain of operators is too long"));
        }
    }
    if outer.is_empty() { Ok(()) } else { Err(Doubt("a parenthesis is not closed")) }
}

fn word(lexeme: &Lexeme, level: &mut Level) {
    let Some(word) = lexeme.word() else { return };
    let among = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(word));
    if among(&["UNION", "EXCEPT", "INTERSECT"]) {
        level.unions += 1;
        level.breaks();
    } else if among(&BREAKS) {
        level.breaks();
    } else if among(&OPERATORS) || among(&["CASE", "INTERVAL"]) {
        level.height += 1;
    }
}
