//! Packets that Holdpoint itself sends, to either side, and the two forms of an end translated into each other.

use bytes::{BufMut, Bytes, BytesMut};

use crate::mysql::command;
use crate::mysql::frame::{Sequence, packet};
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::packets::column::ColumnDefinition;
use crate::mysql::packets::error::ErrPacket;
use crate::mysql::packets::ok::{EOF, End, OK, OkPacket, Status};
use crate::mysql::packets::query;
use crate::mysql::packets::text_row::put_cell;
use crate::mysql::reader::{put_bytes, put_lenenc};

/// Writes an OK.
pub fn ok(out: &mut BytesMut, sequence: &mut Sequence, ok: &OkPacket<'_>, capabilities: Capabilities) {
    packet(out, sequence, |out| ok.encode(out, OK, capabilities));
}

/// Writes an ERR.
pub fn error(out: &mut BytesMut, sequence: &mut Sequence, error: &ErrPacket<'_>) {
    packet(out, sequence, |out| error.encode(out));
}

/// Writes the end of column definitions, which a peer that agreed on `DEPRECATE_EOF` does not get.
pub fn columns_end(out: &mut BytesMut, sequence: &mut Sequence, end: End, capabilities: Capabilities) {
    if !capabilities.has(Capabilities::DEPRECATE_EOF) {
        packet(out, sequence, |out| end.encode(out));
    }
}

/// Writes the end of rows in the form that was agreed with the peer.
pub fn rows_end(out: &mut BytesMut, sequence: &mut Sequence, end: &OkPacket<'_>, capabilities: Capabilities) {
    packet(out, sequence, |out| match capabilities.has(Capabilities::DEPRECATE_EOF) {
        true => end.encode(out, EOF, capabilities),
        false => End { status: end.status, warnings: end.warnings }.encode(out),
    });
}

/// Writes the number of columns that begins a result.
pub fn column_count(out: &mut BytesMut, sequence: &mut Sequence, count: usize) {
    packet(out, sequence, |out| put_lenenc(out, u64::try_from(count).unwrap_or(u64::MAX)));
}

/// Writes a column definition.
pub fn column(out: &mut BytesMut, sequence: &mut Sequence, column: &ColumnDefinition<'_>, capabilities: Capabilities) {
    packet(out, sequence, |out| column.encode(out, capabilities));
}

/// A whole result in text, of columns that have names and nothing else, with the session's `status`.
#[derive(Clone, Copy, Debug)]
pub struct TextResult<'a> {
    /// Names of the columns.
    pub columns: &'a [&'a str],
    /// Rows; cells beyond the columns are left out, missing ones are NULL.
    pub rows: &'a [Vec<Option<String>>],
    /// The session's status.
    pub status: Status,
}

impl TextResult<'_> {
    /// Writes all its packets.
    pub fn put(&self, out: &mut BytesMut, sequence: &mut Sequence, capabilities: Capabilities) {
        self.put_rows(out, sequence, capabilities, false);
    }

    /// The same as the answer to COM_STMT_EXECUTE: before its cells a row in binary has a zero byte and its NULLs as bits, two
    /// of them in reserve (manual: "Binary Protocol Resultset Row").
    pub fn put_binary(&self, out: &mut BytesMut, sequence: &mut Sequence, capabilities: Capabilities) {
        self.put_rows(out, sequence, capabilities, true);
    }

    fn put_rows(&self, out: &mut BytesMut, sequence: &mut Sequence, capabilities: Capabilities, binary: bool) {
        column_count(out, sequence, self.columns.len());
        for name in self.columns {
            column(out, sequence, &ColumnDefinition::text(name), capabilities);
        }
        columns_end(out, sequence, End { status: self.status, warnings: 0 }, capabilities);
        for row in self.rows {
            let cells = (0..self.columns.len()).map(|index| row.get(index).and_then(Option::as_deref));
            packet(out, sequence, |out| match binary {
                false => cells.for_each(|cell| put_cell(out, cell.map(str::as_bytes))),
                true => put_binary_row(out, &cells.collect::<Vec<_>>()),
            });
        }
        let end = OkPacket { status: self.status, ..OkPacket::default() };
        rows_end(out, sequence, &end, capabilities);
    }
}

