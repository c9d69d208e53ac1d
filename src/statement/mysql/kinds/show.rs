//! SHOW: what describes objects and settings is known by its columns; what shows others' statements, data or files is not.

use sqlparser::tokenizer::Token;

use super::cursor::Cursor;
use super::set::CLAIM;
use super::{Context, owned};
use crate::statement::footprint::{Access, Facet, Footprint, RowBound, SessionEffect, Verb};
use crate::statement::lineage::blank;
use crate::statement::mysql::lex::Lexeme;
use crate::statement::scope::Flavour;
use crate::statement::utility::{Build, output, unknown_output};

/// Lines of a description: an estimate below any bulk limit, for they are not rows of a table.
const LINES: u64 = 500;

const COLUMNS: &str = "Field Type Null Key Default Extra";
const FULL_COLUMNS: &str = "Field Type Collation Null Key Default Extra Privileges Comment";
const VARIABLES: &str = "Variable_name Value";
const INDEX: &str = "Table Non_unique Key_name Seq_in_index Column_name Collation Cardinality Sub_part Packed Null Index_type \
    Comment Index_comment";
const TRIGGERS: &str = "Trigger Event Table Statement Timing Created sql_mode Definer character_set_client collation_connection Database_Collation";
const ROUTINES: &str = "Db Name Type Definer Modified Created Security_type Comment character_set_client \
    collation_connection Database_Collation";
const EVENTS: &str = "Db Name Definer Time_zone Type Execute_at Interval_value Interval_field Starts Ends Status Originator \
    character_set_client collation_connection Database_Collation";
const TABLE_STATUS: &str = "Name Engine Version Row_format Rows Avg_row_length Data_length Max_data_length Index_length \
    Data_free Auto_increment Create_time Update_time Check_time Collation Checksum Create_options Comment";

/// Counters of the connection and the server that say nothing about rows.
const STATUS: [&str; 7] = ["ssl", "uptime", "threads", "wsrep", "compression", "connections", "max_used"];

