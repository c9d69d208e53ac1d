//! What agents used of their budgets: counted per agent and class over sliding windows, across statements, connections and
//! restarts.
//!
//! A statement reserves before it runs, and the store knows of the reservation first: a crash can make an agent look as if it
//! had used more than it did (by what was reserved, and one block), never less.

mod lines;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::lock::Mutex as WriteTurn;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::gate::budget::lines::{ClassLine, Width, lines_of};
use crate::identity::ids::AgentName;
use crate::identity::store::StoreError;
use crate::policy::budget::{Allowance, Charge, Line};

/// Most parts kept for one count; beyond, the oldest are joined and leave the window together.
const SPANS_MAX: usize = 512;
/// What was used in one part of the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Its end: it counts until a whole window after that.
    pub until: Timestamp,
    /// Rows shown.
    pub rows: u64,
    /// Look-ups.
    pub probes: u64,
}

/// One count as stored, reservations included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CounterRow {
    /// The agent.
    pub agent: AgentName,
    /// The class.
    pub class: String,
    /// What was used when, oldest first.
    pub spans: Vec<Span>,
}

impl CounterRow {
    /// Its key in a store.
    pub fn id(&self) -> String {
        [self.agent.0.as_str(), &self.class].join("\u{0}")
    }
}

/// Counts by agent and class.
pub trait BudgetStore: Send + Sync {
    /// Replaces counts, all or none, durably.
    fn put_counters(&self, rows: Vec<CounterRow>) -> BoxFuture<'_, Result<(), StoreError>>;
    /// All counts.
    fn counters(&self) -> Result<Vec<CounterRow>, StoreError>;
}

/// Rows and look-ups.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Amount {
    rows: u64,
    probes: u64,
}

impl Amount {
    fn covers(self, other: Self) -> bool {
        self.rows >= other.rows && self.probes >= other.probes
    }

    fn plus(self, other: Self) -> Self {
        Self { rows: self.rows.saturating_add(other.rows), probes: self.probes.saturating_add(other.probes) }
    }

    fn less(self, other: Self) -> Self {
        Self { rows: self.rows.saturating_sub(other.rows), probes: self.probes.saturating_sub(other.probes) }
    }
}

#[derive(Debug, Default)]
struct Counter {
    spans: VecDeque<Span>,
    /// Promised to statements that run now.
    reserved: Amount,
    /// What the store counts beyond the spans it knows: never less than `reserved` while a promise stands.
    lease: Amount,
    /// How often the lease grew, and which growth the store has confirmed.
    grown: u64,
    confirmed: u64,
    dirty: bool,
}

type Key = (AgentName, Arc<str>);
type Counters = HashMap<Key, Counter>;

/// What a statement that was judged wants to reserve.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Rows.
    pub rows: u64,
    /// What was left when it was judged.
    pub judged: Allowance,
}

impl Wish {
    /// What made no difference when it was judged makes none now.
    fn fits(self, left: Allowance) -> bool {
        let rows = match (self.judged.rows, left.rows) {
            (Some(before), Some(now)) => self.rows > before || self.rows <= now,
            _ => true,
        };
        rows && (self.judged.probes == Some(0) || left.probes != Some(0))
    }
}

/// All counts.
pub struct Budgets {
    store: Arc<dyn BudgetStore>,
    counters: Mutex<Counters>,
    /// One writer at a time: what is written last is the newest.
    writing: WriteTurn<()>,
}

impl Budgets {
    /// Reads what was used before. What was reserved and never settled counts as used.
    ///
    /// # Errors
    /// The store fails. Then nothing that has a budget may run.
    pub fn open(store: Arc<dyn BudgetStore>) -> Result<Arc<Self>, StoreError> {
        let counters = store.counters()?.into_iter().map(|row| {
            let counter = Counter { spans: row.spans.into(), ..Counter::default() };
            ((row.agent, Arc::from(row.class)), counter)
        });
        Ok(Arc::new(Self { counters: Mutex::new(counters.collect()), store, writing: WriteTurn::new(()) }))
    }

    /// What is left for a statement that counts against these lines, reservations of others subtracted.
    pub fn remaining(&self, agent: &AgentName, charge: &Charge, now: Timestamp) -> Allowance {
        if charge.is_empty() {
            return Allowance::default();
        }
        left(&self.counters.lock(), agent, charge, now)
    }

