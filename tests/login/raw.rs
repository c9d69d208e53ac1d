//! A client that sends whatever bytes it is told to, and speaks just enough to log in.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use holdpoint::pg::frame::cut;
use holdpoint::pg::messages::authentication::{Authentication, SaslInitial, put_sasl_response};
use holdpoint::pg::messages::report::Fields;
use holdpoint::pg::messages::{put_text, untyped};
use holdpoint::pg::scram::client::{Binding, Client, Keys};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::harness::{Proxy, SECRET};

pub const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
pub const GSS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

const PATIENCE: Duration = Duration::from_secs(15);

/// A connection with what was read and not used yet.
pub struct Raw {
    stream: TcpStream,
    buffer: BytesMut,
}

/// A StartupMessage for protocol 3.`minor`.
pub fn startup(minor: u16, parameters: &[(&str, &str)]) -> BytesMut {
    let mut out = BytesMut::new();
    untyped(&mut out, |body| {
        body.put_u16(3);
        body.put_u16(minor);
        for (name, value) in parameters {
            put_text(body, name);
            put_text(body, value);
        }
        body.put_u8(0);
    });
    out
}

impl Raw {
    pub async fn connect(proxy: &Proxy) -> Self {
        Self { stream: TcpStream::connect(proxy.addr).await.unwrap(), buffer: BytesMut::new() }
    }

    /// Connects and sends.
    pub async fn with(proxy: &Proxy, bytes: &[u8]) -> Self {
        let mut raw = Self::connect(proxy).await;
        raw.send(bytes).await;
        raw
    }

    pub async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub async fn shut_down(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Everything up to the end of the connection.
    pub async fn until_end(mut self) -> Vec<u8> {
        let read = async { while self.stream.read_buf(&mut self.buffer).await.is_ok_and(|count| count > 0) {} };
        timeout(PATIENCE, read).await.expect("the proxy did not close");
        self.buffer.to_vec()
    }

    pub async fn byte(&mut self) -> u8 {
        while self.buffer.is_empty() {
            self.fill().await;
        }
        self.buffer.split_to(1)[0]
    }

    /// The next message: type byte and body.
    pub async fn message(&mut self) -> (u8, BytesMut) {
        loop {
            if let Some(head) = cut(&self.buffer, 1 << 20).unwrap() {
                let body = self.buffer.split_to(head.len).split_off(5);
                return (head.kind, body);
            }
            self.fill().await;
        }
    }

    /// The SQLSTATE and text of the error that must come, after which the connection must end.
    pub async fn refusal(self) -> (String, String) {
        let bytes = self.until_end().await;
        let start = bytes.iter().position(|byte| *byte == b'E').unwrap_or_else(|| panic!("no error in {bytes:?}"));
        let head = cut(&bytes[start..], 1 << 20).unwrap().expect("whole error");
        assert_eq!(start + head.len, bytes.len(), "nothing follows a fatal error");
        let fields = Fields::decode(&bytes[start + 5..]).unwrap();
        (fields.code().to_owned(), String::from_utf8(fields.get(b'M').unwrap().to_vec()).unwrap())
    }

    /// Proves itself as an agent with [`SECRET`]; sends `behind` in the same breath as the proof.
    pub async fn prove(&mut self, behind: &[u8]) {
        let (kind, body) = self.message().await;
        assert_eq!(kind, b'R');
        assert_eq!(Authentication::decode(&body), Ok(Authentication::Sasl(vec!["SCRAM-SHA-256"])));
        let client = Client::new(Binding::Unable, &[1; 18]);
        let mut out = BytesMut::new();
        SaslInitial { mechanism: client.mechanism(), data: client.first_message().as_bytes() }.encode(&mut out);
        self.send(&out).await;
        let (_, body) = self.message().await;
        let Ok(Authentication::SaslContinue(first)) = Authentication::decode(&body) else { panic!("{body:?}") };
        let challenge = client.challenge(first).unwrap();
        let keys = Keys::derive(SECRET, &challenge.salt, challenge.iterations);
        let (proof, answered) = challenge.answer(&keys);
        out.clear();
        put_sasl_response(&mut out, proof.as_bytes());
        out.extend_from_slice(behind);
        self.send(&out).await;
        let (_, body) = self.message().await;
        let Ok(Authentication::SaslFinal(last)) = Authentication::decode(&body) else { panic!("{body:?}") };
        answered.verify(last).unwrap();
        let (_, body) = self.message().await;
        assert_eq!(Authentication::decode(&body), Ok(Authentication::Ok));
    }

    async fn fill(&mut self) {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await.expect("the proxy is silent");
        assert!(read.unwrap() > 0, "the proxy closed, with {:?} unread", self.buffer);
    }
}
