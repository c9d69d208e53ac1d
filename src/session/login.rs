//! One client from its first byte to "both sides are ready": opening, proof, database, upstream session, welcome.

pub mod accept;
mod admission;
pub mod mysql;
mod opening;
mod proof;
mod welcome;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use crate::identity::agent::Agent;
use crate::identity::ids::SessionId;
use crate::pg::frame::WireError;
use crate::pg::messages::backend::CancelKey;
use crate::pg::messages::report::{Report, Severity};
use crate::pg::startup::Request;
use crate::session::cancel::{Behind, Registration, Target};
use crate::session::login::admission::{Denied, client_place, shown, upstream_place};
use crate::session::login::opening::{Opened, open};
use crate::session::shared::{Database, Settings, Shared};
use crate::session::stream::channel::{Channel, ReadError};
use crate::session::stream::{ClientStream, UpstreamStream};
use crate::session::upstream::{UpstreamError, UpstreamSession, connect};

/// A session that is ready for its first statement on both sides; the client has been told so.
#[derive(Debug)]
pub struct Established {
    /// Its number.
    pub session: SessionId,
    /// Towards the agent.
    pub client: ClientStream,
    /// Bytes the client sent behind its proof: pipelined statements.
    pub leftovers: BytesMut,
    /// Towards the real database.
    pub upstream: UpstreamStream,
    /// Bytes the upstream sent behind ReadyForQuery: notices and the like.
    pub upstream_leftovers: BytesMut,
    /// Who it is (proved).
    pub agent: Agent,
    /// Key under `databases:`.
    pub database: String,
    /// The database's settings, as they were at login.
    pub database_settings: Arc<Database>,
    /// Settings the client chose that were passed on, names in lower case, in order.
    pub client_parameters: Vec<(String, String)>,
    /// `holdpoint.*` settings, without that prefix (claimed).
    pub claims: Vec<(String, String)>,
    /// What the client calls itself (claimed).
    pub application_name: Option<String>,
    /// What the upstream reported. `session_authorization` is the upstream role: the client was told the agent's name instead.
    pub upstream_parameters: Vec<(String, String)>,
    /// The upstream's cancel key.
    pub upstream_key: Option<CancelKey>,
    /// Protocol 3.`minor`.
    pub minor: u16,
    /// TLS version towards the client, if any.
    pub tls: Option<String>,
    /// The client's address.
    pub peer: SocketAddr,
    /// The client's cancel key; works until dropped.
    pub cancel: Registration,
    /// Its places in the limits; freed when dropped.
    pub places: Places,
}

/// A connection that was just accepted.
#[derive(Debug)]
pub struct Arrival {
    /// The connection.
    pub stream: TcpStream,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Its place among those who have not logged in; given back as soon as it is known who it is.
    pub place: Option<OwnedSemaphorePermit>,
}

/// What a session occupies until it ends.
#[derive(Debug)]
pub struct Places {
    _client: OwnedSemaphorePermit,
    _upstream: OwnedSemaphorePermit,
}

/// Why there is no session.
#[derive(Debug)]
pub enum LoginEnd {
    /// The client left by itself, or was only looking.
    Left,
    /// The connection carried a CancelRequest, which was dealt with.
    Cancelled,
    /// It was refused, or broke the protocol. The client has been told if it could be.
    Refused {
        /// The user name it gave, if it came so far.
        user: Option<String>,
        /// Why, for the audit.
        why: String,
    },
}

/// How a step of the login ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    Left,
    Cancelled,
    /// Tell the client, record why.
    Refuse {
        report: Box<Report>,
        why: String,
    },
    /// Nobody there to be told, or not in a way it would understand.
    Silent {
        why: String,
    },
}

impl Stop {
    pub(crate) fn refuse(code: &'static str, text: impl Into<String>) -> Self {
        let text = text.into();
        Self::Refuse { report: Box::new(Report::new(Severity::Fatal, code, text.clone())), why: text }
    }
}

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Self {
        let code = match denied {
            Denied::Disabled { .. } => "28000",
            Denied::Missing { .. } | Denied::Elsewhere { .. } | Denied::Unnamed { .. } => "3D000",
            Denied::Forbidden { .. } => "42501",
            Denied::Crowded => "53300",
        };
        Self::refuse(code, denied.to_string())
    }
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Self::refuse("08P01", format!("protocol violation: {error}"))
    }
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed | ReadError::Io(_) => Self::Left,
            ReadError::Wire(error) => error.into(),
            ReadError::Truncated(_) => Self::Silent { why: error.to_string() },
        }
    }
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Left
    }
}

