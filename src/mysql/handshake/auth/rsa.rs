//! Secrets under RSA where there is no TLS: OAEP with SHA-1, as both sides of MySQL do it.

use rsa::pkcs1::DecodeRsaPublicKey as _;
use rsa::pkcs8::{DecodePublicKey as _, EncodePublicKey as _, LineEnding};
use rsa::{PrivateKey, PublicKey};
use sha1::Sha1;

use crate::mysql::handshake::Nonce;
use crate::mysql::handshake::auth::masked;

/// Bits of the key that clients are shown.
const BITS: usize = 2048;

/// Why RSA does not work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RsaError {
    /// A key that cannot be read, or made.
    #[error("no usable RSA key: {0}")]
    Key(String),
    /// A text that the key cannot take.
    #[error("RSA encryption failed: {0}")]
    Encryption(String),
}

/// The key that clients encrypt their secrets to. Made at start and kept in memory only.
pub struct ServerKey {
    private: PrivateKey,
    pem: String,
}

impl std::fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerKey(***)")
    }
}

impl ServerKey {
    /// Makes a key. Takes up to a second.
    ///
    /// # Errors
    /// No random numbers.
    pub fn generate() -> Result<Self, RsaError> {
        let failed = |error: &dyn std::fmt::Display| RsaError::Key(error.to_string());
        let private = PrivateKey::new(&mut rand::rng(), BITS).map_err(|error| failed(&error))?;
        let public = PublicKey::from(&private);
        let pem = public.to_public_key_pem(LineEnding::LF).map_err(|error| failed(&error))?;
        Ok(Self { private, pem })
    }

    /// The public half, in PEM form.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The secret in what a client encrypted for this challenge, with its closing zero byte. `None`: it is none.
    pub fn open(&self, encrypted: &[u8], nonce: &Nonce) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        let plain = zeroize::Zeroizing::new(self.private.oaep_decrypt::<Sha1>(encrypted).ok()?);
        Some(zeroize::Zeroizing::new(masked(&plain, nonce)))
    }
}

/// Encrypts a secret with its closing zero byte for a server's key in PEM form.
///
/// # Errors
/// A key that is none, or too small for the secret.
pub fn seal(secret: &[u8], nonce: &Nonce, pem: &str) -> Result<Vec<u8>, RsaError> {
    let key = PublicKey::from_public_key_pem(pem)
        .or_else(|first| PublicKey::from_pkcs1_pem(pem).map_err(|_| RsaError::Key(first.to_string())))?;
    let plain = zeroize::Zeroizing::new([secret, &[0]].concat());
    let hidden = zeroize::Zeroizing::new(masked(&plain, nonce));
    key.oaep_encrypt::<Sha1>(&hidden).map_err(|error| RsaError::Encryption(error.to_string()))
}

/// Whether this is a public key in PEM form.
pub fn is_public_key(pem: &str) -> bool {
    PublicKey::from_public_key_pem(pem).is_ok() || PublicKey::from_pkcs1_pem(pem).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_the_same_challenge_only() {
        let key = ServerKey::generate().unwrap();
        let sealed = seal(b"agent-secret", &[7; 20], key.pem()).unwrap();
        assert_eq!(key.open(&sealed, &[7; 20]).unwrap().as_slice(), b"agent-secret\0");
        assert_ne!(key.open(&sealed, &[8; 20]).unwrap().as_slice(), b"agent-secret\0");
        assert!(key.open(&sealed[1..], &[7; 20]).is_none() && key.open(b"", &[7; 20]).is_none());
        assert!(is_public_key(key.pem()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for pem in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "garbage"] {
            assert!(matches!(seal(b"x", &[7; 20], pem), Err(RsaError::Key(_))), "{pem}");
            assert!(!is_public_key(pem));
        }
    }
}
