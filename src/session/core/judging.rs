//! From text to judgement: a fresh scope, a fresh catalog, the planner's word if it matters, then the rules.

use std::sync::Arc;

use bytes::Bytes;

use crate::policy::judge::Evidence;
use crate::session::core::wire::Wire;
use crate::session::core::{End, Transaction};
use crate::session::judge::Judged;

/// What came of judging a text.
pub(in crate::session) enum Asked {
    /// Judged.
    Judged(Arc<Judged>),
    /// The upstream refused to plan it: its error, as the client may see it.
    Refused(Bytes),
}

/// Reads and judges a text without asking the planner.
pub(in crate::session) async fn judge_reading<W: Wire>(wire: &mut W, text: &Arc<str>) -> Result<Arc<Judged>, End> {
    refresh_reading(wire).await?;
    let mut world = wire.core().world().await?;
    let mut judged = wire.core().judge_once(text, &world, &[]);
    let missed = judged.statements.iter().any(|one| one.statement.footprint.unresolved);
    if missed && wire.transaction() != Transaction::Failed {
        if let Err(error) = wire.core().keeper.refresh_for_miss().await {
            tracing::warn!(%error, "catalog not refreshed after a name was not found");
        }
        world = wire.core().world().await?;
        judged = wire.core().judge_once(text, &world, &[]);
    }
    Ok(judged)
}

/// Asks the server for what decides reading, if something may have changed it.
///
/// # Errors
/// The session has ended.
pub(in crate::session) async fn refresh_reading<W: Wire>(wire: &mut W) -> Result<(), End> {
    let reading = &wire.core().reading;
    if !reading.catalog_stale && !reading.stale {
        return Ok(());
    }
    wire.settle().await?;
    if wire.core().reading.catalog_stale && wire.transaction() == Transaction::Idle {
        wire.core().keeper.refresh().await.map_err(|error| End::Proxy(error.to_string()))?;
        wire.core().reading.catalog_stale = false;
    }
    // A server that cannot be asked leaves the reading stale: all but the end of a transaction is opaque then.
    if wire.core().reading.stale
        && let Some(scope) = wire.ask_scope().await?
    {
        wire.core().reading.learn(scope);
    }
    Ok(())
}

/// What is to run in another role is not planned inside a transaction: the session's own role may not do it, and an error
/// would fail the transaction.
pub(in crate::session) fn unasked<W: Wire>(wire: &mut W, judged: &Judged) -> bool {
    wire.transaction() != Transaction::Idle && wire.core().role_for(judged).is_some()
}

/// Judges a text, asking the planner where its word could change the ruling.
pub(in crate::session) async fn judge_text<W: Wire>(wire: &mut W, text: &Arc<str>) -> Result<Asked, End> {
    let judged = judge_reading(wire, text).await?;
    if !judged.statements.iter().any(|one| one.wants_estimate) || wire.transaction() == Transaction::Failed {
        return Ok(Asked::Judged(wire.core().within_budgets(text, judged)));
    }
    let mut evidence = Vec::with_capacity(judged.statements.len());
    for (index, one) in judged.statements.iter().enumerate() {
        if !one.wants_estimate || unasked(wire, &judged) {
            evidence.push(Evidence::default());
        } else if let Some(kept) = wire.core().keeper.estimate(text, index) {
            evidence.push(kept);
        } else {
            wire.settle().await?;
            match wire.ask_estimate(one).await? {
                Ok(word) => {
                    wire.core().keeper.keep_estimate(text, index, word);
                    evidence.push(word);
                }
                // A later statement of a batch may rest on an earlier one, so that it cannot be planned yet.
                Err(_) if judged.statements.len() > 1 => evidence.push(Evidence::default()),
                // The session's own role may not do it, and nobody has let it run in the other one yet.
                Err(error) if wire.lacks_privilege(&error) && wire.core().role_for(&judged).is_some() => {
                    evidence.push(Evidence::default());
                }
                Err(error) => return Ok(Asked::Refused(wire.reword(&judged, &error))),
            }
        }
    }
    let judged = wire.core().judge_with(&judged, &evidence);
    Ok(Asked::Judged(wire.core().within_budgets(text, judged)))
}
