//! `/v1/channels`: where messages about approvals go, what waits, testing and replaying.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::api::auth::Caller;
use crate::api::extract::{Body, Params};
use crate::api::problem::{Kind, Problem, ProblemBody};
use crate::api::state::ApiState;
use crate::audit::event::Event;
use crate::identity::token::Scope;
use crate::notify::notifier::{ChannelBody, DeliveryBody, Notifier, NotifierError, Replay};

/// Most deliveries on one page.
const PAGE_SIZE_MAX: usize = 200;
const PAGE_SIZE: usize = 50;

/// All channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChannelList {
    /// In the order of the configuration.
    pub channels: Vec<ChannelBody>,
}

/// One page of deliveries, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryPage {
    /// The deliveries.
    pub deliveries: Vec<DeliveryBody>,
    /// `before` of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_before: Option<u64>,
}

/// What `GET /v1/channels/{name}` understands.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryParams {
    /// How many, 1 to 200; 50 if absent.
    pub page_size: Option<usize>,
    /// Only deliveries with numbers below this.
    pub before: Option<u64>,
}

/// What a test or a replay did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChannelAnswer {
    /// A test: the receiver took it. A replay: always true.
    pub ok: bool,
    /// What the receiver's side said if it did not.
    pub trouble: Option<String>,
    /// A replay: deliveries that are under way again.
    pub replayed: Option<usize>,
}

/// Lists the channels.
#[utoipa::path(get, path = "/v1/channels", tag = "channels", security(("token" = ["admin"])),
    responses((status = 200, body = ChannelList), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(State(state): State<ApiState>, caller: Caller) -> Result<Json<ChannelList>, Problem> {
    caller.require(Scope::Admin)?;
    let Some(notifier) = &state.notifier else { return Ok(Json(ChannelList { channels: Vec::new() })) };
    let channels = notifier.channels().map_err(|error| Problem::unavailable("the store", error))?;
    Ok(Json(ChannelList { channels }))
}

/// Lists a channel's deliveries, newest first.
#[utoipa::path(get, path = "/v1/channels/{name}", tag = "channels", security(("token" = ["admin"])),
    params(("name" = String, Path, description = "Its name"), DeliveryParams),
    responses((status = 200, body = DeliveryPage), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn show(
    State(state): State<ApiState>,
    caller: Caller,
    Path(name): Path<String>,
    Params(params): Params<DeliveryParams>,
) -> Result<Json<DeliveryPage>, Problem> {
    caller.require(Scope::Admin)?;
    let size = params.page_size.unwrap_or(PAGE_SIZE);
    if size == 0 || size > PAGE_SIZE_MAX {
        return Err(Problem::bad_request(format!("page_size must be 1 to {PAGE_SIZE_MAX}")));
    }
    let deliveries = notifier(&state, &name)?.deliveries(&name, params.before, size).map_err(refused)?;
    let next_before = deliveries.last().filter(|_| deliveries.len() == size).map(|last| last.number);
    Ok(Json(DeliveryPage { deliveries, next_before }))
}

/// `:test` sends a test message at once; `:replay` brings given-up (or named) deliveries back.
#[utoipa::path(post, path = "/v1/channels/{name}:{verb}", tag = "channels", security(("token" = ["admin"])), request_body = Replay,
    params(("name" = String, Path, description = "Its name"), ("verb" = String, Path, description = "`test` or `replay`")),
    responses((status = 200, body = ChannelAnswer), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn act(
    State(state): State<ApiState>,
    caller: Caller,
    Path(name_and_verb): Path<String>,
    Body(replay): Body<Replay>,
) -> Result<Response, Problem> {
    caller.require(Scope::Admin)?;
    let (name, verb) = name_and_verb.rsplit_once(':').unwrap_or((&name_and_verb, ""));
    let notifier = notifier(&state, name)?;
    let accessed = |what: &str| Event::Accessed { by: caller.name().clone(), what: format!("channel {name} {what}") };
    let answer = match verb {
        "test" => {
            state.record(accessed("tested")).await?;
            let trouble = notifier.test(name).await.map_err(refused)?.err();
            ChannelAnswer { ok: trouble.is_none(), trouble, replayed: None }
        }
        "replay" => {
            state.record(accessed("replayed")).await?;
            let replayed = notifier.replay(name, &replay).await.map_err(refused)?;
            ChannelAnswer { ok: true, trouble: None, replayed: Some(replayed) }
        }
        _ => return Err(Problem::new(Kind::NotFound, "say what to do: `:test` or `:replay` after the name")),
    };
    Ok(Json(answer).into_response())
}

fn notifier(state: &ApiState, name: &str) -> Result<Arc<Notifier>, Problem> {
    let has = |notifier: &&Arc<Notifier>| notifier.has(name);
    let found = state.notifier.as_ref().filter(has).cloned();
    found.ok_or_else(|| Problem::not_found(format!("channel {name:?}; `notify:` in the configuration names them")))
}

fn refused(error: NotifierError) -> Problem {
    match error {
        NotifierError::NoChannel(name) => Problem::not_found(format!("channel {name:?}")),
        error => Problem::unavailable("the outbox", error),
    }
}
