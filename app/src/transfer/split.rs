//! Cuts a stream of bytes into records, whatever pieces it comes in. A record is bounded, so memory is.

use csv_core::{ReadRecordResult, Reader};

use super::record::NAMES;
use super::{Format, Record};
use crate::json::Object;

/// Longer than any valid link, escaped.
const MAX_RECORD: usize = 16 * 1024;
/// More fields than there are columns, to say so.
const MAX_FIELDS: usize = 16;

/// A record, or what is wrong with it.
pub(super) type Split = Result<Record, String>;

/// After this nothing more can be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(super) struct Broken {
    pub line: u64,
    pub reason: String,
}

pub(super) enum Splitter {
    Csv(Box<Csv>),
    JsonLines { line: Vec<u8>, number: u64 },
}

pub(super) struct Csv {
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    text_length: usize,
    ends_length: usize,
    /// Line ends read so far.
    newlines: u64,
    /// The line on which the record begins; none before it does.
    line: Option<u64>,
    /// Which column each field is; none before the first line was read.
    names: Option<Vec<usize>>,
}

impl Splitter {
    pub(super) fn new(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv(Box::new(Csv {
                reader: Reader::new(),
                text: vec![0; MAX_RECORD],
                ends: vec![0; MAX_FIELDS],
                text_length: 0,
                ends_length: 0,
                newlines: 0,
                line: None,
                names: None,
            })),
            Format::JsonLines => Self::JsonLines {
                line: Vec::new(),
                number: 1,
            },
        }
    }

    /// Takes the next piece; an empty one is the end. Gives each record with the number of its line.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        mut take: impl FnMut(u64, Split),
    ) -> Result<(), Broken> {
        match self {
            Self::Csv(csv) => csv.push(piece, take),
            Self::JsonLines { line, number } => {
                let mut rest = piece;
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    extend(line, &rest[..end], *number)?;
                    json(line, *number, &mut take);
                    line.clear();
                    *number += 1;
                    rest = &rest[end + 1..];
                }
                extend(line, rest, *number)?;
                if piece.is_empty() {
                    json(line, *number, &mut take);
                    line.clear();
                }
                Ok(())
            }
        }
    }
}

impl Csv {
    fn push(&mut self, piece: &[u8], mut take: impl FnMut(u64, Split)) -> Result<(), Broken> {
        let mut rest = piece;
        loop {
            if self.line.is_none() {
                let between = |byte: &&u8| matches!(**byte, b'\r' | b'\n');
                let skipped = rest.iter().take_while(between).count();
                self.newlines += newlines(&rest[..skipped]);
                rest = &rest[skipped..];
                if !rest.is_empty() {
                    self.line = Some(self.newlines + 1);
                }
            }
            let line = self.line.unwrap_or(self.newlines + 1);
            let (result, read, written, ended) = self.reader.read_record(
                rest,
                &mut self.text[self.text_length..],
                &mut self.ends[self.ends_length..],
            );
            self.newlines += newlines(&rest[..read]);
            rest = &rest[read..];
            self.text_length += written;
            self.ends_length += ended;
            let broken = |reason: &str| Broken {
                line,
                reason: reason.to_owned(),
            };
            match result {
                ReadRecordResult::InputEmpty if piece.is_empty() => {}
                ReadRecordResult::OutputFull => return Err(broken("is too long")),
                ReadRecordResult::OutputEndsFull => return Err(broken("has too many fields")),
                ReadRecordResult::Record => self.record(line, &mut take)?,
                ReadRecordResult::InputEmpty | ReadRecordResult::End => return Ok(()),
            }
        }
    }

