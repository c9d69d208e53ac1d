//! Integers of either server's rows, read and written. What does not fit is told, not cut.

use bytes::BytesMut;

use crate::masking::column::Format;
use crate::masking::kind::Kind;
use crate::masking::mask::{Target, mysql};

/// The value; `None` for what is no integer of the type. MySQL's columns may be unsigned, which rows do not tell, so what
/// would be negative is none.
pub(in crate::masking) fn read(value: &[u8], target: Target) -> Option<i64> {
    match (target.kind, target.format) {
        (Kind::Whole(_), Format::Text) => std::str::from_utf8(value).ok()?.parse().ok().filter(|number| *number >= 0),
        (Kind::Whole(width), format) => mysql::read_whole(value, width, format).filter(|number| *number >= 0),
        (Kind::Int2 | Kind::Int4 | Kind::Int8, Format::Text) => std::str::from_utf8(value).ok()?.parse().ok(),
        (Kind::Int2, _) => Some(i16::from_be_bytes(value.try_into().ok()?).into()),
        (Kind::Int4, _) => Some(i32::from_be_bytes(value.try_into().ok()?).into()),
        (Kind::Int8, _) => Some(i64::from_be_bytes(value.try_into().ok()?)),
        _ => None,
    }
}

/// Is the number legal in a column of the type, signed or not?
pub(in crate::masking) fn fits(number: i64, target: Target) -> bool {
    match target.kind {
        Kind::Int2 => i16::try_from(number).is_ok(),
        Kind::Int4 => i32::try_from(number).is_ok(),
        Kind::Int8 => true,
        Kind::Whole(width) => number >= 0 && (width >= 8 || number >> (u32::from(width) * 8 - 1) == 0),
        _ => false,
    }
}

/// Appends a number that fits.
pub(in crate::masking) fn put(number: i64, target: Target, out: &mut BytesMut) -> Option<()> {
    if !fits(number, target) {
        return None;
    }
    match (target.kind, target.format) {
        (_, Format::Text) => out.extend_from_slice(number.to_string().as_bytes()),
        (Kind::Whole(width), _) => mysql::put_whole(number, width, out)?,
        (Kind::Int2, _) => out.extend_from_slice(&i16::try_from(number).ok()?.to_be_bytes()),
        (Kind::Int4, _) => out.extend_from_slice(&i32::try_from(number).ok()?.to_be_bytes()),
        _ => out.extend_from_slice(&number.to_be_bytes()),
    }
    Some(())
}