impl Context<'_> {
    pub(super) fn show(&self, mut cursor: Cursor<'_>) -> Footprint {
        if let Some(claim) = claim(cursor) {
            let effect = SessionEffect::ShowClaim { name: owned(&claim) };
            return blank(Verb::Show).facet(Facet::Session).effect(effect);
        }
        let full = cursor.any(&["FULL", "EXTENDED"]);
        let global = cursor.any(&["GLOBAL", "SESSION", "LOCAL"]);
        let Some(kind) = cursor.keyword() else { return Self::not_understood(Verb::Show, "SHOW") };
        let found = match kind.as_str() {
            "VARIABLES" => described(VARIABLES, cursor),
            "STATUS" => status(cursor),
            _ if global => None,
            "COLUMNS" | "FIELDS" => self.of_table(if full { FULL_COLUMNS } else { COLUMNS }, cursor),
            "INDEX" | "INDEXES" | "KEYS" => self.of_table(&self.index_columns(), cursor),
            "TABLES" => described(if full { "Tables_in Table_type" } else { "Tables_in" }, from_database(cursor)),
            "WARNINGS" | "ERRORS" => Some(diagnostics()),
            "COUNT" => count(cursor),
            "CREATE" => self.show_create(cursor),
            "GRANTS" => self.grants(cursor),
            "TABLE" if cursor.word("STATUS") => described(&self.table_status(), from_database(cursor)),
            "CHARACTER" if cursor.word("SET") => described("Charset Description Default Maxlen", cursor),
            "PROCEDURE" | "FUNCTION" if cursor.word("STATUS") => described(ROUTINES, cursor),
            "STORAGE" if cursor.word("ENGINES") => engines(cursor),
            "OPEN" if cursor.word("TABLES") => described("Database Table In_use Name_locked", from_database(cursor)),
            other => self.simple(other, cursor),
        };
        found.unwrap_or_else(|| refused(&kind))
    }

    fn simple(&self, kind: &str, cursor: Cursor<'_>) -> Option<Footprint> {
        let maria = self.reading.flavour == Flavour::MariaDb;
        match kind {
            "DATABASES" | "SCHEMAS" => described("Database", cursor),
            "ENGINES" => engines(cursor),
            "CHARSET" => described("Charset Description Default Maxlen", cursor),
            "COLLATION" if maria => described("Collation Charset Id Default Compiled Sortlen", cursor),
            "COLLATION" => described("Collation Charset Id Default Compiled Sortlen Pad_attribute", cursor),
            "PLUGINS" => described("Name Status Type Library License", cursor),
            "PRIVILEGES" => described("Privilege Context Comment", cursor),
            "TRIGGERS" => described(TRIGGERS, from_database(cursor)),
            "EVENTS" => described(EVENTS, from_database(cursor)),
            _ => None,
        }
    }

    fn index_columns(&self) -> String {
        match self.reading.flavour {
            Flavour::MariaDb => format!("{INDEX} Ignored"),
            Flavour::MySql => format!("{INDEX} Visible Expression"),
        }
    }

    fn table_status(&self) -> String {
        match self.reading.flavour {
            Flavour::MariaDb => format!("{TABLE_STATUS} Max_index_length Temporary"),
            Flavour::MySql => TABLE_STATUS.to_owned(),
        }
    }

    /// SHOW COLUMNS and SHOW INDEX: of one table, in FROM.
    fn of_table(&self, columns: &str, mut cursor: Cursor<'_>) -> Option<Footprint> {
        if !cursor.any(&["FROM", "IN"]) {
            return None;
        }
        cursor.named()?;
        described(columns, from_database(cursor))
    }

    fn show_create(&self, mut cursor: Cursor<'_>) -> Option<Footprint> {
        const CODE: &str = "sql_mode Create character_set_client collation_connection Database_Collation";
        let kind = cursor.keyword()?;
        cursor.if_exists();
        let named = cursor.named()?;
        if !cursor.at_end() {
            return None;
        }
        let columns = match kind.as_str() {
            "DATABASE" | "SCHEMA" => "Database Create".to_owned(),
            "TABLE" if self.is_view(&named) => "View Create character_set_client collation_connection".to_owned(),
            "TABLE" | "SEQUENCE" => "Table Create".to_owned(),
            "VIEW" => "View Create character_set_client collation_connection".to_owned(),
            "PROCEDURE" | "FUNCTION" => format!("Name {CODE}"),
            "TRIGGER" => format!("Name {CODE} Created"),
            "EVENT" => format!("Name time_zone {CODE}"),
            _ => return None,
        };
        Some(lines(&columns))
    }

    fn is_view(&self, named: &super::cursor::Named) -> bool {
        let relation = self.resolve(named).relation;
        relation.is_some_and(|relation| relation.kind == crate::catalog::RelationKind::View)
    }

    /// MariaDB shows the hash of the password with them.
    fn grants(&self, cursor: Cursor<'_>) -> Option<Footprint> {
        let own = Cursor::new(cursor.rest()).words(&["FOR", "CURRENT_USER"]) || cursor.at_end();
        if !own {
            return None;
        }
        let print = lines("Grants");
        let unknown = self.reading.flavour == Flavour::MariaDb;
        Some(if unknown { Footprint { outputs: Some(vec![unknown_output("Grants")]), ..print } } else { print })
    }

    /// DESCRIBE of a table, which is SHOW COLUMNS with another spelling.
    pub(super) fn describe_table(&self, mut cursor: Cursor<'_>) -> Option<Footprint> {
        let named = cursor.named()?;
        // A column or a pattern may follow.
        if !cursor.at_end() && cursor.string().is_none() {
            cursor.name()?;
        }
        let known = self.resolve(&named);
        let print = lines(COLUMNS);
        let print = Footprint { unresolved: known.relation.is_none() && known.doubt.is_none(), ..print };
        cursor.at_end().then(|| print.use_of(known, Access::Read))
    }
}

/// HELP reads the server's manual.
pub(super) fn help() -> Footprint {
    blank(Verb::Show).opaque("HELP", "read the manual elsewhere")
}

