//! Rules files -> `RuleSet`: what can only be checked across values and files.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::identity::ids::RuleId;
use crate::policy::budget::Budget;
use crate::policy::class::Class;
use crate::policy::detector::{DetectRaw, DetectorSet};
use crate::policy::rules::approval::{ApprovalRaw, ReasonRaw, StageRaw};
use crate::policy::rules::file::{AggregatesRaw, ColumnRaw, RuleRaw, RulesFile, WhenRaw};
use crate::policy::rules::glob::PathPattern;
use crate::policy::rules::vouch::Vouch;
use crate::policy::rules::{
    Approval, BULK_ROWS, Case, ColumnPattern, ColumnRule, Origin, Rule, RuleError, RuleSet, Times, When,
};
use crate::policy::ruling::{Effect, Stage};
use crate::policy::yaml::{Document, Step, nearest};

const BASELINE: &str = include_str!("../../../rules/baseline.yaml");
const REGEX_BYTES_MAX: usize = 1 << 20;

impl RuleSet {
    /// Compiles files (name, content) into one set. All faults of all files are returned together.
    pub fn load_dir(files: &[(String, String)]) -> Result<Self, Vec<RuleError>> {
        let mut documents = Vec::new();
        let mut faults = Vec::new();
        for (name, content) in files {
            match Document::<RulesFile>::read(content, name) {
                Ok(document) => documents.push(document),
                Err(found) => faults.extend(found),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        if documents.is_empty() {
            // FAIL CLOSED: an empty directory is more likely a wrong mount than the wish for no rules.
            return Err(vec![RuleError {
                file: "rules".to_owned(),
                place: crate::policy::yaml::tree::Place { line: 1, column: 1 },
                key: String::new(),
                cause: "no rules file (*.yaml) found".to_owned(),
                fix: Some("leave `rules:` out of holdpoint.yaml to use the built-in baseline".to_owned()),
            }]);
        }
        let mut contents: Vec<&str> = files.iter().map(|(_, content)| content.as_str()).collect();
        contents.sort_unstable();
        Compiler::new(version_of(&contents)).run(&documents)
    }

    /// The rules that ship with the program, used when none are given.
    #[expect(clippy::expect_used, reason = "a constant of the program, compiled by a test")]
    pub fn baseline() -> Self {
        Self::load_dir(&[("baseline.yaml".to_owned(), BASELINE.to_owned())]).expect("the baseline compiles")
    }
}

/// Hex SHA-256 over the contents, each with its length before it.
fn version_of(contents: &[&str]) -> String {
    let mut hash = Sha256::new();
    for content in contents {
        hash.update(u64::try_from(content.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(content.as_bytes());
    }
    hex::encode(hash.finalize())
}

struct Compiler {
    set: RuleSet,
    class_index: BTreeMap<String, usize>,
    rule_files: BTreeMap<String, String>,
    faults: Vec<RuleError>,
}

type Doc = Document<RulesFile>;

impl Compiler {
    fn new(version: String) -> Self {
        let set = RuleSet {
            version,
            classes: Vec::new(),
            class_origins: Vec::new(),
            columns: Vec::new(),
            detect: DetectorSet::default(),
            detect_except: Vec::new(),
            vouches: Vec::new(),
            budgets: Vec::new(),
            rules: Vec::new(),
            bulk_rows: BULK_ROWS,
            agent_limits: Vec::new(),
            defaults: Approval::default(),
            times: Times::default(),
            tests: Vec::new(),
            catalog: None,
        };
        Self { set, class_index: BTreeMap::new(), rule_files: BTreeMap::new(), faults: Vec::new() }
    }

    fn run(mut self, documents: &[Doc]) -> Result<RuleSet, Vec<RuleError>> {
        self.once(documents, "limits", |file| file.limits.is_some());
        self.once(documents, "defaults", |file| file.defaults.is_some());
        self.once(documents, "detect", |file| file.detect.is_some());
        self.once(documents, "catalog", |file| file.catalog.is_some());
        for document in documents {
            self.classes(document);
            self.settings(document);
        }
        for document in documents {
            self.columns(document);
            self.functions(document);
            self.budgets(document);
            self.rules(document);
            self.tests(document);
        }
        if self.faults.is_empty() { Ok(self.set) } else { Err(self.faults) }
    }

    fn once(&mut self, documents: &[Doc], key: &str, given: impl Fn(&RulesFile) -> bool) {
        let mut given = documents.iter().filter(|document| given(&document.content));
        let Some(first) = given.next() else { return };
        for again in given {
            let cause = format!("`{key}` is given in {} too", first.file);
            self.faults.push(again.fault(&[Step::Key(key)], cause, Some("keep it in one file")));
        }
    }

    fn classes(&mut self, document: &Doc) {
        for (name, raw) in &document.content.classes {
            let path = [Step::Key("classes"), Step::Key(name)];
            if !is_name(name) || name == "none" {
                let fix = "use letters, digits, `_`, `-` and dots, such as `pii.email`";
                self.faults.push(document.fault(&path, format!("`{name}` cannot name a class"), Some(fix)));
                continue;
            }
            if self.class_index.contains_key(name) {
                let fix = Some("keep one of them");
                self.faults.push(document.fault(&path, format!("class `{name}` is defined in another file too"), fix));
                continue;
            }
            if let Some(why) = raw.mask.fault() {
                let [classes, class] = path;
                self.faults.push(document.fault(&[classes, class, Step::Key("mask")], why, None));
            }
            self.class_index.insert(name.clone(), self.set.classes.len());
            self.set.class_origins.push(origin(document, &path));
            self.set.classes.push(Arc::new(Class {
                name: Arc::from(name.as_str()),
                mask: raw.mask.0.clone(),
                key: raw.key,
                probe: raw.probe,
                aggregates: raw.aggregates == AggregatesRaw::Allow,
                bulk_rows: raw.bulk_rows,
            }));
        }
    }

    fn settings(&mut self, document: &Doc) {
        if let Some(limits) = &document.content.limits {
            self.set.bulk_rows = limits.bulk_rows.unwrap_or(BULK_ROWS);
            self.set.agent_limits = limits.agents.iter().map(|entry| (entry.agents.clone(), entry.bulk_rows)).collect();
        }
        if let Some(defaults) = &document.content.defaults {
            let path = [Step::Key("defaults"), Step::Key("approval")];
            self.set.defaults = self.approval(document, &path, &defaults.approval);
        }
        if let Some(detect) = &document.content.detect {
            self.detect(document, detect);
        }
        if let Some(catalog) = &document.content.catalog {
            if let Err((table, cause)) = catalog.to_catalog() {
                let path = [Step::Key("catalog"), Step::Key("tables"), Step::Key(&table)];
                self.faults.push(document.fault(&path, cause, None));
            }
            self.set.catalog = Some(catalog.clone());
        }
    }

    fn detect(&mut self, document: &Doc, raw: &DetectRaw) {
        self.set.detect = raw.find;
        for (index, path) in raw.except.iter().enumerate() {
            match column_path(path) {
                Ok(pattern) => self.set.detect_except.push(pattern),
                Err((_, cause, fix)) => {
                    let path = [Step::Key("detect"), Step::Key("except"), Step::Item(index)];
                    self.faults.push(document.fault(&path, cause, Some(fix)));
                }
            }
        }
    }

    fn approval(&mut self, document: &Doc, path: &[Step<'_>], raw: &ApprovalRaw) -> Approval {
        for (index, stage) in raw.stages.iter().enumerate() {
            if stage.groups.is_empty() {
                let path: Vec<Step<'_>> =
                    path.iter().copied().chain([Step::Key("stages"), Step::Item(index)]).collect();
                self.faults.push(document.fault(&path, "a stage without groups can never be filled", None));
            }
        }
        let stage = |stage: &StageRaw| Stage { groups: stage.groups.clone(), needed: stage.needed };
        Approval {
            stages: raw.stages.iter().map(stage).collect(),
            expires: raw.expires.map(|span| span.0),
            hold: raw.hold.map(|span| span.0),
            use_within: raw.use_within.map(|span| span.0),
            reason_required: raw.reason == ReasonRaw::Required,
            assurance: raw.assurance,
        }
    }

    fn columns(&mut self, document: &Doc) {
        for (index, raw) in document.content.columns.iter().enumerate() {
            let here = |key: &'static str| [Step::Key("columns"), Step::Item(index), Step::Key(key)];
            let class = match self.class_index.get(&raw.class) {
                Some(class) => Some(*class),
                None if raw.class == "none" => None,
                None => {
                    let fix = self.class_hint(&raw.class);
                    let cause = format!("class `{}` is not defined", raw.class);
                    self.faults.push(document.fault(&here("class"), cause, Some(&fix)));
                    continue;
                }
            };
            match column_pattern(raw) {
                Ok(by) => {
                    let origin = origin(document, &[Step::Key("columns"), Step::Item(index)]);
                    self.set.columns.push(ColumnRule { by, class, origin });
                }
                Err((key, cause, fix)) => self.faults.push(document.fault(&here(key), cause, Some(fix))),
            }
        }
    }

    fn functions(&mut self, document: &Doc) {
        for (index, raw) in document.content.functions.iter().enumerate() {
            let here = [Step::Key("functions"), Step::Item(index)];
            match Vouch::new(raw, origin(document, &here)) {
                Ok(vouch) => self.set.vouches.push(vouch),
                Err((key, cause, fix)) => {
                    let [list, item] = here;
                    self.faults.push(document.fault(&[list, item, Step::Key(key)], cause, Some(fix)));
                }
            }
        }
    }

    fn class_hint(&self, written: &str) -> String {
        match nearest(written, self.class_index.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "define it under `classes:`".to_owned(),
        }
    }

    fn rules(&mut self, document: &Doc) {
        for (index, raw) in document.content.rules.iter().enumerate() {
            let path = [Step::Key("rules"), Step::Item(index)];
            let at = |key: &'static str| [Step::Key("rules"), Step::Item(index), Step::Key(key)];
            if !is_name(&raw.id) {
                let fix = "use letters, digits, `_`, `-` and dots";
                self.faults.push(document.fault(&at("id"), format!("`{}` cannot name a rule", raw.id), Some(fix)));
            }
            if let Some(other) = self.rule_files.insert(raw.id.clone(), document.file.clone()) {
                let cause = format!("rule `{}` is there already, in {other}", raw.id);
                self.faults.push(document.fault(&at("id"), cause, Some("give each rule an id of its own")));
            }
            self.rule_sense(document, index, raw);
            let approval = raw.approval.as_ref().map(|raw| self.approval(document, &at("approval"), raw));
            self.set.rules.push(Rule {
                id: RuleId(raw.id.clone()),
                severity: raw.severity,
                mode: raw.mode,
                when: when(&raw.when),
                then: raw.then,
                approval,
                message: raw.message.clone(),
                owner: raw.owner.clone(),
                docs: raw.docs.clone(),
                origin: origin(document, &path),
            });
        }
    }

    fn budgets(&mut self, document: &Doc) {
        for (index, raw) in document.content.budgets.iter().enumerate() {
            let at = |key: &'static str| [Step::Key("budgets"), Step::Item(index), Step::Key(key)];
            match Budget::new(raw) {
                Ok(budget) => {
                    self.patterns_fit(document, budget.classes(), &at("classes"));
                    self.set.budgets.push(budget);
                }
                Err((key, cause, fix)) => self.faults.push(document.fault(&at(key), cause, Some(fix))),
            }
        }
    }

    /// Every pattern fits some class.
    fn patterns_fit(&mut self, document: &Doc, patterns: &[String], path: &[Step<'_>]) {
        for (position, pattern) in patterns.iter().enumerate() {
            if self.class_index.keys().any(|class| crate::policy::rules::glob::fits(pattern, class)) {
                continue;
            }
            let hint = self.class_hint(pattern);
            let path: Vec<Step<'_>> = path.iter().copied().chain([Step::Item(position)]).collect();
            self.faults.push(document.fault(&path, format!("no class fits `{pattern}`"), Some(&hint)));
        }
    }

    fn rule_sense(&mut self, document: &Doc, index: usize, raw: &RuleRaw) {
        let at = |key: &'static str| [Step::Key("rules"), Step::Item(index), Step::Key(key)];
        if raw.approval.is_some() && raw.then != Effect::Hold {
            let fix = Some("leave it out, or write `then: hold`");
            self.faults.push(document.fault(&at("approval"), "only a rule that holds can be approved", fix));
        }
        if raw.message.as_ref().is_some_and(|text| text.chars().any(char::is_control) || text.chars().count() > 200) {
            let fix = Some("one line of at most 200 characters");
            self.faults.push(document.fault(&at("message"), "the message is too long or has line breaks", fix));
        }
        let lists = [
            ("actions", raw.when.actions.as_ref().is_some_and(Vec::is_empty)),
            ("classes", raw.when.classes.as_ref().is_some_and(Vec::is_empty)),
            ("agents", raw.when.agents.as_ref().is_some_and(Vec::is_empty)),
            ("groups", raw.when.groups.as_ref().is_some_and(Vec::is_empty)),
            ("databases", raw.when.databases.as_ref().is_some_and(Vec::is_empty)),
            ("relations", raw.when.relations.as_ref().is_some_and(Vec::is_empty)),
            ("objects", raw.when.objects.as_ref().is_some_and(Vec::is_empty)),
            ("verbs", raw.when.verbs.as_ref().is_some_and(Vec::is_empty)),
        ];
        for (key, _) in lists.iter().filter(|(_, empty)| *empty) {
            let path = [Step::Key("rules"), Step::Item(index), Step::Key("when"), Step::Key(key)];
            let fix = Some("leave the key out to match everything");
            self.faults.push(document.fault(&path, "an empty list matches nothing", fix));
        }
        let path = [Step::Key("rules"), Step::Item(index), Step::Key("when"), Step::Key("classes")];
        self.patterns_fit(document, raw.when.classes.as_deref().unwrap_or_default(), &path);
    }

    fn tests(&mut self, document: &Doc) {
        for (index, raw) in document.content.tests.iter().enumerate() {
            let origin = origin(document, &[Step::Key("tests"), Step::Item(index)]);
            self.set.tests.push(Case { raw: raw.clone(), origin });
        }
    }
}

fn origin(document: &Doc, path: &[Step<'_>]) -> Origin {
    Origin { file: document.file.clone(), place: document.root.at(path).place }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !text.is_empty()
        && text.len() <= 64
        && text.chars().all(fits)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// The key at fault, the cause, the fix.
type BadPattern = (&'static str, String, &'static str);

fn column_path(path: &str) -> Result<PathPattern, BadPattern> {
    let pattern = PathPattern::new(path);
    let fix = "write database.schema.table.column, with `*` for any, such as `*.public.*.email` or `**.email`";
    match pattern.has_gap() || (pattern.part_count() != 4 && !pattern.is_open()) {
        true => Err(("match", format!("`{path}` does not have four parts"), fix)),
        false => Ok(pattern),
    }
}

fn column_pattern(raw: &ColumnRaw) -> Result<ColumnPattern, BadPattern> {
    match (&raw.path, &raw.name) {
        (Some(path), None) => column_path(path).map(ColumnPattern::Path),
        (None, Some(name)) => {
            let built = regex::RegexBuilder::new(name).size_limit(REGEX_BYTES_MAX).build();
            let say = |error: regex::Error| {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                ("name", format!("not a regular expression: {last}"), "see https://docs.rs/regex/#syntax")
            };
            built.map(ColumnPattern::Name).map_err(say)
        }
        _ => Err(("class", "needs `match` or `name`, one of them".to_owned(), "split it into two entries")),
    }
}

fn when(raw: &WhenRaw) -> When {
    let patterns = |list: &Vec<String>| list.iter().map(|text| PathPattern::new(text)).collect();
    When {
        actions: raw.actions.clone(),
        classes: raw.classes.clone(),
        agents: raw.agents.clone(),
        groups: raw.groups.clone(),
        databases: raw.databases.clone(),
        relations: raw.relations.as_ref().map(patterns),
        objects: raw.objects.as_ref().map(|kinds| kinds.iter().map(|kind| kind.to_lowercase()).collect()),
        verbs: raw.verbs.clone(),
        rows_over: raw.rows_over,
    }
}
