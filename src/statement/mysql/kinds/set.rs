//! SET in all its forms: settings, user variables, names, transaction, password, role, claims.

use std::sync::Arc;

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::{Context, owned, settings};
use crate::statement::footprint::{Facet, Footprint, Output, SessionEffect, Source, Verb};
use crate::statement::lineage::blank;
use crate::statement::mysql::lex::Lexeme;
use crate::statement::utility::Build;

/// The prefixes of what Holdpoint itself answers: `@holdpoint_reason`, `holdpoint.reason`.
pub(in crate::statement::mysql) const CLAIM: &str = "holdpoint";

/// Where a setting is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Session,
    Server,
}

/// What stands on the left of an assignment.
enum Target {
    Variable(String),
    Setting(String, Reach),
    Claim(String),
}

impl Context<'_> {
    pub(super) fn set(&self, mut cursor: Cursor<'_>) -> Footprint {
        if let Some(print) = special(cursor) {
            return print;
        }
        if cursor.word("STATEMENT") {
            return self.set_for_statement(cursor);
        }
        let mut print = blank(Verb::Set).facet(Facet::Session);
        let mut reach = Reach::Session;
        loop {
            print = self.assignment(print, &mut cursor, &mut reach);
            if cursor.at_end() {
                break;
            }
            if !cursor.sign(&Token::Comma) {
                return print.opaque("SET", "this form of it is not understood");
            }
        }
        let claims = |effect: &SessionEffect| matches!(effect, SessionEffect::Claim { .. });
        if print.session.iter().any(claims) && !print.session.iter().all(claims) {
            return print.opaque("SET", "set what is said to Holdpoint in a statement of its own");
        }
        print
    }

    fn assignment(&self, print: Footprint, cursor: &mut Cursor<'_>, reach: &mut Reach) -> Footprint {
        if cursor.word("NAMES") {
            return names(print, cursor);
        }
        if cursor.words(&["CHARACTER", "SET"]) || cursor.word("CHARSET") {
            return names(print, cursor);
        }
        let Some(target) = target(cursor, reach) else {
            cursor.until(|_| false);
            return print.opaque("SET", "this form of it is not understood");
        };
        let assigned = cursor.assigns();
        let value = cursor.until(|lexeme| lexeme.token == Token::Comma);
        if !assigned || value.is_empty() {
            return print.opaque("SET", "it assigns nothing");
        }
        match target {
            Target::Claim(name) => claim(print, name, value),
            Target::Variable(name) => self.variable(print, name, value),
            Target::Setting(name, reach) => self.setting(print, &name, reach, value),
        }
    }

    /// `@v = e`: what `e` comes from stays with the variable.
    fn variable(&self, print: Footprint, name: String, value: &[Lexeme]) -> Footprint {
        let given = (self.expressions)(value);
        let (mut sources, mut unknown) = flows(given.outputs.as_deref());
        for (earlier, doubtful) in set_before(&print, value) {
            sources.extend(earlier.iter().filter(|source| !sources.contains(source)).copied().collect::<Vec<_>>());
            unknown |= doubtful;
        }
        let effect = SessionEffect::SetsVariable { name: Arc::from(name), sources, unknown };
        joined(print, given).effect(effect)
    }

    fn setting(&self, print: Footprint, name: &str, reach: Reach, value: &[Lexeme]) -> Footprint {
        let setting = owned(name);
        let what = format!("setting {name}");
        let given = self.value(value);
        let reads = given.as_ref().is_some_and(reads_data)
            || set_before(&print, value).any(|(sources, unknown)| unknown || !sources.is_empty());
        let print = given.map_or(print.clone(), |given| joined(print, given));
        let print = if reads { print.opaque(&what, "its value reads data; write a constant") } else { print };
        if reach == Reach::Server || settings::acts_on_server(name) {
            return print.facet(Facet::Server).effect(SessionEffect::ChangesReading { setting });
        }
        if settings::changes_reading(name) {
            return print.effect(SessionEffect::ChangesReading { setting });
        }
        let written = plain_value(value);
        let written = written.as_deref();
        let harmless = match name {
            "character_set_results" => written.is_some_and(settings::is_plain_result_set),
            // It makes `IS NULL` mean another row.
            "sql_auto_is_null" => written.is_some_and(|value| ["0", "off", "false"].contains(&value)),
            _ => settings::is_harmless(name),
        };
        if harmless {
            return print.effect(SessionEffect::Harmless { setting });
        }
        print
            .opaque(&what, "this setting, or this value of it, is not on the list of known ones; leave it out")
            .effect(SessionEffect::ChangesReading { setting })
    }

    /// What a setting's value touches; `None` for a plain constant or word.
    fn value(&self, value: &[Lexeme]) -> Option<Footprint> {
        if plain_value(value).is_some() { None } else { Some((self.expressions)(value)) }
    }

    /// MariaDB's SET STATEMENT a = 1 FOR statement: harmless settings change nothing about the statement.
    fn set_for_statement(&self, mut cursor: Cursor<'_>) -> Footprint {
        let settings = cursor.until(|lexeme| lexeme.is("FOR"));
        let mut print = blank(Verb::Set).facet(Facet::Session);
        let mut left = Cursor::new(settings);
        let mut reach = Reach::Session;
        loop {
            print = self.assignment(print, &mut left, &mut reach);
            if !left.sign(&Token::Comma) {
                break;
            }
        }
        let harmless = print.session.iter().all(|effect| matches!(effect, SessionEffect::Harmless { .. }));
        if !cursor.word("FOR") || !left.at_end() || !harmless || !print.opaque.is_empty() {
            return print.opaque("SET STATEMENT", "only harmless settings may be set for a statement");
        }
        (self.statement)(cursor.rest())
    }
}

