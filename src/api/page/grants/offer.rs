//! "The same again": the form on a request's page that gives a grant from it, with the yes to the request itself or alone.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::api::approvals::decide::{REASON_CHARS_MAX, Verb, carry_out};
use crate::api::approvals::find;
use crate::api::approvals::grants::{all, refused};
use crate::api::extract::{Fields, span};
use crate::api::page::approval::{Answer, DecisionFields, checked, page, sentence};
use crate::api::page::decision::{Typed, hidden};
use crate::api::page::frame::alert;
use crate::api::page::grants::{card, voice};
use crate::api::page::request::is_long;
use crate::api::page::visible::line;
use crate::api::problem::Problem;
use crate::api::signin::visitor::Visitor;
use crate::api::state::ApiState;
use crate::gate::approval::{Approval, State as ApprovalState};
use crate::gate::desk::grants::bound::Bound;
use crate::gate::desk::grants::grant::{Grant, Standing, Terms};
use crate::identity::token::Scope;

/// Terms as they are typed.
#[derive(Clone, Debug, Deserialize)]
pub struct TypedTerms {
    life: String,
    runs: String,
    rows: String,
    /// One line for each parameter, in order.
    #[serde(default)]
    bounds: String,
}

impl Default for TypedTerms {
    fn default() -> Self {
        Self { life: "30m".into(), runs: "5".into(), rows: "200".into(), bounds: String::new() }
    }
}

impl TypedTerms {
    /// Reads and checks them, for a statement with so many parameters.
    fn read(&self, parameters: usize) -> Result<Terms, Problem> {
        let wrong = |what: &str| Problem::bad_request(format!("nothing was granted: {what}"));
        let life = span(self.life.trim()).ok_or_else(|| wrong("write the time as `30m` or `12h`"))?;
        let runs = self.runs.trim().parse().map_err(|_| wrong("the runs have to be a number"))?;
        let rows = self.rows.trim().parse().map_err(|_| wrong("the rows have to be a number"))?;
        let lines =
            self.bounds.trim_end().lines().map(str::trim).map(|text| if text.is_empty() { "same" } else { text });
        let bounds: Option<Vec<Bound>> = lines.map(Bound::parse).collect();
        let bounds = bounds.ok_or_else(|| wrong("write `same`, `any`, `1..9` or `=eu|us` for each parameter"))?;
        if bounds.len() > parameters {
            return Err(wrong(&format!("there are more lines than parameters, of which there are {parameters}")));
        }
        let terms = Terms { life_seconds: life.as_secs(), runs, rows, bounds };
        terms.check().map_err(refused)?;
        Ok(terms)
    }
}

/// What was granted from this request so far, and the form for one more, where the visitor may.
pub fn offer(state: &ApiState, visitor: &Visitor, approval: &Approval, typed: &TypedTerms) -> Markup {
    let Some(grants) = state.grants.as_deref() else { return html! {} };
    // FAIL CLOSED: without the store there is no list here, and no form below; the request itself can still be refused.
    let found = grants.list(Some(&approval.request.requester.agent)).unwrap_or_default();
    let here: Vec<(&Grant, Standing)> = found
        .iter()
        .filter(|grant| grant.approval == approval.id)
        .map(|grant| (grant, grants.standing(grant)))
        .collect();
    let (person, assurance) = (&visitor.caller.person, &visitor.caller.assurance);
    let ended = matches!(approval.state, ApprovalState::Denied | ApprovalState::Revoked | ApprovalState::Withdrawn);
    let may = match visitor.caller.require(Scope::ApprovalsDecide) {
        Ok(()) if !ended => grants.may_propose(approval, person, assurance).ok(),
        _ => None,
    };
    html! {
        @if !here.is_empty() {
            h3 { "Grants from this request" }
            ul.plain {
                @for (grant, standing) in here {
                    li { a href={ "/grants/" (grant.id) } { (grant.id) } " " (card::word(standing)) ": " (line(&grant.terms.to_string())) }
                }
            }
        }
        @if let Some(parameters) = may { (form(state, visitor, approval, typed, parameters)) }
    }
}

fn form(state: &ApiState, visitor: &Visitor, approval: &Approval, typed: &TypedTerms, parameters: usize) -> Markup {
    let decides = state.desk.may_decide(approval, &visitor.caller.person, &visitor.caller.assurance).is_ok()
        && !approval.reviews.iter().any(|review| review.person == visitor.caller.person.name);
    let (verb, words) = if decides { ("approve", "Approve and grant") } else { ("grant", "Grant") };
    html! {
        details id="grant" {
            summary { @if decides { "Approve, and grant the same again…" } @else { "Grant the same again…" } }
            form.offer method="post" action={ "/a/" (approval.id) "/grant" } {
                (hidden(visitor, approval))
                p.quiet {
                    "Exactly this statement, in the same settings and under the same rules, runs without asking until this is used up."
                }
                div {
                    label for="grant-life" { "For" }
                    input id="grant-life" name="life" type="text" value=(typed.life) aria-describedby="grant-life-hint";
                    p.quiet id="grant-life-hint" { "such as 30m or 12h, at most 7d" }
                }
                div {
                    label for="grant-runs" { "Runs" }
                    input id="grant-runs" name="runs" type="text" inputmode="numeric" value=(typed.runs);
                }
                div {
                    label for="grant-rows" { "Rows in each run, at most" }
                    input id="grant-rows" name="rows" type="text" inputmode="numeric" value=(typed.rows);
                }
                @if parameters > 0 {
                    div {
                        label for="grant-bounds" { "Parameters, one line each" }
                        textarea id="grant-bounds" name="bounds" rows="3" spellcheck="false" aria-describedby="grant-bounds-hint" {
                            (typed.bounds)
                        }
                        p.quiet id="grant-bounds-hint" {
                            (parameters) " in all: " code { "same" } " (as approved; so are those left out), " code { "any" } ", "
                            code { "1..1000" } " or " code { "=eu|us" }
                        }
                    }
                }
                div {
                    label for="grant-reason" { "Why" }
                    input id="grant-reason" name="reason" type="text" maxlength=(REASON_CHARS_MAX);
                }
                @if decides && is_long(&approval.request) {
                    label.check for="grant-read" {
                        input id="grant-read" name="read" type="checkbox" value="yes";
                        " I have read the statement to its end"
                    }
                }
                div.buttons { button.yes type="submit" name="verb" value=(verb) { (words) } }
            }
        }
    }
}

