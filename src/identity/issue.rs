//! Making credentials: an agent's secret and a person's token. The plain text leaves here once and is never stored.
//!
//! Both are 32 random bytes, so that a plain SHA-256 is enough to keep them (no guessing to slow down).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock::Timestamp;
use crate::identity::agent::Agent;
use crate::identity::ids::{AgentName, PersonName};
use crate::identity::token::{Scope, Token};
use crate::secret::Secret;

/// What every token begins with, so that secret scanners find it.
pub const TOKEN_PREFIX: &str = "hpt_";

/// Longest agent name, in bytes: what PostgreSQL keeps of a user name (NAMEDATALEN - 1).
pub const AGENT_NAME_BYTES_MAX: usize = 63;

/// What an agent is to be; the credential is added by [`agent`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentDraft {
    /// The user name it will log in with.
    pub name: AgentName,
    /// The person who answers for it.
    pub owner: PersonName,
    /// Who makes it.
    pub issued_by: PersonName,
    /// Groups that rules may name.
    pub groups: Vec<String>,
    /// Databases it may open; empty means all.
    pub databases: Vec<String>,
}

/// What a token is to be; the credential is added by [`token`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenDraft {
    /// On whose behalf it acts.
    pub person: PersonName,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Who makes it.
    pub issued_by: PersonName,
    /// When it stops working; `None` never.
    pub expires_at: Option<Timestamp>,
}

/// Makes an agent with a new secret. Show the secret once and drop it.
pub fn agent(draft: AgentDraft, now: Timestamp) -> (Agent, Secret) {
    let secret = Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    let agent = Agent {
        name: draft.name,
        owner: draft.owner,
        issued_by: draft.issued_by,
        groups: draft.groups,
        databases: draft.databases,
        scram_verifier: postgres_protocol::password::scram_sha_256(secret.expose().as_bytes()),
        secret_sha256: sha256_hex(secret.expose()),
        created_at: now,
        disabled: false,
    };
    (agent, secret)
}

/// Gives an agent a new secret; the old one stops working. `by` becomes part of the chain that may not approve.
pub fn rotate(agent: &mut Agent, by: PersonName) -> Secret {
    let secret = Secret::new(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()));
    agent.scram_verifier = postgres_protocol::password::scram_sha_256(secret.expose().as_bytes());
    agent.secret_sha256 = sha256_hex(secret.expose());
    agent.issued_by = by;
    secret
}

/// Makes a token. Show its text once and drop it.
pub fn token(draft: TokenDraft, now: Timestamp) -> (Token, Secret) {
    let id = hex::encode(rand::random::<[u8; 6]>());
    let text = Secret::new(format!("{TOKEN_PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())));
    let mut scopes = draft.scopes;
    scopes.sort();
    scopes.dedup();
    let token = Token {
        id,
        sha256: sha256_hex(text.expose()),
        person: draft.person,
        scopes,
        created_at: now,
        issued_by: draft.issued_by,
        expires_at: draft.expires_at,
        last_used_at: None,
        revoked: false,
    };
    (token, text)
}

/// The id inside a token's text: what it is looked up by. `None` if the text cannot be a token.
pub fn token_id(text: &str) -> Option<&str> {
    let (id, secret) = text.strip_prefix(TOKEN_PREFIX)?.split_once('_')?;
    let plausible = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) && secret.len() == 43;
    plausible.then_some(id)
}

/// Is `text` this token's text? Takes the same time wherever they differ.
pub fn token_matches(token: &Token, text: &str) -> bool {
    token.sha256.as_bytes().ct_eq(sha256_hex(text).as_bytes()).into()
}

/// Does the token still work at `now`?
pub fn token_usable(token: &Token, now: Timestamp) -> bool {
    !token.revoked && token.expires_at.is_none_or(|end| now < end)
}

/// May an agent be called so? Letters, digits, `-`, `_`, `.` and `@`, starting with a letter or digit, at most
/// [`AGENT_NAME_BYTES_MAX`] bytes: nothing that needs quoting in a DSN, a rule, a log or a terminal.
pub fn agent_name_ok(name: &str) -> bool {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    first
        && name.len() <= AGENT_NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte))
}

fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(expires_at: Option<Timestamp>) -> TokenDraft {
        TokenDraft {
            person: PersonName("dana".into()),
            scopes: vec![Scope::ApprovalsRead, Scope::ApprovalsDecide, Scope::ApprovalsRead],
            issued_by: PersonName("root".into()),
            expires_at,
        }
    }

    #[test]
    fn token_is_found_by_its_id_and_matches_only_its_own_text() {
        let (token, text) = token(draft(None), Timestamp::from_millis(0));
        assert_eq!(token_id(text.expose()), Some(token.id.as_str()));
        assert!(token_matches(&token, text.expose()));
        let (_, other) = super::token(draft(None), Timestamp::from_millis(0));
        assert!(!token_matches(&token, other.expose()));
        assert_eq!(token.scopes.len(), 2);
        assert!(!format!("{token:?}").contains(text.expose()));
    }

    #[test]
    fn token_stops_at_its_end_and_when_revoked() {
        let (mut token, _) = token(draft(Some(Timestamp::from_millis(10))), Timestamp::from_millis(0));
        assert!(token_usable(&token, Timestamp::from_millis(9)));
        assert!(!token_usable(&token, Timestamp::from_millis(10)));
        token.revoked = true;
        assert!(!token_usable(&token, Timestamp::from_millis(9)));
    }

    #[test]
    fn text_that_is_no_token_has_no_id() {
        for text in ["", "hpt_", "hpt__", "hpt_abc_def", "hpt_0123456789ag_", "ghp_012345678901_x"] {
            assert_eq!(token_id(text), None, "{text}");
        }
    }

    #[test]
    fn agent_keeps_verifiers_and_not_the_secret() {
        let draft = AgentDraft {
            name: AgentName("bot".into()),
            owner: PersonName("mia".into()),
            issued_by: PersonName("root".into()),
            groups: vec![],
            databases: vec![],
        };
        let (mut agent, secret) = agent(draft, Timestamp::from_millis(0));
        assert!(agent.scram_verifier.starts_with("SCRAM-SHA-256$4096:"));
        assert!(!serde_json::to_string(&agent).unwrap().contains(secret.expose()));
        let before = agent.secret_sha256.clone();
        let new = rotate(&mut agent, PersonName("eve".into()));
        assert_ne!(agent.secret_sha256, before);
        assert_eq!(agent.secret_sha256, sha256_hex(new.expose()));
        assert_eq!(agent.issued_by.0, "eve");
    }

    #[test]
    fn names_that_would_need_quoting_are_refused() {
        assert!(agent_name_ok("reporting-bot"));
        for name in ["", "-x", "a b", "a:b", "a/b", "ä", "a\u{202e}b", &"x".repeat(64)] {
            assert!(!agent_name_ok(name), "{name}");
        }
    }
}
