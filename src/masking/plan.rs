//! One mask per result column, from what lineage predicted and what the server says. Each may only add.
//!
//! Where the two cannot both be true, nothing of the prediction is trusted: the whole result is redacted and the
//! disagreement reported. What it means for the session is the session's business.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::catalog::mysql_type::MySqlType;
use crate::catalog::{Catalog, ColumnKey, RelationKind};
use crate::masking::column::{Format, ResultColumn};
use crate::masking::detect::mask::DetectMask;
pub use crate::masking::keys::Keys;
use crate::masking::kind::Kind;
use crate::masking::mask::{Mask, Target};
use crate::masking::token;
use crate::policy::class::{Class, ClassMap};
use crate::statement::footprint::{Flow, Output, Source};

/// OIDs below belong to the server's own objects (`FirstNormalObjectId`).
const FIRST_USER_OID: u32 = 16_384;
/// Room made per masked cell beyond the row's own size; more only grows the buffer once.
const GROWTH_PER_MASK: usize = 64;

/// Which mask stands over which column of one result.
#[derive(Clone, Debug)]
pub struct Plan {
    masks: Vec<Mask>,
    passes: bool,
    masked: Vec<Arc<str>>,
    growth: usize,
    sizes: Vec<Option<u8>>,
}

/// A plan, and whether prediction and server contradict each other.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What to do with the rows.
    pub plan: Plan,
    /// Why everything is redacted: in words, with names of columns but no values. `None`: no contradiction.
    pub disagreement: Option<String>,
}

impl Plan {
    /// Everything redacted, for a result nothing is known about.
    pub fn whole(described: &[ResultColumn], catalog: &Catalog) -> Self {
        let token = token::of(token::RESULT);
        Self::new(described, described.iter().map(|column| Mask::redact(&token, target(column, catalog))).collect())
    }

    /// One mask per column.
    pub(in crate::masking) fn new(described: &[ResultColumn], masks: Vec<Mask>) -> Self {
        let masked_whole = |mask: &Mask| !matches!(mask, Mask::Pass | Mask::Detect(_));
        let named = described.iter().zip(&masks).filter(|(_, mask)| masked_whole(mask));
        let masked: Vec<_> = named.map(|(column, _)| column.name.clone()).collect();
        let passes = masks.iter().all(|mask| matches!(mask, Mask::Pass));
        let binary = described.iter().filter(|column| column.format == Format::MySqlBinary);
        let sizes = binary.map(|column| MySqlType::of(column.type_oid).and_then(MySqlType::binary_size)).collect();
        Self { growth: masked.len().saturating_mul(GROWTH_PER_MASK), masks, passes, masked, sizes }
    }

    /// Rows go through as they are.
    pub fn passes_all(&self) -> bool {
        self.passes
    }

    /// Names of the masked columns in the order of the result; a name may come twice. Columns that are only looked into
    /// by detectors are not among them.
    pub fn masked_names(&self) -> Vec<Arc<str>> {
        self.masked.clone()
    }

    /// Is this column, counted from 0, masked? Its values may then be NULL, and longer than they were.
    pub fn is_masked(&self, column: usize) -> bool {
        self.masks.get(column).is_some_and(|mask| !matches!(mask, Mask::Pass))
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.masks.len()
    }

    pub(in crate::masking) fn masks(&self) -> &[Mask] {
        &self.masks
    }

    /// Bytes of each column's values in MySQL's binary rows, `None` where they carry their length. Empty for other rows.
    pub(in crate::masking) fn sizes(&self) -> &[Option<u8>] {
        &self.sizes
    }

    pub(in crate::masking) fn growth(&self) -> usize {
        self.growth
    }
}

/// Plans the masks of a result. `predicted` is what lineage says of its columns (`None`: no rows expected), `described`
/// what the server says. Redacted whole, with a disagreement, is a result that was not predicted, has another number of
/// columns, names a classified column that lineage did not see there, or comes from a relation the catalog does not know.
///
/// A MySQL server's word can be forged by an alias, and names nothing where it names an alias (`catalog::origin`): it adds
/// classes and contradicts like PostgreSQL's, so that a query may at worst redact its own result.
pub fn plan(
    predicted: Option<&[Output]>,
    described: &[ResultColumn],
    map: &ClassMap,
    catalog: &Catalog,
    keys: &Keys,
) -> Planned {
    Planner { map, catalog, keys, reveal: None }.planned(predicted, described)
}

