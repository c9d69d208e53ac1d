//! ERR, and MariaDB's progress report, which is an ERR with a number of its own (manual: "ERR_Packet").

use bytes::{BufMut, BytesMut};

use crate::mysql::frame::WireError;
use crate::mysql::reader::Reader;

/// First byte of an ERR packet.
pub const ERR: u8 = 0xff;

/// The error number that makes an ERR a progress report (MariaDB).
pub const PROGRESS: u16 = 0xffff;

/// The SQLSTATE of errors that have none.
pub const GENERAL: [u8; 5] = *b"HY000";

/// An error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrPacket<'a> {
    /// Its number.
    pub code: u16,
    /// Its SQLSTATE.
    pub sqlstate: [u8; 5],
    /// Its text.
    pub message: &'a [u8],
}

impl<'a> ErrPacket<'a> {
    /// Reads an ERR packet. Before login servers leave the SQLSTATE out.
    ///
    /// # Errors
    /// A broken packet.
    pub fn decode(payload: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("ERR", payload);
        if reader.u8()? != ERR {
            return Err(WireError::unexpected("an ERR packet", payload));
        }
        let code = reader.u16()?;
        let mut sqlstate = GENERAL;
        if reader.peek() == Some(b'#') {
            reader.u8()?;
            for place in &mut sqlstate {
                *place = reader.u8()?;
            }
        }
        Ok(Self { code, sqlstate, message: reader.rest() })
    }

    /// Writes the payload.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u8(ERR);
        out.put_u16_le(self.code);
        out.put_u8(b'#');
        out.put_slice(&self.sqlstate);
        out.put_slice(self.message);
    }

    /// Writes the payload without its SQLSTATE, as it is before the greeting: nobody has agreed to read one yet.
    pub fn encode_early(&self, out: &mut BytesMut) {
        out.put_u8(ERR);
        out.put_u16_le(self.code);
        out.put_slice(self.message);
    }

    /// It is a progress report: the answer goes on.
    pub fn is_progress(&self) -> bool {
        self.code == PROGRESS
    }

    /// The SQLSTATE as text; `HY000` if it is none.
    pub fn sqlstate_text(&self) -> &str {
        std::str::from_utf8(&self.sqlstate).unwrap_or("HY000")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_reads_with_and_without_its_state() {
        let error = ErrPacket::decode(b"\xff\x15\x04#28000Access denied").unwrap();
        assert_eq!((error.code, error.sqlstate_text(), error.message), (1045, "28000", &b"Access denied"[..]));
        let early = ErrPacket::decode(b"\xff\x10\x04Too many connections").unwrap();
        assert_eq!((early.code, early.sqlstate_text(), early.message), (1040, "HY000", &b"Too many connections"[..]));
        assert!(ErrPacket::decode(b"\xff\xff\xff\x01\x01\x02\0\0\0\x04copy").unwrap().is_progress());
    }

    #[test]
    fn early_errors_have_no_state() {
        let mut out = BytesMut::new();
        ErrPacket { code: 1040, sqlstate: *b"08004", message: b"Too many connections" }.encode_early(&mut out);
        assert_eq!(&out[..], b"\xff\x10\x04Too many connections");
    }

    #[test]
    fn broken_errors_are_refused() {
        for bytes in [&b""[..], b"\xff", b"\xff\x15", b"\xff\x15\x04#280", b"\0\x15\x04"] {
            assert!(ErrPacket::decode(bytes).is_err(), "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(code: u16, sqlstate: [u8; 5], message: Vec<u8>) {
            let error = ErrPacket { code, sqlstate, message: &message };
            let mut out = BytesMut::new();
            error.encode(&mut out);
            assert_eq!(ErrPacket::decode(&out), Ok(error));
        }
    }
}
