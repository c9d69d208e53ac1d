//! What a session of either protocol is made of beside its sockets and messages, and what both do alike: judging, holding,
//! counting rows against a ceiling, planning masks, telling the audit. A protocol brings the rest as [`wire::Wire`].

pub(super) mod dues;
pub(super) mod elevate;
pub(super) mod hold;
pub(super) mod judging;
pub(super) mod reading;
pub(super) mod request;
pub(super) mod running;
pub(super) mod said;
pub(super) mod tell;
pub(super) mod wire;

use std::sync::Arc;

use crate::audit::event::Event;
use crate::identity::agent::Agent;
use crate::identity::ids::{SessionId, StatementId};
use crate::session::cancel;
use crate::session::core::reading::Reading;
use crate::session::core::said::Said;
use crate::session::keeper::Keeper;
use crate::session::login::Places;
use crate::session::services::Services;

/// How a session ended.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The client said goodbye, or closed its side.
    #[error("client left")]
    ClientLeft,
    /// The client broke the protocol or a bound.
    #[error("client broke the protocol: {0}")]
    ClientFault(String),
    /// The upstream broke the protocol.
    #[error("upstream broke the protocol: {0}")]
    UpstreamFault(String),
    /// The upstream closed the connection.
    #[error("upstream closed the connection")]
    UpstreamLeft,
    /// The proxy ends it.
    #[error("ended by the proxy: {0}")]
    Proxy(String),
}

/// The open transaction of a session, as its server last told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transaction {
    /// None is open.
    Idle,
    /// One is open.
    Open,
    /// One is open and has failed: only its end is accepted.
    Failed,
}

/// Why a session ends that another one of its agent killed.
pub(super) const KILLED: &str = "killed by its agent";

/// What makes a session known to those who may cancel it.
pub(super) enum Cancellable {
    /// PostgreSQL: a key.
    Key(cancel::Registration),
    /// MySQL: a connection's number.
    Number(cancel::NumberRegistration),
}

impl Cancellable {
    /// The session's end.
    pub fn handle(&self) -> &Arc<cancel::Handle> {
        match self {
            Self::Key(key) => key.handle(),
            Self::Number(number) => number.handle(),
        }
    }
}

/// A bound parameter.
pub(super) struct Parameter {
    /// The type as the protocol numbers it; 0 if nobody has said it yet.
    pub oid: u32,
    /// `None` is NULL.
    pub value: Option<bytes::Bytes>,
    /// 0 text, 1 binary.
    pub format: i16,
}

/// The parts of one session that know no protocol.
pub(super) struct Core {
    pub services: Arc<Services>,
    pub keeper: Arc<Keeper>,
    pub id: SessionId,
    pub agent: Agent,
    /// Key under `databases:`.
    pub database: String,
    /// `postgres` or `mysql`, as metrics and approvals name it.
    pub protocol: &'static str,
    /// The upstream role it logged in as.
    role: String,
    client_addr: String,
    pub cancel: Cancellable,
    _places: Places,
    pub reading: Reading,
    pub said: Said,
    /// A classified column was touched in the open transaction: errors are re-worded until it ends.
    pub tainted: bool,
    /// The session is to end after the present answer.
    pub ending: Option<String>,
    statements: u64,
    /// Events that the audit log has no room for yet.
    untold: Vec<Event>,
}

/// What a login hands over to the core.
pub(super) struct Opened {
    pub id: SessionId,
    pub agent: Agent,
    pub database: String,
    pub protocol: &'static str,
    pub role: String,
    pub client_addr: String,
    pub cancel: Cancellable,
    pub places: Places,
    pub application_name: Option<String>,
    /// `holdpoint.*` settings of the login, without that prefix.
    pub claims: Vec<(String, String)>,
}

impl Core {
    pub fn new(opened: Opened, services: Arc<Services>, keeper: Arc<Keeper>) -> Self {
        let mut core = Self {
            services,
            keeper,
            id: opened.id,
            agent: opened.agent,
            database: opened.database,
            protocol: opened.protocol,
            role: opened.role,
            client_addr: opened.client_addr,
            cancel: opened.cancel,
            _places: opened.places,
            reading: Reading::default(),
            said: Said::default(),
            tainted: false,
            ending: None,
            statements: 0,
            untold: Vec::new(),
        };
        core.said.claims.application_name = opened.application_name;
        for (name, value) in opened.claims {
            core.said.claim(&name, Some(&value));
        }
        core
    }

    pub fn next_statement(&mut self) -> StatementId {
        self.statements += 1;
        StatementId(self.statements)
    }

    /// The number that the next statement will have.
    pub fn coming_statement(&self) -> StatementId {
        StatementId(self.statements + 1)
    }
}
