//! What the requester says of itself (`SET holdpoint.…`, kept here, never sent on), and what it may ask (`SHOW holdpoint.…`).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::gate::approval::{Approval, Claims};
use crate::gate::desk::grants::grant::Grant;
use crate::identity::ids::ApprovalId;
use crate::session::core::Core;
use crate::session::core::request::claimed;
use crate::statement::footprint::SessionEffect;

const HELP: &str = "SET holdpoint.reason = '<why>' and holdpoint.ticket = '<id>' before a statement that needs approval; \
a held statement waits for a person, then runs; after a pending error send exactly the same statement again; \
SET holdpoint.hold = '50s' limits the wait; SHOW holdpoint.approval or SHOW holdpoint.\"apr_...\" tells where it stands";

/// What the requester says of itself.
#[derive(Default)]
pub(in crate::session) struct Said {
    pub claims: Claims,
    pub hold: Option<Duration>,
    pub notices: Option<bool>,
    /// Classes that it asks to see as they are.
    pub unmask: BTreeSet<String>,
    pub last_approval: Option<ApprovalId>,
}

impl Said {
    /// Takes a claim of the requester: shown to approvers as claimed.
    pub fn claim(&mut self, name: &str, value: Option<&str>) {
        let kept = value.and_then(claimed);
        let claims = &mut self.claims;
        match name {
            "reason" => claims.reason = kept,
            "ticket" => claims.ticket = kept,
            "end_user" => claims.end_user = kept,
            "model" => claims.model = kept,
            "traceparent" => claims.traceparent = kept,
            "hold" | "hold_timeout" => self.hold = kept.as_deref().and_then(duration),
            "unmask" => self.unmask = kept.as_deref().map(list).unwrap_or_default(),
            "notices" => self.notices = kept.map(|value| matches!(value.as_str(), "on" | "true" | "1")),
            _ => tracing::debug!(name, "an unknown holdpoint setting was ignored"),
        }
    }
}

impl Core {
    /// The answer to `SHOW holdpoint.<name>`.
    pub fn show(&self, name: &str) -> String {
        let claims = &self.said.claims;
        let said = |value: &Option<String>| value.clone().unwrap_or_default();
        match name {
            "help" => HELP.to_owned(),
            "approval" => match &self.said.last_approval {
                Some(id) => self.show_approval(id),
                None => "nothing was held in this session".to_owned(),
            },
            "grants" => self.show_grants(),
            "reason" => said(&claims.reason),
            "ticket" => said(&claims.ticket),
            "end_user" => said(&claims.end_user),
            "model" => said(&claims.model),
            "hold" => self.said.hold.map_or_else(|| "default".to_owned(), |hold| format!("{}s", hold.as_secs())),
            "unmask" => self.said.unmask.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
            "agent" => self.agent.name.to_string(),
            other => match ApprovalId::parse(other) {
                Some(id) => self.show_approval(&id),
                None => format!("unknown: {other}; try SHOW holdpoint.help"),
            },
        }
    }

    fn show_grants(&self) -> String {
        let Ok(grants) = self.services.grants.usable(&self.agent.name) else {
            return "not known at the moment: the gateway's store fails".to_owned();
        };
        if grants.is_empty() {
            return "no grant can be used at the moment".to_owned();
        }
        let line = |grant: &Grant| {
            let left = grant.terms.runs.saturating_sub(grant.runs);
            let (rows, until) = (grant.terms.rows, grant.expires_at.to_rfc3339());
            format!(
                "{}: {} more run(s) of at most {rows} rows until {until}: {}",
                grant.id,
                left,
                grant.summary.join("; ")
            )
        };
        grants.iter().map(line).collect::<Vec<_>>().join(" | ")
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

/// Is this a statement that the proxy answers itself, and nothing else?
pub(in crate::session) fn ours(effects: &[SessionEffect]) -> bool {
    !effects.is_empty()
        && effects.iter().all(|effect| matches!(effect, SessionEffect::Claim { .. } | SessionEffect::ShowClaim { .. }))
}

/// A cheap look before anything is read.
pub(in crate::session) fn mentions_us(text: &[u8]) -> bool {
    text.windows(9).any(|window| window.eq_ignore_ascii_case(b"holdpoint"))
}

/// Names between commas.
fn list(text: &str) -> BTreeSet<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
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
    fn wish_to_see_classes_is_a_list_and_empty_clears_it() {
        let mut said = Said::default();
        said.claim("unmask", Some(" pci.card, pii.email,"));
        assert_eq!(said.unmask.iter().collect::<Vec<_>>(), ["pci.card", "pii.email"]);
        for cleared in [Some(""), Some(" , "), None] {
            said.claim("unmask", Some("pci.card"));
            said.claim("unmask", cleared);
            assert!(said.unmask.is_empty(), "{cleared:?}");
        }
    }

    #[test]
    fn mention_is_found_in_any_case() {
        assert!(mentions_us(b"set HOLDPOINT.reason = 'x'"));
        assert!(!mentions_us(b"SELECT hold, point"));
    }
}
