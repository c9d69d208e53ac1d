//! sqlparser's tree of MySQL statements -> ours.
//!
//! Nothing is dropped in silence: every structure is taken apart whole, and what has no meaning here becomes `Opaque` or no
//! statement at all. Operators that sqlparser groups otherwise than MySQL does are taken for the worst they can be.

mod call;
mod change;
mod constant;
mod expression;
mod from;
mod operator;
mod query;

use std::sync::Arc;

use sqlparser::ast;

use crate::statement::mysql::parse;
use crate::statement::scope::MySqlReading;
use crate::statement::tree::{Constant, Dml, Expr, Name, Query, TableName, Unknown};

/// Levels of sqlparser's tree inside one another that are lowered, at most.
const DEPTH_MAX: u32 = 200;

/// The name under which the row that an INSERT proposes is known to `VALUES(column)`. No name in a text has a zero byte.
const PROPOSED: &str = "\0values";

/// Lowers a query or a change of rows. `None` is another kind of statement, or one not understood.
pub fn statement(statement: &ast::Statement, reading: &MySqlReading) -> Option<Dml> {
    Lowering::new(reading).statement(statement)
}

/// Lowers an expression that stands alone.
pub fn expression(expr: &ast::Expr, reading: &MySqlReading) -> Expr {
    Lowering::new(reading).expr(expr)
}

/// The query of a definition as the server prints it: names in backticks and qualified, strings in single quotes. What holds
/// a backslash or a comment is not read, because printing and `sql_mode` do not agree on it.
pub fn definition(text: &str, reading: MySqlReading) -> Option<Query> {
    let doubtful = ["\\", "/*", "--", "#", "\0", "||"];
    if doubtful.iter().any(|mark| text.contains(mark)) {
        return None;
    }
    let printed = MySqlReading { ansi_quotes: false, no_backslash_escapes: false, pipes_as_concat: false, ..reading };
    Some(Lowering::new(&printed).query(&*parse::query(text, &printed)?))
}

/// A column's name as lowered: names of columns are compared without regard to case.
pub fn folded_column(name: &str) -> Name {
    Arc::from(lower_case(name))
}

/// Letter by letter, as the server does it.
fn lower_case(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).collect()
}

/// A letter outside ASCII that some comparison takes for one inside, or that becomes several.
fn is_doubtful(letter: char) -> bool {
    let folds_to_ascii = |mut folded: std::iter::Peekable<_>| {
        let first: Option<char> = folded.next();
        folded.peek().is_none() && first.is_some_and(|one| one.is_ascii())
    };
    !letter.is_ascii()
        && (letter.to_lowercase().count() > 1
            || folds_to_ascii(letter.to_lowercase().collect::<Vec<_>>().into_iter().peekable())
            || folds_to_ascii(letter.to_uppercase().collect::<Vec<_>>().into_iter().peekable()))
}

fn unknown(what: &str) -> Unknown {
    Unknown { what: Arc::from(what), why: Arc::from("not understood; write it another way") }
}

/// Something not understood, with what stands inside.
fn opaque(what: &str, parts: Vec<Expr>) -> Expr {
    Expr::Opaque(unknown(what), parts)
}

/// The state of lowering one statement.
struct Lowering<'r> {
    reading: &'r MySqlReading,
    depth: u32,
}

impl<'r> Lowering<'r> {
    fn new(reading: &'r MySqlReading) -> Self {
        Self { reading, depth: 0 }
    }

    fn statement(&mut self, statement: &ast::Statement) -> Option<Dml> {
        match statement {
            ast::Statement::Query(query) => self.top(query),
            ast::Statement::Insert(insert) => self.insert(insert, None),
            ast::Statement::Update(update) => self.update(update, None),
            ast::Statement::Delete(delete) => self.delete(delete, None),
            _ => None,
        }
    }

    /// Runs something one level down; `None` when that is too deep.
    fn deeper<T>(&mut self, run: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth >= DEPTH_MAX {
            return None;
        }
        self.depth += 1;
        let result = run(self);
        self.depth -= 1;
        result
    }

    /// A name as written, if it is written in a way that names things.
    fn written<'n>(&self, name: &'n ast::Ident) -> Option<&'n str> {
        let ast::Ident { value, quote_style, span: _ } = name;
        let names = match quote_style {
            None => !value.starts_with('@'),
            Some('`' | '\'') => true,
            Some('"') => true,
            Some(_) => false,
        };
        (names && !value.is_empty() && !value.contains('\0') && !value.chars().any(is_doubtful)).then_some(value)
    }

    /// The name of a column.
    fn column_name(&self, name: &ast::Ident) -> Option<Name> {
        self.written(name).map(folded_column)
    }

    /// The name of a table, an alias of one, or a schema.
    fn table_ident(&self, name: &ast::Ident) -> Option<Name> {
        let written = self.written(name)?;
        Some(match self.reading.lower_case_table_names {
            0 => Arc::from(written),
            _ => Arc::from(lower_case(written)),
        })
    }

    /// `t`, `s.t`.
    fn table_name(&self, name: &ast::ObjectName) -> Option<TableName> {
        match self.table_path(name)?.as_slice() {
            [name] => Some(TableName { schema: None, name: name.clone() }),
            [schema, name] => Some(TableName { schema: Some(schema.clone()), name: name.clone() }),
            _ => None,
        }
    }

    /// Names of a schema and a table.
    fn table_path(&self, name: &ast::ObjectName) -> Option<Vec<Name>> {
        let path = idents(name)?.into_iter().map(|ident| self.table_ident(ident)).collect::<Option<Vec<Name>>>()?;
        (1..=2).contains(&path.len()).then_some(path)
    }

    /// `c`, `t.c`, `s.t.c`.
    fn column_path<'n>(&self, path: impl IntoIterator<Item = &'n ast::Ident>) -> Option<Vec<Name>> {
        let idents: Vec<&ast::Ident> = path.into_iter().collect();
        let (last, before) = idents.split_last()?;
        let mut path = before.iter().map(|ident| self.table_ident(ident)).collect::<Option<Vec<Name>>>()?;
        path.push(self.column_name(last)?);
        (path.len() <= 3).then_some(path)
    }

    fn columns(&self, names: &[ast::Ident]) -> Option<Vec<Name>> {
        names.iter().map(|name| self.column_name(name)).collect()
    }
}

/// The parts of a name, if all of them are plain.
fn idents(name: &ast::ObjectName) -> Option<Vec<&ast::Ident>> {
    let ast::ObjectName(parts) = name;
    let plain = |part: &'_ ast::ObjectNamePart| matches!(part, ast::ObjectNamePart::Identifier(_));
    parts.iter().all(plain).then(|| parts.iter().filter_map(ast::ObjectNamePart::as_ident).collect())
}

/// A word written without quotes.
fn is_word(ident: &ast::Ident, word: &str) -> bool {
    ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case(word)
}

/// NULL, as where an ELSE is missing.
fn null() -> Expr {
    Expr::Constant(Constant::Null)
}
