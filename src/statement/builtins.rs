//! The allow-list of the servers' built-ins: functions, aggregates, operators, casts and system relations that lineage may
//! follow. PostgreSQL's names are those of `pg_catalog` (and a few of `information_schema`), as stored; MySQL's functions are
//! in lower case.
//!
//! Anything not answered here is either in the catalog or not understood. The data is in the folder of the same name.

mod dangers;
mod functions;
mod mysql;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::footprint::Facet;
use super::scope::Dialect;
use crate::catalog::load::system;

/// May an argument's value make a function fail, or take a time that depends on it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// No.
    Total,
    /// Yes, for at least one argument; [`fails_by`] says for which.
    Fallible,
}

/// What a built-in function does with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One value from values, without side effects.
    Scalar(Total),
    /// `count`, `regr_count`: only how many.
    Count,
    /// `sum`, `avg`, `stddev`, …: a statistic of numbers.
    NumericAggregate,
    /// `min`, `max`, `array_agg`, `string_agg`, …: holds values of its argument.
    ValueAggregate,
    /// `percentile_disc`, `mode`, `rank(…) WITHIN GROUP`, …: orders by the WITHIN GROUP columns.
    OrderedAggregate,
    /// A window function.
    Window {
        /// It returns an argument's value from another row (`lag`, `first_value`), not a position (`rank`).
        value: bool,
    },
    /// Returns a set of rows; how many may depend on the values.
    TableFunction,
    /// Tells about the session, the server or definitions (`version`, `format_type`, `pg_get_expr`, `nextval`); may fail
    /// on its arguments.
    SessionInfo,
}

/// What a built-in operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorKind {
    /// A total predicate: comparison, containment, LIKE.
    Comparison,
    /// Total, yields a value.
    Total,
    /// Can fail or take value-dependent time: arithmetic, regular expressions, text search.
    Fallible,
    /// Reaches into JSON: `->`, `->>`, `#>`, `#>>`, `@?`, and `#-`.
    JsonPath,
    /// `||`.
    Concat,
}

/// What a cast to a type does, whatever the source type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastKind {
    /// Never fails: to text and its kin.
    Total,
    /// Built-in, but may fail on the value.
    Fallible,
    /// Not a built-in type: the catalog must know it.
    Unknown,
}

/// One line of the lists: a name with the argument counts it stands for.
#[derive(Clone, Copy, Debug)]
struct Entry {
    least: usize,
    most: usize,
    kind: Kind,
    harmless: Harmless,
}

/// Through which arguments a function cannot be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Harmless {
    All,
    None,
    /// Only this one, counted from 0.
    One(usize),
    /// The second, fourth, sixth, …: the values of key-value pairs.
    Odd,
}

type Functions = HashMap<&'static str, Vec<Entry>>;

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
    read([
        (functions::FUNCTIONS_TOTAL, Kind::Scalar(Total::Total), Harmless::All),
        (functions::FUNCTIONS_FALLIBLE, Kind::Scalar(Total::Fallible), Harmless::None),
        (functions::COUNTS, Kind::Count, Harmless::All),
        (functions::AGGREGATES_NUMERIC, Kind::NumericAggregate, Harmless::All),
        (functions::AGGREGATES_VALUE, Kind::ValueAggregate, Harmless::All),
        (functions::AGGREGATES_ORDERED, Kind::OrderedAggregate, Harmless::None),
        (functions::WINDOWS_POSITION, Kind::Window { value: false }, Harmless::None),
        (functions::WINDOWS_VALUE, Kind::Window { value: true }, Harmless::One(0)),
        (functions::TABLES, Kind::TableFunction, Harmless::None),
        (functions::SESSION, Kind::SessionInfo, Harmless::None),
    ])
});

