//! What the next packet from the server must be: one machine per command sent, told what was agreed.
//!
//! The same first byte means different things in different places (a row may begin with 0x00, 0xfb or 0xfe), so packets are
//! read by state, never by guess (manual: "Command Phase"). A packet that fits nothing is a misbehaving server.

#[cfg(test)]
mod tests;

use crate::mysql::command::Command;
use crate::mysql::frame::{FRAME_PAYLOAD_MAX, WireError};
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::packets::error::{ERR, ErrPacket};
use crate::mysql::packets::ok::{EOF, End, OK, OkPacket, Status};
use crate::mysql::packets::prepare::Prepared;
use crate::mysql::reader::{NULL, Reader};

/// Most columns of a result, as servers count them.
pub const COLUMNS_MAX: usize = 4096;

/// Longest EOF packet; a row that begins like one is longer.
pub const EOF_BYTES_MAX: usize = 5;

/// The kind of answer that a command has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Results in text.
    Text,
    /// Results in binary.
    Binary,
    /// Rows in binary, behind a cursor.
    Fetch,
    /// One OK or ERR.
    Simple,
    /// One OK, EOF or ERR.
    Option,
    /// A login within the session.
    Login,
    /// A prepared statement.
    Prepare,
    /// Column definitions.
    Fields,
    /// A line of text.
    Line,
}

/// Where in the answer we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// First packet of a result.
    First,
    /// Column definitions, of which some are still to come.
    Columns { seen: usize, count: usize },
    /// The EOF behind column definitions.
    ColumnsEnd { count: usize },
    /// Rows.
    Rows { columns: usize },
    /// Definitions of parameters, then those of `columns` columns.
    Parameters { seen: usize, count: usize, columns: usize },
    /// The EOF behind definitions of parameters.
    ParametersEnd { columns: usize },
    /// Definitions of a prepared statement's columns.
    PreparedColumns { seen: usize, count: usize },
    /// The EOF behind them.
    PreparedColumnsEnd,
    /// The client is sending a file.
    File,
    /// Nothing more.
    Done,
    /// The server broke the protocol; nothing of it counts any more.
    Failed,
}

