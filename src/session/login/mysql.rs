//! One MySQL client from accept to "both sides are ready": greeting, TLS, proof, database, upstream session, OK.
//!
//! The greeting tells the version of a server that nobody has chosen yet: it is the first MySQL database's.

pub mod change_user;
mod opening;
mod proof;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use crate::config::Protocol;
use crate::identity::agent::Agent;
use crate::identity::ids::SessionId;
use crate::mysql::frame::WireError;
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::handshake::version::ServerVersion;
use crate::mysql::handshake::{Nonce, Response};
use crate::mysql::packets::ok::{OK, OkPacket, Status};
use crate::mysql::refusal::OwnError;
use crate::session::cancel::{Behind, NumberRegistration, Target};
use crate::session::login::admission::{self, Denied, client_place, shown, upstream_place};
use crate::session::login::mysql::opening::{Opened, open};
use crate::session::login::{Arrival, LoginEnd, Places};
use crate::session::shared::{Database, Settings, Shared};
use crate::session::stream::channel::ReadError;
use crate::session::stream::packets::{PacketError, Packets};
use crate::session::stream::{ClientStream, UpstreamStream};
use crate::session::upstream::UpstreamError;
use crate::session::upstream::mysql::{MysqlSession, Wanted, confirmed, connect};

/// A session that is ready for its first command on both sides; the client has been told so.
#[derive(Debug)]
pub struct MysqlEstablished {
    /// Its number.
    pub session: SessionId,
    /// Towards the agent.
    pub client: ClientStream,
    /// Bytes the client sent behind its proof: pipelined commands.
    pub leftovers: BytesMut,
    /// Towards the real database.
    pub upstream: UpstreamStream,
    /// Bytes the upstream sent behind its OK.
    pub upstream_leftovers: BytesMut,
    /// Who it is (proved).
    pub agent: Agent,
    /// Key under `databases:`.
    pub database: String,
    /// The database's settings, as they were at login.
    pub database_settings: Arc<Database>,
    /// What is in force with the client.
    pub client_capabilities: Capabilities,
    /// What is in force with the upstream.
    pub upstream_capabilities: Capabilities,
    /// The collation that the client asked for, its lower byte.
    pub client_collation: u8,
    /// The upstream session's collation: one of `utf8mb4`.
    pub collation: u8,
    /// The current database of the upstream session, as the upstream calls it.
    pub schema: String,
    /// All connection attributes (claimed).
    pub attributes: Vec<(String, String)>,
    /// Attributes `holdpoint_*`, without that prefix (claimed).
    pub claims: Vec<(String, String)>,
    /// What the client calls itself (claimed).
    pub application_name: Option<String>,
    /// The upstream's version. The client was told the listener's, which may be another database's.
    pub version: ServerVersion,
    /// The upstream's number of this session.
    pub thread_id: u32,
    /// Status flags of the upstream session.
    pub status: Status,
    /// The challenge that the client was greeted with; COM_CHANGE_USER answers it again.
    pub nonce: Nonce,
    /// TLS version towards the client, if any.
    pub tls: Option<String>,
    /// The client's address.
    pub peer: SocketAddr,
    /// The connection's number as the client knows it; `KILL` works until dropped.
    pub cancel: NumberRegistration,
    /// Its places in the limits; freed when dropped.
    pub places: Places,
}

/// How a step of the login ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    Left,
    /// Tell the client, record why.
    Refuse {
        error: Box<OwnError>,
        why: String,
    },
    /// Nobody there to be told, or not in a way it would understand.
    Silent {
        why: String,
    },
}

impl Stop {
    pub(crate) fn refuse(error: OwnError) -> Self {
        let why = error.message.clone();
        Self::Refuse { error: Box::new(error), why }
    }
}

impl From<WireError> for Stop {
    fn from(error: WireError) -> Self {
        Self::refuse(OwnError::handshake(format!("Bad handshake: {error}")))
    }
}

impl From<PacketError> for Stop {
    fn from(error: PacketError) -> Self {
        match error {
            PacketError::Read(ReadError::Closed | ReadError::Io(_)) => Self::Left,
            PacketError::Read(error) => Self::Silent { why: error.to_string() },
            PacketError::Wire(error) => error.into(),
        }
    }
}

impl From<std::io::Error> for Stop {
    fn from(_: std::io::Error) -> Self {
        Self::Left
    }
}

impl From<Denied> for Stop {
    fn from(denied: Denied) -> Self {
        Self::refuse(denied_error(&denied))
    }
}

/// A decision in MySQL's numbers.
pub(crate) fn denied_error(denied: &Denied) -> OwnError {
    let (code, sqlstate) = match denied {
        Denied::Disabled { .. } => (3118, "HY000"),
        Denied::Missing { .. } | Denied::Elsewhere { .. } => (1049, "42000"),
        Denied::Forbidden { .. } => (1044, "42000"),
        Denied::Unnamed { .. } => (1046, "3D000"),
        Denied::Crowded => (1040, "08004"),
    };
    OwnError::new(code, sqlstate, denied.to_string())
}

/// Who was let in, before there is an upstream session.
struct Admitted {
    agent: Agent,
    database: Arc<Database>,
    place: OwnedSemaphorePermit,
}

