//! What the rules say about one statement, and why.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::identity::assurance::Assurance;
use crate::identity::ids::RuleId;
use crate::policy::action::Action;

/// What a rule asks for. `Deny` beats `Hold` beats `Allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Let it run, masked.
    Allow,
    /// Hold it until people approve.
    Hold,
    /// Refuse it; nobody is asked.
    Deny,
}

/// One approval stage: `needed` distinct people out of these groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Any of these groups.
    pub groups: Vec<String>,
    /// How many distinct people.
    pub needed: u16,
}

/// How an approval is to be had. When several hold rules match, stages are joined and the shorter times win.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalPolicy {
    /// All stages must be filled; a person counts once, for one stage.
    pub stages: Vec<Stage>,
    /// How long people may decide.
    pub expires: Duration,
    /// How long the client is held before it gets the *pending* error.
    pub hold: Duration,
    /// How long an approval may be used after it was given.
    pub use_within: Duration,
    /// The requester must have said why.
    pub reason_required: bool,
    /// How sure it must be who approves; `None`: anything will do.
    #[serde(default)]
    pub assurance: Option<Assurance>,
}

/// A rule that matched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleHit {
    /// Which.
    pub rule: RuleId,
    /// What it asks for.
    pub effect: Effect,
    /// `false` for `mode: warn` and `mode: shadow`: reported, not applied.
    pub enforced: bool,
    /// The rule's message for the agent.
    pub message: Option<String>,
    /// Why it matched, in words: which action, class, object.
    pub because: String,
}

/// What the rules say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// The strongest enforced effect.
    pub effect: Effect,
    /// Every rule that matched, strongest first.
    pub hits: Vec<RuleHit>,
    /// What the statement amounts to.
    pub actions: Vec<Action>,
    /// Classes touched in any way (output, probe, write), sorted.
    pub classes: Vec<String>,
    /// Classified columns are touched: errors and notices are re-worded (DESIGN §6).
    pub tainted: bool,
    /// Rows the result may have before it is held in mid-stream; `None`: no ceiling.
    pub ceiling: Option<u64>,
    /// How to ask, when `effect` is `Hold`.
    pub approval: Option<ApprovalPolicy>,
    /// Content hash of the rules that said so.
    pub rules_version: String,
}