static MYSQL_FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| {
    use mysql::functions;
    read([
        (functions::FUNCTIONS_TOTAL, Kind::Scalar(Total::Total), Harmless::All),
        (functions::FUNCTIONS_FALLIBLE, Kind::Scalar(Total::Fallible), Harmless::None),
        (functions::COUNTS, Kind::Count, Harmless::All),
        (functions::AGGREGATES_NUMERIC, Kind::NumericAggregate, Harmless::All),
        (functions::AGGREGATES_VALUE, Kind::ValueAggregate, Harmless::All),
        (functions::AGGREGATES_ORDERED, Kind::OrderedAggregate, Harmless::None),
        (functions::WINDOWS_POSITION, Kind::Window { value: false }, Harmless::None),
        (functions::WINDOWS_VALUE, Kind::Window { value: true }, Harmless::One(0)),
        (functions::TABLES, Kind::TableFunction, Harmless::None),
        (functions::SESSION, Kind::SessionInfo, Harmless::None),
    ])
});

fn read<const N: usize>(lists: [(&'static str, Kind, Harmless); N]) -> Functions {
    let mut all = Functions::new();
    for (list, kind, harmless) in lists {
        for word in list.split_ascii_whitespace() {
            if let Some((name, entry)) = entry(word, kind, harmless) {
                all.entry(name).or_default().push(entry);
            }
        }
    }
    all
}

/// Reads `name/least-most@harmless`. A malformed word yields `None`, so its name stays unknown; a test finds it.
fn entry(word: &'static str, kind: Kind, otherwise: Harmless) -> Option<(&'static str, Entry)> {
    let (name, rest) = word.split_once('/')?;
    let (counts, harmless) = match rest.split_once('@') {
        None => (rest, otherwise),
        Some((counts, "all")) => (counts, Harmless::All),
        Some((counts, "odd")) => (counts, Harmless::Odd),
        Some((counts, one)) => (counts, Harmless::One(one.parse().ok()?)),
    };
    let (least, most) = match counts.split_once('-') {
        None => (counts.parse().ok()?, counts.parse().ok()?),
        Some((least, "")) => (least.parse().ok()?, usize::MAX),
        Some((least, most)) => (least.parse().ok()?, most.parse().ok()?),
    };
    Some((name, Entry { least, most, kind, harmless }))
}

fn find(dialect: Dialect, name: &str, argument_count: usize) -> Option<&'static Entry> {
    let functions = match dialect {
        Dialect::Postgres { .. } => &FUNCTIONS,
        Dialect::MySql(_) => &MYSQL_FUNCTIONS,
    };
    let entries = functions.get(name)?;
    entries.iter().find(|entry| (entry.least..=entry.most).contains(&argument_count))
}

/// What the built-in of this name does when called with so many (direct) arguments; `None` if it is on no list.
///
/// The count must be right: `ts_rewrite` of three arguments is pure where that of two runs SQL. Attribute notation
/// (`ssn(c)`) looks like a call; whoever asks must have ruled out a column of that name first. Functions starting with
/// `_pg_` live in `information_schema`, all others in `pg_catalog`.
pub fn function(dialect: Dialect, name: &str, argument_count: usize) -> Option<Kind> {
    find(dialect, name, argument_count).map(|entry| entry.kind)
}

/// Can the value of argument `argument` (from 0) of this call make it fail, or be timed, when all other arguments are
/// constants? `true` for whatever is on no list.
pub fn fails_by(dialect: Dialect, name: &str, argument_count: usize, argument: usize) -> bool {
    find(dialect, name, argument_count).is_none_or(|entry| match entry.harmless {
        Harmless::All => false,
        Harmless::None => true,
        Harmless::One(one) => argument != one,
        Harmless::Odd => argument.is_multiple_of(2),
    })
}

/// What the built-in operator of this name does; `None` if it is on no list. Unary and binary forms are not told apart.
pub fn operator(dialect: Dialect, name: &str) -> Option<OperatorKind> {
    if let Dialect::MySql(_) = dialect {
        return mysql::operator(name);
    }
    Some(match name {
        "=" | "<>" | "!=" | "<" | "<=" | ">" | ">=" | "~~" | "~~*" | "!~~" | "!~~*" | "^@" | "@>" | "<@" | "&&"
        | "?" | "?|" | "?&" | "-|-" | "&<" | "&>" | "~<=~" | "~<~" | "~>=~" | "~>~" | "~=" | "*=" | "*<>" | "*<"
        | "*<=" | "*>" | "*>=" => OperatorKind::Comparison,
        "<<" | ">>" | "<<=" | ">>=" => OperatorKind::Total,
        "->" | "->>" | "#>" | "#>>" | "#-" | "@?" => OperatorKind::JsonPath,
        "||" => OperatorKind::Concat,
        "+" | "-" | "*" | "/" | "%" | "^" | "|/" | "||/" | "@" | "&" | "|" | "#" | "~" | "~*" | "!~" | "!~*" | "@@"
        | "@@@" | "!!" | "<->" | "##" | "?#" | "@-@" => OperatorKind::Fallible,
        _ => return None,
    })
}

/// Types whose input and conversion may fail; arrays of anything are fallible too.
const FALLIBLE_CASTS: &str = "\
    bool bytea char int2 int4 int8 float4 float8 numeric money date time timetz timestamp timestamptz interval uuid json \
    jsonb jsonpath xml bit varbit inet cidr macaddr macaddr8 oid xid xid8 cid tid pg_lsn pg_snapshot txid_snapshot point \
    line lseg box path polygon circle tsvector tsquery int4range int8range numrange daterange tsrange tstzrange \
    int4multirange int8multirange nummultirange datemultirange tsmultirange tstzmultirange regclass regcollation \
    regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole regtype oidvector int2vector \
    aclitem";

static CASTS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| FALLIBLE_CASTS.split_ascii_whitespace().collect());

