//! Rules that load and still cannot be meant: unreachable, doubled, unused, or leaving an action to chance.

use serde::Serialize;

use crate::catalog::Catalog;
use crate::policy::action::Action;
use crate::policy::judge::matching::means;
use crate::policy::judge::words;
use crate::policy::rules::file::Mode;
use crate::policy::rules::{Origin, Rule, RuleSet, When, glob};
use crate::policy::ruling::Effect;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Probably not meant.
    Warning,
    /// Surely wrong.
    Error,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable word for the kind of finding.
    pub code: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What is found, and what to do.
    pub message: String,
    /// File.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

/// Actions that take data out or change much; leaving one without a rule should be a decision.
const GRAVE: [Action; 8] = [
    Action::BulkRead,
    Action::Export,
    Action::CopyClassified,
    Action::BulkWrite,
    Action::Ddl,
    Action::Privilege,
    Action::Routine,
    Action::Server,
];

impl RuleSet {
    /// Looks for what loads but cannot be meant. With a catalog, columns are looked up too.
    pub fn lint(&self, catalog: Option<&Catalog>) -> Vec<Finding> {
        let mut findings = self.lint_rules();
        findings.extend(self.lint_classes());
        findings.extend(self.lint_coverage());
        findings.extend(self.lint_cases());
        findings.extend(self.lint_vouches(catalog));
        findings.extend(catalog.map(|catalog| self.lint_columns(catalog)).unwrap_or_default());
        findings.sort_by(|left, right| (&left.file, left.line, left.code).cmp(&(&right.file, right.line, right.code)));
        findings
    }

    fn lint_rules(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let others = self.rules.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
            let mut stronger = others.filter(|other| other.mode == Mode::Enforce && covers(&other.when, &rule.when));
            let shadow = stronger.clone().find(|other| other.then > rule.then && other.then == Effect::Deny);
            if let Some(shadow) = shadow {
                let text = format!("rule `{}` never decides: `{}` denies whatever it matches", rule.id, shadow.id);
                findings.push(finding("unreachable-rule", Level::Warning, text, &rule.origin));
                continue;
            }
            let twin = stronger.find(|other| other.then == rule.then && covers(&rule.when, &other.when));
            if let Some(twin) = twin.filter(|twin| twin.origin != rule.origin && twin.id < rule.id) {
                let text = format!("rule `{}` has the same conditions and effect as `{}`", rule.id, twin.id);
                findings.push(finding("same-rule", Level::Warning, text, &rule.origin));
            }
            // What is held or denied without a rule can be allowed by one.
            let lifts = |action: &Action| matches!(action, Action::Opaque | Action::Unmask);
            let lifting = rule.when.actions.as_ref().is_some_and(|actions| actions.iter().any(lifts));
            if rule.then == Effect::Allow && !lifting {
                let text = format!("rule `{}` has no effect: what no rule holds or denies is allowed anyway", rule.id);
                findings.push(finding("idle-allow", Level::Warning, text, &rule.origin));
            }
        }
        findings
    }

    fn lint_classes(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (index, (class, origin)) in self.classes.iter().zip(&self.class_origins).enumerate() {
            if !self.columns.iter().any(|column| column.class == Some(index)) {
                let text = format!("class `{}` stands on no column", class.name);
                findings.push(finding("unused-class", Level::Warning, text, origin));
            }
        }
        findings
    }

    fn lint_coverage(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Some(first) = self.rules.first().map(|rule| &rule.origin) else { return findings };
        for action in GRAVE {
            let stops = |rule: &&Rule| {
                let named = rule
                    .when
                    .actions
                    .as_ref()
                    .is_none_or(|actions| actions.iter().any(|wanted| means(*wanted, action)));
                named && rule.mode == Mode::Enforce && rule.then != Effect::Allow
            };
            if !self.rules.iter().any(|rule| stops(&rule)) {
                let text = format!("no rule holds or denies `{}`: it is always allowed", words::action(action));
                findings.push(finding("unruled-action", Level::Warning, text, first));
            }
        }
        findings
    }

    fn lint_cases(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for case in &self.tests {
            let Some(wanted) = &case.raw.rule else { continue };
            let builtin = wanted.starts_with("class:")
                || ["default:opaque", "default:unmask", "budget:probes"].contains(&wanted.as_str());
            if !builtin && !self.rules.iter().any(|rule| rule.id.0 == *wanted) {
                let near = crate::policy::yaml::nearest(wanted, self.rules.iter().map(|rule| rule.id.0.as_str()));
                let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
                let text = format!("a test expects rule `{wanted}`, which does not exist{hint}");
                findings.push(finding("unknown-rule", Level::Error, text, &case.origin));
            }
        }
        findings
    }

    fn lint_columns(&self, catalog: &Catalog) -> Vec<Finding> {
        let mut findings = Vec::new();
        for rule in &self.columns {
            let crate::policy::rules::ColumnPattern::Path(pattern) = &rule.by else { continue };
            let found = catalog.relations().any(|relation| {
                relation.columns.iter().any(|column| {
                    let path = [&*catalog.database, &*relation.schema, &*relation.name, &*column.name];
                    rule.by.fits(&path, catalog.is_system(&relation.schema))
                })
            });
            let elsewhere = pattern.part(0).is_some_and(|part| !glob::fits(part, &catalog.database));
            let system = pattern.part(1).is_some_and(|schema| catalog.is_system(schema));
            if !found && !system && (!elsewhere || pattern.is_open()) {
                let text = format!("`match` fits no column of database `{}`", catalog.database);
                findings.push(finding("no-such-column", Level::Warning, text, &rule.origin));
            }
        }
        findings
    }
}

