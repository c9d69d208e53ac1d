//! Keyed hashes, shaped like the type they stand for. The same value gives the same hash in text and binary format.
//!
//! Small integers have few hashes to go round: different `int2` values may share one.

use bytes::BytesMut;

use crate::masking::column::Format;
use crate::masking::keys::ClassKey;
use crate::masking::kind::Kind;
use crate::masking::mask::{Target, Written, mysql};

/// Keeps equal bytes of unlike types apart; integers of all widths share one, so that they match each other.
mod domain {
    pub(super) const TEXT: u8 = b't';
    pub(super) const BYTES: u8 = b'b';
    pub(super) const INTEGER: u8 = b'i';
    pub(super) const UUID: u8 = b'u';
}

/// A class's hash for one column.
#[derive(Clone, Debug)]
pub(in crate::masking) struct HashMask {
    key: ClassKey,
    target: Target,
}

impl HashMask {
    /// `None` for a type that has no room for a hash.
    pub(in crate::masking) fn new(key: ClassKey, target: Target) -> Option<Self> {
        let room = match target.kind {
            Kind::Text | Kind::PaddedText | Kind::Name | Kind::Xml | Kind::Json | Kind::Jsonb => true,
            Kind::Bytea | Kind::Bytes | Kind::Uuid | Kind::Int2 | Kind::Int4 | Kind::Int8 => true,
            // One byte has room for nothing that could not be guessed.
            Kind::Whole(width) => width > 1,
            Kind::Year | Kind::Day | Kind::Moment => false,
            Kind::Char | Kind::Float4 | Kind::Float8 | Kind::Numeric | Kind::Bool => false,
            Kind::Date | Kind::Timestamp | Kind::TimestampTz | Kind::TextArray { .. } | Kind::Other => false,
        };
        room.then_some(Self { key, target })
    }

    /// Appends the hash; NULL for what cannot be read.
    pub(in crate::masking) fn apply(&self, value: &[u8], out: &mut BytesMut) -> Written {
        self.write(value, out).map_or(Written::Null, |()| Written::Value)
    }

    fn write(&self, value: &[u8], out: &mut BytesMut) -> Option<()> {
        match self.target.kind {
            Kind::Uuid => self.uuid(value, out)?,
            Kind::Int2 | Kind::Int4 | Kind::Int8 => self.integer(value, out)?,
            Kind::Whole(width) => self.whole(value, width, out)?,
            Kind::Bytes => out.extend_from_slice(&first_half(self.key.digest(domain::BYTES, value))),
            Kind::Bytea => self.bytea(value, out)?,
            Kind::Json | Kind::Jsonb => {
                let binary = matches!(self.target, Target { kind: Kind::Jsonb, format: Format::Binary });
                let text = if binary { value.strip_prefix(b"\x01")? } else { value };
                out.extend_from_slice(if binary { b"\x01\"" } else { b"\"" });
                self.text(text, out)?;
                out.extend_from_slice(b"\"");
            }
            Kind::PaddedText => self.text(value.trim_ascii_end(), out)?,
            _ => self.text(value, out)?,
        }
        Some(())
    }

    /// 32 hex digits.
    fn text(&self, value: &[u8], out: &mut BytesMut) -> Option<()> {
        put_hex(first_half(self.key.digest(domain::TEXT, value)), out)
    }

    /// 16 bytes.
    fn bytea(&self, value: &[u8], out: &mut BytesMut) -> Option<()> {
        if self.target.format != Format::Text {
            out.extend_from_slice(&first_half(self.key.digest(domain::BYTES, value)));
            return Some(());
        }
        // The decoded value is built behind the output and cut off again, which spares an allocation.
        let start = out.len();
        decode_bytea(value, out)?;
        let digest = self.key.digest(domain::BYTES, out.get(start..)?);
        out.truncate(start);
        out.extend_from_slice(b"\\x");
        put_hex(first_half(digest), out)
    }

    /// A UUID of version 8 (RFC 9562 §5.8).
    fn uuid(&self, value: &[u8], out: &mut BytesMut) -> Option<()> {
        let value = match self.target.format {
            Format::Binary | Format::MySqlBinary => value.try_into().ok()?,
            Format::Text => parse_uuid(value)?,
        };
        let number = u128::from_be_bytes(first_half(self.key.digest(domain::UUID, &value)));
        let number = number & !(0xf << 76 | 0x3 << 62) | 0x8 << 76 | 0x2 << 62;
        let hash = number.to_be_bytes();
        match self.target.format {
            Format::Binary | Format::MySqlBinary => out.extend_from_slice(&hash),
            Format::Text => put_uuid(hash, out)?,
        }
        Some(())
    }

    /// MySQL's integers; those of three bytes get the low bits of what four bytes get.
    fn whole(&self, value: &[u8], width: u8, out: &mut BytesMut) -> Option<()> {
        let Integers { small, middle, large } = self.integers(mysql::read_whole(value, width, self.target.format)?)?;
        let number = match width {
            2 => small.into(),
            3 => (middle & 0x7f_ffff).max(1).into(),
            4 => middle.into(),
            _ => large,
        };
        match self.target.format {
            Format::Text => put_decimal(number, out),
            _ => mysql::put_whole(number, width, out),
        }
    }