/// What the form sends: a decision, and terms.
#[derive(Debug, Deserialize)]
pub struct OfferFields {
    #[serde(flatten)]
    decision: HiddenFields,
    #[serde(flatten)]
    terms: TypedTerms,
}

/// Everything as text: a flattened form knows nothing else.
#[derive(Debug, Deserialize)]
struct HiddenFields {
    token: String,
    verb: String,
    version: String,
    digest: String,
    reason: Option<String>,
    read: Option<String>,
}

/// Gives the grant, after the yes to the request if that was the button. What is refused comes back on the request's page.
///
/// # Errors
/// A foreign form, no such approval, the scope is missing, or store or audit fail.
pub async fn give(
    State(state): State<ApiState>,
    visitor: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
    Fields(fields): Fields<OfferFields>,
) -> Result<Response, Problem> {
    visitor.caller.require(Scope::ApprovalsDecide)?;
    let OfferFields { decision: sent, terms } = fields;
    visitor.check_form(&state, &headers, &sent.token)?;
    let approval = find(&state, &id)?;
    let id = approval.id.clone();
    let refusal = match carried_out(&state, &visitor, approval, sent, &terms).await {
        Ok(grant) => {
            let done = if grant.given_at.is_some() { "granted" } else { "proposed" };
            return Ok(Redirect::to(&format!("/a/{id}?done={done}")).into_response());
        }
        Err(refusal) => refusal,
    };
    let (_, _, status) = refusal.problem.kind.parts();
    let said = if refusal.approved { "Your yes is recorded, and nothing is granted. " } else { "" };
    let notice = Some(alert(&format!("{said}{}", sentence(&refusal.problem))));
    let typed = Typed { terms, ..Typed::default() };
    page(&state, &visitor, find(&state, id.as_str())?, Answer { status, notice, typed })
}

/// Why nothing is granted, and whether the request was approved all the same.
struct Refusal {
    problem: Problem,
    approved: bool,
}

async fn carried_out(
    state: &ApiState,
    visitor: &Visitor,
    approval: Approval,
    sent: HiddenFields,
    typed: &TypedTerms,
) -> Result<Grant, Refusal> {
    let before = |problem| Refusal { problem, approved: false };
    let grants = all(state).map_err(before)?;
    let (person, assurance) = (&visitor.caller.person, &visitor.caller.assurance);
    let parameters = grants.may_propose(&approval, person, assurance).map_err(|error| before(refused(error)))?;
    let terms = typed.read(parameters).map_err(before)?;
    let voice = voice(visitor, sent.reason.clone()).map_err(before)?;
    let (id, approves) = (approval.id.clone(), sent.verb == "approve");
    match sent.verb.as_str() {
        "grant" => {}
        "approve" => {
            let version = sent.version.parse().map_err(|_| before(Problem::bad_request("the version is no number")))?;
            let HiddenFields { token, verb, digest, reason, read, .. } = sent;
            let fields = DecisionFields { token, verb, version, digest, reason, read };
            let (_, decision) = checked(visitor, &approval, &fields).map_err(before)?;
            carry_out(state, Verb::Approve, approval, decision).await.map_err(before)?;
        }
        _ => return Err(before(Problem::bad_request("this button does not exist"))),
    }
    let given = grants.propose(&id, terms, &voice).await;
    given.map_err(|error| Refusal { problem: refused(error), approved: approves })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(life: &str, runs: &str, rows: &str, bounds: &str) -> TypedTerms {
        TypedTerms { life: life.into(), runs: runs.into(), rows: rows.into(), bounds: bounds.into() }
    }

    #[test]
    fn terms_are_read_line_by_line_and_bounded() {
        let terms = typed(" 30m", "5 ", "200", "same\r\n\r\n1..9\n").read(3).unwrap();
        assert_eq!((terms.life_seconds, terms.runs, terms.rows), (1800, 5, 200));
        assert_eq!(terms.bounds, [Bound::Same, Bound::Same, Bound::Between { min: 1, max: 9 }]);
        assert_eq!(TypedTerms::default().read(0).unwrap().bounds, []);
        for bad in [
            typed("8d", "5", "200", ""),
            typed("soon", "5", "200", ""),
            typed("30m", "0", "200", ""),
            typed("30m", "five", "200", ""),
            typed("30m", "5", "-1", ""),
            typed("30m", "5", "0", ""),
            typed("30m", "5", "200", "9..1"),
            typed("30m", "5", "200", "any\nany"),
        ] {
            assert!(bad.read(1).is_err(), "{bad:?}");
        }
    }
}
