//! What is told to the audit, the metrics and the approvals about statements and sessions.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::audit::event::{Event, StatementEvent};
use crate::gate::life::End as ApprovalEnd;
use crate::gate::refusal::Refusal;
use crate::identity::ids::{ApprovalId, StatementId};
use crate::pg::ledger::Owed;
use crate::pg::refusal;
use crate::policy::ruling::Effect;
use crate::session::judge::Judged;
use crate::session::postgres::statements::{Portal, Running};
use crate::session::postgres::{End, Session};

/// How one statement ended, beside its judgement.
struct Outcome {
    id: StatementId,
    started: Instant,
    approval: Option<ApprovalId>,
    outcome: &'static str,
    code: Option<String>,
    rows: u64,
    bytes: u64,
    masked: Vec<Arc<str>>,
}

impl Session {
    /// The running statement has ended: audit, metrics, its approval. A simple Query moves on to its next statement.
    pub(super) fn finish_statement(&mut self, outcome: &'static str, code: Option<String>) {
        let Some((running, simple)) = self.running() else { return };
        let judged = running.judged.clone();
        let index = running.index;
        let told = Outcome {
            id: running.id,
            started: running.started,
            approval: running.approval.clone(),
            outcome: if running.discard { "refused" } else { outcome },
            code: code.clone(),
            rows: running.rows,
            bytes: running.bytes,
            masked: std::mem::take(&mut running.masked),
        };
        let portal = running.portal.clone();
        let last = !simple || outcome == "error" || index + 1 >= judged.statements.len();
        running.index += 1;
        running.told = last;
        running.plan = None;
        running.copy = None;
        let rows = std::mem::take(&mut running.rows);
        running.bytes = 0;
        if simple && !last {
            let ceiling = judged
                .statements
                .get(index + 1)
                .and_then(|_| self.ceiling_of(&judged, index + 1, told.approval.is_some()));
            if let Some((running, _)) = self.running() {
                running.ceiling = ceiling;
            }
        }
        if let Some(portal) = portal.and_then(|name| self.extended.portals.get_mut(&name)) {
            portal.finished = true;
        }
        if last && let Some(approval) = told.approval.clone() {
            self.finish_approval(approval, ApprovalEnd { ok: outcome == "ok", rows: Some(rows), code, unknown: false });
        }
        self.tell_statement(&judged, index, told);
    }

