//! A server that does what it is told to, step by step, on every connection.

use std::sync::Arc;

use bytes::BytesMut;
use holdpoint::mysql::compose::{self, TextResult};
use holdpoint::mysql::frame::{Sequence, cut, put, take};
use holdpoint::mysql::handshake::Greeting;
use holdpoint::mysql::handshake::auth::NATIVE;
use holdpoint::mysql::handshake::capabilities::Capabilities;
use holdpoint::mysql::packets::ok::{OkPacket, Status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a scripted server does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends a payload as a packet whose turn it is.
    Packet(Vec<u8>),
    /// Sends bytes as they are.
    Bytes(Vec<u8>),
    /// Reads a packet.
    Read,
    /// Sends this packet without end, until the peer leaves.
    Endless(Vec<u8>),
    /// Says nothing more and waits for the peer to leave.
    Silence,
    /// Says OK and from then on answers `SELECT VERSION()` with this, and everything else with OK.
    Serve(&'static str),
}

/// What it agrees to: no TLS, no compression.
pub const OFFERED: Capabilities = Capabilities(0x01bf_f7df);

/// A greeting that says this version and offers this.
pub fn greeting(version: &str, capabilities: Capabilities) -> Vec<u8> {
    let greeting = Greeting {
        version: version.to_owned(),
        thread_id: 7,
        nonce: [b'n'; 20],
        capabilities,
        collation: 45,
        status: Status::AUTOCOMMIT,
        plugin: NATIVE.to_owned(),
    };
    let mut out = BytesMut::new();
    greeting.encode(&mut out);
    out.to_vec()
}

/// Starts one; every connection gets the same steps. Gives its port.
pub async fn scripted(steps: Vec<Step>) -> u16 {
    changing(move |_| steps.clone()).await
}

/// Starts one whose steps depend on the number of the connection, counted from 0.
pub async fn changing(steps: impl Fn(usize) -> Vec<Step> + Send + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut count = 0;
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(play(stream, Arc::from(steps(count))));
            count += 1;
        }
    });
    port
}

struct Peer {
    stream: TcpStream,
    buffer: BytesMut,
    turn: Sequence,
}

impl Peer {
    async fn read(&mut self) -> Option<BytesMut> {
        loop {
            if let Some(head) = cut(&self.buffer, 1 << 24).ok()? {
                self.turn = Sequence(head.next_sequence());
                return Some(take(&mut self.buffer, &head));
            }
            if self.stream.read_buf(&mut self.buffer).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    async fn packet(&mut self, payload: &[u8]) -> Option<()> {
        let mut out = BytesMut::new();
        put(&mut out, &mut self.turn, payload);
        self.stream.write_all(&out).await.ok()
    }
}

async fn play(stream: TcpStream, steps: Arc<[Step]>) -> Option<()> {
    let mut peer = Peer { stream, buffer: BytesMut::new(), turn: Sequence(0) };
    for step in steps.iter() {
        match step {
            Step::Packet(payload) => peer.packet(payload).await?,
            Step::Bytes(bytes) => peer.stream.write_all(bytes).await.ok()?,
            Step::Read => drop(peer.read().await?),
            Step::Endless(payload) => loop {
                peer.packet(payload).await?;
            },
            Step::Silence => while peer.read().await.is_some() {},
            Step::Serve(version) => serve(&mut peer, version).await?,
        }
    }
    Some(())
}

async fn serve(peer: &mut Peer, version: &str) -> Option<()> {
    // What is agreed: what a proxy asks for of what is offered.
    let capabilities = Capabilities::SESSION_TRACK.with(Capabilities::DEPRECATE_EOF);
    loop {
        let mut out = BytesMut::new();
        compose::ok(&mut out, &mut peer.turn, &OkPacket::default(), capabilities);
        peer.stream.write_all(&out).await.ok()?;
        while peer.read().await?.ends_with(b"SELECT VERSION()") {
            let rows = [vec![Some(version.to_owned())]];
            let mut out = BytesMut::new();
            let result = TextResult { columns: &["VERSION()"], rows: &rows, status: Status::AUTOCOMMIT };
            result.put(&mut out, &mut peer.turn, capabilities);
            peer.stream.write_all(&out).await.ok()?;
        }
    }
}
