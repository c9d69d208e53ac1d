//! Text -> statements with footprints, as `statement::read` gives them, for MySQL and MariaDB.

use std::borrow::Cow;
use std::sync::Arc;

use sqlparser::tokenizer::Token;

use super::kinds::cursor::Cursor;
use super::kinds::files::{Into, take_into};
use super::kinds::{Context, files};
use super::lex::{Doubt, Lexeme, lex};
use super::parse::{self, Piece};
use super::{kinds, lower};
use crate::catalog::Catalog;
use crate::statement::footprint::{Facet, Footprint, Opaque, RowBound, SessionEffect, Verb};
use crate::statement::lineage;
use crate::statement::read::{self, Batch, Known, Statement};
use crate::statement::scope::{MySqlReading, Scope};
use crate::statement::utility::{Build, unknown_output};

/// Texts of statements inside one another (PREPARE, EXECUTE IMMEDIATE), at most.
const TEXTS_MAX: usize = 3;

/// What PREPARE keeps: a name, and what running it will touch.
type Prepared = (Arc<str>, Arc<Footprint>);

/// Reads a batch.
pub fn read(text: &str, reading: &MySqlReading, scope: &Scope, catalog: &Catalog, known: &Known) -> Batch {
    let lexemes = match lex(text, reading) {
        Ok(lexemes) => lexemes,
        Err(doubt) => return Batch { statements: vec![read::unreadable(text, scope.dialect, doubt.0)] },
    };
    let pieces = parse::split(text, lexemes);
    if pieces.is_empty() {
        return Batch { statements: vec![read::plain(text, scope.dialect, lineage::blank(Verb::Empty))] };
    }
    let mut known = Cow::Borrowed(known);
    let mut statements: Vec<Statement> = Vec::with_capacity(pieces.len());
    let mut settled = true;
    for piece in &pieces {
        let own = text.get(piece.start..piece.end).unwrap_or_default();
        let reader = Reader { reading, scope, catalog, known: &known, settled, texts: 0 };
        let mut statement = reader.piece(own, piece);
        statement.end = piece.end;
        settled &= keeps_names(&statement.footprint);
        remember(&statement, &mut known);
        statements.push(statement);
    }
    Batch { statements }
}

/// What later statements of the batch have to know of this one.
fn remember(statement: &Statement, known: &mut Cow<'_, Known>) {
    if let Some((name, footprint)) = &statement.prepared {
        known.to_mut().prepared.insert(name.clone(), footprint.clone());
    }
    for effect in &statement.footprint.session {
        if let SessionEffect::SetsVariable { name, sources, unknown } = effect {
            // A statement that fails half-way, or finds no row, keeps what was there before.
            known.to_mut().variables.add(name, sources, *unknown);
        }
    }
}

/// Do names mean afterwards what they meant before? Transactions take back no settings here.
fn keeps_names(footprint: &Footprint) -> bool {
    let defines = |facet: &Facet| matches!(facet, Facet::Defines | Facet::Privilege | Facet::Routine | Facet::Server);
    let changes = |effect: &SessionEffect| {
        matches!(effect, SessionEffect::ChangesReading { .. } | SessionEffect::CreatesTemporary { .. })
    };
    footprint.opaque.is_empty() && !footprint.facets.iter().any(defines) && !footprint.session.iter().any(changes)
}

struct Reader<'r> {
    reading: &'r MySqlReading,
    scope: &'r Scope,
    catalog: &'r Catalog,
    known: &'r Known,
    /// Nothing before it in the batch may have changed what names mean.
    settled: bool,
    /// Texts of statements around this one.
    texts: usize,
}

