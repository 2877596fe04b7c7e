//! A database session that makes everyone else wait.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Stdio};

use super::postgres::Postgres;

/// Holds the table `links` until dropped.
pub(crate) struct TableLock {
    session: Child,
    input: Option<ChildStdin>,
}

impl TableLock {
    pub(crate) fn take(postgres: &Postgres) -> Self {
        let mut session = postgres
            .psql("links")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start psql");
        let mut input = session.stdin.take().expect("its input is a pipe");
        input
            .write_all(b"begin; lock table links in access exclusive mode; select 'locked';\n")
            .expect("ask for the lock");
        let mut line = String::new();
        BufReader::new(session.stdout.take().expect("its output is a pipe"))
            .read_line(&mut line)
            .expect("read psql's answer");
        assert_eq!(line.trim(), "locked");
        Self {
            session,
            input: Some(input),
        }
    }
}

impl Drop for TableLock {
    fn drop(&mut self) {
        // The end of its input ends psql, and that the transaction.
        drop(self.input.take());
        self.session.wait().expect("wait for psql");
    }
}
