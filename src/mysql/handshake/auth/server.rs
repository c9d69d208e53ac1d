//! The server's side: does this client know the agent's secret? Names that do not exist go the same ways, with verifiers that
//! nothing fits.

use bytes::{BufMut, BytesMut};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::identity::agent::Agent;
use crate::identity::secret::Secret;
use crate::mysql::frame::WireError;
use crate::mysql::handshake::Nonce;
use crate::mysql::handshake::auth::rsa::ServerKey;
use crate::mysql::handshake::auth::{
    CACHING_SHA2, CLEAR, FAST_OK, FULL, KEY_WANTED, MORE, NATIVE, put_switch, sha1, sha256,
};

/// What is stored about a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifiers {
    sha256: Option<[u8; 32]>,
    native: Option<[u8; 20]>,
}

impl Verifiers {
    /// Those of an agent. What cannot be read does not count.
    pub fn of(agent: &Agent) -> Self {
        let native = agent.native_verifier.as_deref().and_then(bytes_of);
        Self { sha256: bytes_of(&agent.secret_sha256), native }
    }

    /// Those of a name that does not exist, always the same for the same name and key.
    pub fn fake(name: &str, key: &[u8; 32]) -> Self {
        let seed = Sha256::new().chain_update(b"mysql").chain_update(key).chain_update(name.as_bytes()).finalize();
        let sha256 = sha256(&[b"sha256", &seed]);
        Self { sha256: Some(sha256), native: Some(sha1(&[b"native", &seed])) }
    }
}

impl std::fmt::Debug for Verifiers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifiers(***)")
    }
}

fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex::decode(text).ok()?.try_into().ok()
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// Send this payload, and give the client's next packet to [`Server::answer`].
    Ask(BytesMut),
    /// The client knows the secret. Send this payload, if there is one, and an OK when everything else is ready.
    Proved(Option<BytesMut>),
    /// This is what the client says the secret is; nobody else could read it. Compare it with the stored hash.
    Check(Secret),
    /// The client does not know the secret.
    Wrong,
    /// The client proves itself in a way that is not served.
    Refuse(Unfit),
}

/// A way of proving oneself that is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The secret in the clear, over a connection that others can read.
    #[error(
        "the secret was sent in the clear over an unencrypted connection: use TLS, and consider the secret known to others"
    )]
    Clear,
    /// The secret is needed in full, and there is no key to encrypt it to.
    #[error("this agent needs TLS to log in")]
    NoKey,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Switched,
    Full,
    Key,
    Over,
}

/// One login, from the client's response on.
///
/// ```text
/// response with mysql_native_password ---right--> Proved
///         |   wrong, or no verifier for it
///         v
/// any other plugin ------> Switched --+
/// caching_sha2_password --------------+--right--> Proved
///         | no verifier for it        `--wrong--> Wrong
///         v
///       Full --(TLS: secret)--> Check      --(asks for the key)--> Key --(secret under RSA)--> Check
/// ```
#[derive(Debug)]
pub struct Server {
    nonce: Nonce,
    tls: bool,
    verifiers: Verifiers,
    state: State,
}

impl Server {
    /// A login with the challenge that the greeting had. `tls`: nobody in between can read along.
    pub fn new(nonce: Nonce, tls: bool, verifiers: Verifiers) -> Self {
        Self { nonce, tls, verifiers, state: State::Over }
    }

    /// Takes the proof in the client's response. `plugins`: the client can be asked for another plugin.
    pub fn begin(&mut self, plugin: Option<&str>, proof: &[u8], plugins: bool) -> Step {
        match plugin {
            Some(CACHING_SHA2) => self.scrambled(proof),
            Some(CLEAR) if self.tls => secret(proof),
            // Refused at once: the secret is out, and whoever sent it must know.
            Some(CLEAR) if !proof.is_empty() => Step::Refuse(Unfit::Clear),
            Some(NATIVE) | None if self.is_native(proof) => Step::Proved(None),
            _ if !plugins => Step::Wrong,
            _ => {
                self.state = State::Switched;
                let mut out = BytesMut::new();
                put_switch(&mut out, CACHING_SHA2, &self.nonce);
                Step::Ask(out)
            }
        }
    }

    /// The client's next packet may ask for the key, or be encrypted to it.
    pub fn wants_key(&self) -> bool {
        !self.tls && matches!(self.state, State::Full | State::Key)
    }

    /// Takes the client's next packet. `key`: what secrets can be encrypted to, if there is such a key.
    ///
    /// # Errors
    /// A packet that has no place here.
    pub fn answer(&mut self, payload: &[u8], key: Option<&ServerKey>) -> Result<Step, WireError> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Switched => Ok(self.scrambled(payload)),
            State::Full if self.tls => Ok(secret(payload)),
            State::Full => {
                let Some(key) = key else {
                    return Ok(Step::Refuse(Unfit::NoKey));
                };
                if payload != [KEY_WANTED] {
                    return Ok(self.sealed(payload, key));
                }
                self.state = State::Key;
                let mut out = BytesMut::new();
                out.put_u8(MORE);
                out.put_slice(key.pem().as_bytes());
                Ok(Step::Ask(out))
            }
            State::Key => Ok(key.map_or(Step::Wrong, |key| self.sealed(payload, key))),
            State::Over => Err(WireError::unexpected("no further proof", payload)),
        }
    }

    fn sealed(&self, payload: &[u8], key: &ServerKey) -> Step {
        key.open(payload, &self.nonce).map_or(Step::Wrong, |plain| secret(&plain))
    }

    /// The stored hash, hidden with a hash over its hash and the challenge.
    fn scrambled(&mut self, proof: &[u8]) -> Step {
        // An empty proof stands for an empty secret, which no agent has.
        if proof.is_empty() || proof == [0] {
            return Step::Wrong;
        }
        let Some(stored) = self.verifiers.sha256 else {
            self.state = State::Full;
            return Step::Ask(BytesMut::from(&[MORE, FULL][..]));
        };
        let mask = sha256(&[&sha256(&[&stored]), &self.nonce]);
        let wanted: Vec<u8> = stored.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
        match bool::from(wanted.ct_eq(proof)) {
            true => Step::Proved(Some(BytesMut::from(&[MORE, FAST_OK][..]))),
            false => Step::Wrong,
        }
    }

    /// What is stored is the hash of a hash; the proof shows the inner one.
    fn is_native(&self, proof: &[u8]) -> bool {
        let (Some(stored), Ok(proof)) = (self.verifiers.native, <[u8; 20]>::try_from(proof)) else {
            return false;
        };
        let mask = sha1(&[&self.nonce, &stored]);
        let inner: Vec<u8> = proof.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect();
        sha1(&[&inner]).ct_eq(&stored).into()
    }
}

/// A secret with or without its closing zero byte.
fn secret(bytes: &[u8]) -> Step {
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() => Step::Check(Secret::new(text)),
        _ => Step::Wrong,
    }
}
