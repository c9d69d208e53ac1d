//! What the upstream sends: matched to the reply owed, masked or re-worded, passed on.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::masking::column::Format;
use crate::masking::copy::{self, CopyMasker};
use crate::masking::plan::plan;
use crate::pg::diagnostics;
use crate::pg::ledger::Owed;
use crate::pg::results::{parameter_types, result_columns, tag_rows};
use crate::pg::{compose, frame};
use crate::session::core::End;
use crate::session::core::running::Header;
use crate::session::postgres::Session;
use crate::session::postgres::rows::{PART, apply_formats};
use crate::session::postgres::statements::Running;
use crate::statement::footprint::{Transfer, Verb};

/// Largest message of the upstream that is held whole; rows under a plan that changes nothing are passed on in parts.
const MESSAGE_MAX: usize = 1 << 30;

/// The upstream broke the protocol.
pub(super) fn fault(why: impl std::fmt::Display) -> End {
    End::UpstreamFault(why.to_string())
}

impl Session {
    /// Takes up everything that has come from the upstream, unless a row would cross its ceiling.
    pub(super) fn answers(&mut self) -> Result<(), End> {
        loop {
            self.local_answers();
            if self.overflow || !self.pass_part() {
                return Ok(());
            }
            let head = match frame::peek(&self.link.from_upstream, MESSAGE_MAX) {
                Ok(Some(head)) => head,
                Ok(None) => return Ok(()),
                Err(error) => return Err(fault(error)),
            };
            if self.link.from_upstream.len() < head.len {
                if head.kind == b'D' && head.len > PART {
                    return self.on_long_row(head.len);
                }
                return Ok(());
            }
            if head.kind == b'D' {
                self.on_rows()?;
                continue;
            }
            let message = self.link.from_upstream.split_to(head.len).freeze();
            self.on_answer(head.kind, message)?;
        }
    }

    /// Bytes of ours whose turn has come.
    fn local_answers(&mut self) {
        while matches!(self.ledger.front_mut(), Some(Owed::Local(_))) {
            if let Some(Owed::Local(bytes)) = self.ledger.pop() {
                self.link.to_client.extend_from_slice(&bytes);
            }
        }
    }

    /// The statement whose answer is coming, and whether it is a simple Query.
    pub(super) fn running(&mut self) -> Option<(&mut Running, bool)> {
        match self.ledger.front_mut()? {
            Owed::Query(running) => Some((running, true)),
            Owed::Execute(running) => Some((running, false)),
            _ => None,
        }
    }

    fn on_answer(&mut self, kind: u8, message: Bytes) -> Result<(), End> {
        match kind {
            b'A' | b'S' => self.pass_asynchronous(&message),
            b'N' => self.on_notice(&message),
            b'E' => return self.on_error(&message),
            b'Z' => return self.on_ready_for_query(&message),
            b'T' | b'n' | b't' => return self.on_description(kind, &message),
            b'C' | b'I' | b's' => return self.on_complete(kind, &message),
            b'G' | b'H' | b'W' => return self.on_copy_begin(kind, &message),
            b'd' => return self.on_copy_row(&message),
            b'c' => return self.on_copy_done(&message),
            b'1' | b'2' | b'3' => return self.on_acknowledge(kind, &message),
            other => return Err(fault(format!("message type `{}` is not known", char::from(other).escape_default()))),
        }
        Ok(())
    }

    /// ParameterStatus and NotificationResponse belong to no reply.
    pub(super) fn pass_asynchronous(&mut self, message: &Bytes) {
        if message.first() == Some(&b'S') && compose::parameter_changes_reading(message) {
            self.core.reading.stale = true;
        }
        if compose::is_parameter(message, b"session_authorization") {
            // The client is who it logged in as; the upstream's role is none of its business.
            return;
        }
        self.link.to_client.extend_from_slice(message);
    }

    fn on_notice(&mut self, message: &Bytes) {
        if self.answer_is_tainted() {
            // A notice of a tainted statement may quote anything: dropped (DESIGN §6).
            return;
        }
        self.link.to_client.extend_from_slice(message);
    }

    fn answer_is_tainted(&mut self) -> bool {
        self.core.tainted || self.running().is_some_and(|(running, _)| running.judged.tainted())
    }