impl Reader<'_> {
    fn piece(&self, text: &str, piece: &Piece) -> Statement {
        let mut prepared = None;
        let mut cursor = Cursor::new(&piece.lexemes);
        let mut footprint = match piece.lexemes.first() {
            None => lineage::blank(Verb::Empty),
            Some(_) if cursor.word("PREPARE") => {
                let (footprint, inner) = self.prepare(cursor);
                prepared = inner;
                footprint
            }
            Some(_) => self.any(&piece.lexemes),
        };
        if !self.settled {
            read::doubt(&mut footprint);
            if let Some((_, inner)) = &mut prepared {
                read::doubt(Arc::make_mut(inner));
            }
        }
        if !self.scope.utf8 {
            footprint.opaque.push(Opaque {
                what: Arc::from("character_set_client"),
                why: Arc::from("only UTF-8 is read; SET NAMES utf8mb4"),
            });
        }
        let depends = piece.lexemes.iter().any(|lexeme| lexeme.variable().is_some())
            || ["PREPARE", "EXECUTE", "DEALLOCATE"].iter().any(|word| piece.lexemes.iter().any(|one| one.is(word)));
        Statement { depends_on_session: depends, prepared, ..read::plain(text, self.scope.dialect, footprint) }
    }

    /// A statement, PREPARE apart.
    fn any(&self, lexemes: &[Lexeme]) -> Footprint {
        if let Some(claim) = shown_claim(lexemes) {
            let effect = SessionEffect::ShowClaim { name: Arc::from(claim) };
            return lineage::blank(Verb::Show).facet(Facet::Session).effect(effect);
        }
        let mut cursor = Cursor::new(lexemes);
        if cursor.word("EXECUTE") {
            return if cursor.word("IMMEDIATE") { self.immediate(cursor) } else { self.execute(cursor) };
        }
        let opens_change =
            ["INSERT", "REPLACE", "UPDATE", "DELETE"].iter().any(|word| cursor.peek().is_some_and(|l| l.is(word)));
        if opens_change || cursor.peek().is_some_and(parse::opens_query) {
            return self.dml(lexemes);
        }
        let context = Context {
            reading: self.reading,
            catalog: self.catalog,
            scope: self.scope,
            statement: &|lexemes| self.any(lexemes),
            expressions: &|lexemes| self.expressions(lexemes),
        };
        context
            .footprint(lexemes)
            .unwrap_or_else(|| not_understood(Verb::Other, "statement", "this kind of statement is not understood"))
    }

    /// A query or a change of rows, with what INTO does.
    fn dml(&self, lexemes: &[Lexeme]) -> Footprint {
        let is_query = lexemes.first().is_some_and(parse::opens_query);
        let taken = if is_query { take_into(lexemes) } else { Ok((lexemes.to_vec(), None)) };
        match taken {
            Ok((lexemes, None)) => self.followed(&lexemes),
            Ok((lexemes, Some(destination))) => self.sent(&lexemes, destination),
            Err(Doubt(why)) => not_understood(Verb::Select, "INTO", why),
        }
    }

    fn sent(&self, lexemes: &[Lexeme], destination: Into) -> Footprint {
        files::into(self.followed(lexemes), destination)
    }

    fn followed(&self, lexemes: &[Lexeme]) -> Footprint {
        let verb = verb(lexemes);
        let tree = match parse::statement(lexemes, self.reading) {
            Ok(tree) => tree,
            Err(Doubt(why)) => return not_understood(verb, "syntax", why),
        };
        match lower::statement(&tree, self.reading) {
            Some(dml) => lineage::analyse_with(&dml, self.catalog, self.scope, &self.known.variables),
            None => not_understood(verb, "statement", "this kind of statement is not understood here"),
        }
    }

    /// Expressions parted by commas.
    fn expressions(&self, lexemes: &[Lexeme]) -> Footprint {
        let trees = match parse::expressions(lexemes, self.reading) {
            Ok(trees) => trees,
            Err(Doubt(why)) => return not_understood(Verb::Other, "syntax", why),
        };
        let list: Vec<_> = trees.iter().map(|tree| lower::expression(tree, self.reading)).collect();
        lineage::analyse_expressions_with(&list, self.catalog, self.scope, &self.known.variables)
    }

    /// The one statement of a text inside a statement.
    fn text(&self, text: &str) -> Footprint {
        if self.texts >= TEXTS_MAX {
            return not_understood(Verb::Unreadable, "syntax", "texts of statements stand too deep inside one another");
        }
        let lexemes = match lex(text, self.reading) {
            Ok(lexemes) => lexemes,
            Err(Doubt(why)) => return not_understood(Verb::Unreadable, "syntax", why),
        };
        match parse::split(text, lexemes).as_slice() {
            [one] if !one.lexemes.is_empty() => Reader { texts: self.texts + 1, ..*self }.any(&one.lexemes),
            _ => not_understood(Verb::Unreadable, "syntax", "a text to be prepared holds one statement"),
        }
    }

    /// PREPARE name FROM 'text'. Nothing runs yet.
    fn prepare(&self, mut cursor: Cursor<'_>) -> (Footprint, Option<Prepared>) {
        let print = lineage::blank(Verb::Prepare).facet(Facet::Session);
        let Some(name) = cursor.statement_name().filter(|_| cursor.word("FROM")) else {
            return (print.opaque("PREPARE", "this form of it is not understood; use a plain name"), None);
        };
        let name: Arc<str> = Arc::from(name);
        let print = print.effect(SessionEffect::Prepare { name: name.clone() });
        let text = cursor.string().filter(|_| cursor.at_end());
        let inner = match text {
            Some(text) => self.text(&text),
            None => {
                let why = "write the text out, not a variable's name";
                return (
                    print.opaque("PREPARE", why),
                    Some((name, Arc::new(not_understood(Verb::Other, "PREPARE", why)))),
                );
            }
        };
        let print = Footprint {
            relations: inner.relations.clone(),
            functions: inner.functions.clone(),
            opaque: inner.opaque.clone(),
            unresolved: inner.unresolved,
            ..print
        };
        (print, Some((name, Arc::new(inner))))
    }

    /// EXECUTE name USING @a, @b.
    fn execute(&self, mut cursor: Cursor<'_>) -> Footprint {
        let name = cursor.statement_name().unwrap_or_default();
        let Some(prepared) = self.known.prepared.get(name.as_str()) else {
            return not_understood(Verb::Execute, "EXECUTE", "no prepared statement of this name is known");
        };
        // No server explains an EXECUTE.
        let print = Footprint { verb: Verb::Execute, explainable: false, ..prepared.as_ref().clone() };
        self.given(self.not_hidden(print), cursor)
    }

    /// EXECUTE IMMEDIATE 'text' USING values (MariaDB).
    fn immediate(&self, mut cursor: Cursor<'_>) -> Footprint {
        match cursor.string() {
            Some(text) => self.given(Footprint { verb: Verb::Execute, explainable: false, ..self.text(&text) }, cursor),
            None => not_understood(Verb::Execute, "EXECUTE IMMEDIATE", "write the text out"),
        }
    }

    /// The server prepares again when a temporary table has come to hide one that is named.
    fn not_hidden(&self, print: Footprint) -> Footprint {
        let hidden = print.relations.iter().any(|used| {
            let name = used.name.rsplit_once('.').map_or(&*used.name, |(_, name)| name);
            self.scope.temporary.iter().any(|known| known.to_lowercase() == name.to_lowercase())
        });
        if !hidden {
            return print;
        }
        Footprint { outputs: Some(vec![unknown_output("")]), ..print }
            .opaque("EXECUTE", "a temporary table has come to hide one that it names")
    }

    /// USING: values that read data would flow to places that nobody followed.
    fn given(&self, print: Footprint, mut cursor: Cursor<'_>) -> Footprint {
        if cursor.at_end() {
            return print;
        }
        if !cursor.word("USING") {
            return print.opaque("EXECUTE", "this form of it is not understood");
        }
        let given = self.expressions(cursor.rest());
        let carries = |output: &crate::statement::footprint::Output| output.unknown || !output.sources.is_empty();
        let reads = given.outputs.as_deref().is_none_or(|outputs| outputs.iter().any(carries));
        let mut print = print;
        if reads || !given.opaque.is_empty() || !given.session.is_empty() {
            print = print.opaque("EXECUTE", "its arguments read data; pass values instead");
            print.outputs = Some(vec![unknown_output("")]);
        }
        print
    }
}

