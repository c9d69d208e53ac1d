//! `/v1/tokens`: make, list, revoke.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::api::auth::{Caller, scope_named};
use crate::api::extract::{Body, span};
use crate::api::problem::{Kind, Problem, ProblemBody};
use crate::api::state::ApiState;
use crate::audit::event::Event;
use crate::clock::Timestamp;
use crate::identity::ids::PersonName;
use crate::identity::token::{Scope, Token};

/// A token as shown: without its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Token)]
pub struct TokenBody {
    /// The middle part of the token's text.
    pub id: String,
    /// On whose behalf it acts.
    pub person: String,
    /// What it may do.
    pub scopes: Vec<String>,
    /// When it was made.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Who made it.
    pub issued_by: String,
    /// When it stops working; null never.
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Timestamp>,
    /// Last use, to the minute.
    #[schema(value_type = Option<String>)]
    pub last_used_at: Option<Timestamp>,
    /// Revoked.
    pub revoked: bool,
}

impl From<Token> for TokenBody {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            person: token.person.0,
            scopes: token.scopes.into_iter().map(|scope| scope.as_str().to_owned()).collect(),
            created_at: token.created_at,
            issued_by: token.issued_by.0,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked: token.revoked,
        }
    }
}

/// All tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenList {
    /// Newest first.
    pub tokens: Vec<TokenBody>,
}

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// A person of `holdpoint.yaml`.
    pub person: String,
    /// `approvals:read`, `approvals:decide`, `audit:read`, `rules:write`, `admin`.
    pub scopes: Vec<String>,
    /// How long it works, such as `30d`; absent: until revoked.
    #[serde(default)]
    pub expires_in: Option<String>,
}

/// A token and its text, which is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct IssuedToken {
    /// The token.
    pub token: TokenBody,
    /// What to send as `Authorization: Bearer …`. Not kept.
    pub text: String,
}

/// Lists tokens.
#[utoipa::path(get, path = "/v1/tokens", tag = "tokens", security(("token" = ["admin"])),
    responses((status = 200, body = TokenList), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(State(state): State<ApiState>, caller: Caller) -> Result<Json<TokenList>, Problem> {
    caller.require(Scope::Admin)?;
    let mut tokens = state.tokens.tokens().map_err(store_down)?;
    tokens.sort_by(|one, other| other.created_at.cmp(&one.created_at).then_with(|| one.id.cmp(&other.id)));
    Ok(Json(TokenList { tokens: tokens.into_iter().map(TokenBody::from).collect() }))
}

/// Makes a token.
#[utoipa::path(post, path = "/v1/tokens", tag = "tokens", security(("token" = ["admin"])), request_body = NewToken,
    responses((status = 201, body = IssuedToken), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    Body(new): Body<NewToken>,
) -> Result<Response, Problem> {
    caller.require(Scope::Admin)?;
    let person = PersonName(new.person);
    if !state.knows(&person) {
        return Err(Problem::bad_request(format!("person: `people:` in the configuration has no {:?}", person.0)));
    }
    let now = state.clock.now();
    let (scopes, expires_at) = (scopes(&new.scopes)?, expiry(new.expires_in.as_deref(), now)?);
    let (token, text) = Token::issue(person, scopes, caller.name().clone(), expires_at, now);
    state.record(changed(&caller, format!("token {} added for {}", token.id, token.person))).await?;
    state.tokens.add_token(token.clone()).await.map_err(store_down)?;
    let body = IssuedToken { token: token.into(), text: text.expose().to_owned() };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

fn scopes(names: &[String]) -> Result<Vec<Scope>, Problem> {
    if names.is_empty() {
        return Err(Problem::bad_request("scopes: name at least one"));
    }
    let read =
        |name: &String| scope_named(name).ok_or_else(|| Problem::bad_request(format!("scopes: there is no {name:?}")));
    names.iter().map(read).collect()
}

fn expiry(text: Option<&str>, now: Timestamp) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let span = span(text).filter(|span| !span.is_zero());
    span.map(|span| Some(now.after(span)))
        .ok_or_else(|| Problem::bad_request("expires_in must look like `30d` or `12h`"))
}

/// `:revoke` stops a token for good, at once.
#[utoipa::path(post, path = "/v1/tokens/{id}:revoke", tag = "tokens", security(("token" = ["admin"])),
    params(("id" = String, Path, description = "The middle part of the token's text")),
    responses((status = 200, body = TokenBody), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn act(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id_and_verb): Path<String>,
) -> Result<Json<TokenBody>, Problem> {
    caller.require(Scope::Admin)?;
    let Some(id) = id_and_verb.strip_suffix(":revoke") else {
        return Err(Problem::new(Kind::NotFound, "say what to do: `:revoke` after the id"));
    };
    let _one_at_a_time = state.identity_writes.lock().await;
    let mut token =
        state.tokens.token(id).map_err(store_down)?.ok_or_else(|| Problem::not_found(format!("token {id:?}")))?;
    if !token.revoked {
        token.revoked = true;
        state.record(changed(&caller, format!("token {id} of {} revoked", token.person))).await?;
        state.tokens.replace_token(token.clone()).await.map_err(store_down)?;
    }
    Ok(Json(token.into()))
}

fn changed(caller: &Caller, what: String) -> Event {
    Event::IdentityChanged { by: caller.name().clone(), what }
}

fn store_down(error: impl std::fmt::Display) -> Problem {
    Problem::unavailable("the store", error)
}
