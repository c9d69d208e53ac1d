//! Everything in memory, for tests: the same contract as RocksDB, and faults on demand.

mod grants;
mod outbox;

use std::collections::{BTreeMap, HashMap};

use futures_util::future::{BoxFuture, ready};
use parking_lot::Mutex;

use crate::audit::store::{AuditStore, StoredCheckpoint};
use crate::clock::Timestamp;
use crate::gate::approval::Approval;
use crate::gate::budget::{BudgetStore, CounterRow};
use crate::gate::desk::grants::grant::Grant;
use crate::gate::desk::grants::shape::Shape;
use crate::gate::desk::store::{ApprovalChange, ApprovalFilter, ApprovalStore, ApprovalWrite, Cursor, Page};
use crate::gate::inherit::{Inherited, InheritedStore};
use crate::identity::agent::Agent;
use crate::identity::ids::{AgentName, ApprovalId, GrantId, PersonName};
use crate::identity::password::Login;
use crate::identity::session::BrowserSession;
use crate::identity::store::{AgentStore, Key, KeyName, KeyStore, LoginStore, StoreError, TokenStore};
use crate::identity::token::Token;
use crate::notify::outbox::Delivery;

/// What happens to writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// They succeed.
    #[default]
    None,
    /// They fail and change nothing.
    Refuse,
    /// They happen, and are reported as failed: what a sync error or a lost answer looks like.
    HappenAndFail,
}

/// Which writes a fault concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Approvals.
    Approvals,
    /// Audit records and checkpoints.
    Audit,
    /// Agents, tokens, keys.
    Identity,
    /// Inherited classes.
    Inherited,
    /// What of budgets was used.
    Budgets,
    /// Deliveries and notes.
    Outbox,
}

/// A store that forgets everything when it is dropped.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    approvals: HashMap<ApprovalId, Approval>,
    agents: BTreeMap<AgentName, Agent>,
    tokens: BTreeMap<String, Token>,
    logins: BTreeMap<PersonName, Login>,
    browser_sessions: BTreeMap<String, BrowserSession>,
    keys: HashMap<KeyName, Key>,
    records: Vec<String>,
    checkpoints: Vec<StoredCheckpoint>,
    inherited: BTreeMap<String, Inherited>,
    budgets: BTreeMap<String, CounterRow>,
    changes: BTreeMap<(ApprovalId, u64), ApprovalChange>,
    outbox: BTreeMap<u64, Delivery>,
    next_delivery: u64,
    notes: BTreeMap<(String, String), String>,
    grants: BTreeMap<GrantId, Grant>,
    shapes: BTreeMap<ApprovalId, Shape>,
    faults: [Fault; 6],
}

impl State {
    fn fault(&mut self, part: Part) -> &mut Fault {
        let [approvals, audit, identity, inherited, budgets, outbox] = &mut self.faults;
        match part {
            Part::Approvals => approvals,
            Part::Audit => audit,
            Part::Identity => identity,
            Part::Inherited => inherited,
            Part::Budgets => budgets,
            Part::Outbox => outbox,
        }
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes all following writes of a part fail, or succeed again.
    pub fn set_fault(&self, part: Part, fault: Fault) {
        *self.state.lock().fault(part) = fault;
    }

    fn write<'a, T: Send + 'a>(
        &self,
        part: Part,
        change: impl FnOnce(&mut State) -> Result<T, StoreError>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let mut state = self.state.lock();
        let failed = || Err(StoreError::Failed("the store was told to fail".to_owned()));
        let result = match *state.fault(part) {
            Fault::None => change(&mut state),
            Fault::Refuse => failed(),
            Fault::HappenAndFail => change(&mut state).and_then(|_| failed()),
        };
        Box::pin(ready(result))
    }
}

impl ApprovalStore for MemoryStore {
    fn commit(&self, writes: Vec<ApprovalWrite>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Approvals, |state| {
            let fits = |write: &&ApprovalWrite| {
                state.approvals.get(&write.approval.id).map(|stored| stored.version) == write.expected
            };
            if let Some(clash) = writes.iter().find(|write| !fits(write)) {
                return Err(StoreError::Conflict(clash.approval.id.to_string()));
            }
            for write in writes {
                let approval = Approval { waiting: false, ..write.approval };
                let change = ApprovalChange::between(state.approvals.get(&approval.id), &approval);
                state.changes.insert((change.id.clone(), change.version), change);
                state.approvals.insert(approval.id.clone(), approval);
            }
            Ok(())
        })
    }

