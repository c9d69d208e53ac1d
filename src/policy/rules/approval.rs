//! `approval:` as people write it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::identity::assurance::Assurance;
use crate::policy::span::Span;

/// How approval is to be had.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRaw {
    /// All stages must be filled; a person counts once.
    #[serde(default)]
    pub stages: Vec<StageRaw>,
    /// How long people may decide. Default from `holdpoint.yaml` (1h).
    #[serde(default)]
    pub expires: Option<Span>,
    /// How long the client is held before it gets the *pending* error. Default from `holdpoint.yaml` (5m).
    #[serde(default)]
    pub hold: Option<Span>,
    /// How long an approval may be used. Default from `holdpoint.yaml` (15m).
    #[serde(default)]
    pub use_within: Option<Span>,
    /// Must the agent say why first?
    #[serde(default)]
    pub reason: ReasonRaw,
    /// How sure it must be who approves: `token`, `password`, `oidc` or `oidc+mfa`. Left out: anything will do.
    #[serde(default)]
    pub assurance: Option<Assurance>,
}

/// Must the agent say why?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonRaw {
    /// It must.
    Required,
    /// It may.
    #[default]
    Optional,
}

/// One stage.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageRaw {
    /// People of any of these groups.
    #[schemars(length(min = 1))]
    pub groups: Vec<String>,
    /// How many distinct people. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 20))]
    pub needed: u16,
}

fn one() -> u16 {
    1
}
