//! Patterns with `*` and `?`, and the variables that may stand in them.

/// One step of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Is(char),
    One,
    Many,
}

/// What variables stand for; `None`: this policy knows none.
pub(super) type Variables<'a> = Option<&'a dyn Fn(&str) -> Option<String>>;

/// A pattern whose variables are filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob(Vec<Step>);

impl Glob {
    /// `None`: a variable has no value, so nothing matches. What a variable stands for is taken
    /// literally, so a value that holds `*` matches only itself.
    pub(super) fn new(pattern: &str, variables: Variables) -> Option<Self> {
        let mut steps = Vec::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some(next) = rest.chars().next() {
            if let (Some(lookup), Some((name, after))) = (variables, variable(rest)) {
                steps.extend(fill(name, lookup)?.chars().map(Step::Is));
                rest = after;
                continue;
            }
            steps.push(match next {
                '*' => Step::Many,
                '?' => Step::One,
                other => Step::Is(other),
            });
            rest = &rest[next.len_utf8()..];
        }
        Some(Self(steps))
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        matches(&self.0, &text)
    }
}

/// The variable that `text` begins with, and what comes after it.
fn variable(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix("${")?.split_once('}')
}

fn fill(name: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    match name {
        "*" | "?" | "$" => Some(name.to_owned()),
        _ => match name.split_once(',') {
            None => lookup(name.trim()),
            Some((name, default)) => lookup(name.trim()).or_else(|| {
                let default = default.trim().strip_prefix('\'')?.strip_suffix('\'')?;
                Some(default.to_owned())
            }),
        },
    }
}

/// Greedy with one place to come back to, so the time is at most the product of both lengths.
fn matches(pattern: &[Step], text: &[char]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    loop {
        match pattern.get(at) {
            Some(Step::Many) => {
                retry = Some((at, read));
                at += 1;
                continue;
            }
            Some(step) => {
                let fits = text
                    .get(read)
                    .is_some_and(|have| matches!(step, Step::One) || *step == Step::Is(*have));
                if fits {
                    at += 1;
                    read += 1;
                    continue;
                }
            }
            None if read == text.len() => return true,
            None => {}
        }
        match retry {
            Some((star, from)) if from < text.len() => {
                retry = Some((star, from + 1));
                at = star + 1;
                read = from + 1;
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn wildcards_and_variables() {
        let lookup = |name: &str| (name == "aws:username").then(|| "a*b".to_owned());
        let check = |pattern: &str, text: &str| {
            Glob::new(pattern, Some(&lookup)).is_some_and(|glob| glob.matches(text))
        };
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("a?c", "ac", false),
            ("*a*b*", "xxaxxbxx", true),
            ("home/${aws:username}/*", "home/a*b/x", true),
            ("home/${aws:username}/*", "home/aXb/x", false),
            ("${*}", "*", true),
            ("${*}", "x", false),
            ("${none}", "", false),
            ("${none, 'all'}", "all", true),
            ("${open", "${open", true),
        ] {
            assert_eq!(check(pattern, text), expected, "{pattern} on {text}");
        }
        let old = Glob::new("${aws:username}", None).expect("there are no variables");
        assert!(old.matches("${aws:username}"));
    }

    proptest! {
        #[test]
        fn agrees_with_the_plain_definition(pattern in "[ab*?]{0,8}", text in "[ab]{0,8}") {
            fn plain(pattern: &[u8], text: &[u8]) -> bool {
                match (pattern.first(), text.first()) {
                    (None, None) => true,
                    (Some(b'*'), _) => plain(&pattern[1..], text)
                        || !text.is_empty() && plain(pattern, &text[1..]),
                    (Some(b'?'), Some(_)) => plain(&pattern[1..], &text[1..]),
                    (Some(want), Some(have)) if want == have => plain(&pattern[1..], &text[1..]),
                    _ => false,
                }
            }
            let glob = Glob::new(&pattern, None).expect("there are no variables");
            prop_assert_eq!(glob.matches(&text), plain(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