    fn approval(&self, id: &ApprovalId) -> Result<Option<Approval>, StoreError> {
        Ok(self.state.lock().approvals.get(id).cloned())
    }

    fn unfinished(&self) -> Result<Vec<Approval>, StoreError> {
        Ok(self.state.lock().approvals.values().filter(|approval| !approval.state.is_terminal()).cloned().collect())
    }

    fn list(&self, filter: &ApprovalFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError> {
        let state = self.state.lock();
        let behind = |approval: &&Approval| after.is_none_or(|after| Cursor::of(approval) < *after);
        let mut found: Vec<Approval> =
            state.approvals.values().filter(behind).filter(|approval| filter.passes(approval)).cloned().collect();
        found.sort_by_key(|approval| std::cmp::Reverse(Cursor::of(approval)));
        let more = found.len() > max;
        found.truncate(max);
        let next = found.last().filter(|_| more).map(Cursor::of);
        Ok(Page { approvals: found, next })
    }

    fn ids_with_prefix(&self, prefix: &str, max: usize) -> Result<Vec<ApprovalId>, StoreError> {
        let state = self.state.lock();
        let mut ids: Vec<_> = state.approvals.keys().filter(|id| id.as_str().starts_with(prefix)).cloned().collect();
        ids.sort_unstable();
        ids.truncate(max);
        Ok(ids)
    }
}

impl AuditStore for MemoryStore {
    fn append_records(&self, first: u64, records: Vec<String>, _sync: bool) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Audit, |state| {
            if u64::try_from(state.records.len()) != Ok(first) {
                return Err(StoreError::Conflict(format!("record {first}")));
            }
            state.records.extend(records);
            Ok(())
        })
    }

    fn sync_records(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Audit, |_| Ok(()))
    }

    fn record_count(&self) -> Result<u64, StoreError> {
        Ok(u64::try_from(self.state.lock().records.len()).unwrap_or(u64::MAX))
    }

    fn records(&self, from: u64, max: usize) -> Result<Vec<String>, StoreError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(self.state.lock().records.iter().skip(from).take(max).cloned().collect())
    }

    fn add_checkpoint(&self, checkpoint: StoredCheckpoint) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Audit, |state| {
            state.checkpoints.push(checkpoint);
            Ok(())
        })
    }

    fn checkpoints(&self, from: u64, max: usize) -> Result<Vec<StoredCheckpoint>, StoreError> {
        let state = self.state.lock();
        Ok(state.checkpoints.iter().filter(|stored| stored.frontier.size() >= from).take(max).cloned().collect())
    }

    fn last_checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        Ok(self.state.lock().checkpoints.last().cloned())
    }
}

impl AgentStore for MemoryStore {
    fn agent(&self, name: &AgentName) -> Result<Option<Agent>, StoreError> {
        Ok(self.state.lock().agents.get(name).cloned())
    }

    fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        Ok(self.state.lock().agents.values().cloned().collect())
    }

    fn add_agent(&self, agent: Agent) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Identity, |state| insert(&mut state.agents, agent.name.clone(), agent, "agent"))
    }

    fn replace_agent(&self, agent: Agent) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Identity, |state| replace(&mut state.agents, &agent.name.clone(), agent, "agent"))
    }

    fn remove_agent(&self, name: AgentName) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Identity, |state| {
            state.agents.remove(&name).map(|_| ()).ok_or_else(|| StoreError::Missing(format!("agent {name}")))
        })
    }

    fn set_agent_disabled(&self, name: AgentName, disabled: bool) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Identity, |state| {
            let agent = state.agents.get_mut(&name).ok_or_else(|| StoreError::Missing(format!("agent {name}")))?;
            agent.disabled = disabled;
            Ok(())
        })
    }
}

impl LoginStore for MemoryStore {
    fn login(&self, person: &PersonName) -> Result<Option<Login>, StoreError> {
        Ok(self.state.lock().logins.get(person).cloned())
    }

