//! One refused or failed step.

use std::io;

/// What was to be done, and why it was not. The cause is the kernel's own, also where this crate
/// refused a path by itself (`EINVAL`, `EXDEV`).
#[derive(Debug, thiserror::Error)]
#[error("{step}")]
pub struct Error {
    step: String,
    #[source]
    cause: io::Error,
}

impl Error {
    pub fn kind(&self) -> io::ErrorKind {
        self.cause.kind()
    }

    /// The error number of `errno(3)`.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.cause.raw_os_error()
    }
}

pub(crate) trait Step<T> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Step<T> for rustix::io::Result<T> {
    fn step(self, step: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|cause| Error {
            step: step(),
            cause: cause.into(),
        })
    }
}
