//! CREATE, ALTER, DROP, RENAME, TRUNCATE and upkeep: which object, which relations, and whether data is copied on the way.

use sqlparser::tokenizer::Token;

use super::Context;
use super::cursor::{Cursor, Named};
use crate::statement::footprint::{Access, Facet, Footprint, RowBound, SessionEffect, Transfer, Verb};
use crate::statement::lineage::blank;
use crate::statement::mysql::lex::Lexeme;
use crate::statement::mysql::parse::opens_query;
use crate::statement::utility::Build;

/// Why code that runs later keeps a statement from being understood.
const FOLLOWS: &str = "code that runs later is not followed";

/// Storage engines that keep a table's rows in the server itself.
const ENGINES: [&str; 8] = ["INNODB", "MYISAM", "MEMORY", "HEAP", "ARIA", "ARCHIVE", "ROCKSDB", "BLACKHOLE"];

/// Changes of a table that convert or check its rows, so that errors may quote them.
const CHECKING: [&str; 8] = ["ADD", "MODIFY", "CHANGE", "CONVERT", "ALTER", "EXCHANGE", "FORCE", "PARTITION"];

fn ddl(verb: Verb, kind: &str) -> Footprint {
    blank(verb).facet(Facet::Defines).kind(kind)
}

/// Objects that are code.
fn code(verb: Verb, kind: &str) -> Footprint {
    ddl(verb, kind).unknown_copy().opaque(kind, FOLLOWS)
}

fn server(verb: Verb, kind: &str) -> Footprint {
    ddl(verb, kind).facet(Facet::Server)
}

fn account(verb: Verb, kind: &str) -> Footprint {
    blank(verb).facet(Facet::Privilege).kind(kind)
}

/// Objects named by one word that are treated alike whatever is done to them.
fn by_kind(verb: Verb, kind: &str) -> Option<Footprint> {
    Some(match kind {
        "DATABASE" | "SCHEMA" => ddl(verb, "database"),
        "USER" => account(verb, "user"),
        "ROLE" => account(verb, "role"),
        "PROCEDURE" => code(verb, "procedure"),
        "FUNCTION" => code(verb, "function"),
        "PACKAGE" => code(verb, "package"),
        "TRIGGER" => code(verb, "trigger"),
        "EVENT" => code(verb, "event"),
        "SERVER" => server(verb, "server"),
        "TABLESPACE" | "UNDO" | "LOGFILE" => server(verb, "tablespace"),
        "INSTANCE" => server(verb, "instance"),
        "RESOURCE" => server(verb, "resource group"),
        _ => return None,
    })
}

