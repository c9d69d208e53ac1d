//! Random clients, people, faults, clock jumps and restarts, checked against what must never happen.

use std::collections::HashMap;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::*;

/// What the store and the log say at the end.
fn judge(bench: &Bench, released: &HashMap<ApprovalId, u32>, seed: u64) {
    for (id, times) in released {
        assert_eq!(*times, 1, "seed {seed}: {id} was released {times} times");
        let approval = bench.desk.get(id).unwrap().unwrap();
        assert!(approval.execution.is_some(), "seed {seed}: {id} was released and is {:?}", approval.state);
        assert!(approval.reviews.iter().any(|review| review.verdict == Verdict::Approve));
        assert!(approval.reviews.iter().all(|review| review.person.0 != "olga"));
    }
    let mut intents: HashMap<ApprovalId, u32> = HashMap::new();
    for event in bench.events() {
        if let Event::Intent { approval, .. } = event {
            *intents.entry(approval).or_default() += 1;
        }
    }
    assert!(released.keys().all(|id| intents.contains_key(id)), "seed {seed}: released without intent");
}

async fn one_step(
    bench: &Bench,
    dice: &mut StdRng,
    tickets: &mut Vec<Ticket>,
    released: &mut HashMap<ApprovalId, u32>,
) {
    let digest = format!("d{}", dice.random_range(0..4));
    let agent = ["bot", "bat"][dice.random_range(0..2)];
    let picked = (!tickets.is_empty()).then(|| dice.random_range(tickets.len().saturating_sub(4)..tickets.len()));
    match (dice.random_range(0..16), picked) {
        (0..3, _) => tickets.extend(bench.desk.open(sample::request(agent, &digest), TIMES).await.ok()),
        (3..7, Some(at)) => {
            let person = ["dana", "dora", "olga"][dice.random_range(0..3)];
            let verdict = if dice.random_range(0..5) > 0 { Verdict::Approve } else { Verdict::Deny };
            let _ = bench.says(&tickets[at], person, verdict).await;
        }
        (7..11, Some(at)) => {
            let digest = tickets[at].approval().request.digest.clone();
            let check = check(if dice.random_bool(0.9) { &digest } else { "other" });
            let spends = join_all((0..3).map(|_| bench.desk.spend(&tickets[at], &check))).await;
            for release in spends.into_iter().flatten() {
                *released.entry(release.approval().unwrap().clone()).or_default() += 1;
                if dice.random_bool(0.7) {
                    let _ = bench.desk.finish(tickets[at].id(), End { ok: true, ..End::default() }).await;
                }
            }
        }
        (11, Some(at)) => drop(tickets.swap_remove(at)),
        (12, Some(at)) => drop(bench.desk.withdraw(tickets[at].id(), "storm").await),
        (13, _) => {
            let on = dice.random_bool(0.2);
            let _ = bench.desk.kill(&AgentName(agent.into()), on, sample::person("root")).await;
        }
        _ => {
            bench.clock.skew.fetch_add(dice.random_range(0..10_000), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(dice.random_range(0..6))).await;
        }
    }
}

async fn storm(seed: u64) -> usize {
    let mut dice = StdRng::seed_from_u64(seed);
    let mut bench = bench().await;
    let mut tickets = Vec::new();
    let mut released = HashMap::new();
    for step in 0..150 {
        let fault =
            [Fault::None, Fault::None, Fault::None, Fault::Refuse, Fault::HappenAndFail][dice.random_range(0..5)];
        let part = [Part::Approvals, Part::Audit, Part::Identity][dice.random_range(0..3)];
        bench.store.set_fault(part, fault);
        one_step(&bench, &mut dice, &mut tickets, &mut released).await;
        bench.store.set_fault(part, Fault::None);
        if dice.random_bool(0.05) {
            bench.clock.skew.fetch_add(dice.random_range(-90_000..90_000), Ordering::Relaxed);
        }
        if step % 50 == 49 {
            tickets.clear();
            bench.desk.parts.audit.close().await;
            bench = bench_on(bench.store, DeskLimits::default()).await;
        }
    }
    let open = || bench.store.unfinished().unwrap().into_iter().any(|approval| approval.state != State::Executing);
    let end = Instant::now() + Duration::from_secs(10);
    while open() {
        bench.pass(200).await;
        assert!(Instant::now() < end, "seed {seed}: something stays open for ever");
    }
    judge(&bench, &released, seed);
    released.len()
}

#[tokio::test]
async fn no_storm_releases_twice_or_unapproved() {
    let mut released = 0;
    for seed in 0..20 {
        released += storm(seed).await;
    }
    assert!(released > 20, "only {released} statements were released: the storm tries nothing");
}
