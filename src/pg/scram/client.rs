//! The client's end, towards the real database. Keys are derived once per password, salt and rounds, and can be kept.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgwire::api::auth::sasl::scram::gen_salted_password;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::pg::scram::{SCRAM, SCRAM_PLUS, ScramError, hmac};

/// Most rounds a server may ask for: about 0.1 s of work.
pub const ITERATIONS_MAX: u32 = 200_000;

/// How this side binds the exchange to the TLS connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Binding {
    /// No TLS, or a certificate that cannot be bound to.
    Unable,
    /// It could bind, but the server did not offer it: said so, that a server which did offer it notices the downgrade.
    NotOffered,
    /// The hash of the server's certificate (`tls-server-end-point`).
    EndPoint(Vec<u8>),
}

impl Binding {
    fn header(&self) -> &'static str {
        match self {
            Self::Unable => "n,,",
            Self::NotOffered => "y,,",
            Self::EndPoint(_) => "p=tls-server-end-point,,",
        }
    }
}

/// The keys that a password amounts to. Wiped when dropped.
#[derive(Clone)]
pub struct Keys {
    client: Zeroizing<[u8; 32]>,
    server: Zeroizing<[u8; 32]>,
}

impl Keys {
    /// Derives the keys: `iterations` rounds of HMAC, milliseconds of work.
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        let rounds = usize::try_from(iterations).unwrap_or(usize::MAX);
        let salted = Zeroizing::new(gen_salted_password(password, salt, rounds));
        Self {
            client: Zeroizing::new(hmac(&salted, b"Client Key")),
            server: Zeroizing::new(hmac(&salted, b"Server Key")),
        }
    }
}

/// An exchange that waits for the server's first message.
#[derive(Clone, Debug)]
pub struct Client {
    binding: Binding,
    nonce: String,
}

impl Client {
    /// Begins. `nonce` is fresh randomness of at least 18 bytes.
    pub fn new(binding: Binding, nonce: &[u8]) -> Self {
        Self { binding, nonce: STANDARD.encode(nonce) }
    }

    /// The mechanism to name.
    pub fn mechanism(&self) -> &'static str {
        if matches!(self.binding, Binding::EndPoint(_)) { SCRAM_PLUS } else { SCRAM }
    }

    /// The first message.
    pub fn first_message(&self) -> String {
        format!("{}n=,r={}", self.binding.header(), self.nonce)
    }

    /// Takes the server's first message.
    ///
    /// # Errors
    /// Malformed messages, a nonce that does not continue ours, unreasonable rounds.
    pub fn challenge(self, server_first: &[u8]) -> Result<Challenge, ScramError> {
        let malformed = || ScramError::Malformed("server-first-message");
        let text = std::str::from_utf8(server_first).map_err(|_| malformed())?;
        let mut parts = text.split(',');
        let mut part = |label: &str| parts.next().and_then(|part| part.strip_prefix(label)).ok_or_else(malformed);
        let (nonce, salt, iterations) = (part("r=")?, part("s=")?, part("i=")?);
        if !nonce.starts_with(&self.nonce) || nonce.len() == self.nonce.len() {
            return Err(malformed());
        }
        let salt = STANDARD.decode(salt).map_err(|_| malformed())?;
        let iterations = iterations.parse().map_err(|_| malformed())?;
        if !(1..=ITERATIONS_MAX).contains(&iterations) {
            return Err(ScramError::Iterations(iterations));
        }
        let mut bound = self.binding.header().as_bytes().to_vec();
        if let Binding::EndPoint(hash) = &self.binding {
            bound.extend_from_slice(hash);
        }
        let without_proof = format!("c={},r={nonce}", STANDARD.encode(bound));
        let auth_message = format!("n=,r={},{text},{without_proof}", self.nonce);
        Ok(Challenge { salt, iterations, without_proof, auth_message })
    }
}

/// What the server wants proved.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// Salt of the key derivation.
    pub salt: Vec<u8>,
    /// Its rounds, at most [`ITERATIONS_MAX`].
    pub iterations: u32,
    without_proof: String,
    auth_message: String,
}

impl Challenge {
    /// The second message, with the proof, and what waits for the server's own proof.
    pub fn answer(self, keys: &Keys) -> (String, Answered) {
        let stored_key = Sha256::digest(keys.client.as_slice());
        let signature = hmac(&stored_key, self.auth_message.as_bytes());
        let proof: Vec<u8> = keys.client.iter().zip(signature).map(|(key, bits)| key ^ bits).collect();
        let expected = hmac(keys.server.as_slice(), self.auth_message.as_bytes());
        (format!("{},p={}", self.without_proof, STANDARD.encode(proof)), Answered { expected })
    }
}

