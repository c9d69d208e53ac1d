//! From nothing to a logged-in session at a MySQL or MariaDB server: greeting, TLS, authentication.
//!
//! What a greeting says comes in the clear. Its version decides how text is read, so it is asked for again over the finished
//! connection whenever it is new ([`profile`]).

use std::sync::Arc;

use bytes::BytesMut;

use crate::config::SslMode;
use crate::mysql::handshake::auth::client::{Client as Proof, KeySource, Reply, Terms, Transport};
use crate::mysql::handshake::capabilities::{Capabilities, towards};
use crate::mysql::handshake::version::ServerVersion;
use crate::mysql::handshake::{Greeting, Hello, Response};
use crate::mysql::packets::error::ERR;
use crate::mysql::packets::ok::{OkPacket, Status};
use crate::session::shared::{Database, Profile};
use crate::session::stream::UpstreamStream;
use crate::session::stream::packets::Packets;
use crate::session::upstream::UpstreamError;
use crate::session::upstream::dial::{Address, Socket, shake, socket};
use crate::session::upstream::mysql_client::Client;

/// Largest packet a server may send before it says OK, in bytes.
const LOGIN_PACKET_MAX: usize = 64 * 1024;

/// Most packets a server may send before it says OK; the longest login takes five.
const LOGIN_PACKETS_MAX: usize = 16;

/// Largest packet we say we take; what is really taken is bounded elsewhere.
const PACKET_MAX: u32 = 1 << 30;

/// `utf8mb4_general_ci`, which every server knows.
pub const COLLATION: u8 = 45;

/// A session at the real database, ready for its first command.
#[derive(Debug)]
pub struct MysqlSession {
    /// The stream.
    pub stream: UpstreamStream,
    /// Bytes read beyond the server's OK.
    pub leftovers: BytesMut,
    /// The server's version.
    pub version: ServerVersion,
    /// What the server offers.
    pub offered: Capabilities,
    /// What is in force.
    pub capabilities: Capabilities,
    /// The server's number of this connection.
    pub thread_id: u32,
    /// Default collation of the server, the lower byte.
    pub server_collation: u8,
    /// Collation of this session.
    pub collation: u8,
    /// Status flags after login.
    pub status: Status,
    /// The server that was reached.
    pub address: Address,
}

/// What the session is for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What was agreed with the client, which decides some of what is asked of the server.
    pub client: Capabilities,
    /// The client's collation; counts if it is one of `utf8mb4`.
    pub collation: u8,
    /// What the server is told we are.
    pub program: &'a str,
    /// The very server to connect to, if it matters.
    pub at: Option<&'a Address>,
}

impl Wanted<'_> {
    /// For a question of the proxy's own.
    pub fn own<'a>(program: &'a str, at: Option<&'a Address>) -> Wanted<'a> {
        Wanted { client: Capabilities::NONE, collation: COLLATION, program, at }
    }
}

/// A connection after its greeting, encrypted if it is to be.
struct Greeted {
    packets: Packets<UpstreamStream>,
    greeting: Greeting,
    version: ServerVersion,
    hello: Hello,
    transport: Transport,
    address: Address,
}

/// Connects and logs in. Waits as long as the server does: bound it with a timeout. Cancel safe in that nothing but the
/// connection is lost.
///
/// # Errors
/// Whatever goes wrong on the way; see [`UpstreamError`] for what a client may read of it.
pub async fn connect(database: &Arc<Database>, wanted: Wanted<'_>) -> Result<MysqlSession, UpstreamError> {
    let mut greeted = greet(database, wanted).await?;
    let mut proof = Proof::new(terms(database, greeted.transport), greeted.greeting.nonce);
    let (plugin, first) = proof.first(&greeted.greeting.plugin)?;
    let response = Response {
        hello: greeted.hello,
        user: database.upstream.user.clone(),
        proof: first,
        database: Some(database.upstream.database.clone()),
        plugin: Some(plugin.to_owned()),
        attributes: attributes(wanted.program),
    };
    greeted.packets.send(|out| response.encode(out)).await?;
    let capabilities = response.hello.capabilities;
    let status = authenticate(&mut greeted.packets, proof, capabilities).await?;
    let (stream, leftovers) = greeted.packets.into_parts();
    Ok(MysqlSession {
        stream,
        leftovers,
        version: greeted.version,
        offered: greeted.greeting.capabilities,
        capabilities,
        thread_id: greeted.greeting.thread_id,
        server_collation: greeted.greeting.collation,
        collation: greeted.hello.collation,
        status,
        address: greeted.address,
    })
}

