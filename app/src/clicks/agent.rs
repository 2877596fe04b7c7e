//! Which family of programs a follower uses, as far as it says.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// Families that are told apart. A `User-Agent` is free text that programs copy from each other: this is what a
/// statistic needs, not a detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    Bot,
    Chrome,
    Edge,
    Firefox,
    Opera,
    Safari,
    Samsung,
    Program,
    Other,
}

/// The first of these marks that is found decides, so copies stand before what they copy from.
const MARKS: [(&str, Family); 27] = [
    ("bot", Family::Bot),
    ("crawler", Family::Bot),
    ("spider", Family::Bot),
    ("preview", Family::Bot),
    ("facebookexternalhit", Family::Bot),
    ("slurp", Family::Bot),
    ("whatsapp", Family::Bot),
    ("headlesschrome", Family::Bot),
    ("curl/", Family::Program),
    ("wget/", Family::Program),
    ("python", Family::Program),
    ("okhttp", Family::Program),
    ("go-http-client", Family::Program),
    ("java/", Family::Program),
    ("node", Family::Program),
    ("libwww", Family::Program),
    ("postmanruntime", Family::Program),
    ("edg/", Family::Edge),
    ("edga/", Family::Edge),
    ("edgios/", Family::Edge),
    ("opr/", Family::Opera),
    ("samsungbrowser/", Family::Samsung),
    ("firefox/", Family::Firefox),
    ("fxios/", Family::Firefox),
    ("crios/", Family::Chrome),
    ("chrome/", Family::Chrome),
    ("safari/", Family::Safari),
];

/// More of the text is not looked at.
const MAX_LENGTH: usize = 512;

/// All marks in one pass: real texts are long, most marks are not in them, and every redirect asks.
static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(MARKS.map(|(mark, _)| mark))
        .expect("the marks are few and short")
});

impl Family {
    pub fn of(agent: &str) -> Self {
        let bytes = agent.as_bytes();
        let head = &bytes[..bytes.len().min(MAX_LENGTH)];
        FINDER
            .find_overlapping_iter(head)
            .map(|found| found.pattern().as_usize())
            .min()
            .map_or(Self::Other, |first| MARKS[first].1)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Bot => "Bots",
            Self::Chrome => "Chrome",
            Self::Edge => "Edge",
            Self::Firefox => "Firefox",
            Self::Opera => "Opera",
            Self::Safari => "Safari",
            Self::Samsung => "Samsung Internet",
            Self::Program => "Programs",
            Self::Other => "Other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_told_apart() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
        let cases = [
            (chrome.to_owned(), Family::Chrome),
            (format!("{chrome} Edg/120.0"), Family::Edge),
            (format!("{chrome} OPR/106.0"), Family::Opera),
            (
                "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605.1.15".to_owned(),
                Family::Safari,
            ),
            ("Mozilla/5.0 (X11; rv:121.0) Gecko/20100101 Firefox/121.0".to_owned(), Family::Firefox),
            ("Mozilla/5.0 (compatible; Googlebot/2.1)".to_owned(), Family::Bot),
            ("curl/8.5.0".to_owned(), Family::Program),
            (String::new(), Family::Other),
            ("é".repeat(400), Family::Other),
        ];
        for (agent, expected) in cases {
            assert_eq!(Family::of(&agent), expected, "{agent}");
        }
    }
}
