//! OK and EOF: how a statement ended, the session's state, and what changed in it (manual: "OK_Packet", "EOF_Packet").

use bytes::{BufMut, BytesMut};

use crate::mysql::frame::WireError;
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::reader::{Reader, put_bytes, put_lenenc};

/// First byte of an OK packet.
pub const OK: u8 = 0x00;
/// First byte of an EOF packet, and of the OK packet that ends rows.
pub const EOF: u8 = 0xfe;

/// Status flags.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Status(pub u16);

impl Status {
    /// A transaction is open.
    pub const IN_TRANSACTION: Self = Self(0x0001);
    /// Each statement commits by itself.
    pub const AUTOCOMMIT: Self = Self(0x0002);
    /// Another result follows.
    pub const MORE_RESULTS: Self = Self(0x0008);
    /// Rows wait behind a cursor: none follow now.
    pub const CURSOR_EXISTS: Self = Self(0x0040);
    /// A fetch has reached the last row.
    pub const LAST_ROW_SENT: Self = Self(0x0080);
    /// The current database was dropped.
    pub const DATABASE_DROPPED: Self = Self(0x0100);
    /// `sql_mode` has `NO_BACKSLASH_ESCAPES`.
    pub const NO_BACKSLASH_ESCAPES: Self = Self(0x0200);
    /// A prepared statement was prepared anew and has other columns now.
    pub const METADATA_CHANGED: Self = Self(0x0400);
    /// The result carries the OUT parameters of a procedure.
    pub const OUT_PARAMETERS: Self = Self(0x1000);
    /// The open transaction is read only.
    pub const IN_READ_ONLY_TRANSACTION: Self = Self(0x2000);
    /// Changes of the session follow in this packet.
    pub const SESSION_CHANGED: Self = Self(0x4000);
    /// MariaDB: `sql_mode` has `ANSI_QUOTES`.
    pub const ANSI_QUOTES: Self = Self(0x8000);

    /// All of `others` are set.
    pub fn has(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// With these, too.
    #[must_use]
    pub const fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Without these.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }
}

impl std::fmt::Debug for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Status({:#06x})", self.0)
    }
}