/// What the same SET has just kept in the variables that this value reads.
fn set_before<'a>(print: &'a Footprint, value: &'a [Lexeme]) -> impl Iterator<Item = (&'a [Source], bool)> {
    print.session.iter().filter_map(move |effect| match effect {
        SessionEffect::SetsVariable { name, sources, unknown }
            if value.iter().any(|lexeme| lexeme.variable().is_some_and(|read| *read == **name)) =>
        {
            Some((sources.as_slice(), *unknown))
        }
        _ => None,
    })
}

/// Forms of SET that are no list of assignments.
fn special(mut cursor: Cursor<'_>) -> Option<Footprint> {
    let session = |setting: &str| {
        blank(Verb::Set).facet(Facet::Session).effect(SessionEffect::Harmless { setting: owned(setting) })
    };
    if cursor.word("PASSWORD") {
        return Some(blank(Verb::Alter).facet(Facet::Privilege).kind("user"));
    }
    if cursor.word("ROLE") || cursor.words(&["DEFAULT", "ROLE"]) {
        let effect = SessionEffect::ChangesReading { setting: owned("role") };
        return Some(blank(Verb::Set).facet(Facet::Privilege).kind("role").effect(effect));
    }
    if cursor.words(&["RESOURCE", "GROUP"]) {
        return Some(blank(Verb::Set).facet(Facet::Server).kind("resource group"));
    }
    if cursor.words(&["GLOBAL", "TRANSACTION"]) {
        return Some(blank(Verb::Set).facet(Facet::Server).kind("system"));
    }
    let transaction = cursor.word("TRANSACTION")
        || cursor.words(&["SESSION", "TRANSACTION"])
        || cursor.words(&["LOCAL", "TRANSACTION"]);
    if !transaction {
        return None;
    }
    let known =
        ["ISOLATION", "LEVEL", "READ", "WRITE", "ONLY", "COMMITTED", "UNCOMMITTED", "REPEATABLE", "SERIALIZABLE"];
    let fits = |lexeme: &Lexeme| lexeme.token == Token::Comma || known.iter().any(|word| lexeme.is(word));
    let print = session("transaction");
    Some(if cursor.rest().iter().all(fits) { print } else { print.opaque("SET TRANSACTION", "this form is not known") })
}

/// What stands on the left of an assignment; `reach` is the one named last, and holds until another is named.
fn target(cursor: &mut Cursor<'_>, reach: &mut Reach) -> Option<Target> {
    if let Some(name) = cursor.variable() {
        let claim = name.strip_prefix(CLAIM).and_then(|rest| rest.strip_prefix('_').or_else(|| rest.strip_prefix('.')));
        return Some(match claim {
            Some(claim) => Target::Claim(claim.to_owned()),
            None => Target::Variable(name),
        });
    }
    if let Some(name) = system_variable(cursor) {
        let mut parts = name.split('.');
        let (first, second, third) = (parts.next()?, parts.next(), parts.next());
        return Some(match (first, second, third) {
            (CLAIM, Some(claim), None) => Target::Claim(claim.to_owned()),
            ("global" | "persist" | "persist_only", Some(name), None) => {
                Target::Setting(name.to_owned(), Reach::Server)
            }
            ("session" | "local", Some(name), None) => Target::Setting(name.to_owned(), Reach::Session),
            (name, None, None) => Target::Setting(name.to_owned(), Reach::Session),
            _ => return None,
        });
    }
    if cursor.any(&["GLOBAL", "PERSIST", "PERSIST_ONLY"]) {
        *reach = Reach::Server;
    } else if cursor.any(&["SESSION", "LOCAL"]) {
        *reach = Reach::Session;
    }
    let named = cursor.named()?;
    let name = named.name.to_lowercase();
    match named.database {
        None => Some(Target::Setting(name, *reach)),
        Some(prefix) if prefix.eq_ignore_ascii_case(CLAIM) => Some(Target::Claim(name)),
        // Settings of components and key caches: the server's.
        Some(prefix) => Some(Target::Setting(format!("{}.{name}", prefix.to_lowercase()), Reach::Server)),
    }
}

