//! What a statement does, in words for approvers and for `explain`. Never a literal.

use std::collections::BTreeMap;

use crate::catalog::{Catalog, ColumnKey};
use crate::policy::action::Action;
use crate::policy::class::ClassMap;
use crate::policy::judge::facts::{Rows, carries};
use crate::policy::rules::file::verb_name;
use crate::policy::ruling::Effect;
use crate::statement::footprint::{Access, Flow, Footprint, Output, Position, RowBound, Source, Verb};

/// One sentence: what is touched, which classes, how many rows. `estimate` is the planner's number of rows, returned or
/// else changed.
pub fn summary(footprint: &Footprint, catalog: &Catalog, map: &ClassMap, estimate: Option<u64>) -> String {
    let mut parts = Vec::new();
    for access in [Access::Read, Access::Write, Access::Define] {
        let mut names: Vec<&str> =
            footprint.relations.iter().filter(|used| used.access == access).map(|used| &*used.name).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            continue;
        }
        let verb = match access {
            Access::Read => "Reads",
            Access::Write => "Writes",
            Access::Define => "Changes the definition of",
        };
        parts.push(format!("{verb} {}", names.join(", ")));
    }
    let kind = footprint.object_kind.as_deref().unwrap_or_default();
    let mut text = match parts.is_empty() {
        true => format!("{} {kind}", verb_name(footprint.verb).replace('_', " ").to_uppercase()).trim_end().to_owned(),
        false => parts.join("; "),
    };
    let columns = classified_columns(footprint, catalog, map);
    if !columns.is_empty() {
        text.push_str(": ");
        text.push_str(&columns.join(", "));
    }
    if !footprint.opaque.is_empty() || footprint.verb == Verb::Unreadable {
        text.push_str("; not fully understood");
    }
    if let Some(rows) = expected(footprint, estimate) {
        text.push_str("; ");
        text.push_str(&rows);
    }
    text
}

fn expected(footprint: &Footprint, estimate: Option<u64>) -> Option<String> {
    if footprint.returned != RowBound::None {
        return Some(rows(Rows { bound: footprint.returned, estimate }));
    }
    (footprint.changed != RowBound::None)
        .then(|| format!("changes {}", rows(Rows { bound: footprint.changed, estimate })))
}

/// `at most 10 rows`, `about 84 000 rows`, `an unknown number of rows`.
pub fn rows(rows: Rows) -> String {
    match (rows.bound, rows.estimate) {
        (RowBound::None, _) => "no rows".to_owned(),
        (RowBound::AtMost(1), _) => "at most 1 row".to_owned(),
        (RowBound::AtMost(most), Some(about)) if about < most => format!("about {}", counted(about)),
        (RowBound::AtMost(most), _) => format!("at most {} rows", number(most)),
        (RowBound::Unbounded, Some(about)) => format!("about {}", counted(about)),
        (RowBound::Unbounded, None) => "an unknown number of rows".to_owned(),
    }
}

fn counted(count: u64) -> String {
    match count {
        1 => "1 row".to_owned(),
        count => format!("{} rows", number(count)),
    }
}

/// Thousands apart: `84 000`.
pub fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// Every classified column, its classes, and how it is used: `email (pii.email, plain)`.
fn classified_columns(footprint: &Footprint, catalog: &Catalog, map: &ClassMap) -> Vec<String> {
    let mut uses: BTreeMap<ColumnKey, Vec<String>> = BTreeMap::new();
    let sources = footprint.outputs.iter().flatten().flat_map(|output| &output.sources);
    for source in sources.chain(footprint.writes.iter().flat_map(|write| &write.sources)) {
        uses.entry(source.column).or_default().push(flow(source.flow).to_owned());
    }
    for probe in &footprint.probes {
        uses.entry(probe.column).or_default().push(format!("in {}", position(probe.position)));
    }
    for write in &footprint.writes {
        uses.entry(write.target).or_default().push("written".to_owned());
    }
    let words = |(key, mut how): (ColumnKey, Vec<String>)| {
        let classes: Vec<&str> = map.of(key).map(|class| &*class.name).collect();
        how.sort_unstable();
        how.dedup();
        (!classes.is_empty())
            .then(|| format!("{} ({}, {})", short(catalog, key), classes.join(" and "), how.join(" and ")))
    };
    uses.into_iter().filter_map(words).collect()
}

