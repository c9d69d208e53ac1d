//! What the desk has in memory: approvals that have not ended, and who waits for which. Only the desk's task changes
//! approvals; tickets come and go by themselves.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::clock::Timestamp;
use crate::gate::approval::{Approval, State};
use crate::gate::desk::ticket::{News, Settled, Ticket};
use crate::identity::ids::{AgentName, ApprovalId, SessionId};

/// The same agent asking for the same thing.
pub(super) type RequestKey = (AgentName, String);

#[derive(Default)]
pub(super) struct Board {
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    open: HashMap<ApprovalId, Open>,
    by_request: HashMap<RequestKey, ApprovalId>,
    waiters: HashMap<ApprovalId, Waiter>,
    tickets: u64,
}

struct Open {
    approval: Arc<Approval>,
    /// The deadline on the monotonic clock, so that a system clock set back does not keep anything open.
    due: Option<Instant>,
}

struct Waiter {
    number: u64,
    agent: AgentName,
    news: watch::Sender<News>,
}

pub(super) fn key(approval: &Approval) -> RequestKey {
    (approval.request.requester.agent.clone(), approval.request.digest.clone())
}

fn deadline(approval: &Approval) -> Option<Timestamp> {
    match approval.state {
        State::Pending => Some(approval.expires_at),
        State::Approved => approval.use_by,
        _ => None,
    }
}

impl Board {
    /// Takes in an approval as it is now, and tells its waiter. `fate` overrides what its state says.
    pub(super) fn put(&self, approval: Approval, now: Timestamp, fate: Option<Settled>) {
        let inner = &mut *self.inner.write();
        let approval = Arc::new(approval);
        let settled = fate.or_else(|| Settled::of(&approval));
        let key = key(&approval);
        if matches!(approval.state, State::Pending | State::Approved) {
            inner.by_request.insert(key, approval.id.clone());
        } else if inner.by_request.get(&key) == Some(&approval.id) {
            inner.by_request.remove(&key);
        }
        if let Some(waiter) = inner.waiters.get(&approval.id) {
            waiter.news.send_replace(News { approval: Arc::clone(&approval), settled });
        }
        if approval.state == State::Executing || approval.state.is_terminal() {
            inner.waiters.remove(&approval.id);
        }
        if approval.state.is_terminal() {
            inner.open.remove(&approval.id);
        } else {
            let due = deadline(&approval).map(|deadline| Instant::now() + deadline.since(now));
            inner.open.insert(approval.id.clone(), Open { approval, due });
        }
    }

    /// Forgets an approval that turned out not to exist.
    pub(super) fn forget(&self, id: &ApprovalId) {
        let inner = &mut *self.inner.write();
        inner.by_request.retain(|_, known| known != id);
        inner.waiters.remove(id);
        inner.open.remove(id);
    }

    /// The approval, if it has not ended, with its `waiting` mark.
    pub(super) fn get(&self, id: &ApprovalId) -> Option<Approval> {
        let inner = self.inner.read();
        inner.open.get(id).map(|open| inner.shown(&open.approval))
    }

    /// Every approval that has not ended.
    pub(super) fn all(&self) -> Vec<Approval> {
        let inner = self.inner.read();
        inner.open.values().map(|open| inner.shown(&open.approval)).collect()
    }

    pub(super) fn find(&self, key: &RequestKey) -> Option<ApprovalId> {
        self.inner.read().by_request.get(key).cloned()
    }

    /// Approvals whose time is up by either clock, and the next moment to look again.
    pub(super) fn due(&self, now: Timestamp) -> (Vec<Approval>, Option<Instant>) {
        let instant = Instant::now();
        let inner = self.inner.read();
        let mut next: Option<Instant> = None;
        let mut found = Vec::new();
        for open in inner.open.values() {
            let by_wall = deadline(&open.approval).is_some_and(|deadline| deadline <= now);
            match open.due {
                Some(due) if by_wall || due <= instant => found.push(Approval::clone(&open.approval)),
                Some(due) => next = Some(next.map_or(due, |next| next.min(due))),
                None => {}
            }
        }
        (found, next)
    }

    /// Gives out a ticket. Whoever waited for this approval before is told that it was superseded.
    pub(super) fn attach(self: &Arc<Self>, id: &ApprovalId, session: SessionId) -> Option<Ticket> {
        let inner = &mut *self.inner.write();
        let approval = Arc::clone(&inner.open.get(id)?.approval);
        inner.tickets += 1;
        let number = inner.tickets;
        let agent = approval.request.requester.agent.clone();
        let (sender, news) = watch::channel(News { settled: Settled::of(&approval), approval });
        let waiter = Waiter { number, agent, news: sender };
        if let Some(older) = inner.waiters.insert(id.clone(), waiter) {
            older.news.send_modify(|news| news.settled = Some(Settled::Superseded));
        }
        Some(Ticket { id: id.clone(), number, session, news, board: Arc::clone(self) })
    }

    /// The client of this ticket is gone.
    pub(super) fn detach(&self, id: &ApprovalId, number: u64) {
        let inner = &mut *self.inner.write();
        if inner.waiters.get(id).is_some_and(|waiter| waiter.number == number) {
            inner.waiters.remove(id);
        }
    }

    /// Is this ticket the one that may spend?
    pub(super) fn is_current(&self, id: &ApprovalId, number: u64) -> bool {
        self.inner.read().waiters.get(id).is_some_and(|waiter| waiter.number == number)
    }

    /// Clients waiting: all, and of one agent.
    pub(super) fn waiting(&self, agent: Option<&AgentName>) -> usize {
        let inner = self.inner.read();
        match agent {
            None => inner.waiters.len(),
            Some(agent) => inner.waiters.values().filter(|waiter| waiter.agent == *agent).count(),
        }
    }

    /// Approvals of one agent that people may still decide.
    pub(super) fn pending_of(&self, agent: &AgentName) -> usize {
        let of_agent =
            |open: &&Open| open.approval.state == State::Pending && open.approval.request.requester.agent == *agent;
        self.inner.read().open.values().filter(of_agent).count()
    }

    /// Nobody will tell the waiters any more.
    pub(super) fn close(&self) {
        self.inner.write().waiters.clear();
    }
}

impl Inner {
    fn shown(&self, approval: &Approval) -> Approval {
        Approval { waiting: self.waiters.contains_key(&approval.id), ..approval.clone() }
    }
}
