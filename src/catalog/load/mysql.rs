//! Asking a MySQL or MariaDB server what it contains, and turning the answers into a snapshot.
//!
//! All of [`begin`], then all of [`queries`], as text, over one connection that is closed afterwards; then [`build`]. What
//! the account may not see is not in the snapshot, and using it is not understood. Schema is what MySQL calls database.

mod numbers;
mod queries;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use self::numbers::Numbers;
pub(super) use self::queries::ESTIMATES;
use super::reader::Reader;
use super::{Answers, LoadError};
use crate::catalog::mysql_type::MySqlType;
use crate::catalog::{Catalog, Column, ColumnKey, Flavour, Function, Parts, Relation, RelationKind};

/// Engines whose tables hold their rows here and keep their unique keys.
const KEEPING_ENGINES: [&str; 6] = ["innodb", "myisam", "aria", "memory", "rocksdb", "ndbcluster"];
/// Engines whose tables hold their rows here, beside those.
const LOCAL_ENGINES: [&str; 6] = ["csv", "archive", "blackhole", "tokudb", "columnstore", "sequence"];
/// The schema whose relations are there whatever the account.
const SYSTEM_SCHEMA: &str = "information_schema";

/// Schema and name.
type Named = (Arc<str>, Arc<str>);

/// What to send before [`queries`], one by one.
pub fn begin(flavour: Flavour, version: u32) -> Vec<&'static str> {
    queries::begin(flavour, version)
}

/// The queries to run, as name and SQL. Each is one SELECT; both flavours and all versions are asked the same.
pub fn queries() -> Vec<(&'static str, String)> {
    queries::all()
}

/// Whose server it is, and its version as executable comments count it (10.11.19 is 101119), out of the version it reports:
/// `10.11.18-MariaDB-0+deb12u1`, `5.5.5-10.11.18-MariaDB` (in a greeting), `9.7.4-2`. `None` if there is none in it.
pub fn server(reported: &str) -> Option<(Flavour, u32)> {
    let mariadb = reported.to_ascii_lowercase().contains("mariadb");
    // MariaDB's greeting begins with a version that old replicas accept.
    let text = if mariadb { reported.strip_prefix("5.5.5-").unwrap_or(reported) } else { reported };
    let mut numbers = text.splitn(3, '.');
    let (major, minor, rest) = (numbers.next()?, numbers.next()?, numbers.next()?);
    let patch = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let number = |text: &str| text.parse::<u32>().ok();
    let (major, minor, patch) = (number(major)?, number(minor)?, number(patch)?);
    if minor > 99 || patch > 99 {
        return None;
    }
    let version = major.checked_mul(10_000)?.checked_add(minor * 100 + patch)?;
    Some((if mariadb { Flavour::MariaDb } else { Flavour::MySql }, version))
}

/// Makes a snapshot from complete answers. Its version is a hash of everything but the row estimates.
///
/// System views are kept as plain tables without a definition. Tables of engines that keep their rows elsewhere (FEDERATED,
/// CONNECT, SPIDER, MERGE, whatever is not known) are foreign. Unique keys count where every part is a whole column that is
/// NOT NULL, of an engine that keeps them, without old versions of rows. Where the account may not see triggers, every table
/// has some.
pub fn build(database: &str, answers: &Answers) -> Result<Catalog, LoadError> {
    let server_row = Reader::all(answers, "server")?;
    let Some(row) = server_row.first() else { return Err(LoadError::Unanswered { query: "server" }) };
    let (flavour, version) = server(&row.text(0)?).ok_or_else(|| row.malformed(0))?;
    let mut parts = Parts {
        functions: functions(answers)?,
        schemas: Reader::all(answers, "schemas")?.iter().map(|row| row.text(0)).collect::<Result<_, _>>()?,
        flavour: Some(flavour),
        lower_case_table_names: row.number(1)?,
        ..Parts::default()
    };
    relations(answers, &mut parts)?;
    Ok(Catalog::new(Arc::from(database), super::version(answers), version, parts))
}

