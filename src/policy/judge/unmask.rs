//! "Show me this customer's card for this ticket": a bounded SELECT whose values of some classes come back as they are.
//!
//! Nothing is shown unless a rule that names the action `unmask` matches for each class; without one it is denied. What is
//! shown is bound to the one statement that was judged, and to the rows it may return.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::identity::ids::RuleId;
use crate::policy::action::Action;
use crate::policy::judge::facts::{ClassNames, Facts, Measure, classes_shown};
use crate::policy::judge::matching::{Answer, answer};
use crate::policy::judge::{Evidence, Situation, hit, strongest};
use crate::policy::rules::file::Mode;
use crate::policy::rules::{Rule, RuleSet};
use crate::policy::ruling::{Effect, RuleHit, Ruling};
use crate::statement::footprint::{RowBound, Verb};

/// More rows than this are never shown unmasked by one statement.
pub const UNMASK_ROWS_MAX: u64 = 100;

/// The ruling on a statement whose agent asks to see some classes.
#[derive(Clone, Debug)]
pub struct Unmasking {
    /// What the rules say, the wish included.
    pub ruling: Ruling,
    /// Classes whose masks do not apply to this statement's result once it is released; empty when it is denied.
    pub reveal: BTreeSet<Arc<str>>,
}

impl RuleSet {
    /// Judges a statement for which its agent asked to see these classes. Classes that the result does not show are not
    /// asked for; with none left the ruling is that of [`RuleSet::judge`].
    pub fn judge_unmasking(
        &self,
        situation: &Situation<'_>,
        evidence: Evidence,
        wanted: &BTreeSet<String>,
    ) -> Unmasking {
        let Situation { subject, footprint, map, catalog } = *situation;
        let mut ruling = self.judge(subject, footprint, map, catalog, evidence);
        let shown = classes_shown(situation);
        let asked: ClassNames = shown.into_iter().filter(|class| wanted.contains(&**class)).collect();
        if asked.is_empty() {
            return Unmasking { ruling, reveal: BTreeSet::new() };
        }
        let rows = match bounded(situation) {
            Ok(rows) => {
                ruling.hits.extend(self.unmask_hits(situation, evidence, &asked));
                rows
            }
            Err(why) => {
                ruling.hits.push(denied(why.to_owned(), why));
                0
            }
        };
        ruling.hits.sort_by_key(|hit| (std::cmp::Reverse(hit.enforced), std::cmp::Reverse(hit.effect)));
        ruling.effect = strongest(&ruling.hits);
        ruling.approval = (ruling.effect == Effect::Hold).then(|| self.approval(&ruling.hits));
        ruling.ceiling = Some(ruling.ceiling.map_or(rows, |ceiling| ceiling.min(rows)));
        ruling.actions.push(Action::Unmask);
        ruling.actions.sort_unstable();
        let reveal = if ruling.effect == Effect::Deny { BTreeSet::new() } else { asked };
        Unmasking { ruling, reveal }
    }

    /// Every rule that speaks of unmasking these classes, and a denial for each class of which none does.
    fn unmask_hits(&self, situation: &Situation<'_>, evidence: Evidence, asked: &ClassNames) -> Vec<RuleHit> {
        let facts = Facts::of(self, situation, Measure::of(situation.footprint, evidence));
        let mut hits: Vec<RuleHit> = Vec::new();
        for class in asked {
            let only = Facts { actions: [(Action::Unmask, [class.clone()].into())].into(), ..facts.clone() };
            let mut ruled = false;
            for rule in self.rules.iter().filter(|rule| names_unmask(rule)) {
                let Answer::Match(because) = answer(rule, situation, &only) else { continue };
                ruled |= rule.mode == Mode::Enforce;
                if !hits.iter().any(|known| known.rule == rule.id) {
                    hits.push(hit(rule, because));
                }
            }
            if !ruled {
                let message = "No rule lets this class be shown to you. Do without the values.";
                hits.push(denied(format!("no rule lets class {class} be shown"), message));
            }
        }
        hits
    }
}

fn names_unmask(rule: &Rule) -> bool {
    rule.when.actions.as_ref().is_some_and(|actions| actions.contains(&Action::Unmask))
}

