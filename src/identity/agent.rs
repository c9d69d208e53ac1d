//! An agent: its name, its owner, and how it proves itself. Never its plain secret.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identity::ids::{AgentName, PersonName};

/// An agent as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// The user name it logs in with.
    pub name: AgentName,
    /// The person who answers for it. Never approves its statements.
    pub owner: PersonName,
    /// Who issued its credential. Never approves its statements either.
    pub issued_by: PersonName,
    /// Groups that rules may name.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Databases (keys under `databases:`) it may open; empty means all.
    #[serde(default)]
    pub databases: Vec<String>,
    /// `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey` (PostgreSQL's form of the verifier, RFC 5803).
    pub scram_verifier: String,
    /// SHA-256 of the secret, hex: for logins that hand over the secret itself (MySQL clear text over TLS).
    pub secret_sha256: String,
    /// SHA-1 of the SHA-1 of the secret, hex, as `mysql_native_password` needs it; `None`: issued before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_verifier: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The kill switch: a disabled agent can neither log in nor have anything released.
    #[serde(default)]
    pub disabled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As an agent was stored before MySQL was served.
    const BEFORE: &str = r#"{"name":"bot","owner":"mia","issued_by":"root","groups":["g"],"databases":[],
        "scram_verifier":"SCRAM-SHA-256$4096:c2FsdA==$a:b","secret_sha256":"00","created_at":"2026-11-01T00:00:00Z","disabled":true}"#;

    #[test]
    fn agents_of_before_are_read_and_written_as_they_were() {
        let agent: Agent = serde_json::from_str(BEFORE).unwrap();
        assert_eq!((agent.native_verifier.as_deref(), agent.disabled), (None, true));
        assert!(
            !serde_json::to_string(&agent).unwrap().contains("native_verifier"),
            "an older program can read it, too"
        );
        let with = Agent { native_verifier: Some("11".into()), ..agent };
        assert_eq!(serde_json::from_str::<Agent>(&serde_json::to_string(&with).unwrap()).unwrap(), with);
    }
}
