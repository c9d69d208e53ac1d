//! Prepared statements: COM_STMT_PREPARE, EXECUTE, FETCH, SEND_LONG_DATA, RESET, CLOSE.
//!
//! A COM_STMT_PREPARE is sent on at once, it runs nothing. Each execution is judged with its values, and a release carries all
//! of them: servers keep types and parameters sent ahead, and what was refused must not come back with the next execution.
//! Rows behind a cursor were judged when it was opened; they go on under the same plan and the same ceiling.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::gate::release::Release;
use crate::gate::verdict::Verdict;
use crate::mysql::command::Command;
use crate::mysql::frame::{self, Sequence};
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::ledger::Part;
use crate::mysql::packets::execute::{self, Execute, Known};
use crate::mysql::packets::ok::End as EndPacket;
use crate::mysql::packets::prepare::Prepared as PreparedPacket;
use crate::mysql::packets::value::ParameterKind;
use crate::mysql::packets::{query, requests};
use crate::mysql::refusal::OwnError;
use crate::mysql::{compose, diagnostics};
use crate::policy::judge::Evidence;
use crate::session::core::dues::Paying;
use crate::session::core::hold::{Warrant, Wording};
use crate::session::core::judging::{judge_reading, refresh_reading};
use crate::session::core::{End, Parameter};
use crate::session::judge::Judged;
use crate::session::mysql::answers::{Purpose, Running};
use crate::session::mysql::simple::{Sent, not_utf8, token_written_back};
use crate::session::mysql::{Session, client_fault, fault};
use crate::statement::footprint::RowBound;
use crate::statement::scope::Scope;

/// Numbers of statements that the proxy answers itself begin here; servers count from 1.
pub(super) const FIRST_LOCAL: u32 = 0x8000_0000;

/// The statement prepared last (MariaDB: "COM_STMT_EXECUTE", statement id -1).
const LAST: u32 = u32::MAX;

/// Values sent ahead, by parameter.
pub(super) type Long = BTreeMap<usize, Bytes>;

/// Longest piece of such a value towards the upstream: well below any server's longest packet.
const PIECE: usize = 512 * 1024;

/// The server goes on reading a statement as it did when it was prepared; judged by the settings of now it might say less.
const READ_OTHERWISE: &str =
    "Prepared statement needs to be re-prepared: sql_mode, character set or database have changed";

/// A prepared statement as the client sees it.
pub(super) struct Prepared {
    pub text: Arc<str>,
    /// How the server read the text, once and for all; `None`: nobody knows.
    pub scope: Option<Arc<Scope>>,
    /// How many parameters it has.
    pub parameters: usize,
    /// How many columns its result has, as told at its preparation.
    pub columns: usize,
    /// Types of its last execution.
    pub kinds: Vec<ParameterKind>,
    /// Values sent ahead, by parameter.
    pub long: BTreeMap<usize, BytesMut>,
    /// More was sent ahead than may be kept: it cannot be executed.
    pub overlong: bool,
    /// The statement behind its open cursor.
    pub cursor: Option<Box<Running>>,
}

/// An execution that is judged.
pub(super) struct Bound {
    pub judged: Arc<Judged>,
    /// The whole command for the upstream, without what was only for the proxy.
    pub payload: BytesMut,
    /// Values that go before it.
    pub long: Long,
    /// The statement's number.
    pub number: u32,
    /// A cursor is asked for.
    pub cursor: bool,
}

