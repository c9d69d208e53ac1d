//! Reaching a server: TCP or a Unix socket, for either protocol; then TLS as `sslmode` says, as PostgreSQL asks for it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::config::{Protocol, SslMode, Upstream};
use crate::pg::messages::untyped;
use crate::session::login::accept::keep_alive;
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

/// A connected socket, before anybody has spoken.
#[derive(Debug)]
pub(crate) enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket, which nobody in between can read.
    Unix(UnixStream),
}

/// Connects a socket to a database's server, or to the very server at `at`. Not bounded in time. Cancel safe.
pub(crate) async fn socket(database: &Database, at: Option<&Address>) -> Result<(Socket, Address), UpstreamError> {
    let upstream = &database.upstream;
    let file = match at {
        Some(Address::Unix(path)) => Some(path.clone()),
        Some(Address::Tcp(_)) => None,
        None => upstream.host.starts_with('/').then(|| socket_file(upstream)),
    };
    if let Some(path) = file {
        let refused = |source| UpstreamError::Connect { address: path.display().to_string(), source };
        let stream = UnixStream::connect(&path).await.map_err(refused)?;
        return Ok((Socket::Unix(stream), Address::Unix(path)));
    }
    let refused = |source| UpstreamError::Connect { address: format!("{}:{}", upstream.host, upstream.port), source };
    let stream = match at {
        Some(Address::Tcp(address)) => TcpStream::connect(address).await,
        _ => TcpStream::connect((upstream.host.as_str(), upstream.port)).await,
    };
    let stream = stream.map_err(refused)?;
    stream.set_nodelay(true)?;
    keep_alive(&stream)?;
    let address = Address::Tcp(stream.peer_addr()?);
    Ok((Socket::Tcp(stream), address))
}

fn socket_file(upstream: &Upstream) -> PathBuf {
    match upstream.protocol {
        Protocol::Postgres => Path::new(&upstream.host).join(format!(".s.PGSQL.{}", upstream.port)),
        Protocol::Mysql => PathBuf::from(&upstream.host),
    }
}

/// Connects to a database, or to the very server at `at`. Not bounded in time. Cancel safe.
///
/// As with libpq, `sslmode` says nothing about Unix sockets: nobody can listen in between.
///
/// # Errors
/// No connection, no TLS where it is demanded, certificates that do not verify.
pub async fn dial(database: &Database, at: Option<&Address>) -> Result<Reached, UpstreamError> {
    let (socket, address) = socket(database, at).await?;
    let reached = |stream, private| Reached { channel: Channel::new(stream), address, private, end_point: None };
    match (socket, &database.tls) {
        (Socket::Unix(stream), _) => Ok(reached(UpstreamStream::Unix(stream), true)),
        (Socket::Tcp(stream), None) => Ok(reached(UpstreamStream::Plain(stream), false)),
        (Socket::Tcp(stream), Some(tls)) => {
            let address = stream.peer_addr()?;
            secure(stream, tls.clone(), database, address).await
        }
    }
}

/// Shakes hands over TLS.
pub(crate) async fn shake(
    stream: TcpStream,
    tls: Arc<ClientConfig>,
    database: &Database,
) -> Result<TlsStream<TcpStream>, UpstreamError> {
    let address = stream.peer_addr()?;
    let name = ServerName::try_from(database.upstream.host.clone());
    // A host that cannot be a name in a certificate is verified as its address: that fails where names are verified.
    let name = name.unwrap_or_else(|_| ServerName::IpAddress(address.ip().into()));
    TlsConnector::from(tls).connect(name, stream).await.map_err(UpstreamError::Tls)
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
    let stream = shake(stream, tls, database).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let end_point = certificate.and_then(|certificate| end_point::hash(certificate));
    let channel = Channel::new(UpstreamStream::Tls(Box::new(stream)));
    Ok(Reached { channel, address: Address::Tcp(address), private: true, end_point })
}