fn relations(answers: &Answers, parts: &mut Parts) -> Result<(), LoadError> {
    let rows = Reader::all(answers, "relations")?;
    let names: Vec<Named> = rows.iter().map(named).collect::<Result<_, _>>()?;
    let numbers = Numbers::new(&names);
    let mut columns = columns(answers, &numbers, parts)?;
    let mut keys = keys(answers, &columns)?;
    let triggers = Triggers::read(answers)?;
    let estimates = estimates(answers)?;
    for (row, name) in rows.iter().zip(&names) {
        let kind = kind(&row.text(2)?, row.optional(3).as_deref());
        let keeps = keeps_keys(&row.text(2)?, row.optional(3).as_deref());
        let keys = keys.remove(name).filter(|_| keeps).unwrap_or_default();
        parts.relations.push(Relation {
            key: numbers.of(name),
            schema: name.0.clone(),
            name: name.1.clone(),
            kind,
            columns: columns.remove(name).unwrap_or_default(),
            unique_keys: keys,
            definition: row.optional(4).filter(|_| kind == RelationKind::View),
            parents: Vec::new(),
            children: Vec::new(),
            has_rules: false,
            has_triggers: kind != RelationKind::View && !is_system(&name.0) && triggers.on(name),
            has_row_security: false,
            rows_estimate: estimates.get(name).copied().unwrap_or(-1.0),
        });
    }
    Ok(())
}

fn named(row: &Reader<'_>) -> Result<Named, LoadError> {
    Ok((row.text(0)?, row.text(1)?))
}

fn is_system(schema: &str) -> bool {
    schema.eq_ignore_ascii_case(SYSTEM_SCHEMA)
}

fn one_of(list: &[&str], engine: Option<&str>) -> bool {
    engine.is_some_and(|engine| list.iter().any(|known| engine.eq_ignore_ascii_case(known)))
}

fn kind(table_type: &str, engine: Option<&str>) -> RelationKind {
    match table_type {
        "VIEW" => RelationKind::View,
        "SEQUENCE" => RelationKind::Sequence,
        "SYSTEM VIEW" => RelationKind::Table,
        "BASE TABLE" | "SYSTEM VERSIONED" if one_of(&KEEPING_ENGINES, engine) || one_of(&LOCAL_ENGINES, engine) => {
            RelationKind::Table
        }
        "BASE TABLE" | "SYSTEM VERSIONED" => RelationKind::Foreign,
        _ => RelationKind::Other,
    }
}

/// A system-versioned table may show several versions of a row.
fn keeps_keys(table_type: &str, engine: Option<&str>) -> bool {
    table_type == "BASE TABLE" && one_of(&KEEPING_ENGINES, engine)
}

fn columns(answers: &Answers, numbers: &Numbers, parts: &mut Parts) -> Result<HashMap<Named, Vec<Column>>, LoadError> {
    let mut columns: HashMap<Named, Vec<Column>> = HashMap::new();
    for row in Reader::all(answers, "columns")? {
        let name = named(&row)?;
        let column = Column {
            number: row.number(2)?,
            name: row.text(3)?,
            type_oid: MySqlType::named(&row.text(4)?).oid(),
            not_null: row.boolean(5)?,
            generated: row.optional(7).map(|text| expression(parts.flavour, text)),
        };
        if row.boolean(6)? {
            parts.hidden.push(ColumnKey { relation: numbers.of(&name), number: column.number });
        }
        columns.entry(name).or_default().push(column);
    }
    for columns in columns.values_mut() {
        columns.sort_by_key(|column| column.number);
    }
    Ok(columns)
}

/// A generated column's expression. MySQL shows it with quotes and backslashes escaped once more; where that is not what it
/// did, the text stays as it is and is no expression.
fn expression(flavour: Option<Flavour>, shown: Arc<str>) -> Arc<str> {
    if flavour != Some(Flavour::MySql) {
        return shown;
    }
    let mut text = String::with_capacity(shown.len());
    let mut rest = shown.chars();
    while let Some(c) = rest.next() {
        match (c, if c == '\\' { rest.next() } else { None }) {
            ('\\', Some(escaped @ ('\'' | '\\'))) => text.push(escaped),
            ('\\', _) => return shown,
            (c, _) => text.push(c),
        }
    }
    text.into()
}

/// Usable unique keys, the primary key first.
fn keys(answers: &Answers, columns: &HashMap<Named, Vec<Column>>) -> Result<HashMap<Named, Vec<Vec<i16>>>, LoadError> {
    // Per key, its column numbers, or `None` once a part is unfit. Tables whose names differ in case only come mingled.
    let mut found: BTreeMap<(Named, bool, Arc<str>), Option<Vec<i16>>> = BTreeMap::new();
    for row in Reader::all(answers, "keys")? {
        let (name, index) = (named(&row)?, row.text(2)?);
        let known = columns.get(&name).map_or(&[] as &[Column], Vec::as_slice);
        let part = row.optional(3).and_then(|part| known.iter().find(|column| column.name == part));
        let whole = row.boolean(4)?;
        let number = part.filter(|column| whole && column.not_null).map(|column| column.number);
        let secondary = !index.eq_ignore_ascii_case("PRIMARY");
        let numbers = found.entry((name, secondary, index)).or_insert_with(|| Some(Vec::new()));
        match (number, &mut *numbers) {
            (Some(number), Some(numbers)) => numbers.push(number),
            _ => *numbers = None,
        }
    }
    let mut keys: HashMap<Named, Vec<Vec<i16>>> = HashMap::new();
    for ((name, _, _), numbers) in found {
        keys.entry(name).or_default().extend(numbers);
    }
    Ok(keys)
}

