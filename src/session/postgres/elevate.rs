//! The role that a released statement runs in: taken before it, given back before anything else is sent.
//!
//! A failed transaction takes the role back itself when it is rolled back (manual, "SET"), and accepts nothing before that.

use bytes::Bytes;

use crate::gate::refusal::Refusal;
use crate::pg::compose;
use crate::pg::diagnostics::sqlstate;
use crate::pg::messages::extended::Execute;
use crate::session::core::End;
use crate::session::core::elevate::Elevated;
use crate::session::core::hold::Warrant;
use crate::session::postgres::Session;
use crate::session::postgres::ask::Rows;

/// Where names are looked for, and the role as `SET ROLE` takes it.
const BEFORE: &str = "SELECT pg_catalog.current_schemas(true)::text, pg_catalog.current_setting('role')";

impl Session {
    /// Takes the role that a released statement runs in. The inner error: it cannot be had, or names would mean something else
    /// in it; the session is in its own role then, and the statement must not run.
    pub(super) async fn raise(&mut self, warrant: &Warrant) -> Result<Result<(), Refusal>, End> {
        let Some(role) = warrant.role.clone() else { return Ok(Ok(())) };
        let Some(before) = first(self.ask_now(BEFORE).await?) else { return Ok(Err(self.unraised(warrant, ""))) };
        let back = set_role(before.get(1).map_or("none", |role| role));
        if let Err(error) = self.ask_now(&set_role(&role)).await? {
            return Ok(Err(self.unraised(warrant, &sqlstate(&error))));
        }
        self.elevated = Some(Elevated { back, used: false });
        let after = first(self.ask_now(BEFORE).await?);
        if after.as_ref().and_then(|after| after.first()) != before.first() {
            self.lower().await?;
            return Ok(Err(self.unraised(warrant, "names would be looked for elsewhere")));
        }
        Ok(Ok(()))
    }

    /// It was released and is not run.
    fn unraised(&self, warrant: &Warrant, why: &str) -> Refusal {
        if let Some(approval) = warrant.approval.clone() {
            self.core.finish_unused(approval, None);
        }
        let role = warrant.role.as_deref().unwrap_or_default();
        let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
        Refusal::unavailable(warrant.approval.as_ref(), &format!("the role {role} cannot be taken for it{why}"))
    }

    /// What the role was taken for is on its way.
    pub(super) fn role_is_used(&mut self) {
        if let Some(elevated) = &mut self.elevated {
            elevated.used = true;
        }
    }

    /// Brings the session's own role back before this message, unless it is about the statement that the other one was taken
    /// for: its Execute, and what may stand between its Bind and that.
    pub(super) async fn lower_before(&mut self, kind: u8, message: &[u8]) -> Result<(), End> {
        let Some(elevated) = &mut self.elevated else { return Ok(()) };
        match kind {
            b'D' | b'C' | b'H' => Ok(()),
            // Whatever was bound is gone, or goes on in the session's own role.
            b'S' => {
                elevated.used = true;
                Ok(())
            }
            b'E' if !elevated.used && self.raised_for(message) => Ok(()),
            _ => self.lower().await,
        }
    }

    fn raised_for(&self, message: &[u8]) -> bool {
        let portal = |execute: Execute<'_>| {
            self.extended.portals.get(execute.portal).is_some_and(|one| one.warrant.role.is_some())
        };
        Execute::decode(message.get(5..).unwrap_or_default()).is_ok_and(portal)
    }

    /// The statement has been answered: is the role to be given back now?
    pub(super) fn is_to_be_lowered(&self) -> bool {
        let used = self.elevated.as_ref().is_some_and(|elevated| elevated.used);
        used && self.ledger.is_empty() && !self.extended.skipping && self.status != b'E'
    }

    /// Brings the session's own role back, once nothing is under way. Where the server accepts nothing now, it stays to be done:
    /// nothing can run in the other role there.
    ///
    /// # Errors
    /// It cannot be brought back: the session must end.
    pub(super) async fn lower(&mut self) -> Result<(), End> {
        self.settle_upstream().await?;
        if self.status == b'E' || self.extended.skipping {
            return Ok(());
        }
        let Some(elevated) = self.elevated.take() else { return Ok(()) };
        self.extended.portals.values_mut().for_each(|portal| portal.warrant.role = None);
        match self.ask_now(&elevated.back).await? {
            Ok(_) => Ok(()),
            // FAIL CLOSED: nothing more may run in a role that was lent.
            Err(_) => Err(End::Proxy("the session's own role could not be taken back".to_owned())),
        }
    }

    /// A question in the midst of a pipeline, if one has begun: a Sync of ours would end its transaction.
    async fn ask_now(&mut self, sql: &str) -> Result<Result<Rows, Bytes>, End> {
        self.ask_within(sql, !self.extended.executed).await
    }
}

fn set_role(role: &str) -> String {
    match role {
        "none" => "SET ROLE none".to_owned(),
        name => format!("SET ROLE {}", compose::identifier(name)),
    }
}

fn first(answer: Result<Rows, Bytes>) -> Option<Vec<String>> {
    answer.ok()?.into_iter().next()?.into_iter().collect()
}
