//! Gives all links, page after page.

use super::record::NAMES;
use super::{Format, Record};
use crate::database::DatabaseError;
use crate::links::Store;

/// Links that are read at a time.
pub const PAGE: i64 = 500;

/// Walks through the links in the order of their slugs: what is made or deleted meanwhile may be in it or not,
/// everything else is in it once.
pub struct Export {
    store: Store,
    format: Format,
    after: String,
    begun: bool,
    ended: bool,
}

impl Export {
    pub fn new(store: Store, format: Format) -> Self {
        Self {
            store,
            format,
            after: String::new(),
            begun: false,
            ended: false,
        }
    }

    /// The next part of the file; none at its end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, DatabaseError> {
        if self.ended {
            return Ok(None);
        }
        let links = self.store.export(&self.after, PAGE).await?;
        let mut part = Part::new(self.format);
        if !std::mem::replace(&mut self.begun, true) {
            part.names();
        }
        for link in &links {
            part.record(&Record::from(link));
        }
        match links.last() {
            Some(link) if i64::try_from(links.len()) == Ok(PAGE) => {
                link.slug.as_str().clone_into(&mut self.after);
            }
            _ => self.ended = true,
        }
        Ok(Some(part.into_bytes()))
    }
}

enum Part {
    Csv(Box<csv::Writer<Vec<u8>>>),
    JsonLines(Vec<u8>),
}

impl Part {
    fn new(format: Format) -> Self {
        match format {
            Format::Csv => {
                let mut builder = csv::WriterBuilder::new();
                builder.terminator(csv::Terminator::CRLF);
                Self::Csv(Box::new(builder.from_writer(Vec::new())))
            }
            Format::JsonLines => Self::JsonLines(Vec::new()),
        }
    }

    fn names(&mut self) {
        if let Self::Csv(writer) = self {
            writer.write_record(NAMES).expect("memory takes it");
        }
    }

    fn record(&mut self, record: &Record) {
        match self {
            Self::Csv(writer) => writer
                .write_record(record.to_fields())
                .expect("memory takes it"),
            Self::JsonLines(bytes) => {
                serde_json::to_writer(&mut *bytes, record).expect("memory takes it");
                bytes.push(b'\n');
            }
        }
    }

    fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Csv(writer) => writer.into_inner().expect("memory takes it"),
            Self::JsonLines(bytes) => bytes,
        }
    }
}
