//! The last words of a login: what the upstream reported, the client's own cancel key, ready.

use std::io;

use bytes::BytesMut;

use crate::identity::agent::Agent;
use crate::pg::messages::backend::{CancelKey, ParameterStatus, TransactionState};
use crate::session::stream::ClientStream;
use crate::session::stream::channel::Channel;

/// The setting in which a server names the role that logged in. Clients are told the agent's name: the upstream role is
/// part of a credential they do not have.
pub const SESSION_ROLE: &str = "session_authorization";

/// Sends ParameterStatus …, BackendKeyData and ReadyForQuery. Not cancel safe.
pub(crate) async fn welcome(
    channel: &mut Channel<ClientStream>,
    agent: &Agent,
    parameters: &[(String, String)],
    key: &CancelKey,
) -> io::Result<()> {
    let mut out = BytesMut::new();
    for (name, value) in parameters {
        let value = if name == SESSION_ROLE { &agent.name.0 } else { value };
        ParameterStatus { name, value }.encode(&mut out);
    }
    key.encode(&mut out);
    TransactionState::Idle.encode(&mut out);
    channel.send(&out).await
}
