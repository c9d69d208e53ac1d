//! Holding: the client waits, nothing is open upstream, and everything that may end the wait is watched (DESIGN §7).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::gate::desk::SpendCheck;
use crate::gate::desk::ticket::Ticket;
use crate::gate::life::Times;
use crate::gate::refusal::Refusal;
use crate::gate::release::Release;
use crate::identity::ids::{ApprovalId, StatementId};
use crate::pg::compose;
use crate::pg::refusal;
use crate::policy::ruling::ApprovalPolicy;
use crate::session::judge::Judged;
use crate::session::postgres::statements::{Parameter, Prepared, Stash};
use crate::session::postgres::{End, Session};
use crate::session::stream::link::{Interest, Turn};

/// How a wait ended.
pub(super) enum Waited {
    /// Approved and spent.
    Released(Release, ApprovalId),
    /// Not to be run.
    Refused(Refusal),
}

/// What is held: its text, its judgement, its parameters, and whether rows were already sent.
pub(super) struct Held<'a> {
    pub judged: &'a Arc<Judged>,
    pub parameters: &'a [Parameter],
    pub policy: ApprovalPolicy,
    pub rows_so_far: Option<u64>,
}

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
            if let Err(error) = self.ask_parse(&text).await? {
                // Parsing reads no table, so its errors quote the client's own text and names only.
                let shown = if self.tainted { crate::pg::diagnostics::scrubbed(&error) } else { error };
                return self.answer_error(shown).await;
            }
        }
        let held = Held { judged: &judged, parameters: &[], policy, rows_so_far: None };
        match self.hold(held).await? {
            Waited::Released(release, approval) => {
                self.send_query(release, judged, &message, Some(approval));
                Ok(())
            }
            Waited::Refused(refused) => {
                self.tell_refused(&judged, &refused);
                self.answer_error(refusal::encode(&refused)).await
            }
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
        match self.hold(held).await? {
            Waited::Released(release, approval) => {
                self.send_released(release, &stash.frames);
                for owed in stash.owed {
                    self.ledger.push(owed);
                }
                self.on_bound(&stash.judged);
                self.open_portal(stash.portal, stash.prepared, stash.judged, stash.formats, Some(approval));
            }
            Waited::Refused(refused) => {
                self.tell_refused(&stash.judged, &refused);
                self.fail_extended(refusal::encode(&refused));
            }
        }
        Ok(())
    }

    /// Opens or joins an approval, waits for its end, spends it. The client's bytes are only collected meanwhile.
    pub(super) async fn hold(&mut self, held: Held<'_>) -> Result<Waited, End> {
        if self.services.draining.is_cancelled() {
            return Ok(Waited::Refused(Refusal::draining(None)));
        }
        let world = held.judged.world.clone();
        let locks = if held.rows_so_far.is_none() { self.lock_situation().await? } else { None };
        let mut request = self.request(&held);
        if let (Some(locks), Some(first)) = (locks, request.statements.first_mut()) {
            first.summary = format!("{}. {locks}", first.summary.trim_end_matches('.'));
        }
        let digest = request.digest.clone();
        let times = Times { expires: held.policy.expires, use_within: held.policy.use_within };
        let limit = self.hold_limit(&held);
        let mut ticket = match self.services.desk.open(request, times).await {
            Ok(ticket) => ticket,
            Err(refused) => return Ok(Waited::Refused(refused)),
        };
        let id = ticket.id().clone();
        self.said.last_approval = Some(id.clone());
        self.announce(&ticket);
        metrics::gauge!(crate::audit::meters::HOLDS, "database" => self.database.clone()).increment(1.0);
        let waited = self.wait(&mut ticket, limit).await;
        metrics::gauge!(crate::audit::meters::HOLDS, "database" => self.database.clone()).decrement(1.0);
        if let Some(refused) = waited? {
            return Ok(Waited::Refused(refused));
        }
        // What an approver saw must be what runs: a new catalog or new rules since then need a new look.
        let now = self.keeper.world().await.map_err(|error| End::Proxy(error.to_string()))?;
        if !now.same_as(&world) && !self.same_reading(held.judged, &now) {
            let _given = self.services.desk.withdraw(&id, "the catalog or the rules changed").await;
            return Ok(Waited::Refused(Refusal::changed(&id, "the catalog or the rules")));
        }
        let statement = StatementId(self.statements + 1);
        let check = SpendCheck { digest, rules_version: now.rules.version().to_owned(), statement };
        match self.services.desk.spend(&ticket, &check).await {
            Ok(release) => Ok(Waited::Released(release, id)),
            Err(refused) => Ok(Waited::Refused(refused)),
        }
    }

    /// How long the client is held: the policy's time, the requester's wish, the bound inside transactions.
    fn hold_limit(&self, held: &Held<'_>) -> Duration {
        let config = &self.services.config.hold;
        let inside = self.status == b'T' || self.extended.executed || held.rows_so_far.is_some();
        let usual = self.said.hold.map_or(held.policy.hold, |wish| wish.min(config.hold_max));
        if inside { usual.min(config.hold_in_transaction) } else { usual }
    }

    /// Waits for a decision. `None`: approved.
    async fn wait(&mut self, ticket: &mut Ticket, limit: Duration) -> Result<Option<Refusal>, End> {
        let deadline = Instant::now() + limit;
        let mut beat = tokio::time::interval(self.services.config.hold.heartbeat);
        beat.tick().await;
        let id = ticket.id().clone();
        loop {
            let interest = Interest { client: self.interest().client, upstream: !self.overflow };
            tokio::select! {
                biased;
                settled = ticket.settled() => {
                    return Ok(settled.refusal(&ticket.approval(), &self.services.config.api.public_url));
                }
                () = self.cancel.handle().requested() => {
                    // It may have been decided at this very moment; then the approval stays and is not used.
                    let _decided = self.services.desk.cancel(ticket, "cancelled by the client").await;
                    return Ok(Some(Refusal::cancelled(&id)));
                }
                () = self.services.draining.cancelled() => return Ok(Some(Refusal::draining(Some(&id)))),
                () = tokio::time::sleep_until(deadline) => {
                    return Ok(Some(Refusal::pending(&ticket.approval(), &self.services.config.api.public_url)));
                }
                _ = beat.tick() => self.beat(&id),
                turn = self.link.turn(interest) => self.on_held_turn(&turn)?,
            }
        }
    }

    fn on_held_turn(&mut self, turn: &Turn) -> Result<(), End> {
        self.on_turn(turn)?;
        if self.overflow { Ok(()) } else { self.answers() }
    }

    /// Tells the client that the connection lives, and the upstream that the session does.
    fn beat(&mut self, id: &ApprovalId) {
        if !self.overflow {
            self.beat_upstream();
        }
        if self.passing == 0 {
            self.link.to_client.extend_from_slice(&compose::parameter_status("holdpoint.hold", id.as_str()));
        }
    }

    /// A NOTICE for terminals; nothing chatty for programs.
    fn announce(&mut self, ticket: &Ticket) {
        let name = self.said.claims.application_name.as_deref().unwrap_or_default();
        let terminal = ["psql", "pgcli", "DBeaver", "pgAdmin"].iter().any(|known| name.starts_with(known));
        if self.said.notices.unwrap_or(terminal) {
            let url = &self.services.config.api.public_url;
            self.link.to_client.extend_from_slice(&refusal::held_notice(&ticket.approval(), url));
        }
    }

    /// The statement still reads the same in a newer world, and the same rules hold it.
    fn same_reading(&self, judged: &Judged, now: &crate::session::judge::World) -> bool {
        if judged.world.rules.version() != now.rules.version() {
            return false;
        }
        let batch = crate::statement::read::read(&judged.text, &self.reading.scope, &now.catalog, &self.reading.known);
        batch.statements.len() == judged.statements.len()
            && batch.statements.iter().zip(judged.footprints()).all(|(new, old)| new.footprint == *old)
            && judged.statements.iter().all(|one| {
                one.statement.footprint.relations.iter().filter_map(|used| used.key).all(|key| {
                    let of = |catalog: &crate::catalog::Catalog| {
                        catalog.relation(key).map(|relation| (relation.columns.clone(), relation.definition.clone()))
                    };
                    of(&judged.world.catalog) == of(&now.catalog)
                })
            })
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
