//! `/v1/grants`: standing, bounded approvals: propose, list, complete, take back.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::api::approvals::decide::surface;
use crate::api::approvals::find;
use crate::api::auth::Caller;
use crate::api::extract::{Body, Params, span};
use crate::api::problem::{Kind, Problem, ProblemBody};
use crate::api::state::ApiState;
use crate::clock::Timestamp;
use crate::gate::approval::Verdict;
use crate::gate::desk::grants::bound::Bound;
use crate::gate::desk::grants::grant::{Grant, GrantError, Terms};
use crate::gate::desk::grants::{Grants, Voice};
use crate::identity::ids::{AgentName, GrantId};
use crate::identity::store::StoreError;
use crate::identity::token::Scope;
use crate::policy::span as spans;

/// A grant as shown. What it is bound to by hash is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Grant)]
pub struct GrantBody {
    /// `gra_` and 16 characters.
    pub id: String,
    /// Grows with every change and every run.
    pub version: u64,
    /// `proposed`, `active`, `denied`, `used_up`, `expired`, `revoked`.
    pub state: String,
    /// The approval it comes from.
    pub approval_id: String,
    /// For which agent.
    pub agent: String,
    /// For which database.
    pub database: String,
    /// What it does, in words.
    pub summary: Vec<String>,
    /// How long it lives once given, such as `30m`.
    pub life: String,
    /// How many runs it has.
    pub runs: u32,
    /// How many of them were used.
    pub used: u32,
    /// Rows that each run may return or change.
    pub rows: u64,
    /// Bounds of parameters, in order, in words; those not listed must be the approved ones.
    pub bounds: Vec<String>,
    /// Who said yes.
    pub approved_by: Vec<String>,
    /// When it was proposed.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// Until when it may be used, or completed.
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
    /// When it was used last.
    #[schema(value_type = Option<String>)]
    pub used_at: Option<Timestamp>,
}

impl GrantBody {
    fn new(grant: &Grant, grants: &Grants) -> Self {
        let yes = grant.reviews.iter().filter(|review| review.verdict == Verdict::Approve);
        Self {
            id: grant.id.to_string(),
            version: grant.version,
            state: grants.standing(grant).as_str().to_owned(),
            approval_id: grant.approval.to_string(),
            agent: grant.requester.agent.to_string(),
            database: grant.target.database.clone(),
            summary: grant.summary.clone(),
            life: spans::format(std::time::Duration::from_secs(grant.terms.life_seconds)),
            runs: grant.terms.runs,
            used: grant.runs,
            rows: grant.terms.rows,
            bounds: grant.terms.bounds.iter().map(ToString::to_string).collect(),
            approved_by: yes.map(|review| review.person.to_string()).collect(),
            created_at: grant.created_at,
            expires_at: grant.expires_at,
            used_at: grant.used_at,
        }
    }
}

/// All grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GrantList {
    /// Newest first.
    pub grants: Vec<GrantBody>,
}

/// What `GET /v1/grants` understands.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GrantParams {
    /// Only those of this agent.
    pub agent: Option<String>,
}

/// A grant to be given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// The approval it comes from, in any state.
    pub approval_id: String,
    /// How long it lives, such as `30m`; at most 7 days.
    pub life: String,
    /// How many runs; at most 1000.
    pub runs: u32,
    /// How many rows each run may return or change.
    pub rows: u64,
    /// Bounds of parameters, in order: `same`, `any`, `1..9`, or `=eu|us`. Those not listed must be the approved ones.
    #[serde(default)]
    pub bounds: Vec<String>,
    /// Why.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantReason {
    /// In words.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Lists grants, newest first.
