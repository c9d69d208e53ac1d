//! Reaching a server: TCP or a Unix socket, then TLS as `sslmode` says.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::config::SslMode;
use crate::pg::messages::untyped;
use crate::session::accept::keep_alive;
use crate::session::shared::Database;
use crate::session::stream::UpstreamStream;
use crate::session::stream::channel::Channel;
use crate::session::tls::end_point;
use crate::session::upstream::UpstreamError;

const SSL_REQUEST: u32 = 80_877_103;

/// Where a server was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// A Unix socket's file.
    Unix(PathBuf),
}

/// A connection that has not logged in.
#[derive(Debug)]
pub struct Reached {
    /// The connection.
    pub channel: Channel<UpstreamStream>,
    /// Where it leads.
    pub address: Address,
    /// Nobody in between can read along: TLS, or a Unix socket.
    pub private: bool,
    /// What SCRAM can bind to: the hash of the server's certificate.
    pub end_point: Option<Vec<u8>>,
}

/// Connects to a database, or to the very server at `at`. Not bounded in time. Cancel safe.
///
/// # Errors
/// No connection, no TLS where it is demanded, certificates that do not verify.
pub async fn dial(database: &Database, at: Option<&Address>) -> Result<Reached, UpstreamError> {
    let upstream = &database.upstream;
    let socket = match at {
        Some(Address::Unix(path)) => Some(path.clone()),
        Some(Address::Tcp(_)) => None,
        None => upstream
            .host
            .starts_with('/')
            .then(|| Path::new(&upstream.host).join(format!(".s.PGSQL.{}", upstream.port))),
    };
    if let Some(path) = socket {
        return unix(path).await;
    }
    let refused = |source| UpstreamError::Connect { address: format!("{}:{}", upstream.host, upstream.port), source };
    let stream = match at {
        Some(Address::Tcp(address)) => TcpStream::connect(address).await,
        _ => TcpStream::connect((upstream.host.as_str(), upstream.port)).await,
    };
    let stream = stream.map_err(refused)?;
    stream.set_nodelay(true)?;
    keep_alive(&stream)?;
    let address = stream.peer_addr()?;
    match &database.tls {
        None => Ok(Reached {
            channel: Channel::new(UpstreamStream::Plain(stream)),
            address: Address::Tcp(address),
            private: false,
            end_point: None,
        }),
        Some(tls) => secure(stream, tls.clone(), database, address).await,
    }
}

/// As with libpq, `sslmode` says nothing about Unix sockets: nobody can listen in between.
async fn unix(path: PathBuf) -> Result<Reached, UpstreamError> {
    let refused = |source| UpstreamError::Connect { address: path.display().to_string(), source };
    let stream = UnixStream::connect(&path).await.map_err(refused)?;
    let channel = Channel::new(UpstreamStream::Unix(stream));
    Ok(Reached { channel, address: Address::Unix(path), private: true, end_point: None })
}

/// Asks for TLS and shakes hands.
async fn secure(
    stream: TcpStream,
    tls: Arc<ClientConfig>,
    database: &Database,
    address: SocketAddr,
) -> Result<Reached, UpstreamError> {
    let mut channel = Channel::new(stream);
    let mut out = BytesMut::new();
    untyped(&mut out, |body| body.extend_from_slice(&SSL_REQUEST.to_be_bytes()));
    channel.send(&out).await?;
    let answer = channel.single_byte().await?;
    if channel.buffered() > 0 {
        // Somebody in between may have put them there to have them taken for the server's words after the handshake
        // (CVE-2021-23222).
        return Err(UpstreamError::EarlyBytes(channel.buffered()));
    }
    let (stream, _) = channel.into_parts();
    match answer {
        b'S' => {}
        b'N' if database.upstream.ssl_mode == SslMode::Prefer => {
            let channel = Channel::new(UpstreamStream::Plain(stream));
            return Ok(Reached { channel, address: Address::Tcp(address), private: false, end_point: None });
        }
        b'N' => return Err(UpstreamError::NoTls),
        other => return Err(UpstreamError::unexpected("S or N in answer to SSLRequest", other)),
    }
    let name = ServerName::try_from(database.upstream.host.clone());
    // A host that cannot be a name in a certificate is verified as its address: that fails where names are verified.
    let name = name.unwrap_or_else(|_| ServerName::IpAddress(address.ip().into()));
    let stream = TlsConnector::from(tls).connect(name, stream).await.map_err(UpstreamError::Tls)?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let end_point = certificate.and_then(|certificate| end_point::hash(certificate));
    let channel = Channel::new(UpstreamStream::Tls(Box::new(stream)));
    Ok(Reached { channel, address: Address::Tcp(address), private: true, end_point })
}
