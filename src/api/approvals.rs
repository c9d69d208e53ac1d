//! `/v1/approvals`: list, show, wait. Deciding is in `approvals/decide`, live changes in `approvals/events`.

pub mod decide;
pub mod events;
pub mod grants;
pub mod idempotency;
pub mod resource;
pub mod shape;
pub mod slack;

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::api::approvals::resource::Resource;
use crate::api::auth::Caller;
use crate::api::extract::{Params, span};
use crate::api::problem::{Kind, Problem, ProblemBody};
use crate::api::state::ApiState;
use crate::gate::approval::{Approval, State as ApprovalState};
use crate::gate::decision::DecisionError;
use crate::gate::desk::FindError;
use crate::gate::desk::store::{ApprovalFilter, Cursor};
use crate::identity::ids::{AgentName, ApprovalId};
use crate::identity::token::Scope;

/// Longest blocking read.
const WAIT_MAX: Duration = Duration::from_secs(300);
/// Most approvals on one page.
const PAGE_SIZE_MAX: usize = 200;
const PAGE_SIZE: usize = 50;
/// Fewest characters of a short id, after `apr_`.
const PREFIX_MIN: usize = 2;

/// What `GET /v1/approvals` understands.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only those in these states, separated by commas, such as `pending` or `approved,executing`.
    #[param(example = "pending")]
    pub state: Option<String>,
    /// Only those of this agent.
    pub agent: Option<String>,
    /// Only those for this database.
    pub database: Option<String>,
    /// How many, 1 to 200; 50 if absent.
    pub page_size: Option<usize>,
    /// `next_page_token` of the page before.
    pub page_token: Option<String>,
}

/// One page of approvals, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApprovalPage {
    /// The approvals.
    #[schema(value_type = Vec<shape::ApprovalShape>)]
    pub approvals: Vec<Resource>,
    /// Asks for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Lists approvals, newest first.
#[utoipa::path(get, path = "/v1/approvals", tag = "approvals", params(ListParams), security(("token" = ["approvals:read"])),
    responses((status = 200, body = ApprovalPage), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Json<ApprovalPage>, Problem> {
    caller.require(Scope::ApprovalsRead)?;
    let size = params.page_size.unwrap_or(PAGE_SIZE);
    if size == 0 || size > PAGE_SIZE_MAX {
        return Err(Problem::bad_request(format!("page_size must be 1 to {PAGE_SIZE_MAX}")));
    }
    let states = params.state.as_deref().map(states).transpose()?.unwrap_or_default();
    let filter = ApprovalFilter { states, agent: params.agent.map(AgentName), database: params.database };
    let after = params.page_token.as_deref().map(|token| {
        Cursor::parse(token).ok_or_else(|| Problem::bad_request("page_token is not one that was given out"))
    });
    let found = state.desk.list(&filter, after.transpose()?.as_ref(), size);
    let page = found.map_err(|error| Problem::unavailable("the store", error))?;
    let approvals = page.approvals.into_iter().map(|approval| Resource::new(approval, &state.public_url)).collect();
    Ok(Json(ApprovalPage { approvals, next_page_token: page.next.map(|next| next.to_string()) }))
}

fn states(names: &str) -> Result<Vec<ApprovalState>, Problem> {
    let read = |name: &str| serde_json::from_value(serde_json::Value::from(name.trim()));
    let all: Result<_, serde_json::Error> = names.split(',').map(read).collect();
    all.map_err(|error| Problem::bad_request(format!("state: {error}")))
}

/// What `GET /v1/approvals/{id}` understands.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShowParams {
    /// Wait at most this long, such as `30s`, for a version after `after_version`. At most 5 min; may return unchanged.
    pub wait: Option<String>,
    /// The version already seen; the present one if absent.
    pub after_version: Option<u64>,
}

/// Shows one approval; with `wait` (or `Prefer: wait=30`) blocks until it changes.
#[utoipa::path(get, path = "/v1/approvals/{id}", tag = "approvals", security(("token" = ["approvals:read"])),
    params(("id" = String, Path, description = "The id, or a prefix of it that is unique"), ShowParams),
    responses((status = 200, body = shape::ApprovalShape, headers(("ETag" = String, description = "The version"))),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<String>,
    Params(params): Params<ShowParams>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Scope::ApprovalsRead)?;
    let mut approval = find(&state, &id)?;
    if let Some(wait) = wait_of(&params, &headers)? {
        let after = params.after_version.unwrap_or(approval.version);
        if approval.version <= after && !approval.state.is_terminal() {
            approval = wait_for(&state, approval, after, wait).await?;
        }
    }
    Ok(answer(approval, &state))
}

