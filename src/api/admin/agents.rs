//! `/v1/agents`: make, list, remove, switch off and on.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::api::auth::Caller;
use crate::api::extract::Body;
use crate::api::problem::{Kind, Problem, ProblemBody};
use crate::api::state::ApiState;
use crate::audit::event::Event;
use crate::clock::Timestamp;
use crate::gate::desk::DeskError;
use crate::identity::agent::Agent;
use crate::identity::ids::{AgentName, PersonName};
use crate::identity::token::Scope;
use crate::identity::{credential, issue};

/// An agent as shown: without its verifiers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Agent)]
pub struct AgentBody {
    /// The user name it logs in with.
    pub name: String,
    /// The person who answers for it.
    pub owner: String,
    /// Who issued its credential.
    pub issued_by: String,
    /// Groups that rules may name.
    pub groups: Vec<String>,
    /// Databases it may open; empty means all.
    pub databases: Vec<String>,
    /// When it was made.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Switched off.
    pub disabled: bool,
}

impl From<Agent> for AgentBody {
    fn from(agent: Agent) -> Self {
        Self {
            name: agent.name.0,
            owner: agent.owner.0,
            issued_by: agent.issued_by.0,
            groups: agent.groups,
            databases: agent.databases,
            created_at: agent.created_at,
            disabled: agent.disabled,
        }
    }
}

/// All agents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AgentList {
    /// By name.
    pub agents: Vec<AgentBody>,
}

/// An agent to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAgent {
    /// Letters, digits, `-_.@`; at most 63.
    pub name: String,
    /// A person of `holdpoint.yaml`. Never approves this agent's statements.
    pub owner: String,
    /// Groups that rules may name.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Databases it may open; empty means all.
    #[serde(default)]
    pub databases: Vec<String>,
}

/// An agent and its secret, which is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssuedAgent {
    /// The agent.
    pub agent: AgentBody,
    /// The password of its DSN. Not kept; `:rotate` gives a new one.
    pub secret: String,
}

/// Lists agents.
#[utoipa::path(get, path = "/v1/agents", tag = "agents", security(("token" = ["admin"])),
    responses((status = 200, body = AgentList), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(State(state): State<ApiState>, caller: Caller) -> Result<Json<AgentList>, Problem> {
    caller.require(Scope::Admin)?;
    let mut agents = state.agents.agents().map_err(store_down)?;
    agents.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Json(AgentList { agents: agents.into_iter().map(AgentBody::from).collect() }))
}