fn attributes(program: &str) -> Vec<(String, String)> {
    let own =
        [("_client_name", "holdpoint"), ("_client_version", env!("CARGO_PKG_VERSION")), ("program_name", program)];
    own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn terms(database: &Database, transport: Transport) -> Terms {
    let upstream = &database.upstream;
    let asks = upstream.ssl_mode == SslMode::Disable && upstream.mysql.public_key_retrieval;
    let key = match &database.server_key {
        Some(pem) => KeySource::Pinned(pem.clone()),
        None if asks => KeySource::Ask,
        None => KeySource::Never,
    };
    Terms { password: upstream.password.clone(), transport, clear: upstream.mysql.cleartext_password, key }
}

async fn greet(database: &Arc<Database>, wanted: Wanted<'_>) -> Result<Greeted, UpstreamError> {
    let (socket, address) = socket(database, wanted.at).await?;
    let plain = match socket {
        Socket::Unix(stream) => UpstreamStream::Unix(stream),
        Socket::Tcp(stream) => UpstreamStream::Plain(stream),
    };
    let transport = if matches!(address, Address::Unix(_)) { Transport::Socket } else { Transport::Open };
    let mut packets = Packets::new(plain);
    let first = packets.read(LOGIN_PACKET_MAX).await?;
    if first.first() == Some(&ERR) {
        return Err(UpstreamError::denied(&first));
    }
    let greeting = Greeting::decode(&first)?;
    let version = ServerVersion::parse(&greeting.version)
        .ok_or_else(|| UpstreamError::Version(greeting.version.chars().take(64).collect()))?;
    let capabilities = towards(greeting.capabilities, wanted.client);
    let collation = collation(wanted.collation, &version);
    let hello = Hello { capabilities, packet_max: PACKET_MAX, collation };
    secure(Greeted { packets, greeting, version, hello, transport, address }, database).await
}

/// Asks for TLS as `sslmode` says.
async fn secure(mut greeted: Greeted, database: &Arc<Database>) -> Result<Greeted, UpstreamError> {
    // As with libpq, `sslmode` says nothing about Unix sockets: nobody can listen in between.
    let Some(tls) = database.tls.as_ref().filter(|_| greeted.transport == Transport::Open) else {
        return Ok(greeted);
    };
    if !greeted.greeting.capabilities.has(Capabilities::SSL) {
        // `prefer` takes what it gets; everything above does not.
        return if database.upstream.ssl_mode == SslMode::Prefer { Ok(greeted) } else { Err(UpstreamError::NoTls) };
    }
    if greeted.packets.buffered() > 0 {
        // Somebody in between may have put them there to have them taken for the server's words after the handshake.
        return Err(UpstreamError::EarlyBytes(greeted.packets.buffered()));
    }
    greeted.hello.capabilities = greeted.hello.capabilities.with(Capabilities::SSL);
    let hello = greeted.hello;
    greeted.packets.send(|out| hello.encode(out)).await?;
    let exchange = greeted.packets.upgraded(());
    let stream = match greeted.packets.into_parts() {
        (UpstreamStream::Plain(stream), early) if early.is_empty() => shake(stream, tls.clone(), database).await?,
        (_, early) => return Err(UpstreamError::EarlyBytes(early.len())),
    };
    let packets = exchange.map(|()| UpstreamStream::Tls(Box::new(stream)));
    Ok(Greeted { packets, transport: Transport::Tls, ..greeted })
}

/// The client's collation, if it is one of `utf8mb4` that this server knows by one byte; the text is always `utf8mb4`.
fn collation(asked: u8, version: &ServerVersion) -> u8 {
    use crate::statement::scope::Flavour;
    match asked {
        45 | 46 | 224..=247 => asked,
        255 if version.flavour == Flavour::MySql => asked,
        _ => COLLATION,
    }
}

/// Answers what the server asks, up to its OK.
async fn authenticate(
    packets: &mut Packets<UpstreamStream>,
    mut proof: Proof,
    capabilities: Capabilities,
) -> Result<Status, UpstreamError> {
    for _ in 0..LOGIN_PACKETS_MAX {
        let payload = packets.read(LOGIN_PACKET_MAX).await?;
        match proof.answer(&payload)? {
            Reply::Send(answer) => packets.send(|out| out.extend_from_slice(&answer)).await?,
            Reply::Wait => {}
            Reply::Rejected => return Err(UpstreamError::denied(&payload)),
            Reply::Accepted => return Ok(OkPacket::decode(&payload, capabilities)?.status),
        }
    }
    Err(UpstreamError::Endless)
}

/// What the server of this database is. Asked once and kept: a session of our own logs in, asks for the version, and leaves.
///
/// Waits as long as the server does. Cancel safe.
///
/// # Errors
/// No session, or a server that calls itself something else once nobody can change its words any more.
pub async fn profile(database: &Arc<Database>) -> Result<Arc<Profile>, UpstreamError> {
    if let Some(known) = database.profile.load_full() {
        return Ok(known);
    }
    // A crowd that comes at once asks once.
    let _asking = database.asking.lock().await;
    if let Some(known) = database.profile.load_full() {
        return Ok(known);
    }
    let mut session = Client::open(database, "holdpoint profile", None).await?;
    let rows = session.query("SELECT VERSION()").await?;
    let told = session.version().clone();
    let said = rows.first().and_then(|row| row.first()).and_then(Option::as_deref);
    let same = said.and_then(ServerVersion::parse).is_some_and(|said| said.number == told.number);
    if !same {
        let said = said.unwrap_or("nothing");
        return Err(UpstreamError::Version(format!("greeted as {}, now says {said}", told.text)));
    }
    let profile = Arc::new(Profile { version: told, capabilities: session.offered(), collation: session.collation() });
    session.close().await;
    database.profile.store(Some(profile.clone()));
    Ok(profile)
}

/// Whether a session's server is still the one that was asked. After an upgrade it is not: the next profile is a new one.
///
/// # Errors
/// The server greets with another version than it says it has.
pub async fn confirmed(database: &Arc<Database>, session: &MysqlSession) -> Result<(), UpstreamError> {
    if profile(database).await?.version.number == session.version.number {
        return Ok(());
    }
    database.profile.store(None);
    let now = profile(database).await?;
    match now.version.number == session.version.number {
        true => Ok(()),
        false => Err(UpstreamError::Version(format!("{}, then {}", now.version.text, session.version.text))),
    }
}
