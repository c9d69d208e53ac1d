//! What has to be kept about agents, tokens and keys, and how keeping can fail. Implementations stand in `store`.
//!
//! Reads are local and quick, so they are plain calls. Writes are durable when their future says `Ok`; dropping the future
//! does not undo a write that has begun.

use futures_util::future::BoxFuture;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::identity::agent::Agent;
use crate::identity::ids::{AgentName, PersonName};
use crate::identity::password::Login;
use crate::identity::session::BrowserSession;
use crate::identity::token::Token;

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

/// People's passwords by name, and signed-in browsers by id.
pub trait LoginStore: Send + Sync {
    /// One person's way in.
    fn login(&self, person: &PersonName) -> Result<Option<Login>, StoreError>;
    /// All of them, by name.
    fn logins(&self) -> Result<Vec<Login>, StoreError>;
    /// Adds or replaces one.
    fn put_login(&self, login: Login) -> BoxFuture<'_, Result<(), StoreError>>;
    /// One signed-in browser.
    fn browser_session(&self, id: &str) -> Result<Option<BrowserSession>, StoreError>;
    /// All of them, by id.
    fn browser_sessions(&self) -> Result<Vec<BrowserSession>, StoreError>;
    /// Adds one; [`StoreError::Conflict`] if the id is taken.
    fn add_browser_session(&self, session: BrowserSession) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Notes a request and nothing else, in one step; [`StoreError::Missing`] if the session has ended.
    fn touch_browser_session(&self, id: String, at: Timestamp) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Ends these; those that are not there have ended already.
    fn remove_browser_sessions(&self, ids: Vec<String>) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// API tokens by id.
pub trait TokenStore: LoginStore {
    /// One token.
    fn token(&self, id: &str) -> Result<Option<Token>, StoreError>;
    /// All tokens, by id.
    fn tokens(&self) -> Result<Vec<Token>, StoreError>;
    /// Adds a token; [`StoreError::Conflict`] if the id is taken.
    fn add_token(&self, token: Token) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Replaces a token; [`StoreError::Missing`] if there is none.
    fn replace_token(&self, token: Token) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Who issued this person's tokens, expired and revoked ones included, and who opened a password for them; each once.
    fn issuers_of(&self, person: &PersonName) -> Result<Vec<PersonName>, StoreError> {
        let same = |name: &PersonName| name.0.trim().to_lowercase() == person.0.trim().to_lowercase();
        let tokens = self.tokens()?;
        let mut issuers: Vec<_> =
            tokens.into_iter().filter(|token| same(&token.person)).map(|token| token.issued_by).collect();
        let logins = self.logins()?;
        issuers.extend(logins.into_iter().filter(|login| same(&login.person)).flat_map(|login| login.issuers));
        issuers.sort_unstable();
        issuers.dedup();
        Ok(issuers)
    }
}

/// Keys that an installation makes once and keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyName {
    /// Keys the masks `hash` and `pseudonym`.
    Masking,
    /// Signs the audit log's checkpoints.
    AuditSigning,
}

impl KeyName {
    /// Its name in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Masking => "masking",
            Self::AuditSigning => "audit-signing",
        }
    }
}

/// A 32-byte secret; wiped from memory when dropped.
pub type Key = Zeroizing<[u8; 32]>;

/// Keys by name.
pub trait KeyStore: Send + Sync {
    /// The key as stored, if there is one.
    fn key(&self, name: KeyName) -> Result<Option<Key>, StoreError>;
    /// The stored key, or `fresh` after it was stored durably.
    fn key_or_insert(&self, name: KeyName, fresh: Key) -> BoxFuture<'_, Result<Key, StoreError>>;
}
