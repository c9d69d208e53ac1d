//! A Slack of the tests' own: the Web API, sockets for Socket Mode, signed requests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::{SinkExt, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use holdpoint::config::notify::{Content, NotifyConfig, SlackConfig, SlackMode};
use holdpoint::identity::secret::Secret;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use crate::rig::until;

pub const SIGNING_SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
const TEAM: &str = "T1";

/// One call of the Web API.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub token: String,
    pub form: BTreeMap<String, String>,
}

impl Call {
    /// A field that is JSON.
    pub fn json(&self, field: &str) -> Value {
        serde_json::from_str(&self.form[field]).unwrap()
    }

    /// The buttons of its blocks: `action_id` and value.
    pub fn buttons(&self) -> Vec<(String, String)> {
        let blocks = self.json("blocks");
        let actions = blocks.as_array().unwrap().iter().filter(|block| block["type"] == "actions");
        let buttons = actions.flat_map(|block| block["elements"].as_array().unwrap());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        buttons.map(|button| (text(&button["action_id"]), text(&button["value"]))).collect()
    }
}

#[derive(Default)]
struct Inner {
    calls: Vec<Call>,
    users: BTreeMap<String, Value>,
    /// Errors that the next calls of a method get.
    errors: Vec<(String, String)>,
    posted: u32,
    sockets: Vec<mpsc::UnboundedSender<Value>>,
    /// What came back over any socket.
    answers: Vec<Value>,
}

#[derive(Clone)]
pub struct Workspace {
    inner: Arc<Mutex<Inner>>,
    url: String,
    _stop: Arc<tokio_util::sync::DropGuard>,
}

