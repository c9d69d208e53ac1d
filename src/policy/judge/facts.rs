//! What a statement amounts to: its actions, the classes each of them touches, and how many rows are to be expected.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::ColumnKey;
use crate::policy::action::Action;
use crate::policy::budget::Allowance;
use crate::policy::class::{Class, ClassMap};
use crate::policy::judge::{Evidence, Situation};
use crate::policy::rules::RuleSet;
use crate::statement::footprint::{Access, Facet, Flow, Footprint, Output, RowBound, Source, Transfer, Verb};

/// Names of classes.
pub type ClassNames = BTreeSet<Arc<str>>;

/// How many rows: the static bound, and an estimate where the bound leaves it open.
#[derive(Clone, Copy, Debug)]
pub struct Measure {
    /// Rows returned.
    pub returned: Rows,
    /// Rows changed.
    pub changed: Rows,
    /// What is left of the budgets.
    pub allowance: Allowance,
}

/// A number of rows as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// What the text and the keys say.
    pub bound: RowBound,
    /// What the planner or the stream says.
    pub estimate: Option<u64>,
}

impl Rows {
    /// May it be more than this? In the order of DESIGN §5: the static bound, then the estimate; unknown means yes.
    pub fn may_exceed(self, limit: u64) -> bool {
        match (self.bound, self.estimate) {
            (RowBound::None, _) => false,
            (RowBound::AtMost(most), _) if most <= limit => false,
            (_, Some(estimate)) => estimate > limit,
            (_, None) => true,
        }
    }
}

impl Measure {
    /// What is known now.
    pub fn of(footprint: &Footprint, evidence: Evidence) -> Self {
        Self {
            returned: Rows { bound: footprint.returned, estimate: evidence.estimated_rows },
            changed: Rows { bound: footprint.changed, estimate: evidence.estimated_changed },
            allowance: evidence.allowance,
        }
    }

    /// What would be known once the stream had brought one row more than `limit`.
    pub fn beyond(limit: u64, footprint: &Footprint, evidence: Evidence) -> Self {
        let known = Self::of(footprint, evidence);
        Self { returned: Rows { estimate: Some(limit.saturating_add(1)), ..known.returned }, ..known }
    }
}

/// What a statement amounts to.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The actions, and the classes that each touches.
    pub actions: BTreeMap<Action, ClassNames>,
    /// Every class touched in any way.
    pub touched: ClassNames,
    /// Errors and notices may quote classified values.
    pub tainted: bool,
    /// More rows returned than this are bulk.
    pub read_limit: u64,
    /// No number of rows makes it bulk: it reads system relations and nothing else, or its rows are no data.
    pub unlimited: bool,
    /// Rows to be expected.
    pub measure: Measure,
}

impl Facts {
    /// Works them out.
    pub fn of(rules: &RuleSet, situation: &Situation<'_>, measure: Measure) -> Self {
        let shown = classes_shown(situation);
        let written = classes_written(situation);
        let probed: ClassNames =
            situation.footprint.probes.iter().flat_map(|probe| names(situation.map, probe.column)).collect();
        let defined = classes_defined(situation);
        let copied = classes_copied(situation);
        let mut touched: ClassNames = shown.iter().chain(&written).chain(&probed).chain(&defined).cloned().collect();
        touched.extend(copied.iter().flatten().cloned());
        if !situation.footprint.opaque.is_empty() {
            // FAIL CLOSED: what was not understood may touch whatever the statement can reach.
            touched.extend(classes_in_reach(situation));
        }
        let agent_limit = rules.agent_limit(&situation.subject.agent.0);
        let mut facts = Self {
            actions: BTreeMap::new(),
            tainted: is_tainted(situation, &touched),
            read_limit: limit(situation.map, &shown, agent_limit).min(measure.allowance.rows.unwrap_or(u64::MAX)),
            unlimited: reads_system_only(situation) || tells_no_rows(situation.footprint.verb),
            measure,
            touched,
        };
        facts.row_actions(situation.footprint, &shown, &written, agent_limit);
        facts.other_actions(situation.footprint, &shown, &written);
        if let Some(copied) = copied {
            facts.actions.insert(Action::CopyClassified, copied);
        }
        if !probed.is_empty() {
            facts.actions.insert(Action::Probe, probed);
        }
        if facts.actions.is_empty() {
            // FAIL CLOSED: a footprint that says nothing was not understood.
            facts.actions.insert(Action::Opaque, facts.touched.clone());
        }
        facts
    }

    fn row_actions(&mut self, footprint: &Footprint, shown: &ClassNames, written: &ClassNames, write_limit: u64) {
        let has = |facet: Facet| footprint.facets.contains(&facet);
        let returns = footprint.returned != RowBound::None;
        let only_reads = has(Facet::Reads) && footprint.facets.len() == 1 && footprint.transfer.is_none();
        if returns || only_reads {
            let bulk = returns && !self.unlimited && self.measure.returned.may_exceed(self.read_limit);
            let action = if bulk { Action::BulkRead } else { Action::Read };
            self.actions.insert(action, shown.clone());
        }
        if has(Facet::Writes) || has(Facet::WritesAll) {
            let bulk = has(Facet::WritesAll) || self.measure.changed.may_exceed(write_limit);
            let action = if bulk { Action::BulkWrite } else { Action::Write };
            self.actions.insert(action, written.clone());
        }
    }