fn put_binary_row(out: &mut BytesMut, cells: &[Option<&str>]) {
    let mut nulls = vec![0_u8; (cells.len() + 9) / 8];
    for (index, _) in cells.iter().enumerate().filter(|(_, cell)| cell.is_none()) {
        if let Some(byte) = nulls.get_mut((index + 2) / 8) {
            *byte |= 1 << ((index + 2) % 8);
        }
    }
    out.put_u8(OK);
    out.put_slice(&nulls);
    cells.iter().flatten().for_each(|cell| put_bytes(out, cell.as_bytes()));
}

fn command_packet(body: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut out = BytesMut::new();
    packet(&mut out, &mut Sequence::default(), body);
    out.freeze()
}

/// A COM_QUERY of our own, as a whole packet.
pub fn query(text: &str, capabilities: Capabilities) -> Bytes {
    command_packet(|out| query::put(out, text, capabilities))
}

/// A COM_PING, as a whole packet.
pub fn ping() -> Bytes {
    command_packet(|out| out.put_u8(command::PING))
}

/// A COM_QUIT, as a whole packet.
pub fn quit() -> Bytes {
    command_packet(|out| out.put_u8(command::QUIT))
}

/// A COM_RESET_CONNECTION, as a whole packet.
pub fn reset_connection() -> Bytes {
    command_packet(|out| out.put_u8(command::RESET_CONNECTION))
}

/// A COM_INIT_DB, as a whole packet.
pub fn init_db(name: &str) -> Bytes {
    command_packet(|out| {
        out.put_u8(command::INIT_DB);
        out.put_slice(name.as_bytes());
    })
}

/// An answer to a server that asked for a file: there is none. One empty packet.
pub fn no_file(sequence: &mut Sequence) -> Bytes {
    let mut out = BytesMut::new();
    packet(&mut out, sequence, |_| {});
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::command::Command;
    use crate::mysql::frame::{cut, take};
    use crate::mysql::ledger::{Answer, Part};
    use crate::mysql::packets::text_row::cells;

    /// Runs written packets through the machine that reads answers: everything must have its place.
    fn rows(mut out: BytesMut, capabilities: Capabilities) -> Vec<Vec<Option<String>>> {
        let mut answer = Answer::to(Command::Query, capabilities);
        let (mut turn, mut rows, mut columns) = (Sequence(1), Vec::new(), 0);
        while let Some(head) = cut(&out, usize::MAX).unwrap() {
            turn.accept(&head).unwrap();
            let payload = take(&mut out, &head);
            match answer.take(&payload).unwrap() {
                Part::ColumnCount(count) => columns = count,
                Part::TextRow => {
                    let text = |cell: Option<&[u8]>| cell.map(|cell| String::from_utf8(cell.to_vec()).unwrap());
                    rows.push(cells(&payload, columns).unwrap().into_iter().map(text).collect());
                }
                _ => {}
            }
        }
        assert!(answer.is_done() && out.is_empty());
        rows
    }

    #[test]
    fn own_results_read_back_under_either_agreement() {
        let written = vec![vec![Some("apr_1".to_owned()), None], vec![Some("apr_2".to_owned()), Some(String::new())]];
        for capabilities in [Capabilities::NONE, Capabilities::DEPRECATE_EOF.with(Capabilities::SESSION_TRACK)] {
            let mut out = BytesMut::new();
            let result = TextResult { columns: &["id", "state"], rows: &written, status: Status::AUTOCOMMIT };
            result.put(&mut out, &mut Sequence(1), capabilities);
            assert_eq!(rows(out, capabilities), written);
        }
    }

    #[test]
    fn own_results_in_binary_mark_their_nulls() {
        let mut out = BytesMut::new();
        let rows = [vec![Some("x".to_owned()), None]];
        let result = TextResult { columns: &["a", "b"], rows: &rows, status: Status::AUTOCOMMIT };
        result.put_binary(&mut out, &mut Sequence(1), Capabilities::DEPRECATE_EOF);
        let row = b"\x04\0\0\x04\0\x08\x01x";
        assert!(out.windows(row.len()).any(|window| window == row), "{out:?}");
    }

    #[test]
    fn own_commands_are_whole_packets() {
        assert_eq!(&ping()[..], b"\x01\0\0\0\x0e");
        assert_eq!(&quit()[..], b"\x01\0\0\0\x01");
        assert_eq!(&query("SELECT 1", Capabilities::NONE)[..], b"\x09\0\0\0\x03SELECT 1");
        assert_eq!(&init_db("shop")[..], b"\x05\0\0\0\x02shop");
        assert_eq!(&no_file(&mut Sequence(2))[..], b"\0\0\0\x02");
    }
}
