//! Cancelling: clients get keys and connection numbers of our own making, each standing for one session and the upstream
//! session behind it. PostgreSQL clients cancel by key, MySQL clients by `KILL` and a number.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::{BufMut, BytesMut};
use parking_lot::Mutex;
use rand::RngExt;
use subtle::ConstantTimeEq;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::identity::ids::AgentName;
use crate::pg::messages::backend::CancelKey;
use crate::pg::messages::untyped;
use crate::session::shared::Database;
use crate::session::stream::link::Link;
use crate::session::upstream::dial::{Address, dial};
use crate::session::upstream::mysql_client::Client;

/// How long a cancel request to an upstream may take.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an upstream may go on with a statement that nobody waits for any more before it is told to stop. Most are over
/// by then, and cost no second connection.
const GRACE: Duration = Duration::from_millis(100);

/// How long to wait before it is told again: the statement may not even have reached it the first time.
const AGAIN: Duration = Duration::from_secs(1);

/// How often it is told.
const TIMES: usize = 5;

const CANCEL_REQUEST: u32 = 80_877_102;

/// How an upstream session is named when it is to be cancelled.
#[derive(Clone, Debug)]
pub enum Behind {
    /// PostgreSQL: its key; `None` if it gave none.
    Postgres(Option<CancelKey>),
    /// MySQL: its connection's number.
    Mysql(u32),
}

/// The upstream session behind a client's key or number.
#[derive(Debug)]
pub struct Target {
    /// The database it belongs to, with its TLS settings.
    pub database: Arc<Database>,
    /// The server that was reached, so that the request goes to the same one.
    pub address: Address,
    /// The session there.
    pub session: Behind,
}

/// One session's end of cancelling.
#[derive(Debug)]
pub struct Handle {
    target: Target,
    asked: Notify,
    killed: CancellationToken,
}

impl Handle {
    /// Waits until the client asks to cancel. A request that came before is remembered, once. Cancel safe.
    pub async fn requested(&self) {
        self.asked.notified().await;
    }

    /// Waits until somebody asks to end the whole session (`KILL CONNECTION`). Cancel safe.
    pub async fn killed(&self) {
        self.killed.cancelled().await;
    }

    /// Forgets a request that came when there was nothing to cancel.
    pub fn forget(&self) {
        use futures_util::FutureExt;
        let _ = self.asked.notified().now_or_never();
    }
}

/// Tells the upstream to cancel what its session is doing, over a new connection made the same way. Returns once the server
/// has taken it. Not cancel safe: the request may or may not have been sent.
///
/// # Errors
/// No key, no connection, or no answer within 5 s.
pub async fn send_upstream(handle: &Handle) -> io::Result<()> {
    tell(handle, Kill::Query).await
}

/// Leaves an upstream that has not answered all it was sent, since the client is gone: what still runs there is stopped.
/// MySQL's way is to kill the connection, so that nothing behind the statement runs either; PostgreSQL knows cancelling only,
/// which is repeated until the server has closed.
///
/// Best effort: takes at most half a minute, and most often no time at all. Cancel safe in that only the stopping is lost.
pub async fn abandon<C, U>(handle: &Handle, link: &mut Link<C, U>)
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let _ = tokio::time::timeout(AGAIN, link.finish_upstream()).await;
    let mut patience = GRACE;
    for _ in 0..TIMES {
        if tokio::time::timeout(patience, link.upstream_ended()).await.is_ok() {
            return;
        }
        if let Err(error) = tell(handle, Kill::Connection).await {
            tracing::warn!(%error, "a statement that nobody waits for could not be stopped upstream");
            return;
        }
        patience = AGAIN;
    }
    tracing::warn!("the upstream may still be running a statement that nobody waits for");
}

