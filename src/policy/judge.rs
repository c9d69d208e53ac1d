//! `Footprint` and evidence -> `Ruling`: which rules match, what they ask for together, and up to how many rows.

pub mod builtin;
pub mod explain;
pub mod facts;
pub mod matching;
pub mod unmask;
pub mod words;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::identity::ids::AgentName;
use crate::policy::action::Action;
use crate::policy::budget::{self, Allowance};
use crate::policy::class::ClassMap;
use crate::policy::judge::facts::{Facts, Measure};
use crate::policy::judge::matching::Answer;
use crate::policy::rules::file::Mode;
use crate::policy::rules::{APPROVERS, Approval, Rule, RuleSet};
use crate::policy::ruling::{ApprovalPolicy, Effect, RuleHit, Ruling, Stage};
use crate::statement::footprint::{Footprint, RowBound};

/// Who asks, and where.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The agent.
    pub agent: &'a AgentName,
    /// Its groups.
    pub groups: &'a [String],
    /// The key under `databases:`.
    pub database: &'a str,
    /// It has said why.
    pub has_reason: bool,
}

/// What is known about rows beside the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Rows returned, by the planner or as counted in the stream so far.
    pub estimated_rows: Option<u64>,
    /// Rows changed, by the planner.
    pub estimated_changed: Option<u64>,
    /// What is left of the budgets that the statement counts against.
    pub allowance: Allowance,
}

/// A statement with everything a rule may ask about.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Who and where.
    pub subject: &'a Subject<'a>,
    /// What is touched.
    pub footprint: &'a Footprint,
    /// Which columns are classified.
    pub map: &'a ClassMap,
    /// Names for keys.
    pub catalog: &'a Catalog,
}

impl RuleSet {
    /// What the rules say about one statement. Pure; the same arguments give the same ruling.
    pub fn judge(
        &self,
        subject: &Subject<'_>,
        footprint: &Footprint,
        map: &ClassMap,
        catalog: &Catalog,
        evidence: Evidence,
    ) -> Ruling {
        let situation = Situation { subject, footprint, map, catalog };
        let facts = Facts::of(self, &situation, Measure::of(footprint, evidence));
        let hits = self.hits(&situation, &facts);
        let effect = strongest(&hits);
        let approval = (effect == Effect::Hold).then(|| self.approval(&hits));
        let ceiling = self.ceiling(&situation, &facts, &hits, evidence);
        Ruling {
            effect,
            actions: facts.actions.keys().copied().collect(),
            classes: facts.touched.iter().map(ToString::to_string).collect(),
            tainted: facts.tainted,
            ceiling,
            approval,
            rules_version: self.version.clone(),
            hits,
        }
    }

    /// Could the planner's number change the ruling? Asking costs a round trip, so it is asked only then.
    pub fn needs_estimate(
        &self,
        footprint: &Footprint,
        map: &ClassMap,
        catalog: &Catalog,
        subject: &Subject<'_>,
    ) -> bool {
        // Planning may run user functions (constant folding), so what is not understood is not planned either.
        if !footprint.explainable || !footprint.opaque.is_empty() {
            return false;
        }
        let low = self.judge(subject, footprint, map, catalog, Evidence::rows(0));
        let high = self.judge(subject, footprint, map, catalog, Evidence::default());
        low.effect != Effect::Deny && low.hits != high.hits
    }

    /// Every rule that matches, strongest first, enforced before reported ones.
    fn hits(&self, situation: &Situation<'_>, facts: &Facts) -> Vec<RuleHit> {
        let mut hits = builtin::hits(situation);
        if let (Some(0), Some(classes)) = (facts.measure.allowance.probes, facts.actions.get(&Action::Probe)) {
            hits.push(budget::probes_spent(classes));
        }
        let mut opaque_is_ruled = false;
        for rule in &self.rules {
            if let Answer::Match(because) = matching::answer(rule, situation, facts) {
                let names_opaque = rule.when.actions.as_ref().is_some_and(|list| list.contains(&Action::Opaque));
                opaque_is_ruled |= names_opaque && rule.mode == Mode::Enforce;
                let mut hit = hit(rule, because);
                if names_opaque && hit.message.is_none() && rule.mode != Mode::Shadow {
                    hit.message = builtin::opaque_advice(situation.footprint);
                }
                hits.push(hit);
            }
        }
        if facts.actions.contains_key(&Action::Opaque) && !opaque_is_ruled {
            hits.push(builtin::opaque(situation.footprint));
        }
        hits.sort_by_key(|hit| (std::cmp::Reverse(hit.enforced), std::cmp::Reverse(hit.effect)));
        hits
    }

