//! What all sessions of the process share.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::audit::log::AuditLog;
use crate::clock::Clock;
use crate::config::Config;
use crate::gate::budget::Budgets;
use crate::gate::desk::Desk;
use crate::gate::desk::grants::Grants;
use crate::gate::inherit::Inheritance;
use crate::masking::plan::Keys;
use crate::session::keeper::Keeper;

/// Handles that every session needs; cheap to clone through the `Arc` around it.
pub struct Services {
    /// Settings.
    pub config: Arc<Config>,
    /// Where statements wait.
    pub desk: Arc<Desk>,
    /// Standing approvals.
    pub grants: Arc<Grants>,
    /// The audit log.
    pub audit: Arc<AuditLog>,
    /// One keeper per database.
    pub keepers: BTreeMap<String, Arc<Keeper>>,
    /// Keys of keyed masks.
    pub mask_keys: Arc<Keys>,
    /// Classes that columns inherited.
    pub inheritance: Arc<Inheritance>,
    /// What agents used of their budgets.
    pub budgets: Arc<Budgets>,
    /// Now.
    pub clock: Arc<dyn Clock>,
    /// Set when the process drains: no new statement starts, held clients are told.
    pub draining: tokio_util::sync::CancellationToken,
}
