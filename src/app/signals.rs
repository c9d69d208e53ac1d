//! Signals, as pgbouncer's users know them: HUP reloads, TERM and INT drain, a second one ends at once.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::app::Reread;
use crate::app::rulebook::Rulebook;
use crate::identity::ids::PersonName;

/// Watches for signals until the process ends.
pub async fn watch(rules: Arc<Rulebook>, reread: Reread, draining: CancellationToken) {
    let (Ok(mut hup), Ok(mut term), Ok(mut int)) =
        (signal(SignalKind::hangup()), signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be watched");
        return;
    };
    loop {
        tokio::select! {
            _ = hup.recv() => reload(&rules, &reread).await,
            _ = term.recv() => drain(&draining, "SIGTERM"),
            _ = int.recv() => drain(&draining, "SIGINT"),
        }
    }
}

async fn reload(rules: &Rulebook, reread: &Reread) {
    match rules.reload_all(reread, PersonName("SIGHUP".to_owned())).await {
        Ok(version) => tracing::info!(version, "reloaded"),
        Err(why) => tracing::error!(why, "not reloaded, the old settings and rules stay"),
    }
}

fn drain(draining: &CancellationToken, signal: &str) {
    if draining.is_cancelled() {
        tracing::warn!(signal, "ending at once");
        std::process::exit(1);
    }
    tracing::info!(signal, "draining");
    draining.cancel();
}
