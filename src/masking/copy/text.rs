//! COPY's text format (manual, COPY, "Text Format"): a line per row, fields between delimiters, backslash escapes.

use std::sync::Arc;

use bytes::BytesMut;

use crate::masking::copy::{BadCopy, Fields, ends_rows, mask_value};
use crate::masking::mask::Mask;
use crate::masking::plan::Plan;

/// Reads and masks lines.
#[derive(Debug)]
pub(super) struct TextRows {
    plan: Arc<Plan>,
    delimiter: u8,
    null: Box<[u8]>,
    /// A field that reads as the NULL string is NULL for certain.
    null_is_certain: bool,
    header: bool,
    scanned: usize,
    value: Vec<u8>,
    masked: BytesMut,
}

impl TextRows {
    pub(super) fn new(plan: Arc<Plan>, delimiter: u8, null: &str, header: bool) -> Result<Self, BadCopy> {
        // The server itself allows none of these as a delimiter.
        if ends_rows(delimiter) || matches!(delimiter, b'\\' | b'.' | b'a'..=b'z' | b'0'..=b'9') {
            return Err(BadCopy::Option("delimiter"));
        }
        if null.bytes().any(ends_rows) {
            return Err(BadCopy::Option("null"));
        }
        let (mut value, mut again) = (Vec::new(), BytesMut::new());
        unescape(null.as_bytes(), &mut value);
        escape(&value, delimiter, &mut again);
        // `NULL '123-45-6789'` would tell by its look which value equals it, so where a value can look like NULL all such
        // fields are masked as values. The empty text alone is no news: NULL-ness may be seen.
        let null_is_certain = null.is_empty() || again != null.as_bytes();
        Ok(Self {
            plan,
            delimiter,
            null: null.as_bytes().into(),
            null_is_certain,
            header,
            scanned: 0,
            value,
            masked: again,
        })
    }

    pub(super) fn end(&mut self, data: &[u8]) -> Option<usize> {
        // The server writes a line feed within a value as `\n`, so one that stands by itself always ends the row.
        let found = data.iter().skip(self.scanned).position(|byte| *byte == b'\n');
        let end = found.map(|at| at.saturating_add(self.scanned).saturating_add(1));
        self.scanned = if end.is_some() { 0 } else { data.len() };
        end
    }

    pub(super) fn mask(&mut self, row: &[u8], out: &mut BytesMut) -> Result<bool, BadCopy> {
        if std::mem::take(&mut self.header) {
            out.extend_from_slice(row);
            return Ok(false);
        }
        let plan = self.plan.clone();
        let mut fields = Fields::new(&plan);
        let mut rest = row.strip_suffix(b"\n").ok_or(BadCopy::Truncated)?;
        while plan.width() > 0 || !rest.is_empty() {
            let end = self.field_end(rest)?;
            let (field, after) = rest.split_at_checked(end).ok_or(BadCopy::Truncated)?;
            match fields.next()? {
                Some(mask) => self.put(mask, field, out),
                None => out.extend_from_slice(field),
            }
            let Some((delimiter, after)) = after.split_first() else { break };
            out.extend_from_slice(&[*delimiter]);
            rest = after;
        }
        fields.finish()?;
        out.extend_from_slice(b"\n");
        Ok(true)
    }

    fn field_end(&self, rest: &[u8]) -> Result<usize, BadCopy> {
        let mut bytes = rest.iter().enumerate();
        while let Some((at, byte)) = bytes.next() {
            match *byte {
                b'\\' if bytes.next().is_none() => return Err(BadCopy::Malformed("backslash at the end of a line")),
                byte if byte == self.delimiter => return Ok(at),
                _ => {}
            }
        }
        Ok(rest.len())
    }

    fn put(&mut self, mask: &Mask, field: &[u8], out: &mut BytesMut) {
        if *field == *self.null && self.null_is_certain {
            return out.extend_from_slice(field);
        }
        self.value.clear();
        unescape(field, &mut self.value);
        if mask_value(mask, &self.value, &mut self.masked) {
            escape(&self.masked, self.delimiter, out);
        } else {
            out.extend_from_slice(&self.null);
        }
    }
}

/// Appends what an escaped field stands for.
pub(super) fn unescape(field: &[u8], value: &mut Vec<u8>) {
    let mut bytes = field.iter().copied();
    while let Some(byte) = bytes.next() {
        let escaped = if byte == b'\\' { bytes.next() } else { None };
        value.push(match escaped {
            None => byte,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => 0x0b,
            Some(other) => other,
        });
    }
}

/// Appends a value as the server escapes it.
pub(super) fn escape(value: &[u8], delimiter: u8, out: &mut BytesMut) {
    for byte in value {
        let letter = match *byte {
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            byte if byte == b'\\' || byte == delimiter => byte,
            byte => {
                out.extend_from_slice(&[byte]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}
