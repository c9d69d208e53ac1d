//! What one statement touches, before any rule is asked: relations, columns and how they flow, functions, row bounds.
//!
//! A footprint is complete or says that it is not: whatever could not be followed stands in [`Footprint::opaque`].

mod session;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::session::{SessionEffect, TransactionVerb};
use crate::catalog::{ColumnKey, RelationKey};

/// The verb of a statement, as people and rules name it (lower case in YAML: `select`, `copy_to`, …).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// ALTER of any object.
    Alter,
    /// ANALYZE, VACUUM, CLUSTER, CHECKPOINT and other upkeep.
    Maintain,
    /// CALL.
    Call,
    /// CLOSE of a cursor.
    Close,
    /// COMMENT ON.
    Comment,
    /// COPY … FROM.
    CopyFrom,
    /// COPY … TO.
    CopyTo,
    /// CREATE of any object (CTAS and SELECT INTO too).
    Create,
    /// DEALLOCATE.
    Deallocate,
    /// DECLARE CURSOR.
    Declare,
    /// DELETE.
    Delete,
    /// DISCARD.
    Discard,
    /// DO.
    Do,
    /// DROP of any object.
    Drop,
    /// An empty statement: only white space and comments.
    Empty,
    /// EXECUTE of an SQL-level prepared statement.
    Execute,
    /// EXPLAIN.
    Explain,
    /// FETCH or MOVE.
    Fetch,
    /// GRANT.
    Grant,
    /// INSERT.
    Insert,
    /// LISTEN, UNLISTEN.
    Listen,
    /// LOCK TABLE.
    Lock,
    /// MERGE.
    Merge,
    /// NOTIFY.
    Notify,
    /// SQL-level PREPARE.
    Prepare,
    /// REFRESH MATERIALIZED VIEW.
    Refresh,
    /// REINDEX.
    Reindex,
    /// RESET.
    Reset,
    /// REVOKE.
    Revoke,
    /// SELECT, VALUES, TABLE.
    Select,
    /// SET.
    Set,
    /// SHOW.
    Show,
    /// BEGIN, COMMIT, ROLLBACK, SAVEPOINT and kin.
    Transaction,
    /// TRUNCATE.
    Truncate,
    /// UPDATE.
    Update,
    /// Anything else the grammar knows.
    Other,
    /// The text could not be read.
    Unreadable,
}

/// How a source column reaches an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flow {
    /// `count` and kin: tells only how many. Free.
    Counted,
    /// The column itself, value and type unchanged (aliases, subqueries, CTEs and views do not matter).
    Plain,
    /// `sum`, `avg` and other numeric aggregates over the column.
    Aggregated,
    /// Any other total expression over it: concatenation, CASE result, min/max, lists, whole rows, JSON constructors.
    Derived,
}

/// One source of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The base column; number 0 means every column of the relation.
    pub column: ColumnKey,
    /// How it flows.
    pub flow: Flow,
}

/// One result column as predicted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its name if the statement fixes one; the server's name wins.
    pub name: Arc<str>,
    /// Where its values come from, each column once with its strongest flow.
    pub sources: Vec<Source>,
    /// Something flowed in that could not be followed: mask this output whole.
    pub unknown: bool,
}

/// Where a column stands that shapes rows instead of flowing to an output, and so speaks about its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Position {
    /// `column = constant or parameter` (or IN a list of them), joined by AND: ordinary look-up.
    Equality,
    /// Any other predicate: WHERE, HAVING, FILTER, CASE condition, CHECK.
    Predicate,
    /// A join condition, USING, NATURAL.
    Join,
    /// GROUP BY, DISTINCT, set operation that removes duplicates.
    Group,
    /// ORDER BY, window order or partition, ordered aggregates, DISTINCT ON.
    Order,
    /// LIMIT, OFFSET, TABLESAMPLE.
    Limit,
    /// An argument of something that can fail, be timed, or is not on the list of total functions.
    Fallible,
}

/// A column in a row-shaping position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Probe {
    /// The column (0: whole row).
    pub column: ColumnKey,
    /// Where it stands.
    pub position: Position,
}

/// How a relation is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Rows are read.
    Read,
    /// Rows are inserted, updated, deleted, merged, truncated or copied in.
    Write,
    /// Its definition is changed.
    Define,
}

