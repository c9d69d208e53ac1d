//! COPY's CSV format (manual, COPY, "CSV Format"): quoted fields may hold delimiters and line feeds, an unquoted NULL
//! string is NULL, a quoted one is a value.

use std::sync::Arc;

use bytes::BytesMut;

use crate::masking::copy::{BadCopy, Fields, ends_rows, mask_value};
use crate::masking::mask::Mask;
use crate::masking::plan::Plan;

/// Reads and masks records.
#[derive(Debug)]
pub(super) struct CsvRows {
    plan: Arc<Plan>,
    delimiter: u8,
    quote: u8,
    escape: u8,
    null: Box<[u8]>,
    header: bool,
    scan: Scan,
    value: Vec<u8>,
    masked: BytesMut,
}

/// How far the search for a record's end has come.
#[derive(Debug, Default)]
struct Scan {
    at: usize,
    quoted: bool,
    escaped: bool,
}

impl CsvRows {
    /// `marks`: delimiter, quote and escape.
    pub(super) fn new(plan: Arc<Plan>, marks: [u8; 3], null: &str, header: bool) -> Result<Self, BadCopy> {
        let [delimiter, quote, escape] = marks;
        for (mark, name) in [(delimiter, "delimiter"), (quote, "quote"), (escape, "escape")] {
            if ends_rows(mark) {
                return Err(BadCopy::Option(name));
            }
        }
        if delimiter == quote || delimiter == escape {
            return Err(BadCopy::Option("delimiter"));
        }
        if null.bytes().any(|byte| ends_rows(byte) || byte == delimiter || byte == quote) {
            return Err(BadCopy::Option("null"));
        }
        let null = null.as_bytes().into();
        let (value, masked) = (Vec::new(), BytesMut::new());
        Ok(Self { plan, delimiter, quote, escape, null, header, scan: Scan::default(), value, masked })
    }

    pub(super) fn end(&mut self, data: &[u8]) -> Option<usize> {
        let (quote, escape) = (self.quote, self.escape);
        let scan = &mut self.scan;
        for byte in data.get(scan.at..).unwrap_or_default() {
            scan.at = scan.at.saturating_add(1);
            match *byte {
                _ if scan.escaped => scan.escaped = false,
                // With equal quote and escape a doubled quote leaves and enters again: nothing to do.
                byte if scan.quoted && byte == escape && escape != quote => scan.escaped = true,
                byte if byte == quote => scan.quoted = !scan.quoted,
                b'\n' if !scan.quoted => return Some(std::mem::take(scan).at),
                _ => {}
            }
        }
        None
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
            let (length, quoted) = self.read(line.get(at..).unwrap_or_default())?;
            let end = at.saturating_add(length);
            if let Some(mask) = fields.next()? {
                out.extend_from_slice(line.get(untouched..at).unwrap_or_default());
                self.put(mask, line.get(at..end).unwrap_or_default(), quoted, out);
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

    /// Decodes the field at the front into `self.value`: where it ends, and whether it is quoted.
    fn read(&mut self, rest: &[u8]) -> Result<(usize, bool), BadCopy> {
        self.value.clear();
        let Some(inner) = rest.strip_prefix(&[self.quote]) else {
            let end = rest.iter().position(|byte| *byte == self.delimiter).unwrap_or(rest.len());
            let field = rest.get(..end).unwrap_or_default();
            if field.contains(&self.quote) {
                return Err(BadCopy::Malformed("quote inside an unquoted field"));
            }
            self.value.extend_from_slice(field);
            return Ok((end, false));
        };
        let mut bytes = inner.iter().copied().enumerate().peekable();
        while let Some((at, byte)) = bytes.next() {
            let next = bytes.peek().map(|(_, next)| *next);
            match next {
                Some(next) if byte == self.escape && (next == self.quote || next == self.escape) => {
                    self.value.push(next);
                    bytes.next();
                }
                next if byte == self.quote => {
                    let closed = next.is_none() || next == Some(self.delimiter);
                    let end = at.saturating_add(2);
                    return if closed {
                        Ok((end, true))
                    } else {
                        Err(BadCopy::Malformed("text after a closing quote"))
                    };
                }
                _ => self.value.push(byte),
            }
        }
        Err(BadCopy::Malformed("unclosed quote"))
    }

    /// Writes the masked form of the field just read.
    fn put(&mut self, mask: &Mask, field: &[u8], quoted: bool, out: &mut BytesMut) {
        if !quoted && *field == *self.null {
            return out.extend_from_slice(field);
        }
        if !mask_value(mask, &self.value, &mut self.masked) {
            return out.extend_from_slice(&self.null);
        }
        let special = |byte: &u8| *byte == self.delimiter || *byte == self.quote || ends_rows(*byte);
        if !quoted && *self.masked != *self.null && !self.masked.iter().any(special) && *self.masked != *b"\\." {
            return out.extend_from_slice(&self.masked);
        }
        out.extend_from_slice(&[self.quote]);
        for byte in &self.masked {
            if *byte == self.quote || *byte == self.escape {
                out.extend_from_slice(&[self.escape]);
            }
            out.extend_from_slice(&[*byte]);
        }
        out.extend_from_slice(&[self.quote]);
    }
}
