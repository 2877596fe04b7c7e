//! Ctrl-C, heard once and passed on in good order.

use anyhow::{Result, bail};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-C, and being asked to end.
pub struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupt {
    pub fn new() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    pub async fn pressed(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// Does something that can be left at any point.
    pub async fn or<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = work => done,
            () = self.pressed() => {
                bail!("interrupted; `terrella up` goes on from what is there")
            }
        }
    }
}