    /// Reserves up to `rows` rows and the statement's look-up, before it is sent. Costs a write only when the block reserved
    /// ahead does not cover it.
    ///
    /// # Errors
    /// The store fails; the statement must not run then.
    pub async fn reserve(
        self: &Arc<Self>,
        agent: &AgentName,
        charge: &Charge,
        rows: u64,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        let reservation = self.reservation(agent, charge, rows);
        let uncovered = Self::promise(&mut self.counters.lock(), &reservation, now);
        self.covered(reservation, uncovered, now).await
    }

    /// The same, if what is left still allows it: `None` if other statements used it up since `judged` was asked. Of many
    /// that ask at once, only as many get it as there is room for.
    ///
    /// # Errors
    /// The store fails; the statement must not run then.
    pub async fn reserve_within(
        self: &Arc<Self>,
        agent: &AgentName,
        charge: &Charge,
        wish: Wish,
        now: Timestamp,
    ) -> Result<Option<Reservation>, StoreError> {
        let mut reservation = self.reservation(agent, charge, wish.rows);
        let uncovered = {
            let mut counters = self.counters.lock();
            if !wish.fits(left(&counters, agent, charge, now)) {
                // Nothing was promised, so nothing is to be given back.
                reservation.left = 0;
                return Ok(None);
            }
            Self::promise(&mut counters, &reservation, now)
        };
        self.covered(reservation, uncovered, now).await.map(Some)
    }

    fn reservation(self: &Arc<Self>, agent: &AgentName, charge: &Charge, rows: u64) -> Reservation {
        Reservation { budgets: self.clone(), agent: agent.clone(), lines: lines_of(charge), left: rows }
    }

    async fn covered(
        &self,
        reservation: Reservation,
        uncovered: bool,
        now: Timestamp,
    ) -> Result<Reservation, StoreError> {
        if uncovered {
            // Dropping the reservation on the way takes the promise back.
            self.write(now).await?;
        }
        Ok(reservation)
    }

    /// Adds the promise; `true` if the store must know of it first.
    fn promise(counters: &mut Counters, reservation: &Reservation, now: Timestamp) -> bool {
        let mut uncovered = false;
        for line in &reservation.lines {
            let counter = counters.entry((reservation.agent.clone(), line.class.clone())).or_default();
            let rows = if line.counts_rows { reservation.left } else { 0 };
            counter.reserved = counter.reserved.plus(Amount { rows, probes: 0 });
            let lookup = Amount { rows: 0, probes: line.probes };
            if line.probes > 0 {
                // A look-up is used up as soon as it may run.
                counter.add(lookup, line.width, now);
            }
            match counter.lease.covers(counter.reserved.plus(lookup)) {
                true => counter.lease = counter.lease.less(lookup),
                false => {
                    counter.lease = counter.reserved.plus(line.block);
                    counter.grown += 1;
                    counter.dirty = true;
                }
            }
            uncovered |= counter.grown != counter.confirmed;
        }
        uncovered
    }

    /// Writes what changed since the last time: for a timer, so that the store's counts come down to what was really used.
    ///
    /// # Errors
    /// The store fails; the counts stay marked and are written the next time.
    pub async fn flush(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write(now).await
    }

    async fn write(&self, now: Timestamp) -> Result<(), StoreError> {
        let _turn = self.writing.lock().await;
        let changed = self.changed(now);
        if changed.is_empty() {
            return Ok(());
        }
        let rows = changed.iter().map(|(row, _)| row.clone()).collect();
        let written = self.store.put_counters(rows).await;
        let mut counters = self.counters.lock();
        for (row, grown) in changed {
            let Some(counter) = counters.get_mut(&(row.agent, Arc::from(row.class))) else { continue };
            match &written {
                Ok(()) => counter.confirmed = grown,
                Err(_) => {
                    // FAIL CLOSED: whether the store knows of the block is unknown, so the next reservation asks again.
                    counter.dirty = true;
                    counter.lease = Amount::default();
                }
            }
        }
        written
    }

