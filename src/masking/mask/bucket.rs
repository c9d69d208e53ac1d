//! Integers rounded down to the lower end of their bucket. Below the first edge, and where the end does not fit: NULL.

pub(in crate::masking) mod integer;

use bytes::BytesMut;

use crate::masking::kind::Kind;
use crate::masking::mask::{Target, Written};
use crate::policy::class::Buckets;

/// A class's buckets for one column.
#[derive(Clone, Debug)]
pub(in crate::masking) struct BucketMask {
    buckets: Buckets,
    target: Target,
}

impl BucketMask {
    /// `None` for types that are no integers.
    pub(in crate::masking) fn new(buckets: &Buckets, target: Target) -> Option<Self> {
        let integer = matches!(target.kind, Kind::Int2 | Kind::Int4 | Kind::Int8 | Kind::Whole(_));
        integer.then(|| Self { buckets: buckets.clone(), target })
    }

    /// Appends the lower end of the value's bucket.
    pub(in crate::masking) fn apply(&self, value: &[u8], out: &mut BytesMut) -> Written {
        let start = out.len();
        let low = integer::read(value, self.target).and_then(|number| self.low(number));
        match low.and_then(|low| integer::put(low, self.target, out)) {
            Some(()) => Written::Value,
            None => {
                out.truncate(start);
                Written::Null
            }
        }
    }

    fn low(&self, number: i64) -> Option<i64> {
        match &self.buckets {
            Buckets::Width(width) => {
                let width = i64::try_from(*width).ok()?;
                number.checked_div_euclid(width)?.checked_mul(width)
            }
            Buckets::Edges(edges) => edges.iter().rev().find(|edge| **edge <= number).copied(),
        }
    }
}
