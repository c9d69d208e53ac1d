//! An answer that is no: what happened and what to do next, in one line. Not an error of ours.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::gate::approval::{Approval, State, Verdict};
use crate::identity::ids::{AgentName, ApprovalId, RuleId};
use crate::policy::ruling::{Effect, RuleHit, Stage};

/// Primary lines stay below this: clients cut longer ones (libmariadb at 512 bytes), and the advice stands at the end.
pub const MESSAGE_BYTES_MAX: usize = 399;

const QUOTE_CHARS_MAX: usize = 200;

/// Why a statement is not run. Each kind has its own text and code per protocol (`pg/refusal`, later `mysql/refusal`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalKind {
    /// The hold ran out; the approval lives on.
    Pending,
    /// Somebody said no.
    Denied,
    /// A rule denies it; nobody was asked.
    Forbidden,
    /// Nobody decided in time.
    Expired,
    /// The rule wants a reason first.
    ReasonMissing,
    /// The client cancelled while it was held.
    Cancelled,
    /// Another connection of the same agent took over the wait.
    Superseded,
    /// It was approved, and the approval was taken back or lapsed before it was used.
    Revoked,
    /// The agent was switched off.
    Disabled,
    /// Something it rests on changed between approval and release: rules, catalog, settings.
    Changed,
    /// The gate cannot work: store, audit or rules are failing, or too many holds.
    Unavailable,
    /// The proxy is shutting down.
    Draining,
}

/// One refusal, ready to be worded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub kind: RefusalKind,
    /// The approval it is about.
    pub approval: Option<ApprovalId>,
    /// The one self-contained primary line: no newline, under 400 bytes, no secrets.
    pub message: String,
    /// More, for clients that show it.
    pub detail: Option<String>,
    /// What to do next, for clients that show it.
    pub hint: Option<String>,
}

impl Refusal {
    /// The hold ran out; the approval lives on. `inside` a transaction of the client's, which need not be where it was first asked for.
    /// `public_url` is what links begin with.
    pub fn pending(approval: &Approval, inside: bool, public_url: &str) -> Self {
        let id = &approval.id;
        let needs = clip(&needs(&approval.request.stages), 70);
        let rule = clip(&rule(&approval.request.hits, Effect::Hold), 48);
        let until = until(approval.created_at, approval.expires_at);
        let again = match inside {
            true => "roll back, then send the same transaction again",
            false => "then send exactly the same statement again",
        };
        let before = format!("approval pending [{id}]: ");
        let after = format!(
            " needs {needs} (rule {rule}). Not a SQL error; do not change the statement. Wait, {again} (valid until {until}). \
             Status: SHOW holdpoint.\"{id}\""
        );
        let link = format!("{public_url}/a/{id}");
        let room = |tail: &str| MESSAGE_BYTES_MAX.saturating_sub(before.len() + after.len() + tail.len());
        let tail = format!(" or {link}");
        let tail = if room(&tail) >= 30 { tail } else { String::new() };
        let what = clip(&subject(approval), room(&tail));
        Self {
            kind: RefusalKind::Pending,
            approval: Some(id.clone()),
            message: fit(format!("{before}{what}{after}{tail}")),
            detail: Some(format!("Rules: {}. Needs {needs}. Open until {}.", rules(&approval.request.hits), until)),
            hint: Some(format!("Wait for a person to decide at {link}, {again}.")),
        }
    }

    /// Somebody said no.
    pub fn denied(approval: &Approval, public_url: &str) -> Self {
        let id = &approval.id;
        let review = approval.last_review(Verdict::Deny);
        let person = review.map_or_else(|| "somebody".to_owned(), |review| clip(&one_line(&review.person.0, 80), 80));
        let before = format!("approval denied [{id}]: {person} said ");
        let after = ". Do not retry or work around; tell your user.";
        let room = MESSAGE_BYTES_MAX.saturating_sub(before.len() + after.len());
        let reason = review.and_then(|review| review.reason.as_deref()).filter(|reason| !reason.is_empty());
        let said = reason.map_or_else(|| "no".to_owned(), |reason| quoted(reason, room));
        Self {
            kind: RefusalKind::Denied,
            approval: Some(id.clone()),
            message: fit(format!("{before}{said}{after}")),
            detail: Some(format!("{}. Rules: {}.", clip(&subject(approval), 300), rules(&approval.request.hits))),
            hint: Some(format!("The request and the decision are kept at {public_url}/a/{id}.")),
        }
    }