    fn other_actions(&mut self, footprint: &Footprint, shown: &ClassNames, written: &ClassNames) {
        let all = self.touched.clone();
        let has = |facet: Facet| footprint.facets.contains(&facet);
        let leaves = matches!(footprint.transfer, Some(Transfer::CopyToClient { .. } | Transfer::ToServer));
        let comes = matches!(
            footprint.transfer,
            Some(Transfer::FromClient | Transfer::FromServer | Transfer::FromClientFile { .. })
        );
        let only_session = has(Facet::Session) || has(Facet::Transaction) || !footprint.session.is_empty();
        let found = [
            (Action::Export, has(Facet::Exports) || leaves, shown),
            (Action::Import, has(Facet::Imports) || comes, written),
            (Action::Ddl, has(Facet::Defines) || footprint.verb == Verb::Truncate, &all),
            (Action::Privilege, has(Facet::Privilege), &all),
            (Action::Routine, has(Facet::Routine), &all),
            (Action::Server, has(Facet::Server), &all),
            (Action::Session, only_session || footprint.verb == Verb::Empty, &all),
            (Action::Opaque, !footprint.opaque.is_empty() || footprint.verb == Verb::Unreadable, &all),
        ];
        for (action, _, classes) in found.into_iter().filter(|(_, present, _)| *present) {
            self.actions.insert(action, classes.clone());
        }
    }
}

/// Classes by name at a column.
fn names(map: &ClassMap, column: ColumnKey) -> impl Iterator<Item = Arc<str>> {
    map.of(column).map(|class| class.name.clone())
}

/// Does this flow carry the class's values? Counting is free, and sums are where the class says so.
pub fn carries(source: &Source, class: &Class) -> bool {
    match source.flow {
        Flow::Counted => false,
        Flow::Aggregated => !class.aggregates,
        Flow::Plain | Flow::Derived => true,
    }
}

/// Classes that flow along these sources.
pub fn classes_flowing<'a>(map: &'a ClassMap, sources: &'a [Source]) -> impl Iterator<Item = Arc<str>> {
    sources.iter().flat_map(move |source| {
        map.of(source.column).filter(|class| carries(source, class)).map(|class| class.name.clone())
    })
}

/// Every class of every relation in the statement: what something unknown may carry.
fn classes_in_reach(situation: &Situation<'_>) -> ClassNames {
    let keys = situation.footprint.relations.iter().filter_map(|used| used.key);
    keys.flat_map(|relation| names(situation.map, ColumnKey { relation, number: 0 })).collect()
}

fn outputs(footprint: &Footprint) -> &[Output] {
    footprint.outputs.as_deref().unwrap_or_default()
}

/// Classes that the result shows, masked or not.
pub fn classes_shown(situation: &Situation<'_>) -> ClassNames {
    let outputs = outputs(situation.footprint);
    let mut found: ClassNames =
        outputs.iter().flat_map(|output| classes_flowing(situation.map, &output.sources)).collect();
    if outputs.iter().any(|output| output.unknown) {
        // FAIL CLOSED: what could not be followed may carry whatever the statement can reach.
        found.extend(classes_in_reach(situation));
    }
    found
}

fn classes_written(situation: &Situation<'_>) -> ClassNames {
    situation.footprint.writes.iter().flat_map(|write| names(situation.map, write.target)).collect()
}

fn classes_defined(situation: &Situation<'_>) -> ClassNames {
    let defined = situation.footprint.relations.iter().filter(|used| used.access == Access::Define);
    let keys = defined.filter_map(|used| used.key);
    keys.flat_map(|relation| names(situation.map, ColumnKey { relation, number: 0 })).collect()
}

/// Classes copied to another place; `None` when nothing is, an empty set when nobody knows what is.
fn classes_copied(situation: &Situation<'_>) -> Option<ClassNames> {
    let map = situation.map;
    let mut found = ClassNames::new();
    let mut unknown = false;
    for write in &situation.footprint.writes {
        let others: Vec<Source> =
            write.sources.iter().filter(|source| source.column != write.target).copied().collect();
        found.extend(classes_flowing(map, &others));
        unknown |= write.unknown;
    }
    if situation.footprint.transfer == Some(Transfer::IntoNewObject) {
        for output in outputs(situation.footprint) {
            found.extend(classes_flowing(map, &output.sources));
            unknown |= output.unknown;
        }
    }
    unknown &= !map.columns.is_empty();
    if unknown {
        // FAIL CLOSED: what could not be followed is written somewhere; assume that it is classified.
        found.extend(classes_in_reach(situation));
    }
    (unknown || !found.is_empty()).then_some(found)
}

/// Errors quote whole rows of the table that is written (`Failing row contains (…)`), whatever columns are named.
fn is_tainted(situation: &Situation<'_>, touched: &ClassNames) -> bool {
    let footprint = situation.footprint;
    let unclear = !footprint.opaque.is_empty() || outputs(footprint).iter().any(|output| output.unknown);
    let changed = footprint.relations.iter().filter(|used| used.access != Access::Read);
    let writes_classified = changed.filter_map(|used| used.key).any(|key| situation.map.relations.contains_key(&key));
    let anything_classified = !situation.map.columns.is_empty();
    !touched.is_empty() || writes_classified || (unclear && anything_classified)
}

/// The agent's limit, lowered by the classes that are shown.
fn limit(map: &ClassMap, shown: &ClassNames, agent_limit: u64) -> u64 {
    let own = map.classes.iter().filter(|class| shown.contains(&class.name)).filter_map(|class| class.bulk_rows);
    own.fold(agent_limit, u64::min)
}

/// Plans and settings are told in rows, too.
fn tells_no_rows(verb: Verb) -> bool {
    matches!(verb, Verb::Explain | Verb::Show)
}

fn reads_system_only(situation: &Situation<'_>) -> bool {
    let read = &situation.footprint.relations;
    let catalog = situation.catalog;
    let system = |key| catalog.relation(key).is_some_and(|relation| catalog.is_system(&relation.schema));
    !read.is_empty() && read.iter().all(|used| used.access == Access::Read && used.key.is_some_and(system))
}
