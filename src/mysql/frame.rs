//! Cuts a byte stream into packets, writes packets, and names every way a peer can break the protocol.
//!
//! A frame is a 3-byte length, a sequence number and a payload; a payload of 16 MiB or more goes on in the next frame
//! (manual: "MySQL Packets"). What is called a packet here is the whole payload. Lengths are counted in 64 bits.

use bytes::{Buf, BufMut, BytesMut};

/// Bytes of a frame's length and sequence number.
pub const HEAD_BYTES: usize = 4;

/// A frame with exactly this many bytes of payload goes on in the next frame.
pub const FRAME_PAYLOAD_MAX: usize = 0xff_ffff;

/// The peer broke the protocol: what was expected, what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A packet beyond what this side accepts.
    #[error("packet: at most {max} bytes expected, {found} or more found")]
    TooLarge {
        /// Most bytes of payload accepted.
        max: u64,
        /// Bytes of payload declared so far.
        found: u64,
    },
    /// A frame out of order.
    #[error("packet: sequence number {expected} expected, {found} found")]
    OutOfOrder {
        /// The number that was its turn.
        expected: u8,
        /// The number that came.
        found: u8,
    },
    /// A payload ended inside a field.
    #[error("{what}: {needed} more bytes expected, {left} found")]
    Truncated {
        /// The packet or field.
        what: &'static str,
        /// Bytes wanted.
        needed: u64,
        /// Bytes left.
        left: u64,
    },
    /// A string without its closing zero byte.
    #[error("{what}: string without its closing zero byte")]
    Unterminated {
        /// The packet.
        what: &'static str,
    },
    /// A payload went on after its last field.
    #[error("{what}: end of packet expected, {left} more bytes found")]
    Trailing {
        /// The packet.
        what: &'static str,
        /// Bytes left over.
        left: usize,
    },
    /// A text that is not UTF-8.
    #[error("{what}: UTF-8 text expected")]
    NotUtf8 {
        /// The packet.
        what: &'static str,
    },
    /// A number outside its range.
    #[error("{what}: {expected} expected, {found} found")]
    OutOfRange {
        /// The packet and field.
        what: &'static str,
        /// What is allowed.
        expected: &'static str,
        /// What stood there.
        found: u64,
    },
    /// A packet that has no place here.
    #[error("{expected} expected, {found} found")]
    Unexpected {
        /// What could come.
        expected: &'static str,
        /// The packet's first byte in hexadecimal, or that it is empty.
        found: String,
    },
    /// Something that is not spoken here, although the peer was not offered it.
    #[error("{what} is not supported")]
    Unsupported {
        /// What.
        what: &'static str,
    },
}

impl WireError {
    /// `payload` has no place here; `expected` says what could have come.
    pub fn unexpected(expected: &'static str, payload: &[u8]) -> Self {
        let found = payload.first().map_or_else(|| "an empty packet".to_owned(), |byte| format!("packet 0x{byte:02x}"));
        Self::Unexpected { expected, found }
    }
}

/// The front of a buffer, as soon as a frame's head is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHead {
    /// Bytes of payload in this frame.
    pub payload: usize,
    /// Its sequence number.
    pub sequence: u8,
    /// The first byte of the payload, if it has come.
    pub first: Option<u8>,
}

impl FrameHead {
    /// The packet goes on in the next frame.
    pub fn goes_on(&self) -> bool {
        self.payload == FRAME_PAYLOAD_MAX
    }
}

/// A whole packet at the front of a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketHead {
    /// Bytes of payload, over all its frames.
    pub payload: usize,
    /// Bytes it takes in the buffer, heads included.
    pub len: usize,
    /// Sequence number of its first frame.
    pub sequence: u8,
    /// Frames it consists of.
    pub frames: usize,
}

impl PacketHead {
    /// The sequence number that the next packet of this exchange must have.
    pub fn next_sequence(&self) -> u8 {
        self.sequence.wrapping_add(u8::try_from(self.frames & 0xff).unwrap_or_default())
    }
}

/// The sequence number whose turn it is. An exchange starts at 0 with the client's command, and both sides count on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequence(pub u8);

impl Sequence {
    /// Accepts a packet that has its turn.
    ///
    /// # Errors
    /// It has not.
    pub fn accept(&mut self, head: &PacketHead) -> Result<(), WireError> {
        if head.sequence != self.0 {
            return Err(WireError::OutOfOrder { expected: self.0, found: head.sequence });
        }
        self.0 = head.next_sequence();
        Ok(())
    }

