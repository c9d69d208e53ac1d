//! The part of an approval's page that changes: where it stands, who said what, and the buttons, or why there are none.

use maud::{Markup, html};

use crate::api::approvals::decide::REASON_CHARS_MAX;
use crate::api::approvals::resource::Resource;
use crate::api::page::frame::{badge, countdown, time};
use crate::api::page::grants::offer::{TypedTerms, offer};
use crate::api::page::request::is_long;
use crate::api::page::visible::line;
use crate::api::signin::visitor::Visitor;
use crate::api::state::ApiState;
use crate::clock::Timestamp;
use crate::gate::approval::{Approval, Review, State, Verdict};
use crate::gate::decision::DecisionError;
use crate::identity::assurance::Assurance;
use crate::identity::token::Scope;

/// What the visitor had typed, when a form comes back.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// The reason.
    pub reason: String,
    /// How far a grant would go.
    pub terms: TypedTerms,
}

/// The whole part.
pub fn panel(state: &ApiState, visitor: &Visitor, resource: &Resource, typed: &Typed) -> Markup {
    let approval = &resource.approval;
    let now = state.clock.now();
    let say = format!("{} is {}.", approval.id, approval.state.as_str());
    html! {
        section.panel id="live" data-live data-approval=(approval.id) data-version=(approval.version) data-say=(say)
            aria-labelledby="decision" tabindex="-1" {
            h2 id="decision" { "Decision" }
            (standing(approval, now))
            ul.plain {
                @for stage in &resource.progress {
                    li { b { (stage.have) " of " (stage.needed) } " from " (line(&stage.groups.join(" or "))) }
                }
            }
            @if !approval.reviews.is_empty() {
                h3 { "Said so far" }
                ul.plain { @for review in &approval.reviews { li { (said(review)) } } }
            }
            @if !approval.comments.is_empty() {
                h3 { "Comments" }
                ul.plain {
                    @for comment in &approval.comments {
                        li { b { (line(&comment.person.0)) } " " (time(comment.at)) ": " (line(&comment.text)) }
                    }
                }
            }
            (buttons(state, visitor, approval, typed))
            (offer(state, visitor, approval, &typed.terms))
        }
    }
}

fn standing(approval: &Approval, now: Timestamp) -> Markup {
    html! {
        p {
            (badge(approval.state)) " "
            @match approval.state {
                State::Pending => {
                    (countdown(approval.expires_at, now)) ", until " (time(approval.expires_at))
                },
                State::Approved => {
                    @if let Some(use_by) = approval.use_by { (countdown(use_by, now)) " to use it, until " (time(use_by)) }
                },
                _ => { @if let Some(at) = approval.decided_at { "since " (time(at)) } },
            }
        }
        @if approval.waiting { p { "The client is connected and waits." } }
        @else if approval.state == State::Pending {
            p { "The client does not wait at this moment; it can send the same statement again." }
        }
        @if let Some(run) = &approval.execution {
            p {
                "Released " (time(run.started_at))
                @if let Some(ended) = run.ended_at { ", ended " (time(ended)) }
                @if let Some(rows) = run.rows { ", " (rows) " rows" }
                @if let Some(code) = &run.code { ", error " (line(code)) }
            }
        }
    }
}

fn said(review: &Review) -> Markup {
    let word = match review.verdict {
        Verdict::Approve => "yes",
        Verdict::Deny => "no",
    };
    html! {
        b { (word) } " by " (line(&review.person.0)) " " (time(review.at))
        " via " (line(&review.via)) " (" (line(&review.assurance)) ")"
        @if let Some(reason) = &review.reason { ": " (line(reason)) }
    }
}

