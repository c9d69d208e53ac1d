//! A PostgreSQL client that shows every message and sends any bytes: for what drivers hide.

use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use postgres_protocol::authentication::sasl::{ChannelBinding, ScramSha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One message: its type and its body.
pub type Message = (u8, Vec<u8>);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One connection.
pub struct Raw {
    stream: TcpStream,
    buffer: BytesMut,
    /// Process number and secret of BackendKeyData.
    pub cancel_key: Vec<u8>,
}

/// A whole message.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.put_u32(u32::try_from(body.len() + 4).expect("a short body"));
    out.extend_from_slice(body);
    out
}

/// Zero-terminated.
pub fn zero(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

/// A simple Query.
pub fn query(sql: &str) -> Vec<u8> {
    message(b'Q', &zero(sql))
}

/// Parse without declared types.
pub fn parse(name: &str, sql: &str) -> Vec<u8> {
    message(b'P', &[zero(name), zero(sql), vec![0, 0]].concat())
}

/// Bind of text parameters, all results in one format.
pub fn bind(portal: &str, statement: &str, values: &[&str], format: i16) -> Vec<u8> {
    let mut body = [zero(portal), zero(statement), vec![0, 0]].concat();
    body.put_i16(i16::try_from(values.len()).expect("few values"));
    for value in values {
        body.put_i32(i32::try_from(value.len()).expect("a short value"));
        body.extend_from_slice(value.as_bytes());
    }
    body.put_i16(1);
    body.put_i16(format);
    message(b'B', &body)
}

/// Describe of a portal.
pub fn describe_portal(portal: &str) -> Vec<u8> {
    message(b'D', &[b"P".to_vec(), zero(portal)].concat())
}

/// Execute with a row limit; 0: none.
pub fn execute(portal: &str, rows: i32) -> Vec<u8> {
    let mut body = zero(portal);
    body.put_i32(rows);
    message(b'E', &body)
}

/// Sync.
pub fn sync() -> Vec<u8> {
    message(b'S', &[])
}

/// A statement through the unnamed statement and portal, without a Sync.
pub fn extended(sql: &str) -> Vec<u8> {
    [parse("", sql), bind("", "", &[], 0), describe_portal(""), execute("", 0)].concat()
}

/// Fields of an ErrorResponse or NoticeResponse.
pub fn field(body: &[u8], code: u8) -> Option<String> {
    body.split(|byte| *byte == 0)
        .find(|part| part.first() == Some(&code))
        .map(|part| String::from_utf8_lossy(&part[1..]).into_owned())
}

/// Cells of a DataRow.
pub fn cells(body: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut rest = body;
    let count = rest.get_i16();
    (0..count)
        .map(|_| {
            let size = usize::try_from(rest.get_i32()).ok()?;
            let cell = rest[..size].to_vec();
            rest.advance(size);
            Some(cell)
        })
        .collect()
}

/// All text cells of all rows.
pub fn texts(messages: &[Message]) -> Vec<String> {
    let rows = messages.iter().filter(|(kind, _)| *kind == b'D');
    rows.flat_map(|(_, body)| cells(body))
        .map(|cell| String::from_utf8_lossy(&cell.unwrap_or_default()).into_owned())
        .collect()
}

/// Types of messages, as text.
pub fn kinds(messages: &[Message]) -> String {
    messages.iter().map(|(kind, _)| char::from(*kind)).collect()
}

/// SQLSTATE of the first error.
pub fn error_code(messages: &[Message]) -> Option<String> {
    messages.iter().find(|(kind, _)| *kind == b'E').and_then(|(_, body)| field(body, b'C'))
}

/// A StartupMessage.
pub fn startup(parameters: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    body.put_u32(196_608);
    for (name, value) in parameters {
        body.extend(zero(name));
        body.extend(zero(value));
    }
    body.push(0);
    let mut out = Vec::new();
    out.put_u32(u32::try_from(body.len() + 4).expect("a short body"));
    out.extend(body);
    out
}

impl Raw {
    /// Connects without a word.
    pub async fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, buffer: BytesMut::new(), cancel_key: Vec::new() }
    }

    /// Logs in and reads up to ReadyForQuery.
    pub async fn login(port: u16, user: &str, secret: &str) -> Self {
        Self::login_with(port, secret, &[("user", user), ("database", "shop")]).await
    }

    /// The same with any start-up parameters.
    pub async fn login_with(port: u16, secret: &str, parameters: &[(&str, &str)]) -> Self {
        let mut raw = Self::connect(port).await;
        raw.send(&startup(parameters)).await;
        let mut scram = ScramSha256::new(secret.as_bytes(), ChannelBinding::unsupported());
        loop {
            let (kind, body) = raw.next().await.expect("an answer to the login");
            match (kind, body.get(..4)) {
                (b'R', Some([0, 0, 0, 10])) => {
                    let mut hello = zero("SCRAM-SHA-256");
                    hello.put_i32(i32::try_from(scram.message().len()).expect("short"));
                    hello.extend_from_slice(scram.message());
                    raw.send(&message(b'p', &hello)).await;
                }
                (b'R', Some([0, 0, 0, 11])) => {
                    scram.update(&body[4..]).expect("a sound answer");
                    let answer = scram.message().to_vec();
                    raw.send(&message(b'p', &answer)).await;
                }
                (b'K', _) => raw.cancel_key = body,
                (b'E', _) => panic!("login refused: {:?}", field(&body, b'M')),
                (b'Z', _) => return raw,
                _ => {}
            }
        }
    }

    /// The bare connection, with nothing left to read.
    pub fn into_stream(self) -> TcpStream {
        assert!(self.buffer.is_empty(), "bytes are left");
        self.stream
    }

    /// Sends bytes as they are. An error means that the peer is gone, which the next read shows.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// Closes the sending side.
    pub async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// The next message; `None` at the end of the connection.
    pub async fn next(&mut self) -> Option<Message> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("an answer in time")
    }

    /// The next message if it comes within this time.
    pub async fn next_within(&mut self, limit: Duration) -> Option<Message> {
        tokio::time::timeout(limit, self.read()).await.ok().flatten()
    }

    async fn read(&mut self) -> Option<Message> {
        loop {
            if let Some(head) = self.buffer.get(..5) {
                let size =
                    usize::try_from(i32::from_be_bytes([head[1], head[2], head[3], head[4]])).expect("a length") + 1;
                if self.buffer.len() >= size {
                    let message = self.buffer.split_to(size);
                    return Some((message[0], message[5..].to_vec()));
                }
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Everything up to and with ReadyForQuery, or up to the end of the connection.
    pub async fn until_ready(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.next().await {
            let ready = message.0 == b'Z';
            messages.push(message);
            if ready {
                break;
            }
        }
        messages
    }

    /// Everything up to the end of the connection.
    pub async fn until_end(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.next().await {
            messages.push(message);
        }
        messages
    }

    /// Sends a simple Query and reads its whole answer.
    pub async fn query(&mut self, sql: &str) -> Vec<Message> {
        self.send(&query(sql)).await;
        self.until_ready().await
    }
}
