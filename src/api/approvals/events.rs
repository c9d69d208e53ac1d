//! `GET /v1/events`: changes of approvals as server-sent events (WHATWG HTML §9.2). An event says what changed; what it
//! is now, the reader asks for. So a missed event costs one look, never a wrong picture.

use std::collections::VecDeque;
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
use crate::api::doors::Change;
use crate::api::problem::{Problem, ProblemBody, state_name};
use crate::api::state::ApiState;
use crate::identity::token::Scope;

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
    params(("Last-Event-ID" = Option<String>, Header, description = "The last event seen; if anything happened since that cannot be told, the stream begins with `reset`")),
    responses((status = 200, body = ChangeBody, content_type = "text/event-stream"),
        (status = "default", body = ProblemBody, content_type = "application/problem+json")))]
pub async fn events(State(state): State<ApiState>, caller: Caller, headers: HeaderMap) -> Result<Response, Problem> {
    caller.require(Scope::ApprovalsRead)?;
    let resumed = headers.contains_key("last-event-id");
    let feed = Feed {
        changes: state.desk.subscribe(),
        draining: state.draining.clone(),
        // Changes are not kept, so a reader that comes back is told to look again.
        ready: if resumed { VecDeque::from([reset()]) } else { VecDeque::new() },
    };
    let stream = stream::unfold(feed, |mut feed| async move { feed.next().await.map(|event| (Ok(event), feed)) });
    let sse = Sse::new(stream::StreamExt::map(stream, |event: Result<Event, Infallible>| event))
        .keep_alive(KeepAlive::new().interval(PING_EVERY).text("ping"));
    let mut response = sse.into_response();
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

struct Feed {
    changes: Receiver<Change>,
    draining: CancellationToken,
    ready: VecDeque<Event>,
}

impl Feed {
    /// The next event; `None` ends the stream. Cancel safe.
    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.ready.pop_front() {
            return Some(event);
        }
        let received = tokio::select! {
            received = self.changes.recv() => received,
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
