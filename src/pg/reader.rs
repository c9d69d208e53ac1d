//! Checked reads from the body of one message. Nothing is copied, nothing panics, and nothing may be left over.

use crate::pg::frame::WireError;

/// A cursor over one message body.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `body`; `what` names the message in errors.
    pub fn new(what: &'static str, body: &'a [u8]) -> Self {
        Self { what, rest: body }
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.truncated(count));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, WireError> {
        self.chunk::<1>().map(|[byte]| byte)
    }

    /// The next big-endian 16-bit number.
    pub fn i16(&mut self) -> Result<i16, WireError> {
        self.chunk().map(i16::from_be_bytes)
    }

    /// The next 16-bit count; servers read these without a sign (65 535 parameters are legal).
    pub fn count(&mut self) -> Result<usize, WireError> {
        self.chunk().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    /// The next big-endian 32-bit number.
    pub fn i32(&mut self) -> Result<i32, WireError> {
        self.chunk().map(i32::from_be_bytes)
    }

    /// The next big-endian 32-bit number without a sign, such as an OID.
    pub fn u32(&mut self) -> Result<u32, WireError> {
        self.chunk().map(u32::from_be_bytes)
    }

    /// A value with its length before it; `None` for length -1, which is NULL.
    pub fn value(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        let length = self.i32()?;
        if length == -1 {
            return Ok(None);
        }
        let Ok(length) = usize::try_from(length) else {
            return Err(self.out_of_range("a length of -1 or more", i64::from(length)));
        };
        self.bytes(length).map(Some)
    }

    /// The next string, without its closing zero byte.
    pub fn cstr(&mut self) -> Result<&'a [u8], WireError> {
        let end = self.rest.iter().position(|byte| *byte == 0).ok_or(WireError::Unterminated { what: self.what })?;
        let text = self.bytes(end)?;
        self.bytes(1)?;
        Ok(text)
    }

    /// The next string, which must be UTF-8.
    pub fn text(&mut self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.cstr()?).map_err(|_| WireError::NotUtf8 { what: self.what })
    }

    /// Ends the reading: anything left over is an error.
    pub fn finish(self) -> Result<(), WireError> {
        if self.rest.is_empty() { Ok(()) } else { Err(WireError::Trailing { what: self.what, left: self.rest.len() }) }
    }

    /// An error about a number in this message.
    pub fn out_of_range(&self, expected: &'static str, found: i64) -> WireError {
        WireError::OutOfRange { what: self.what, expected, found }
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(N));
        };
        self.rest = rest;
        Ok(*taken)
    }

    fn truncated(&self, needed: usize) -> WireError {
        let count = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        WireError::Truncated { what: self.what, needed: count(needed), left: count(self.rest.len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_order_and_nothing_may_be_left() {
        let mut reader = Reader::new("test", b"ab\0\x00\x07\xff\xff\xff\xffz");
        assert_eq!(reader.cstr(), Ok(&b"ab"[..]));
        assert_eq!(reader.i16(), Ok(7));
        assert_eq!(reader.value(), Ok(None));
        assert_eq!(reader.clone().finish(), Err(WireError::Trailing { what: "test", left: 1 }));
        assert_eq!(reader.byte(), Ok(b'z'));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn reading_past_the_end_says_what_is_missing() {
        let mut reader = Reader::new("test", b"ab");
        assert_eq!(reader.i32(), Err(WireError::Truncated { what: "test", needed: 4, left: 2 }));
        assert_eq!(reader.cstr(), Err(WireError::Unterminated { what: "test" }));
        assert!(reader.bytes(usize::MAX).is_err());
    }

    #[test]
    fn negative_value_length_other_than_null_is_refused() {
        let mut reader = Reader::new("test", &[0xff, 0xff, 0xff, 0xfe]);
        assert!(matches!(reader.value(), Err(WireError::OutOfRange { found: -2, .. })));
    }
}