/// What a cast to this type does. The name is the stored one (`int4`, not `integer`), of `pg_catalog`; for an array pass
/// the element's name after an underscore (`_text`). Types unknown here are the catalog's: enums, domains, composites.
pub fn cast(dialect: Dialect, type_name: &str) -> CastKind {
    if let Dialect::MySql(_) = dialect {
        return mysql::cast(type_name);
    }
    match type_name {
        "text" | "varchar" | "bpchar" | "name" | "refcursor" | "unknown" => CastKind::Total,
        name if CASTS.contains(name.strip_prefix('_').unwrap_or(name)) => CastKind::Fallible,
        "_text" | "_varchar" | "_bpchar" | "_name" => CastKind::Fallible,
        _ => CastKind::Unknown,
    }
}

static PG_CATALOG: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| system::PG_CATALOG.split_ascii_whitespace().collect());
static INFORMATION_SCHEMA: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| system::INFORMATION_SCHEMA.split_ascii_whitespace().collect());

/// May this system relation be read? Only relations that describe objects, never those that hold or summarise rows.
pub fn system_relation(dialect: Dialect, schema: &str, name: &str) -> bool {
    if let Dialect::MySql(_) = dialect {
        return mysql::system_relation(schema, name);
    }
    match schema {
        "pg_catalog" => PG_CATALOG.contains(name),
        "information_schema" => INFORMATION_SCHEMA.contains(name),
        _ => false,
    }
}

static DANGERS: LazyLock<HashMap<&'static str, Facet>> = LazyLock::new(|| {
    let lists =
        [(dangers::EXPORTS, Facet::Exports), (dangers::SERVER, Facet::Server), (dangers::ROUTINE, Facet::Routine)];
    lists.iter().flat_map(|(list, facet)| list.split_ascii_whitespace().map(|name| (name, *facet))).collect()
});

/// The action that a dangerous function amounts to, in whatever schema (extensions choose theirs). `None` means nothing
/// is known, not that it is safe: ask [`function`] first, and treat what neither knows as opaque.
pub fn danger(dialect: Dialect, name: &str) -> Option<Facet> {
    if let Dialect::MySql(_) = dialect {
        return mysql::danger(name);
    }
    DANGERS.get(name).copied()
}

#[cfg(test)]
#[path = "builtins/tests.rs"]
mod tests;