impl Context<'_> {
    pub(super) fn create(&self, mut cursor: Cursor<'_>) -> Footprint {
        let Some(kind) = cursor.object_kind() else { return Self::not_understood(Verb::Create, "CREATE") };
        let found = match kind.as_str() {
            "TEMPORARY" if cursor.word("TABLE") => self.create_table(cursor, true),
            "TEMPORARY" if cursor.word("SEQUENCE") => self.create_sequence(cursor, true),
            "TABLE" => self.create_table(cursor, false),
            "SEQUENCE" => self.create_sequence(cursor, false),
            "VIEW" => self.create_view(cursor, Verb::Create),
            "INDEX" => self.create_index(cursor),
            "UNIQUE" | "FULLTEXT" | "SPATIAL" if cursor.word("INDEX") => self.create_index(cursor),
            "SPATIAL" => Some(server(Verb::Create, "spatial reference system")),
            "FUNCTION" if is_loadable(cursor) => Some(code(Verb::Create, "function").facet(Facet::Server)),
            other => by_kind(Verb::Create, other),
        };
        found.unwrap_or_else(|| ddl(Verb::Create, "object").opaque("CREATE", "this form of it is not understood"))
    }

    fn create_table(&self, mut cursor: Cursor<'_>, temporary: bool) -> Option<Footprint> {
        cursor.if_exists();
        let named = cursor.named()?;
        let alike = alike(cursor);
        let print = match queried(cursor.rest()) {
            _ if alike.is_some() => ddl(Verb::Create, "table"),
            Query::None => ddl(Verb::Create, "table"),
            Query::Found(lexemes) => copied_from((self.statement)(lexemes), "table"),
            Query::Unclear => {
                ddl(Verb::Create, "table").unknown_copy().opaque("CREATE TABLE", "its query is not understood")
            }
        };
        let print = self.created(print, &named, temporary);
        let print = match alike {
            Some(other) => self.existing(print, &other, Access::Read),
            None => print,
        };
        Some(stored_elsewhere(cursor.rest(), print))
    }

    fn create_sequence(&self, mut cursor: Cursor<'_>, temporary: bool) -> Option<Footprint> {
        cursor.if_exists();
        let named = cursor.named()?;
        Some(self.created(ddl(Verb::Create, "sequence"), &named, temporary))
    }

    fn create_view(&self, mut cursor: Cursor<'_>, verb: Verb) -> Option<Footprint> {
        cursor.if_exists();
        let named = cursor.named()?;
        if cursor.sign(&Token::LParen) {
            cursor.until(|lexeme| lexeme.token == Token::RParen);
            cursor.sign(&Token::RParen);
        }
        if !cursor.word("AS") {
            return None;
        }
        let query = without_check_option(cursor.rest());
        let print = Footprint { verb, ..copied_from((self.statement)(query), "view") };
        Some(self.created(print, &named, false))
    }

    /// Building an index evaluates its expressions on every row, and a unique one quotes what it finds twice.
    fn create_index(&self, mut cursor: Cursor<'_>) -> Option<Footprint> {
        cursor.if_exists();
        cursor.name()?;
        if cursor.word("USING") {
            cursor.keyword()?;
        }
        if !cursor.word("ON") {
            return None;
        }
        Some(self.checks_rows(ddl(Verb::Create, "index"), &cursor.named()?))
    }

    pub(super) fn alter(&self, mut cursor: Cursor<'_>) -> Footprint {
        let Some(kind) = cursor.object_kind() else { return Self::not_understood(Verb::Alter, "ALTER") };
        let found = match kind.as_str() {
            "TABLE" => self.alter_table(cursor),
            "VIEW" => self.create_view(cursor, Verb::Alter),
            "SEQUENCE" => {
                cursor.if_exists();
                cursor.named().map(|named| self.existing(ddl(Verb::Alter, "sequence"), &named, Access::Define))
            }
            other => by_kind(Verb::Alter, other),
        };
        found.unwrap_or_else(|| ddl(Verb::Alter, "object").opaque("ALTER", "this form of it is not understood"))
    }

    fn alter_table(&self, mut cursor: Cursor<'_>) -> Option<Footprint> {
        cursor.if_exists();
        let named = cursor.named()?;
        let rest = cursor.rest();
        let print = ddl(Verb::Alter, "table");
        let has = |words: &[&str]| rest.iter().any(|lexeme| words.iter().any(|word| lexeme.is(word)));
        let print = match has(&CHECKING) {
            true => self.checks_rows(print, &named),
            false => self.existing(print, &named, Access::Define),
        };
        let print = if has(&["TABLESPACE", "SECONDARY_LOAD"]) { print.facet(Facet::Server) } else { print };
        let mut other = cursor;
        other.until(|lexeme| lexeme.is("WITH") || lexeme.is("RENAME"));
        let print = match (other.words(&["WITH", "TABLE"]), other.word("RENAME")) {
            (true, _) => self.existing(print, &other.named()?, Access::Define),
            (false, true) => self.renamed(print, other),
            (false, false) => print,
        };
        let print = if has(&["SELECT"]) { print.opaque("ALTER TABLE", "its query is not understood") } else { print };
        Some(stored_elsewhere(rest, print))
    }

    /// RENAME of a table, a column or an index inside ALTER TABLE.
    fn renamed(&self, print: Footprint, mut cursor: Cursor<'_>) -> Footprint {
        if cursor.any(&["COLUMN", "INDEX", "KEY"]) {
            return print;
        }
        cursor.any(&["TO", "AS"]);
        cursor.sign(&Token::Eq);
        match cursor.named() {
            Some(named) => self.created(print, &named, false),
            None => print.opaque("ALTER TABLE", "its new name is not understood"),
        }
    }

    pub(super) fn drop_object(&self, mut cursor: Cursor<'_>) -> Footprint {
        if cursor.word("PREPARE") {
            return super::server::deallocate(cursor);
        }
        let Some(kind) = cursor.object_kind() else { return Self::not_understood(Verb::Drop, "DROP") };
        let found = match kind.as_str() {
            "TEMPORARY" if cursor.any(&["TABLE", "TABLES"]) => self.drop_relations(cursor, "table", true),
            "TABLE" => self.drop_relations(cursor, "table", false),
            "VIEW" => self.drop_relations(cursor, "view", false),
            "SEQUENCE" => self.drop_relations(cursor, "sequence", false),
            "INDEX" => drop_index(cursor).map(|named| self.existing(ddl(Verb::Drop, "index"), &named, Access::Define)),
            "PROCEDURE" | "FUNCTION" | "PACKAGE" | "TRIGGER" | "EVENT" => {
                Some(ddl(Verb::Drop, &kind.to_ascii_lowercase()))
            }
            "SPATIAL" => Some(server(Verb::Drop, "spatial reference system")),
            other => by_kind(Verb::Drop, other),
        };
        found.unwrap_or_else(|| ddl(Verb::Drop, "object").opaque("DROP", "this form of it is not understood"))
    }

    /// A temporary table that is dropped brings to light what it hid.
    fn drop_relations(&self, mut cursor: Cursor<'_>, kind: &str, temporary: bool) -> Option<Footprint> {
        cursor.if_exists();
        let mut print = ddl(Verb::Drop, kind);
        loop {
            let named = cursor.named()?;
            let hides = self.is_temporary(&named.name);
            if hides {
                print = print.effect(SessionEffect::ChangesReading { setting: super::owned("temporary") });
            }
            print = if temporary || hides {
                let used = crate::statement::utility::names::Resolved {
                    relation: None,
                    name: super::owned(&named.name),
                    doubt: None,
                };
                print.use_of(used, Access::Define)
            } else {
                self.existing(print, &named, Access::Define)
            };
            if !cursor.sign(&Token::Comma) {
                break;
            }
        }
        cursor.any(&["RESTRICT", "CASCADE", "NOWAIT"]);
        if cursor.word("WAIT") {
            cursor.literal();
        }
        cursor.at_end().then_some(print)
    }

    pub(super) fn rename(&self, mut cursor: Cursor<'_>) -> Footprint {
        if cursor.word("USER") {
            return account(Verb::Alter, "user");
        }
        if !cursor.any(&["TABLE", "TABLES"]) {
            return Self::not_understood(Verb::Alter, "RENAME");
        }
        cursor.if_exists();
        self.rename_tables(cursor).unwrap_or_else(|| Self::not_understood(Verb::Alter, "RENAME TABLE"))
    }

    fn rename_tables(&self, mut cursor: Cursor<'_>) -> Option<Footprint> {
        let mut print = ddl(Verb::Alter, "table");
        loop {
            print = self.existing(print, &cursor.named()?, Access::Define);
            if !cursor.word("TO") {
                return None;
            }
            print = self.created(print, &cursor.named()?, false);
            if cursor.at_end() {
                return Some(print);
            }
            if !cursor.sign(&Token::Comma) {
                return None;
            }
        }
    }

    pub(super) fn truncate(&self, mut cursor: Cursor<'_>) -> Footprint {
        cursor.word("TABLE");
        let print = Footprint { changed: RowBound::Unbounded, ..ddl(Verb::Truncate, "table").facet(Facet::WritesAll) };
        match cursor.named() {
            Some(named) => self.existing(print, &named, Access::Write),
            None => print.opaque("TRUNCATE", "it names no table"),
        }
    }

    /// ANALYZE, OPTIMIZE, CHECK, REPAIR, CHECKSUM TABLE. Histograms and checksums speak about values.
    pub(super) fn upkeep(&self, mut cursor: Cursor<'_>) -> Footprint {
        cursor.any(&["NO_WRITE_TO_BINLOG", "LOCAL"]);
        let print = ddl(Verb::Maintain, "table");
        if !cursor.any(&["TABLE", "TABLES"]) {
            return print.opaque("upkeep", "this form of it is not understood");
        }
        let mut print = print;
        loop {
            let Some(named) = cursor.named() else { return print.opaque("upkeep", "it names no table") };
            print = self.existing(print, &named, Access::Define);
            if !cursor.sign(&Token::Comma) {
                break;
            }
        }
        let plain = ["FAST", "QUICK", "MEDIUM", "EXTENDED", "CHANGED", "FOR", "UPGRADE", "USE_FRM", "FORCE"];
        if !cursor.rest().iter().all(|lexeme| plain.iter().any(|word| lexeme.is(word))) {
            return print.opaque("upkeep", "statistics of values are not for everybody");
        }
        let columns = ["Table", "Op", "Msg_type", "Msg_text"];
        let outputs = columns.iter().map(|name| crate::statement::utility::output(name, Vec::new())).collect();
        Footprint { outputs: Some(outputs), returned: RowBound::AtMost(100), ..print }
    }
}

