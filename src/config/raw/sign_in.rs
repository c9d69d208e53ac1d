//! `sign_in:` as people write it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::policy::span::Span;

/// Signing in at the page.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignInRaw {
    /// A session without a request ends after this. Default 1h.
    #[serde(default)]
    pub idle: Option<Span>,
    /// A session ends after this in any case. Default 12h.
    #[serde(default)]
    pub most: Option<Span>,
    /// May people sign in by password? Default true.
    #[serde(default)]
    pub passwords: Option<bool>,
    /// Which groups may do what at the page.
    #[serde(default)]
    pub scopes: ScopesRaw,
}

/// Which groups have which scope.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScopesRaw {
    /// Agents and the kill switch. Default: nobody.
    #[serde(default)]
    pub admin: Option<Vec<String>>,
    /// Approve, deny, revoke. Default: everybody in `people`; the rules say who of them counts.
    #[serde(default, rename = "approvals:decide")]
    pub approvals_decide: Option<Vec<String>>,
    /// List and show approvals. Default: everybody in `people`.
    #[serde(default, rename = "approvals:read")]
    pub approvals_read: Option<Vec<String>>,
    /// Read and verify the audit log. Default: nobody.
    #[serde(default, rename = "audit:read")]
    pub audit_read: Option<Vec<String>>,
    /// Reload rules. Default: nobody.
    #[serde(default, rename = "rules:write")]
    pub rules_write: Option<Vec<String>>,
}
