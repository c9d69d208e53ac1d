//! Small slices add up: over statements, connections, restarts and crashes.

use super::*;
use crate::policy::judge::tests::Bench;
use crate::policy::judge::{Evidence, Situation, Subject};
use crate::policy::ruling::Effect;
use crate::statement::read::{Known, read};
use crate::statement::scope::Scope;
use crate::store::memory::{Fault, MemoryStore, Part};

const RULES: &str = "classes: { pii.email: {} }
columns: [{ match: '**.email', class: pii.email }]
budgets: [{ classes: ['pii.*'], rows: 200, probes: 30, per: 1h }]
rules: [{ id: bulk, when: { actions: [bulk_read] }, then: hold }]";

const HOUR: i64 = 3_600_000;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(HOUR * 24 + millis)
}

fn bot() -> AgentName {
    AgentName("bot".into())
}

fn charge(most: u64) -> Charge {
    let line = |most: u64| Line { class: "pii.email".into(), most, per: Duration::from_secs(3600) };
    Charge { rows: vec![line(most)], probes: vec![line(most)] }
}

fn rows_only(most: u64) -> Charge {
    Charge { probes: Vec::new(), ..charge(most) }
}

/// An agent at its gate: statements are judged with what is left, and what is allowed is counted.
struct Gate {
    bench: Bench,
    budgets: Arc<Budgets>,
    now: Timestamp,
}

impl Gate {
    fn new() -> Self {
        let budgets = Budgets::open(Arc::new(MemoryStore::new())).unwrap();
        Self { bench: Bench::rules(RULES), budgets, now: at(0) }
    }

    /// Runs a statement that returns so many rows if it is allowed; `false`: it is held.
    async fn run(&mut self, sql: &str, rows: u64) -> bool {
        let batch = read(sql, &Scope::default(), &self.bench.catalog, &Known::default());
        let (agent, footprint) = (bot(), &*batch.statements[0].footprint);
        let subject = Subject { agent: &agent, groups: &[], database: "shop", has_reason: false };
        let (map, catalog) = (&self.bench.map, &self.bench.catalog);
        let charge = self.bench.rules.charge(&Situation { subject: &subject, footprint, map, catalog });
        let allowance = self.budgets.remaining(&agent, &charge, self.now);
        let ruling = self.bench.rules.judge(&subject, footprint, map, catalog, Evidence::default().within(allowance));
        if ruling.effect != Effect::Allow {
            return false;
        }
        let mut reserved = self.budgets.reserve(&agent, &charge, rows, self.now).await.unwrap();
        for _ in 0..rows {
            reserved.spend(1, self.now);
        }
        self.now = self.now.after(Duration::from_secs(1));
        true
    }
}

/// How many of these run before one is held; all must be allowed by themselves.
async fn until_held(gate: &mut Gate, rows: u64, sql: impl Fn(usize) -> String) -> usize {
    for step in 0..1000 {
        if !gate.run(&sql(step), rows).await {
            return step;
        }
    }
    1000
}

#[tokio::test]
async fn paging_by_limit_and_offset_is_held_when_the_pages_add_up() {
    let page = |step: usize| format!("SELECT id, email FROM customers ORDER BY id LIMIT 50 OFFSET {}", step * 50);
    assert_eq!(until_held(&mut Gate::new(), 50, page).await, 4);
}

#[tokio::test]
async fn paging_by_key_is_held_when_the_pages_add_up() {
    let page = |step: usize| format!("SELECT email FROM customers WHERE id > {} ORDER BY id LIMIT 30", step * 30);
    assert_eq!(until_held(&mut Gate::new(), 30, page).await, 6);
}

#[tokio::test]
async fn one_row_in_a_loop_is_held_in_the_end() {
    let one = |step: usize| format!("SELECT email FROM customers WHERE id = {step}");
    assert_eq!(until_held(&mut Gate::new(), 1, one).await, 200);
}

#[tokio::test]
async fn guessing_by_equality_is_held_after_so_many_look_ups() {
    let guess = |step: usize| format!("SELECT id FROM customers WHERE email = 'a{step}@example.com'");
    assert_eq!(until_held(&mut Gate::new(), 0, guess).await, 30);
}

#[tokio::test]
async fn ordinary_work_beside_it_goes_on_and_the_window_slides() {
    let mut gate = Gate::new();
    let one = |step: usize| format!("SELECT email FROM customers WHERE id = {step}");
    assert_eq!(until_held(&mut gate, 1, one).await, 200);
    assert!(gate.run("SELECT id, name FROM customers LIMIT 500", 500).await);
    assert!(!gate.run("SELECT email FROM customers WHERE id = 1", 1).await);
    gate.now = gate.now.after(Duration::from_secs(3600 + 60));
    assert!(gate.run("SELECT email FROM customers WHERE id = 1", 1).await);
}

#[tokio::test]
async fn connections_share_what_is_left_even_while_they_run() {
    let budgets = Budgets::open(Arc::new(MemoryStore::new())).unwrap();
    let charge = rows_only(100);
    let mut first = budgets.reserve(&bot(), &charge, 60, at(0)).await.unwrap();
    assert_eq!(budgets.remaining(&bot(), &charge, at(0)).rows, Some(40));
    let second = budgets.reserve(&bot(), &charge, 40, at(0)).await.unwrap();
    assert_eq!(budgets.remaining(&bot(), &charge, at(0)).rows, Some(0));
    first.spend(10, at(1));
    drop((first, second));
    assert_eq!(budgets.remaining(&bot(), &charge, at(2)).rows, Some(90));
    assert_eq!(budgets.remaining(&AgentName("other".into()), &charge, at(2)).rows, Some(100));
    assert_eq!(budgets.remaining(&bot(), &Charge::default(), at(2)), Allowance::default());
}

