//! Signed heads of the log: name, size, Merkle root, time, in the form of a signed note (C2SP `signed-note`,
//! `tlog-checkpoint`), so that other tools can check them too. The form stands at [`Checkpoint`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::audit::merkle::Hash;
use crate::clock::Timestamp;

const ED25519: u8 = 1;

/// A checkpoint as read from a note whose signature was checked, or about to be signed. As a note:
///
/// ```text
/// holdpoint/shop
/// 1234
/// <base64 root>
/// time 2026-11-21T05:30:00.123Z
///
/// — holdpoint/shop <base64 of key id and signature>
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Records covered.
    pub size: u64,
    /// Merkle root over them.
    pub root: Hash,
    /// When it was signed.
    pub at: Timestamp,
}

/// Why a note or a key is not accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a note of the form above.
    #[error("not a checkpoint: {0}")]
    Malformed(&'static str),
    /// Another log's.
    #[error("signed as `{found}`, not as `{expected}`")]
    OtherLog {
        /// Name in the note.
        found: String,
        /// Name in the key.
        expected: String,
    },
    /// Signed by somebody else, or altered.
    #[error("the signature is not that of this key")]
    BadSignature,
    /// Not a public key as `holdpoint audit key` prints it.
    #[error("not a public key of the form name+id+key: {0}")]
    BadKey(&'static str),
}

/// Signs checkpoints of one log.
pub struct NoteSigner {
    key: SigningKey,
    name: String,
}

/// The public half: checks them, anywhere. `Display` and [`NoteVerifier::parse`] use the form `name+id+key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteVerifier {
    key: VerifyingKey,
    name: String,
}

impl NoteSigner {
    /// A signer for the log `name` (no blanks, no `+`; those become `-`) with a 32-byte Ed25519 seed.
    pub fn new(name: &str, seed: &[u8; 32]) -> Self {
        let name =
            name.chars().map(|letter| if letter.is_whitespace() || letter == '+' { '-' } else { letter }).collect();
        Self { key: SigningKey::from_bytes(seed), name }
    }

    /// The public half.
    pub fn verifier(&self) -> NoteVerifier {
        NoteVerifier { key: self.key.verifying_key(), name: self.name.clone() }
    }

    /// The signed note.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let root = STANDARD.encode(checkpoint.root);
        let body = format!("{}\n{}\n{root}\ntime {}\n", self.name, checkpoint.size, checkpoint.at.to_rfc3339());
        let mut signature = self.verifier().id().to_vec();
        signature.extend(self.key.sign(body.as_bytes()).to_bytes());
        format!("{body}\n— {} {}\n", self.name, STANDARD.encode(signature))
    }
}

impl NoteVerifier {
    /// The log's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        let hash: Hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize()
            .into();
        let [first, second, third, fourth, ..] = hash;
        [first, second, third, fourth]
    }

    /// Reads `name+id+key`.
    ///
    /// # Errors
    /// [`CheckpointError::BadKey`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        use CheckpointError::BadKey;
        let mut parts = text.trim().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(BadKey("three parts joined by + are expected"));
        };
        let key = STANDARD.decode(key).map_err(|_| BadKey("the key is not base64"))?;
        let Some((&ED25519, key)) = key.split_first() else { return Err(BadKey("not an Ed25519 key")) };
        let key: [u8; 32] = key.try_into().map_err(|_| BadKey("not 32 bytes"))?;
        let key = VerifyingKey::from_bytes(&key).map_err(|_| BadKey("not a point of the curve"))?;
        let verifier = Self { key, name: name.to_owned() };
        if hex::encode(verifier.id()) != id { Err(BadKey("the id does not fit name and key")) } else { Ok(verifier) }
    }

    /// Checks a note and reads it.
    ///
    /// # Errors
    /// See [`CheckpointError`]; nothing of a note that fails is to be believed.
    pub fn verify(&self, note: &str) -> Result<Checkpoint, CheckpointError> {
        use CheckpointError::Malformed;
        let (body, signatures) = note.split_once("\n\n").ok_or(Malformed("no signature"))?;
        let body = format!("{body}\n");
        let mut lines = body.lines();
        let found = lines.next().unwrap_or_default();
        if found != self.name {
            return Err(CheckpointError::OtherLog { found: found.to_owned(), expected: self.name.clone() });
        }
        self.check(&body, signatures)?;
        let size = lines.next().and_then(|line| line.parse().ok()).ok_or(Malformed("no size"))?;
        let root = lines.next().and_then(|line| STANDARD.decode(line).ok()).and_then(|root| root.try_into().ok());
        let at = lines.find_map(|line| line.strip_prefix("time ")).and_then(Timestamp::parse_rfc3339);
        Ok(Checkpoint { size, root: root.ok_or(Malformed("no root"))?, at: at.ok_or(Malformed("no time"))? })
    }

    fn check(&self, body: &str, signatures: &str) -> Result<(), CheckpointError> {
        let prefix = format!("— {} ", self.name);
        let good = signatures.lines().filter_map(|line| line.strip_prefix(&prefix)).any(|text| {
            let Ok(bytes) = STANDARD.decode(text) else { return false };
            let Some((id, signature)) = bytes.split_at_checked(4) else { return false };
            let Ok(signature) = Signature::from_slice(signature) else { return false };
            id == self.id() && self.key.verify_strict(body.as_bytes(), &signature).is_ok()
        });
        if good { Ok(()) } else { Err(CheckpointError::BadSignature) }
    }
}

impl std::fmt::Display for NoteVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut key = vec![ED25519];
        key.extend(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint { size: 7, root: [3; 32], at: Timestamp::from_millis(1_795_165_924_123) }
    }

    #[test]
    fn note_is_read_back_with_the_printed_key() {
        let signer = NoteSigner::new("holdpoint/shop", &[5; 32]);
        let verifier = NoteVerifier::parse(&signer.verifier().to_string()).unwrap();
        assert_eq!(verifier.verify(&signer.sign(&checkpoint())), Ok(checkpoint()));
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let signer = NoteSigner::new("holdpoint/shop", &[5; 32]);
        let note = signer.sign(&checkpoint());
        for at in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let read = signer.verifier().verify(&changed);
            assert!(read.is_err() || read == Ok(checkpoint()) && changed.trim() == note.trim(), "byte {at}: {changed}");
        }
    }

    #[test]
    fn another_key_or_name_is_refused() {
        let note = NoteSigner::new("a", &[5; 32]).sign(&checkpoint());
        assert_eq!(NoteSigner::new("a", &[6; 32]).verifier().verify(&note), Err(CheckpointError::BadSignature));
        assert!(matches!(
            NoteSigner::new("b", &[5; 32]).verifier().verify(&note),
            Err(CheckpointError::OtherLog { .. })
        ));
    }
}
