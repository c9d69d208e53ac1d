//! Rows: a PostgreSQL DataRow body goes in, a whole DataRow message with masked cells comes out.

use bytes::BytesMut;

use crate::masking::cell::MaskedCell;
use crate::masking::plan::Plan;

/// A row that is not what its header promised. Nothing of it may be sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRow {
    /// It ends inside a field, or before its first one.
    #[error("row ends too early")]
    Truncated,
    /// A field's length is below -1.
    #[error("negative field length {0}")]
    NegativeLength(i32),
    /// It has another number of fields than the result has columns.
    #[error("row of {found} fields where the result has {expected} columns")]
    FieldCount {
        /// Columns of the plan.
        expected: usize,
        /// Fields of the row.
        found: i16,
    },
    /// Bytes follow the last field.
    #[error("{0} bytes after the last field")]
    TrailingBytes(usize),
    /// The masked row does not fit a message.
    #[error("row too long")]
    TooLong,
    /// A byte that begins no field, or no row, of MySQL's.
    #[error("byte {0:#x} where a field or a row begins")]
    BadStart(u8),
    /// The plan was made for rows of another format.
    #[error("row of another format than its header promised")]
    OtherFormat,
}

/// Type byte and a length to be filled in.
const HEADER: [u8; 5] = *b"D\0\0\0\0";

impl Plan {
    /// Appends the masked row to `out` as a complete DataRow message (type byte, length, fields). `body` is a DataRow body:
    /// Int16 number of fields, then per field Int32 length (-1: NULL) and bytes. Runs of untouched fields are copied whole;
    /// NULLs stay NULL. No allocation but `out`'s growth.
    ///
    /// # Errors
    /// On a malformed row; `out` is then as before.
    pub fn mask_row(&self, body: &[u8], out: &mut BytesMut) -> Result<(), BadRow> {
        let start = out.len();
        let done = self.put_row(body, start, out);
        if done.is_err() {
            out.truncate(start);
        }
        done
    }

    fn put_row(&self, body: &[u8], start: usize, out: &mut BytesMut) -> Result<(), BadRow> {
        out.reserve(HEADER.len().saturating_add(body.len()).saturating_add(self.growth()));
        out.extend_from_slice(&HEADER);
        self.mask_tuple(body, out)?;
        let length = i32::try_from(out.len().saturating_sub(start).saturating_sub(1)).map_err(|_| BadRow::TooLong)?;
        let prefix = out.get_mut(start.saturating_add(1)..).and_then(|message| message.first_chunk_mut());
        *prefix.ok_or(BadRow::TooLong)? = length.to_be_bytes();
        Ok(())
    }

    /// Masks a number of fields and the fields: a DataRow body, or a tuple of a binary COPY, which is written alike.
    pub(in crate::masking) fn mask_tuple(&self, body: &[u8], out: &mut BytesMut) -> Result<(), BadRow> {
        let found = body.first_chunk().map(|count| i16::from_be_bytes(*count)).ok_or(BadRow::Truncated)?;
        let expected = self.masks().len();
        if usize::try_from(found) != Ok(expected) {
            return Err(BadRow::FieldCount { expected, found });
        }
        let mut untouched = 0;
        let mut at = 2;
        for mask in self.masks() {
            let (end, value) = field(body, at)?;
            if let Some(value) = value.filter(|value| mask.touches(value)) {
                out.extend_from_slice(body.get(untouched..at).ok_or(BadRow::Truncated)?);
                MaskedCell::new(mask, Some(value)).put_field(out);
                untouched = end;
            }
            at = end;
        }
        match body.len().saturating_sub(at) {
            0 => out.extend_from_slice(body.get(untouched..).ok_or(BadRow::Truncated)?),
            trailing => return Err(BadRow::TrailingBytes(trailing)),
        }
        Ok(())
    }
}

/// The field that begins at `at`: where it ends, and its value unless NULL.
#[inline]
fn field(body: &[u8], at: usize) -> Result<(usize, Option<&[u8]>), BadRow> {
    let rest = body.get(at..).ok_or(BadRow::Truncated)?;
    let (length, rest) = rest.split_first_chunk().ok_or(BadRow::Truncated)?;
    let value_at = at.saturating_add(4);
    match i32::from_be_bytes(*length) {
        -1 => Ok((value_at, None)),
        length => {
            let size = usize::try_from(length).map_err(|_| BadRow::NegativeLength(length))?;
            let value = rest.get(..size).ok_or(BadRow::Truncated)?;
            Ok((value_at.saturating_add(size), Some(value)))
        }
    }
}

#[cfg(test)]
mod tests;
