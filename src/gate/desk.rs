//! The desk: where held statements wait, people decide, and approvals are spent.
//!
//! One task ([`Desk::run`]) makes every change, in order: intent to the audit log, durably; then the approval to the store,
//! by compare-and-set; then memory; only then is anybody told. Whoever asks hands in a command and waits for its answer, so a
//! caller that goes away never leaves a change half done. Commands that wait at the same time share one write.

mod batch;
pub(in crate::gate) mod board;
mod command;
pub mod grants;
mod keeper;
pub mod pace;
mod steps;
pub mod store;
pub mod ticket;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::audit::log::AuditLog;
use crate::clock::Clock;
use crate::gate::approval::{Approval, Request, State};
use crate::gate::decision::{Decision, DecisionError};
use crate::gate::desk::board::Board;
use crate::gate::desk::command::Command;
use crate::gate::desk::pace::{PaceLimits, Paces};
use crate::gate::desk::store::{ApprovalFilter, ApprovalStore, Cursor, Page};
use crate::gate::desk::ticket::Ticket;
use crate::gate::life::{End, Times};
use crate::gate::refusal::Refusal;
use crate::gate::release::Release;
use crate::identity::ids::{AgentName, ApprovalId, StatementId};
use crate::identity::person::Person;
use crate::identity::store::{AgentStore, StoreError, TokenStore};

const COMMANDS_MAX: usize = 1024;
const CHANGES_MAX: usize = 1024;
const STOPPED: &str = "the approval desk has stopped";

/// What the desk rests on.
pub struct DeskParts {
    /// Where approvals are kept.
    pub approvals: Arc<dyn ApprovalStore>,
    /// Kill switches and owners.
    pub agents: Arc<dyn AgentStore>,
    /// Who issued whose credentials.
    pub tokens: Arc<dyn TokenStore>,
    /// Where everything is recorded first.
    pub audit: Arc<AuditLog>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Bounds.
    pub limits: DeskLimits,
}

/// Bounds of the desk.
#[derive(Clone, Copy, Debug)]
pub struct DeskLimits {
    /// Most clients waiting at once.
    pub waiting_max: usize,
    /// Most clients of one agent waiting at once.
    pub waiting_max_per_agent: usize,
    /// Most approvals of one agent that people may still decide, whether a client waits or not.
    pub pending_max_per_agent: usize,
    /// How often an agent may ask people anew.
    pub pace: PaceLimits,
}

impl Default for DeskLimits {
    fn default() -> Self {
        Self { waiting_max: 1000, waiting_max_per_agent: 20, pending_max_per_agent: 100, pace: PaceLimits::default() }
    }
}

/// What is checked again at the moment of release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpendCheck {
    /// The digest of what is about to be sent, computed anew.
    pub digest: String,
    /// Content hash of the rules in force.
    pub rules_version: String,
    /// The statement that is about to be sent, for the audit.
    pub statement: StatementId,
}

/// An approval changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub id: ApprovalId,
    /// Its version now.
    pub version: u64,
    /// Its state now.
    pub state: State,
    /// Position of the audit record that tells of it; grows with every change.
    pub seq: u64,
}

/// Why the desk did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeskError {
    /// No such approval or agent.
    #[error("there is no such approval")]
    NotFound,
    /// The state does not allow it.
    #[error("the approval is {}", .0.as_str())]
    Not(State),
    /// Audit or store failed, or the desk has stopped.
    #[error("{0}")]
    Unavailable(String),
}

