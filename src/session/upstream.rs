//! From nothing to a logged-in session at the real database: dialling, TLS, authentication, what the server reports.

mod authenticate;
pub mod catalog;
pub mod dial;
mod error;
pub mod mysql;
pub mod mysql_client;

use std::sync::Arc;

use bytes::{BufMut, BytesMut};

pub use crate::session::upstream::error::UpstreamError;

use crate::pg::messages::backend::{CancelKey, ParameterStatus, TransactionState};
use crate::pg::messages::report::Fields;
use crate::pg::messages::{put_text, untyped};
use crate::session::shared::Database;
use crate::session::stream::UpstreamStream;
use crate::session::stream::channel::{Channel, Frame};
use crate::session::upstream::dial::{Address, dial};

/// Largest message a server may send before it is ready, in bytes.
const LOGIN_MESSAGE_MAX: usize = 64 * 1024;

/// Most messages a server may send before it is ready.
const LOGIN_MESSAGES_MAX: usize = 1000;

/// Most bytes of parameters a server may report before it is ready; PostgreSQL reports under 1 KiB.
const PARAMETER_BYTES_MAX: usize = 64 * 1024;

const PROTOCOL_3_0: u32 = 3 << 16;

/// A session at the real database, ready for its first statement.
#[derive(Debug)]
pub struct UpstreamSession {
    /// The stream.
    pub stream: UpstreamStream,
    /// Bytes read beyond ReadyForQuery; notices and the like.
    pub leftovers: BytesMut,
    /// What the server reported, in its order.
    pub parameters: Vec<(String, String)>,
    /// Its cancel key.
    pub key: Option<CancelKey>,
    /// The server that was reached.
    pub address: Address,
}

/// Connects and logs in. `settings` are the client's harmless ones. The text is always UTF-8, so the encoding is always set.
///
/// Waits as long as the server does: bound it with a timeout. Cancel safe in that nothing but the connection is lost.
///
/// # Errors
/// Whatever goes wrong on the way; see [`UpstreamError`] for what a client may read of it.
pub async fn connect(
    database: &Arc<Database>,
    settings: &[(String, String)],
    application_name: &str,
) -> Result<UpstreamSession, UpstreamError> {
    let mut reached = dial(database, None).await?;
    let mut out = BytesMut::new();
    untyped(&mut out, |body| {
        body.put_u32(PROTOCOL_3_0);
        let upstream = &database.upstream;
        let own = [
            ("user", upstream.user.as_str()),
            ("database", upstream.database.as_str()),
            ("client_encoding", "UTF8"),
            ("application_name", application_name),
        ];
        let wanted = settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in own.into_iter().chain(wanted) {
            put_text(body, name);
            put_text(body, value);
        }
        body.put_u8(0);
    });
    reached.channel.send(&out).await?;
    authenticate::authenticate(&mut reached, database).await?;
    let (parameters, key) = settle(&mut reached.channel).await?;
    let (stream, leftovers) = reached.channel.into_parts();
    Ok(UpstreamSession { stream, leftovers, parameters, key, address: reached.address })
}

type Settled = (Vec<(String, String)>, Option<CancelKey>);

/// Reads from AuthenticationOk to ReadyForQuery.
async fn settle(channel: &mut Channel<UpstreamStream>) -> Result<Settled, UpstreamError> {
    let mut parameters = Vec::new();
    let mut key = None;
    let mut bytes = 0_usize;
    for _ in 0..LOGIN_MESSAGES_MAX {
        let Frame { kind, body } = message(channel).await?;
        match kind {
            b'S' => {
                bytes = bytes.saturating_add(body.len());
                if bytes > PARAMETER_BYTES_MAX {
                    return Err(UpstreamError::Endless);
                }
                let status = ParameterStatus::decode(&body)?;
                parameters.push((status.name.to_owned(), status.value.to_owned()));
            }
            b'K' if key.is_none() => key = Some(CancelKey::decode(&body)?),
            b'Z' if TransactionState::decode(&body)? == TransactionState::Idle => return Ok((parameters, key)),
            other => return Err(UpstreamError::unexpected("ParameterStatus, BackendKeyData or ReadyForQuery", other)),
        }
    }
    Err(UpstreamError::Endless)
}

/// Reads the next message that is neither a notice nor an error.
async fn message(channel: &mut Channel<UpstreamStream>) -> Result<Frame, UpstreamError> {
    for _ in 0..LOGIN_MESSAGES_MAX {
        let frame = channel.frame(LOGIN_MESSAGE_MAX).await?;
        match frame.kind {
            b'N' => {}
            b'E' => return Err(UpstreamError::rejected(&Fields::decode(&frame.body)?)),
            _ => return Ok(frame),
        }
    }
    Err(UpstreamError::Endless)
}
