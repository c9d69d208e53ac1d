//! A gated Query or Bind: asked upstream whether it would run at all, held, then sent or refused.

use std::sync::Arc;

use bytes::Bytes;

use crate::gate::refusal::Refusal;
use crate::pg::refusal;
use crate::policy::ruling::ApprovalPolicy;
use crate::session::core::hold::{Held, Waited, hold};
use crate::session::core::{End, Parameter};
use crate::session::judge::Judged;
use crate::session::postgres::Session;
use crate::session::postgres::statements::{Prepared, Stash};

impl Session {
    /// Holds a simple Query, then sends it or answers with the refusal.
    pub(super) async fn hold_query(
        &mut self,
        judged: Arc<Judged>,
        policy: ApprovalPolicy,
        message: Bytes,
    ) -> Result<(), End> {
        self.settle_upstream().await?;
        if judged.statements.len() == 1 && self.status != b'E' {
            let text = judged.text.clone();
            if let Err(error) = self.ask_parse(&text).await?
                && !(self.status != b'E' && self.is_for_another_role(&judged, &error))
            {
                // Parsing reads no table, so its errors quote the client's own text and names only.
                let shown = if self.core.tainted { crate::pg::diagnostics::scrubbed(&error) } else { error };
                return self.answer_error(shown).await;
            }
        }
        let held = Held { judged: &judged, parameters: &[], policy, rows_so_far: None };
        match hold(self, held).await? {
            Waited::Released(release, warrant) => match self.raise(&warrant).await? {
                Ok(()) => {
                    self.send_query(release, judged, &message, warrant);
                    self.role_is_used();
                    Ok(())
                }
                Err(refused) => self.refuse_query(&judged, &refused).await,
            },
            Waited::Refused(refused) => self.refuse_query(&judged, &refused).await,
        }
    }

    /// Holds a stashed Bind, then sends it with what was stashed behind it, or refuses.
    pub(super) async fn hold_bind(&mut self, mut stash: Stash) -> Result<(), End> {
        self.settle_upstream().await?;
        if self.extended.skipping {
            return Ok(());
        }
        retype(&stash.prepared, &mut stash.parameters);
        let Some(policy) = stash.judged.approval_policy() else {
            self.fail_extended(refusal::encode(&Refusal::unavailable(None, "the rules do not say who may approve")));
            return Ok(());
        };
        let held = Held { judged: &stash.judged, parameters: &stash.parameters, policy, rows_so_far: None };
        match hold(self, held).await? {
            Waited::Released(release, warrant) => {
                if let Err(refused) = self.raise(&warrant).await? {
                    self.tell_refused(&stash.judged, &refused);
                    self.fail_extended(refusal::encode(&refused));
                    return Ok(());
                }
                self.send_released(release, &stash.frames);
                for owed in stash.owed {
                    self.ledger.push(owed);
                }
                self.on_bound(&stash.judged);
                self.open_portal(stash.portal, stash.prepared, stash.judged, stash.formats, warrant);
            }
            Waited::Refused(refused) => {
                self.tell_refused(&stash.judged, &refused);
                self.fail_extended(refusal::encode(&refused));
            }
        }
        Ok(())
    }

    /// The name of a portal is free again, and what was approved for it is closed.
    pub(super) fn close_portal_record(&mut self, name: &[u8]) {
        if let Some(portal) = self.extended.portals.remove(name) {
            self.finish_unused(portal);
        }
    }
}

/// Parameter types become known when the server has described the statement.
fn retype(prepared: &Prepared, parameters: &mut [Parameter]) {
    if let Some(described) = prepared.description.parameters.get() {
        for (parameter, oid) in parameters.iter_mut().zip(described) {
            parameter.oid = *oid;
        }
    }
}