/// One line for each result column: where its values come from.
pub fn lineage_words(footprint: &Footprint, catalog: &Catalog, map: &ClassMap) -> Vec<String> {
    let line = |output: &Output| {
        let mut sources: Vec<String> = output.sources.iter().map(|source| source_words(source, catalog, map)).collect();
        if output.unknown {
            sources.push("something that could not be followed".to_owned());
        }
        match sources.is_empty() {
            true => format!("{}: no column", output.name),
            false => format!("{}: {}", output.name, sources.join(", ")),
        }
    };
    footprint.outputs.iter().flatten().map(line).collect()
}

fn source_words(source: &Source, catalog: &Catalog, map: &ClassMap) -> String {
    let classes: Vec<&str> =
        map.of(source.column).filter(|class| carries(source, class)).map(|class| &*class.name).collect();
    let column = column(catalog, source.column);
    match classes.is_empty() {
        true => format!("{column} ({})", flow(source.flow)),
        false => format!("{column} ({}, {})", flow(source.flow), classes.join(" and ")),
    }
}

/// Result columns that come back masked, with the strictest class: name and class.
pub fn masked_outputs(footprint: &Footprint, map: &ClassMap) -> Vec<(String, String)> {
    let mut masked = Vec::new();
    for output in footprint.outputs.iter().flatten() {
        let classes =
            output.sources.iter().flat_map(|source| map.of(source.column).filter(|class| carries(source, class)));
        match classes.max_by(|left, right| left.mask.cmp(&right.mask)) {
            Some(class) => masked.push((output.name.to_string(), class.name.to_string())),
            None if output.unknown => masked.push((output.name.to_string(), "unknown".to_owned())),
            None => {}
        }
    }
    masked
}

/// `schema.table.column`, `schema.table.*` for the whole row.
pub fn column(catalog: &Catalog, key: ColumnKey) -> String {
    let path = catalog.column_path(key);
    let without_database = path.as_deref().and_then(|path| path.strip_prefix(&format!("{}.", catalog.database)));
    without_database.map_or_else(|| format!("column {} of relation {}", key.number, key.relation.0), str::to_owned)
}

fn short(catalog: &Catalog, key: ColumnKey) -> String {
    let relation = catalog.relation(key.relation);
    match (relation, key.number) {
        (Some(relation), 0) => format!("{}.*", relation.name),
        (Some(relation), number) => {
            relation.column(number).map_or_else(|| number.to_string(), |column| column.name.to_string())
        }
        (None, _) => column(catalog, key),
    }
}

/// How a source flows.
pub fn flow(flow: Flow) -> &'static str {
    match flow {
        Flow::Counted => "counted",
        Flow::Plain => "plain",
        Flow::Aggregated => "aggregated",
        Flow::Derived => "derived",
    }
}

/// Where a column stands.
pub fn position(position: Position) -> &'static str {
    match position {
        Position::Equality => "an equality",
        Position::Predicate => "a condition",
        Position::Join => "a join",
        Position::Group => "a grouping",
        Position::Order => "an order",
        Position::Limit => "a limit",
        Position::Fallible => "an expression that can fail",
    }
}

/// An action as rules write it.
pub fn action(action: Action) -> &'static str {
    match action {
        Action::Read => "read",
        Action::BulkRead => "bulk_read",
        Action::Export => "export",
        Action::CopyClassified => "copy_classified",
        Action::Write => "write",
        Action::BulkWrite => "bulk_write",
        Action::Ddl => "ddl",
        Action::Privilege => "privilege",
        Action::Routine => "routine",
        Action::Import => "import",
        Action::Server => "server",
        Action::Probe => "probe",
        Action::Unmask => "unmask",
        Action::Session => "session",
        Action::Opaque => "opaque",
    }
}

/// An effect as rules write it.
pub fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Hold => "hold",
        Effect::Deny => "deny",
    }
}
