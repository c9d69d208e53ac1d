//! What the shipped rules know of the shop, and how they decide without a rule that names a thing.

use super::*;

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
fn opaque_statement_touches_every_class_in_its_reach() {
    let bench = Bench::baseline();
    let mut footprint = bench.select(&["api_keys.id"], RowBound::AtMost(1));
    footprint.opaque = vec![Opaque { what: Arc::from("function public.f()"), why: Arc::from("its body is not SQL") }];
    let ruling = bench.judge(&footprint, Evidence::default());
    assert_eq!((ruling.effect, ruling.classes), (Effect::Hold, vec!["secret".to_owned()]));
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
