//! A maildir: each mail a file, complete once it is there. <https://cr.yp.to/proto/maildir.html>

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::CourierError;

#[derive(Debug, Clone)]
pub(crate) struct Maildir {
    folder: PathBuf,
}

impl Maildir {
    pub(crate) fn open(folder: PathBuf) -> Result<Self, CourierError> {
        for part in ["tmp", "new", "cur"] {
            let path = folder.join(part);
            fs::create_dir_all(&path).map_err(|source| CourierError::Folder { path, source })?;
        }
        Ok(Self { folder })
    }

    /// Keeps a mail under a name that is its own; one that is there already is not kept again. It
    /// is on disk when this returns.
    pub(crate) fn put(&self, name: &str, mail: &[u8]) -> io::Result<()> {
        if self.has(name)? {
            return Ok(());
        }
        let beside = self.folder.join("tmp").join(name);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&beside)?;
        file.write_all(mail)?;
        file.sync_all()?;
        let new = self.folder.join("new");
        fs::rename(&beside, new.join(name))?;
        File::open(&new)?.sync_all()
    }

    /// A mail that was read has moved, and flags follow its name.
    fn has(&self, name: &str) -> io::Result<bool> {
        if self.folder.join("new").join(name).exists() {
            return Ok(true);
        }
        for entry in fs::read_dir(self.folder.join("cur"))? {
            let file = entry?.file_name();
            let own = file.to_string_lossy();
            if own == name
                || own
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with(':'))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_kept_once_also_after_it_was_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let maildir = Maildir::open(folder.path().join("mail")).expect("made");
        maildir.put("1.a_0.terrella", b"one").expect("kept");
        maildir.put("1.a_0.terrella", b"one").expect("known");
        let new = folder.path().join("mail/new/1.a_0.terrella");
        assert_eq!(fs::read(&new).expect("it is there"), b"one");
        let read = folder.path().join("mail/cur/1.a_0.terrella:2,S");
        fs::rename(&new, &read).expect("moved");
        maildir.put("1.a_0.terrella", b"one").expect("known");
        assert!(!new.exists());
        maildir.put("1.a_1.terrella", b"two").expect("another one");
        assert!(folder.path().join("mail/new/1.a_1.terrella").exists());
    }
}
