//! Column definitions: name, origin and type of one result column (manual: "ColumnDefinition41").

use bytes::{BufMut, BytesMut};

use crate::mysql::frame::WireError;
use crate::mysql::handshake::capabilities::Capabilities;
use crate::mysql::reader::{Reader, put_bytes, put_lenenc};

/// `utf8mb4_general_ci`, which every server of today knows.
pub const UTF8MB4: u16 = 45;
/// The collation of bytes that are no text.
pub const BINARY: u16 = 63;

/// Column flags that matter here.
pub mod flags {
    /// Never NULL.
    pub const NOT_NULL: u16 = 1;
    /// Numbers without a sign.
    pub const UNSIGNED: u16 = 32;
    /// Compares bytes.
    pub const BINARY: u16 = 128;
    /// `ENUM`, told as a string.
    pub const ENUM: u16 = 256;
    /// `SET`, told as a string.
    pub const SET: u16 = 2048;
}

/// Type numbers as they stand in column definitions and before parameters.
pub mod kinds {
    /// `DECIMAL` of old.
    pub const DECIMAL: u8 = 0;
    /// `TINYINT`.
    pub const TINY: u8 = 1;
    /// `SMALLINT`.
    pub const SHORT: u8 = 2;
    /// `INT`.
    pub const LONG: u8 = 3;
    /// `FLOAT`.
    pub const FLOAT: u8 = 4;
    /// `DOUBLE`.
    pub const DOUBLE: u8 = 5;
    /// A bare `NULL`.
    pub const NULL: u8 = 6;
    /// `TIMESTAMP`.
    pub const TIMESTAMP: u8 = 7;
    /// `BIGINT`.
    pub const LONG_LONG: u8 = 8;
    /// `MEDIUMINT`.
    pub const INT24: u8 = 9;
    /// `DATE`.
    pub const DATE: u8 = 10;
    /// `TIME`.
    pub const TIME: u8 = 11;
    /// `DATETIME`.
    pub const DATETIME: u8 = 12;
    /// `YEAR`.
    pub const YEAR: u8 = 13;
    /// `DATE`, inside the server.
    pub const NEW_DATE: u8 = 14;
    /// `VARCHAR`.
    pub const VARCHAR: u8 = 15;
    /// `BIT`.
    pub const BIT: u8 = 16;
    /// `VECTOR`.
    pub const VECTOR: u8 = 242;
    /// `JSON`.
    pub const JSON: u8 = 245;
    /// `DECIMAL`.
    pub const NEW_DECIMAL: u8 = 246;
    /// `ENUM`.
    pub const ENUM: u8 = 247;
    /// `SET`.
    pub const SET: u8 = 248;
    /// `TINYBLOB`, `TINYTEXT`.
    pub const TINY_BLOB: u8 = 249;
    /// `MEDIUMBLOB`, `MEDIUMTEXT`.
    pub const MEDIUM_BLOB: u8 = 250;
    /// `LONGBLOB`, `LONGTEXT`.
    pub const LONG_BLOB: u8 = 251;
    /// `BLOB`, `TEXT`.
    pub const BLOB: u8 = 252;
    /// `VARCHAR`, `VARBINARY`.
    pub const VAR_STRING: u8 = 253;
    /// `CHAR`, `BINARY`.
    pub const STRING: u8 = 254;
    /// `GEOMETRY`.
    pub const GEOMETRY: u8 = 255;
}

/// One column of a result, or one parameter of a prepared statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColumnDefinition<'a> {
    /// `def` with every server.
    pub catalog: &'a [u8],
    /// The database of `org_table`.
    pub schema: &'a [u8],
    /// The table as the statement calls it.
    pub table: &'a [u8],
    /// The table itself; empty for whatever is no plain column.
    pub org_table: &'a [u8],
    /// The column as the statement calls it.
    pub name: &'a [u8],
    /// The column itself.
    pub org_name: &'a [u8],
    /// MariaDB's extended type information, as it came; empty without it.
    pub extended: &'a [u8],
    /// Collation of text, [`BINARY`] for everything else.
    pub collation: u16,
    /// Longest value, in bytes.
    pub length: u32,
    /// Type; see [`kinds`].
    pub kind: u8,
    /// See [`flags`].
    pub flags: u16,
    /// Digits behind the point.
    pub decimals: u8,
    /// COM_FIELD_LIST only: the default value as it came, with its length.
    pub default: &'a [u8],
}

