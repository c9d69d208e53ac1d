//! What the core is told of statements that ended here, and the last words of a session.

use bytes::Bytes;

use crate::gate::refusal::Refusal;
use crate::pg::ledger::Owed;
use crate::pg::refusal;
use crate::session::core::End;
use crate::session::judge::Judged;
use crate::session::postgres::Session;
use crate::session::postgres::statements::{Portal, Running};

impl Session {
    /// The running statement has ended. A simple Query moves on to its next statement.
    pub(super) fn finish_statement(&mut self, outcome: &'static str, code: Option<String>) {
        let (running, simple) = match self.ledger.front_mut() {
            Some(Owed::Query(running)) => (running, true),
            Some(Owed::Execute(running)) => (running, false),
            _ => return,
        };
        running.wire.copy = None;
        self.core.finish_statement(running, !simple, outcome, code);
        let portal = running.wire.portal.clone();
        if let Some(portal) = portal.and_then(|name| self.extended.portals.get_mut(&name)) {
            portal.finished = true;
        }
    }

    /// A text that was refused.
    pub(super) fn tell_refused(&mut self, judged: &Judged, refused: &Refusal) {
        self.core.tell_refused(judged, refused, refusal::sqlstate(refused.kind));
    }

    /// An Execute that the server skipped after an earlier error.
    pub(super) fn finish_skipped(&mut self, running: Running) {
        if let Some(name) = &running.wire.portal
            && let Some(portal) = self.extended.portals.get_mut(name)
        {
            portal.finished = true;
        }
        if let Some(approval) = running.approval {
            self.core.finish_unused(approval, None);
        }
    }

    /// A portal that was approved and never executed to its end.
    pub(super) fn finish_unused(&mut self, portal: Portal) {
        if let (false, Some(approval)) = (portal.finished, portal.warrant.approval) {
            self.core.finish_unused(approval, Some(portal.rows));
        }
    }

    /// The end of the session: statements still running may or may not have run.
    pub(super) async fn tell_end(&mut self, end: &End) {
        for owed in self.ledger.take_all() {
            if let Owed::Query(running) | Owed::Execute(running) = owed {
                self.core.tell_unknown(*running).await;
            }
        }
        let portals: Vec<Portal> = self.extended.portals.drain().map(|(_, portal)| portal).collect();
        for portal in portals {
            self.finish_unused(portal);
        }
        self.core.tell_closed(end).await;
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
