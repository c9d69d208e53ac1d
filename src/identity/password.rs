//! Passwords of people without an identity provider: argon2id (RFC 9106), what a good one is, and the one-time links by
//! which people set their own. Never a plain password or link in what is kept.

use std::sync::OnceLock;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identity::credential::{matches_sha256, random_secret, sha256_hex};
use crate::identity::ids::PersonName;
use crate::identity::secret::Secret;

/// Fewest characters of a password.
pub const CHARS_MIN: usize = 12;
/// Most bytes of a password: hashing more helps nobody but an attacker.
pub const BYTES_MAX: usize = 1024;

/// How a person without an identity provider gets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Whose.
    pub person: PersonName,
    /// The password as a PHC string (`$argon2id$…`); `None`: there is none, or none yet.
    pub hash: Option<String>,
    /// When it was set.
    pub set_at: Option<Timestamp>,
    /// Everybody who ever opened this way in: they could have used it, so they stand in the person's chain.
    pub issuers: Vec<PersonName>,
    /// The link by which the person may set a password, once.
    pub link: Option<Link>,
}

/// A one-time link, as kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Hex SHA-256 of its secret.
    pub sha256: String,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// What is wrong with a new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Shorter than [`CHARS_MIN`].
    #[error("a password needs at least {CHARS_MIN} characters")]
    Short,
    /// Longer than [`BYTES_MAX`].
    #[error("a password has at most {BYTES_MAX} bytes")]
    Long,
    /// One character over and over, or the person's own name.
    #[error("this password is too easy to guess: take several words, or let a password manager choose")]
    Guessable,
    /// The hash cannot be computed.
    #[error("the password cannot be hashed")]
    Hash,
}

impl Login {
    /// Nothing yet.
    pub fn new(person: PersonName) -> Self {
        Self { person, hash: None, set_at: None, issuers: Vec::new(), link: None }
    }

    /// Opens a one-time link until `expires_at`; an older one stops working. Gives the link's secret, shown once.
    pub fn invite(&mut self, by: PersonName, expires_at: Timestamp) -> Secret {
        let secret = random_secret();
        self.link = Some(Link { sha256: sha256_hex(secret.expose()), expires_at });
        self.issued(by);
        secret
    }

    /// Sets a password on behalf of `by`; the link is used up.
    pub fn set(&mut self, hash: String, by: Option<PersonName>, now: Timestamp) {
        self.hash = Some(hash);
        self.set_at = Some(now);
        self.link = None;
        if let Some(by) = by {
            self.issued(by);
        }
    }

    /// Is this the secret of a link that still works?
    pub fn opens(&self, secret: &str, now: Timestamp) -> bool {
        self.link.as_ref().is_some_and(|link| matches_sha256(&link.sha256, secret) && now < link.expires_at)
    }

    fn issued(&mut self, by: PersonName) {
        if !self.issuers.contains(&by) {
            self.issuers.push(by);
        }
    }
}

/// Checks a new password of this person and hashes it: argon2id with 19 MiB, 2 passes, and a fresh salt. Takes tens of
/// milliseconds of one core.
///
/// # Errors
/// See [`Weak`].
pub fn hash(password: &Secret, person: &PersonName) -> Result<String, Weak> {
    let text = password.expose();
    if text.len() > BYTES_MAX {
        return Err(Weak::Long);
    }
    if text.chars().count() < CHARS_MIN {
        return Err(Weak::Short);
    }
    let mut letters = text.chars();
    let first = letters.next();
    if letters.all(|letter| Some(letter) == first) || text.trim().eq_ignore_ascii_case(person.0.trim()) {
        return Err(Weak::Guessable);
    }
    Argon2::default().hash_password(text.as_bytes()).map(|hash| hash.to_string()).map_err(|_| Weak::Hash)
}

/// Is this the password? Without a stored hash it takes the same time, and the answer is no.
pub fn verify(stored: Option<&str>, password: &Secret) -> bool {
    if password.expose().len() > BYTES_MAX {
        return false;
    }
    let known = stored.and_then(|stored| PasswordHash::new(stored).ok());
    let Some(parsed) = known.or_else(|| PasswordHash::new(decoy()).ok()) else { return false };
    let fits = Argon2::default().verify_password(password.expose().as_bytes(), &parsed).is_ok();
    fits && stored.is_some()
}

/// The hash of a password that nobody has.
fn decoy() -> &'static str {
    static DECOY: OnceLock<String> = OnceLock::new();
    DECOY.get_or_init(|| {
        let secret = random_secret();
        Argon2::default().hash_password(secret.expose().as_bytes()).map(|hash| hash.to_string()).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dana() -> PersonName {
        PersonName("dana@example.com".into())
    }

    #[test]
    fn a_password_is_verified_by_its_hash_alone() {
        let password = Secret::new("correct horse battery");
        let stored = hash(&password, &dana()).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify(Some(&stored), &password));
        assert!(!verify(Some(&stored), &Secret::new("correct horse batterx")));
        assert!(!verify(None, &password) && !verify(Some("nonsense"), &password));
        assert_ne!(stored, hash(&password, &dana()).unwrap(), "every hash has its own salt");
    }

    #[test]
    fn weak_passwords_are_refused() {
        let check = |text: &str| hash(&Secret::new(text), &dana());
        assert_eq!(check("short"), Err(Weak::Short));
        assert_eq!(check("ääääääääääää"), Err(Weak::Guessable));
        assert_eq!(check("Dana@Example.com"), Err(Weak::Guessable));
        assert_eq!(check(&"xy".repeat(513)), Err(Weak::Long));
    }

    #[test]
    fn a_link_works_until_it_is_used_or_its_time_is_over() {
        let at = Timestamp::from_millis;
        let mut login = Login::new(dana());
        let secret = login.invite(PersonName("root".into()), at(1000));
        assert!(login.opens(secret.expose(), at(999)) && !login.opens(secret.expose(), at(1000)));
        assert!(!login.opens("guess", at(0)));
        let newer = login.invite(PersonName("root".into()), at(1000));
        assert!(!login.opens(secret.expose(), at(0)) && login.opens(newer.expose(), at(0)));
        assert!(!serde_json::to_string(&login).unwrap().contains(newer.expose()));
        login.set("$argon2id$".into(), None, at(5));
        assert!(!login.opens(newer.expose(), at(6)));
        assert_eq!(login.issuers, [PersonName("root".into())]);
    }
}