/// A function from a library: CREATE FUNCTION name RETURNS type SONAME 'file'.
fn is_loadable(cursor: Cursor<'_>) -> bool {
    cursor.rest().iter().any(|lexeme| lexeme.is("SONAME"))
}

fn drop_index(mut cursor: Cursor<'_>) -> Option<Named> {
    cursor.if_exists();
    cursor.name()?;
    if cursor.word("ON") { cursor.named() } else { None }
}

/// CREATE TABLE … LIKE other, with or without parentheses.
fn alike(mut cursor: Cursor<'_>) -> Option<Named> {
    cursor.sign(&Token::LParen);
    if !cursor.word("LIKE") {
        return None;
    }
    let named = cursor.named()?;
    cursor.sign(&Token::RParen);
    cursor.at_end().then_some(named)
}

enum Query<'l> {
    None,
    Found(&'l [Lexeme]),
    Unclear,
}

/// The query behind a table's definition.
fn queried(lexemes: &[Lexeme]) -> Query<'_> {
    let mut depth = 0_usize;
    let mut found = None;
    for (index, lexeme) in lexemes.iter().enumerate() {
        let next = lexemes.get(index + 1);
        let selects = |lexeme: Option<&Lexeme>| lexeme.is_some_and(|lexeme| lexeme.is("SELECT") || lexeme.is("WITH"));
        match lexeme.token {
            Token::LParen => {
                let wraps = depth == 0 && (selects(next) || next.is_some_and(|next| next.token == Token::LParen));
                if wraps && found.is_none() {
                    found = Some(index);
                }
                depth += 1;
            }
            Token::RParen => depth = depth.saturating_sub(1),
            _ if depth == 0 && found.is_none() && opens_query(lexeme) => {
                let versions = lexeme.is("WITH") && next.is_some_and(|next| next.is("SYSTEM") || next.is("PARSER"));
                if !versions {
                    found = Some(index);
                }
            }
            _ => {}
        }
    }
    match found.and_then(|index| lexemes.get(index..)) {
        Some(query) => Query::Found(query),
        None if lexemes.iter().any(|lexeme| lexeme.is("SELECT")) => Query::Unclear,
        None => Query::None,
    }
}

