//! Rows: counted against the ceiling, passed on in runs where nothing is masked, masked one by one where something is.

use bytes::BytesMut;

use crate::masking::plan::Plan;
use crate::mysql::frame::{self, FrameHead, HEAD_BYTES, PacketHead, Sequence, WireError};
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::ledger::EOF_BYTES_MAX;
use crate::mysql::packets::error::ERR;
use crate::mysql::packets::ok::EOF;
use crate::session::core::End;
use crate::session::mysql::answers::{Progress, Purpose, Running, Underway};
use crate::session::mysql::{Session, fault};

/// A row that must be masked may be this long.
const MASKED_ROW_MAX: usize = 64 * 1024 * 1024;
/// A frame longer than this is passed on in parts where nothing is masked.
pub(super) const PART: usize = 256 * 1024;

/// How many rows and bytes were taken up, and whether a frame is still to come whole.
#[derive(Default)]
struct Taken {
    rows: u64,
    bytes: usize,
    frames: usize,
}

impl Session {
    /// Takes up the run of whole rows at the head of what came from the upstream.
    pub(super) fn on_rows(&mut self) -> Result<Progress, End> {
        if !self.row_goes_on && !self.row_ahead() {
            return Ok(Progress::NoRow);
        }
        let Some(Underway { purpose: Purpose::Statement(running), .. }) = self.underway.as_ref() else {
            return Err(fault("a row where none is owed"));
        };
        let Some(plan) = running.plan.clone() else { return Err(fault("a row before its description")) };
        let discard = running.discard;
        let left = running.rows_left().filter(|_| !discard);
        if left == Some(0) && !self.row_goes_on {
            self.overflow = true;
            return Ok(Progress::Waits);
        }
        self.end_columns_before_rows();
        let taken = match discard || plan.passes_all() {
            true => self.pass_rows(left, discard)?,
            false => self.mask_rows(&plan, left)?,
        };
        if let Some(running) = self.running() {
            running.sent(taken.rows, taken.bytes as u64);
        }
        match taken.frames {
            0 => Ok(Progress::Waits),
            _ => Ok(Progress::Made),
        }
    }

    /// The statement whose answer is coming.
    pub(super) fn running(&mut self) -> Option<&mut Running> {
        match self.underway.as_mut() {
            Some(Underway { purpose: Purpose::Statement(running), .. }) => Some(running),
            _ => None,
        }
    }

    /// Is the frame at the head a row? Only its first bytes must have come.
    fn row_ahead(&self) -> bool {
        frame::peek(&self.link.from_upstream).is_some_and(|head| self.is_row(&head))
    }

    /// Rows are told from what ends them by their first byte and length (manual: "EOF_Packet").
    fn is_row(&self, head: &FrameHead) -> bool {
        match head.first {
            None | Some(ERR) => false,
            Some(EOF) if self.upstream.has(Capabilities::DEPRECATE_EOF) => head.goes_on(),
            Some(EOF) => head.payload > EOF_BYTES_MAX,
            Some(_) => true,
        }
    }

    /// Passes on, or drops, up to `left` rows in one piece, their frames numbered anew where they must be.
    fn pass_rows(&mut self, left: Option<u64>, discard: bool) -> Result<Taken, End> {
        let mut taken = Taken::default();
        loop {
            if !self.row_goes_on && left.is_some_and(|left| taken.rows >= left) {
                break;
            }
            let Some(rest) = self.link.from_upstream.get(taken.bytes..) else { break };
            let Some(head) = frame::peek(rest) else { break };
            if !self.row_goes_on && !self.is_row(&head) {
                break;
            }
            let whole = HEAD_BYTES + head.payload;
            let long = head.payload > PART && !discard;
            if rest.len() < whole && !(long && taken.frames == 0) {
                break;
            }
            self.number(taken.bytes, &head, discard)?;
            taken.rows += u64::from(!self.row_goes_on);
            self.row_goes_on = head.goes_on();
            taken.frames += 1;
            taken.bytes += whole;
            if long {
                // What has not come yet is passed on as it comes.
                break;
            }
        }
        let come = taken.bytes.min(self.link.from_upstream.len());
        let run = self.link.from_upstream.split_to(come);
        self.passing = taken.bytes - come;
        if !discard {
            append(&mut self.link.to_client, run);
        }
        Ok(taken)
    }

    /// Checks the upstream's number of the frame at `offset`, and writes the client's in its place.
    fn number(&mut self, offset: usize, head: &FrameHead, discard: bool) -> Result<(), End> {
        let Some(underway) = self.underway.as_mut() else { return Err(fault("a row where none is owed")) };
        let expected = underway.turn.take();
        if head.sequence != expected {
            return Err(fault(WireError::OutOfOrder { expected, found: head.sequence }));
        }
        if discard {
            return Ok(());
        }
        let own = self.turn.take();
        if own != expected
            && let Some(place) = self.link.from_upstream.get_mut(offset + HEAD_BYTES - 1)
        {
            *place = own;
        }
        Ok(())
    }

    /// Masks up to `left` rows into the client's buffer.
    fn mask_rows(&mut self, plan: &Plan, left: Option<u64>) -> Result<Taken, End> {
        let mut taken = Taken::default();
        let before = self.link.to_client.len();
        while left.is_none_or(|left| taken.rows < left) {
            if !self.row_ahead() {
                break;
            }
            let Some(head) = frame::cut(&self.link.from_upstream, MASKED_ROW_MAX).map_err(too_long)? else { break };
            self.mask_row(plan, &head)?;
            taken.rows += 1;
            taken.frames += head.frames;
        }
        taken.bytes = self.link.to_client.len() - before;
        Ok(taken)
    }

    fn mask_row(&mut self, plan: &Plan, head: &PacketHead) -> Result<(), End> {
        let Some(Underway { turn, purpose: Purpose::Statement(running), .. }) = self.underway.as_mut() else {
            return Err(fault("a row where none is owed"));
        };
        turn.accept(head).map_err(fault)?;
        let binary = running.wire.binary;
        let mut raw = self.link.from_upstream.split_to(head.len);
        let payload = match head.frames {
            1 => raw.split_off(HEAD_BYTES),
            _ => frame::take(&mut raw, head),
        };
        put_masked(&mut self.link.to_client, &mut self.turn, |out| match binary {
            true => plan.mask_mysql_binary_row(&payload, out),
            false => plan.mask_mysql_text_row(&payload, out),
        })
        .map_err(fault)
    }

    /// Passes on what has come of a long frame. `false`: more of it must come first.
    pub(super) fn pass_part(&mut self) -> bool {
        if self.passing > 0 {
            let count = self.passing.min(self.link.from_upstream.len());
            let part = self.link.from_upstream.split_to(count);
            append(&mut self.link.to_client, part);
            self.passing -= count;
        }
        self.passing == 0
    }
}

/// Writes one packet whose payload may turn out not to be writable; nothing of it is left then.
fn put_masked<E>(
    out: &mut BytesMut,
    turn: &mut Sequence,
    body: impl FnOnce(&mut BytesMut) -> Result<(), E>,
) -> Result<(), E> {
    let (start, first) = (out.len(), *turn);
    let mut done = Ok(());
    frame::packet(out, turn, |out| done = body(out));
    if done.is_err() {
        out.truncate(start);
        *turn = first;
    }
    done
}

fn too_long(error: WireError) -> End {
    match error {
        WireError::TooLarge { found, .. } => {
            End::Proxy(format!("a row of {found} bytes or more is too long to be masked"))
        }
        other => fault(other),
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
