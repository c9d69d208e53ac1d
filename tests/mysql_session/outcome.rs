//! What an answer of the server's was, taken apart but not interpreted.

use bytes::BytesMut;
use holdpoint::mysql::handshake::capabilities::Capabilities;
use holdpoint::mysql::packets::column::{ColumnDefinition, kinds};
use holdpoint::mysql::packets::ok::{Change, OkPacket, Status};
use holdpoint::mysql::reader::{Reader, put_bytes};

/// A cell's bytes as they stood in the row, without their length; `None`: NULL.
pub type Cell = Option<Vec<u8>>;

/// One result of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// OK.
    Done(Done),
    /// Rows.
    Rows(Table),
    /// ERR.
    Refused(u16, String),
}

/// What an OK tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    pub affected: u64,
    pub last_id: u64,
    pub warnings: u16,
    pub status: Status,
    pub info: String,
    pub session_state: Vec<u8>,
}

/// Rows and what was told about them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
    /// The row packets' payloads.
    pub raw: Vec<Vec<u8>>,
    pub end: Done,
}

/// A column definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub kind: u8,
    /// The whole definition, as it came.
    pub payload: Vec<u8>,
}

impl Outcome {
    pub fn table(self) -> Table {
        match self {
            Self::Rows(table) => table,
            other => panic!("no rows: {other:?}"),
        }
    }

    pub fn done(self) -> Done {
        match self {
            Self::Done(done) => done,
            other => panic!("no OK: {other:?}"),
        }
    }

    pub fn refused(self) -> (u16, String) {
        match self {
            Self::Refused(code, text) => (code, text),
            other => panic!("no error: {other:?}"),
        }
    }
}

impl Table {
    /// Cells as text, NULL as `NULL`.
    pub fn text(&self) -> Vec<Vec<String>> {
        let cell = |cell: &Cell| {
            cell.as_ref().map_or_else(|| "NULL".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        self.rows.iter().map(|row| row.iter().map(cell).collect()).collect()
    }
}

/// A parameter: type, unsigned, and its value in binary, length included; `None` is NULL.
#[derive(Clone, Debug)]
pub struct Param {
    pub kind: u8,
    pub flags: u8,
    pub value: Option<Vec<u8>>,
}

impl Param {
    pub fn text(text: impl AsRef<[u8]>) -> Self {
        let mut out = BytesMut::new();
        put_bytes(&mut out, text.as_ref());
        Self { kind: kinds::VAR_STRING, flags: 0, value: Some(out.to_vec()) }
    }

    pub fn int(number: i64) -> Self {
        Self { kind: kinds::LONG_LONG, flags: 0, value: Some(number.to_le_bytes().to_vec()) }
    }

    pub fn null() -> Self {
        Self { kind: kinds::NULL, flags: 0, value: None }
    }

    /// Its value comes, or came, by COM_STMT_SEND_LONG_DATA.
    pub fn long() -> Self {
        Self { kind: kinds::BLOB, flags: 0, value: Some(Vec::new()) }
    }
}

/// What a COM_STMT_PREPARE told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statement {
    pub number: u32,
    pub parameters: usize,
    pub columns: usize,
}

pub fn done(ok: &OkPacket<'_>) -> Done {
    Done {
        affected: ok.affected_rows,
        last_id: ok.last_insert_id,
        warnings: ok.warnings,
        status: ok.status,
        info: String::from_utf8_lossy(ok.info).into_owned(),
        session_state: ok.session_state.to_vec(),
    }
}

/// What an OK says has changed.
pub fn changes(done: &Done) -> Vec<String> {
    let ok = OkPacket { session_state: &done.session_state, ..OkPacket::default() };
    ok.changes().unwrap().iter().map(|change: &Change<'_>| format!("{change:?}")).collect()
}

pub fn column(payload: &[u8], agreed: Capabilities) -> Column {
    let definition = ColumnDefinition::decode(payload, agreed).unwrap();
    Column {
        name: String::from_utf8_lossy(definition.name).into_owned(),
        kind: definition.kind,
        payload: payload.to_vec(),
    }
}

pub fn text_cells(payload: &[u8], count: usize) -> Vec<Cell> {
    let mut reader = Reader::new("a row", payload);
    let cells = (0..count).map(|_| reader.cell().unwrap().map(<[u8]>::to_vec)).collect();
    reader.finish().unwrap();
    cells
}

/// Written from the manual ("Binary Protocol Resultset Row"), apart from the code that is tested.
pub fn binary_cells(payload: &[u8], columns: &[Column]) -> Vec<Cell> {
    let mut reader = Reader::new("a row", payload);
    assert_eq!(reader.u8().unwrap(), 0);
    let nulls = reader.bytes((columns.len() + 9) / 8).unwrap().to_vec();
    let cells = columns.iter().enumerate().map(|(index, column)| {
        let bit = index + 2;
        if nulls[bit / 8] & (1 << (bit % 8)) != 0 {
            return None;
        }
        let value = match column.kind {
            1 => reader.bytes(1),
            2 | 13 => reader.bytes(2),
            3 | 9 | 4 => reader.bytes(4),
            8 | 5 => reader.bytes(8),
            7 | 10 | 11 | 12 => {
                let length = usize::from(reader.u8().unwrap());
                reader.bytes(length)
            }
            _ => reader.lenenc_bytes(),
        };
        Some(value.unwrap().to_vec())
    });
    let cells = cells.collect();
    reader.finish().unwrap();
    cells
}
