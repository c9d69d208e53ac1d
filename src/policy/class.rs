//! Classes: labels on columns, the mask each asks for, and which columns of a catalog carry which.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::catalog::ColumnKey;
use crate::policy::detector::Detection;

/// What a class does to a plain column's values. Ordered from mild to strict: of two, the later wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MaskSpec {
    /// Truncate a date or timestamp.
    Date {
        /// To which unit.
        unit: DateUnit,
    },
    /// The lower end of the integer's bucket.
    Bucket {
        /// Where buckets begin.
        buckets: Buckets,
    },
    /// Keep the first character of the local part and the domain; not an e-mail: redact.
    Email,
    /// Keep some characters, hide the rest; fewer than kept + `hide_min` characters: redact.
    Partial {
        /// Characters kept at the front.
        keep_first: u16,
        /// Characters kept at the end.
        keep_last: u16,
        /// Least number of hidden characters.
        hide_min: u16,
    },
    /// A text rebuilt from what the groups of a regular expression matched; no match: redact.
    Regex {
        /// The expression.
        pattern: String,
        /// The text, with `$1` or `${name}` for groups.
        replace: String,
    },
    /// Format-preserving encryption (FF1, key per class), stable: digits become digits.
    Fpe {
        /// What is encrypted.
        alphabet: FpeAlphabet,
        /// The last digit is Luhn's check digit, before and after.
        luhn: bool,
    },
    /// A made-up name (HMAC, key per class), stable.
    Pseudonym,
    /// Keyed hash (HMAC-SHA-256, key per class), stable.
    Hash,
    /// A fixed text, or NULL where the type does not admit it.
    Fixed {
        /// The value.
        value: String,
    },
    /// NULL.
    Null,
    /// An unmistakable token where the type admits text, else NULL.
    Redact,
}

/// Most bytes that a compiled expression of a mask may take.
pub const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Where buckets begin.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Buckets {
    /// Every so many.
    Width(#[schemars(range(min = 1))] u64),
    /// At these numbers, ascending.
    Edges(Vec<i64>),
}

/// What [`MaskSpec::Fpe`] encrypts; other characters must be separators.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FpeAlphabet {
    /// Digits.
    #[default]
    Digits,
    /// Digits and ASCII letters.
    Alnum,
}

/// Units for [`MaskSpec::Date`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DateUnit {
    /// First day of the month.
    Month,
    /// First day of the year.
    Year,
}

/// What a class says about its columns in row-shaping positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProbeSpec {
    /// Anything goes.
    Allow,
    /// Look-up by equality goes, everything else is held. The default.
    Equality,
    /// Held.
    Hold,
    /// Refused.
    Deny,
}

/// A class as compiled from the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Its name, such as `pii.email`.
    pub name: Arc<str>,
    /// The mask for plain columns.
    pub mask: MaskSpec,
    /// Which generation of its key `hash`, `pseudonym` and `fpe` use.
    pub key: u32,
    /// What about predicates.
    pub probe: ProbeSpec,
    /// `sum` and `avg` over it come back unmasked.
    pub aggregates: bool,
    /// Rows of this class that make a read a bulk read; `None`: the general limit.
    pub bulk_rows: Option<u64>,
}

/// Which columns of one catalog snapshot carry which classes, for one version of the rules. Children inherit from parents.
#[derive(Clone, Debug, Default)]
pub struct ClassMap {
    /// All classes of the rules.
    pub classes: Vec<Arc<Class>>,
    /// Column (never number 0) -> indexes into `classes`.
    pub columns: HashMap<ColumnKey, Vec<usize>>,
    /// Relation's union, for whole rows.
    pub relations: HashMap<crate::catalog::RelationKey, Vec<usize>>,
    /// What to look for in columns without class.
    pub detection: Detection,
}

impl ClassMap {
    /// The classes of a column; number 0 gives the union over the relation.
    pub fn of(&self, column: ColumnKey) -> impl Iterator<Item = &Arc<Class>> {
        let found = match column.number {
            0 => self.relations.get(&column.relation),
            _ => self.columns.get(&column),
        };
        found.into_iter().flatten().filter_map(|index| self.classes.get(*index))
    }

    /// Does any class stand on it?
    pub fn is_classified(&self, column: ColumnKey) -> bool {
        self.of(column).next().is_some()
    }
}
