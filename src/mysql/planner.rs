//! The planner's word: `EXPLAIN FORMAT=JSON` of MariaDB and MySQL -> rows expected.
//!
//! The plan says how many rows each table brings; grouping and `LIMIT` do not show, so the number is an upper estimate. What
//! is not recognised is no evidence, so that unbounded statements count as bulk.

use serde_json::{Map, Value};

use crate::policy::judge::Evidence;

/// Steps that wrap one other step and bring no rows of their own.
const WRAPPERS: [&str; 14] = [
    "block-nl-join",
    "buffer_result",
    "duplicates_removal",
    "expression_cache",
    "filesort",
    "grouping_operation",
    "insert_from",
    "ordering_operation",
    "query_block",
    "range-checked-for-each-record",
    "read_sorted_file",
    "temporary_table",
    "window_functions_computation",
    "windowing",
];

/// Notes in place of a table, and the rows that such a result has.
const NOTES: [(&str, f64); 9] = [
    ("Impossible HAVING", 0.0),
    ("Impossible HAVING noticed after reading const tables", 0.0),
    ("Impossible ON condition", 0.0),
    ("Impossible WHERE", 0.0),
    ("Impossible WHERE noticed after reading const tables", 0.0),
    ("No matching rows after partition pruning", 0.0),
    ("No tables used", 1.0),
    ("Select tables optimized away", 1.0),
    ("no matching row in const table", 0.0),
];

/// Deeper plans are not read.
const DEPTH_MAX: usize = 64;

/// Reads a plan. `changes`: it is the plan of a statement that changes rows, so that they are not returned.
pub fn evidence(plan: &str, changes: bool) -> Evidence {
    let rows = serde_json::from_str::<Value>(plan).ok().and_then(|plan| total(&plan));
    // Rounded up: half a row is a row. Beyond the largest number is that number.
    let rows = rows.filter(|rows| rows.is_finite() && *rows >= 0.0).map(|rows| rows.ceil() as u64);
    match changes {
        true => Evidence { estimated_rows: None, estimated_changed: rows, ..Evidence::default() },
        false => Evidence { estimated_rows: rows, estimated_changed: None, ..Evidence::default() },
    }
}

fn total(plan: &Value) -> Option<f64> {
    let plan = plan.as_object()?;
    // MySQL's second format: each step says what it brings.
    if let Some(root) = plan.get("query_plan").and_then(Value::as_object) {
        return estimated(root);
    }
    if plan.contains_key("operation") {
        return estimated(plan);
    }
    step(plan.get("query_block")?.as_object()?, 0)
}

/// A step of MySQL's second format; one that changes rows says nothing itself, but what feeds it does.
fn estimated(step: &Map<String, Value>) -> Option<f64> {
    if let Some(rows) = step.get("estimated_rows") {
        return number(rows);
    }
    match step.get("inputs")?.as_array()?.as_slice() {
        [only] => only.get("estimated_rows").and_then(number),
        _ => None,
    }
}

/// Rows of one step. Exactly one way to get at them must be there.
fn step(node: &Map<String, Value>, depth: usize) -> Option<f64> {
    if depth > DEPTH_MAX {
        return None;
    }
    if let Some(unions) = node.get("union_result") {
        let parts = unions.get("query_specifications")?.as_array()?;
        return parts.iter().map(|part| step(part.as_object()?, depth + 1)).sum();
    }
    if let Some(joined) = node.get("nested_loop") {
        return product(joined, depth);
    }
    let inner: Vec<&Value> = WRAPPERS.iter().filter_map(|name| node.get(*name)).collect();
    match (inner.as_slice(), node.get("table")) {
        // What is inserted into stands beside where its rows come from.
        ([from], Some(table)) if table.get("insert").is_some() => wrapped(from, depth),
        ([], Some(table)) => table_rows(table.as_object()?),
        ([only], None) => wrapped(only, depth),
        ([], None) => note(node),
        _ => None,
    }
}

fn wrapped(inner: &Value, depth: usize) -> Option<f64> {
    match inner {
        Value::Object(inner) => step(inner, depth + 1),
        list => product(list, depth),
    }
}

fn product(list: &Value, depth: usize) -> Option<f64> {
    let list = list.as_array().filter(|list| !list.is_empty())?;
    list.iter().map(|node| step(node.as_object()?, depth + 1)).product()
}

/// Rows that a table brings for each row before it.
fn table_rows(table: &Map<String, Value>) -> Option<f64> {
    let Some(rows) = table.get("rows").or_else(|| table.get("rows_examined_per_scan")).and_then(number) else {
        return note(table);
    };
    let filtered = match table.get("filtered") {
        Some(share) => number(share)?,
        None => 100.0,
    };
    Some(rows * filtered / 100.0)
}

fn note(node: &Map<String, Value>) -> Option<f64> {
    let message = node.get("message")?.as_str()?;
    NOTES.iter().find(|(known, _)| *known == message).map(|(_, rows)| *rows)
}

