//! The column families: what each holds, by what key.

/// One column family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
}

/// `schema` -> the layout's version, in decimal.
pub(super) const META: Column = Column { name: "meta" };
/// Approval id -> approval.
pub(super) const APPROVALS: Column = Column { name: "approvals" };
/// Creation time (8 bytes, big-endian milliseconds) and id -> nothing. For listing, newest first.
pub(super) const APPROVALS_BY_TIME: Column = Column { name: "approvals_by_time" };
/// Id of every approval that has not ended -> nothing.
pub(super) const APPROVALS_OPEN: Column = Column { name: "approvals_open" };
/// Agent name -> agent.
pub(super) const AGENTS: Column = Column { name: "agents" };
/// Token id -> token (hashes only).
pub(super) const TOKENS: Column = Column { name: "tokens" };
/// Person -> password and link (hashes only).
pub(super) const LOGINS: Column = Column { name: "logins" };
/// Hash of the cookie -> signed-in browser.
pub(super) const BROWSER_SESSIONS: Column = Column { name: "browser_sessions" };
/// Key name -> 32 secret bytes.
pub(super) const KEYS: Column = Column { name: "keys" };
/// Database, relation, column number and class -> inherited class.
pub(super) const INHERITED: Column = Column { name: "inherited" };
/// Agent and class -> what of the budget was used when.
pub(super) const BUDGETS: Column = Column { name: "budgets" };
/// Position (8 bytes, big-endian) -> audit record in canonical JSON.
pub(super) const AUDIT: Column = Column { name: "audit" };
/// Records covered (8 bytes, big-endian) -> checkpoint.
pub(super) const CHECKPOINTS: Column = Column { name: "checkpoints" };
/// Approval id and version (8 bytes, big-endian) -> change that nobody has been told of.
pub(super) const CHANGES: Column = Column { name: "changes" };
/// Channel, a zero byte and number (8 bytes, big-endian) -> delivery.
pub(super) const OUTBOX: Column = Column { name: "outbox" };
/// The same key, for every delivery that waits -> nothing.
pub(super) const OUTBOX_WAITING: Column = Column { name: "outbox_waiting" };
/// Space, a zero byte and key -> note.
pub(super) const NOTES: Column = Column { name: "notes" };
/// Grant id -> grant.
pub(super) const GRANTS: Column = Column { name: "grants" };
/// Approval id -> what a grant from it would be bound to.
pub(super) const SHAPES: Column = Column { name: "shapes" };

/// All of them.
pub(super) const ALL: [Column; 19] = [
    META,
    APPROVALS,
    APPROVALS_BY_TIME,
    APPROVALS_OPEN,
    AGENTS,
    TOKENS,
    KEYS,
    INHERITED,
    BUDGETS,
    AUDIT,
    CHECKPOINTS,
    CHANGES,
    OUTBOX,
    OUTBOX_WAITING,
    NOTES,
    GRANTS,
    SHAPES,
    LOGINS,
    BROWSER_SESSIONS,
];
