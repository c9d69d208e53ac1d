//! A client that says exactly what it is told to, packet by packet.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use holdpoint::identity::secret::Secret;
use holdpoint::mysql::frame::{Sequence, cut, put, take};
use holdpoint::mysql::handshake::auth::client::{Client, KeySource, Reply, Terms, Transport};
use holdpoint::mysql::handshake::capabilities::Capabilities;
use holdpoint::mysql::handshake::{Greeting, Hello, Response};
use holdpoint::mysql::packets::error::ErrPacket;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What our client chooses: everything usual but TLS.
pub const USUAL: Capabilities = Capabilities(0x00bf_8209);

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Raw {
    pub stream: TcpStream,
    buffer: BytesMut,
    pub turn: Sequence,
}

impl Raw {
    pub async fn connect(proxy: SocketAddr) -> Self {
        let stream = TcpStream::connect(proxy).await.unwrap();
        Self { stream, buffer: BytesMut::new(), turn: Sequence(0) }
    }

    /// Connects and reads the greeting.
    pub async fn greeted(proxy: SocketAddr) -> (Self, Greeting) {
        let mut raw = Self::connect(proxy).await;
        let greeting = raw.packet().await.expect("a greeting");
        let greeting = Greeting::decode(&greeting).unwrap();
        (raw, greeting)
    }

    /// The next packet's payload; `None`: the connection ended.
    pub async fn packet(&mut self) -> Option<BytesMut> {
        loop {
            if let Some(head) = cut(&self.buffer, 1 << 28).expect("the proxy sends packets") {
                self.turn.accept(&head).expect("the proxy counts");
                return Some(take(&mut self.buffer, &head));
            }
            let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
            if read.expect("an answer in time").unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    pub async fn send(&mut self, payload: &[u8]) {
        let mut out = BytesMut::new();
        put(&mut out, &mut self.turn, payload);
        self.bytes(&out).await;
    }

    /// Bytes as they are. A peer that has closed already is a finding elsewhere.
    pub async fn bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// A command, which begins a new exchange.
    pub async fn command(&mut self, payload: &[u8]) {
        self.turn = Sequence(0);
        self.send(payload).await;
    }

    /// Number and text of the error that comes next, and then the end.
    pub async fn refusal(mut self) -> (u16, String) {
        let payload = self.packet().await.expect("an error, not the end");
        let found = error(&payload);
        assert!(self.packet().await.is_none(), "something follows {found:?}");
        found
    }

    /// Reads until the connection ends.
    pub async fn until_end(mut self) -> Vec<u8> {
        let mut rest = self.buffer.to_vec();
        let read = tokio::time::timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        let _reset_or_closed = read.expect("an end in time");
        rest
    }
}

pub fn error(payload: &[u8]) -> (u16, String) {
    let error = ErrPacket::decode(payload).unwrap_or_else(|_| panic!("no error: {payload:?}"));
    (error.code, String::from_utf8(error.message.to_vec()).unwrap())
}

/// Who a raw client says it is, and how it proves it.
#[derive(Clone)]
pub struct Login {
    pub user: &'static str,
    pub secret: String,
    pub database: Option<&'static str>,
    pub plugin: Option<&'static str>,
    pub capabilities: Capabilities,
    pub collation: u8,
    pub key: KeySource,
    pub attributes: Vec<(String, String)>,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            user: "bot",
            secret: "agent-secret".to_owned(),
            database: Some("sample"),
            plugin: None,
            capabilities: USUAL,
            collation: 45,
            key: KeySource::Never,
            attributes: vec![],
        }
    }
}

impl Login {
    fn client(&self, greeting: &Greeting) -> Client {
        let password = Some(Secret::new(self.secret.clone()));
        Client::new(Terms { password, transport: Transport::Open, clear: false, key: self.key.clone() }, greeting.nonce)
    }

    /// The response, made with the greeting's plugin or with another.
    pub fn response(&self, greeting: &Greeting) -> (Client, Response) {
        let mut client = self.client(greeting);
        let (plugin, proof) = client.first(self.plugin.unwrap_or(&greeting.plugin)).unwrap();
        let response = Response {
            hello: Hello { capabilities: self.capabilities, packet_max: 1 << 24, collation: self.collation },
            user: self.user.to_owned(),
            proof,
            database: self.database.map(str::to_owned),
            plugin: Some(plugin.to_owned()),
            attributes: self.attributes.clone(),
        };
        (client, response)
    }

    /// Logs in: the connection and the plugins that the proxy went on with, or the error.
    pub async fn run(&self, proxy: SocketAddr) -> Result<(Raw, Vec<u8>), (u16, String)> {
        let (mut raw, greeting) = Raw::greeted(proxy).await;
        let (mut client, response) = self.response(&greeting);
        let mut out = BytesMut::new();
        response.encode(&mut out);
        raw.send(&out).await;
        let mut steps = Vec::new();
        loop {
            let payload = raw.packet().await.expect("an answer to the proof");
            steps.push(payload[0]);
            match client.answer(&payload).unwrap() {
                Reply::Send(answer) => raw.send(&answer).await,
                Reply::Wait => {}
                Reply::Accepted => return Ok((raw, steps)),
                Reply::Rejected => return Err(error(&payload)),
            }
        }
    }
}
