//! Files in, a set or all their faults out.

use super::*;
use crate::policy::class::{DateUnit, MaskSpec, ProbeSpec};

fn load(text: &str) -> Result<RuleSet, Vec<String>> {
    let files = [("10-pii.yaml".to_owned(), text.to_owned())];
    RuleSet::load_dir(&files).map_err(|faults| faults.iter().map(RuleError::to_string).collect())
}

fn faults(text: &str) -> Vec<String> {
    load(text).map(|_| Vec::new()).unwrap_or_else(|faults| faults)
}

#[test]
fn example_of_the_design_loads() {
    let text = r#"
version: 1
classes:
  pii.email:   { mask: email }
  pii.ssn:     { mask: { partial: { keep_last: 4 } }, probe: hold }
  secret:      { mask: redact, probe: deny }
columns:
  - { match: "shop.public.customers.email", class: pii.email }
  - { match: "*.*.*.ssn", class: pii.ssn }
  - { name: "(?i)(^|_)(api_?key|token|passw(or)?d)(_|$)", class: secret }
rules:
  - id: bulk-pii
    when: { actions: [bulk_read], classes: ["pii.*"] }
    then: hold
    approval: { stages: [{ groups: [data-stewards], needed: 1 }], expires: 1h, reason: required }
    message: "Bulk read of personal data. Ask for an aggregate instead."
  - id: ddl-needs-dba
    when: { actions: [ddl] }
    then: hold
    approval: { stages: [{ groups: [dba], needed: 2 }] }
  - id: no-drop-database
    when: { actions: [ddl], objects: [database], verbs: [drop] }
    then: deny
tests:
  - { agent: reporting-bot, sql: "DROP TABLE customers", expect: hold, rule: ddl-needs-dba }
  - { agent: reporting-bot, sql: "SELECT email FROM customers WHERE id = 1", expect: allow, masked: [email] }
"#;
    let rules = load(text).unwrap();
    assert_eq!((rules.rules().len(), rules.classes().len(), rules.tests().len()), (3, 3, 2));
    assert_eq!(rules.version().len(), 64);
    assert_eq!(rules.rules()[0].approval.as_ref().unwrap().expires, Some(Duration::from_secs(3600)));
}

#[test]
fn every_mask_can_be_written() {
    let text = "version: 1
classes:
  a: {}
  b: { mask: null }
  c: { mask: 'null' }
  d: { mask: { date: month } }
  e: { mask: { fixed: x } }
  f: { mask: { partial: { keep_first: 1, keep_last: 2, hide_min: 3 } } }
  g: { mask: { partial: { keep_last: 4 } } }
  h: { mask: hash }
";
    let rules = load(text).unwrap();
    let masks: Vec<MaskSpec> = rules.classes().iter().map(|class| class.mask.clone()).collect();
    let partial = |keep_first, keep_last, hide_min| MaskSpec::Partial { keep_first, keep_last, hide_min };
    let expected = [
        MaskSpec::Redact,
        MaskSpec::Null,
        MaskSpec::Null,
        MaskSpec::Date { unit: DateUnit::Month },
        MaskSpec::Fixed { value: "x".to_owned() },
        partial(1, 2, 3),
        partial(0, 4, 4),
        MaskSpec::Hash,
    ];
    assert_eq!(masks, expected);
    assert!(rules.classes().iter().all(|class| class.probe == ProbeSpec::Equality && !class.aggregates));
}