    /// A rule denies it; nobody was asked.
    pub fn forbidden(hits: &[RuleHit]) -> Self {
        let hit = first(hits, Effect::Deny);
        let why = hit.map_or("it is not allowed", |hit| hit.message.as_deref().unwrap_or(&hit.because));
        let rule = clip(&rule(hits, Effect::Deny), 80);
        let why = clip(one_line(why, QUOTE_CHARS_MAX).trim_end_matches('.'), 220);
        Self {
            kind: RefusalKind::Forbidden,
            approval: None,
            message: fit(format!("blocked by rule {rule}: {why}. Nobody was asked. Do not retry.")),
            detail: Some(format!("Rules: {}.", rules(hits))),
            hint: Some("Tell your user that the rules forbid this statement.".to_owned()),
        }
    }

    /// Nobody decided in time.
    pub fn expired(approval: &Approval) -> Self {
        let id = &approval.id;
        let span = span(approval.expires_at.since(approval.created_at));
        Self {
            kind: RefusalKind::Expired,
            approval: Some(id.clone()),
            message: fit(format!(
                "approval expired [{id}]: nobody decided within {span}. Send the statement again to ask anew, with a reason: \
                 SET holdpoint.reason = '...'"
            )),
            detail: Some(format!("{}. Rules: {}.", clip(&subject(approval), 300), rules(&approval.request.hits))),
            hint: None,
        }
    }

    /// The rule wants a reason first: `by`, or every one that holds.
    pub fn reason_missing(hits: &[RuleHit], by: Option<&RuleId>) -> Self {
        let wants = by.map_or_else(|| rule(hits, Effect::Hold), |by| one_line(&by.0, 80));
        let rule = clip(&wants, 80);
        Self {
            kind: RefusalKind::ReasonMissing,
            approval: None,
            message: fit(format!(
                "reason required by rule {rule}: run SET holdpoint.reason = '<why>'; SET holdpoint.ticket = '<id>'; then \
                 repeat the statement."
            )),
            detail: Some(format!("Rules: {}.", rules(hits))),
            hint: Some("Say for whom and what for; people will read it.".to_owned()),
        }
    }

    /// The client cancelled while it was held.
    pub fn cancelled(id: &ApprovalId) -> Self {
        Self::short(RefusalKind::Cancelled, Some(id), format!("hold cancelled by client [{id}]"))
    }

    /// Another connection of the same agent took over the wait.
    pub fn superseded(id: &ApprovalId) -> Self {
        let message = format!(
            "hold taken over [{id}]: another connection of yours sent the same statement and waits now. Nothing ran here."
        );
        Self::short(RefusalKind::Superseded, Some(id), message)
    }

    /// It was approved, and the approval was revoked, or lapsed, or is used up.
    pub fn revoked(approval: &Approval) -> Self {
        let id = &approval.id;
        let (what, advice) = match approval.state {
            State::Lapsed | State::Approved => {
                ("lapsed", "it was not used in time. Send the statement again to ask anew.")
            }
            State::Revoked => ("revoked", "a person took it back. Do not retry or work around; tell your user."),
            State::Executing | State::Executed | State::Failed | State::Unknown => {
                ("used up", "it was used once already. Send the statement again to ask anew.")
            }
            _ => ("not given", "it ended without a yes. Do not retry or work around; tell your user."),
        };
        Self::short(RefusalKind::Revoked, Some(id), format!("approval {what} [{id}]: {advice}"))
    }

    /// The agent was switched off.
    pub fn disabled(agent: &AgentName, id: Option<&ApprovalId>) -> Self {
        let agent = clip(&one_line(&agent.0, 80), 80);
        let message = format!("agent {agent} is switched off: nothing it sends runs. Do not retry; tell your user.");
        Self::short(RefusalKind::Disabled, id, message)
    }

    /// Something the approval rests on changed between yes and go; `what` names it: `the rules`, `the search path`.
    pub fn changed(id: &ApprovalId, what: &str) -> Self {
        let what = clip(&one_line(what, 120), 120);
        let message = format!(
            "approval no longer fits [{id}]: {what} changed since it was given, so nothing ran. Send the statement again to \
             ask anew."
        );
        Self::short(RefusalKind::Changed, Some(id), message)
    }

    /// The gate cannot work; `why` says which part of it, without secrets.
    pub fn unavailable(id: Option<&ApprovalId>, why: &str) -> Self {
        let why = clip(&one_line(why, 160), 160);
        let message = format!(
            "statement not run: {why}. Not a SQL error; do not change the statement. Send it again later, or tell your user."
        );
        Self::short(RefusalKind::Unavailable, id, message)
    }

