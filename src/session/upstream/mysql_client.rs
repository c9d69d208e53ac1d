//! A session of Holdpoint's own at a MySQL server: asks in text and reads the rows. For catalogs, versions and `KILL`.

use std::sync::Arc;

use crate::mysql::command::{self, Command};
use crate::mysql::frame::{FRAME_PAYLOAD_MAX, WireError};
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::handshake::version::ServerVersion;
use crate::mysql::ledger::{Answer, Part};
use crate::mysql::packets::query;
use crate::mysql::packets::text_row::cells;
use crate::session::shared::Database;
use crate::session::stream::UpstreamStream;
use crate::session::stream::packets::Packets;
use crate::session::upstream::UpstreamError;
use crate::session::upstream::dial::Address;
use crate::session::upstream::mysql::{Wanted, connect};

/// Largest packet of an answer, in bytes.
const PACKET_MAX: usize = FRAME_PAYLOAD_MAX;

/// Most bytes of rows in one answer.
const ANSWER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The rows of an answer, as text.
pub type Rows = Vec<Vec<Option<String>>>;

/// A session of our own.
#[derive(Debug)]
pub struct Client {
    packets: Packets<UpstreamStream>,
    capabilities: Capabilities,
    offered: Capabilities,
    version: ServerVersion,
    collation: u8,
    thread_id: u32,
}

impl Client {
    /// Logs in as the database's upstream user; `at` names the very server, if it matters. `program` is what the server is
    /// told. Not bounded in time: bound it with a timeout. Cancel safe.
    ///
    /// # Errors
    /// As for every upstream session.
    pub async fn open(database: &Arc<Database>, program: &str, at: Option<&Address>) -> Result<Self, UpstreamError> {
        let session = connect(database, Wanted::own(program, at)).await?;
        if !session.leftovers.is_empty() {
            return Err(UpstreamError::Packet(WireError::unexpected("nothing behind OK", &session.leftovers)));
        }
        Ok(Self {
            packets: Packets::new(session.stream),
            capabilities: session.capabilities,
            offered: session.offered,
            version: session.version,
            collation: session.server_collation,
            thread_id: session.thread_id,
        })
    }

    /// The server's version.
    pub fn version(&self) -> &ServerVersion {
        &self.version
    }

    /// What the server offers.
    pub fn offered(&self) -> Capabilities {
        self.offered
    }

    /// The server's default collation, its lower byte.
    pub fn collation(&self) -> u8 {
        self.collation
    }

    /// The server's number of this connection.
    pub fn thread_id(&self) -> u32 {
        self.thread_id
    }

    /// Runs one statement: the rows of its last result, in text. Not cancel safe: drop the session then.
    ///
    /// # Errors
    /// The server refuses the statement, breaks the protocol, or sends more than 256 MiB.
    pub async fn query(&mut self, sql: &str) -> Result<Rows, UpstreamError> {
        self.packets.restart();
        let capabilities = self.capabilities;
        self.packets.send(|out| query::put(out, sql, capabilities)).await?;
        let mut answer = Answer::to(Command::Query, capabilities);
        let (mut rows, mut columns, mut bytes) = (Vec::new(), 0, 0_usize);
        while !answer.is_done() {
            let payload = self.packets.read(PACKET_MAX).await?;
            bytes = bytes.saturating_add(payload.len());
            if bytes > ANSWER_BYTES_MAX {
                return Err(UpstreamError::Endless);
            }
            match answer.take(&payload)? {
                Part::Error(_) => return Err(UpstreamError::denied(&payload)),
                Part::ColumnCount(count) => {
                    columns = count;
                    rows.clear();
                }
                Part::TextRow => rows.push(texts(&payload, columns)?),
                _ => {}
            }
        }
        Ok(rows)
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        self.packets.restart();
        // The server drops the session in any case when the connection closes.
        let _said = self.packets.send(|out| out.extend_from_slice(&[command::QUIT])).await;
    }
}

fn texts(payload: &[u8], columns: usize) -> Result<Vec<Option<String>>, WireError> {
    let text = |cell: Option<&[u8]>| {
        let text = cell.map(|bytes| String::from_utf8(bytes.to_vec())).transpose();
        text.map_err(|_| WireError::NotUtf8 { what: "text row" })
    };
    cells(payload, columns)?.into_iter().map(text).collect()
}
