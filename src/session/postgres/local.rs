//! What the proxy answers itself: `SET holdpoint.…` (kept here, never sent on) and `SHOW holdpoint.…`.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::gate::approval::{Approval, Claims};
use crate::identity::ids::ApprovalId;
use crate::pg::compose;
use crate::session::postgres::request::claimed;
use crate::session::postgres::{End, Session};
use crate::statement::footprint::SessionEffect;

const HELP: &str = "SET holdpoint.reason = '<why>' and holdpoint.ticket = '<id>' before a statement that needs approval; \
a held statement waits for a person, then runs; after a pending error send exactly the same statement again; \
SET holdpoint.hold = '50s' limits the wait; SHOW holdpoint.approval or SHOW holdpoint.\"apr_...\" tells where it stands";

/// What the requester says of itself.
#[derive(Default)]
pub(super) struct Said {
    pub claims: Claims,
    pub hold: Option<Duration>,
    pub notices: Option<bool>,
    pub last_approval: Option<ApprovalId>,
}

/// What was answered of a text, and what of it remains to be judged.
pub(super) struct AnsweredLocally {
    /// Answers so far, without ReadyForQuery.
    pub bytes: BytesMut,
    /// The rest of the text; `None` when all of it was ours.
    pub rest: Option<Arc<str>>,
}

impl Session {
    /// The statement is one of ours, alone in its text.
    pub(super) async fn local_kind(&mut self, text: &Arc<str>) -> Result<bool, End> {
        if !mentions_us(text) {
            return Ok(false);
        }
        let judged = self.judge_reading(text).await?;
        let [only] = judged.statements.as_slice() else { return Ok(false) };
        Ok(ours(&only.statement.footprint.session))
    }

    /// Answers the statements of a Query that are ours, as far as they stand in front.
    pub(super) async fn answer_local_statements(&mut self, text: &Arc<str>) -> Result<AnsweredLocally, End> {
        let mut bytes = BytesMut::new();
        if !mentions_us(text) {
            return Ok(AnsweredLocally { bytes, rest: Some(text.clone()) });
        }
        let judged = self.judge_reading(text).await?;
        let mut consumed = 0;
        for one in &judged.statements {
            if !ours(&one.statement.footprint.session) {
                break;
            }
            bytes.extend_from_slice(&self.run_local_effects(&one.statement.footprint.session, true).await);
            consumed = one.statement.end;
        }
        let rest = text.get(consumed..).unwrap_or_default();
        let nothing_left = rest.trim_matches(|c: char| c.is_whitespace() || c == ';').is_empty();
        Ok(AnsweredLocally { rest: (consumed == 0 || !nothing_left).then(|| Arc::from(rest)), bytes })
    }

    /// Runs one of our statements for an Execute: rows and completion, without a description.
    pub(super) async fn run_local(&mut self, text: &Arc<str>, describe: bool) -> Result<Bytes, End> {
        let judged = self.judge_reading(text).await?;
        Ok(match judged.statements.first() {
            Some(one) => self.run_local_effects(&one.statement.footprint.session, describe).await.freeze(),
            None => Bytes::new(),
        })
    }

    async fn run_local_effects(&mut self, effects: &[SessionEffect], describe: bool) -> BytesMut {
        let mut out = BytesMut::new();
        for effect in effects {
            match effect {
                SessionEffect::Claim { name, value } => {
                    self.claim(name, value.as_deref());
                    out.extend_from_slice(&compose::complete("SET"));
                }
                SessionEffect::ShowClaim { name } => {
                    let value = self.show(name);
                    if describe {
                        out.extend_from_slice(&compose::text_column(&format!("holdpoint.{name}")));
                    }
                    out.extend_from_slice(&compose::text_row(&value));
                    out.extend_from_slice(&compose::complete("SHOW"));
                }
                _ => {}
            }
        }
        out
    }

