//! `GET /v1/events`: changes of approvals as server-sent events (WHATWG HTML §9.2). An event says what changed; what it
//! is now, the reader asks for. So a missed event costs one look, never a wrong picture.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::api::auth::Caller;
use crate::api::problem::{Problem, ProblemBody, state_name};
use crate::api::state::ApiState;
use crate::audit::event as audit;
use crate::gate::desk::Change;
use crate::identity::ids::ApprovalId;
use crate::identity::token::Scope;

/// Most audit records looked through for a reader that comes back.
const LOOK_BACK_MAX: usize = 1000;
const PING_EVERY: Duration = Duration::from_secs(15);

/// What changed: the `data` of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ChangeBody {
    /// Which approval.
    pub approval_id: String,
    /// Its version now.
    pub version: u64,
    /// Its state now.
    pub state: String,
}

/// Live changes. Event `approval` with `{approval_id, version, state}`; event `reset` when some were missed: list again.
#[utoipa::path(get, path = "/v1/events", tag = "approvals", security(("token" = ["approvals:read"])),
    params(("Last-Event-ID" = Option<String>, Header, description = "The last event seen; what changed since is told first, or `reset` if that is too much")),
    responses((status = 200, body = ChangeBody, content_type = "text/event-stream"),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn events(State(state): State<ApiState>, caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    caller.require(Scope::ApprovalsRead)?;
    stream(&state, &headers, None)
}

/// The stream for a reader that may read; ends after `span`, if one is given.
///
/// # Errors
/// The audit log or the store fails.
pub fn stream(state: &ApiState, headers: &HeaderMap, span: Option<Duration>) -> Result<Response, Problem> {
    // Subscribe first, look back second: a change in between is told twice, not lost.
    let changes = state.desk.subscribe();
    let ready = match headers.get("last-event-id") {
        Some(last) => missed(state, last)?,
        None => VecDeque::new(),
    };
    let ends = span.map(|span| tokio::time::Instant::now() + span);
    let feed = Feed { changes, draining: state.draining.clone(), ready, ends };
    let stream = stream::unfold(feed, |mut feed| async move { feed.next().await.map(|event| (Ok(event), feed)) });
    let sse = Sse::new(stream::StreamExt::map(stream, |event: Result<Event, Infallible>| event))
        .keep_alive(KeepAlive::new().interval(PING_EVERY).text("ping"));
    let mut response = sse.into_response();
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// What happened after the event the reader saw last, by the audit log; `reset` if that is too much or unknown.
fn missed(state: &ApiState, last: &HeaderValue) -> Result<VecDeque<Event>, Problem> {
    let Some(last) = last.to_str().ok().and_then(|text| text.parse::<u64>().ok()) else {
        return Ok(VecDeque::from([reset()]));
    };
    let log_down = |error| Problem::unavailable("the audit log", error);
    if last >= state.audit.size().map_err(log_down)? {
        return Ok(VecDeque::from([reset()]));
    }
    let records = state.audit.read(last.saturating_add(1), LOOK_BACK_MAX).map_err(log_down)?;
    if records.len() == LOOK_BACK_MAX {
        return Ok(VecDeque::from([reset()]));
    }
    let mut newest: BTreeMap<&ApprovalId, u64> = BTreeMap::new();
    for record in &records {
        newest.extend(approval_of(&record.event).map(|id| (id, record.seq)));
    }
    let mut missed = Vec::new();
    for (id, seq) in newest {
        let found = state.desk.get(id).map_err(|error| Problem::unavailable("the store", error))?;
        missed.extend(found.map(|now| Change { id: now.id, version: now.version, state: now.state, seq }));
    }
    missed.sort_by_key(|change| change.seq);
    Ok(missed.iter().map(event).collect())
}

fn approval_of(event: &audit::Event) -> Option<&ApprovalId> {
    match event {
        audit::Event::ApprovalRequested { approval, .. }
        | audit::Event::ApprovalDecided { approval, .. }
        | audit::Event::ApprovalCommented { approval, .. }
        | audit::Event::ApprovalState { approval, .. }
        | audit::Event::Intent { approval, .. } => Some(approval),
        _ => None,
    }
}

struct Feed {
    changes: Receiver<Change>,
    draining: CancellationToken,
    ready: VecDeque<Event>,
    ends: Option<tokio::time::Instant>,
}

impl Feed {
    /// The next event; `None` ends the stream. Cancel safe.
    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.ready.pop_front() {
            return Some(event);
        }
        let ends = self.ends;
        let over = async {
            match ends {
                Some(ends) => tokio::time::sleep_until(ends).await,
                None => std::future::pending().await,
            }
        };
        let received = tokio::select! {
            received = self.changes.recv() => received,
            () = over => return None,
            () = self.draining.cancelled() => return None,
        };
        match received {
            Ok(change) => Some(event(&change)),
            Err(RecvError::Lagged(_)) => Some(reset()),
            Err(RecvError::Closed) => None,
        }
    }
}

fn reset() -> Event {
    Event::default().event("reset").data("{}")
}

fn event(change: &Change) -> Event {
    let body = ChangeBody {
        approval_id: change.id.to_string(),
        version: change.version,
        state: state_name(change.state).unwrap_or_default(),
    };
    let data = serde_json::to_string(&body).unwrap_or_default();
    Event::default().id(change.seq.to_string()).event("approval").data(data)
}