/// Waits for the server's proof.
#[derive(Clone, Debug)]
pub struct Answered {
    expected: [u8; 32],
}

impl Answered {
    /// Checks that the server knows the verifier, too.
    ///
    /// # Errors
    /// [`ScramError::Proof`] if it does not.
    pub fn verify(self, server_final: &[u8]) -> Result<(), ScramError> {
        let proof = server_final.strip_prefix(b"v=").and_then(|proof| STANDARD.decode(proof).ok());
        let proof = proof.ok_or(ScramError::Malformed("server-final-message"))?;
        if bool::from(proof.as_slice().ct_eq(&self.expected)) { Ok(()) } else { Err(ScramError::Proof) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::messages::authentication::SaslInitial;
    use crate::pg::scram::server::Server;
    use crate::pg::scram::verifier::Verifier;

    fn exchange(secret: &str, password: &str) -> Result<(), ScramError> {
        let client = Client::new(Binding::Unable, &[5; 18]);
        let first = client.first_message();
        let initial = SaslInitial { mechanism: client.mechanism(), data: first.as_bytes() };
        let (answer, challenged) = Server::new(None).first(&initial, Verifier::of(secret, [3; 16]))?;
        let challenge = client.challenge(answer.as_bytes())?;
        let keys = Keys::derive(password, &challenge.salt, challenge.iterations);
        let (proof, answered) = challenge.answer(&keys);
        answered.verify(challenged.last(proof.as_bytes())?.as_bytes())
    }

    #[test]
    fn both_ends_agree_on_the_right_password_only() {
        assert_eq!(exchange("pencil", "pencil"), Ok(()));
        assert_eq!(exchange("pencil", "pencils"), Err(ScramError::Proof));
    }

    #[test]
    fn exchange_of_rfc_7677_is_reproduced() {
        let text = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let client = Client { binding: Binding::Unable, nonce: "rOprNGfwEbeRWgbNEkqO".into() };
        let mut challenge = client.challenge(text.as_bytes()).unwrap();
        // The RFC's client sends its name; PostgreSQL's leave it empty.
        challenge.auth_message = challenge.auth_message.replacen("n=,", "n=user,", 1);
        let keys = Keys::derive("pencil", &challenge.salt, challenge.iterations);
        let (proof, answered) = challenge.answer(&keys);
        assert!(proof.ends_with("p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), "{proof}");
        assert_eq!(answered.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
    }

    #[test]
    fn foreign_nonce_and_endless_rounds_are_refused() {
        let client = Client::new(Binding::Unable, &[5; 18]);
        let nonce = &client.nonce;
        assert!(matches!(client.clone().challenge(b"r=other,s=AAAA,i=4096"), Err(ScramError::Malformed(_))));
        assert!(client.clone().challenge(format!("r={nonce},s=AAAA,i=4096").as_bytes()).is_err());
        let endless = format!("r={nonce}x,s=AAAA,i=4000000000");
        assert!(matches!(client.clone().challenge(endless.as_bytes()), Err(ScramError::Iterations(_))));
    }

    #[test]
    fn stripped_channel_binding_is_noticed() {
        let pem = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
        let binding = crate::pg::scram::server::Binding::of_certificate(pem.as_bytes());
        assert!(binding.is_some());
        for (mechanism, first) in [
            (SCRAM, "y,,n=,r=abc"),
            (SCRAM, "p=tls-server-end-point,,n=,r=abc"),
            (SCRAM_PLUS, "n,,n=,r=abc"),
            (SCRAM_PLUS, "p=tls-unique,,n=,r=abc"),
        ] {
            let initial = SaslInitial { mechanism, data: first.as_bytes() };
            let result = Server::new(binding.clone()).first(&initial, Verifier::fake("x", &[0; 32]));
            assert_eq!(result.map(|_| ()), Err(ScramError::Binding), "{mechanism} {first}");
        }
    }

    proptest::proptest! {
        #[test]
        fn anything_can_be_read_without_a_panic(bytes: Vec<u8>, text: String) {
            let _ = Client::new(Binding::Unable, &[1; 18]).challenge(&bytes);
            let _ = Answered { expected: [0; 32] }.verify(&bytes);
            let data = format!("n,,n=,r={text}");
            let initial = SaslInitial { mechanism: SCRAM, data: data.as_bytes() };
            if let Ok((_, challenged)) = Server::new(None).first(&initial, Verifier::fake("x", &[0; 32])) {
                let _ = challenged.last(&bytes);
            }
        }
    }
}
