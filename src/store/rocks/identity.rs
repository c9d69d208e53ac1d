//! Agents, tokens, people's ways in and keys in RocksDB.

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::identity::agent::Agent;
use crate::identity::ids::{AgentName, PersonName};
use crate::identity::password::Login;
use crate::identity::session::BrowserSession;
use crate::identity::store::{AgentStore, Key, KeyName, KeyStore, LoginStore, StoreError, TokenStore};
use crate::identity::token::Token;
use crate::store::rocks::columns::{AGENTS, BROWSER_SESSIONS, Column, KEYS, LOGINS, TOKENS};
use crate::store::rocks::{Inner, RocksStore};

impl RocksStore {
    fn add<T: Serialize + Send + Sync + 'static>(
        &self,
        column: Column,
        name: String,
        value: T,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| {
            if inner.bytes(column, name.as_bytes())?.is_some() {
                return Err(StoreError::Conflict(named(column, &name)));
            }
            inner.put(batch, column, name.as_bytes(), &value)
        })
    }

    /// Reads, changes and writes one value in one step.
    fn update<T: Serialize + DeserializeOwned>(
        &self,
        column: Column,
        name: String,
        update: impl FnOnce(T) -> T + Send + 'static,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| {
            let stored: Option<T> = inner.value(column, name.as_bytes())?;
            let stored = stored.ok_or_else(|| StoreError::Missing(named(column, &name)))?;
            inner.put(batch, column, name.as_bytes(), &update(stored))
        })
    }
}

fn named(column: Column, name: &str) -> String {
    format!("{} {name}", column.name.trim_end_matches('s'))
}

impl AgentStore for RocksStore {
    fn agent(&self, name: &AgentName) -> Result<Option<Agent>, StoreError> {
        self.inner.value(AGENTS, name.0.as_bytes())
    }

    fn agents(&self) -> Result<Vec<Agent>, StoreError> {
        self.inner.values(AGENTS)
    }

    fn add_agent(&self, agent: Agent) -> BoxFuture<'_, Result<(), StoreError>> {
        self.add(AGENTS, agent.name.0.clone(), agent)
    }

    fn replace_agent(&self, agent: Agent) -> BoxFuture<'_, Result<(), StoreError>> {
        self.update(AGENTS, agent.name.0.clone(), move |_: Agent| agent)
    }

    fn remove_agent(&self, name: AgentName) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| {
            if inner.bytes(AGENTS, name.0.as_bytes())?.is_none() {
                return Err(StoreError::Missing(named(AGENTS, &name.0)));
            }
            batch.delete_cf(inner.column(AGENTS)?, name.0.as_bytes());
            Ok(())
        })
    }

    fn set_agent_disabled(&self, name: AgentName, disabled: bool) -> BoxFuture<'_, Result<(), StoreError>> {
        self.update(AGENTS, name.0, move |agent: Agent| Agent { disabled, ..agent })
    }
}

impl LoginStore for RocksStore {
    fn login(&self, person: &PersonName) -> Result<Option<Login>, StoreError> {
        self.inner.value(LOGINS, person.0.as_bytes())
    }

    fn logins(&self) -> Result<Vec<Login>, StoreError> {
        self.inner.values(LOGINS)
    }

    fn put_login(&self, login: Login) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| inner.put(batch, LOGINS, login.person.0.as_bytes(), &login))
    }

    fn browser_session(&self, id: &str) -> Result<Option<BrowserSession>, StoreError> {
        self.inner.value(BROWSER_SESSIONS, id.as_bytes())
    }

    fn browser_sessions(&self) -> Result<Vec<BrowserSession>, StoreError> {
        self.inner.values(BROWSER_SESSIONS)
    }

    fn add_browser_session(&self, session: BrowserSession) -> BoxFuture<'_, Result<(), StoreError>> {
        self.add(BROWSER_SESSIONS, session.id.clone(), session)
    }

    fn touch_browser_session(&self, id: String, at: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        self.update(BROWSER_SESSIONS, id, move |session: BrowserSession| BrowserSession { last_seen_at: at, ..session })
    }

    fn remove_browser_sessions(&self, ids: Vec<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.change(move |batch, inner| {
            for id in ids {
                batch.delete_cf(inner.column(BROWSER_SESSIONS)?, id.as_bytes());
            }
            Ok(())
        })
    }
}

impl TokenStore for RocksStore {
    fn token(&self, id: &str) -> Result<Option<Token>, StoreError> {
        self.inner.value(TOKENS, id.as_bytes())
    }

    fn tokens(&self) -> Result<Vec<Token>, StoreError> {
        self.inner.values(TOKENS)
    }

    fn add_token(&self, token: Token) -> BoxFuture<'_, Result<(), StoreError>> {
        self.add(TOKENS, token.id.clone(), token)
    }

    fn replace_token(&self, token: Token) -> BoxFuture<'_, Result<(), StoreError>> {
        self.update(TOKENS, token.id.clone(), move |_: Token| token)
    }
}

impl Inner {
    fn key(&self, name: KeyName) -> Result<Option<Key>, StoreError> {
        let Some(bytes) = self.bytes(KEYS, name.as_str().as_bytes())?.map(Zeroizing::new) else { return Ok(None) };
        let key = <[u8; 32]>::try_from(bytes.as_slice());
        key.map(|key| Some(Zeroizing::new(key))).map_err(|_| StoreError::Unreadable(format!("key {}", name.as_str())))
    }
}

impl KeyStore for RocksStore {
    fn key(&self, name: KeyName) -> Result<Option<Key>, StoreError> {
        self.inner.key(name)
    }

    fn key_or_insert(&self, name: KeyName, fresh: Key) -> BoxFuture<'_, Result<Key, StoreError>> {
        self.change(move |batch, inner| {
            if let Some(key) = inner.key(name)? {
                return Ok(key);
            }
            batch.put_cf(inner.column(KEYS)?, name.as_str(), fresh.as_slice());
            Ok(fresh)
        })
    }
}
