//! The approval once more, as OpenAPI is told about it: the core types know nothing of schemas. A test in `api/openapi`
//! holds both together.

use serde::{Deserialize, Serialize};

use crate::api::approvals::resource::{Links, Progress};
use crate::api::openapi::shapes::{ActionName, EffectName, StageShape, StateName, VerdictName};

/// An approval: the request and its life.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Approval)]
pub struct ApprovalShape {
    /// `apr_` and 16 characters of Crockford base32.
    #[schema(example = "apr_7K3QX2M9V4T8WZ1D")]
    pub id: String,
    /// Grows by one with every change; also the ETag.
    pub version: u64,
    /// Where it stands.
    pub state: StateName,
    /// What was asked.
    pub request: RequestShape,
    /// When (RFC 3339, UTC), as all times here.
    pub created_at: String,
    /// Until when people may decide.
    pub expires_at: String,
    /// Seconds an approval may be used after it was given.
    pub use_within_seconds: u64,
    /// Until when it may be used; set when approved.
    pub use_by: Option<String>,
    /// When it left `pending`.
    pub decided_at: Option<String>,
    /// Decisions so far.
    pub reviews: Vec<ReviewShape>,
    /// Remarks so far.
    pub comments: Vec<CommentShape>,
    /// A client is connected and waiting right now.
    pub waiting: bool,
    /// How it ran.
    pub execution: Option<ExecutionShape>,
    /// How far each stage is.
    pub progress: Vec<Progress>,
    /// Where to find it.
    pub links: Links,
}

/// Everything a person is shown, fixed when it was made.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Request)]
pub struct RequestShape {
    /// Hex SHA-256 over everything the approval is bound to. Send it back when approving.
    pub digest: String,
    /// Who asks.
    pub requester: RequesterShape,
    /// Where it would run.
    pub target: TargetShape,
    /// The statements.
    pub statements: Vec<StatementShape>,
    /// The rules that hold it.
    pub hits: Vec<HitShape>,
    /// Content hash of the rules.
    pub rules_version: String,
    /// Classes touched.
    pub classes: Vec<String>,
    /// Columns that will come back masked.
    pub masked_columns: Vec<String>,
    /// It is held inside an open transaction.
    pub in_transaction: bool,
    /// What that transaction locks and who waits for it, in words.
    pub locks: Option<String>,
    /// It is held in mid-result, after this many rows.
    pub rows_so_far: Option<u64>,
    /// Stages to fill.
    pub stages: Vec<StageShape>,
    /// The requester had to say why.
    pub reason_required: bool,
    /// How sure it must be who approves: `token`, `password`, `oidc` or `oidc+mfa`; null: anything will do.
    pub assurance: Option<String>,
}

/// Who asks. All but `claims` is proved.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Requester)]
pub struct RequesterShape {
    /// The agent.
    pub agent: String,
    /// Its owner.
    pub owner: String,
    /// Who issued its credential.
    pub issued_by: String,
    /// The session.
    pub session: u64,
    /// Client address.
    pub client_addr: String,
    /// What it says of itself.
    pub claims: ClaimsShape,
}

/// What the requester claims; an agent can lie.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Claims)]
pub struct ClaimsShape {
    /// Why.
    pub reason: Option<String>,
    /// A ticket's id.
    pub ticket: Option<String>,
    /// The person the agent works for.
    pub end_user: Option<String>,
    /// The language model.
    pub model: Option<String>,
    /// `application_name`.
    pub application_name: Option<String>,
    /// W3C trace context.
    pub traceparent: Option<String>,
}

/// Where it would run.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Target)]
pub struct TargetShape {
    /// `postgres` or `mysql`.
    pub protocol: String,
    /// The database, by its name in `holdpoint.yaml`.
    pub database: String,
    /// The upstream role.
    pub role: String,
}

/// One statement as an approver may see it.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ShownStatement)]
pub struct StatementShape {
    /// The text; literals that touch classified columns withheld.
    pub text: String,
    /// Verb and objects in words.
    pub summary: String,
    /// Actions.
    pub actions: Vec<ActionName>,
    /// `schema.name` of relations.
    pub objects: Vec<String>,
    /// Lineage in words, one line per result column.
    pub lineage: Vec<String>,
    /// Parameters as text, those that touch classified columns withheld.
    pub parameters: Vec<String>,
    /// Rows expected.
    pub row_estimate: Option<u64>,
}

/// A rule that matched.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = RuleHit)]
pub struct HitShape {
    /// Its id.
    pub rule: String,
    /// What it asks for.
    pub effect: EffectName,
    /// `false`: reported, not applied.
    pub enforced: bool,
    /// The rule's message for the agent.
    pub message: Option<String>,
    /// Why it matched, in words.
    pub because: String,
}

/// One person's decision.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Review)]
pub struct ReviewShape {
    /// Who.
    pub person: String,
    /// Yes or no.
    pub verdict: VerdictName,
    /// In the person's words.
    pub reason: Option<String>,
    /// When.
    pub at: String,
    /// The surface.
    pub via: String,
    /// How sure we are who it was.
    pub assurance: String,
    /// The groups the person was in at that moment.
    pub groups: Vec<String>,
    /// The digest the person was shown.
    pub digest_seen: String,
}

/// A remark; it decides nothing.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Comment)]
pub struct CommentShape {
    /// Who.
    pub person: String,
    /// In the person's words.
    pub text: String,
    /// When.
    pub at: String,
    /// The surface.
    pub via: String,
}

/// How it ended.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Execution)]
pub struct ExecutionShape {
    /// When it was released.
    pub started_at: String,
    /// When the server's answer was complete.
    pub ended_at: Option<String>,
    /// Rows returned or changed.
    pub rows: Option<u64>,
    /// SQLSTATE or errno, if it failed.
    pub code: Option<String>,
}
