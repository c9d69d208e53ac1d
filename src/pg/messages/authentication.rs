//! Authentication requests and their answers, both directions (manual: "SASL Authentication").

use bytes::{BufMut, BytesMut};

use crate::pg::frame::WireError;
use crate::pg::messages::{message, put_text};
use crate::pg::reader::Reader;

const OK: i32 = 0;
const CLEARTEXT: i32 = 3;
const MD5: i32 = 5;
const SASL: i32 = 10;
const SASL_CONTINUE: i32 = 11;
const SASL_FINAL: i32 = 12;

/// What a server asks for in a message `R`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication<'a> {
    /// Logged in.
    Ok,
    /// The password itself.
    Cleartext,
    /// The password hashed twice, with this salt.
    Md5([u8; 4]),
    /// One of these SASL mechanisms.
    Sasl(Vec<&'a str>),
    /// Go on with the exchange.
    SaslContinue(&'a [u8]),
    /// The server's proof.
    SaslFinal(&'a [u8]),
    /// GSS, SSPI, Kerberos, SCM: not supported.
    Other(i32),
}

impl<'a> Authentication<'a> {
    /// Reads the body of a message `R`.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Authentication", body);
        let asked = match reader.i32()? {
            OK => Self::Ok,
            CLEARTEXT => Self::Cleartext,
            MD5 => Self::Md5(salt(reader.bytes(4)?)),
            SASL => Self::Sasl(mechanisms(&mut reader)?),
            SASL_CONTINUE => Self::SaslContinue(reader.rest()),
            SASL_FINAL => Self::SaslFinal(reader.rest()),
            other => {
                reader.rest();
                Self::Other(other)
            }
        };
        reader.finish()?;
        Ok(asked)
    }

    /// Appends the message `R`.
    pub fn encode(&self, out: &mut BytesMut) {
        message(out, b'R', |body| match self {
            Self::Ok => body.put_i32(OK),
            Self::Cleartext => body.put_i32(CLEARTEXT),
            Self::Md5(salt) => {
                body.put_i32(MD5);
                body.put_slice(salt);
            }
            Self::Sasl(names) => {
                body.put_i32(SASL);
                names.iter().for_each(|name| put_text(body, name));
                body.put_u8(0);
            }
            Self::SaslContinue(data) => {
                body.put_i32(SASL_CONTINUE);
                body.put_slice(data);
            }
            Self::SaslFinal(data) => {
                body.put_i32(SASL_FINAL);
                body.put_slice(data);
            }
            Self::Other(code) => body.put_i32(*code),
        });
    }
}

fn salt(bytes: &[u8]) -> [u8; 4] {
    bytes.first_chunk().copied().unwrap_or_default()
}

fn mechanisms<'a>(reader: &mut Reader<'a>) -> Result<Vec<&'a str>, WireError> {
    let mut names = Vec::new();
    loop {
        let name = reader.text()?;
        if name.is_empty() {
            return Ok(names);
        }
        names.push(name);
    }
}

/// A client's choice of mechanism and its first words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaslInitial<'a> {
    /// The mechanism's name.
    pub mechanism: &'a str,
    /// The first message of the exchange.
    pub data: &'a [u8],
}

impl<'a> SaslInitial<'a> {
    /// Reads the body of the first message `p` of an exchange. A missing first message reads as empty.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("SASLInitialResponse", body);
        let mechanism = reader.text()?;
        let data = reader.value()?.unwrap_or_default();
        reader.finish()?;
        Ok(Self { mechanism, data })
    }

    /// Appends the message `p`.
    pub fn encode(&self, out: &mut BytesMut) {
        message(out, b'p', |body| {
            put_text(body, self.mechanism);
            body.put_i32(i32::try_from(self.data.len()).unwrap_or(i32::MAX));
            body.put_slice(self.data);
        });
    }
}

/// Appends a message `p` with a password, in the clear or hashed.
pub fn put_password(out: &mut BytesMut, password: &str) {
    message(out, b'p', |body| put_text(body, password));
}

/// Appends a message `p` that goes on with a SASL exchange.
pub fn put_sasl_response(out: &mut BytesMut, data: &[u8]) {
    message(out, b'p', |body| body.put_slice(data));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of(request: &Authentication<'_>) -> Vec<u8> {
        let mut out = BytesMut::new();
        request.encode(&mut out);
        out[5..].to_vec()
    }

    #[test]
    fn requests_are_read_as_they_were_written() {
        let requests = [
            Authentication::Ok,
            Authentication::Cleartext,
            Authentication::Md5([1, 2, 3, 4]),
            Authentication::Sasl(vec!["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]),
            Authentication::SaslContinue(b"r=abc"),
            Authentication::SaslFinal(b"v=abc"),
            Authentication::Other(7),
        ];
        for request in requests {
            let body = body_of(&request);
            assert_eq!(Authentication::decode(&body), Ok(request));
        }
    }

    #[test]
    fn initial_response_is_read_as_it_was_written() {
        let initial = SaslInitial { mechanism: "SCRAM-SHA-256", data: b"n,,n=,r=x" };
        let mut out = BytesMut::new();
        initial.encode(&mut out);
        assert_eq!(SaslInitial::decode(&out[5..]), Ok(initial));
    }

    proptest::proptest! {
        #[test]
        fn anything_can_be_read_without_a_panic(bytes: Vec<u8>) {
            let _ = Authentication::decode(&bytes);
            let _ = SaslInitial::decode(&bytes);
        }
    }
}
