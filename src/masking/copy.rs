//! COPY … TO STDOUT as a row stream: payloads of CopyData go in, the same payloads with masked fields come out.
//!
//! Rows are cut at any byte by whoever sends them; at most one unfinished row is kept, of bounded size. What does not
//! read as the format says ends the stream: nothing of an unreadable row is ever passed on.

mod binary;
mod csv;
mod text;

use std::sync::Arc;

use bytes::BytesMut;

use crate::catalog::{Catalog, ColumnKey};
use crate::masking::cell::MaskedCell;
use crate::masking::column::{Format, ResultColumn};
use crate::masking::copy::binary::BinaryRows;
use crate::masking::copy::csv::CsvRows;
use crate::masking::copy::text::TextRows;
use crate::masking::mask::Mask;
use crate::masking::plan::Plan;
use crate::masking::row::BadRow;
use crate::statement::footprint::{CopyFormat, Flow, Output};

/// Why a COPY stream cannot be masked. Nothing may follow; the stream must be ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCopy {
    /// Options under which rows cannot be told apart for certain.
    #[error("copy option {0} cannot be masked")]
    Option(&'static str),
    /// An unfinished row outgrew the limit.
    #[error("row longer than {0} bytes")]
    RowTooLong(usize),
    /// A row has another number of fields than the plan has columns.
    #[error("row of {found} fields where {expected} columns were planned")]
    FieldCount {
        /// Columns of the plan.
        expected: usize,
        /// Fields of the row, or how many there were when it became too many.
        found: usize,
    },
    /// A malformed tuple of a binary COPY.
    #[error("malformed tuple: {0}")]
    Tuple(#[from] BadRow),
    /// Not this format.
    #[error("malformed copy data: {0}")]
    Malformed(&'static str),
    /// The stream ended inside a row or without its trailer.
    #[error("copy data ends too early")]
    Truncated,
    /// It failed before.
    #[error("copy data after an error")]
    Failed,
}

/// Masks one COPY stream.
#[derive(Debug)]
pub struct CopyMasker {
    rows: Rows,
    /// The beginning of a row whose end has not come.
    pending: Vec<u8>,
    row_max: usize,
    finished_rows: u64,
    failed: bool,
}

impl CopyMasker {
    /// A masker for a stream of this format under this plan (one mask per column of the COPY). `row_max` bounds a row, in
    /// bytes.
    ///
    /// # Errors
    /// [`BadCopy::Option`] if the format's delimiter, quote or escape make rows ambiguous.
    pub fn new(plan: Arc<Plan>, format: &CopyFormat, row_max: usize) -> Result<Self, BadCopy> {
        let rows = match format {
            CopyFormat::Text { delimiter, null, header } => Rows::Text(TextRows::new(plan, *delimiter, null, *header)?),
            CopyFormat::Csv { delimiter, null, quote, escape, header } => {
                Rows::Csv(CsvRows::new(plan, [*delimiter, *quote, *escape], null, *header)?)
            }
            CopyFormat::Binary => Rows::Binary(BinaryRows::new(plan, row_max)),
        };
        Ok(Self { rows, pending: Vec::new(), row_max, finished_rows: 0, failed: false })
    }

    /// Takes the payload of one CopyData message, or a piece of it, and appends the masked payload of every row that is
    /// now whole. Servers send whole rows, and some clients rely on one row per message: send what was appended as one
    /// message, and none if nothing was.
    ///
    /// # Errors
    /// On data that is not what the format says; `out` is then as before, and every later call fails.
    pub fn feed(&mut self, chunk: &[u8], out: &mut BytesMut) -> Result<(), BadCopy> {
        if self.failed {
            return Err(BadCopy::Failed);
        }
        let start = out.len();
        let done = self.take(chunk, out);
        if done.is_err() {
            out.truncate(start);
            self.failed = true;
            self.pending = Vec::new();
        }
        done
    }

    /// The stream is over (CopyDone).
    ///
    /// # Errors
    /// [`BadCopy::Truncated`] if a row, or a binary stream's trailer, is missing its end.
    pub fn finish(&self) -> Result<(), BadCopy> {
        if self.failed {
            return Err(BadCopy::Failed);
        }
        let whole = self.pending.is_empty() && self.rows.is_complete();
        if whole { Ok(()) } else { Err(BadCopy::Truncated) }
    }

    /// Rows passed on so far; headers and trailers do not count.
    pub fn rows(&self) -> u64 {
        self.finished_rows
    }

    fn take(&mut self, chunk: &[u8], out: &mut BytesMut) -> Result<(), BadCopy> {
        if self.pending.is_empty() {
            let used = self.run(chunk, out)?;
            self.pending.extend_from_slice(chunk.get(used..).unwrap_or_default());
        } else {
            let mut pending = std::mem::take(&mut self.pending);
            pending.extend_from_slice(chunk);
            let used = self.run(&pending, out)?;
            pending.drain(..used);
            self.pending = pending;
        }
        if self.pending.len() > self.row_max { Err(BadCopy::RowTooLong(self.row_max)) } else { Ok(()) }
    }

    /// Masks the whole rows at the front of `data`; how many bytes they took.
    fn run(&mut self, data: &[u8], out: &mut BytesMut) -> Result<usize, BadCopy> {
        let mut used = 0;
        while let Some(rest) = data.get(used..).filter(|rest| !rest.is_empty()) {
            let Some(end) = self.rows.end(rest)? else { break };
            let row = rest.get(..end).ok_or(BadCopy::Truncated)?;
            self.finished_rows = self.finished_rows.saturating_add(u64::from(self.rows.mask(row, out)?));
            used = used.saturating_add(end);
        }
        Ok(used)
    }
}

/// The three formats.
#[derive(Debug)]
enum Rows {
    Text(TextRows),
    Csv(CsvRows),
    Binary(BinaryRows),
}

impl Rows {
    /// Where the row that `data` begins with ends, its terminator included; `None` if that is not in sight yet. Called with
    /// the same beginning until it answers, and does not look at a byte twice.
    fn end(&mut self, data: &[u8]) -> Result<Option<usize>, BadCopy> {
        match self {
            Self::Text(rows) => Ok(rows.end(data)),
            Self::Csv(rows) => Ok(rows.end(data)),
            Self::Binary(rows) => rows.end(data),
        }
    }

    /// Appends the masked row; `false` for what is no row: headers and trailers.
    fn mask(&mut self, row: &[u8], out: &mut BytesMut) -> Result<bool, BadCopy> {
        match self {
            Self::Text(rows) => rows.mask(row, out),
            Self::Csv(rows) => rows.mask(row, out),
            Self::Binary(rows) => rows.mask(row, out),
        }
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::Text(_) | Self::Csv(_) => true,
            Self::Binary(rows) => rows.is_complete(),
        }
    }
}

/// COPY comes without a description of its columns, so this makes one for [`crate::masking::plan::plan`]: types from the
/// catalog where an output is a plain column, else unknown (which only NULL can mask).
pub fn columns(outputs: &[Output], format: &CopyFormat, catalog: &Catalog) -> Vec<ResultColumn> {
    let format = if matches!(format, CopyFormat::Binary) { Format::Binary } else { Format::Text };
    let column = |output: &Output| {
        let plain = output.sources.iter().find(|source| source.flow == Flow::Plain);
        let type_oid = plain.and_then(|source| type_of(source.column, catalog)).unwrap_or_default();
        ResultColumn { name: output.name.clone(), origin: None, type_oid, format }
    };
    outputs.iter().map(column).collect()
}

fn type_of(column: ColumnKey, catalog: &Catalog) -> Option<u32> {
    Some(catalog.relation(column.relation)?.column(column.number)?.type_oid)
}

/// Bytes that separate or wrap fields must not end rows.
fn ends_rows(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | 0)
}

/// A row's masks met by its fields in order, for the two formats that are read field by field.
struct Fields<'a> {
    masks: std::slice::Iter<'a, Mask>,
    expected: usize,
    found: usize,
}

impl<'a> Fields<'a> {
    fn new(plan: &'a Plan) -> Self {
        Self { masks: plan.masks().iter(), expected: plan.width(), found: 0 }
    }

    /// The next field's mask; `None` if the field passes.
    fn next(&mut self) -> Result<Option<&'a Mask>, BadCopy> {
        self.found = self.found.saturating_add(1);
        let mask = self.masks.next().ok_or(BadCopy::FieldCount { expected: self.expected, found: self.found })?;
        Ok((!matches!(mask, Mask::Pass)).then_some(mask))
    }

    fn finish(self) -> Result<(), BadCopy> {
        let Self { expected, found, .. } = self;
        if found == expected { Ok(()) } else { Err(BadCopy::FieldCount { expected, found }) }
    }
}

/// Puts a decoded value through its mask into `masked`; `false` for NULL.
fn mask_value(mask: &Mask, value: &[u8], masked: &mut BytesMut) -> bool {
    masked.clear();
    MaskedCell::new(mask, Some(value)).put_value(masked)
}

#[cfg(test)]
mod tests;
