//! `/v1/slack`: what Slack sends in HTTP mode, and tying a Slack account to the person who is signed in.
//!
//! Slack's requests carry its signature instead of a token; everything else about them is decided in `notify/slack`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::api::auth::Caller;
use crate::api::problem::{Kind, Problem, ProblemBody};
use crate::api::state::ApiState;
use crate::audit::event::Event;
use crate::clock::Timestamp;
use crate::identity::token::Scope;
use crate::notify::slack::{LinkError, LinkShown, Slack};

/// A Slack account that a one-time code would tie, or has tied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SlackLink {
    /// The workspace's id.
    pub team: String,
    /// The account's id.
    pub user: String,
    /// What the account calls itself in Slack. Confirm only if this is you.
    pub name: String,
    /// Until when the code works.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
}

impl From<LinkShown> for SlackLink {
    fn from(link: LinkShown) -> Self {
        Self { team: link.team, user: link.user, name: link.name, expires_at: link.expires_at }
    }
}

/// Buttons and forms, sent by Slack. Unsigned, old and repeated requests get 401 and no explanation.
pub async fn interactive(State(state): State<ApiState>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (timestamp, signature) = (header("x-slack-request-timestamp"), header("x-slack-signature"));
    let Ok(slack) = slack(&state) else { return StatusCode::UNAUTHORIZED.into_response() };
    match slack.request(timestamp, signature, &body).await {
        Ok(Some(answer)) => Json(answer).into_response(),
        Ok(None) => StatusCode::OK.into_response(),
        Err(_) => StatusCode::UNAUTHORIZED.into_response(),
    }
}

/// Shows whose Slack account a one-time code would tie to the caller.
#[utoipa::path(get, path = "/v1/slack/links/{code}", tag = "channels", security(("token" = ["approvals:decide"])),
    params(("code" = String, Path, description = "The code of the link that Slack showed")),
    responses((status = 200, body = SlackLink), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<Json<SlackLink>, Problem> {
    shown(&state, &caller, &code).map(Json)
}

/// The account that a one-time code would tie to the caller.
///
/// # Errors
/// The scope is missing, Slack is not configured, no such code, or the store fails.
pub fn shown(state: &ApiState, caller: &Caller, code: &str) -> Result<SlackLink, Problem> {
    caller.require(Scope::ApprovalsDecide)?;
    slack(state)?.link_shown(code).map(SlackLink::from).map_err(refused)
}

/// Ties that Slack account to the caller. The code works once.
#[utoipa::path(post, path = "/v1/slack/links/{code}", tag = "channels", security(("token" = ["approvals:decide"])),
    params(("code" = String, Path, description = "The code of the link that Slack showed")),
    responses((status = 200, body = SlackLink), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn confirm(
    State(state): State<ApiState>,
    caller: Caller,
    Path(code): Path<String>,
) -> Result<Json<SlackLink>, Problem> {
    tie(&state, &caller, &code).await.map(Json)
}

/// Ties the account to the caller and uses the code up. Recorded before it is done.
///
/// # Errors
/// As [`shown`], or the audit log fails.
pub async fn tie(state: &ApiState, caller: &Caller, code: &str) -> Result<SlackLink, Problem> {
    let SlackLink { team, user, .. } = shown(state, caller, code)?;
    let what = format!("Slack account {user} of workspace {team} tied to {}", caller.name());
    state.record(Event::IdentityChanged { by: caller.name().clone(), what }).await?;
    slack(state)?.link(code, &caller.person).await.map(SlackLink::from).map_err(refused)
}

fn slack(state: &ApiState) -> Result<&Slack, Problem> {
    let found = state.notifier.as_ref().and_then(|notifier| notifier.slack());
    found.ok_or_else(|| Problem::not_found("Slack channel in the configuration"))
}

fn refused(error: LinkError) -> Problem {
    match error {
        LinkError::NoLink => Problem::new(Kind::NotFound, error.to_string()),
        LinkError::Store(error) => Problem::unavailable("the store", error),
    }
}
