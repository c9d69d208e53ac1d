//! DataRows: counted against the ceiling, passed on in runs where nothing is masked, masked one by one where something is.

use std::sync::Arc;

use bytes::BytesMut;

use crate::masking::column::{Format, ResultColumn};
use crate::masking::plan::Plan;
use crate::pg::frame;
use crate::session::core::End;
use crate::session::postgres::Session;
use crate::session::postgres::answers::fault;

/// A row that must be masked may be this long.
const MASKED_ROW_MAX: usize = 64 * 1024 * 1024;
/// A row longer than this is passed on in parts where nothing is masked.
pub(super) const PART: usize = 256 * 1024;

impl Session {
    /// Takes up the run of whole DataRows at the head of what came from the upstream.
    pub(super) fn on_rows(&mut self) -> Result<(), End> {
        if self.running().is_some_and(|(running, _)| running.plan.is_none()) {
            self.plan_portal()?;
        }
        let Some((running, _)) = self.running() else {
            return Err(fault("a row where none is owed"));
        };
        let Some(plan) = running.plan.clone() else {
            return Err(fault("a row before its description"));
        };
        let discard = running.discard;
        let left = running.rows_left().filter(|_| !discard);
        let (rows, bytes) = if discard {
            self.drop_rows();
            (0, 0)
        } else if plan.passes_all() {
            self.pass_rows(left)
        } else {
            self.mask_rows(&plan, left)?
        };
        if rows == 0 && left == Some(0) {
            self.overflow = true;
            return Ok(());
        }
        if let Some((running, _)) = self.running() {
            running.sent(rows, bytes as u64);
        }
        Ok(())
    }

    /// Length of the whole DataRow at `offset`, if there is one.
    fn row_at(&self, offset: usize) -> Option<usize> {
        let rest = self.link.from_upstream.get(offset..)?;
        let &[b'D', a, b, c, d, ..] = rest else { return None };
        let len = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?.checked_add(1)?;
        (len >= 5 && rest.len() >= len).then_some(len)
    }

    /// Passes on up to `left` rows in one piece. How many rows and bytes.
    fn pass_rows(&mut self, left: Option<u64>) -> (u64, usize) {
        let (mut rows, mut end) = (0, 0);
        while left.is_none_or(|left| rows < left) {
            let Some(len) = self.row_at(end) else { break };
            end += len;
            rows += 1;
        }
        let run = self.link.from_upstream.split_to(end);
        append(&mut self.link.to_client, run);
        (rows, end)
    }

    /// Masks up to `left` rows into the client's buffer. How many rows, and bytes for the client.
    fn mask_rows(&mut self, plan: &Arc<Plan>, left: Option<u64>) -> Result<(u64, usize), End> {
        let (mut rows, mut end) = (0, 0);
        let before = self.link.to_client.len();
        while left.is_none_or(|left| rows < left) {
            let Some(len) = self.row_at(end) else { break };
            let body = self.link.from_upstream.get(end + frame::HEAD_BYTES..end + len).unwrap_or_default();
            plan.mask_row(body, &mut self.link.to_client).map_err(fault)?;
            end += len;
            rows += 1;
        }
        self.drop_upstream(end);
        Ok((rows, self.link.to_client.len() - before))
    }

    /// Drops the rows of a result that was refused.
    fn drop_rows(&mut self) {
        let mut end = 0;
        while let Some(len) = self.row_at(end) {
            end += len;
        }
        self.drop_upstream(end);
    }

    /// Passes on what has come of a long row. `false`: more of it must come first.
    pub(super) fn pass_part(&mut self) -> bool {
        if self.passing > 0 {
            let count = self.passing.min(self.link.from_upstream.len());
            let part = self.link.from_upstream.split_to(count);
            append(&mut self.link.to_client, part);
            self.passing -= count;
        }
        self.passing == 0
    }

    /// The beginning of a row too long to wait for: passed on if nothing in it is masked.
    pub(super) fn on_long_row(&mut self, len: usize) -> Result<(), End> {
        let Some((running, _)) = self.running() else { return Err(fault("a row where none is owed")) };
        let passes = running.plan.as_ref().is_some_and(|plan| plan.passes_all()) && !running.discard;
        if passes && running.rows_left() != Some(0) {
            running.sent(1, len as u64);
            self.passing = len;
            self.pass_part();
            return Ok(());
        }
        if len > MASKED_ROW_MAX {
            return Err(End::Proxy(format!("a row of {len} bytes is too long to be masked")));
        }
        Ok(())
    }

    /// The plan of an Execute: its statement's description with the portal's formats.
    pub(super) fn plan_portal(&mut self) -> Result<(), End> {
        let Some((running, _)) = self.running() else {
            return Err(fault("a row where none is owed"));
        };
        let formats = running.wire.formats.clone();
        let described =
            running.wire.description.as_ref().and_then(|description| description.header.get().cloned()).flatten();
        let Some(header) = described else {
            return Err(fault("rows of a statement that was described as having none"));
        };
        self.plan_rows(&header, &formats)
    }
}

/// Result formats of a Bind: none means text, one is for all, else one each (manual, "Bind").
pub(super) fn apply_formats(columns: &mut [ResultColumn], formats: &[Format]) {
    for (index, column) in columns.iter_mut().enumerate() {
        let format = if formats.len() == 1 { formats.first() } else { formats.get(index) };
        column.format = format.copied().unwrap_or(Format::Text);
    }
}

/// Adds bytes to a buffer, without copying if it is empty.
fn append(buffer: &mut BytesMut, bytes: BytesMut) {
    if buffer.is_empty() {
        *buffer = bytes;
    } else {
        buffer.extend_from_slice(&bytes);
    }
}
