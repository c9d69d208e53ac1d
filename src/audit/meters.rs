//! The names of all metrics, and what each one counts. Whoever measures uses these names with the `metrics` macros;
//! nobody puts SQL, a user or an approval's id into a label.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// Gauge, always 1: `version`.
pub const BUILD_INFO: &str = "holdpoint_build_info";
/// Gauge: client connections by `protocol`, `state` (`login`, `idle`, `busy`, `held`).
pub const CLIENT_CONNECTIONS: &str = "holdpoint_client_connections";
/// Gauge: upstream connections by `server`, `state`.
pub const SERVER_CONNECTIONS: &str = "holdpoint_server_connections";
/// Counter: statements by `protocol`, `kind` (verb), `verdict` (`allow`, `hold`, `deny`).
pub const STATEMENTS: &str = "holdpoint_statements_total";
/// Histogram, seconds: what the proxy itself adds to one statement.
pub const STATEMENT_OVERHEAD: &str = "holdpoint_statement_overhead_seconds";
/// Counter: statements that could not be read, by `protocol`.
pub const PARSE_FAILURES: &str = "holdpoint_parse_failures_total";
/// Gauge: statements held now, by `server`.
pub const HOLDS: &str = "holdpoint_holds";
/// Gauge, seconds: how long the oldest hold has been waiting.
pub const HOLD_OLDEST: &str = "holdpoint_hold_oldest_seconds";
/// Histogram, seconds: how long clients were held, by `outcome`.
pub const HOLD_DURATION: &str = "holdpoint_hold_duration_seconds";
/// Counter: approvals that ended, by `outcome`, `via`.
pub const APPROVALS: &str = "holdpoint_approvals_total";
/// Histogram, seconds: from request to decision, by `stage`.
pub const DECISION_LATENCY: &str = "holdpoint_decision_latency_seconds";
/// Counter: masked values by `class`.
pub const MASKED_VALUES: &str = "holdpoint_masked_values_total";
/// Counter: rules that matched, by `rule`, `mode`.
pub const RULE_HITS: &str = "holdpoint_rule_hits_total";
/// Histogram, seconds: one append to the audit log.
pub const AUDIT_APPEND: &str = "holdpoint_audit_append_seconds";
/// Gauge: records a sink has not taken yet, by `sink`.
pub const AUDIT_SINK_LAG: &str = "holdpoint_audit_sink_lag_records";
/// Gauge: 1 if the last reload of configuration or rules went well, else 0.
pub const LAST_RELOAD_SUCCESS: &str = "holdpoint_config_last_reload_success";
/// Gauge, seconds since 1970: the last successful reload.
pub const LAST_RELOAD_TIMESTAMP: &str = "holdpoint_config_last_reload_timestamp_seconds";
/// Gauge: bytes the store takes on disk.
pub const STORE_BYTES: &str = "holdpoint_store_bytes";
/// Counter: API requests by `method`, `route` (the pattern, never the path), `status`.
pub const API_REQUESTS: &str = "holdpoint_api_requests_total";
/// Histogram, seconds: API requests by `route`, blocking reads and event streams left out.
pub const API_REQUEST_DURATION: &str = "holdpoint_api_request_duration_seconds";
/// Counter: attempts to deliver a message, by `channel`, `outcome` (`delivered`, `retry`, `dead`).
pub const DELIVERIES: &str = "holdpoint_deliveries_total";
/// Gauge: messages that a channel has not taken yet, by `channel`.
pub const DELIVERIES_WAITING: &str = "holdpoint_deliveries_waiting";

const OVERHEAD_BUCKETS: &[f64] = &[0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1];
const HUMAN_BUCKETS: &[f64] = &[1.0, 5.0, 15.0, 30.0, 60.0, 300.0, 900.0, 3600.0];
const IO_BUCKETS: &[f64] = &[0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0];

/// A recorder with our buckets. Install it with [`install`], or keep it for a test.
///
/// # Errors
/// Only if a bucket list were empty.
pub fn builder() -> Result<PrometheusBuilder, BuildError> {
    let named = |name: &str| Matcher::Full(name.to_owned());
    PrometheusBuilder::new()
        .upkeep_timeout(Duration::from_secs(5))
        .set_buckets_for_metric(named(STATEMENT_OVERHEAD), OVERHEAD_BUCKETS)?
        .set_buckets_for_metric(named(HOLD_DURATION), HUMAN_BUCKETS)?
        .set_buckets_for_metric(named(DECISION_LATENCY), HUMAN_BUCKETS)?
        .set_buckets_for_metric(named(AUDIT_APPEND), IO_BUCKETS)?
        .set_buckets_for_metric(named(API_REQUEST_DURATION), IO_BUCKETS)
}

/// Makes the process-wide recorder and describes every metric. Call it once, at start.
///
/// # Errors
/// A recorder is already installed.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = builder()?.install_recorder()?;
    describe();
    metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// Says what each metric is, for `# HELP`.
pub fn describe() {
    describe_gauge!(BUILD_INFO, "Always 1; the label tells the version.");
    describe_gauge!(CLIENT_CONNECTIONS, "Client connections by protocol and state.");
    describe_gauge!(SERVER_CONNECTIONS, "Upstream connections by server and state.");
    describe_counter!(STATEMENTS, "Statements by protocol, kind and verdict.");
    describe_histogram!(STATEMENT_OVERHEAD, Unit::Seconds, "Time the proxy itself adds to a statement.");
    describe_counter!(PARSE_FAILURES, "Statements that could not be read.");
    describe_gauge!(HOLDS, "Statements held now.");
    describe_gauge!(HOLD_OLDEST, Unit::Seconds, "Age of the oldest hold.");
    describe_histogram!(HOLD_DURATION, Unit::Seconds, "How long clients were held, by outcome.");
    describe_counter!(APPROVALS, "Approvals that ended, by outcome and surface.");
    describe_histogram!(DECISION_LATENCY, Unit::Seconds, "From request to decision.");
    describe_counter!(MASKED_VALUES, "Masked values by class.");
    describe_counter!(RULE_HITS, "Rules that matched, by rule and mode.");
    describe_histogram!(AUDIT_APPEND, Unit::Seconds, "One append to the audit log.");
    describe_gauge!(AUDIT_SINK_LAG, "Audit records a sink has not taken yet.");
    describe_gauge!(LAST_RELOAD_SUCCESS, "1 if the last reload went well.");
    describe_gauge!(LAST_RELOAD_TIMESTAMP, Unit::Seconds, "When the last successful reload was.");
    describe_gauge!(STORE_BYTES, Unit::Bytes, "Size of the store on disk.");
    describe_counter!(DELIVERIES, "Attempts to deliver a message, by channel and outcome.");
    describe_gauge!(DELIVERIES_WAITING, "Messages a channel has not taken yet.");
    describe_counter!(API_REQUESTS, "API requests by method, route and status.");
    describe_histogram!(API_REQUEST_DURATION, Unit::Seconds, "API requests, blocking reads and streams left out.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overhead_is_counted_in_our_buckets() {
        let recorder = builder().unwrap().build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::histogram!(STATEMENT_OVERHEAD).record(0.0002);
            metrics::counter!(STATEMENTS, "protocol" => "postgres", "kind" => "select", "verdict" => "allow")
                .increment(1);
        });
        let text = handle.render();
        assert!(text.contains("holdpoint_statement_overhead_seconds_bucket{le=\"0.00025\"} 1"), "{text}");
        assert!(text.contains("holdpoint_statements_total{"), "{text}");
    }
}