/// [`plan`], for a released statement whose approval lets the values of these classes be seen: their masks do not apply, those
/// of all other classes do, and the witnesses are compared as ever.
pub fn plan_revealing(
    predicted: Option<&[Output]>,
    described: &[ResultColumn],
    against: &Against<'_>,
    reveal: &BTreeSet<Arc<str>>,
) -> Planned {
    let Against { map, catalog, keys } = *against;
    let planner = Planner { map, catalog, keys, reveal: Some(reveal) };
    planner.planned(predicted, described)
}

/// What a result is planned against.
#[derive(Clone, Copy)]
pub struct Against<'a> {
    /// Which columns are classified.
    pub map: &'a ClassMap,
    /// Names and types.
    pub catalog: &'a Catalog,
    /// Keys of the masks.
    pub keys: &'a Keys,
}

fn target(column: &ResultColumn, catalog: &Catalog) -> Target {
    Target { kind: Kind::of(column.type_oid, catalog), format: column.format }
}

struct Planner<'a> {
    map: &'a ClassMap,
    catalog: &'a Catalog,
    keys: &'a Keys,
    /// Classes whose masks do not apply.
    reveal: Option<&'a BTreeSet<Arc<str>>>,
}

/// What flows into one column, seen through its classes.
struct Taint<'a> {
    /// The one with the strictest mask.
    strictest: &'a Class,
    /// Every value is a value of one of the source columns, and all those carry the same classes.
    plain: bool,
}

impl<'a> Planner<'a> {
    fn planned(&self, predicted: Option<&[Output]>, described: &[ResultColumn]) -> Planned {
        match self.masks(predicted, described) {
            Ok(masks) => Planned { plan: Plan::new(described, masks), disagreement: None },
            Err(why) => Planned { plan: Plan::whole(described, self.catalog), disagreement: Some(why) },
        }
    }

    fn masks(&self, predicted: Option<&[Output]>, described: &[ResultColumn]) -> Result<Vec<Mask>, String> {
        let Some(outputs) = predicted else {
            return if described.is_empty() { Ok(Vec::new()) } else { Err("rows where none were predicted".into()) };
        };
        if outputs.len() != described.len() {
            return Err(format!("{} columns where {} were predicted", described.len(), outputs.len()));
        }
        outputs.iter().zip(described).map(|(output, column)| self.mask(output, column)).collect()
    }

    fn mask(&self, output: &Output, column: &ResultColumn) -> Result<Mask, String> {
        if let Some(origin) = column.origin {
            self.check(output, column, origin)?;
        }
        let target = target(column, self.catalog);
        let taint = self.taint(output, column.origin);
        if output.unknown {
            let name = taint.map_or(token::UNKNOWN, |taint| &taint.strictest.name);
            return Ok(Mask::redact(&token::of(name), target));
        }
        Ok(match taint {
            None if self.is_revealed(output) => Mask::Pass,
            None => self.detect(output, column, target),
            Some(taint) if taint.plain && self.keeps_type(output, target) => {
                let class = taint.strictest;
                Mask::of_class(&class.mask, &class.name, target, &self.keys.at(class.key))
            }
            Some(taint) => Mask::redact(&token::of(&taint.strictest.name), target),
        })
    }

    /// Its values were asked for and approved: detectors would only take them away again.
    fn is_revealed(&self, output: &Output) -> bool {
        let Some(reveal) = self.reveal else { return false };
        output.sources.iter().any(|source| self.map.of(source.column).any(|class| reveal.contains(&class.name)))
    }

    /// A column without class: its values are looked into if the rules say so.
    fn detect(&self, output: &Output, column: &ResultColumn, target: Target) -> Mask {
        let detection = &self.map.detection;
        let excepted = |source: &Source| detection.except.contains(&source.column);
        if detection.set.is_empty() || (!output.sources.is_empty() && output.sources.iter().all(excepted)) {
            return Mask::Pass;
        }
        let stored = output.sources.first().and_then(|source| {
            let relation = self.catalog.relation(source.column.relation)?;
            Some(relation.column(source.column.number)?.name.clone())
        });
        let name = match stored {
            Some(stored) if stored != column.name => Arc::from(format!("{} {stored}", column.name)),
            _ => column.name.clone(),
        };
        DetectMask::new(detection.set, name, target).map_or(Mask::Pass, Mask::Detect)
    }

