//! A client's side of a session, command by command, with what came back taken apart but not interpreted.

use std::net::SocketAddr;

use bytes::{BufMut, BytesMut};
use holdpoint::mysql::command;
use holdpoint::mysql::command::Command;
use holdpoint::mysql::handshake::auth::client::KeySource;
use holdpoint::mysql::handshake::capabilities::Capabilities;
use holdpoint::mysql::ledger::{Answer, Part};

use crate::holdpoint::AGENT;
use crate::mysql_server::{Flavour, MySqlServer, UPSTREAM, UPSTREAM_PASSWORD};
use crate::outcome::{Column, Done, Outcome, Param, Statement, Table, binary_cells, column, done, text_cells};
use crate::raw::{Login, Raw, USUAL, error};
use crate::stage::{Kind, Stage};

/// A connection after its login.
pub struct Talk {
    pub raw: Raw,
    pub agreed: Capabilities,
}

/// Rows behind a cursor.
pub const CURSOR: u8 = 1;

impl Talk {
    /// Logs in to Holdpoint as the agent.
    pub async fn to(stage: &Stage) -> Self {
        Self::with(stage, USUAL).await
    }

    /// The same, choosing these capabilities.
    pub async fn with(stage: &Stage, capabilities: Capabilities) -> Self {
        let login = Login {
            user: AGENT,
            secret: stage.keys.agent.clone(),
            database: Some("shop"),
            capabilities,
            ..Login::default()
        };
        Self::log_in(login, SocketAddr::from(([127, 0, 0, 1], stage.port))).await
    }

    /// Logs in to the server behind this stage, past Holdpoint.
    pub async fn past(stage: &Stage, capabilities: Capabilities) -> Self {
        let flavour = if stage.kind == Kind::MariaDb { Flavour::MariaDb } else { Flavour::MySql };
        let login = Login {
            user: UPSTREAM,
            secret: UPSTREAM_PASSWORD.to_owned(),
            database: Some(Box::leak(stage.database.clone().into_boxed_str())),
            capabilities,
            key: KeySource::Ask,
            ..Login::default()
        };
        Self::log_in(login, SocketAddr::from(([127, 0, 0, 1], MySqlServer::shared(flavour).port))).await
    }

    async fn log_in(login: Login, at: SocketAddr) -> Self {
        let agreed = login.capabilities;
        let (raw, _) = login.run(at).await.expect("a login");
        Self { raw, agreed }
    }

    /// Sends a text and reads everything that comes back.
    pub async fn query(&mut self, text: &str) -> Vec<Outcome> {
        self.send_query(text).await;
        self.outcomes(Command::Query, &[]).await
    }

    /// Only sends it.
    pub async fn send_query(&mut self, text: &str) {
        let attributes: &[u8] = if self.agreed.has(Capabilities::QUERY_ATTRIBUTES) { &[0, 1] } else { &[] };
        self.raw.command(&[&[command::QUERY], attributes, text.as_bytes()].concat()).await;
    }

    /// The same for a text that has one result.
    pub async fn one(&mut self, text: &str) -> Outcome {
        let mut outcomes = self.query(text).await;
        assert_eq!(outcomes.len(), 1, "{text}: {outcomes:?}");
        outcomes.remove(0)
    }

    /// The text cells of the only result.
    pub async fn cells(&mut self, text: &str) -> Vec<Vec<String>> {
        match self.one(text).await {
            Outcome::Rows(table) => table.text(),
            other => panic!("{text}: {other:?}"),
        }
    }

    /// The only cell.
    pub async fn cell(&mut self, text: &str) -> String {
        let cells = self.cells(text).await;
        cells.first().and_then(|row| row.first()).cloned().unwrap_or_else(|| panic!("{text}: {cells:?}"))
    }

    /// A text that must succeed without rows.
    pub async fn run(&mut self, text: &str) -> Done {
        match self.one(text).await {
            Outcome::Done(done) => done,
            other => panic!("{text}: {other:?}"),
        }
    }

    /// The error that a text ends with.
    pub async fn refusal(&mut self, text: &str) -> (u16, String) {
        match self.one(text).await {
            Outcome::Refused(code, text) => (code, text),
            other => panic!("{text}: {other:?}"),
        }
    }

    /// Prepares a statement.
    pub async fn try_prepare(&mut self, text: &str) -> Result<Statement, (u16, String)> {
        self.raw.command(&[&[command::STMT_PREPARE], text.as_bytes()].concat()).await;
        let mut answer = Answer::to(Command::StmtPrepare, self.agreed);
        let mut statement = Statement::default();
        while !answer.is_done() {
            let payload = self.raw.packet().await.expect("an answer to a prepare");
            match answer.take(&payload).expect("a prepared statement") {
                Part::Prepared(prepared) => {
                    statement.number = prepared.statement;
                    statement.parameters = usize::from(prepared.parameters);
                    statement.columns = usize::from(prepared.columns);
                }
                Part::Error(_) => return Err(error(&payload)),
                _ => {}
            }
        }
        Ok(statement)
    }