    fn on_error(&mut self, message: &Bytes) -> Result<(), End> {
        let tainted = self.answer_is_tainted();
        let code = diagnostics::sqlstate(message);
        let shown = if tainted { diagnostics::scrubbed(message) } else { message.clone() };
        self.copy_in = false;
        match self.ledger.front_mut() {
            Some(Owed::Query(running)) => {
                if !running.discard {
                    self.link.to_client.extend_from_slice(&shown);
                }
                self.finish_statement("error", Some(code));
                return Ok(());
            }
            Some(Owed::Sync { .. }) | None => {
                // FATAL at shutdown or time-out: nothing is owed, the connection ends.
                self.link.to_client.extend_from_slice(&shown);
                return Ok(());
            }
            Some(Owed::Parse { name }) if name.starts_with(b"\0") => {}
            Some(Owed::Execute(running)) if running.discard => {}
            Some(_) => self.link.to_client.extend_from_slice(&shown),
        }
        self.finish_statement("error", Some(code));
        let (skipped, found) = self.ledger.skip_to_sync();
        self.extended.skipping |= !found;
        for owed in skipped {
            self.forget(owed);
        }
        Ok(())
    }

    /// A message that the server skipped after an error: what it would have set up does not exist.
    fn forget(&mut self, owed: Owed<Running>) {
        match owed {
            Owed::Parse { name } => {
                self.extended.prepared.remove(&name);
            }
            Owed::Bind { portal } => {
                self.close_portal_record(&portal);
            }
            Owed::Execute(running) => self.finish_skipped(*running),
            _ => {}
        }
    }

    fn on_ready_for_query(&mut self, message: &Bytes) -> Result<(), End> {
        let status = message.get(5).copied().unwrap_or(b'I');
        let for_client = match self.ledger.pop() {
            Some(Owed::Query(running)) => {
                self.core.finish_untold(*running);
                true
            }
            Some(Owed::Sync { for_client }) => for_client,
            _ => return Err(fault("ReadyForQuery where none is owed")),
        };
        self.copy_in = false;
        self.on_ready(status);
        if for_client {
            self.link.to_client.extend_from_slice(message);
        }
        if self.ledger.is_empty() {
            self.link.release_idle_memory();
        }
        Ok(())
    }

    fn on_acknowledge(&mut self, kind: u8, message: &Bytes) -> Result<(), End> {
        match (kind, self.ledger.pop()) {
            (b'1', Some(Owed::Parse { .. })) | (b'2', Some(Owed::Bind { .. })) | (b'3', Some(Owed::Close)) => {
                self.link.to_client.extend_from_slice(message);
                Ok(())
            }
            _ => Err(fault("an acknowledgement where none is owed")),
        }
    }

    fn on_description(&mut self, kind: u8, message: &Bytes) -> Result<(), End> {
        match self.ledger.front_mut() {
            Some(Owed::DescribeStatement { description, for_client }) => {
                let (description, for_client) = (description.clone(), *for_client);
                match kind {
                    b't' => {
                        let _kept = description.parameters.set(parameter_types(message).map_err(fault)?);
                    }
                    b'T' => {
                        let _kept = description.header.set(Some(message.clone()));
                    }
                    _ => {
                        let _kept = description.header.set(None);
                    }
                }
                if for_client {
                    self.link.to_client.extend_from_slice(message);
                }
                if kind != b't' {
                    self.ledger.pop();
                }
                Ok(())
            }
            Some(Owed::DescribePortal) if kind != b't' => {
                self.link.to_client.extend_from_slice(message);
                self.ledger.pop();
                Ok(())
            }
            Some(Owed::Query(_)) if kind == b'T' => self.on_result_header(message),
            _ => Err(fault("a description where none is owed")),
        }
    }

    /// RowDescription of a simple Query: the plan for the rows that follow.
    fn on_result_header(&mut self, message: &Bytes) -> Result<(), End> {
        let Some((running, _)) = self.running() else { return Err(fault("a result where none is owed")) };
        let discard = running.discard;
        self.plan_rows(message, &[])?;
        if !discard {
            self.link.to_client.extend_from_slice(message);
        }
        Ok(())
    }

    /// Makes the plan of the running statement from its RowDescription and the formats of its portal.
    pub(super) fn plan_rows(&mut self, header: &Bytes, formats: &[Format]) -> Result<(), End> {
        let (Some(Owed::Query(running)) | Some(Owed::Execute(running))) = self.ledger.front_mut() else {
            return Ok(());
        };
        let header = Header { bytes: header.clone(), formats };
        self.core.plan_rows(running, &header, |_| {
            let mut columns = result_columns(&header.bytes).map_err(fault)?;
            apply_formats(&mut columns, formats);
            Ok(columns)
        })
    }

