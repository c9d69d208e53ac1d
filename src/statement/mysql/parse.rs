//! Lexemes -> statements at their semicolons -> sqlparser's tree, with only those keywords that the server has.

mod keywords;
mod shape;

use sqlparser::ast;
use sqlparser::dialect::MySqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::kinds::cursor::Cursor;
use super::lex::{Doubt, Lexeme, lex};
use crate::statement::scope::{Flavour, MySqlReading};

/// Levels of expressions and queries inside one another that sqlparser reads, at most.
const RECURSION_MAX: usize = 50;

/// One statement of a text.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Where it begins, white space left out.
    pub start: usize,
    /// Where it ends, its semicolon not counted.
    pub end: usize,
    /// Its lexemes, with places in the whole text; none if it has only comments.
    pub lexemes: Vec<Lexeme>,
}

/// Cuts a text at its semicolons. A routine's body has semicolons of its own, so that whatever begins one is taken to go on
/// to the end of the text. White space behind the last semicolon is no statement.
pub fn split(text: &str, lexemes: Vec<Lexeme>) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut here: Vec<Lexeme> = Vec::new();
    let mut whole = false;
    for lexeme in lexemes {
        if lexeme.token != Token::SemiColon || whole {
            here.push(lexeme);
            continue;
        }
        if has_body(&here) {
            whole = true;
            here.push(lexeme);
            continue;
        }
        pieces.push(piece(text, start, lexeme.start, std::mem::take(&mut here)));
        start = lexeme.end;
    }
    let rest = text.get(start..).unwrap_or_default();
    if !rest.trim_ascii().is_empty() {
        pieces.push(piece(text, start, text.len(), here));
    }
    // A lone semicolon in front or behind is nothing that anybody waits for.
    if pieces.iter().any(|piece| !piece.lexemes.is_empty()) {
        while pieces.last().is_some_and(|last| last.start == last.end) {
            pieces.pop();
        }
    }
    pieces
}

fn piece(text: &str, start: usize, end: usize, lexemes: Vec<Lexeme>) -> Piece {
    let body = text.get(start..end).unwrap_or_default();
    let leading = body.len() - body.trim_ascii_start().len();
    Piece { start: (start + leading).min(end), end, lexemes }
}

/// May semicolons stand inside it? Blocks, and definitions of what has a body.
fn has_body(lexemes: &[Lexeme]) -> bool {
    let mut cursor = Cursor::new(lexemes);
    if cursor.word("BEGIN") {
        return !cursor.at_end() && !cursor.word("WORK");
    }
    if cursor.any(&["IF", "LOOP", "WHILE", "REPEAT", "FOR", "CASE", "DECLARE"]) {
        return true;
    }
    if !cursor.any(&["CREATE", "ALTER"]) {
        return false;
    }
    match cursor.object_kind().as_deref() {
        Some("PROCEDURE" | "FUNCTION" | "TRIGGER" | "EVENT" | "PACKAGE") | None => true,
        Some(_) => false,
    }
}

/// A text's one query, such as a view's definition.
pub fn query(text: &str, reading: &MySqlReading) -> Option<Box<ast::Query>> {
    let lexemes = lex(text, reading).ok()?;
    match statement(&lexemes, reading).ok()? {
        ast::Statement::Query(query) => Some(query),
        _ => None,
    }
}

/// The tree of a query, INSERT, REPLACE, UPDATE or DELETE. Doubts: anything that sqlparser might read in another sense.
pub fn statement(lexemes: &[Lexeme], reading: &MySqlReading) -> Result<ast::Statement, Doubt> {
    let is_query = lexemes.first().is_some_and(opens_query);
    let is_change = Cursor::new(lexemes).any(&["INSERT", "REPLACE", "UPDATE", "DELETE"]);
    if !is_query && !is_change {
        return Err(Doubt("this is neither a query nor a change of rows"));
    }
    parsed(lexemes, reading, |parser| {
        if is_query { parser.parse_query().map(ast::Statement::Query) } else { parser.parse_statement() }
    })
}

/// The trees of expressions parted by commas.
pub fn expressions(lexemes: &[Lexeme], reading: &MySqlReading) -> Result<Vec<ast::Expr>, Doubt> {
    parsed(lexemes, reading, |parser| parser.parse_comma_separated(Parser::parse_expr))
}

/// May a query begin like this?
pub fn opens_query(first: &Lexeme) -> bool {
    first.token == Token::LParen || ["SELECT", "WITH", "VALUES", "TABLE"].iter().any(|word| first.is(word))
}

fn parsed<T>(
    lexemes: &[Lexeme],
    reading: &MySqlReading,
    parse: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>,
) -> Result<T, Doubt> {
    shape::check(lexemes)?;
    let tokens = tokens(lexemes, reading)?;
    let dialect = MySqlDialect {};
    let mut parser = Parser::new(&dialect).with_recursion_limit(RECURSION_MAX).with_tokens_with_locations(tokens);
    let tree = parse(&mut parser).map_err(|error| match error {
        ParserError::RecursionLimitExceeded => Doubt("nested too deep"),
        _ => Doubt("its grammar is not understood"),
    })?;
    match parser.peek_token_ref().token {
        Token::EOF => Ok(tree),
        _ => Err(Doubt("its end is not understood")),
    }
}

