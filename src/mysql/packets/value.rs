//! Values in binary, as parameters and attributes carry them (manual: "Binary Protocol Value").

use std::fmt::Write as _;

use crate::mysql::frame::WireError;
use crate::mysql::packets::column::kinds;
use crate::mysql::reader::Reader;

/// The bit of a parameter's second type byte that says: no sign.
const UNSIGNED: u8 = 0x80;

/// The type of a parameter, as two bytes on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParameterKind {
    /// See [`kinds`].
    pub kind: u8,
    /// Numbers have no sign.
    pub unsigned: bool,
}

impl ParameterKind {
    /// Reads both bytes.
    ///
    /// # Errors
    /// Bits that nobody has given a meaning.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let (kind, flags) = (reader.u8()?, reader.u8()?);
        if flags & !UNSIGNED != 0 {
            return Err(reader.out_of_range("flags 0x00 or 0x80 of a parameter", u64::from(flags)));
        }
        Ok(Self { kind, unsigned: flags & UNSIGNED != 0 })
    }

    /// Both bytes.
    pub fn bytes(self) -> [u8; 2] {
        [self.kind, if self.unsigned { UNSIGNED } else { 0 }]
    }
}

/// A value and its type. Two values are the same only if their types are, too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// NULL.
    Null,
    /// A whole number with a sign.
    Int(i64),
    /// A whole number without a sign.
    UInt(u64),
    /// `FLOAT`.
    Float(f32),
    /// `DOUBLE`.
    Double(f64),
    /// `DATE`, `DATETIME`, `TIMESTAMP`: year, month, day, hour, minute, second, microsecond.
    DateTime([u32; 7]),
    /// `TIME`: negative, days, hours, minutes, seconds, microseconds.
    Time(bool, [u32; 5]),
    /// Text, bytes, decimals and whatever else comes with a length.
    Bytes(&'a [u8]),
}

/// Reads one value that is not NULL.
///
/// # Errors
/// Lengths that lie, types that have no place in a parameter.
pub fn read<'a>(reader: &mut Reader<'a>, kind: ParameterKind) -> Result<Value<'a>, WireError> {
    let unsigned = kind.unsigned;
    Ok(match kind.kind {
        kinds::NULL => Value::Null,
        kinds::TINY if unsigned => Value::UInt(u64::from(reader.u8()?)),
        kinds::TINY => Value::Int(i64::from(i8::from_le_bytes([reader.u8()?]))),
        kinds::SHORT | kinds::YEAR if unsigned => Value::UInt(u64::from(reader.u16()?)),
        kinds::SHORT | kinds::YEAR => Value::Int(i64::from(i16::from_le_bytes(reader.u16()?.to_le_bytes()))),
        kinds::LONG | kinds::INT24 if unsigned => Value::UInt(u64::from(reader.u32()?)),
        kinds::LONG | kinds::INT24 => Value::Int(i64::from(i32::from_le_bytes(reader.u32()?.to_le_bytes()))),
        kinds::LONG_LONG if unsigned => Value::UInt(reader.u64()?),
        kinds::LONG_LONG => Value::Int(i64::from_le_bytes(reader.u64()?.to_le_bytes())),
        kinds::FLOAT => Value::Float(f32::from_bits(reader.u32()?)),
        kinds::DOUBLE => Value::Double(f64::from_bits(reader.u64()?)),
        kinds::DATE | kinds::DATETIME | kinds::TIMESTAMP => date_time(reader)?,
        kinds::TIME => time(reader)?,
        kinds::DECIMAL | kinds::VARCHAR | kinds::BIT | kinds::VECTOR | kinds::JSON.. => {
            Value::Bytes(reader.lenenc_bytes()?)
        }
        other => return Err(reader.out_of_range("the type of a parameter", u64::from(other))),
    })
}

fn date_time<'a>(reader: &mut Reader<'_>) -> Result<Value<'a>, WireError> {
    let length = reader.u8()?;
    let mut parts = [0; 7];
    let [year, month, day, hour, minute, second, micro] = &mut parts;
    if !matches!(length, 0 | 4 | 7 | 11) {
        return Err(reader.out_of_range("0, 4, 7 or 11 bytes of a date", u64::from(length)));
    }
    if length >= 4 {
        *year = u32::from(reader.u16()?);
        *month = u32::from(reader.u8()?);
        *day = u32::from(reader.u8()?);
    }
    if length >= 7 {
        for part in [hour, minute, second] {
            *part = u32::from(reader.u8()?);
        }
    }
    if length >= 11 {
        *micro = reader.u32()?;
    }
    Ok(Value::DateTime(parts))
}

