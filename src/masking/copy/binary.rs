//! COPY's binary format (manual, COPY, "Binary Format"): a header, tuples written like DataRow bodies, a trailer.

use std::sync::Arc;

use bytes::BytesMut;

use crate::masking::copy::BadCopy;
use crate::masking::plan::Plan;
use crate::masking::row::BadRow;

/// Signature, flags field and length of the header extension. The server sets no flags and no extension; with either we
/// could not be sure what follows.
const HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// Reads and masks tuples.
#[derive(Debug)]
pub(super) struct BinaryRows {
    plan: Arc<Plan>,
    row_max: usize,
    stage: Stage,
    /// The next field of the tuple begins here; 0: its number of fields was not read yet.
    at: usize,
    fields_left: i16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Header,
    Tuples,
    Over,
}

impl BinaryRows {
    pub(super) fn new(plan: Arc<Plan>, row_max: usize) -> Self {
        Self { plan, row_max, stage: Stage::Header, at: 0, fields_left: 0 }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.stage == Stage::Over
    }

    pub(super) fn end(&mut self, data: &[u8]) -> Result<Option<usize>, BadCopy> {
        match self.stage {
            Stage::Over => Err(BadCopy::Malformed("data after the trailer")),
            Stage::Header if data.starts_with(HEADER) => Ok(Some(HEADER.len())),
            Stage::Header if HEADER.starts_with(data) => Ok(None),
            Stage::Header => Err(BadCopy::Malformed("header")),
            Stage::Tuples => self.tuple_end(data),
        }
    }

    fn tuple_end(&mut self, data: &[u8]) -> Result<Option<usize>, BadCopy> {
        if self.at == 0 {
            let Some(count) = data.first_chunk() else { return Ok(None) };
            self.at = 2;
            self.fields_left = i16::from_be_bytes(*count);
            if self.fields_left < -1 {
                return Err(BadCopy::Malformed("negative number of fields"));
            }
        }
        while self.fields_left > 0 {
            let Some(length) = data.get(self.at..).and_then(|rest| rest.first_chunk()) else { return Ok(None) };
            let length = i32::from_be_bytes(*length);
            let size =
                if length == -1 { 0 } else { usize::try_from(length).map_err(|_| BadRow::NegativeLength(length))? };
            let next = self.at.saturating_add(4).saturating_add(size);
            if next > self.row_max {
                return Err(BadCopy::RowTooLong(self.row_max));
            }
            self.at = next;
            self.fields_left -= 1;
        }
        if data.len() < self.at {
            return Ok(None);
        }
        Ok(Some(std::mem::take(&mut self.at)))
    }

    pub(super) fn mask(&mut self, row: &[u8], out: &mut BytesMut) -> Result<bool, BadCopy> {
        if self.stage == Stage::Header {
            self.stage = Stage::Tuples;
            out.extend_from_slice(row);
            return Ok(false);
        }
        if *row == (-1i16).to_be_bytes() {
            self.stage = Stage::Over;
            out.extend_from_slice(row);
            return Ok(false);
        }
        self.plan.mask_tuple(row, out)?;
        Ok(true)
    }
}
