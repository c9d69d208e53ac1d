//! `/history`: every request, filtered by what stands in the address, so that a view can be sent to somebody.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::page::frame::{Frame, badge, time};
use crate::api::page::request::headline;
use crate::api::page::visible::line;
use crate::api::problem::Problem;
use crate::api::signin::visitor::{Visitor, escaped};
use crate::api::state::ApiState;
use crate::gate::approval::{Approval, State as ApprovalState};
use crate::gate::desk::store::{ApprovalFilter, Cursor};
use crate::identity::ids::AgentName;
use crate::identity::token::Scope;

const PAGE_SIZE: usize = 50;

/// All states, in the order of a life.
const STATES: [ApprovalState; 11] = [
    ApprovalState::Pending,
    ApprovalState::Approved,
    ApprovalState::Executing,
    ApprovalState::Executed,
    ApprovalState::Failed,
    ApprovalState::Unknown,
    ApprovalState::Denied,
    ApprovalState::Expired,
    ApprovalState::Withdrawn,
    ApprovalState::Revoked,
    ApprovalState::Lapsed,
];

/// The filters. Blank ones count as absent: a form sends every field.
#[derive(Debug, Default, Deserialize)]
pub struct Filters {
    state: Option<String>,
    agent: Option<String>,
    database: Option<String>,
    after: Option<String>,
}

impl Filters {
    fn given(value: &Option<String>) -> Option<&str> {
        value.as_deref().map(str::trim).filter(|value| !value.is_empty())
    }

    fn read(&self) -> Result<(ApprovalFilter, Option<Cursor>), Problem> {
        let state = |name: &str| {
            let found = STATES.into_iter().find(|state| state.as_str() == name);
            found.ok_or_else(|| Problem::bad_request(format!("there is no state {name:?}")))
        };
        let states = Self::given(&self.state).map(state).transpose()?.into_iter().collect();
        let filter = ApprovalFilter {
            states,
            agent: Self::given(&self.agent).map(|name| AgentName(name.to_owned())),
            database: Self::given(&self.database).map(str::to_owned),
        };
        let cursor = |text: &str| {
            Cursor::parse(text).ok_or_else(|| Problem::bad_request("this page does not exist; begin with the first"))
        };
        Ok((filter, Self::given(&self.after).map(cursor).transpose()?))
    }

    /// The same view, behind this place.
    fn behind(&self, next: &Cursor) -> String {
        let mut path = "/history?".to_owned();
        for (name, value) in [("state", &self.state), ("agent", &self.agent), ("database", &self.database)] {
            if let Some(value) = Self::given(value) {
                path.push_str(&format!("{name}={}&", escaped(value)));
            }
        }
        path + "after=" + &escaped(&next.to_string())
    }
}

/// The list.
///
/// # Errors
/// A filter that does not exist, the scope is missing, or the store fails.
pub async fn show(
    State(state): State<ApiState>,
    visitor: Visitor,
    Query(filters): Query<Filters>,
) -> Result<Response, Problem> {
    visitor.caller.require(Scope::ApprovalsRead)?;
    let (filter, after) = filters.read()?;
    let found = state.desk.list(&filter, after.as_ref(), PAGE_SIZE);
    let found = found.map_err(|error| Problem::unavailable("the store", error))?;
    let body = html! {
        h1 { "History" }
        (form(&filters, &state))
        @if found.approvals.is_empty() {
            p { "Nothing on this page." }
        } @else {
            ul.cards { @for approval in &found.approvals { li { (row(approval)) } } }
        }
        @if let Some(next) = &found.next { p { a href=(filters.behind(next)) rel="next" { "Older ones" } } }
    };
    Ok(Frame::new("History", "/history", &visitor).page(StatusCode::OK, body))
}

fn form(filters: &Filters, state: &ApiState) -> Markup {
    let (chosen, place) = (Filters::given(&filters.state), Filters::given(&filters.database));
    html! {
        form.filters method="get" action="/history" role="search" aria-label="Filters" {
            div {
                label for="state" { "State" }
                select id="state" name="state" {
                    option value="" { "any" }
                    @for state in STATES {
                        option value=(state.as_str()) selected[chosen == Some(state.as_str())] { (state.as_str()) }
                    }
                }
            }
            div {
                label for="agent" { "Agent" }
                input id="agent" name="agent" type="text" value=(Filters::given(&filters.agent).unwrap_or_default())
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

fn row(approval: &Approval) -> Markup {
    let request = &approval.request;
    html! {
        a.what href={ "/a/" (approval.id) } { (headline(request)) }
        p.facts {
            (badge(approval.state))
            span { "Agent " b { (line(&request.requester.agent.0)) } }
            span { "on " b { (line(&request.target.database)) } }
            (time(approval.created_at))
            @if let Some(review) = approval.reviews.last() { span { "last said by " (line(&review.person.0)) } }
        }
    }
}
