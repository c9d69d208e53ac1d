//! Small messages from server to client: session state, parameters, keys, completion.

use bytes::{BufMut, BytesMut};

use crate::pg::frame::WireError;
use crate::pg::messages::{message, put_text};
use crate::pg::reader::Reader;

/// Longest cancel key of protocol 3.2, in bytes.
pub const KEY_BYTES_MAX: usize = 256;

/// The transaction state in ReadyForQuery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionState {
    /// `I`: outside a transaction.
    Idle,
    /// `T`: inside one.
    Open,
    /// `E`: inside one that failed.
    Failed,
}

impl TransactionState {
    /// The byte on the wire.
    pub fn byte(self) -> u8 {
        match self {
            Self::Idle => b'I',
            Self::Open => b'T',
            Self::Failed => b'E',
        }
    }

    /// Reads the body of a message `Z`.
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("ReadyForQuery", body);
        let state = match reader.byte()? {
            b'I' => Self::Idle,
            b'T' => Self::Open,
            b'E' => Self::Failed,
            other => return Err(reader.out_of_range("I, T or E", i64::from(other))),
        };
        reader.finish()?;
        Ok(state)
    }

    /// Appends the message `Z`.
    pub fn encode(self, out: &mut BytesMut) {
        message(out, b'Z', |body| body.put_u8(self.byte()));
    }
}

/// A setting the server reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParameterStatus<'a> {
    /// Name.
    pub name: &'a str,
    /// Value.
    pub value: &'a str,
}

impl<'a> ParameterStatus<'a> {
    /// Reads the body of a message `S`.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("ParameterStatus", body);
        let (name, value) = (reader.text()?, reader.text()?);
        reader.finish()?;
        Ok(Self { name, value })
    }

    /// Appends the message `S`.
    pub fn encode(&self, out: &mut BytesMut) {
        message(out, b'S', |body| {
            put_text(body, self.name);
            put_text(body, self.value);
        });
    }
}

/// What a client needs to cancel: 4 secret bytes in protocol 3.0, up to 256 in 3.2.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CancelKey {
    /// The session's number.
    pub process: i32,
    /// The secret, 4 to 256 bytes.
    pub secret: Vec<u8>,
}

impl std::fmt::Debug for CancelKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CancelKey").field("process", &self.process).field("secret", &"***").finish()
    }
}

impl CancelKey {
    /// Reads the body of a message `K`, or what follows the request code of a CancelRequest.
    pub fn decode(body: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("cancel key", body);
        let process = reader.i32()?;
        let secret = reader.rest();
        if !(4..=KEY_BYTES_MAX).contains(&secret.len()) {
            let found = i64::try_from(secret.len()).unwrap_or(i64::MAX);
            return Err(reader.out_of_range("a secret of 4 to 256 bytes", found));
        }
        Ok(Self { process, secret: secret.to_vec() })
    }

    /// Appends the message `K`.
    pub fn encode(&self, out: &mut BytesMut) {
        message(out, b'K', |body| {
            body.put_i32(self.process);
            body.put_slice(&self.secret);
        });
    }
}

/// Appends NegotiateProtocolVersion: the newest 3.x spoken here, and the options that were not recognised.
///
/// The version is written whole (major and minor), as every PostgreSQL server does and libpq expects.
pub fn put_negotiate(out: &mut BytesMut, minor: u16, unrecognised: &[String]) {
    message(out, b'v', |body| {
        body.put_u16(3);
        body.put_u16(minor);
        body.put_u32(u32::try_from(unrecognised.len()).unwrap_or(u32::MAX));
        unrecognised.iter().for_each(|name| put_text(body, name));
    });
}

/// The tag that ends a command, such as `SELECT 5` or `INSERT 0 1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandTag<'a> {
    /// The whole tag.
    pub tag: &'a str,
}

impl<'a> CommandTag<'a> {
    /// Reads the body of a message `C`.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("CommandComplete", body);
        let tag = reader.text()?;
        reader.finish()?;
        Ok(Self { tag })
    }

    /// Rows returned or changed, if the tag counts them.
    pub fn rows(&self) -> Option<u64> {
        self.tag.rsplit_once(' ').and_then(|(_, count)| count.parse().ok())
    }

    /// Appends the message `C`.
    pub fn encode(&self, out: &mut BytesMut) {
        message(out, b'C', |body| put_text(body, self.tag));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_both_protocols_are_read_as_they_were_written() {
        for length in [4, 32, 256] {
            let key = CancelKey { process: 7, secret: vec![9; length] };
            let mut out = BytesMut::new();
            key.encode(&mut out);
            assert_eq!(CancelKey::decode(&out[5..]), Ok(key));
        }
    }

    #[test]
    fn keys_that_are_too_short_or_too_long_are_refused() {
        for length in [0, 3, 257] {
            assert!(CancelKey::decode(&vec![0; 4 + length]).is_err(), "{length}");
        }
    }

    #[test]
    fn key_is_not_printed() {
        assert!(!format!("{:?}", CancelKey { process: 1, secret: vec![77; 4] }).contains("77"));
    }

    #[test]
    fn rows_are_counted_from_the_tag() {
        for (tag, rows) in [("SELECT 5", Some(5)), ("INSERT 0 3", Some(3)), ("CREATE TABLE", None), ("BEGIN", None)] {
            assert_eq!(CommandTag { tag }.rows(), rows, "{tag}");
        }
    }

    #[test]
    fn negotiation_names_the_version_whole_and_the_options() {
        let mut out = BytesMut::new();
        put_negotiate(&mut out, 2, &["_pq_.x".to_owned()]);
        assert_eq!(&out[..], b"v\0\0\0\x13\0\x03\0\x02\0\0\0\x01_pq_.x\0");
    }

    proptest::proptest! {
        #[test]
        fn anything_can_be_read_without_a_panic(bytes: Vec<u8>) {
            let _ = TransactionState::decode(&bytes);
            let _ = ParameterStatus::decode(&bytes);
            let _ = CancelKey::decode(&bytes);
            let _ = CommandTag::decode(&bytes);
        }
    }
}
