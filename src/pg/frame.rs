//! Cuts a byte stream into messages, and names every way a peer can break the protocol.
//!
//! Manual: "Message Data Types" and "Message Formats". Lengths are counted in 64 bits, as the peer counts them.

/// Largest start-up packet, its length word included (PostgreSQL's `MAX_STARTUP_PACKET_LENGTH`).
pub const STARTUP_BYTES_MAX: usize = 10_000;

/// Bytes of a type byte and a length word.
pub const HEAD_BYTES: usize = 5;

/// The peer broke the protocol: what was expected, what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A length word below the four bytes it counts itself.
    #[error("message `{kind}`: length at least {min} expected, {found} found")]
    LengthTooSmall {
        /// Type byte, escaped.
        kind: String,
        /// Smallest length allowed.
        min: i32,
        /// The length word.
        found: i32,
    },
    /// A length beyond what this side accepts.
    #[error("message `{kind}`: at most {max} bytes expected, {found} found")]
    LengthTooLarge {
        /// Type byte, escaped.
        kind: String,
        /// Most bytes accepted for the whole message.
        max: u64,
        /// Bytes of the whole message as declared.
        found: u64,
    },
    /// A body ended inside a field.
    #[error("{what}: {needed} more bytes expected, {left} found")]
    Truncated {
        /// The message or field.
        what: &'static str,
        /// Bytes wanted.
        needed: u64,
        /// Bytes left.
        left: u64,
    },
    /// A string without its closing zero byte.
    #[error("{what}: string without its closing zero byte")]
    Unterminated {
        /// The message.
        what: &'static str,
    },
    /// A body went on after its last field.
    #[error("{what}: end of message expected, {left} more bytes found")]
    Trailing {
        /// The message.
        what: &'static str,
        /// Bytes left over.
        left: usize,
    },
    /// A text that is not UTF-8.
    #[error("{what}: UTF-8 text expected")]
    NotUtf8 {
        /// The message.
        what: &'static str,
    },
    /// A number outside its range.
    #[error("{what}: {expected} expected, {found} found")]
    OutOfRange {
        /// The message and field.
        what: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What stood there.
        found: i64,
    },
    /// A message that has no place here.
    #[error("{expected} expected, message `{found}` found")]
    Unexpected {
        /// What could come.
        expected: &'static str,
        /// Type byte, escaped.
        found: String,
    },
}

/// The type byte and the size of one message at the front of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Type byte.
    pub kind: u8,
    /// Bytes of the whole message, type byte and length word included.
    pub len: usize,
}

/// A type byte as it may stand in a message for people.
pub fn kind_name(kind: u8) -> String {
    std::ascii::escape_default(kind).to_string()
}

/// Looks at the message at the front of `buf`. `Ok(None)`: more bytes are needed.
///
/// `max` bounds the whole message in bytes. The length is judged as soon as it is there, before the body arrives, so that
/// a peer cannot make anybody wait or reserve memory for a message that will be refused.
///
/// # Errors
/// A length below 4 or a message beyond `max`.
pub fn cut(buf: &[u8], max: usize) -> Result<Option<FrameHead>, WireError> {
    Ok(peek(buf, max)?.filter(|head| buf.len() >= head.len))
}

/// Like [`cut`], but as soon as type and length are there: the message itself may still be on its way.
///
/// # Errors
/// A length below 4 or a message beyond `max`.
pub fn peek(buf: &[u8], max: usize) -> Result<Option<FrameHead>, WireError> {
    let Some((kind, word)) = buf.split_first().and_then(|(kind, rest)| Some((*kind, rest.first_chunk::<4>()?))) else {
        return Ok(None);
    };
    let found = i32::from_be_bytes(*word);
    let Some(length) = u64::try_from(found).ok().filter(|length| *length >= 4) else {
        return Err(WireError::LengthTooSmall { kind: kind_name(kind), min: 4, found });
    };
    let total = length.saturating_add(1);
    let max = u64::try_from(max).unwrap_or(u64::MAX);
    let Some(len) = usize::try_from(total).ok().filter(|_| total <= max) else {
        return Err(WireError::LengthTooLarge { kind: kind_name(kind), max, found: total });
    };
    Ok(Some(FrameHead { kind, len }))
}

