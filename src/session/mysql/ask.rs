//! Questions of the proxy's own to the upstream, in the agent's session, while nothing is under way.

use bytes::{Bytes, BytesMut};

use crate::mysql::command::{self, Command};
use crate::mysql::compose;
use crate::mysql::frame::{self, Sequence};
use crate::mysql::ledger::{Answer, Part};
use crate::mysql::packets::ok::Status;
use crate::mysql::packets::{prepare, requests, text_row};
use crate::mysql::planner;
use crate::mysql::reader::Reader;
use crate::policy::judge::Evidence;
use crate::session::core::{End, KILLED};
use crate::session::judge::Judgement;
use crate::session::mysql::answers::{Purpose, Underway};
use crate::session::mysql::prepared::{Long, put_ahead};
use crate::session::mysql::{Session, fault};
use crate::session::stream::link::Interest;
use crate::statement::footprint::RowBound;

/// Most bytes of an answer to one of our own questions.
const ANSWER_MAX: usize = 16 * 1024 * 1024;
/// `ER_UNSUPPORTED_PS`: a statement that cannot be prepared, which says nothing about whether it would run.
const NOT_PREPARABLE: u16 = 1295;
const ROLLBACK: &str = "ROLLBACK";
const EXPLAIN: &str = "EXPLAIN FORMAT=JSON ";

/// Rows of text fields.
pub(super) type Rows = Vec<Vec<Option<String>>>;

/// What an answer to a question of ours held.
#[derive(Default)]
struct Heard {
    rows: Rows,
    prepared: Option<prepare::Prepared>,
    error: Option<(u16, Bytes)>,
}

