//! The same for MySQL clients: before login and after it, in front of a real MariaDB and a real MySQL.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::holdpoint::{AGENT, Holdpoint, Setup, Side};
use crate::mysql_server::{Flavour, MySqlServer, UPSTREAM, UPSTREAM_PASSWORD};
use crate::raw_mysql::{Login, Raw, USUAL};
use crate::sample_mysql;

fn side(flavour: Flavour) -> Side {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let database = sample_mysql::clone_database(flavour, COUNT.fetch_add(1, Ordering::Relaxed));
    let port = MySqlServer::shared(flavour).port;
    let description = format!(
        "protocol: mysql, host: 127.0.0.1, port: {port}, user: {UPSTREAM}, password: {UPSTREAM_PASSWORD}, sslmode: disable, \
         allow_public_key_retrieval: true"
    );
    let direct = match flavour {
        Flavour::MariaDb => |database: &str, sql: &str| MySqlServer::shared(Flavour::MariaDb).sql(database, sql),
        Flavour::MySql => |database: &str, sql: &str| MySqlServer::shared(Flavour::MySql).sql(database, sql),
    };
    Side { description, database, direct }
}

async fn stage(flavour: Flavour) -> Holdpoint {
    let rules = sample_mysql::rules().replace("hold: 20s", "hold: 300ms");
    let setup = Setup { side: Some(side(flavour)), ..Setup::rules(rules).with("limits: { login_timeout: 2s }") };
    Holdpoint::start(setup).await
}

fn address(stage: &Holdpoint) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], stage.port))
}

async fn login(stage: &Holdpoint) -> Raw {
    let login = Login { user: AGENT, secret: stage.keys.agent.clone(), database: Some("shop"), ..Login::default() };
    login.run(address(stage)).await.unwrap_or_else(|error| panic!("{error:?}\n{}", stage.log())).0
}

/// Somebody else, who must not notice anything.
struct Bystander {
    raw: Raw,
    asked: u32,
}

impl Bystander {
    async fn of(stage: &Holdpoint) -> Self {
        Self { raw: login(stage).await, asked: 0 }
    }

    /// Still served, and nothing has panicked.
    async fn is_well(&mut self, stage: &Holdpoint, after: &str) {
        self.asked += 1;
        self.raw.command(format!("\x03SELECT {} AS n", self.asked).as_bytes()).await;
        let mut payloads = Vec::new();
        for _ in 0..5 {
            payloads.push(self.raw.packet().await.unwrap_or_else(|| panic!("gone after {after}: {}", stage.log())));
        }
        let number = self.asked.to_string();
        assert_eq!(&payloads[3][1..], number.as_bytes(), "after {after}\n{}", stage.log());
        assert!(!stage.log().contains("panicked"), "after {after}: {}", stage.log());
    }
}

fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
    [&length[..3], &[sequence], payload].concat()
}

/// Sends bytes on a new connection, closes the sending side, reads to the end. `None`: it was not closed in time.
async fn spoken(stage: &Holdpoint, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(address(stage)).await.expect("a connection");
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(15), stream.read_to_end(&mut answer)).await;
    read.is_ok().then_some(answer)
}

#[tokio::test]
async fn garbage_before_login_is_answered_and_closed() {
    let stage = stage(Flavour::MariaDb).await;
    let mut bystander = Bystander::of(&stage).await;
    let flags = u32::try_from(USUAL.0).unwrap().to_le_bytes();
    let response = |rest: &[u8]| framed(1, &[&flags[..], &[0, 0, 0, 1, 45], &[0; 23], rest].concat());
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("PostgreSQL", b"\0\0\0\x08\x04\xd2\x16\x2f".to_vec()),
        ("a TLS ClientHello", [&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &[7; 505]].concat()),
        ("zeros", vec![0; 64]),
        ("ones", vec![255; 64]),
        ("a query", framed(1, b"\x03DROP TABLE customers")),
        ("out of turn", framed(7, &[0; 64])),
        ("a chain of packets", vec![0xff, 0xff, 0xff, 1]),
        ("a megabyte declared", vec![0, 0, 0x10, 1]),
        ("a length that lies", response(b"bot\0\xfe\xff\xff\xff\xff\xff\xff\xff\x7f")),
        ("an endless name", response(&[b'x'; 60_000])),
        ("cut attributes", response(b"bot\0\0shop\0p\0\xfc\xff\xff\x05abc")),
        ("cut after the flags", framed(1, &flags)),
    ];
    for (what, bytes) in cases {
        let answer = spoken(&stage, &bytes).await.unwrap_or_else(|| panic!("{what}: not closed\n{}", stage.log()));
        assert!(answer.len() < 1024, "{what}: {} bytes came back", answer.len());
        // The greeting, and perhaps an error: never an OK.
        let rest = answer.get(4 + usize::from(answer[0])..).unwrap_or_default();
        assert!(rest.is_empty() || rest[4] == 0xff, "{what}: {rest:?}");
    }
    bystander.is_well(&stage, "garbage before login").await;
    let audited = stage.log();
    assert!(!audited.contains("panicked"), "{audited}");
}

