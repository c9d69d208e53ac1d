//! Hand-built footprints against the baseline and small rule sets.

use std::sync::Arc;

use super::*;
use crate::catalog::ColumnKey;
use crate::statement::footprint::{
    Access, ColumnWrite, CopyFormat, Facet, Flow, Opaque, Output, Position, Probe, RelationUse, Source, Transfer, Verb,
};

/// One catalog, its classes, and the rules under test.
pub(crate) struct Bench {
    pub rules: RuleSet,
    pub catalog: Catalog,
    pub map: ClassMap,
}

impl Bench {
    pub fn baseline() -> Self {
        Self::new(RuleSet::baseline())
    }

    /// Rules over the baseline's tables.
    pub fn rules(text: &str) -> Self {
        Self::new(RuleSet::load_dir(&[("r.yaml".to_owned(), format!("version: 1\n{text}"))]).unwrap())
    }

    fn new(rules: RuleSet) -> Self {
        let catalog = RuleSet::baseline().catalog().unwrap().to_catalog().unwrap();
        let map = rules.class_map(&catalog);
        Self { rules, catalog, map }
    }

    pub fn column(&self, path: &str) -> ColumnKey {
        let (table, column) = path.split_once('.').unwrap();
        let relation = self.catalog.relation_named("public", table).unwrap();
        let number = if column == "*" { 0 } else { relation.column_named(column).unwrap().number };
        ColumnKey { relation: relation.key, number }
    }

    pub fn select(&self, columns: &[&str], returned: RowBound) -> Footprint {
        let mut footprint = blank(Verb::Select, Facet::Reads);
        footprint.outputs = Some(columns.iter().map(|path| self.output(path, Flow::Plain)).collect());
        footprint.relations = self.used(columns, Access::Read);
        footprint.returned = returned;
        footprint.explainable = true;
        footprint
    }

    pub fn output(&self, path: &str, flow: Flow) -> Output {
        let name = Arc::from(path.rsplit('.').next().unwrap());
        Output { name, sources: vec![Source { column: self.column(path), flow }], unknown: false }
    }

    fn used(&self, columns: &[&str], access: Access) -> Vec<RelationUse> {
        let mut tables: Vec<&str> = columns.iter().map(|path| path.split('.').next().unwrap()).collect();
        tables.dedup();
        let used = |table: &&str| RelationUse {
            key: Some(self.catalog.relation_named("public", table).unwrap().key),
            name: Arc::from(format!("public.{table}")),
            access,
        };
        tables.iter().map(used).collect()
    }

    pub fn update(&self, target: &str, sources: Vec<Source>, changed: RowBound) -> Footprint {
        let mut footprint = blank(Verb::Update, Facet::Writes);
        footprint.relations = self.used(&[target], Access::Write);
        footprint.writes = vec![ColumnWrite { target: self.column(target), sources, unknown: false }];
        footprint.changed = changed;
        footprint.explainable = true;
        footprint
    }

    pub fn probe(&self, path: &str, position: Position) -> Probe {
        Probe { column: self.column(path), position }
    }

    pub fn judge(&self, footprint: &Footprint, evidence: Evidence) -> Ruling {
        let agent = AgentName("bot".to_owned());
        let subject = Subject { agent: &agent, groups: &[], database: "shop", has_reason: false };
        self.rules.judge(&subject, footprint, &self.map, &self.catalog, evidence)
    }

    fn needs_estimate(&self, footprint: &Footprint) -> bool {
        let agent = AgentName("bot".to_owned());
        let subject = Subject { agent: &agent, groups: &[], database: "shop", has_reason: false };
        self.rules.needs_estimate(footprint, &self.map, &self.catalog, &subject)
    }
}

pub(crate) fn blank(verb: Verb, facet: Facet) -> Footprint {
    Footprint { facets: vec![facet], ..crate::statement::lineage::blank(verb) }
}

fn ids(ruling: &Ruling) -> Vec<&str> {
    ruling.hits.iter().map(|hit| hit.rule.0.as_str()).collect()
}

fn classes_of(bench: &Bench, path: &str) -> Vec<String> {
    bench.map.of(bench.column(path)).map(|class| class.name.to_string()).collect()
}

#[test]
fn baseline_knows_the_shop_by_its_column_names() {
    let bench = Bench::baseline();
    for (path, class) in [
        ("customers.email", "pii.email"),
        ("customers.phone", "pii.phone"),
        ("customers.card_number", "pci.card"),
        ("customers.dob", "pii.birth"),
        ("payments.card_number", "pci.card"),
        ("employees.email", "pii.email"),
        ("employees.salary", "pii.income"),
        ("employees.bank_account", "finance.account"),
        ("api_keys.key_hash", "secret"),
        ("api_keys.api_key", "secret"),
    ] {
        assert_eq!(classes_of(&bench, path), [class], "{path}");
    }
    for path in
        ["customers.id", "customers.name", "customers.country", "orders.total", "payments.amount", "api_keys.id"]
    {
        assert!(classes_of(&bench, path).is_empty(), "{path}");
    }
}

