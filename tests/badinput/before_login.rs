//! Before anybody has proved who they are.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::holdpoint::{AGENT, Holdpoint, Setup};
use crate::raw::{self, Raw};
use crate::{Bystander, sample, stage};

fn with_length(length: i32, code: i32, rest: &[u8]) -> Vec<u8> {
    [&length.to_be_bytes()[..], &code.to_be_bytes()[..], rest].concat()
}

/// Sends bytes on a new connection, closes the sending side, reads to the end. `None`: it was not closed in time.
async fn spoken(port: u16, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut answer)).await;
    read.is_ok().then_some(answer)
}

#[tokio::test]
async fn garbage_at_start_up_is_answered_and_closed() {
    let stage = Holdpoint::start(Setup::rules(sample::rules()).with("limits: { login_timeout: 2s }")).await;
    let mut bystander = Bystander::of(&stage).await;
    let v3 = 196_608;
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("a TLS ClientHello without asking", [&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &[7; 505]].concat()),
        ("zeros", vec![0; 64]),
        ("ones", vec![255; 64]),
        ("negative length", with_length(-1, v3, b"user\0x\0\0")),
        ("smallest negative length", with_length(i32::MIN, v3, b"user\0x\0\0")),
        ("length 4", with_length(4, v3, b"")),
        ("length 7", with_length(7, v3, b"")),
        ("a gigabyte", with_length(1 << 30, v3, b"user\0x\0\0")),
        ("protocol 2", with_length(9, 131_072, b"x")),
        ("protocol 4", with_length(9, 262_144, b"\0")),
        ("no terminator", with_length(14, v3, b"user\0x")),
        ("no user", with_length(9, v3, b"\0")),
        ("odd parameters", with_length(14, v3, b"user\0\0")),
        ("not UTF-8", with_length(17, v3, b"user\0\xff\xfe\0\0")),
        ("short SSLRequest", with_length(7, 80_877_103, b"")),
        ("a CancelRequest for nobody", with_length(16, 80_877_102, &[0, 0, 0, 1, 0, 0, 0, 2])),
        ("a CancelRequest with an endless key", with_length(1 << 20, 80_877_102, &[0; 1000])),
        ("a Query first", raw::query("SELECT 1")),
        ("a truncated start", with_length(100, v3, b"user\0x\0")),
        (
            "SSLRequest twice, then garbage",
            [with_length(8, 80_877_103, b""), with_length(8, 80_877_103, b""), vec![1; 20]].concat(),
        ),
        ("many parameters", {
            let mut pairs = vec![("user".to_owned(), AGENT.to_owned())];
            pairs.extend((0..1000).map(|number| (format!("p{number}"), "x".repeat(20))));
            raw::startup(&pairs.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect::<Vec<_>>())
        }),
        ("unknown database", raw::startup(&[("user", AGENT), ("database", "../../etc")])),
    ];
    for length in 0..40 {
        cases.push((
            "a cut start-up",
            raw::startup(&[("user", AGENT), ("database", "shop")])[..length.min(30)].to_vec(),
        ));
    }
    for (what, bytes) in cases {
        let answer = tokio::time::timeout(Duration::from_secs(15), spoken(stage.port, &bytes)).await.ok().flatten();
        let answer = answer.unwrap_or_else(|| panic!("{what}: not closed\n{}", stage.log()));
        assert!(answer.len() < 4096, "{what}: {} bytes came back", answer.len());
        assert!(!answer.windows(5).any(|part| part == b"Z\0\0\0\x05"), "{what}: logged in");
        if what.starts_with("a cut") && bytes.len() > 20 {
            break;
        }
    }
    bystander.is_well(&stage, "garbage at start-up").await;
}

#[tokio::test]
async fn wrong_order_during_the_login_is_refused() {
    let stage = stage().await;
    let mut bystander = Bystander::of(&stage).await;
    let start = raw::startup(&[("user", AGENT), ("database", "shop")]);
    let wrong: Vec<(&str, Vec<u8>)> = vec![
        ("a Query instead of a password", raw::query("SELECT 1")),
        ("an empty password", raw::message(b'p', b"\0")),
        ("an unknown mechanism", raw::message(b'p', b"PLAIN\0\0\0\0\x01x")),
        ("a mechanism without an end", raw::message(b'p', b"SCRAM-SHA-256")),
        ("an endless SASL message", [vec![b'p'], 0x7fff_fff0_i32.to_be_bytes().to_vec(), vec![b'x'; 70_000]].concat()),
        ("a negative SASL length", raw::message(b'p', b"SCRAM-SHA-256\0\xff\xff\xff\xf0n,,n=,r=x")),
        ("a password of megabytes", raw::message(b'p', &vec![b'x'; 3 << 20])),
        (
            "a statement pipelined behind the login",
            [raw::message(b'p', b"SCRAM-SHA-256\0\0\0\0\x05n,,r="), raw::query("DROP TABLE orders")].concat(),
        ),
    ];
    for (what, bytes) in wrong {
        let mut raw = Raw::connect(stage.port).await;
        raw.send(&start).await;
        assert_eq!(raw.next().await.map(|(kind, _)| kind), Some(b'R'), "{what}");
        raw.send(&bytes).await;
        let answer = raw.until_end().await;
        assert!(!raw::kinds(&answer).contains('Z'), "{what}: {}", raw::kinds(&answer));
    }
    assert_eq!(stage.direct("SELECT count(*) FROM orders"), "3000");
    bystander.is_well(&stage, "a broken login").await;
}

#[tokio::test]
async fn statement_sent_before_the_password_is_never_run() {
    let stage = stage().await;
    let mut raw = Raw::connect(stage.port).await;
    let start = raw::startup(&[("user", AGENT), ("database", "shop")]);
    raw.send(&[start, raw::query("INSERT INTO scratch VALUES (1, 'x')")].concat()).await;
    raw.until_end().await;
    assert_eq!(stage.direct("SELECT count(*) FROM scratch"), "0");
}

#[tokio::test]
async fn thousands_of_half_open_connections_are_bounded_and_the_rest_is_served() {
    let stage =
        Holdpoint::start(Setup::rules(sample::rules()).with("limits: { half_open_max: 200, login_timeout: 3s }")).await;
    let mut bystander = Bystander::of(&stage).await;
    let before = stage.resident_kib();
    let mut open = Vec::new();
    let (mut refused, mut peak) = (0, before);
    for number in 0..10_000_u32 {
        match tokio::time::timeout(Duration::from_secs(5), TcpStream::connect(("127.0.0.1", stage.port))).await {
            Ok(Ok(stream)) => open.push(stream),
            _ => refused += 1,
        }
        if number % 500 == 0 {
            peak = peak.max(stage.resident_kib());
            open.retain(|stream| {
                let mut byte = [0; 1];
                // Those that were turned away have an error to read; they are let go so that this process keeps its descriptors.
                let gone = stream.try_read(&mut byte).is_ok();
                refused += u32::from(gone);
                !gone
            });
        }
    }
    let grown = peak.saturating_sub(before);
    assert!(grown < 64 * 1024, "{grown} KiB for half-open connections");
    assert!(refused > 5000, "only {refused} were turned away");
    bystander.is_well(&stage, "10 000 half-open connections").await;
    tokio::time::sleep(Duration::from_millis(3500)).await;
    drop(open);
    assert_eq!(raw::texts(&Raw::login(stage.port, AGENT, &stage.keys.agent).await.query("SELECT 5").await), ["5"]);
    eprintln!("half-open: {refused} of 10 000 turned away, memory grew by {grown} KiB");
}
