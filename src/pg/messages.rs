//! The messages that Holdpoint itself reads or writes, and how to write one. Rows and pass-through frames stay raw.

pub mod authentication;
pub mod backend;
pub mod extended;
pub mod report;
pub mod rows;

use bytes::{BufMut, BytesMut};

/// Appends one message: type byte, length word (filled in afterwards) and whatever `body` writes.
///
/// Bodies are bounded by what this side accepts, far below 2 GiB, so the length always fits its word.
pub fn message(out: &mut BytesMut, kind: u8, body: impl FnOnce(&mut BytesMut)) {
    out.put_u8(kind);
    untyped(out, body);
}

/// Appends one packet without a type byte, as start-up packets are.
pub fn untyped(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let at = out.len();
    out.put_u32(0);
    body(out);
    let length = u32::try_from(out.len().saturating_sub(at)).unwrap_or(u32::MAX);
    if let Some(word) = out.get_mut(at..at.saturating_add(4)) {
        word.copy_from_slice(&length.to_be_bytes());
    }
}

/// Appends a string and its closing zero byte. The text ends at its first zero byte: nothing can hide behind one.
pub fn put_text(out: &mut BytesMut, text: impl AsRef<[u8]>) {
    let text = text.as_ref().split(|byte| *byte == 0).next().unwrap_or_default();
    out.put_slice(text);
    out.put_u8(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_itself_and_the_body_but_not_the_type() {
        let mut out = BytesMut::from(&b"before"[..]);
        message(&mut out, b'Z', |body| body.put_u8(b'I'));
        assert_eq!(&out[..], b"beforeZ\0\0\0\x05I");
    }

    #[test]
    fn text_with_a_zero_byte_inside_is_cut_there() {
        let mut out = BytesMut::new();
        put_text(&mut out, "ab\0cd");
        assert_eq!(&out[..], b"ab\0");
    }
}
