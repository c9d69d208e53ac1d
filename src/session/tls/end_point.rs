//! The hash of a server's certificate that SCRAM binds to (`tls-server-end-point`, RFC 5929 section 4.1).

use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// Signature algorithms by object identifier, and the hash each stands for. MD5 and SHA-1 count as SHA-256.
const HASHES: [(&str, Hash); 9] = [
    ("1.2.840.113549.1.1.4", Hash::Sha256),
    ("1.2.840.113549.1.1.5", Hash::Sha256),
    ("1.2.840.113549.1.1.11", Hash::Sha256),
    ("1.2.840.113549.1.1.12", Hash::Sha384),
    ("1.2.840.113549.1.1.13", Hash::Sha512),
    ("1.2.840.10045.4.1", Hash::Sha256),
    ("1.2.840.10045.4.3.2", Hash::Sha256),
    ("1.2.840.10045.4.3.3", Hash::Sha384),
    ("1.2.840.10045.4.3.4", Hash::Sha512),
];

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// The binding data for a certificate in DER form. `None` if its signature algorithm names no single hash (Ed25519, PSS).
pub fn hash(der: &[u8]) -> Option<Vec<u8>> {
    let certificate = Certificate::from_der(der).ok()?;
    let algorithm = certificate.signature_algorithm().oid.to_string();
    let (_, hash) = HASHES.into_iter().find(|(oid, _)| *oid == algorithm)?;
    Some(match hash {
        Hash::Sha256 => Sha256::digest(der).to_vec(),
        Hash::Sha384 => Sha384::digest(der).to_vec(),
        Hash::Sha512 => Sha512::digest(der).to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length_for(algorithm: &'static rcgen::SignatureAlgorithm) -> Option<usize> {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        hash(params.self_signed(&key).unwrap().der()).map(|bytes| bytes.len())
    }

    #[test]
    fn hash_follows_the_signature_algorithm() {
        assert_eq!(length_for(&rcgen::PKCS_ECDSA_P256_SHA256), Some(32));
        assert_eq!(length_for(&rcgen::PKCS_ECDSA_P384_SHA384), Some(48));
        assert_eq!(length_for(&rcgen::PKCS_ED25519), None);
    }

    #[test]
    fn garbage_has_no_hash() {
        assert_eq!(hash(b"not a certificate"), None);
    }
}