/// A relation the statement touches; `key` is `None` for one that does not exist (yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationUse {
    /// The relation in the catalog.
    pub key: Option<RelationKey>,
    /// `schema.name` if resolved, else as written.
    pub name: Arc<str>,
    /// How it is used.
    pub access: Access,
}

/// A column that is written, and what flows into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnWrite {
    /// The target (0: all columns).
    pub target: ColumnKey,
    /// What is written, if it comes from other columns. Empty for constants and parameters.
    pub sources: Vec<Source>,
    /// Something flowed in that could not be followed.
    pub unknown: bool,
}

/// How many rows a statement may return or change, as far as the text and the keys tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowBound {
    /// Returns no rows at all.
    None,
    /// At most this many: LIMIT, equality on a unique key, aggregate without GROUP BY, VALUES.
    AtMost(u64),
    /// Nothing bounds it: ask the planner.
    Unbounded,
}

/// Data leaving the row stream, or coming in, or copied elsewhere; what the `export`, `import`, `copy_classified` actions rest on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// COPY … TO STDOUT. `outputs` of the footprint are its columns.
    CopyToClient {
        /// How rows are written.
        format: CopyFormat,
    },
    /// COPY … TO a file or program on the server, and whatever else writes outside the database.
    ToServer,
    /// COPY … FROM STDIN.
    FromClient,
    /// COPY … FROM a file or program on the server.
    FromServer,
    /// LOAD DATA LOCAL: the server asks the client for this file, and for no other.
    FromClientFile {
        /// The file's name as the statement has it.
        name: Arc<str>,
    },
    /// CTAS, SELECT INTO, CREATE VIEW (materialized or not), CREATE FUNCTION over these columns: `outputs` say what would be copied.
    IntoNewObject,
}

/// COPY's row format, with the options that matter to cutting rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyFormat {
    /// Text: one line a row, delimiter, backslash escapes, NULL as given.
    Text {
        /// Delimiter byte.
        delimiter: u8,
        /// NULL string.
        null: String,
        /// First line is a header.
        header: bool,
    },
    /// CSV.
    Csv {
        /// Delimiter byte.
        delimiter: u8,
        /// NULL string.
        null: String,
        /// Quote byte.
        quote: u8,
        /// Escape byte.
        escape: u8,
        /// First line is a header.
        header: bool,
    },
    /// Binary.
    Binary,
}

/// A facet that decides the action (DESIGN §5) where verb and flows alone do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    /// Reads rows.
    Reads,
    /// Changes rows.
    Writes,
    /// Changes rows without WHERE, or truncates.
    WritesAll,
    /// Changes definitions.
    Defines,
    /// Changes who may do what: GRANT, REVOKE, roles, ownership, security labels, SET ROLE, SET SESSION AUTHORIZATION.
    Privilege,
    /// CALL, DO, a function known to run dynamic SQL, a user function that could not be followed.
    Routine,
    /// Brings data in: COPY FROM.
    Imports,
    /// Takes data out of the row stream.
    Exports,
    /// Acts on the server itself: ALTER SYSTEM, pg_terminate_backend, file and network functions, extensions.
    Server,
    /// Only changes the session.
    Session,
    /// Only controls the transaction.
    Transaction,
}

/// Why a statement, or part of it, could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Opaque {
    /// What: `function public.f()`, `relation x`, `syntax`, … Never a literal.
    pub what: Arc<str>,
    /// Why, in words for an agent: what to write instead, if there is something.
    pub why: Arc<str>,
}

/// What one statement touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// The verb.
    pub verb: Verb,
    /// For DDL: the kind of object (`table`, `view`, `index`, `database`, `role`, `function`, …), lower case.
    pub object_kind: Option<Arc<str>>,
    /// Relations touched.
    pub relations: Vec<RelationUse>,
    /// Result columns in order; `None` when no row-returning part exists. For COPY TO: its columns.
    pub outputs: Option<Vec<Output>>,
    /// Classified or not, every base column standing where it shapes rows.
    pub probes: Vec<Probe>,
    /// Columns written and what flows into them.
    pub writes: Vec<ColumnWrite>,
    /// Functions called, `schema.name`, user functions and built-ins.
    pub functions: Vec<Arc<str>>,
    /// Facets for the action.
    pub facets: Vec<Facet>,
    /// Rows returned.
    pub returned: RowBound,
    /// Rows changed.
    pub changed: RowBound,
    /// COPY, CTAS and kin.
    pub transfer: Option<Transfer>,
    /// What it does to the session.
    pub session: Vec<SessionEffect>,
    /// What could not be understood; non-empty makes the statement `opaque`.
    pub opaque: Vec<Opaque>,
    /// A relation name was not found in the catalog: a refresh may help.
    pub unresolved: bool,
    /// EXPLAIN can estimate it (SELECT, INSERT, UPDATE, DELETE, MERGE, VALUES, and DECLARE or PREPARE's inner statement).
    pub explainable: bool,
}