    /// Counts to be written, and which growth of the lease each has in it.
    fn changed(&self, now: Timestamp) -> Vec<(CounterRow, u64)> {
        let mut counters = self.counters.lock();
        let dirty = counters.iter_mut().filter(|(_, counter)| counter.dirty);
        dirty
            .map(|((agent, class), counter)| {
                counter.dirty = false;
                let mut spans: Vec<Span> = counter.spans.iter().cloned().collect();
                let Amount { rows, probes } = counter.lease;
                if counter.lease != Amount::default() {
                    spans.push(Span { until: now, rows, probes });
                }
                (CounterRow { agent: agent.clone(), class: class.to_string(), spans }, counter.grown)
            })
            .collect()
    }

    /// Moves rows from the promise to what was used.
    fn count(&self, reservation: &Reservation, rows: u64, promised: u64, now: Timestamp) {
        let mut counters = self.counters.lock();
        for line in reservation.lines.iter().filter(|line| line.counts_rows) {
            let Some(counter) = counters.get_mut(&(reservation.agent.clone(), line.class.clone())) else { continue };
            let promised = Amount { rows: promised, probes: 0 };
            counter.reserved = counter.reserved.less(promised);
            counter.lease = counter.lease.less(Amount { rows, probes: 0 });
            counter.add(Amount { rows, probes: 0 }, line.width, now);
            counter.dirty = true;
        }
    }

    fn settle(&self, reservation: &Reservation) {
        let mut counters = self.counters.lock();
        for line in reservation.lines.iter().filter(|line| line.counts_rows) {
            if let Some(counter) = counters.get_mut(&(reservation.agent.clone(), line.class.clone())) {
                counter.reserved = counter.reserved.less(Amount { rows: reservation.left, probes: 0 });
            }
        }
    }
}

fn left(counters: &Counters, agent: &AgentName, charge: &Charge, now: Timestamp) -> Allowance {
    let used = |line: &Line| {
        let counter = counters.get(&(agent.clone(), line.class.clone()));
        counter.map(|counter| counter.used(line.per, now).plus(counter.reserved)).unwrap_or_default()
    };
    let rows = charge.rows.iter().map(|line| line.most.saturating_sub(used(line).rows)).min();
    let probes = charge.probes.iter().map(|line| line.most.saturating_sub(used(line).probes)).min();
    Allowance { rows, probes }
}

impl Counter {
    fn used(&self, per: Duration, now: Timestamp) -> Amount {
        let counting = self.spans.iter().filter(|span| span.until.after(per) > now);
        counting.fold(Amount::default(), |sum, span| sum.plus(Amount { rows: span.rows, probes: span.probes }))
    }

    fn add(&mut self, amount: Amount, width: Width, now: Timestamp) {
        while self.spans.front().is_some_and(|span| span.until.after(width.keep) <= now) {
            self.spans.pop_front();
        }
        let until = width.end(now);
        match self.spans.back_mut() {
            // A clock that went back adds to the last part, which counts longer.
            Some(last) if last.until >= until => {
                last.rows = last.rows.saturating_add(amount.rows);
                last.probes = last.probes.saturating_add(amount.probes);
            }
            _ => self.spans.push_back(Span { until, rows: amount.rows, probes: amount.probes }),
        }
        if self.spans.len() > SPANS_MAX
            && let (Some(oldest), Some(next)) = (self.spans.pop_front(), self.spans.front_mut())
        {
            next.rows = next.rows.saturating_add(oldest.rows);
            next.probes = next.probes.saturating_add(oldest.probes);
        }
    }
}

/// Rows promised to one statement. Dropped, it gives back what was not used.
pub struct Reservation {
    budgets: Arc<Budgets>,
    agent: AgentName,
    lines: Vec<ClassLine>,
    left: u64,
}

impl Reservation {
    /// Counts rows that were passed on. More than were reserved count as well, but a crash within the next flush may forget
    /// them: only results that people approved without a ceiling have such.
    pub fn spend(&mut self, rows: u64, now: Timestamp) {
        let promised = rows.min(self.left);
        self.budgets.count(self, rows, promised, now);
        self.left -= promised;
    }

    /// Rows that are still promised.
    pub fn left(&self) -> u64 {
        self.left
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budgets.settle(self);
    }
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reservation").field("agent", &self.agent).field("left", &self.left).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
