//! What the upstream sends: told apart by the command under way, masked or re-worded, passed on.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::mysql::compose;
use crate::mysql::diagnostics;
use crate::mysql::frame::{self, Sequence};
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::ledger::{Answer, Part};
use crate::mysql::packets::error::ErrPacket;
use crate::mysql::packets::ok::{End as EndPacket, OkPacket, Status};
use crate::session::core::{End, running};
use crate::session::mysql::rows::PART;
use crate::session::mysql::{Session, fault};
use crate::statement::footprint::{Transfer, Verb};
use crate::statement::scope::Scope;

/// Largest packet of the upstream that is held whole; rows under a plan that changes nothing are passed on in parts.
const PACKET_MAX: usize = 1 << 30;

/// A statement whose answer is coming.
pub(super) type Running = running::Running<Answering>;

/// What only MySQL knows of it.
#[derive(Debug, Default)]
pub(super) struct Answering {
    /// Rows come in binary.
    pub binary: bool,
    /// The client asked for a cursor, and this is the execution that may open it.
    pub opens_cursor: bool,
    /// Rows are fetched from a cursor.
    pub fetches: bool,
    /// A cursor is open: the statement goes on with the next fetch.
    pub cursor_open: bool,
    /// The prepared statement that runs.
    pub statement: Option<u32>,
    /// Column definitions of the result that begins.
    pub columns: Vec<Bytes>,
    /// The end of the column definitions is owed to the client until it is clear whether rows follow.
    pub columns_end: Option<EndPacket>,
    /// The client is sending the file that the statement names.
    pub sends_file: bool,
}

/// The command whose answer is coming.
pub(super) struct Underway {
    pub answer: Answer,
    /// Sequence number of the upstream's next packet.
    pub turn: Sequence,
    pub purpose: Purpose,
}

impl Underway {
    /// The statement, if it is one.
    pub fn running(&self) -> Option<&Running> {
        match &self.purpose {
            Purpose::Statement(running) => Some(running),
            _ => None,
        }
    }

    pub fn wants_file(&self) -> bool {
        self.running().is_some_and(|running| running.wire.sends_file)
    }
}

/// Why a command was sent.
pub(super) enum Purpose {
    /// A released statement.
    Statement(Box<Running>),
    /// The client prepares this text, which the server reads in this way.
    Prepare(Arc<str>, Option<Arc<Scope>>),
    /// Passed on as it is; its answer, too.
    Pass,
    /// COM_RESET_CONNECTION: the session begins anew.
    Reset,
    /// Ours, to keep the upstream from timing out: nobody is told.
    Beat,
}

/// What SHOW WARNINGS and its kin may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Diagnostics {
    /// What the server has.
    Open,
    /// Nothing but the wording of an error, if there was one: the statement touched classified columns.
    Withheld(Option<u16>),
}

impl Session {
    /// Takes up everything that has come from the upstream, unless a row would cross its ceiling.
    pub(super) fn answers(&mut self) -> Result<(), End> {
        loop {
            if self.overflow || !self.pass_part() {
                return Ok(());
            }
            let Some(underway) = self.underway.as_ref() else { return self.unasked() };
            if underway.answer.in_rows() {
                match self.on_rows()? {
                    Progress::Made => continue,
                    Progress::Waits => return Ok(()),
                    Progress::NoRow => {}
                }
            }
            let Some(head) = frame::cut(&self.link.from_upstream, PACKET_MAX).map_err(fault)? else { return Ok(()) };
            if let Some(underway) = self.underway.as_mut() {
                underway.turn.accept(&head).map_err(fault)?;
            }
            let payload = frame::take(&mut self.link.from_upstream, &head).freeze();
            self.on_packet(&payload)?;
        }
    }

    /// Bytes that no command asked for: a server that is about to close says why.
    fn unasked(&mut self) -> Result<(), End> {
        match frame::cut(&self.link.from_upstream, PART).map_err(fault)? {
            Some(_) => Err(End::UpstreamLeft),
            None => Ok(()),
        }
    }

    fn on_packet(&mut self, payload: &Bytes) -> Result<(), End> {
        let Some(mut underway) = self.underway.take() else { return Err(fault("a packet that nobody asked for")) };
        let part = underway.answer.take(payload).map_err(fault)?;
        match underway.purpose {
            Purpose::Statement(ref mut running) => {
                self.on_part(running, &part, payload)?;
                if underway.answer.in_rows() && !running.wire.columns.is_empty() && matches!(part, Part::Column(_)) {
                    let end = EndPacket { status: self.status.without(Status::MORE_RESULTS), warnings: 0 };
                    self.on_columns(running, end)?;
                }
            }
            Purpose::Prepare(ref text, ref scope) => self.on_prepare_part((text, scope), &part, payload)?,
            Purpose::Pass => self.on_passed(&part, payload),
            Purpose::Reset => {
                self.on_passed(&part, payload);
                if let Part::Ok(_) = part {
                    self.begin_anew();
                }
            }
            Purpose::Beat => {
                if let Part::Ok(ok) = part {
                    self.on_status(ok.status);
                }
            }
        }
        if !underway.answer.is_done() {
            self.underway = Some(underway);
            return Ok(());
        }
        self.on_answered(underway.purpose);
        Ok(())
    }