    pub async fn prepare(&mut self, text: &str) -> Statement {
        self.try_prepare(text).await.unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    /// Executes with these parameters, types told.
    pub async fn execute(&mut self, statement: u32, params: &[Param]) -> Vec<Outcome> {
        self.send_execute(statement, 0, params, true).await;
        self.outcomes(Command::StmtExecute, &[]).await
    }

    /// Executes for a cursor. The columns of its rows.
    pub async fn open(&mut self, statement: u32, params: &[Param]) -> Outcome {
        self.send_execute(statement, CURSOR, params, true).await;
        self.outcomes(Command::StmtExecute, &[]).await.remove(0)
    }

    /// Only sends a COM_STMT_EXECUTE.
    pub async fn send_execute(&mut self, statement: u32, flags: u8, params: &[Param], typed: bool) {
        let mut out = BytesMut::new();
        out.put_u8(command::STMT_EXECUTE);
        out.put_u32_le(statement);
        out.put_u8(flags);
        out.put_u32_le(1);
        if !params.is_empty() {
            if self.agreed.has(Capabilities::QUERY_ATTRIBUTES) {
                out.put_u8(u8::try_from(params.len()).unwrap());
            }
            let mut nulls = vec![0_u8; params.len().div_ceil(8)];
            for (index, _) in params.iter().enumerate().filter(|(_, param)| param.value.is_none()) {
                nulls[index / 8] |= 1 << (index % 8);
            }
            out.put_slice(&nulls);
            out.put_u8(u8::from(typed));
            for param in params.iter().filter(|_| typed) {
                out.put_slice(&[param.kind, param.flags]);
                if self.agreed.has(Capabilities::QUERY_ATTRIBUTES) {
                    out.put_u8(0);
                }
            }
            params.iter().filter_map(|param| param.value.as_ref()).for_each(|value| out.put_slice(value));
        }
        self.raw.command(&out).await;
    }

    /// Fetches rows of a cursor whose columns are known.
    pub async fn fetch(&mut self, statement: u32, rows: u32, columns: &[Column]) -> Outcome {
        self.send_fetch(statement, rows).await;
        self.outcomes(Command::StmtFetch, columns).await.remove(0)
    }

    pub async fn send_fetch(&mut self, statement: u32, rows: u32) {
        let mut out = BytesMut::new();
        out.put_u8(command::STMT_FETCH);
        out.put_u32_le(statement);
        out.put_u32_le(rows);
        self.raw.command(&out).await;
    }

    /// Sends a piece of a parameter ahead. Nothing answers.
    pub async fn long_data(&mut self, statement: u32, parameter: u16, piece: &[u8]) {
        let mut out = BytesMut::new();
        out.put_u8(command::STMT_SEND_LONG_DATA);
        out.put_u32_le(statement);
        out.put_u16_le(parameter);
        out.put_slice(piece);
        self.raw.command(&out).await;
    }

    /// COM_STMT_CLOSE. Nothing answers.
    pub async fn close(&mut self, statement: u32) {
        self.raw.command(&[&[command::STMT_CLOSE][..], &statement.to_le_bytes()].concat()).await;
    }

    /// COM_STMT_RESET.
    pub async fn reset(&mut self, statement: u32) -> Outcome {
        self.simple(&[&[command::STMT_RESET][..], &statement.to_le_bytes()].concat()).await
    }

    /// A command that is answered by one OK, EOF or ERR.
    pub async fn simple(&mut self, payload: &[u8]) -> Outcome {
        self.raw.command(payload).await;
        self.outcomes(Command::Ping, &[]).await.remove(0)
    }

    /// Reads the answer to a command that was sent.
    pub async fn outcomes(&mut self, asked: Command, known: &[Column]) -> Vec<Outcome> {
        let mut answer = Answer::to(asked, self.agreed);
        let mut outcomes = Vec::new();
        let mut table = Table { columns: known.to_vec(), ..Table::default() };
        while !answer.is_done() {
            let payload = self.raw.packet().await.unwrap_or_else(|| panic!("the connection ended after {outcomes:?}"));
            let part = answer.take(&payload).unwrap_or_else(|error| panic!("{error}: {payload:?} after {outcomes:?}"));
            match part {
                Part::Ok(ok) => outcomes.push(Outcome::Done(done(&ok))),
                Part::Error(_) => {
                    let (code, text) = error(&payload);
                    outcomes.push(Outcome::Refused(code, text));
                }
                Part::Column(_) => table.columns.push(column(&payload, self.agreed)),
                Part::TextRow => table.rows.push(text_cells(&payload, table.columns.len())),
                Part::BinaryRow => table.rows.push(binary_cells(&payload, &table.columns)),
                Part::RowsEnd(end) => {
                    table.end = done(&end);
                    outcomes.push(Outcome::Rows(std::mem::take(&mut table)));
                }
                Part::ColumnsEnd(end) if answer.is_done() => {
                    table.end = Done { status: end.status, ..Done::default() };
                    outcomes.push(Outcome::Rows(std::mem::take(&mut table)));
                }
                _ => {}
            }
            if matches!(part, Part::TextRow | Part::BinaryRow) {
                table.raw.push(payload.to_vec());
            }
        }
        outcomes
    }
}
