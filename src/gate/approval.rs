//! One approval: the request, its life, and the reviews it got. States and transitions only; who is woken is `gate/desk`.

pub mod visible;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identity::assurance::Assurance;
use crate::identity::ids::{AgentName, ApprovalId, PersonName, SessionId};
use crate::policy::action::Action;
use crate::policy::ruling::{RuleHit, Stage};

/// ```text
/// pending --quorum--> approved --spent--> executing --> executed | failed | unknown
///    |                    |--revoke--> revoked
///    |                    `--use_by--> lapsed
///    |--deny--> denied
///    |--expires_at--> expired
///    `--client or owner--> withdrawn
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// People may decide.
    Pending,
    /// Enough people said yes; not used yet.
    Approved,
    /// Spent: the statement was released and its end is not known yet.
    Executing,
    /// It ran.
    Executed,
    /// It ran and the server said no, or it never got there.
    Failed,
    /// The connection or the process ended before the server answered: it may have run.
    Unknown,
    /// Somebody said no.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// The client cancelled.
    Withdrawn,
    /// Taken back after it was given.
    Revoked,
    /// Approved, and not used in time.
    Lapsed,
}

impl State {
    /// Can never change again.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Approved | Self::Executing)
    }

    /// The word used in the API, the audit and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Executing => "executing",
            Self::Executed => "executed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Revoked => "revoked",
            Self::Lapsed => "lapsed",
        }
    }
}

/// What a person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

/// One person's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Who.
    pub person: PersonName,
    /// Yes or no.
    pub verdict: Verdict,
    /// In the person's words.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The surface: `api`, `cli`, …
    pub via: String,
    /// How sure we are who it was: `token`, later `oidc`, `chat`.
    pub assurance: String,
    /// The groups the person was in at that moment.
    pub groups: Vec<String>,
    /// The digest the person was shown.
    pub digest_seen: String,
}

/// A remark of somebody who may look at the request. It decides nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Who.
    pub person: PersonName,
    /// In the person's words.
    pub text: String,
    /// When.
    pub at: Timestamp,
    /// The surface.
    pub via: String,
}

/// What the requester claims; an agent can lie, so it is shown as claimed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
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

/// Who asks. `agent`, `owner` and `client_addr` are proved, `claims` are claimed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requester {
    /// The agent, authenticated.
    pub agent: AgentName,
    /// Its owner.
    pub owner: PersonName,
    /// Who issued its credential.
    pub issued_by: PersonName,
    /// The session.
    pub session: SessionId,
    /// Client address.
    pub client_addr: String,
    /// What it says of itself.
    pub claims: Claims,
}

/// Where it would run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// `postgres` or `mysql`.
    pub protocol: String,
    /// The key under `databases:`.
    pub database: String,
    /// The upstream role.
    pub role: String,
}

/// One statement of the request, as an approver may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownStatement {
    /// The text with every literal withheld that touches classified columns.
    pub text: String,
    /// Verb and objects in words: `Reads public.customers: email (pii.email), about 84 000 rows`.
    pub summary: String,
    /// Actions.
    pub actions: Vec<Action>,
    /// `schema.name` of relations.
    pub objects: Vec<String>,
    /// Lineage in words, one line per result column.
    pub lineage: Vec<String>,
    /// Parameters as text, those that touch classified columns withheld.
    pub parameters: Vec<String>,
    /// Rows expected: static bound or the planner's.
    pub row_estimate: Option<u64>,
}

/// Everything about one request that a person is shown, fixed when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Hex SHA-256 over all that DESIGN §2.2 lists; equal digests are the same request.
    pub digest: String,
    /// Who.
    pub requester: Requester,
    /// Where.
    pub target: Target,
    /// The statements, one for a single statement, all of them for a batch.
    pub statements: Vec<ShownStatement>,
    /// The rules that hold it.
    pub hits: Vec<RuleHit>,
    /// Content hash of the rules.
    pub rules_version: String,
    /// Classes touched.
    pub classes: Vec<String>,
    /// Columns that will come back masked.
    pub masked_columns: Vec<String>,
    /// It is held inside an open transaction: locks are held meanwhile.
    pub in_transaction: bool,
    /// What that transaction locks and who waits for it, in words for people; the agent is not told.
    #[serde(default)]
    pub locks: Option<String>,
    /// It is held in mid-result, after this many rows.
    pub rows_so_far: Option<u64>,
    /// Stages to fill.
    pub stages: Vec<Stage>,
    /// The requester had to say why.
    pub reason_required: bool,
    /// How sure it must be who approves; `None`: anything will do.
    #[serde(default)]
    pub assurance: Option<Assurance>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// When it was released.
    pub started_at: Timestamp,
    /// When the server's answer was complete.
    pub ended_at: Option<Timestamp>,
    /// Rows returned or changed.
    pub rows: Option<u64>,
    /// SQLSTATE or errno, if it failed.
    pub code: Option<String>,
}

/// An approval as stored and as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Public id.
    pub id: ApprovalId,
    /// Grows by one with every change; the API's ETag.
    pub version: u64,
    /// Where it stands.
    pub state: State,
    /// What was asked.
    pub request: Request,
    /// When.
    pub created_at: Timestamp,
    /// Until when people may decide.
    pub expires_at: Timestamp,
    /// Seconds an approval may be used after it was given.
    pub use_within_seconds: u64,
    /// Until when it may be used; set when approved.
    pub use_by: Option<Timestamp>,
    /// When it left `pending`.
    pub decided_at: Option<Timestamp>,
    /// Decisions so far.
    pub reviews: Vec<Review>,
    /// Remarks so far, at most 50.
    #[serde(default)]
    pub comments: Vec<Comment>,
    /// A client is connected and waiting right now (not stored).
    #[serde(default)]
    pub waiting: bool,
    /// How it ran.
    pub execution: Option<Execution>,
}