fn refused(kind: &str) -> Footprint {
    let known =
        "BINARY BINLOG CREATE ENGINE GRANTS MASTER PROCESSLIST PROFILE PROFILES RELAYLOG REPLICA REPLICAS SLAVE STATUS";
    let about_server =
        ["BINARY", "BINLOG", "ENGINE", "MASTER", "PROCESSLIST", "RELAYLOG", "REPLICA", "REPLICAS", "SLAVE"];
    let named = known.split_ascii_whitespace().find(|word| *word == kind).unwrap_or("");
    let what = format!("SHOW {named}");
    let print = blank(Verb::Show).opaque(what.trim_end(), "this form of it is not on the list of known ones");
    let print = Footprint { outputs: Some(vec![unknown_output("")]), returned: RowBound::Unbounded, ..print };
    if about_server.contains(&kind) { print.facet(Facet::Server) } else { print.facet(Facet::Reads) }
}

fn lines(columns: &str) -> Footprint {
    let outputs = columns.split_ascii_whitespace().map(|column| output(column, Vec::new())).collect();
    Footprint { outputs: Some(outputs), returned: RowBound::AtMost(LINES), ..blank(Verb::Show) }.facet(Facet::Session)
}

/// A description that LIKE or WHERE may narrow. `None`: something else follows.
fn described(columns: &str, mut cursor: Cursor<'_>) -> Option<Footprint> {
    if cursor.word("LIKE") {
        cursor.string()?;
        return cursor.at_end().then(|| lines(columns));
    }
    let fits = if cursor.word("WHERE") { is_plain_filter(cursor.rest()) } else { cursor.at_end() };
    fits.then(|| lines(columns))
}

/// A filter without queries, calls, variables: parentheses stand only behind IN, AND, OR, NOT or another one.
fn is_plain_filter(lexemes: &[Lexeme]) -> bool {
    let mut before: Option<&Lexeme> = None;
    for lexeme in lexemes {
        let opens = lexeme.token == Token::LParen;
        let may_open = before.is_none_or(|before| {
            before.token == Token::LParen || ["IN", "AND", "OR", "NOT"].iter().any(|word| before.is(word))
        });
        let queries = ["SELECT", "WITH", "TABLE", "VALUES"].iter().any(|word| lexeme.is(word));
        let variable = matches!(&lexeme.token, Token::Word(word) if word.value.starts_with('@'));
        if queries || variable || (opens && !may_open) {
            return false;
        }
        before = Some(lexeme);
    }
    !lexemes.is_empty()
}

/// Skips `FROM database`, once or twice.
fn from_database(mut cursor: Cursor<'_>) -> Cursor<'_> {
    if cursor.any(&["FROM", "IN"]) && cursor.name().is_some() {
        return cursor;
    }
    cursor
}

fn engines(cursor: Cursor<'_>) -> Option<Footprint> {
    described("Engine Support Comment Transactions XA Savepoints", cursor)
}

/// Messages quote data of the statement before, of which the session knows what may be told.
fn diagnostics() -> Footprint {
    lines("Level Code Message").effect(SessionEffect::TellsDiagnostics)
}

/// SHOW COUNT(*) WARNINGS tells how many rows of a classified column did not convert.
fn count(mut cursor: Cursor<'_>) -> Option<Footprint> {
    let counts = cursor.sign(&Token::LParen)
        && cursor.sign(&Token::Mul)
        && cursor.sign(&Token::RParen)
        && cursor.any(&["WARNINGS", "ERRORS"]);
    let print = Footprint { returned: RowBound::AtMost(1), ..lines("count") };
    counts.then(|| print.effect(SessionEffect::TellsDiagnostics))
}

/// Counters tell how many rows a statement met; only those about the connection are known to be harmless.
fn status(mut cursor: Cursor<'_>) -> Option<Footprint> {
    if !cursor.word("LIKE") {
        return None;
    }
    let pattern = cursor.string()?.to_lowercase().replace("\\_", "_");
    let known = STATUS.iter().any(|prefix| pattern.starts_with(prefix));
    (known && cursor.at_end()).then(|| lines(VARIABLES))
}

/// `SHOW holdpoint.name`, the name quoted or not.
fn claim(mut cursor: Cursor<'_>) -> Option<String> {
    let ours = cursor.name().is_some_and(|name| name.eq_ignore_ascii_case(CLAIM));
    if !ours || !cursor.sign(&Token::Period) {
        return None;
    }
    // Double quotes name things only in ANSI_QUOTES; said to Holdpoint, they do always.
    let name = cursor.name().or_else(|| cursor.string())?;
    cursor.at_end().then_some(name)
}