/// One packet of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// It went well, without rows.
    Ok(OkPacket<'a>),
    /// It failed; nothing more follows.
    Error(ErrPacket<'a>),
    /// MariaDB reports progress; the answer goes on.
    Progress(&'a [u8]),
    /// A result of this many columns begins.
    ColumnCount(usize),
    /// The definition of a column, counted from 0.
    Column(usize),
    /// The EOF behind column definitions.
    ColumnsEnd(End),
    /// A row in text.
    TextRow,
    /// A row in binary.
    BinaryRow,
    /// The rows of a result are over, by EOF or by OK; an EOF tells status and warnings only.
    RowsEnd(OkPacket<'a>),
    /// The server asks the client for a file of this name.
    LocalFile(&'a [u8]),
    /// A statement was prepared.
    Prepared(Prepared),
    /// The definition of a parameter, counted from 0.
    Parameter(usize),
    /// The EOF behind definitions of parameters.
    ParametersEnd(End),
    /// A line of text.
    Line(&'a [u8]),
    /// The server wants another plugin, or goes on with this one; the proof of a login within the session.
    Login(&'a [u8]),
}

/// The answer to one command.
#[derive(Clone, Debug)]
pub struct Answer {
    kind: Kind,
    state: State,
    deprecate_eof: bool,
    capabilities: Capabilities,
    /// Results that are over.
    results: usize,
}

impl Answer {
    /// The answer that `command` will have from a server with whom `capabilities` were agreed. Commands that servers do not
    /// answer are done at once.
    pub fn to(command: Command, capabilities: Capabilities) -> Self {
        let kind = match command {
            Command::Query => Kind::Text,
            Command::StmtExecute => Kind::Binary,
            Command::StmtFetch => Kind::Fetch,
            Command::StmtPrepare => Kind::Prepare,
            Command::FieldList => Kind::Fields,
            Command::Statistics => Kind::Line,
            Command::ChangeUser => Kind::Login,
            Command::SetOption => Kind::Option,
            Command::InitDb
            | Command::Ping
            | Command::ProcessKill
            | Command::Quit
            | Command::ResetConnection
            | Command::StmtClose
            | Command::StmtReset
            | Command::StmtSendLongData => Kind::Simple,
        };
        let state = match (command.is_silent(), kind) {
            (true, _) => State::Done,
            // Servers send columns at once, without saying how many.
            (false, Kind::Fields) => State::Columns { seen: 0, count: COLUMNS_MAX },
            (false, Kind::Fetch) => State::Rows { columns: 0 },
            (false, _) => State::First,
        };
        let deprecate_eof = capabilities.has(Capabilities::DEPRECATE_EOF);
        Self { kind, state, deprecate_eof, capabilities, results: 0 }
    }

    /// Nothing more will come.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The next packet may be a row.
    pub fn in_rows(&self) -> bool {
        matches!(self.state, State::Rows { .. })
    }

    /// The client is to send a file, until its empty packet; then the answer goes on.
    pub fn wants_file(&self) -> bool {
        self.state == State::File
    }

    /// Results that are over.
    pub fn results(&self) -> usize {
        self.results
    }

    /// Takes the next packet's payload and tells what it is.
    ///
    /// # Errors
    /// It has no place here, or is broken. Everything after that is an error, too.
    pub fn take<'a>(&mut self, payload: &'a [u8]) -> Result<Part<'a>, WireError> {
        let part = self.read(payload);
        if part.is_err() {
            self.state = State::Failed;
        }
        part
    }

    fn read<'a>(&mut self, payload: &'a [u8]) -> Result<Part<'a>, WireError> {
        if matches!(self.state, State::Done | State::Failed) {
            return Err(WireError::unexpected("no further packet", payload));
        }
        if payload.first() == Some(&ERR) {
            let error = ErrPacket::decode(payload)?;
            if error.is_progress() && self.capabilities.has(Capabilities::PROGRESS) {
                return Ok(Part::Progress(payload));
            }
            self.state = State::Done;
            return Ok(Part::Error(error));
        }
        match self.state {
            State::First => self.first(payload),
            State::File => self.ok(payload),
            State::Columns { seen, count } => self.column(payload, seen, count),
            State::ColumnsEnd { count } => self.columns_end(payload, count),
            State::Rows { .. } => self.row(payload),
            State::Parameters { seen, count, columns } => {
                self.state = match (seen + 1 == count, self.deprecate_eof) {
                    (false, _) => State::Parameters { seen: seen + 1, count, columns },
                    (true, false) => State::ParametersEnd { columns },
                    (true, true) => prepared_columns(columns),
                };
                definition(payload).map(|()| Part::Parameter(seen))
            }
            State::ParametersEnd { columns } => {
                self.state = prepared_columns(columns);
                End::decode(payload).map(Part::ParametersEnd)
            }
            State::PreparedColumns { seen, count } => {
                self.state = match (seen + 1 == count, self.deprecate_eof) {
                    (false, _) => State::PreparedColumns { seen: seen + 1, count },
                    (true, false) => State::PreparedColumnsEnd,
                    (true, true) => State::Done,
                };
                definition(payload).map(|()| Part::Column(seen))
            }
            State::PreparedColumnsEnd => {
                self.state = State::Done;
                End::decode(payload).map(Part::ColumnsEnd)
            }
            State::Done | State::Failed => Err(WireError::unexpected("no further packet", payload)),
        }
    }

    fn first<'a>(&mut self, payload: &'a [u8]) -> Result<Part<'a>, WireError> {
        match (self.kind, payload.first()) {
            (Kind::Line, Some(_)) => {
                self.state = State::Done;
                Ok(Part::Line(payload))
            }
            (Kind::Prepare, Some(&OK)) => self.prepared(payload),
            (Kind::Option, Some(&EOF)) => {
                self.state = State::Done;
                self.end(payload).map(Part::Ok)
            }
            (Kind::Login, Some(&EOF | &0x01)) => Ok(Part::Login(payload)),
            (Kind::Text | Kind::Binary | Kind::Simple | Kind::Option | Kind::Login, Some(&OK)) => self.ok(payload),
            (Kind::Text, Some(&NULL)) if self.capabilities.has(Capabilities::LOCAL_FILES) => {
                self.state = State::File;
                Ok(Part::LocalFile(payload.get(1..).unwrap_or_default()))
            }
            (Kind::Text | Kind::Binary, Some(_)) => {
                let mut reader = Reader::new("number of columns", payload);
                let count = reader.count()?;
                reader.clone().finish()?;
                if count == 0 || count > COLUMNS_MAX {
                    return Err(reader.out_of_range("1 to 4096 columns", u64::try_from(count).unwrap_or(u64::MAX)));
                }
                self.state = State::Columns { seen: 0, count };
                Ok(Part::ColumnCount(count))
            }
            _ => Err(WireError::unexpected(self.expected(), payload)),
        }
    }

    fn expected(&self) -> &'static str {
        match self.kind {
            Kind::Text | Kind::Binary => "OK, ERR or a number of columns",
            Kind::Prepare => "COM_STMT_PREPARE_OK or ERR",
            Kind::Line => "a line of text",
            Kind::Login => "OK, ERR or a question about the login",
            Kind::Simple | Kind::Option | Kind::Fetch | Kind::Fields => "OK or ERR",
        }
    }

    fn ok<'a>(&mut self, payload: &'a [u8]) -> Result<Part<'a>, WireError> {
        if payload.first() != Some(&OK) {
            return Err(WireError::unexpected("OK or ERR", payload));
        }
        let ok = OkPacket::decode(payload, self.capabilities)?;
        self.result_over(ok.status);
        Ok(Part::Ok(ok))
    }

    fn result_over(&mut self, status: Status) {
        let results = matches!(self.kind, Kind::Text | Kind::Binary);
        self.results = self.results.saturating_add(1);
        self.state = if results && status.has(Status::MORE_RESULTS) { State::First } else { State::Done };
    }

    fn prepared<'a>(&mut self, payload: &'a [u8]) -> Result<Part<'a>, WireError> {
        let prepared = Prepared::decode(payload)?;
        let (parameters, columns) = (usize::from(prepared.parameters), usize::from(prepared.columns));
        self.state = match parameters {
            0 => prepared_columns(columns),
            count => State::Parameters { seen: 0, count, columns },
        };
        Ok(Part::Prepared(prepared))
    }

    fn column<'a>(&mut self, payload: &'a [u8], seen: usize, count: usize) -> Result<Part<'a>, WireError> {
        if self.kind == Kind::Fields && payload.first() == Some(&EOF) {
            self.state = State::Done;
            let end = self.end(payload)?;
            return Ok(Part::ColumnsEnd(End { status: end.status, warnings: end.warnings }));
        }
        definition(payload)?;
        self.state = match (seen + 1 == count, self.deprecate_eof) {
            _ if self.kind == Kind::Fields => State::Columns { seen: seen + 1, count: count.saturating_add(1) },
            (false, _) => State::Columns { seen: seen + 1, count },
            (true, false) => State::ColumnsEnd { count },
            (true, true) => State::Rows { columns: count },
        };
        if self.kind == Kind::Fields && seen >= COLUMNS_MAX {
            return Err(WireError::unexpected("the end of at most 4096 columns", payload));
        }
        Ok(Part::Column(seen))
    }

    fn columns_end<'a>(&mut self, payload: &'a [u8], count: usize) -> Result<Part<'a>, WireError> {
        let end = End::decode(payload)?;
        // With a cursor, this is the end of the answer: the rows are to be fetched.
        if self.kind == Kind::Binary && end.status.has(Status::CURSOR_EXISTS) {
            self.result_over(end.status.without(Status::MORE_RESULTS));
        } else {
            self.state = State::Rows { columns: count };
        }
        Ok(Part::ColumnsEnd(end))
    }

    fn row<'a>(&mut self, payload: &'a [u8]) -> Result<Part<'a>, WireError> {
        if is_end_of_rows(payload, self.deprecate_eof) {
            let end = self.end(payload)?;
            // With a cursor, this is the end of the answer: the rows are to be fetched.
            let last = self.kind == Kind::Binary && end.status.has(Status::CURSOR_EXISTS);
            self.result_over(if last { end.status.without(Status::MORE_RESULTS) } else { end.status });
            return Ok(Part::RowsEnd(end));
        }
        match (self.kind, payload.first()) {
            (Kind::Text, Some(_)) => Ok(Part::TextRow),
            (Kind::Binary | Kind::Fetch, Some(&OK)) => Ok(Part::BinaryRow),
            _ => Err(WireError::unexpected("a row or the end of rows", payload)),
        }
    }

    /// The end of rows in the form that was agreed. COM_FIELD_LIST of some servers ends with EOF all the same.
    fn end<'a>(&self, payload: &'a [u8]) -> Result<OkPacket<'a>, WireError> {
        if self.deprecate_eof && payload.len() > EOF_BYTES_MAX {
            return OkPacket::decode(payload, self.capabilities);
        }
        End::decode(payload).map(|end| OkPacket { status: end.status, warnings: end.warnings, ..OkPacket::default() })
    }
}

/// Is this packet, among rows, the end of them? A row in text may begin with 0xfe, too: then its first value is longer than
/// any frame, and so is the row.
pub fn is_end_of_rows(payload: &[u8], deprecate_eof: bool) -> bool {
    let longest = if deprecate_eof { FRAME_PAYLOAD_MAX - 1 } else { EOF_BYTES_MAX };
    payload.first() == Some(&EOF) && payload.len() <= longest
}

fn prepared_columns(columns: usize) -> State {
    match columns {
        0 => State::Done,
        count => State::PreparedColumns { seen: 0, count },
    }
}

/// The first field of every column definition is the catalog, `def`; what begins otherwise is something else.
fn definition(payload: &[u8]) -> Result<(), WireError> {
    match payload.first() {
        Some(3) => Ok(()),
        _ => Err(WireError::unexpected("a column definition", payload)),
    }
}
