//! PostgreSQL's dates and timestamps: the strict ISO text form, and days or microseconds since 2000-01-01.
//!
//! Only `DateStyle = ISO` text is read (manual §8.5.2); any other style, and infinities, read as nothing.

use std::fmt::Write;

use bytes::BytesMut;

/// Microseconds of a day.
pub(in crate::masking) const DAY_MICROS: i64 = 86_400_000_000;
/// 2000-01-01 as days since 0000-03-01, where the arithmetic below begins its years.
const EPOCH: i64 = 730_425;
/// Days of 400 years.
const ERA_DAYS: i64 = 146_097;
/// 4714-11-24 BC, the first date the server knows.
const FIRST_DAY: i64 = -2_451_545;
/// The last day of a date; the last day a timestamp can fall on is earlier.
const LAST_DAY: i64 = 2_145_031_948;

/// A calendar day of the proleptic Gregorian calendar; year 0 is 1 BC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::masking) struct Day {
    pub(in crate::masking) year: i64,
    pub(in crate::masking) month: i64,
    pub(in crate::masking) day: i64,
}

impl Day {
    /// The day so many days after 2000-01-01; `None` outside the server's range.
    pub(in crate::masking) fn from_days(days: i64) -> Option<Self> {
        if !(FIRST_DAY..=LAST_DAY).contains(&days) {
            return None;
        }
        let since = days + EPOCH;
        let era = since.div_euclid(ERA_DAYS);
        let of_era = since.rem_euclid(ERA_DAYS);
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = era * 400 + year_of_era + i64::from(month <= 2);
        Some(Self { year, month, day: of_year - (153 * from_march + 2) / 5 + 1 })
    }

    /// Days since 2000-01-01; `None` if there is no such day or the server knows none.
    pub(in crate::masking) fn to_days(self) -> Option<i64> {
        if !(-5000..=6_000_000).contains(&self.year) || !(1..=12).contains(&self.month) {
            return None;
        }
        let year = self.year - i64::from(self.month <= 2);
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let from_march = (self.month + 9) % 12;
        let of_year = (153 * from_march + 2) / 5 + self.day - 1;
        let days = era * ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - EPOCH;
        (Self::from_days(days) == Some(self)).then_some(days)
    }

    /// Appends `YYYY-MM-DD`, then `tail`, then ` BC` where it belongs.
    pub(in crate::masking) fn write(self, tail: &str, out: &mut BytesMut) {
        let (year, suffix) = if self.year > 0 { (self.year, "") } else { (1 - self.year, " BC") };
        // Writing to a buffer that grows cannot fail.
        let _ = write!(out, "{year:04}-{:02}-{:02}{tail}{suffix}", self.month, self.day);
    }
}

/// Reads a date: days since 2000-01-01.
pub(in crate::masking) fn parse_date(text: &[u8]) -> Option<i64> {
    let (mut reader, before_christ) = Reader::new(text);
    let days = reader.day(before_christ)?;
    reader.0.is_empty().then_some(days)
}

