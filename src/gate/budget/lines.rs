//! The counts that one statement adds to: a line for each class, all its windows taken together.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Timestamp;
use crate::gate::budget::Amount;
use crate::policy::budget::Charge;

/// A window is counted in so many parts; a part leaves it whole.
const PARTS: u32 = 60;
/// A block reserved ahead is this part of the budget, and at most so many.
const BLOCK_SHARE: u64 = 20;
const BLOCK_MAX: u64 = 1000;

/// How long one part lasts, and how long parts are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Width {
    pub part: Duration,
    pub keep: Duration,
}

impl Width {
    pub fn end(self, now: Timestamp) -> Timestamp {
        let part = i64::try_from(self.part.as_millis()).unwrap_or(i64::MAX).max(1);
        let start = now.as_millis().div_euclid(part).saturating_mul(part);
        Timestamp::from_millis(start.saturating_add(part))
    }
}

/// One class of a reservation, all its windows taken together.
#[derive(Clone, Debug)]
pub(super) struct ClassLine {
    pub class: Arc<str>,
    pub counts_rows: bool,
    pub probes: u64,
    pub block: Amount,
    pub width: Width,
}

pub(super) fn lines_of(charge: &Charge) -> Vec<ClassLine> {
    let mut lines: Vec<ClassLine> = Vec::new();
    let all = charge.rows.iter().map(|line| (line, true)).chain(charge.probes.iter().map(|line| (line, false)));
    for (line, rows) in all {
        let block = (line.most / BLOCK_SHARE).min(BLOCK_MAX);
        let at = lines.iter().position(|known| known.class == line.class).unwrap_or(lines.len());
        if at == lines.len() {
            lines.push(ClassLine {
                class: line.class.clone(),
                counts_rows: false,
                probes: 0,
                block: Amount::default(),
                width: Width { part: line.per / PARTS, keep: line.per },
            });
        }
        let Some(known) = lines.get_mut(at) else { continue };
        known.width.part = known.width.part.min(line.per / PARTS);
        known.width.keep = known.width.keep.max(line.per);
        match rows {
            true => {
                known.counts_rows = true;
                known.block.rows = known.block.rows.max(block);
            }
            false => {
                known.probes = 1;
                known.block.probes = known.block.probes.max(block);
            }
        }
    }
    lines
}
