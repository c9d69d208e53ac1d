//! `POST /v1/approvals/{id}:approve|:deny|:revoke|:withdraw|:comment`. Who decides comes from the token, never from the body.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::api::approvals::idempotency::{self, Answer};
use crate::api::approvals::resource::Resource;
use crate::api::approvals::{find, refused, shape};
use crate::api::auth::Caller;
use crate::api::extract::Body;
use crate::api::problem::{Kind, Problem, ProblemBody};
use crate::api::state::ApiState;
use crate::gate::approval::{Approval, State as ApprovalState, Verdict};
use crate::gate::decision::{Decision, DecisionError};
use crate::gate::desk::DeskError;
use crate::identity::token::Scope;

/// Longest reason, in characters.
pub const REASON_CHARS_MAX: usize = 500;

/// What the command line calls itself in `User-Agent`.
pub const CLI_USER_AGENT: &str = concat!("holdpoint-cli/", env!("CARGO_PKG_VERSION"));

/// The body of a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    /// Why, in words; the agent reads it. At most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `request.digest` as it was shown. Approving needs it, or `If-Match`, or both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Say yes.
    Approve,
    /// Say no.
    Deny,
    /// Take back what was approved and not used.
    Revoke,
    /// Take the request back, as somebody behind it.
    Withdraw,
    /// Make a remark, which decides nothing.
    Comment,
}

impl Verb {
    /// The verb of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "approve" => Some(Self::Approve),
            "deny" => Some(Self::Deny),
            "revoke" => Some(Self::Revoke),
            "withdraw" => Some(Self::Withdraw),
            "comment" => Some(Self::Comment),
            _ => None,
        }
    }
}

/// Decides: `approve`, `deny`, `revoke` (take back what was approved and not used) `withdraw` (as the agent's owner) or
/// `comment` (a remark in `reason`, which decides nothing).
#[utoipa::path(post, path = "/v1/approvals/{id}:{verb}", tag = "approvals", request_body = DecisionBody,
    security(("token" = ["approvals:decide"])),
    params(("id" = String, Path, description = "The id, or a prefix of it that is unique"),
        ("verb" = String, Path, description = "`approve`, `deny`, `revoke`, `withdraw` or `comment`"),
        ("If-Match" = Option<String>, Header, description = "The version that was shown, as in its ETag"),
        ("Idempotency-Key" = Option<String>, Header, description = "The same key gives the same answer")),
    responses((status = 200, body = shape::ApprovalShape, headers(("ETag" = String, description = "The new version"))),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn decide(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id_and_verb): Path<String>,
    headers: HeaderMap,
    Body(body): Body<DecisionBody>,
) -> Result<Response, Problem> {
    caller.require(Scope::ApprovalsDecide)?;
    let (id, verb) = id_and_verb.rsplit_once(':').unwrap_or((&id_and_verb, ""));
    let verb = Verb::named(verb).ok_or_else(|| {
        Problem::new(
            Kind::NotFound,
            "say what to do: `:approve`, `:deny`, `:revoke`, `:withdraw` or `:comment` after the id",
        )
    })?;
    let if_version = if_match(&headers)?;
    let body = DecisionBody { reason: reason(body.reason)?, ..body };
    let approval = find(&state, id)?;
    if verb == Verb::Approve && if_version.is_none() && body.digest.is_none() {
        let detail = "say what you were shown: send its `digest` in the body, or its ETag in `If-Match`";
        return Err(Problem::new(Kind::PreconditionRequired, detail).about(&approval.id, Some(approval.state)));
    }
    let key = headers.get("idempotency-key").map(|value| idempotency::key(&caller.token_id, value)).transpose()?;
    let request = idempotency::fingerprint(&[
        approval.id.as_str(),
        &format!("{verb:?} {if_version:?}"),
        body.reason.as_deref().unwrap_or_default(),
        body.digest.as_deref().unwrap_or_default(),
    ]);
    if let Some(key) = &key
        && let Some(answer) = state.answers.find(key, &request)?
    {
        return Ok(rebuild(answer, true));
    }
    let mut decision = decision(&caller, body, if_version, &headers);
    if if_version.is_some() && decision.digest.is_none() {
        // What is asked never changes: whoever saw this version saw this digest.
        decision.digest = Some(approval.request.digest.clone());
    }
    let decided = carry_out(&state, verb, approval, decision).await?;
    let etag = Some(format!("\"{}\"", decided.version));
    let json = serde_json::to_vec(&Resource::new(decided, &state.public_url))
        .map_err(|error| Problem::unavailable("writing the answer", error))?;
    let answer = Answer::new(axum::http::StatusCode::OK, etag, json.into(), request);
    if let Some(key) = key {
        state.answers.keep(key, answer.clone());
    }
    Ok(rebuild(answer, false))
}

