//! What may be changed about a link, and under which condition.

use jiff::Timestamp;

use super::{Link, Note, Redirect, Target};

/// New values; what is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub target: Option<Target>,
    pub note: Option<Note>,
    pub redirect: Option<Redirect>,
    pub enabled: Option<bool>,
    /// `Some(None)`: it expires no more.
    pub expires_at: Option<Option<Timestamp>>,
}

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    To(Link),
    Missing,
    /// The link is not (any more) the one that the condition names.
    Refused,
}

/// `If-Match` (RFC 9110, section 13.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    None,
    Exists,
    /// One of these versions. An entity tag that no version ever had is left out, so there may be none.
    Versions(Vec<i64>),
}

impl Precondition {
    pub fn allows(&self, version: i64) -> bool {
        match self {
            Self::None | Self::Exists => true,
            Self::Versions(versions) => versions.contains(&version),
        }
    }

    /// Weak tags never match, as the comparison for changes is the strong one.
    pub fn parse(if_match: &str) -> Self {
        if if_match.trim() == "*" {
            return Self::Exists;
        }
        let versions = if_match.split(',').filter_map(|tag| {
            let digits = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
            digits.parse().ok()
        });
        Self::Versions(versions.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_name_versions() {
        assert_eq!(Precondition::parse("*"), Precondition::Exists);
        let two = Precondition::parse("\"7\" , W/\"8\",\"nine\", \"10\"");
        assert_eq!(two, Precondition::Versions(vec![7, 10]));
        assert!(two.allows(10) && !two.allows(8));
        assert!(!Precondition::parse("7").allows(7));
    }
}