fn buttons(state: &ApiState, visitor: &Visitor, approval: &Approval, typed: &Typed) -> Markup {
    if visitor.caller.require(Scope::ApprovalsDecide).is_err() {
        return html! { p.why { "You may look, not decide: your groups lack the scope approvals:decide." } };
    }
    let behind = {
        let (requester, me) = (&approval.request.requester, &visitor.caller.person.name);
        *me == requester.owner || *me == requester.issued_by
    };
    let may = state.desk.may_decide(approval, &visitor.caller.person, &visitor.caller.assurance);
    let mine = approval.reviews.iter().any(|review| review.person.0 == visitor.name());
    html! {
        @match (&may, approval.state) {
            (Ok(()), _) if mine => p.why { "You have decided already; others may still be needed." },
            (Ok(()), _) => (decide(visitor, approval, typed, true)),
            (Err(DecisionError::AssuranceTooLow { needed }), _) => {
                (step_up(state, approval, *needed))
                (decide(visitor, approval, typed, false))
            },
            (Err(_), State::Approved) => (take_back(visitor, approval, "revoke", "Take the yes back")),
            (Err(error), _) => p.why { (why_not(error)) },
        }
        details id="comment" {
            summary { "Comment…" }
            form method="post" action={ "/a/" (approval.id) } {
                (hidden(visitor, approval))
                label for="comment-text" { "Comment for other people; the agent does not read it" }
                input id="comment-text" name="reason" type="text" maxlength=(REASON_CHARS_MAX);
                button type="submit" name="verb" value="comment" { "Comment" }
            }
        }
        @if behind && approval.state == State::Pending {
            (take_back(visitor, approval, "withdraw", "Take the request back"))
        }
    }
}

/// Why there are no buttons.
fn why_not(error: &DecisionError) -> String {
    match error {
        DecisionError::SelfApproval => {
            "You stand behind this request (as owner, issuer of a credential, the person it acts \
            for, or in their chain), so somebody else has to decide it."
                .to_owned()
        }
        DecisionError::NotAnApprover => "You are in none of the groups that this request asks.".to_owned(),
        DecisionError::AlreadyDecided { .. } => "Nothing is left to decide.".to_owned(),
        DecisionError::Expired => "Nobody decided in time; the agent has to ask again.".to_owned(),
        other => {
            let text = other.to_string();
            let mut letters = text.chars();
            let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
            format!("{first}{}.", letters.as_str())
        }
    }
}

/// The way to a better proof of who one is, where there is one.
fn step_up(state: &ApiState, approval: &Approval, needed: Assurance) -> Markup {
    let there = needed >= Assurance::Oidc;
    html! {
        p.why { "A yes to this needs a sign-in by " (needed) " or better. You can say no as you are." }
        @if let Some(oidc) = state.sign_in.oidc().filter(|_| there) {
            p { a.button.primary href={ "/sign-in/oidc?fresh=1&to=/a/" (approval.id) } { "Prove it to " (oidc.config.name) } }
        }
    }
}

fn decide(visitor: &Visitor, approval: &Approval, typed: &Typed, yes: bool) -> Markup {
    html! {
        form.decide method="post" action={ "/a/" (approval.id) } {
            (hidden(visitor, approval))
            label for="reason" { "Note, or reason for a no" }
            textarea id="reason" name="reason" rows="3" maxlength=(REASON_CHARS_MAX) aria-describedby="reason-hint" {
                (typed.reason)
            }
            p.quiet id="reason-hint" { "The agent reads it. A no needs a reason." }
            @if yes && is_long(&approval.request) {
                label.check for="read" {
                    input id="read" name="read" type="checkbox" value="yes";
                    " I have read the statement to its end"
                }
            }
            div.buttons {
                @if yes { button.yes type="submit" name="verb" value="approve" { "Approve" } }
                button.no type="submit" name="verb" value="deny" { "Deny" }
            }
        }
    }
}

/// A button behind one more step, for what is seldom meant.
fn take_back(visitor: &Visitor, approval: &Approval, verb: &str, words: &str) -> Markup {
    html! {
        details id=(verb) {
            summary { (words) "…" }
            form method="post" action={ "/a/" (approval.id) } {
                (hidden(visitor, approval))
                label for={ (verb) "-reason" } { "Why" }
                input id={ (verb) "-reason" } name="reason" type="text" maxlength=(REASON_CHARS_MAX);
                button.no type="submit" name="verb" value=(verb) { (words) " now" }
            }
        }
    }
}

/// What ties a form to this session, and the decision to what was seen.
pub fn hidden(visitor: &Visitor, approval: &Approval) -> Markup {
    html! {
        input type="hidden" name="token" value=(visitor.form_token);
        input type="hidden" name="version" value=(approval.version);
        input type="hidden" name="digest" value=(approval.request.digest);
    }
}
