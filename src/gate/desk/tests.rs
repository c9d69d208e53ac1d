//! The desk with clients, people, deadlines, clock jumps and a store that fails.

use std::sync::atomic::{AtomicI64, Ordering};

use futures_util::future::join_all;
use tokio::time::Instant;

use super::*;
use crate::audit::checkpoint::NoteSigner;
use crate::audit::event::Event;
use crate::audit::log::LogOptions;
use crate::clock::Timestamp;
use crate::gate::approval::Verdict;
use crate::gate::desk::ticket::Settled;
use crate::gate::refusal::RefusalKind;
use crate::gate::sample;
use crate::identity::ids::PersonName;
use crate::store::memory::{Fault, MemoryStore, Part};

mod storm;

/// Follows the real clock, and jumps when told.
struct TestClock {
    start: Instant,
    skew: AtomicI64,
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.start.elapsed().as_millis()).unwrap();
        Timestamp::from_millis(1_000_000_000_000 + elapsed + self.skew.load(Ordering::Relaxed))
    }
}

struct Bench {
    store: Arc<MemoryStore>,
    clock: Arc<TestClock>,
    desk: Arc<Desk>,
}

const TIMES: Times = Times { expires: Duration::from_secs(60), use_within: Duration::from_secs(30) };

async fn bench_on(store: Arc<MemoryStore>, limits: DeskLimits) -> Bench {
    let clock = Arc::new(TestClock { start: Instant::now(), skew: AtomicI64::new(0) });
    let signer = NoteSigner::new("test", &[1; 32]);
    let audit = AuditLog::start(store.clone(), signer, clock.clone(), LogOptions::default()).await.unwrap();
    let parts = DeskParts {
        approvals: store.clone(),
        agents: store.clone(),
        tokens: store.clone(),
        audit,
        clock: clock.clone(),
        limits,
    };
    let desk = Arc::new(Desk::new(parts).unwrap());
    let running = desk.clone();
    tokio::spawn(async move { running.run(std::future::pending()).await });
    Bench { store, clock, desk }
}

async fn bench() -> Bench {
    let store = Arc::new(MemoryStore::new());
    for name in ["bot", "bat"] {
        store.add_agent(sample::agent(name)).await.unwrap();
    }
    bench_on(store, DeskLimits::default()).await
}

fn check(digest: &str) -> SpendCheck {
    SpendCheck { digest: digest.into(), rules_version: "r1".into(), statement: StatementId(3) }
}

impl Bench {
    async fn open(&self, digest: &str) -> Ticket {
        self.desk.open(sample::request("bot", digest), TIMES).await.unwrap()
    }

    async fn says(&self, ticket: &Ticket, person: &str, verdict: Verdict) -> Result<Approval, DecisionError> {
        self.desk.decide(ticket.id(), sample::decision(person, verdict)).await
    }

    async fn approved(&self, digest: &str) -> Ticket {
        let ticket = self.open(digest).await;
        self.says(&ticket, "dana", Verdict::Approve).await.unwrap();
        ticket
    }

    /// The system clock moves on, and the desk has time to notice.
    async fn pass(&self, seconds: i64) {
        self.clock.skew.fetch_add(seconds * 1000, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(40)).await;
    }

