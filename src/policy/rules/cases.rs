//! The inline `tests:` of rules, run against a catalog. Who reads the SQL is the caller's affair.

use std::collections::BTreeSet;

use crate::catalog::Catalog;
use crate::identity::ids::AgentName;
use crate::policy::class::ClassMap;
use crate::policy::judge::{Evidence, Subject, words};
use crate::policy::rules::{Case, RuleSet};
use crate::policy::ruling::{Effect, Ruling};
use crate::statement::footprint::Footprint;

/// Reads SQL text against a catalog: one footprint for each statement in it.
pub type ReadSql<'a> = &'a dyn Fn(&str, &Catalog) -> Vec<Footprint>;

/// How one case went.
#[derive(Clone, Debug)]
pub struct CaseResult {
    /// Its name, or its SQL.
    pub name: String,
    /// The file it stands in.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What was not as expected; empty if it passed.
    pub failures: Vec<String>,
    /// Rules that matched.
    pub hits: BTreeSet<String>,
}

impl RuleSet {
    /// Runs every case of `tests:`.
    pub fn run_cases(&self, catalog: &Catalog, read: ReadSql<'_>) -> Vec<CaseResult> {
        let map = self.class_map(catalog);
        self.tests.iter().map(|case| self.run_case(case, catalog, &map, read)).collect()
    }

    /// Rules that no case reached.
    pub fn uncovered(&self, results: &[CaseResult]) -> Vec<&str> {
        let reached = |id: &&str| !results.iter().any(|result| result.hits.contains(*id));
        self.rules.iter().map(|rule| rule.id.0.as_str()).filter(reached).collect()
    }

    fn run_case(&self, case: &Case, catalog: &Catalog, map: &ClassMap, read: ReadSql<'_>) -> CaseResult {
        let agent = AgentName(case.raw.agent.clone());
        let database = case.raw.database.as_deref().unwrap_or(&catalog.database);
        let subject = Subject { agent: &agent, groups: &case.raw.groups, database, has_reason: true };
        let evidence = case.raw.rows.map_or_else(Evidence::default, Evidence::rows);
        let footprints = read(&case.raw.sql, catalog);
        let rulings: Vec<Ruling> =
            footprints.iter().map(|footprint| self.judge(&subject, footprint, map, catalog, evidence)).collect();
        let masked: Vec<String> = footprints
            .iter()
            .flat_map(|footprint| words::masked_outputs(footprint, map))
            .map(|(name, _)| name)
            .collect();
        CaseResult {
            name: case.raw.name.clone().unwrap_or_else(|| case.raw.sql.clone()),
            file: case.origin.file.clone(),
            line: case.origin.place.line,
            failures: failures(case, &rulings, &masked),
            hits: rulings.iter().flat_map(|ruling| &ruling.hits).map(|hit| hit.rule.0.clone()).collect(),
        }
    }
}

fn failures(case: &Case, rulings: &[Ruling], masked: &[String]) -> Vec<String> {
    let mut failures = Vec::new();
    let Some(effect) = rulings.iter().map(|ruling| ruling.effect).max() else {
        return vec!["there is no statement in it".to_owned()];
    };
    if effect != case.raw.expect {
        let expected = words::effect(case.raw.expect);
        failures.push(format!("expected {expected}, got {}{}", words::effect(effect), because(rulings, effect)));
    }
    let hits: BTreeSet<&str> = rulings.iter().flat_map(|ruling| &ruling.hits).map(|hit| hit.rule.0.as_str()).collect();
    if let Some(rule) = case.raw.rule.as_deref().filter(|rule| !hits.contains(rule)) {
        let matched = if hits.is_empty() { "none".to_owned() } else { hits.into_iter().collect::<Vec<_>>().join(", ") };
        failures.push(format!("rule {rule} did not match; matched: {matched}"));
    }
    if let Some(expected) = &case.raw.masked {
        let [expected, got]: [BTreeSet<&String>; 2] = [expected.iter().collect(), masked.iter().collect()];
        if expected != got {
            failures.push(format!("expected masked columns {expected:?}, got {got:?}"));
        }
    }
    failures
}

fn because(rulings: &[Ruling], effect: Effect) -> String {
    let hits = rulings.iter().flat_map(|ruling| &ruling.hits).filter(|hit| hit.enforced && hit.effect == effect);
    let parts: Vec<String> = hits.map(|hit| format!("{}: {}", hit.rule, hit.because)).collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
}

#[cfg(test)]
mod tests {
    use crate::policy::judge::tests::Bench;
    use crate::statement::footprint::RowBound;

    #[test]
    fn cases_pass_or_say_what_differs() {
        let bench = Bench::rules(
            "classes: { e: {} }
columns: [{ match: '**.email', class: e }]
rules: [{ id: bulk, when: { actions: [bulk_read] }, then: hold }, { id: never, when: { actions: [ddl] }, then: deny }]
tests:
  - { agent: bot, sql: one, expect: allow, masked: [email] }
  - { agent: bot, sql: all, expect: hold, rule: bulk }
  - { agent: bot, sql: all, rows: 5, expect: allow }
  - { agent: bot, sql: all, expect: allow, rule: never, masked: [] }
  - { agent: bot, sql: '', expect: allow }",
        );
        let read = |sql: &str, _: &crate::catalog::Catalog| match sql {
            "one" => vec![bench.select(&["customers.email"], RowBound::AtMost(1))],
            "all" => vec![bench.select(&["customers.email"], RowBound::Unbounded)],
            _ => vec![],
        };
        let results = bench.rules.run_cases(&bench.catalog, &read);
        let failed: Vec<&[String]> = results.iter().map(|result| result.failures.as_slice()).collect();
        assert!(failed[..3].iter().all(|failures| failures.is_empty()), "{failed:?}");
        assert_eq!(
            failed[3],
            [
                "expected allow, got hold (bulk: bulk_read)",
                "rule never did not match; matched: bulk",
                "expected masked columns {}, got {\"email\"}",
            ]
        );
        assert_eq!(failed[4], ["there is no statement in it"]);
        assert_eq!(results[3].line, 9);
        assert_eq!(bench.rules.uncovered(&results), ["never"]);
    }
}
