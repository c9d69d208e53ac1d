//! Clients that break the protocol, hurry, dawdle or come in crowds: a clear end for them, nothing for anybody else.

use std::time::{Duration, Instant};

use holdpoint::config::ClientTls;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clients::{connect, dsn, refusal};
use crate::harness::{Proxy, certificate, config, proxy, proxy_to, start, upstream};
use crate::postgres::Postgres;
use crate::raw::{GSS_REQUEST, Raw, SSL_REQUEST, startup};

/// Somebody else can still log in.
async fn unharmed(proxy: &Proxy) {
    connect(&dsn(proxy)).await.expect("others log in as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_behind_an_encryption_request_are_refused() {
    let server = Postgres::shared();
    for tls in [ClientTls::Optional(certificate(server)), ClientTls::Off] {
        let proxy = start(config(tls, upstream(server))).await;
        for request in [SSL_REQUEST, GSS_REQUEST] {
            let hidden = startup(0, &[("user", "bot"), ("database", "shop")]);
            let (code, message) = Raw::with(&proxy, &[&request[..], &hidden].concat()).await.refusal().await;
            assert!(code == "08P01" && message.contains("unencrypted data"), "{code} {message}");
        }
        assert_eq!(proxy.refusals(2).await.len(), 2);
        unharmed(&proxy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_first_packets_end_with_an_error_and_a_record() {
    let proxy = proxy().await;
    let broken: Vec<(&str, Vec<u8>)> = vec![
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("negative length", vec![0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0]),
        ("length zero", vec![0; 16]),
        ("length 7", vec![0, 0, 0, 7, 0, 3, 0]),
        ("oversize", vec![0x7f, 0xff, 0xff, 0xff]),
        ("one too long", vec![0, 0, 0x27, 0x11]),
        ("protocol 2", vec![0, 0, 0, 8, 0, 2, 0, 0]),
        ("unknown request", vec![0, 0, 0, 8, 4, 210, 0, 0]),
        ("no final zero", vec![0, 0, 0, 12, 0, 3, 0, 0, b'u', b's', b'e', b'r']),
        ("no user", startup(0, &[("database", "shop")]).to_vec()),
        ("SSL twice", [SSL_REQUEST, [0; 8]].concat()),
        ("cancel without a key", vec![0, 0, 0, 8, 4, 210, 22, 46]),
    ];
    let count = broken.len();
    for (name, bytes) in broken {
        let (code, message) = Raw::with(&proxy, &bytes).await.refusal().await;
        assert!(["08P01", "0A000", "28000"].contains(&code.as_str()), "{name}: {code} {message}");
        assert!(!message.contains('\n'), "{name}: {message}");
    }
    assert_eq!(proxy.refusals(count).await.len(), count);
    unharmed(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_proofs_end_with_an_error() {
    let proxy = proxy_to(upstream(Postgres::shared())).await;
    let hello = startup(0, &[("user", "bot"), ("database", "shop")]);
    let broken: [(&str, &[u8]); 7] = [
        ("a query instead of a proof", b"Q\0\0\0\x0dSELECT 1\0"),
        ("negative length", b"p\xff\xff\xff\xfe"),
        ("oversize", b"p\x7f\xff\xff\xff"),
        ("empty", b"p\0\0\0\x04"),
        ("mechanism not offered", b"p\0\0\0\x1bSCRAM-SHA-256-PLUS\0\0\0\0\0"),
        ("length beyond the message", b"p\0\0\0\x16SCRAM-SHA-256\0\0\0\xff\xff"),
        ("no SCRAM", b"p\0\0\0\x18SCRAM-SHA-256\0\0\0\0\x02hi"),
    ];
    for (name, bytes) in broken {
        let mut raw = Raw::with(&proxy, &hello).await;
        assert_eq!(raw.message().await.0, b'R');
        raw.send(bytes).await;
        let (code, message) = raw.refusal().await;
        assert_eq!(code, "08P01", "{name}: {message}");
    }
    unharmed(&proxy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_is_told_from_breaking_off() {
    let proxy = proxy_to(upstream(Postgres::shared())).await;
    let hello = startup(0, &[("user", "bot"), ("database", "shop")]);
    for bytes in [&b""[..], &hello] {
        let mut raw = Raw::with(&proxy, bytes).await;
        raw.shut_down().await;
        raw.until_end().await;
    }
    assert!(proxy.told.refused.lock().is_empty());
    for bytes in [&b"\0\0"[..], &hello[..20]] {
        let mut raw = Raw::with(&proxy, bytes).await;
        raw.shut_down().await;
        raw.until_end().await;
    }
    assert_eq!(proxy.refusals(2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cut_of_a_login_is_survived() {
    let proxy = proxy_to(upstream(Postgres::shared())).await;
    let hello = startup(0, &[("user", "bot"), ("database", "shop")]);
    for end in 0..hello.len() {
        let mut raw = Raw::with(&proxy, &hello[..end]).await;
        raw.shut_down().await;
        assert_eq!(raw.until_end().await, b"", "{end}");
    }
    let mut raw = Raw::connect(&proxy).await;
    for byte in &hello[..] {
        raw.send(&[*byte]).await;
    }
    raw.prove(b"").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dawdlers_are_given_up() {
    let server = Postgres::shared();
    let mut config = config(ClientTls::Optional(certificate(server)), upstream(server));
    config.limits.login_timeout = Duration::from_millis(400);
    let proxy = start(config).await;
    let hello = startup(0, &[("user", "bot"), ("database", "shop")]);
    let started = Instant::now();
    let slow = async {
        let mut stream = TcpStream::connect(proxy.addr).await.unwrap();
        for byte in &hello[..] {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stream.read(&mut [0_u8; 1024]).await.unwrap_or(0)
    };
    let silent = async { Raw::connect(&proxy).await.until_end().await };
    let unproved = async { Raw::with(&proxy, &hello).await.until_end().await };
    let in_handshake = async {
        let mut raw = Raw::with(&proxy, &SSL_REQUEST).await;
        assert_eq!(raw.byte().await, b'S');
        raw.until_end().await
    };
    tokio::join!(slow, silent, unproved, in_handshake);
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert_eq!(proxy.refusals(4).await, vec!["login timed out"; 4]);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_counted() {
    let mut config = config(ClientTls::Off, upstream(Postgres::shared()));
    config.limits.clients_max = 1;
    let proxy = start(config).await;
    let first = connect(&dsn(&proxy)).await.unwrap();
    let (code, message) = refusal(connect(&dsn(&proxy)).await);
    assert!(code == "53300" && message.contains("clients_max"), "{code} {message}");
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

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_half_open_connections_are_bounded() {
    const PLACES: u32 = 200;
    let mut config = config(ClientTls::Off, upstream(Postgres::shared()));
    config.limits.half_open_max = PLACES;
    config.limits.login_timeout = Duration::from_secs(60);
    let proxy = start(config).await;
    unharmed(&proxy).await;
    let (size, before) = (crowd_size(), resident());
    let mut crowd = Vec::with_capacity(size);
    for _ in 0..size {
        crowd.push(TcpStream::connect(proxy.addr).await.unwrap());
    }
    // Those beyond the limit are told and closed; those within are still waiting.
    let (mut told, mut waiting) = (0_usize, 0_usize);
    for stream in &mut crowd {
        let mut answer = Vec::new();
        match tokio::time::timeout(
            Duration::from_millis(if told == 0 { 20 } else { 1000 }),
            stream.read_to_end(&mut answer),
        )
        .await
        {
            Err(_) => waiting += 1,
            Ok(_) => {
                assert!(String::from_utf8_lossy(&answer).contains("53300"), "{answer:?}");
                told += 1;
            }
        }
    }
    let grown = resident().saturating_sub(before);
    println!("{size} connections: {waiting} waiting, {told} turned away, {grown} KiB more memory");
    assert_eq!((waiting, told), (PLACES as usize, size - PLACES as usize));
    assert!(grown < 64 * 1024, "{grown} KiB");
    assert!(proxy.told.refused.lock().len() < 100, "a flood of connections is not a flood of records");
    drop(crowd);
    for _ in 0..100 {
        if connect(&dsn(&proxy)).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("nobody can log in after the crowd has gone");
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_drops_whoever_has_not_logged_in() {
    let proxy = proxy().await;
    let raw = Raw::with(&proxy, &startup(0, &[("user", "bot")])).await;
    proxy.shutdown.cancel();
    let started = Instant::now();
    raw.until_end().await;
    assert!(started.elapsed() < Duration::from_secs(2));
}
