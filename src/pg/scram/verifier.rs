//! What is stored of an agent's secret: enough to check a proof, too little to make one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgwire::api::auth::sasl::scram::{ScramSecret, gen_salted_password};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::pg::scram::hmac;

/// Rounds of key derivation for agents, and for names that do not exist.
pub const ITERATIONS: u32 = 4096;

/// `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    iterations: u32,
    salt: Vec<u8>,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(***)")
    }
}

impl Verifier {
    /// Makes the verifier of a secret. Costs a few milliseconds.
    pub fn of(secret: &str, salt: [u8; 16]) -> Self {
        let rounds = usize::try_from(ITERATIONS).unwrap_or(4096);
        let salted = zeroize::Zeroizing::new(gen_salted_password(secret, &salt, rounds));
        let stored_key = Sha256::digest(hmac(&salted, b"Client Key")).to_vec();
        Self {
            iterations: ITERATIONS,
            salt: salt.to_vec(),
            stored_key,
            server_key: hmac(&salted, b"Server Key").to_vec(),
        }
    }

    /// Reads PostgreSQL's form. `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (rounds, keys) = text.strip_prefix("SCRAM-SHA-256$")?.split_once('$')?;
        let (iterations, salt) = rounds.split_once(':')?;
        let (stored_key, server_key) = keys.split_once(':')?;
        let verifier = Self {
            iterations: iterations.parse().ok().filter(|count| *count > 0)?,
            salt: STANDARD.decode(salt).ok()?,
            stored_key: STANDARD.decode(stored_key).ok()?,
            server_key: STANDARD.decode(server_key).ok()?,
        };
        (verifier.stored_key.len() == 32 && verifier.server_key.len() == 32).then_some(verifier)
    }

    /// A verifier for a name that does not exist: the same for the same name and key, and fulfilled by no secret, so that
    /// strangers cannot tell which names exist. `key` should outlive the process.
    pub fn fake(name: &str, key: &[u8; 32]) -> Self {
        let part = |label: &[u8]| hmac(key, &[label, b"\0", name.as_bytes()].concat());
        Self {
            iterations: ITERATIONS,
            salt: part(b"salt").into_iter().take(16).collect(),
            stored_key: part(b"stored key").to_vec(),
            server_key: part(b"server key").to_vec(),
        }
    }

    /// Is this the secret? Costs the rounds of a derivation; takes the same time wherever they differ.
    pub fn fits(&self, secret: &str) -> bool {
        let rounds = usize::try_from(self.iterations).unwrap_or(usize::MAX);
        let salted = zeroize::Zeroizing::new(gen_salted_password(secret, &self.salt, rounds));
        let stored_key = Sha256::digest(hmac(&salted, b"Client Key"));
        bool::from(stored_key.as_slice().ct_eq(&self.stored_key))
    }

    pub(crate) fn into_secret(self) -> ScramSecret {
        ScramSecret::Verifier {
            salt: self.salt,
            iterations: usize::try_from(self.iterations).unwrap_or(usize::MAX),
            stored_key: self.stored_key,
            server_key: self.server_key,
        }
    }
}

impl std::fmt::Display for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [salt, stored, server] = [&self.salt, &self.stored_key, &self.server_key].map(|part| STANDARD.encode(part));
        write!(f, "SCRAM-SHA-256${}:{salt}${stored}:{server}", self.iterations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifier_is_read_as_it_is_written() {
        let verifier = Verifier::of("pencil", [7; 16]);
        assert_eq!(Verifier::parse(&verifier.to_string()), Some(verifier));
    }

    #[test]
    fn texts_that_are_no_verifier_are_refused() {
        for text in [
            "",
            "md5abc",
            "SCRAM-SHA-256$4096:!$a:b",
            "SCRAM-SHA-256$0:AA==$AA==:AA==",
            "SCRAM-SHA-256$4096:AA==$AA==:AA==",
        ] {
            assert_eq!(Verifier::parse(text), None, "{text}");
        }
    }

    #[test]
    fn fake_is_stable_per_name_and_differs_between_names_and_keys() {
        assert_eq!(Verifier::fake("a", &[1; 32]), Verifier::fake("a", &[1; 32]));
        assert_ne!(Verifier::fake("a", &[1; 32]), Verifier::fake("b", &[1; 32]));
        assert_ne!(Verifier::fake("a", &[1; 32]), Verifier::fake("a", &[2; 32]));
    }
}
