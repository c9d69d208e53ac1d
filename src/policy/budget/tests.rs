//! What counts against which budget, and what follows when little is left.

use super::*;
use crate::identity::ids::AgentName;
use crate::policy::action::Action;
use crate::policy::judge::tests::Bench;
use crate::policy::judge::{Evidence, Subject};
use crate::statement::footprint::{Footprint, Position, RowBound};

const RULES: &str = "classes: { pii.email: {}, pii.phone: {}, pay: {} }
columns:
  - { match: '**.email', class: pii.email }
  - { match: '**.phone', class: pii.phone }
  - { match: '**.salary', class: pay }
budgets:
  - { classes: ['pii.*'], rows: 2000, per: 1h }
  - { classes: [pii.email], agents: ['ex*'], rows: 10, probes: 5, per: 10m }
rules:
  - { id: bulk, when: { actions: [bulk_read] }, then: hold }";

fn charge(bench: &Bench, agent: &str, footprint: &Footprint) -> Charge {
    let agent = AgentName(agent.to_owned());
    let subject = Subject { agent: &agent, groups: &[], database: "shop", has_reason: false };
    let situation = Situation { subject: &subject, footprint, map: &bench.map, catalog: &bench.catalog };
    bench.rules.charge(&situation)
}

fn told(lines: &[Line]) -> Vec<(&str, u64, u64)> {
    lines.iter().map(|line| (&*line.class, line.most, line.per.as_secs())).collect()
}

#[test]
fn each_class_shown_and_each_class_probed_has_its_lines() {
    let bench = Bench::rules(RULES);
    let mut footprint = bench.select(&["customers.email", "customers.phone"], RowBound::AtMost(5));
    assert_eq!(told(&charge(&bench, "bot", &footprint).rows), [("pii.email", 2000, 3600), ("pii.phone", 2000, 3600)]);
    footprint.probes.push(bench.probe("customers.email", Position::Equality));
    let external = charge(&bench, "ex-1", &footprint);
    assert_eq!(told(&external.rows)[2], ("pii.email", 10, 600));
    assert_eq!(told(&external.probes), [("pii.email", 5, 600)]);
    assert!(charge(&bench, "bot", &bench.select(&["employees.salary"], RowBound::Unbounded)).is_empty());
    assert!(charge(&bench, "bot", &bench.select(&["orders.id"], RowBound::Unbounded)).is_empty());
}

#[test]
fn what_would_cross_the_budget_is_a_bulk_read_and_what_is_left_is_the_ceiling() {
    let bench = Bench::rules(RULES);
    let left = |rows: u64| Evidence::default().within(Allowance { rows: Some(rows), probes: None });
    for (bound, rows, action, ceiling) in [
        (RowBound::AtMost(100), 100, Action::Read, None),
        (RowBound::AtMost(101), 100, Action::BulkRead, None),
        (RowBound::AtMost(1), 0, Action::BulkRead, None),
        (RowBound::AtMost(1000), 5000, Action::Read, None),
    ] {
        let ruling = bench.judge(&bench.select(&["customers.email"], bound), left(rows));
        assert_eq!((ruling.actions[0], ruling.ceiling), (action, ceiling), "{bound:?} {rows}");
    }
    let estimated = Evidence::rows(40).within(Allowance { rows: Some(50), probes: None });
    let ruling = bench.judge(&bench.select(&["customers.email"], RowBound::Unbounded), estimated);
    assert_eq!((ruling.actions[0], ruling.ceiling), (Action::Read, Some(50)));
    let ruling = bench.judge(&bench.select(&["customers.email"], RowBound::AtMost(9)), left(3));
    assert_eq!(ruling.hits[0].because, "bulk_read (3 rows left of the budget)");
}

#[test]
fn a_look_up_for_which_nothing_is_left_is_held() {
    let bench = Bench::rules(RULES);
    let mut footprint = bench.select(&["customers.id"], RowBound::AtMost(1));
    footprint.probes.push(bench.probe("customers.email", Position::Equality));
    let left = |probes: u64| Evidence::default().within(Allowance { rows: None, probes: Some(probes) });
    assert_eq!(bench.judge(&footprint, left(1)).effect, Effect::Allow);
    let held = bench.judge(&footprint, left(0));
    assert_eq!((held.effect, held.hits[0].rule.0.as_str()), (Effect::Hold, "budget:probes"));
    let other = bench.select(&["customers.id"], RowBound::AtMost(1));
    assert_eq!(bench.judge(&other, left(0)).effect, Effect::Allow);
}

#[test]
fn budgets_are_checked_when_they_are_read() {
    let faults = |budgets: &str| {
        let text = format!("version: 1\nclasses: {{ a: {{}} }}\nbudgets: [{budgets}]");
        RuleSet::load_dir(&[("r.yaml".to_owned(), text)]).unwrap_err()[0].to_string()
    };
    assert!(faults("{ classes: [b], rows: 1, per: 1h }").contains("budgets[0].classes[0]: no class fits `b`"));
    assert!(faults("{ classes: [a], per: 1h }").contains("neither `rows` nor `probes`"));
    assert!(faults("{ classes: [], rows: 1, per: 1h }").contains("budgets[0].classes"));
    assert!(faults("{ classes: [a], rows: 1 }").contains("`per` is missing"));
}