#[tokio::test]
async fn of_many_that_ask_at_once_only_as_many_go_as_there_is_room_for() {
    let budgets = Budgets::open(Arc::new(MemoryStore::new())).unwrap();
    let (agent, charge) = (bot(), charge(5));
    let judged = budgets.remaining(&agent, &charge, at(0));
    let mut kept = Vec::new();
    for _ in 0..8 {
        kept.extend(budgets.reserve_within(&agent, &charge, Wish { rows: 1, judged }, at(0)).await.unwrap());
    }
    assert_eq!(kept.len(), 5);
    drop(kept);
    // The rows are free again, the look-ups are not; what was allowed without any left is still allowed.
    let left = budgets.remaining(&agent, &charge, at(0));
    assert_eq!((left.rows, left.probes), (Some(5), Some(0)));
    assert!(budgets.reserve_within(&agent, &charge, Wish { rows: 9, judged: left }, at(0)).await.unwrap().is_some());
}

#[tokio::test]
async fn what_was_used_is_there_after_a_restart() {
    let store = Arc::new(MemoryStore::new());
    let budgets = Budgets::open(store.clone()).unwrap();
    budgets.reserve(&bot(), &charge(1000), 10, at(0)).await.unwrap().spend(10, at(0));
    budgets.flush(at(1)).await.unwrap();
    let left = Budgets::open(store).unwrap().remaining(&bot(), &charge(1000), at(2));
    // 10 rows and a look-up were used; at most one block more counts against the agent.
    assert!((940..=990).contains(&left.rows.unwrap()), "{left:?}");
    assert!((949..=999).contains(&left.probes.unwrap()), "{left:?}");
}

#[tokio::test]
async fn a_crash_counts_against_the_agent_never_for_it() {
    let store = Arc::new(MemoryStore::new());
    let mut seed = 7u64;
    let mut used = (0, 0);
    for round in 0..40 {
        // Opening anew without a flush is the crash.
        let budgets = Budgets::open(store.clone()).unwrap();
        for step in 0..10 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let reserved = (seed >> 33) % 50;
            let spent = (seed >> 40) % (reserved + 1);
            let mut one = budgets.reserve(&bot(), &charge(1_000_000), reserved, at(round)).await.unwrap();
            one.spend(spent, at(round));
            used = (used.0 + spent, used.1 + 1);
            if step == 7 && round % 3 == 0 {
                budgets.flush(at(round)).await.unwrap();
            }
        }
        let left = Budgets::open(store.clone()).unwrap().remaining(&bot(), &charge(1_000_000), at(round));
        assert!(left.rows.unwrap() <= 1_000_000 - used.0, "round {round}: {left:?}, used {used:?}");
        assert!(left.probes.unwrap() <= 1_000_000 - used.1, "round {round}: {left:?}, used {used:?}");
    }
}

#[tokio::test]
async fn nothing_runs_when_the_store_cannot_keep_the_reservation() {
    let store = Arc::new(MemoryStore::new());
    let budgets = Budgets::open(store.clone()).unwrap();
    store.set_fault(Part::Budgets, Fault::Refuse);
    assert!(budgets.reserve(&bot(), &rows_only(100), 10, at(0)).await.is_err());
    assert!(budgets.reserve(&bot(), &rows_only(100), 1, at(0)).await.is_err(), "nor the next one");
    assert_eq!(budgets.remaining(&bot(), &rows_only(100), at(0)).rows, Some(100), "the promise is taken back");
    store.set_fault(Part::Budgets, Fault::None);
    assert!(budgets.reserve(&bot(), &rows_only(100), 10, at(0)).await.is_ok());
}

#[tokio::test]
async fn a_block_spares_the_store_and_rows_beyond_the_promise_count() {
    let store = Arc::new(MemoryStore::new());
    let budgets = Budgets::open(store.clone()).unwrap();
    drop(budgets.reserve(&bot(), &rows_only(2000), 1, at(0)).await.unwrap());
    store.set_fault(Part::Budgets, Fault::Refuse);
    // A block of 100 is known to the store: these need no write.
    for _ in 0..100 {
        budgets.reserve(&bot(), &rows_only(2000), 1, at(0)).await.unwrap().spend(1, at(0));
    }
    store.set_fault(Part::Budgets, Fault::None);
    let mut over = budgets.reserve(&bot(), &rows_only(2000), 5, at(0)).await.unwrap();
    over.spend(50, at(0));
    assert_eq!((over.left(), budgets.remaining(&bot(), &rows_only(2000), at(0)).rows), (0, Some(1850)));
}

#[test]
fn a_count_stays_small_however_long_it_runs() {
    let mut counter = Counter::default();
    let width = Width { part: Duration::from_secs(1), keep: Duration::from_secs(86_400) };
    for second in 0..5000 {
        counter.add(Amount { rows: 1, probes: 0 }, width, at(second * 1000));
    }
    assert!(counter.spans.len() <= SPANS_MAX);
    assert_eq!(counter.used(Duration::from_secs(86_400), at(5_000_000)).rows, 5000);
    counter.add(Amount { rows: 1, probes: 0 }, width, at(0));
    assert_eq!(counter.used(Duration::from_secs(86_400), at(5_000_000)).rows, 5001, "a clock that went back");
}