    fn on_complete(&mut self, kind: u8, message: &Bytes) -> Result<(), End> {
        let Some((running, simple)) = self.running() else { return Err(fault("a completion where none is owed")) };
        if kind == b'C' && running.rows == 0 {
            running.rows = tag_rows(message).unwrap_or(0);
        }
        if running.discard {
            if !self.refused_alone() {
                self.core.ending = Some("a refused result ended before it could be cancelled".to_owned());
            }
        } else {
            self.link.to_client.extend_from_slice(message);
        }
        if kind == b's' {
            return self.on_suspended();
        }
        self.finish_statement("ok", None);
        if !simple {
            self.ledger.pop();
        }
        Ok(())
    }

    /// A refused result that came to its end uncancelled did no harm: it only read, and its transaction held nothing else
    /// that the client must now believe undone.
    fn refused_alone(&mut self) -> bool {
        let Some((running, simple)) = self.running() else { return false };
        let reads =
            running.alone
                && running.judged.statements.iter().all(|one| {
                    one.statement.footprint.verb == Verb::Select && one.statement.footprint.writes.is_empty()
                });
        reads && (simple || self.ledger.ends_here())
    }

    /// PortalSuspended: the portal goes on with its next Execute.
    fn on_suspended(&mut self) -> Result<(), End> {
        let Some(Owed::Execute(running)) = self.ledger.pop() else {
            return Err(fault("PortalSuspended where none is owed"));
        };
        if let Some(portal) = running.wire.portal.as_ref().and_then(|name| self.extended.portals.get_mut(name)) {
            portal.rows += running.rows;
            portal.ceiling = running.ceiling;
        }
        Ok(())
    }

    fn on_copy_begin(&mut self, kind: u8, message: &Bytes) -> Result<(), End> {
        let keys = self.core.services.mask_keys.clone();
        let limits = self.core.services.config.limits;
        let Some((running, simple)) = self.running() else { return Err(fault("COPY where none is owed")) };
        match kind {
            b'G' => {
                self.copy_in = true;
                if !simple {
                    self.ledger.forget_syncs();
                }
            }
            b'H' => {
                let footprint = running.judged.statements.get(running.index).map(|one| one.statement.footprint.clone());
                let Some(footprint) = footprint else { return Err(fault("COPY TO where none is owed")) };
                let (Some(Transfer::CopyToClient { format }), Some(outputs)) =
                    (&footprint.transfer, &footprint.outputs)
                else {
                    return Err(End::Proxy("a COPY began that was not predicted".to_owned()));
                };
                let world = running.judged.world.clone();
                let columns = copy::columns(outputs, format, &world.catalog);
                let planned = plan(Some(outputs), &columns, &world.classes, &world.catalog, &keys).plan;
                running.masked = planned.masked_names();
                let masker = CopyMasker::new(Arc::new(planned), format, limits.message_bytes_max).map_err(fault)?;
                running.wire.copy = Some(Box::new(masker));
            }
            _ => return Err(fault("COPY BOTH belongs to replication")),
        }
        self.link.to_client.extend_from_slice(message);
        Ok(())
    }

    fn on_copy_row(&mut self, message: &Bytes) -> Result<(), End> {
        let Some((running, _)) = self.running() else { return Err(fault("COPY data where none is owed")) };
        let Some(masker) = running.wire.copy.as_mut() else { return Err(fault("COPY data before COPY began")) };
        let mut masked = BytesMut::new();
        masker.feed(message.get(5..).unwrap_or_default(), &mut masked).map_err(fault)?;
        let rows = masker.rows().saturating_sub(running.rows);
        running.sent(rows, masked.len() as u64);
        if !masked.is_empty() {
            self.link.to_client.extend_from_slice(&compose::copy_data(&masked));
        }
        Ok(())
    }

    fn on_copy_done(&mut self, message: &Bytes) -> Result<(), End> {
        let Some((running, _)) = self.running() else { return Err(fault("COPY end where none is owed")) };
        if let Some(masker) = running.wire.copy.take() {
            masker.finish().map_err(fault)?;
        }
        self.link.to_client.extend_from_slice(message);
        Ok(())
    }

    /// What the client sends during COPY FROM STDIN: data passes; Sync and Flush are ignored by the server (manual, "COPY
    /// Operations"), so no reply is owed for them.
    pub(super) fn on_copy_in(&mut self, kind: u8, message: &Bytes) -> Result<(), End> {
        match kind {
            b'd' | b'H' | b'S' => {}
            b'c' | b'f' => self.copy_in = false,
            other => {
                let shown = char::from(other).escape_default();
                return Err(End::ClientFault(format!("message type `{shown}` during COPY FROM STDIN")));
            }
        }
        self.link.to_upstream.extend_from_slice(message);
        Ok(())
    }
}