    /// The answer to a command is over.
    fn on_answered(&mut self, purpose: Purpose) {
        if let Purpose::Statement(running) = purpose {
            self.on_statement_answered(*running);
        }
        if !self.status.has(Status::IN_TRANSACTION) {
            self.core.tainted = false;
        }
        self.link.release_idle_memory();
    }

    /// One packet of a statement's answer.
    fn on_part(&mut self, running: &mut Running, part: &Part<'_>, payload: &Bytes) -> Result<(), End> {
        match part {
            Part::Ok(ok) => self.on_ok(running, ok),
            Part::Error(error) => self.on_error(running, error),
            Part::Progress(_) => self.on_progress(payload),
            Part::ColumnCount(count) => running.wire.columns = Vec::with_capacity(*count),
            Part::Column(_) => running.wire.columns.push(payload.clone()),
            Part::ColumnsEnd(end) => {
                self.on_status(end.status);
                self.on_columns(running, *end)?;
                if end.status.has(Status::CURSOR_EXISTS) {
                    // The rows are to be fetched: the answer is over.
                    self.end_without_rows(running, &OkPacket { status: end.status, ..OkPacket::default() });
                }
            }
            Part::RowsEnd(end) => self.on_rows_end(running, end),
            // Rows are taken up in runs, before they come here.
            Part::TextRow | Part::BinaryRow => return Err(fault("a row where none is owed")),
            Part::LocalFile(name) => self.on_file_wanted(running, name, payload)?,
            Part::Prepared(_) | Part::Parameter(_) | Part::ParametersEnd(_) | Part::Line(_) | Part::Login(_) => {
                return Err(fault("an answer to another command"));
            }
        }
        Ok(())
    }

    /// The server wants a file of the client's: only the one that the released statement names.
    fn on_file_wanted(&mut self, running: &mut Running, name: &[u8], payload: &[u8]) -> Result<(), End> {
        let named = running.judged.statements.get(running.index).is_some_and(|one| {
            matches!(&one.statement.footprint.transfer, Some(Transfer::FromClientFile { name: wanted }) if wanted.as_bytes() == name)
        });
        if !named {
            // Whatever the upstream is, it gets nothing of the client's.
            return Err(fault("a file was asked for that the statement does not name"));
        }
        frame::put(&mut self.link.to_client, &mut self.turn, payload);
        running.wire.sends_file = true;
        Ok(())
    }

    /// A piece of the client's file on its way to the upstream; an empty one is the end.
    pub(super) fn on_file(&mut self, payload: &[u8]) {
        if let Some(underway) = self.underway.as_mut() {
            frame::put(&mut self.link.to_upstream, &mut underway.turn, payload);
            if let (Purpose::Statement(running), true) = (&mut underway.purpose, payload.is_empty()) {
                running.wire.sends_file = false;
            }
        }
    }

    fn on_ok(&mut self, running: &mut Running, ok: &OkPacket<'_>) {
        self.on_status(ok.status);
        self.on_session_state(ok);
        if running.rows == 0 {
            running.rows = ok.affected_rows;
        }
        let shown = self.shown_ok(running, ok);
        if running.discard {
            self.core.ending = Some("a refused result ended before it could be cancelled".to_owned());
        } else {
            compose::ok(&mut self.link.to_client, &mut self.turn, &shown, self.client);
        }
        self.withhold(running, None);
        self.core.finish_statement(running, false, "ok", None);
    }

