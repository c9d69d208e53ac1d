//! Questions of our own to the session's upstream: never seen by the client, only while nothing else is owed.

use bytes::{Buf, Bytes, BytesMut};

use crate::pg::compose;
use crate::pg::frame;
use crate::pg::messages::extended::Bind;
use crate::policy::judge::Evidence;
use crate::session::core::End;
use crate::session::postgres::Session;
use crate::session::postgres::statements::Prepared;
use crate::session::stream::link::Interest;

/// Largest answer to a question of ours, in bytes.
const ANSWER_MAX: usize = 4 * 1024 * 1024;

/// Rows of text cells.
pub(super) type Rows = Vec<Vec<Option<String>>>;

/// Locks of this session on user relations, and sessions that wait for it (manual, "pg_locks" and `pg_blocking_pids`).
const LOCKS: &str = "SELECT (SELECT pg_catalog.string_agg(DISTINCT l.mode || ' on ' || l.relation::pg_catalog.regclass::text, ', ') \
FROM pg_catalog.pg_locks l WHERE l.pid = pg_catalog.pg_backend_pid() AND l.granted AND l.locktype = 'relation' \
AND l.relation >= 16384), (SELECT pg_catalog.count(*)::text FROM pg_catalog.pg_stat_activity a \
WHERE pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids(a.pid)))";

/// Name of the prepared statement that plans the client's.
const EXPLAIN_NAME: &[u8] = b"holdpoint_explain";

