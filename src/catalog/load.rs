//! Asking an upstream what it contains, and turning the answers into a snapshot. The session does the asking.
//!
//! All of [`queries`] run in one `REPEATABLE READ READ ONLY` transaction with `search_path = ''`, over the simple
//! protocol with text results; then [`build`] makes the catalog. PostgreSQL 13 to 18; [`mysql`] does the same for MySQL.

pub mod mysql;
mod queries;
mod reader;
pub mod system;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use thiserror::Error;

use self::reader::Reader;
use super::{Catalog, Column, Function, Parts, Relation, RelationKey, RelationKind, Type};

/// Rows of one answer: text fields, `None` for NULL.
pub type Rows = Vec<Vec<Option<String>>>;

/// What to send before [`queries`], in the same transaction. Definitions are printed with every name qualified and with
/// literals as `standard_conforming_strings = on` reads them.
pub const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = ''; \
    SET LOCAL standard_conforming_strings = on";

/// What to send after them.
pub const END: &str = "COMMIT";

/// The answers to [`queries`], by name.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    rows: BTreeMap<&'static str, Rows>,
}

impl Answers {
    /// Keeps the rows that answered the query of this name; a second answer replaces the first.
    pub fn add(&mut self, query: &'static str, rows: Rows) {
        self.rows.insert(query, rows);
    }
}

/// Why answers do not make a catalog. Never holds a value from the server.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LoadError {
    /// A query was not answered.
    #[error("the catalog query `{query}` has no answer")]
    Unanswered {
        /// Its name.
        query: &'static str,
    },
    /// A row is too short, or a field is NULL or not of the expected form.
    #[error("row {row} of the catalog query `{query}`: field {field} is not as expected")]
    Malformed {
        /// The query's name.
        query: &'static str,
        /// The row, from 0.
        row: usize,
        /// The field, from 0.
        field: usize,
    },
}

/// The queries to run on a server of this version (`server_version_num`), as name and SQL. Each is one SELECT.
pub fn queries(server_version: u32) -> Vec<(&'static str, String)> {
    queries::all(server_version)
}

/// The version number (`server_version_num`) out of the `server_version` that the server reports at login, such as
/// `15.18 (Debian 15.18-0+deb12u1)`, `17beta2`. `None` if it does not start with a number.
pub fn server_version(reported: &str) -> Option<u32> {
    let mut numbers = reported.split(|c: char| !c.is_ascii_digit());
    let major: u32 = numbers.next()?.parse().ok()?;
    let minor = match reported.as_bytes().get(major.to_string().len()) {
        Some(b'.') => numbers.next().and_then(|minor| minor.parse().ok()).unwrap_or(0),
        _ => 0,
    };
    major.checked_mul(10_000)?.checked_add(minor)
}

/// Makes a snapshot from complete answers. Its version is a hash of everything but the row estimates.
///
/// System views are kept as plain tables without a definition: their columns speak about definitions only, and their own
/// queries need not be followed. The unique keys of a table with inheritance children are left out, because they do not
/// hold across the children.
pub fn build(database: &str, answers: &Answers) -> Result<Catalog, LoadError> {
    let server = Reader::all(answers, "server")?;
    let server_version = match server.first() {
        Some(row) => row.number(0)?,
        None => return Err(LoadError::Unanswered { query: "server" }),
    };
    let parts = Parts {
        relations: relations(answers)?,
        functions: functions(answers)?,
        types: types(answers)?,
        schemas: Reader::all(answers, "schemas")?.iter().map(|row| row.text(0)).collect::<Result<_, _>>()?,
        user_operators: Reader::all(answers, "operators")?
            .iter()
            .map(|row| Ok((row.text(0)?, row.text(1)?)))
            .collect::<Result<_, _>>()?,
        user_casts: !Reader::all(answers, "casts")?.is_empty(),
        ..Parts::default()
    };
    Ok(Catalog::new(Arc::from(database), version(answers), server_version, parts))
}

/// Hashes every field but those that change without a change of definition.
fn version(answers: &Answers) -> u64 {
    let mut hash = Sha256::new();
    for (query, rows) in &answers.rows {
        // MySQL's row estimates are an answer of their own, PostgreSQL's a field.
        if *query == mysql::ESTIMATES {
            continue;
        }
        let skipped = if *query == "relations" { Some(queries::ROWS_ESTIMATE) } else { None };
        hash.update(query.as_bytes());
        hash.update([0]);
        for row in rows {
            hash_row(row, skipped, &mut hash);
        }
    }
    let digest = hash.finalize();
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

/// Adds a row's fields but one to a hash, each told apart from its neighbours and from NULL.
fn hash_row(row: &[Option<String>], skipped: Option<usize>, hash: &mut Sha256) {
    for (index, field) in row.iter().enumerate() {
        match field {
            _ if skipped == Some(index) => {}
            None => hash.update([0]),
            Some(text) => {
                hash.update([1]);
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text.as_bytes());
            }
        }
    }
    hash.update([2]);
}

