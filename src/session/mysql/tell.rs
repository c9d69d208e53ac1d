//! What the core is told of statements that ended here, and the last words of a session.

use crate::mysql::refusal::OwnError;
use crate::session::core::End;
use crate::session::mysql::Session;
use crate::session::mysql::answers::{Purpose, Running};

impl Session {
    /// The answer to a statement is over. One with an open cursor goes on with the next fetch.
    pub(super) fn on_statement_answered(&mut self, running: Running) {
        match running.wire.statement.filter(|_| running.wire.cursor_open && !running.told) {
            Some(number) if self.prepared.contains_key(&number) => {
                if let Some(prepared) = self.prepared.get_mut(&number) {
                    prepared.cursor = Some(Box::new(running));
                }
            }
            _ => self.core.finish_untold(running),
        }
    }

    /// A cursor is closed before its last row.
    pub(super) fn finish_cursor(&mut self, cursor: Option<Box<Running>>) {
        if let Some(mut running) = cursor {
            running.rows += running.rows_before;
            self.core.finish_statement(&mut running, true, "ok", None);
        }
    }

    /// The end of the session: a statement still running may or may not have run.
    pub(super) async fn tell_end(&mut self, end: &End) {
        if let Some(underway) = self.underway.take()
            && let Purpose::Statement(running) = underway.purpose
        {
            self.core.tell_unknown(*running).await;
        }
        let cursors: Vec<_> = self.prepared.drain().map(|(_, prepared)| prepared.cursor).collect();
        for cursor in cursors {
            self.finish_cursor(cursor);
        }
        self.core.tell_closed(end).await;
    }
}

/// The last error for the client, if it is still there to read one.
pub(super) fn farewell(end: &End) -> Option<OwnError> {
    match end {
        End::ClientLeft => None,
        End::ClientFault(why) => Some(OwnError::malformed(format!("protocol violation: {why}"))),
        End::UpstreamFault(_) => Some(OwnError::new(2027, "HY000", "the database broke the protocol")),
        End::UpstreamLeft => Some(OwnError::new(1053, "08S01", "the database closed the connection")),
        End::Proxy(why) => Some(OwnError::new(1053, "08S01", why.as_str())),
    }
}
