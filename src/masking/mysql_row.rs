//! MySQL's rows: the payload of a row packet goes in, the payload with masked cells comes out. Packets are the caller's.
//!
//! Text rows (protocol, "Text Resultset Row") are fields of length and bytes, 0xFB for NULL. Binary rows ("Binary Protocol
//! Resultset Row") are a zero, a bitmap of NULLs that begins with its third bit, and the values that are not NULL.

use bytes::BytesMut;

use crate::masking::cell::MaskedCell;
use crate::masking::plan::Plan;
use crate::masking::row::BadRow;

/// NULL in a text row.
const NULL: u8 = 0xfb;
/// Bits of the bitmap before the first column's.
const BITMAP_OFFSET: usize = 2;

impl Plan {
    /// Appends the masked payload of a text row to `out`. Runs of untouched fields are copied whole; NULLs stay NULL. No
    /// allocation but `out`'s growth.
    ///
    /// # Errors
    /// On a malformed row, or a plan made for binary rows; `out` is then as before.
    pub fn mask_mysql_text_row(&self, payload: &[u8], out: &mut BytesMut) -> Result<(), BadRow> {
        if !self.sizes().is_empty() {
            return Err(BadRow::OtherFormat);
        }
        self.whole_or_nothing(payload, out, Self::put_text)
    }

    /// Appends the masked payload of a binary row to `out`, as [`Self::mask_mysql_text_row`] does for text.
    ///
    /// # Errors
    /// On a malformed row, or a plan made for text rows; `out` is then as before.
    pub fn mask_mysql_binary_row(&self, payload: &[u8], out: &mut BytesMut) -> Result<(), BadRow> {
        if self.sizes().len() != self.masks().len() {
            return Err(BadRow::OtherFormat);
        }
        self.whole_or_nothing(payload, out, Self::put_binary)
    }

    fn whole_or_nothing(
        &self,
        payload: &[u8],
        out: &mut BytesMut,
        put: fn(&Self, &[u8], &mut BytesMut) -> Result<(), BadRow>,
    ) -> Result<(), BadRow> {
        let start = out.len();
        out.reserve(payload.len().saturating_add(self.growth()));
        let done = put(self, payload, out);
        if done.is_err() {
            out.truncate(start);
        }
        done
    }

    fn put_text(&self, payload: &[u8], out: &mut BytesMut) -> Result<(), BadRow> {
        let (mut untouched, mut at) = (0, 0);
        for mask in self.masks() {
            let field = Field::text(payload, at)?;
            if let Some(value) = field.value.filter(|value| mask.touches(value)) {
                out.extend_from_slice(payload.get(untouched..at).ok_or(BadRow::Truncated)?);
                if !MaskedCell::new(mask, Some(value)).put_lenenc(out) {
                    out.extend_from_slice(&[NULL]);
                }
                untouched = field.end;
            }
            at = field.end;
        }
        finish(payload, untouched, at, out)
    }

    fn put_binary(&self, payload: &[u8], out: &mut BytesMut) -> Result<(), BadRow> {
        let header = self.masks().len().saturating_add(BITMAP_OFFSET).div_ceil(8).saturating_add(1);
        let bitmap = payload.get(1..header).ok_or(BadRow::Truncated)?;
        match payload.first() {
            Some(0) => {}
            other => return Err(BadRow::BadStart(other.copied().unwrap_or_default())),
        }
        let bitmap_at = out.len().saturating_add(1);
        let (mut untouched, mut at) = (0, header);
        for (index, (mask, size)) in self.masks().iter().zip(self.sizes()).enumerate() {
            let (byte, bit) = bit_of(index);
            if bitmap.get(byte).is_some_and(|byte| byte & bit != 0) {
                continue;
            }
            let field = Field::binary(payload, at, *size)?;
            if field.value.is_some_and(|value| mask.touches(value)) {
                out.extend_from_slice(payload.get(untouched..at).ok_or(BadRow::Truncated)?);
                let cell = MaskedCell::new(mask, field.value);
                let written = match size {
                    Some(size) => cell.put_sized(*size, out),
                    None => cell.put_lenenc(out),
                };
                if let (false, Some(byte)) = (written, out.get_mut(bitmap_at.saturating_add(byte))) {
                    *byte |= bit;
                }
                untouched = field.end;
            }
            at = field.end;
        }
        finish(payload, untouched, at, out)
    }
}

/// Copies what is left behind the last masked field; nothing may be left behind the last field.
fn finish(payload: &[u8], untouched: usize, at: usize, out: &mut BytesMut) -> Result<(), BadRow> {
    match payload.len().saturating_sub(at) {
        0 => out.extend_from_slice(payload.get(untouched..).ok_or(BadRow::Truncated)?),
        trailing => return Err(BadRow::TrailingBytes(trailing)),
    }
    Ok(())
}

/// Byte and bit of a column in the bitmap.
fn bit_of(column: usize) -> (usize, u8) {
    let bit = column.saturating_add(BITMAP_OFFSET);
    (bit / 8, 1 << (bit % 8))
}

/// One field: its value unless NULL, and where it ends.
struct Field<'a> {
    value: Option<&'a [u8]>,
    end: usize,
}

impl<'a> Field<'a> {
    #[inline]
    fn text(payload: &'a [u8], at: usize) -> Result<Self, BadRow> {
        if payload.get(at) == Some(&NULL) {
            return Ok(Self { value: None, end: at.saturating_add(1) });
        }
        Self::lenenc(payload, at)
    }

    #[inline]
    fn binary(payload: &'a [u8], at: usize, size: Option<u8>) -> Result<Self, BadRow> {
        match size {
            Some(size) => Self::sized(payload, at, size.into()),
            None => Self::lenenc(payload, at),
        }
    }

    fn sized(payload: &'a [u8], at: usize, size: usize) -> Result<Self, BadRow> {
        let end = at.checked_add(size).ok_or(BadRow::Truncated)?;
        Ok(Self { value: Some(payload.get(at..end).ok_or(BadRow::Truncated)?), end })
    }

    /// A field that begins with its length; 0xFB and 0xFF begin none.
    #[inline]
    fn lenenc(payload: &'a [u8], at: usize) -> Result<Self, BadRow> {
        let (first, rest) = payload.get(at..).and_then(<[u8]>::split_first).ok_or(BadRow::Truncated)?;
        let bytes = match first {
            0xfc => 2,
            0xfd => 3,
            0xfe => 8,
            0xfb | 0xff => return Err(BadRow::BadStart(*first)),
            short => return Self::sized(payload, at.saturating_add(1), usize::from(*short)),
        };
        let digits = rest.get(..bytes).ok_or(BadRow::Truncated)?;
        let length = digits.iter().rev().fold(0u64, |length, byte| length << 8 | u64::from(*byte));
        let length = usize::try_from(length).map_err(|_| BadRow::Truncated)?;
        Self::sized(payload, at.saturating_add(1).saturating_add(bytes), length)
    }
}

#[cfg(test)]
mod tests;
