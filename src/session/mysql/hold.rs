//! A gated text or execution: asked upstream whether it would run at all, held, then sent or refused.

use std::sync::Arc;

use crate::gate::refusal::Refusal;
use crate::mysql::packets::error::ErrPacket;
use crate::mysql::refusal;
use crate::policy::ruling::ApprovalPolicy;
use crate::session::core::elevate::Elevated;
use crate::session::core::hold::{Held, Waited, Warrant, hold};
use crate::session::core::{End, Parameter};
use crate::session::judge::Judged;
use crate::session::mysql::Session;
use crate::session::mysql::prepared::Bound;
use crate::statement::scope::{Dialect, Flavour};

impl Session {
    /// Holds a text, then sends it or answers with the refusal.
    pub(super) async fn hold_query(&mut self, judged: Arc<Judged>, policy: ApprovalPolicy) -> Result<(), End> {
        self.drain().await?;
        if judged.statements.len() == 1 {
            let text = judged.text.clone();
            if let Err(error) = self.ask_prepare(&text).await?
                && !self.is_for_another_role(&judged, &error)
            {
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
                match self.raise(&warrant).await? {
                    Ok(()) => self.send_query(release, judged, &text, warrant),
                    Err(refused) => self.refuse_judged(&judged, &refused),
                }
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
                match self.raise(&warrant).await? {
                    Ok(()) => self.send_execute(release, bound, warrant),
                    Err(refused) => self.refuse_judged(&judged, &refused),
                }
            }
            Waited::Refused(refused) => self.refuse_judged(&judged, &refused),
        }
        Ok(())
    }

    /// Takes the role that a released statement runs in. Nothing may be under way. The inner error: it cannot be had, and the
    /// statement must not run. Roles that were active stay so where the server can have several.
    async fn raise(&mut self, warrant: &Warrant) -> Result<Result<(), Refusal>, End> {
        let Some(role) = &warrant.role else { return Ok(Ok(())) };
        let active = self.ask("SELECT CURRENT_ROLE()").await?.unwrap_or_default();
        let active = active.into_iter().next().and_then(|row| row.into_iter().next()).flatten();
        let maria =
            matches!(&self.core.reading.scope.dialect, Dialect::MySql(reading) if reading.flavour == Flavour::MariaDb);
        let active = active.filter(|active| active != "NONE").map(|name| if maria { identifier(&name) } else { name });
        let wanted = account(role);
        let several = active.as_ref().filter(|_| !maria).map(|active| format!("{active}, "));
        let taken = self.ask(&format!("SET ROLE {}{wanted}", several.unwrap_or_default())).await?;
        if let Err(error) = taken {
            if let Some(approval) = warrant.approval.clone() {
                self.core.finish_unused(approval, None);
            }
            let code = ErrPacket::decode(&error).map_or(0, |error| error.code);
            let why = format!("the role {role} cannot be taken for it ({code})");
            return Ok(Err(Refusal::unavailable(warrant.approval.as_ref(), &why)));
        }
        let back = format!("SET ROLE {}", active.as_deref().unwrap_or("NONE"));
        self.elevated = Some(Elevated { back, used: true });
        Ok(Ok(()))
    }

    /// Brings back the roles that were active. Nothing may be under way.
    ///
    /// # Errors
    /// They cannot be brought back: the session must end.
    pub(super) async fn lower(&mut self) -> Result<(), End> {
        let Some(elevated) = self.elevated.take() else { return Ok(()) };
        match self.ask(&elevated.back).await? {
            Ok(_) => Ok(()),
            // FAIL CLOSED: nothing more may run in a role that was lent.
            Err(_) => Err(End::Proxy("the session's own role could not be taken back".to_owned())),
        }
    }

    /// A refusal as the whole answer to the present command.
    pub(super) fn refuse_judged(&mut self, judged: &Judged, refused: &Refusal) {
        let error = refusal::of(refused);
        self.core.tell_refused(judged, refused, &error.code.to_string());
        self.refuse(&error);
    }
}

/// A name as it stands in SQL, quoted (manual, "Schema Object Names").
fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A role with the host it was written with, if it was.
fn account(role: &str) -> String {
    match role.rsplit_once('@') {
        Some((name, host)) => format!("{}@{}", identifier(name), identifier(host)),
        None => identifier(role),
    }
}
