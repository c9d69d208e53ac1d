//! The first packets of a MySQL connection: greeting, TLS if it is asked for, the client's response.

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::config::{ClientTls, Protocol};
use crate::mysql::handshake::auth::CACHING_SHA2;
use crate::mysql::handshake::capabilities::{Capabilities, agreed, offer};
use crate::mysql::handshake::{Answer, Greeting, Nonce, RESPONSE_BYTES_MAX, Response, nonce};
use crate::mysql::packets::ok::Status;
use crate::mysql::refusal::OwnError;
use crate::session::login::mysql::Stop;
use crate::session::shared::{Profile, Settings, Shared};
use crate::session::stream::ClientStream;
use crate::session::stream::packets::Packets;
use crate::session::tls::version_name;
use crate::session::upstream::mysql::profile;

/// How a TLS handshake begins (RFC 8446 §5.1); no packet that could stand here does.
const TLS_HANDSHAKE: u8 = 0x16;

/// A connection whose client has said who it is.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) packets: Packets<ClientStream>,
    pub(crate) response: Box<Response>,
    /// What is in force.
    pub(crate) capabilities: Capabilities,
    pub(crate) nonce: Nonce,
    /// The connection's number.
    pub(crate) number: u32,
    /// TLS version, if any.
    pub(crate) tls: Option<String>,
}

/// Greets, and reads up to the client's response. Cancel safe: dropping it closes the connection.
pub(crate) async fn open(stream: TcpStream, settings: &Settings, shared: &Arc<Shared>) -> Result<Opened, Stop> {
    let mut packets = Packets::new(stream);
    let profile = match known(settings).await {
        Ok(profile) => profile,
        Err(stop) => return Err(told(packets.map(ClientStream::Plain), stop).await),
    };
    let greeting = Greeting {
        version: profile.version.text.clone(),
        thread_id: shared.cancel.next_number(),
        nonce: nonce(rand::random()),
        capabilities: offer(profile.capabilities, settings.mysql_tls.is_some()),
        collation: profile.collation,
        status: Status::AUTOCOMMIT,
        plugin: CACHING_SHA2.to_owned(),
    };
    packets.send(|out| greeting.encode(out)).await?;
    match answer(&mut packets, &greeting).await {
        Err(stop) => Err(told(packets.map(ClientStream::Plain), stop).await),
        Ok(Answer::Response(response)) => {
            let demanded = settings.config.mysql.as_ref().is_some_and(|one| matches!(one.tls, ClientTls::Required(_)));
            let packets = packets.map(ClientStream::Plain);
            if demanded {
                let text = "Connections using insecure transport are prohibited: this server requires TLS";
                return Err(told(packets, Stop::refuse(OwnError::new(3159, "HY000", text))).await);
            }
            Ok(opened(packets, response, &greeting, None))
        }
        Ok(Answer::Tls(_)) => over_tls(packets, &greeting, settings).await,
    }
}

fn opened(packets: Packets<ClientStream>, response: Box<Response>, greeting: &Greeting, tls: Option<String>) -> Opened {
    let capabilities = agreed(greeting.capabilities, response.hello.capabilities);
    Opened { packets, capabilities, response, nonce: greeting.nonce, number: greeting.thread_id, tls }
}

/// The first MySQL database whose server is known or answers.
async fn known(settings: &Settings) -> Result<Arc<Profile>, Stop> {
    let databases = settings.databases.values().filter(|one| one.upstream.protocol == Protocol::Mysql);
    let mut last = None;
    for database in databases {
        match profile(database).await {
            Ok(profile) => return Ok(profile),
            Err(error) => {
                tracing::warn!(database = %database.name, %error, "the server cannot be asked what it is");
                let why = format!("database `{}`: {error}", database.name);
                last = last.or(Some(Stop::Refuse { error: Box::new(unavailable()), why }));
            }
        }
    }
    Err(last.unwrap_or_else(|| {
        Stop::refuse(OwnError::new(1049, "42000", "no MySQL database is configured here: use another port"))
    }))
}

/// Whoever reads this has not said its name yet: no database, no server, no reason.
fn unavailable() -> OwnError {
    OwnError::general("no MySQL database can be reached at the moment; try again later")
}

async fn answer<S>(packets: &mut Packets<S>, greeting: &Greeting) -> Result<Answer, Stop>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let payload = packets.read(RESPONSE_BYTES_MAX).await?;
    Ok(Answer::decode(&payload, greeting.capabilities)?)
}

/// Shakes hands and reads the response. What stood in the request counts for nothing: it came in the clear.
///
/// A client waits for nothing between the request and its TLS handshake, so the beginning of that may be read already: it goes
/// to TLS, and nowhere else.
async fn over_tls(mut packets: Packets<TcpStream>, greeting: &Greeting, settings: &Settings) -> Result<Opened, Stop> {
    let Some(tls) = settings.mysql_tls.clone() else {
        let stop = Stop::refuse(OwnError::handshake("Bad handshake: TLS was asked for and is not offered"));
        return Err(told(packets.map(ClientStream::Plain), stop).await);
    };
    if packets.first_buffered().is_some_and(|first| first != TLS_HANDSHAKE) {
        // Bytes in the clear behind the request may come from somebody in between, who wants them taken for the client's
        // words after the handshake.
        let stop = Stop::refuse(OwnError::handshake("Bad handshake: unencrypted data behind the request for TLS"));
        return Err(told(packets.map(ClientStream::Plain), stop).await);
    }
    let exchange = packets.upgraded(());
    let (stream, ahead) = packets.into_parts();
    let accepted = TlsAcceptor::from(tls).accept_with(stream, |connection| feed(connection, &ahead)).await;
    let stream = accepted.map_err(|error| Stop::Silent { why: format!("TLS handshake failed: {error}") })?;
    let version = version_name(stream.get_ref().1.protocol_version());
    let mut packets = exchange.map(|()| ClientStream::Tls(Box::new(stream)));
    match answer(&mut packets, greeting).await {
        Ok(Answer::Response(response)) => Ok(opened(packets, response, greeting, Some(version))),
        Ok(Answer::Tls(_)) => {
            let stop = Stop::refuse(OwnError::handshake("Bad handshake: the connection is encrypted already"));
            Err(told(packets, stop).await)
        }
        Err(stop) => Err(told(packets, stop).await),
    }
}

/// Hands TLS what was read ahead of it. What is wrong with that, TLS says again when it goes on.
fn feed(connection: &mut rustls::ServerConnection, mut ahead: &[u8]) {
    while !ahead.is_empty() {
        let taken = connection.read_tls(&mut ahead).unwrap_or(0);
        if taken == 0 || connection.process_new_packets().is_err() {
            return;
        }
    }
}

async fn told(packets: Packets<ClientStream>, stop: Stop) -> Stop {
    match stop {
        Stop::Refuse { error, why } => {
            packets.farewell(&error).await;
            Stop::Silent { why }
        }
        other => other,
    }
}
