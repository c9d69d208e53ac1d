//! Frames cut and written: bounds, chains of 16 MiB, order.

use super::*;

fn framed(payload: &[u8], sequence: u8) -> BytesMut {
    let mut out = BytesMut::new();
    put(&mut out, &mut Sequence(sequence), payload);
    out
}

#[test]
fn whole_packet_is_cut_at_its_end() {
    let bytes = b"\x02\0\0\x07abnext";
    let head = cut(bytes, 100).unwrap().unwrap();
    assert_eq!(head, PacketHead { payload: 2, len: 6, sequence: 7, frames: 1 });
    let mut buffer = BytesMut::from(&bytes[..]);
    assert_eq!(&take(&mut buffer, &head)[..], b"ab");
    assert_eq!(&buffer[..], b"next");
}

#[test]
fn every_strict_prefix_asks_for_more() {
    let bytes = framed(b"abc", 0);
    for end in 0..bytes.len() {
        assert_eq!(cut(&bytes[..end], 100), Ok(None), "prefix of {end}");
    }
}

#[test]
fn oversize_is_refused_before_the_payload_arrives() {
    assert_eq!(cut(b"\x65\0\0\0", 100), Err(WireError::TooLarge { max: 100, found: 101 }));
    assert_eq!(cut(b"\x64\0\0\0", 100), Ok(None));
    assert_eq!(
        cut(b"GET / HTTP/1.1\r\n", 65_536).unwrap_err().to_string(),
        "packet: at most 65536 bytes expected, 5522759 or more found"
    );
}

#[test]
fn empty_packet_is_a_packet() {
    let head = cut(b"\0\0\0\x03", 0).unwrap().unwrap();
    assert_eq!((head.payload, head.len, head.next_sequence()), (0, 4, 4));
    assert_eq!(peek(b"\0\0\0\x03x").unwrap().first, None, "a byte behind an empty payload is not its first");
}

#[test]
fn chains_are_cut_joined_and_written() {
    for length in [FRAME_PAYLOAD_MAX - 1, FRAME_PAYLOAD_MAX, FRAME_PAYLOAD_MAX + 1, 2 * FRAME_PAYLOAD_MAX] {
        let payload: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
        let mut bytes = framed(&payload, 254);
        let frames = length / FRAME_PAYLOAD_MAX + 1;
        let head = cut(&bytes, usize::MAX).unwrap().unwrap();
        assert_eq!((head.payload, head.frames, head.sequence), (length, frames, 254));
        assert_eq!(head.len, bytes.len());
        assert_eq!(cut(&bytes[..bytes.len() - 1], usize::MAX), Ok(None));
        assert_eq!(head.next_sequence(), 254_u8.wrapping_add(u8::try_from(frames).unwrap()));
        assert!(take(&mut bytes, &head) == payload[..], "{length}");
        let mut built = BytesMut::new();
        packet(&mut built, &mut Sequence(254), |out| out.put_slice(&payload));
        assert!(built == framed(&payload, 254), "{length}");
    }
}

#[test]
fn chain_that_does_not_count_on_is_refused() {
    let mut bytes = framed(&vec![0; FRAME_PAYLOAD_MAX], 0);
    let last = bytes.len() - 1;
    bytes[last] = 5;
    assert_eq!(cut(&bytes, usize::MAX), Err(WireError::OutOfOrder { expected: 1, found: 5 }));
    assert_eq!(
        cut(&framed(&vec![0; FRAME_PAYLOAD_MAX + 1], 0), FRAME_PAYLOAD_MAX),
        Err(WireError::TooLarge { max: 0xff_ffff, found: 0x100_0000 })
    );
}

#[test]
fn sequence_wraps_and_refuses_what_has_not_its_turn() {
    let mut turn = Sequence(255);
    assert_eq!(turn.accept(&PacketHead { payload: 0, len: 4, sequence: 255, frames: 1 }), Ok(()));
    assert_eq!(turn, Sequence(0));
    let wrong = PacketHead { payload: 0, len: 4, sequence: 3, frames: 1 };
    assert_eq!(turn.accept(&wrong), Err(WireError::OutOfOrder { expected: 0, found: 3 }));
    assert_eq!(turn, Sequence(0), "a refused packet does not count");
}

proptest::proptest! {
    #[test]
    fn cutting_anything_never_reaches_beyond_the_buffer(bytes: Vec<u8>, max in 0_usize..1_000) {
        if let Ok(Some(head)) = cut(&bytes, max) {
            assert!(head.len <= bytes.len() && head.payload <= max && head.len == head.payload + HEAD_BYTES * head.frames);
            let mut buffer = BytesMut::from(&bytes[..]);
            assert_eq!(take(&mut buffer, &head).len(), head.payload);
            assert_eq!(buffer.len(), bytes.len() - head.len);
        }
    }

    #[test]
    fn what_is_written_is_cut_whole(payload: Vec<u8>, sequence: u8) {
        let mut bytes = framed(&payload, sequence);
        let head = cut(&bytes, payload.len()).unwrap().unwrap();
        assert_eq!(&take(&mut bytes, &head)[..], &payload[..]);
    }
}
