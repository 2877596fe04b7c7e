//! Lists in pages, within ECS's bounds and with its errors.

use super::error;
use crate::Error;

/// The page of ascending `items` that `token` asks for, and the token of the next one.
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
    let page = crate::page::page(items, String::clone, token, most)
        .map_err(|_| error::invalid("Invalid token."))?;
    Ok((page.items, page.next))
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