/// Why no approval was found by the beginning of its id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// None begins like this.
    #[error("no approval begins with `{0}`")]
    NotFound(String),
    /// Several do.
    #[error("several approvals begin with `{0}`: give more of the id")]
    Ambiguous(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// See the module.
pub struct Desk {
    parts: DeskParts,
    board: Arc<Board>,
    commands: mpsc::Sender<Command>,
    inbox: Mutex<Option<mpsc::Receiver<Command>>>,
    changes: broadcast::Sender<Change>,
    /// Approvals that are executing with nobody left to finish them, and how they ended.
    orphans: Mutex<Vec<(ApprovalId, End)>>,
    paces: Mutex<Paces>,
}

impl Desk {
    /// Takes up what the store holds: pending approvals stay pending without a waiter; those that were executing when the
    /// last process ended become `unknown` as soon as [`Desk::run`] runs. Nothing moves before that.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn new(parts: DeskParts) -> Result<Self, StoreError> {
        let board = Board::default();
        let mut orphans = Vec::new();
        let now = parts.clock.now();
        for approval in parts.approvals.unfinished()? {
            if approval.state == State::Executing {
                orphans.push((approval.id.clone(), End { unknown: true, ..End::default() }));
            }
            board.put(approval, now, None);
        }
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        let (board, inbox, orphans) = (Arc::new(board), Mutex::new(Some(inbox)), Mutex::new(orphans));
        Ok(Self { parts, board, commands, inbox, changes, orphans, paces: Mutex::default() })
    }

    /// Asks people. The approval is durable before anyone is told. The same agent asking for the same thing picks up its open
    /// approval (the newest client waits, an older one is superseded), or one that was given and not used yet.
    /// Cancel safe: dropped, the client is detached at once.
    ///
    /// # Errors
    /// [`Refusal`]: switched off, too many waiting, or audit or store fail.
    pub async fn open(&self, request: Request, times: Times) -> Result<Ticket, Refusal> {
        let request = Box::new(request);
        let opened = self.ask(|reply| Command::Open { request, times, reply }).await;
        opened.unwrap_or_else(|| Err(Refusal::unavailable(None, STOPPED)))
    }

    /// Uses the approval up and gives the one release for it. In one step it is checked that this ticket is the newest, that
    /// the approval stands and is in time, that the agent is not switched off, and that digest and rules are those approved;
    /// the intent is durable before the approval is spent, and that before the release is given.
    /// Dropped before it is ready, the statement is not sent, and the approval ends `failed`.
    ///
    /// # Errors
    /// [`Refusal`]: exactly one of several callers gets the release, all others are refused.
    pub async fn spend(&self, ticket: &Ticket, check: &SpendCheck) -> Result<Release, Refusal> {
        let (id, number, session, check) = (ticket.id().clone(), ticket.number, ticket.session, check.clone());
        let spent = self.ask(|reply| Command::Spend { id, number, session, check, reply }).await;
        spent.unwrap_or_else(|| Err(Refusal::unavailable(Some(ticket.id()), STOPPED)))
    }

    /// Says how a released statement ended.
    ///
    /// # Errors
    /// [`DeskError`]; when the store fails it stays `executing` and becomes `unknown` at the next start.
    pub async fn finish(&self, id: &ApprovalId, end: End) -> Result<(), DeskError> {
        let id = id.clone();
        self.ask(|reply| Command::Finish { id, end, reply }).await.unwrap_or_else(stopped)
    }

    /// Takes a pending request back: the client cancelled, or its owner did. `why` goes to the audit.
    ///
    /// # Errors
    /// [`DeskError::Not`] if it is not pending any more.
    pub async fn withdraw(&self, id: &ApprovalId, why: &str) -> Result<(), DeskError> {
        let (id, number, why) = (id.clone(), None, why.to_owned());
        self.ask(|reply| Command::Withdraw { id, number, why, reply }).await.unwrap_or_else(stopped)
    }

    /// Takes a pending request back for the client that waits with this ticket. If another client took over meanwhile, the
    /// request is that one's, and nothing happens.
    ///
    /// # Errors
    /// As [`Desk::withdraw`].
    pub async fn cancel(&self, ticket: &Ticket, why: &str) -> Result<(), DeskError> {
        let (id, number, why) = (ticket.id().clone(), Some(ticket.number), why.to_owned());
        self.ask(|reply| Command::Withdraw { id, number, why, reply }).await.unwrap_or_else(stopped)
    }

    /// Takes a person's decision; gives the approval after it. The same verdict by the same person again changes nothing and
    /// succeeds. Refused decisions are recorded.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn decide(&self, id: &ApprovalId, decision: Decision) -> Result<Approval, DecisionError> {
        let (id, decision) = (id.clone(), Box::new(decision));
        let decided = self.ask(|reply| Command::Decide { id, decision, reply }).await;
        decided.unwrap_or_else(|| Err(DecisionError::Store(STOPPED.to_owned())))
    }

    /// Adds a remark of a person who may look at the request; recorded first, and told like any other change. It decides
    /// nothing, but the version grows: who decides next has to have seen it.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn comment(
        &self,
        id: &ApprovalId,
        person: Person,
        text: String,
        via: &str,
    ) -> Result<Approval, DecisionError> {
        let (id, via) = (id.clone(), via.to_owned());
        let commented = self.ask(|reply| Command::Comment { id, person, text, via, reply }).await;
        commented.unwrap_or_else(|| Err(DecisionError::Store(STOPPED.to_owned())))
    }

    /// Takes a given approval back before it is used. Approvers may, and those who stand behind the request.
    ///
    /// # Errors
    /// See [`DecisionError`].
    pub async fn revoke(
        &self,
        id: &ApprovalId,
        person: Person,
        reason: Option<String>,
    ) -> Result<Approval, DecisionError> {
        let id = id.clone();
        let revoked = self.ask(|reply| Command::Revoke { id, person, reason, reply }).await;
        revoked.unwrap_or_else(|| Err(DecisionError::Store(STOPPED.to_owned())))
    }

    /// Switches an agent off or on. Off: nothing of it is released from now on, its given approvals are revoked, its requests
    /// withdrawn, its waiting clients told. What is executing goes on; ending its sessions is the caller's part.
    ///
    /// # Errors
    /// [`DeskError`]: the switch may be set all the same if only a later step failed.
    pub async fn kill(&self, agent: &AgentName, on: bool, by: Person) -> Result<(), DeskError> {
        let agent = agent.clone();
        self.ask(|reply| Command::Kill { agent, on, by, reply }).await.unwrap_or_else(stopped)
    }

    /// One approval, ended ones included.
    ///
    /// # Errors
    /// The store fails.
    pub fn get(&self, id: &ApprovalId) -> Result<Option<Approval>, StoreError> {
        match self.board.get(id) {
            Some(approval) => Ok(Some(approval)),
            None => self.parts.approvals.approval(id),
        }
    }

    /// One approval by the beginning of its id, as people type it: any case, with or without `apr_`.
    ///
    /// # Errors
    /// None or several begin like this, or the store fails.
    pub fn find_prefix(&self, text: &str) -> Result<Approval, FindError> {
        let upper = text.trim().to_ascii_uppercase();
        let digits = upper.strip_prefix("APR_").unwrap_or(&upper);
        let not_found = || FindError::NotFound(text.trim().to_owned());
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
            return Err(not_found());
        }
        let ids = self.parts.approvals.ids_with_prefix(&format!("apr_{digits}"), 2)?;
        match ids.as_slice() {
            [] => Err(not_found()),
            [id] => self.get(id)?.ok_or_else(not_found),
            _ => Err(FindError::Ambiguous(text.trim().to_owned())),
        }
    }

    /// At most `max` approvals that pass, newest first, behind `after`. A page may be short and still have a next one.
    ///
    /// # Errors
    /// The store fails.
    pub fn list(&self, filter: &ApprovalFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError> {
        if !filter.is_unfinished_only() {
            let mut page = self.parts.approvals.list(filter, after, max)?;
            for approval in &mut page.approvals {
                approval.waiting = self.board.get(&approval.id).is_some_and(|open| open.waiting);
            }
            return Ok(page);
        }
        let behind = |approval: &Approval| after.is_none_or(|after| Cursor::of(approval) < *after);
        let mut found = self.board.all();
        found.retain(|approval| filter.passes(approval) && behind(approval));
        found.sort_by_key(|approval| std::cmp::Reverse(Cursor::of(approval)));
        let more = found.len() > max;
        found.truncate(max);
        let next = found.last().filter(|_| more).map(Cursor::of);
        Ok(Page { approvals: found, next })
    }

    /// Every change from now on. A slow reader is told that it missed some (`Lagged`) and should read again.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Waits until the approval's version is above `after_version`, or for `timeout`; gives it as it is then, `None` if there
    /// is no such approval. Cancel safe.
    ///
    /// # Errors
    /// The store fails.
    pub async fn wait_version(
        &self,
        id: &ApprovalId,
        after_version: u64,
        timeout: Duration,
    ) -> Result<Option<Approval>, StoreError> {
        let mut changes = self.subscribe();
        let changed = async {
            loop {
                match self.get(id)? {
                    Some(approval) if approval.version <= after_version && !approval.state.is_terminal() => {}
                    found => return Ok(found),
                }
                loop {
                    match changes.recv().await {
                        Ok(change) if change.id != *id => {}
                        Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => break,
                        Err(broadcast::error::RecvError::Closed) => return self.get(id),
                    }
                }
            }
        };
        match tokio::time::timeout(timeout, changed).await {
            Ok(found) => found,
            Err(_) => self.get(id),
        }
    }

    /// Clients waiting now.
    pub fn waiting_count(&self) -> usize {
        self.board.waiting(None)
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}

fn stopped() -> Result<(), DeskError> {
    Err(DeskError::Unavailable(STOPPED.to_owned()))
}

#[cfg(test)]
mod tests;