/// The lexemes as sqlparser is to see them.
fn tokens(lexemes: &[Lexeme], reading: &MySqlReading) -> Result<Vec<TokenWithSpan>, Doubt> {
    let mut found = Vec::with_capacity(lexemes.len());
    let mut updates_duplicates = false;
    let mut at = 0;
    while let Some(lexeme) = lexemes.get(at) {
        let rest = lexemes.get(at..).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|index| lexemes.get(index));
        let skipped = left_out(rest, before);
        if skipped > 0 {
            at += skipped;
            continue;
        }
        if lexeme.is("TABLE") {
            // Inside queries it is a query itself; sqlparser passes over what follows it.
            let all = [Token::make_keyword("SELECT"), Token::Mul, Token::make_keyword("FROM")];
            found.extend(all.map(TokenWithSpan::wrap));
            at += 1;
            continue;
        }
        let next = rest.get(1);
        check(lexeme, next, before, reading)?;
        updates_duplicates |= Cursor::new(rest).words(&["DUPLICATE", "KEY", "UPDATE"]);
        found.push(TokenWithSpan::wrap(token(lexeme, next, before, (updates_duplicates, reading.flavour))));
        at += 1;
    }
    Ok(found)
}

/// Lexemes here that change nothing about what is touched, and that sqlparser does not know.
fn left_out(rest: &[Lexeme], before: Option<&Lexeme>) -> usize {
    let mut cursor = Cursor::new(rest);
    if cursor.words(&["LOCK", "IN", "SHARE", "MODE"]) {
        return 4;
    }
    let after = |words: &[&str]| before.is_some_and(|before| words.iter().any(|word| before.is(word)));
    let modifies = after(&["INSERT", "REPLACE", "UPDATE", "DELETE", "LOW_PRIORITY", "QUICK"])
        && (cursor.any(&["LOW_PRIORITY", "QUICK", "DELAYED"])
            || (cursor.word("HIGH_PRIORITY") && after(&["INSERT"]))
            || (cursor.word("IGNORE") && after(&["DELETE", "QUICK"])));
    let caches = after(&["SELECT"]) && cursor.word("SQL_CACHE");
    usize::from(modifies || caches)
}

/// What is legal, but not read by sqlparser as the server reads it.
fn check(lexeme: &Lexeme, next: Option<&Lexeme>, before: Option<&Lexeme>, mode: &MySqlReading) -> Result<(), Doubt> {
    let Token::Word(word) = &lexeme.token else { return Ok(()) };
    let called = next.is_some_and(|next| next.token == Token::LParen);
    let touches = next.is_some_and(|next| next.start == lexeme.end);
    let listed = before.is_some_and(|before| before.is("INTO") || before.is("TABLE") || before.token == Token::Period);
    if called && !listed && keywords::is_glued_function(&word.value) {
        let quoted = word.quote_style.is_some();
        if quoted || (!touches && !mode.ignore_space) {
            return Err(Doubt(
                "a built-in function's name stands apart from its parenthesis, and so is a stored one's",
            ));
        }
    }
    let binds_loosely = ["NULL", "IN", "LIKE", "BETWEEN", "EXISTS", "REGEXP", "RLIKE"];
    let loosely = || next.is_some_and(|next| binds_loosely.iter().any(|word| next.is(word)));
    if mode.high_not_precedence && lexeme.is("NOT") && !loosely() {
        return Err(Doubt("NOT binds tighter while HIGH_NOT_PRECEDENCE is set; use parentheses"));
    }
    Ok(())
}

/// One lexeme as sqlparser's token: a keyword only where the server takes it for one.
fn token(lexeme: &Lexeme, next: Option<&Lexeme>, before: Option<&Lexeme>, context: (bool, Flavour)) -> Token {
    let (updates_duplicates, flavour) = context;
    // sqlparser has no `!` for MySQL; `~` binds as tightly, and what goes into either comes out as another number.
    if lexeme.token == Token::ExclamationMark {
        return Token::Tilde;
    }
    let Some(text) = lexeme.word() else { return lexeme.token.clone() };
    let upper = text.to_ascii_uppercase();
    let called = next.is_some_and(|next| next.token == Token::LParen);
    let before_string = next.is_some_and(|next| matches!(next.token, Token::SingleQuotedString(_)));
    let operand_before = before.is_some_and(ends_operand);
    if upper == "MOD" && operand_before {
        return Token::Mod;
    }
    let is_name = !keywords::is_keyword(&upper, flavour)
        || (called && keywords::is_function(&upper))
        || (called && updates_duplicates && matches!(upper.as_str(), "VALUES" | "VALUE"))
        || (before_string && keywords::is_type(&upper));
    let mut token = lexeme.token.clone();
    if let Token::Word(word) = &mut token
        && is_name
    {
        word.keyword = Keyword::NoKeyword;
    }
    token
}

/// Can an operand end with this, so that an operator may follow?
fn ends_operand(lexeme: &Lexeme) -> bool {
    match &lexeme.token {
        Token::RParen | Token::Placeholder(_) => true,
        Token::Word(_) => lexeme.word().is_none_or(|word| !keywords::opens_operand(&word.to_ascii_uppercase())),
        _ => lexeme.is_literal(),
    }
}

#[cfg(test)]
#[path = "parse/tests.rs"]
mod tests;