/// FAIL CLOSED: nothing is known of its rows, so that they are masked whole if they are let through at all.
fn not_understood(verb: Verb, what: &str, why: &str) -> Footprint {
    let print = lineage::blank(verb).opaque(what, why);
    Footprint { outputs: Some(vec![unknown_output("")]), returned: RowBound::Unbounded, ..print }
}

fn verb(lexemes: &[Lexeme]) -> Verb {
    let first = |word: &str| lexemes.first().is_some_and(|lexeme| lexeme.is(word));
    match () {
        () if first("INSERT") || first("REPLACE") => Verb::Insert,
        () if first("UPDATE") => Verb::Update,
        () if first("DELETE") => Verb::Delete,
        () => Verb::Select,
    }
}

/// `SELECT @@holdpoint_name`, with or without an alias and a limit: answered by Holdpoint itself.
fn shown_claim(lexemes: &[Lexeme]) -> Option<String> {
    let mut cursor = Cursor::new(lexemes);
    if !cursor.word("SELECT") {
        return None;
    }
    let Token::Word(word) = &cursor.take()?.token else { return None };
    let name = word.value.to_lowercase();
    let claim = name.strip_prefix("@@")?.strip_prefix(kinds::CLAIM)?.strip_prefix('_')?.to_owned();
    if cursor.word("AS") {
        cursor.name().or_else(|| cursor.string())?;
    }
    if cursor.word("LIMIT") && !cursor.literal() {
        return None;
    }
    cursor.at_end().then_some(claim)
}
