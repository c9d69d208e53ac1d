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
    StaleVersion { current: u64 },
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

/// Why the store did not do what it was asked. Nothing was changed, unless it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Somebody else changed it first, or it exists already. Names what.
    #[error("{0} was changed by somebody else meanwhile, or exists already")]
    Conflict(String),
    /// There is no such thing. Names what.
    #[error("{0} is not in the store")]
    Missing(String),
    /// Something stored cannot be read, or was written by a newer version of the program.
    #[error("the store holds something that cannot be read: {0}")]
    Unreadable(String),
    /// The engine failed: disk full, I/O error, locked. A write may or may not have happened.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// Agents by name.
pub trait AgentStore: Send + Sync {
    /// One agent.
    fn agent(&self, name: &AgentName) -> Result<Option<Agent>, StoreError>;
    /// All agents, by name.
    fn agents(&self) -> Result<Vec<Agent>, StoreError>;
    /// Adds an agent; [`StoreError::Conflict`] if the name is taken.
    fn add_agent(&self, agent: Agent) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Replaces an agent; [`StoreError::Missing`] if there is none.
    fn replace_agent(&self, agent: Agent) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Removes an agent; [`StoreError::Missing`] if there is none.
    fn remove_agent(&self, name: AgentName) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Sets the kill switch and nothing else, in one step; [`StoreError::Missing`] if there is no such agent.
    fn set_agent_disabled(&self, name: AgentName, disabled: bool) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// API tokens by id.
pub trait TokenStore: Send + Sync {
    /// One token.
    fn token(&self, id: &str) -> Result<Option<Token>, StoreError>;
    /// All tokens, by id.
    fn tokens(&self) -> Result<Vec<Token>, StoreError>;
    /// Adds a token; [`StoreError::Conflict`] if the id is taken.
    fn add_token(&self, token: Token) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Replaces a token; [`StoreError::Missing`] if there is none.
    fn replace_token(&self, token: Token) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Who issued this person's tokens, expired and revoked ones included, each once.
    fn issuers_of(&self, person: &PersonName) -> Result<Vec<PersonName>, StoreError> {
        let same = |name: &PersonName| name.0.trim().to_lowercase() == person.0.trim().to_lowercase();
        let tokens = self.tokens()?;
        let mut issuers: Vec<_> =
            tokens.into_iter().filter(|token| same(&token.person)).map(|token| token.issued_by).collect();
        issuers.sort_unstable();
        issuers.dedup();
        Ok(issuers)
    }
}

pub trait Audit: Send + Sync {
    fn append(&self, event: Event) -> BoxFuture<'_, Result<u64, String>>;
    fn read(&self, after: Option<u64>, limit: usize) -> Result<Vec<Record>, String>;
    fn checkpoints(&self, limit: usize) -> Result<Vec<serde_json::Value>, String>;
    fn proof(&self, seq: u64) -> Result<Option<serde_json::Value>, String>;
}
