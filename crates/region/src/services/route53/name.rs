//! Domain names as Route 53 keeps them: lower case, with the dot at the end, and every byte that is
//! not a letter, a digit, `-` or `_` written as `\ooo`, three octal digits.
//!
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html>

use std::fmt;

/// Bytes of a name with its dots (RFC 1035, 2.3.4).
const MOST: usize = 255;
/// Bytes of a label.
const MOST_OF_LABEL: usize = 63;

/// A fully qualified name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    /// Escaped, the leftmost first.
    labels: Vec<String>,
}

/// Why a text is no name, as Route 53 puts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadName(pub(super) String);

impl Name {
    /// Reads a name with or without its last dot and with any of its bytes escaped.
    pub(super) fn parse(text: &str) -> Result<Self, BadName> {
        let bad = |code: &str, why: &str| {
            Err(BadName(format!(
                "FATAL problem: {code} ({why}) encountered with '{text}'"
            )))
        };
        let relative = text.strip_suffix('.').unwrap_or(text);
        let mut labels = Vec::new();
        let mut length = 1;
        for label in relative.split('.') {
            let Some(bytes) = unescape(label) else {
                return bad(
                    "UnsupportedCharacter",
                    "Value contains unsupported characters",
                );
            };
            if bytes.is_empty() {
                return bad("DomainLabelEmpty", "Domain label is empty");
            }
            if bytes.len() > MOST_OF_LABEL {
                return bad("DomainLabelTooLong", "Domain label is too long");
            }
            length += bytes.len() + 1;
            labels.push(escape(&bytes));
        }
        if length > MOST {
            return bad("DomainNameTooLong", "Domain name is too long");
        }
        Ok(Self { labels })
    }

    /// Whether it is the other name or one below it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.labels.ends_with(&other.labels)
    }

    /// The name without its leftmost label; `None` above the last one.
    pub(crate) fn parent(&self) -> Option<Self> {
        let labels = self.labels.get(1..).filter(|rest| !rest.is_empty())?;
        Some(Self {
            labels: labels.to_vec(),
        })
    }

    /// The wildcard beside it, which answers for it where it is not there.
    pub(crate) fn wildcard_above(&self) -> Option<Self> {
        let mut labels = vec![STAR.to_owned()];
        labels.extend(self.parent()?.labels);
        Some(Self { labels })
    }

    /// Labels from the right, such as `com.example.www.`: Route 53 orders by this.
    pub(super) fn reversed(&self) -> String {
        let mut text = String::new();
        for label in self.labels.iter().rev() {
            text.push_str(label);
            text.push('.');
        }
        text
    }

    /// As name servers compare it: no dot at the end, `*` for a leftmost wildcard.
    pub(crate) fn plain(&self) -> String {
        let mut labels = self.labels.clone();
        if labels[0] == STAR {
            "*".clone_into(&mut labels[0]);
        }
        labels.join(".")
    }
}

/// A wildcard's label, escaped.
const STAR: &str = "\\052";

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for label in &self.labels {
            write!(out, "{label}.")?;
        }
        Ok(())
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_')
}

fn escape(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&byte| {
            if is_plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("\\{byte:03o}")
            }
        })
        .collect()
}

/// The bytes of a label, in lower case; `None` where a byte is not printable ASCII or an escape is
/// none.
fn unescape(label: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = label.bytes();
    while let Some(byte) = rest.next() {
        let byte = if byte == b'\\' {
            let digits = [rest.next()?, rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?.to_owned();
            u8::from_str_radix(&digits, 8).ok()?
        } else if byte.is_ascii_graphic() {
            byte
        } else {
            return None;
        };
        bytes.push(byte.to_ascii_lowercase());
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_kept_in_one_form() {
        for (text, kept) in [
            ("Example.COM", Ok("example.com.")),
            ("example.com.", Ok("example.com.")),
            ("*.example.com", Ok("\\052.example.com.")),
            ("\\052.example.com.", Ok("\\052.example.com.")),
            ("_dmarc.a-b.com", Ok("_dmarc.a-b.com.")),
            ("a!b.com", Ok("a\\041b.com.")),
            ("a..com", Err("DomainLabelEmpty")),
            ("", Err("DomainLabelEmpty")),
            ("a b.com", Err("UnsupportedCharacter")),
            ("a\\9.com", Err("UnsupportedCharacter")),
            (
                &format!("{}.com", "a".repeat(64)),
                Err("DomainLabelTooLong"),
            ),
            (&"a.".repeat(128), Err("DomainNameTooLong")),
        ] {
            match (Name::parse(text), kept) {
                (Ok(name), Ok(kept)) => assert_eq!(name.to_string(), kept),
                (Err(BadName(why)), Err(code)) => assert!(why.contains(code), "{why}"),
                (other, _) => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn names_know_their_place() {
        let name = |text| Name::parse(text).unwrap();
        assert!(name("a.b.c").is_within(&name("b.c")));
        assert!(name("b.c").is_within(&name("b.c")));
        assert!(!name("ab.c").is_within(&name("b.c")));
        assert_eq!(name("a.b.c").reversed(), "c.b.a.");
        assert_eq!(name("a.b.c").wildcard_above(), Some(name("*.b.c")));
        assert_eq!(name("c").parent(), None);
        assert_eq!(name("*.b.c").plain(), "*.b.c");
    }

    proptest! {
        #[test]
        fn what_is_kept_is_read_again(text in "[ -~]{1,40}") {
            if let Ok(name) = Name::parse(&text) {
                prop_assert_eq!(Name::parse(&name.to_string()), Ok(name));
            }
        }
    }
}