/// Looks at the start-up packet (no type byte) at the front of `buf`: its size in bytes, length word included.
/// `Ok(None)`: more bytes are needed.
///
/// # Errors
/// A length below 8 or beyond [`STARTUP_BYTES_MAX`].
pub fn cut_startup(buf: &[u8]) -> Result<Option<usize>, WireError> {
    let Some(word) = buf.first_chunk::<4>() else {
        return Ok(None);
    };
    let found = i32::from_be_bytes(*word);
    let Some(len) = usize::try_from(found).ok().filter(|len| *len >= 8) else {
        return Err(WireError::LengthTooSmall { kind: "start-up packet".into(), min: 8, found });
    };
    if len > STARTUP_BYTES_MAX {
        let max = u64::try_from(STARTUP_BYTES_MAX).unwrap_or(u64::MAX);
        let found = u64::try_from(len).unwrap_or(u64::MAX);
        return Err(WireError::LengthTooLarge { kind: "start-up packet".into(), max, found });
    }
    Ok((buf.len() >= len).then_some(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(kind: u8, length: i32, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn whole_message_is_cut_at_its_end() {
        let bytes = framed(b'Q', 6, b"a\0next");
        assert_eq!(cut(&bytes, 100), Ok(Some(FrameHead { kind: b'Q', len: 7 })));
    }

    #[test]
    fn every_strict_prefix_asks_for_more() {
        let bytes = framed(b'Q', 6, b"a\0");
        for end in 0..bytes.len() {
            assert_eq!(cut(&bytes[..end], 100), Ok(None), "prefix of {end}");
        }
    }

    #[test]
    fn bad_lengths_are_refused_before_the_body_arrives() {
        for length in [i32::MIN, -1, 0, 3] {
            assert!(matches!(cut(&framed(b'Q', length, b""), 100), Err(WireError::LengthTooSmall { .. })), "{length}");
        }
        for length in [100, 0x4745_5420, i32::MAX] {
            assert!(matches!(cut(&framed(b'Q', length, b""), 100), Err(WireError::LengthTooLarge { .. })), "{length}");
        }
        assert_eq!(cut(&framed(b'Q', 99, b""), 100), Ok(None));
    }

    #[test]
    fn startup_length_is_bounded_both_ways() {
        for length in [i32::MIN, -8, 0, 7] {
            assert!(matches!(cut_startup(&length.to_be_bytes()), Err(WireError::LengthTooSmall { .. })), "{length}");
        }
        assert!(matches!(cut_startup(b"GET / HTTP/1.1"), Err(WireError::LengthTooLarge { .. })));
        assert_eq!(cut_startup(&10_000_i32.to_be_bytes()), Ok(None));
        assert!(cut_startup(&10_001_i32.to_be_bytes()).is_err());
    }

    #[test]
    fn errors_name_expected_and_found() {
        let text = cut(&framed(b'Q', -5, b""), 100).unwrap_err().to_string();
        assert_eq!(text, "message `Q`: length at least 4 expected, -5 found");
    }

    proptest::proptest! {
        #[test]
        fn cutting_anything_never_reaches_beyond_the_buffer(bytes: Vec<u8>, max in 0_usize..1_000) {
            if let Ok(Some(head)) = cut(&bytes, max) {
                assert!(head.len <= bytes.len() && head.len <= max && head.len >= HEAD_BYTES);
            }
            if let Ok(Some(len)) = cut_startup(&bytes) {
                assert!(len <= bytes.len() && len <= STARTUP_BYTES_MAX);
            }
        }
    }
}
