//! Blocking reads and the event stream.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::rig::Rig;

#[tokio::test]
async fn blocking_read_is_woken_by_the_decision() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let begun = Instant::now();
    let path = format!("/v1/approvals/{id}?wait=30s&after_version=1");
    let (waited, _) = tokio::join!(rig.get(&path, "reader"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        rig.decide("dana", &id, "approve").await
    });
    assert_eq!(waited.json["state"], "approved");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn blocking_read_returns_unchanged_when_the_time_is_up() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let waited = rig.get(&format!("/v1/approvals/{id}?wait=50ms"), "reader").await;
    assert_eq!((waited.status, &waited.json["version"]), (200, &json!(1)));
    let path = format!("/v1/approvals/{id}");
    let preferred = rig.call("GET", &path, "reader", &[("prefer", "respond-async, wait=0")], None).await;
    assert_eq!(preferred.status, 200);
}

#[tokio::test]
async fn blocking_read_of_an_older_version_or_of_what_has_ended_does_not_wait() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    rig.call("POST", &format!("/v1/approvals/{id}:deny"), "dana", &[], None).await;
    let begun = Instant::now();
    rig.get(&format!("/v1/approvals/{id}?wait=30s&after_version=1"), "reader").await;
    rig.get(&format!("/v1/approvals/{id}?wait=30s"), "reader").await;
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn draining_ends_waits() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let begun = Instant::now();
    let path = format!("/v1/approvals/{id}?wait=30s");
    let (waited, ()) = tokio::join!(rig.get(&path, "reader"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        rig.state.draining.cancel();
    });
    assert_eq!(waited.status, 200);
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn reader_that_comes_back_is_told_what_it_missed() {
    let rig = Rig::new().await;
    let seen = rig.state.audit.size().unwrap() - 1;
    let id = rig.pending("bot").await;
    rig.call("POST", &format!("/v1/approvals/{id}:deny"), "dana", &[], None).await;
    let response = rig.open("/v1/events", "reader", &[("last-event-id", &seen.to_string())]).await;
    let mut body = response.into_body().into_data_stream();
    let chunk = tokio::time::timeout(Duration::from_secs(5), body.next()).await.unwrap().unwrap().unwrap();
    let text = std::str::from_utf8(&chunk).unwrap();
    assert!(text.contains(&id) && text.contains("denied"), "{text}");
    for odd in ["x", "99999999"] {
        let response = rig.open("/v1/events", "reader", &[("last-event-id", odd)]).await;
        let chunk = response.into_body().into_data_stream().next().await.unwrap().unwrap();
        assert!(std::str::from_utf8(&chunk).unwrap().contains("event: reset"));
    }
}

#[tokio::test]
async fn event_stream_tells_a_decision_and_ends_with_draining() {
    let rig = Rig::new().await;
    let id = rig.pending("bot").await;
    let response = rig.open("/v1/events", "reader", &[]).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let mut body = response.into_body().into_data_stream();
    rig.decide("dana", &id, "approve").await;
    let mut text = String::new();
    while !text.contains("approved") {
        let chunk = tokio::time::timeout(Duration::from_secs(5), body.next()).await.unwrap().unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(text.contains("event: approval") && text.contains("id: ") && text.contains(&id), "{text}");
    rig.state.draining.cancel();
    assert!(tokio::time::timeout(Duration::from_secs(5), body.next()).await.unwrap().is_none());
}

#[tokio::test]
async fn garbage_on_one_connection_harms_no_other_and_shutdown_ends_serving() {
    let rig = Rig::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let router = holdpoint::api::router(rig.state.clone());
    let served = tokio::spawn(holdpoint::api::serve::serve(listener, None, router, stop.clone()));
    for garbage in [&b"\x16\x03\x01\x02\x00garbage\r\n\r\n"[..], b"GET / HTTP/9.9\r\n\r\n", &[b'A'; 200_000][..]] {
        let mut client = TcpStream::connect(address).await.unwrap();
        let _ = client.write_all(garbage).await;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), client.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "the connection is closed");
    }
    // An idle connection and one in the middle of a request do not keep the process.
    let _idle = TcpStream::connect(address).await.unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 15];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), served).await.unwrap().unwrap().unwrap();
}