    /// The number for a frame about to be written.
    pub fn take(&mut self) -> u8 {
        let now = self.0;
        self.0 = now.wrapping_add(1);
        now
    }
}

/// Looks at the frame at the front of `buf`. `Ok(None)`: more bytes are needed.
pub fn peek(buf: &[u8]) -> Option<FrameHead> {
    let ([low, middle, high, sequence], rest) = buf.split_first_chunk::<HEAD_BYTES>()?;
    let payload = usize::from(*low) | usize::from(*middle) << 8 | usize::from(*high) << 16;
    let first = if payload > 0 { rest.first().copied() } else { None };
    Some(FrameHead { payload, sequence: *sequence, first })
}

/// Looks for a whole packet of at most `max` bytes of payload at the front of `buf`. `Ok(None)`: more bytes are needed.
///
/// Lengths are judged as soon as they are there, before the payload arrives, so that a peer cannot make anybody wait or
/// reserve memory for a packet that will be refused.
///
/// # Errors
/// A packet beyond `max`, or frames of one packet that do not count on.
pub fn cut(buf: &[u8], max: usize) -> Result<Option<PacketHead>, WireError> {
    let mut found: Option<PacketHead> = None;
    loop {
        let so_far = found.unwrap_or(PacketHead { payload: 0, len: 0, sequence: 0, frames: 0 });
        let Some(frame) = buf.get(so_far.len..).and_then(peek) else {
            return Ok(None);
        };
        let sequence = if so_far.frames == 0 { frame.sequence } else { so_far.sequence };
        let expected = PacketHead { sequence, ..so_far }.next_sequence();
        if frame.sequence != expected {
            return Err(WireError::OutOfOrder { expected, found: frame.sequence });
        }
        let payload = so_far.payload.saturating_add(frame.payload);
        if payload > max {
            let count = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
            return Err(WireError::TooLarge { max: count(max), found: count(payload) });
        }
        let len = so_far.len.saturating_add(HEAD_BYTES).saturating_add(frame.payload);
        let whole = PacketHead { payload, len, sequence, frames: so_far.frames.saturating_add(1) };
        if len > buf.len() {
            return Ok(None);
        }
        if !frame.goes_on() {
            return Ok(Some(whole));
        }
        found = Some(whole);
    }
}

/// Takes the packet that [`cut`] found off the front of `buf`: its payload, frames joined. One frame is not copied.
pub fn take(buf: &mut BytesMut, head: &PacketHead) -> BytesMut {
    let mut raw = buf.split_to(head.len.min(buf.len()));
    if head.frames <= 1 {
        raw.advance(HEAD_BYTES.min(raw.len()));
        return raw;
    }
    let mut joined = BytesMut::with_capacity(head.payload);
    while let Some(frame) = peek(&raw) {
        raw.advance(HEAD_BYTES);
        joined.extend_from_slice(&raw.split_to(frame.payload.min(raw.len())));
    }
    joined
}

/// Writes a payload as one packet, in as many frames as it needs, and counts on.
pub fn put(out: &mut BytesMut, sequence: &mut Sequence, payload: &[u8]) {
    let mut rest = payload;
    loop {
        let (now, later) = rest.split_at(rest.len().min(FRAME_PAYLOAD_MAX));
        put_head(out, now.len(), sequence.take());
        out.put_slice(now);
        // A payload that fills its last frame to the brim is closed by an empty one.
        if now.len() < FRAME_PAYLOAD_MAX {
            return;
        }
        rest = later;
    }
}

/// Writes what `body` writes as one packet, and counts on.
pub fn packet(out: &mut BytesMut, sequence: &mut Sequence, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    put_head(out, 0, 0);
    body(out);
    let payload = out.len().saturating_sub(start + HEAD_BYTES);
    if payload >= FRAME_PAYLOAD_MAX {
        let written = out.split_off(start);
        put(out, sequence, written.get(HEAD_BYTES..).unwrap_or_default());
        return;
    }
    let mut head = BytesMut::with_capacity(HEAD_BYTES);
    put_head(&mut head, payload, sequence.take());
    if let Some(place) = out.get_mut(start..start + HEAD_BYTES) {
        place.copy_from_slice(&head);
    }
}

fn put_head(out: &mut BytesMut, payload: usize, sequence: u8) {
    out.put_uint_le(u64::try_from(payload).unwrap_or_default(), 3);
    out.put_u8(sequence);
}

#[cfg(test)]
mod tests;
