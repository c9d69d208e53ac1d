//! `/slack/link/{code}`: the one-time link by which a person who is signed in ties a Slack account to themselves. Looking at it
//! ties nothing: chats open links by themselves, and anybody can send a link to anybody. Whoever confirms proves anew who they are.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::approvals::slack;
use crate::api::extract::Fields;
use crate::api::page::frame::{Frame, alert};
use crate::api::page::visible::line;
use crate::api::problem::{Kind, Problem};
use crate::api::signin::step_up;
use crate::api::signin::visitor::{Peer, Visitor, address};
use crate::api::state::ApiState;
use crate::notify::slack::LinkShown;

const TITLE: &str = "Tie a Slack account";

/// What the form sends.
#[derive(Deserialize)]
pub struct TieFields {
    token: String,
    password: Option<String>,
}

/// Whose account it is, and the button.
///
/// # Errors
/// The scope is missing, Slack is not configured, the link does not work, or the store fails.
pub async fn show(
    State(state): State<ApiState>,
    visitor: Visitor,
    Path(code): Path<String>,
) -> Result<Response, Problem> {
    let link = slack::shown(&state, &visitor.caller, &code)?;
    Ok(question(&state, &visitor, &link, &code, StatusCode::OK, None))
}

fn question(
    state: &ApiState,
    visitor: &Visitor,
    link: &LinkShown,
    code: &str,
    status: StatusCode,
    notice: Option<Markup>,
) -> Response {
    let path = format!("/slack/link/{code}");
    let proof = step_up::field(&step_up::needed(state, visitor, &path), &path);
    let body = html! {
        h1 { "Is this your Slack account?" }
        @if let Some(notice) = notice { (notice) }
        p.facts { b { (line(&link.name)) } span { "account " (line(&link.user)) } span { "of the workspace " b { (workspace(link)) } } }
        p {
            "From then on, whoever uses this Slack account approves and denies as " b { (line(visitor.name())) }
            ". Confirm only if you clicked in Slack yourself just now. If somebody sent you this link, close this page and tell \
             your administrator."
        }
        @match proof {
            Ok(field) => form.narrow method="post" action=(path) {
                input type="hidden" name="token" value=(visitor.form_token);
                (field)
                button.primary type="submit" { "Tie the account " (line(&link.name)) " to me" }
            },
            Err(first) => (first),
        }
    };
    Frame::new(TITLE, "", visitor).page(status, body)
}

/// Name and id of the workspace.
fn workspace(link: &LinkShown) -> Markup {
    html! { @if let Some(name) = &link.workspace { (line(name)) " (" (line(&link.team)) ")" } @else { (line(&link.team)) } }
}

/// Ties the account to the visitor, who has proved anew who they are. The link works once.
///
/// # Errors
/// A foreign form, or as [`show`]; or the audit log fails.
pub async fn tie(
    State(state): State<ApiState>,
    visitor: Visitor,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Path(code): Path<String>,
    Fields(fields): Fields<TieFields>,
) -> Result<Response, Problem> {
    visitor.check_form(&state, &headers, &fields.token)?;
    let link = slack::shown(&state, &visitor.caller, &code)?;
    let path = format!("/slack/link/{code}");
    match step_up::require(&state, &visitor, &path, fields.password, &address(peer)).await {
        Ok(()) => {}
        Err(problem) if matches!(problem.kind, Kind::AssuranceTooLow | Kind::TooMany) => {
            let (_, _, status) = problem.kind.parts();
            let notice = Some(alert(&format!("Not done: {}.", problem.detail.trim_end_matches('.'))));
            return Ok(question(&state, &visitor, &link, &code, status, notice));
        }
        Err(problem) => return Err(problem),
    }
    let link = slack::tie(&state, &visitor.caller, &code).await?;
    let body = html! {
        h1 { "Your Slack account is tied" }
        p {
            b { (line(&link.name)) } " of the workspace " b { (workspace(&link)) } " now decides as " b { (line(visitor.name())) }
            ". Go back to Slack and click again."
        }
    };
    Ok(Frame::new(TITLE, "", &visitor).page(StatusCode::OK, body))
}
