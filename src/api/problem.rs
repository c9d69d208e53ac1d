//! Errors as RFC 9457 problems. One closed list of types; every refusal of the API is one of them.

use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::gate::approval::State;

/// What problem types begin with. The documentation has an anchor for each.
pub const TYPE_BASE: &str = "https://holdpoint.example/problems/";

/// Which problem. The name in `type` is the kebab-case of the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// No token, or one that does not work.
    Unauthorized,
    /// The token lacks the scope.
    Forbidden,
    /// The person is in none of the groups that are asked.
    NotAnApprover,
    /// The rules demand that the person proves better who they are.
    AssuranceTooLow,
    /// The person is in the requester's chain.
    SelfApproval,
    /// No such thing, or not by that name.
    NotFound,
    /// A short id that several approvals share.
    AmbiguousId,
    /// The method does not exist here.
    MethodNotAllowed,
    /// The request cannot be read.
    BadRequest,
    /// The body is longer than allowed.
    TooLarge,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// Somebody else decided before.
    AlreadyDecided,
    /// It exists already.
    Conflict,
    /// `If-Match` names an older version.
    StaleVersion,
    /// The digest is not that of this request.
    DigestMismatch,
    /// Too late.
    Expired,
    /// The decision needs a reason.
    ReasonRequired,
    /// Neither `If-Match` nor a digest says what was seen.
    PreconditionRequired,
    /// The key was used for another request.
    IdempotencyKeyReused,
    /// Too many tries, or too many at once.
    TooMany,
    /// Store, audit or something else that is needed does not work, or the process is stopping.
    Unavailable,
    /// It took too long.
    Timeout,
}

impl Kind {
    /// All kinds, for the documentation and the tests.
    pub const ALL: [Self; 22] = [
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotAnApprover,
        Self::AssuranceTooLow,
        Self::SelfApproval,
        Self::NotFound,
        Self::AmbiguousId,
        Self::MethodNotAllowed,
        Self::BadRequest,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::AlreadyDecided,
        Self::Conflict,
        Self::StaleVersion,
        Self::DigestMismatch,
        Self::Expired,
        Self::ReasonRequired,
        Self::PreconditionRequired,
        Self::IdempotencyKeyReused,
        Self::TooMany,
        Self::Unavailable,
        Self::Timeout,
    ];

    /// The last part of `type`, the title and the status.
    pub fn parts(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::Unauthorized => ("unauthorized", "Unauthorized", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", "Forbidden", StatusCode::FORBIDDEN),
            Self::NotAnApprover => ("not-an-approver", "Not an approver", StatusCode::FORBIDDEN),
            Self::AssuranceTooLow => ("assurance-too-low", "Assurance too low", StatusCode::FORBIDDEN),
            Self::SelfApproval => ("self-approval", "Self-approval", StatusCode::FORBIDDEN),
            Self::NotFound => ("not-found", "Not found", StatusCode::NOT_FOUND),
            Self::AmbiguousId => ("ambiguous-id", "Ambiguous id", StatusCode::CONFLICT),
            Self::MethodNotAllowed => ("method-not-allowed", "Method not allowed", StatusCode::METHOD_NOT_ALLOWED),
            Self::BadRequest => ("bad-request", "Bad request", StatusCode::BAD_REQUEST),
            Self::TooLarge => ("too-large", "Too large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", "Unsupported media type", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::AlreadyDecided => ("already-decided", "Already decided", StatusCode::CONFLICT),
            Self::Conflict => ("conflict", "Conflict", StatusCode::CONFLICT),
            Self::StaleVersion => ("stale-version", "Stale version", StatusCode::PRECONDITION_FAILED),
            Self::DigestMismatch => ("digest-mismatch", "Digest mismatch", StatusCode::CONFLICT),
            Self::Expired => ("expired", "Expired", StatusCode::GONE),
            Self::ReasonRequired => ("reason-required", "Reason required", StatusCode::UNPROCESSABLE_ENTITY),
            Self::PreconditionRequired => {
                ("precondition-required", "Precondition required", StatusCode::PRECONDITION_REQUIRED)
            }
            Self::IdempotencyKeyReused => {
                ("idempotency-key-reused", "Idempotency key reused", StatusCode::UNPROCESSABLE_ENTITY)
            }
            Self::TooMany => ("too-many", "Too many", StatusCode::TOO_MANY_REQUESTS),
            Self::Unavailable => ("unavailable", "Unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::Timeout => ("timeout", "Timeout", StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

/// One refusal. `detail` is read by people: no secrets, no literals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub kind: Kind,
    /// What happened, and what to do.
    pub detail: String,
    /// The approval it is about.
    pub approval_id: Option<String>,
    /// Where that approval stands.
    pub state: Option<State>,
}

/// The body of a problem, as sent and as the command line reads it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened, and what to do.
    pub detail: String,
    /// The path that was asked.
    pub instance: String,
    /// The approval it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval_id: Option<String>,
    /// Where that approval stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl Problem {
    /// A problem that is not about an approval.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), approval_id: None, state: None }
    }

    /// [`Kind::NotFound`].
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("there is no {what}"))
    }

    /// [`Kind::BadRequest`].
    pub fn bad_request(why: impl std::fmt::Display) -> Self {
        Self::new(Kind::BadRequest, why.to_string())
    }

    /// [`Kind::Unavailable`]; the cause goes to the log, not to the caller.
    pub fn unavailable(what: &str, cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, what, "api request failed");
        Self::new(Kind::Unavailable, format!("{what} does not work at the moment; nothing was changed, try again"))
    }

    /// Names the approval it is about.
    pub fn about(mut self, id: impl std::fmt::Display, state: Option<State>) -> Self {
        self.approval_id = Some(id.to_string());
        self.state = state;
        self
    }

    fn body(&self, instance: &str) -> ProblemBody {
        let (slug, title, status) = self.kind.parts();
        ProblemBody {
            kind: format!("{TYPE_BASE}{slug}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.detail.clone(),
            instance: instance.to_owned(),
            approval_id: self.approval_id.clone(),
            state: self.state.and_then(state_name),
        }
    }
}

/// The wire name of a state.
pub fn state_name(state: State) -> Option<String> {
    serde_json::to_value(state).ok()?.as_str().map(str::to_owned)
}

/// The body is written by [`write_problems`], which knows the path.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.kind.parts().2.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Layer: writes the body of every [`Problem`] on its way out, with the path as `instance`.
pub async fn write_problems(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let Some(problem) = response.extensions_mut().remove::<Problem>() else { return response };
    let (mut parts, _) = response.into_parts();
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.remove(header::CONTENT_LENGTH);
    if problem.kind == Kind::Unauthorized {
        let challenge = HeaderValue::from_static("Bearer realm=\"holdpoint\"");
        parts.headers.insert(header::WWW_AUTHENTICATE, challenge);
    }
    if matches!(parts.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        parts.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    let body = serde_json::to_vec(&problem.body(&path)).unwrap_or_default();
    Response::from_parts(parts, axum::body::Body::from(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_type_and_an_error_status() {
        let mut seen = std::collections::BTreeSet::new();
        for kind in Kind::ALL {
            let (slug, title, status) = kind.parts();
            assert!(seen.insert(slug), "{slug} twice");
            assert!(!title.is_empty());
            assert!(status.is_client_error() || status == StatusCode::SERVICE_UNAVAILABLE);
        }
    }
}
