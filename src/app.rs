//! The composition root (the session part is written elsewhere).

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use crate::audit::{
    self,
    log::{AuditLog, LogOptions},
};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::store::rocks::RocksStore;

/// The system's clock.
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// Runs the proxy until it is told to stop. `file` is read again at SIGHUP.
///
/// # Errors
/// Something it needs cannot be had.
pub async fn run(_config: Config, _file: PathBuf) -> anyhow::Result<()> {
    anyhow::bail!("the session part is written elsewhere")
}

/// Opens the audit log of a store, and starts its task.
///
/// # Errors
/// The log does not end as it says, or the store fails.
pub async fn open_audit(
    config: &Config,
    store: &Arc<RocksStore>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Arc<AuditLog>> {
    let signer = audit::log::signer(store.as_ref()).await.context("keys cannot be kept")?;
    let options = LogOptions {
        sync_every: config.audit.sync_every,
        checkpoint_every: config.audit.checkpoint_every,
        checkpoint_file: config.audit.checkpoint_file.clone(),
        ..LogOptions::default()
    };
    AuditLog::start(store.clone(), signer, clock.clone(), options).await.context("the audit log cannot be opened")
}