pub(in crate::policy::rules) fn finding(code: &'static str, level: Level, message: String, origin: &Origin) -> Finding {
    let place = origin.place;
    Finding { code, level, message, file: origin.file.clone(), line: place.line, column: place.column }
}

/// Does `wide` surely match whatever `narrow` matches?
fn covers(wide: &When, narrow: &When) -> bool {
    let numbers = match (wide.rows_over, narrow.rows_over) {
        (None, _) => true,
        (Some(wide), Some(narrow)) => wide <= narrow,
        (Some(_), None) => false,
    };
    numbers
        && within(wide.actions.as_deref(), narrow.actions.as_deref(), |w, n| means(*w, *n))
        && within(wide.classes.as_deref(), narrow.classes.as_deref(), |w, n| glob::fits(w, n))
        && within(wide.agents.as_deref(), narrow.agents.as_deref(), |w, n| glob::fits(w, n))
        && within(wide.groups.as_deref(), narrow.groups.as_deref(), |w, n| w == n)
        && within(wide.databases.as_deref(), narrow.databases.as_deref(), |w, n| glob::fits(w, n))
        && within(wide.relations.as_deref(), narrow.relations.as_deref(), |w, n| w == n)
        && within(wide.objects.as_deref(), narrow.objects.as_deref(), |w, n| w == n)
        && within(wide.verbs.as_deref(), narrow.verbs.as_deref(), |w, n| w == n)
        // An action's classes are fewer than all classes, so a rule with actions is narrower in that way, too.
        && (wide.classes.is_none() || wide.actions.is_none() || wide.actions == narrow.actions)
}

fn within<T>(wide: Option<&[T]>, narrow: Option<&[T]>, includes: impl Fn(&T, &T) -> bool) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(wide), Some(narrow)) => narrow.iter().all(|narrow| wide.iter().any(|wide| includes(wide, narrow))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::judge::tests::Bench;

    fn codes(rules: &str) -> Vec<(&'static str, String)> {
        let bench = Bench::rules(rules);
        bench.rules.lint(Some(&bench.catalog)).into_iter().map(|finding| (finding.code, finding.message)).collect()
    }

    const HOLD_ALL: &str = "\n  - { id: z-hold-all, then: hold }";

    #[test]
    fn baseline_and_example_are_clean() {
        let rules = RuleSet::baseline();
        let catalog = rules.catalog().unwrap().to_catalog().unwrap();
        let found: Vec<Finding> = rules.lint(Some(&catalog));
        assert!(found.is_empty(), "{found:?}");
        let text = include_str!("../../../rules/example.yaml.sample").to_owned();
        let rules = RuleSet::load_dir(&[("example.yaml".to_owned(), text)]).unwrap();
        let catalog = rules.catalog().unwrap().to_catalog().unwrap();
        let found = rules.lint(Some(&catalog));
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn rule_behind_a_wider_deny_is_unreachable() {
        let found = codes(
            "rules:
  - { id: a, when: { actions: [ddl], agents: [bot-1] }, then: hold }
  - { id: b, when: { actions: [ddl, privilege], agents: ['bot-*'] }, then: deny }
  - { id: c, when: { actions: [read] }, then: hold }
  - { id: z-hold-all, then: hold }",
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].1, "rule `a` never decides: `b` denies whatever it matches");
    }

    #[test]
    fn twins_idle_allows_and_unused_classes_are_found() {
        let found = codes(&format!(
            "classes: {{ c: {{}} }}
rules:
  - {{ id: a, when: {{ actions: [ddl] }}, then: hold }}
  - {{ id: b, when: {{ actions: [ddl] }}, then: hold }}
  - {{ id: d, when: {{ actions: [read] }}, then: allow }}{HOLD_ALL}"
        ));
        let codes: Vec<&str> = found.iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, ["unused-class", "same-rule", "idle-allow"]);
    }

    #[test]
    fn column_patterns_are_looked_up_in_the_catalog() {
        let found = codes(&format!(
            "classes: {{ c: {{}} }}
columns:
  - {{ match: shop.public.customers.email, class: c }}
  - {{ match: shop.public.customers.emial, class: c }}
  - {{ match: crm.public.people.email, class: c }}
rules:{HOLD_ALL}"
        ));
        assert_eq!(found, [("no-such-column", "`match` fits no column of database `shop`".to_owned())]);
    }

    #[test]
    fn test_of_an_unknown_rule_and_actions_left_to_chance_are_found() {
        let found = codes(
            "rules: [{ id: bulk, when: { actions: [bulk_read] }, then: hold }]
tests: [{ agent: a, sql: x, expect: hold, rule: bulkk }, { agent: a, sql: x, expect: hold, rule: 'class:c/probe' }]",
        );
        assert_eq!(found.iter().filter(|(code, _)| *code == "unruled-action").count(), 7);
        assert!(found.iter().any(|(_, text)| text.ends_with("did you mean `bulk`?")), "{found:?}");
    }
}
