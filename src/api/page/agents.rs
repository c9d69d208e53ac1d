//! `/agents`: who connects, and the kill switch.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::admin::agents as admin;
use crate::api::extract::Fields;
use crate::api::page::frame::{Frame, time};
use crate::api::page::visible::line;
use crate::api::problem::Problem;
use crate::api::signin::visitor::Visitor;
use crate::api::state::ApiState;
use crate::identity::agent::Agent;
use crate::identity::token::Scope;

/// What the switch sends.
#[derive(Deserialize)]
pub struct SwitchFields {
    token: String,
    agent: String,
    verb: String,
}

/// The list.
///
/// # Errors
/// The scope is missing, or the store fails.
pub async fn show(State(state): State<ApiState>, visitor: Visitor) -> Result<Response, Problem> {
    visitor.caller.require(Scope::Admin)?;
    let mut agents = state.agents.agents().map_err(|error| Problem::unavailable("the store", error))?;
    agents.sort_by(|one, other| one.name.cmp(&other.name));
    let body = html! {
        h1 { "Agents" }
        p { "An agent that is switched off can neither log in nor have anything released; what waits is refused at once." }
        @if agents.is_empty() { p { "There are none." } }
        ul.cards { @for (number, agent) in agents.iter().enumerate() { li { (card(agent, number, &visitor)) } } }
    };
    Ok(Frame::new("Agents", "/agents", &visitor).page(StatusCode::OK, body))
}

fn card(agent: &Agent, number: usize, visitor: &Visitor) -> Markup {
    let (verb, word) = if agent.disabled { ("enable", "Switch on") } else { ("disable", "Switch off") };
    let databases = if agent.databases.is_empty() { "all databases".to_owned() } else { agent.databases.join(", ") };
    html! {
        h2 { (line(&agent.name.0)) }
        p.facts {
            @if agent.disabled { span.badge.bad { "switched off" } } @else { span.badge.good { "on" } }
            span { "owner " b { (line(&agent.owner.0)) } }
            span { "made by " (line(&agent.issued_by.0)) " " (time(agent.created_at)) }
            span { (line(&databases)) }
            @if !agent.groups.is_empty() { span { "groups " (line(&agent.groups.join(", "))) } }
        }
        details id=(format!("switch-{number}")) {
            summary { (word) "…" }
            form method="post" action="/agents" {
                input type="hidden" name="token" value=(visitor.form_token);
                input type="hidden" name="agent" value=(agent.name);
                button.no type="submit" name="verb" value=(verb) { (word) " " (line(&agent.name.0)) " now" }
            }
        }
    }
}

/// Switches an agent off or on.
///
/// # Errors
/// A foreign form, the scope is missing, no such agent, or store or audit fail.
pub async fn switch(
    State(state): State<ApiState>,
    visitor: Visitor,
    headers: HeaderMap,
    Fields(fields): Fields<SwitchFields>,
) -> Result<Response, Problem> {
    visitor.caller.require(Scope::Admin)?;
    visitor.check_form(&state, &headers, &fields.token)?;
    let off = match fields.verb.as_str() {
        "disable" => true,
        "enable" => false,
        _ => return Err(Problem::bad_request("this button does not exist")),
    };
    admin::switch(&state, &crate::identity::ids::AgentName(fields.agent), off, &visitor.caller).await?;
    Ok(Redirect::to("/agents").into_response())
}
