//! The client's messages of the extended protocol, read in place: every field borrows from the frame.

use crate::pg::frame::WireError;
use crate::pg::reader::Reader;

/// `P`: prepare a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parse<'a> {
    /// Name; empty is the unnamed statement.
    pub name: &'a [u8],
    /// Text.
    pub query: &'a [u8],
    /// Declared parameter types; 0 leaves a type open.
    pub types: Vec<u32>,
}

impl<'a> Parse<'a> {
    /// Reads the body of a message `P`.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Parse", body);
        let (name, query) = (reader.cstr()?, reader.cstr()?);
        let count = reader.count()?;
        let mut types = Vec::with_capacity(count.min(reader.remaining() / 4));
        for _ in 0..count {
            types.push(reader.u32()?);
        }
        reader.finish()?;
        Ok(Self { name, query, types })
    }
}

/// Text or binary, as `Bind` and `RowDescription` write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// 0.
    Text,
    /// 1.
    Binary,
}

impl Format {
    /// The format code.
    pub fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }

    /// Reads a format code.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        match reader.i16()? {
            0 => Ok(Self::Text),
            1 => Ok(Self::Binary),
            other => Err(reader.out_of_range("format 0 or 1", i64::from(other))),
        }
    }
}

/// Format codes: none means text for all, one means the same for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formats(pub Vec<Format>);

impl Formats {
    /// The format of the value at `index`, counted from 0. `None` if a list of several is too short for it.
    pub fn of(&self, index: usize) -> Option<Format> {
        match self.0.as_slice() {
            [] => Some(Format::Text),
            [all] => Some(*all),
            each => each.get(index).copied(),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, WireError> {
        let count = reader.count()?;
        let mut formats = Vec::with_capacity(count.min(reader.remaining() / 2));
        for _ in 0..count {
            formats.push(Format::read(reader)?);
        }
        Ok(Self(formats))
    }
}

/// `B`: give a prepared statement its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind<'a> {
    /// Portal to make; empty is the unnamed portal.
    pub portal: &'a [u8],
    /// Statement to use.
    pub statement: &'a [u8],
    /// How the values are written.
    pub formats: Formats,
    /// The values; `None` is NULL.
    pub values: Vec<Option<&'a [u8]>>,
    /// How results are wanted.
    pub result_formats: Formats,
}

impl<'a> Bind<'a> {
    /// Reads the body of a message `B`.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Bind", body);
        let (portal, statement) = (reader.cstr()?, reader.cstr()?);
        let formats = Formats::read(&mut reader)?;
        let count = reader.count()?;
        if formats.0.len() > 1 && formats.0.len() != count {
            let found = i64::try_from(formats.0.len()).unwrap_or(i64::MAX);
            return Err(reader.out_of_range("no, one or as many formats as values", found));
        }
        let mut values = Vec::with_capacity(count.min(reader.remaining() / 4));
        for _ in 0..count {
            values.push(reader.value()?);
        }
        let result_formats = Formats::read(&mut reader)?;
        reader.finish()?;
        Ok(Self { portal, statement, formats, values, result_formats })
    }
}

/// What `Describe` and `Close` are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named<'a> {
    /// `S` and a statement's name.
    Statement(&'a [u8]),
    /// `P` and a portal's name.
    Portal(&'a [u8]),
}

impl<'a> Named<'a> {
    /// Reads the body of a message `D` (Describe) or `C` (Close) from a client.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Describe or Close", body);
        let kind = reader.byte()?;
        let name = reader.cstr()?;
        let named = match kind {
            b'S' => Self::Statement(name),
            b'P' => Self::Portal(name),
            other => return Err(reader.out_of_range("S or P", i64::from(other))),
        };
        reader.finish()?;
        Ok(named)
    }
}

/// `E`: run a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execute<'a> {
    /// Which portal.
    pub portal: &'a [u8],
    /// Most rows to return; 0 or less means all.
    pub rows_max: i32,
}

impl<'a> Execute<'a> {
    /// Reads the body of a message `E` from a client.
    pub fn decode(body: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Execute", body);
        let (portal, rows_max) = (reader.cstr()?, reader.i32()?);
        reader.finish()?;
        Ok(Self { portal, rows_max })
    }
}

/// Reads the body of a message `Q`: the text, without its closing zero byte.
pub fn query(body: &[u8]) -> Result<&[u8], WireError> {
    let mut reader = Reader::new("Query", body);
    let text = reader.cstr()?;
    reader.finish()?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bind_is_read_in_place() {
        let body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02hi\xff\xff\xff\xff\0\0";
        let bind = Bind::decode(body).unwrap();
        assert_eq!((bind.portal, bind.statement), (&b"p"[..], &b"s"[..]));
        assert_eq!(bind.values, vec![Some(&b"hi"[..]), None]);
        assert_eq!((bind.formats.of(1), bind.result_formats.of(9)), (Some(Format::Binary), Some(Format::Text)));
    }

    #[test]
    fn bind_with_more_formats_than_values_is_refused() {
        assert!(Bind::decode(b"\0\0\0\x02\0\0\0\0\0\x01\0\0\0\0\0\0").is_err());
    }

    #[test]
    fn huge_counts_without_bytes_behind_them_reserve_nothing() {
        assert!(Bind::decode(b"\0\0\0\0\xff\xff").is_err());
        assert!(Parse::decode(b"\0\0\xff\xff").is_err());
    }

    #[test]
    fn text_hidden_behind_a_query_is_refused() {
        assert_eq!(query(b"SELECT 1\0"), Ok(&b"SELECT 1"[..]));
        assert_eq!(query(b"SELECT 1\0DROP\0"), Err(WireError::Trailing { what: "Query", left: 5 }));
    }

    proptest::proptest! {
        #[test]
        fn anything_can_be_read_without_a_panic(bytes: Vec<u8>) {
            let _ = (Parse::decode(&bytes), Bind::decode(&bytes), Named::decode(&bytes), Execute::decode(&bytes));
            let _ = query(&bytes);
        }

        #[test]
        fn values_are_read_as_they_were_written(values: Vec<Option<Vec<u8>>>) {
            let mut body = b"\0\0\0\0".to_vec();
            body.extend_from_slice(&u16::try_from(values.len()).unwrap().to_be_bytes());
            for value in &values {
                let length = value.as_ref().map_or(-1, |bytes| i32::try_from(bytes.len()).unwrap());
                body.extend_from_slice(&length.to_be_bytes());
                body.extend_from_slice(value.as_deref().unwrap_or_default());
            }
            body.extend_from_slice(b"\0\0");
            let wanted: Vec<_> = values.iter().map(Option::as_deref).collect();
            assert_eq!(Bind::decode(&body).unwrap().values, wanted);
        }
    }
}
