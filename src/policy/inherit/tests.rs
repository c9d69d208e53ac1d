//! What statements give classes to, and where those stand afterwards.

use super::*;
use crate::policy::judge::tests::Bench;
use crate::policy::rules::RuleSet;
use crate::statement::footprint::{Flow, RowBound};
use crate::statement::read::{Known, read};
use crate::statement::scope::Scope;

/// Targets of a statement under the baseline: `relation number column class`.
fn told(sql: &str) -> Vec<String> {
    let bench = Bench::baseline();
    let batch = read(sql, &Scope::default(), &bench.catalog, &Known::default());
    let found = targets(&batch.statements[0].footprint, &bench.map, &bench.catalog);
    let line = |target: &Target| {
        let number = target.number.map_or("*".to_owned(), |number| number.to_string());
        format!("{} {number} {} {}", target.relation, target.column.as_deref().unwrap_or("?"), target.class)
    };
    found.iter().map(line).collect()
}

#[test]
fn copies_name_their_targets_by_place_or_by_column() {
    for (sql, expected) in [
        ("CREATE TABLE mine (email, x) AS SELECT id, email FROM customers", vec!["public.mine 2 ? pii.email"]),
        ("CREATE MATERIALIZED VIEW m AS SELECT upper(phone) AS p FROM customers", vec!["public.m 1 ? pii.phone"]),
        ("CREATE VIEW v AS SELECT id, email AS contact FROM customers", vec!["public.v 2 ? pii.email"]),
        ("SELECT card_number, id INTO mine FROM payments", vec!["mine 1 ? pci.card"]),
        ("INSERT INTO orders (id, status) SELECT id, email FROM customers", vec!["public.orders 4 status pii.email"]),
        (
            "UPDATE orders SET status = c.phone || c.email FROM customers c WHERE c.id = customer_id",
            vec!["public.orders 4 status pii.email", "public.orders 4 status pii.phone"],
        ),
        ("UPDATE customers SET email = lower(email) WHERE id = 1", vec![]),
        ("INSERT INTO orders (id, status) VALUES (1, 'x')", vec![]),
        ("CREATE TABLE n AS SELECT count(email) FROM customers", vec![]),
        ("SELECT email FROM customers", vec![]),
        (
            "ALTER TABLE customers RENAME COLUMN email TO x",
            vec![
                "public.customers 3 email pii.email",
                "public.customers 4 phone pii.phone",
                "public.customers 5 card_number pci.card",
                "public.customers 6 dob pii.birth",
            ],
        ),
    ] {
        assert_eq!(told(sql), expected, "{sql}");
    }
}

#[test]
fn what_cannot_be_followed_gives_every_class_in_reach() {
    let bench = Bench::baseline();
    let mut footprint = bench.update("orders.status", Vec::new(), RowBound::AtMost(1));
    footprint.writes[0].unknown = true;
    footprint.relations.extend(bench.select(&["employees.name"], RowBound::Unbounded).relations);
    let classes: Vec<String> =
        targets(&footprint, &bench.map, &bench.catalog).into_iter().map(|target| target.class).collect();
    assert_eq!(classes, ["finance.account", "pii.email", "pii.income"]);
}

fn kept(relation: &str, number: Option<i16>, column: Option<&str>, class: &str) -> Inherited {
    Inherited {
        database: "shop".into(),
        target: Target {
            number,
            column: column.map(str::to_owned),
            class: class.into(),
            ..Target::of_relation(relation)
        },
        agent: AgentName("bot".into()),
        approval: None,
        at: Timestamp::from_millis(0),
    }
}

/// Columns of `orders` that carry the class.
fn carrying(entries: &[Inherited]) -> Vec<i16> {
    let bench = Bench::baseline();
    let map = bench.rules.class_map_with(&bench.catalog, entries);
    let orders = bench.catalog.relation_named("public", "orders").unwrap();
    let class = &entries[0].target.class;
    let has =
        |number: &i16| map.of(ColumnKey { relation: orders.key, number: *number }).any(|found| *found.name == **class);
    (1..=5).filter(has).collect()
}

#[test]
fn an_inherited_class_stands_on_its_column_and_on_all_of_them_when_that_is_gone() {
    assert_eq!(carrying(&[kept("public.orders", Some(4), Some("status"), "pii.email")]), [4]);
    assert_eq!(carrying(&[kept("orders", Some(4), None, "pii.email")]), [4]);
    assert_eq!(carrying(&[kept("public.orders", None, None, "pii.email")]), [1, 2, 3, 4, 5]);
    assert_eq!(carrying(&[kept("public.orders", Some(77), Some("gone"), "pii.email")]), [1, 2, 3, 4, 5]);
    assert_eq!(carrying(&[kept("crm.orders", Some(4), None, "pii.email")]), [0; 0]);
    let elsewhere = Inherited { database: "crm".into(), ..kept("orders", Some(4), None, "pii.email") };
    assert_eq!(carrying(&[elsewhere]), [0; 0]);
}

#[test]
fn a_class_that_left_the_rules_still_masks() {
    assert_eq!(carrying(&[kept("orders", Some(4), None, "old.class")]), [4]);
    let rules = RuleSet::load_dir(&[("r.yaml".into(), "version: 1".into())]).unwrap();
    let bench = Bench::baseline();
    let map = rules.class_map_with(&bench.catalog, &[kept("orders", Some(4), None, "old.class")]);
    assert_eq!(map.classes[0].mask, crate::policy::class::MaskSpec::Redact);
    assert_eq!(map.relations.len(), 1);
}

#[test]
fn counting_is_no_flow() {
    let bench = Bench::baseline();
    let sources = vec![Source { column: bench.column("customers.email"), flow: Flow::Counted }];
    let footprint = bench.update("orders.status", sources, RowBound::AtMost(1));
    assert!(targets(&footprint, &bench.map, &bench.catalog).is_empty());
}
