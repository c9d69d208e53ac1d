//! A stream with a small buffer, read message by message while somebody logs in. Afterwards the relay takes stream and buffer.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::pg::frame::{HEAD_BYTES, WireError, cut, cut_startup};
use crate::pg::messages::report::Report;

/// Bytes reserved before anything is known about a peer.
const BUFFER_BYTES: usize = 1024;

/// How long a refused peer may take to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// Most bytes read and thrown away so that the refusal is not lost in a connection reset.
const FAREWELL_BYTES_MAX: usize = 64 * 1024;

/// Why no message could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The peer closed between two messages.
    #[error("connection closed")]
    Closed,
    /// The peer closed inside a message.
    #[error("connection closed inside a message, after {0} bytes of it")]
    Truncated(usize),
    /// The socket failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes are no message.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// One message, cut from the stream.
#[derive(Debug)]
pub struct Frame {
    /// Type byte.
    pub kind: u8,
    /// What follows the length word.
    pub body: BytesMut,
}

/// A buffered stream.
#[derive(Debug)]
pub struct Channel<S> {
    stream: S,
    buffer: BytesMut,
}

impl<S> Channel<S> {
    /// Starts with an empty buffer.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// Bytes read beyond the last message.
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// Bytes read and not consumed yet.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The stream itself, to look at.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// The stream and what was read beyond the last message. An empty buffer holds no memory.
    pub fn into_parts(self) -> (S, BytesMut) {
        let leftovers = if self.buffer.is_empty() { BytesMut::new() } else { self.buffer };
        (self.stream, leftovers)
    }

    /// The same buffer over another form of the stream.
    pub fn map<T>(self, change: impl FnOnce(S) -> T) -> Channel<T> {
        Channel { stream: change(self.stream), buffer: self.buffer }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Channel<S> {
    /// Reads one start-up packet, its length word included. Cancel safe: what was read stays in the buffer.
    ///
    /// # Errors
    /// Bad lengths, a closed or failing connection.
    pub async fn startup_packet(&mut self) -> Result<BytesMut, ReadError> {
        loop {
            if let Some(len) = cut_startup(&self.buffer)? {
                return Ok(self.buffer.split_to(len));
            }
            self.fill().await?;
        }
    }

    /// Reads one message of at most `max` bytes. Cancel safe: what was read stays in the buffer.
    ///
    /// # Errors
    /// Bad lengths, a closed or failing connection.
    pub async fn frame(&mut self, max: usize) -> Result<Frame, ReadError> {
        loop {
            if let Some(head) = cut(&self.buffer, max)? {
                let mut body = self.buffer.split_to(head.len);
                drop(body.split_to(HEAD_BYTES.min(head.len)));
                return Ok(Frame { kind: head.kind, body });
            }
            self.fill().await?;
        }
    }

    /// Reads a single byte that is not part of a message, as answers to SSLRequest are. Cancel safe.
    ///
    /// # Errors
    /// A closed or failing connection.
    pub async fn single_byte(&mut self) -> Result<u8, ReadError> {
        while self.buffer.is_empty() {
            self.fill().await?;
        }
        Ok(self.buffer.split_to(1).first().copied().unwrap_or_default())
    }

    /// Writes and flushes. Not cancel safe: part of the bytes may have been sent.
    ///
    /// # Errors
    /// The socket's.
    pub async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Sends a last report and closes; see [`Channel::last_words`].
    pub async fn farewell(self, report: &Report) {
        let mut out = BytesMut::new();
        report.encode(&mut out);
        self.last_words(&out).await;
    }

    /// Sends these bytes and closes, within a second, whatever the peer does. What the peer still sends is thrown away:
    /// closing a socket with unread bytes resets the connection, and the words would be lost.
    pub async fn last_words(mut self, bytes: &[u8]) {
        let goodbye = async {
            self.send(bytes).await?;
            self.stream.shutdown().await?;
            let mut sink = [0_u8; 1024];
            let mut thrown = 0_usize;
            while thrown < FAREWELL_BYTES_MAX {
                match self.stream.read(&mut sink).await? {
                    0 => break,
                    count => thrown = thrown.saturating_add(count),
                }
            }
            io::Result::Ok(())
        };
        // FAIL CLOSED: the connection ends here in any case; a peer that does not listen misses the reason.
        let _ = tokio::time::timeout(FAREWELL, goodbye).await;
    }

    /// Reads what is there, at least one byte. Cancel safe: what was read stays in the buffer.
    ///
    /// # Errors
    /// A closed or failing connection.
    pub(crate) async fn fill(&mut self) -> Result<(), ReadError> {
        self.buffer.reserve(BUFFER_BYTES);
        match self.stream.read_buf(&mut self.buffer).await? {
            0 if self.buffer.is_empty() => Err(ReadError::Closed),
            0 => Err(ReadError::Truncated(self.buffer.len())),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_come_whole_however_they_arrive() {
        let (near, mut far) = tokio::io::duplex(3);
        let writer = tokio::spawn(async move { far.write_all(b"Q\0\0\0\x06a\0S\0\0\0\x04").await });
        let mut channel = Channel::new(near);
        let query = channel.frame(100).await.unwrap();
        assert_eq!((query.kind, &query.body[..]), (b'Q', &b"a\0"[..]));
        assert_eq!(channel.frame(100).await.unwrap().kind, b'S');
        writer.await.unwrap().unwrap();
        assert!(matches!(channel.frame(100).await, Err(ReadError::Closed)));
    }

    #[tokio::test]
    async fn leaving_inside_a_message_is_told_from_leaving_between_two() {
        let (near, mut far) = tokio::io::duplex(64);
        far.write_all(b"Q\0\0").await.unwrap();
        drop(far);
        assert!(matches!(Channel::new(near).frame(100).await, Err(ReadError::Truncated(3))));
    }
}