    fn record(&mut self, line: u64, take: &mut impl FnMut(u64, Split)) -> Result<(), Broken> {
        let text = &self.text[..self.text_length];
        let mut begin = 0;
        let fields: Result<Vec<_>, _> = self.ends[..self.ends_length]
            .iter()
            .map(|end| {
                let field = std::str::from_utf8(&text[begin..*end]);
                begin = *end;
                field
            })
            .collect();
        (self.text_length, self.ends_length, self.line) = (0, 0, None);
        match (&self.names, fields) {
            (None, Ok(fields)) => {
                let names = names(&fields).map_err(|reason| Broken { line, reason })?;
                self.names = Some(names);
            }
            (None, Err(_)) => {
                return Err(Broken {
                    line,
                    reason: "is not UTF-8".to_owned(),
                });
            }
            (Some(_), Err(_)) => take(line, Err("is not UTF-8".to_owned())),
            (Some(names), Ok(fields)) => take(line, Record::from_fields(names, &fields)),
        }
        Ok(())
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

fn extend(line: &mut Vec<u8>, piece: &[u8], number: u64) -> Result<(), Broken> {
    if line.len() + piece.len() > MAX_RECORD {
        return Err(Broken {
            line: number,
            reason: "is too long".to_owned(),
        });
    }
    line.extend_from_slice(piece);
    Ok(())
}

fn json(line: &[u8], number: u64, take: &mut impl FnMut(u64, Split)) {
    if !line.trim_ascii().is_empty() {
        let record = serde_json::from_slice(line);
        let record = record.map(|Object(record)| record);
        take(number, record.map_err(|error| error.to_string()));
    }
}

/// Which columns the first line names.
fn names(fields: &[&str]) -> Result<Vec<usize>, String> {
    let mut names = Vec::new();
    for field in fields {
        // Some programs begin a file with a mark of its encoding.
        let field = field.trim_start_matches('\u{feff}').trim();
        let index = NAMES
            .iter()
            .position(|name| *name == field)
            .ok_or_else(|| format!("names a column {field:?}; there are {}", NAMES.join(", ")))?;
        if names.contains(&index) {
            return Err(format!("names the column {field} twice"));
        }
        names.push(index);
    }
    if !names.contains(&1) {
        return Err("must name the columns of the file, target among them".to_owned());
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(format: Format, text: &[u8], size: usize) -> (Vec<String>, Result<(), Broken>) {
        let mut found = Vec::new();
        let mut splitter = Splitter::new(format);
        for piece in text.chunks(size).chain([&b""[..]]) {
            let result = splitter.push(piece, |line, record| {
                found.push(match record {
                    Ok(record) => format!("{line} {} {:?}", record.target, record.note),
                    Err(reason) => format!("{line} {reason}"),
                });
            });
            if result.is_err() {
                return (found, result);
            }
        }
        (found, Ok(()))
    }

    #[test]
    fn records_are_the_same_in_whatever_pieces() {
        let csv = "\u{feff}target,note\r\nhttps://a/,\"x, \"\"y\"\"\nz\"\r\nhttps://b/,\n\nhttps://c/,ü,too much\nhttps://d/,last";
        let lines = "{\"target\":\"https://a/\",\"note\":\"ü\"}\n\n{}\nnot json\n{\"target\":\"https://b/\"}";
        let whole = split(Format::Csv, csv.as_bytes(), 1000);
        assert_eq!(whole.1, Ok(()));
        assert_eq!(
            whole.0,
            [
                "2 https://a/ Some(\"x, \\\"y\\\"\\nz\")",
                "4 https://b/ None",
                "6 has 3 fields where the first line has 2",
                "7 https://d/ Some(\"last\")",
            ]
        );
        let whole_lines = split(Format::JsonLines, lines.as_bytes(), 1000);
        assert_eq!(whole_lines.0.len(), 4);
        assert!(
            whole_lines.0[1].starts_with("3 missing field `target`"),
            "{whole_lines:?}"
        );
        assert!(whole_lines.0[3].starts_with("5 https://b/"));
        for size in 1..20 {
            assert_eq!(split(Format::Csv, csv.as_bytes(), size), whole);
            assert_eq!(
                split(Format::JsonLines, lines.as_bytes(), size),
                whole_lines
            );
        }
    }

    #[test]
    fn what_cannot_be_read_on_is_told_with_its_line() {
        let long = format!("target\n\"{}", "a".repeat(MAX_RECORD + 1));
        let cases: [(Format, &[u8], u64, &str); 6] = [
            (Format::Csv, b"slug,note\n", 1, "target among them"),
            (
                Format::Csv,
                b"target,owner\n",
                1,
                "names a column \"owner\"",
            ),
            (Format::Csv, b"target,target\n", 1, "twice"),
            (Format::Csv, b"\xff\n", 1, "UTF-8"),
            (Format::Csv, long.as_bytes(), 2, "too long"),
            (Format::JsonLines, long.as_bytes(), 2, "too long"),
        ];
        for (format, text, line, reason) in cases {
            let (_, result) = split(format, text, 999);
            let broken = result.expect_err(reason);
            assert_eq!(broken.line, line, "{broken}");
            assert!(broken.reason.contains(reason), "{broken}");
        }
        assert_eq!(split(Format::Csv, b"", 1), (Vec::new(), Ok(())));
    }
}
