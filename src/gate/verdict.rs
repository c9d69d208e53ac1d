//! What the gate does with a ruling. A function from value to value; waiting is `gate/desk`.

use crate::gate::approval::Claims;
use crate::gate::refusal::Refusal;
use crate::gate::release::Release;
use crate::policy::ruling::{ApprovalPolicy, Effect, Ruling};

/// The gate's verdict.
#[derive(Debug)]
pub enum Verdict {
    /// Send it.
    Allow(Release),
    /// Ask people, like this.
    Hold(ApprovalPolicy),
    /// Refuse it; nobody is asked.
    Deny(Refusal),
}

/// Turns a ruling into a verdict. `digest` is that of the statement the ruling is about.
pub fn admit(ruling: &Ruling, claims: &Claims, digest: &str) -> Verdict {
    match (ruling.effect, &ruling.approval) {
        (Effect::Allow, _) => Verdict::Allow(Release::new(None, digest.to_owned())),
        (Effect::Hold, Some(policy)) if policy.reason_required && !has_reason(claims) => {
            Verdict::Deny(Refusal::reason_missing(&ruling.hits, policy.reason_by.as_ref()))
        }
        (Effect::Hold, Some(policy)) => Verdict::Hold(policy.clone()),
        // FAIL CLOSED: a hold that does not say whom to ask can never be approved.
        (Effect::Hold, None) => Verdict::Deny(Refusal::unavailable(None, "the rule does not say who may approve")),
        (Effect::Deny, _) => Verdict::Deny(Refusal::forbidden(&ruling.hits)),
    }
}

fn has_reason(claims: &Claims) -> bool {
    claims.reason.as_ref().is_some_and(|reason| !reason.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gate::refusal::RefusalKind;
    use crate::policy::ruling::Stage;

    fn ruling(effect: Effect, reason_required: Option<bool>) -> Ruling {
        let policy = |reason_required| ApprovalPolicy {
            stages: vec![Stage { groups: vec!["dba".into()], needed: 1 }],
            expires: Duration::from_secs(3600),
            hold: Duration::from_secs(300),
            use_within: Duration::from_secs(900),
            reason_required,
            reason_by: None,
            assurance: None,
        };
        Ruling {
            effect,
            hits: Vec::new(),
            actions: Vec::new(),
            classes: Vec::new(),
            tainted: false,
            ceiling: None,
            approval: reason_required.map(policy),
            rules_version: "r1".into(),
        }
    }

    fn said(reason: &str) -> Claims {
        Claims { reason: Some(reason.into()), ..Claims::default() }
    }

    #[test]
    fn allow_gives_a_release_for_that_digest_only() {
        let Verdict::Allow(release) = admit(&ruling(Effect::Allow, None), &Claims::default(), "d1") else {
            panic!("not allowed");
        };
        assert_eq!((release.approval(), release.digest()), (None, "d1"));
    }

    #[test]
    fn everything_else_is_held_or_denied() {
        let kind = |ruling: Ruling, claims: &Claims| match admit(&ruling, claims, "d") {
            Verdict::Allow(_) => panic!("allowed"),
            Verdict::Hold(_) => None,
            Verdict::Deny(refusal) => Some(refusal.kind),
        };
        let nothing = Claims::default();
        assert_eq!(kind(ruling(Effect::Hold, Some(false)), &nothing), None);
        assert_eq!(kind(ruling(Effect::Hold, Some(true)), &nothing), Some(RefusalKind::ReasonMissing));
        assert_eq!(kind(ruling(Effect::Hold, Some(true)), &said(" \t")), Some(RefusalKind::ReasonMissing));
        assert_eq!(kind(ruling(Effect::Hold, Some(true)), &said("refund check")), None);
        assert_eq!(kind(ruling(Effect::Hold, None), &nothing), Some(RefusalKind::Unavailable));
        assert_eq!(kind(ruling(Effect::Deny, Some(false)), &nothing), Some(RefusalKind::Forbidden));
    }
}