    /// Warnings are counted, and settings told, by statements that touch nothing classified only.
    fn shown_ok<'o>(&self, running: &Running, ok: &OkPacket<'o>) -> OkPacket<'o> {
        let tainted = self.is_tainted(running);
        let mut shown = *ok;
        if tainted {
            shown.warnings = 0;
            shown.info = &[];
        }
        if tainted || !self.client.has(Capabilities::SESSION_TRACK) {
            shown.session_state = &[];
            shown.status = shown.status.without(Status::SESSION_CHANGED);
        }
        shown
    }

    pub(super) fn is_tainted(&self, running: &Running) -> bool {
        self.core.tainted || running.judged.tainted()
    }

    fn on_error(&mut self, running: &mut Running, error: &ErrPacket<'_>) {
        let code = error.code;
        if !running.discard {
            let scrubbed = diagnostics::scrubbed(error);
            let shown = if self.is_tainted(running) { &scrubbed } else { error };
            compose::error(&mut self.link.to_client, &mut self.turn, shown);
        }
        self.withhold(running, Some(code));
        self.core.finish_statement(running, true, "error", Some(code.to_string()));
    }

    /// What SHOW WARNINGS may tell from now on. Asking for it changes nothing.
    fn withhold(&mut self, running: &Running, error: Option<u16>) {
        let Some(one) = running.judged.statements.get(running.index) else { return };
        if one.statement.footprint.verb == Verb::Show {
            return;
        }
        self.diagnostics = if self.is_tainted(running) { Diagnostics::Withheld(error) } else { Diagnostics::Open };
    }

    fn on_progress(&mut self, payload: &[u8]) {
        if self.client.has(Capabilities::PROGRESS) {
            frame::put(&mut self.link.to_client, &mut self.turn, payload);
        }
    }

    fn on_rows_end(&mut self, running: &mut Running, end: &OkPacket<'_>) {
        self.on_status(end.status);
        self.on_session_state(end);
        if end.status.has(Status::CURSOR_EXISTS) && !end.status.has(Status::LAST_ROW_SENT) && running.wire.opens_cursor
        {
            // The rows are to be fetched: the answer is over.
            return self.end_without_rows(running, end);
        }
        self.end_columns(running);
        let shown = self.shown_ok(running, end);
        // A refused result that came to its end uncancelled only read, and did no harm.
        if !running.discard {
            compose::rows_end(&mut self.link.to_client, &mut self.turn, &shown, self.client);
        }
        self.withhold(running, None);
        if running.wire.fetches && !end.status.has(Status::LAST_ROW_SENT) && end.status.has(Status::CURSOR_EXISTS) {
            return;
        }
        self.finish_result(running);
    }

    /// A result is over. The results of a CALL belong to it until its OK comes.
    fn finish_result(&mut self, running: &mut Running) {
        let several = running.judged.statements.get(running.index).is_some_and(|one| {
            matches!(
                one.statement.footprint.verb,
                Verb::Call | Verb::Execute | Verb::Do | Verb::Other | Verb::Unreadable
            )
        });
        if several && self.status.has(Status::MORE_RESULTS) {
            running.plan = None;
            return;
        }
        self.core.finish_statement(running, false, "ok", None);
    }

    /// Takes note of the status flags of an OK or EOF.
    pub(super) fn on_status(&mut self, status: Status) {
        let was_open = self.status.has(Status::IN_TRANSACTION);
        self.status = status;
        if !status.has(Status::IN_TRANSACTION) {
            self.core.reading.on_transaction_end(was_open);
        }
    }

    /// The server says that something about the session changed: what decides reading is asked again.
    fn on_session_state(&mut self, ok: &OkPacket<'_>) {
        if ok.status.has(Status::SESSION_CHANGED) && !ok.session_state.is_empty() {
            self.core.reading.stale = true;
        }
    }

    /// The answer to a command that touches no data.
    fn on_passed(&mut self, part: &Part<'_>, payload: &Bytes) {
        match part {
            Part::Ok(ok) => {
                self.on_status(ok.status);
                self.on_session_state(ok);
                let mut shown = *ok;
                if !self.client.has(Capabilities::SESSION_TRACK) {
                    shown.session_state = &[];
                    shown.status = shown.status.without(Status::SESSION_CHANGED);
                }
                if payload.first() == Some(&crate::mysql::packets::ok::EOF) {
                    // COM_SET_OPTION is answered by EOF.
                    return compose::rows_end(&mut self.link.to_client, &mut self.turn, &shown, self.client);
                }
                compose::ok(&mut self.link.to_client, &mut self.turn, &shown, self.client);
            }
            Part::Error(error) => compose::error(&mut self.link.to_client, &mut self.turn, error),
            Part::ColumnsEnd(end) => {
                let end = OkPacket { status: end.status, warnings: end.warnings, ..OkPacket::default() };
                compose::rows_end(&mut self.link.to_client, &mut self.turn, &end, self.client);
            }
            _ => self.put(|out| out.extend_from_slice(payload)),
        }
    }

    /// Writes one packet for the client.
    pub(super) fn put(&mut self, body: impl FnOnce(&mut BytesMut)) {
        frame::packet(&mut self.link.to_client, &mut self.turn, body);
    }
}

/// What came of looking for rows.
pub(super) enum Progress {
    /// Some were taken up.
    Made,
    /// What stands at the front is no row.
    NoRow,
    /// Nothing can be done until more has come, or until a person decides.
    Waits,
}
