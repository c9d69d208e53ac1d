//! The small commands of a client, each its own few bytes (manual: "Utility Commands", "Prepared Statements").

use bytes::{BufMut, BytesMut};

use crate::mysql::command;
use crate::mysql::frame::WireError;
use crate::mysql::reader::Reader;

/// COM_STMT_SEND_LONG_DATA: a piece of a value that is sent ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongData<'a> {
    /// The statement's number.
    pub statement: u32,
    /// The parameter, counted from 0.
    pub parameter: u16,
    /// The piece.
    pub data: &'a [u8],
}

/// COM_STMT_FETCH: some of the rows behind a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The statement's number.
    pub statement: u32,
    /// Most rows wanted.
    pub rows: u32,
}

/// COM_FIELD_LIST: the columns of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldList<'a> {
    /// The table.
    pub table: &'a [u8],
    /// Only columns like this; empty for all.
    pub wildcard: &'a [u8],
}

fn after<'a>(what: &'static str, code: u8, payload: &'a [u8]) -> Result<Reader<'a>, WireError> {
    let mut reader = Reader::new(what, payload);
    if reader.u8()? == code { Ok(reader) } else { Err(WireError::unexpected(what, payload)) }
}

fn number(what: &'static str, code: u8, payload: &[u8]) -> Result<u32, WireError> {
    let mut reader = after(what, code, payload)?;
    let number = reader.u32()?;
    reader.finish()?;
    Ok(number)
}

/// COM_STMT_SEND_LONG_DATA.
///
/// # Errors
/// Another command, or a broken packet; the same for all below.
pub fn long_data(payload: &[u8]) -> Result<LongData<'_>, WireError> {
    let mut reader = after("COM_STMT_SEND_LONG_DATA", command::STMT_SEND_LONG_DATA, payload)?;
    Ok(LongData { statement: reader.u32()?, parameter: reader.u16()?, data: reader.rest() })
}

/// COM_STMT_CLOSE: the statement's number.
pub fn close(payload: &[u8]) -> Result<u32, WireError> {
    number("COM_STMT_CLOSE", command::STMT_CLOSE, payload)
}

/// COM_STMT_RESET: the statement's number.
pub fn reset(payload: &[u8]) -> Result<u32, WireError> {
    number("COM_STMT_RESET", command::STMT_RESET, payload)
}

/// COM_STMT_FETCH.
pub fn fetch(payload: &[u8]) -> Result<Fetch, WireError> {
    let mut reader = after("COM_STMT_FETCH", command::STMT_FETCH, payload)?;
    let fetch = Fetch { statement: reader.u32()?, rows: reader.u32()? };
    reader.finish()?;
    Ok(fetch)
}

/// COM_INIT_DB: the database's name.
pub fn init_db(payload: &[u8]) -> Result<&[u8], WireError> {
    let mut reader = after("COM_INIT_DB", command::INIT_DB, payload)?;
    Ok(reader.rest())
}

/// COM_PROCESS_KILL: the connection's number, as the client knows it.
pub fn process_kill(payload: &[u8]) -> Result<u32, WireError> {
    number("COM_PROCESS_KILL", command::PROCESS_KILL, payload)
}

/// COM_SET_OPTION: whether several statements in one text are allowed from now on.
pub fn set_option(payload: &[u8]) -> Result<bool, WireError> {
    let mut reader = after("COM_SET_OPTION", command::SET_OPTION, payload)?;
    let option = reader.u16()?;
    reader.clone().finish()?;
    match option {
        0 => Ok(true),
        1 => Ok(false),
        other => Err(reader.out_of_range("option 0 or 1", u64::from(other))),
    }
}

/// COM_FIELD_LIST.
pub fn field_list(payload: &[u8]) -> Result<FieldList<'_>, WireError> {
    let mut reader = after("COM_FIELD_LIST", command::FIELD_LIST, payload)?;
    Ok(FieldList { table: reader.cstr()?, wildcard: reader.rest() })
}

/// Writes a COM_STMT_CLOSE.
pub fn put_close(out: &mut BytesMut, statement: u32) {
    out.put_u8(command::STMT_CLOSE);
    out.put_u32_le(statement);
}

/// Writes a COM_STMT_SEND_LONG_DATA.
pub fn put_long_data(out: &mut BytesMut, piece: LongData<'_>) {
    out.put_u8(command::STMT_SEND_LONG_DATA);
    out.put_u32_le(piece.statement);
    out.put_u16_le(piece.parameter);
    out.put_slice(piece.data);
}

/// Writes a COM_STMT_RESET.
pub fn put_reset(out: &mut BytesMut, statement: u32) {
    out.put_u8(command::STMT_RESET);
    out.put_u32_le(statement);
}

/// Writes a COM_STMT_FETCH.
pub fn put_fetch(out: &mut BytesMut, fetch: Fetch) {
    out.put_u8(command::STMT_FETCH);
    out.put_u32_le(fetch.statement);
    out.put_u32_le(fetch.rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_commands_read() {
        let piece = LongData { statement: 7, parameter: 2, data: b"abc" };
        assert_eq!(long_data(b"\x18\x07\0\0\0\x02\0abc"), Ok(piece));
        assert_eq!(close(b"\x19\x07\0\0\0"), Ok(7));
        assert_eq!(reset(b"\x1a\x07\0\0\0"), Ok(7));
        assert_eq!(fetch(b"\x1c\x07\0\0\0\x64\0\0\0"), Ok(Fetch { statement: 7, rows: 100 }));
        assert_eq!(init_db(b"\x02shop"), Ok(&b"shop"[..]));
        assert_eq!(process_kill(b"\x0c\x09\0\0\0"), Ok(9));
        assert_eq!((set_option(b"\x1b\0\0"), set_option(b"\x1b\x01\0")), (Ok(true), Ok(false)));
        assert_eq!(field_list(b"\x04orders\0%"), Ok(FieldList { table: b"orders", wildcard: b"%" }));
    }

    #[test]
    fn broken_ones_are_refused() {
        assert!(long_data(b"\x18\x07\0\0\0\x02").is_err());
        assert!(
            close(b"\x19\x07\0\0").is_err() && close(b"\x19\x07\0\0\0\0").is_err() && close(b"\x1a\x07\0\0\0").is_err()
        );
        assert!(fetch(b"\x1c\x07\0\0\0\x64\0\0").is_err());
        assert!(set_option(b"\x1b\x02\0").is_err() && set_option(b"\x1b\0").is_err());
        assert!(field_list(b"\x04orders").is_err() && init_db(b"\x03shop").is_err());
    }

    #[test]
    fn own_commands_read_back() {
        let mut out = BytesMut::new();
        put_close(&mut out, 9);
        assert_eq!(close(&out), Ok(9));
        out.clear();
        put_reset(&mut out, 9);
        assert_eq!(reset(&out), Ok(9));
        out.clear();
        let piece = LongData { statement: 9, parameter: 1, data: b"abc" };
        put_long_data(&mut out, piece);
        assert_eq!(long_data(&out), Ok(piece));
        out.clear();
        put_fetch(&mut out, Fetch { statement: 9, rows: 5 });
        assert_eq!(fetch(&out), Ok(Fetch { statement: 9, rows: 5 }));
    }
}
