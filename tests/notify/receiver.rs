//! A receiver of HTTP messages that keeps what it got and answers as it is told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Message {
    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// How to answer.
#[derive(Clone, Copy, Debug)]
pub enum Say {
    Status(u16),
    Redirect,
    /// Nothing, for this long.
    Hang(Duration),
}

#[derive(Default)]
struct Inner {
    got: Vec<Message>,
    /// Answers to the next messages.
    next: VecDeque<Say>,
    /// The answer when no other is set.
    always: Option<Say>,
}

#[derive(Clone)]
pub struct Receiver {
    inner: Arc<Mutex<Inner>>,
    pub url: String,
    _stop: Arc<tokio_util::sync::DropGuard>,
}

impl Receiver {
    pub async fn new() -> Self {
        Self::served(None).await
    }

    pub async fn served(tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}/hook", listener.local_addr().unwrap().port());
        let (inner, stop) = (Arc::new(Mutex::new(Inner::default())), CancellationToken::new());
        let router = Router::new().fallback(take).with_state(inner.clone());
        tokio::spawn(holdpoint::api::serve::serve(listener, tls, router, stop.clone()));
        Self { inner, url, _stop: Arc::new(stop.drop_guard()) }
    }

    pub fn say(&self, answers: &[Say]) {
        self.inner.lock().next.extend(answers);
    }

    pub fn always(&self, answer: Say) {
        self.inner.lock().always = Some(answer);
    }

    pub fn got(&self) -> Vec<Message> {
        self.inner.lock().got.clone()
    }

    pub fn count(&self) -> usize {
        self.inner.lock().got.len()
    }

    /// The `type` of each message.
    pub fn kinds(&self) -> Vec<String> {
        self.got().iter().map(|message| message.json()["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn take(State(inner): State<Arc<Mutex<Inner>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let say = {
        let mut inner = inner.lock();
        inner.got.push(Message { path: uri.to_string(), headers, body });
        inner.next.pop_front().or(inner.always).unwrap_or(Say::Status(204))
    };
    match say {
        Say::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Say::Redirect => {
            let mut response = StatusCode::TEMPORARY_REDIRECT.into_response();
            response.headers_mut().insert("location", HeaderValue::from_static("/elsewhere"));
            response
        }
        Say::Hang(time) => {
            tokio::time::sleep(time).await;
            StatusCode::NO_CONTENT.into_response()
        }
    }
}
