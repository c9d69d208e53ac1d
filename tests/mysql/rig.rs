//! A proxy in front of a database of its own, and clients of it that see every packet.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use holdpoint::mysql::command::Command;
use holdpoint::mysql::handshake::capabilities::Capabilities;
use holdpoint::mysql::ledger::{Answer, Part};
use holdpoint::mysql::packets::text_row;

use crate::holdpoint::{AGENT, Holdpoint, Setup, Side};
use crate::mysql_server::{Flavour, MySqlServer, UPSTREAM, UPSTREAM_PASSWORD};
use crate::raw_mysql::{Login, Raw, USUAL, error};
use crate::sample_mysql;

/// A database of its own on the shared server of this flavour, reached by way of `port`.
pub fn side_at(flavour: Flavour, port: u16) -> Side {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let database = sample_mysql::clone_database(flavour, COUNT.fetch_add(1, Ordering::Relaxed));
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

pub fn side(flavour: Flavour) -> Side {
    side_at(flavour, MySqlServer::shared(flavour).port)
}

/// A proxy with the usual rules.
pub async fn stage(flavour: Flavour) -> Holdpoint {
    stage_with(flavour, Setup::rules(sample_mysql::rules())).await
}

pub async fn stage_with(flavour: Flavour, setup: Setup) -> Holdpoint {
    Holdpoint::start(Setup { side: Some(side(flavour)), ..setup }).await
}

pub fn address(stage: &Holdpoint) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], stage.port))
}

pub fn as_agent(stage: &Holdpoint) -> Login {
    Login { user: AGENT, secret: stage.keys.agent.clone(), database: Some("shop"), ..Login::default() }
}

/// A client that speaks as the usual ones do.
pub async fn login(stage: &Holdpoint) -> Client {
    login_with(stage, USUAL).await
}

/// A client that chooses these capabilities of those that are offered.
pub async fn login_with(stage: &Holdpoint, capabilities: Capabilities) -> Client {
    let login = Login { capabilities, ..as_agent(stage) };
    let (raw, _) = login.run(address(stage)).await.unwrap_or_else(|error| panic!("{error:?}\n{}", stage.log()));
    Client { raw, capabilities }
}

/// A client after its login.
pub struct Client {
    pub raw: Raw,
    pub capabilities: Capabilities,
}

/// What one command was answered with.
#[derive(Debug, Default, PartialEq)]
pub struct Heard {
    /// Rows of all its results, as text; NULL is `(null)`.
    pub rows: Vec<Vec<String>>,
    /// Results that came to their end.
    pub results: usize,
    /// Rows changed, as told by the last OK.
    pub affected: u64,
    /// Number and text of its error.
    pub error: Option<(u16, String)>,
    /// Names of files that the client was asked for.
    pub files: Vec<String>,
    /// Reports of progress.
    pub progress: Vec<Vec<u8>>,
    /// Payloads of column definitions.
    pub columns: Vec<Vec<u8>>,
    /// The connection ended before the answer did.
    pub cut: bool,
}

impl Heard {
    /// Number of the error.
    pub fn code(&self) -> Option<u16> {
        self.error.as_ref().map(|(code, _)| *code)
    }

    /// The only cell.
    pub fn cell(&self) -> &str {
        self.rows.first().and_then(|row| row.first()).unwrap_or_else(|| panic!("no cell in {self:?}"))
    }
}

impl Client {
    /// Sends a text and goes on.
    pub async fn send(&mut self, sql: &str) {
        self.command(Command::Query, sql.as_bytes()).await;
    }

    /// Sends a command: its byte, and what follows. A client that agreed on attributes sends none.
    pub async fn command(&mut self, command: Command, rest: &[u8]) {
        let attributes: &[u8] = match command {
            Command::Query if self.capabilities.has(Capabilities::QUERY_ATTRIBUTES) => &[0, 1],
            _ => &[],
        };
        self.raw.command(&[&[byte(command)], attributes, rest].concat()).await;
    }

    /// Runs a text.
    pub async fn query(&mut self, sql: &str) -> Heard {
        self.send(sql).await;
        self.hear().await
    }

    /// Hears the answer to a text.
    pub async fn hear(&mut self) -> Heard {
        self.hear_to(Command::Query, &[]).await
    }

    /// Hears an answer. Where a file is asked for, `file` is sent: each part a packet, and then the empty one.
    pub async fn hear_to(&mut self, command: Command, file: &[&[u8]]) -> Heard {
        let mut answer = Answer::to(command, self.capabilities);
        let (mut heard, mut columns) = (Heard::default(), 0);
        while !answer.is_done() {
            let Some(payload) = self.raw.packet().await else {
                heard.cut = true;
                break;
            };
            match answer.take(&payload).unwrap_or_else(|fault| panic!("{fault}: {payload:?} after {heard:?}")) {
                Part::Ok(ok) => heard.affected = ok.affected_rows,
                Part::Error(_) => heard.error = Some(error(&payload)),
                Part::Progress(_) => heard.progress.push(payload.to_vec()),
                Part::ColumnCount(count) => columns = count,
                Part::Column(_) => heard.columns.push(payload.to_vec()),
                Part::TextRow => heard.rows.push(texts(&payload, columns)),
                Part::LocalFile(name) => {
                    heard.files.push(String::from_utf8_lossy(name).into_owned());
                    for part in file {
                        self.raw.send(part).await;
                    }
                    self.raw.send(b"").await;
                }
                _ => {}
            }
        }
        heard.results = answer.results();
        heard
    }

    /// The session still works.
    pub async fn is_well(&mut self) {
        let heard = self.query("SELECT 40 + 2 AS n").await;
        assert_eq!(heard.rows, [["42"]], "{heard:?}");
    }
}

pub fn byte(command: Command) -> u8 {
    (0..=u8::MAX).find(|byte| Command::of(&[*byte]).is_ok_and(|found| found == command)).expect("it has a byte")
}

fn texts(payload: &BytesMut, columns: usize) -> Vec<String> {
    let cells = text_row::cells(payload, columns).expect("a row as it was described");
    let text =
        |cell: Option<&[u8]>| cell.map_or("(null)".to_owned(), |cell| String::from_utf8_lossy(cell).into_owned());
    cells.into_iter().map(text).collect()
}

/// Waits until this is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(15);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
