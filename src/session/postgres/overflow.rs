//! A result that would cross its ceiling stops in the middle, upstream unread, until a person says that it may go on.

use crate::gate::life::End as ApprovalEnd;
use crate::pg::refusal;
use crate::session::core::End;
use crate::session::core::hold::{Held, Waited, hold};
use crate::session::postgres::Session;
use crate::session::stream::link::Interest;

/// How long an upstream may take to answer the cancel of a refused result.
const CANCEL_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);

impl Session {
    /// Holds the running statement at the row that would cross its ceiling; goes on or ends it.
    pub(super) async fn hold_in_mid_result(&mut self) -> Result<(), End> {
        let Some((running, _)) = self.running() else {
            self.overflow = false;
            return Ok(());
        };
        let (judged, wording) = (running.judged.clone(), running.wording.clone());
        let rows = running.rows_before + running.rows;
        let judged = self.core.exactly(&judged, &wording);
        match hold(self, Held::in_mid_result(&judged, &wording, rows)).await? {
            Waited::Released(_release, warrant) => {
                self.overflow = false;
                if let Some((running, _)) = self.running() {
                    running.ceiling = None;
                    let earlier = std::mem::replace(&mut running.approval, warrant.approval);
                    if let Some(earlier) = earlier {
                        let end = ApprovalEnd { ok: true, rows: Some(rows), code: None, unknown: false };
                        self.core.finish_approval(earlier, end);
                    }
                }
                Ok(())
            }
            Waited::Refused(refused) => {
                self.tell_refused(&judged, &refused);
                self.link.to_client.extend_from_slice(&refusal::encode(&refused));
                if let Some((running, _)) = self.running() {
                    running.discard = true;
                }
                self.overflow = false;
                self.cancel_result().await
            }
        }
    }

    /// Cancels a refused result upstream and drops what still comes, up to its end.
    async fn cancel_result(&mut self) -> Result<(), End> {
        let asked = self.cancel_upstream();
        let deadline = tokio::time::Instant::now() + CANCEL_LIMIT;
        while self.running().is_some_and(|(running, _)| running.discard) {
            let interest = Interest { client: self.interest().client, upstream: true };
            let turn = tokio::select! {
                turn = self.link.turn(interest) => turn,
                () = tokio::time::sleep_until(deadline) => {
                    return Err(End::Proxy("a refused result could not be cancelled upstream".to_owned()));
                }
            };
            self.on_turn(&turn)?;
            self.answers()?;
        }
        // A request that is still on its way would hit the next statement.
        let _ = tokio::time::timeout_at(deadline, asked).await;
        Ok(())
    }
}
