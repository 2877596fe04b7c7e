//! Describe calls: which of the things there are someone asked for, and which page of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::{Error, ec2 as api};

use super::error;

/// What a filter of this name looks at. The table of a resource is the list of the filters it
/// knows, so the two cannot differ.
pub(super) type Attribute<T> = (&'static str, fn(&T) -> Vec<String>);

/// What a describe call asks.
pub(super) struct Query {
    pub(super) ids: Option<Vec<String>>,
    pub(super) filters: Option<Vec<api::Filter>>,
    pub(super) max_results: Option<i64>,
    pub(super) next_token: Option<String>,
}

/// How a kind of resource is searched.
pub(super) struct Kind<T: 'static> {
    pub(super) id: fn(&T) -> String,
    pub(super) tags: fn(&T) -> &Option<Vec<api::Tag>>,
    pub(super) filters: &'static [Attribute<T>],
    pub(super) missing: fn(&str) -> Error,
}

impl<T> Kind<T> {
    /// The things that were asked for, in the order given, and where the next page begins.
    pub(super) fn select(
        &self,
        query: Query,
        all: impl Iterator<Item = T>,
    ) -> Result<(Vec<T>, Option<String>), Error> {
        let filters = self.parse(query.filters)?;
        let ids = query.ids.filter(|ids| !ids.is_empty());
        let mut found = Vec::new();
        let mut seen = Vec::new();
        for item in all {
            if let Some(ids) = &ids {
                let id = (self.id)(&item);
                if !ids.contains(&id) {
                    continue;
                }
                seen.push(id);
            }
            if filters.iter().all(|filter| filter.matches(self, &item)) {
                found.push(item);
            }
        }
        if let Some(absent) = ids.iter().flatten().find(|id| !seen.contains(id)) {
            return Err((self.missing)(absent));
        }
        page(found, self.id, query.max_results, query.next_token)
    }

    fn parse(&self, filters: Option<Vec<api::Filter>>) -> Result<Vec<Filter<T>>, Error> {
        filters
            .unwrap_or_default()
            .into_iter()
            .map(|filter| {
                let name = filter.name.unwrap_or_default();
                let subject = if name == "tag-key" {
                    Subject::TagKey
                } else if let Some(key) = name.strip_prefix("tag:") {
                    Subject::Tag(key.to_owned())
                } else {
                    let known = self.filters.iter().find(|(known, _)| *known == name);
                    let Some((_, attribute)) = known else {
                        return Err(error::invalid(format!("The filter '{name}' is invalid")));
                    };
                    Subject::Attribute(*attribute)
                };
                let patterns = filter.values.unwrap_or_default();
                if patterns.is_empty() {
                    return Err(error::invalid(format!("The filter '{name}' has no values")));
                }
                Ok(Filter { subject, patterns })
            })
            .collect()
    }
}

struct Filter<T> {
    subject: Subject<T>,
    patterns: Vec<String>,
}

enum Subject<T> {
    Attribute(fn(&T) -> Vec<String>),
    Tag(String),
    TagKey,
}

impl<T> Filter<T> {
    fn matches(&self, kind: &Kind<T>, item: &T) -> bool {
        let tags = || (kind.tags)(item).iter().flatten();
        match &self.subject {
            Subject::Attribute(attribute) => attribute(item).iter().any(|value| self.takes(value)),
            Subject::Tag(key) => tags().any(|tag| {
                tag.key.as_ref() == Some(key) && self.takes(tag.value.as_deref().unwrap_or(""))
            }),
            Subject::TagKey => tags().any(|tag| self.takes(tag.key.as_deref().unwrap_or(""))),
        }
    }

    fn takes(&self, value: &str) -> bool {
        self.patterns.iter().any(|pattern| like(pattern, value))
    }
}

