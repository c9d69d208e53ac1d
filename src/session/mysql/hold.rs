//! A gated text or execution: asked upstream whether it would run at all, held, then sent or refused.

use std::sync::Arc;

use crate::gate::refusal::Refusal;
use crate::mysql::refusal;
use crate::policy::ruling::ApprovalPolicy;
use crate::session::core::hold::{Held, Waited, hold};
use crate::session::core::{End, Parameter};
use crate::session::judge::Judged;
use crate::session::mysql::Session;
use crate::session::mysql::prepared::Bound;

impl Session {
    /// Holds a text, then sends it or answers with the refusal.
    pub(super) async fn hold_query(&mut self, judged: Arc<Judged>, policy: ApprovalPolicy) -> Result<(), End> {
        self.drain().await?;
        if judged.statements.len() == 1 {
            let text = judged.text.clone();
            if let Err(error) = self.ask_prepare(&text).await? {
                // Preparing reads no rows, so its errors quote the client's own text and names only.
                let shown = self.shown_error(false, &error);
                self.put(|out| out.extend_from_slice(&shown));
                return Ok(());
            }
        }
        let held = Held { judged: &judged, parameters: &[], policy, rows_so_far: None };
        match hold(self, held).await? {
            Waited::Released(release, warrant) => {
                self.drain().await?;
                let text = judged.text.clone();
                self.send_query(release, judged, &text, warrant);
            }
            Waited::Refused(refused) => self.refuse_judged(&judged, &refused),
        }
        Ok(())
    }

    /// Holds an execution, then sends it or answers with the refusal.
    pub(super) async fn hold_execute(
        &mut self,
        bound: Bound,
        parameters: &[Parameter],
        policy: ApprovalPolicy,
    ) -> Result<(), End> {
        self.drain().await?;
        let judged = bound.judged.clone();
        let held = Held { judged: &judged, parameters, policy, rows_so_far: None };
        match hold(self, held).await? {
            Waited::Released(release, warrant) => {
                self.drain().await?;
                self.send_execute(release, bound, warrant);
            }
            Waited::Refused(refused) => self.refuse_judged(&judged, &refused),
        }
        Ok(())
    }

    /// A refusal as the whole answer to the present command.
    pub(super) fn refuse_judged(&mut self, judged: &Judged, refused: &Refusal) {
        let error = refusal::of(refused);
        self.core.tell_refused(judged, refused, &error.code.to_string());
        self.refuse(&error);
    }
}
