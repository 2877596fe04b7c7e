//! Plain connections to targets, for requests that are passed on as bytes.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

use crate::upstream::{ConnectError, Target, is_open};
use crate::watch::{Clock, Watch};

/// A connection to a target.
#[derive(Debug)]
pub(crate) struct Line {
    pub(super) stream: TcpStream,
    pub(super) watch: Watch,
    /// Whether it has carried a request before.
    pub(super) reused: bool,
    /// How much of the present request is out.
    pub(super) written: usize,
    /// What came of an answer's head before the rest of it.
    pub(super) early: Vec<u8>,
}

/// A target's connections that wait for a request.
#[derive(Debug, Default)]
pub(crate) struct Lines(RefCell<Vec<Line>>);

impl Lines {
    /// An open connection that is good for a request, if there is one.
    pub(super) fn reuse(&self, limit: Duration) -> Option<Line> {
        loop {
            let line = self.0.borrow_mut().pop()?;
            if !line.watch.is_over() && line.is_alive() {
                line.watch.limit(limit);
                return Some(line);
            }
        }
    }

    /// Closes those that stood idle for too long or that the target closed.
    pub(crate) fn sweep(&self) {
        self.0
            .borrow_mut()
            .retain(|line| !line.watch.is_over() && line.is_quiet());
    }

    pub(crate) fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    pub(crate) fn count(&self) -> usize {
        self.0.borrow().len()
    }
}

impl Line {
    pub(super) async fn connect(
        target: &Target,
        clock: &Rc<Clock>,
        connect_limit: Duration,
        idle_limit: Duration,
    ) -> Result<Self, ConnectError> {
        let stream = target.open(connect_limit).await?;
        Ok(Self {
            stream,
            watch: clock.watch(idle_limit, target.cord.clone()),
            reused: false,
            written: 0,
            early: Vec::new(),
        })
    }

    /// Reads what is there; nothing means that the target closed.
    pub(super) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        input: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(input);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.watch.touch();
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Keeps it for the target's next request, if the target still gets any.
    pub(super) fn keep(mut self, target: &Target) {
        if target.cord.is_cut() || target.is_retired() {
            return;
        }
        self.reused = true;
        self.written = 0;
        self.early = Vec::new();
        self.watch.touch();
        target.lines.0.borrow_mut().push(self);
    }

    /// Whether nothing came unasked, not even an end, as far as the runtime knows.
    fn is_quiet(&self) -> bool {
        let read = self.stream.try_read(&mut [0]);
        matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Whether the target still listens at the other end, as far as one can tell.
    fn is_alive(&self) -> bool {
        if !self.is_quiet() {
            return false;
        }
        // Readiness may be some ticks old; after a pause it is worth a system call to know.
        self.watch.still_for() == 0 || is_open(&self.stream)
    }
}
