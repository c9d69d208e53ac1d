//! What is told to the audit, the metrics and the approvals about statements and sessions.

use std::sync::Arc;
use std::time::Instant;

use crate::audit::event::{Event, StatementEvent};
use crate::gate::life::End as ApprovalEnd;
use crate::gate::refusal::{Refusal, RefusalKind};
use crate::identity::ids::{ApprovalId, StatementId};
use crate::policy::ruling::Effect;
use crate::session::core::running::Running;
use crate::session::core::{Core, End};
use crate::session::judge::Judged;

/// How one statement ended, beside its judgement.
pub(in crate::session) struct Outcome {
    pub id: StatementId,
    pub started: Instant,
    pub approval: Option<ApprovalId>,
    pub role: Option<Arc<str>>,
    pub outcome: &'static str,
    pub code: Option<String>,
    pub rows: u64,
    pub bytes: u64,
    pub masked: Vec<Arc<str>>,
}

impl Core {
    /// A statement of a running text has ended: audit, metrics, and with its last one the approval. The running text moves on
    /// to its next statement; `whole` says that its message holds nothing behind this one.
    pub fn finish_statement<W>(
        &mut self,
        running: &mut Running<W>,
        whole: bool,
        outcome: &'static str,
        code: Option<String>,
    ) {
        let judged = running.judged.clone();
        let index = running.index;
        let told = Outcome {
            id: running.id,
            started: running.started,
            approval: running.approval.clone(),
            role: running.role.clone(),
            outcome: if running.discard { "refused" } else { outcome },
            code: code.clone(),
            rows: running.rows,
            bytes: running.bytes,
            masked: std::mem::take(&mut running.masked),
        };
        if outcome == "ok"
            && !running.discard
            && let Some(one) = judged.statements.get(index)
        {
            self.on_done(&one.statement);
        }
        let last = whole || outcome == "error" || index + 1 >= judged.statements.len();
        if let Some(dues) = &running.dues {
            dues.settle(index);
        }
        running.index += 1;
        running.told = last;
        running.plan = None;
        let rows = std::mem::take(&mut running.rows);
        running.bytes = 0;
        if !last {
            running.ceiling = self.ceiling_of(&judged, index + 1, &running.warrant());
        }
        if last && let Some(approval) = told.approval.clone() {
            self.finish_approval(approval, ApprovalEnd { ok: outcome == "ok", rows: Some(rows), code, unknown: false });
        }
        self.tell_statement(&judged, index, told);
    }

    fn tell_statement(&mut self, judged: &Judged, index: usize, told: Outcome) {
        let Some(one) = judged.statements.get(index) else { return };
        let verdict = verdict_word(one.ruling.effect);
        one.count(self.protocol, verdict);
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
            role: told.role.map(|role| role.to_string()),
            outcome: told.outcome.to_owned(),
            code: told.code,
            rows: told.rows,
            bytes: told.bytes,
            masked: told.masked.iter().map(|name| name.to_string()).collect(),
            duration_ms: u64::try_from(told.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        self.record(Event::Statement(Box::new(event)));
    }

    /// A text whose last statement never said that it was complete.
    pub fn finish_untold<W>(&mut self, running: Running<W>) {
        if let (false, Some(approval)) = (running.told, running.approval) {
            self.finish_approval(approval, ApprovalEnd { ok: false, rows: None, code: None, unknown: true });
        }
    }

    /// A statement that was refused: each statement of the text is recorded. `code` is what the client got.
    pub fn tell_refused(&mut self, judged: &Judged, refused: &Refusal, code: &str) {
        let outcome = match refused.kind {
            RefusalKind::Cancelled => "cancelled",
            _ => "refused",
        };
        for index in 0..judged.statements.len() {
            let told = Outcome {
                id: self.next_statement(),
                started: Instant::now(),
                approval: refused.approval.clone(),
                role: None,
                outcome,
                code: Some(code.to_owned()),
                rows: 0,
                bytes: 0,
                masked: Vec::new(),
            };
            self.tell_statement(judged, index, told);
        }
    }

    pub fn tell_disagreement(&mut self, statement: StatementId, what: &str) {
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

    /// Some events wait for the audit log.
    pub fn has_untold(&self) -> bool {
        !self.untold.is_empty()
    }

    /// Waits until the audit log has taken what it had no room for: a slow log slows its sessions down.
    pub async fn tell_untold(&mut self) {
        for event in std::mem::take(&mut self.untold) {
            if let Err(error) = self.services.audit.append(event).await {
                tracing::error!(session = self.id.0, %error, "an event was not recorded");
            }
        }
    }

    /// The end of an approval is written without keeping the client waiting; the desk orders it after the spending.
    pub fn finish_approval(&self, id: ApprovalId, end: ApprovalEnd) {
        let desk = self.services.desk.clone();
        tokio::spawn(async move {
            if let Err(error) = desk.finish(&id, end).await {
                tracing::error!(approval = %id, %error, "the end of an approved statement was not kept");
            }
        });
    }

    /// An approval that let something begin which never came to its end; so many rows had been sent.
    pub fn finish_unused(&self, id: ApprovalId, rows: Option<u64>) {
        self.finish_approval(id, ApprovalEnd { ok: false, rows, code: None, unknown: false });
    }

    /// The session ends while this statement runs: it may or may not have had its effects.
    pub async fn tell_unknown<W>(&mut self, running: Running<W>) {
        if running.told {
            return;
        }
        if let Some(approval) = running.approval.clone() {
            let end = ApprovalEnd { ok: false, rows: Some(running.rows), code: None, unknown: true };
            let _kept = self.services.desk.finish(&approval, end).await;
        }
        let told = Outcome {
            id: running.id,
            started: running.started,
            approval: running.approval,
            role: running.role,
            outcome: "unknown",
            code: None,
            rows: running.rows,
            bytes: running.bytes,
            masked: running.masked,
        };
        self.tell_statement(&running.judged, running.index, told);
    }

    /// Nobody will read what this session's upstream is doing, `open` if in a transaction of its own: is it to be stopped?
    /// What the proxy ends, or the agent by force, is stopped whatever it is, as the server's own commands would. What a client
    /// has left is stopped if it only reads and no effect is lost with it: whoever leaves a write behind may count on it, as it
    /// may without a proxy.
    pub fn abandons<'r, W: 'r>(end: &End, open: bool, mut under_way: impl Iterator<Item = &'r Running<W>>) -> bool {
        let Some(front) = under_way.next() else { return false };
        match end {
            End::UpstreamFault(_) | End::UpstreamLeft => false,
            End::ClientFault(_) | End::Proxy(_) => true,
            End::ClientLeft => {
                front.has_only_read() && (open || front.is_first()) && under_way.all(|behind| behind.only_reads())
            }
        }
    }

    /// The session is over.
    pub async fn tell_closed(&mut self, end: &End) {
        self.record(Event::SessionClosed { session: self.id, why: end.to_string() });
        self.tell_untold().await;
        tracing::info!(session = self.id.0, agent = %self.agent.name, why = %end, "session closed");
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
