//! Hand-built footprints against the baseline and small rule sets.

mod baseline;
mod bulk;
mod classes;
mod matching;

use std::sync::Arc;

use super::*;
use crate::catalog::ColumnKey;
use crate::statement::footprint::{
    Access, ColumnWrite, CopyFormat, Facet, Flow, Opaque, Output, Position, Probe, RelationUse, Source, Transfer, Verb,
};

/// One catalog, its classes, and the rules under test.
pub(crate) struct Bench {
    pub rules: RuleSet,
    pub catalog: Catalog,
    pub map: ClassMap,
}

impl Bench {
    pub fn baseline() -> Self {
        Self::new(RuleSet::baseline())
    }

    /// Rules over the baseline's tables.
    pub fn rules(text: &str) -> Self {
        Self::new(RuleSet::load_dir(&[("r.yaml".to_owned(), format!("version: 1\n{text}"))]).unwrap())
    }

    fn new(rules: RuleSet) -> Self {
        let catalog = RuleSet::baseline().catalog().unwrap().to_catalog().unwrap();
        let map = rules.class_map(&catalog);
        Self { rules, catalog, map }
    }

    pub fn column(&self, path: &str) -> ColumnKey {
        let (table, column) = path.split_once('.').unwrap();
        let relation = self.catalog.relation_named("public", table).unwrap();
        let number = if column == "*" { 0 } else { relation.column_named(column).unwrap().number };
        ColumnKey { relation: relation.key, number }
    }

    pub fn select(&self, columns: &[&str], returned: RowBound) -> Footprint {
        let mut footprint = blank(Verb::Select, Facet::Reads);
        footprint.outputs = Some(columns.iter().map(|path| self.output(path, Flow::Plain)).collect());
        footprint.relations = self.used(columns, Access::Read);
        footprint.returned = returned;
        footprint.explainable = true;
        footprint
    }

    pub fn output(&self, path: &str, flow: Flow) -> Output {
        let name = Arc::from(path.rsplit('.').next().unwrap());
        Output { name, sources: vec![Source { column: self.column(path), flow }], unknown: false }
    }

    fn used(&self, columns: &[&str], access: Access) -> Vec<RelationUse> {
        let mut tables: Vec<&str> = columns.iter().map(|path| path.split('.').next().unwrap()).collect();
        tables.dedup();
        let used = |table: &&str| RelationUse {
            key: Some(self.catalog.relation_named("public", table).unwrap().key),
            name: Arc::from(format!("public.{table}")),
            access,
        };
        tables.iter().map(used).collect()
    }

    pub fn update(&self, target: &str, sources: Vec<Source>, changed: RowBound) -> Footprint {
        let mut footprint = blank(Verb::Update, Facet::Writes);
        footprint.relations = self.used(&[target], Access::Write);
        footprint.writes = vec![ColumnWrite { target: self.column(target), sources, unknown: false }];
        footprint.changed = changed;
        footprint.explainable = true;
        footprint
    }

    pub fn probe(&self, path: &str, position: Position) -> Probe {
        Probe { column: self.column(path), position }
    }

    pub fn judge(&self, footprint: &Footprint, evidence: Evidence) -> Ruling {
        let agent = AgentName("bot".to_owned());
        let subject = Subject { agent: &agent, groups: &[], database: "shop", has_reason: false };
        self.rules.judge(&subject, footprint, &self.map, &self.catalog, evidence)
    }

    fn needs_estimate(&self, footprint: &Footprint) -> bool {
        let agent = AgentName("bot".to_owned());
        let subject = Subject { agent: &agent, groups: &[], database: "shop", has_reason: false };
        self.rules.needs_estimate(footprint, &self.map, &self.catalog, &subject)
    }
}

pub(crate) fn blank(verb: Verb, facet: Facet) -> Footprint {
    Footprint { facets: vec![facet], ..crate::statement::lineage::blank(verb) }
}

fn ids(ruling: &Ruling) -> Vec<&str> {
    ruling.hits.iter().map(|hit| hit.rule.0.as_str()).collect()
}

fn classes_of(bench: &Bench, path: &str) -> Vec<String> {
    bench.map.of(bench.column(path)).map(|class| class.name.to_string()).collect()
}
