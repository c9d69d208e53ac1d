//! Every order of events in an approval's life: states only move forward, and terminal states never change.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::gate::sample;
use crate::identity::ids::PersonName;
use crate::identity::person::Person;
use crate::policy::ruling::Stage;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn pending(needed: u16) -> Approval {
    let stages = vec![Stage { groups: vec!["dba".into()], needed }];
    let request = Request { stages, ..sample::request("bot", "d1") };
    let times = Times { expires: Duration::from_secs(60), use_within: Duration::from_secs(30) };
    Approval::new(ApprovalId::from_random([1; 10]), request, times, at(0))
}

fn chain(approval: &Approval) -> Chain {
    let Ok(chain) = Chain::of(&approval.request.requester, None, |_| Ok::<_, Infallible>(Vec::new()));
    chain
}

fn says(person: &str, verdict: Verdict) -> Decision {
    Decision {
        person: Person { name: PersonName(person.into()), groups: vec!["dba".into()] },
        verdict,
        reason: Some("because\nof that".into()),
        via: "api".into(),
        assurance: "token".into(),
        digest: None,
        if_version: None,
    }
}

fn decide(approval: &Approval, decision: &Decision, now: Timestamp) -> Result<Approval, DecisionError> {
    approval.decide(decision, &chain(approval), now).map(|decided| match decided {
        Decided::Unchanged => approval.clone(),
        Decided::Changed(next) => *next,
    })
}

#[test]
fn a_yes_needs_the_assurance_that_the_rules_demand_and_a_no_does_not() {
    let approval = pending(1);
    let chain = chain(&approval);
    let request = Request { assurance: Some(crate::identity::assurance::Assurance::Oidc), ..approval.request.clone() };
    let approval = Approval { request, ..approval };
    let weak = says("dana", Verdict::Approve);
    let too_low = DecisionError::AssuranceTooLow { needed: crate::identity::assurance::Assurance::Oidc };
    assert_eq!(approval.decide(&weak, &chain, at(1)), Err(too_low));
    let strong = Decision { assurance: "oidc+mfa".into(), ..weak };
    assert!(
        matches!(approval.decide(&strong, &chain, at(1)), Ok(Decided::Changed(next)) if next.state == State::Approved)
    );
    let no = says("dana", Verdict::Deny);
    assert!(matches!(approval.decide(&no, &chain, at(1)), Ok(Decided::Changed(next)) if next.state == State::Denied));
}

#[test]
fn approval_after_the_deadline_comes_too_late() {
    assert_eq!(decide(&pending(1), &says("dana", Verdict::Approve), at(60)), Err(DecisionError::Expired));
}

#[test]
fn quorum_approves_and_sets_the_time_to_use_it() {
    let one = decide(&pending(2), &says("dana", Verdict::Approve), at(1)).unwrap();
    assert_eq!((one.state, one.version), (State::Pending, 2));
    let two = decide(&one, &says("dora", Verdict::Approve), at(2)).unwrap();
    assert_eq!((two.state, two.use_by, two.decided_at), (State::Approved, Some(at(32)), Some(at(2))));
}

#[test]
fn same_verdict_twice_changes_nothing() {
    let once = decide(&pending(1), &says("dana", Verdict::Approve), at(1)).unwrap();
    assert_eq!(once.decide(&says("dana", Verdict::Approve), &chain(&once), at(90)), Ok(Decided::Unchanged));
}

#[test]
fn a_person_may_turn_yes_into_no_while_it_is_pending() {
    let yes = decide(&pending(2), &says("dana", Verdict::Approve), at(1)).unwrap();
    let no = decide(&yes, &says("dana", Verdict::Deny), at(2)).unwrap();
    assert_eq!((no.state, no.reviews.len()), (State::Denied, 1));
}

#[test]
fn decisions_are_refused_as_the_table_says() {
    let approval = pending(1);
    let yes = || says("dana", Verdict::Approve);
    let outsider = Person { name: PersonName("eve".into()), groups: vec!["sales".into()] };
    let denied = decide(&approval, &says("dora", Verdict::Deny), at(1)).unwrap();
    let by = Some(PersonName("dora".into()));
    let half = decide(&pending(2), &says("dora", Verdict::Approve), at(1)).unwrap();
    let withdrawn = half.withdraw(at(1)).unwrap();
    let cases = [
        (&approval, Decision { person: outsider, ..yes() }, DecisionError::NotAnApprover),
        (&approval, says("olga", Verdict::Approve), DecisionError::SelfApproval),
        (&approval, says("olga", Verdict::Deny), DecisionError::SelfApproval),
        (&approval, says("ivan", Verdict::Approve), DecisionError::SelfApproval),
        (&approval, Decision { digest: Some("d2".into()), ..yes() }, DecisionError::DigestMismatch),
        (&approval, Decision { if_version: Some(7), ..yes() }, DecisionError::StaleVersion { current: 1 }),
        (&denied, yes(), DecisionError::AlreadyDecided { state: State::Denied, by }),
        (&withdrawn, yes(), DecisionError::AlreadyDecided { state: State::Withdrawn, by: None }),
    ];
    for (approval, decision, expected) in cases {
        assert_eq!(decide(approval, &decision, at(1)), Err(expected), "{decision:?}");
    }
}

