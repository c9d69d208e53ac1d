//! What judging asks of a PostgreSQL server, and what released statements change here.

use std::sync::Arc;

use bytes::Bytes;

use crate::gate::desk::ticket::Ticket;
use crate::identity::ids::ApprovalId;
use crate::pg::diagnostics::sqlstate;
use crate::pg::{compose, refusal};
use crate::policy::judge::Evidence;
use crate::session::core::judging::{judge_reading, unasked};
use crate::session::core::wire::Wire;
use crate::session::core::{Core, End, Transaction};
use crate::session::judge::{Judged, Judgement};
use crate::session::postgres::Session;
use crate::session::postgres::statements::Prepared;
use crate::session::stream::link::Interest;
use crate::statement::footprint::{RowBound, SessionEffect};
use crate::statement::scope::{Scope, ask};

/// Clients with somebody reading along: they are told by a NOTICE that a statement is held.
const TERMINALS: [&str; 4] = ["psql", "pgcli", "DBeaver", "pgAdmin"];

/// The manual's `insufficient_privilege`.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

impl Wire for Session {
    fn core(&mut self) -> &mut Core {
        &mut self.core
    }

    fn transaction(&self) -> Transaction {
        match self.status {
            b'E' => Transaction::Failed,
            b'T' => Transaction::Open,
            _ if self.extended.executed => Transaction::Open,
            _ => Transaction::Idle,
        }
    }

    async fn settle(&mut self) -> Result<(), End> {
        self.settle_upstream().await
    }

    /// In a transaction that has failed the server answers nothing. In a pipeline that has begun, a question of ours would end
    /// it.
    async fn ask_scope(&mut self) -> Result<Option<Scope>, End> {
        if self.status == b'E' || self.extended.executed {
            return Ok(None);
        }
        let Ok(rows) = self.ask(ask::QUERY).await? else { return Ok(None) };
        Ok(rows.first().and_then(|row| ask::answer(row)))
    }

    async fn ask_estimate(&mut self, one: &Judgement) -> Result<Result<Evidence, Bytes>, End> {
        let text = one.statement.text.clone();
        self.estimate(&text, None).await
    }

    fn reword(&self, judged: &Judged, error: &[u8]) -> Bytes {
        if judged.tainted() || self.core.tainted {
            return crate::pg::diagnostics::scrubbed(error);
        }
        Bytes::copy_from_slice(error)
    }

    fn lacks_privilege(&self, error: &[u8]) -> bool {
        sqlstate(error) == INSUFFICIENT_PRIVILEGE
    }

    async fn lock_situation(&mut self) -> Result<Option<String>, End> {
        self.locks().await
    }

    async fn held_turn(&mut self) -> Result<(), End> {
        let interest = Interest { client: self.interest().client, upstream: !self.overflow };
        let turn = self.link.turn(interest).await;
        self.on_turn(&turn)?;
        if self.overflow { Ok(()) } else { self.answers() }
    }

    fn beat(&mut self, approval: &ApprovalId) {
        if !self.overflow {
            self.beat_upstream();
        }
        if self.passing == 0 {
            self.link.to_client.extend_from_slice(&compose::parameter_status("holdpoint.hold", approval.as_str()));
        }
    }

    /// A NOTICE for terminals; nothing chatty for programs.
    fn announce(&mut self, ticket: &Ticket) {
        let name = self.core.said.claims.application_name.as_deref().unwrap_or_default();
        let terminal = TERMINALS.iter().any(|known| name.starts_with(known));
        if self.core.said.notices.unwrap_or(terminal) {
            let url = &self.core.services.config.api.public_url;
            self.link.to_client.extend_from_slice(&refusal::held_notice(&ticket.approval(), url));
        }
    }
}

impl Session {
    /// The session's own role may not do this, but the one that it would run in, once released, may.
    pub(super) fn is_for_another_role(&self, judged: &Judged, error: &[u8]) -> bool {
        self.lacks_privilege(error) && self.core.role_for(judged).is_some()
    }

    /// Judges a Bind. `None`: the planner refused the statement and the client has its error.
    pub(super) async fn judged_for_bind(
        &mut self,
        prepared: &Prepared,
        bind: &Bytes,
    ) -> Result<Option<Arc<Judged>>, End> {
        let judged = judge_reading(self, &prepared.text).await?;
        let asked = self.status != b'E' && !unasked(self, &judged);
        let Some(one) = judged.statements.first().filter(|one| one.wants_estimate && asked) else {
            return Ok(Some(self.core.within_budgets(&prepared.text, judged)));
        };
        // A result has its ceiling whatever the parameters are; rows changed have none, so the planner sees each Bind.
        let reads_only = one.statement.footprint.changed == RowBound::None;
        if reads_only && let Some(kept) = self.core.keeper.estimate(&prepared.text, 0) {
            let judged = self.core.judge_with(&judged, &[kept]);
            return Ok(Some(self.core.within_budgets(&prepared.text, judged)));
        }
        let text = one.statement.text.clone();
        self.settle_upstream().await?;
        if self.extended.skipping {
            return Ok(None);
        }
        match self.estimate(&text, Some((prepared, bind))).await? {
            Ok(word) => {
                if reads_only {
                    self.core.keeper.keep_estimate(&prepared.text, 0, word);
                    let judged = self.core.judge_with(&judged, &[word]);
                    return Ok(Some(self.core.within_budgets(&prepared.text, judged)));
                }
                Ok(Some(
                    self.core.within_budgets(&prepared.text, self.core.judge_anew(&prepared.text, &judged, &[word])),
                ))
            }
            // Asked with a Sync, the error is over; without, the pipeline has failed.
            Err(error) if !self.extended.skipping && self.is_for_another_role(&judged, &error) => {
                Ok(Some(self.core.within_budgets(&prepared.text, judged)))
            }
            Err(error) => {
                let error = self.reword(&judged, &error);
                self.skip_after(error);
                Ok(None)
            }
        }
    }

    /// Takes note of what a statement that is being sent will change.
    pub(super) fn on_released(&mut self, judged: &Judged) {
        self.core.on_released(judged);
        for effect in judged.footprints().flat_map(|footprint| &footprint.session) {
            match effect {
                SessionEffect::Deallocate { name: Some(name) } => {
                    self.extended.prepared.remove(name.as_bytes());
                }
                SessionEffect::Deallocate { name: None } => self.extended.prepared.clear(),
                SessionEffect::ChangesReading { setting } if &**setting == "discard" => self.extended.prepared.clear(),
                _ => {}
            }
        }
    }

    /// Takes note of a ReadyForQuery.
    pub(super) fn on_ready(&mut self, status: u8) {
        let was_open = self.status != b'I';
        self.status = status;
        if status != b'I' {
            return;
        }
        self.core.tainted = false;
        for (_, portal) in std::mem::take(&mut self.extended.portals) {
            self.finish_unused(portal);
        }
        self.core.reading.on_transaction_end(was_open);
    }

    /// Sends a released message. The release is spent by sending.
    pub(super) fn send_released(&mut self, release: crate::gate::release::Release, message: &[u8]) {
        let _spent = release;
        self.link.to_upstream.extend_from_slice(message);
    }

    /// The transaction must fail upstream as it does for the client: for simple queries inside a transaction.
    pub(super) async fn abort_upstream_transaction(&mut self) -> Result<(), End> {
        if self.status != b'T' {
            return Ok(());
        }
        self.drain().await?;
        let _refused = self.ask_raw(&compose::query("holdpoint refused this")).await?;
        self.status = b'E';
        Ok(())
    }
}
