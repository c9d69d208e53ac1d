//! `/slack/link/{code}`: the one-time link by which a person who is signed in ties a Slack account to themselves. Looking at it
//! ties nothing: chats open links by themselves, and anybody can send a link to anybody.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::html;

use crate::api::approvals::slack;
use crate::api::extract::Fields;
use crate::api::page::frame::Frame;
use crate::api::page::visible::line;
use crate::api::problem::Problem;
use crate::api::signin::form::TokenOnly;
use crate::api::signin::visitor::Visitor;
use crate::api::state::ApiState;

const TITLE: &str = "Tie a Slack account";

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
    let body = html! {
        h1 { "Is this your Slack account?" }
        p.facts { b { (line(&link.name)) } span { "account " (line(&link.user)) } span { "workspace " (line(&link.team)) } }
        p {
            "From then on, whoever uses this Slack account approves and denies as " b { (line(visitor.name())) }
            ". Confirm only if you clicked in Slack yourself just now. If somebody sent you this link, close this page and tell \
             your administrator."
        }
        form.narrow method="post" action={ "/slack/link/" (code) } {
            input type="hidden" name="token" value=(visitor.form_token);
            button.primary type="submit" { "This is my account" }
        }
    };
    Ok(Frame::new(TITLE, "", &visitor).page(StatusCode::OK, body))
}

/// Ties the account to the visitor. The link works once.
///
/// # Errors
/// A foreign form, or as [`show`]; or the audit log fails.
pub async fn tie(
    State(state): State<ApiState>,
    visitor: Visitor,
    headers: HeaderMap,
    Path(code): Path<String>,
    Fields(fields): Fields<TokenOnly>,
) -> Result<Response, Problem> {
    visitor.check_form(&state, &headers, &fields.token)?;
    let link = slack::tie(&state, &visitor.caller, &code).await?;
    let body = html! {
        h1 { "Your Slack account is tied" }
        p { b { (line(&link.name)) } " now decides as " b { (line(visitor.name())) } ". Go back to Slack and click again." }
    };
    Ok(Frame::new(TITLE, "", &visitor).page(StatusCode::OK, body))
}
