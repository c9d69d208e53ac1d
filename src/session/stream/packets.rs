//! A MySQL stream read packet by packet, with its sequence numbers: for login on either side.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::mysql::frame::{Sequence, WireError, cut, packet, take};
use crate::mysql::refusal::OwnError;
use crate::session::stream::channel::{Channel, ReadError};

/// Why no packet could be read.
#[derive(Debug, thiserror::Error)]
pub enum PacketError {
    /// The connection closed or failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The bytes are no packet that has its turn.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// A buffered stream of packets.
#[derive(Debug)]
pub struct Packets<S> {
    channel: Channel<S>,
    sequence: Sequence,
}

impl<S> Packets<S> {
    /// Starts with an empty buffer and an exchange of its own.
    pub fn new(stream: S) -> Self {
        Self { channel: Channel::new(stream), sequence: Sequence::default() }
    }

    /// Bytes read beyond the last packet.
    pub fn buffered(&self) -> usize {
        self.channel.buffered()
    }

    /// The first of them.
    pub fn first_buffered(&mut self) -> Option<u8> {
        self.channel.buffer().first().copied()
    }

    /// A new exchange begins: the next packet of either side has number 0.
    pub fn restart(&mut self) {
        self.sequence = Sequence::default();
    }

    /// The stream and what was read beyond the last packet.
    pub fn into_parts(self) -> (S, BytesMut) {
        self.channel.into_parts()
    }

    /// The same buffer and exchange over another form of the stream.
    pub fn map<T>(self, change: impl FnOnce(S) -> T) -> Packets<T> {
        Packets { channel: self.channel.map(change), sequence: self.sequence }
    }

    /// The same exchange over the stream that `change` makes, with an empty buffer: nothing that was sent in the clear counts
    /// over TLS.
    pub fn upgraded<T>(&self, stream: T) -> Packets<T> {
        Packets { channel: Channel::new(stream), sequence: self.sequence }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Packets<S> {
    /// Reads one packet of at most `max` bytes that has its turn. Cancel safe: what was read stays in the buffer.
    ///
    /// # Errors
    /// Bad lengths, a wrong sequence number, a closed or failing connection.
    pub async fn read(&mut self, max: usize) -> Result<BytesMut, PacketError> {
        loop {
            if let Some(head) = cut(self.channel.buffer(), max)? {
                self.sequence.accept(&head)?;
                return Ok(take(self.channel.buffer(), &head));
            }
            self.channel.fill().await?;
        }
    }

    /// Writes one packet and flushes. Not cancel safe: part of the bytes may have been sent.
    ///
    /// # Errors
    /// The socket's.
    pub async fn send(&mut self, body: impl FnOnce(&mut BytesMut)) -> io::Result<()> {
        let mut out = BytesMut::new();
        packet(&mut out, &mut self.sequence, body);
        self.channel.send(&out).await
    }

    /// Sends a last error and closes, within a second, whatever the peer does. An error that is the first packet of all is in
    /// the form that clients read before a greeting.
    pub async fn farewell(mut self, error: &OwnError) {
        let mut out = BytesMut::new();
        if self.sequence == Sequence::default() {
            error.put_early(&mut out);
        } else {
            error.put(&mut out, &mut self.sequence);
        }
        self.channel.last_words(&out).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    #[tokio::test]
    async fn packets_come_whole_in_turn_and_are_answered_in_turn() {
        let (near, mut far) = tokio::io::duplex(3);
        let writer = tokio::spawn(async move {
            far.write_all(b"\x02\0\0\0ab").await.unwrap();
            let mut answer = [0; 5];
            tokio::io::AsyncReadExt::read_exact(&mut far, &mut answer).await.unwrap();
            far.write_all(b"\x01\0\0\x02c\x01\0\0\x02d").await.unwrap();
            answer
        });
        let mut packets = Packets::new(near);
        assert_eq!(&packets.read(10).await.unwrap()[..], b"ab");
        packets.send(|out| out.extend_from_slice(b"x")).await.unwrap();
        assert_eq!(&packets.read(10).await.unwrap()[..], b"c");
        let late = packets.read(10).await.unwrap_err().to_string();
        assert_eq!(late, "packet: sequence number 3 expected, 2 found");
        assert_eq!(writer.await.unwrap(), *b"\x01\0\0\x01x");
    }
}
