//! Changes that are written together. An approval is changed at most once per batch.

use std::collections::HashMap;

use crate::audit::event::Event;
use crate::gate::approval::Approval;
use crate::gate::desk::board::{RequestKey, key};
use crate::gate::desk::command::{Command, Reply};
use crate::gate::desk::ticket::Settled;
use crate::identity::ids::{AgentName, ApprovalId};

const CHANGES_MAX: usize = 256;

/// One approval as it shall be, and what the audit says about it first.
pub(super) struct Staged {
    pub(super) next: Approval,
    pub(super) expected: Option<u64>,
    pub(super) events: Vec<Event>,
    pub(super) fate: Option<Settled>,
}

#[derive(Default)]
pub(super) struct Batch {
    pub(super) staged: Vec<Staged>,
    pub(super) replies: Vec<Reply>,
    opened: HashMap<RequestKey, ApprovalId>,
    /// Tickets promised to each agent.
    promised: HashMap<AgentName, usize>,
    alone: bool,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.staged.is_empty() && self.replies.is_empty()
    }

    /// Must this command wait until the batch is written?
    pub(super) fn must_wait(&self, command: &Command) -> bool {
        let touched = match command {
            Command::Open { request, .. } => {
                let asked = (request.requester.agent.clone(), request.digest.clone());
                self.staged.iter().any(|staged| staged.expected.is_some() && key(&staged.next) == asked)
            }
            other => other.id().is_some_and(|id| self.staged.iter().any(|staged| staged.next.id == *id)),
        };
        let sweeping = matches!(command, Command::Kill { .. }) && !self.is_empty();
        touched || sweeping || self.alone || self.staged.len() + self.replies.len() >= CHANGES_MAX
    }

    /// Nothing else joins this batch.
    pub(super) fn close(&mut self) {
        self.alone = true;
    }

    /// `from` becomes `next`, told by `events`.
    pub(super) fn change(&mut self, from: &Approval, next: Approval, events: Vec<Event>) {
        self.staged.push(Staged { next, expected: Some(from.version), events, fate: None });
    }

    /// The same, and the waiter is told `fate`.
    pub(super) fn change_with_fate(&mut self, from: &Approval, next: Approval, events: Vec<Event>, fate: Settled) {
        self.staged.push(Staged { next, expected: Some(from.version), events, fate: Some(fate) });
    }

    pub(super) fn create(&mut self, approval: Approval, event: Event) {
        self.opened.insert(key(&approval), approval.id.clone());
        self.staged.push(Staged { next: approval, expected: None, events: vec![event], fate: None });
    }

    pub(super) fn opened(&self, key: &RequestKey) -> Option<ApprovalId> {
        self.opened.get(key).cloned()
    }

    pub(super) fn promise(&mut self, agent: &AgentName) {
        *self.promised.entry(agent.clone()).or_default() += 1;
    }

    /// Tickets promised: all, and to one agent.
    pub(super) fn promised(&self, agent: Option<&AgentName>) -> usize {
        match agent {
            None => self.promised.values().sum(),
            Some(agent) => self.promised.get(agent).copied().unwrap_or(0),
        }
    }

    /// New approvals of this agent.
    pub(super) fn opened_by(&self, agent: &AgentName) -> usize {
        self.opened.keys().filter(|(of, _)| of == agent).count()
    }
}
