//! A server that is real until a statement contains `'LIES'`: then it answers whatever it was told to.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::Postgres;

type Lie = Arc<dyn Fn() -> Bytes + Send + Sync>;

/// Starts one on a port of its own, in front of the shared server.
pub async fn liar(lie: impl Fn() -> Bytes + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let lie: Lie = Arc::new(lie);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(relay(client, lie.clone()));
        }
    });
    port
}

fn mentions(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|part| part == what)
}

async fn relay(client: TcpStream, lie: Lie) {
    let server = TcpStream::connect(("127.0.0.1", Postgres::shared().port)).await.expect("the real server");
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (lies, mut lied) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
    let forth = async move {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let count = from_client.read(&mut buffer).await.unwrap_or(0);
            let text = &buffer[..count];
            if count == 0 {
                return;
            }
            // Only the statement itself is answered with a lie; what the proxy asks about it is not.
            if text[0] == b'Q' && mentions(text, b"'LIES'") {
                let _ = lies.send(lie());
            } else if to_server.write_all(text).await.is_err() {
                return;
            }
        }
    };
    let back = async move {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            tokio::select! {
                read = from_server.read(&mut buffer) => {
                    let count = read.unwrap_or(0);
                    if count == 0 || to_client.write_all(&buffer[..count]).await.is_err() { return; }
                }
                Some(bytes) = lied.recv() => {
                    if to_client.write_all(&bytes).await.is_err() { return; }
                }
            }
        }
    };
    tokio::select! { () = forth => {}, () = back => {} }
}
