//! COM_QUERY and COM_STMT_PREPARE: text, and the attributes before it (manual: "COM_QUERY").

use bytes::{BufMut, BytesMut};

use crate::mysql::command;
use crate::mysql::frame::WireError;
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::packets::value::{ParameterKind, Value, read};
use crate::mysql::reader::{Reader, put_lenenc};

/// Most attributes and parameters of one statement, as servers count them.
pub const BINDINGS_MAX: usize = 65_535;

/// A named value that travels with a statement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attribute<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Its value.
    pub value: Value<'a>,
}

/// A COM_QUERY.
#[derive(Clone, Debug, PartialEq)]
pub struct Query<'a> {
    /// The statements.
    pub text: &'a [u8],
    /// What travels with them.
    pub attributes: Vec<Attribute<'a>>,
    /// The attributes as they came, counts included; empty where `QUERY_ATTRIBUTES` is not agreed.
    raw: &'a [u8],
}

impl<'a> Query<'a> {
    /// Reads the payload, command byte included. `capabilities` are those agreed with the sender.
    ///
    /// # Errors
    /// A broken packet.
    pub fn decode(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        let mut reader = Reader::new("COM_QUERY", payload);
        if reader.u8()? != command::QUERY {
            return Err(WireError::unexpected("COM_QUERY", payload));
        }
        if !capabilities.has(Capabilities::QUERY_ATTRIBUTES) {
            return Ok(Self { text: reader.rest(), attributes: Vec::new(), raw: &[] });
        }
        let count = bindings(&mut reader)?;
        let sets = reader.lenenc()?;
        if sets != 1 {
            return Err(reader.out_of_range("1 set of attributes", sets));
        }
        let mut attributes = Vec::new();
        if count > 0 {
            let nulls = reader.bytes(count.div_ceil(8))?;
            if reader.u8()? != 1 {
                return Err(reader.out_of_range("types of the attributes", 0));
            }
            let named = headings(&mut reader, count, true)?;
            for (index, (kind, name)) in named.into_iter().enumerate() {
                let value = if is_null(nulls, index) { Value::Null } else { read(&mut reader, kind)? };
                attributes.push(Attribute { name, value });
            }
        }
        let before = payload.len().saturating_sub(reader.remaining());
        let raw = payload.get(1..before).unwrap_or_default();
        Ok(Self { text: reader.rest(), attributes, raw })
    }

    /// Writes the payload for a peer with these capabilities: with the attributes as they came, or without any.
    pub fn encode(&self, out: &mut BytesMut, capabilities: Capabilities) {
        out.put_u8(command::QUERY);
        if capabilities.has(Capabilities::QUERY_ATTRIBUTES) {
            if self.raw.is_empty() {
                put_lenenc(out, 0);
                put_lenenc(out, 1);
            }
            out.put_slice(self.raw);
        }
        out.put_slice(self.text);
    }
}

/// Writes the payload of a COM_QUERY of the proxy's own, without attributes.
pub fn put(out: &mut BytesMut, text: &str, capabilities: Capabilities) {
    Query { text: text.as_bytes(), attributes: Vec::new(), raw: &[] }.encode(out, capabilities);
}

/// The text of a COM_STMT_PREPARE, command byte included in `payload`.
///
/// # Errors
/// Another command.
pub fn prepared_text(payload: &[u8]) -> Result<&[u8], WireError> {
    match payload.split_first() {
        Some((&command::STMT_PREPARE, text)) => Ok(text),
        _ => Err(WireError::unexpected("COM_STMT_PREPARE", payload)),
    }
}

/// The number of values that follow.
pub(super) fn bindings(reader: &mut Reader<'_>) -> Result<usize, WireError> {
    let count = reader.lenenc()?;
    let fits = usize::try_from(count).ok().filter(|count| *count <= BINDINGS_MAX);
    fits.ok_or_else(|| reader.out_of_range("at most 65535 parameters", count))
}