    /// The description of one of our statements: ParameterDescription too for a statement, not for a portal.
    pub(super) fn describe_local(&mut self, text: &str, statement: bool) -> Bytes {
        let mut out = BytesMut::new();
        if statement {
            out.extend_from_slice(&compose::NO_PARAMETERS);
        }
        let shows = text.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("show"));
        if shows {
            out.extend_from_slice(&compose::text_column("holdpoint"));
        } else {
            out.extend_from_slice(&compose::NO_DATA);
        }
        out.freeze()
    }

    /// Takes a claim of the requester: shown to approvers as claimed.
    pub(super) fn claim(&mut self, name: &str, value: Option<&str>) {
        let kept = value.and_then(claimed);
        let claims = &mut self.said.claims;
        match name {
            "reason" => claims.reason = kept,
            "ticket" => claims.ticket = kept,
            "end_user" => claims.end_user = kept,
            "model" => claims.model = kept,
            "traceparent" => claims.traceparent = kept,
            "hold" | "hold_timeout" => self.said.hold = kept.as_deref().and_then(duration),
            "notices" => self.said.notices = kept.map(|value| matches!(value.as_str(), "on" | "true" | "1")),
            _ => tracing::debug!(name, "an unknown holdpoint setting was ignored"),
        }
    }

    fn show(&self, name: &str) -> String {
        let claims = &self.said.claims;
        let said = |value: &Option<String>| value.clone().unwrap_or_default();
        match name {
            "help" => HELP.to_owned(),
            "approval" => match &self.said.last_approval {
                Some(id) => self.show_approval(id),
                None => "nothing was held in this session".to_owned(),
            },
            "reason" => said(&claims.reason),
            "ticket" => said(&claims.ticket),
            "end_user" => said(&claims.end_user),
            "model" => said(&claims.model),
            "hold" => self.said.hold.map_or_else(|| "default".to_owned(), |hold| format!("{}s", hold.as_secs())),
            "agent" => self.agent.name.to_string(),
            other => match ApprovalId::parse(other) {
                Some(id) => self.show_approval(&id),
                None => format!("unknown: {other}; try SHOW holdpoint.help"),
            },
        }
    }

    /// An agent sees its own approvals only.
    fn show_approval(&self, id: &ApprovalId) -> String {
        match self.services.desk.get(id) {
            Ok(Some(approval)) if approval.request.requester.agent == self.agent.name => describe(&approval),
            _ => format!("{id}: not known"),
        }
    }
}

fn describe(approval: &Approval) -> String {
    let state = serde_json::to_value(approval.state).ok().and_then(|value| value.as_str().map(str::to_owned));
    let state = state.unwrap_or_default();
    let approvals = approval.reviews.len();
    let until = approval.expires_at.to_rfc3339();
    let next = match state.as_str() {
        "pending" => "wait, then send exactly the same statement again",
        "approved" => "send exactly the same statement again now",
        "denied" => "do not retry; tell your user",
        "expired" | "lapsed" => "send the statement again to ask anew",
        _ => "nothing more to do",
    };
    format!("{}: {state}; {approvals} decision(s) so far; people may decide until {until}; {next}", approval.id)
}

fn ours(effects: &[SessionEffect]) -> bool {
    !effects.is_empty()
        && effects.iter().all(|effect| matches!(effect, SessionEffect::Claim { .. } | SessionEffect::ShowClaim { .. }))
}

/// A cheap look before anything is read.
fn mentions_us(text: &str) -> bool {
    text.as_bytes().windows(9).any(|window| window.eq_ignore_ascii_case(b"holdpoint"))
}

/// `50s`, `10min`, `5m`, `1h`, or a number of seconds.
fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text.get(..split)?.parse().ok()?;
    let factor = match text.get(split..)?.trim() {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(number.saturating_mul(factor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("50s"), Some(Duration::from_secs(50)));
        assert_eq!(duration("10min"), Some(Duration::from_secs(600)));
        assert_eq!(duration("soon"), None);
    }

    #[test]
    fn mention_is_found_in_any_case() {
        assert!(mentions_us("set HOLDPOINT.reason = 'x'"));
        assert!(!mentions_us("SELECT hold, point"));
    }
}