/// Hands a decision to the desk, whichever surface it comes from. The verdict is the verb's.
///
/// # Errors
/// What the desk refused, in words.
pub async fn carry_out(
    state: &ApiState,
    verb: Verb,
    approval: Approval,
    mut decision: Decision,
) -> Result<Approval, Problem> {
    let id = approval.id.clone();
    let done = match verb {
        Verb::Approve => {
            decision.verdict = Verdict::Approve;
            state.desk.decide(&id, decision).await
        }
        Verb::Deny => {
            decision.verdict = Verdict::Deny;
            state.desk.decide(&id, decision).await
        }
        Verb::Revoke => match seen(&approval, &decision) {
            Ok(()) => state.desk.revoke(&id, decision.person, decision.reason).await,
            Err(error) => Err(error),
        },
        Verb::Comment => {
            let text = decision.reason.unwrap_or_default();
            state.desk.comment(&id, decision.person, text, &decision.via).await
        }
        Verb::Withdraw => return withdraw(state, approval, decision).await,
    };
    done.map_err(|error| refused(id.as_str(), error))
}

/// The desk checks what was seen for decisions; here it is done for what can only take something back.
fn seen(approval: &Approval, decision: &Decision) -> Result<(), DecisionError> {
    if decision.if_version.is_some_and(|version| version != approval.version) {
        return Err(DecisionError::StaleVersion { current: approval.version });
    }
    if decision.digest.as_ref().is_some_and(|digest| *digest != approval.request.digest) {
        return Err(DecisionError::DigestMismatch);
    }
    Ok(())
}

/// Taking a request back is for those who stand behind it: the agent's owner, and who issued its credential.
async fn withdraw(state: &ApiState, approval: Approval, decision: Decision) -> Result<Approval, Problem> {
    let id = approval.id.clone();
    let (requester, person) = (&approval.request.requester, &decision.person.name);
    if *person != requester.owner && *person != requester.issued_by {
        let detail = "only the agent's owner, or who issued its credential, takes its requests back; you can deny it";
        return Err(Problem::new(Kind::Forbidden, detail).about(&id, Some(approval.state)));
    }
    seen(&approval, &decision).map_err(|error| refused(id.as_str(), error))?;
    let said = decision.reason.map(|reason| format!(": {reason}")).unwrap_or_default();
    match state.desk.withdraw(&id, &format!("withdrawn by {person}{said}")).await {
        // Twice is once.
        Ok(()) | Err(DeskError::Not(ApprovalState::Withdrawn)) => find(state, id.as_str()),
        Err(DeskError::NotFound) => Err(Problem::not_found(format!("approval {id}"))),
        Err(DeskError::Not(state)) => Err(refused(id.as_str(), DecisionError::AlreadyDecided { state, by: None })),
        Err(DeskError::Unavailable(why)) => Err(Problem::unavailable("the desk", why)),
    }
}

/// The surface that a request came from: our command line, or any other program.
pub fn surface(headers: &HeaderMap) -> &'static str {
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if agent.starts_with("holdpoint-cli/") { "cli" } else { "api" }
}

fn decision(caller: &Caller, body: DecisionBody, if_version: Option<u64>, headers: &HeaderMap) -> Decision {
    Decision {
        person: caller.person.clone(),
        verdict: Verdict::Approve,
        reason: body.reason,
        via: surface(headers).to_owned(),
        assurance: caller.assurance.clone(),
        digest: body.digest,
        if_version,
    }
}

/// A reason as it counts: trimmed, blank is none.
///
/// # Errors
/// [`Kind::BadRequest`] above [`REASON_CHARS_MAX`].
pub fn reason(given: Option<String>) -> Result<Option<String>, Problem> {
    let reason = given.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
        return Err(Problem::bad_request(format!("reason is longer than {REASON_CHARS_MAX} characters")));
    }
    Ok(reason)
}

/// The version in `If-Match`, RFC 9110 §13.1.1: one strong tag. `*` says nothing about what was seen and counts as absent.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let version = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    version.map(Some).ok_or_else(|| Problem::bad_request("If-Match must be one version in quotes, as in the ETag"))
}

fn rebuild(answer: Answer, replayed: bool) -> Response {
    let mut response = (answer.status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(etag) = answer.etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
    if replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::IF_MATCH, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn if_match_takes_one_strong_tag() {
        assert_eq!(if_match(&headers("\"7\"")), Ok(Some(7)));
        assert_eq!(if_match(&headers("*")), Ok(None));
        assert_eq!(if_match(&HeaderMap::new()), Ok(None));
        for bad in ["7", "W/\"7\"", "\"7\", \"8\"", "\"\"", "\"-1\""] {
            assert_eq!(if_match(&headers(bad)).map_err(|problem| problem.kind), Err(Kind::BadRequest), "{bad}");
        }
    }

    #[test]
    fn blank_reason_is_no_reason_and_a_long_one_is_refused() {
        assert_eq!(reason(Some("  ".into())), Ok(None));
        assert!(reason(Some("ä".repeat(500))).is_ok());
        assert_eq!(reason(Some("ä".repeat(501))).unwrap_err().kind, Kind::BadRequest);
    }
}