/// Makes an agent. The caller becomes its issuer and cannot approve its statements.
#[utoipa::path(post, path = "/v1/agents", tag = "agents", security(("token" = ["admin"])), request_body = NewAgent,
    responses((status = 201, body = IssuedAgent), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    Body(new): Body<NewAgent>,
) -> Result<Response, Problem> {
    caller.require(Scope::Admin)?;
    check(&state, &new)?;
    let _one_at_a_time = state.identity_writes.lock().await;
    if find(&state, &new.name)?.is_some() {
        return Err(Problem::new(Kind::Conflict, format!("there is an agent {} already", new.name)));
    }
    let new = credential::NewAgent {
        name: new.name,
        owner: new.owner,
        issued_by: caller.name().to_string(),
        groups: new.groups,
        databases: new.databases,
    };
    let (agent, secret) = credential::new_agent(new, state.clock.now());
    state.record(changed(&caller, format!("agent {} added, owner {}", agent.name, agent.owner))).await?;
    state.agents.add_agent(agent.clone()).await.map_err(store_down)?;
    let body = IssuedAgent { agent: agent.into(), secret: secret.expose().to_owned() };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

fn check(state: &ApiState, new: &NewAgent) -> Result<(), Problem> {
    if !issue::agent_name_ok(&new.name) {
        return Err(Problem::bad_request(
            "name: letters, digits and -_.@, at most 63, starting with a letter or digit",
        ));
    }
    if !state.knows(&PersonName(new.owner.clone())) {
        return Err(Problem::bad_request(format!("owner: `people:` in the configuration has no {:?}", new.owner)));
    }
    if let Some(unknown) = new.databases.iter().find(|name| !state.databases.contains(*name)) {
        return Err(Problem::bad_request(format!("databases: the configuration has no {unknown:?}")));
    }
    Ok(())
}

/// Removes an agent; its sessions end and what waits is refused.
#[utoipa::path(delete, path = "/v1/agents/{name}", tag = "agents", security(("token" = ["admin"])),
    params(("name" = String, Path, description = "Its name")),
    responses((status = 204), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn remove(
    State(state): State<ApiState>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(Scope::Admin)?;
    let _one_at_a_time = state.identity_writes.lock().await;
    let agent = find(&state, &name)?.ok_or_else(|| Problem::not_found(format!("agent {name:?}")))?;
    switch(&state, &agent.name, true, &caller).await?;
    state.record(changed(&caller, format!("agent {name} removed"))).await?;
    state.agents.remove_agent(agent.name).await.map_err(store_down)?;
    Ok(StatusCode::NO_CONTENT)
}

/// `:disable` (the kill switch: no login, nothing released), `:enable`, or `:rotate` (a new secret).
#[utoipa::path(post, path = "/v1/agents/{name}:{verb}", tag = "agents", security(("token" = ["admin"])),
    params(("name" = String, Path, description = "Its name"), ("verb" = String, Path, description = "`disable`, `enable` or `rotate`")),
    responses((status = 200, body = AgentBody, description = "The agent; for `rotate` an `IssuedAgent`"),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn act(
    State(state): State<ApiState>,
    caller: Caller,
    Path(name_and_verb): Path<String>,
) -> Result<Response, Problem> {
    caller.require(Scope::Admin)?;
    let (name, verb) = name_and_verb.rsplit_once(':').unwrap_or((&name_and_verb, ""));
    let _one_at_a_time = state.identity_writes.lock().await;
    let mut agent = find(&state, name)?.ok_or_else(|| Problem::not_found(format!("agent {name:?}")))?;
    match verb {
        "disable" | "enable" => {
            let off = verb == "disable";
            switch(&state, &agent.name, off, &caller).await?;
            agent.disabled = off;
            Ok(Json(AgentBody::from(agent)).into_response())
        }
        "rotate" => {
            let secret = issue::rotate(&mut agent, caller.name().clone());
            state.record(changed(&caller, format!("agent {name} got a new secret"))).await?;
            state.agents.replace_agent(agent.clone()).await.map_err(store_down)?;
            Ok(Json(IssuedAgent { agent: agent.into(), secret: secret.expose().to_owned() }).into_response())
        }
        _ => Err(Problem::new(Kind::NotFound, "say what to do: `:disable`, `:enable` or `:rotate` after the name")),
    }
}

/// The desk records it, sets it, and tells whoever waits.
///
/// # Errors
/// No such agent, or store or audit fail.
pub async fn switch(state: &ApiState, agent: &AgentName, off: bool, caller: &Caller) -> Result<(), Problem> {
    match state.desk.kill(agent, off, caller.person.clone()).await {
        Ok(()) => match state.grants.as_ref().filter(|_| off) {
            // A switched-off agent uses none anyway; switched on again, it shall not find them.
            Some(grants) => grants.revoke_all(agent, caller.name()).await.map(|_| ()).map_err(store_down),
            None => Ok(()),
        },
        Err(DeskError::NotFound) => Err(Problem::not_found(format!("agent {agent}"))),
        Err(error) => Err(Problem::unavailable("the kill switch", error)),
    }
}

fn find(state: &ApiState, name: &str) -> Result<Option<Agent>, Problem> {
    state.agents.agent(&AgentName(name.to_owned())).map_err(store_down)
}

fn changed(caller: &Caller, what: String) -> Event {
    Event::IdentityChanged { by: caller.name().clone(), what }
}

fn store_down(error: impl std::fmt::Display) -> Problem {
    Problem::unavailable("the store", error)
}
