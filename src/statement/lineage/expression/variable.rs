//! User variables, values computed from fixed ones, and columns that every table has.

use crate::statement::footprint::Flow;
use crate::statement::lineage::Analyser;
use crate::statement::lineage::value::Value;
use crate::statement::tree::{Constant, Name};
use crate::statement::variable::Variable;

impl Analyser<'_> {
    /// `@v`: what was kept in it, by this statement or before. One never set is NULL.
    pub(super) fn variable(&mut self, name: &Name) -> Value {
        let stranger = self.kept.others_unknown && !self.kept.values.contains_key(name);
        let mut value = Value { unknown: stranger, ..Value::default() };
        for kept in [self.kept.values.get(name), self.kept.set.get(name)].into_iter().flatten() {
            value.unknown |= kept.unknown;
            for source in &kept.sources {
                value.add(source.column, if source.flow == Flow::Counted { Flow::Counted } else { Flow::Derived });
            }
        }
        // Set while the statement runs, it is another one for each row.
        value.fixed = !self.kept.set.contains_key(name) && value.sources.is_empty() && !value.unknown;
        value.type_oid = self.dialect.constant(Constant::Number);
        value
    }

    /// `@v := e`.
    pub(super) fn assign_variable(&mut self, name: &Name, value: Value) -> Value {
        let value = Value::derived([&value]);
        let mut all = value.clone();
        if let Some(kept) = self.kept.set.get(name) {
            all.unknown |= kept.unknown;
            kept.sources.iter().for_each(|source| all.add(source.column, source.flow));
        }
        let kept = Variable { sources: all.source_list(), unknown: all.unknown };
        self.kept.set.insert(name.clone(), kept);
        value
    }

    /// Of parts that are the same for every row, it is so itself. Then it is a number, as far as anybody knows.
    pub(super) fn computed(&self, parts: &[Value]) -> Value {
        let fixed = parts.iter().all(|part| part.fixed);
        let type_oid = if fixed { self.dialect.constant(Constant::Number) } else { 0 };
        Value { fixed, type_oid, ..Value::derived(parts) }
    }

    /// PostgreSQL's tables have columns of the system's.
    pub(super) fn is_system_column(&self, name: &str) -> bool {
        let own = matches!(name, "ctid" | "tableoid" | "xmin" | "xmax" | "cmin" | "cmax");
        own && self.dialect.has_row_values()
    }
}
