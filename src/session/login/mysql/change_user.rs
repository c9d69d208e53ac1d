//! COM_CHANGE_USER: the client logs in again within its session. Only as the same agent, and only to the same database: what
//! it did before was judged and recorded as that agent's.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::BytesMut;

use crate::identity::agent::Agent;
use crate::mysql::frame::WireError;
use crate::mysql::handshake::Nonce;
use crate::mysql::handshake::auth::server::{Server, Step};
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::packets::change_user::ChangeUser;
use crate::mysql::refusal::OwnError;
use crate::session::login::admission;
use crate::session::login::mysql::proof::{Claim, wrong};
use crate::session::login::mysql::{MysqlEstablished, claims, denied_error};
use crate::session::shared::Shared;

/// What a session keeps to be able to log in again.
#[derive(Clone, Debug)]
pub struct Again {
    agent: Agent,
    database: String,
    nonce: Nonce,
    tls: bool,
    capabilities: Capabilities,
    peer: SocketAddr,
}

impl Again {
    /// Of a session that was just established.
    pub fn of(established: &MysqlEstablished) -> Self {
        Self {
            agent: established.agent.clone(),
            database: established.database.clone(),
            nonce: established.nonce,
            tls: established.tls.is_some(),
            capabilities: established.client_capabilities,
            peer: established.peer,
        }
    }
}

/// What comes next.
pub enum Next {
    /// Send this payload to the client, and give its next packet to [`Login::answer`].
    Ask(BytesMut),
    /// The agent proved itself again. Send `before` to the client if there is one; begin the upstream session anew
    /// (COM_RESET_CONNECTION); then send OK.
    Accepted {
        /// What goes to the client first.
        before: Option<BytesMut>,
        /// The agent as it is stored now.
        agent: Box<Agent>,
        /// The claims among its attributes.
        claims: Vec<(String, String)>,
    },
    /// Send this error and end the session, as servers do.
    Refused(OwnError),
}

/// A login within a session.
pub struct Login {
    again: Again,
    claim: Claim,
    server: Server,
    user: String,
    with_password: bool,
    claims: Vec<(String, String)>,
    shared: Arc<Shared>,
}

impl Login {
    /// Begins with what the client sent; `payload` is the whole COM_CHANGE_USER.
    ///
    /// # Errors
    /// A broken packet.
    pub async fn begin(payload: &[u8], again: &Again, shared: &Arc<Shared>) -> Result<(Self, Next), WireError> {
        let change = ChangeUser::decode(payload, again.capabilities)?;
        let claim = Claim::new(&change.user, shared);
        let mut login = Self {
            again: again.clone(),
            server: Server::new(again.nonce, again.tls, claim.verifiers.clone()),
            claim,
            user: change.user,
            with_password: !change.proof.is_empty(),
            claims: claims(&change.attributes),
            shared: shared.clone(),
        };
        if login.user != again.agent.name.0 {
            let text = "COM_CHANGE_USER to another user is not served here: open a new connection";
            return Ok((login, Next::Refused(OwnError::new(1235, "42000", text))));
        }
        if change.database.as_ref().is_some_and(|name| *name != again.database) {
            let text = "COM_CHANGE_USER to another database is not served here: open a new connection";
            return Ok((login, Next::Refused(OwnError::new(1235, "42000", text))));
        }
        let plugins = again.capabilities.has(Capabilities::PLUGIN_AUTH);
        let step = login.server.begin(change.plugin.as_deref(), &change.proof, plugins);
        let next = login.next(step).await;
        Ok((login, next))
    }

    /// Takes the client's next packet. Not cancel safe.
    ///
    /// # Errors
    /// A packet that has no place here.
    pub async fn answer(&mut self, payload: &[u8]) -> Result<Next, WireError> {
        let key = if self.server.wants_key() { self.shared.rsa().await.ok() } else { None };
        let step = self.server.answer(payload, key.as_deref())?;
        Ok(self.next(step).await)
    }

    async fn next(&mut self, step: Step) -> Next {
        match step {
            Step::Ask(payload) => Next::Ask(payload),
            Step::Proved(before) => {
                let agent = self.claim.agent.take();
                self.accepted(agent, before)
            }
            Step::Check(secret) => {
                let agent = self.claim.check(secret).await;
                self.accepted(agent, None)
            }
            Step::Wrong => self.accepted(None, None),
            Step::Refuse(unfit) => Next::Refused(OwnError::new(1045, "28000", format!("Access denied: {unfit}"))),
        }
    }

    fn accepted(&mut self, agent: Option<Agent>, before: Option<BytesMut>) -> Next {
        let Some(agent) = agent else {
            return Next::Refused(wrong(&self.user, self.again.peer, self.with_password));
        };
        match admission::enabled(&agent) {
            Err(denied) => Next::Refused(denied_error(&denied)),
            Ok(()) => Next::Accepted { before, agent: Box::new(agent), claims: std::mem::take(&mut self.claims) },
        }
    }
}
