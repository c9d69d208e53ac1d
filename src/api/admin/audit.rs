//! `/v1/audit`: records, checkpoints, inclusion proofs. Whoever looks is recorded first.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::auth::Caller;
use crate::api::extract::Params;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::ApiState;
use crate::audit::event::{Event, Record};
use crate::identity::token::Scope;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1000;

/// What the lists understand.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditParams {
    /// Only what comes after this sequence number; from the beginning if absent.
    pub after: Option<u64>,
    /// How many, 1 to 1000; 100 if absent.
    pub limit: Option<usize>,
}

/// Some records, in order.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Records {
    /// The records, as they are hashed: canonical JSON of each gives the next one's `prev`.
    #[schema(value_type = Vec<Value>)]
    pub records: Vec<Record>,
}

/// Some checkpoints, in order.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Checkpoints {
    /// Signed heads of the log.
    pub checkpoints: Vec<Value>,
}

/// Records of the audit log.
#[utoipa::path(get, path = "/v1/audit/events", tag = "audit", security(("token" = ["audit:read"])), params(AuditParams),
    responses((status = 200, body = Records), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn events(
    State(state): State<ApiState>,
    caller: Caller,
    Params(params): Params<AuditParams>,
) -> Result<Json<Records>, Problem> {
    let limit = admit(&state, &caller, "events", &params).await?;
    let records = state.audit.read(params.after, limit).map_err(log_down)?;
    Ok(Json(Records { records }))
}

/// Signed checkpoints of the audit log.
#[utoipa::path(get, path = "/v1/audit/checkpoints", tag = "audit", security(("token" = ["audit:read"])), params(AuditParams),
    responses((status = 200, body = Checkpoints), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn checkpoints(
    State(state): State<ApiState>,
    caller: Caller,
    Params(params): Params<AuditParams>,
) -> Result<Json<Checkpoints>, Problem> {
    let limit = admit(&state, &caller, "checkpoints", &params).await?;
    let checkpoints = state.audit.checkpoints(limit).map_err(log_down)?;
    Ok(Json(Checkpoints { checkpoints }))
}

/// Proof that a record is in the log: its hash path to the root of a signed checkpoint.
#[utoipa::path(get, path = "/v1/audit/events/{seq}/proof", tag = "audit", security(("token" = ["audit:read"])),
    params(("seq" = u64, Path, description = "Sequence number of the record")),
    responses((status = 200, body = Value), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn proof(
    State(state): State<ApiState>,
    caller: Caller,
    Path(seq): Path<String>,
) -> Result<Json<Value>, Problem> {
    admit(&state, &caller, &format!("proof of {seq}"), &AuditParams::default()).await?;
    let seq: u64 = seq.parse().map_err(|_| Problem::bad_request("seq must be a number"))?;
    let proof = state.audit.proof(seq).map_err(log_down)?;
    proof.map(Json).ok_or_else(|| Problem::not_found(format!("record {seq} under a checkpoint yet")))
}

/// Lets an auditor in, once the look is recorded; gives the limit to keep.
async fn admit(state: &ApiState, caller: &Caller, what: &str, params: &AuditParams) -> Result<usize, Problem> {
    caller.require(Scope::AuditRead)?;
    let limit = params.limit.unwrap_or(LIMIT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::bad_request(format!("limit must be 1 to {LIMIT_MAX}")));
    }
    let after = params.after.map(|after| format!(" after {after}")).unwrap_or_default();
    let what: String = what.chars().filter(|c| !c.is_control()).take(80).collect();
    state.record(Event::Accessed { by: caller.name().clone(), what: format!("audit {what}{after}") }).await?;
    Ok(limit)
}

fn log_down(error: impl std::fmt::Display) -> Problem {
    Problem::unavailable("the audit log", error)
}