/// Takes `@@name`, `@@scope.name`; the whole path in lower case.
pub(super) fn system_variable(cursor: &mut Cursor<'_>) -> Option<String> {
    let Token::Word(word) = &cursor.peek()?.token else { return None };
    let mut path = word.value.strip_prefix("@@").filter(|_| word.quote_style.is_none())?.to_lowercase();
    cursor.take();
    while cursor.sign(&Token::Period) {
        path.push('.');
        path.push_str(&cursor.name()?.to_lowercase());
    }
    Some(path)
}

/// NAMES and CHARACTER SET: a known set is one that the scope tells when it is asked again; results must stay readable.
fn names(print: Footprint, cursor: &mut Cursor<'_>) -> Footprint {
    let set = cursor.string().or_else(|| cursor.name());
    let collated = cursor.word("COLLATE") && cursor.string().or_else(|| cursor.name()).is_none();
    let print = print.effect(SessionEffect::ChangesReading { setting: owned("names") });
    match set {
        Some(set) if !collated && settings::is_plain_result_set(&set) => print,
        _ => print.opaque("SET NAMES", "only UTF-8 is read; use utf8mb4"),
    }
}

fn claim(print: Footprint, name: String, value: &[Lexeme]) -> Footprint {
    let name: Arc<str> = Arc::from(name);
    let reset = matches!(value, [one] if one.is("NULL") || one.is("DEFAULT"));
    match (reset, written(value)) {
        (true, _) => print.effect(SessionEffect::Claim { name, value: None }),
        (false, Some(value)) => print.effect(SessionEffect::Claim { name, value: Some(Arc::from(value)) }),
        (false, None) => print.opaque(&format!("setting {CLAIM}.{name}"), "its value is not a plain constant"),
    }
}

/// A constant or bare word, in the case it is written in.
fn written(value: &[Lexeme]) -> Option<String> {
    let signed = value.split_first().filter(|(first, _)| first.token == Token::Minus).map(|(_, rest)| rest);
    let [one] = signed.unwrap_or(value) else { return None };
    match &one.token {
        Token::SingleQuotedString(text) => Some(text.clone()),
        Token::Number(digits, _) if signed.is_some() => Some(format!("-{digits}")),
        Token::Number(digits, _) => Some(digits.clone()),
        Token::HexStringLiteral(_) | Token::SingleQuotedByteStringLiteral(_) => None,
        Token::Word(word) if !word.value.starts_with('@') => Some(word.value.clone()),
        _ => None,
    }
}

/// A setting's value if it is a constant or bare word, in lower case.
fn plain_value(value: &[Lexeme]) -> Option<String> {
    written(value).map(|value| value.to_lowercase())
}

/// Does it come from rows, or from what could not be followed?
fn reads_data(given: &Footprint) -> bool {
    let (sources, unknown) = flows(given.outputs.as_deref());
    unknown || !sources.is_empty() || !given.relations.is_empty()
}

/// What all these outputs together come from; unknown if there are none.
pub(super) fn flows(outputs: Option<&[Output]>) -> (Vec<Source>, bool) {
    let Some(outputs) = outputs else { return (Vec::new(), true) };
    let mut sources: Vec<Source> = Vec::new();
    for source in outputs.iter().flat_map(|output| &output.sources) {
        if !sources.contains(source) {
            sources.push(*source);
        }
    }
    (sources, outputs.iter().any(|output| output.unknown))
}

/// What evaluating an expression touches, added to the statement that evaluates it; its values go nowhere by themselves.
pub(super) fn joined(mut print: Footprint, given: Footprint) -> Footprint {
    if !given.relations.is_empty() {
        print = print.facet(Facet::Reads);
    }
    for used in given.relations {
        if !print.relations.contains(&used) {
            print.relations.push(used);
        }
    }
    for facet in given.facets {
        print = print.facet(facet);
    }
    for probe in given.probes {
        print = print.probe(probe);
    }
    print.functions.extend(given.functions);
    print.writes.extend(given.writes);
    print.session.extend(given.session);
    print.opaque.extend(given.opaque);
    print.unresolved |= given.unresolved;
    print
}
