//! Two sockets and four buffers: the I/O of one session, for either protocol. Knows bytes, not messages.
//!
//! A side is read only while the other side's buffer is below [`MARK`], so memory is bounded whatever a result's size.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A buffer above this many bytes stops the other side from being read.
pub const MARK: usize = 256 * 1024;

/// Bytes read at once at most; one scratch of this size per thread, not per connection.
const SCRATCH: usize = 64 * 1024;

thread_local! {
    static READ_SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH]);
}

/// What one [`Link::turn`] did.
#[derive(Debug)]
pub enum Turn {
    /// Bytes came from the client.
    Client,
    /// Bytes came from the upstream.
    Upstream,
    /// A full buffer was written out: the side that waited for it may be read again.
    Drained,
    /// The client is gone.
    ClientGone,
    /// The upstream is gone.
    UpstreamGone,
}

/// Which sides may be read in a turn.
#[derive(Clone, Copy, Debug)]
pub struct Interest {
    /// Read the client.
    pub client: bool,
    /// Read the upstream.
    pub upstream: bool,
}

/// The two sockets and what waits between them.
pub struct Link<C, U> {
    client: C,
    upstream: U,
    /// Read from the client, not consumed yet.
    pub from_client: BytesMut,
    /// To be written to the client.
    pub to_client: BytesMut,
    /// Read from the upstream, not consumed yet.
    pub from_upstream: BytesMut,
    /// To be written to the upstream.
    pub to_upstream: BytesMut,
    client_unflushed: bool,
    upstream_unflushed: bool,
    client_ended: bool,
}

