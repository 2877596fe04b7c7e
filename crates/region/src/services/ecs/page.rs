//! Lists in pages.

use super::error;
use crate::Error;

/// The page of `items` that `token` asks for, and the token of the next one. Tokens name the item
/// a page begins with, so a list that changes between two pages skips and repeats nothing else.
pub(super) fn page(
    items: impl Iterator<Item = String>,
    token: Option<&str>,
    max_results: Option<i64>,
) -> Result<(Vec<String>, Option<String>), Error> {
    let most = match max_results {
        None => 100,
        Some(most) => usize::try_from(most)
            .ok()
            .filter(|most| (1..=100).contains(most))
            .ok_or_else(|| error::invalid("maxResults must be between 1 and 100."))?,
    };
    let from = token
        .filter(|token| !token.is_empty())
        .map(|token| {
            hex::decode(token)
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or_else(|| error::invalid("Invalid token."))
        })
        .transpose()?;
    let mut rest = items.skip_while(|item| from.as_ref().is_some_and(|from| item < from));
    let page: Vec<String> = rest.by_ref().take(most).collect();
    Ok((page, rest.next().map(hex::encode)))
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn pages_cover_everything_once() {
        let all: Vec<String> = (0..250).map(|n| format!("{n:04}")).collect();
        let mut seen = Vec::new();
        let mut token = None;
        loop {
            let (items, next) =
                page(all.iter().cloned(), token.as_deref(), Some(99)).expect("a page");
            seen.extend(items);
            token = next;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(seen, all);
        assert!(page(all.into_iter(), Some("zz"), None).is_err());
    }
}
