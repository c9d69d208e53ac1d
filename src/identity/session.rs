//! A person signed in at the page: what the cookie opens, for how long, and the token that ties forms to it. The cookie's
//! value is kept only as a hash.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::clock::Timestamp;
use crate::identity::credential::{random_secret, sha256_hex};
use crate::identity::ids::PersonName;
use crate::identity::secret::Secret;

/// How a person proved who they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Who.
    pub person: PersonName,
    /// How sure we are: `password`, `oidc`.
    pub assurance: String,
    /// The groups that an identity provider named; those of the configuration come on top.
    pub groups: Vec<String>,
    /// When.
    pub at: Timestamp,
    /// Hash of the page's path for which the person proved it anew, if that is why they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anew_for: Option<String>,
}

/// How long a session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Without a request.
    pub idle: Duration,
    /// In all.
    pub most: Duration,
}

/// A signed-in browser, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrowserSession {
    /// Hex SHA-256 of the cookie's value.
    pub id: String,
    /// Whose, and how we know.
    pub proof: Proof,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Last request, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends, whatever happens.
    pub expires_at: Timestamp,
}

impl Proof {
    /// By a password, here and now.
    pub fn by_password(person: PersonName, at: Timestamp) -> Self {
        Self { person, assurance: "password".to_owned(), groups: Vec::new(), at, anew_for: None }
    }

    /// Did the person prove it anew in order to open this path?
    pub fn is_anew_for(&self, path: &str) -> bool {
        self.anew_for.as_ref().is_some_and(|kept| same(&sha256_hex(path), kept))
    }
}

impl BrowserSession {
    /// Opens a session; gives the cookie's value, 32 random bytes that are kept nowhere.
    pub fn open(proof: Proof, span: Span, now: Timestamp) -> (Self, Secret) {
        let cookie = random_secret();
        let id = session_id(cookie.expose());
        let expires_at = now.after(span.most);
        (Self { id, proof, created_at: now, last_seen_at: now, expires_at }, cookie)
    }

    /// Does it still hold?
    pub fn holds(&self, idle: Duration, now: Timestamp) -> bool {
        now < self.expires_at && now.since(self.last_seen_at) < idle
    }

    /// Its last request was long enough ago to be worth a write.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        now.since(self.last_seen_at) >= Duration::from_secs(60)
    }
}

/// The id under which a cookie's session is kept.
pub fn session_id(cookie: &str) -> String {
    sha256_hex(cookie)
}

/// The token that a form of this cookie's page carries: an HMAC under the cookie's value, so that no other site knows it.
pub fn form_token(cookie: &str) -> String {
    derived(cookie, "form")
}

/// A value that only who has the secret can name: an HMAC of the purpose under it, as 43 characters of base64.
pub fn derived(secret: &str, purpose: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(b"holdpoint ");
    mac.update(purpose.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// Is this the form token of that cookie? Takes the same time wherever they differ.
pub fn form_token_fits(cookie: &str, token: &str) -> bool {
    same(&form_token(cookie), token)
}

/// Are both the same, and not empty? Takes the same time wherever they differ.
pub fn same(expected: &str, given: &str) -> bool {
    !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (BrowserSession, Secret) {
        let at = Timestamp::from_millis(0);
        let proof = Proof {
            person: PersonName("dana".into()),
            assurance: "password".into(),
            groups: vec![],
            at,
            anew_for: None,
        };
        let span = Span { idle: Duration::from_secs(60), most: Duration::from_secs(100) };
        BrowserSession::open(proof, span, at)
    }

    #[test]
    fn a_session_ends_by_idling_and_in_any_case() {
        let (session, _) = opened();
        let idle = Duration::from_secs(60);
        let holds = |session: &BrowserSession, at: i64| session.holds(idle, Timestamp::from_millis(at));
        assert!(holds(&session, 59_999) && !holds(&session, 60_000));
        let seen = BrowserSession { last_seen_at: Timestamp::from_millis(59_000), ..session };
        assert!(holds(&seen, 99_999) && !holds(&seen, 100_000));
    }

    #[test]
    fn neither_cookie_nor_form_token_is_kept() {
        let (session, cookie) = opened();
        let kept = serde_json::to_string(&session).unwrap();
        assert!(!kept.contains(cookie.expose()) && !kept.contains(&form_token(cookie.expose())));
        assert_eq!(session.id, session_id(cookie.expose()));
    }

    #[test]
    fn a_form_token_fits_its_own_cookie_only() {
        let token = form_token("one");
        assert!(form_token_fits("one", &token));
        assert!(!form_token_fits("two", &token) && !form_token_fits("one", "") && !form_token_fits("one", &token[1..]));
    }
}