    fn integers(&self, number: i64) -> Option<Integers> {
        let digest = first_half(self.key.digest(domain::INTEGER, &number.to_be_bytes()));
        let bytes: [u8; 8] = *digest.first_chunk()?;
        let [.., third, fourth] = *bytes.first_chunk::<4>()?;
        Some(Integers {
            small: (i16::from_be_bytes([third, fourth]) & i16::MAX).max(1),
            middle: (i32::from_be_bytes(*bytes.first_chunk()?) & i32::MAX).max(1),
            large: (i64::from_be_bytes(bytes) & i64::MAX).max(1),
        })
    }

    /// A positive integer of the same width.
    fn integer(&self, value: &[u8], out: &mut BytesMut) -> Option<()> {
        let number = match (self.target.format, self.target.kind) {
            (Format::Text, _) => std::str::from_utf8(value).ok()?.parse::<i64>().ok()?,
            (_, Kind::Int2) => i16::from_be_bytes(value.try_into().ok()?).into(),
            (_, Kind::Int4) => i32::from_be_bytes(value.try_into().ok()?).into(),
            (_, _) => i64::from_be_bytes(value.try_into().ok()?),
        };
        let Integers { small, middle, large } = self.integers(number)?;
        match (self.target.format, self.target.kind) {
            (Format::Binary, Kind::Int2) => out.extend_from_slice(&small.to_be_bytes()),
            (Format::Binary, Kind::Int4) => out.extend_from_slice(&middle.to_be_bytes()),
            (Format::Binary, _) => out.extend_from_slice(&large.to_be_bytes()),
            (Format::Text, Kind::Int2) => put_decimal(small.into(), out)?,
            (Format::Text, Kind::Int4) => put_decimal(middle.into(), out)?,
            (Format::Text, _) => put_decimal(large, out)?,
            // MySQL's rows have integers of their own.
            (Format::MySqlBinary, _) => return None,
        }
        Some(())
    }
}

/// Positive hashes of one number, by width.
struct Integers {
    small: i16,
    middle: i32,
    large: i64,
}

fn first_half(digest: [u8; 32]) -> [u8; 16] {
    digest.first_chunk().copied().unwrap_or_default()
}

fn put_hex(bytes: [u8; 16], out: &mut BytesMut) -> Option<()> {
    let mut digits = [0; 32];
    hex::encode_to_slice(bytes, &mut digits).ok()?;
    out.extend_from_slice(&digits);
    Some(())
}

fn put_decimal(number: i64, out: &mut BytesMut) -> Option<()> {
    std::fmt::Write::write_fmt(out, format_args!("{number}")).ok()
}

/// Reads `8-4-4-4-12` hex digits, the one form the server writes.
pub(in crate::masking) fn parse_uuid(text: &[u8]) -> Option<[u8; 16]> {
    let mut digits = [0; 32];
    let mut slots = digits.iter_mut();
    if text.len() != 36 {
        return None;
    }
    for (at, byte) in text.iter().enumerate() {
        match at {
            8 | 13 | 18 | 23 if *byte == b'-' => {}
            8 | 13 | 18 | 23 => return None,
            _ => *slots.next()? = *byte,
        }
    }
    let mut bytes = [0; 16];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(bytes)
}

/// Appends a UUID's text form.
pub(in crate::masking) fn put_uuid(bytes: [u8; 16], out: &mut BytesMut) -> Option<()> {
    let mut digits = [0; 32];
    hex::encode_to_slice(bytes, &mut digits).ok()?;
    let mut rest = digits.as_slice();
    for (length, end) in [(8, "-"), (4, "-"), (4, "-"), (4, "-"), (12, "")] {
        let (part, after) = rest.split_at_checked(length)?;
        out.extend_from_slice(part);
        out.extend_from_slice(end.as_bytes());
        rest = after;
    }
    Some(())
}

/// Appends the bytes that a `bytea`'s text form stands for (manual §8.4): `\x` and hex digits, or the escape format.
fn decode_bytea(text: &[u8], out: &mut BytesMut) -> Option<()> {
    if let Some(digits) = text.strip_prefix(b"\\x") {
        let start = out.len();
        out.resize(start.checked_add(digits.len() / 2)?, 0);
        return hex::decode_to_slice(digits, out.get_mut(start..)?).ok();
    }
    let mut bytes = text.iter().copied();
    while let Some(byte) = bytes.next() {
        let decoded = match (byte, (byte == b'\\').then(|| bytes.next()).flatten()) {
            (b'\\', Some(b'\\')) => b'\\',
            (b'\\', Some(high)) => octal(high, bytes.next()?, bytes.next()?)?,
            (b'\\', None) => return None,
            (byte, _) => byte,
        };
        out.extend_from_slice(&[decoded]);
    }
    Some(())
}

fn octal(high: u8, middle: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| matches!(byte, b'0'..=b'7').then(|| u32::from(byte - b'0'));
    u8::try_from(digit(high)? << 6 | digit(middle)? << 3 | digit(low)?).ok()
}