/// What a case must lead to: an error with which the session goes on, or the end.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Then {
    GoesOn,
    Ends,
}

fn rude_commands() -> Vec<(&'static str, Vec<u8>, Then)> {
    let execute = |statement: u32, rest: &[u8]| [&[0x17][..], &statement.to_le_bytes(), rest].concat();
    vec![
        ("no command", framed(0, b""), Then::GoesOn),
        ("COM_SLEEP", framed(0, &[0]), Then::GoesOn),
        ("COM_SHUTDOWN", framed(0, &[8, 0]), Then::GoesOn),
        ("COM_PROCESS_INFO", framed(0, &[10]), Then::GoesOn),
        ("COM_DEBUG", framed(0, &[13]), Then::GoesOn),
        ("COM_BINLOG_DUMP", framed(0, &[18, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0]), Then::GoesOn),
        ("COM_TABLE_DUMP", framed(0, &[19, 4, b's', b'h', b'o', b'p', 1, b'x']), Then::GoesOn),
        ("COM_REGISTER_SLAVE", framed(0, &[21, 0, 0, 0, 0]), Then::GoesOn),
        ("COM_STMT_BULK_EXECUTE", framed(0, &[0xfa, 1, 0, 0, 0]), Then::GoesOn),
        ("an unknown command", framed(0, &[0x77, 1, 2, 3]), Then::GoesOn),
        ("an unknown statement", framed(0, &execute(77, b"\0\x01\0\0\0")), Then::GoesOn),
        ("a turn that is not the first", framed(3, b"\x03SELECT 1"), Then::Ends),
        ("a turn of 255", framed(255, b"\x0e"), Then::Ends),
        ("a cut execution", framed(0, &[0x17, 1, 0]), Then::Ends),
        ("a cut fetch", framed(0, &[0x1c, 1, 0, 0, 0, 1]), Then::Ends),
        ("a login without end", framed(0, b"\x11bot"), Then::Ends),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), Then::Ends),
    ]
}

#[tokio::test]
async fn bad_commands_after_login_harm_nobody() {
    for flavour in Flavour::ALL {
        let stage = stage(flavour).await;
        let mut bystander = Bystander::of(&stage).await;
        for (what, bytes, then) in rude_commands() {
            let mut raw = login(&stage).await;
            raw.turn = holdpoint_turn(&bytes);
            raw.bytes(&bytes).await;
            match then {
                Then::GoesOn => {
                    let payload = raw.packet().await.unwrap_or_else(|| panic!("{what}: closed\n{}", stage.log()));
                    assert_eq!(payload[0], 0xff, "{what}: {payload:?}");
                    raw.command(b"\x0e").await;
                    assert_eq!(raw.packet().await.unwrap_or_else(|| panic!("{what}: closed"))[0], 0, "{what}");
                }
                Then::Ends => {
                    let _ = raw.stream.shutdown().await;
                    let rest = raw.until_end().await;
                    assert!(rest.is_empty() || rest[4] == 0xff, "{what}: {rest:?}");
                }
            }
            bystander.is_well(&stage, what).await;
        }
    }
}

/// The turn of the packet that answers these bytes.
fn holdpoint_turn(bytes: &[u8]) -> ::holdpoint::mysql::frame::Sequence {
    ::holdpoint::mysql::frame::Sequence(bytes[3].wrapping_add(1))
}

#[tokio::test]
async fn commands_cut_at_every_byte_are_survived() {
    let stage = stage(Flavour::MySql).await;
    let mut bystander = Bystander::of(&stage).await;
    let whole = framed(0, b"\x03SELECT id FROM orders WHERE id = 1");
    for end in 0..whole.len() {
        let mut raw = login(&stage).await;
        raw.bytes(&whole[..end]).await;
        raw.stream.shutdown().await.unwrap();
        assert_eq!(raw.until_end().await, b"", "{end}");
    }
    let mut raw = login(&stage).await;
    for byte in &whole {
        raw.bytes(&[*byte]).await;
    }
    raw.turn = holdpoint_turn(&whole);
    assert_eq!(&raw.packet().await.unwrap()[..], b"\x01", "one column");
    bystander.is_well(&stage, "cuts").await;
}