impl Session {
    /// Runs one of our own SQL texts through the extended protocol (the client's unnamed statement survives), ending in a Sync.
    /// The inner error is the upstream's ErrorResponse.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Result<Rows, Bytes>, End> {
        self.ask_within(sql, true).await
    }

    /// The same, ending in a Flush if not in a Sync.
    pub(super) async fn ask_within(&mut self, sql: &str, sync: bool) -> Result<Result<Rows, Bytes>, End> {
        let mut out = BytesMut::new();
        out.extend_from_slice(&compose::parse(EXPLAIN_NAME, sql, &[]));
        out.extend_from_slice(&compose::bind_nothing(EXPLAIN_NAME));
        self.finish_question(out, sync).await
    }

    async fn finish_question(&mut self, mut out: BytesMut, sync: bool) -> Result<Result<Rows, Bytes>, End> {
        out.extend_from_slice(&compose::execute(EXPLAIN_NAME));
        out.extend_from_slice(&compose::close_portal(EXPLAIN_NAME));
        out.extend_from_slice(&compose::close_statement(EXPLAIN_NAME));
        out.extend_from_slice(if sync { &compose::SYNC } else { &compose::FLUSH });
        self.link.to_upstream.extend_from_slice(&out);
        let answer = self.read_answer(sync).await?;
        if answer.is_err() && sync {
            // The failed pipeline skipped the Close: make sure the name is free again.
            self.link.to_upstream.extend_from_slice(&compose::close_statement(EXPLAIN_NAME));
            self.link.to_upstream.extend_from_slice(&compose::SYNC);
            let _closed = self.read_answer(true).await?;
        }
        Ok(answer)
    }

    /// Sends frames of ours that end in a ReadyForQuery.
    pub(super) async fn ask_raw(&mut self, frames: &[u8]) -> Result<Result<Rows, Bytes>, End> {
        self.link.to_upstream.extend_from_slice(frames);
        self.read_answer(true).await
    }

    /// What the open transaction holds locked and who waits for it, in words for an approver. `None`: nothing is open, or the
    /// upstream cannot be asked now without ending what is.
    pub(super) async fn locks(&mut self) -> Result<Option<String>, End> {
        if self.status != b'T' || self.extended.executed || !self.ledger.is_empty() {
            return Ok(None);
        }
        let Ok(rows) = self.ask(LOCKS).await? else { return Ok(None) };
        let cell = |index: usize| rows.first().and_then(|row| row.get(index)?.as_deref());
        let locks = cell(0).filter(|locks| !locks.is_empty()).unwrap_or("no table locked");
        let waiters = cell(1).unwrap_or("0");
        Ok(Some(format!("Inside an open transaction that holds {locks}; sessions waiting for it: {waiters}")))
    }

    /// Parses and describes a text upstream without running it. `Err` is the upstream's error.
    pub(super) async fn ask_parse(&mut self, sql: &str) -> Result<Result<Rows, Bytes>, End> {
        let mut out = BytesMut::new();
        out.extend_from_slice(&compose::parse(EXPLAIN_NAME, sql, &[]));
        out.extend_from_slice(&compose::close_statement(EXPLAIN_NAME));
        out.extend_from_slice(&compose::SYNC);
        self.ask_raw(&out).await
    }

    /// The planner's word on one statement, with the client's parameters if it has some. Never runs it.
    pub(super) async fn estimate(
        &mut self,
        text: &str,
        bound: Option<(&Prepared, &Bytes)>,
    ) -> Result<Result<Evidence, Bytes>, End> {
        let explain = format!("EXPLAIN (FORMAT JSON) {text}");
        let mut out = BytesMut::new();
        let sync = match bound {
            None => {
                out.extend_from_slice(&compose::parse(EXPLAIN_NAME, &explain, &[]));
                out.extend_from_slice(&compose::bind_nothing(EXPLAIN_NAME));
                true
            }
            Some((prepared, bind)) => {
                let types = prepared.description.parameters.get().unwrap_or(&prepared.declared_types);
                let bind = Bind::decode(bind.get(frame::HEAD_BYTES..).unwrap_or_default())
                    .map_err(|error| End::ClientFault(error.to_string()))?;
                out.extend_from_slice(&compose::parse(EXPLAIN_NAME, &explain, types));
                out.extend_from_slice(&compose::redirected(&bind, EXPLAIN_NAME));
                !self.extended.executed
            }
        };
        let rows = match self.finish_question(out, sync).await? {
            Ok(rows) => rows,
            Err(error) => return Ok(Err(error)),
        };
        let plan: String = rows.iter().filter_map(|row| row.first()?.clone()).collect::<Vec<_>>().join("\n");
        Ok(Ok(crate::pg::planner::evidence(&plan)))
    }

    /// Collects the rows up to ReadyForQuery (`sync`) or to the last CloseComplete (flush). Only called while nothing is owed.
    async fn read_answer(&mut self, sync: bool) -> Result<Result<Rows, Bytes>, End> {
        let mut rows = Rows::new();
        let mut error = None;
        let mut closed = 0;
        let mut size = 0;
        loop {
            let Some(message) = self.next_upstream_frame()? else {
                let interest = Interest { client: self.interest().client, upstream: true };
                tokio::select! {
                    turn = self.link.turn(interest) => self.on_turn(&turn)?,
                    () = self.core.cancel.handle().requested() => drop(self.cancel_upstream()),
                }
                continue;
            };
            size += message.len();
            if size > ANSWER_MAX {
                return Err(End::UpstreamFault("an answer to the proxy's own question is too long".to_owned()));
            }
            match message.first() {
                Some(b'D') => rows.push(compose::row_texts(&message).map_err(|e| End::UpstreamFault(e.to_string()))?),
                Some(b'E') => {
                    error = Some(message);
                    if !sync {
                        self.extended.skipping = true;
                        return Ok(Err(error.unwrap_or_default()));
                    }
                }
                Some(b'Z') => {
                    self.status = message.get(5).copied().unwrap_or(b'I');
                    return Ok(error.map_or(Ok(rows), Err));
                }
                Some(b'3') => {
                    closed += 1;
                    if !sync && closed == 2 {
                        return Ok(Ok(rows));
                    }
                }
                Some(b'A' | b'S') => self.pass_asynchronous(&message),
                _ => {}
            }
        }
    }

    /// One whole frame from the upstream, if it is there.
    fn next_upstream_frame(&mut self) -> Result<Option<Bytes>, End> {
        match frame::peek(&self.link.from_upstream, ANSWER_MAX) {
            Ok(Some(head)) if self.link.from_upstream.len() >= head.len => {
                Ok(Some(self.link.from_upstream.split_to(head.len).freeze()))
            }
            Ok(_) => Ok(None),
            Err(error) => Err(End::UpstreamFault(error.to_string())),
        }
    }

    /// Keeps the upstream session alive while a statement is held: a Sync re-arms its idle timers (manual, 20.11).
    pub(super) fn beat_upstream(&mut self) {
        if self.ledger.is_empty() && !self.extended.executed {
            self.link.to_upstream.extend_from_slice(&compose::SYNC);
            self.ledger.push(crate::pg::ledger::Owed::Sync { for_client: false });
        }
    }

    /// Drops the first `count` bytes of what came from the upstream.
    pub(super) fn drop_upstream(&mut self, count: usize) {
        let count = count.min(self.link.from_upstream.len());
        self.link.from_upstream.advance(count);
    }
}