impl Session {
    pub(super) async fn on_prepare(&mut self, payload: &[u8]) -> Result<(), End> {
        let bytes = query::prepared_text(payload).map_err(client_fault)?;
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.refuse(&not_utf8());
            return Ok(());
        };
        // Unless this one can be prepared there is no last one, as with the server.
        self.last_prepared = None;
        if self.prepared.len() >= self.core.services.config.limits.prepared_max {
            self.refuse(&OwnError::new(1461, "42000", "too many prepared statements in this session"));
            return Ok(());
        }
        let text: Arc<str> = Arc::from(text);
        if self.is_local(&text).await? {
            self.prepare_local(text);
            return Ok(());
        }
        refresh_reading(self).await?;
        self.drain().await?;
        let scope = (!self.core.reading.stale).then(|| self.core.reading.scope.clone());
        self.send(Command::StmtPrepare, payload, Purpose::Prepare(text, scope));
        Ok(())
    }

    /// One packet of the answer to a COM_STMT_PREPARE.
    pub(super) fn on_prepare_part(
        &mut self,
        (text, scope): (&Arc<str>, &Option<Arc<Scope>>),
        part: &Part<'_>,
        payload: &Bytes,
    ) -> Result<(), End> {
        match part {
            Part::Prepared(prepared) => {
                self.keep_prepared(text.clone(), scope.clone(), prepared);
                self.put(|out| {
                    PreparedPacket { warnings: 0, ..*prepared }.encode(out);
                });
            }
            Part::Parameter(index) => {
                self.put(|out| out.extend_from_slice(payload));
                self.end_definitions(*index, |prepared| prepared.parameters);
            }
            Part::Column(index) => {
                self.put(|out| out.extend_from_slice(payload));
                self.end_definitions(*index, |prepared| prepared.columns);
            }
            Part::ParametersEnd(end) | Part::ColumnsEnd(end) => {
                let end = EndPacket { warnings: 0, ..*end };
                compose::columns_end(&mut self.link.to_client, &mut self.turn, end, self.client);
            }
            Part::Error(error) => {
                // Preparing reads no rows, so its errors quote the client's own text and names only.
                let scrubbed = diagnostics::scrubbed(error);
                let shown = if self.core.tainted { &scrubbed } else { error };
                compose::error(&mut self.link.to_client, &mut self.turn, shown);
            }
            _ => return Err(fault("an answer to another command")),
        }
        Ok(())
    }

    /// An upstream that sends no EOF behind definitions: the client gets one, if it wants it.
    fn end_definitions(&mut self, index: usize, count: impl Fn(&Prepared) -> usize) {
        let last = self.last_prepared.and_then(|number| self.prepared.get(&number)).map(count);
        if self.upstream.has(Capabilities::DEPRECATE_EOF) && last == Some(index + 1) {
            let end = EndPacket { status: self.status, warnings: 0 };
            compose::columns_end(&mut self.link.to_client, &mut self.turn, end, self.client);
        }
    }

    /// A statement was prepared upstream; the client gets the same number.
    pub(super) fn keep_prepared(&mut self, text: Arc<str>, scope: Option<Arc<Scope>>, packet: &PreparedPacket) {
        let prepared = Prepared {
            text,
            scope,
            parameters: usize::from(packet.parameters),
            columns: usize::from(packet.columns),
            kinds: Vec::new(),
            long: BTreeMap::new(),
            overlong: false,
            cursor: None,
        };
        self.prepared.insert(packet.statement, prepared);
        self.last_prepared = Some(packet.statement);
    }

    pub(super) async fn on_execute(&mut self, payload: &[u8]) -> Result<(), End> {
        let number = self.numbered(execute::statement_of(payload).map_err(client_fault)?);
        refresh_reading(self).await?;
        let scope = self.core.reading.scope.clone();
        let Some(prepared) = self.prepared.get_mut(&number) else { return self.unknown(number, "COM_STMT_EXECUTE") };
        if prepared.overlong {
            prepared.overlong = false;
            prepared.long.clear();
            self.refuse(&OwnError::new(1153, "08S01", "more parameter data was sent ahead than may be kept"));
            return Ok(());
        }
        let long: Long =
            std::mem::take(&mut prepared.long).into_iter().map(|(index, value)| (index, value.freeze())).collect();
        let indexes: Vec<usize> = long.keys().copied().collect();
        let kinds = prepared.kinds.clone();
        let known = Known { parameters: prepared.parameters, kinds: &kinds, long: &indexes };
        let execute = match Execute::decode(payload, self.client, known) {
            Ok(execute) => execute,
            Err(why) => {
                self.refuse(&OwnError::new(1210, "HY000", format!("Incorrect arguments to COM_STMT_EXECUTE: {why}")));
                return Ok(());
            }
        };
        prepared.kinds.clone_from(&execute.kinds);
        let (text, cursor) = (prepared.text.clone(), prepared.cursor.take());
        let read_alike = prepared.scope.as_ref().is_some_and(|then| then.reads_like(&scope));
        self.finish_cursor(cursor);
        if number >= FIRST_LOCAL {
            return self.run_local(&text).await;
        }
        if !read_alike {
            self.refuse(&OwnError::new(1615, "HY000", READ_OTHERWISE));
            return Ok(());
        }
        let parameters = parameters(&execute, &long);
        let before = self.take_attributes(&execute.attributes);
        let asked = Asked { number, execute: &execute, long };
        let answered = self.judge_execute(&text, asked, &parameters).await;
        self.give_back(before);
        answered
    }

    async fn judge_execute(&mut self, text: &Arc<str>, asked: Asked<'_>, parameters: &[Parameter]) -> Result<(), End> {
        let Asked { number, execute, long } = asked;
        let mut payload = BytesMut::new();
        execute.encode_plain(number, &mut payload);
        let Some(judged) = self.judged_for(text, &payload, &long).await? else { return Ok(()) };
        let judged = self.core.within_budgets(text, judged);
        let carries =
            |one: &Parameter| one.value.as_ref().is_some_and(|value| crate::masking::token::bytes_carry_token(value));
        if parameters.iter().any(carries) {
            self.refuse(&token_written_back());
            return Ok(());
        }
        if self.answer_itself(&judged, true) {
            return Ok(());
        }
        let bound = Bound { judged: judged.clone(), payload, long, number, cursor: execute.cursor };
        match self.core.admit(&judged, parameters) {
            Verdict::Allow(release) => match self.core.dues(&judged, Paying::Allowed).await {
                Ok(dues) => {
                    self.drain().await?;
                    let wording = Wording::new(text.clone(), parameters);
                    self.send_execute(release, bound, Warrant { dues, wording, ..Warrant::default() });
                }
                Err(refused) => self.refuse_judged(&judged, &refused),
            },
            Verdict::Deny(refused) => self.refuse_judged(&judged, &refused),
            Verdict::Hold(policy) => self.hold_execute(bound, parameters, policy).await?,
        }
        Ok(())
    }

    /// Judges an execution. `None`: the planner refused the statement and the client has its error.
    async fn judged_for(&mut self, text: &Arc<str>, execute: &[u8], long: &Long) -> Result<Option<Arc<Judged>>, End> {
        let judged = judge_reading(self, text).await?;
        let Some(one) = judged.statements.first().filter(|one| one.wants_estimate) else { return Ok(Some(judged)) };
        // A result has its ceiling whatever the parameters are; rows changed have none, so the planner sees each execution.
        let reads_only = one.statement.footprint.changed == RowBound::None;
        if reads_only && let Some(kept) = self.core.keeper.estimate(text, 0) {
            return Ok(Some(self.core.judge_with(&judged, &[kept])));
        }
        self.drain().await?;
        match self.estimate_bound(one, execute, long).await? {
            Ok(word) if reads_only => {
                self.core.keeper.keep_estimate(text, 0, word);
                Ok(Some(self.core.judge_with(&judged, &[word])))
            }
            Ok(word) if word == Evidence::default() => Ok(Some(judged)),
            Ok(word) => Ok(Some(self.core.judge_anew(text, &judged, &[word]))),
            Err(error) if self.is_for_another_role(&judged, &error) => Ok(Some(judged)),
            Err(error) => {
                let shown = self.shown_error(judged.tainted(), &error);
                self.put(|out| out.extend_from_slice(&shown));
                Ok(None)
            }
        }
    }

    /// Sends a released execution on. Nothing may be under way.
    pub(super) fn send_execute(&mut self, release: Release, bound: Bound, warrant: Warrant) {
        let mut running = self.start(&bound.judged, warrant);
        running.wire.binary = true;
        running.wire.opens_cursor = bound.cursor;
        running.wire.statement = Some(bound.number);
        let mut command = BytesMut::with_capacity(bound.payload.len() + frame::HEAD_BYTES);
        put_ahead(&mut command, bound.number, &bound.long);
        let mut turn = Sequence::default();
        frame::put(&mut command, &mut turn, &bound.payload);
        self.send_released(release, &command, Sent { command: Command::StmtExecute, turn, running });
    }

    pub(super) fn on_fetch(&mut self, payload: &[u8]) -> Result<(), End> {
        let mut fetch = requests::fetch(payload).map_err(client_fault)?;
        fetch.statement = self.numbered(fetch.statement);
        let Some(prepared) = self.prepared.get_mut(&fetch.statement) else {
            return self.unknown(fetch.statement, "COM_STMT_FETCH");
        };
        let Some(mut running) = prepared.cursor.take() else {
            self.refuse(&OwnError::new(1421, "HY000", "the statement has no open cursor"));
            return Ok(());
        };
        running.rows_before += std::mem::take(&mut running.rows);
        running.wire.opens_cursor = false;
        running.wire.fetches = true;
        let mut command = BytesMut::new();
        requests::put_fetch(&mut command, fetch);
        self.send(Command::StmtFetch, &command, Purpose::Statement(running));
        Ok(())
    }

    /// A piece of a parameter, sent ahead: it is kept, and goes on with the execution it is judged with. Nobody answers it.
    pub(super) fn on_long_data(&mut self, payload: &[u8]) -> Result<(), End> {
        let long = requests::long_data(payload).map_err(client_fault)?;
        let number = self.numbered(long.statement);
        let max = self.core.services.config.limits.message_bytes_max;
        let Some(prepared) = self.prepared.get_mut(&number).filter(|_| number < FIRST_LOCAL) else { return Ok(()) };
        let kept: usize = prepared.long.values().map(BytesMut::len).sum();
        if prepared.overlong || kept + long.data.len() > max || usize::from(long.parameter) >= prepared.parameters {
            prepared.overlong = true;
            return Ok(());
        }
        prepared.long.entry(usize::from(long.parameter)).or_default().extend_from_slice(long.data);
        Ok(())
    }

    pub(super) fn on_close_statement(&mut self, payload: &[u8]) -> Result<(), End> {
        let number = self.numbered(requests::close(payload).map_err(client_fault)?);
        let Some(prepared) = self.prepared.remove(&number) else { return Ok(()) };
        self.finish_cursor(prepared.cursor);
        if number < FIRST_LOCAL {
            let mut command = BytesMut::new();
            requests::put_close(&mut command, number);
            self.send(Command::StmtClose, &command, Purpose::Pass);
        }
        Ok(())
    }

    pub(super) fn on_reset_statement(&mut self, payload: &[u8]) -> Result<(), End> {
        let number = self.numbered(requests::reset(payload).map_err(client_fault)?);
        let Some(prepared) = self.prepared.get_mut(&number) else { return self.unknown(number, "COM_STMT_RESET") };
        prepared.long.clear();
        prepared.overlong = false;
        let cursor = prepared.cursor.take();
        self.finish_cursor(cursor);
        if number >= FIRST_LOCAL {
            self.put_ok();
            return Ok(());
        }
        let mut command = BytesMut::new();
        requests::put_reset(&mut command, number);
        self.send(Command::StmtReset, &command, Purpose::Pass);
        Ok(())
    }

    fn numbered(&self, number: u32) -> u32 {
        if number == LAST { self.last_prepared.unwrap_or(LAST) } else { number }
    }

    /// `ER_UNKNOWN_STMT_HANDLER`.
    fn unknown(&mut self, number: u32, command: &str) -> Result<(), End> {
        let text = format!("Unknown prepared statement handler ({number}) given to {command}");
        self.refuse(&OwnError::new(1243, "HY000", text));
        Ok(())
    }
}

