//! What containers write, as numbered batches of lines on disk until they are kept elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use world::event::{LogBatch, LogLine};
use world::task::LogConfiguration;

/// CloudWatch Logs takes 256 KiB an event, of which 26 bytes are its own.
const LONGEST_LINE: usize = 262_144 - 26;
/// A batch is closed when it holds this much.
const FULL_BATCH: usize = 1 << 20;
/// Or when its first line is this old.
const PATIENCE: Duration = Duration::from_millis(100);
/// What may wait on disk for a control plane that is away.
const MOST_WAITING: u64 = 256 << 20;

/// One container's output, cut into lines.
#[derive(Debug)]
pub(crate) struct Log {
    to: LogConfiguration,
    /// Batches appear here, whole.
    folder: PathBuf,
    /// Tells this container's files from the others'.
    prefix: String,
    sequence: u64,
    lines: Vec<LogLine>,
    bytes: usize,
    flush_at: Option<Duration>,
    dropped: u64,
}

/// A stream's bytes since the last line end.
#[derive(Debug, Default)]
pub(crate) struct Partial(Vec<u8>);

impl Log {
    pub(crate) fn new(to: LogConfiguration, folder: PathBuf, container: usize) -> Self {
        Self {
            to,
            folder,
            prefix: format!("log-{container}-"),
            sequence: 0,
            lines: Vec::new(),
            bytes: 0,
            flush_at: None,
            dropped: 0,
        }
    }

