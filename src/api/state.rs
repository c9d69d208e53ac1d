//! What the handlers share. `app` fills it in; tests fill it with stores in memory.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use metrics_exporter_prometheus::PrometheusHandle;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::api::approvals::idempotency::Answers;
use crate::api::problem::Problem;
use crate::api::signin::SignIn;
use crate::audit::event::Event;
use crate::audit::log::AuditLog;
use crate::clock::{Clock, Timestamp};
use crate::gate::desk::Desk;
use crate::gate::desk::grants::Grants;
use crate::identity::ids::PersonName;
use crate::identity::person::Person;
use crate::identity::store::{AgentStore, TokenStore};
use crate::identity::token::Token;
use crate::notify::notifier::Notifier;

/// One readiness check: a name and a question that answers `Ok` or what is wrong, in words without secrets.
#[derive(Clone)]
pub struct Check {
    /// The key in `/readyz`, such as `store` or `upstream shop`.
    pub name: String,
    /// The question. It may take up to [`Check::TIMEOUT`].
    pub ask: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
}

impl Check {
    /// After this a check counts as failed.
    pub const TIMEOUT: Duration = Duration::from_secs(2);

    /// A check from a closure.
    pub fn new<F>(name: impl Into<String>, ask: F) -> Self
    where
        F: Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync + 'static,
    {
        Self { name: name.into(), ask: Arc::new(ask) }
    }
}

/// What `POST /v1/explain` asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// The database, by its name in `holdpoint.yaml`.
    pub database: String,
    /// On behalf of which agent.
    pub agent: String,
    /// The statement. It is read and judged, never run.
    pub sql: String,
}

/// The rules, as the API sees them.
pub trait RulesDoor: Send + Sync {
    /// Version, files, rules with their hit counters.
    fn describe(&self) -> Value;
    /// Reads the rules again; all or nothing. Records the outcome in the audit log. Answers the version in force.
    ///
    /// # Errors
    /// What is wrong with the new rules; the old ones stay.
    fn reload(&self, by: PersonName) -> BoxFuture<'static, Result<String, String>>;
    /// Says what would become of a statement, and why.
    ///
    /// # Errors
    /// Unknown database or agent, or the catalog cannot be read.
    fn explain(&self, question: Explain) -> BoxFuture<'static, Result<Value, String>>;
}

/// What the handlers share; cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    /// The desk where statements wait.
    pub desk: Arc<Desk>,
    /// Agents.
    pub agents: Arc<dyn AgentStore>,
    /// Tokens, passwords, and sessions at the page.
    pub tokens: Arc<dyn TokenStore>,
    /// The audit log.
    pub audit: Arc<AuditLog>,
    /// The people of `holdpoint.yaml`, replaced when it is read again.
    pub people: Arc<ArcSwap<Vec<Person>>>,
    /// The keys under `databases:`.
    pub databases: Arc<BTreeSet<String>>,
    /// The rules.
    pub rules: Arc<dyn RulesDoor>,
    /// What `/readyz` asks.
    pub checks: Arc<Vec<Check>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Metrics; `None` in tests.
    pub metrics: Option<PrometheusHandle>,
    /// Cancelled when the process begins to drain: `/readyz` says 503, waits and streams end.
    pub draining: CancellationToken,
    /// What links begin with, without a trailing slash.
    pub public_url: Arc<str>,
    /// Changes of agents and tokens go one at a time, so that noting a use never undoes a revocation.
    pub identity_writes: Arc<Mutex<()>>,
    /// Standing, bounded approvals; `None`: none are given.
    pub grants: Option<Arc<Grants>>,
    /// Who tells people and programs; `None`: nobody is told.
    pub notifier: Option<Arc<Notifier>>,
    /// Answers kept for `Idempotency-Key`.
    pub answers: Arc<Answers>,
    /// Signing in at the page.
    pub sign_in: Arc<SignIn>,
}

impl ApiState {
    /// People reach the page over HTTPS, here or at a proxy in front: cookies go over nothing else then.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The person of this name with the groups of this moment; in no group if the configuration does not know it.
    pub fn person(&self, name: &PersonName) -> Person {
        let people = self.people.load();
        let known = people.iter().find(|person| person.name == *name).cloned();
        known.unwrap_or_else(|| Person { name: name.clone(), groups: Vec::new() })
    }

    /// Does the configuration know this person?
    pub fn knows(&self, name: &PersonName) -> bool {
        self.people.load().iter().any(|person| person.name == *name)
    }

    /// Notes that a token was used, to the minute. Not being able to is no reason to refuse.
    pub async fn note_use(&self, token: &Token, now: Timestamp) {
        let fresh = token.last_used_at.is_some_and(|last| now.since(last) < Duration::from_secs(60));
        if fresh {
            return;
        }
        let _one_at_a_time = self.identity_writes.lock().await;
        if let Ok(Some(mut token)) = self.tokens.token(&token.id) {
            token.last_used_at = Some(now);
            if let Err(error) = self.tokens.replace_token(token).await {
                tracing::warn!(%error, "could not note the use of a token");
            }
        }
    }

    /// Records an event durably, before the effect it speaks of.
    ///
    /// # Errors
    /// The audit log does not take it: the caller must not go on.
    pub async fn record(&self, event: Event) -> Result<u64, Problem> {
        self.audit.record_durable(event).await.map_err(|error| Problem::unavailable("the audit log", error))
    }
}
