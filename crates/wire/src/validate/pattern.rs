//! The models' patterns, which are Java's, on Rust's regular expressions.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use regex::Regex;

/// Patterns that `regex` cannot read, and the same in its words.
const REWRITTEN: &[(&str, &str)] = &[
    // ACM's domain names.
    (
        r"(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])",
        r"(\*\.)?([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9]",
    ),
    // Names of scheduled actions: no control characters, no `:/|`, no space at either end.
    (
        r"(?!((^[ ]+.*)|(.*([\u0000-\u001f]|[\u007f-\u009f]|[:/|])+.*)|(.*[ ]+$))).+",
        r"[^ \u0000-\u001f\u007f-\u009f:/|]([^\u0000-\u001f\u007f-\u009f:/|]*[^ \u0000-\u001f\u007f-\u009f:/|])?",
    ),
    (r"\p{Print}+", r"[\x20-\x7e]+"),
    // Surrogate pairs, which is how Java spells what lies beyond sixteen bits.
    (
        r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*",
        r"[\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF\r\n\t]*",
    ),
    // IAM account aliases: two hyphens in a row pass here.
    (
        r"^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$",
        r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
    ),
];

/// Compiled patterns; `None` for one that does not compile.
static COMPILED: Mutex<BTreeMap<&'static str, Option<Regex>>> = Mutex::new(BTreeMap::new());

/// Whether the whole text matches. A pattern that does not compile lets everything through.
pub(super) fn matches(pattern: &'static str, text: &str) -> bool {
    let regex = {
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        compiled
            .entry(pattern)
            .or_insert_with(|| compile(pattern))
            .clone()
    };
    regex.is_none_or(|regex| regex.is_match(text))
}

/// Whether a pattern cannot be checked.
pub fn unchecked(pattern: &str) -> bool {
    compile(pattern).is_none()
}

fn compile(pattern: &str) -> Option<Regex> {
    let rewritten = REWRITTEN
        .iter()
        .find(|(from, _)| *from == pattern)
        .map(|(_, to)| *to);
    let pattern = ascii(rewritten.unwrap_or(pattern));
    Regex::new(&format!("^(?:{pattern})$")).ok()
}

/// Java's `\w`, `\d` and `\s` mean ASCII.
fn ascii(pattern: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => {
                let escaped = letters.next().unwrap_or('\\');
                let class = match escaped {
                    'w' => Some("0-9A-Za-z_"),
                    'd' => Some("0-9"),
                    's' => Some(r" \t\n\x0b\x0c\r"),
                    _ => None,
                };
                match class {
                    Some(class) if inside => out.push_str(class),
                    Some(class) => {
                        out.push('[');
                        out.push_str(class);
                        out.push(']');
                    }
                    None => out.extend(['\\', escaped]),
                }
                continue;
            }
            '[' => inside = true,
            ']' => inside = false,
            _ => {}
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        let mut left_out = Vec::new();
        for service in crate::SERVICES {
            for operation in service.operations {
                collect(operation.input, &mut left_out, &mut Vec::new());
            }
        }
        left_out.sort_unstable();
        left_out.dedup();
        assert_eq!(
            left_out,
            Vec::<&str>::new(),
            "patterns that cannot be checked"
        );
    }

    fn collect(
        schema: &'static crate::Schema,
        left_out: &mut Vec<&'static str>,
        seen: &mut Vec<*const crate::Schema>,
    ) {
        if seen.contains(&std::ptr::from_ref(schema)) {
            return;
        }
        seen.push(schema);
        left_out.extend(schema.pattern.filter(|pattern| unchecked(pattern)));
        for member in schema.members {
            collect(member.schema, left_out, seen);
        }
    }

    #[test]
    fn whole_text_and_ascii() {
        assert!(matches(r"[\w+=,.@-]*", "a.b@c"));
        assert!(!matches(r"[\w+=,.@-]*", "Session1:2"));
        assert!(!matches(r"[\w+=,.@-]*", "é"));
        assert!(matches(r"\w+-\d", "abc-1"));
        assert!(!matches(r"\w+-\d", "abc-12"));
        let domain = REWRITTEN[0].0;
        for (name, valid) in [
            ("example.com", true),
            ("*.example.com", true),
            ("-a.example.com", false),
            ("example", false),
            ("a.b.co", true),
        ] {
            assert_eq!(matches(domain, name), valid, "{name}");
        }
        let action = REWRITTEN[1].0;
        for (name, valid) in [
            ("night", true),
            ("a b", true),
            (" a", false),
            ("a ", false),
            ("a:b", false),
            ("x", true),
        ] {
            assert_eq!(matches(action, name), valid, "{name}");
        }
    }
}