impl Session {
    /// Runs one of our own SQL texts. The inner error is the upstream's ERR packet.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Result<Rows, Bytes>, End> {
        let was_open = self.status.has(Status::IN_TRANSACTION);
        let question = compose::query(sql, self.upstream);
        self.link.to_upstream.extend_from_slice(&question);
        // Texts that are asked about are far shorter than a frame.
        let heard = self.hear(Command::Query, Sequence(1)).await?;
        if !was_open && self.status.has(Status::IN_TRANSACTION) && sql != ROLLBACK {
            // Without autocommit even a question begins a transaction, and would hold what it read locked.
            Box::pin(self.ask(ROLLBACK)).await?.ok();
        }
        Ok(match heard.error {
            Some((_, error)) => Err(error),
            None => Ok(heard.rows),
        })
    }

    /// Prepares a text upstream without running it, and forgets it. `Err` is the upstream's error; a statement that cannot be
    /// prepared at all is no error.
    pub(super) async fn ask_prepare(&mut self, sql: &str) -> Result<Result<(), Bytes>, End> {
        let heard = self.prepare(sql).await?;
        if let Some(prepared) = heard.prepared {
            self.forget(prepared.statement);
        }
        Ok(match heard.error {
            Some((code, error)) if code != NOT_PREPARABLE => Err(error),
            _ => Ok(()),
        })
    }

    async fn prepare(&mut self, sql: &str) -> Result<Heard, End> {
        let mut turn = Sequence::default();
        frame::packet(&mut self.link.to_upstream, &mut turn, |out| {
            out.extend_from_slice(&[command::STMT_PREPARE]);
            out.extend_from_slice(sql.as_bytes());
        });
        self.hear(Command::StmtPrepare, turn).await
    }

    /// A statement of ours is not needed any more.
    fn forget(&mut self, statement: u32) {
        frame::packet(&mut self.link.to_upstream, &mut Sequence::default(), |out| requests::put_close(out, statement));
    }

    /// The planner's word on one statement. Never runs it.
    pub(super) async fn estimate(&mut self, one: &Judgement) -> Result<Result<Evidence, Bytes>, End> {
        let rows = self.ask(&format!("{EXPLAIN}{}", one.statement.text)).await?;
        Ok(rows.map(|rows| evidence(one, &rows)))
    }

    /// The planner's word with the values of an execution, whose command for the upstream is `execute`, after the values `long`.
    pub(super) async fn estimate_bound(
        &mut self,
        one: &Judgement,
        execute: &[u8],
        long: &Long,
    ) -> Result<Result<Evidence, Bytes>, End> {
        let heard = self.prepare(&format!("{EXPLAIN}{}", one.statement.text)).await?;
        let Some(prepared) = heard.prepared else {
            return Ok(heard.error.map_or_else(|| Ok(Evidence::default()), |(_, error)| Err(error)));
        };
        if prepared.parameters == 0 && one.statement.text.contains('?') {
            // FAIL CLOSED: the planner did not see the parameters, so that its word is about something else.
            self.forget(prepared.statement);
            return Ok(Ok(Evidence::default()));
        }
        let mut command = BytesMut::from(execute);
        if let Some(place) = command.get_mut(1..5) {
            place.copy_from_slice(&prepared.statement.to_le_bytes());
        }
        if let Some(flags) = command.get_mut(5) {
            *flags = 0;
        }
        put_ahead(&mut self.link.to_upstream, prepared.statement, long);
        let mut turn = Sequence::default();
        frame::put(&mut self.link.to_upstream, &mut turn, &command);
        let heard = self.hear(Command::StmtExecute, turn).await?;
        self.forget(prepared.statement);
        Ok(match heard.error {
            Some((_, error)) => Err(error),
            None => Ok(evidence(one, &heard.rows)),
        })
    }

    /// Collects the answer to a question that was just sent, and whose next packet has number `turn`: one that took several
    /// frames moved it on. Only called while nothing is under way.
    async fn hear(&mut self, asked: Command, mut turn: Sequence) -> Result<Heard, End> {
        let mut answer = Answer::to(asked, self.upstream);
        let (mut heard, mut columns, mut size) = (Heard::default(), 0, 0);
        while !answer.is_done() {
            let Some(head) = frame::cut(&self.link.from_upstream, ANSWER_MAX).map_err(fault)? else {
                let interest = Interest { client: self.interest().client, upstream: true };
                tokio::select! {
                    turn = self.link.turn(interest) => self.on_turn(&turn)?,
                    () = self.core.cancel.handle().requested() => drop(self.cancel_upstream()),
                    () = self.core.cancel.handle().killed() => return Err(End::Proxy(KILLED.to_owned())),
                }
                continue;
            };
            size += head.len;
            if size > ANSWER_MAX {
                return Err(fault("an answer to the proxy's own question is too long"));
            }
            turn.accept(&head).map_err(fault)?;
            let payload = frame::take(&mut self.link.from_upstream, &head).freeze();
            match answer.take(&payload).map_err(fault)? {
                Part::Ok(ok) | Part::RowsEnd(ok) => self.on_status(ok.status),
                Part::Error(error) => heard.error = Some((error.code, payload.clone())),
                Part::ColumnCount(count) => columns = count,
                Part::TextRow => {
                    let cells = text_row::cells(&payload, columns).map_err(fault)?;
                    let text = |cell: Option<&[u8]>| cell.map(|cell| String::from_utf8_lossy(cell).into_owned());
                    heard.rows.push(cells.into_iter().map(text).collect());
                }
                Part::BinaryRow => heard.rows.push(vec![binary_text(&payload, columns)]),
                Part::Prepared(prepared) => heard.prepared = Some(prepared),
                Part::LocalFile(_) => return Err(fault("a file was asked for that nobody named")),
                _ => {}
            }
        }
        Ok(heard)
    }

    /// Sends a command of ours that is answered by OK or ERR. `false`: ERR.
    pub(super) async fn ask_simple(&mut self, asked: Command, payload: &[u8]) -> Result<bool, End> {
        let mut turn = Sequence::default();
        frame::put(&mut self.link.to_upstream, &mut turn, payload);
        Ok(self.hear(asked, turn).await?.error.is_none())
    }

    /// Keeps the upstream session alive while a statement is held.
    pub(super) fn beat_upstream(&mut self) {
        if self.underway.is_none() {
            self.link.to_upstream.extend_from_slice(&compose::ping());
            let answer = Answer::to(Command::Ping, self.upstream);
            self.underway = Some(Underway { answer, turn: Sequence(1), purpose: Purpose::Beat });
        }
    }
}

/// The first cell of a row in binary that holds one text, as a plan in JSON is.
fn binary_text(payload: &[u8], columns: usize) -> Option<String> {
    let mut reader = Reader::new("row of a plan", payload);
    reader.bytes(1 + (columns + 9) / 8).ok()?;
    reader.lenenc_text().ok().map(str::to_owned)
}

fn evidence(one: &Judgement, rows: &Rows) -> Evidence {
    let plan: String = rows.iter().filter_map(|row| row.first()?.clone()).collect::<Vec<_>>().join("\n");
    planner::evidence(&plan, one.statement.footprint.changed != RowBound::None)
}