    /// The proxy is shutting down.
    pub fn draining(id: Option<&ApprovalId>) -> Self {
        let message = match id {
            Some(id) => format!("gateway restarting; {id} is kept, reconnect and send the same statement"),
            None => "gateway restarting; reconnect and send the same statement".to_owned(),
        };
        Self::short(RefusalKind::Draining, id, message)
    }

    fn short(kind: RefusalKind, id: Option<&ApprovalId>, message: String) -> Self {
        Self { kind, approval: id.cloned(), message: fit(message), detail: None, hint: None }
    }
}

/// People's words for a program that a language model reads: one line, in quotes, at most 200 characters and `bytes_max`
/// bytes with the quotes.
pub fn quoted(words: &str, bytes_max: usize) -> String {
    let words = one_line(words, QUOTE_CHARS_MAX).replace('"', "'");
    format!("\"{}\"", clip(&words, bytes_max.saturating_sub(2)))
}

/// A text on one line: controls, line breaks and invisible formatting characters become one space, at most `chars_max` stay.
pub fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = String::new();
    let mut blank = false;
    let mut chars = 0;
    for letter in text.chars() {
        if letter.is_whitespace() || letter.is_control() || is_invisible(letter) {
            blank = chars > 0;
            continue;
        }
        if chars + usize::from(blank) >= chars_max {
            line.push('…');
            break;
        }
        if std::mem::take(&mut blank) {
            line.push(' ');
            chars += 1;
        }
        line.push(letter);
        chars += 1;
    }
    line
}

/// Characters that turn, hide or join text: bidirectional controls, zero-width ones, tags, soft hyphen.
fn is_invisible(letter: char) -> bool {
    matches!(u32::from(letter),
        0xAD | 0x61C | 0x180E | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFEFF | 0xFFF9..=0xFFFB | 0xE0000..=0xE0FFF)
}

/// Shortens to at most `bytes_max` bytes, at a character's border, with an ellipsis.
fn clip(text: &str, bytes_max: usize) -> String {
    if text.len() <= bytes_max {
        return text.to_owned();
    }
    let room = bytes_max.saturating_sub('…'.len_utf8());
    let end = text.char_indices().map(|(at, letter)| at + letter.len_utf8()).take_while(|end| *end <= room).last();
    format!("{}…", text.get(..end.unwrap_or(0)).unwrap_or_default())
}

fn fit(message: String) -> String {
    clip(&one_line(&message, MESSAGE_BYTES_MAX), MESSAGE_BYTES_MAX)
}

fn subject(approval: &Approval) -> String {
    let statements = &approval.request.statements;
    let first = statements.first().map_or("a statement", |statement| statement.summary.as_str());
    let first = one_line(first, 400);
    match statements.len() {
        0 | 1 => first,
        count => format!("batch of {count} statements: {first}"),
    }
}

fn needs(stages: &[Stage]) -> String {
    let words: Vec<String> = stages.iter().map(stage_words).collect();
    if words.is_empty() { "an approval that nobody may give".to_owned() } else { words.join(" and ") }
}

fn stage_words(stage: &Stage) -> String {
    let approvals = if stage.needed == 1 { "approval" } else { "approvals" };
    let groups = if stage.groups.len() == 1 { "group" } else { "groups" };
    format!("{} {approvals} from {groups} {}", stage.needed, one_line(&stage.groups.join(" or "), 100))
}

fn first(hits: &[RuleHit], effect: Effect) -> Option<&RuleHit> {
    hits.iter().find(|hit| hit.enforced && hit.effect == effect)
}

fn rule(hits: &[RuleHit], effect: Effect) -> String {
    first(hits, effect).map_or_else(|| "(none)".to_owned(), |hit| one_line(&hit.rule.0, 80))
}

fn rules(hits: &[RuleHit]) -> String {
    let mut names: Vec<String> = Vec::new();
    for hit in hits.iter().filter(|hit| hit.enforced) {
        let name = one_line(&hit.rule.0, 80);
        // In a batch the same rule matches more than one statement.
        if !names.contains(&name) {
            names.push(name);
        }
    }
    clip(&names.join(", "), 300)
}

/// `10:05Z`, with the date when it is another day.
fn until(from: Timestamp, moment: Timestamp) -> String {
    let text = moment.to_rfc3339();
    let today = from.to_rfc3339();
    let (Some(day), Some(minute)) = (text.get(..10), text.get(11..16)) else { return text };
    if today.starts_with(day) { format!("{minute}Z") } else { format!("{day} {minute}Z") }
}

/// `1 h`, `90 min`, `45 s`.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 3600 && seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests;
