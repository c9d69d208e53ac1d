//! Which rules match, and what comes of several.

use super::*;

#[test]
fn deny_beats_hold_beats_allow_and_all_are_reported() {
    let bench = Bench::rules(
        "rules:
  - { id: a, then: allow }
  - { id: h, then: hold }
  - { id: d, when: { relations: [orders] }, then: deny }
  - { id: w, mode: warn, message: careful, then: deny }
  - { id: s, mode: shadow, message: quiet, then: deny }",
    );
    let ruling = bench.judge(&bench.select(&["orders.id"], RowBound::AtMost(1)), Evidence::default());
    assert_eq!((ruling.effect, ids(&ruling)), (Effect::Deny, vec!["d", "h", "a", "w", "s"]));
    assert_eq!(ruling.hits[3].message.as_deref(), Some("careful"));
    assert_eq!(ruling.hits[4].message, None);
    let ruling = bench.judge(&bench.select(&["customers.id"], RowBound::AtMost(1)), Evidence::default());
    assert_eq!(ruling.effect, Effect::Hold);
}

#[test]
fn stages_are_joined_and_the_shorter_times_win() {
    let bench = Bench::rules(
        "defaults: { approval: { stages: [{ groups: [fallback] }], use_within: 2m } }
rules:
  - { id: a, then: hold, approval: { stages: [{ groups: [dba] }], expires: 2h, hold: 10s, assurance: oidc } }
  - { id: b, then: hold, approval: { stages: [{ groups: [dba], needed: 2 }, { groups: [legal] }], expires: 1h, reason: required } }
  - { id: c, mode: warn, then: hold, approval: { stages: [{ groups: [ceo] }], expires: 1s } }",
    );
    let ruling = bench.judge(&bench.select(&["orders.id"], RowBound::AtMost(1)), Evidence::default());
    let approval = ruling.approval.unwrap();
    let stage = |group: &str, needed| Stage { groups: vec![group.to_owned()], needed };
    assert_eq!(approval.stages, [stage("dba", 2), stage("legal", 1)]);
    assert_eq!((approval.expires.as_secs(), approval.hold.as_secs(), approval.use_within.as_secs()), (3600, 10, 120));
    assert_eq!(
        (approval.reason_required, approval.reason_by),
        (true, Some(crate::identity::ids::RuleId("b".to_owned())))
    );
    assert_eq!(approval.assurance, Some(crate::identity::assurance::Assurance::Oidc));
}

#[test]
fn classes_of_a_rule_are_those_that_its_action_touches() {
    let bench = Bench::rules(
        "classes: { a: {}, b: {} }
columns: [{ match: '**.email', class: a }, { match: '**.phone', class: b }]
rules: [{ id: probe-b, when: { actions: [probe], classes: [b] }, then: deny }, { id: any-b, mode: warn, when: { classes: [b] }, then: deny }]",
    );
    let mut footprint = bench.select(&["customers.phone"], RowBound::AtMost(1));
    footprint.probes = vec![bench.probe("customers.email", Position::Equality)];
    let ruling = bench.judge(&footprint, Evidence::default());
    assert_eq!((ruling.effect, ids(&ruling)), (Effect::Allow, vec!["any-b"]));
}

#[test]
fn rule_on_a_relation_holds_for_its_partitions_and_its_parents() {
    let tree = "database: shop
tables:
  public.pay: { columns: [id int8] }
  public.pay_eu: { columns: [id int8], parents: [public.pay] }
  public.pay_eu_de: { columns: [id int8], parents: [public.pay_eu] }
  public.other: { columns: [id int8] }
";
    for (pattern, table, effect) in
        [("pay", "pay_eu_de", Effect::Deny), ("public.pay_eu_de", "pay", Effect::Deny), ("pay", "other", Effect::Allow)]
    {
        let mut bench = Bench::rules(&format!("rules: [{{ id: d, when: {{ relations: [{pattern}] }}, then: deny }}]"));
        let raw = crate::policy::rules::file::CatalogRaw::read(tree, "c").unwrap();
        bench.catalog = raw.to_catalog().unwrap();
        let footprint = bench.select(&[&format!("{table}.id")], RowBound::AtMost(1));
        assert_eq!(bench.judge(&footprint, Evidence::default()).effect, effect, "{pattern} {table}");
    }
}

#[test]
fn rule_on_reads_and_writes_means_the_large_ones_too() {
    let bench = Bench::rules("rules: [{ id: none, when: { actions: [read, write] }, then: deny }]");
    let select = bench.select(&["orders.id"], RowBound::Unbounded);
    let update = bench.update("orders.status", vec![], RowBound::Unbounded);
    for rows in [1, 1_000_000] {
        assert_eq!(bench.judge(&select, Evidence::rows(rows)).effect, Effect::Deny);
        assert_eq!(bench.judge(&update, Evidence::rows(rows)).effect, Effect::Deny);
    }
}
