//! Clients that break the protocol, hurry, dawdle or come in crowds: a clear end for them, nothing for anybody else.

use std::time::{Duration, Instant};

use bytes::BytesMut;
use holdpoint::mysql::frame::Sequence;
use holdpoint::mysql::handshake::Hello;
use holdpoint::mysql::handshake::auth::CLEAR;
use holdpoint::mysql::handshake::capabilities::Capabilities;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::clients::{connect, dsn, refusal};
use crate::harness::{Proxy, config, proxy, sample, shared, start, tls};
use crate::mysql::{Flavour, MySqlServer};
use crate::raw::{Login, Raw, USUAL, error};

/// Somebody else can still log in.
async fn unharmed(proxy: &Proxy) {
    connect(dsn(proxy)).await.expect("others log in as before");
}

fn server() -> &'static MySqlServer {
    shared(Flavour::MariaDb)
}

/// A response with these flags, as a whole payload.
fn response(capabilities: Capabilities, rest: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    Hello { capabilities, packet_max: 1 << 24, collation: 45 }.encode(&mut out);
    [&out[..], rest].concat()
}

fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[sequence], payload].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_responses_end_with_an_error_and_a_record() {
    let proxy = proxy(server()).await;
    let whole = b"bot\0\x14aaaaaaaaaaaaaaaaaaaasample\0mysql_native_password\0\0";
    let broken: Vec<(&str, Vec<u8>)> = vec![
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("PostgreSQL", b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec()),
        ("empty", framed(1, b"")),
        ("wrong turn", framed(2, &response(USUAL, whole))),
        ("turn of a command", framed(0, &response(USUAL, whole))),
        ("oversize", vec![0xff, 0xff, 0xff, 1]),
        ("one too long", vec![1, 0x20, 1, 1]),
        ("a query", framed(1, b"\x03SELECT 1")),
        ("the protocol of before 4.1", framed(1, b"\x08\x80\0\0\x01bot\0abcdefgh")),
        ("zlib", framed(1, &response(USUAL.with(Capabilities::COMPRESS), whole))),
        ("zstd", framed(1, &response(USUAL.with(Capabilities::ZSTD), whole))),
        ("no zero behind the name", framed(1, &response(USUAL, b"bot"))),
        ("name that is no text", framed(1, &response(USUAL, b"\xff\xfe\0\0\0\0\0"))),
        ("proof beyond the packet", framed(1, &response(USUAL, b"bot\0\xfd\xff\xff\xffabc"))),
        ("length of NULL", framed(1, &response(USUAL, b"bot\0\xfbabc"))),
        (
            "attributes beyond the packet",
            framed(1, &response(USUAL, b"bot\0\0x\0p\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff")),
        ),
        ("attribute beyond the attributes", framed(1, &response(USUAL, b"bot\0\0x\0p\0\x03\x09ab"))),
        ("more than everything", framed(1, &response(USUAL, b"bot\0\0x\0p\0\0more"))),
        ("TLS twice the size", framed(1, &response(USUAL.with(Capabilities::SSL), b"x"))),
    ];
    let count = broken.len();
    for (name, bytes) in broken {
        let (mut raw, _) = Raw::greeted(proxy.addr).await;
        raw.bytes(&bytes).await;
        // What was sent out of turn is answered in the turn that was due.
        raw.turn = Sequence(raw.turn.0);
        let (code, message) = last_error(raw).await.unwrap_or_else(|| panic!("{name}: no error"));
        assert!(
            code == 1043 && message.starts_with("Bad handshake: ") && !message.contains('\n'),
            "{name}: {code} {message}"
        );
    }
    assert_eq!(proxy.refusals(count).await.len(), count);
    unharmed(&proxy).await;
}