/// Takes a fresh connection to the point where both sides are ready. Bounded in time by twice `login_timeout`, one for the
/// client and one for the upstream, and in memory by a few hundred KiB. Cancel safe: dropping it closes everything.
///
/// # Errors
/// Every way of not getting there; the client has been told by then.
pub async fn establish(arrival: Arrival, shared: &Arc<Shared>) -> Result<MysqlEstablished, LoginEnd> {
    let Arrival { stream, peer, place: half_open } = arrival;
    let settings = shared.settings();
    let deadline = Instant::now() + settings.config.limits.login_timeout;
    let too_slow = |user| LoginEnd::Refused { user, why: "login timed out".to_owned() };
    let opened = timeout_at(deadline, open(stream, &settings, shared)).await.map_err(|_| too_slow(None))?;
    let mut opened = opened.map_err(|stop| ended(None, stop))?;
    let user = Some(shown(&opened.response.user));
    let admitted = timeout_at(deadline, admit(&mut opened, &settings, shared, peer)).await;
    let admitted = match admitted {
        Err(_) => return Err(too_slow(user)),
        Ok(Err(stop)) => return Err(part(opened.packets, user, stop).await),
        Ok(Ok(admitted)) => admitted,
    };
    drop(half_open);
    match reach(&admitted.database, &opened, &settings).await {
        Err(error) => {
            let Admitted { agent, database, .. } = &admitted;
            tracing::warn!(database = %database.name, agent = %agent.name, %error, "no upstream session");
            let why = format!("database `{}`: {error}", database.name);
            let error = Box::new(error.own_error(&database.name));
            Err(part(opened.packets, user, Stop::Refuse { error, why }).await)
        }
        Ok((upstream, upstream_place)) => {
            let ok = OkPacket { status: upstream.status, ..OkPacket::default() };
            let capabilities = opened.capabilities;
            let limit = settings.config.limits.login_timeout;
            let welcome = opened.packets.send(|out| ok.encode(out, OK, capabilities));
            if !matches!(timeout(limit, welcome).await, Ok(Ok(()))) {
                return Err(LoginEnd::Left);
            }
            Ok(assemble(opened, admitted, (upstream, upstream_place), peer, shared))
        }
    }
}

async fn admit(
    opened: &mut Opened,
    settings: &Settings,
    shared: &Arc<Shared>,
    peer: SocketAddr,
) -> Result<Admitted, Stop> {
    let agent = proof::prove(opened, shared, peer).await?;
    admission::enabled(&agent)?;
    let database = match &opened.response.database {
        Some(name) => admission::database(settings, &agent, name, Protocol::Mysql)?,
        None => admission::only_database(settings, &agent, Protocol::Mysql)?,
    };
    Ok(Admitted { agent, database, place: client_place(shared)? })
}

/// Waits for a place at the database, then logs in there, both within `login_timeout`.
async fn reach(
    database: &Arc<Database>,
    opened: &Opened,
    settings: &Settings,
) -> Result<(MysqlSession, OwnedSemaphorePermit), UpstreamError> {
    let deadline = Instant::now() + settings.config.limits.login_timeout;
    let place = upstream_place(database, deadline).await?;
    let program = attribute(&opened.response, "program_name").unwrap_or("holdpoint");
    let collation = opened.response.hello.collation;
    let wanted = Wanted { client: opened.capabilities, collation, program, at: None };
    let session = timeout_at(deadline, async {
        let session = connect(database, wanted).await?;
        confirmed(database, &session).await?;
        Ok::<_, UpstreamError>(session)
    });
    Ok((session.await.map_err(|_| UpstreamError::TimedOut)??, place))
}

fn attribute<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let found = response.attributes.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// What a client claims by its attributes: `holdpoint_reason` is the claim `reason`.
pub fn claims(attributes: &[(String, String)]) -> Vec<(String, String)> {
    let claim = |(name, value): &(String, String)| {
        let name = name.to_ascii_lowercase();
        let claim = name.strip_prefix("holdpoint_").or_else(|| name.strip_prefix("holdpoint."))?;
        (!claim.is_empty()).then(|| (claim.to_owned(), value.clone()))
    };
    attributes.iter().filter_map(claim).collect()
}

fn assemble(
    opened: Opened,
    admitted: Admitted,
    (upstream, upstream_place): (MysqlSession, OwnedSemaphorePermit),
    peer: SocketAddr,
    shared: &Arc<Shared>,
) -> MysqlEstablished {
    let Admitted { agent, database, place } = admitted;
    let session = Behind::Mysql(upstream.thread_id);
    let target = Target { database: database.clone(), address: upstream.address, session };
    let cancel = shared.cancel.register_number(opened.number, agent.name.clone(), target);
    let application_name = attribute(&opened.response, "program_name").map(str::to_owned);
    let (client, leftovers) = opened.packets.into_parts();
    MysqlEstablished {
        session: shared.next_session(),
        client,
        leftovers,
        upstream: upstream.stream,
        upstream_leftovers: upstream.leftovers,
        agent,
        database: database.name.clone(),
        schema: database.upstream.database.clone(),
        database_settings: database,
        client_capabilities: opened.capabilities,
        upstream_capabilities: upstream.capabilities,
        client_collation: opened.response.hello.collation,
        collation: upstream.collation,
        claims: claims(&opened.response.attributes),
        attributes: opened.response.attributes,
        application_name,
        version: upstream.version,
        thread_id: upstream.thread_id,
        status: upstream.status,
        nonce: opened.nonce,
        tls: opened.tls,
        peer,
        cancel,
        places: Places { _client: place, _upstream: upstream_place },
    }
}

/// Tells the client why, if there is anything to tell, and closes.
async fn part(packets: Packets<ClientStream>, user: Option<String>, stop: Stop) -> LoginEnd {
    if let Stop::Refuse { error, .. } = &stop {
        packets.farewell(error).await;
    }
    ended(user, stop)
}

fn ended(user: Option<String>, stop: Stop) -> LoginEnd {
    match stop {
        Stop::Left => LoginEnd::Left,
        Stop::Refuse { why, .. } | Stop::Silent { why } => LoginEnd::Refused { user, why },
    }
}