/// Numbers may come as text (`"100.00"`).
fn number(value: &Value) -> Option<f64> {
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok())?;
    (number.is_finite() && number >= 0.0).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(plan: &str) -> Option<u64> {
        evidence(plan, false).estimated_rows
    }

    #[test]
    fn mariadb_plans_are_read() {
        for (plan, wanted) in [
            (
                r#"{"query_block":{"select_id":1,"nested_loop":[{"table":{"table_name":"c","access_type":"ALL","rows":84000,"filtered":100}}]}}"#,
                84_000,
            ),
            (r#"{"query_block":{"select_id":1,"table":{"table_name":"c","rows":200,"filtered":10}}}"#, 20),
            (
                r#"{"query_block":{"nested_loop":[{"table":{"rows":100,"filtered":50}},{"block-nl-join":{"table":{"rows":30,"filtered":10},"buffer_type":"flat"}}]}}"#,
                150,
            ),
            (
                r#"{"query_block":{"filesort":{"sort_key":"a","temporary_table":{"nested_loop":[{"read_sorted_file":{"filesort":{"table":{"rows":7,"filtered":100}}}}]}}}}"#,
                7,
            ),
            (
                r#"{"query_block":{"union_result":{"query_specifications":[{"query_block":{"table":{"rows":3,"filtered":100}}},{"query_block":{"table":{"rows":4,"filtered":100}}}]}}}"#,
                7,
            ),
            (r#"{"query_block":{"select_id":1,"table":{"message":"Impossible WHERE"}}}"#, 0),
            (r#"{"query_block":{"select_id":1,"table":{"message":"No tables used"}}}"#, 1),
        ] {
            assert_eq!(rows(plan), Some(wanted), "{plan}");
        }
    }

    #[test]
    fn mysql_plans_are_read_in_both_formats() {
        for (plan, wanted) in [
            (
                r#"{"query_block":{"select_id":1,"cost_info":{"query_cost":"1.0"},"table":{"rows_examined_per_scan":50,"rows_produced_per_join":5,"filtered":"10.00"}}}"#,
                5,
            ),
            (
                r#"{"query_block":{"ordering_operation":{"using_filesort":true,"grouping_operation":{"nested_loop":[{"table":{"rows_examined_per_scan":10,"filtered":"100.00"}},{"table":{"rows_examined_per_scan":3,"filtered":"33.33"}}]}}}}"#,
                10,
            ),
            (r#"{"query_block":{"select_id":1,"message":"No tables used"}}"#, 1),
            (
                r#"{"query":"/* select#1 */","query_plan":{"operation":"Table scan on c","estimated_rows":84000.0},"json_schema_version":"2.0"}"#,
                84_000,
            ),
            (
                r#"{"operation":"Limit: 3 row(s)","estimated_rows":3.0,"inputs":[{"operation":"Table scan","estimated_rows":9.0}]}"#,
                3,
            ),
        ] {
            assert_eq!(rows(plan), Some(wanted), "{plan}");
        }
    }

    #[test]
    fn changes_are_told_from_rows_returned() {
        let update = r#"{"query_block":{"table":{"update":true,"rows_examined_per_scan":12,"filtered":"100.00"}}}"#;
        let read = evidence(update, true);
        assert_eq!((read.estimated_rows, read.estimated_changed), (None, Some(12)));
        let insert = r#"{"query_block":{"table":{"insert":true,"table_name":"t"},"insert_from":{"table":{"rows_examined_per_scan":9,"filtered":"100.00"}}}}"#;
        assert_eq!(evidence(insert, true).estimated_changed, Some(9));
        let second = r#"{"query_plan":{"operation":"Delete from t","inputs":[{"operation":"Table scan","estimated_rows":6.5}]}}"#;
        assert_eq!(evidence(second, true).estimated_changed, Some(7));
    }

    #[test]
    fn what_is_not_recognised_is_no_evidence() {
        for plan in [
            "",
            "EXPLAIN",
            "[]",
            "{}",
            r#"{"query_block":{}}"#,
            r#"{"query_block":{"table":{"message":"Deleting all rows"}}}"#,
            r#"{"query_block":{"table":{"table_name":"t"}}}"#,
            r#"{"query_block":{"table":{"rows":-1,"filtered":100}}}"#,
            r#"{"query_block":{"table":{"rows":5,"filtered":"much"}}}"#,
            r#"{"query_block":{"nested_loop":[]}}"#,
            r#"{"query_block":{"nested_loop":[{"table":{"rows":5}},{"novelty":{}}]}}"#,
            r#"{"query_block":{"filesort":{"table":{"rows":5}},"temporary_table":{"table":{"rows":5}}}}"#,
            r#"{"query_plan":{"operation":"Nested loop","inputs":[{"estimated_rows":1},{"estimated_rows":2}]}}"#,
        ] {
            assert_eq!(evidence(plan, false), Evidence::default(), "{plan}");
        }
    }

    #[test]
    fn a_million_rows_by_a_million_rows_do_not_overflow() {
        let table = r#"{"table":{"rows":1000000000000,"filtered":100}}"#;
        let plan = format!(r#"{{"query_block":{{"nested_loop":[{table},{table},{table}]}}}}"#);
        assert_eq!(rows(&plan), Some(u64::MAX));
    }
}
