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

/// A NULL as PostgreSQL writes it: length -1.
const NULL_FIELD: [u8; 4] = (-1i32).to_be_bytes();
