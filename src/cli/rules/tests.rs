//! The subcommand as a person runs it, over files in a directory of its own.

use std::path::PathBuf;

use clap::Parser;

use super::*;
use crate::policy::judge::tests::{Bench, blank};
use crate::statement::footprint::{Facet, Footprint, RowBound, Verb};

#[derive(Parser)]
struct Program {
    #[command(flatten)]
    rules: RulesArgs,
}

struct Directory(PathBuf);

impl Directory {
    fn with(name: &str, files: &[(&str, &str)]) -> Self {
        let path = std::env::temp_dir().join(format!("holdpoint-rules-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        for (file, text) in files {
            std::fs::write(path.join(file), text).unwrap();
        }
        Self(path)
    }

    fn text(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn stub(sql: &str, _: &Catalog) -> Vec<Footprint> {
    let bench = Bench::baseline();
    match sql {
        "all" => vec![bench.select(&["customers.email"], RowBound::Unbounded)],
        "one" => vec![bench.select(&["customers.email"], RowBound::AtMost(1))],
        _ => vec![blank(Verb::Unreadable, Facet::Reads)],
    }
}

fn run_with(arguments: &[&str]) -> (u8, String) {
    let program = Program::try_parse_from(std::iter::once("rules").chain(arguments.iter().copied())).unwrap();
    let mut out = Vec::new();
    let code = run(&program.rules, &stub, &mut out).unwrap();
    (code, String::from_utf8(out).unwrap())
}

#[test]
fn lint_of_the_baseline_finds_nothing() {
    assert_eq!(run_with(&["lint"]), (OK, "9 rules, 12 classes, 0 findings\n".to_owned()));
}

#[test]
fn lint_reports_broken_rules_of_all_files_with_exit_code_two() {
    let files = [("a.yaml", "version: 1\nruels: []\n"), ("b.yaml", "version: 1\nrules: 5\n"), ("c.txt", "no yaml")];
    let directory = Directory::with("broken", &files);
    let (code, text) = run_with(&["lint", "--rules", &directory.text()]);
    assert_eq!((code, text.lines().count()), (BROKEN, 2), "{text}");
    assert!(text.contains("a.yaml:2:1: error invalid: ruels: unknown key `ruels`; did you mean `rules`?"), "{text}");
    assert!(text.contains("b.yaml:2:8: error invalid: rules: expected a list, found a number"), "{text}");
}

#[test]
fn findings_come_in_four_forms() {
    let rules = "version: 1\nclasses: { lonely: {} }\nrules: [{ id: all, then: hold }]\n";
    let directory = Directory::with("forms", &[("r.yaml", rules)]);
    let lint = |format| run_with(&["lint", "--rules", &directory.text(), "--format", format]);
    let (code, text) = lint("text");
    assert_eq!(code, FOUND);
    assert!(text.contains("r.yaml:2:20: warning unused-class: class `lonely` stands on no column"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&lint("json").1).unwrap();
    assert_eq!(json[0]["code"], "unused-class");
    let sarif: serde_json::Value = serde_json::from_str(&lint("sarif").1).unwrap();
    assert_eq!(sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
    assert!(lint("github").1.starts_with("::warning file="));
}

#[test]
fn tests_run_and_tell_what_failed() {
    let rules = "version: 1
classes: { e: {} }
columns: [{ match: '**.email', class: e }]
rules: [{ id: bulk, when: { actions: [bulk_read] }, then: hold }]
catalog: { database: shop, tables: { public.t: { columns: [id int8] } } }
tests:
  - { agent: a, sql: all, expect: hold }
  - { agent: a, sql: one, expect: deny, name: 'too <strict>' }
";
    let directory = Directory::with("tests", &[("r.yaml", rules)]);
    let junit = directory.0.join("out.xml").display().to_string();
    let (code, text) = run_with(&["test", "--rules", &directory.text(), "--junit", &junit]);
    assert_eq!(code, FOUND);
    assert!(text.contains("expected deny, got allow"), "{text}");
    assert!(text.ends_with("1 passed, 1 failed\n"), "{text}");
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(xml.contains("tests=\"2\" failures=\"1\"") && xml.contains("too &lt;strict&gt;"), "{xml}");
}

#[test]
fn explain_prints_the_verdict_and_its_exit_code() {
    let (code, text) = run_with(&["explain", "--agent", "bot", "--rows", "84000", "all"]);
    assert_eq!(code, FOUND);
    assert!(text.contains("match bulk-read (hold): bulk_read") && text.contains("verdict    hold"), "{text}");
    assert_eq!(run_with(&["explain", "one"]).0, OK);
}

#[test]
fn missing_rules_and_missing_tables_are_said() {
    assert_eq!(run_with(&["lint", "--rules", "/nowhere/at/all"]).0, BROKEN);
    let directory = Directory::with("tableless", &[("r.yaml", "version: 1\n")]);
    let (code, text) = run_with(&["explain", "--rules", &directory.text(), "one"]);
    assert_eq!((code, text), (BROKEN, format!("error: {NO_CATALOG}\n")));
}

#[test]
fn schemas_are_json() {
    for of in ["rules", "config"] {
        let (code, text) = run_with(&["schema", of]);
        assert!(code == OK && serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}

#[test]
fn shipped_cases_hold_with_the_real_reader() {
    let example = include_str!("../../../rules/example.yaml.sample").to_owned();
    let example = RuleSet::load_dir(&[("example.yaml".to_owned(), example)]).unwrap();
    for rules in [RuleSet::baseline(), example] {
        let catalog = rules.catalog().unwrap().to_catalog().unwrap();
        let results = rules.run_cases(&catalog, &crate::cli::read_alone);
        let mut out = Vec::new();
        report::cases(&results, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(results.iter().all(|result| result.failures.is_empty()), "{text}");
    }
}

#[test]
fn statements_are_read_as_the_catalogs_server_reads_them() {
    let rules = "version: 1
classes: { pii.email: { mask: email } }
columns: [{ match: 'crm.crm.customers.email', class: pii.email }]
rules: [{ id: bulk, when: { actions: [bulk_read] }, then: hold, approval: { stages: [{ groups: [dba], needed: 1 }] } }]
catalog:
  database: crm
  dialect: mysql
  tables: { crm.customers: { columns: [id bigint not null, email varchar(80)], keys: [[id]], rows: 100000 } }
tests:
  - { agent: bot, sql: 'SELECT `email` FROM customers WHERE id = 1 # one', expect: allow, masked: [email] }
  - { agent: bot, sql: 'SELECT /*!50000 email FROM */ customers', expect: hold, rule: bulk }
";
    let set = RuleSet::load_dir(&[("r.yaml".to_owned(), rules.to_owned())]).unwrap();
    for dialect in ["mysql", "mariadb"] {
        let mut raw = set.catalog().unwrap().clone();
        raw.dialect = serde_json::from_value(dialect.into()).unwrap();
        let results = set.run_cases(&raw.to_catalog().unwrap(), &crate::cli::read_alone);
        assert!(results.iter().all(|result| result.failures.is_empty()), "{dialect}: {results:?}");
    }
}
