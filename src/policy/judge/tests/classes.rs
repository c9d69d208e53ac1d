//! What may be done with classified columns: probes, copies, exports.

use super::*;

#[test]
fn class_says_where_its_columns_may_stand() {
    let bench = Bench::baseline();
    for (column, position, effect) in [
        ("customers.email", Position::Equality, Effect::Allow),
        ("customers.email", Position::Predicate, Effect::Hold),
        ("customers.email", Position::Order, Effect::Hold),
        ("customers.email", Position::Group, Effect::Hold),
        ("customers.email", Position::Join, Effect::Hold),
        ("customers.email", Position::Fallible, Effect::Hold),
        ("employees.salary", Position::Equality, Effect::Hold),
        ("api_keys.api_key", Position::Equality, Effect::Deny),
        ("customers.country", Position::Predicate, Effect::Allow),
    ] {
        let mut footprint = bench.select(&["customers.id"], RowBound::AtMost(1));
        footprint.probes = vec![bench.probe(column, position)];
        let ruling = bench.judge(&footprint, Evidence::default());
        assert_eq!(ruling.effect, effect, "{column} {position:?}");
    }
}

#[test]
fn whole_row_in_a_condition_probes_every_class_of_the_table() {
    let bench = Bench::baseline();
    let mut footprint = bench.select(&["customers.id"], RowBound::AtMost(1));
    footprint.probes = vec![bench.probe("customers.*", Position::Predicate)];
    let ruling = bench.judge(&footprint, Evidence::default());
    assert_eq!(
        ids(&ruling),
        ["class:pci.card/probe", "class:pii.birth/probe", "class:pii.email/probe", "class:pii.phone/probe"]
    );
}

#[test]
fn probe_reason_names_column_and_position() {
    let bench = Bench::baseline();
    let mut footprint = bench.select(&["customers.id"], RowBound::AtMost(1));
    footprint.probes = vec![bench.probe("customers.email", Position::Predicate)];
    let ruling = bench.judge(&footprint, Evidence::default());
    assert_eq!(ruling.hits[0].because, "class pii.email shapes rows: public.customers.email in a condition");
    assert_eq!(ruling.actions, [Action::Read, Action::Probe]);
}

#[test]
fn writing_a_classified_column_is_held_and_so_is_copying_one() {
    let bench = Bench::baseline();
    let ruling = bench.judge(&bench.update("customers.email", vec![], RowBound::AtMost(1)), Evidence::default());
    assert_eq!((ruling.effect, ids(&ruling)), (Effect::Hold, vec!["class:pii.email/write"]));
    let from = vec![Source { column: bench.column("customers.email"), flow: Flow::Derived }];
    let ruling = bench.judge(&bench.update("orders.status", from, RowBound::AtMost(1)), Evidence::default());
    assert_eq!(ids(&ruling), ["copy-classified"]);
    let same = vec![Source { column: bench.column("customers.email"), flow: Flow::Derived }];
    let ruling = bench.judge(&bench.update("customers.email", same, RowBound::AtMost(1)), Evidence::default());
    assert_eq!(ids(&ruling), ["class:pii.email/write"]);
}

#[test]
fn unknown_flow_into_a_table_counts_as_classified() {
    let bench = Bench::baseline();
    let mut footprint = bench.update("orders.status", vec![], RowBound::AtMost(1));
    footprint.writes[0].unknown = true;
    assert_eq!(ids(&bench.judge(&footprint, Evidence::default())), ["copy-classified"]);
}

#[test]
fn counting_is_free_and_sums_are_as_the_class_says() {
    let rules = "classes: { money: { aggregates: allow }, other: {} }
columns: [{ match: '**.salary', class: money }, { match: '**.bank_account', class: other }]
rules: [{ id: any, when: { classes: ['*'] }, then: hold }]";
    let bench = Bench::rules(rules);
    for (column, flow, effect) in [
        ("employees.salary", Flow::Counted, Effect::Allow),
        ("employees.salary", Flow::Aggregated, Effect::Allow),
        ("employees.salary", Flow::Derived, Effect::Hold),
        ("employees.bank_account", Flow::Counted, Effect::Allow),
        ("employees.bank_account", Flow::Aggregated, Effect::Hold),
    ] {
        let mut footprint = bench.select(&[], RowBound::AtMost(1));
        footprint.outputs = Some(vec![bench.output(column, flow)]);
        assert_eq!(bench.judge(&footprint, Evidence::default()).effect, effect, "{column} {flow:?}");
    }
}

#[test]
fn new_object_over_classified_columns_is_a_copy_and_ddl() {
    let bench = Bench::baseline();
    let mut footprint = bench.select(&["customers.email"], RowBound::None);
    footprint.verb = Verb::Create;
    footprint.facets = vec![Facet::Reads, Facet::Defines];
    footprint.transfer = Some(Transfer::IntoNewObject);
    let ruling = bench.judge(&footprint, Evidence::default());
    assert_eq!(ruling.actions, [Action::CopyClassified, Action::Ddl]);
    assert_eq!(ruling.ceiling, None);
}

#[test]
fn copy_to_client_is_an_export() {
    let bench = Bench::baseline();
    let mut footprint = bench.select(&["orders.id"], RowBound::AtMost(5));
    footprint.verb = Verb::CopyTo;
    footprint.transfer = Some(Transfer::CopyToClient { format: CopyFormat::Binary });
    assert_eq!(ids(&bench.judge(&footprint, Evidence::default())), ["export"]);
}

#[test]
fn write_to_a_table_with_classes_is_tainted_though_none_is_named() {
    let bench = Bench::baseline();
    let ruling = bench.judge(&bench.update("customers.name", vec![], RowBound::AtMost(1)), Evidence::default());
    assert_eq!((ruling.effect, ruling.tainted), (Effect::Allow, true));
    assert!(ruling.classes.is_empty());
}

#[test]
fn summary_and_lineage_tell_approvers_what_is_read() {
    let bench = Bench::baseline();
    let mut footprint = bench.select(&["customers.id", "customers.email"], RowBound::Unbounded);
    footprint.probes = vec![bench.probe("customers.email", Position::Equality)];
    assert_eq!(
        words::summary(&footprint, &bench.catalog, &bench.map, Some(84_000)),
        "Reads public.customers: email (pii.email, in an equality and plain); about 84 000 rows"
    );
    assert_eq!(
        words::lineage_words(&footprint, &bench.catalog, &bench.map),
        ["id: public.customers.id (plain)", "email: public.customers.email (plain, pii.email)"]
    );
    assert_eq!(words::masked_outputs(&footprint, &bench.map), [("email".to_owned(), "pii.email".to_owned())]);
}
