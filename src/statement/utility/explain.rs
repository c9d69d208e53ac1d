//! EXPLAIN: the plan is one text column that may speak about every column the inner statement reads.

use pg_query::protobuf::ExplainStmt;

use super::{Build, Context, names, output};
use crate::catalog::ColumnKey;
use crate::statement::footprint::{Access, Facet, Flow, Footprint, Probe, RowBound, Source, Verb};

/// Plan lines: an estimate that stays below any bulk limit, for they are not rows of a table.
const PLAN_LINES: u64 = 500;

/// Options that change only what the plan shows.
const PLAN_OPTIONS: [&str; 10] =
    ["verbose", "costs", "settings", "generic_plan", "buffers", "wal", "timing", "summary", "memory", "format"];

impl Context<'_> {
    /// With ANALYZE the inner statement runs, so its facets, writes and session effects stand; without, only what it
    /// would read counts, for the planner looks at statistics and evaluates immutable functions.
    pub(super) fn explain(&mut self, explain: &ExplainStmt) -> Footprint {
        let inner = self.inner(explain.query.as_deref());
        let mut sources: Vec<Source> = Vec::new();
        let mut shown = |column: ColumnKey| {
            let source = Source { column, flow: Flow::Derived };
            if !sources.contains(&source) {
                sources.push(source);
            }
        };
        let outputs = inner.outputs.iter().flatten();
        outputs.clone().flat_map(|output| &output.sources).for_each(|source| shown(source.column));
        inner.writes.iter().flat_map(|write| &write.sources).for_each(|source| shown(source.column));
        inner.probes.iter().for_each(|probe: &Probe| shown(probe.column));
        let unknown = outputs.clone().any(|output| output.unknown) || inner.writes.iter().any(|write| write.unknown);
        let mut plan = output("QUERY PLAN", sources);
        plan.unknown = unknown;
        let print = Footprint {
            verb: Verb::Explain,
            outputs: Some(vec![plan]),
            returned: RowBound::AtMost(PLAN_LINES),
            explainable: false,
            ..inner
        };
        match analyze(explain) {
            Ok(true) => print,
            Ok(false) => not_run(print),
            Err(option) => print.opaque(&format!("EXPLAIN option {option}"), "this option is not known; leave it out"),
        }
    }
}

/// Nothing is written, sent or changed by planning.
fn not_run(print: Footprint) -> Footprint {
    let relations = print.relations.into_iter().map(|mut used| {
        if used.access == Access::Write {
            used.access = Access::Read;
        }
        used
    });
    Footprint {
        relations: relations.collect(),
        writes: Vec::new(),
        facets: print.facets.into_iter().filter(|facet| matches!(facet, Facet::Reads | Facet::Routine)).collect(),
        changed: RowBound::None,
        transfer: None,
        session: Vec::new(),
        ..print
    }
    .facet(Facet::Reads)
}

/// Does it run the statement? Errors: the name of an option that is not known.
fn analyze(explain: &ExplainStmt) -> Result<bool, String> {
    let mut runs = false;
    for option in names::options(&explain.options).ok_or_else(|| "list".to_owned())? {
        match option.defname.as_str() {
            "analyze" => runs = names::boolean(option).ok_or_else(|| "analyze".to_owned())?,
            // SERIALIZE converts every value to its output form, which runs only with ANALYZE.
            "serialize" => {}
            name if PLAN_OPTIONS.contains(&name) => {}
            name => return Err(name.to_owned()),
        }
    }
    Ok(runs)
}