/// Whether a value is like a pattern with `*`, `?`, and `\` before a character that stands for
/// itself.
pub(super) fn like(pattern: &str, value: &str) -> bool {
    if !pattern.contains(['*', '?', '\\']) {
        return pattern == value;
    }
    let mut parts = Vec::new();
    let mut letters = pattern.chars();
    while let Some(letter) = letters.next() {
        parts.push(match letter {
            '*' => Part::Any,
            '?' => Part::One,
            '\\' => Part::Letter(letters.next().unwrap_or('\\')),
            other => Part::Letter(other),
        });
    }
    let value: Vec<char> = value.chars().collect();
    // Where to go on from when the last `*` has to take one more letter.
    let mut again: Option<(usize, usize)> = None;
    let (mut at_part, mut at_value) = (0, 0);
    while at_value < value.len() {
        match parts.get(at_part) {
            Some(Part::Any) => {
                again = Some((at_part + 1, at_value));
                at_part += 1;
                continue;
            }
            Some(Part::One) => {
                (at_part, at_value) = (at_part + 1, at_value + 1);
                continue;
            }
            Some(Part::Letter(letter)) if *letter == value[at_value] => {
                (at_part, at_value) = (at_part + 1, at_value + 1);
                continue;
            }
            _ => {}
        }
        let Some((part, from)) = again else {
            return false;
        };
        again = Some((part, from + 1));
        (at_part, at_value) = (part, from + 1);
    }
    parts[at_part..]
        .iter()
        .all(|part| matches!(part, Part::Any))
}

enum Part {
    Any,
    One,
    Letter(char),
}

/// One page of a list: after the item the token names, no more than asked for.
pub(super) fn page<T>(
    items: Vec<T>,
    id: fn(&T) -> String,
    max_results: Option<i64>,
    next_token: Option<String>,
) -> Result<(Vec<T>, Option<String>), Error> {
    let most = match max_results {
        None => usize::MAX,
        Some(number) if number < 1 => {
            return Err(error::invalid(format!(
                "Value ( {number} ) for parameter maxResults is invalid. Expecting a value greater than 5."
            )));
        }
        Some(number) => usize::try_from(number.min(1000)).unwrap_or(1000),
    };
    let mut items = items;
    if let Some(token) = next_token.filter(|token| !token.is_empty()) {
        let after = URL_SAFE_NO_PAD
            .decode(&token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| error::refused("InvalidNextToken", "The token provided is invalid."))?;
        items.retain(|item| id(item) > after);
    }
    if items.len() <= most {
        return Ok((items, None));
    }
    items.truncate(most);
    let token = items.last().map(|last| URL_SAFE_NO_PAD.encode(id(last)));
    Ok((items, token))
}

/// For [`Attribute`] tables: the text of an optional member.
pub(super) fn text<T: ToString>(member: Option<&T>) -> Vec<String> {
    member.map(ToString::to_string).into_iter().collect()
}

/// For [`Attribute`] tables: a text out of each element of an optional list.
pub(super) fn each<T>(list: Option<&Vec<T>>, member: fn(&T) -> Option<String>) -> Vec<String> {
    list.into_iter().flatten().filter_map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let cases = [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abbbc", true),
            ("a*c", "ab", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*b", "xaxab", true),
            ("*a*b", "xaxa", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("\\?x", "?x", true),
            ("*.s3", "a.b.s3", true),
        ];
        for (pattern, value, expected) in cases {
            assert_eq!(like(pattern, value), expected, "{pattern} on {value}");
        }
    }

    #[test]
    fn pages_follow_each_other_and_end() {
        let all: Vec<String> = (0..7).map(|number| number.to_string()).collect();
        let (mut token, mut seen) = (None, Vec::new());
        loop {
            let (items, next) = page(all.clone(), Clone::clone, Some(3), token).unwrap();
            assert!(items.len() <= 3);
            seen.extend(items);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        let bad = page(all, Clone::clone, None, Some("§".into())).unwrap_err();
        assert_eq!(bad.code, "InvalidNextToken");
    }
}