/// Reads a timestamp: microseconds since 2000-01-01, UTC if it has a zone, which it must have or not as `zoned` says.
pub(in crate::masking) fn parse_timestamp(text: &[u8], zoned: bool) -> Option<i64> {
    let (mut reader, before_christ) = Reader::new(text);
    let days = reader.day(before_christ)?;
    reader.byte(b' ')?;
    let hours = reader.below(24)?;
    reader.byte(b':')?;
    let minutes = reader.below(60)?;
    reader.byte(b':')?;
    let seconds = reader.below(60)?;
    let micros = if reader.byte(b'.').is_some() { reader.fraction()? } else { 0 };
    let offset = if zoned { reader.offset()? } else { 0 };
    let of_day = ((hours * 60 + minutes) * 60 + seconds - offset).checked_mul(1_000_000)? + micros;
    reader.0.is_empty().then(|| days.checked_mul(DAY_MICROS)?.checked_add(of_day)).flatten()
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn new(text: &'a [u8]) -> (Self, bool) {
        match text.strip_suffix(b" BC") {
            Some(rest) => (Self(rest), true),
            None => (Self(text), false),
        }
    }

    fn day(&mut self, before_christ: bool) -> Option<i64> {
        let year = self.number(4, 7)?;
        self.byte(b'-')?;
        let month = self.number(2, 2)?;
        self.byte(b'-')?;
        let day = self.number(2, 2)?;
        let year = match (before_christ, year) {
            (_, 0) => return None,
            (true, year) => 1 - year,
            (false, year) => year,
        };
        Day { year, month, day }.to_days()
    }

    /// Seconds east of UTC: `+HH`, `+HH:MM` or `+HH:MM:SS`.
    fn offset(&mut self) -> Option<i64> {
        let sign = if self.byte(b'-').is_some() { -1 } else { self.byte(b'+').map(|()| 1)? };
        let mut seconds = self.below(24)? * 3600;
        for unit in [60, 1] {
            if self.byte(b':').is_none() {
                break;
            }
            seconds += self.below(60)? * unit;
        }
        Some(sign * seconds)
    }

    /// One to six digits after the point, as microseconds.
    fn fraction(&mut self) -> Option<i64> {
        let before = self.0.len();
        let number = self.number(1, 6)?;
        let digits = before - self.0.len();
        Some((digits..6).fold(number, |number, _| number * 10))
    }

    fn below(&mut self, bound: i64) -> Option<i64> {
        self.number(2, 2).filter(|number| *number < bound)
    }

    fn number(&mut self, least: usize, most: usize) -> Option<i64> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(least..=most).contains(&digits) {
            return None;
        }
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        Some(number.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree_over_the_whole_range() {
        for (text, days) in [
            ("2000-01-01", 0),
            ("1999-12-31", -1),
            ("1970-01-01", -10_957),
            ("2024-02-29", 8825),
            ("4714-11-24 BC", FIRST_DAY),
            ("5874897-12-31", LAST_DAY),
            ("0001-01-01", -730_119),
            ("0001-12-31 BC", -730_120),
        ] {
            assert_eq!(parse_date(text.as_bytes()), Some(days), "{text}");
            let mut out = BytesMut::new();
            Day::from_days(days).unwrap().write("", &mut out);
            assert_eq!(out, text.as_bytes());
        }
        for days in (FIRST_DAY..3_000_000).step_by(97).chain((LAST_DAY - 800)..=LAST_DAY) {
            assert_eq!(Day::from_days(days).unwrap().to_days(), Some(days));
        }
        assert_eq!(Day::from_days(FIRST_DAY - 1), None);
        assert_eq!(Day::from_days(i64::from(i32::MAX)), None);
    }

    #[test]
    fn timestamps_are_read_with_fraction_and_zone() {
        assert_eq!(parse_timestamp(b"2000-01-01 00:00:00", false), Some(0));
        assert_eq!(parse_timestamp(b"2000-01-01 00:00:00.5", false), Some(500_000));
        assert_eq!(parse_timestamp(b"2000-01-02 01:02:03.000004", false), Some(DAY_MICROS + 3_723_000_004));
        assert_eq!(parse_timestamp(b"2000-01-01 02:00:00+02", true), Some(0));
        assert_eq!(parse_timestamp(b"1999-12-31 18:30:00-05:30", true), Some(0));
        assert_eq!(parse_timestamp(b"2000-01-01 00:53:28+00:53:28", true), Some(0));
    }

    #[test]
    fn everything_but_strict_iso_reads_as_nothing() {
        for text in [
            "",
            "infinity",
            "-infinity",
            "2024-2-1",
            "24-02-01",
            "2024-13-01",
            "2023-02-29",
            "0000-01-01",
            "02/29/2024",
            "29.02.2024",
            "2024-02-29 ",
            " 2024-02-29",
            "2024-02-29 AD",
            "2024-02-29 00:00:00",
            "99999999-01-01",
            "2024-00-10",
        ] {
            assert_eq!(parse_date(text.as_bytes()), None, "{text}");
        }
        for text in [
            "2024-02-29",
            "2024-02-29T00:00:00",
            "2024-02-29 24:00:00",
            "2024-02-29 00:60:00",
            "2024-02-29 00:00:00.",
            "2024-02-29 00:00:00.1234567",
            "2024-02-29 00:00:00+01",
            "2024-02-29 00:00:00 PST",
            "Thu Feb 29 00:00:00 2024",
        ] {
            assert_eq!(parse_timestamp(text.as_bytes(), false), None, "{text}");
        }
        assert_eq!(parse_timestamp(b"2024-02-29 00:00:00", true), None);
    }
}