/// One thing that changed in the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// A system variable has this value now.
    Variable {
        /// Its name.
        name: &'a [u8],
        /// Its value; empty may also mean NULL.
        value: &'a [u8],
    },
    /// The current database.
    Schema(&'a [u8]),
    /// Something changed that matters to whoever reuses the session.
    State(bool),
    /// Transaction identifiers.
    Gtids(&'a [u8]),
    /// Statements that would start the same transaction.
    TransactionCharacteristics(&'a [u8]),
    /// Eight letters about the transaction.
    TransactionState(&'a [u8]),
    /// A kind that is newer than this text.
    Other(u8),
}

/// An OK packet, and the OK packet that ends rows where `DEPRECATE_EOF` is agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OkPacket<'a> {
    /// Rows changed.
    pub affected_rows: u64,
    /// First value generated for an AUTO_INCREMENT column.
    pub last_insert_id: u64,
    /// Status flags.
    pub status: Status,
    /// Warnings.
    pub warnings: u16,
    /// Words for people.
    pub info: &'a [u8],
    /// Changes of the session as they came; read them with [`OkPacket::changes`].
    pub session_state: &'a [u8],
}

impl<'a> OkPacket<'a> {
    /// Reads an OK packet, whichever first byte it has.
    ///
    /// # Errors
    /// A broken packet.
    pub fn decode(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        let mut reader = Reader::new("OK", payload);
        let first = reader.u8()?;
        if first != OK && first != EOF {
            return Err(WireError::unexpected("an OK packet", payload));
        }
        let mut ok = Self {
            affected_rows: reader.lenenc()?,
            last_insert_id: reader.lenenc()?,
            status: Status(reader.u16()?),
            warnings: reader.u16()?,
            info: &[],
            session_state: &[],
        };
        if !capabilities.has(Capabilities::SESSION_TRACK) {
            ok.info = untracked_info(reader.rest());
            return Ok(ok);
        }
        // Without words and changes, servers leave both lengths out.
        if !reader.is_empty() {
            ok.info = reader.lenenc_bytes()?;
        }
        if ok.status.has(Status::SESSION_CHANGED) && !reader.is_empty() {
            ok.session_state = reader.lenenc_bytes()?;
        }
        reader.finish()?;
        Ok(ok)
    }

    /// The changes of the session, in the server's order.
    ///
    /// # Errors
    /// Lengths that lie.
    pub fn changes(&self) -> Result<Vec<Change<'a>>, WireError> {
        let mut reader = Reader::new("session state", self.session_state);
        let mut changes = Vec::new();
        while !reader.is_empty() {
            let kind = reader.u8()?;
            let mut data = Reader::new("session state", reader.lenenc_bytes()?);
            match kind {
                // MariaDB puts several variables into one entry.
                0 => {
                    while !data.is_empty() {
                        let name = data.lenenc_bytes()?;
                        changes.push(Change::Variable { name, value: data.lenenc_bytes()? });
                    }
                }
                1 => changes.push(Change::Schema(data.lenenc_bytes()?)),
                2 => changes.push(Change::State(data.lenenc_bytes()? == b"1")),
                3 => {
                    data.u8()?;
                    changes.push(Change::Gtids(data.lenenc_bytes()?));
                }
                4 => changes.push(Change::TransactionCharacteristics(data.lenenc_bytes()?)),
                5 => changes.push(Change::TransactionState(data.lenenc_bytes()?)),
                other => {
                    changes.push(Change::Other(other));
                    data.rest();
                }
            }
            data.finish()?;
        }
        Ok(changes)
    }

    /// Writes the payload, beginning with `first` ([`OK`] or [`EOF`]), for a peer with these capabilities. Changes are left
    /// out for a peer that did not agree to read them.
    pub fn encode(&self, out: &mut BytesMut, first: u8, capabilities: Capabilities) {
        let tracked = capabilities.has(Capabilities::SESSION_TRACK);
        let changed = tracked && !self.session_state.is_empty();
        let status = self.status.without(Status::SESSION_CHANGED);
        let status = if changed { status.with(Status::SESSION_CHANGED) } else { status };
        out.put_u8(first);
        put_lenenc(out, self.affected_rows);
        put_lenenc(out, self.last_insert_id);
        out.put_u16_le(status.0);
        out.put_u16_le(self.warnings);
        if changed || !self.info.is_empty() {
            put_bytes(out, self.info);
        }
        if changed {
            put_bytes(out, self.session_state);
        }
    }
}

/// The manual has the words run to the packet's end here; servers and clients put their length before them all the same.
fn untracked_info(rest: &[u8]) -> &[u8] {
    let mut reader = Reader::new("OK", rest);
    match (reader.lenenc_bytes(), reader.is_empty()) {
        (Ok(info), true) => info,
        _ => rest,
    }
}

/// What stands at the end of column definitions and of rows, in either form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Status flags.
    pub status: Status,
    /// Warnings.
    pub warnings: u16,
}

