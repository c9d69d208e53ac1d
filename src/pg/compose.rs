//! Messages that Holdpoint itself sends, to either side (manual, "Message Formats").

use bytes::{BufMut, Bytes, BytesMut};

use crate::pg::frame::WireError;
use crate::pg::messages::extended::Bind;
use crate::pg::messages::{message, put_text};

/// Flush.
pub const FLUSH: [u8; 5] = [b'H', 0, 0, 0, 4];
/// Sync.
pub const SYNC: [u8; 5] = [b'S', 0, 0, 0, 4];
/// Terminate.
pub const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];
/// ParseComplete.
pub const PARSE_COMPLETE: Bytes = Bytes::from_static(&[b'1', 0, 0, 0, 4]);
/// BindComplete.
pub const BIND_COMPLETE: Bytes = Bytes::from_static(&[b'2', 0, 0, 0, 4]);
/// CloseComplete.
pub const CLOSE_COMPLETE: Bytes = Bytes::from_static(&[b'3', 0, 0, 0, 4]);
/// NoData.
pub const NO_DATA: [u8; 5] = [b'n', 0, 0, 0, 4];
/// ParameterDescription without parameters.
pub const NO_PARAMETERS: [u8; 7] = [b't', 0, 0, 0, 6, 0, 0];

fn built(kind: u8, body: impl FnOnce(&mut BytesMut)) -> Bytes {
    let mut out = BytesMut::new();
    message(&mut out, kind, body);
    out.freeze()
}

fn count(length: usize) -> i16 {
    i16::try_from(length).unwrap_or(i16::MAX)
}

/// A name as it stands in SQL, quoted (manual, "Identifiers and Key Words").
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Query.
pub fn query(text: &str) -> Bytes {
    built(b'Q', |out| put_text(out, text))
}

/// Parse.
pub fn parse(name: &[u8], text: &str, types: &[u32]) -> Bytes {
    built(b'P', |out| {
        put_text(out, name);
        put_text(out, text);
        out.put_i16(count(types.len()));
        types.iter().for_each(|oid| out.put_u32(*oid));
    })
}

/// Describe of a statement.
pub fn describe_statement(name: &[u8]) -> Bytes {
    built(b'D', |out| {
        out.put_u8(b'S');
        put_text(out, name);
    })
}

/// Bind of a portal to the statement of the same name, without parameters, results in text.
pub fn bind_nothing(name: &[u8]) -> Bytes {
    built(b'B', |out| {
        put_text(out, name);
        put_text(out, name);
        out.put_i16(0);
        out.put_i16(0);
        out.put_i16(0);
    })
}

/// The client's Bind with its parameters, for a statement and portal of ours, results in text.
pub fn redirected(bind: &Bind<'_>, name: &[u8]) -> Bytes {
    built(b'B', |out| {
        put_text(out, name);
        put_text(out, name);
        out.put_i16(count(bind.formats.0.len()));
        bind.formats.0.iter().for_each(|format| out.put_i16(format.code()));
        out.put_u16(u16::try_from(bind.values.len()).unwrap_or(u16::MAX));
        for value in &bind.values {
            match value {
                Some(bytes) => {
                    out.put_i32(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
                    out.put_slice(bytes);
                }
                None => out.put_i32(-1),
            }
        }
        out.put_i16(0);
    })
}

/// Execute without a row limit.
pub fn execute(portal: &[u8]) -> Bytes {
    built(b'E', |out| {
        put_text(out, portal);
        out.put_i32(0);
    })
}

/// Close of a statement.
pub fn close_statement(name: &[u8]) -> Bytes {
    built(b'C', |out| {
        out.put_u8(b'S');
        put_text(out, name);
    })
}

/// Close of a portal.
pub fn close_portal(name: &[u8]) -> Bytes {
    built(b'C', |out| {
        out.put_u8(b'P');
        put_text(out, name);
    })
}

/// ReadyForQuery.
pub fn ready(status: u8) -> Bytes {
    built(b'Z', |out| out.put_u8(status))
}

/// CommandComplete.
pub fn complete(tag: &str) -> Bytes {
    built(b'C', |out| put_text(out, tag))
}

/// RowDescription of one text column.
pub fn text_column(name: &str) -> Bytes {
    built(b'T', |out| {
        out.put_i16(1);
        put_text(out, name);
        out.put_u32(0);
        out.put_i16(0);
        out.put_u32(25);
        out.put_i16(-1);
        out.put_i32(-1);
        out.put_i16(0);
    })
}

/// DataRow of one text cell, made by the proxy itself.
pub fn text_row(text: &str) -> Bytes {
    built(b'D', |out| {
        out.put_i16(1);
        out.put_i32(i32::try_from(text.len()).unwrap_or(i32::MAX));
        out.put_slice(text.as_bytes());
    })
}

/// CopyData of masked bytes.
pub fn copy_data(masked: &[u8]) -> Bytes {
    built(b'd', |out| out.put_slice(masked))
}

/// ParameterStatus.
pub fn parameter_status(name: &str, value: &str) -> Bytes {
    built(b'S', |out| {
        put_text(out, name);
        put_text(out, value);
    })
}

/// A ParameterStatus about this setting.
pub fn is_parameter(message: &[u8], setting: &[u8]) -> bool {
    let name = message.get(5..).and_then(|body| body.split(|byte| *byte == 0).next());
    message.first() == Some(&b'S') && name == Some(setting)
}

/// A ParameterStatus of the upstream that tells of a setting that changes how statements are read or resolved.
pub fn parameter_changes_reading(message: &[u8]) -> bool {
    let body = message.get(5..).unwrap_or_default();
    let name = body.split(|byte| *byte == 0).next().unwrap_or_default();
    matches!(name, b"standard_conforming_strings" | b"client_encoding" | b"session_authorization" | b"search_path")
}

/// Text cells of a DataRow that answers a question of the proxy's own.
///
/// # Errors
/// A malformed row, or a cell that is not UTF-8.
pub fn row_texts(message: &[u8]) -> Result<Vec<Option<String>>, WireError> {
    let mut reader = crate::pg::reader::Reader::new("DataRow", message.get(5..).unwrap_or_default());
    let count = reader.count()?;
    let mut cells = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let cell = match reader.value()? {
            Some(bytes) => Some(String::from_utf8(bytes.to_vec()).map_err(|_| WireError::NotUtf8 { what: "DataRow" })?),
            None => None,
        };
        cells.push(cell);
    }
    reader.finish()?;
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_row_reads_back() {
        assert_eq!(row_texts(&text_row("abc")), Ok(vec![Some("abc".to_owned())]));
    }

    #[test]
    fn bind_keeps_nulls_and_values() {
        let body: &[u8] = b"p\0s\0\0\0\0\x02\xff\xff\xff\xff\0\0\0\x01x\0\0";
        let bind = Bind::decode(body).expect("a legal Bind");
        let again = redirected(&bind, b"mine");
        let read = Bind::decode(&again[5..]).expect("what was written is legal");
        assert_eq!(
            (read.portal, read.statement, read.values),
            (&b"mine"[..], &b"mine"[..], vec![None, Some(&b"x"[..])])
        );
    }
}
