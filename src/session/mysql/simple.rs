//! COM_QUERY: a text of one or more statements, one answer with a result for each.

use std::sync::Arc;

use bytes::BytesMut;

use crate::gate::approval::Claims;
use crate::gate::release::Release;
use crate::gate::verdict::Verdict;
use crate::mysql::command::Command;
use crate::mysql::diagnostics;
use crate::mysql::frame::{self, Sequence};
use crate::mysql::ledger::Answer;
use crate::mysql::packets::error::ErrPacket;
use crate::mysql::packets::query::{self, Attribute, Query};
use crate::mysql::refusal::{self, OwnError};
use crate::session::core::End;
use crate::session::core::dues::Paying;
use crate::session::core::hold::{Warrant, Wording};
use crate::session::core::judging::{Asked, judge_text};
use crate::session::judge::Judged;
use crate::session::mysql::answers::{Purpose, Running, Underway};
use crate::session::mysql::{Session, client_fault};

impl Session {
    pub(super) async fn on_query(&mut self, payload: &[u8]) -> Result<(), End> {
        let query = Query::decode(payload, self.client).map_err(client_fault)?;
        let Ok(text) = std::str::from_utf8(query.text) else {
            self.refuse(&not_utf8());
            return Ok(());
        };
        let text: Arc<str> = Arc::from(text);
        let before = self.take_attributes(&query.attributes);
        let answered = self.judge_query(text).await;
        self.give_back(before);
        answered
    }

    /// Claims that travel with one statement. What was claimed before it, to be put back; `None`: nothing travels with it.
    pub(super) fn take_attributes(&mut self, attributes: &[Attribute<'_>]) -> Option<Claims> {
        if attributes.is_empty() {
            return None;
        }
        let before = self.core.said.claims.clone();
        for attribute in attributes {
            let name = String::from_utf8_lossy(attribute.name).to_lowercase();
            let name = name.strip_prefix("holdpoint_").or(name.strip_prefix("holdpoint.")).unwrap_or(&name);
            if let ("reason" | "ticket" | "end_user" | "model" | "traceparent", Some(value)) =
                (name, attribute.value.text())
            {
                self.core.said.claim(name, Some(&value));
            }
        }
        Some(before)
    }

    pub(super) fn give_back(&mut self, before: Option<Claims>) {
        if let Some(before) = before {
            self.core.said.claims = before;
        }
    }

    async fn judge_query(&mut self, text: Arc<str>) -> Result<(), End> {
        let Some(text) = self.answer_local_statements(text).await? else { return Ok(()) };
        let judged = match judge_text(self, &text).await? {
            Asked::Judged(judged) => judged,
            Asked::Refused(error) => {
                self.put(|out| out.extend_from_slice(&error));
                return Ok(());
            }
        };
        if crate::masking::token::carries_token(&text) {
            self.refuse(&token_written_back());
            return Ok(());
        }
        if self.answer_itself(&judged, false) {
            return Ok(());
        }
        match self.core.admit(&judged, &[]) {
            Verdict::Allow(release) => match self.core.dues(&judged, Paying::Allowed).await {
                Ok(dues) => {
                    self.drain().await?;
                    let wording = Wording::new(text.clone(), &[]);
                    self.send_query(release, judged, &text, Warrant { dues, wording, ..Warrant::default() });
                }
                Err(refused) => self.refuse_judged(&judged, &refused),
            },
            Verdict::Deny(refused) => self.refuse_judged(&judged, &refused),
            Verdict::Hold(policy) => self.hold_query(judged, policy).await?,
        }
        Ok(())
    }

    /// Sends a released text on. Nothing may be under way. The judgement may have been kept of a text with other literals
    /// (`judge/shelf`), so it is `text` that goes.
    pub(super) fn send_query(&mut self, release: Release, judged: Arc<Judged>, text: &str, warrant: Warrant) {
        let mut command = BytesMut::with_capacity(text.len() + 8);
        let upstream = self.upstream;
        let mut turn = Sequence::default();
        frame::packet(&mut command, &mut turn, |out| query::put(out, text, upstream));
        let running = self.start(&judged, warrant);
        self.send_released(release, &command, Sent { command: Command::Query, turn, running });
    }

    /// A released statement at its beginning.
    pub(super) fn start(&mut self, judged: &Arc<Judged>, warrant: Warrant) -> Running {
        let ceiling = self.core.ceiling_of(judged, 0, &warrant);
        let mut running = Running::new(self.core.next_statement(), judged.clone(), warrant, ceiling);
        running.alone = judged.statements.len() == 1;
        running
    }

    /// Sends a released command. The release is spent by sending.
    pub(super) fn send_released(&mut self, release: Release, command: &[u8], sent: Sent) {
        let _spent = release;
        self.core.on_released(&sent.running.judged);
        self.keep_temporary(&sent.running.judged);
        self.link.to_upstream.extend_from_slice(command);
        self.underway = Some(Underway {
            answer: Answer::to(sent.command, self.upstream),
            turn: sent.turn,
            purpose: Purpose::Statement(Box::new(sent.running)),
        });
    }

    /// Sends a command on as it came; its answer is passed back as it comes.
    pub(super) fn pass(&mut self, command: Command, payload: &[u8]) {
        self.send(command, payload, Purpose::Pass);
    }

    /// Sends a command that touches no data.
    pub(super) fn send(&mut self, command: Command, payload: &[u8], purpose: Purpose) {
        let mut turn = Sequence::default();
        frame::put(&mut self.link.to_upstream, &mut turn, payload);
        let answer = Answer::to(command, self.upstream);
        self.underway = (!answer.is_done()).then_some(Underway { answer, turn, purpose });
    }

    /// An error of the upstream's in answer to a question about a statement, as its client may see it. `tainted`: the question
    /// may have read what the statement touches.
    pub(super) fn shown_error(&self, tainted: bool, payload: &[u8]) -> bytes::Bytes {
        let Ok(error) = ErrPacket::decode(payload) else { return bytes::Bytes::copy_from_slice(payload) };
        let scrubbed = diagnostics::scrubbed(&error);
        let shown = if self.core.tainted || tainted { &scrubbed } else { &error };
        let mut out = BytesMut::new();
        shown.encode(&mut out);
        out.freeze()
    }
}

/// A command on its way.
pub(super) struct Sent {
    pub command: Command,
    /// Sequence number of the upstream's first packet.
    pub turn: Sequence,
    pub running: Running,
}

/// `ER_INVALID_CHARACTER_STRING`.
pub(super) fn not_utf8() -> OwnError {
    OwnError::new(1300, "HY000", "the statement is not valid UTF-8; use SET NAMES utf8mb4")
}

/// Masked values are not data.
pub(super) fn token_written_back() -> OwnError {
    OwnError::new(1644, "45000", refusal::TOKEN_WRITTEN_BACK)
}
