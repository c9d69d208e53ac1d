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
        let line = row.strip_suffix(b"\n").ok_or(BadCopy::Truncated)?;
        let (mut untouched, mut at) = (0, 0);
        while plan.width() > 0 || !line.is_empty() {
            let end = self.field_end(line, at)?;
            if let Some(mask) = fields.next()? {
                out.extend_from_slice(line.get(untouched..at).unwrap_or_default());
                self.put(mask, line.get(at..end).unwrap_or_default(), out);
                untouched = end;
            }
            if end >= line.len() {
                break;
            }
            at = end.saturating_add(1);
        }
        fields.finish()?;
        out.extend_from_slice(row.get(untouched..).unwrap_or_default());
        Ok(true)
    }

    /// Where the field that begins at `at` ends: at the next delimiter or the end of the line.
    fn field_end(&self, line: &[u8], at: usize) -> Result<usize, BadCopy> {
        let mut at = at;
        while let Some(byte) = line.get(at) {
            match *byte {
                b'\\' if at.saturating_add(1) == line.len() => {
                    return Err(BadCopy::Malformed("backslash at the end of a line"));
                }
                b'\\' => at = at.saturating_add(1),
                byte if byte == self.delimiter => return Ok(at),
                _ => {}
            }
            at = at.saturating_add(1);
        }
        Ok(line.len())
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
    let mut rest = value;
    while let Some((at, letter)) = rest.iter().enumerate().find_map(|(at, byte)| Some((at, letter(*byte, delimiter)?)))
    {
        out.extend_from_slice(rest.get(..at).unwrap_or_default());
        out.extend_from_slice(&[b'\\', letter]);
        rest = rest.get(at.saturating_add(1)..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// What follows the backslash where a byte must be escaped.
fn letter(byte: u8, delimiter: u8) -> Option<u8> {
    match byte {
        0x08 => Some(b'b'),
        0x0c => Some(b'f'),
        b'\n' => Some(b'n'),
        b'\r' => Some(b'r'),
        b'\t' => Some(b't'),
        0x0b => Some(b'v'),
        byte => (byte == b'\\' || byte == delimiter).then_some(byte),
    }
}
