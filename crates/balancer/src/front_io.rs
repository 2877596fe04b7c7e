//! A client's bytes: counted, watched, and with the parser's own bare error answers replaced by
//! those a load balancer gives.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

use crate::front::Front;
use crate::pages;

/// The most that is taken from a client before its turn.
pub(crate) const AHEAD: usize = 16 * 1024;

pub(crate) struct FrontIo<S> {
    stream: S,
    front: Rc<Front>,
    /// What was read, and counted, before its turn.
    pub ahead: Vec<u8>,
    /// What is written instead of what the parser wrote, and how much of it is out.
    instead: Option<(Vec<u8>, usize)>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> FrontIo<S> {
    pub(crate) fn new(stream: S, front: Rc<Front>) -> Self {
        Self {
            stream,
            front,
            ahead: Vec::new(),
            instead: None,
        }
    }

    /// Reads what comes from the stream.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(input);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        self.front.received(read);
        Poll::Ready(Ok(read))
    }

    /// Ready when the client closes. What comes instead is kept for its turn; with that the
    /// client is believed to be there.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let front = Rc::clone(&self.front);
        let input = &mut front.core.input.borrow_mut()[..AHEAD];
        while self.ahead.is_empty() {
            match ready!(self.poll_fill(cx, input)) {
                Ok(read) if read > 0 => self.ahead.extend_from_slice(&input[..read]),
                _ => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    /// Writes as it is.
    pub(crate) async fn write_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.front.sent(bytes.len());
        self.stream.write_all(bytes).await
    }

    /// Takes an answer that no request of ours led to. The parser makes those when it cannot
    /// read what came; they carry only a status.
    fn replace(&mut self, bytes: &[u8]) -> bool {
        if self.instead.is_some() {
            return true;
        }
        let status = bytes
            .strip_prefix(b"HTTP/1.1 ")
            .and_then(|rest| std::str::from_utf8(rest.get(..3)?).ok()?.parse().ok())
            .filter(|status: &u16| *status >= 400);
        let Some(status) = status else { return false };
        let status = pages::instead_of(status);
        self.front.core.counters.answered(status);
        self.instead = Some((pages::raw(status, SystemTime::now()), 0));
        true
    }

    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((page, written)) = &mut self.instead {
            if *written == page.len() {
                break;
            }
            let n = ready!(Pin::new(&mut self.stream).poll_write(cx, &page[*written..]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *written += n;
            self.front.sent(n);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for FrontIo<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let share = self.front.share.get();
        let most = share.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
        if most == 0 {
            return self.poll_gone(cx).map(Ok);
        }
        if !self.ahead.is_empty() {
            let now = most.min(self.ahead.len()).min(buffer.remaining());
            buffer.put_slice(&self.ahead[..now]);
            self.ahead.drain(..now);
        } else if buffer.remaining() <= most {
            ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
            self.front.received(buffer.filled().len() - before);
        } else {
            let read = ready!(self.poll_fill(cx, buffer.initialize_unfilled_to(most)))?;
            buffer.advance(read);
        }
        let read = buffer.filled().len() - before;
        self.front.share.set(share.map(|share| share - read as u64));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for FrontIo<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.front.nobody_answers() && self.replace(buffer) {
            return Poll::Ready(Ok(buffer.len()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, buffer))?;
        self.front.sent(written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.front.nobody_answers()
            && let Some(first) = buffers.iter().find(|buffer| !buffer.is_empty())
            && self.replace(first)
        {
            return Poll::Ready(Ok(buffers.iter().map(|buffer| buffer.len()).sum()));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, buffers))?;
        self.front.sent(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.front.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_instead(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