/// Its rows, if they are few for certain, and go to the client and nowhere else.
fn bounded(situation: &Situation<'_>) -> Result<u64, &'static str> {
    let footprint = situation.footprint;
    let plain = footprint.verb == Verb::Select && footprint.transfer.is_none() && footprint.opaque.is_empty();
    if !plain || footprint.outputs.iter().flatten().any(|output| output.unknown) {
        return Err("Only a plain SELECT that is understood can be shown unmasked.");
    }
    match footprint.returned {
        RowBound::AtMost(rows) if rows <= UNMASK_ROWS_MAX => Ok(rows),
        _ => Err("Say which rows by their key, or by a LIMIT of at most 100, to be shown them unmasked."),
    }
}

fn denied(because: String, message: &str) -> RuleHit {
    RuleHit {
        rule: RuleId("default:unmask".to_owned()),
        effect: Effect::Deny,
        enforced: true,
        message: Some(message.to_owned()),
        because,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::ids::AgentName;
    use crate::policy::judge::Subject;
    use crate::policy::judge::tests::Bench;
    use crate::statement::footprint::{Footprint, Transfer};

    const RULES: &str = "classes: { pan: {}, mail: {} }
columns: [{ match: '**.card_number', class: pan }, { match: '**.email', class: mail }]
rules:
  - { id: bulk, when: { actions: [bulk_read] }, then: hold }
  - { id: card-for-support, when: { actions: [unmask], classes: [pan], agents: ['support-*'] }, then: hold,
      approval: { stages: [{ groups: [leads], needed: 2 }], reason: required } }
  - { id: mail-for-support, when: { actions: [unmask], classes: [mail], agents: ['support-*'] }, then: allow }
  - { id: tried, when: { actions: [unmask] }, then: allow, mode: shadow }";

    fn asked(agent: &str, footprint: &Footprint, wanted: &[&str]) -> (Effect, Vec<String>, Option<u64>, Unmasking) {
        let bench = Bench::rules(RULES);
        let agent = AgentName(agent.into());
        let subject = Subject { agent: &agent, groups: &[], database: "shop", has_reason: true };
        let situation = Situation { subject: &subject, footprint, map: &bench.map, catalog: &bench.catalog };
        let wanted = wanted.iter().map(|class| (*class).to_owned()).collect();
        let answer = bench.rules.judge_unmasking(&situation, Evidence::default(), &wanted);
        let reveal = answer.reveal.iter().map(ToString::to_string).collect();
        (answer.ruling.effect, reveal, answer.ruling.ceiling, answer)
    }

    fn select(columns: &[&str], rows: RowBound) -> Footprint {
        Bench::rules(RULES).select(columns, rows)
    }

    #[test]
    fn a_rule_holds_it_and_only_what_was_asked_for_is_revealed() {
        let both = select(&["customers.card_number", "customers.email"], RowBound::AtMost(1));
        let (effect, reveal, ceiling, answer) = asked("support-1", &both, &["pan"]);
        assert_eq!((effect, reveal, ceiling), (Effect::Hold, vec!["pan".to_owned()], Some(1)));
        let policy = answer.ruling.approval.unwrap();
        assert!(policy.reason_required && policy.stages[0].needed == 2);
        assert_eq!(answer.ruling.hits[0].because, "unmask, class pan, agent support-1");
        assert!(answer.ruling.actions.contains(&Action::Unmask));
        let (effect, reveal, ..) = asked("support-1", &both, &["mail"]);
        assert_eq!((effect, reveal), (Effect::Allow, vec!["mail".to_owned()]));
        let (effect, reveal, ..) = asked("support-1", &both, &["mail", "pan"]);
        assert_eq!((effect, reveal.len()), (Effect::Hold, 2));
    }

    #[test]
    fn without_a_rule_for_each_class_it_is_denied_and_nothing_revealed() {
        let both = select(&["customers.card_number", "customers.email"], RowBound::AtMost(1));
        for wanted in [&["pan"][..], &["mail", "pan"]] {
            let (effect, reveal, _, answer) = asked("other", &both, wanted);
            assert_eq!((effect, reveal.len()), (Effect::Deny, 0));
            assert_eq!(answer.ruling.hits[0].rule.0, "default:unmask");
        }
    }

    #[test]
    fn many_rows_copies_and_what_is_not_understood_are_never_unmasked() {
        for rows in [RowBound::AtMost(101), RowBound::Unbounded] {
            assert_eq!(asked("support-1", &select(&["customers.card_number"], rows), &["pan"]).0, Effect::Deny);
        }
        let mut copy = select(&["customers.card_number"], RowBound::AtMost(1));
        copy.transfer = Some(Transfer::ToServer);
        assert_eq!(asked("support-1", &copy, &["pan"]).0, Effect::Deny);
        let mut unknown = select(&["customers.card_number"], RowBound::AtMost(1));
        unknown.outputs.as_mut().unwrap()[0].unknown = true;
        assert_eq!(asked("support-1", &unknown, &["pan"]).0, Effect::Deny);
    }

    #[test]
    fn asking_for_what_is_not_there_changes_nothing() {
        let plain = select(&["orders.id"], RowBound::AtMost(1));
        let (effect, reveal, ceiling, answer) = asked("other", &plain, &["pan", "no.such.class"]);
        assert_eq!((effect, reveal.len(), ceiling), (Effect::Allow, 0, None));
        assert!(!answer.ruling.actions.contains(&Action::Unmask));
    }
}