fn relations(answers: &Answers) -> Result<Vec<Relation>, LoadError> {
    let mut columns = columns(answers)?;
    let mut keys: HashMap<RelationKey, Vec<(bool, Vec<i16>)>> = HashMap::new();
    for row in Reader::all(answers, "keys")? {
        let (key, primary, count): (_, _, usize) = (RelationKey(row.number(0)?), row.boolean(1)?, row.number(3)?);
        let mut numbers: Vec<i16> = row.numbers(4)?;
        numbers.truncate(count);
        // A key that lets NULL in repeatedly is no key, unless NULLs count as equal.
        let known = columns.get(&key).map_or(&[] as &[Column], Vec::as_slice);
        let never_null = numbers.iter().all(|number| known.iter().any(|c| c.number == *number && c.not_null));
        if (never_null || row.boolean(2)?) && !numbers.is_empty() && numbers.iter().all(|number| *number > 0) {
            keys.entry(key).or_default().push((primary, numbers));
        }
    }
    let (mut parents, mut children): (HashMap<_, Vec<_>>, HashMap<_, Vec<_>>) = Default::default();
    for row in Reader::all(answers, "inheritance")? {
        let (child, parent) = (RelationKey(row.number(0)?), RelationKey(row.number(1)?));
        parents.entry(child).or_default().push(parent);
        children.entry(parent).or_default().push(child);
    }
    let mut relations = Vec::new();
    for row in Reader::all(answers, "relations")? {
        let key = RelationKey(row.number(0)?);
        let kind = if row.boolean(4)? { RelationKind::Table } else { kind(&row.text(3)?) };
        let children = children.remove(&key).unwrap_or_default();
        let mut unique = keys.remove(&key).unwrap_or_default();
        if kind == RelationKind::Table && !children.is_empty() {
            unique.clear();
        }
        unique.sort_by_key(|(primary, _)| !*primary);
        relations.push(Relation {
            key,
            schema: row.text(1)?,
            name: row.text(2)?,
            kind,
            columns: columns.remove(&key).unwrap_or_default(),
            unique_keys: unique.into_iter().map(|(_, numbers)| numbers).collect(),
            definition: row.optional(9),
            parents: parents.remove(&key).unwrap_or_default(),
            children,
            has_rules: row.boolean(5)?,
            has_triggers: row.boolean(6)?,
            has_row_security: row.boolean(7)?,
            rows_estimate: row.number(queries::ROWS_ESTIMATE)?,
        });
    }
    Ok(relations)
}

fn kind(relkind: &str) -> RelationKind {
    match relkind {
        "r" => RelationKind::Table,
        "p" => RelationKind::Partitioned,
        "v" => RelationKind::View,
        "m" => RelationKind::MaterializedView,
        "f" => RelationKind::Foreign,
        "S" => RelationKind::Sequence,
        _ => RelationKind::Other,
    }
}

fn columns(answers: &Answers) -> Result<HashMap<RelationKey, Vec<Column>>, LoadError> {
    let mut columns: HashMap<RelationKey, Vec<Column>> = HashMap::new();
    for row in Reader::all(answers, "columns")? {
        columns.entry(RelationKey(row.number(0)?)).or_default().push(Column {
            number: row.number(1)?,
            name: row.text(2)?,
            type_oid: row.number(3)?,
            not_null: row.boolean(4)?,
            generated: row.optional(5),
        });
    }
    for columns in columns.values_mut() {
        columns.sort_by_key(|column| column.number);
    }
    Ok(columns)
}

fn functions(answers: &Answers) -> Result<Vec<Function>, LoadError> {
    Reader::all(answers, "functions")?.iter().map(function).collect()
}

/// Argument modes as in `pg_proc.proargmodes`: `i`, `o`, `b` (both), `v` (variadic), `t` (table column).
fn function(row: &Reader<'_>) -> Result<Function, LoadError> {
    let inputs: Vec<u32> = row.numbers(2)?;
    let all: Vec<u32> = row.numbers(3)?;
    let modes = row.optional(4).unwrap_or_else(|| Arc::from(""));
    let names = row.strings(5)?;
    let name = |index: usize| names.get(index).cloned().unwrap_or_else(|| Arc::from(""));
    let mut arguments = Vec::new();
    let mut out_columns = Vec::new();
    if all.is_empty() {
        arguments.extend(inputs.into_iter().enumerate().map(|(index, kind)| (name(index), kind)));
    }
    for (index, (kind, mode)) in all.into_iter().zip(modes.chars()).enumerate() {
        if matches!(mode, 'i' | 'b' | 'v') {
            arguments.push((name(index), kind));
        }
        if matches!(mode, 'o' | 'b' | 't') {
            out_columns.push((name(index), kind));
        }
    }
    Ok(Function {
        schema: row.text(0)?,
        name: row.text(1)?,
        arguments,
        defaults: row.number(6)?,
        returns: row.number(7)?,
        out_columns,
        kind: row.character(8)?,
        language: row.text(9)?,
        returns_set: row.boolean(10)?,
        changes_context: row.boolean(11)?,
        extension: row.optional(12),
        definition_sha256: row.text(13)?,
        body: row.optional(14),
    })
}

fn types(answers: &Answers) -> Result<Vec<Type>, LoadError> {
    let rows = Reader::all(answers, "types")?;
    rows.iter()
        .map(|row| {
            Ok(Type {
                oid: row.number(0)?,
                schema: row.text(1)?,
                name: row.text(2)?,
                kind: row.character(3)?,
                base: row.number(4)?,
                element: row.number(5)?,
                relation: row.number(6)?,
            })
        })
        .collect()
}

#[cfg(test)]
#[path = "load/tests.rs"]
mod tests;
