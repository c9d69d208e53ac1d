//! What the API needs from the gate, the stores and the audit log.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::broadcast;

use crate::audit::event::{Event, Record};
use crate::gate::approval::{Approval, State, Verdict};
use crate::identity::agent::Agent;
use crate::identity::ids::{AgentName, ApprovalId, PersonName};
use crate::identity::person::Person;
use crate::identity::token::Token;

#[derive(Clone, Debug)]
pub struct Change {
    pub id: ApprovalId,
    pub version: u64,
    pub state: State,
    pub seq: u64,
}

#[derive(Clone, Debug)]
pub struct Decision {
    pub person: Person,
    pub verdict: Verdict,
    pub reason: Option<String>,
    pub via: String,
    pub assurance: String,
    pub digest: Option<String>,
    pub if_version: Option<u64>,
}

#[derive(Clone, Debug, thiserror::Error)]
pub enum DecisionError {
    #[error("not found")]
    NotFound,
    #[error("not an approver")]
    NotAnApprover,
    #[error("self")]
    SelfApproval,
    #[error("decided")]
    AlreadyDecided { state: State, by: Option<PersonName> },
    #[error("stale")]
    StaleVersion { version: u64 },
    #[error("digest")]
    DigestMismatch,
    #[error("expired")]
    Expired,
    #[error("reason")]
    ReasonRequired,
    #[error("store: {0}")]
    Store(String),
}

#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub state: Option<State>,
    pub agent: Option<AgentName>,
}

#[derive(Clone, Debug)]
pub struct Page {
    pub size: usize,
    pub after: Option<String>,
}

pub trait Approvals: Send + Sync {
    fn decide(&self, id: &ApprovalId, decision: Decision) -> BoxFuture<'_, Result<Approval, DecisionError>>;
    fn revoke(&self, id: &ApprovalId, decision: Decision) -> BoxFuture<'_, Result<Approval, DecisionError>>;
    fn withdraw(&self, id: &ApprovalId, by: PersonName) -> BoxFuture<'_, Result<Approval, DecisionError>>;
    fn get(&self, id: &ApprovalId) -> BoxFuture<'_, Result<Option<Approval>, DecisionError>>;
    fn find_prefix(&self, prefix: &str) -> BoxFuture<'_, Result<Vec<ApprovalId>, DecisionError>>;
    fn list(&self, filter: Filter, page: Page)
    -> BoxFuture<'_, Result<(Vec<Approval>, Option<String>), DecisionError>>;
    fn subscribe(&self) -> broadcast::Receiver<Change>;
    fn wait_version(
        &self,
        id: &ApprovalId,
        after: u64,
        timeout: Duration,
    ) -> BoxFuture<'_, Result<Approval, DecisionError>>;
    fn kill(&self, agent: &AgentName, on: bool, by: PersonName) -> BoxFuture<'_, Result<(), DecisionError>>;
}

pub trait AgentStore: Send + Sync {
    fn get(&self, name: &AgentName) -> Result<Option<Agent>, String>;
    fn put(&self, agent: &Agent) -> Result<(), String>;
    fn remove(&self, name: &AgentName) -> Result<(), String>;
    fn list(&self) -> Result<Vec<Agent>, String>;
}

pub trait TokenStore: Send + Sync {
    fn get(&self, id: &str) -> Result<Option<Token>, String>;
    fn put(&self, token: &Token) -> Result<(), String>;
    fn list(&self) -> Result<Vec<Token>, String>;
}

pub trait Audit: Send + Sync {
    fn append(&self, event: Event) -> BoxFuture<'_, Result<u64, String>>;
    fn read(&self, after: Option<u64>, limit: usize) -> Result<Vec<Record>, String>;
    fn checkpoints(&self, limit: usize) -> Result<Vec<serde_json::Value>, String>;
    fn proof(&self, seq: u64) -> Result<Option<serde_json::Value>, String>;
}
