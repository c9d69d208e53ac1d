//! One cell of a row on its way to a client: the value with its mask, inseparable.

use bytes::BytesMut;

use crate::masking::mask::{Mask, Written};

/// Proof that a value goes through its column's mask. Only a [`crate::masking::plan::Plan`] makes one, the value inside
/// cannot be taken out, and all that can be written is what the mask lets through. Encoders of rows take nothing else.
///
/// Nobody outside `masking` can claim that a value is masked, nor look at the one inside:
///
/// ```compile_fail,E0624
/// use holdpoint::masking::cell::MaskedCell;
/// fn forge(value: &[u8]) -> MaskedCell<'_> {
///     MaskedCell::new(&Default::default(), Some(value))
/// }
/// ```
///
/// ```compile_fail,E0616
/// fn peek(cell: holdpoint::masking::cell::MaskedCell<'_>) -> Option<Vec<u8>> {
///     cell.value.map(<[u8]>::to_vec)
/// }
/// ```
#[derive(Clone, Copy)]
pub struct MaskedCell<'a> {
    mask: &'a Mask,
    value: Option<&'a [u8]>,
}

impl<'a> MaskedCell<'a> {
    pub(in crate::masking) fn new(mask: &'a Mask, value: Option<&'a [u8]>) -> Self {
        Self { mask, value }
    }

    /// Appends the masked value as PostgreSQL writes a field of a DataRow or of a binary COPY tuple:
    /// Int32 length and bytes, or -1 for NULL.
    pub fn put_field(self, out: &mut BytesMut) {
        let Some(value) = self.value else { return out.extend_from_slice(&NULL_FIELD) };
        if let Mask::Constant(constant) = self.mask {
            return out.extend_from_slice(constant.field());
        }
        let start = out.len();
        out.extend_from_slice(&NULL_FIELD);
        if self.mask.apply(value, out) == Written::Null {
            return out.truncate(start.saturating_add(NULL_FIELD.len()));
        }
        let length = out.len().saturating_sub(start).saturating_sub(NULL_FIELD.len());
        match (i32::try_from(length), out.get_mut(start..).and_then(|field| field.first_chunk_mut())) {
            (Ok(length), Some(prefix)) => *prefix = length.to_be_bytes(),
            // FAIL CLOSED: a value too long for its length field becomes NULL.
            _ => out.truncate(start.saturating_add(NULL_FIELD.len())),
        }
    }

    /// Appends the masked value as MySQL writes text: its length in 1, 3, 4 or 9 bytes, and the bytes. `false`, with nothing
    /// appended, if it is NULL.
    pub fn put_lenenc(self, out: &mut BytesMut) -> bool {
        let start = out.len();
        // Nearly every masked value is short enough for one byte of length.
        out.extend_from_slice(&[0]);
        if !self.put_value(out) {
            out.truncate(start);
            return false;
        }
        let value_at = start.saturating_add(1);
        let length = out.len().saturating_sub(value_at);
        let (prefix, size) = lenenc(length);
        if size > 1 {
            let end = out.len();
            out.resize(end.saturating_add(size).saturating_sub(1), 0);
            out.copy_within(value_at..end, start.saturating_add(size));
        }
        match (out.get_mut(start..start.saturating_add(size)), prefix.get(..size)) {
            (Some(slot), Some(prefix)) => slot.copy_from_slice(prefix),
            // FAIL CLOSED: cannot be, but would be NULL.
            _ => {
                out.truncate(start);
                return false;
            }
        }
        true
    }

    /// Appends the masked value of a type whose values have this many bytes in MySQL's binary rows. `false`, with nothing
    /// appended, if it is NULL.
    pub fn put_sized(self, size: u8, out: &mut BytesMut) -> bool {
        let start = out.len();
        let written = self.put_value(out) && out.len().saturating_sub(start) == usize::from(size);
        if !written {
            out.truncate(start);
        }
        written
    }

    /// Appends the masked value alone; `false`, with nothing appended, if it is NULL.
    pub fn put_value(self, out: &mut BytesMut) -> bool {
        let start = out.len();
        let Some(value) = self.value else { return false };
        if self.mask.apply(value, out) == Written::Null {
            out.truncate(start);
            return false;
        }
        true
    }
}

impl std::fmt::Debug for MaskedCell<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MaskedCell(***)")
    }
}

/// A length as MySQL writes it (protocol, "length-encoded integer"), and in how many bytes.
fn lenenc(length: usize) -> ([u8; 9], usize) {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = (length as u64).to_le_bytes();
    match length {
        0..=0xfa => ([b0, 0, 0, 0, 0, 0, 0, 0, 0], 1),
        0xfb..=0xffff => ([0xfc, b0, b1, 0, 0, 0, 0, 0, 0], 3),
        0x1_0000..=0xff_ffff => ([0xfd, b0, b1, b2, 0, 0, 0, 0, 0], 4),
        _ => ([0xfe, b0, b1, b2, b3, b4, b5, b6, b7], 9),
    }
}

/// A NULL as PostgreSQL writes it: length -1.
const NULL_FIELD: [u8; 4] = (-1i32).to_be_bytes();
