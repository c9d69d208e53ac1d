//! The planner's word: `EXPLAIN (FORMAT JSON)` -> rows expected.

use serde_json::Value;

use crate::policy::judge::Evidence;

/// Plan nodes that change rows (manual, "EXPLAIN").
const CHANGES: &str = "ModifyTable";

/// Reads the top plan node. A plan that cannot be read is no evidence, so that unbounded statements count as bulk.
pub fn evidence(plan: &str) -> Evidence {
    let Ok(value) = serde_json::from_str::<Value>(plan) else { return Evidence::default() };
    let Some(top) = value.get(0).and_then(|entry| entry.get("Plan")) else { return Evidence::default() };
    let returned = rows(top);
    if top.get("Node Type").and_then(Value::as_str) == Some(CHANGES) {
        // ModifyTable itself says 0 rows without RETURNING: what it changes is what its child brings.
        let changed = top.get("Plans").and_then(Value::as_array).map(|plans| plans.iter().filter_map(rows).sum());
        return Evidence { estimated_rows: returned, estimated_changed: changed, ..Evidence::default() };
    }
    Evidence { estimated_rows: returned, estimated_changed: None, ..Evidence::default() }
}

fn rows(node: &Value) -> Option<u64> {
    let rows = node.get("Plan Rows")?;
    rows.as_u64().or_else(|| rows.as_f64().map(|rows| rows.max(0.0) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn select_says_rows_returned() {
        let word = evidence(r#"[{"Plan": {"Node Type": "Seq Scan", "Plan Rows": 84000}}]"#);
        assert_eq!((word.estimated_rows, word.estimated_changed), (Some(84_000), None));
    }

    #[test]
    fn update_says_rows_changed() {
        let plan = r#"[{"Plan": {"Node Type": "ModifyTable", "Plan Rows": 0, "Plans": [{"Node Type": "Seq Scan", "Plan Rows": 7}]}}]"#;
        assert_eq!(evidence(plan).estimated_changed, Some(7));
    }

    #[test]
    fn garbage_is_no_evidence() {
        assert_eq!(evidence("QUERY PLAN"), Evidence::default());
    }
}
