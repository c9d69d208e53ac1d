//! Truncates dates and timestamps to the first day of their month or year. MySQL's moments are truncated as they are shown.
//!
//! A `timestamptz` is truncated in UTC and, as text, written with offset `+00`: the same instant in both formats, and the
//! session's offset does not tell on which side of a clock change the value lay. Infinities become NULL.

use bytes::BytesMut;

use crate::masking::column::Format;
use crate::masking::kind::Kind;
use crate::masking::mask::calendar::{self, DAY_MICROS, Day};
use crate::masking::mask::{Target, Written, mysql};
use crate::policy::class::DateUnit;

/// What to truncate to, and what of.
#[derive(Clone, Debug)]
pub(in crate::masking) struct DateMask {
    unit: DateUnit,
    target: Target,
}

impl DateMask {
    /// `None` for a type that holds no date.
    pub(in crate::masking) fn new(unit: DateUnit, target: Target) -> Option<Self> {
        let dated = matches!(target.kind, Kind::Date | Kind::Timestamp | Kind::TimestampTz | Kind::Day | Kind::Moment);
        dated.then_some(Self { unit, target })
    }

    /// Appends the truncated value; NULL for what cannot be read.
    pub(in crate::masking) fn apply(&self, value: &[u8], out: &mut BytesMut) -> Written {
        let written = self.days(value).and_then(|days| self.write(days, out));
        written.map_or(Written::Null, |()| Written::Value)
    }

    /// The day a value falls on, in days since 2000-01-01.
    fn days(&self, value: &[u8]) -> Option<i64> {
        match (self.target.format, self.target.kind) {
            (_, Kind::Day | Kind::Moment) | (Format::MySqlBinary, _) => mysql::day(value, self.target)?.to_days(),
            (Format::Text, Kind::Date) => calendar::parse_date(value),
            (Format::Text, kind) => {
                Some(calendar::parse_timestamp(value, kind == Kind::TimestampTz)?.div_euclid(DAY_MICROS))
            }
            (Format::Binary, Kind::Date) => Some(i32::from_be_bytes(value.try_into().ok()?).into()),
            (Format::Binary, _) => match i64::from_be_bytes(value.try_into().ok()?) {
                i64::MAX | i64::MIN => None,
                micros => Some(micros.div_euclid(DAY_MICROS)),
            },
        }
    }

    fn write(&self, days: i64, out: &mut BytesMut) -> Option<()> {
        let day = Day::from_days(days)?;
        let month = if self.unit == DateUnit::Year { 1 } else { day.month };
        let first = Day { month, day: 1, ..day };
        // Fails for the month and year in which the server's calendar begins.
        let days = first.to_days()?;
        match (self.target.format, self.target.kind) {
            (_, Kind::Day | Kind::Moment) | (Format::MySqlBinary, _) => mysql::put_day(first, self.target, out)?,
            (Format::Text, Kind::Date) => first.write("", out),
            (Format::Text, Kind::TimestampTz) => first.write(" 00:00:00+00", out),
            (Format::Text, _) => first.write(" 00:00:00", out),
            (Format::Binary, Kind::Date) => out.extend_from_slice(&i32::try_from(days).ok()?.to_be_bytes()),
            (Format::Binary, _) => out.extend_from_slice(&days.checked_mul(DAY_MICROS)?.to_be_bytes()),
        }
        Some(())
    }
}
