//! The first packets: TLS asked for or begun at once, GSS encryption declined, cancel requests dealt with, start-up read.

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::config::ClientTls;
use crate::pg::startup::{Packet, Startup};
use crate::session::cancel::Asked;
use crate::session::login::Stop;
use crate::session::shared::{Settings, Shared};
use crate::session::stream::ClientStream;
use crate::session::stream::channel::Channel;
use crate::session::tls::{ALPN, ServerTls, version_name};

/// The first byte of a TLS handshake. No start-up packet begins with it: it would be 369 MB long.
const TLS_HANDSHAKE: u8 = 0x16;

/// A connection whose client has said what it wants.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) channel: Channel<ClientStream>,
    pub(crate) startup: Startup,
    /// TLS version, if any.
    pub(crate) tls: Option<String>,
}

/// What a client does after its requests for encryption.
enum Next {
    Tls,
    Packet(Packet),
}

/// Reads up to the StartupMessage. Cancel safe: dropping it closes the connection.
pub(crate) async fn open(stream: TcpStream, settings: &Settings, shared: &Shared) -> Result<Opened, Stop> {
    if let Some(tls) = &settings.tls
        && first_byte(&stream).await? == TLS_HANDSHAKE
    {
        return direct(stream, tls, shared).await;
    }
    let mut channel = Channel::new(stream);
    match requests(&mut channel, settings.tls.is_some()).await {
        Err(stop) => Err(told(channel.map(ClientStream::Plain), stop).await),
        Ok(Next::Packet(packet)) => {
            let channel = channel.map(ClientStream::Plain);
            let demanded = matches!(settings.config.postgres.tls, ClientTls::Required(_));
            match packet {
                Packet::Startup(_) if demanded => {
                    let stop =
                        Stop::refuse("28000", "this server requires TLS; connect with sslmode=require or stricter");
                    Err(told(channel, stop).await)
                }
                packet => begin(channel, packet, None, shared).await,
            }
        }
        Ok(Next::Tls) => {
            let (Some(tls), (stream, _)) = (&settings.tls, channel.into_parts()) else {
                return Err(Stop::Left);
            };
            let (channel, version) = handshake(stream, tls).await?;
            over_tls(channel, version, shared).await
        }
    }
}

async fn first_byte(stream: &TcpStream) -> Result<u8, Stop> {
    let mut first = [0_u8; 1];
    match stream.peek(&mut first).await? {
        0 => Err(Stop::Left),
        _ => Ok(first[0]),
    }
}

/// TLS without SSLRequest. ALPN is demanded, so that no other protocol can be tunnelled in by confusion.
async fn direct(stream: TcpStream, tls: &ServerTls, shared: &Shared) -> Result<Opened, Stop> {
    let (channel, version) = handshake(stream, tls).await?;
    let agreed = match channel.stream() {
        ClientStream::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(ALPN),
        ClientStream::Plain(_) => false,
    };
    if !agreed {
        let stop = Stop::refuse(
            "08P01",
            "direct TLS without ALPN `postgresql`: use libpq 17 or later, or sslnegotiation=postgres",
        );
        return Err(told(channel, stop).await);
    }
    over_tls(channel, version, shared).await
}

async fn handshake(stream: TcpStream, tls: &ServerTls) -> Result<(Channel<ClientStream>, String), Stop> {
    let accepted = TlsAcceptor::from(tls.config.clone()).accept(stream).await;
    let stream = accepted.map_err(|error| Stop::Silent { why: format!("TLS handshake failed: {error}") })?;
    let version = version_name(stream.get_ref().1.protocol_version());
    Ok((Channel::new(ClientStream::Tls(Box::new(stream))), version))
}

async fn over_tls(mut channel: Channel<ClientStream>, version: String, shared: &Shared) -> Result<Opened, Stop> {
    match packet(&mut channel).await {
        Err(stop) => Err(told(channel, stop).await),
        Ok(Packet::Ssl | Packet::GssEnc) => {
            let stop = Stop::refuse("08P01", "the connection is encrypted already");
            Err(told(channel, stop).await)
        }
        Ok(packet) => begin(channel, packet, Some(version), shared).await,
    }
}

/// Answers SSLRequest and GSSENCRequest, each at most once.
async fn requests(channel: &mut Channel<TcpStream>, tls_offered: bool) -> Result<Next, Stop> {
    let (mut ssl_asked, mut gss_asked) = (false, false);
    loop {
        let packet = packet(channel).await?;
        let asked = match packet {
            Packet::Ssl => &mut ssl_asked,
            Packet::GssEnc => &mut gss_asked,
            other => return Ok(Next::Packet(other)),
        };
        if std::mem::replace(asked, true) {
            return Err(Stop::refuse("08P01", "encryption was asked for twice"));
        }
        if channel.buffered() > 0 {
            // Bytes in the clear behind the request may come from somebody in between, who wants them taken for the
            // client's words after the handshake (CVE-2021-23214).
            return Err(Stop::refuse("08P01", "received unencrypted data behind an encryption request"));
        }
        let secure = tls_offered && packet == Packet::Ssl;
        channel.send(if secure { b"S" } else { b"N" }).await?;
        if secure {
            return Ok(Next::Tls);
        }
    }
}

async fn packet<S>(channel: &mut Channel<S>) -> Result<Packet, Stop>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let bytes = channel.startup_packet().await?;
    Packet::decode(&bytes).map_err(|error| Stop::refuse(error.code(), error.to_string()))
}

/// The packet that says what the connection is for.
async fn begin(
    channel: Channel<ClientStream>,
    packet: Packet,
    tls: Option<String>,
    shared: &Shared,
) -> Result<Opened, Stop> {
    match packet {
        Packet::Startup(startup) => Ok(Opened { channel, startup, tls }),
        Packet::Cancel(key) => Err(match shared.cancel.ask(&key) {
            Asked::Told | Asked::NobodyThere => Stop::Cancelled,
            Asked::WrongSecret => Stop::Silent { why: "cancel request with a wrong key".to_owned() },
        }),
        Packet::Ssl | Packet::GssEnc => Err(told(channel, Stop::refuse("08P01", "start-up packet expected")).await),
    }
}

async fn told(channel: Channel<ClientStream>, stop: Stop) -> Stop {
    match stop {
        Stop::Refuse { report, why } => {
            channel.farewell(&report).await;
            Stop::Silent { why }
        }
        other => other,
    }
}
