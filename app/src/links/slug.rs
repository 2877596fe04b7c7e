//! The short name of a link.

use std::fmt;

use rand::Rng;

pub(super) const MAX_LENGTH: usize = 64;
const GENERATED_LENGTH: usize = 7;
/// Without the characters that are mistaken for one another; 57^7 ≈ 2·10¹² names.
const GENERATED_ALPHABET: &[u8] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// First path segments that are, or may become, the service's own. Sorted.
const RESERVED: [&str; 29] = [
    "about",
    "admin",
    "api",
    "app",
    "apple-touch-icon",
    "assets",
    "auth",
    "docs",
    "drill",
    "export",
    "favicon",
    "health",
    "healthz",
    "help",
    "import",
    "keys",
    "links",
    "login",
    "logout",
    "metrics",
    "new",
    "openapi",
    "qr",
    "robots",
    "search",
    "settings",
    "static",
    "stats",
    "well-known",
];

/// 1 to 64 letters, digits, `-` and `_`, and no name of the service's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlugError {
    #[error("must not be empty")]
    Empty,
    #[error("must not be longer than {MAX_LENGTH} characters")]
    TooLong,
    #[error("may only hold letters, digits, `-` and `_`")]
    Character,
    #[error("is reserved")]
    Reserved,
}

impl Slug {
    pub fn parse(text: &str) -> Result<Self, SlugError> {
        if text.is_empty() {
            return Err(SlugError::Empty);
        }
        if text.len() > MAX_LENGTH {
            return Err(SlugError::TooLong);
        }
        if !text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            return Err(SlugError::Character);
        }
        if RESERVED
            .binary_search(&text.to_ascii_lowercase().as_str())
            .is_ok()
        {
            return Err(SlugError::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// What the database holds was checked when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// A new name; whether it is free only the database knows.
    pub fn generate(rng: &mut impl Rng) -> Self {
        let mut pick = || {
            let index = rng.random_range(0..GENERATED_ALPHABET.len());
            char::from(GENERATED_ALPHABET[index])
        };
        Self((0..GENERATED_LENGTH).map(|_| pick()).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_or_says_why_not() {
        let cases = [
            ("a", Ok(())),
            ("A-b_9", Ok(())),
            ("apis", Ok(())),
            ("", Err(SlugError::Empty)),
            ("api", Err(SlugError::Reserved)),
            ("Health", Err(SlugError::Reserved)),
            ("a b", Err(SlugError::Character)),
            ("a/b", Err(SlugError::Character)),
            ("é", Err(SlugError::Character)),
            ("a.b", Err(SlugError::Character)),
            ("a\0", Err(SlugError::Character)),
        ];
        for (text, expected) in cases {
            assert_eq!(Slug::parse(text).map(drop), expected, "{text:?}");
        }
        assert!(Slug::parse(&"x".repeat(MAX_LENGTH)).is_ok());
        assert_eq!(
            Slug::parse(&"x".repeat(MAX_LENGTH + 1)),
            Err(SlugError::TooLong)
        );
    }

    #[test]
    fn reserved_names_are_sorted_and_each_is_refused() {
        assert!(RESERVED.is_sorted());
        for name in RESERVED {
            assert_eq!(Slug::parse(name), Err(SlugError::Reserved), "{name}");
        }
    }

    #[test]
    fn generated_names_are_valid() {
        let mut rng = rand::rng();
        for _ in 0..200 {
            let slug = Slug::generate(&mut rng);
            assert_eq!(slug.as_str().len(), GENERATED_LENGTH);
            assert_eq!(Slug::parse(slug.as_str()).as_ref(), Ok(&slug));
        }
    }
}
