//! Proving who one is: towards clients as a server (`server`), towards the real database as a client (`client`).
//!
//! Manual: "Authentication Methods"; MariaDB: "Authentication Plugin - ed25519".

pub mod client;
pub mod rsa;
pub mod server;

use bytes::{BufMut, BytesMut};
use sha2::{Digest as _, Sha256};

use crate::mysql::frame::WireError;
use crate::mysql::handshake::{NONCE_BYTES, Nonce};
use crate::mysql::reader::{Reader, put_cstr};

/// SHA-1 challenge and response; every client knows it.
pub const NATIVE: &str = "mysql_native_password";
/// SHA-256 challenge and response, with the secret itself as a fallback.
pub const CACHING_SHA2: &str = "caching_sha2_password";
/// The secret itself, encrypted by TLS or RSA.
pub const SHA256: &str = "sha256_password";
/// The secret itself.
pub const CLEAR: &str = "mysql_clear_password";
/// MariaDB's signatures.
pub const ED25519: &str = "client_ed25519";

/// First byte of a packet that asks for another plugin.
pub const SWITCH: u8 = 0xfe;
/// First byte of a packet that goes on with the present plugin.
pub const MORE: u8 = 0x01;
/// `caching_sha2_password`: the proof was right.
const FAST_OK: u8 = 0x03;
/// `caching_sha2_password`: the secret itself is wanted.
const FULL: u8 = 0x04;
/// `caching_sha2_password`: the client wants the public key.
const KEY_WANTED: u8 = 0x02;
/// `sha256_password`: the same.
const SHA256_KEY_WANTED: u8 = 0x01;

/// Writes the request to go on with another plugin.
pub fn put_switch(out: &mut BytesMut, plugin: &str, nonce: &Nonce) {
    out.put_u8(SWITCH);
    put_cstr(out, plugin);
    out.put_slice(nonce);
    out.put_u8(0);
}

/// The plugin and the challenge in a request to go on with another plugin.
///
/// # Errors
/// A broken packet; among them the one of before MySQL 4.1, which names no plugin.
pub fn switch(payload: &[u8]) -> Result<(&str, &[u8]), WireError> {
    let mut reader = Reader::new("request for another plugin", payload);
    if reader.u8()? != SWITCH {
        return Err(WireError::unexpected("a request for another plugin", payload));
    }
    let plugin = reader.text()?;
    let data = reader.rest();
    Ok((plugin, data.strip_suffix(&[0]).filter(|nonce| nonce.len() == NONCE_BYTES).unwrap_or(data)))
}

/// Hides a secret, or shows it again: each byte with the challenge's, round and round.
fn masked(text: &[u8], nonce: &Nonce) -> Vec<u8> {
    text.iter().zip(nonce.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect()
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

fn sha1(parts: &[&[u8]]) -> [u8; 20] {
    use sha1::{Digest as _, Sha1};
    let mut hash = Sha1::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
