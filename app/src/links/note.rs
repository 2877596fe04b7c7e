//! What people write beside a link.

pub(super) const MAX_LENGTH: usize = 500;

/// At most 500 characters, on one line or several, without control characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Note(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("must not be longer than {MAX_LENGTH} characters")]
    TooLong,
    #[error("must not hold control characters")]
    Character,
}

impl Note {
    /// Surrounding space is dropped, and line ends become `\n`.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        let text = text.trim().replace("\r\n", "\n");
        if text.chars().count() > MAX_LENGTH {
            return Err(NoteError::TooLong);
        }
        if text.chars().any(|char| char.is_control() && char != '\n') {
            return Err(NoteError::Character);
        }
        Ok(Self(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_short_readable_text() {
        assert_eq!(
            Note::parse("  two\r\nlines ").unwrap().as_str(),
            "two\nlines"
        );
        assert_eq!(Note::parse(&"ü".repeat(500)).unwrap().as_str().len(), 1000);
        assert_eq!(Note::parse(&"x".repeat(501)), Err(NoteError::TooLong));
        assert_eq!(Note::parse("a\0b"), Err(NoteError::Character));
        assert_eq!(Note::parse("\u{1b}[31m"), Err(NoteError::Character));
    }
}
