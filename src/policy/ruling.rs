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
    /// The rule that wants it; `None`: the defaults do, or nobody does.
    #[serde(default)]
    pub reason_by: Option<RuleId>,
    /// How sure it must be who approves; `None`: anything will do.
    #[serde(default)]
    pub assurance: Option<Assurance>,
}

impl ApprovalPolicy {
    /// Adds what another statement of the same text needs: every stage, the shorter times, the stronger demands.
    pub fn join(&mut self, other: &Self) {
        for stage in &other.stages {
            stage.clone().join_into(&mut self.stages);
        }
        self.expires = self.expires.min(other.expires);
        self.hold = self.hold.min(other.hold);
        self.use_within = self.use_within.min(other.use_within);
        self.reason_required |= other.reason_required;
        self.reason_by = self.reason_by.take().or_else(|| other.reason_by.clone());
        self.assurance = self.assurance.max(other.assurance);
    }
}

impl Stage {
    /// Adds this stage to others: two of the same groups are one, for the larger number of people.
    pub fn join_into(self, stages: &mut Vec<Self>) {
        match stages.iter_mut().find(|known| known.has_groups_of(&self)) {
            Some(known) => known.needed = known.needed.max(self.needed),
            None => stages.push(self),
        }
    }

    fn has_groups_of(&self, other: &Self) -> bool {
        let within = |one: &Self, two: &Self| one.groups.iter().all(|group| two.groups.contains(group));
        within(self, other) && within(other, self)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(groups: &[&str], needed: u16) -> ApprovalPolicy {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let minute = Duration::from_secs(60);
        ApprovalPolicy {
            stages: vec![Stage { groups, needed }],
            expires: minute,
            hold: minute,
            use_within: minute,
            reason_required: false,
            reason_by: None,
            assurance: None,
        }
    }

    #[test]
    fn statements_of_a_batch_need_no_more_people_than_one_that_does_all() {
        let mut joined = policy(&["dba", "ops"], 1);
        joined.join(&policy(&["ops", "dba"], 2));
        assert_eq!(joined.stages, policy(&["dba", "ops"], 2).stages);
        joined.join(&policy(&["dba"], 1));
        assert_eq!(joined.stages.len(), 2, "another choice of groups is another stage");
        let by = Some(RuleId("why".to_owned()));
        joined.join(&ApprovalPolicy { reason_required: true, reason_by: by.clone(), ..policy(&["dba"], 1) });
        assert_eq!((joined.reason_required, joined.reason_by), (true, by));
    }
}
