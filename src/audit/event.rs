//! What is recorded. Never a cell, never a literal that touches classified columns.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::identity::ids::{AgentName, ApprovalId, GrantId, PersonName, SessionId, StatementId};
use crate::policy::action::Action;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The process began to log; says how many ordinary records the last run may have lost.
    LogStarted {
        /// Program version.
        program: String,
        /// The last run ended without saying so: at most this many ordinary records were not yet synced.
        unsynced_at_most: u64,
    },
    /// The process stopped in order.
    LogStopped {},
    /// A client logged in.
    SessionOpened {
        /// Session.
        session: SessionId,
        /// Agent.
        agent: AgentName,
        /// Address.
        client_addr: String,
        /// `databases:` key.
        database: String,
        /// TLS version, if any.
        tls: Option<String>,
        /// What the client calls itself (claimed).
        application_name: Option<String>,
    },
    /// A login or a connection was refused, or a peer broke the protocol.
    SessionRefused {
        /// Address.
        client_addr: String,
        /// The user name it gave.
        user: Option<String>,
        /// Why.
        why: String,
    },
    /// A session ended.
    SessionClosed {
        /// Session.
        session: SessionId,
        /// Who ended it and why.
        why: String,
    },
    /// A statement ended, whatever became of it.
    Statement(Box<StatementEvent>),
    /// A gated statement is about to be sent: recorded and durable before it is.
    Intent {
        /// Session.
        session: SessionId,
        /// Statement.
        statement: StatementId,
        /// Agent.
        agent: AgentName,
        /// The approval that is spent.
        approval: ApprovalId,
        /// Its digest.
        digest: String,
    },
    /// An approval was made.
    ApprovalRequested {
        /// Which.
        approval: ApprovalId,
        /// By whom.
        agent: AgentName,
        /// Digest.
        digest: String,
        /// The rules that hold it.
        rules: Vec<String>,
    },
    /// A person decided.
    ApprovalDecided {
        /// Which.
        approval: ApprovalId,
        /// Who.
        person: PersonName,
        /// `approve`, `deny`, `revoke`.
        verdict: String,
        /// Surface.
        via: String,
        /// How sure we are.
        assurance: String,
        /// Reason.
        reason: Option<String>,
        /// The digest that was shown.
        digest: String,
    },
    /// A decision was refused: self-approval, wrong group, stale digest …
    DecisionRefused {
        /// Which.
        approval: ApprovalId,
        /// Who tried.
        person: PersonName,
        /// Why not.
        why: String,
    },
    /// A person made a remark on a request.
    ApprovalCommented {
        /// Which.
        approval: ApprovalId,
        /// Who.
        person: PersonName,
        /// The remark.
        text: String,
        /// Surface.
        via: String,
    },
    /// An approval changed its state.
    ApprovalState {
        /// Which.
        approval: ApprovalId,
        /// New state.
        state: String,
        /// Who or what brought it there, where no decision says so.
        why: Option<String>,
    },
    /// What the records just before announced for this approval could not be kept, and so did not happen.
    ApprovalUnchanged {
        /// Which.
        approval: ApprovalId,
        /// What failed.
        why: String,
    },
    /// Ordinary records were dropped: the log could not be written and its queue was full.
    RecordsLost {
        /// How many.
        count: u64,
    },
    /// Lineage and the server's word disagree about a result.
    Disagreement {
        /// Session.
        session: SessionId,
        /// Statement.
        statement: StatementId,
        /// What differed.
        what: String,
    },
    /// Rules were loaded.
    RulesLoaded {
        /// Content hash.
        version: String,
        /// Who or what asked for it.
        by: String,
    },
    /// Rules were refused; the old ones stay.
    RulesRejected {
        /// Why.
        why: String,
    },
    /// An agent, token or the kill switch was changed.
    IdentityChanged {
        /// Who did it.
        by: PersonName,
        /// What: `agent reporting-bot added`, `token t1 revoked`, …
        what: String,
    },
    /// A grant was proposed, given, denied or taken back.
    GrantChanged {
        /// Which.
        grant: GrantId,
        /// The approval it comes from.
        approval: ApprovalId,
        /// Who.
        by: Option<PersonName>,
        /// What, with the terms.
        what: String,
        /// Where it stands now.
        state: String,
    },
    /// A statement is about to be sent by a grant: recorded and durable before it is.
    GrantUsed {
        /// Which.
        grant: GrantId,
        /// The approval it comes from.
        approval: ApprovalId,
        /// Agent.
        agent: AgentName,
        /// Session.
        session: SessionId,
        /// Statement.
        statement: StatementId,
        /// The digest of what is sent.
        digest: String,
        /// Which run it is, from 1.
        run: u32,
    },
    /// A message about an approval, or about the installation, reached its channel.
    Notified {
        /// The channel's name.
        channel: String,
        /// What was told, such as `approval.requested`.
        event: String,
        /// The approval it is about.
        approval: Option<ApprovalId>,
        /// Attempts it took.
        attempts: u32,
    },
    /// A message could not be delivered. The approval stays as it is.
    NotificationFailed {
        /// The channel's name.
        channel: String,
        /// What was to be told.
        event: String,
        /// The approval it is about.
        approval: Option<ApprovalId>,
        /// What went wrong.
        why: String,
        /// Nothing more is tried by itself.
        given_up: bool,
    },
    /// Somebody signed in at the page, or was not let in.
    SignIn {
        /// Who; `None` for a name nobody has, which may be a password in the wrong field.
        person: Option<PersonName>,
        /// `password`, `link`, `oidc`.
        how: String,
        /// Address.
        client_addr: Option<String>,
        /// Why not; `None`: signed in.
        refused: Option<String>,
    },
    /// The audit log or approvals were read through the API or the command line.
    Accessed {
        /// Who.
        by: PersonName,
        /// What.
        what: String,
    },
}

