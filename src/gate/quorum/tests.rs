//! Who may decide and how many it takes: requesters never count, and nobody counts twice.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;
use crate::clock::Timestamp;
use crate::gate::approval::Claims;
use crate::identity::ids::{AgentName, SessionId};

fn requester(end_user: Option<&str>) -> Requester {
    Requester {
        agent: AgentName("bot".into()),
        owner: PersonName("olga".into()),
        issued_by: PersonName("ivan".into()),
        session: SessionId(1),
        client_addr: "10.0.0.1:5000".into(),
        claims: Claims { end_user: end_user.map(str::to_owned), ..Claims::default() },
    }
}

fn chain(end_user: Option<&str>) -> Chain {
    let issuers = |person: &PersonName| {
        Ok::<_, Infallible>(match person.0.as_str() {
            "olga" => vec![PersonName("root".into())],
            "root" => vec![PersonName("super".into()), PersonName("olga".into())],
            _ => Vec::new(),
        })
    };
    let Ok(chain) = Chain::of(&requester(end_user), None, issuers);
    chain
}

fn review(person: &str, groups: &[&str], verdict: Verdict) -> Review {
    Review {
        person: PersonName(person.into()),
        verdict,
        reason: None,
        at: Timestamp::from_millis(0),
        via: "api".into(),
        assurance: "token".into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        digest_seen: String::new(),
    }
}

fn yes(person: &str, groups: &[&str]) -> Review {
    review(person, groups, Verdict::Approve)
}

fn stages(list: &[(&[&str], u16)]) -> Vec<Stage> {
    list.iter()
        .map(|(groups, needed)| Stage {
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            needed: *needed,
        })
        .collect()
}

#[test]
fn reviews_are_counted_as_the_table_says() {
    use Standing::{Denied, Filled, Open};
    let one = stages(&[(&["dba"], 1)]);
    let two = stages(&[(&["dba"], 2)]);
    let both = stages(&[(&["dba"], 1), (&["steward"], 1)]);
    let wide = stages(&[(&["dba", "steward"], 1), (&["dba"], 1)]);
    let cases: Vec<(&str, &[Stage], Vec<Review>, Standing)> = vec![
        ("nobody yet", &one, vec![], Open { missing: 1 }),
        ("one of one", &one, vec![yes("dana", &["dba"])], Filled),
        ("wrong group", &one, vec![yes("dana", &["steward"])], Open { missing: 1 }),
        ("the same person twice", &two, vec![yes("dana", &["dba"]), yes("Dana ", &["dba"])], Open { missing: 1 }),
        ("two people", &two, vec![yes("dana", &["dba"]), yes("dora", &["dba"])], Filled),
        ("one person, two groups, two stages", &both, vec![yes("dana", &["dba", "steward"])], Open { missing: 1 }),
        ("assignment moves the first on", &wide, vec![yes("dana", &["dba"]), yes("sue", &["steward"])], Filled),
        ("any deny ends it", &two, vec![yes("dana", &["dba"]), review("dora", &["dba"], Verdict::Deny)], Denied),
        ("the owner does not count", &one, vec![yes("olga", &["dba"])], Open { missing: 1 }),
        ("the issuer does not count", &one, vec![yes("IVAN", &["dba"])], Open { missing: 1 }),
        ("the agent does not count", &one, vec![yes("bot", &["dba"])], Open { missing: 1 }),
        ("who issued the owner's token", &one, vec![yes("root", &["dba"])], Open { missing: 1 }),
        ("and who issued that one's", &one, vec![yes("super", &["dba"])], Open { missing: 1 }),
        (
            "a deny of the chain does not count",
            &one,
            vec![review("olga", &["dba"], Verdict::Deny)],
            Open { missing: 1 },
        ),
        ("no stages is never filled", &[], vec![yes("dana", &["dba"])], Open { missing: 1 }),
    ];
    for (name, stages, reviews, expected) in cases {
        assert_eq!(standing(stages, &reviews, &chain(None)), expected, "{name}");
    }
}

#[test]
fn claimed_end_user_does_not_count() {
    let one = stages(&[(&["dba"], 1)]);
    let reviews = [yes("dana@example.com", &["dba"])];
    assert_eq!(standing(&one, &reviews, &chain(Some("Dana@Example.com"))), Standing::Open { missing: 1 });
}

#[test]
fn chain_fails_when_an_issuer_cannot_be_read() {
    let failed = Chain::of(&requester(None), None, |_| Err("store"));
    assert_eq!(failed, Err("store"));
}

/// Tries every way to seat people: slow and plainly right.
fn fillable(seats: &[&Stage], people: &[Review]) -> bool {
    let Some((stage, others)) = seats.split_first() else { return true };
    people.iter().enumerate().any(|(index, person)| {
        let mut rest = people.to_vec();
        rest.remove(index);
        fits(stage, &person.groups) && fillable(others, &rest)
    })
}

proptest! {
    #[test]
    fn assignment_agrees_with_trying_everything(
        table in proptest::collection::vec((1u8..8, 1u16..3), 1..3),
        people in proptest::collection::vec(0u8..8, 0..6),
    ) {
        let names = ["a", "b", "c"];
        let groups = |bits: u8| (0..3).filter(|bit| bits & (1 << bit) != 0).map(|bit| names[bit]).collect::<Vec<_>>();
        let stages: Vec<Stage> = table.iter()
            .map(|(bits, needed)| Stage { groups: groups(*bits).into_iter().map(str::to_owned).collect(), needed: *needed })
            .collect();
        let reviews: Vec<Review> = people.iter().enumerate().map(|(n, bits)| yes(&format!("p{n}"), &groups(*bits))).collect();
        let seats: Vec<&Stage> = stages.iter().flat_map(|stage| vec![stage; usize::from(stage.needed)]).collect();
        let filled = standing(&stages, &reviews, &chain(None)) == Standing::Filled;
        prop_assert_eq!(filled, fillable(&seats, &reviews));
    }
}