/// Types, and names if there are some; an empty name else.
pub(super) fn headings<'a>(
    reader: &mut Reader<'a>,
    count: usize,
    named: bool,
) -> Result<Vec<(ParameterKind, &'a [u8])>, WireError> {
    let mut headings = Vec::with_capacity(count.min(reader.remaining() / 2));
    for _ in 0..count {
        let kind = ParameterKind::decode(reader)?;
        let name = if named { reader.lenenc_bytes()? } else { &[] };
        headings.push((kind, name));
    }
    Ok(headings)
}

/// Is value `index` NULL by this bitmap?
pub(super) fn is_null(nulls: &[u8], index: usize) -> bool {
    nulls.get(index / 8).is_some_and(|byte| byte & (1 << (index % 8)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH: Capabilities = Capabilities::QUERY_ATTRIBUTES;

    /// `SELECT 1` with `reason` = 'refund', `n` = 7 and `nothing` = NULL.
    const ATTRIBUTED: &[u8] =
        b"\x03\x03\x01\x04\x01\xfe\0\x06reason\x03\0\x01n\x06\0\x07nothing\x06refund\x07\0\0\0SELECT 1";

    #[test]
    fn text_without_attributes_is_the_rest() {
        let query = Query::decode(b"\x03SELECT 1", Capabilities::NONE).unwrap();
        assert_eq!((query.text, query.attributes.len()), (&b"SELECT 1"[..], 0));
        let none = Query::decode(b"\x03\0\x01SELECT 1", WITH).unwrap();
        assert_eq!((none.text, none.attributes.len()), (&b"SELECT 1"[..], 0));
    }

    #[test]
    fn attributes_read_and_are_passed_on_or_left_out() {
        let query = Query::decode(ATTRIBUTED, WITH).unwrap();
        assert_eq!(query.text, b"SELECT 1");
        let wanted = [
            Attribute { name: b"reason", value: Value::Bytes(b"refund") },
            Attribute { name: b"n", value: Value::Int(7) },
            Attribute { name: b"nothing", value: Value::Null },
        ];
        assert_eq!(query.attributes, wanted);
        let (mut with, mut without) = (BytesMut::new(), BytesMut::new());
        query.encode(&mut with, WITH);
        query.encode(&mut without, Capabilities::NONE);
        assert_eq!((&with[..], &without[..]), (ATTRIBUTED, &b"\x03SELECT 1"[..]));
    }

    #[test]
    fn own_queries_read_back_under_either_agreement() {
        for capabilities in [WITH, Capabilities::NONE] {
            let mut out = BytesMut::new();
            put(&mut out, "SELECT 2", capabilities);
            assert_eq!(Query::decode(&out, capabilities).unwrap().text, b"SELECT 2");
        }
    }

    #[test]
    fn lies_are_refused() {
        for bytes in [
            &b"\x03"[..],
            b"\x03\x01",
            b"\x03\0\x02SELECT 1",
            b"\x03\xfd\xff\xff\xff\x01",
            b"\x03\x01\x01\0\0\xfe\0\x01n",
            b"\x03\x01\x01\0\x01\xfe\0\x05n",
            b"\x16SELECT 1",
        ] {
            assert!(Query::decode(bytes, WITH).is_err(), "{bytes:?}");
        }
        assert!(prepared_text(b"\x03SELECT 1").is_err());
        assert_eq!(prepared_text(b"\x16SELECT ?"), Ok(&b"SELECT ?"[..]));
    }

    proptest::proptest! {
        #[test]
        fn reading_anything_never_panics(bytes: Vec<u8>) {
            let mut payload = vec![command::QUERY];
            payload.extend(bytes);
            if let Ok(query) = Query::decode(&payload, WITH) {
                let mut out = BytesMut::new();
                query.encode(&mut out, WITH);
                assert_eq!(&out[..], &payload[..]);
            }
        }
    }
}
