//! From a survey to proposals: what each column's name, imports and values speak for, and how strongly.

use std::collections::BTreeMap;

use crate::app::survey::{Place, Survey};
use crate::catalog::{Catalog, ColumnKey};
use crate::cli::rules::classify::imports::{Imported, Imports};
use crate::masking::detect;
use crate::policy::class::ClassMap;
use crate::policy::detector::{Detector, DetectorSet};
use crate::policy::rules::{ColumnPattern, RuleSet};

/// Below this nothing is proposed.
const SCORE_MIN: f64 = 0.5;
const NAME: f64 = 0.7;
const HINT: f64 = 0.6;
const CLASS: f64 = 1.0;
/// All values of a column look like one kind.
const VALUES: f64 = 0.95;
/// Fewer values than this speak less.
const VALUES_ENOUGH: usize = 5;

/// A class for a column, and why.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Proposal {
    /// `database.schema.table.column`.
    pub(super) path: String,
    /// The class.
    pub(super) class: String,
    /// The rules define it.
    pub(super) defined: bool,
    /// From 0 to 1: what speaks for it together.
    pub(super) score: f64,
    reasons: Vec<String>,
}

impl Proposal {
    /// Why, without any value.
    pub(super) fn evidence(&self) -> String {
        self.reasons.join("; ")
    }
}

/// Proposals for every column of a user's relation that carries no class under the rules, the surest first.
pub(super) fn propose(found: &Survey, rules: &RuleSet, imports: &Imports) -> Vec<Proposal> {
    let dictionary = RuleSet::baseline();
    let map = rules.class_map(&found.catalog);
    let mut proposals: Vec<Proposal> = unclassified(&found.catalog, &map)
        .filter_map(|place| {
            let values = found.values.get(&place).map_or(&[][..], Vec::as_slice);
            best(
                &place,
                values,
                &Sources { dictionary: &dictionary, rules, imports, database: &found.catalog.database },
            )
        })
        .collect();
    proposals.sort_by(|left, right| right.score.total_cmp(&left.score).then_with(|| left.path.cmp(&right.path)));
    proposals
}

fn unclassified(catalog: &Catalog, map: &ClassMap) -> impl Iterator<Item = Place> {
    let relations = catalog.relations().filter(|relation| !catalog.is_system(&relation.schema));
    relations.flat_map(|relation| {
        let bare = relation
            .columns
            .iter()
            .filter(|column| !map.is_classified(ColumnKey { relation: relation.key, number: column.number }));
        let place = |name: &str| (relation.schema.to_string(), relation.name.to_string(), name.to_owned());
        bare.map(|column| place(&column.name)).collect::<Vec<_>>()
    })
}

struct Sources<'a> {
    dictionary: &'a RuleSet,
    rules: &'a RuleSet,
    imports: &'a Imports,
    database: &'a str,
}

fn best(place: &Place, values: &[String], sources: &Sources<'_>) -> Option<Proposal> {
    // Independent signs for one class: what is left unsaid by one is said by another.
    let mut doubts: BTreeMap<String, (f64, Vec<String>)> = BTreeMap::new();
    let mut speak = |class: String, weight: f64, reason: String| {
        let entry = doubts.entry(class).or_insert((1.0, Vec::new()));
        entry.0 *= 1.0 - weight;
        entry.1.push(reason);
    };
    let path = [sources.database, &place.0, &place.1, &place.2];
    if exempt(sources.rules, &path) {
        return None;
    }
    if let Some(class) = by_name(sources.dictionary, &path) {
        speak(class, NAME, format!("its name, `{}`", place.2));
    }
    for one in sources.imports.of(place) {
        match class_of(one, sources) {
            Some(class) => speak(class, if one.is_class { CLASS } else { HINT }, one.evidence.clone()),
            None if one.is_class => speak(one.word.clone(), CLASS, one.evidence.clone()),
            None => {}
        }
    }
    for (class, count) in by_values(values, &place.2) {
        let share = count as f64 / values.len().max(VALUES_ENOUGH) as f64;
        speak(class.to_owned(), VALUES * share, format!("{count} of {} values", values.len()));
    }
    let (class, (doubt, reasons)) = doubts.into_iter().min_by(|left, right| left.1.0.total_cmp(&right.1.0))?;
    let defined = sources.rules.classes().iter().any(|known| *known.name == *class);
    let score = 1.0 - doubt;
    (score >= SCORE_MIN).then(|| Proposal { path: path.join("."), class, defined, score, reasons })
}

/// The rules say `class: none` of it: somebody has looked already.
fn exempt(rules: &RuleSet, path: &[&str; 4]) -> bool {
    rules.columns.iter().any(|rule| rule.class.is_none() && rule.by.fits(path, false))
}

fn by_name(dictionary: &RuleSet, path: &[&str; 4]) -> Option<String> {
    let named = dictionary
        .columns
        .iter()
        .find(|rule| matches!(rule.by, ColumnPattern::Name(_)) && rule.by.fits(path, false))?;
    Some(dictionary.classes.get(named.class?)?.name.to_string())
}

/// A class that the rules or the baseline know by this name, or that the word speaks of: `fake_email`, `pii_phone`.
fn class_of(one: &Imported, sources: &Sources<'_>) -> Option<String> {
    let known = sources.rules.classes().iter().chain(sources.dictionary.classes());
    let same = |name: &str| name.eq_ignore_ascii_case(&one.word);
    if let Some(class) = known.map(|class| &*class.name).find(|name| same(name)) {
        return Some(class.to_owned());
    }
    (!one.is_class).then(|| by_name(sources.dictionary, &["", "", "", &one.word])).flatten()
}

/// How many values look like what, by class. A value counts once for each.
fn by_values(values: &[String], name: &str) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for value in values {
        let mut classes: Vec<&str> = detect::find(value.as_bytes(), name, DetectorSet::usual())
            .iter()
            .map(|found| class_for(found.detector))
            .collect();
        classes.sort_unstable();
        classes.dedup();
        for class in classes {
            *counts.entry(class).or_insert(0) += 1;
        }
    }
    counts
}

/// The baseline's class for what a detector finds.
fn class_for(detector: Detector) -> &'static str {
    match detector {
        Detector::Email => "pii.email",
        Detector::Card => "pci.card",
        Detector::Iban => "finance.account",
        Detector::Ssn => "pii.national_id",
        Detector::Phone => "pii.phone",
        Detector::Ip => "pii.address",
        Detector::Jwt
        | Detector::PrivateKey
        | Detector::ApiKey
        | Detector::Bearer
        | Detector::UrlCredentials
        | Detector::ConnectionString => "secret",
    }
}