impl<'a> ColumnDefinition<'a> {
    /// Reads a column definition. `capabilities` tell whether MariaDB's extended types were agreed.
    ///
    /// # Errors
    /// A broken packet.
    pub fn decode(payload: &'a [u8], capabilities: Capabilities) -> Result<Self, WireError> {
        let mut reader = Reader::new("column definition", payload);
        let mut column = Self {
            catalog: reader.lenenc_bytes()?,
            schema: reader.lenenc_bytes()?,
            table: reader.lenenc_bytes()?,
            org_table: reader.lenenc_bytes()?,
            name: reader.lenenc_bytes()?,
            org_name: reader.lenenc_bytes()?,
            ..Self::default()
        };
        if capabilities.has(Capabilities::EXTENDED_TYPES) {
            column.extended = reader.lenenc_bytes()?;
        }
        let fixed = reader.lenenc()?;
        if fixed != 12 {
            return Err(reader.out_of_range("12 bytes of fixed fields", fixed));
        }
        column.collation = reader.u16()?;
        column.length = reader.u32()?;
        column.kind = reader.u8()?;
        column.flags = reader.u16()?;
        column.decimals = reader.u8()?;
        reader.u16()?;
        column.default = reader.rest();
        Ok(column)
    }

    /// Writes the payload.
    pub fn encode(&self, out: &mut BytesMut, capabilities: Capabilities) {
        for text in [self.catalog, self.schema, self.table, self.org_table, self.name, self.org_name] {
            put_bytes(out, text);
        }
        if capabilities.has(Capabilities::EXTENDED_TYPES) {
            put_bytes(out, self.extended);
        }
        put_lenenc(out, 12);
        out.put_u16_le(self.collation);
        out.put_u32_le(self.length);
        out.put_u8(self.kind);
        out.put_u16_le(self.flags);
        out.put_u8(self.decimals);
        out.put_u16_le(0);
        out.put_slice(self.default);
    }

    /// A column of text without an origin, such as the proxy's own answers have.
    pub fn text(name: &'a str) -> Self {
        Self {
            catalog: b"def",
            name: name.as_bytes(),
            collation: UTF8MB4,
            length: 1024 * 4,
            kind: kinds::VAR_STRING,
            decimals: 0x1f,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `SELECT email AS e FROM customers AS c` on a database `shop`.
    const EMAIL: &[u8] = b"\x03def\x04shop\x01c\x09customers\x01e\x05email\x0c\x2d\0\xfc\x03\0\0\xfd\x01\x10\0\0\0";

    #[test]
    fn origin_and_type_read() {
        let column = ColumnDefinition::decode(EMAIL, Capabilities::NONE).unwrap();
        assert_eq!((column.schema, column.table, column.org_table), (&b"shop"[..], &b"c"[..], &b"customers"[..]));
        assert_eq!((column.name, column.org_name, column.kind), (&b"e"[..], &b"email"[..], kinds::VAR_STRING));
        assert_eq!((column.collation, column.length, column.flags), (45, 1020, 0x1001));
        let mut out = BytesMut::new();
        column.encode(&mut out, Capabilities::NONE);
        assert_eq!(&out[..], EMAIL);
    }

    #[test]
    fn extended_types_read_where_they_are_agreed() {
        let bytes = b"\x03def\0\0\0\x01j\0\x06\x01\x04json\x0c\x2d\0\0\0\0\0\xfc\0\0\0\0\0";
        let column = ColumnDefinition::decode(bytes, Capabilities::EXTENDED_TYPES).unwrap();
        assert_eq!((column.name, column.extended), (&b"j"[..], &b"\x01\x04json"[..]));
        assert!(ColumnDefinition::decode(bytes, Capabilities::NONE).is_err());
    }

    #[test]
    fn every_cut_is_refused() {
        for end in 0..EMAIL.len() {
            assert!(ColumnDefinition::decode(&EMAIL[..end], Capabilities::NONE).is_err(), "{end}");
        }
    }

    proptest::proptest! {
        #[test]
        fn reading_anything_never_panics(bytes: Vec<u8>) {
            let _ = ColumnDefinition::decode(&bytes, Capabilities::EXTENDED_TYPES);
        }

        #[test]
        fn what_is_written_reads_back(name: Vec<u8>, table: Vec<u8>, collation: u16, length: u32, kind: u8, flags: u16) {
            let column = ColumnDefinition { name: &name, table: &table, collation, length, kind, flags, ..ColumnDefinition::default() };
            let mut out = BytesMut::new();
            column.encode(&mut out, Capabilities::NONE);
            assert_eq!(ColumnDefinition::decode(&out, Capabilities::NONE), Ok(column));
        }
    }
}
