//! A fixed text from the rules as a value of the column's type, or nothing where it is none.

use bytes::BytesMut;

use crate::masking::column::Format;
use crate::masking::kind::Kind;
use crate::masking::mask::calendar::{self, Day};
use crate::masking::mask::{Target, constant, hash, mysql};

/// Longest `name`, in bytes.
const NAME_MAX: usize = 63;
/// Base of the binary `numeric`'s digits: four decimal digits each.
const NUMERIC_GROUP: usize = 4;

/// The value, or `None` if the text is no legal value of the type.
pub(in crate::masking) fn encode(text: &str, target: Target) -> Option<Vec<u8>> {
    if text.contains('\0') {
        return None;
    }
    let binary = target.format == Format::Binary;
    match target.kind {
        Kind::Text | Kind::PaddedText => Some(text.into()),
        Kind::Name => (text.len() <= NAME_MAX).then(|| text.into()),
        Kind::Xml => (!text.contains(['<', '&', '>'])).then(|| text.into()),
        Kind::Char => (text.len() == 1).then(|| text.into()),
        Kind::Json | Kind::Jsonb => {
            serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
            Some(constant::json(text, target))
        }
        Kind::Bytea => Some(constant::bytea(text.as_bytes(), target.format)),
        Kind::Int2 => text.parse::<i16>().ok().map(|number| either(binary, number, &number.to_be_bytes())),
        Kind::Int4 => text.parse::<i32>().ok().map(|number| either(binary, number, &number.to_be_bytes())),
        Kind::Int8 => text.parse::<i64>().ok().map(|number| either(binary, number, &number.to_be_bytes())),
        Kind::Float4 => {
            let number = text.parse::<f32>().ok().filter(|number| number.is_finite())?;
            Some(float(target.format, number, number.to_be_bytes(), number.to_le_bytes()))
        }
        Kind::Float8 => {
            let number = text.parse::<f64>().ok().filter(|number| number.is_finite())?;
            Some(float(target.format, number, number.to_be_bytes(), number.to_le_bytes()))
        }
        Kind::Numeric => numeric(text, binary),
        Kind::Bool => match text.to_ascii_lowercase().as_str() {
            "t" | "true" => Some(either(binary, "t", &[1])),
            "f" | "false" => Some(either(binary, "f", &[0])),
            _ => None,
        },
        Kind::Date | Kind::Timestamp | Kind::TimestampTz => moment(text, target),
        Kind::Uuid => {
            let bytes = hash::parse_uuid(text.as_bytes())?;
            Some(either(binary, text.to_ascii_lowercase(), &bytes))
        }
        Kind::TextArray { element } => Some(constant::one_element_array(text, element, target.format)),
        Kind::Whole(width) => mysql::whole(text, width, target.format),
        Kind::Year => mysql::year(text, target.format),
        Kind::Day | Kind::Moment => mysql::moment(text, target),
        Kind::Bytes => Some(text.into()),
        Kind::Other => None,
    }
}

fn float<const N: usize>(format: Format, number: impl std::fmt::Display, big: [u8; N], little: [u8; N]) -> Vec<u8> {
    match format {
        Format::Text => number.to_string().into_bytes(),
        Format::Binary => big.to_vec(),
        Format::MySqlBinary => little.to_vec(),
    }
}

fn either(binary: bool, text: impl std::fmt::Display, bytes: &[u8]) -> Vec<u8> {
    if binary { bytes.to_vec() } else { text.to_string().into_bytes() }
}

/// A date, or a timestamp in ISO form; a date alone is its midnight, in UTC where the type has a zone.
fn moment(text: &str, target: Target) -> Option<Vec<u8>> {
    let binary = target.format == Format::Binary;
    let date = calendar::parse_date(text.as_bytes());
    if target.kind == Kind::Date {
        return Some(either(binary, text, &i32::try_from(date?).ok()?.to_be_bytes()));
    }
    let zoned = target.kind == Kind::TimestampTz;
    let micros = match date {
        Some(days) => days.checked_mul(calendar::DAY_MICROS)?,
        None => calendar::parse_timestamp(text.as_bytes(), zoned)?,
    };
    match date.and_then(Day::from_days) {
        Some(day) if !binary => {
            let mut out = BytesMut::new();
            day.write(if zoned { " 00:00:00+00" } else { " 00:00:00" }, &mut out);
            Some(out.to_vec())
        }
        _ => Some(either(binary, text, &micros.to_be_bytes())),
    }
}

/// A decimal number without exponent. Binary form: number of base-10000 digits, weight of the first, sign, decimal
/// digits after the point, then the digits, each an Int16.
fn numeric(text: &str, binary: bool) -> Option<Vec<u8>> {
    let (sign, digits) = text.strip_prefix('-').map_or((0u16, text), |rest| (0x4000, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let legal = |part: &str| !part.is_empty() && part.len() <= 1000 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !legal(whole) || !legal(fraction) {
        return None;
    }
    if !binary {
        return Some(text.into());
    }
    let scale = if digits.contains('.') { fraction.len() } else { 0 };
    let front = whole.len().next_multiple_of(NUMERIC_GROUP) - whole.len();
    let back = fraction.len().next_multiple_of(NUMERIC_GROUP) - fraction.len();
    let padded = ["0".repeat(front).as_str(), whole, fraction, "0".repeat(back).as_str()].concat();
    let groups: Vec<u16> = padded.as_bytes().chunks(NUMERIC_GROUP).map(decimal).collect();
    let leading = groups.iter().take_while(|group| **group == 0).count();
    let used = groups.len() - groups.iter().rev().take_while(|group| **group == 0).count();
    let weight = i16::try_from(whole.len().div_ceil(NUMERIC_GROUP)).ok()? - 1 - i16::try_from(leading).ok()?;
    let groups = groups.get(leading..used).unwrap_or_default();
    let (weight, sign) = if groups.is_empty() { (0, 0) } else { (weight, sign) };
    let head = [u16::try_from(groups.len()).ok()?.to_be_bytes(), weight.to_be_bytes(), sign.to_be_bytes()];
    let scale = u16::try_from(scale).ok()?.to_be_bytes();
    Some(head.into_iter().chain([scale]).chain(groups.iter().map(|group| group.to_be_bytes())).flatten().collect())
}

fn decimal(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'))
}
