//! Wildcard patterns of listener rules: `*` stands for any text, `?` for one character.

/// A pattern, ready to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: Box<[u8]>,
    fold: bool,
    wild: bool,
}

impl Pattern {
    /// Upper and lower case are different.
    pub(crate) fn exact(text: &str) -> Self {
        Self {
            text: text.as_bytes().into(),
            fold: false,
            wild: text.contains(['*', '?']),
        }
    }

    /// ASCII upper and lower case are the same.
    pub(crate) fn folded(text: &str) -> Self {
        Self {
            text: text.to_ascii_lowercase().into_bytes().into(),
            fold: true,
            wild: text.contains(['*', '?']),
        }
    }

    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        if !self.wild {
            return if self.fold {
                self.text.eq_ignore_ascii_case(value)
            } else {
                *self.text == *value
            };
        }
        let same = |pattern: u8, byte: u8| {
            pattern == b'?'
                || if self.fold {
                    pattern == byte.to_ascii_lowercase()
                } else {
                    pattern == byte
                }
        };
        // Greedy with one point of return: the last `*` seen and how much it has swallowed. At
        // worst pattern length times value length.
        let (mut p, mut v) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while v < value.len() {
            if p < self.text.len() && self.text[p] == b'*' {
                star = Some((p, v));
                p += 1;
            } else if p < self.text.len() && same(self.text[p], value[v]) {
                p += 1;
                v += 1;
            } else if let Some((at, swallowed)) = star {
                star = Some((at, swallowed + 1));
                p = at + 1;
                v = swallowed + 1;
            } else {
                return false;
            }
        }
        self.text[p..].iter().all(|byte| *byte == b'*')
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, value, expected) in [
            ("/api/*", "/api/", true),
            ("/api/*", "/api", false),
            ("/api/*", "/API/x", false),
            ("*", "", true),
            ("?", "", false),
            ("a?c", "abc", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcd", false),
            ("*.png", "/img/a.png", true),
            ("**", "x", true),
            ("/a", "/a/", false),
        ] {
            assert_eq!(
                Pattern::exact(pattern).matches(value.as_bytes()),
                expected,
                "{pattern} {value}"
            );
        }
        assert!(Pattern::folded("*.Example.com").matches(b"WWW.example.COM"));
        assert!(!Pattern::folded("*.example.com").matches(b"example.com"));
    }

    /// The definition, without any cleverness.
    fn slow(pattern: &[u8], value: &[u8]) -> bool {
        match pattern.split_first() {
            None => value.is_empty(),
            Some((b'*', rest)) => (0..=value.len()).any(|n| slow(rest, &value[n..])),
            Some((p, rest)) => value
                .split_first()
                .is_some_and(|(v, more)| (*p == b'?' || p == v) && slow(rest, more)),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?]{0,7}", value in "[ab]{0,8}") {
            prop_assert_eq!(
                Pattern::exact(&pattern).matches(value.as_bytes()),
                slow(pattern.as_bytes(), value.as_bytes())
            );
        }
    }
}
