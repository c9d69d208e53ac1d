//! The simple protocol: one Query message, one or more statements, one ReadyForQuery.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::gate::refusal::Refusal;
use crate::gate::verdict::Verdict;
use crate::pg::compose;
use crate::pg::ledger::Owed;
use crate::pg::refusal;
use crate::session::core::End;
use crate::session::core::dues::Paying;
use crate::session::core::hold::{Warrant, Wording};
use crate::session::core::judging::{Asked, judge_text};
use crate::session::judge::Judged;
use crate::session::postgres::Session;
use crate::session::postgres::statements::Running;

impl Session {
    pub(super) async fn on_query(&mut self, message: &Bytes) -> Result<(), End> {
        let body = message.get(5..).unwrap_or_default();
        let Some((0, bytes)) = body.split_last().map(|(last, text)| (*last, text)) else {
            return Err(End::ClientFault("Query without its terminating zero byte".to_owned()));
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.answer_error(refusal::error("22021", "the statement is not valid UTF-8")).await;
        };
        let text: Arc<str> = Arc::from(text);
        let answered = self.answer_local_statements(&text).await?;
        let Some(rest) = answered.rest else {
            self.drain().await?;
            let mut answer = answered.bytes;
            answer.extend_from_slice(&compose::ready(self.status));
            self.local(answer.freeze());
            return Ok(());
        };
        if !answered.bytes.is_empty() {
            self.local(answered.bytes.freeze());
        }
        let frame = if rest.len() == text.len() { message.clone() } else { compose::query(&rest) };
        self.judge_query(rest, frame).await
    }

    async fn judge_query(&mut self, text: Arc<str>, message: Bytes) -> Result<(), End> {
        let judged = match judge_text(self, &text).await? {
            Asked::Judged(judged) => judged,
            Asked::Refused(error) => return self.answer_error(error).await,
        };
        if crate::masking::token::carries_token(&text) {
            return self.answer_error(refusal::error("42501", refusal::TOKEN_WRITTEN_BACK)).await;
        }
        match self.core.admit(&judged, &[]) {
            Verdict::Allow(release) => match self.core.dues(&judged, Paying::Allowed).await {
                Ok(dues) => {
                    let wording = Wording::new(text, &[]);
                    self.send_query(release, judged, &message, Warrant { dues, wording, ..Warrant::default() });
                    Ok(())
                }
                Err(refused) => self.refuse_query(&judged, &refused).await,
            },
            Verdict::Deny(refused) => self.refuse_query(&judged, &refused).await,
            Verdict::Hold(policy) => self.hold_query(judged, policy, message).await,
        }
    }

    /// A refusal as the whole answer to a Query.
    pub(super) async fn refuse_query(&mut self, judged: &Judged, refused: &Refusal) -> Result<(), End> {
        self.tell_refused(judged, refused);
        self.answer_error(refusal::encode(refused)).await
    }

    /// Sends a released Query on.
    pub(super) fn send_query(
        &mut self,
        release: crate::gate::release::Release,
        judged: Arc<Judged>,
        message: &[u8],
        warrant: Warrant,
    ) {
        self.send_released(release, message);
        self.on_released(&judged);
        // A simple Query destroys the unnamed statement and portal (manual, "Simple Query").
        self.extended.prepared.remove(&b""[..]);
        self.extended.portals.remove(&b""[..]);
        let ceiling = self.core.ceiling_of(&judged, 0, &warrant);
        let mut running = Running::new(self.core.next_statement(), judged, warrant, ceiling);
        running.alone = self.status == b'I' && running.judged.statements.len() == 1;
        self.ledger.push(Owed::Query(Box::new(running)));
        self.extended.unsynced = false;
        self.extended.executed = false;
        self.extended.executes = 0;
    }

    /// An error of ours as the whole answer to a Query, which fails the open transaction on both sides.
    pub(super) async fn answer_error(&mut self, error: Bytes) -> Result<(), End> {
        self.drain().await?;
        self.abort_upstream_transaction().await?;
        let mut answer = BytesMut::from(&error[..]);
        answer.extend_from_slice(&compose::ready(self.status));
        self.local(answer.freeze());
        Ok(())
    }

    /// FunctionCall runs a function by OID, past everything that reads SQL: refused (manual, "Function Call").
    pub(super) async fn refuse_function_call(&mut self) -> Result<(), End> {
        self.answer_error(refusal::error("0A000", refusal::FUNCTION_CALL)).await
    }
}
