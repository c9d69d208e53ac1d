//! One grant in words: what may run, how often, how much, with which values; who gave it; and the buttons.

use maud::{Markup, html};

use crate::api::approvals::decide::REASON_CHARS_MAX;
use crate::api::page::frame::{countdown, time};
use crate::api::page::request::grouped;
use crate::api::page::visible::line;
use crate::api::signin::visitor::Visitor;
use crate::api::state::ApiState;
use crate::gate::approval::{Review, Verdict};
use crate::gate::desk::grants::Grants;
use crate::gate::desk::grants::bound::Bound;
use crate::gate::desk::grants::grant::{Grant, GrantError, Standing};
use crate::identity::token::Scope;
use crate::policy::span;

/// Bounds written out one by one; a statement may have thousands of parameters.
const BOUNDS_SHOWN: usize = 20;

/// What it does, in one line.
pub fn headline(grant: &Grant) -> Markup {
    let first = grant.summary.first().map_or("A statement without a description", String::as_str);
    let more = grant.summary.len().saturating_sub(1);
    html! { (line(first)) @if more > 0 { " (and " (more) " more)" } }
}

/// A state in words.
pub fn word(standing: Standing) -> &'static str {
    match standing {
        Standing::UsedUp => "used up",
        other => other.as_str(),
    }
}

/// The whole card.
pub fn card(state: &ApiState, grants: &Grants, visitor: &Visitor, grant: &Grant) -> Markup {
    let standing = grants.standing(grant);
    let class = match standing {
        Standing::Active => "badge good",
        Standing::Proposed => "badge open",
        _ => "badge bad",
    };
    html! {
        a.what href={ "/grants/" (grant.id) } { (headline(grant)) }
        p.facts {
            span class=(class) { (word(standing)) }
            span { "Agent " b { (line(&grant.requester.agent.0)) } }
            span { "on " b { (line(&grant.target.database)) } " as " (line(&grant.target.role)) }
            @if matches!(standing, Standing::Active | Standing::Proposed) {
                (countdown(grant.expires_at, state.clock.now()))
                span { "until " (time(grant.expires_at)) }
            }
        }
        dl.facts {
            dt { "Allows" } dd { (allows(grant)) }
            dt { "Runs" }
            dd {
                (grant.runs) " of " (grant.terms.runs) " used, " (grant.terms.runs.saturating_sub(grant.runs)) " left"
                @if let Some(at) = grant.used_at { "; last " (time(at)) }
            }
            dt { "Parameters" } dd { (bounds(grant)) }
            dt { "Given by" } dd { (given_by(grant)) }
            dt { "From" } dd { a href={ "/a/" (grant.approval) } { (grant.approval) } ", proposed " (time(grant.created_at)) }
        }
        (buttons(grants, visitor, grant, standing))
    }
}

fn allows(grant: &Grant) -> Markup {
    let life = span::format(std::time::Duration::from_secs(grant.terms.life_seconds));
    let many = grant.summary.len() > 1;
    html! {
        "exactly the " @if many { "statements" } @else { "statement" } " of the request, literals included, in the same settings and "
        "under the same rules; " (grant.terms.runs) @if grant.terms.runs == 1 { " run" } @else { " runs" } ", each of at most "
        (grouped(grant.terms.rows)) @if grant.terms.rows == 1 { " row" } @else { " rows" } ", for " (life) " once it is given"
    }
}

/// The bounds of parameters. The texts of a list stay out: people wrote them, and they may be what is classified.
fn bounds(grant: &Grant) -> Markup {
    let (count, named) = (grant.shape.parameters.len(), grant.terms.bounds.len());
    let shown = named.min(BOUNDS_SHOWN);
    html! {
        @if count == 0 { "none" } @else {
            ul.plain {
                @for (number, bound) in (1..).zip(grant.terms.bounds.iter().take(BOUNDS_SHOWN)) {
                    li { (number) ": " (in_words(bound)) }
                }
                @if named > shown { li { (named - shown) " more with bounds of their own" } }
                @if count > named {
                    li { @if named == 0 { "each: " } @else { "every other: " } (in_words(&Bound::Same)) }
                }
            }
        }
    }
}

fn in_words(bound: &Bound) -> String {
    match bound {
        Bound::Same => "the value that was approved".to_owned(),
        Bound::Any => "any value".to_owned(),
        Bound::Between { min, max } => format!("a whole number from {min} to {max}"),
        Bound::OneOf(texts) if texts.len() == 1 => "one text that was named".to_owned(),
        Bound::OneOf(texts) => format!("one of {} texts that were named", texts.len()),
    }
}

fn given_by(grant: &Grant) -> Markup {
    let said = |review: &Review| {
        let word = if review.verdict == Verdict::Approve { "yes" } else { "no" };
        html! {
            b { (line(&review.person.0)) } ", " (word) " " (time(review.at)) " via " (line(&review.via))
            " (" (line(&review.assurance)) ")"
            @if let Some(reason) = &review.reason { ": " (line(reason)) }
        }
    };
    html! {
        @if grant.reviews.is_empty() { "nobody yet" } @else {
            ul.plain { @for review in &grant.reviews { li { (said(review)) } } }
        }
        @if grant.given_at.is_none() && !grant.denied {
            @for stage in &grant.stages { span.quiet { (stage.needed) " needed from " (line(&stage.groups.join(" or "))) " " } }
        }
    }
}

fn buttons(grants: &Grants, visitor: &Visitor, grant: &Grant, standing: Standing) -> Markup {
    let person = &visitor.caller.person;
    if visitor.caller.require(Scope::ApprovalsDecide).is_err() {
        return html! {};
    }
    let said = grant.reviews.iter().any(|review| review.person == person.name);
    let may = if standing == Standing::Proposed && !said {
        Some(grants.may_give(grant, person, &visitor.caller.assurance))
    } else {
        None
    };
    let low = matches!(may, Some(Err(GrantError::Assurance(_))));
    html! {
        @if low { p.why { "A yes to this needs a better proof of who you are; see the page of the request." } }
        @if matches!(may, Some(Ok(()))) || low {
            (behind_a_step(visitor, grant, "answer", "Say yes or no", &[("approve", "Give it", low), ("deny", "Refuse it", false)]))
        }
        @if grants.may_revoke(grant, person).is_ok() {
            (behind_a_step(visitor, grant, "revoke", "Take it back", &[("revoke", "Take it back now", false)]))
        }
    }
}

/// Buttons behind one more step. Each has a verb, its words, and whether it is left out.
fn behind_a_step(visitor: &Visitor, grant: &Grant, id: &str, words: &str, verbs: &[(&str, &str, bool)]) -> Markup {
    let id = format!("{id}-{}", grant.id);
    html! {
        details id=(id) {
            summary { (words) "…" span.unseen { " (" (grant.id) ")" } }
            form method="post" action={ "/grants/" (grant.id) } {
                input type="hidden" name="token" value=(visitor.form_token);
                label for={ (id) "-reason" } { "Why" }
                input id={ (id) "-reason" } name="reason" type="text" maxlength=(REASON_CHARS_MAX);
                div.buttons {
                    @for (verb, words, _) in verbs.iter().filter(|(_, _, left_out)| !left_out) {
                        button class=(if *verb == "approve" { "yes" } else { "no" }) type="submit" name="verb" value=(verb) { (words) }
                    }
                }
            }
        }
    }
}