impl Event {
    /// The approval it is about, if it is about one.
    pub fn approval(&self) -> Option<&ApprovalId> {
        match self {
            Self::Statement(statement) => statement.approval.as_ref(),
            Self::Intent { approval, .. }
            | Self::ApprovalRequested { approval, .. }
            | Self::ApprovalDecided { approval, .. }
            | Self::DecisionRefused { approval, .. }
            | Self::ApprovalCommented { approval, .. }
            | Self::ApprovalState { approval, .. }
            | Self::ApprovalUnchanged { approval, .. }
            | Self::GrantChanged { approval, .. }
            | Self::GrantUsed { approval, .. } => Some(approval),
            Self::Notified { approval, .. } | Self::NotificationFailed { approval, .. } => approval.as_ref(),
            _ => None,
        }
    }
}

/// The closing record of one statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementEvent {
    /// Session.
    pub session: SessionId,
    /// Statement.
    pub statement: StatementId,
    /// Agent.
    pub agent: AgentName,
    /// `databases:` key.
    pub database: String,
    /// Hex fingerprint of the normalised text.
    pub fingerprint: String,
    /// Normalised text: literals replaced, at most 1 KiB.
    pub text: String,
    /// Actions.
    pub actions: Vec<Action>,
    /// `schema.name` of relations.
    pub relations: Vec<String>,
    /// Classes touched.
    pub classes: Vec<String>,
    /// `allow`, `hold`, `deny`.
    pub verdict: String,
    /// Rules that matched.
    pub rules: Vec<String>,
    /// The approval, if held.
    pub approval: Option<ApprovalId>,
    /// The role it ran in, if not in the session's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// `ok`, `error`, `refused`, `cancelled`, `unknown`.
    pub outcome: String,
    /// SQLSTATE or errno.
    pub code: Option<String>,
    /// Rows returned or changed.
    pub rows: u64,
    /// Bytes sent to the client.
    pub bytes: u64,
    /// Masked result columns, by name.
    pub masked: Vec<String>,
    /// Milliseconds from the client's message to the end of the answer, holds included.
    pub duration_ms: u64,
}

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Position, from 0, without gaps.
    pub seq: u64,
    /// When it was appended.
    pub at: Timestamp,
    /// Hex SHA-256 of the record before, in canonical JSON; 64 zeros for the first.
    pub prev: String,
    /// What happened.
    pub event: Event,
}