impl End {
    /// Reads an EOF packet, as it comes where `DEPRECATE_EOF` is not agreed.
    ///
    /// # Errors
    /// A broken packet.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("EOF", payload);
        if reader.u8()? != EOF {
            return Err(WireError::unexpected("an EOF packet", payload));
        }
        let (warnings, status) = (reader.u16()?, Status(reader.u16()?));
        reader.finish()?;
        Ok(Self { status, warnings })
    }

    /// Writes the payload of an EOF packet.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u8(EOF);
        out.put_u16_le(self.warnings);
        out.put_u16_le(self.status.without(Status::SESSION_CHANGED).0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACKED: Capabilities = Capabilities::SESSION_TRACK;

    #[test]
    fn plain_ok_reads() {
        for (bytes, tracked) in [
            (&b"\0\x01\x02\x02\0\x03\0Rows matched: 1"[..], Capabilities::NONE),
            (b"\0\x01\x02\x02\0\x03\0\x0fRows matched: 1", Capabilities::NONE),
            (b"\0\x01\x02\x02\0\x03\0\x0fRows matched: 1", TRACKED),
        ] {
            let ok = OkPacket::decode(bytes, tracked).unwrap();
            assert_eq!((ok.affected_rows, ok.last_insert_id, ok.warnings), (1, 2, 3));
            assert_eq!((ok.status, ok.info), (Status::AUTOCOMMIT, &b"Rows matched: 1"[..]));
        }
    }

    /// `USE shop; SET autocommit…` as a server with everything tracked answers.
    const CHANGED: &[u8] = b"\0\0\0\x02\x40\0\0\0\x1c\x01\x05\x04shop\0\x0f\x0aautocommit\x03OFF\x02\x02\x011";

    #[test]
    fn changes_of_the_session_read_in_order() {
        let ok = OkPacket::decode(CHANGED, TRACKED).unwrap();
        let wanted =
            [Change::Schema(b"shop"), Change::Variable { name: b"autocommit", value: b"OFF" }, Change::State(true)];
        assert_eq!(ok.changes().unwrap(), wanted);
        assert!(ok.status.has(Status::SESSION_CHANGED) && ok.info.is_empty());
    }

    #[test]
    fn several_variables_in_one_entry_are_all_read() {
        let ok = OkPacket { session_state: b"\0\x08\x01a\x011\x01b\x012", ..OkPacket::default() };
        let variable = |name, value| Change::Variable { name, value };
        assert_eq!(ok.changes().unwrap(), [variable(b"a", b"1"), variable(b"b", b"2")]);
    }

    #[test]
    fn lies_about_lengths_are_refused() {
        for state in [&b"\x01\x05\x09shop"[..], b"\x01\xff", b"\0\x03\x01a\x05", b"\x01\x06\x04shopX", b"\x07"] {
            assert!(OkPacket { session_state: state, ..OkPacket::default() }.changes().is_err(), "{state:?}");
        }
        assert!(OkPacket::decode(b"\0\0\0\x02\x40\0\0\0\x30abc", TRACKED).is_err());
        assert!(OkPacket::decode(b"\x01\0\0\x02\0\0\0", TRACKED).is_err());
        assert!(OkPacket::decode(b"\0\0\0\x02", TRACKED).is_err());
    }

    #[test]
    fn written_for_each_peer_in_its_own_form() {
        let ok = OkPacket::decode(CHANGED, TRACKED).unwrap();
        let (mut same, mut plain) = (BytesMut::new(), BytesMut::new());
        ok.encode(&mut same, OK, TRACKED);
        assert_eq!(&same[..], CHANGED);
        ok.encode(&mut plain, EOF, Capabilities::NONE);
        assert_eq!(&plain[..], b"\xfe\0\0\x02\0\0\0", "no changes, and no flag that says so");
    }

    #[test]
    fn end_reads_back() {
        let mut out = BytesMut::new();
        let end = End { status: Status::MORE_RESULTS, warnings: 7 };
        end.encode(&mut out);
        assert_eq!((&out[..], End::decode(&out)), (&b"\xfe\x07\0\x08\0"[..], Ok(end)));
        assert!(End::decode(b"\xfe\0\0\0").is_err() && End::decode(b"\xfe\0\0\0\0\0").is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(rows: u64, id: u64, warnings: u16, info: Vec<u8>, tracked: bool) {
            let capabilities = if tracked { TRACKED } else { Capabilities::NONE };
            let ok = OkPacket { affected_rows: rows, last_insert_id: id, warnings, info: &info, ..OkPacket::default() };
            let mut out = BytesMut::new();
            ok.encode(&mut out, OK, capabilities);
            assert_eq!(OkPacket::decode(&out, capabilities), Ok(ok));
        }

        #[test]
        fn reading_anything_never_panics(bytes: Vec<u8>) {
            if let Ok(ok) = OkPacket::decode(&bytes, TRACKED) {
                let _ = ok.changes();
            }
            let _ = End::decode(&bytes);
        }
    }
}
