//! `/v1/rules` and `/v1/explain`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::api::auth::Caller;
use crate::api::extract::Body;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::{ApiState, Explain};
use crate::identity::token::Scope;

/// What a reload answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Reloaded {
    /// Content hash of the rules in force.
    pub version: String,
}

/// The rules in force: version, rules with their hit counters, classes.
#[utoipa::path(get, path = "/v1/rules", tag = "rules", security(("token" = ["approvals:read"])),
    responses((status = 200, body = Value), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn show(State(state): State<ApiState>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.require(Scope::ApprovalsRead)?;
    Ok(Json(state.rules.describe()))
}

/// Reads the rules again, all or nothing. If they are wrong, the old ones stay and the answer says where and why.
#[utoipa::path(post, path = "/v1/rules:reload", tag = "rules", security(("token" = ["rules:write"])),
    responses((status = 200, body = Reloaded), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn reload(State(state): State<ApiState>, caller: Caller) -> Result<Json<Reloaded>, Problem> {
    caller.require(Scope::RulesWrite)?;
    let version = state.rules.reload(caller.name().clone()).await.map_err(Problem::bad_request)?;
    Ok(Json(Reloaded { version }))
}

/// What would become of a statement, and why. Nothing is run.
#[utoipa::path(post, path = "/v1/explain", tag = "rules", security(("token" = ["approvals:read"])), request_body = Explain,
    responses((status = 200, body = Value), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn explain(
    State(state): State<ApiState>,
    caller: Caller,
    Body(question): Body<Explain>,
) -> Result<Json<Value>, Problem> {
    caller.require(Scope::ApprovalsRead)?;
    if !state.databases.contains(&question.database) {
        return Err(Problem::bad_request(format!("database: the configuration has no {:?}", question.database)));
    }
    state.rules.explain(question).await.map(Json).map_err(Problem::bad_request)
}
