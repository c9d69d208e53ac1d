//! What a grant was used for, as the audit log has it: when, how it ended, how many rows. Never a literal.

use std::collections::HashMap;

use maud::{Markup, html};

use crate::api::page::frame::time;
use crate::api::page::visible::line;
use crate::api::problem::Problem;
use crate::api::state::ApiState;
use crate::audit::event::{Event, StatementEvent};
use crate::clock::Timestamp;
use crate::gate::desk::grants::grant::Grant;
use crate::identity::ids::{SessionId, StatementId};

/// Audit records looked through.
const RECORDS_MAX: u64 = 5000;
const RECORDS_PAGE: u64 = 500;
/// Uses that are shown, the last ones.
const SHOWN_MAX: usize = 50;

/// One run.
struct Use {
    run: u32,
    at: Timestamp,
    /// How it ended, if that is recorded.
    end: Option<StatementEvent>,
}

/// The list of runs, the last one first.
///
/// # Errors
/// The audit log cannot be read.
pub fn uses(state: &ApiState, grant: &Grant) -> Result<Markup, Problem> {
    let found = if grant.runs == 0 { Vec::new() } else { found(state, grant)? };
    let missing = usize::try_from(grant.runs).unwrap_or(usize::MAX).saturating_sub(found.len());
    Ok(html! {
        section aria-labelledby="uses" {
            h2 id="uses" { "Runs" }
            @if grant.runs == 0 { p { "None yet." } }
            ul.story {
                @for used in &found {
                    li {
                        p {
                            "Run " (used.run) " " (time(used.at))
                            @match &used.end {
                                Some(end) => { ": " (line(&end.outcome)) @if let Some(code) = &end.code { " " (line(code)) } ", " (end.rows) " rows" },
                                None => { ": its end is not recorded" },
                            }
                        }
                    }
                }
            }
            @if missing > 0 { p.quiet { (missing) " earlier ones are in older records of the audit log." } }
        }
    })
}

/// Session numbers begin anew with each process, so that an end counts only for a run of the same one.
fn found(state: &ApiState, grant: &Grant) -> Result<Vec<Use>, Problem> {
    let log_down = |error| Problem::unavailable("the audit log", error);
    let mut to = state.audit.size().map_err(log_down)?;
    let floor = to.saturating_sub(RECORDS_MAX);
    let mut ends: HashMap<(SessionId, StatementId), StatementEvent> = HashMap::new();
    let mut found = Vec::new();
    while to > floor {
        let from = to.saturating_sub(RECORDS_PAGE).max(floor);
        let page = state.audit.read(from, usize::try_from(to - from).unwrap_or(0)).map_err(log_down)?;
        for record in page.into_iter().rev() {
            match record.event {
                Event::LogStarted { .. } => ends.clear(),
                Event::Statement(end) if end.agent == grant.requester.agent => {
                    ends.insert((end.session, end.statement), *end);
                }
                Event::GrantUsed { grant: id, session, statement, run, .. } if id == grant.id => {
                    found.push(Use { run, at: record.at, end: ends.remove(&(session, statement)) });
                    if found.len() == SHOWN_MAX || run == 1 {
                        return Ok(found);
                    }
                }
                _ => {}
            }
        }
        to = from;
    }
    Ok(found)
}
