//! How many rows at most: sources of rows, the equalities between them, and arithmetic on bounds.

use super::value::{Origin, Value};
use crate::statement::footprint::RowBound;

/// A source of rows in a FROM list.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its number.
    pub id: u32,
    /// Its own rows at most.
    pub bound: RowBound,
    /// Sets of columns that fix a row, and how many rows share one setting of them at most.
    pub unique: Vec<(Vec<usize>, u64)>,
}

/// A column equals something.
#[derive(Clone, Copy, Debug)]
pub struct Equality {
    /// The column.
    pub column: Origin,
    /// What it equals: another source's column, or something fixed.
    pub other: Option<Origin>,
    /// How many fixed values there are (IN lists).
    pub times: u64,
}

/// The equalities that `left = right` states.
pub fn equalities(left: &Value, right: &Value) -> Vec<Equality> {
    let mut found = Vec::new();
    for (one, other) in [(left, right), (right, left)] {
        let Some(column) = one.origin else { continue };
        if other.fixed || other.origin.is_some() {
            found.push(Equality { column, other: other.origin, times: 1 });
        }
    }
    found
}

/// Rows of the product of these sources under these equalities, at most.
pub fn product(leaves: &[Leaf], equalities: &[Equality]) -> RowBound {
    let mut open: Vec<&Leaf> = leaves.iter().collect();
    let mut rows: u64 = 1;
    while !open.is_empty() {
        let settled = |leaf: u32, open: &[&Leaf]| !open.iter().any(|other| other.id == leaf);
        let next = open.iter().enumerate().find_map(|(index, leaf)| {
            let best = leaf.unique.iter().filter_map(|(key, shared)| {
                let mut factors = key.iter().map(|column| {
                    let fixing = equalities.iter().filter(|e| e.column.leaf == leaf.id && e.column.column == *column);
                    fixing.filter(|e| e.other.is_none_or(|o| settled(o.leaf, &open))).map(|e| e.times).min()
                });
                factors.try_fold(*shared, |all, one| Some(all.saturating_mul(one?)))
            });
            best.min().map(|factor| (index, factor))
        });
        let (index, factor) = match next {
            Some(found) => found,
            None => {
                let own = open.iter().enumerate().filter_map(|(index, leaf)| match leaf.bound {
                    RowBound::AtMost(rows) => Some((index, rows.max(1))),
                    _ => None,
                });
                match own.min_by_key(|(_, rows)| *rows) {
                    Some(found) => found,
                    None => return RowBound::Unbounded,
                }
            }
        };
        let leaf = open.swap_remove(index);
        let own = match leaf.bound {
            RowBound::AtMost(own) => own.max(1),
            _ => u64::MAX,
        };
        rows = rows.saturating_mul(factor.min(own));
    }
    RowBound::AtMost(rows)
}

/// The smaller bound.
pub fn least(left: RowBound, right: RowBound) -> RowBound {
    match (left, right) {
        (RowBound::None, _) | (_, RowBound::None) => RowBound::None,
        (RowBound::AtMost(left), RowBound::AtMost(right)) => RowBound::AtMost(left.min(right)),
        (RowBound::Unbounded, other) | (other, RowBound::Unbounded) => other,
    }
}

/// Rows of both.
pub fn sum(left: RowBound, right: RowBound) -> RowBound {
    match (left, right) {
        (RowBound::None, other) | (other, RowBound::None) => other,
        (RowBound::AtMost(left), RowBound::AtMost(right)) => RowBound::AtMost(left.saturating_add(right)),
        _ => RowBound::Unbounded,
    }
}
