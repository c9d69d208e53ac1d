//! `/healthz`, `/readyz`, `/metrics`: for probes and scrapers, without a token. They say nothing about requests or people.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::{ApiState, Check};

/// What `/readyz` says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Readiness {
    /// Everything works and the process takes connections.
    pub ready: bool,
    /// The process is stopping.
    pub draining: bool,
    /// `ok`, or what is wrong, for each check.
    pub checks: BTreeMap<String, String>,
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = String, content_type = "text/plain")))]
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// The process can do its work: store and audit writable, rules loaded, upstreams reachable, not draining.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub async fn readyz(State(state): State<ApiState>) -> Response {
    let asked = state.checks.iter().map(|check| async {
        let answer = tokio::time::timeout(Check::TIMEOUT, (check.ask)()).await;
        let text = match answer {
            Ok(Ok(())) => "ok".to_owned(),
            Ok(Err(why)) => why,
            Err(_) => "no answer in time".to_owned(),
        };
        (check.name.clone(), text)
    });
    let checks: BTreeMap<String, String> = join_all(asked).await.into_iter().collect();
    let draining = state.draining.is_cancelled();
    let ready = !draining && checks.values().all(|answer| answer == "ok");
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, draining, checks })).into_response()
}

/// Metrics in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4"),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn metrics(State(state): State<ApiState>) -> Result<Response, Problem> {
    let handle = state.metrics.as_ref().ok_or_else(|| Problem::not_found("recorder of metrics here"))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render()).into_response())
}
