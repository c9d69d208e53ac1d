//! The head of a result: the plan for its rows, and where its column definitions end for clients of either agreement.

use bytes::{Bytes, BytesMut};

use crate::masking::column::{Format, ResultColumn};
use crate::mysql::compose;
use crate::mysql::frame;
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::packets::column::ColumnDefinition;
use crate::mysql::packets::ok::{End as EndPacket, OkPacket, Status};
use crate::session::core::End;
use crate::session::core::running::Header;
use crate::session::judge::Judged;
use crate::session::mysql::answers::Running;
use crate::session::mysql::{Session, fault};

impl Session {
    /// All column definitions of a result have come: the plan is made, then the client gets them.
    pub(super) fn on_columns(&mut self, running: &mut Running, end: EndPacket) -> Result<(), End> {
        let columns = std::mem::take(&mut running.wire.columns);
        let format = if running.wire.binary { Format::MySqlBinary } else { Format::Text };
        let (upstream, definitions) = (self.upstream, &columns);
        let header = Header { bytes: joined(definitions), formats: &[format] };
        self.core.plan_rows(running, &header, |judged| described(definitions, upstream, format, judged))?;
        if running.discard {
            return Ok(());
        }
        compose::column_count(&mut self.link.to_client, &mut self.turn, columns.len());
        for column in &columns {
            frame::put(&mut self.link.to_client, &mut self.turn, column);
        }
        let end = EndPacket { warnings: 0, ..end };
        if running.wire.opens_cursor {
            running.wire.columns_end = Some(end);
        } else {
            compose::columns_end(&mut self.link.to_client, &mut self.turn, end, self.client);
        }
        Ok(())
    }

    /// Rows follow: the end of the column definitions that was kept back is due.
    pub(super) fn end_columns(&mut self, running: &mut Running) {
        if let Some(end) = running.wire.columns_end.take() {
            let end = EndPacket { status: end.status.without(Status::CURSOR_EXISTS), ..end };
            compose::columns_end(&mut self.link.to_client, &mut self.turn, end, self.client);
        }
    }

    /// The same for the statement whose answer is coming.
    pub(super) fn end_columns_before_rows(&mut self) {
        if let Some(end) = self.running().and_then(|running| running.wire.columns_end.take()) {
            let end = EndPacket { status: end.status.without(Status::CURSOR_EXISTS), ..end };
            compose::columns_end(&mut self.link.to_client, &mut self.turn, end, self.client);
        }
    }

    /// A cursor was opened: the definitions end, and with them the answer. The rows are to be fetched.
    pub(super) fn end_without_rows(&mut self, running: &mut Running, end: &OkPacket<'_>) {
        running.wire.columns_end = None;
        running.wire.cursor_open = true;
        let end =
            OkPacket { warnings: 0, session_state: &[], status: end.status.without(Status::SESSION_CHANGED), ..*end };
        compose::rows_end(&mut self.link.to_client, &mut self.turn, &end, self.client);
    }
}

/// The definitions as one run of bytes, by which a plan is found again.
fn joined(definitions: &[Bytes]) -> Bytes {
    let mut out = BytesMut::with_capacity(definitions.iter().map(|one| one.len() + 4).sum());
    for one in definitions {
        out.extend_from_slice(&u32::try_from(one.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(one);
    }
    out.freeze()
}

fn described(
    definitions: &[Bytes],
    upstream: Capabilities,
    format: Format,
    judged: &Judged,
) -> Result<Vec<ResultColumn>, End> {
    definitions
        .iter()
        .map(|payload| {
            let column = ColumnDefinition::decode(payload, upstream).map_err(fault)?;
            Ok(crate::mysql::results::result_column(&column, format, &judged.world.catalog))
        })
        .collect()
}