    /// Waits until the desk's task has brought it there, however busy the machine is.
    async fn reaches(&self, ticket: &Ticket, state: State) {
        let end = Instant::now() + Duration::from_secs(10);
        while self.state(ticket) != state {
            assert!(Instant::now() < end, "{:?} never became {state:?}", self.state(ticket));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn state(&self, ticket: &Ticket) -> State {
        self.desk.get(ticket.id()).unwrap().unwrap().state
    }

    fn events(&self) -> Vec<Event> {
        self.desk.parts.audit.read(0, 10_000).unwrap().into_iter().map(|record| record.event).collect()
    }
}

fn kind<T: std::fmt::Debug>(result: Result<T, Refusal>) -> RefusalKind {
    result.unwrap_err().kind
}

#[tokio::test]
async fn approved_statement_is_released_to_exactly_one_caller() {
    let bench = bench().await;
    let mut ticket = bench.approved("d1").await;
    assert_eq!(ticket.settled().await, Settled::Approved);
    let spends = join_all((0..32).map(|_| async { bench.desk.spend(&ticket, &check("d1")).await })).await;
    let released: Vec<_> = spends.iter().filter_map(|spend| spend.as_ref().ok()).collect();
    assert_eq!(released.len(), 1);
    assert_eq!((released[0].approval(), released[0].digest()), (Some(ticket.id()), "d1"));
    assert!(spends.iter().filter_map(|spend| spend.as_ref().err()).all(|refusal| refusal.kind == RefusalKind::Revoked));
    bench.desk.finish(ticket.id(), End { ok: true, rows: Some(7), ..End::default() }).await.unwrap();
    assert_eq!(bench.state(&ticket), State::Executed);
}

#[tokio::test]
async fn an_agent_that_was_denied_again_and_again_asks_nobody_for_a_while() {
    let store = Arc::new(MemoryStore::new());
    store.add_agent(sample::agent("bot")).await.unwrap();
    let pace = PaceLimits { denials: Some(2), pause: Duration::from_secs(60), ..PaceLimits::default() };
    let bench = bench_on(store, DeskLimits { pace, ..DeskLimits::default() }).await;
    let open = bench.open("d0").await;
    for digest in ["d1", "d2"] {
        let ticket = bench.open(digest).await;
        bench.says(&ticket, "dana", Verdict::Deny).await.unwrap();
    }
    let refused = bench.desk.open(sample::request("bot", "d3"), TIMES).await;
    assert_eq!(kind(refused), RefusalKind::Unavailable);
    // What people are asked already is not asked anew.
    assert_eq!(bench.open("d0").await.id(), open.id());
    bench.pass(61).await;
    bench.open("d4").await;
}

#[tokio::test]
async fn every_step_is_recorded_in_order() {
    let bench = bench().await;
    let ticket = bench.approved("d1").await;
    let _release = bench.desk.spend(&ticket, &check("d1")).await.unwrap();
    bench.desk.finish(ticket.id(), End { ok: true, ..End::default() }).await.unwrap();
    let told: Vec<String> = bench
        .events()
        .iter()
        .map(|event| match event {
            Event::ApprovalState { state, .. } => state.clone(),
            Event::ApprovalRequested { .. } => "requested".into(),
            Event::ApprovalDecided { verdict, .. } => verdict.clone(),
            Event::Intent { .. } => "intent".into(),
            _ => "-".into(),
        })
        .collect();
    assert_eq!(told, ["-", "requested", "approve", "approved", "intent", "executed"]);
}

#[tokio::test]
async fn denied_tells_who_and_why() {
    let bench = bench().await;
    let mut ticket = bench.open("d1").await;
    bench.says(&ticket, "dana", Verdict::Deny).await.unwrap();
    let settled = ticket.settled().await;
    let expected = Settled::Denied { person: PersonName("dana".into()), reason: Some("because".into()) };
    assert_eq!(settled, expected);
    let refusal = settled.refusal(&ticket.approval(), "https://h").unwrap();
    assert!(refusal.message.contains("dana said \"because\""), "{}", refusal.message);
    assert_eq!(kind(bench.desk.spend(&ticket, &check("d1")).await), RefusalKind::Revoked);
}

#[tokio::test]
async fn nobody_deciding_expires_it() {
    let bench = bench().await;
    let mut ticket = bench.open("d1").await;
    bench.pass(59).await;
    assert_eq!(bench.state(&ticket), State::Pending);
    bench.pass(2).await;
    assert_eq!(ticket.settled().await, Settled::Expired);
    assert_eq!(bench.says(&ticket, "dana", Verdict::Approve).await, Err(DecisionError::Expired));
}

#[tokio::test]
async fn clock_jumps_neither_keep_it_open_nor_let_it_be_used() {
    let bench = bench().await;
    let short = Times { expires: Duration::from_millis(50), ..TIMES };
    let mut back = bench.desk.open(sample::request("bot", "d1"), short).await.unwrap();
    bench.pass(-3600).await;
    assert_eq!(back.settled().await, Settled::Expired);
    let ahead = bench.approved("d2").await;
    bench.clock.skew.fetch_add(3_600_000, Ordering::Relaxed);
    assert_eq!(kind(bench.desk.spend(&ahead, &check("d2")).await), RefusalKind::Revoked);
    bench.reaches(&ahead, State::Lapsed).await;
}

#[tokio::test]
async fn unused_approval_lapses() {
    let bench = bench().await;
    let mut ticket = bench.approved("d1").await;
    assert_eq!(ticket.settled().await, Settled::Approved);
    bench.pass(31).await;
    bench.reaches(&ticket, State::Lapsed).await;
    assert_eq!(ticket.settled().await, Settled::Revoked);
}

#[tokio::test]
async fn same_statement_again_takes_over_the_wait() {
    let bench = bench().await;
    let mut older = bench.open("d1").await;
    let mut newer = bench.open("d1").await;
    assert_eq!(older.id(), newer.id());
    assert_eq!(older.settled().await, Settled::Superseded);
    bench.says(&newer, "dana", Verdict::Approve).await.unwrap();
    assert_eq!(newer.settled().await, Settled::Approved);
    assert_eq!(kind(bench.desk.spend(&older, &check("d1")).await), RefusalKind::Superseded);
    drop(older);
    assert!(bench.desk.spend(&newer, &check("d1")).await.is_ok());
    let requested = bench.events().iter().filter(|event| matches!(event, Event::ApprovalRequested { .. })).count();
    assert_eq!(requested, 1);
}

#[tokio::test]
async fn another_agent_or_digest_asks_anew() {
    let bench = bench().await;
    let first = bench.open("d1").await;
    let second = bench.open("d2").await;
    let third = bench.desk.open(sample::request("bat", "d1"), TIMES).await.unwrap();
    assert!(first.id() != second.id() && first.id() != third.id());
}

#[tokio::test]
async fn client_that_left_finds_its_approval_given() {
    let bench = bench().await;
    let ticket = bench.open("d1").await;
    let id = ticket.id().clone();
    assert!(bench.desk.get(&id).unwrap().unwrap().waiting);
    drop(ticket);
    assert!(!bench.desk.get(&id).unwrap().unwrap().waiting);
    bench.desk.decide(&id, sample::decision("dana", Verdict::Approve)).await.unwrap();
    let mut again = bench.open("d1").await;
    assert_eq!((again.settled().await, again.id()), (Settled::Approved, &id.clone()));
    assert!(bench.desk.spend(&again, &check("d1")).await.is_ok());
    let anew = bench.open("d1").await;
    assert_ne!(anew.id(), &id);
}

#[tokio::test]
async fn what_changed_since_is_not_released() {
    let bench = bench().await;
    let ticket = bench.approved("d1").await;
    assert_eq!(kind(bench.desk.spend(&ticket, &check("d2")).await), RefusalKind::Changed);
    let rules = SpendCheck { rules_version: "r2".into(), ..check("d1") };
    assert_eq!(kind(bench.desk.spend(&ticket, &rules).await), RefusalKind::Changed);
    assert_eq!(bench.state(&ticket), State::Approved);
}

#[tokio::test]
async fn nothing_is_released_before_or_after_its_time() {
    let bench = bench().await;
    let ticket = bench.open("d1").await;
    assert_eq!(kind(bench.desk.spend(&ticket, &check("d1")).await), RefusalKind::Unavailable);
    bench.says(&ticket, "dana", Verdict::Approve).await.unwrap();
    bench.desk.revoke(ticket.id(), sample::person("olga"), Some("mistake".into())).await.unwrap();
    assert_eq!(kind(bench.desk.spend(&ticket, &check("d1")).await), RefusalKind::Revoked);
}

#[tokio::test]
async fn killed_agent_gets_nothing_and_is_told() {
    let bench = bench().await;
    let mut pending = bench.open("d1").await;
    let mut approved = bench.approved("d2").await;
    bench.desk.kill(&AgentName("bot".into()), true, sample::person("root")).await.unwrap();
    assert_eq!((pending.settled().await, approved.settled().await), (Settled::Disabled, Settled::Disabled));
    assert_eq!((bench.state(&pending), bench.state(&approved)), (State::Withdrawn, State::Revoked));
    assert_eq!(kind(bench.desk.open(sample::request("bot", "d3"), TIMES).await), RefusalKind::Disabled);
    bench.desk.kill(&AgentName("bot".into()), false, sample::person("root")).await.unwrap();
    assert!(bench.desk.open(sample::request("bot", "d3"), TIMES).await.is_ok());
}

#[tokio::test]
async fn switch_thrown_in_the_store_alone_stops_the_release() {
    let bench = bench().await;
    let ticket = bench.approved("d1").await;
    bench.store.set_agent_disabled(AgentName("bot".into()), true).await.unwrap();
    assert_eq!(kind(bench.desk.spend(&ticket, &check("d1")).await), RefusalKind::Disabled);
}

#[tokio::test]
async fn refused_decisions_change_nothing_and_are_recorded() {
    let bench = bench().await;
    let ticket = bench.open("d1").await;
    let outsider = Person { groups: vec!["sales".into()], ..sample::person("eve") };
    let decision = Decision { person: outsider, ..sample::decision("eve", Verdict::Approve) };
    assert_eq!(bench.desk.decide(ticket.id(), decision).await, Err(DecisionError::NotAnApprover));
    assert_eq!(bench.says(&ticket, "olga", Verdict::Approve).await, Err(DecisionError::SelfApproval));
    assert_eq!(bench.state(&ticket), State::Pending);
    bench.desk.parts.audit.close().await;
    let refused = bench.events().iter().filter(|event| matches!(event, Event::DecisionRefused { .. })).count();
    assert_eq!(refused, 2);
}

#[tokio::test]
async fn second_click_with_the_same_verdict_succeeds() {
    let bench = bench().await;
    let ticket = bench.approved("d1").await;
    let again = bench.says(&ticket, "dana", Verdict::Approve).await.unwrap();
    assert_eq!((again.state, again.version), (State::Approved, 2));
    let other = bench.says(&ticket, "dana", Verdict::Deny).await;
    assert!(matches!(other, Err(DecisionError::AlreadyDecided { state: State::Approved, .. })));
}

#[tokio::test]
async fn a_store_that_fails_releases_nothing() {
    for (part, fault) in [
        (Part::Approvals, Fault::Refuse),
        (Part::Approvals, Fault::HappenAndFail),
        (Part::Audit, Fault::Refuse),
        (Part::Audit, Fault::HappenAndFail),
    ] {
        let bench = bench().await;
        let ticket = bench.approved("d1").await;
        bench.store.set_fault(part, fault);
        assert_eq!(kind(bench.desk.open(sample::request("bot", "d2"), TIMES).await), RefusalKind::Unavailable);
        assert_eq!(kind(bench.desk.spend(&ticket, &check("d1")).await), RefusalKind::Unavailable, "{part:?} {fault:?}");
        bench.store.set_fault(part, Fault::None);
        let again = bench.desk.spend(&ticket, &check("d1")).await;
        bench.pass(3).await;
        if (part, fault) == (Part::Approvals, Fault::HappenAndFail) {
            // It was spent, though we were told otherwise: it is over, and never ran.
            assert_eq!(kind(again), RefusalKind::Revoked);
            bench.reaches(&ticket, State::Failed).await;
        } else {
            assert!(again.is_ok(), "{part:?} {fault:?}");
        }
        assert!(bench.desk.parts.audit.healthy());
    }
}

#[tokio::test]
async fn spend_that_nobody_waits_for_ends_failed() {
    let bench = bench().await;
    let ticket = bench.approved("d1").await;
    {
        let check = check("d1");
        let mut spend = std::pin::pin!(bench.desk.spend(&ticket, &check));
        assert!(futures_util::poll!(spend.as_mut()).is_pending());
    }
    bench.reaches(&ticket, State::Failed).await;
}

#[tokio::test]
async fn restart_keeps_what_was_pending_and_owns_up_to_what_was_executing() {
    let first = bench().await;
    let pending = first.open("d1").await;
    let given = first.approved("d2").await;
    let spent = first.approved("d3").await;
    let _release = first.desk.spend(&spent, &check("d3")).await.unwrap();
    let second = bench_on(first.store.clone(), DeskLimits::default()).await;
    second.reaches(&spent, State::Unknown).await;
    assert_eq!((second.state(&pending), second.state(&given)), (State::Pending, State::Approved));
    let mut again = second.open("d2").await;
    assert_eq!((again.settled().await, again.id()), (Settled::Approved, given.id()));
}

#[tokio::test]
async fn limits_count_clients_and_undecided_requests() {
    let bench = bench().await;
    let limits =
        DeskLimits { waiting_max: 3, waiting_max_per_agent: 2, pending_max_per_agent: 3, ..DeskLimits::default() };
    let bench = bench_on(bench.store, limits).await;
    let opened = join_all((0..4).map(|n| bench.desk.open(sample::request("bot", &format!("d{n}")), TIMES))).await;
    let open: Vec<Ticket> = opened.into_iter().filter_map(Result::ok).collect();
    assert_eq!((open.len(), bench.desk.waiting_count()), (2, 2));
    drop(open);
    let third = bench.open("d7").await;
    drop(third);
    assert_eq!(kind(bench.desk.open(sample::request("bot", "d8"), TIMES).await), RefusalKind::Unavailable);
    assert!(bench.desk.open(sample::request("bot", "d7"), TIMES).await.is_ok());
    assert!(bench.desk.open(sample::request("bat", "d8"), TIMES).await.is_ok());
}

#[tokio::test]
async fn withdrawn_by_the_client_is_over() {
    let bench = bench().await;
    let mut ticket = bench.open("d1").await;
    let older = std::mem::replace(&mut ticket, bench.open("d1").await);
    bench.desk.cancel(&older, "cancel request").await.unwrap();
    assert_eq!(bench.state(&ticket), State::Pending);
    bench.desk.cancel(&ticket, "cancel request").await.unwrap();
    assert_eq!(ticket.settled().await, Settled::Withdrawn);
    assert_eq!(bench.desk.withdraw(ticket.id(), "again").await, Err(DeskError::Not(State::Withdrawn)));
}

#[tokio::test]
async fn approvals_are_listed_newest_first_and_found_by_prefix() {
    let bench = bench().await;
    let mut tickets = Vec::new();
    for n in 0..5 {
        tickets.push(bench.open(&format!("d{n}")).await);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    bench.says(&tickets[1], "dana", Verdict::Deny).await.unwrap();
    for states in [vec![], vec![State::Pending]] {
        let filter = ApprovalFilter { states: states.clone(), ..ApprovalFilter::default() };
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = bench.desk.list(&filter, after.as_ref(), 2).unwrap();
            assert!(page.approvals.len() <= 2);
            found.extend(page.approvals);
            let Some(next) = page.next else { break };
            after = Cursor::parse(&next.to_string());
        }
        let expected = if states.is_empty() { vec![4, 3, 2, 1, 0] } else { vec![4, 3, 2, 0] };
        let expected: Vec<_> = expected.into_iter().map(|n: usize| tickets[n].id()).collect();
        assert_eq!(found.iter().map(|approval| &approval.id).collect::<Vec<_>>(), expected);
        assert!(found.iter().all(|approval| approval.waiting == (approval.state == State::Pending)));
    }
    let short = tickets[2].id().as_str()[4..12].to_lowercase();
    assert_eq!(&bench.desk.find_prefix(&short).unwrap().id, tickets[2].id());
    assert!(matches!(bench.desk.find_prefix("apr_"), Err(FindError::NotFound(_))));
}

#[tokio::test]
async fn waiting_for_a_version_ends_with_the_change_or_the_time() {
    let bench = bench().await;
    let ticket = bench.open("d1").await;
    let wait = bench.desk.wait_version(ticket.id(), 1, Duration::from_secs(10));
    let (seen, _) = tokio::join!(wait, bench.says(&ticket, "dana", Verdict::Approve));
    assert_eq!(seen.unwrap().unwrap().state, State::Approved);
    let unchanged = bench.desk.wait_version(ticket.id(), 2, Duration::from_millis(20)).await.unwrap().unwrap();
    assert_eq!(unchanged.version, 2);
}

#[tokio::test]
async fn a_stopped_desk_refuses_and_tells_its_waiters() {
    let bench = bench().await;
    let store = bench.store.clone();
    let clock = bench.clock.clone();
    let audit = bench.desk.parts.audit.clone();
    let limits = DeskLimits::default();
    let parts = DeskParts { approvals: store.clone(), agents: store.clone(), tokens: store, audit, clock, limits };
    let desk = Desk::new(parts).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let work = async {
        let mut ticket = desk.open(sample::request("bot", "d1"), TIMES).await.unwrap();
        let _ = stop.send(());
        (ticket.settled().await, desk.open(sample::request("bot", "d2"), TIMES).await)
    };
    let running = desk.run(async { drop(stopped.await) });
    let ((settled, opened), ()) = tokio::join!(work, running);
    assert_eq!((settled, kind(opened)), (Settled::Unavailable, RefusalKind::Unavailable));
}
