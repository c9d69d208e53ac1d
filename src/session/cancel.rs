//! Cancel keys: clients get keys of our own making, each standing for one session and the upstream session behind it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use parking_lot::Mutex;
use rand::RngExt;
use subtle::ConstantTimeEq;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::pg::messages::backend::CancelKey;
use crate::pg::messages::untyped;
use crate::session::shared::Database;
use crate::session::upstream::dial::{Address, dial};

/// How long a cancel request to an upstream may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

const CANCEL_REQUEST: u32 = 80_877_102;

/// The upstream session behind a client's key.
#[derive(Debug)]
pub struct Target {
    /// The database it belongs to, with its TLS settings.
    pub database: Arc<Database>,
    /// The server that was reached, so that the request goes to the same one.
    pub address: Address,
    /// The upstream's key; `None` if it gave none.
    pub key: Option<CancelKey>,
}

/// One session's end of cancelling.
#[derive(Debug)]
pub struct Handle {
    target: Target,
    asked: Notify,
}

impl Handle {
    /// Waits until the client asks to cancel. A request that came before is remembered, once. Cancel safe.
    pub async fn requested(&self) {
        self.asked.notified().await;
    }

    /// Forgets a request that came when there was nothing to cancel.
    pub fn forget(&self) {
        use futures_util::FutureExt;
        let _ = self.asked.notified().now_or_never();
    }
}

/// Tells the upstream to cancel what its session is doing, over a new connection made the same way. Returns once the server
/// has closed it, that is, after the signal was sent. Not cancel safe: the request may or may not have been sent.
///
/// # Errors
/// No key, no connection, or no answer within 5 s.
pub async fn send_upstream(handle: &Handle) -> io::Result<()> {
    let target = &handle.target;
    let key = target.key.as_ref().ok_or_else(|| io::Error::other("the upstream gave no cancel key"))?;
    let request = async {
        let reached = dial(&target.database, Some(&target.address)).await.map_err(io::Error::other)?;
        let (mut stream, _) = reached.channel.into_parts();
        let mut out = BytesMut::new();
        untyped(&mut out, |body| {
            body.put_u32(CANCEL_REQUEST);
            body.put_i32(key.process);
            body.put_slice(&key.secret);
        });
        stream.write_all(&out).await?;
        stream.flush().await?;
        // The server says nothing and closes; some close a TLS connection without saying so, which is no failure here.
        let _ = stream.read(&mut [0_u8; 64]).await;
        Ok(())
    };
    tokio::time::timeout(SEND_TIMEOUT, request).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// What became of a CancelRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The session was told.
    Told,
    /// No session has this number; it has probably ended.
    NobodyThere,
    /// The session exists and the secret is wrong.
    WrongSecret,
}

#[derive(Debug)]
struct Entry {
    secret: Vec<u8>,
    handle: Arc<Handle>,
}

/// All keys in use.
#[derive(Debug, Default)]
pub struct Registry {
    entries: Mutex<HashMap<i32, Entry>>,
}

impl Registry {
    /// Makes a key for a session that speaks protocol 3.`minor`: 4 secret bytes, from 3.2 on 32.
    pub fn register(self: &Arc<Self>, minor: u16, target: Target) -> Registration {
        let mut secret = vec![0_u8; if minor >= 2 { 32 } else { 4 }];
        rand::rng().fill(secret.as_mut_slice());
        let handle = Arc::new(Handle { target, asked: Notify::new() });
        let mut entries = self.entries.lock();
        let process = loop {
            let process = rand::rng().random_range(1..=i32::MAX);
            if !entries.contains_key(&process) {
                break process;
            }
        };
        entries.insert(process, Entry { secret: secret.clone(), handle: handle.clone() });
        drop(entries);
        Registration { registry: self.clone(), key: CancelKey { process, secret }, handle }
    }

    /// A client asks to cancel. Secrets are compared in constant time.
    pub fn ask(&self, key: &CancelKey) -> Asked {
        let entries = self.entries.lock();
        let Some(entry) = entries.get(&key.process) else {
            return Asked::NobodyThere;
        };
        if !bool::from(entry.secret.ct_eq(&key.secret)) {
            return Asked::WrongSecret;
        }
        entry.handle.asked.notify_one();
        Asked::Told
    }

    /// How many sessions have a key.
    pub fn len(&self) -> usize {
        self.entries.lock().len()
    }

    /// Whether no session has a key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A session's key; dropped, the key stops working.
#[derive(Debug)]
pub struct Registration {
    registry: Arc<Registry>,
    key: CancelKey,
    handle: Arc<Handle>,
}

impl Registration {
    /// What the client was given.
    pub fn key(&self) -> &CancelKey {
        &self.key
    }

    /// The session's end.
    pub fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.entries.lock().remove(&self.key.process);
    }
}
