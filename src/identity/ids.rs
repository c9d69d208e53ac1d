//! Newtypes for everything that is named in logs, the API and the audit.

use serde::{Deserialize, Serialize};

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// An approval's public id: `apr_` and 16 characters of Crockford base32 (80 random bits).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApprovalId(String);

impl ApprovalId {
    /// Makes an id from 80 random bits.
    pub fn from_random(random: [u8; 10]) -> Self {
        let mut text = String::from("apr_");
        let mut bits: u128 = random.iter().fold(0, |sum, byte| (sum << 8) | u128::from(*byte));
        for _ in 0..16 {
            let digit = usize::try_from(bits & 31).unwrap_or(0);
            text.push(char::from(CROCKFORD.get(digit).copied().unwrap_or(b'0')));
            bits >>= 5;
        }
        Self(text)
    }

    /// Reads an id as people type it: any case, with or without `apr_`. `None` if it cannot be one or is only a prefix.
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.trim().to_ascii_uppercase();
        let digits = upper.strip_prefix("APR_").unwrap_or(&upper);
        let valid = digits.len() == 16 && digits.bytes().all(|digit| CROCKFORD.contains(&digit));
        valid.then(|| Self(format!("apr_{digits}")))
    }

    /// The id as shown everywhere.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ApprovalId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A grant's public id: `gra_` and 16 characters of Crockford base32.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantId(String);

impl GrantId {
    /// Makes an id from 80 random bits.
    pub fn from_random(random: [u8; 10]) -> Self {
        Self(ApprovalId::from_random(random).0.replacen("apr_", "gra_", 1))
    }

    /// Reads an id as people type it: any case, with or without `gra_`. `None` if it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.trim().to_ascii_uppercase();
        let digits = upper.strip_prefix("GRA_").unwrap_or(&upper);
        let valid = digits.len() == 16 && digits.bytes().all(|digit| CROCKFORD.contains(&digit));
        valid.then(|| Self(format!("gra_{digits}")))
    }

    /// The id as shown everywhere.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for GrantId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An agent's name, as it logs in: the user name of its DSN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AgentName(pub String);

impl std::fmt::Display for AgentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person's stable name: for people with tokens the name in `holdpoint.yaml`, later `iss` and `sub` of an OIDC login.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonName(pub String);

impl std::fmt::Display for PersonName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// One client connection, counted from the start of the process; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub u64);

/// One statement of one session, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StatementId(pub u64);

/// A rule's `id` from `rules/*.yaml`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(pub String);

impl std::fmt::Display for RuleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approval_id_is_read_back_in_any_case() {
        let id = ApprovalId::from_random([7; 10]);
        assert_eq!(ApprovalId::parse(&id.as_str().to_ascii_lowercase()), Some(id));
    }

    #[test]
    fn grant_id_is_read_back_and_is_no_approval_id() {
        let id = GrantId::from_random([7; 10]);
        assert_eq!(GrantId::parse(&id.as_str().to_ascii_lowercase()), Some(id.clone()));
        assert_eq!((ApprovalId::parse(id.as_str()), GrantId::parse("gra_7K3")), (None, None));
    }

    #[test]
    fn short_id_is_not_an_id() {
        assert_eq!(ApprovalId::parse("apr_7K3"), None);
    }
}
