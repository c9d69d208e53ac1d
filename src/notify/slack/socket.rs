//! Socket Mode: Slack's interactions over a websocket that we open, so that nothing has to be reachable from outside. The
//! socket is the authentication; a new one is opened before an old one goes.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;

use crate::identity::secret::Secret;
use crate::notify::slack::Slack;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const RECONNECT_FIRST: Duration = Duration::from_secs(1);
const RECONNECT_MAX: Duration = Duration::from_secs(30);
const CONNECT_TIME: Duration = Duration::from_secs(15);
/// Slack pings far more often; a socket this silent is dead.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// Keeps a socket open until told to stop.
pub(super) async fn listen(slack: Slack, app_token: Secret, stop: CancellationToken) {
    let mut sockets = tokio::task::JoinSet::new();
    let mut wait = RECONNECT_FIRST;
    // A socket that is about to go, or has gone, asks for another.
    let (want, mut wanted) = mpsc::channel::<()>(8);
    loop {
        let connected = tokio::select! {
            () = stop.cancelled() => break,
            connected = connect(&slack, &app_token) => connected,
        };
        match connected {
            Ok(socket) => {
                wait = RECONNECT_FIRST;
                sockets.spawn(serve(slack.clone(), socket, want.clone()));
                tokio::select! {
                    () = stop.cancelled() => break,
                    _ = wanted.recv() => {}
                }
            }
            Err(why) => {
                tracing::warn!(why, channel = slack.0.config.name, "no socket to Slack: buttons do nothing");
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(wait) => {}
                }
                wait = (wait * 2).min(RECONNECT_MAX);
            }
        }
        while sockets.try_join_next().is_some() {}
    }
    sockets.shutdown().await;
}

async fn connect(slack: &Slack, app_token: &Secret) -> Result<Socket, String> {
    let opened = slack.0.api.call_with(app_token, "apps.connections.open", &json!({})).await;
    let opened = opened.map_err(|error| error.to_string())?;
    let url = opened.get("url").and_then(Value::as_str).unwrap_or_default();
    if !(url.starts_with("wss://") || slack.0.config.allow_private && url.starts_with("ws://")) {
        return Err("Slack gave no address for a socket".to_owned());
    }
    let connected = tokio::time::timeout(CONNECT_TIME, connect_async(url)).await;
    let (socket, _) = connected.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())?;
    Ok(socket)
}

/// Serves one socket until it closes, and asks for another when it is told that it will, and when it has.
async fn serve(slack: Slack, socket: Socket, want: mpsc::Sender<()>) {
    let (mut sink, mut stream) = socket.split();
    let mut asked = false;
    loop {
        let message = match tokio::time::timeout(SILENCE_MAX, stream.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(_)) | None) | Err(_) => break,
        };
        let Message::Text(text) = message else { continue };
        let Ok(envelope) = serde_json::from_str::<Value>(text.as_str()) else { continue };
        let kind = envelope.get("type").and_then(Value::as_str).unwrap_or_default();
        if kind == "disconnect" && !asked {
            asked = true;
            let _full = want.try_send(());
        }
        let Some(id) = envelope.get("envelope_id").and_then(Value::as_str) else { continue };
        let answer = match (kind, envelope.get("payload")) {
            ("interactive", Some(payload)) => slack.interact(payload.clone()).await,
            _ => None,
        };
        let mut reply = json!({ "envelope_id": id });
        if let (Some(answer), Some(reply)) = (answer, reply.as_object_mut()) {
            reply.insert("payload".to_owned(), answer);
        }
        if sink.send(Message::text(reply.to_string())).await.is_err() {
            break;
        }
    }
    if !asked {
        // A socket that dies young shall not make a busy loop.
        tokio::time::sleep(RECONNECT_FIRST).await;
        let _full = want.try_send(());
    }
}
