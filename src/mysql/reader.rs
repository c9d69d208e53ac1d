//! Checked reads from one payload. Nothing is copied, nothing panics, and nothing may be left over.
//!
//! Manual: "Integer Types", "String Types". Numbers are little-endian.

use bytes::{BufMut, BytesMut};

use crate::mysql::frame::WireError;

/// First byte that stands for NULL where a length could stand.
pub const NULL: u8 = 0xfb;

/// A cursor over one payload.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `payload`; `what` names the packet in errors.
    pub fn new(what: &'static str, payload: &'a [u8]) -> Self {
        Self { what, rest: payload }
    }

    /// Bytes not read yet.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next byte, which stays unread.
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The next `count` bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.truncated(u64::try_from(count).unwrap_or(u64::MAX)));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// Everything that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// The next byte.
    pub fn u8(&mut self) -> Result<u8, WireError> {
        self.chunk::<1>().map(|[byte]| byte)
    }

    /// The next 2-byte number.
    pub fn u16(&mut self) -> Result<u16, WireError> {
        self.chunk().map(u16::from_le_bytes)
    }

    /// The next 3-byte number.
    pub fn u24(&mut self) -> Result<u32, WireError> {
        self.chunk().map(|[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]))
    }

    /// The next 4-byte number.
    pub fn u32(&mut self) -> Result<u32, WireError> {
        self.chunk().map(u32::from_le_bytes)
    }

    /// The next 8-byte number.
    pub fn u64(&mut self) -> Result<u64, WireError> {
        self.chunk().map(u64::from_le_bytes)
    }

    /// The next length-encoded number. Longer forms than needed are legal.
    ///
    /// # Errors
    /// Too few bytes, or a first byte that begins no number (NULL, an error).
    pub fn lenenc(&mut self) -> Result<u64, WireError> {
        match self.u8()? {
            small @ 0..=0xfa => Ok(u64::from(small)),
            0xfc => self.u16().map(u64::from),
            0xfd => self.u24().map(u64::from),
            0xfe => self.u64(),
            other => Err(self.out_of_range("a length", u64::from(other))),
        }
    }

    /// A length-encoded number that counts things of which each takes at least one byte of what follows or of later packets.
    pub fn count(&mut self) -> Result<usize, WireError> {
        let found = self.lenenc()?;
        usize::try_from(found).map_err(|_| self.out_of_range("a count", found))
    }

    /// The next bytes with their length before them.
    pub fn lenenc_bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = self.lenenc()?;
        match usize::try_from(length) {
            Ok(length) => self.bytes(length),
            Err(_) => Err(self.truncated(length)),
        }
    }

    /// A cell of a text row: bytes with their length before them, or `None` for NULL.
    pub fn cell(&mut self) -> Result<Option<&'a [u8]>, WireError> {
        if self.peek() == Some(NULL) {
            self.u8()?;
            return Ok(None);
        }
        self.lenenc_bytes().map(Some)
    }

    /// The next text with its length before it, which must be UTF-8.
    pub fn lenenc_text(&mut self) -> Result<&'a str, WireError> {
        let bytes = self.lenenc_bytes()?;
        std::str::from_utf8(bytes).map_err(|_| WireError::NotUtf8 { what: self.what })
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

    /// An error about a number in this packet.
    pub fn out_of_range(&self, expected: &'static str, found: u64) -> WireError {
        WireError::OutOfRange { what: self.what, expected, found }
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.truncated(u64::try_from(N).unwrap_or(u64::MAX)));
        };
        self.rest = rest;
        Ok(*taken)
    }

    fn truncated(&self, needed: u64) -> WireError {
        WireError::Truncated { what: self.what, needed, left: u64::try_from(self.rest.len()).unwrap_or(u64::MAX) }
    }
}

/// Writes a length-encoded number in its shortest form.
pub fn put_lenenc(out: &mut BytesMut, number: u64) {
    match number {
        0..=0xfa => out.put_uint_le(number, 1),
        0xfb..=0xffff => {
            out.put_u8(0xfc);
            out.put_uint_le(number, 2);
        }
        0x1_0000..=0xff_ffff => {
            out.put_u8(0xfd);
            out.put_uint_le(number, 3);
        }
        _ => {
            out.put_u8(0xfe);
            out.put_u64_le(number);
        }
    }
}

/// Writes bytes with their length before them.
pub fn put_bytes(out: &mut BytesMut, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    put_lenenc(out, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    out.put_slice(bytes);
}

/// Writes a string and its closing zero byte. A zero byte inside would end it early: what follows is left out.
pub fn put_cstr(out: &mut BytesMut, text: impl AsRef<[u8]>) {
    let text = text.as_ref();
    let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
    out.put_slice(text.get(..end).unwrap_or_default());
    out.put_u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_order_and_nothing_may_be_left() {
        let mut reader = Reader::new("test", b"ab\0\x07\0\x02xy\xfbz");
        assert_eq!(reader.cstr(), Ok(&b"ab"[..]));
        assert_eq!(reader.u16(), Ok(7));
        assert_eq!(reader.lenenc_bytes(), Ok(&b"xy"[..]));
        assert_eq!(reader.cell(), Ok(None));
        assert_eq!(reader.clone().finish(), Err(WireError::Trailing { what: "test", left: 1 }));
        assert_eq!(reader.u8(), Ok(b'z'));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn lengths_beyond_the_packet_are_refused() {
        for (bytes, needed) in [
            (&b"\x05abc"[..], 5),
            (b"\xfc\xff\xffabc", 0xffff),
            (b"\xfd\xff\xff\xffabc", 0xff_ffff),
            (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xffabc", u64::MAX),
        ] {
            let wanted = WireError::Truncated { what: "test", needed, left: 3 };
            assert_eq!(Reader::new("test", bytes).lenenc_bytes(), Err(wanted), "{bytes:?}");
        }
        for bytes in [&b"\xfb"[..], b"\xff", b"\xfc\x01", b"\xfe\0\0", b""] {
            assert!(Reader::new("test", bytes).lenenc_bytes().is_err(), "{bytes:?}");
        }
        assert_eq!(Reader::new("test", b"ab").cstr(), Err(WireError::Unterminated { what: "test" }));
    }

    #[test]
    fn numbers_are_written_in_their_shortest_form() {
        for (number, bytes) in [
            (0, &b"\0"[..]),
            (0xfa, b"\xfa"),
            (0xfb, b"\xfc\xfb\0"),
            (0xffff, b"\xfc\xff\xff"),
            (0x1_0000, b"\xfd\0\0\x01"),
            (0xff_ffff, b"\xfd\xff\xff\xff"),
            (0x100_0000, b"\xfe\0\0\0\x01\0\0\0\0"),
        ] {
            let mut out = BytesMut::new();
            put_lenenc(&mut out, number);
            assert_eq!(&out[..], bytes);
        }
    }

    proptest::proptest! {
        #[test]
        fn numbers_read_back(number: u64) {
            let mut out = BytesMut::new();
            put_lenenc(&mut out, number);
            let mut reader = Reader::new("test", &out);
            assert_eq!(reader.lenenc(), Ok(number));
            assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn reading_anything_never_panics(bytes: Vec<u8>) {
            let mut reader = Reader::new("test", &bytes);
            while reader.cell().is_ok() && !reader.is_empty() {}
            let _ = (reader.lenenc_text(), reader.cstr(), reader.u24(), reader.u64());
        }
    }
}