fn estimates(answers: &Answers) -> Result<HashMap<Named, f64>, LoadError> {
    Reader::all(answers, ESTIMATES)?.iter().map(|row| Ok((named(row)?, row.number(2)?))).collect()
}

/// Tables with triggers, and where triggers would be seen.
struct Triggers {
    tables: HashSet<Named>,
    visible: Vec<(Arc<str>, Option<Arc<str>>)>,
}

impl Triggers {
    fn read(answers: &Answers) -> Result<Self, LoadError> {
        let tables = Reader::all(answers, "triggers")?.iter().map(named).collect::<Result<_, _>>()?;
        let rights = Reader::all(answers, "trigger_rights")?;
        let visible = rights.iter().map(|row| Ok((row.text(0)?, row.optional(1)))).collect::<Result<_, _>>()?;
        Ok(Self { tables, visible })
    }

    fn on(&self, name: &Named) -> bool {
        let seen = self.visible.iter().any(|(schemas, table)| match table {
            Some(table) => *schemas == name.0 && *table == name.1,
            None => matches_pattern(schemas.as_bytes(), name.0.as_bytes()),
        });
        !seen || self.tables.contains(name)
    }
}

/// A grant's pattern of schema names: `_` is any byte, `%` any number of them, a backslash takes the next one as it is.
fn matches_pattern(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((b'%', rest)) => {
            (0..=name.len()).any(|skip| name.get(skip..).is_some_and(|tail| matches_pattern(rest, tail)))
        }
        Some((b'_', rest)) => name.split_first().is_some_and(|(_, tail)| matches_pattern(rest, tail)),
        Some((first, rest)) => {
            let (wanted, rest) = match (first, rest.split_first()) {
                (b'\\', Some((escaped, rest))) => (escaped, rest),
                _ => (first, rest),
            };
            name.split_first().is_some_and(|(byte, tail)| byte == wanted && matches_pattern(rest, tail))
        }
    }
}

/// Where the definition cannot be seen there is no hash, so nobody can vouch for the routine.
fn functions(answers: &Answers) -> Result<Vec<Function>, LoadError> {
    let mut parameters: HashMap<(Named, Arc<str>), Vec<Reader<'_>>> = HashMap::new();
    for row in Reader::all(answers, "parameters")? {
        parameters.entry((named(&row)?, row.text(2)?)).or_default().push(row);
    }
    let rows = Reader::all(answers, "functions")?;
    rows.iter()
        .map(|row| {
            let (name, kind) = (named(row)?, row.text(2)?);
            let parameters = parameters.remove(&(name.clone(), kind.clone())).unwrap_or_default();
            function(row, name, &kind, &parameters)
        })
        .collect()
}

fn function(row: &Reader<'_>, name: Named, kind: &str, parameters: &[Reader<'_>]) -> Result<Function, LoadError> {
    let oid = |data_type: &str| MySqlType::named(data_type).oid();
    let (mut arguments, mut out_columns) = (Vec::new(), Vec::new());
    for parameter in parameters {
        let one = (parameter.text(4)?, oid(&parameter.text(5)?));
        match &*parameter.text(3)? {
            "IN" => arguments.push(one),
            "OUT" => out_columns.push(one),
            _ => {
                out_columns.push(one.clone());
                arguments.push(one);
            }
        }
    }
    let definition_sha256 = match row.optional(4) {
        Some(_) => definition_hash(row, parameters).into(),
        None => Arc::from(""),
    };
    Ok(Function {
        schema: name.0,
        name: name.1,
        arguments,
        defaults: 0,
        returns: oid(&row.optional(3).unwrap_or_default()),
        out_columns,
        kind: if kind == "PROCEDURE" { 'p' } else { 'f' },
        language: Arc::from("sql"),
        body: None,
        returns_set: false,
        changes_context: true,
        extension: None,
        definition_sha256,
    })
}

/// Over everything that decides what the routine does.
fn definition_hash(row: &Reader<'_>, parameters: &[Reader<'_>]) -> String {
    let mut hash = Sha256::new();
    for reader in std::iter::once(row).chain(parameters) {
        reader.feed(&mut hash);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
#[path = "mysql/tests.rs"]
mod tests;
