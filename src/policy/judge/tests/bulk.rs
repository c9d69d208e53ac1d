//! How many rows are many: bounds, estimates, ceilings.

use super::*;

#[test]
fn small_read_is_allowed_with_a_ceiling() {
    let bench = Bench::baseline();
    let ruling = bench.judge(&bench.select(&["customers.email"], RowBound::AtMost(1)), Evidence::default());
    assert_eq!((ruling.effect, ruling.actions.as_slice()), (Effect::Allow, &[Action::Read][..]));
    assert_eq!(ruling.classes, ["pii.email"]);
    assert!(ruling.tainted);
    let ruling = bench.judge(&bench.select(&["orders.id"], RowBound::Unbounded), Evidence::rows(1000));
    assert_eq!((ruling.effect, ruling.ceiling, ruling.tainted), (Effect::Allow, Some(1000), false));
}

#[test]
fn bulk_is_decided_by_bound_then_estimate_then_doubt() {
    let bench = Bench::baseline();
    for (bound, estimate, effect) in [
        (RowBound::AtMost(1000), Some(50_000), Effect::Allow),
        (RowBound::AtMost(1001), Some(1000), Effect::Allow),
        (RowBound::AtMost(1001), None, Effect::Hold),
        (RowBound::Unbounded, Some(1001), Effect::Hold),
        (RowBound::Unbounded, None, Effect::Hold),
    ] {
        let evidence = Evidence { estimated_rows: estimate, estimated_changed: None, ..Evidence::default() };
        let ruling = bench.judge(&bench.select(&["orders.id"], bound), evidence);
        assert_eq!(ruling.effect, effect, "{bound:?} {estimate:?}");
    }
}

#[test]
fn held_bulk_read_has_no_ceiling_left() {
    let bench = Bench::baseline();
    let ruling = bench.judge(&bench.select(&["orders.id"], RowBound::Unbounded), Evidence::default());
    assert_eq!((ruling.effect, ruling.ceiling), (Effect::Hold, None));
    let approval = ruling.approval.unwrap();
    assert_eq!(approval.stages, [Stage { groups: vec!["approvers".to_owned()], needed: 1 }]);
    assert_eq!(approval.expires.as_secs(), 3600);
}

#[test]
fn estimate_is_asked_for_only_where_it_can_matter() {
    let bench = Bench::baseline();
    assert!(bench.needs_estimate(&bench.select(&["orders.id"], RowBound::Unbounded)));
    assert!(bench.needs_estimate(&bench.select(&["orders.id"], RowBound::AtMost(5000))));
    assert!(!bench.needs_estimate(&bench.select(&["orders.id"], RowBound::AtMost(1000))));
    assert!(bench.needs_estimate(&bench.update("orders.status", vec![], RowBound::Unbounded)));
    assert!(!bench.needs_estimate(&bench.update("orders.status", vec![], RowBound::AtMost(1))));
    let mut denied = bench.select(&["orders.id"], RowBound::Unbounded);
    denied.probes = vec![bench.probe("api_keys.api_key", Position::Equality)];
    assert!(!bench.needs_estimate(&denied));
    let mut unclear = bench.select(&["orders.id"], RowBound::Unbounded);
    unclear.opaque = vec![Opaque { what: Arc::from("function f()"), why: Arc::from("not known") }];
    assert!(!bench.needs_estimate(&unclear));
    let indifferent = Bench::rules("rules: [{ id: a, when: { actions: [ddl] }, then: hold }]");
    assert!(!indifferent.needs_estimate(&indifferent.select(&["orders.id"], RowBound::Unbounded)));
}

#[test]
fn write_without_where_is_bulk_whatever_the_planner_says() {
    let bench = Bench::baseline();
    let mut footprint = bench.update("orders.status", vec![], RowBound::Unbounded);
    footprint.facets = vec![Facet::Writes, Facet::WritesAll];
    assert_eq!(ids(&bench.judge(&footprint, Evidence::rows(3))), ["bulk-write"]);
    let footprint = bench.update("orders.status", vec![], RowBound::Unbounded);
    assert_eq!(bench.judge(&footprint, Evidence::rows(3)).effect, Effect::Allow);
    assert_eq!(bench.judge(&footprint, Evidence::rows(3000)).effect, Effect::Hold);
}

#[test]
fn limits_go_by_agent_and_are_lowered_by_class() {
    let bench = Bench::rules(
        "limits: { bulk_rows: 100, agents: [{ agents: ['b*'], bulk_rows: 500 }] }
classes: { tight: { bulk_rows: 10 }, wide: { bulk_rows: 100000 } }
columns: [{ match: '**.email', class: tight }, { match: '**.name', class: wide }]
rules: [{ id: bulk, when: { actions: [bulk_read] }, then: hold }]",
    );
    for (column, ceiling) in [("orders.id", 500), ("customers.email", 10), ("customers.name", 500)] {
        let ruling = bench.judge(&bench.select(&[column], RowBound::Unbounded), Evidence::rows(1));
        assert_eq!(ruling.ceiling, Some(ceiling), "{column}");
    }
}

#[test]
fn rows_over_makes_a_ceiling_of_its_own() {
    let bench = Bench::rules("rules: [{ id: few, when: { rows_over: 50, actions: [read, bulk_read] }, then: hold }]");
    let select = bench.select(&["orders.id"], RowBound::Unbounded);
    let ruling = bench.judge(&select, Evidence::rows(50));
    assert_eq!((ruling.effect, ruling.ceiling), (Effect::Allow, Some(50)));
    assert_eq!(bench.judge(&select, Evidence::rows(51)).effect, Effect::Hold);
    assert_eq!(bench.judge(&bench.select(&["orders.id"], RowBound::AtMost(50)), Evidence::default()).ceiling, None);
}

#[test]
fn plans_and_settings_are_never_bulk() {
    let bench = Bench::baseline();
    let mut footprint = blank(Verb::Show, Facet::Session);
    footprint.returned = RowBound::Unbounded;
    let ruling = bench.judge(&footprint, Evidence::default());
    assert_eq!((ruling.effect, ruling.ceiling), (Effect::Allow, None));
}

#[test]
fn more_rows_never_make_a_ruling_milder() {
    let bench = Bench::rules(
        "rules:
  - { id: a, when: { actions: [read], rows_over: 10 }, then: hold }
  - { id: b, when: { actions: [bulk_read] }, then: hold, approval: { stages: [{ groups: [x] }] } }
  - { id: c, when: { rows_over: 5000 }, then: deny }",
    );
    let select = bench.select(&["orders.id"], RowBound::Unbounded);
    let effects: Vec<Effect> = [0, 10, 11, 1000, 1001, 5000, 5001]
        .iter()
        .map(|rows| bench.judge(&select, Evidence::rows(*rows)).effect)
        .collect();
    let expected = [Effect::Allow, Effect::Allow, Effect::Hold, Effect::Hold, Effect::Hold, Effect::Hold, Effect::Deny];
    assert_eq!(effects, expected);
    let ceilings: Vec<Option<u64>> =
        [0, 11, 1001, 5001].iter().map(|rows| bench.judge(&select, Evidence::rows(*rows)).ceiling).collect();
    assert_eq!(ceilings, [Some(10), Some(1000), Some(5000), None]);
    assert_eq!(bench.judge(&select, Evidence::default()).effect, Effect::Deny);
}