/// An execution as it was asked for.
struct Asked<'a> {
    /// The statement's number.
    number: u32,
    execute: &'a Execute<'a>,
    long: Long,
}

/// Writes the commands that bring values to a statement before it is executed.
pub(super) fn put_ahead(out: &mut BytesMut, statement: u32, long: &Long) {
    for (index, value) in long {
        let parameter = u16::try_from(*index).unwrap_or(u16::MAX);
        let mut rest = value.clone();
        // An empty value takes a piece, too.
        loop {
            let data = rest.split_to(rest.len().min(PIECE));
            let piece = requests::LongData { statement, parameter, data: &data };
            frame::packet(out, &mut Sequence::default(), |out| requests::put_long_data(out, piece));
            if rest.is_empty() {
                break;
            }
        }
    }
}

/// Parameters as a digest, and an approver, see them: with their types.
fn parameters(execute: &Execute<'_>, long: &Long) -> Vec<Parameter> {
    let value = |index: usize, parameter: &execute::Parameter<'_>| match parameter {
        execute::Parameter::Value(value) => value.text().map(Bytes::from),
        execute::Parameter::Long => long.get(&index).cloned(),
    };
    let listed = execute.parameters.iter().zip(&execute.kinds).enumerate();
    listed
        .map(|(index, (parameter, kind))| Parameter {
            oid: u32::from(kind.kind) | u32::from(kind.unsigned) << 8,
            value: value(index, parameter),
            format: 0,
        })
        .collect()
}
