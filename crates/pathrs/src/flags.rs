//! How a file is opened, in the names of `open(2)`.

use rustix::fs::OFlags;

bitflags::bitflags! {
    /// Flags of `open(2)`. Files never survive an `exec` here, whether `O_CLOEXEC` is said or not.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct OpenFlags: u32 {
        const O_RDONLY = OFlags::RDONLY.bits();
        const O_WRONLY = OFlags::WRONLY.bits();
        const O_RDWR = OFlags::RDWR.bits();
        const O_CREAT = OFlags::CREATE.bits();
        const O_EXCL = OFlags::EXCL.bits();
        const O_DIRECTORY = OFlags::DIRECTORY.bits();
        const O_NOFOLLOW = OFlags::NOFOLLOW.bits();
        const O_CLOEXEC = OFlags::CLOEXEC.bits();
    }
}

impl OpenFlags {
    pub(crate) fn system(self) -> OFlags {
        OFlags::from_bits_retain(self.bits()) | OFlags::CLOEXEC
    }
}
