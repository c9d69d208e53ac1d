//! `/v1/slack`: what Slack sends in HTTP mode; and tying a Slack account to a person, which the page does (`signin/account`): a token
//! alone never ties one, because the tie would outlive it.
//!
//! Slack's requests carry its signature instead of a token; everything else about them is decided in `notify/slack`.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::api::auth::Caller;
use crate::api::problem::{Kind, Problem};
use crate::api::state::ApiState;
use crate::audit::event::Event;
use crate::identity::token::Scope;
use crate::notify::slack::{LinkError, LinkShown, Slack};

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

/// The account that a one-time code would tie to the caller.
///
/// # Errors
/// The scope is missing, Slack is not configured, no such code, or the store fails.
pub fn shown(state: &ApiState, caller: &Caller, code: &str) -> Result<LinkShown, Problem> {
    caller.require(Scope::ApprovalsDecide)?;
    slack(state)?.link_shown(code).map_err(refused)
}

/// Ties the account to the caller and uses the code up. Recorded before it is done.
///
/// # Errors
/// As [`shown`], or the audit log fails.
pub async fn tie(state: &ApiState, caller: &Caller, code: &str) -> Result<LinkShown, Problem> {
    let LinkShown { team, user, .. } = shown(state, caller, code)?;
    let what = format!("Slack account {user} of workspace {team} tied to {}", caller.name());
    state.record(Event::IdentityChanged { by: caller.name().clone(), what }).await?;
    slack(state)?.link(code, &caller.person).await.map_err(refused)
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
