//! API tokens: `hpt_<id>_<secret>`, stored only as a hash.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identity::ids::PersonName;

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
