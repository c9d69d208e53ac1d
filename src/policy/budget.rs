//! Budgets: how many rows of a class, and how many look-ups by it, an agent may have over a sliding window.
//!
//! The rules say how many; what was used already is counted elsewhere, and comes back as an [`Allowance`].

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::identity::ids::RuleId;
use crate::policy::judge::Situation;
use crate::policy::judge::facts::{ClassNames, classes_shown};
use crate::policy::rules::{RuleSet, glob};
use crate::policy::ruling::{Effect, RuleHit};
use crate::policy::span::Span;

/// One entry of `budgets:` as written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetRaw {
    /// Class patterns; each class that fits has a count of its own. `*` stands for anything.
    #[schemars(length(min = 1))]
    pub classes: Vec<String>,
    /// Agent patterns; each agent has a count of its own. Left out: every agent.
    #[serde(default)]
    pub agents: Option<Vec<String>>,
    /// Rows that may show the class within the window; the statement that would cross it is a bulk read.
    #[serde(default)]
    pub rows: Option<u64>,
    /// Statements that may look something up by the class within the window; the next one is held.
    #[serde(default)]
    pub probes: Option<u64>,
    /// The window: it slides.
    pub per: Span,
}

/// One entry, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    classes: Vec<String>,
    agents: Option<Vec<String>>,
    rows: Option<u64>,
    probes: Option<u64>,
    per: Duration,
}

/// One count that a statement adds to, and how far it may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The class.
    pub class: Arc<str>,
    /// The most within the window.
    pub most: u64,
    /// The window.
    pub per: Duration,
}

/// What a statement counts against. The same for every run of it, so it can be kept with its judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// Every row of its result counts here.
    pub rows: Vec<Line>,
    /// The statement counts here, once.
    pub probes: Vec<Line>,
}

impl Charge {
    /// No budget is concerned.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.probes.is_empty()
    }
}

/// What is left of the budgets that a statement counts against. The default: no budget is concerned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Rows; `None`: without limit.
    pub rows: Option<u64>,
    /// Look-ups; `None`: without limit.
    pub probes: Option<u64>,
}

impl Budget {
    /// Compiles an entry; the error is the key at fault, the cause and the fix.
    pub(crate) fn new(raw: &BudgetRaw) -> Result<Self, (&'static str, String, &'static str)> {
        if raw.classes.is_empty() {
            return Err(("classes", "an empty list matches nothing".to_owned(), "name classes, or `*`"));
        }
        if raw.rows.is_none() && raw.probes.is_none() {
            return Err(("per", "neither `rows` nor `probes` is given".to_owned(), "say how many"));
        }
        Ok(Self {
            classes: raw.classes.clone(),
            agents: raw.agents.clone(),
            rows: raw.rows,
            probes: raw.probes,
            per: raw.per.0,
        })
    }

    /// Its patterns for classes.
    pub(crate) fn classes(&self) -> &[String] {
        &self.classes
    }

    fn concerns(&self, agent: &str) -> bool {
        self.agents.as_ref().is_none_or(|agents| glob::any(agents, agent))
    }

    fn lines(&self, classes: &ClassNames, most: Option<u64>) -> impl Iterator<Item = Line> {
        let fitting = classes.iter().filter(|class| glob::any(&self.classes, class));
        fitting.filter_map(move |class| Some(Line { class: class.clone(), most: most?, per: self.per }))
    }
}

impl RuleSet {
    /// What a statement counts against.
    pub fn charge(&self, situation: &Situation<'_>) -> Charge {
        let mut charge = Charge::default();
        if self.budgets.is_empty() {
            return charge;
        }
        let shown = classes_shown(situation);
        let probed: ClassNames = situation
            .footprint
            .probes
            .iter()
            .flat_map(|probe| situation.map.of(probe.column).map(|class| class.name.clone()))
            .collect::<BTreeSet<_>>();
        for budget in self.budgets.iter().filter(|budget| budget.concerns(&situation.subject.agent.0)) {
            charge.rows.extend(budget.lines(&shown, budget.rows));
            charge.probes.extend(budget.lines(&probed, budget.probes));
        }
        charge
    }
}

/// The hold on a look-up for which nothing is left.
pub(in crate::policy) fn probes_spent(classes: &ClassNames) -> RuleHit {
    let names: Vec<&str> = classes.iter().map(|name| &**name).collect();
    RuleHit {
        rule: RuleId("budget:probes".to_owned()),
        effect: Effect::Hold,
        enforced: true,
        message: Some("The budget of look-ups by this class is used up: wait, or ask for a list instead.".to_owned()),
        because: format!("no look-ups by class {} are left", names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
