//! What is asked, as an approver reads it: words first, then the text with colours, then the exact characters; who asks, as
//! proved and as claimed.

pub mod sql;

use maud::{Markup, html};
use sha2::{Digest as _, Sha256};

use crate::api::page::frame::time;
use crate::api::page::request::sql::highlighted;
use crate::api::page::visible::{Layout, Shown, line, warning};
use crate::gate::approval::{Approval, Claims, Request, ShownStatement};

/// The request in one line of words.
pub fn headline(request: &Request) -> Markup {
    let first = request.statements.first().map_or("A statement without a description", |one| one.summary.as_str());
    let more = request.statements.len().saturating_sub(1);
    html! {
        (line(first))
        @if more > 0 { " (and " (more) " more)" }
    }
}

/// The facts beside the words: where, who, how much, which rules.
pub fn facts(approval: &Approval) -> Markup {
    let request = &approval.request;
    let (requester, target) = (&request.requester, &request.target);
    html! {
        dl.facts {
            dt { "Where" }
            dd { b { (line(&target.database)) } " as " (line(&target.role)) " (" (line(&target.protocol)) ")" }
            dt { "Who, proved" }
            dd {
                "agent " b { (line(&requester.agent.0)) } " of " (line(&requester.owner.0)) ", from "
                (line(&requester.client_addr)) ", credential made by " (line(&requester.issued_by.0))
            }
            dt { "Who, claimed" }
            dd { (claims(&requester.claims)) }
            @for hit in request.hits.iter().filter(|hit| hit.enforced) {
                dt { "Rule" }
                dd {
                    b { (line(&hit.rule.0)) } ": " (line(&hit.because))
                    @if let Some(message) = &hit.message { br; span.quiet { (line(message)) } }
                }
            }
            @for hit in request.hits.iter().filter(|hit| !hit.enforced) {
                dt { "Rule, not enforced" }
                dd { b { (line(&hit.rule.0)) } ": " (line(&hit.because)) }
            }
            @if !request.classes.is_empty() { dt { "Touches classes" } dd { (line(&request.classes.join(", "))) } }
            @if !request.masked_columns.is_empty() {
                dt { "Comes back masked" }
                dd { (line(&request.masked_columns.join(", "))) }
            }
            @if request.in_transaction {
                dt { "Transaction" }
                dd {
                    "An open transaction waits with it and keeps its locks while you decide."
                    @if let Some(locks) = &request.locks { br; (line(locks)) }
                }
            }
            @if let Some(rows) = request.rows_so_far {
                dt { "In mid-result" }
                dd { (rows) " rows have been sent; the rest waits." }
            }
            dt { "Asked" }
            dd { (time(approval.created_at)) }
        }
    }
}

/// What the agent says of itself. It can lie, so each line says that it is a claim.
fn claims(claims: &Claims) -> Markup {
    let named = [
        ("reason", &claims.reason),
        ("ticket", &claims.ticket),
        ("acts for", &claims.end_user),
        ("model", &claims.model),
        ("program", &claims.application_name),
        ("trace", &claims.traceparent),
    ];
    let said: Vec<(&str, &str)> =
        named.into_iter().filter_map(|(name, value)| value.as_deref().map(|value| (name, value))).collect();
    html! {
        @if said.is_empty() { "nothing" } @else {
            ul.plain { @for (name, value) in said { li { span.quiet { (name) ": " } (line(value)) } } }
        }
    }
}

/// Every statement: words, text, exact characters, parameters, lineage.
pub fn statements(request: &Request) -> Markup {
    let many = request.statements.len() > 1;
    html! {
        section aria-labelledby="sql" {
            h2 id="sql" { @if many { "Statements, in order" } @else { "Statement" } }
            @for (number, statement) in (1..).zip(&request.statements) {
                @if many { h3 { (number) ". " (line(&statement.summary)) } }
                (one(statement, &request.target.protocol, number))
            }
            p.quiet { "Digest of what is asked: " code.digest { (line(&request.digest)) } }
        }
    }
}

fn one(statement: &ShownStatement, protocol: &str, number: usize) -> Markup {
    let bytes = statement.text.len();
    let sha256 = hex::encode(Sha256::digest(statement.text.as_bytes()));
    html! {
        @if let Some(warning) = warning(&statement.text) { p.warning { b { "Careful. " } (warning) } }
        pre.sql tabindex="0" role="region" aria-label=(format!("SQL text {number}")) {
            code dir="ltr" { (highlighted(&statement.text, protocol)) }
        }
        details id=(format!("exact-{number}")) {
            summary { "Exact characters" }
            pre.sql tabindex="0" role="region" aria-label=(format!("Exact characters {number}")) {
                code dir="ltr" { (Shown(&statement.text, Layout::Exact)) }
            }
            p.quiet { (bytes) " bytes as shown, SHA-256 " code.digest { (sha256) } }
        }
        dl.facts {
            @if let Some(rows) = statement.row_estimate { dt { "Rows expected" } dd { "about " (grouped(rows)) } }
            @if !statement.objects.is_empty() { dt { "Objects" } dd { (line(&statement.objects.join(", "))) } }
            @if !statement.lineage.is_empty() {
                dt { "Returns" }
                dd { ul.plain { @for text in &statement.lineage { li { (line(text)) } } } }
            }
            @if !statement.parameters.is_empty() {
                dt { "Parameters" }
                dd { ol.plain { @for text in &statement.parameters { li { code { (line(text)) } } } } }
            }
        }
    }
}

/// `84000` as `84 000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A text so long that whoever approves says that they have read to its end.
pub fn is_long(request: &Request) -> bool {
    const BYTES: usize = 4000;
    let bytes: usize = request.statements.iter().map(|statement| statement.text.len()).sum();
    bytes > BYTES || request.statements.len() > 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(84_000), "84\u{202f}000");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
    }
}