    /// The joined way to approval of every enforced rule that holds: stages are joined, the shorter times win.
    /// How to ask when an allowed result turns out to be longer than it may be: the defaults.
    pub fn ceiling_policy(&self) -> ApprovalPolicy {
        self.approval(&[])
    }

    fn approval(&self, hits: &[RuleHit]) -> ApprovalPolicy {
        let holding =
            |rule: &&Rule| rule.then == Effect::Hold && hits.iter().any(|hit| hit.enforced && hit.rule == rule.id);
        let holding: Vec<(&Rule, &Approval)> = self
            .rules
            .iter()
            .filter(holding)
            .filter_map(|rule| rule.approval.as_ref().map(|approval| (rule, approval)))
            .collect();
        let given: Vec<&Approval> = holding.iter().map(|(_, approval)| *approval).collect();
        let mut stages: Vec<Stage> = Vec::new();
        for stage in given.iter().flat_map(|approval| &approval.stages) {
            stage.clone().join_into(&mut stages);
        }
        if stages.is_empty() {
            stages.clone_from(&self.defaults.stages);
        }
        if stages.is_empty() {
            stages.push(Stage { groups: vec![APPROVERS.to_owned()], needed: 1 });
        }
        let least = |pick: fn(&Approval) -> Option<std::time::Duration>, default| {
            let shortest = given.iter().filter_map(|approval| pick(approval)).min();
            shortest.or(pick(&self.defaults)).unwrap_or(default)
        };
        ApprovalPolicy {
            stages,
            expires: least(|approval| approval.expires, self.times.expires),
            hold: least(|approval| approval.hold, self.times.hold),
            use_within: least(|approval| approval.use_within, self.times.use_within),
            reason_required: self.defaults.reason_required || given.iter().any(|approval| approval.reason_required),
            reason_by: holding.iter().find(|(_, approval)| approval.reason_required).map(|(rule, _)| rule.id.clone()),
            // The strongest of all that are said: `None` is less than any.
            assurance: given.iter().map(|approval| approval.assurance).max().flatten().max(self.defaults.assurance),
        }
    }

    /// The number of rows behind which another rule would hold or deny; the stream stops there. `None`: no such number.
    fn ceiling(&self, situation: &Situation<'_>, facts: &Facts, hits: &[RuleHit], evidence: Evidence) -> Option<u64> {
        if situation.footprint.returned == RowBound::None || facts.unlimited {
            return None;
        }
        let over = self.rules.iter().filter_map(|rule| rule.when.rows_over);
        let limits: BTreeSet<u64> = over.chain([facts.read_limit]).collect();
        limits.into_iter().find(|limit| {
            let beyond = Measure::beyond(*limit, situation.footprint, evidence);
            let then = self.hits(situation, &Facts::of(self, situation, beyond));
            let stops = |hit: &&RuleHit| hit.enforced && hit.effect != Effect::Allow;
            then.iter().filter(stops).any(|hit| !hits.iter().any(|known| known.enforced && known.rule == hit.rule))
        })
    }
}

impl Evidence {
    /// The same, with this left of the budgets.
    pub fn within(self, allowance: Allowance) -> Self {
        Self { allowance, ..self }
    }

    /// The planner says this number, whatever the statement does.
    pub fn rows(rows: u64) -> Self {
        Self { estimated_rows: Some(rows), estimated_changed: Some(rows), ..Self::default() }
    }
}

fn hit(rule: &Rule, because: String) -> RuleHit {
    RuleHit {
        rule: rule.id.clone(),
        effect: rule.then,
        enforced: rule.mode == Mode::Enforce,
        message: rule.message.clone().filter(|_| rule.mode != Mode::Shadow),
        because,
    }
}

fn strongest(hits: &[RuleHit]) -> Effect {
    hits.iter().filter(|hit| hit.enforced).map(|hit| hit.effect).max().unwrap_or(Effect::Allow)
}