/// The last error before the end, whatever its turn.
async fn last_error(raw: Raw) -> Option<(u16, String)> {
    let bytes = raw.until_end().await;
    let payload = bytes.get(4..)?;
    (payload.first() == Some(&0xff)).then(|| error(payload))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cut_of_a_login_is_survived() {
    let proxy = proxy(server()).await;
    let (_, greeting) = Raw::greeted(proxy.addr).await;
    let (_, whole) = Login::default().response(&greeting);
    let mut payload = BytesMut::new();
    whole.encode(&mut payload);
    let bytes = framed(1, &payload);
    for end in 0..bytes.len() {
        let (mut raw, _) = Raw::greeted(proxy.addr).await;
        raw.bytes(&bytes[..end]).await;
        tokio::io::AsyncWriteExt::shutdown(&mut raw.stream).await.unwrap();
        assert_eq!(raw.until_end().await, b"", "{end}");
        // Cut inside the packet, as the proxy sees it: a shorter payload.
        let (mut raw, _) = Raw::greeted(proxy.addr).await;
        raw.bytes(&framed(1, &payload[..end.min(payload.len())])).await;
        tokio::io::AsyncWriteExt::shutdown(&mut raw.stream).await.unwrap();
        let answer = raw.until_end().await;
        assert!(answer.len() < 600, "{end}: {answer:?}");
    }
    let (mut raw, greeting) = Raw::greeted(proxy.addr).await;
    let (_, whole) = Login::default().response(&greeting);
    payload.clear();
    whole.encode(&mut payload);
    for byte in framed(1, &payload) {
        raw.bytes(&[byte]).await;
    }
    raw.turn = Sequence(2);
    assert_eq!((raw.packet().await.unwrap()[0], raw.packet().await.unwrap()[0]), (1, 0), "byte by byte");
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_proofs_end_with_an_error() {
    let proxy = proxy(server()).await;
    let begun = |plugin: &str, proof: &[u8]| {
        let length = u8::try_from(proof.len()).unwrap();
        let rest = [b"bot\0", &[length][..], proof, b"sample\0", plugin.as_bytes(), b"\0\0"].concat();
        framed(1, &response(USUAL, &rest))
    };
    for (name, plugin, proof) in [
        ("short", "caching_sha2_password", &b"abc"[..]),
        ("long", "caching_sha2_password", &[7; 200]),
        ("empty", "caching_sha2_password", b""),
        ("a zero", "caching_sha2_password", b"\0"),
    ] {
        let (mut raw, _) = Raw::greeted(proxy.addr).await;
        raw.bytes(&begun(plugin, proof)).await;
        raw.turn = Sequence(2);
        assert_eq!(raw.refusal().await.0, 1045, "{name}");
    }
    for (name, plugin) in [("native", "mysql_native_password"), ("unknown", "dialog"), ("none", "")] {
        for (what, answer) in
            [("wrong", framed(3, &[7; 32])), ("empty", framed(3, b"")), ("a query", framed(3, b"\x03SELECT 1"))]
        {
            let (mut raw, _) = Raw::greeted(proxy.addr).await;
            raw.bytes(&begun(plugin, &[9; 20])).await;
            raw.turn = Sequence(2);
            assert_eq!(raw.packet().await.unwrap()[0], 0xfe, "{name}");
            raw.bytes(&answer).await;
            raw.turn = Sequence(4);
            assert_eq!(raw.refusal().await.0, 1045, "{name}, {what}");
        }
        let (mut raw, _) = Raw::greeted(proxy.addr).await;
        raw.bytes(&begun(plugin, &[9; 20])).await;
        raw.turn = Sequence(2);
        assert_eq!(raw.packet().await.unwrap()[0], 0xfe, "{name}");
        raw.bytes(&framed(9, &[7; 32])).await;
        assert_eq!(last_error(raw).await.unwrap().0, 1043, "{name}, out of turn");
    }
    unharmed(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_in_the_clear_is_refused_without_tls() {
    let proxy = proxy(server()).await;
    let (mut raw, _) = Raw::greeted(proxy.addr).await;
    let rest = [b"bot\0\x0dagent-secret\0sample\0", CLEAR.as_bytes(), b"\0\0"].concat();
    raw.send(&response(USUAL, &rest)).await;
    let (code, message) = raw.refusal().await;
    assert!(code == 1045 && message.contains("use TLS"), "{code} {message}");
    let secure = proxy_with_clear_text(true, false).await;
    assert!(secure.is_ok(), "{:?}", secure.err());
    assert_eq!(proxy_with_clear_text(false, false).await.unwrap_err().0, 1045);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_for_tls_and_its_handshake_may_come_together() {
    for _ in 0..5 {
        let secure = proxy_with_clear_text(true, true).await;
        assert!(secure.is_ok(), "{:?}", secure.err());
    }
    assert_eq!(proxy_with_clear_text(false, true).await.unwrap_err().0, 1045);
}

/// Logs in over TLS by handing over the secret, right or wrong. `together`: the request for TLS goes in one piece with the
/// beginning of the handshake, as it does from any client now and then.
async fn proxy_with_clear_text(right: bool, together: bool) -> Result<(), (u16, String)> {
    use rustls::pki_types::pem::PemObject;
    let proxy = proxy(server()).await;
    let (mut raw, _) = Raw::greeted(proxy.addr).await;
    let capabilities = USUAL.with(Capabilities::SSL);
    let mut request = framed(1, &response(capabilities, b""));
    if !together {
        raw.bytes(&std::mem::take(&mut request)).await;
    }
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(&server().ca).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let settings = builder.with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(settings));
    let socket = raw.stream.into_std().unwrap();
    let mut twin = socket.try_clone().unwrap();
    let socket = TcpStream::from_std(socket).unwrap();
    let with_request = |connection: &mut rustls::ClientConnection| {
        if together {
            connection.write_tls(&mut request).unwrap();
            std::io::Write::write_all(&mut twin, &request).unwrap();
        }
    };
    let mut stream = connector.connect_with("localhost".try_into().unwrap(), socket, with_request).await.unwrap();
    let secret = if right { "agent-secret" } else { "other-secret" };
    let rest = [b"bot\0\x0d", secret.as_bytes(), b"\0sample\0", CLEAR.as_bytes(), b"\0\0"].concat();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &framed(2, &response(capabilities, &rest))).await.unwrap();
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.unwrap();
    let mut payload = vec![0; usize::from(head[0]) | usize::from(head[1]) << 8];
    stream.read_exact(&mut payload).await.unwrap();
    if payload[0] == 0 { Ok(()) } else { Err(error(&payload)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_behind_a_request_for_tls_are_refused() {
    let proxy = proxy(server()).await;
    let request = framed(1, &response(USUAL.with(Capabilities::SSL), b""));
    let hidden = framed(2, &response(USUAL, b"bot\0\0sample\0p\0\0"));
    let (mut raw, _) = Raw::greeted(proxy.addr).await;
    raw.bytes(&[request.clone(), hidden].concat()).await;
    let (code, message) = last_error(raw).await.unwrap();
    assert!(code == 1043 && message.contains("unencrypted data"), "{code} {message}");
    let without = start(config(&[("sample", &sample(server(), ""))], "", "")).await;
    let (mut raw, greeting) = Raw::greeted(without.addr).await;
    assert!(!greeting.capabilities.has(Capabilities::SSL));
    raw.bytes(&request).await;
    let (code, message) = last_error(raw).await.unwrap();
    assert!(code == 1043 && message.contains("not offered"), "{code} {message}");
    unharmed(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn greetings_differ_and_offer_no_compression() {
    let proxy = proxy(server()).await;
    let ((_one, first), (_other, second)) = (Raw::greeted(proxy.addr).await, Raw::greeted(proxy.addr).await);
    assert_ne!((first.nonce, first.thread_id), (second.nonce, second.thread_id));
    assert_ne!(first.nonce, second.nonce);
    let never = Capabilities::COMPRESS.with(Capabilities::ZSTD).with(Capabilities::OPTIONAL_METADATA);
    assert_eq!(Capabilities(first.capabilities.0 & never.0), Capabilities::NONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn dawdlers_are_given_up() {
    let limits = "limits: { login_timeout: 400ms }";
    let proxy = start(config(&[("sample", &sample(server(), ""))], &tls(server(), "optional"), limits)).await;
    unharmed(&proxy).await;
    let started = Instant::now();
    let silent = async { Raw::greeted(proxy.addr).await.0.until_end().await };
    let slow = async {
        let (mut raw, _) = Raw::greeted(proxy.addr).await;
        for byte in framed(1, &response(USUAL, b"bot\0\0sample\0p\0\0")) {
            raw.bytes(&[byte]).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        raw.until_end().await
    };
    let unproved = async {
        let (mut raw, _) = Raw::greeted(proxy.addr).await;
        raw.bytes(&framed(1, &response(USUAL, b"bot\0\0sample\0p\0\0"))).await;
        raw.until_end().await
    };
    let in_handshake = async {
        let (mut raw, _) = Raw::greeted(proxy.addr).await;
        raw.bytes(&framed(1, &response(USUAL.with(Capabilities::SSL), b""))).await;
        raw.until_end().await
    };
    tokio::join!(silent, slow, unproved, in_handshake);
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert_eq!(proxy.refusals(4).await, vec!["login timed out"; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_counted() {
    let proxy = start(config(&[("sample", &sample(server(), ""))], "", "limits: { clients_max: 1 }")).await;
    let first = connect(dsn(&proxy)).await.unwrap();
    let (code, message) = refusal(connect(dsn(&proxy)).await);
    assert!(code == 1040 && message.contains("clients_max"), "{code} {message}");
    drop(first);
}

/// This process's memory, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// How many connections a crowd has: 10 000, or what the limit on open files leaves room for.
fn crowd_size() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let files: usize = line.split_whitespace().nth(3).unwrap().parse().unwrap_or(usize::MAX);
    files.saturating_sub(2000).min(10_000)
}

/// Set in the process that has the crowd to itself.
const ALONE: &str = "HOLDPOINT_TEST_ALONE";

/// The memory of a process is measured: other tests must not be in it.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_half_open_connections_are_bounded() {
    if std::env::var_os(ALONE).is_some() {
        return crowd().await;
    }
    let mut alone = tokio::process::Command::new(std::env::current_exe().unwrap());
    alone.args(["--exact", "attacks::ten_thousand_half_open_connections_are_bounded", "--nocapture"]).env(ALONE, "1");
    let output = alone.output().await.unwrap();
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}");
    assert!(output.status.success() && said.contains("turned away"), "{said}\n{error}");
}

async fn crowd() {
    const PLACES: usize = 200;
    let limits = format!("limits: {{ half_open_max: {PLACES}, login_timeout: 60s }}");
    let proxy = start(config(&[("sample", &sample(server(), ""))], "", &limits)).await;
    unharmed(&proxy).await;
    let (size, before) = (crowd_size(), resident());
    let mut crowd = Vec::with_capacity(size);
    for _ in 0..size {
        crowd.push(TcpStream::connect(proxy.addr).await.unwrap());
    }
    // Those beyond the limit are told and closed; those within have been greeted and are still waiting.
    let (mut told, mut waiting) = (0_usize, 0_usize);
    for stream in &mut crowd {
        let mut answer = Vec::new();
        let patience = Duration::from_millis(if told == 0 { 20 } else { 1000 });
        match tokio::time::timeout(patience, stream.read_to_end(&mut answer)).await {
            Err(_) => waiting += 1,
            Ok(_) => {
                assert_eq!(error(&answer[4..]).0, 1040, "{answer:?}");
                told += 1;
            }
        }
    }
    let grown = resident().saturating_sub(before);
    println!("{size} connections: {waiting} waiting, {told} turned away, {grown} KiB more memory");
    assert_eq!((waiting, told), (PLACES, size - PLACES));
    assert!(grown < 64 * 1024, "{grown} KiB");
    assert!(proxy.told.refused.lock().len() < 100, "a flood of connections is not a flood of records");
    drop(crowd);
    for _ in 0..100 {
        if connect(dsn(&proxy)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody can log in after the crowd has gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_drops_whoever_has_not_logged_in() {
    let proxy = proxy(server()).await;
    let (raw, _) = Raw::greeted(proxy.addr).await;
    proxy.shutdown.cancel();
    let started = Instant::now();
    raw.until_end().await;
    assert!(started.elapsed() < Duration::from_secs(2));
}
