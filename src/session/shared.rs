//! What all sessions of the process share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::audit::log::AuditLog;
use crate::clock::Clock;
use crate::config::Config;
use crate::gate::desk::Desk;
use crate::identity::ids::SessionId;
use crate::masking::plan::Keys;
use crate::session::keeper::Keeper;

/// Handles that every session needs; cheap to clone through the `Arc` around it.
pub struct Shared {
    /// Settings.
    pub config: Arc<Config>,
    /// Where statements wait.
    pub desk: Arc<Desk>,
    /// The audit log.
    pub audit: Arc<AuditLog>,
    /// One keeper per database.
    pub keepers: BTreeMap<String, Arc<Keeper>>,
    /// Keys of keyed masks.
    pub mask_keys: Arc<Keys>,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Set when the process drains: no new statement starts, held clients are told.
    pub draining: tokio_util::sync::CancellationToken,
    sessions: AtomicU64,
}

impl Shared {
    /// Puts the handles together.
    pub fn new(
        config: Arc<Config>,
        gate: (Arc<Desk>, Arc<AuditLog>),
        keepers: BTreeMap<String, Arc<Keeper>>,
        mask_keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (desk, audit) = gate;
        let draining = tokio_util::sync::CancellationToken::new();
        Self { config, desk, audit, keepers, mask_keys, clock, draining, sessions: AtomicU64::new(0) }
    }

    /// The next session's id.
    pub fn next_session(&self) -> SessionId {
        SessionId(self.sessions.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
