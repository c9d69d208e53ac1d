//! What holds without a rule: probes and writes of classified columns, and statements that could not be understood.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::ColumnKey;
use crate::identity::ids::RuleId;
use crate::policy::class::{Class, ProbeSpec};
use crate::policy::judge::{Situation, words};
use crate::policy::ruling::{Effect, RuleHit};
use crate::statement::footprint::{Footprint, Position};

/// The built-in behaviour of the classes: `class:<name>/probe` and `class:<name>/write`.
pub fn hits(situation: &Situation<'_>) -> Vec<RuleHit> {
    let mut hits = probes(situation);
    hits.extend(writes(situation));
    hits
}

/// What a class says about a column in this position.
pub fn effect_of(probe: ProbeSpec, position: Position) -> Effect {
    match (probe, position) {
        (ProbeSpec::Allow, _) | (ProbeSpec::Equality, Position::Equality) => Effect::Allow,
        (ProbeSpec::Equality | ProbeSpec::Hold, _) => Effect::Hold,
        (ProbeSpec::Deny, _) => Effect::Deny,
    }
}

fn probes(situation: &Situation<'_>) -> Vec<RuleHit> {
    let mut found: BTreeMap<Arc<str>, (Arc<Class>, Effect, BTreeSet<String>)> = BTreeMap::new();
    for probe in &situation.footprint.probes {
        for class in situation.map.of(probe.column) {
            let effect = effect_of(class.probe, probe.position);
            if effect == Effect::Allow {
                continue;
            }
            let what =
                format!("{} in {}", words::column(situation.catalog, probe.column), words::position(probe.position));
            let entry = found.entry(class.name.clone()).or_insert_with(|| (class.clone(), effect, BTreeSet::new()));
            entry.2.insert(what);
        }
    }
    let hit = |(name, (class, effect, places)): (Arc<str>, (Arc<Class>, Effect, BTreeSet<String>))| RuleHit {
        rule: RuleId(format!("class:{name}/probe")),
        effect,
        enforced: true,
        message: Some(advice(&class)),
        because: format!("class {name} shapes rows: {}", places.into_iter().collect::<Vec<_>>().join(", ")),
    };
    found.into_iter().map(hit).collect()
}

fn advice(class: &Class) -> String {
    match class.probe {
        ProbeSpec::Equality => format!(
            "Columns of class {} may be selected, and compared with = to a value; not filtered, joined, sorted or grouped otherwise.",
            class.name
        ),
        _ => {
            format!("Columns of class {} may be selected, but not filtered, joined, sorted or grouped by.", class.name)
        }
    }
}

fn writes(situation: &Situation<'_>) -> Vec<RuleHit> {
    let mut found: BTreeMap<Arc<str>, BTreeSet<String>> = BTreeMap::new();
    for write in &situation.footprint.writes {
        for class in situation.map.of(write.target) {
            let target = write_target(situation, write.target, class);
            found.entry(class.name.clone()).or_default().insert(target);
        }
    }
    let hit = |(name, columns): (Arc<str>, BTreeSet<String>)| RuleHit {
        rule: RuleId(format!("class:{name}/write")),
        effect: Effect::Hold,
        enforced: true,
        message: Some(format!("Writing to columns of class {name} needs approval; never write a masked value back.")),
        because: format!("writes {} (class {name})", columns.into_iter().collect::<Vec<_>>().join(", ")),
    };
    found.into_iter().map(hit).collect()
}

/// The column; for a write to the whole row the columns that carry the class.
fn write_target(situation: &Situation<'_>, target: ColumnKey, class: &Arc<Class>) -> String {
    if target.number != 0 {
        return words::column(situation.catalog, target);
    }
    let relation = situation.catalog.relation(target.relation);
    let columns = relation.into_iter().flat_map(|relation| &relation.columns);
    let keys = columns.map(|column| ColumnKey { relation: target.relation, number: column.number });
    let carrying = keys.filter(|key| situation.map.of(*key).any(|known| known.name == class.name));
    carrying.map(|key| words::column(situation.catalog, key)).collect::<Vec<_>>().join(", ")
}

/// The default for what could not be understood: held. A rule that names `opaque` and matches takes its place.
pub fn opaque(footprint: &Footprint) -> RuleHit {
    RuleHit {
        rule: RuleId("default:opaque".to_owned()),
        effect: Effect::Hold,
        enforced: true,
        message: opaque_advice(footprint),
        because: opaque_words(footprint),
    }
}

/// What to write instead, if the reader knows.
pub fn opaque_advice(footprint: &Footprint) -> Option<String> {
    footprint.opaque.first().map(|first| format!("{}: {}", first.what, first.why))
}

/// What could not be understood, and why.
pub fn opaque_words(footprint: &Footprint) -> String {
    let parts: Vec<String> = footprint.opaque.iter().map(|part| format!("{}: {}", part.what, part.why)).collect();
    match parts.is_empty() {
        true => "the statement could not be understood".to_owned(),
        false => format!("not understood: {}", parts.join("; ")),
    }
}