/// Waits; gives back what it has when the time is up or the process begins to drain. Cancel safe.
async fn wait_for(state: &ApiState, seen: Approval, after: u64, wait: Duration) -> Result<Approval, Problem> {
    let id = seen.id.clone();
    tokio::select! {
        changed = state.desk.wait_version(&id, after, wait) => {
            let found = changed.map_err(|error| Problem::unavailable("the store", error))?;
            found.ok_or_else(|| Problem::not_found(format!("approval {id}")))
        }
        () = state.draining.cancelled() => Ok(seen),
    }
}

fn wait_of(params: &ShowParams, headers: &HeaderMap) -> Result<Option<Duration>, Problem> {
    let preferred = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .find_map(|preference| preference.trim().strip_prefix("wait="))
        .map(str::to_owned);
    let Some(text) = params.wait.clone().or(preferred) else { return Ok(None) };
    let wait = span(&text).ok_or_else(|| Problem::bad_request("wait must look like `30s`, `500ms` or `5m`"))?;
    Ok(Some(wait.min(WAIT_MAX)))
}

/// The approval with this id or this unique prefix of an id.
///
/// # Errors
/// [`Kind::NotFound`], [`Kind::AmbiguousId`], [`Kind::Unavailable`].
pub fn find(state: &ApiState, text: &str) -> Result<Approval, Problem> {
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.strip_prefix("APR_").unwrap_or(&upper);
    if digits.len() < PREFIX_MIN {
        return Err(Problem::not_found("approval by that id; ids look like `apr_7K3QX2…`"));
    }
    let found = match ApprovalId::parse(digits) {
        Some(id) => state.desk.get(&id).map(|found| found.ok_or_else(|| FindError::NotFound(String::new()))),
        None => Ok(state.desk.find_prefix(digits)),
    };
    found.map_err(FindError::from).and_then(|found| found).map_err(|error| match error {
        FindError::NotFound(_) => Problem::not_found("approval by that id"),
        FindError::Ambiguous(_) => Problem::new(Kind::AmbiguousId, "several approvals begin so; give more of the id"),
        FindError::Store(error) => Problem::unavailable("the store", error),
    })
}

/// The approval as an answer, with its version as ETag.
pub fn answer(approval: Approval, state: &ApiState) -> Response {
    let etag = format!("\"{}\"", approval.version);
    let mut response = Json(Resource::new(approval, &state.public_url)).into_response();
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// Words for what the desk refused.
pub fn refused(id: &str, error: DecisionError) -> Problem {
    let (kind, detail) = match &error {
        DecisionError::Store(cause) => return Problem::unavailable("the store", cause),
        DecisionError::NotFound => return Problem::not_found(format!("approval {id}")),
        DecisionError::AlreadyDecided { state, by } => {
            let name = crate::api::problem::state_name(*state).unwrap_or_default();
            let by = by.as_ref().map(|person| format!(" by {person}")).unwrap_or_default();
            let detail = format!("{id} is {name} already{by}");
            return Problem::new(Kind::AlreadyDecided, detail).about(id, Some(*state));
        }
        DecisionError::NotAnApprover => {
            (Kind::NotAnApprover, "you are in none of the groups this approval asks".into())
        }
        DecisionError::AssuranceTooLow { .. } => (Kind::AssuranceTooLow, error.to_string()),
        DecisionError::SelfApproval => (
            Kind::SelfApproval,
            "the agent's owner, the person it acts for and who issued its credential never decide".into(),
        ),
        DecisionError::StaleVersion { current } => {
            (Kind::StaleVersion, format!("{id} is at version {current} by now; look at it again before deciding"))
        }
        DecisionError::DigestMismatch => (Kind::DigestMismatch, "this is not the digest of what is asked".into()),
        DecisionError::Expired => (Kind::Expired, format!("{id} expired; the agent has to ask again")),
        DecisionError::ReasonRequired => (Kind::ReasonRequired, "say why: `reason` is empty".into()),
    };
    Problem::new(kind, detail).about(id, None)
}
