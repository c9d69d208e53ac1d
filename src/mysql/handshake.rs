//! The first packets of a connection: the server's greeting, the request for TLS, the client's response.
//!
//! Manual: "Protocol::HandshakeV10", "Protocol::SSLRequest", "Protocol::HandshakeResponse41".

pub mod auth;
pub mod capabilities;
pub mod version;

#[cfg(test)]
mod tests;

use bytes::{BufMut, BytesMut};

use crate::mysql::frame::WireError;
use crate::mysql::handshake::capabilities::{Capabilities, NEEDED};
use crate::mysql::packets::ok::Status;
use crate::mysql::reader::{Reader, put_bytes, put_cstr, put_lenenc};

/// Largest response that a client may send, in bytes; attributes are at most 64 KiB with any server.
pub const RESPONSE_BYTES_MAX: usize = 72 * 1024;

/// Bytes of a challenge.
pub const NONCE_BYTES: usize = 20;

const GREETING_VERSION: u8 = 10;
const SSL_REQUEST_BYTES: usize = 32;

/// A challenge: random bytes that are neither 0 nor `$`, as servers make them.
pub type Nonce = [u8; NONCE_BYTES];

/// Makes a challenge out of random bytes, so that no client stops at a zero byte within.
pub fn nonce(random: [u8; NONCE_BYTES]) -> Nonce {
    random.map(|byte| match byte & 0x7f {
        0 | b'$' => 1,
        other => other,
    })
}

/// The server's first packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// Its version, as it writes it.
    pub version: String,
    /// The connection's number, which `KILL` takes.
    pub thread_id: u32,
    /// The challenge.
    pub nonce: Nonce,
    /// What it offers.
    pub capabilities: Capabilities,
    /// Default collation, its lower byte.
    pub collation: u8,
    /// Status flags.
    pub status: Status,
    /// The plugin it would ask first.
    pub plugin: String,
}

impl Greeting {
    /// Reads a greeting. An ERR packet in its place is the caller's matter.
    ///
    /// # Errors
    /// Another protocol version, or a server without what is needed today.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("greeting", payload);
        let protocol = reader.u8()?;
        if protocol != GREETING_VERSION {
            return Err(reader.out_of_range("protocol version 10", u64::from(protocol)));
        }
        let version = reader.text()?.to_owned();
        let thread_id = reader.u32()?;
        let first = reader.bytes(8)?;
        reader.u8()?;
        let low = reader.u16()?;
        let collation = reader.u8()?;
        let status = Status(reader.u16()?);
        let high = reader.u16()?;
        let nonce_len = reader.u8()?;
        reader.bytes(6)?;
        let extended = reader.u32()?;
        let lower = u32::from(low) | u32::from(high) << 16;
        // Only MariaDB leaves the lowest flag unset, and only then the last four unused bytes carry its own flags.
        let mysql = Capabilities(u64::from(lower)).has(Capabilities::LONG_PASSWORD);
        let capabilities = Capabilities::from_halves(lower, if mysql { 0 } else { extended });
        if !capabilities.has(NEEDED) {
            return Err(WireError::Unsupported { what: "a server without the protocol of MySQL 4.1" });
        }
        let rest = usize::from(nonce_len).saturating_sub(8).max(13);
        let second = reader.bytes(rest)?;
        let mut nonce = [0; NONCE_BYTES];
        for (place, byte) in nonce.iter_mut().zip(first.iter().chain(second)) {
            *place = *byte;
        }
        let named = capabilities.has(Capabilities::PLUGIN_AUTH);
        // Some old servers forget the zero byte behind the plugin's name.
        let plugin = if named { plain_text(reader.rest())? } else { auth::NATIVE.to_owned() };
        Ok(Self { version, thread_id, nonce, capabilities, collation, status, plugin })
    }

    /// Writes the greeting's payload.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u8(GREETING_VERSION);
        put_cstr(out, &self.version);
        out.put_u32_le(self.thread_id);
        let (first, second) = self.nonce.split_at(8);
        out.put_slice(first);
        out.put_u8(0);
        let lower = self.capabilities.lower();
        out.put_uint_le(u64::from(lower & 0xffff), 2);
        out.put_u8(self.collation);
        out.put_u16_le(self.status.0);
        out.put_uint_le(u64::from(lower >> 16), 2);
        out.put_u8(21);
        out.put_bytes(0, 6);
        out.put_u32_le(self.capabilities.extended());
        out.put_slice(second);
        out.put_u8(0);
        put_cstr(out, &self.plugin);
    }
}

fn plain_text(bytes: &[u8]) -> Result<String, WireError> {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let name = bytes.get(..end).unwrap_or_default();
    std::str::from_utf8(name).map(str::to_owned).map_err(|_| WireError::NotUtf8 { what: "name of a plugin" })
}

/// What a client answers to the greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It wants TLS first; the response follows over TLS.
    Tls(Hello),
    /// Its response.
    Response(Box<Response>),
}

/// The fields that stand in both forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What the client chose, offered or not.
    pub capabilities: Capabilities,
    /// Largest packet it takes, in bytes; a hint.
    pub packet_max: u32,
    /// Its collation, the lower byte.
    pub collation: u8,
}

