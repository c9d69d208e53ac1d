//! The accept loop: limits on connections that have not logged in, one task per connection, an orderly end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::audit::event::Event;
use crate::mysql::refusal::OwnError;
use crate::pg::messages::report::{Report, Severity};
use crate::session::login::mysql::{self, MysqlEstablished};
use crate::session::login::{Arrival, Established, LoginEnd, establish};
use crate::session::shared::Shared;

/// Pause after the system refused to accept, typically for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Refusals for want of room are reported at most this often, with their number.
const CROWD_REPORT_EVERY: Duration = Duration::from_secs(1);

/// Serves a listener until `shutdown`, then waits for sessions for at most `drain_timeout` and ends what is left.
///
/// Connections that have not logged in are dropped at shutdown; those that have are in the hands of `on_established`, which
/// should watch the same token. A failed accept is logged and tried again: nothing a peer does ends the loop.
pub async fn run<F, Fut>(listener: TcpListener, shared: Arc<Shared>, shutdown: CancellationToken, on_established: F)
where
    F: Fn(Established) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let enter = move |arrival, shared: Arc<Shared>| {
        let on_established = on_established.clone();
        let session = async move {
            let established = establish(arrival, &shared).await?;
            Ok(on_established(established).boxed())
        };
        session.boxed()
    };
    serve_all(listener, shared, shutdown, Door { enter: Arc::new(enter), crowded: postgres_crowded }).await;
}

/// The same for MySQL clients.
pub async fn run_mysql<F, Fut>(
    listener: TcpListener,
    shared: Arc<Shared>,
    shutdown: CancellationToken,
    on_established: F,
) where
    F: Fn(MysqlEstablished) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let enter = move |arrival, shared: Arc<Shared>| {
        let on_established = on_established.clone();
        let session = async move {
            let established = mysql::establish(arrival, &shared).await?;
            Ok(on_established(established).boxed())
        };
        session.boxed()
    };
    serve_all(listener, shared, shutdown, Door { enter: Arc::new(enter), crowded: mysql_crowded }).await;
}

const CROWDED: &str =
    "too many connections are logging in: Holdpoint's `limits.half_open_max` is reached; try again later";

fn postgres_crowded() -> BytesMut {
    let mut out = BytesMut::new();
    Report::new(Severity::Fatal, "53300", CROWDED).encode(&mut out);
    out
}

fn mysql_crowded() -> BytesMut {
    let mut out = BytesMut::new();
    OwnError::new(1040, "08004", CROWDED).put_early(&mut out);
    out
}

/// A login, and in it the session that it leads to. Boxed one by one, so that an idle session does not keep the room that its
/// login needed.
type Login = BoxFuture<'static, Result<BoxFuture<'static, ()>, LoginEnd>>;

/// What differs between the protocols: how somebody comes in, and what a crowd is told.
#[derive(Clone)]
struct Door {
    enter: Arc<dyn Fn(Arrival, Arc<Shared>) -> Login + Send + Sync>,
    crowded: fn() -> BytesMut,
}

async fn serve_all(listener: TcpListener, shared: Arc<Shared>, shutdown: CancellationToken, door: Door) {
    let mut tasks = JoinSet::new();
    let mut crowd = Crowd { refused: 0, last: None, report_at: Instant::now() };
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Some(ended) = tasks.join_next(), if !tasks.is_empty() => note_panic(ended),
            accepted = listener.accept() => match accepted {
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
                Ok((stream, peer)) => {
                    match shared.half_open.clone().try_acquire_owned() {
                        Err(_) => crowd.turn_away(&stream, peer, &(door.crowded)()),
                        Ok(place) => {
                            let arrival = Arrival { stream, peer, place: Some(place) };
                            tasks.spawn(serve(arrival, shared.clone(), shutdown.clone(), door.clone()));
                        }
                    }
                    crowd.report(&shared, Instant::now());
                }
            },
        }
    }
    drop(listener);
    crowd.report(&shared, crowd.report_at);
    let drain = shared.settings().config.limits.drain_timeout;
    let ended = async {
        while let Some(ended) = tasks.join_next().await {
            note_panic(ended);
        }
    };
    if tokio::time::timeout(drain, ended).await.is_err() {
        tracing::warn!("sessions were still open at the end of drain_timeout");
    }
    tasks.shutdown().await;
}

async fn serve(arrival: Arrival, shared: Arc<Shared>, shutdown: CancellationToken, door: Door) {
    let peer = arrival.peer;
    if let Err(error) = arrival.stream.set_nodelay(true).and_then(|()| keep_alive(&arrival.stream)) {
        tracing::debug!(%peer, %error, "connection was gone at once");
        return;
    }
    let result = tokio::select! {
        biased;
        () = shutdown.cancelled() => return,
        result = (door.enter)(arrival, shared.clone()) => result,
    };
    match result {
        Ok(session) => session.await,
        Err(LoginEnd::Left | LoginEnd::Cancelled) => {}
        Err(LoginEnd::Refused { user, why }) => {
            tracing::info!(%peer, user, why, "connection refused");
            shared.refusals.refused(Event::SessionRefused { client_addr: peer.to_string(), user, why });
        }
    }
}

/// TCP keep-alive that finds a dead peer within 90 s and keeps idle connections alive through load balancers: first probe
/// after 60 s, then every 10 s, three times.
///
/// # Errors
/// The system's.
pub fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    let probes = TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(10));
    SockRef::from(stream).set_tcp_keepalive(&probes.with_retries(3))
}

/// A session that panicked took nobody with it, but it must not go unnoticed.
fn note_panic(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a session panicked");
    }
}

/// Connections turned away for want of room, counted so that a flood does not become a flood of audit records.
struct Crowd {
    refused: u64,
    last: Option<SocketAddr>,
    report_at: Instant,
}

impl Crowd {
    /// Says why and closes, without waiting for anything: at this point waiting is what the flood wants.
    fn turn_away(&mut self, stream: &TcpStream, peer: SocketAddr, words: &[u8]) {
        // Reading what is there already lets the close be an ordinary one, so that the text arrives.
        // FAIL CLOSED: the connection ends here, whether or not the peer gets to read why.
        let _ = (stream.try_read(&mut [0_u8; 1024]), stream.try_write(words));
        self.refused = self.refused.saturating_add(1);
        self.last = Some(peer);
    }

    /// Records how many were turned away since the last record, if any, at most once in a while.
    fn report(&mut self, shared: &Shared, now: Instant) {
        let Some(peer) = self.last.filter(|_| now >= self.report_at) else {
            return;
        };
        let why = format!("{} connections turned away: limits.half_open_max is reached", self.refused);
        tracing::warn!(%peer, why);
        shared.refusals.refused(Event::SessionRefused { client_addr: peer.to_string(), user: None, why });
        *self = Self { refused: 0, last: None, report_at: now + CROWD_REPORT_EVERY };
    }
}
