//! API tokens: `hpt_<id>_<secret>`, stored only as a hash.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identity::credential::{matches_sha256, random_secret, sha256_hex};
use crate::identity::ids::PersonName;
use crate::identity::secret::Secret;
use crate::identity::store::{StoreError, TokenStore};

const PREFIX: &str = "hpt_";
const ID_CHARS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const ID_LENGTH: usize = 10;

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// Make and change agents and tokens; use the kill switch.
    #[serde(rename = "admin")]
    Admin,
    /// Approve, deny, revoke.
    #[serde(rename = "approvals:decide")]
    ApprovalsDecide,
    /// List and show approvals.
    #[serde(rename = "approvals:read")]
    ApprovalsRead,
    /// Read and verify the audit log.
    #[serde(rename = "audit:read")]
    AuditRead,
    /// Reload and validate rules.
    #[serde(rename = "rules:write")]
    RulesWrite,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Admin, Self::ApprovalsDecide, Self::ApprovalsRead, Self::AuditRead, Self::RulesWrite];

    /// Its name in configuration, API and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::ApprovalsDecide => "approvals:decide",
            Self::ApprovalsRead => "approvals:read",
            Self::AuditRead => "audit:read",
            Self::RulesWrite => "rules:write",
        }
    }
}

/// A token as stored. The secret is 32 random bytes, so a plain SHA-256 is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The middle part of the token's text; also its name in lists.
    pub id: String,
    /// Hex SHA-256 of the whole token text.
    pub sha256: String,
    /// On whose behalf it acts. Group membership is looked up at the moment of a decision.
    pub person: PersonName,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made, and by whom.
    pub created_at: Timestamp,
    /// Who made it.
    pub issued_by: PersonName,
    /// When it stops working; `None` never.
    pub expires_at: Option<Timestamp>,
    /// Last successful use, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// Set once revoked.
    #[serde(default)]
    pub revoked: bool,
}

/// Why a token does not open anything. What the caller is told should not tell these apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not of the form `hpt_<id>_<secret>`, no such id, or the wrong secret.
    #[error("the token is not known")]
    Unknown,
    /// It was revoked.
    #[error("the token was revoked")]
    Revoked,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// It cannot be looked up.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Token {
    /// Makes a token and its text. The text is shown once and kept nowhere.
    pub fn issue(
        person: PersonName,
        scopes: Vec<Scope>,
        issued_by: PersonName,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> (Self, Secret) {
        let id = random_id();
        let text = Secret::new(format!("{PREFIX}{id}_{}", random_secret().expose()));
        let sha256 = sha256_hex(text.expose());
        let token = Self {
            id,
            sha256,
            person,
            scopes,
            created_at: now,
            issued_by,
            expires_at,
            last_used_at: None,
            revoked: false,
        };
        (token, text)
    }

    /// Is `text` this token, and is it good now?
    ///
    /// # Errors
    /// See [`TokenError`]. The secret is compared first, so nobody learns more who does not have it.
    pub fn check(&self, text: &str, now: Timestamp) -> Result<(), TokenError> {
        if !matches_sha256(&self.sha256, text) {
            return Err(TokenError::Unknown);
        }
        if self.revoked {
            return Err(TokenError::Revoked);
        }
        match self.expires_at {
            Some(expires_at) if expires_at <= now => Err(TokenError::Expired),
            _ => Ok(()),
        }
    }

    /// May it do this?
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// The token whose text was given, if it is good now.
///
/// # Errors
/// See [`TokenError`].
pub fn authenticate(store: &dyn TokenStore, text: &str, now: Timestamp) -> Result<Token, TokenError> {
    let id = token_id(text).ok_or(TokenError::Unknown)?;
    let token = store.token(id)?.ok_or(TokenError::Unknown)?;
    token.check(text, now)?;
    Ok(token)
}

/// The id within a token's text.
pub fn token_id(text: &str) -> Option<&str> {
    let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
    (id.len() == ID_LENGTH && id.bytes().all(|byte| ID_CHARS.contains(&byte)) && !secret.is_empty()).then_some(id)
}

fn random_id() -> String {
    let bytes: [u8; ID_LENGTH] = rand::random();
    bytes.iter().filter_map(|byte| ID_CHARS.get(usize::from(byte & 31))).map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(expires_at: Option<i64>) -> (Token, Secret) {
        let people = (PersonName("dana".into()), PersonName("root".into()));
        let expires_at = expires_at.map(Timestamp::from_millis);
        Token::issue(people.0, vec![Scope::ApprovalsDecide], people.1, expires_at, Timestamp::from_millis(0))
    }

    #[test]
    fn text_names_its_id_and_is_not_kept() {
        let (token, text) = issued(None);
        assert_eq!(token_id(text.expose()), Some(token.id.as_str()));
        assert_eq!(text.expose().len(), 4 + 10 + 1 + 43);
        assert!(!serde_json::to_string(&token).unwrap().contains(text.expose()));
        assert!(token.may(Scope::ApprovalsDecide) && !token.may(Scope::Admin));
    }

    #[test]
    fn tokens_are_good_or_not_as_the_table_says() {
        let (token, text) = issued(Some(1000));
        let check = |token: &Token, text: &str, at: i64| token.check(text, Timestamp::from_millis(at));
        assert_eq!(check(&token, text.expose(), 999), Ok(()));
        assert_eq!(check(&token, text.expose(), 1000), Err(TokenError::Expired));
        assert_eq!(check(&token, &text.expose()[..57], 0), Err(TokenError::Unknown));
        let revoked = Token { revoked: true, ..token };
        assert_eq!(check(&revoked, text.expose(), 0), Err(TokenError::Revoked));
        assert_eq!(check(&revoked, "hpt_x", 0), Err(TokenError::Unknown));
    }

    #[test]
    fn what_is_not_a_token_has_no_id() {
        for text in [
            "",
            "hpt_",
            "hpt_abc_secret",
            "hpt_0123456789_",
            "hpt_0123456789",
            "xyz_0123456789_secret",
            "hpt_012345678!_s",
        ] {
            assert_eq!(token_id(text), None, "{text}");
        }
    }
}
