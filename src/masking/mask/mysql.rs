//! Values of MySQL's types as its rows write them: integers and dates, in text rows and in binary ones.
//!
//! Binary rows (protocol, "Binary Protocol Value"): integers little-endian; dates as year (2 bytes), month, day, and what
//! follows of the time of day, the length byte before it being the row's business.

use bytes::BytesMut;

use crate::masking::column::Format;
use crate::masking::kind::Kind;
use crate::masking::mask::Target;
use crate::masking::mask::calendar::{self, Day};

/// Years that MySQL's dates have.
const YEARS: std::ops::RangeInclusive<i64> = 1..=9999;

/// A number that is legal in a signed and in an unsigned column of the width.
pub(in crate::masking) fn whole(text: &str, width: u8, format: Format) -> Option<Vec<u8>> {
    let number: i64 = text.parse().ok()?;
    let bits = u32::from(width).checked_mul(8)?.checked_sub(1)?;
    if number < 0 || (bits < 63 && number >> bits != 0) {
        return None;
    }
    if format == Format::Text {
        return Some(number.to_string().into_bytes());
    }
    let mut out = BytesMut::new();
    put_whole(number, width, &mut out)?;
    Some(out.to_vec())
}

/// Appends an integer of a binary row; those of three bytes take four.
pub(in crate::masking) fn put_whole(number: i64, width: u8, out: &mut BytesMut) -> Option<()> {
    let size = usize::from(if width == 3 { 4 } else { width });
    out.extend_from_slice(number.to_le_bytes().get(..size)?);
    Some(())
}

/// An integer as its low `width` bytes read with a sign: the same for a column's value in both formats, signed or not.
pub(in crate::masking) fn read_whole(value: &[u8], width: u8, format: Format) -> Option<i64> {
    let number = match format {
        Format::Text => {
            let text = std::str::from_utf8(value).ok()?;
            text.parse::<i64>().ok().or_else(|| Some(text.parse::<u64>().ok()?.cast_signed()))?
        }
        _ => {
            let mut bytes = [0; 8];
            bytes.get_mut(..value.len())?.copy_from_slice(value);
            i64::from_le_bytes(bytes)
        }
    };
    let unused = 64u32.checked_sub(u32::from(width).checked_mul(8)?)?;
    Some(number.checked_shl(unused)? >> unused)
}

/// A `YEAR`.
pub(in crate::masking) fn year(text: &str, format: Format) -> Option<Vec<u8>> {
    let year: u16 = text.parse().ok()?;
    if year != 0 && !(1901..=2155).contains(&year) {
        return None;
    }
    Some(match format {
        Format::Text => format!("{year:04}").into_bytes(),
        _ => year.to_le_bytes().to_vec(),
    })
}

/// A date, or a date and time of day in ISO form.
pub(in crate::masking) fn moment(text: &str, target: Target) -> Option<Vec<u8>> {
    let (date, time) = text.split_at_checked(10)?;
    let date = Day::from_days(calendar::parse_date(date.as_bytes())?).filter(|day| YEARS.contains(&day.year))?;
    if !time.is_empty() && (target.kind == Kind::Day || calendar::parse_timestamp(text.as_bytes(), false).is_none()) {
        return None;
    }
    let mut out = BytesMut::new();
    put_day(date, target, &mut out)?;
    if time.is_empty() {
        return Some(out.to_vec());
    }
    if target.format == Format::Text {
        return Some(text.into());
    }
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u8>().ok();
    out.extend_from_slice(&[number(11..13)?, number(14..16)?, number(17..19)?]);
    if let Some(fraction) = text.get(20..) {
        let micros: u32 = format!("{fraction:0<6}").parse().ok()?;
        out.extend_from_slice(&micros.to_le_bytes());
    }
    Some(out.to_vec())
}

/// The day of a value; `None` for zero dates and what is no date.
pub(in crate::masking) fn day(value: &[u8], target: Target) -> Option<Day> {
    let day = match (target.format, value) {
        (Format::Text, _) => {
            let (date, time) = value.split_at_checked(10)?;
            let sound = time.is_empty() || calendar::parse_timestamp(value, false).is_some();
            Day::from_days(calendar::parse_date(date).filter(|_| sound)?)?
        }
        (_, [low, high, month, day, ..]) if matches!(value.len(), 4 | 7 | 11) => {
            Day { year: u16::from_le_bytes([*low, *high]).into(), month: (*month).into(), day: (*day).into() }
        }
        _ => return None,
    };
    (YEARS.contains(&day.year) && day.to_days().is_some()).then_some(day)
}

/// Appends a day, at midnight where the type has a time of day.
pub(in crate::masking) fn put_day(day: Day, target: Target, out: &mut BytesMut) -> Option<()> {
    match target.format {
        Format::Text => day.write(if target.kind == Kind::Moment { " 00:00:00" } else { "" }, out),
        _ => {
            out.extend_from_slice(&u16::try_from(day.year).ok()?.to_le_bytes());
            out.extend_from_slice(&[u8::try_from(day.month).ok()?, u8::try_from(day.day).ok()?]);
        }
    }
    Some(())
}