/// Who a client says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// What stands in the request for TLS, too.
    pub hello: Hello,
    /// User name.
    pub user: String,
    /// The first proof.
    pub proof: Vec<u8>,
    /// Database, if it asks for one.
    pub database: Option<String>,
    /// The plugin the proof is made with.
    pub plugin: Option<String>,
    /// Connection attributes, in order.
    pub attributes: Vec<(String, String)>,
}

impl Answer {
    /// Reads a client's answer to a greeting that offered `offered`.
    ///
    /// # Errors
    /// Broken packets, the protocol before MySQL 4.1, compression although it was not offered.
    pub fn decode(payload: &[u8], offered: Capabilities) -> Result<Self, WireError> {
        let mut reader = Reader::new("handshake response", payload);
        let hello = hello(&mut reader)?;
        let chosen = hello.capabilities;
        if chosen.has(Capabilities::SSL) && payload.len() == SSL_REQUEST_BYTES {
            return Ok(Self::Tls(hello));
        }
        for (blind, what) in [(Capabilities::COMPRESS, "zlib compression"), (Capabilities::ZSTD, "zstd compression")] {
            if chosen.has(blind) {
                return Err(WireError::Unsupported { what });
            }
        }
        let user = reader.text()?.to_owned();
        let agreed = offered.both(chosen);
        let proof = if agreed.has(Capabilities::PLUGIN_AUTH_LENENC) {
            reader.lenenc_bytes()?
        } else {
            let length = usize::from(reader.u8()?);
            reader.bytes(length)?
        };
        let database = agreed.has(Capabilities::CONNECT_WITH_DB).then(|| reader.text()).transpose()?;
        // A client that has no plugin to name may leave the rest out.
        let named = agreed.has(Capabilities::PLUGIN_AUTH) && !reader.is_empty();
        let plugin = if named { Some(reader.text()?.to_owned()) } else { None };
        let told = agreed.has(Capabilities::CONNECT_ATTRS) && !reader.is_empty();
        let attributes = if told { attributes(&mut reader)? } else { Vec::new() };
        reader.finish()?;
        Ok(Self::Response(Box::new(Response {
            hello,
            user,
            proof: proof.to_vec(),
            database: database.filter(|name| !name.is_empty()).map(str::to_owned),
            plugin,
            attributes,
        })))
    }
}

fn hello(reader: &mut Reader<'_>) -> Result<Hello, WireError> {
    let lower = reader.u32()?;
    if !Capabilities(u64::from(lower)).has(NEEDED) {
        return Err(WireError::Unsupported { what: "the protocol before MySQL 4.1" });
    }
    let (packet_max, collation) = (reader.u32()?, reader.u8()?);
    reader.bytes(19)?;
    let extended = reader.u32()?;
    let mysql = Capabilities(u64::from(lower)).has(Capabilities::LONG_PASSWORD);
    let capabilities = Capabilities::from_halves(lower, if mysql { 0 } else { extended });
    Ok(Hello { capabilities, packet_max, collation })
}

/// Reads connection attributes: their length in bytes, then names and values.
///
/// # Errors
/// Lengths that lie, or text that is not UTF-8.
pub(crate) fn attributes(reader: &mut Reader<'_>) -> Result<Vec<(String, String)>, WireError> {
    let mut pairs = Reader::new("connection attributes", reader.lenenc_bytes()?);
    let mut attributes = Vec::new();
    while !pairs.is_empty() {
        let name = pairs.lenenc_text()?.to_owned();
        attributes.push((name, pairs.lenenc_text()?.to_owned()));
    }
    Ok(attributes)
}

/// Writes connection attributes.
pub(crate) fn put_attributes(out: &mut BytesMut, attributes: &[(String, String)]) {
    let mut pairs = BytesMut::new();
    for (name, value) in attributes {
        put_bytes(&mut pairs, name);
        put_bytes(&mut pairs, value);
    }
    put_bytes(out, &pairs);
}

impl Hello {
    /// Writes the payload of a request for TLS, or the first fields of a response.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_u32_le(self.capabilities.lower());
        out.put_u32_le(self.packet_max);
        out.put_u8(self.collation);
        out.put_bytes(0, 19);
        out.put_u32_le(self.capabilities.extended());
    }
}

impl Response {
    /// Writes the response's payload, by the capabilities in it.
    pub fn encode(&self, out: &mut BytesMut) {
        self.hello.encode(out);
        let chosen = self.hello.capabilities;
        put_cstr(out, &self.user);
        if chosen.has(Capabilities::PLUGIN_AUTH_LENENC) {
            put_lenenc(out, u64::try_from(self.proof.len()).unwrap_or(u64::MAX));
        } else {
            // Proofs longer than a byte can count only go with the flag above.
            out.put_u8(u8::try_from(self.proof.len()).unwrap_or(u8::MAX));
        }
        out.put_slice(&self.proof);
        if chosen.has(Capabilities::CONNECT_WITH_DB) {
            put_cstr(out, self.database.as_deref().unwrap_or_default());
        }
        if chosen.has(Capabilities::PLUGIN_AUTH) {
            put_cstr(out, self.plugin.as_deref().unwrap_or_default());
        }
        if chosen.has(Capabilities::CONNECT_ATTRS) {
            put_attributes(out, &self.attributes);
        }
    }
}
