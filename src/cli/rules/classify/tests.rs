//! Proposals from a made-up catalog: names, comments, labels, dbt, values; and what is left alone.

use std::collections::BTreeMap;

use super::*;
use crate::app::survey::Place;
use crate::policy::rules::file::CatalogRaw;

const CATALOG: &str = "
database: shop
tables:
  public.people: { columns: [id int8, email text, contact text, code text, note text, nick text, iban text] }
";

fn place(column: &str) -> Place {
    ("public".into(), "people".into(), column.into())
}

fn found(values: &[(&str, &[&str])]) -> Survey {
    let catalog = CatalogRaw::read(CATALOG, "c").unwrap().to_catalog().unwrap();
    let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    let values = values.iter().map(|(column, list)| (place(column), texts(list))).collect();
    Survey { catalog, values, ..Survey::default() }
}

fn rules(columns: &str) -> RuleSet {
    let text = format!("version: 1\nclasses: {{ pii.email: {{}}, pii.phone: {{}}, hr: {{}} }}\n{columns}");
    RuleSet::load_dir(&[("r.yaml".to_owned(), text)]).unwrap()
}

/// Column, class, score in percent.
fn told(found: &Survey, rules: &RuleSet, imports: &Imports) -> Vec<(String, String, u32)> {
    let short = |path: &str| path.rsplit('.').next().unwrap().to_owned();
    let percent = |score: f64| (score * 100.0).round() as u32;
    let proposals = propose(found, rules, imports);
    proposals.iter().map(|one| (short(&one.path), one.class.clone(), percent(one.score))).collect()
}

fn line(column: &str, class: &str, score: u32) -> (String, String, u32) {
    (column.into(), class.into(), score)
}

#[test]
fn names_are_proposed_unless_they_have_a_class_or_an_exemption() {
    let none = Imports::default();
    let bare = rules("");
    assert_eq!(told(&found(&[]), &bare, &none), [line("email", "pii.email", 70), line("iban", "finance.account", 70)]);
    let some =
        rules("columns: [{ match: 'shop.public.people.email', class: pii.email }, { match: '**.iban', class: none }]");
    assert!(told(&found(&[]), &some, &none).is_empty());
}

#[test]
fn values_speak_by_their_share_and_few_of_them_speak_less() {
    let mails = ["a@example.com", "b@example.org", "c@example.net", "d@example.com"];
    let mixed = ["a@example.com", "x", "y", "z", "w", "v"];
    let data = found(&[("contact", &mails), ("note", &mixed), ("email", &mails)]);
    let got = told(&data, &rules(""), &Imports::default());
    assert_eq!(got[0], line("email", "pii.email", 93));
    assert_eq!(got[1], line("contact", "pii.email", 76));
    assert!(!got.iter().any(|(column, ..)| column == "note"), "{got:?}");
    let text = file_of(&propose(&data, &rules(""), &Imports::default()), &data);
    assert!(!text.contains("example.com"), "values are not printed: {text}");
}

#[test]
fn what_people_wrote_elsewhere_is_taken_over() {
    let mut imports = Imports::default();
    imports.comments(&BTreeMap::from([
        (place("nick"), "what friends say; @class hr.".to_owned()),
        (place("note"), "nothing about a class".to_owned()),
    ]));
    imports.labels(&BTreeMap::from([
        (place("contact"), "MASKED WITH FUNCTION anon.fake_email()".to_owned()),
        (place("id"), "NOT MASKED".to_owned()),
    ]));
    let manifest = r#"{"nodes": {"model.shop.people": {"name": "people", "schema": "public", "columns": {
        "code": {"name": "code", "meta": {"class": "crm.code"}},
        "note": {"name": "note", "config": {"tags": ["pii_phone"]}}}}}}"#;
    imports.dbt(manifest).unwrap();
    let data = found(&[]);
    let got = told(&data, &rules(""), &imports);
    assert_eq!(
        got,
        [
            line("code", "crm.code", 100),
            line("nick", "hr", 100),
            line("email", "pii.email", 70),
            line("iban", "finance.account", 70),
            line("contact", "pii.email", 60),
            line("note", "pii.phone", 60),
        ]
    );
    let text = file_of(&propose(&data, &rules(""), &imports), &data);
    let undefined = text.lines().find(|line| line.contains("crm.code")).unwrap();
    assert!(undefined.ends_with("# this class is not defined yet"), "{undefined}");
    assert!(imports.dbt("{}").is_err() && imports.dbt("no").is_err());
}

#[test]
fn a_proposal_is_a_rules_file_once_its_classes_exist() {
    let proposals =
        propose(&found(&[]), &RuleSet::load_dir(&[("r".into(), "version: 1".into())]).unwrap(), &Imports::default());
    let text = file_of(&proposals, &found(&[]));
    let classes = "version: 1\nclasses: { pii.email: {}, finance.account: {} }".to_owned();
    let together = RuleSet::load_dir(&[("a.yaml".into(), classes), ("b.yaml".into(), text)]);
    let map = together.unwrap().class_map(&found(&[]).catalog);
    assert_eq!(map.columns.len(), 2);
    let nothing = file_of(&[], &found(&[]));
    assert!(RuleSet::load_dir(&[("n.yaml".into(), nothing)]).is_ok());
}