    fn tell_statement(&mut self, judged: &Judged, index: usize, told: Outcome) {
        let Some(one) = judged.statements.get(index) else { return };
        let verdict = verdict_word(one.ruling.effect);
        one.count(verdict);
        let event = StatementEvent {
            session: self.id,
            statement: told.id,
            agent: self.agent.name.clone(),
            database: self.database.clone(),
            fingerprint: format!("{:016x}", one.normalised().fingerprint),
            text: clipped(&one.normalised().text),
            actions: one.ruling.actions.clone(),
            relations: one.statement.footprint.relations.iter().map(|used| used.name.to_string()).collect(),
            classes: one.ruling.classes.clone(),
            verdict: verdict.to_owned(),
            rules: one.ruling.hits.iter().map(|hit| hit.rule.0.clone()).collect(),
            approval: told.approval,
            outcome: told.outcome.to_owned(),
            code: told.code,
            rows: told.rows,
            bytes: told.bytes,
            masked: told.masked.iter().map(|name| name.to_string()).collect(),
            duration_ms: u64::try_from(told.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        self.record(Event::Statement(Box::new(event)));
    }

    /// ReadyForQuery came for a Query whose last statement never said that it was complete.
    pub(super) fn finish_query(&mut self, running: Running) {
        if let (false, Some(approval)) = (running.told, running.approval) {
            self.finish_approval(approval, ApprovalEnd { ok: false, rows: None, code: None, unknown: true });
        }
    }

    /// A statement that was refused: each statement of the text is recorded.
    pub(super) fn tell_refused(&mut self, judged: &Judged, refused: &Refusal) {
        let outcome = match refused.kind {
            crate::gate::refusal::RefusalKind::Cancelled => "cancelled",
            _ => "refused",
        };
        for index in 0..judged.statements.len() {
            let told = Outcome {
                id: self.next_statement(),
                started: Instant::now(),
                approval: refused.approval.clone(),
                outcome,
                code: Some(refusal::sqlstate(refused.kind).to_owned()),
                rows: 0,
                bytes: 0,
                masked: Vec::new(),
            };
            self.tell_statement(judged, index, told);
        }
    }

    pub(super) fn tell_disagreement(&mut self, statement: StatementId, what: &str) {
        tracing::error!(session = self.id.0, what, "the server's word disagrees with the statement's reading");
        self.record(Event::Disagreement { session: self.id, statement, what: what.to_owned() });
    }

    /// Hands an ordinary event to the audit log. What it has no room for waits here, and the session with it.
    fn record(&mut self, event: Event) {
        if self.untold.is_empty() {
            self.untold.extend(self.services.audit.offer(event));
        } else {
            self.untold.push(event);
        }
    }

    /// Waits until the audit log has taken what it had no room for: a slow log slows its sessions down.
    pub(super) async fn tell_untold(&mut self) {
        for event in std::mem::take(&mut self.untold) {
            if let Err(error) = self.services.audit.append(event).await {
                tracing::error!(session = self.id.0, %error, "an event was not recorded");
            }
        }
    }

    /// The end of an approval is written without keeping the client waiting; the desk orders it after the spending.
    fn finish_approval(&self, id: ApprovalId, end: ApprovalEnd) {
        let desk = self.services.desk.clone();
        tokio::spawn(async move {
            if let Err(error) = desk.finish(&id, end).await {
                tracing::error!(approval = %id, %error, "the end of an approved statement was not kept");
            }
        });
    }

    /// The approval that let a result begin, when another one lets it go on.
    pub(super) fn finish_approval_early(&self, id: ApprovalId, rows: u64) {
        self.finish_approval(id, ApprovalEnd { ok: true, rows: Some(rows), code: None, unknown: false });
    }

    /// An Execute that the server skipped after an earlier error.
    pub(super) fn finish_skipped(&mut self, running: Running) {
        if let Some(name) = &running.portal
            && let Some(portal) = self.extended.portals.get_mut(name)
        {
            portal.finished = true;
        }
        if let Some(approval) = running.approval {
            self.finish_approval(approval, ApprovalEnd { ok: false, rows: None, code: None, unknown: false });
        }
    }

    /// A portal that was approved and never executed to its end.
    pub(super) fn finish_unused(&mut self, portal: Portal) {
        if let (false, Some(approval)) = (portal.finished, portal.approval) {
            self.finish_approval(
                approval,
                ApprovalEnd { ok: false, rows: Some(portal.rows), code: None, unknown: false },
            );
        }
    }

    /// The end of the session: statements still running may or may not have run.
    pub(super) async fn tell_end(&mut self, end: &End) {
        let mut unknown = Vec::new();
        for owed in self.ledger.take_all() {
            if let Owed::Query(running) | Owed::Execute(running) = owed {
                unknown.push(*running);
            }
        }
        for running in unknown {
            if let Some(approval) = running.approval.clone() {
                let end = ApprovalEnd { ok: false, rows: Some(running.rows), code: None, unknown: true };
                let _kept = self.services.desk.finish(&approval, end).await;
            }
            let told = Outcome {
                id: running.id,
                started: running.started,
                approval: running.approval,
                outcome: "unknown",
                code: None,
                rows: running.rows,
                bytes: running.bytes,
                masked: running.masked,
            };
            self.tell_statement(&running.judged, running.index, told);
        }
        let portals: Vec<Portal> = self.extended.portals.drain().map(|(_, portal)| portal).collect();
        for portal in portals {
            self.finish_unused(portal);
        }
        self.record(Event::SessionClosed { session: self.id, why: end.to_string() });
        self.tell_untold().await;
        tracing::info!(session = self.id.0, agent = %self.agent.name, why = %end, "session closed");
    }

    /// The last message for the client, if it is still there to read one.
    pub(super) fn farewell(&self, end: &End) -> Option<Bytes> {
        match end {
            End::ClientLeft => None,
            End::ClientFault(why) => Some(refusal::fatal("08P01", &format!("protocol violation: {why}"))),
            End::UpstreamFault(_) => Some(refusal::fatal("08P01", "the database broke the protocol")),
            End::UpstreamLeft => Some(refusal::fatal("57P01", "the database closed the connection")),
            End::Proxy(why) => Some(refusal::fatal("57P01", why)),
        }
    }
}

fn verdict_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "allow",
        Effect::Hold => "hold",
        Effect::Deny => "deny",
    }
}

/// The normalised text as the audit keeps it: at most 1 KiB.
fn clipped(text: &str) -> String {
    const MAX: usize = 1024;
    let mut end = text.len().min(MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}
