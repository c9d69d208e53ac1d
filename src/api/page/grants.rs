//! `/grants`: what was granted, how far it goes in words, what is left of it, and the forms that give it or take it back.
//! The desk decides whether these count, as for `/v1/grants`.

pub mod card;
pub mod offer;
pub mod uses;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::approvals::decide::reason;
use crate::api::approvals::grants::{all, refused};
use crate::api::extract::Fields;
use crate::api::page::frame::{Frame, alert};
use crate::api::page::grants::card::{card, headline};
use crate::api::problem::Problem;
use crate::api::signin::visitor::Visitor;
use crate::api::state::ApiState;
use crate::audit::event::Event;
use crate::gate::approval::Verdict;
use crate::gate::desk::grants::grant::{Grant, Standing};
use crate::gate::desk::grants::{Grants, Voice};
use crate::identity::ids::{AgentName, GrantId};
use crate::identity::token::Scope;

/// Most grants on the page.
const LISTED_MAX: usize = 200;

/// All states, in the order of a life.
const STATES: [Standing; 6] =
    [Standing::Proposed, Standing::Active, Standing::Denied, Standing::UsedUp, Standing::Expired, Standing::Revoked];

/// The filters. Blank ones count as absent: a form sends every field.
#[derive(Debug, Default, Deserialize)]
pub struct Filters {
    state: Option<String>,
    agent: Option<String>,
    database: Option<String>,
}

fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().map(str::trim).filter(|value| !value.is_empty())
}

/// The list, newest first.
///
/// # Errors
/// A filter that does not exist, the scope is missing, or the store fails.
pub async fn show(
    State(state): State<ApiState>,
    visitor: Visitor,
    Query(filters): Query<Filters>,
) -> Result<Response, Problem> {
    visitor.caller.require(Scope::ApprovalsRead)?;
    let grants = all(&state)?;
    let wanted = match given(&filters.state) {
        None => None,
        Some(name) => {
            let found = STATES.into_iter().find(|state| state.as_str() == name);
            Some(found.ok_or_else(|| Problem::bad_request(format!("there is no state {name:?}")))?)
        }
    };
    let agent = given(&filters.agent).map(|name| AgentName(name.to_owned()));
    let mut found = grants.list(agent.as_ref()).map_err(|error| Problem::unavailable("the store", error))?;
    found.retain(|grant| {
        wanted.is_none_or(|wanted| grants.standing(grant) == wanted)
            && given(&filters.database).is_none_or(|name| grant.target.database == name)
    });
    let body = html! {
        h1 { "Grants" }
        p {
            "A grant lets an agent run one statement again without asking, so many times, so many rows each time. It is given on "
            "the page of a request, and everybody who may give it may take it back."
        }
        (form(&filters, &state))
        @if found.is_empty() { p { "There are none." } }
        ul.cards { @for grant in found.iter().take(LISTED_MAX) { li { (card(&state, grants, &visitor, grant)) } } }
        @if found.len() > LISTED_MAX { p { "Older ones are not shown; choose fewer by the filters." } }
    };
    Ok(Frame::new("Grants", "/grants", &visitor).page(StatusCode::OK, body))
}

fn form(filters: &Filters, state: &ApiState) -> Markup {
    let (chosen, place) = (given(&filters.state), given(&filters.database));
    html! {
        form.filters method="get" action="/grants" role="search" aria-label="Filters" {
            div {
                label for="state" { "State" }
                select id="state" name="state" {
                    option value="" { "any" }
                    @for state in STATES {
                        option value=(state.as_str()) selected[chosen == Some(state.as_str())] { (card::word(state)) }
                    }
                }
            }
            div {
                label for="agent" { "Agent" }
                input id="agent" name="agent" type="text" value=(given(&filters.agent).unwrap_or_default())
                    autocapitalize="none" spellcheck="false";
            }
            div {
                label for="database" { "Database" }
                select id="database" name="database" {
                    option value="" { "any" }
                    @for name in state.databases.iter() {
                        option value=(name) selected[place == Some(name.as_str())] { (name) }
                    }
                }
            }
            button type="submit" { "Show" }
        }
    }
}

