//! SCRAM-SHA-256, both ends: agents prove themselves to us, we prove ourselves to the real database (RFC 5802, 7677).

pub mod client;
pub mod server;
pub mod verifier;

/// The mechanism without channel binding.
pub const SCRAM: &str = "SCRAM-SHA-256";

/// The mechanism bound to the TLS certificate (`tls-server-end-point`, RFC 5929).
pub const SCRAM_PLUS: &str = "SCRAM-SHA-256-PLUS";

/// How an exchange fails. Texts hold neither proofs nor secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// The peer's message does not follow the RFC.
    #[error("malformed SCRAM message: {0}")]
    Malformed(&'static str),
    /// A mechanism that was not offered.
    #[error("SASL mechanism was not offered")]
    Mechanism,
    /// Channel binding is missing, unknown, or was stripped by somebody in between.
    #[error("channel binding does not hold")]
    Binding,
    /// The proof is wrong.
    #[error("wrong proof")]
    Proof,
    /// The other side wants unreasonable work.
    #[error("{0} iterations asked for: 1 to {max} are accepted", max = client::ITERATIONS_MAX)]
    Iterations(u32),
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    use hmac::{KeyInit, Mac};
    // HMAC takes keys of any length, so this cannot fail; a tag of zeros would fail every comparison.
    let Ok(mut mac) = hmac::Hmac::<sha2::Sha256>::new_from_slice(key) else {
        return [0; 32];
    };
    mac.update(data);
    mac.finalize().into_bytes().into()
}
