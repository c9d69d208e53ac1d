//! Keys for hashing masks: one per class, derived from one master, so that equal values match inside a class only.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What a class key is derived under; changing it changes every hash.
const PURPOSE: &[u8] = b"holdpoint masking hash, version 1\0";

/// The same for encryption keys.
const ENCRYPTION: &[u8] = b"holdpoint masking encryption, version 1\0";

/// Per-class HMAC-SHA-256 keys, derived from a master. The master is wiped when dropped and never printed.
#[derive(Clone)]
pub struct Keys {
    master: Zeroizing<[u8; 32]>,
    /// How often the class's key was changed.
    generation: u32,
}

impl Keys {
    /// Takes the master key: 32 bytes from a good source of randomness, kept for as long as hashes must stay stable.
    pub fn new(master: [u8; 32]) -> Self {
        Self { master: Zeroizing::new(master), generation: 0 }
    }

    /// The keys of another generation: what was masked with those of an earlier one no longer matches.
    pub(in crate::masking) fn at(&self, generation: u32) -> Self {
        Self { master: self.master.clone(), generation }
    }

    fn derive(&self, purpose: &[u8], class: &str) -> Zeroizing<[u8; 32]> {
        let mut mac = keyed(&self.master);
        mac.update(purpose);
        mac.update(class.as_bytes());
        if self.generation > 0 {
            mac.update(b"\0");
            mac.update(&self.generation.to_be_bytes());
        }
        Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()))
    }

    /// A class's key for format-preserving encryption.
    pub(in crate::masking) fn for_encryption(&self, class: &str) -> Zeroizing<[u8; 32]> {
        self.derive(ENCRYPTION, class)
    }

    /// The key of one class.
    pub(in crate::masking) fn of(&self, class: &str) -> ClassKey {
        ClassKey(keyed(&self.derive(PURPOSE, class)))
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(***)")
    }
}

/// One class's key, ready to hash: both key blocks are already absorbed.
#[derive(Clone)]
pub(in crate::masking) struct ClassKey(Hmac<Sha256>);

impl ClassKey {
    /// HMAC-SHA-256 of a value. `domain` keeps equal bytes of unlike types apart.
    pub(in crate::masking) fn digest(&self, domain: u8, value: &[u8]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(&[domain]);
        mac.update(value);
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for ClassKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClassKey(***)")
    }
}

/// HMAC pads keys shorter than a block with zeros (RFC 2104 §2), so a zero-padded block is the same key.
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = Zeroizing::new([0u8; 64]);
    for (slot, byte) in block.iter_mut().zip(key) {
        *slot = *byte;
    }
    Hmac::<Sha256>::new(&(*block).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyed_digest_is_hmac_sha_256() {
        // RFC 4231 test case 1 uses a 20-byte key; zero-padded to 32 bytes it is the same HMAC key.
        let mut key = [0u8; 32];
        key[..20].copy_from_slice(&[0x0b; 20]);
        let mut mac = keyed(&key);
        mac.update(b"Hi There");
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        assert_eq!(hex::encode(digest), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    }

    #[test]
    fn classes_and_masters_and_domains_have_different_hashes() {
        let keys = Keys::new([1; 32]);
        let hash = keys.of("a").digest(0, b"x");
        assert_eq!(hash, keys.clone().of("a").digest(0, b"x"));
        assert_ne!(hash, keys.of("b").digest(0, b"x"));
        assert_ne!(hash, keys.of("a").digest(1, b"x"));
        assert_ne!(hash, Keys::new([2; 32]).of("a").digest(0, b"x"));
        assert_eq!(hash, keys.at(0).of("a").digest(0, b"x"));
        assert_ne!(hash, keys.at(1).of("a").digest(0, b"x"));
        assert_ne!(keys.at(2).for_encryption("a"), keys.at(1).for_encryption("a"));
    }

    #[test]
    fn keys_do_not_print_themselves() {
        assert_eq!(format!("{:?}", Keys::new([7; 32])), "Keys(***)");
    }
}
