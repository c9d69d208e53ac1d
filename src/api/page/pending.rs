//! `/`: what waits, for the visitor first; and `/live`, the stream that keeps the open pages up to date.

use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::approvals::events;
use crate::api::approvals::resource::Resource;
use crate::api::page::frame::{Frame, countdown, html_answer};
use crate::api::page::request::headline;
use crate::api::page::visible::line;
use crate::api::problem::Problem;
use crate::api::signin::visitor::Visitor;
use crate::api::state::ApiState;
use crate::clock::Timestamp;
use crate::gate::approval::State as ApprovalState;
use crate::gate::decision::DecisionError;
use crate::gate::desk::store::ApprovalFilter;
use crate::identity::token::Scope;

/// Most requests on the page.
const LISTED_MAX: usize = 200;
/// A stream ends after this; the browser opens the next one, and the session is looked at again.
const STREAM_SPAN: Duration = Duration::from_secs(300);

/// Which part of a page is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct Part {
    /// `live`: only what changes, for the script.
    pub part: Option<String>,
}

impl Part {
    /// The script asks.
    pub fn is_live(&self) -> bool {
        self.part.as_deref() == Some("live")
    }
}

/// The list.
///
/// # Errors
/// The scope is missing, or the store fails.
pub async fn show(
    State(state): State<ApiState>,
    visitor: Visitor,
    Query(part): Query<Part>,
) -> Result<Response, Problem> {
    visitor.caller.require(Scope::ApprovalsRead)?;
    let filter = ApprovalFilter { states: vec![ApprovalState::Pending], ..ApprovalFilter::default() };
    let found = state.desk.list(&filter, None, LISTED_MAX);
    let found = found.map_err(|error| Problem::unavailable("the store", error))?;
    let now = state.clock.now();
    let mine = |resource: &Resource| {
        let said = resource.approval.reviews.iter().any(|review| review.person.0 == visitor.name());
        let may = state.desk.may_decide(&resource.approval, &visitor.caller.person, &visitor.caller.assurance);
        // Who only has to prove it better is asked all the same.
        !said && matches!(may, Ok(()) | Err(DecisionError::AssuranceTooLow { .. }))
    };
    let all = found.approvals.into_iter().map(|approval| Resource::new(approval, &state.public_url));
    let (mine, others): (Vec<Resource>, Vec<Resource>) =
        all.filter(|resource| now < resource.approval.expires_at).partition(mine);
    let list = list(&mine, &others, now, found.next.is_some());
    if part.is_live() {
        return Ok(html_answer(StatusCode::OK, list));
    }
    let title = title(mine.len());
    let body = html! { h1 { "Waiting" } (list) };
    Ok(Frame::new(&title, "/", &visitor).page(StatusCode::OK, body))
}

fn title(count: usize) -> String {
    if count == 0 { "Waiting".to_owned() } else { format!("({count}) Waiting") }
}

fn list(mine: &[Resource], others: &[Resource], now: Timestamp, more: bool) -> Markup {
    let say = match mine.len() {
        0 => "Nothing waits for you.".to_owned(),
        1 => "1 request waits for you.".to_owned(),
        count => format!("{count} requests wait for you."),
    };
    html! {
        div id="live" data-live data-title=(format!("{} · Holdpoint", title(mine.len()))) data-say=(say) {
            p { (say) " " a href="/" { "Look again" } }
            @if !mine.is_empty() { (cards("For you", mine, now)) }
            @if !others.is_empty() { (cards("For others", others, now)) }
            @if more { p { "There are more; " a href="/history?state=pending" { "all that waits" } "." } }
        }
    }
}

fn cards(title: &str, resources: &[Resource], now: Timestamp) -> Markup {
    html! {
        section {
            h2 { (title) }
            ul.cards { @for resource in resources { li { (card(resource, now)) } } }
        }
    }
}

/// One request on a list: a link that says what it is about, and the facts that decide whether to look now.
fn card(resource: &Resource, now: Timestamp) -> Markup {
    let approval = &resource.approval;
    let request = &approval.request;
    html! {
        a.what href={ "/a/" (approval.id) } { (headline(request)) }
        p.facts {
            span { "Agent " b { (line(&request.requester.agent.0)) } }
            span { "on " b { (line(&request.target.database)) } }
            @for stage in &resource.progress {
                span { (line(&stage.groups.join(" or "))) " " (stage.have) " of " (stage.needed) }
            }
            (countdown(approval.expires_at, now))
            @if approval.waiting { span.badge.open { "client waits" } }
        }
        @if let Some(reason) = &request.requester.claims.reason { p.quiet { "Says: " (line(reason)) } }
    }
}

/// Changes as server-sent events, for the script.
///
/// # Errors
/// As [`events::events`].
pub async fn live(State(state): State<ApiState>, visitor: Visitor, headers: HeaderMap) -> Result<Response, Problem> {
    visitor.caller.require(Scope::ApprovalsRead)?;
    events::stream(&state, &headers, Some(STREAM_SPAN))
}