impl Footprint {
    /// What is predicted of a result whose columns have these names. Servers' versions and settings decide whether MySQL's plans
    /// are a table or one text, and whether its lists of routines name a language: all columns of these are alike, so that either
    /// form is as well predicted as the other.
    pub fn outputs_named<'n>(&self, mut names: impl ExactSizeIterator<Item = &'n str>) -> Option<Cow<'_, [Output]>> {
        let outputs = self.outputs.as_deref()?;
        let width = names.len();
        let other_form = match self.verb {
            Verb::Explain => width == 1 && names.all(|name| name == "EXPLAIN"),
            Verb::Show => width == outputs.len() + 1 && names.any(|name| name == "Language"),
            _ => false,
        };
        let alike =
            |one: &Output| outputs.iter().all(|other| (&one.sources, one.unknown) == (&other.sources, other.unknown));
        match outputs.first() {
            Some(first) if other_form && alike(first) => Some(Cow::Owned(vec![first.clone(); width])),
            _ => Some(Cow::Borrowed(outputs)),
        }
    }

    /// Not understood to the point that nothing was predicted of its result, not even how many columns it has.
    pub fn is_shapeless(&self) -> bool {
        let placeholder = |outputs: &[Output]| matches!(outputs, [one] if one.unknown && one.name.is_empty());
        !self.opaque.is_empty() && self.outputs.as_deref().is_none_or(placeholder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::lineage::blank;

    fn outputs(count: usize, unknown: bool) -> Option<Vec<Output>> {
        Some(vec![Output { name: Arc::from("x"), sources: Vec::new(), unknown }; count])
    }

    fn width(print: &Footprint, names: &[&str]) -> Option<usize> {
        print.outputs_named(names.iter().copied()).map(|outputs| outputs.len())
    }

    #[test]
    fn either_form_of_a_plan_or_a_list_of_routines_is_predicted_and_no_third_one() {
        let plan = Footprint { outputs: outputs(12, false), ..blank(Verb::Explain) };
        assert_eq!([width(&plan, &["EXPLAIN"]), width(&plan, &["id"])], [Some(1), Some(12)]);
        let list = Footprint { outputs: outputs(2, false), ..blank(Verb::Show) };
        let widths = [&["Db", "Name", "Language"][..], &["Db", "Name", "ssn"], &["Db", "Name", "Language", "ssn"]];
        assert_eq!(widths.map(|names| width(&list, names)), [Some(3), Some(2), Some(2)]);
        let select = Footprint { outputs: outputs(2, false), ..blank(Verb::Select) };
        assert_eq!(width(&select, &["a", "b", "Language"]), Some(2));
        // Columns that are not alike stay as they were predicted.
        let mut mixed = Footprint { outputs: outputs(2, false), ..blank(Verb::Show) };
        mixed.outputs.as_mut().unwrap()[0].unknown = true;
        assert_eq!(width(&mixed, &["Db", "Name", "Language"]), Some(2));
    }

    #[test]
    fn only_what_is_opaque_without_any_shape_is_shapeless() {
        let why = Opaque { what: Arc::from("syntax"), why: Arc::from("it is not understood") };
        let opaque = |outputs| Footprint { outputs, opaque: vec![why.clone()], ..blank(Verb::Unreadable) };
        assert!(opaque(None).is_shapeless());
        assert!(!opaque(outputs(1, true)).is_shapeless() && !opaque(outputs(2, true)).is_shapeless());
        let placeholder = Output { name: Arc::from(""), sources: Vec::new(), unknown: true };
        assert!(opaque(Some(vec![placeholder.clone()])).is_shapeless());
        assert!(!Footprint { outputs: Some(vec![placeholder]), ..blank(Verb::Select) }.is_shapeless());
    }
}
