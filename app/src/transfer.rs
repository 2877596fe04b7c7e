//! Many links at once, in and out, as CSV or JSON lines, a part at a time in bounded memory.

mod export;
mod import;
mod record;
mod split;

pub use self::export::{Export, PAGE};
pub use self::import::{Failure, Import, Summary};
pub use self::record::Record;

/// How links are written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a line of names first.
    Csv,
    /// A JSON object on each line.
    JsonLines,
}

impl Format {
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/x-ndjson",
        }
    }

    /// From a media type, whatever its parameters.
    pub fn from_media_type(text: &str) -> Option<Self> {
        let name = text.split(';').next()?.trim().to_ascii_lowercase();
        match name.as_str() {
            "text/csv" => Some(Self::Csv),
            "application/x-ndjson" | "application/jsonl" | "application/json-lines" => {
                Some(Self::JsonLines)
            }
            _ => None,
        }
    }
}

impl std::str::FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" | "ndjson" => Ok(Self::JsonLines),
            _ => Err("a format is csv or jsonl".to_owned()),
        }
    }
}
