//! The first packet of the answer to COM_STMT_PREPARE (manual: "COM_STMT_PREPARE_OK").

use bytes::{BufMut, BytesMut};

use crate::mysql::frame::WireError;
use crate::mysql::packets::ok::OK;
use crate::mysql::reader::Reader;

/// A statement was prepared; definitions of its parameters and columns follow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// The server's number of the statement.
    pub statement: u32,
    /// Columns of its result.
    pub columns: u16,
    /// Its parameters.
    pub parameters: u16,
    /// Warnings.
    pub warnings: u16,
}

impl Prepared {
    /// Reads the payload.
    ///
    /// # Errors
    /// A broken packet.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("COM_STMT_PREPARE_OK", payload);
        if reader.u8()? != OK {
            return Err(WireError::unexpected("COM_STMT_PREPARE_OK", payload));
        }
        let (statement, columns, parameters) = (reader.u32()?, reader.u16()?, reader.u16()?);
        reader.u8()?;
        let warnings = if reader.is_empty() { 0 } else { reader.u16()? };
        reader.finish()?;
        Ok(Self { statement, columns, parameters, warnings })
    }

    /// Writes the payload.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u8(OK);
        out.put_u32_le(self.statement);
        out.put_u16_le(self.columns);
        out.put_u16_le(self.parameters);
        out.put_u8(0);
        out.put_u16_le(self.warnings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back() {
        let bytes = b"\0\x07\0\0\0\x02\0\x01\0\0\0\0";
        let prepared = Prepared::decode(bytes).unwrap();
        assert_eq!(prepared, Prepared { statement: 7, columns: 2, parameters: 1, warnings: 0 });
        let mut out = BytesMut::new();
        prepared.encode(&mut out);
        assert_eq!(&out[..], bytes);
    }

    #[test]
    fn broken_ones_are_refused() {
        for bytes in
            [&b""[..], b"\x01\x07\0\0\0\x02\0\x01\0\0\0\0", b"\0\x07\0\0\0\x02\0", b"\0\x07\0\0\0\x02\0\x01\0\0\0\0\0"]
        {
            assert!(Prepared::decode(bytes).is_err(), "{bytes:?}");
        }
    }
}