impl<C, U> Link<C, U>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    /// A link over two connected, authenticated streams; `leftover` was already read from the client.
    pub fn new(client: C, upstream: U, leftover: BytesMut) -> Self {
        Self {
            client,
            upstream,
            from_client: leftover,
            to_client: BytesMut::new(),
            from_upstream: BytesMut::new(),
            to_upstream: BytesMut::new(),
            client_unflushed: false,
            upstream_unflushed: false,
            client_ended: false,
        }
    }

    /// Writes what waits and reads what may be read; returns at the first thing that changes the buffers.
    ///
    /// Cancel safe: bytes are in the buffers before this returns, and nowhere else.
    pub async fn turn(&mut self, interest: Interest) -> Turn {
        std::future::poll_fn(|cx| self.poll_turn(cx, interest)).await
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>, interest: Interest) -> Poll<Turn> {
        let client_was_full = self.to_client.len() >= MARK;
        let upstream_was_full = self.to_upstream.len() >= MARK;
        if let Poll::Ready(Err(_)) = write_out(&mut self.client, &mut self.to_client, &mut self.client_unflushed, cx) {
            return Poll::Ready(Turn::ClientGone);
        }
        if let Poll::Ready(Err(_)) =
            write_out(&mut self.upstream, &mut self.to_upstream, &mut self.upstream_unflushed, cx)
        {
            return Poll::Ready(Turn::UpstreamGone);
        }
        if interest.upstream && self.to_client.len() < MARK {
            match read_in(&mut self.upstream, &mut self.from_upstream, cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Turn::UpstreamGone),
                Poll::Ready(Ok(_)) => return Poll::Ready(Turn::Upstream),
                Poll::Pending => {}
            }
        }
        if interest.client && self.to_upstream.len() < MARK && !self.client_ended {
            match read_in(&mut self.client, &mut self.from_client, cx) {
                Poll::Ready(Ok(0) | Err(_)) => {
                    self.client_ended = true;
                    return Poll::Ready(Turn::ClientGone);
                }
                Poll::Ready(Ok(_)) => return Poll::Ready(Turn::Client),
                Poll::Pending => {}
            }
        }
        if (client_was_full && self.to_client.len() < MARK) || (upstream_was_full && self.to_upstream.len() < MARK) {
            return Poll::Ready(Turn::Drained);
        }
        Poll::Pending
    }

    /// Writes everything that waits for the client, then shuts its side down. Best effort: errors mean it is gone already.
    ///
    /// Not cancel safe; wrap it in a time-out that ends the session.
    pub async fn finish_client(&mut self) {
        std::future::poll_fn(|cx| {
            match write_out(&mut self.client, &mut self.to_client, &mut self.client_unflushed, cx) {
                Poll::Ready(Ok(())) => Pin::new(&mut self.client).poll_shutdown(cx).map(|_| ()),
                Poll::Ready(Err(_)) => Poll::Ready(()),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
    }

    /// Writes everything that waits for the upstream, then shuts that side down. Best effort. Not cancel safe.
    pub async fn finish_upstream(&mut self) {
        std::future::poll_fn(|cx| {
            match write_out(&mut self.upstream, &mut self.to_upstream, &mut self.upstream_unflushed, cx) {
                Poll::Ready(Ok(())) => Pin::new(&mut self.upstream).poll_shutdown(cx).map(|_| ()),
                Poll::Ready(Err(_)) => Poll::Ready(()),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
    }

    /// Reads the upstream to its end and drops what comes. Cancel safe: only dropped bytes are lost.
    pub async fn upstream_ended(&mut self) {
        std::future::poll_fn(|cx| {
            loop {
                self.from_upstream.clear();
                match read_in(&mut self.upstream, &mut self.from_upstream, cx) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(()),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }

    /// Gives back memory that an idle connection does not need.
    pub fn release_idle_memory(&mut self) {
        for buffer in [&mut self.from_client, &mut self.to_client, &mut self.from_upstream, &mut self.to_upstream] {
            if buffer.is_empty() {
                *buffer = BytesMut::new();
            }
        }
    }
}

/// Writes `buffer` out as far as the socket takes it. Ready(Ok) when it is empty and flushed.
fn write_out<S>(
    stream: &mut S,
    buffer: &mut BytesMut,
    unflushed: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>>
where
    S: AsyncWrite + Unpin,
{
    while !buffer.is_empty() {
        match Pin::new(&mut *stream).poll_write(cx, buffer) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(written)) => {
                buffer.advance(written);
                *unflushed = true;
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
    }
    if *unflushed {
        match Pin::new(stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => *unflushed = false,
            other => return other,
        }
    }
    Poll::Ready(Ok(()))
}

/// Reads once through the thread's scratch into `buffer`. Ready(Ok(0)) is the end of the stream.
fn read_in<S>(stream: &mut S, buffer: &mut BytesMut, cx: &mut Context<'_>) -> Poll<io::Result<usize>>
where
    S: AsyncRead + Unpin,
{
    READ_SCRATCH.with_borrow_mut(|scratch| {
        let mut read = ReadBuf::new(scratch);
        match Pin::new(stream).poll_read(cx, &mut read) {
            Poll::Ready(Ok(())) => {
                buffer.extend_from_slice(read.filled());
                Poll::Ready(Ok(read.filled().len()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Pending,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn full_client_buffer_stops_reading_the_upstream() {
        let (client, mut client_peer) = tokio::io::duplex(1024);
        let (upstream, mut upstream_peer) = tokio::io::duplex(1024);
        let mut link = Link::new(client, upstream, BytesMut::new());
        link.to_client.resize(MARK + 4096, 1);
        upstream_peer.write_all(b"row").await.expect("pipe takes three bytes");
        let both = Interest { client: true, upstream: true };
        let early = tokio::time::timeout(std::time::Duration::from_millis(20), link.turn(both)).await;
        assert!(early.is_err(), "nothing may happen while the client does not read");
        let mut sink = vec![0; 4096];
        let reader = async move {
            let mut sum = 0;
            while sum < 4608 {
                sum += client_peer.read(&mut sink).await.expect("client side stays open");
            }
            client_peer
        };
        let (turn, _peer) = tokio::join!(link.turn(both), reader);
        assert!(matches!(turn, Turn::Drained | Turn::Upstream));
    }

    #[tokio::test]
    async fn client_end_is_told_once_read_out() {
        let (client, client_peer) = tokio::io::duplex(64);
        let (upstream, _upstream_peer) = tokio::io::duplex(64);
        let mut link = Link::new(client, upstream, BytesMut::new());
        drop(client_peer);
        assert!(matches!(link.turn(Interest { client: true, upstream: true }).await, Turn::ClientGone));
    }
}
