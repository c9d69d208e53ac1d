//! What the proxy answers itself: `SET holdpoint.…` (kept here, never sent on) and `SHOW holdpoint.…`.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::pg::compose;
use crate::session::core::End;
use crate::session::core::judging::judge_reading;
use crate::session::core::said::{mentions_us, ours};
use crate::session::postgres::Session;
use crate::statement::footprint::SessionEffect;

/// What was answered of a text, and what of it remains to be judged.
pub(super) struct AnsweredLocally {
    /// Answers so far, without ReadyForQuery.
    pub bytes: BytesMut,
    /// The rest of the text; `None` when all of it was ours.
    pub rest: Option<Arc<str>>,
}

impl Session {
    /// The statement is one of ours, alone in its text.
    pub(super) async fn local_kind(&mut self, text: &Arc<str>) -> Result<bool, End> {
        if !mentions_us(text.as_bytes()) {
            return Ok(false);
        }
        let judged = judge_reading(self, text).await?;
        let [only] = judged.statements.as_slice() else { return Ok(false) };
        Ok(ours(&only.statement.footprint.session))
    }

    /// Answers the statements of a Query that are ours, as far as they stand in front.
    pub(super) async fn answer_local_statements(&mut self, text: &Arc<str>) -> Result<AnsweredLocally, End> {
        let mut bytes = BytesMut::new();
        if !mentions_us(text.as_bytes()) {
            return Ok(AnsweredLocally { bytes, rest: Some(text.clone()) });
        }
        let judged = judge_reading(self, text).await?;
        let mut consumed = 0;
        for one in &judged.statements {
            if !ours(&one.statement.footprint.session) {
                break;
            }
            bytes.extend_from_slice(&self.run_local_effects(&one.statement.footprint.session, true).await);
            consumed = one.statement.end;
        }
        let rest = text.get(consumed..).unwrap_or_default();
        let nothing_left = rest.trim_matches(|c: char| c.is_whitespace() || c == ';').is_empty();
        Ok(AnsweredLocally { rest: (consumed == 0 || !nothing_left).then(|| Arc::from(rest)), bytes })
    }

    /// Runs one of our statements for an Execute: rows and completion, without a description.
    pub(super) async fn run_local(&mut self, text: &Arc<str>, describe: bool) -> Result<Bytes, End> {
        let judged = judge_reading(self, text).await?;
        Ok(match judged.statements.first() {
            Some(one) => self.run_local_effects(&one.statement.footprint.session, describe).await.freeze(),
            None => Bytes::new(),
        })
    }

    async fn run_local_effects(&mut self, effects: &[SessionEffect], describe: bool) -> BytesMut {
        let mut out = BytesMut::new();
        for effect in effects {
            match effect {
                SessionEffect::Claim { name, value } => {
                    self.core.said.claim(name, value.as_deref());
                    out.extend_from_slice(&compose::complete("SET"));
                }
                SessionEffect::ShowClaim { name } => {
                    let value = self.core.show(name);
                    if describe {
                        out.extend_from_slice(&compose::text_column(&format!("holdpoint.{name}")));
                    }
                    out.extend_from_slice(&compose::text_row(&value));
                    out.extend_from_slice(&compose::complete("SHOW"));
                }
                _ => {}
            }
        }
        out
    }

    /// The description of one of our statements: ParameterDescription too for a statement, not for a portal.
    pub(super) fn describe_local(&mut self, text: &str, statement: bool) -> Bytes {
        let mut out = BytesMut::new();
        if statement {
            out.extend_from_slice(&compose::NO_PARAMETERS);
        }
        let shows = text.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("show"));
        if shows {
            out.extend_from_slice(&compose::text_column("holdpoint"));
        } else {
            out.extend_from_slice(&compose::NO_DATA);
        }
        out.freeze()
    }
}
