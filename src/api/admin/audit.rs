//! `/v1/audit`: records, checkpoints, inclusion proofs. Whoever looks is recorded first.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};

use crate::api::auth::Caller;
use crate::api::extract::Params;
use crate::api::problem::{Problem, ProblemBody};
use crate::api::state::ApiState;
use crate::audit::event::{Event, Record};
use crate::audit::merkle;
use crate::audit::store::{AuditStore, StoredCheckpoint};
use crate::identity::store::StoreError;
use crate::identity::token::Scope;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1000;
const PAGE: usize = 1000;

/// What the lists understand.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditParams {
    /// Only what comes after this position; for checkpoints, those that cover more. From the beginning if absent.
    pub after: Option<u64>,
    /// How many, 1 to 1000; 100 if absent.
    pub limit: Option<usize>,
}

/// Some records, in order.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Records {
    /// The records, as they are hashed: canonical JSON of each gives the next one's `prev`.
    #[schema(value_type = Vec<serde_json::Value>)]
    pub records: Vec<Record>,
}

/// Some checkpoints, in order.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Checkpoints {
    /// Signed heads of the log.
    pub checkpoints: Vec<CheckpointBody>,
}

/// A signed head of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Checkpoint)]
pub struct CheckpointBody {
    /// How many records it covers.
    pub size: u64,
    /// The signed note: origin, size, Merkle root, time; then the signature.
    pub note: String,
}

impl From<StoredCheckpoint> for CheckpointBody {
    fn from(checkpoint: StoredCheckpoint) -> Self {
        Self { size: checkpoint.frontier.size(), note: checkpoint.note }
    }
}

/// Proof that a record is in the log (RFC 9162 §2.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Proof {
    /// Position of the record.
    pub seq: u64,
    /// How many records the checkpoint covers.
    pub size: u64,
    /// The record's exact bytes; its leaf hash is SHA-256 over 0x00 and these.
    pub record: String,
    /// Hashes from the leaf's sibling to the root, hex.
    pub path: Vec<String>,
    /// The signed checkpoint whose root the path leads to.
    pub checkpoint: String,
}

/// Records of the audit log.
#[utoipa::path(get, path = "/v1/audit/events", tag = "audit", security(("token" = ["audit:read"])), params(AuditParams),
    responses((status = 200, body = Records), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn events(
    State(state): State<ApiState>,
    caller: Caller,
    Params(params): Params<AuditParams>,
) -> Result<Json<Records>, Problem> {
    let limit = admit(&state, &caller, "events", &params).await?;
    let records = state.audit.read(from(&params), limit).map_err(log_down)?;
    Ok(Json(Records { records }))
}

/// Signed checkpoints of the audit log.
#[utoipa::path(get, path = "/v1/audit/checkpoints", tag = "audit", security(("token" = ["audit:read"])), params(AuditParams),
    responses((status = 200, body = Checkpoints), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn checkpoints(
    State(state): State<ApiState>,
    caller: Caller,
    Params(params): Params<AuditParams>,
) -> Result<Json<Checkpoints>, Problem> {
    let limit = admit(&state, &caller, "checkpoints", &params).await?;
    let found = state.audit.store().checkpoints(from(&params), limit).map_err(log_down)?;
    let checkpoints = found.into_iter().map(CheckpointBody::from).collect();
    Ok(Json(Checkpoints { checkpoints }))
}

/// Proof that a record is in the log: its hash path to the root of a signed checkpoint.
#[utoipa::path(get, path = "/v1/audit/events/{seq}/proof", tag = "audit", security(("token" = ["audit:read"])),
    params(("seq" = u64, Path, description = "Sequence number of the record")),
    responses((status = 200, body = Proof), (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn proof(
    State(state): State<ApiState>,
    caller: Caller,
    Path(seq): Path<String>,
) -> Result<Json<Proof>, Problem> {
    admit(&state, &caller, &format!("proof of {seq}"), &AuditParams::default()).await?;
    let seq: u64 = seq.parse().map_err(|_| Problem::bad_request("seq must be a number"))?;
    let store = Arc::clone(state.audit.store());
    let made = tokio::task::spawn_blocking(move || prove(store.as_ref(), seq)).await.map_err(log_down)?;
    made.map_err(log_down)?.map(Json).ok_or_else(|| Problem::not_found(format!("record {seq} under a checkpoint yet")))
}

/// Walks the log up to the first checkpoint behind the record: time grows with the log.
fn prove(store: &dyn AuditStore, seq: u64) -> Result<Option<Proof>, StoreError> {
    let Some(checkpoint) = store.checkpoints(seq.saturating_add(1), 1)?.pop() else { return Ok(None) };
    let size = checkpoint.frontier.size();
    let (mut leaves, mut record) = (Vec::new(), String::new());
    let mut position = 0;
    while position < size {
        let page = store.records(position, PAGE.min(usize::try_from(size - position).unwrap_or(PAGE)))?;
        if page.is_empty() {
            return Err(StoreError::Missing(format!("record {position}")));
        }
        for text in page {
            leaves.push(merkle::leaf(text.as_bytes()));
            if position == seq {
                record = text;
            }
            position += 1;
        }
    }
    let path = usize::try_from(seq).ok().and_then(|index| merkle::inclusion(index, &leaves));
    Ok(path.map(|path| Proof {
        seq,
        size,
        record,
        path: path.iter().map(hex::encode).collect(),
        checkpoint: checkpoint.note,
    }))
}

fn from(params: &AuditParams) -> u64 {
    params.after.map_or(0, |after| after.saturating_add(1))
}

/// Lets an auditor in, once the look is recorded; gives the limit to keep.
async fn admit(state: &ApiState, caller: &Caller, what: &str, params: &AuditParams) -> Result<usize, Problem> {
    caller.require(Scope::AuditRead)?;
    let limit = params.limit.unwrap_or(LIMIT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::bad_request(format!("limit must be 1 to {LIMIT_MAX}")));
    }
    let after = params.after.map(|after| format!(" after {after}")).unwrap_or_default();
    let what: String = what.chars().filter(|c| !c.is_control()).take(80).collect();
    state.record(Event::Accessed { by: caller.name().clone(), what: format!("audit {what}{after}") }).await?;
    Ok(limit)
}

fn log_down(error: impl std::fmt::Display) -> Problem {
    Problem::unavailable("the audit log", error)
}