#[test]
fn spending_checks_time_digest_and_rules() {
    let approved = decide(&pending(1), &says("dana", Verdict::Approve), at(0)).unwrap();
    assert_eq!(approved.spend("d2", "r1", at(1)), Err(LifeError::Changed));
    assert_eq!(approved.spend("d1", "r2", at(1)), Err(LifeError::Changed));
    assert_eq!(approved.spend("d1", "r1", at(30)), Err(LifeError::TooLate));
    let spent = approved.spend("d1", "r1", at(29)).unwrap();
    assert_eq!(spent.spend("d1", "r1", at(29)), Err(LifeError::Not(State::Executing)));
}

#[test]
fn what_nobody_knows_is_unknown_even_if_it_said_ok() {
    let approved = decide(&pending(1), &says("dana", Verdict::Approve), at(0)).unwrap();
    let spent = approved.spend("d1", "r1", at(1)).unwrap();
    let end = End { ok: true, unknown: true, ..End::default() };
    assert_eq!(spent.finish(&end, at(2)).unwrap().state, State::Unknown);
}

#[derive(Clone, Debug)]
enum Step {
    Decide(u8, bool),
    Expire,
    Withdraw,
    Revoke,
    Lapse,
    Spend(bool),
    Finish(bool, bool),
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..4, any::<bool>()).prop_map(|(person, yes)| Step::Decide(person, yes || person > 0)),
        1 => Just(Step::Expire),
        1 => Just(Step::Withdraw),
        1 => Just(Step::Revoke),
        1 => Just(Step::Lapse),
        3 => any::<bool>().prop_map(Step::Spend),
        2 => (any::<bool>(), any::<bool>()).prop_map(|(ok, unknown)| Step::Finish(ok, unknown)),
        2 => (-20i64..40).prop_map(Step::Wait),
    ]
}

fn taken(approval: &Approval, step: &Step, now: Timestamp) -> Option<Approval> {
    match step {
        Step::Decide(person, yes) => {
            let verdict = if *yes { Verdict::Approve } else { Verdict::Deny };
            decide(approval, &says(["dana", "dora", "olga", "dina"][usize::from(*person)], verdict), now).ok()
        }
        Step::Expire => approval.expire(now).ok(),
        Step::Withdraw => approval.withdraw(now).ok(),
        Step::Revoke => approval.revoke().ok(),
        Step::Lapse => approval.lapse(now).ok(),
        Step::Spend(right) => approval.spend(if *right { "d1" } else { "d2" }, "r1", now).ok(),
        Step::Finish(ok, unknown) => approval.finish(&End { ok: *ok, unknown: *unknown, ..End::default() }, now).ok(),
        Step::Wait(_) => None,
    }
}

proptest! {
    #[test]
    fn no_order_of_events_reopens_an_end_or_spends_twice(
        needed in 1u16..3,
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut approval = pending(needed);
        let mut now = 0;
        let mut spent = 0;
        for step in steps {
            if let Step::Wait(seconds) = step {
                now = (now + seconds).max(0);
            }
            let Some(next) = taken(&approval, &step, at(now)) else { continue };
            if next == approval {
                continue;
            }
            prop_assert!(!approval.state.is_terminal(), "{step:?} left {:?}", approval.state);
            prop_assert_eq!(next.version, approval.version + 1);
            prop_assert_eq!(&next.request, &approval.request);
            if next.state == State::Executing {
                prop_assert_eq!(approval.state, State::Approved);
                let people: std::collections::BTreeSet<_> = next.reviews.iter().map(|review| &review.person.0).collect();
                prop_assert!(people.len() >= usize::from(needed));
                prop_assert!(!people.contains(&"olga".to_owned()));
                prop_assert!(at(now) < next.use_by.unwrap());
                spent += 1;
            }
            approval = next;
        }
        prop_assert!(spent <= 1);
    }
}
