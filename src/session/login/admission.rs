//! Whether somebody who proved itself may come in: decided once for both protocols. Each words the codes by itself.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};

use crate::config::Protocol;
use crate::identity::agent::Agent;
use crate::session::shared::{Database, Settings, Shared};
use crate::session::upstream::UpstreamError;

/// Why somebody who proved itself does not come in. `Display` is what it is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Denied {
    /// The agent's kill switch.
    #[error("agent `{agent}` is switched off; ask its owner")]
    Disabled { agent: String },
    /// There is no such database.
    #[error("database \"{database}\" does not exist")]
    Missing { database: String },
    /// This agent may not open it.
    #[error("agent `{agent}` may not open database \"{database}\"")]
    Forbidden { agent: String, database: String },
    /// It is served on another port.
    #[error(
        "database \"{database}\" speaks {}: connect to Holdpoint's port for {} clients", .protocol.name(), .protocol.name()
    )]
    Elsewhere { database: String, protocol: Protocol },
    /// None was named, and there is more than one, or none at all.
    #[error("no database selected: name one in the connection string, one of: {open}")]
    Unnamed { open: String },
    /// No place is left.
    #[error("too many clients: Holdpoint's `limits.clients_max` is reached; try again later")]
    Crowded,
}

/// Is the agent switched on?
pub(crate) fn enabled(agent: &Agent) -> Result<(), Denied> {
    if agent.disabled { Err(Denied::Disabled { agent: shown(&agent.name.0) }) } else { Ok(()) }
}

/// The database, if it exists, this agent may open it, and it speaks what the client speaks.
pub(crate) fn database(
    settings: &Settings,
    agent: &Agent,
    name: &str,
    spoken: Protocol,
) -> Result<Arc<Database>, Denied> {
    let Some(database) = settings.databases.get(name) else {
        return Err(Denied::Missing { database: shown(name) });
    };
    if !may_open(agent, name) {
        return Err(Denied::Forbidden { agent: shown(&agent.name.0), database: shown(name) });
    }
    let protocol = database.upstream.protocol;
    if protocol != spoken {
        return Err(Denied::Elsewhere { database: shown(name), protocol });
    }
    Ok(database.clone())
}

/// The database that this agent means if it names none: the only one it may open that speaks what the client speaks.
pub(crate) fn only_database(settings: &Settings, agent: &Agent, spoken: Protocol) -> Result<Arc<Database>, Denied> {
    let fits = |database: &&Arc<Database>| database.upstream.protocol == spoken && may_open(agent, &database.name);
    let open: Vec<&Arc<Database>> = settings.databases.values().filter(fits).collect();
    match open.as_slice() {
        [only] => Ok((*only).clone()),
        _ => {
            let names: Vec<&str> = open.iter().take(8).map(|database| database.name.as_str()).collect();
            Err(Denied::Unnamed { open: shown_list(&names) })
        }
    }
}

fn shown_list(names: &[&str]) -> String {
    if names.is_empty() { "(none is open to this agent)".to_owned() } else { names.join(", ") }
}

fn may_open(agent: &Agent, name: &str) -> bool {
    agent.databases.is_empty() || agent.databases.iter().any(|allowed| allowed == name)
}

/// Takes a client's place, now that it is known who it is.
pub(crate) fn client_place(shared: &Shared) -> Result<OwnedSemaphorePermit, Denied> {
    shared.clients.clone().try_acquire_owned().map_err(|_| Denied::Crowded)
}

/// Waits for a place at the database.
///
/// Cancel safe.
pub(crate) async fn upstream_place(
    database: &Database,
    deadline: Instant,
) -> Result<OwnedSemaphorePermit, UpstreamError> {
    match timeout_at(deadline, database.places.clone().acquire_owned()).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(UpstreamError::Full),
    }
}

/// A name from outside, fit for one line of text and for the audit: no control characters, at most 64 letters.
pub(crate) fn shown(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(64).collect()
}