async fn tell(handle: &Handle, what: Kill) -> io::Result<()> {
    let target = &handle.target;
    let request = async {
        match &target.session {
            Behind::Postgres(Some(key)) => cancel_request(target, key).await,
            Behind::Postgres(None) => Err(io::Error::other("the upstream gave no cancel key")),
            Behind::Mysql(number) => kill(target, what, *number).await,
        }
    };
    tokio::time::timeout(SEND_TIMEOUT, request).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// PostgreSQL's way: returns once the server has closed the connection, that is, after the signal was sent.
async fn cancel_request(target: &Target, key: &CancelKey) -> io::Result<()> {
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
}

/// MySQL's way: a session of our own says `KILL`. The same user may kill what it runs itself.
async fn kill(target: &Target, what: Kill, number: u32) -> io::Result<()> {
    let what = match what {
        Kill::Query => "QUERY",
        Kill::Connection => "CONNECTION",
    };
    let mut session =
        Client::open(&target.database, "holdpoint cancel", Some(&target.address)).await.map_err(io::Error::other)?;
    session.query(&format!("KILL {what} {number}")).await.map_err(io::Error::other)?;
    session.close().await;
    Ok(())
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

/// What `KILL` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kill {
    /// The whole session.
    Connection,
    /// What it is doing now.
    Query,
}

#[derive(Debug)]
struct Numbered {
    agent: AgentName,
    handle: Arc<Handle>,
}

/// All keys in use.
#[derive(Debug, Default)]
pub struct Registry {
    entries: Mutex<HashMap<i32, Entry>>,
    numbered: Mutex<HashMap<u32, Numbered>>,
    numbers: AtomicU32,
}

impl Registry {
    /// Makes a key for a session that speaks protocol 3.`minor`: 4 secret bytes, from 3.2 on 32.
    pub fn register(self: &Arc<Self>, minor: u16, target: Target) -> Registration {
        let mut secret = vec![0_u8; if minor >= 2 { 32 } else { 4 }];
        rand::rng().fill(secret.as_mut_slice());
        let handle = handle(target);
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

    /// A number for a MySQL connection that was just accepted: never 0, and no session's at this moment.
    pub fn next_number(&self) -> u32 {
        let numbered = self.numbered.lock();
        loop {
            let number = self.numbers.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            if number != 0 && !numbered.contains_key(&number) {
                return number;
            }
        }
    }

    /// Makes a MySQL session known by the number that its client was given.
    pub fn register_number(self: &Arc<Self>, number: u32, agent: AgentName, target: Target) -> NumberRegistration {
        let handle = handle(target);
        self.numbered.lock().insert(number, Numbered { agent, handle: handle.clone() });
        NumberRegistration { registry: self.clone(), number, handle }
    }

    /// A MySQL client asks to kill by number. Sessions of other agents are not there for it.
    pub fn ask_by_id(&self, number: u32, agent: &AgentName, kill: Kill) -> Asked {
        let numbered = self.numbered.lock();
        // Clients know the number of their greeting, and by CONNECTION_ID() the server's own.
        let upstream = |entry: &&Numbered| matches!(entry.handle.target.session, Behind::Mysql(own) if own == number);
        let own = |entry: &&Numbered| entry.agent == *agent;
        let found = numbered.get(&number).filter(own);
        let Some(entry) = found.or_else(|| numbered.values().filter(own).find(upstream)) else {
            return Asked::NobodyThere;
        };
        match kill {
            Kill::Query => entry.handle.asked.notify_one(),
            Kill::Connection => entry.handle.killed.cancel(),
        }
        Asked::Told
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

    /// How many sessions have a key or a number.
    pub fn len(&self) -> usize {
        self.entries.lock().len() + self.numbered.lock().len()
    }

    /// Whether no session has a key or a number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn handle(target: Target) -> Arc<Handle> {
    Arc::new(Handle { target, asked: Notify::new(), killed: CancellationToken::new() })
}

/// A MySQL session's number; dropped, the number names nobody.
#[derive(Debug)]
pub struct NumberRegistration {
    registry: Arc<Registry>,
    number: u32,
    handle: Arc<Handle>,
}

impl NumberRegistration {
    /// What the client was given.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The session's end.
    pub fn handle(&self) -> &Arc<Handle> {
        &self.handle
    }
}

impl Drop for NumberRegistration {
    fn drop(&mut self) {
        self.registry.numbered.lock().remove(&self.number);
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
