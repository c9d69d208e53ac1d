//! DataRows: counted against the ceiling, passed on in runs where nothing is masked, masked one by one where something is.

use std::sync::Arc;

use crate::masking::column::ResultColumn;
use crate::masking::plan::Plan;
use crate::pg::frame;
use crate::session::postgres::answers::append;
use crate::session::postgres::{End, Session};

impl Session {
    /// Takes up the run of whole DataRows at the head of what came from the upstream.
    pub(super) fn rows(&mut self) -> Result<(), End> {
        if self.running().is_some_and(|(running, _)| running.plan.is_none()) {
            self.plan_portal()?;
        }
        let Some((running, _)) = self.running() else {
            return Err(End::UpstreamFault("a row where none is owed".to_owned()));
        };
        let Some(plan) = running.plan.clone() else {
            return Err(End::UpstreamFault("a row before its description".to_owned()));
        };
        let discard = running.discard;
        let left = running.ceiling.map(|ceiling| ceiling.saturating_sub(running.rows_before + running.rows));
        let left = if discard { None } else { left };
        let (rows, bytes) = if discard {
            self.drop_rows()
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
            running.rows += rows;
            running.bytes += bytes as u64;
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

    fn mask_rows(&mut self, plan: &Arc<Plan>, left: Option<u64>) -> Result<(u64, usize), End> {
        let (mut rows, mut end) = (0, 0);
        let before = self.link.to_client.len();
        while left.is_none_or(|left| rows < left) {
            let Some(len) = self.row_at(end) else { break };
            let body = self.link.from_upstream.get(end + frame::HEAD_BYTES..end + len).unwrap_or_default();
            plan.mask_row(body, &mut self.link.to_client).map_err(|error| End::UpstreamFault(error.to_string()))?;
            end += len;
            rows += 1;
        }
        self.drop_upstream(end);
        Ok((rows, self.link.to_client.len() - before))
    }

    fn drop_rows(&mut self) -> (u64, usize) {
        let mut end = 0;
        while let Some(len) = self.row_at(end) {
            end += len;
        }
        self.drop_upstream(end);
        (0, 0)
    }

    /// The plan of an Execute: its statement's description with the portal's formats.
    pub(super) fn plan_portal(&mut self) -> Result<(), End> {
        let Some((running, _)) = self.running() else {
            return Err(End::UpstreamFault("a row where none is owed".to_owned()));
        };
        let predicted = running.judged.statements.first().and_then(|one| one.statement.footprint.outputs.clone());
        let described =
            running.description.as_ref().and_then(|description| description.columns.get().cloned()).flatten();
        let Some(mut columns) = described else {
            return Err(End::UpstreamFault("rows of a statement that was described as having none".to_owned()));
        };
        apply_formats(&mut columns, &running.formats);
        self.plan_rows(predicted.as_deref(), &columns);
        Ok(())
    }
}

/// Result formats of a Bind: none means text, one is for all, else one each (manual, "Bind").
fn apply_formats(columns: &mut [ResultColumn], formats: &[crate::masking::column::Format]) {
    for (index, column) in columns.iter_mut().enumerate() {
        let format = if formats.len() == 1 { formats.first() } else { formats.get(index) };
        column.format = format.copied().unwrap_or(crate::masking::column::Format::Text);
    }
}