    /// Takes bytes as they come.
    pub(crate) fn take(
        &mut self,
        partial: &mut Partial,
        bytes: &[u8],
        at: Timestamp,
        now: Duration,
    ) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let mut rest = text;
            while partial.0.len() + rest.len() > LONGEST_LINE {
                let (head, tail) = rest.split_at(LONGEST_LINE - partial.0.len());
                partial.0.extend_from_slice(head);
                rest = tail;
                self.line(partial, at, now);
            }
            partial.0.extend_from_slice(rest);
            if ended {
                self.line(partial, at, now);
            }
        }
    }

    /// The stream has ended: what has no line end is a line too.
    pub(crate) fn end(&mut self, partial: &mut Partial, at: Timestamp, now: Duration) {
        if !partial.0.is_empty() {
            self.line(partial, at, now);
        }
    }

    fn line(&mut self, partial: &mut Partial, at: Timestamp, now: Duration) {
        let bytes = std::mem::take(&mut partial.0);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        // CloudWatch Logs takes no empty event.
        if bytes.is_empty() {
            return;
        }
        let message = String::from_utf8_lossy(bytes).into_owned();
        self.bytes += message.len() + 26;
        self.lines.push(LogLine { at, message });
        self.flush_at.get_or_insert(now + PATIENCE);
        if self.bytes >= FULL_BATCH {
            self.flush(now);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Duration> {
        self.flush_at
    }

    pub(crate) fn flush_if_due(&mut self, now: Duration) {
        if self.flush_at.is_some_and(|due| due <= now) {
            self.flush(now);
        }
    }

    /// Writes the batch. On a full disk it is tried again with what comes, and in the end lines
    /// are dropped, which is said in their place.
    pub(crate) fn flush(&mut self, now: Duration) {
        if self.lines.is_empty() {
            self.flush_at = None;
            return;
        }
        if self.dropped > 0 {
            let at = self.lines[0].at;
            let message = format!(
                "[{} lines were dropped: they could not be kept]",
                self.dropped
            );
            self.lines.insert(0, LogLine { at, message });
        }
        let batch = LogBatch {
            group: self.to.group.clone(),
            stream: self.to.stream.clone(),
            sequence: self.sequence + 1,
            lines: std::mem::take(&mut self.lines),
        };
        let written = waiting(&self.folder) < MOST_WAITING && self.write(&batch).is_ok();
        if written {
            self.sequence += 1;
            self.dropped = 0;
            self.bytes = 0;
            self.flush_at = None;
            return;
        }
        self.lines = batch.lines;
        if self.dropped > 0 {
            self.lines.remove(0);
        }
        if self.bytes >= 4 * FULL_BATCH {
            self.dropped += self.lines.len() as u64;
            self.lines.clear();
            self.bytes = 0;
        }
        self.flush_at = Some(now + 10 * PATIENCE);
    }

    fn write(&self, batch: &LogBatch) -> std::io::Result<()> {
        let name = format!("{}{:012}", self.prefix, batch.sequence);
        let unfinished = self.folder.with_file_name(format!("{name}.new"));
        fs::write(&unfinished, serde_json::to_vec(batch)?)?;
        fs::rename(&unfinished, self.folder.join(format!("{name}.json")))
    }
}

fn waiting(folder: &Path) -> u64 {
    fs::read_dir(folder).map_or(0, |entries| {
        entries
            .flatten()
            .filter_map(|entry| Some(entry.metadata().ok()?.len()))
            .sum()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(folder: &Path) -> Log {
        let out = folder.join("out");
        fs::create_dir(&out).unwrap();
        let to = LogConfiguration {
            group: "g".into(),
            stream: "s".into(),
        };
        Log::new(to, out, 0)
    }

    fn batches(folder: &Path) -> Vec<LogBatch> {
        let mut names: Vec<_> = fs::read_dir(folder.join("out"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        names.sort();
        names
            .iter()
            .map(|name| serde_json::from_slice(&fs::read(name).unwrap()).unwrap())
            .collect()
    }

    const ZERO: Duration = Duration::ZERO;
    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn messages(batch: &LogBatch) -> Vec<&str> {
        batch
            .lines
            .iter()
            .map(|line| line.message.as_str())
            .collect()
    }

    #[test]
    fn lines_are_cut_where_they_end_and_batches_are_numbered() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path());
        let mut partial = Partial::default();
        log.take(&mut partial, b"one\r\ntw", AT, ZERO);
        assert_eq!(log.deadline(), Some(PATIENCE));
        log.flush_if_due(PATIENCE);
        assert_eq!(log.deadline(), None);
        log.take(&mut partial, b"o\n\nth\xffree", AT, ZERO);
        log.end(&mut partial, AT, ZERO);
        log.flush(ZERO);
        let batches = batches(folder.path());
        assert_eq!(batches.len(), 2);
        assert_eq!((batches[0].sequence, batches[1].sequence), (1, 2));
        assert_eq!(messages(&batches[0]), ["one"]);
        assert_eq!(messages(&batches[1]), ["two", "th\u{fffd}ree"]);
    }

    #[test]
    fn a_line_without_end_becomes_several() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path());
        let mut partial = Partial::default();
        for _ in 0..3 {
            log.take(&mut partial, &vec![b'x'; 200_000], AT, ZERO);
        }
        log.end(&mut partial, AT, ZERO);
        log.flush(ZERO);
        let lengths: Vec<_> = batches(folder.path())[0]
            .lines
            .iter()
            .map(|line| line.message.len())
            .collect();
        assert_eq!(
            lengths,
            [LONGEST_LINE, LONGEST_LINE, 600_000 - 2 * LONGEST_LINE]
        );
    }

    #[test]
    fn what_cannot_be_written_is_tried_again_and_at_last_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log(folder.path());
        let mut partial = Partial::default();
        fs::remove_dir(folder.path().join("out")).unwrap();
        log.take(&mut partial, b"early\n", AT, ZERO);
        log.flush(ZERO);
        fs::create_dir(folder.path().join("out")).unwrap();
        log.flush(ZERO);
        assert_eq!(messages(&batches(folder.path())[0]), ["early"]);
        fs::remove_dir_all(folder.path().join("out")).unwrap();
        let line = [vec![b'y'; 200_000], b"\n".to_vec()].concat();
        for _ in 0..30 {
            log.take(&mut partial, &line, AT, ZERO);
        }
        fs::create_dir(folder.path().join("out")).unwrap();
        log.take(&mut partial, b"late\n", AT, ZERO);
        log.flush(ZERO);
        let batches = batches(folder.path());
        assert!(
            batches[0].lines[0]
                .message
                .ends_with("lines were dropped: they could not be kept]")
        );
        assert_eq!(batches[0].lines.last().unwrap().message, "late");
        assert_eq!(batches[0].sequence, 2);
    }
}
