//! Making secrets and checking them: agents' passwords, their SCRAM verifiers, hashes of tokens.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::identity::agent::Agent;
use crate::identity::ids::{AgentName, PersonName};
use crate::identity::secret::Secret;

/// A fresh secret: 32 random bytes as 43 characters that need no escaping in a URL.
pub fn random_secret() -> Secret {
    let bytes = Zeroizing::new(rand::random::<[u8; 32]>());
    Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

/// `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` with a fresh salt (RFC 5803, as PostgreSQL writes it; the secret is
/// prepared by SASLprep).
pub fn scram_verifier(secret: &Secret) -> String {
    postgres_protocol::password::scram_sha_256(secret.expose().as_bytes())
}

/// Hex SHA-256. Only for secrets that are random and long; people's passwords would need a slow hash.
pub fn sha256_hex(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

/// Hex SHA-1 of SHA-1, as `mysql_native_password` compares it. Only for secrets that are random and long.
pub fn native_verifier(secret: &Secret) -> String {
    use sha1::{Digest as _, Sha1};
    hex::encode(Sha1::digest(Sha1::digest(secret.expose().as_bytes())))
}

/// Is `given` the secret whose [`sha256_hex`] is `stored`? Takes the same time wherever they differ.
pub fn matches_sha256(stored: &str, given: &str) -> bool {
    stored.as_bytes().ct_eq(sha256_hex(given).as_bytes()).into()
}

/// What is said about a new agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAgent {
    /// Its name.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// Who issues its credential.
    pub issued_by: String,
    /// Groups that rules may name.
    pub groups: Vec<String>,
    /// Databases it may open; empty means all.
    pub databases: Vec<String>,
}

/// Makes an agent and its secret. The secret is shown once and kept nowhere.
pub fn new_agent(new: NewAgent, now: Timestamp) -> (Agent, Secret) {
    let secret = random_secret();
    let agent = Agent {
        name: AgentName(new.name),
        owner: PersonName(new.owner),
        issued_by: PersonName(new.issued_by),
        groups: new.groups,
        databases: new.databases,
        scram_verifier: scram_verifier(&secret),
        secret_sha256: sha256_hex(secret.expose()),
        native_verifier: Some(native_verifier(&secret)),
        created_at: now,
        disabled: false,
    };
    (agent, secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (random_secret(), random_secret());
        assert_eq!(one.expose().len(), 43);
        assert_ne!(one.expose(), other.expose());
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }

    #[test]
    fn a_new_agent_keeps_no_plain_secret() {
        let new = NewAgent { name: "bot".into(), owner: "olga".into(), ..NewAgent::default() };
        let (agent, secret) = new_agent(new, Timestamp::from_millis(0));
        assert!(agent.scram_verifier.starts_with("SCRAM-SHA-256$4096:"));
        assert!(matches_sha256(&agent.secret_sha256, secret.expose()));
        assert!(!matches_sha256(&agent.secret_sha256, "guess") && !matches_sha256("", secret.expose()));
        assert!(!serde_json::to_string(&agent).unwrap().contains(secret.expose()));
    }
}