    fn logins(&self) -> Result<Vec<Login>, StoreError> {
        Ok(self.state.lock().logins.values().cloned().collect())
    }

    fn put_login(&self, login: Login) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Identity, |state| {
            state.logins.insert(login.person.clone(), login);
            Ok(())
        })
    }

    fn browser_session(&self, id: &str) -> Result<Option<BrowserSession>, StoreError> {
        Ok(self.state.lock().browser_sessions.get(id).cloned())
    }

    fn browser_sessions(&self) -> Result<Vec<BrowserSession>, StoreError> {
        Ok(self.state.lock().browser_sessions.values().cloned().collect())
    }

    fn add_browser_session(&self, session: BrowserSession) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Identity, |state| {
            insert(&mut state.browser_sessions, session.id.clone(), session, "browser session")
        })
    }

    fn touch_browser_session(&self, id: String, at: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Identity, |state| {
            let missing = || StoreError::Missing(format!("browser session {id}"));
            state.browser_sessions.get_mut(&id).ok_or_else(missing)?.last_seen_at = at;
            Ok(())
        })
    }

    fn remove_browser_sessions(&self, ids: Vec<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Identity, |state| {
            state.browser_sessions.retain(|id, _| !ids.contains(id));
            Ok(())
        })
    }
}

impl TokenStore for MemoryStore {
    fn token(&self, id: &str) -> Result<Option<Token>, StoreError> {
        Ok(self.state.lock().tokens.get(id).cloned())
    }

    fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        Ok(self.state.lock().tokens.values().cloned().collect())
    }

    fn add_token(&self, token: Token) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Identity, |state| insert(&mut state.tokens, token.id.clone(), token, "token"))
    }

    fn replace_token(&self, token: Token) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Identity, |state| replace(&mut state.tokens, &token.id.clone(), token, "token"))
    }
}

impl KeyStore for MemoryStore {
    fn key(&self, name: KeyName) -> Result<Option<Key>, StoreError> {
        Ok(self.state.lock().keys.get(&name).cloned())
    }

    fn key_or_insert(&self, name: KeyName, fresh: Key) -> BoxFuture<'_, Result<Key, StoreError>> {
        self.write(Part::Identity, |state| Ok(state.keys.entry(name).or_insert(fresh).clone()))
    }
}

impl InheritedStore for MemoryStore {
    fn put_inherited(&self, entries: Vec<Inherited>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Inherited, |state| {
            state.inherited.extend(entries.into_iter().map(|one| (one.id(), one)));
            Ok(())
        })
    }

    fn remove_inherited(&self, id: String) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Inherited, |state| {
            state.inherited.remove(&id).map(|_| ()).ok_or_else(|| StoreError::Missing("inherited class".to_owned()))
        })
    }

    fn inherited(&self) -> Result<Vec<Inherited>, StoreError> {
        Ok(self.state.lock().inherited.values().cloned().collect())
    }
}

impl BudgetStore for MemoryStore {
    fn put_counters(&self, rows: Vec<CounterRow>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(Part::Budgets, |state| {
            state.budgets.extend(rows.into_iter().map(|row| (row.id(), row)));
            Ok(())
        })
    }

    fn counters(&self) -> Result<Vec<CounterRow>, StoreError> {
        Ok(self.state.lock().budgets.values().cloned().collect())
    }
}

fn insert<K: Ord + std::fmt::Display, V>(
    map: &mut BTreeMap<K, V>,
    key: K,
    value: V,
    what: &str,
) -> Result<(), StoreError> {
    match map.entry(key) {
        std::collections::btree_map::Entry::Occupied(taken) => {
            Err(StoreError::Conflict(format!("{what} {}", taken.key())))
        }
        std::collections::btree_map::Entry::Vacant(free) => {
            free.insert(value);
            Ok(())
        }
    }
}

fn replace<K: Ord + std::fmt::Display, V>(
    map: &mut BTreeMap<K, V>,
    key: &K,
    value: V,
    what: &str,
) -> Result<(), StoreError> {
    let slot = map.get_mut(key).ok_or_else(|| StoreError::Missing(format!("{what} {key}")))?;
    *slot = value;
    Ok(())
}