/// Tables that are kept elsewhere, or are merged from others, bring data from where nobody looks.
fn stored_elsewhere(lexemes: &[Lexeme], print: Footprint) -> Footprint {
    let mut cursor = Cursor::new(lexemes);
    cursor.until(|lexeme| lexeme.is("ENGINE"));
    let named = cursor.word("ENGINE").then(|| {
        cursor.sign(&Token::Eq);
        cursor.string().or_else(|| cursor.name()).unwrap_or_default().to_ascii_uppercase()
    });
    let elsewhere = named.is_some_and(|engine| !ENGINES.contains(&engine.as_str()));
    let mut options = Cursor::new(lexemes);
    options.until(|lexeme| lexeme.is("CONNECTION") || lexeme.is("DIRECTORY") || lexeme.is("UNION"));
    let points = (options.any(&["CONNECTION", "DIRECTORY", "UNION"])) && !options.at_end();
    if elsewhere || points {
        return print.facet(Facet::Server).opaque("table options", "its rows would be kept elsewhere");
    }
    print
}

fn without_check_option(lexemes: &[Lexeme]) -> &[Lexeme] {
    let ends = |count: usize, words: &[&str]| {
        let at = lexemes.len().checked_sub(count)?;
        let (query, tail) = lexemes.split_at_checked(at)?;
        Cursor::new(tail).words(words).then_some(query)
    };
    ends(3, &["WITH", "CHECK", "OPTION"])
        .or_else(|| ends(4, &["WITH", "CASCADED", "CHECK", "OPTION"]))
        .or_else(|| ends(4, &["WITH", "LOCAL", "CHECK", "OPTION"]))
        .unwrap_or(lexemes)
}

/// A query's footprint, as that of an object made from it.
fn copied_from(inner: Footprint, kind: &str) -> Footprint {
    Footprint {
        verb: Verb::Create,
        outputs: inner.outputs.or_else(|| Some(Vec::new())),
        returned: RowBound::None,
        transfer: Some(Transfer::IntoNewObject),
        explainable: false,
        ..inner
    }
    .facet(Facet::Defines)
    .kind(kind)
}
