//! What an approver would ask next: what this session did before, and what became of requests like this one.

use maud::{Markup, html};

use crate::api::page::frame::{badge, time};
use crate::api::page::visible::line;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::audit::event::{Event, StatementEvent};
use crate::clock::Timestamp;
use crate::gate::approval::{Approval, State, Verdict};
use crate::gate::desk::store::{ApprovalFilter, Cursor};
use crate::statement::fingerprint::normalise;
use crate::statement::scope::{Dialect, Flavour, MySqlReading};

/// Audit records looked through for the session so far.
const RECORDS_MAX: u64 = 5000;
const RECORDS_PAGE: u64 = 500;
/// Statements of the session that are shown, the last ones.
const STATEMENTS_SHOWN: usize = 10;
/// Approvals looked through for similar ones, the newest.
const APPROVALS_MAX: usize = 500;
const SIMILAR_SHOWN: usize = 5;

/// What the session did before this request, as the audit log has it: never a literal.
///
/// # Errors
/// The audit log cannot be read.
pub fn session_so_far(state: &ApiState, approval: &Approval) -> Result<Markup, Problem> {
    let (found, complete) = earlier(state, approval)?;
    Ok(html! {
        section aria-labelledby="session" {
            h2 id="session" { "The session so far" }
            @if found.is_empty() { p { "Nothing before this request." } } @else {
                ul.story {
                    @for (at, statement) in found.iter().rev() {
                        li {
                            p.quiet { (time(*at)) " · " (statement.outcome) ", " (statement.rows) " rows" }
                            code { (line(&statement.text)) }
                        }
                    }
                }
            }
            @if !complete { p.quiet { "Older records were not looked through." } }
        }
    })
}

type Earlier = Vec<(Timestamp, StatementEvent)>;

/// The last statements before the request, newest first; and whether everything there is was looked through. Session
/// numbers begin anew with the process, so the search ends where its log began.
fn earlier(state: &ApiState, approval: &Approval) -> Result<(Earlier, bool), Problem> {
    let log_down = |error| Problem::unavailable("the audit log", error);
    let session = approval.request.requester.session;
    let end = state.audit.size().map_err(log_down)?;
    let floor = end.saturating_sub(RECORDS_MAX);
    let mut found = Vec::new();
    let mut to = end;
    while to > floor {
        let from = to.saturating_sub(RECORDS_PAGE).max(floor);
        let page = state.audit.read(from, usize::try_from(to - from).unwrap_or(0)).map_err(log_down)?;
        for record in page.into_iter().rev() {
            match record.event {
                // Another process: what came behind it was another session of this number.
                Event::LogStarted { .. } if record.at > approval.created_at => found.clear(),
                Event::LogStarted { .. } => return Ok((found, true)),
                Event::Statement(statement) if statement.session == session && record.at <= approval.created_at => {
                    found.push((record.at, *statement));
                    if found.len() == STATEMENTS_SHOWN {
                        return Ok((found, true));
                    }
                }
                _ => {}
            }
        }
        to = from;
    }
    Ok((found, floor == 0))
}

/// What became of requests of the same shape on the same database.
///
/// # Errors
/// The store fails.
pub fn similar(state: &ApiState, approval: &Approval) -> Result<Markup, Problem> {
    let found = alike(state, approval)?;
    let count = |wanted: Verdict| found.iter().filter(|past| said(past) == Some(wanted)).count();
    let (yes, no) = (count(Verdict::Approve), count(Verdict::Deny));
    Ok(html! {
        section aria-labelledby="similar" {
            h2 id="similar" { "Requests like this one" }
            @if found.is_empty() { p { "None among the last " (APPROVALS_MAX) " requests." } } @else {
                p { "Among the last " (APPROVALS_MAX) " requests: approved " (yes) "×, denied " (no) "×, " (found.len()) " in all." }
                ul.plain {
                    @for past in found.iter().take(SIMILAR_SHOWN) {
                        li {
                            a href={ "/a/" (past.id) } { (past.id) } " " (badge(past.state)) " " (time(past.created_at))
                            " · agent " (line(&past.request.requester.agent.0))
                            @if let Some(review) = past.reviews.last() { " · " (line(&review.person.0)) }
                        }
                    }
                }
            }
        }
    })
}

/// What people said in the end, if they did.
fn said(approval: &Approval) -> Option<Verdict> {
    match approval.state {
        State::Denied => Some(Verdict::Deny),
        State::Approved | State::Executing | State::Executed | State::Failed | State::Unknown | State::Lapsed => {
            Some(Verdict::Approve)
        }
        State::Pending | State::Expired | State::Withdrawn | State::Revoked => None,
    }
}

fn alike(state: &ApiState, approval: &Approval) -> Result<Vec<Approval>, Problem> {
    let database = Some(approval.request.target.database.clone());
    let filter = ApprovalFilter { database, ..ApprovalFilter::default() };
    let shape = shape(approval);
    let (mut found, mut seen, mut after): (Vec<Approval>, usize, Option<Cursor>) = (Vec::new(), 0, None);
    while seen < APPROVALS_MAX {
        let page = state.desk.list(&filter, after.as_ref(), 100);
        let page = page.map_err(|error| Problem::unavailable("the store", error))?;
        seen += page.approvals.len().max(1);
        // Cheap first: most requests touch other objects.
        let near = page.approvals.into_iter().filter(|past| past.id != approval.id && rough(past) == rough(approval));
        found.extend(near.filter(|past| self::shape(past) == shape));
        let Some(next) = page.next else { break };
        after = Some(next);
    }
    Ok(found)
}

fn rough(approval: &Approval) -> Vec<(&Vec<crate::policy::action::Action>, &Vec<String>)> {
    approval.request.statements.iter().map(|statement| (&statement.actions, &statement.objects)).collect()
}

/// Equal for the same statements with other literals.
fn shape(approval: &Approval) -> Vec<u64> {
    let dialect = dialect(&approval.request.target.protocol);
    approval.request.statements.iter().map(|statement| normalise(&statement.text, &dialect).fingerprint).collect()
}

/// How such servers read by default. Only texts are compared by it: one that is read otherwise is alike to itself alone.
fn dialect(protocol: &str) -> Dialect {
    match protocol {
        "mysql" => Dialect::MySql(MySqlReading::plain(Flavour::MySql, 80_400)),
        _ => Dialect::Postgres { standard_conforming_strings: true },
    }
}
