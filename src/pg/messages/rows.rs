//! RowDescription: what a result's columns are and where the server says they come from.

use crate::pg::frame::WireError;
use crate::pg::messages::extended::Format;
use crate::pg::reader::Reader;

/// One result column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The table it is a plain column of; 0 if none.
    pub table_oid: u32,
    /// The column's number in that table; 0 is none, or the whole row.
    pub attnum: i16,
    /// Type.
    pub type_oid: u32,
    /// Bytes of the type; negative if they vary.
    pub type_size: i16,
    /// Type modifier.
    pub type_modifier: i32,
    /// Text or binary. Text in the answer to a Describe of a statement, whatever Bind says later.
    pub format: Format,
}

/// Bytes of a field beside its name: table, column, type, size, modifier, format and the closing zero byte.
const FIELD_BYTES_MIN: usize = 19;

/// Reads the body of a message `T`.
pub fn describe(body: &[u8]) -> Result<Vec<Field<'_>>, WireError> {
    let mut reader = Reader::new("RowDescription", body);
    let count = reader.count()?;
    let mut fields = Vec::with_capacity(count.min(reader.remaining() / FIELD_BYTES_MIN));
    for _ in 0..count {
        fields.push(Field {
            name: reader.cstr()?,
            table_oid: reader.u32()?,
            attnum: reader.i16()?,
            type_oid: reader.u32()?,
            type_size: reader.i16()?,
            type_modifier: reader.i32()?,
            format: Format::read(&mut reader)?,
        });
    }
    reader.finish()?;
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_and_type_are_read() {
        let body = b"\0\x01id\0\0\0\x40\0\0\x01\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0";
        let fields = describe(body).unwrap();
        assert_eq!(fields[0].name, b"id");
        assert_eq!((fields[0].table_oid, fields[0].attnum, fields[0].type_oid), (16_384, 1, 23));
        assert_eq!((fields[0].type_size, fields[0].type_modifier, fields[0].format), (4, -1, Format::Text));
    }

    #[test]
    fn more_fields_than_bytes_are_refused() {
        assert!(describe(b"\xff\xff").is_err());
    }

    proptest::proptest! {
        #[test]
        fn anything_can_be_read_without_a_panic(bytes: Vec<u8>) {
            let _ = describe(&bytes);
        }
    }
}