impl Workspace {
    pub async fn new() -> Self {
        let inner = Arc::new(Mutex::new(Inner::default()));
        let sockets = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket_url = format!("ws://{}", sockets.local_addr().unwrap());
        tokio::spawn(accept(sockets, inner.clone()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api", listener.local_addr().unwrap());
        let router = Router::new().route("/api/{method}", post(call)).with_state((inner.clone(), socket_url));
        let stop = CancellationToken::new();
        tokio::spawn(holdpoint::api::serve::serve(listener, None, router, stop.clone()));
        let workspace = Self { inner, url, _stop: Arc::new(stop.drop_guard()) };
        for user in ["dana", "erik", "mia", "ivan", "otto", "stray"] {
            workspace.set_user(user, json!({}));
        }
        workspace
    }

    /// Changes what `users.info` says of a user.
    pub fn set_user(&self, user: &str, change: Value) {
        let mut info = json!({
            "id": id(user), "team_id": TEAM, "name": user, "deleted": false, "is_bot": false, "is_restricted": false,
            "is_ultra_restricted": false,
        });
        for (key, value) in change.as_object().unwrap() {
            info[key] = value.clone();
        }
        self.inner.lock().users.insert(id(user), info);
    }

    /// The next call of this method fails like this.
    pub fn fail(&self, method: &str, error: &str) {
        self.inner.lock().errors.push((method.to_owned(), error.to_owned()));
    }

    pub fn config(&self, mode: SlackMode) -> NotifyConfig {
        let slack = SlackConfig {
            name: "slack".into(),
            bot_token: Secret::new("xoxb-1"),
            mode,
            channel: "C1".into(),
            team_ids: vec![TEAM.into()],
            // `stray` is tied to nobody, `ghost` to somebody the configuration does not know.
            people: ["dana", "erik", "mia", "ivan", "otto", "ghost"].map(|name| (id(name), name.to_owned())).into(),
            content: Content::Full,
            api_url: self.url.clone(),
            allow_private: true,
        };
        NotifyConfig { slack: Some(slack), ..NotifyConfig::default() }
    }

    pub fn socket(&self) -> NotifyConfig {
        self.config(SlackMode::Socket { app_token: Secret::new("xapp-1") })
    }

    pub fn http(&self) -> NotifyConfig {
        self.config(SlackMode::Http { signing_secret: Secret::new(SIGNING_SECRET) })
    }

    pub fn calls(&self, method: &str) -> Vec<Call> {
        self.inner.lock().calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    /// Waits for the `count`th call of a method.
    pub async fn wait(&self, method: &str, count: usize) -> Call {
        until(&format!("call {count} of {method}"), || self.calls(method).len() >= count).await;
        self.calls(method)[count - 1].clone()
    }

    pub fn socket_count(&self) -> usize {
        self.inner.lock().sockets.iter().filter(|socket| !socket.is_closed()).count()
    }

    /// Sends a frame over the newest socket.
    pub async fn send(&self, frame: Value) {
        until("a socket", || self.socket_count() > 0).await;
        let sockets = self.inner.lock().sockets.clone();
        sockets.iter().rev().find(|socket| !socket.is_closed()).unwrap().send(frame).unwrap();
    }

    /// Sends an interaction over the newest socket and waits for its answer.
    pub async fn interact(&self, payload: Value) -> Value {
        let id = format!("e{:x}", rand::random::<u64>());
        let frame =
            json!({ "envelope_id": id, "type": "interactive", "accepts_response_payload": true, "payload": payload });
        self.send(frame).await;
        let mut found = None;
        until("the answer to an interaction", || {
            found = self.inner.lock().answers.iter().find(|answer| answer["envelope_id"] == json!(id)).cloned();
            found.is_some()
        })
        .await;
        found.unwrap()
    }

    /// What a user was told alone, once it was.
    pub async fn whispered(&self, user: &str) -> String {
        let mut told = None;
        until(&format!("a word to {user}"), || {
            let calls = self.calls("chat.postEphemeral");
            told = calls.iter().rfind(|call| call.form["user"] == id(user)).map(|call| call.form["text"].clone());
            told.is_some()
        })
        .await;
        told.unwrap()
    }
}

pub fn id(user: &str) -> String {
    format!("U{}", user.to_ascii_uppercase())
}

/// A click on a button.
pub fn click(user: &str, action: &str, value: &str) -> Value {
    json!({
        "type": "block_actions", "team": { "id": TEAM }, "user": { "id": id(user), "team_id": TEAM },
        "container": { "type": "message", "message_ts": "1.1", "channel_id": "C1" }, "trigger_id": "t.1",
        "actions": [{ "type": "button", "action_id": action, "block_id": "decide", "value": value }],
    })
}

/// The form that asks why, sent in.
pub fn form(user: &str, ticket: &str, reason: &str) -> Value {
    json!({
        "type": "view_submission", "team": { "id": TEAM }, "user": { "id": id(user), "team_id": TEAM },
        "view": {
            "callback_id": "deny", "private_metadata": ticket,
            "state": { "values": { "reason": { "text": { "type": "plain_text_input", "value": reason } } } },
        },
    })
}

/// Body and signature of a request in HTTP mode.
pub fn signed(secret: &str, seconds: i64, payload: &Value) -> (Vec<u8>, String) {
    let mut encoded = reqwest::Url::parse("form:").unwrap();
    encoded.query_pairs_mut().append_pair("payload", &payload.to_string());
    let body = encoded.query().unwrap().as_bytes().to_vec();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("v0:{seconds}:").as_bytes());
    mac.update(&body);
    (body, format!("v0={}", hex::encode(mac.finalize().into_bytes())))
}

async fn call(
    State((inner, socket_url)): State<(Arc<Mutex<Inner>>, String)>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut url = reqwest::Url::parse("form:").unwrap();
    url.set_query(Some(std::str::from_utf8(&body).unwrap()));
    let form: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    let mut inner = inner.lock();
    inner.calls.push(Call { method: method.clone(), token: token.clone(), form: form.clone() });
    if let Some(at) = inner.errors.iter().position(|(of, _)| *of == method) {
        let (_, error) = inner.errors.remove(at);
        if error == "429" {
            return (axum::http::StatusCode::TOO_MANY_REQUESTS, [("retry-after", "1")]).into_response();
        }
        return Json(json!({ "ok": false, "error": error })).into_response();
    }
    let expected = if method == "apps.connections.open" { "xapp-1" } else { "xoxb-1" };
    if token != expected {
        return Json(json!({ "ok": false, "error": "invalid_auth" })).into_response();
    }
    Json(match method.as_str() {
        "chat.postMessage" => {
            inner.posted += 1;
            json!({ "ok": true, "channel": "C1", "ts": format!("{}.0", inner.posted) })
        }
        "users.info" => match inner.users.get(&form["user"]) {
            Some(user) => json!({ "ok": true, "user": user }),
            None => json!({ "ok": false, "error": "user_not_found" }),
        },
        "apps.connections.open" => json!({ "ok": true, "url": socket_url }),
        _ => json!({ "ok": true }),
    })
    .into_response()
}

async fn accept(listener: TcpListener, inner: Arc<Mutex<Inner>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let inner = inner.clone();
        tokio::spawn(async move {
            let Ok(socket) = tokio_tungstenite::accept_async(stream).await else { return };
            let (mut sink, mut stream) = socket.split();
            sink.send(Message::text(json!({ "type": "hello" }).to_string())).await.unwrap();
            let (frames, mut next) = mpsc::unbounded_channel();
            inner.lock().sockets.push(frames);
            loop {
                tokio::select! {
                    frame = next.recv() => {
                        let Some(frame) = frame else { return };
                        if frame == json!("close") {
                            return;
                        }
                        if sink.send(Message::text(frame.to_string())).await.is_err() {
                            return;
                        }
                    }
                    read = tokio::time::timeout(Duration::from_secs(60), stream.next()) => match read {
                        Ok(Some(Ok(Message::Text(text)))) => {
                            inner.lock().answers.push(serde_json::from_str(text.as_str()).unwrap());
                        }
                        Ok(Some(Ok(_))) => {}
                        _ => return,
                    },
                }
            }
        });
    }
}
