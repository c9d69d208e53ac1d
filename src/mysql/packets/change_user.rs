//! COM_CHANGE_USER: a login within a session (manual: "COM_CHANGE_USER").

use bytes::{BufMut, BytesMut};

use crate::mysql::command;
use crate::mysql::frame::WireError;
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::handshake::{attributes, put_attributes};
use crate::mysql::reader::{Reader, put_cstr};

/// Who the client wants to be from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeUser {
    /// User name.
    pub user: String,
    /// The first proof, to the challenge of the greeting.
    pub proof: Vec<u8>,
    /// Database; `None`: none.
    pub database: Option<String>,
    /// Collation.
    pub collation: Option<u16>,
    /// The plugin the proof is made with.
    pub plugin: Option<String>,
    /// Connection attributes, in order.
    pub attributes: Vec<(String, String)>,
}

impl ChangeUser {
    /// Reads the payload, command byte included.
    ///
    /// # Errors
    /// A broken packet.
    pub fn decode(payload: &[u8], capabilities: Capabilities) -> Result<Self, WireError> {
        let mut reader = Reader::new("COM_CHANGE_USER", payload);
        if reader.u8()? != command::CHANGE_USER {
            return Err(WireError::unexpected("COM_CHANGE_USER", payload));
        }
        let user = reader.text()?.to_owned();
        let length = usize::from(reader.u8()?);
        let proof = reader.bytes(length)?.to_vec();
        let database = Some(reader.text()?.to_owned()).filter(|name| !name.is_empty());
        let mut change = Self { user, proof, database, collation: None, plugin: None, attributes: Vec::new() };
        if !reader.is_empty() {
            change.collation = Some(reader.u16()?);
        }
        if capabilities.has(Capabilities::PLUGIN_AUTH) && !reader.is_empty() {
            change.plugin = Some(reader.text()?.to_owned());
        }
        if capabilities.has(Capabilities::CONNECT_ATTRS) && !reader.is_empty() {
            change.attributes = attributes(&mut reader)?;
        }
        reader.finish()?;
        Ok(change)
    }

    /// Writes the payload.
    pub fn encode(&self, out: &mut BytesMut, capabilities: Capabilities) {
        out.put_u8(command::CHANGE_USER);
        put_cstr(out, &self.user);
        // Every first proof is 20 or 32 bytes.
        out.put_u8(u8::try_from(self.proof.len()).unwrap_or(u8::MAX));
        out.put_slice(&self.proof);
        put_cstr(out, self.database.as_deref().unwrap_or_default());
        out.put_u16_le(self.collation.unwrap_or_default());
        if capabilities.has(Capabilities::PLUGIN_AUTH) {
            put_cstr(out, self.plugin.as_deref().unwrap_or_default());
        }
        if capabilities.has(Capabilities::CONNECT_ATTRS) {
            put_attributes(out, &self.attributes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: Capabilities = Capabilities::PLUGIN_AUTH.with(Capabilities::CONNECT_ATTRS);

    #[test]
    fn reads_with_and_without_its_optional_end() {
        let short = ChangeUser::decode(b"\x11bot\0\x02ab\0", BOTH).unwrap();
        assert_eq!(
            (short.user.as_str(), &short.proof[..], short.database, short.collation),
            ("bot", &b"ab"[..], None, None)
        );
        let payload = b"\x11bot\0\0shop\0\x2d\0mysql_native_password\0\x0d\x01a\x01b\x03key\x04four";
        let whole = ChangeUser::decode(payload, BOTH).unwrap();
        assert_eq!((whole.database.as_deref(), whole.collation), (Some("shop"), Some(45)));
        assert_eq!(whole.plugin.as_deref(), Some("mysql_native_password"));
        assert_eq!(
            whole.attributes,
            [("a", "b"), ("key", "four")].map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        let mut out = BytesMut::new();
        whole.encode(&mut out, BOTH);
        assert_eq!(&out[..], payload);
    }

    #[test]
    fn lies_are_refused() {
        for bytes in [
            &b"\x11bot"[..],
            b"\x11bot\0\x09ab\0",
            b"\x11bot\0\0shop",
            b"\x11bot\0\0\0\x2d",
            b"\x11b\0\0\0\x2d\0p\0\x05\x01a",
        ] {
            assert!(ChangeUser::decode(bytes, BOTH).is_err(), "{bytes:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_anything_never_panics(bytes: Vec<u8>) {
            let mut payload = vec![command::CHANGE_USER];
            payload.extend(bytes);
            let _ = ChangeUser::decode(&payload, BOTH);
        }
    }
}
