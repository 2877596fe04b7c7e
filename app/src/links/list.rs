//! Lists of links, newest first, a part at a time.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::{Link, Slug};

pub const MAX_LIMIT: u16 = 100;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct List {
    /// Words of which each link has all, or longer words that begin with them; empty for all links.
    pub search: String,
    pub after: Option<Cursor>,
    /// 1 to `MAX_LIMIT`.
    pub limit: u16,
}

/// A part of the list.
#[derive(Debug)]
pub struct Listed {
    pub links: Vec<Link>,
    /// Where the rest begins, if there is more.
    pub next: Option<Cursor>,
}

/// The last link of a part: the next begins after it, whatever was made or deleted meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub(super) created_at: Timestamp,
    pub(super) slug: Slug,
}

impl Cursor {
    pub(super) fn after(link: &Link) -> Self {
        Self {
            created_at: link.created_at,
            slug: link.slug.clone(),
        }
    }

    /// Opaque to clients.
    pub fn encode(&self) -> String {
        let micros = self.created_at.as_microsecond();
        URL_SAFE_NO_PAD.encode(format!("{micros}:{}", self.slug))
    }

    pub fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (micros, slug) = text.split_once(':')?;
        Some(Self {
            created_at: Timestamp::from_microsecond(micros.parse().ok()?).ok()?,
            slug: Slug::parse(slug).ok()?,
        })
    }
}

/// The search as a `tsquery`: every word, or a longer word that begins with it. None when there are no words.
pub(super) fn words(search: &str) -> Option<String> {
    let words: Vec<_> = search
        .split(|char: char| char.is_ascii() && !char.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| format!("'{word}':*"))
        .collect();
    (!words.is_empty()).then(|| words.join(" & "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_goes_out_and_comes_back() {
        let cursor = Cursor {
            created_at: "2026-11-25T12:00:00.123456Z".parse().unwrap(),
            slug: Slug::parse("a-b_c").unwrap(),
        };
        assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        for bad in [
            "",
            "!",
            "AAAA",
            "MTI",
            "MTI6",
            "OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA",
        ] {
            assert_eq!(Cursor::decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_search_is_words_and_nothing_else() {
        let cases = [
            ("", None),
            (" .,'&|!:*()\\ \0", None),
            ("Spring sale", Some("'Spring':* & 'sale':*")),
            (
                "https://bücher.example/?a=1",
                Some("'https':* & 'bücher':* & 'example':* & 'a':* & '1':*"),
            ),
            ("a':* | 'b", Some("'a':* & 'b':*")),
        ];
        for (search, expected) in cases {
            assert_eq!(words(search).as_deref(), expected, "{search:?}");
        }
    }
}
