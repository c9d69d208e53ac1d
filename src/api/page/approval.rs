//! `/a/{id}`: one approval, and the forms that decide about it. The desk decides whether a decision counts, as for `/v1`.

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::approvals::decide::{Verb, carry_out, reason};
use crate::api::approvals::find;
use crate::api::approvals::resource::Resource;
use crate::api::extract::Fields;
use crate::api::page::decision::{Typed, panel};
use crate::api::page::frame::{Frame, alert, html_answer};
use crate::api::page::request::{facts, headline, is_long, statements};
use crate::api::page::story::{session_so_far, similar};
use crate::api::problem::{Kind, Problem};
use crate::api::signin::visitor::Visitor;
use crate::api::state::ApiState;
use crate::audit::event::Event;
use crate::gate::approval::{Approval, Verdict};
use crate::gate::decision::Decision;
use crate::identity::token::Scope;

/// What the page's address may carry.
#[derive(Debug, Default, Deserialize)]
pub struct Shown {
    /// `live`: only what changes.
    part: Option<String>,
    /// What the visitor just did.
    done: Option<String>,
}

/// What the forms send.
#[derive(Debug, Deserialize)]
pub struct DecisionFields {
    /// Ties the form to the session.
    pub token: String,
    /// The button.
    pub verb: String,
    /// The version that was shown.
    pub version: u64,
    /// The digest that was shown.
    pub digest: String,
    /// Note, reason or comment.
    pub reason: Option<String>,
    /// A long text was read to its end.
    pub read: Option<String>,
}

/// The page.
///
/// # Errors
/// No such approval, the scope is missing, or store or audit fail.
pub async fn show(
    State(state): State<ApiState>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(shown): Query<Shown>,
) -> Result<Response, Problem> {
    visitor.caller.require(Scope::ApprovalsRead)?;
    let approval = find(&state, &id)?;
    if shown.part.as_deref() == Some("live") {
        let resource = Resource::new(approval, &state.public_url);
        return Ok(html_answer(StatusCode::OK, panel(&state, &visitor, &resource, &Typed::default())));
    }
    // What the session did comes out of the audit log, and every look at it is recorded.
    let what = format!("page of {}", approval.id);
    let _counted = state.audit.record(Event::Accessed { by: visitor.caller.name().clone(), what });
    let notice = shown.done.as_deref().and_then(done).map(|text| html! { p.notice role="status" { (text) } });
    page(&state, &visitor, approval, Answer { status: StatusCode::OK, notice, typed: Typed::default() })
}

fn done(verb: &str) -> Option<&'static str> {
    match verb {
        "granted" => return Some("The grant is given."),
        "proposed" => return Some("The grant is proposed; others have to say yes to it, too."),
        _ => {}
    }
    match Verb::named(verb)? {
        Verb::Approve => Some("Your yes is recorded."),
        Verb::Deny => Some("Your no is recorded, and the agent is told."),
        Verb::Revoke => Some("The yes is taken back."),
        Verb::Withdraw => Some("The request is taken back."),
        Verb::Comment => Some("Your comment is recorded."),
    }
}

/// What the page says on top of the request.
pub struct Answer {
    /// Of the answer.
    pub status: StatusCode,
    /// What was done, or why not.
    pub notice: Option<Markup>,
    /// What goes back into the forms.
    pub typed: Typed,
}

/// The whole page.
///
/// # Errors
/// Store or audit fail.
pub fn page(state: &ApiState, visitor: &Visitor, approval: Approval, answer: Answer) -> Result<Response, Problem> {
    let (session, similar) = (session_so_far(state, &approval)?, similar(state, &approval)?);
    let resource = Resource::new(approval, &state.public_url);
    let (approval, request) = (&resource.approval, &resource.approval.request);
    let body = html! {
        h1 { (headline(request)) }
        @if let Some(notice) = &answer.notice { (notice) }
        p { code { (approval.id) } span.jump { " · " a href="#live" { "Go to the decision" } } }
        div.two {
            div.first {
                (facts(approval))
                (statements(request))
            }
            (panel(state, visitor, &resource, &answer.typed))
            div.rest {
                (session)
                (similar)
            }
        }
    };
    let title = format!("{} {}", approval.state.as_str(), approval.id);
    Ok(Frame::new(&title, "", visitor).page(answer.status, body))
}

/// Carries a decision out. What is refused comes back on the page, with what was typed and what is true now.
///
/// # Errors
/// A foreign form, no such approval, the scope is missing, or store or audit fail.
pub async fn decide(
    State(state): State<ApiState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    Fields(fields): Fields<DecisionFields>,
) -> Result<Response, Problem> {
    visitor.caller.require(Scope::ApprovalsDecide)?;
    visitor.check_form(&state, &headers, &fields.token)?;
    let approval = find(&state, &id)?;
    let id = approval.id.clone();
    let done = match checked(&visitor, &approval, &fields) {
        Ok((verb, decision)) => carry_out(&state, verb, approval, decision).await.map(|_| verb),
        Err(problem) => Err(problem),
    };
    match done {
        Ok(_) => Ok(Redirect::to(&format!("/a/{id}?done={}", fields.verb)).into_response()),
        Err(problem) => {
            let (_, _, status) = problem.kind.parts();
            let typed = Typed { reason: fields.reason.unwrap_or_default(), ..Typed::default() };
            let notice = Some(alert(&sentence(&problem)));
            page(&state, &visitor, find(&state, id.as_str())?, Answer { status, notice, typed })
        }
    }
}

/// What the page asks for beyond what the desk checks: a reason for a no, and a long text read to its end.
///
/// # Errors
/// What is missing, in words.
pub fn checked(visitor: &Visitor, approval: &Approval, fields: &DecisionFields) -> Result<(Verb, Decision), Problem> {
    let verb = Verb::named(&fields.verb).ok_or_else(|| Problem::bad_request("this button does not exist"))?;
    let reason = reason(fields.reason.clone())?;
    if verb == Verb::Deny && reason.is_none() {
        return Err(Problem::new(Kind::ReasonRequired, "nothing was decided: say why not, the agent reads it"));
    }
    if verb == Verb::Comment && reason.is_none() {
        return Err(Problem::new(Kind::ReasonRequired, "there is nothing in the comment"));
    }
    if verb == Verb::Approve && is_long(&approval.request) && fields.read.is_none() {
        let detail = "nothing was decided: the statement is long, so say that you have read it to its end";
        return Err(Problem::new(Kind::ReasonRequired, detail));
    }
    let decision = Decision {
        person: visitor.caller.person.clone(),
        verdict: Verdict::Approve,
        reason,
        via: "page".to_owned(),
        assurance: visitor.caller.assurance.clone(),
        digest: Some(fields.digest.clone()),
        if_version: Some(fields.version),
    };
    Ok((verb, decision))
}

/// A problem in one sentence, which says first whether a decision was lost.
pub fn sentence(problem: &Problem) -> String {
    let stale =
        matches!(problem.kind, Kind::StaleVersion | Kind::DigestMismatch | Kind::AlreadyDecided | Kind::Expired);
    let what = if stale { "Your decision does not count: " } else { "Not done: " };
    format!("{what}{}.", problem.detail.trim_end_matches('.'))
}
