//! MariaDB's progress report, which clients that agreed on it show to whoever waits (MariaDB: "ERR_Packet", progress reporting).

use bytes::{BufMut, BytesMut};

use crate::mysql::packets::error::{ERR, PROGRESS};
use crate::mysql::reader::put_bytes;

/// Writes the payload of a report that says `words` and nothing about how far things are: one string, stage 1 of 1, 0 %.
pub fn put(out: &mut BytesMut, words: &str) {
    out.put_u8(ERR);
    out.put_u16_le(PROGRESS);
    out.put_u8(1);
    out.put_slice(&[1, 1]);
    out.put_slice(&[0, 0, 0]);
    put_bytes(out, words.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::packets::error::ErrPacket;

    #[test]
    fn report_reads_as_progress() {
        let mut out = BytesMut::new();
        put(&mut out, "waiting");
        assert_eq!(&out[..], b"\xff\xff\xff\x01\x01\x01\0\0\0\x07waiting");
        assert!(ErrPacket::decode(&out).unwrap().is_progress());
    }
}
