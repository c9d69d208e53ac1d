//! Grants against a real desk, audit log and store: who gives them, what they fit, and that each run is given once.

use std::time::Duration;

use futures_util::future::join_all;

use super::*;
use crate::audit::checkpoint::NoteSigner;
use crate::audit::log::LogOptions;
use crate::clock::Timestamp;
use crate::gate::desk::grants::bound::Bound;
use crate::gate::desk::{DeskLimits, DeskParts};
use crate::gate::digest::BoundParameter;
use crate::gate::life::Times;
use crate::gate::refusal::RefusalKind;
use crate::gate::sample;
use crate::identity::assurance::Assurance;
use crate::policy::ruling::Stage;
use crate::store::memory::{Fault, MemoryStore, Part};

struct TestClock(std::sync::atomic::AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

struct Bench {
    store: Arc<MemoryStore>,
    clock: Arc<TestClock>,
    grants: Arc<Grants>,
    approval: ApprovalId,
}

const HOUR: Duration = Duration::from_secs(3600);

fn input<'a>(parameters: &'a [BoundParameter<'a>]) -> DigestInput<'a> {
    DigestInput {
        statement_bytes: b"SELECT * FROM orders WHERE id = $1",
        parameters,
        agent: "bot",
        upstream: "shop",
        database: "shop",
        role: "app",
        search_path: &[],
        settings: &[],
        rules_version: "r1",
    }
}

fn id(value: &str) -> [BoundParameter<'_>; 1] {
    [(23, Some(value.as_bytes()), 0)]
}

fn terms() -> Terms {
    Terms { life_seconds: 1800, runs: 5, rows: 200, bounds: Vec::new() }
}

fn voice(name: &str) -> Voice {
    let person = if name == "otto" {
        Person { groups: vec!["sales".into()], ..sample::person("otto") }
    } else {
        sample::person(name)
    };
    Voice { person, reason: Some("nightly job".into()), via: "api".into(), assurance: "token".into() }
}

async fn bench(needed: u16) -> Bench {
    let store = Arc::new(MemoryStore::new());
    store.add_agent(sample::agent("bot")).await.unwrap();
    let clock = Arc::new(TestClock(1_000_000_000_000.into()));
    let signer = NoteSigner::new("test", &[1; 32]);
    let audit = AuditLog::start(store.clone(), signer, clock.clone(), LogOptions::default()).await.unwrap();
    let parts = DeskParts {
        approvals: store.clone(),
        agents: store.clone(),
        tokens: store.clone(),
        audit: audit.clone(),
        clock: clock.clone(),
        limits: DeskLimits::default(),
    };
    let desk = Arc::new(Desk::new(parts).unwrap());
    let running = desk.clone();
    tokio::spawn(async move { running.run(std::future::pending()).await });
    let mut request = sample::request("bot", "d1");
    request.stages = vec![Stage { groups: vec!["dba".into()], needed }];
    let ticket = desk.open(request, Times { expires: HOUR, use_within: HOUR }).await.unwrap();
    let grants = Arc::new(Grants::new(GrantsParts {
        grants: store.clone(),
        desk,
        agents: store.clone(),
        tokens: store.clone(),
        audit,
        clock: clock.clone(),
    }));
    grants.remember(ticket.id(), &input(&id("7"))).await.unwrap();
    Bench { store, clock, grants, approval: ticket.id().clone() }
}

fn asked<'a>(input: &'a DigestInput<'a>, changes: u64) -> Asked<'a> {
    Asked { input, digest: "d9", changes, session: SessionId(1), statement: StatementId(2) }
}

impl Bench {
    async fn given(&self, terms: Terms) -> Grant {
        self.grants.propose(&self.approval, terms, &voice("dana")).await.unwrap()
    }

    async fn runs(&self, input: &DigestInput<'_>) -> Result<Option<Granted>, Refusal> {
        self.grants.use_grant(&asked(input, 0)).await
    }

    async fn may(&self, input: &DigestInput<'_>) -> bool {
        self.runs(input).await.unwrap().is_some()
    }

    fn pass(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1000, std::sync::atomic::Ordering::SeqCst);
    }

    fn standing(&self, grant: &Grant) -> Standing {
        self.grants.get(&grant.id).unwrap().unwrap().standing(self.clock.now())
    }

    fn events(&self) -> Vec<Event> {
        self.grants.parts.audit.read(0, 1000).unwrap().into_iter().map(|record| record.event).collect()
    }
}

#[tokio::test]
async fn each_run_is_given_once_however_many_ask() {
    let bench = bench(1).await;
    let grant = bench.given(terms()).await;
    let (value, shown) = (id("7"), &bench);
    let input = input(&value);
    let runs = join_all((0..40).map(|_| async { shown.runs(&input).await.unwrap() })).await;
    let mut given: Vec<Granted> = runs.into_iter().flatten().collect();
    assert_eq!(given.len(), 5);
    given.sort_by_key(|run| std::cmp::Reverse(run.runs_left));
    let first = &given[0];
    assert_eq!((first.runs_left, first.rows_max, &first.grant), (4, 200, &grant.id));
    assert_eq!(
        (first.release.grant(), first.release.approval(), first.release.digest()),
        (Some(&grant.id), None, "d9")
    );
    assert_eq!(bench.standing(&grant), Standing::UsedUp);
    let used = bench.events().into_iter().filter_map(|event| match event {
        Event::GrantUsed { run, .. } => Some(run),
        _ => None,
    });
    assert_eq!(used.collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_grant_fits_nothing_but_what_it_was_given_for() {
    let bench = bench(1).await;
    bench.given(terms()).await;
    let (value, other) = (id("7"), id("8"));
    let same = input(&value);
    assert!(!bench.may(&input(&other)).await, "another value");
    for changed in [
        DigestInput { statement_bytes: b"SELECT * FROM orders", ..same },
        DigestInput { agent: "bat", ..same },
        DigestInput { upstream: "crm", ..same },
        DigestInput { role: "admin", ..same },
        DigestInput { settings: &[("a", "b")], ..same },
        DigestInput { rules_version: "r2", ..same },
        DigestInput { parameters: &[], ..same },
    ] {
        assert!(!bench.may(&changed).await, "{changed:?}");
    }
    assert!(bench.may(&same).await);
    bench.pass(1800);
    assert!(!bench.may(&same).await, "its time is over");
}

#[tokio::test]
async fn parameters_move_within_their_bounds_only() {
    let bench = bench(1).await;
    bench.given(Terms { bounds: vec![Bound::Between { min: 1, max: 9 }], ..terms() }).await;
    for (value, fits) in [("1", true), ("9", true), ("10", false), ("0", false), ("1 OR 1=1", false)] {
        assert_eq!(bench.may(&input(&id(value))).await, fits, "{value}");
    }
    assert!(!bench.may(&input(&[(23, None, 0)])).await);
}

#[tokio::test]
async fn a_grant_needs_the_people_that_the_approval_needs() {
    let bench = bench(2).await;
    let value = id("7");
    let grant = bench.given(terms()).await;
    assert_eq!(bench.standing(&grant), Standing::Proposed);
    assert!(!bench.may(&input(&value)).await);
    for (who, error) in
        [("olga", GrantError::SelfApproval), ("ivan", GrantError::SelfApproval), ("otto", GrantError::NotAnApprover)]
    {
        assert_eq!(bench.grants.review(&grant.id, Verdict::Approve, &voice(who)).await, Err(error), "{who}");
    }
    bench.grants.review(&grant.id, Verdict::Approve, &voice("dana")).await.unwrap();
    assert_eq!(bench.standing(&grant), Standing::Proposed, "one person fills one seat");
    bench.grants.review(&grant.id, Verdict::Approve, &voice("erik")).await.unwrap();
    assert_eq!(bench.standing(&grant), Standing::Active);
    assert!(bench.may(&input(&value)).await);
    let again = bench.grants.review(&grant.id, Verdict::Approve, &voice("dana")).await;
    assert_eq!(again, Err(GrantError::Not(Standing::Active)));
}

#[tokio::test]
async fn a_grant_needs_the_assurance_that_the_approval_needs() {
    let bench = bench(2).await;
    let grant = Grant { assurance: Some(Assurance::Oidc), version: 2, ..bench.given(terms()).await };
    bench.store.put_grant(grant.clone(), Some(2)).await.unwrap();
    let weak = bench.grants.review(&grant.id, Verdict::Approve, &voice("erik")).await;
    assert_eq!(weak, Err(GrantError::Assurance(Assurance::Oidc)));
    let strong = Voice { assurance: "oidc+mfa".into(), ..voice("erik") };
    let given = bench.grants.review(&grant.id, Verdict::Approve, &strong).await.unwrap();
    assert_eq!(given.standing(bench.clock.now()), Standing::Active);
}

#[tokio::test]
async fn one_no_ends_a_proposal_and_so_does_time() {
    let bench = bench(2).await;
    let denied = bench.given(terms()).await;
    bench.grants.review(&denied.id, Verdict::Deny, &voice("erik")).await.unwrap();
    assert_eq!(bench.standing(&denied), Standing::Denied);
    let late = bench.given(terms()).await;
    bench.pass(3600);
    let review = bench.grants.review(&late.id, Verdict::Approve, &voice("erik")).await;
    assert_eq!(review, Err(GrantError::Not(Standing::Expired)));
}

#[tokio::test]
async fn revoked_grants_and_switched_off_agents_run_nothing() {
    let bench = bench(1).await;
    let value = id("7");
    let grant = bench.given(terms()).await;
    assert_eq!(bench.grants.revoke(&grant.id, &voice("otto")).await, Err(GrantError::NotAnApprover));
    bench.grants.revoke(&grant.id, &voice("olga")).await.unwrap();
    assert!(!bench.may(&input(&value)).await);
    let other = bench.given(terms()).await;
    bench.store.set_agent_disabled(AgentName("bot".into()), true).await.unwrap();
    assert_eq!(bench.runs(&input(&value)).await.unwrap_err().kind, RefusalKind::Disabled);
    assert_eq!(bench.grants.revoke_all(&AgentName("bot".into()), &PersonName("ada".into())).await, Ok(1));
    bench.store.set_agent_disabled(AgentName("bot".into()), false).await.unwrap();
    assert!(!bench.may(&input(&value)).await);
    assert_eq!(bench.standing(&other), Standing::Revoked);
}

#[tokio::test]
async fn nothing_runs_when_the_use_cannot_be_recorded_or_counted() {
    let bench = bench(1).await;
    let value = id("7");
    let grant = bench.given(terms()).await;
    for part in [Part::Audit, Part::Approvals] {
        bench.store.set_fault(part, Fault::Refuse);
        assert_eq!(bench.runs(&input(&value)).await.unwrap_err().kind, RefusalKind::Unavailable, "{part:?}");
        bench.store.set_fault(part, Fault::None);
    }
    assert_eq!(bench.grants.get(&grant.id).unwrap().unwrap().runs, 0);
    bench.store.set_fault(Part::Approvals, Fault::HappenAndFail);
    assert!(bench.runs(&input(&value)).await.is_err());
    bench.store.set_fault(Part::Approvals, Fault::None);
    // The run that was written and not given is lost, never given twice.
    assert_eq!(bench.grants.get(&grant.id).unwrap().unwrap().runs, 1);
}

#[tokio::test]
async fn unbounded_terms_and_approvals_without_a_shape_give_nothing() {
    let bench = bench(1).await;
    let propose = |terms: Terms| async { bench.grants.propose(&bench.approval, terms, &voice("dana")).await };
    for bad in [
        Terms { life_seconds: 0, ..terms() },
        Terms { life_seconds: 8 * 86_400, ..terms() },
        Terms { runs: 0, ..terms() },
        Terms { runs: 1001, ..terms() },
        Terms { rows: 0, ..terms() },
        Terms { bounds: vec![Bound::Any, Bound::Any], ..terms() },
    ] {
        assert!(matches!(propose(bad).await, Err(GrantError::Terms(_))));
    }
    let nowhere = ApprovalId::from_random([9; 10]);
    assert_eq!(bench.grants.propose(&nowhere, terms(), &voice("dana")).await, Err(GrantError::NotFound));
    bench.grants.parts.grants.put_shape(nowhere, Shape::of(&input(&[]), "s")).await.unwrap();
    assert!(
        bench.grants.list(None).unwrap().is_empty()
            && bench.grants.usable(&AgentName("bot".into())).unwrap().is_empty()
    );
}

#[tokio::test]
async fn a_statement_that_changes_more_rows_than_allowed_uses_no_run() {
    let bench = bench(1).await;
    let value = id("7");
    let grant = bench.given(terms()).await;
    let input = input(&value);
    for changes in [201, u64::MAX] {
        assert!(!bench.grants.covers(&asked(&input, changes)).unwrap());
        assert!(bench.grants.use_grant(&asked(&input, changes)).await.unwrap().is_none());
    }
    assert_eq!(bench.grants.get(&grant.id).unwrap().unwrap().runs, 0);
    assert!(bench.grants.covers(&asked(&input, 200)).unwrap(), "looking counts nothing");
    assert!(bench.grants.use_grant(&asked(&input, 200)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_clock_set_back_lengthens_no_grant() {
    let bench = bench(1).await;
    let value = id("7");
    let grant = bench.given(Terms { life_seconds: 2, ..terms() }).await;
    bench.pass(-3600);
    assert!(bench.may(&input(&value)).await, "its time is not over");
    tokio::time::sleep(Duration::from_millis(2050)).await;
    assert!(!bench.may(&input(&value)).await);
    let found = bench.grants.get(&grant.id).unwrap().unwrap();
    assert_eq!(bench.grants.standing(&found), Standing::Expired);
    assert!(bench.grants.usable(&AgentName("bot".into())).unwrap().is_empty());
    assert_eq!(bench.grants.revoke(&grant.id, &voice("dana")).await, Err(GrantError::Not(Standing::Expired)));
}