/// What the visitor just did.
#[derive(Debug, Default, Deserialize)]
pub struct Done {
    done: Option<String>,
}

/// One grant, with its uses.
///
/// # Errors
/// No such grant, the scope is missing, or store or audit fail.
pub async fn one(
    State(state): State<ApiState>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(done): Query<Done>,
) -> Result<Response, Problem> {
    visitor.caller.require(Scope::ApprovalsRead)?;
    let said = match done.done.as_deref() {
        Some("approve") => Some("Your yes is recorded."),
        Some("deny") => Some("Your no is recorded; nothing is granted."),
        Some("revoke") => Some("The grant is taken back."),
        _ => None,
    };
    let notice = said.map(|text| html! { p.notice role="status" { (text) } });
    page(&state, &visitor, &find(&state, &id)?, StatusCode::OK, notice)
}

fn find(state: &ApiState, id: &str) -> Result<Grant, Problem> {
    let nothing = || Problem::not_found("grant by that id");
    let id = GrantId::parse(id).ok_or_else(nothing)?;
    let found = all(state)?.get(&id).map_err(|error| Problem::unavailable("the store", error))?;
    found.ok_or_else(nothing)
}

fn page(
    state: &ApiState,
    visitor: &Visitor,
    grant: &Grant,
    status: StatusCode,
    notice: Option<Markup>,
) -> Result<Response, Problem> {
    // What it was used for comes out of the audit log, and every look at it is recorded.
    let what = format!("page of {}", grant.id);
    let _counted = state.audit.record(Event::Accessed { by: visitor.caller.name().clone(), what });
    let body = html! {
        h1 { (headline(grant)) }
        @if let Some(notice) = notice { (notice) }
        (card(state, all(state)?, visitor, grant))
        (uses::uses(state, grant)?)
        p { a href="/grants" { "All grants" } }
    };
    Ok(Frame::new(grant.id.as_str(), "", visitor).page(status, body))
}

/// What the forms send.
#[derive(Debug, Deserialize)]
pub struct ActFields {
    token: String,
    verb: String,
    reason: Option<String>,
}

/// Gives it, refuses it or takes it back. What is refused comes back on the page.
///
/// # Errors
/// A foreign form, no such grant, the scope is missing, or store or audit fail.
pub async fn act(
    State(state): State<ApiState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    Fields(fields): Fields<ActFields>,
) -> Result<Response, Problem> {
    visitor.caller.require(Scope::ApprovalsDecide)?;
    visitor.check_form(&state, &headers, &fields.token)?;
    let grant = find(&state, &id)?;
    let voice = voice(&visitor, fields.reason)?;
    match carry_out(all(&state)?, &grant.id, &fields.verb, &voice).await {
        Ok(()) => Ok(Redirect::to(&format!("/grants/{}?done={}", grant.id, fields.verb)).into_response()),
        Err(problem) => {
            let (_, _, status) = problem.kind.parts();
            let notice = alert(&format!("Not done: {}.", problem.detail.trim_end_matches('.')));
            page(&state, &visitor, &find(&state, grant.id.as_str())?, status, Some(notice))
        }
    }
}

async fn carry_out(grants: &Grants, id: &GrantId, verb: &str, voice: &Voice) -> Result<(), Problem> {
    let done = match verb {
        "approve" => grants.review(id, Verdict::Approve, voice).await,
        "deny" => grants.review(id, Verdict::Deny, voice).await,
        "revoke" => grants.revoke(id, voice).await,
        _ => return Err(Problem::bad_request("this button does not exist")),
    };
    done.map(drop).map_err(refused)
}

/// The visitor's voice.
///
/// # Errors
/// The reason is too long.
fn voice(visitor: &Visitor, given: Option<String>) -> Result<Voice, Problem> {
    let (person, assurance) = (visitor.caller.person.clone(), visitor.caller.assurance.clone());
    Ok(Voice { person, reason: reason(given)?, via: "page".to_owned(), assurance })
}