fn time<'a>(reader: &mut Reader<'_>) -> Result<Value<'a>, WireError> {
    let length = reader.u8()?;
    let mut parts = [0; 5];
    let [days, hours, minutes, seconds, micro] = &mut parts;
    if !matches!(length, 0 | 8 | 12) {
        return Err(reader.out_of_range("0, 8 or 12 bytes of a time", u64::from(length)));
    }
    let mut negative = false;
    if length >= 8 {
        negative = reader.u8()? != 0;
        *days = reader.u32()?;
        for part in [hours, minutes, seconds] {
            *part = u32::from(reader.u8()?);
        }
    }
    if length >= 12 {
        *micro = reader.u32()?;
    }
    Ok(Value::Time(negative, parts))
}

impl Value<'_> {
    /// The value as text, as a person would write it; `None` for NULL. Bytes that are no UTF-8 are told in hexadecimal.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Self::Null => return None,
            Self::Int(number) => number.to_string(),
            Self::UInt(number) => number.to_string(),
            Self::Float(number) => number.to_string(),
            Self::Double(number) => number.to_string(),
            Self::DateTime([year, month, day, hour, minute, second, micro]) => {
                let mut text = format!("{year:04}-{month:02}-{day:02}");
                if [hour, minute, second, micro].iter().any(|part| **part != 0) {
                    let _infallible = write!(text, " {hour:02}:{minute:02}:{second:02}");
                }
                text + &fraction(*micro)
            }
            Self::Time(negative, [days, hours, minutes, seconds, micro]) => {
                let hours = u64::from(*days) * 24 + u64::from(*hours);
                let sign = if *negative { "-" } else { "" };
                format!("{sign}{hours:02}:{minutes:02}:{seconds:02}{}", fraction(*micro))
            }
            Self::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                Err(_) => format!("0x{}", hex::encode(bytes)),
            },
        })
    }
}

fn fraction(micro: u32) -> String {
    if micro == 0 { String::new() } else { format!(".{micro:06}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(kind: u8, unsigned: bool, bytes: &[u8]) -> Result<Option<String>, WireError> {
        let mut reader = Reader::new("test", bytes);
        let text = read(&mut reader, ParameterKind { kind, unsigned })?.text();
        reader.finish()?;
        Ok(text)
    }

    #[test]
    fn every_kind_reads_as_it_is_meant() {
        for (kind, unsigned, bytes, text) in [
            (kinds::TINY, false, &b"\xff"[..], "-1"),
            (kinds::TINY, true, b"\xff", "255"),
            (kinds::SHORT, false, b"\0\x80", "-32768"),
            (kinds::YEAR, true, b"\xea\x07", "2026"),
            (kinds::LONG, false, b"\xff\xff\xff\xff", "-1"),
            (kinds::INT24, true, b"\x01\0\0\0", "1"),
            (kinds::LONG_LONG, true, b"\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615"),
            (kinds::LONG_LONG, false, b"\xff\xff\xff\xff\xff\xff\xff\xff", "-1"),
            (kinds::FLOAT, false, b"\0\0\x20\x41", "10"),
            (kinds::DOUBLE, false, b"\0\0\0\0\0\0\xf8\x3f", "1.5"),
            (kinds::DATE, false, b"\x04\xea\x07\x0b\x19", "2026-11-25"),
            (kinds::DATETIME, false, b"\x07\xea\x07\x0b\x19\x13\x0c\x1b", "2026-11-25 19:12:27"),
            (kinds::TIMESTAMP, false, b"\x0b\xea\x07\x0b\x19\0\0\0\x40\xe2\x01\0", "2026-11-25 00:00:00.123456"),
            (kinds::DATETIME, false, b"\0", "0000-00-00"),
            (kinds::TIME, false, b"\x0c\x01\x05\0\0\0\x01\x02\x03\x07\0\0\0", "-121:02:03.000007"),
            (kinds::TIME, false, b"\0", "00:00:00"),
            (kinds::VAR_STRING, false, b"\x03abc", "abc"),
            (kinds::BLOB, false, b"\x02\xff\xfe", "0xfffe"),
            (kinds::NEW_DECIMAL, false, b"\x051.250", "1.250"),
        ] {
            assert_eq!(value(kind, unsigned, bytes), Ok(Some(text.to_owned())), "{kind} {bytes:?}");
        }
        assert_eq!(value(kinds::NULL, false, b""), Ok(None));
    }

    #[test]
    fn what_is_no_value_is_refused() {
        for (kind, bytes) in [
            (kinds::DATE, &b"\x05\0\0\0\0\0"[..]),
            (kinds::TIME, b"\x04\0\0\0\0"),
            (kinds::LONG, b"\0\0\0"),
            (kinds::STRING, b"\x05abc"),
            (kinds::NEW_DATE, b"\x01a"),
            (17, b"\x01a"),
            (243, b"\x01a"),
            (244, b"\x01"),
        ] {
            assert!(value(kind, false, bytes).is_err(), "{kind} {bytes:?}");
        }
        assert!(ParameterKind::decode(&mut Reader::new("test", b"\x03\x40")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn reading_anything_never_panics(bytes: Vec<u8>, kind: u8, unsigned: bool) {
            let _ = value(kind, unsigned, &bytes);
        }
    }
}