    /// Can the server's word on where a column comes from be true if the prediction is?
    fn check(&self, output: &Output, column: &ResultColumn, origin: ColumnKey) -> Result<(), String> {
        if output.unknown || output.sources.iter().any(|source| covers(source, origin)) {
            return Ok(());
        }
        let Some(relation) = self.catalog.relation(origin.relation) else {
            // Lineage resolved every name in this catalog, so the server read something else under one of them.
            let foreign = origin.relation.0 >= FIRST_USER_OID;
            return if foreign { Err(format!("column {} of an unknown relation", column.name)) } else { Ok(()) };
        };
        // Lineage looks through views, the server does not: a view's own classes are added, but contradict nothing.
        let view = matches!(relation.kind, RelationKind::View | RelationKind::MaterializedView);
        if self.map.is_classified(origin) && !view {
            let path = self.catalog.column_path(origin).unwrap_or_default();
            return Err(format!("column {} comes from {path}, which was not predicted", column.name));
        }
        Ok(())
    }

    /// The classes that reach an output; `None` if there are none, or none that matter.
    fn taint(&self, output: &Output, origin: Option<ColumnKey>) -> Option<Taint<'a>> {
        let flowing = || output.sources.iter().filter(|source| source.flow != Flow::Counted);
        let mut sets: Vec<Vec<&'a Class>> = Vec::new();
        let mut plain = true;
        for source in flowing() {
            let classes =
                self.classes(source.column).filter(|class| !(source.flow == Flow::Aggregated && class.aggregates));
            let classes: Vec<_> = classes.collect();
            // A view's column is no other value than the one it shows, whose source stands beside it.
            if classes.is_empty() && self.is_view(source.column) {
                continue;
            }
            sets.push(classes);
            plain &= source.flow == Flow::Plain && source.column.number != 0;
        }
        let mut named: Vec<&'a Class> = sets.iter().flatten().copied().collect();
        if let Some(origin) = origin {
            plain &= origin.number != 0 || !self.map.is_classified(origin);
            named.extend(self.classes(origin));
        }
        plain &= sets.windows(2).all(|pair| matches!(pair, [one, other] if names(one) == names(other)));
        let strictest = named.iter().copied().max_by(|a, b| (&a.mask, &a.name).cmp(&(&b.mask, &b.name)))?;
        Some(Taint { strictest, plain })
    }

    fn is_view(&self, column: ColumnKey) -> bool {
        self.catalog.relation(column.relation).is_some_and(|relation| relation.kind == RelationKind::View)
    }

    fn classes(&self, column: ColumnKey) -> impl Iterator<Item = &'a Class> {
        let revealed = |class: &&'a Class| self.reveal.is_some_and(|reveal| reveal.contains(&class.name));
        self.map.of(column).map(|class| &**class).filter(move |class| !revealed(class))
    }

    /// Are the values of the type that the plain sources have? A source the catalog cannot describe is no answer.
    fn keeps_type(&self, output: &Output, target: Target) -> bool {
        output.sources.iter().filter(|source| source.flow != Flow::Counted).all(|source| {
            let relation = self.catalog.relation(source.column.relation);
            let column = relation.and_then(|relation| relation.column(source.column.number));
            column.is_some_and(|column| Kind::of(column.type_oid, self.catalog).matches(target.kind))
        })
    }
}

/// Did lineage see this column (or its whole relation) flow into the output? Being counted is no flow of values.
fn covers(source: &Source, origin: ColumnKey) -> bool {
    let whole = source.column.number == 0 || origin.number == 0;
    let same = source.column == origin || (whole && source.column.relation == origin.relation);
    same && source.flow != Flow::Counted
}

fn names<'a>(classes: &[&'a Class]) -> BTreeSet<&'a str> {
    classes.iter().map(|class| &*class.name).collect()
}

#[cfg(test)]
pub(in crate::masking) mod tests;