#[test]
fn one_file_reports_all_its_faults_with_line_key_cause_and_fix() {
    let text = "version: 1
clases: {}
classes:
  a: { mask: emial, probe: sometimes }
  b: { mask: { partial: { keep_lst: 4 } } }
rules:
  - id: one
    then: alow
    approval: { expires: 1 hour }
  - then: hold
    when: { actions: [bulkread], rows_over: -1 }
";
    let found = faults(text);
    for expected in [
        "10-pii.yaml:2:1: clases: unknown key `clases`; did you mean `classes`?",
        "10-pii.yaml:4:14: classes.a.mask: unknown value `emial`; did you mean `email`?",
        "10-pii.yaml:4:28: classes.a.probe: unknown value `sometimes`; known are `allow`, `equality`, `hold`, `deny`",
        "10-pii.yaml:5:27: classes.b.mask.partial.keep_lst: unknown key `keep_lst`; did you mean `keep_last`?",
        "10-pii.yaml:8:11: rules[0].then: unknown value `alow`; did you mean `allow`?",
        "10-pii.yaml:9:26: rules[0].approval.expires: `1 hour` is not a duration; write a number and a unit, such as `50s`, `5m`, `1h`, `1h30m` or `2d`",
        "10-pii.yaml:11:23: rules[1].when.actions[0]: unknown value `bulkread`; did you mean `bulk_read`?",
        "10-pii.yaml:11:45: rules[1].when.rows_over: -1 is too small; the least is 0",
        "10-pii.yaml:10:5: rules[1].id: `id` is missing",
    ] {
        assert!(found.iter().any(|fault| fault == expected), "{expected}\nnot in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), 9, "{}", found.join("\n"));
}

#[test]
fn faults_across_values_are_all_reported_too() {
    let text = "version: 1
classes: { pii.email: {}, none: {} }
columns:
  - { match: shop.customers.email, class: pii.email }
  - { name: '(', class: pii.email }
  - { name: x, match: a.b.c.d, class: pii.email }
  - { name: x, class: pii.emial }
rules:
  - { id: a b, then: allow, approval: { stages: [{ groups: [] }] } }
  - { id: c, then: hold, when: { classes: [pci.*], actions: [] } }
  - { id: c, then: hold }
";
    let found = faults(text);
    for expected in [
        "classes.none: `none` cannot name a class",
        "columns[0].match: `shop.customers.email` does not have four parts",
        "columns[1].name: not a regular expression: unclosed group",
        "columns[2].class: needs `match` or `name`, one of them",
        "columns[3].class: class `pii.emial` is not defined; did you mean `pii.email`?",
        "rules[0].id: `a b` cannot name a rule",
        "rules[0].approval: only a rule that holds can be approved",
        "a stage without groups can never be filled",
        "rules[1].when.actions: an empty list matches nothing",
        "rules[1].when.classes[0]: no class fits `pci.*`",
        "rules[2].id: rule `c` is there already, in 10-pii.yaml",
    ] {
        assert!(found.iter().any(|fault| fault.contains(expected)), "{expected}\nnot in\n{}", found.join("\n"));
    }
    assert_eq!(found.len(), 11, "{}", found.join("\n"));
}

#[test]
fn files_are_merged_and_their_order_does_not_change_the_version() {
    let one = ("a.yaml".to_owned(), "version: 1\nclasses: { c: {} }\nlimits: { bulk_rows: 5 }".to_owned());
    let two = ("b.yaml".to_owned(), "version: 1\nrules: [{ id: r, when: { classes: [c] }, then: deny }]".to_owned());
    let both = RuleSet::load_dir(&[one.clone(), two.clone()]).unwrap();
    assert_eq!((both.rules().len(), both.agent_limit("x")), (1, 5));
    assert_eq!(both.version(), RuleSet::load_dir(&[two.clone(), one.clone()]).unwrap().version());
    assert_ne!(both.version(), RuleSet::load_dir(std::slice::from_ref(&one)).unwrap().version());
    let again = ("c.yaml".to_owned(), "version: 1\nclasses: { c: {} }\nlimits: {}".to_owned());
    let faults = RuleSet::load_dir(&[one, again]).unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn no_files_are_a_fault_and_not_freedom() {
    assert!(RuleSet::load_dir(&[]).is_err());
}

#[test]
fn other_versions_of_the_format_are_refused() {
    assert_eq!(faults("version: 2\n"), ["10-pii.yaml:1:10: version: 2 is too large; the most is 1"]);
    assert_eq!(faults("rules: []\n"), ["10-pii.yaml:1:1: version: `version` is missing"]);
}

#[test]
fn every_verb_is_in_the_schema() {
    let names: std::collections::BTreeSet<String> = file::VERBS.iter().map(|verb| file::verb_name(*verb)).collect();
    assert_eq!(names.len(), file::VERBS.len());
}

#[test]
fn example_that_ships_loads_and_has_tests() {
    let text = include_str!("../../../rules/example.yaml.sample");
    let rules = RuleSet::load_dir(&[("example.yaml".to_owned(), text.to_owned())]).unwrap();
    assert!(!rules.tests().is_empty() && rules.catalog().is_some());
}

#[test]
fn damaged_files_are_refused_or_read_but_never_crash() {
    let text = include_str!("../../../rules/example.yaml.sample");
    let junk = [
        "{",
        "]",
        ": ",
        "\n",
        "\t",
        "&a ",
        "*a ",
        "!!x ",
        "---\n",
        "\u{0}",
        "\"",
        "'",
        "- ",
        "é",
        "99999999999999999999",
    ];
    let places: Vec<usize> = text.char_indices().map(|(index, _)| index).collect();
    for round in 0..400_usize {
        let at = places[round.wrapping_mul(7919) % places.len()];
        let (before, after) = text.split_at(at);
        let damaged = match round % 3 {
            0 => before.to_owned(),
            1 => format!("{before}{}{after}", junk[round % junk.len()]),
            _ => format!("{before}{}", after.get(1..).unwrap_or_default()),
        };
        let _ = RuleSet::load_dir(&[("damaged.yaml".to_owned(), damaged)]);
    }
}

#[test]
fn detectors_are_off_unless_written_and_exceptions_are_paths() {
    use crate::policy::detector::{Detector, DetectorSet};
    let set = |detect: &str| load(&format!("version: 1\n{detect}")).unwrap().detect;
    assert!(set("").is_empty() && set("detect: off").is_empty());
    assert_eq!(set("detect: usual"), DetectorSet::usual());
    assert!(set("detect: [card, ip]").has(Detector::Ip));
    let text = "version: 1
detect: { find: [email], except: ['shop.public.notes.*'] }
catalog: { database: shop, tables: { public.notes: { columns: [id int8, body text] }, public.mails: { columns: [body text] } } }";
    let rules = load(text).unwrap();
    let catalog = rules.catalog().unwrap().to_catalog().unwrap();
    assert_eq!(rules.class_map(&catalog).detection.except.len(), 2);
    let wrong = faults("version: 1\ndetect: { find: usual, except: [notes] }");
    assert!(wrong[0].contains("detect.except[0]: `notes` does not have four parts"), "{wrong:?}");
    assert!(!faults("version: 1\ndetect: [mail]").is_empty());
    assert!(RuleSet::baseline().detect == DetectorSet::usual());
}

#[test]
fn newer_masks_can_be_written_and_are_checked() {
    let mask = |mask: &str| load(&format!("version: 1\nclasses: {{ a: {{ mask: {mask} }} }}"));
    for good in [
        "pseudonym",
        "fpe",
        "{ fpe: { alphabet: alnum } }",
        "{ fpe: { luhn: true } }",
        "{ bucket: { width: 1000 } }",
        "{ bucket: { edges: [0, 18, 65] } }",
        "{ regex: { pattern: '^(..)(?<end>.)', replace: '$1 ${end} $$' } }",
    ] {
        assert!(mask(good).is_ok(), "{good}: {:?}", mask(good).err());
    }
    for (bad, why) in [
        ("{ fpe: { alphabet: alnum, luhn: true } }", "only digits"),
        ("{ bucket: { width: 0 } }", "classes.a.mask"),
        ("{ bucket: { edges: [] } }", "edges must be there"),
        ("{ bucket: { edges: [2, 1] } }", "ascend"),
        ("{ regex: { pattern: '(', replace: x } }", "not a regular expression"),
        ("{ regex: { pattern: 'a', replace: '$1' } }", "no group `1`"),
        ("{ regex: { pattern: '(a)', replace: '${b}' } }", "no group `b`"),
    ] {
        let faults = mask(bad).map(|_| Vec::new()).unwrap_or_else(|faults| faults);
        assert!(faults.iter().any(|fault| fault.contains(why)), "{bad}: {faults:?}");
    }
}