/// Takes a fresh connection to the point where both sides are ready. Bounded in time by twice `login_timeout`, one for the
/// client and one for the upstream, and in memory by a few tens of KiB. Cancel safe: dropping it closes everything.
///
/// # Errors
/// Every way of not getting there; the client has been told by then.
pub async fn establish(arrival: Arrival, shared: &Arc<Shared>) -> Result<Established, LoginEnd> {
    let Arrival { stream, peer, place: half_open } = arrival;
    let settings = shared.settings();
    let deadline = Instant::now() + settings.config.limits.login_timeout;
    let too_slow = || LoginEnd::Refused { user: None, why: "login timed out".to_owned() };
    let opened = timeout_at(deadline, open(stream, &settings, shared)).await.map_err(|_| too_slow())?;
    let Opened { mut channel, startup, tls } = opened.map_err(|stop| ended(None, stop))?;
    let mut user = None;
    let admitted = timeout_at(deadline, async {
        let request = Request::check(startup).map_err(|error| Stop::refuse(error.code(), error.to_string()))?;
        user = Some(shown(&request.user));
        let admitted = proof::admit(&mut channel, request, &settings, shared, tls.is_some()).await?;
        Ok((admitted, client_place(shared)?))
    });
    let admitted = match admitted.await {
        Err(_) => return Err(LoginEnd::Refused { user, why: "login timed out".to_owned() }),
        Ok(Err(stop)) => return Err(part(channel, user, stop).await),
        Ok(Ok(admitted)) => admitted,
    };
    let (proof::Admitted { request, agent, database }, client_place) = admitted;
    drop(half_open);
    match reach(&database, &request, &settings).await {
        Err(error) => {
            tracing::warn!(database = %database.name, agent = %agent.name, %error, "no upstream session");
            let why = format!("database `{}`: {error}", database.name);
            let report = Box::new(error.report(&database.name));
            Err(part(channel, user, Stop::Refuse { report, why }).await)
        }
        Ok((upstream, upstream_place)) => {
            let places = Places { _client: client_place, _upstream: upstream_place };
            let session = Behind::Postgres(upstream.key.clone());
            let target = Target { database: database.clone(), address: upstream.address.clone(), session };
            let cancel = shared.cancel.register(request.minor, target);
            let welcomed = timeout(settings.config.limits.login_timeout, async {
                welcome::welcome(&mut channel, &agent, &upstream.parameters, cancel.key()).await
            });
            if !matches!(welcomed.await, Ok(Ok(()))) {
                return Err(LoginEnd::Left);
            }
            let session = shared.next_session();
            Ok(assemble(Parts { session, channel, upstream, agent, database, request, tls, peer, cancel, places }))
        }
    }
}

struct Parts {
    session: SessionId,
    channel: Channel<ClientStream>,
    upstream: UpstreamSession,
    agent: Agent,
    database: Arc<Database>,
    request: Request,
    tls: Option<String>,
    peer: SocketAddr,
    cancel: Registration,
    places: Places,
}

fn assemble(parts: Parts) -> Established {
    let (client, leftovers) = parts.channel.into_parts();
    Established {
        session: parts.session,
        client,
        leftovers,
        upstream: parts.upstream.stream,
        upstream_leftovers: parts.upstream.leftovers,
        agent: parts.agent,
        database: parts.database.name.clone(),
        database_settings: parts.database,
        client_parameters: parts.request.settings,
        claims: parts.request.claims,
        application_name: parts.request.application_name,
        upstream_parameters: parts.upstream.parameters,
        upstream_key: parts.upstream.key,
        minor: parts.request.minor,
        tls: parts.tls,
        peer: parts.peer,
        cancel: parts.cancel,
        places: parts.places,
    }
}

/// Waits for a place at the database, then logs in there, both within `login_timeout`.
async fn reach(
    database: &Arc<Database>,
    request: &Request,
    settings: &Settings,
) -> Result<(UpstreamSession, OwnedSemaphorePermit), UpstreamError> {
    let deadline = Instant::now() + settings.config.limits.login_timeout;
    let place = upstream_place(database, deadline).await?;
    let name = request.application_name.as_deref().unwrap_or("holdpoint");
    let session = timeout_at(deadline, connect(database, &request.settings, name)).await;
    Ok((session.map_err(|_| UpstreamError::TimedOut)??, place))
}

/// Tells the client why, if there is anything to tell, and closes.
async fn part(channel: Channel<ClientStream>, user: Option<String>, stop: Stop) -> LoginEnd {
    if let Stop::Refuse { report, .. } = &stop {
        channel.farewell(report).await;
    }
    ended(user, stop)
}

fn ended(user: Option<String>, stop: Stop) -> LoginEnd {
    match stop {
        Stop::Left => LoginEnd::Left,
        Stop::Cancelled => LoginEnd::Cancelled,
        Stop::Refuse { why, .. } | Stop::Silent { why } => LoginEnd::Refused { user, why },
    }
}