#[test]
fn dictionary_meets_what_people_write_and_not_what_looks_like_it() {
    let rules = RuleSet::baseline();
    let class = |name: &str| {
        let path = ["shop", "public", "t", name];
        let rule = rules.columns.iter().find(|rule| rule.by.fits(&path, false));
        rule.and_then(|rule| rules.classes.get(rule.class?)).map(|class| class.name.to_string())
    };
    for (name, expected) in [
        ("userEmail", "pii.email"),
        ("e_mail", "pii.email"),
        ("email_address", "pii.email"),
        ("mobile_no", "pii.phone"),
        ("telephone", "pii.phone"),
        ("billing_address", "pii.address"),
        ("address_line_2", "pii.address"),
        ("date_of_birth", "pii.birth"),
        ("passport_number", "pii.national_id"),
        ("SSN", "pii.national_id"),
        ("iban", "finance.account"),
        ("creditcard", "pci.card"),
        ("cvv", "pci.verification"),
        ("password_hash", "secret"),
        ("access_token", "secret"),
        ("apiKey", "secret"),
        ("clientSecret", "secret"),
        ("stripe_api_key", "secret"),
        ("base_pay", "pii.income"),
    ] {
        assert_eq!(class(name).as_deref(), Some(expected), "{name}");
    }
    for name in [
        "email_verified",
        "hotel",
        "ip_address",
        "token_count",
        "key",
        "primary_key",
        "cardinality",
        "company",
        "passed",
        "japan",
        "compass",
        "spin",
        "trace",
    ] {
        assert_eq!(class(name), None, "{name}");
    }
}

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
fn opaque_is_held_by_default_unless_a_rule_names_it() {
    let mut footprint = blank(Verb::Unreadable, Facet::Reads);
    footprint.opaque = vec![Opaque { what: Arc::from("syntax"), why: Arc::from("it does not parse") }];
    let none = Bench::rules("rules: []");
    let ruling = none.judge(&footprint, Evidence::default());
    assert_eq!((ruling.effect, ids(&ruling)), (Effect::Hold, vec!["default:opaque"]));
    assert_eq!(ruling.hits[0].because, "not understood: syntax: it does not parse");
    let shadow = Bench::rules("rules: [{ id: o, mode: shadow, when: { actions: [opaque] }, then: allow }]");
    assert_eq!(shadow.judge(&footprint, Evidence::default()).effect, Effect::Hold);
    let deny = Bench::rules("rules: [{ id: o, when: { actions: [opaque] }, then: deny }]");
    let ruling = deny.judge(&footprint, Evidence::default());
    assert_eq!((ids(&ruling), ruling.hits[0].message.as_deref()), (vec!["o"], Some("syntax: it does not parse")));
    let everything = Bench::rules("rules: [{ id: all, then: allow }]");
    assert_eq!(everything.judge(&footprint, Evidence::default()).effect, Effect::Hold);
}

#[test]
fn footprint_that_says_nothing_is_opaque() {
    let bench = Bench::baseline();
    let mut footprint = blank(Verb::Other, Facet::Reads);
    footprint.facets.clear();
    assert_eq!(bench.judge(&footprint, Evidence::default()).actions, [Action::Opaque]);
}

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
    assert!(approval.reason_required);
    assert_eq!(approval.assurance, Some(crate::identity::assurance::Assurance::Oidc));
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
fn reading_the_server_catalog_is_a_plain_read_without_ceiling() {
    let mut bench = Bench::baseline();
    let mut relation = (**bench.catalog.relation_named("public", "orders").unwrap()).clone();
    relation.schema = Arc::from("pg_catalog");
    relation.name = Arc::from("pg_class");
    relation.key = crate::catalog::RelationKey(1259);
    let parts = crate::catalog::Parts { relations: vec![relation], ..Default::default() };
    bench.catalog = Catalog::new(Arc::from("shop"), 1, 150_000, parts);
    let mut footprint = blank(Verb::Select, Facet::Reads);
    footprint.returned = RowBound::Unbounded;
    footprint.relations = vec![RelationUse {
        key: Some(crate::catalog::RelationKey(1259)),
        name: Arc::from("pg_catalog.pg_class"),
        access: Access::Read,
    }];
    let ruling = bench.judge(&footprint, Evidence::default());
    assert_eq!((ruling.effect, ruling.ceiling), (Effect::Allow, None));
    assert_eq!(ruling.actions, [Action::Read]);
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
fn opaque_statement_touches_every_class_in_its_reach() {
    let bench = Bench::baseline();
    let mut footprint = bench.select(&["api_keys.id"], RowBound::AtMost(1));
    footprint.opaque = vec![Opaque { what: Arc::from("function public.f()"), why: Arc::from("its body is not SQL") }];
    let ruling = bench.judge(&footprint, Evidence::default());
    assert_eq!((ruling.effect, ruling.classes), (Effect::Hold, vec!["secret".to_owned()]));
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
fn rule_on_reads_and_writes_means_the_large_ones_too() {
    let bench = Bench::rules("rules: [{ id: none, when: { actions: [read, write] }, then: deny }]");
    let select = bench.select(&["orders.id"], RowBound::Unbounded);
    let update = bench.update("orders.status", vec![], RowBound::Unbounded);
    for rows in [1, 1_000_000] {
        assert_eq!(bench.judge(&select, Evidence::rows(rows)).effect, Effect::Deny);
        assert_eq!(bench.judge(&update, Evidence::rows(rows)).effect, Effect::Deny);
    }
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