#[utoipa::path(get, path = "/v1/grants", tag = "grants", params(GrantParams), security(("token" = ["approvals:read"])),
    responses((status = 200, body = GrantList), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn list(
    State(state): State<ApiState>,
    caller: Caller,
    Params(params): Params<GrantParams>,
) -> Result<Json<GrantList>, Problem> {
    caller.require(Scope::ApprovalsRead)?;
    let agent = params.agent.map(AgentName);
    let grants = all(&state)?;
    let found = grants.list(agent.as_ref()).map_err(|error| Problem::unavailable("the store", error))?;
    Ok(Json(GrantList { grants: found.iter().map(|grant| GrantBody::new(grant, grants)).collect() }))
}

/// Proposes a grant from an approval. It is given when the approval's stages are filled for it, too.
#[utoipa::path(post, path = "/v1/grants", tag = "grants", security(("token" = ["approvals:decide"])), request_body = NewGrant,
    responses((status = 201, body = GrantBody), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn create(
    State(state): State<ApiState>,
    caller: Caller,
    headers: HeaderMap,
    Body(new): Body<NewGrant>,
) -> Result<Response, Problem> {
    caller.require(Scope::ApprovalsDecide)?;
    let life = span(&new.life).ok_or_else(|| Problem::bad_request("life must look like `30m` or `12h`"))?;
    let bounds: Option<Vec<Bound>> = new.bounds.iter().map(|text| Bound::parse(text)).collect();
    let bounds = bounds.ok_or_else(|| Problem::bad_request("bounds: write `same`, `any`, `1..9` or `=eu|us`"))?;
    let terms = Terms { life_seconds: life.as_secs(), runs: new.runs, rows: new.rows, bounds };
    let approval = find(&state, &new.approval_id)?;
    let voice = voice(&caller, new.reason, &headers);
    let grants = all(&state)?;
    let grant = grants.propose(&approval.id, terms, &voice).await.map_err(refused)?;
    Ok((StatusCode::CREATED, Json(GrantBody::new(&grant, grants))).into_response())
}

/// `:approve` or `:deny` a proposal; `:revoke` takes a grant back.
#[utoipa::path(post, path = "/v1/grants/{id}:{verb}", tag = "grants", security(("token" = ["approvals:decide"])), request_body = GrantReason,
    params(("id" = String, Path, description = "The id"), ("verb" = String, Path, description = "`approve`, `deny` or `revoke`")),
    responses((status = 200, body = GrantBody), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn act(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id_and_verb): Path<String>,
    headers: HeaderMap,
    Body(body): Body<GrantReason>,
) -> Result<Json<GrantBody>, Problem> {
    caller.require(Scope::ApprovalsDecide)?;
    let (id, verb) = id_and_verb.rsplit_once(':').unwrap_or((&id_and_verb, ""));
    let id = GrantId::parse(id).ok_or_else(|| Problem::not_found("grant by that id; ids look like `gra_7K3QX2…`"))?;
    let (grants, voice) = (all(&state)?, voice(&caller, body.reason, &headers));
    let grant = match verb {
        "approve" => grants.review(&id, Verdict::Approve, &voice).await,
        "deny" => grants.review(&id, Verdict::Deny, &voice).await,
        "revoke" => grants.revoke(&id, &voice).await,
        _ => return Err(Problem::new(Kind::NotFound, "say what to do: `:approve`, `:deny` or `:revoke` after the id")),
    };
    Ok(Json(GrantBody::new(&grant.map_err(refused)?, grants)))
}

fn voice(caller: &Caller, reason: Option<String>, headers: &HeaderMap) -> Voice {
    let (via, assurance) = (surface(headers).to_owned(), caller.assurance.clone());
    Voice { person: caller.person.clone(), reason, via, assurance }
}

/// All grants.
///
/// # Errors
/// None are given here.
pub fn all(state: &ApiState) -> Result<&Grants, Problem> {
    state.grants.as_deref().ok_or_else(|| Problem::not_found("grants here"))
}

/// Words for why a grant is not given, found or taken back.
pub fn refused(error: GrantError) -> Problem {
    let kind = match &error {
        GrantError::NotFound => Kind::NotFound,
        GrantError::NoShape => Kind::Conflict,
        GrantError::Terms(_) => Kind::BadRequest,
        GrantError::NotAnApprover => Kind::NotAnApprover,
        GrantError::SelfApproval => Kind::SelfApproval,
        GrantError::Assurance(_) => Kind::AssuranceTooLow,
        GrantError::Not(_) => Kind::AlreadyDecided,
        GrantError::Audit(_) | GrantError::Store(StoreError::Failed(_) | StoreError::Unreadable(_)) => {
            return Problem::unavailable("grants", error);
        }
        GrantError::Store(_) => Kind::Conflict,
    };
    Problem::new(kind, error.to_string())
}
