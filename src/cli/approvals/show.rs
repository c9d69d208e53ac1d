//! Approvals in words, for a terminal. Everything an agent wrote passes through `visible`.

use crate::api::approvals::resource::Resource;
use crate::cli::exit::Failure;
use crate::cli::print::{Colour, coloured};
use crate::cli::{Output, print};
use crate::gate::approval::visible::{block, line, short};
use crate::gate::approval::{Approval, Claims, State, Verdict};

/// Prints a list.
///
/// # Errors
/// Stdout fails.
pub fn rows(output: Output, found: &[Resource]) -> Result<(), Failure> {
    if found.is_empty() && output == Output::Table {
        print::talk("nothing there");
        return Ok(());
    }
    print::items(output, found, ["ID", "STATE", "AGENT", "DATABASE", "YES", "UNTIL", "WHAT"], |resource| {
        let approval = &resource.approval;
        [
            approval.id.to_string(),
            state(approval.state),
            short(&approval.request.requester.agent.0, 24),
            short(&approval.request.target.database, 16),
            yes(resource),
            until(approval),
            short(&summary(approval), 72),
        ]
    })
}

/// A state in its colour.
pub fn state(state: State) -> String {
    let colour = match state {
        State::Pending | State::Executing => Colour::Yellow,
        State::Approved | State::Executed => Colour::Green,
        _ => Colour::Red,
    };
    coloured(&crate::api::problem::state_name(state).unwrap_or_default(), colour)
}

fn yes(resource: &Resource) -> String {
    let have: u32 = resource.progress.iter().map(|stage| u32::from(stage.have)).sum();
    let needed: u32 = resource.progress.iter().map(|stage| u32::from(stage.needed)).sum();
    format!("{have}/{needed}")
}

fn until(approval: &Approval) -> String {
    let end = approval.use_by.unwrap_or(approval.expires_at);
    // Minutes are enough in a list: 2026-11-21T05:30Z.
    let text = end.to_rfc3339();
    text.get(..16).map_or(text.clone(), |minutes| format!("{minutes}Z"))
}

/// The first statement in words, and how many more.
pub fn summary(approval: &Approval) -> String {
    let statements = &approval.request.statements;
    let first = statements.first().map(|statement| statement.summary.clone()).unwrap_or_default();
    if statements.len() > 1 { format!("{first} (and {} more)", statements.len() - 1) } else { first }
}

/// The whole story of one approval.
pub fn page(resource: &Resource) -> String {
    let approval = &resource.approval;
    let mut page = Page::default();
    page.head(approval);
    page.statements(approval);
    page.reasons(approval);
    page.decisions(resource);
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn say(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn fact(&mut self, name: &str, value: &str) {
        self.say(&format!("  {name:<10} {value}"));
    }

    fn head(&mut self, approval: &Approval) {
        let request = &approval.request;
        let waiting = if approval.waiting { ", a client is waiting" } else { "" };
        self.say(&format!("{}  {}{waiting}", approval.id, state(approval.state)));
        let requester = &request.requester;
        let (agent, owner) = (line(&requester.agent.0), line(&requester.owner.0));
        self.fact("agent", &format!("{agent} (owner {owner}) from {}", line(&requester.client_addr)));
        let target = &request.target;
        let place = format!("{} as {} ({})", line(&target.database), line(&target.role), line(&target.protocol));
        self.fact("where", &place);
        for (name, value) in claims(&requester.claims) {
            self.fact(name, &format!("{:?} (claimed)", line(value)));
        }
        if request.in_transaction {
            self.fact("note", "held inside an open transaction: it keeps its locks while you decide");
            if let Some(locks) = &request.locks {
                self.fact("locks", &line(locks));
            }
        }
        if let Some(rows) = request.rows_so_far {
            self.fact("note", &format!("held in mid-result, {rows} rows have been sent"));
        }
        self.fact("asked", &approval.created_at.to_rfc3339());
        match approval.use_by {
            Some(end) => self.fact("use by", &end.to_rfc3339()),
            None => self.fact("until", &approval.expires_at.to_rfc3339()),
        }
        self.fact("digest", &line(&request.digest));
    }

    fn statements(&mut self, approval: &Approval) {
        for statement in &approval.request.statements {
            self.say("");
            self.say(&line(&statement.summary));
            for text in block(&statement.text).lines() {
                self.say(&format!("  | {text}"));
            }
            for (number, parameter) in statement.parameters.iter().enumerate() {
                self.fact(&format!("${}", number + 1), &line(parameter));
            }
            for lineage in &statement.lineage {
                self.fact("returns", &line(lineage));
            }
            if let Some(rows) = statement.row_estimate {
                self.fact("rows", &format!("about {rows}"));
            }
        }
        self.say("");
    }

    fn reasons(&mut self, approval: &Approval) {
        let request = &approval.request;
        for hit in request.hits.iter().filter(|hit| hit.enforced) {
            self.fact("rule", &format!("{}: {}", line(&hit.rule.0), line(&hit.because)));
        }
        if !request.classes.is_empty() {
            self.fact("classes", &line(&request.classes.join(", ")));
        }
        if !request.masked_columns.is_empty() {
            self.fact("masked", &line(&request.masked_columns.join(", ")));
        }
    }

    fn decisions(&mut self, resource: &Resource) {
        for stage in &resource.progress {
            let groups = line(&stage.groups.join(" or "));
            self.fact("needs", &format!("{} of {groups}, has {}", stage.needed, stage.have));
        }
        for review in &resource.approval.reviews {
            let word = match review.verdict {
                Verdict::Approve => "yes",
                Verdict::Deny => "no",
            };
            let reason = review.reason.as_deref().map(|reason| format!(": {:?}", line(reason))).unwrap_or_default();
            let (who, when) = (line(&review.person.0), review.at.to_rfc3339());
            self.fact(
                word,
                &format!("{who} at {when} via {} ({}){reason}", line(&review.via), line(&review.assurance)),
            );
        }
        if let Some(run) = &resource.approval.execution {
            let rows = run.rows.map(|rows| format!(", {rows} rows")).unwrap_or_default();
            let code = run.code.as_deref().map(|code| format!(", error {}", line(code))).unwrap_or_default();
            self.fact("ran", &format!("{}{rows}{code}", run.started_at.to_rfc3339()));
        }
    }
}

fn claims(claims: &Claims) -> impl Iterator<Item = (&'static str, &str)> {
    let named = [
        ("reason", &claims.reason),
        ("ticket", &claims.ticket),
        ("for", &claims.end_user),
        ("model", &claims.model),
        ("program", &claims.application_name),
    ];
    named.into_iter().filter_map(|(name, value)| value.as_deref().map(|value| (name, value)))
}
