//! Lists in pieces: the same cut and the same kind of marker for every service.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// One piece of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// What to send for the next piece; `None`: this was the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// As answers say it that have both `IsTruncated` and `Marker`.
    pub fn truncated(&self) -> bool {
        self.next.is_some()
    }
}

/// The marker was not made by [`page`].
#[derive(Debug, PartialEq, Eq)]
pub struct BadMarker;

/// Cuts a list that ascends by `key`. The marker names the last item shown, so that rows that
/// come and go between two calls neither hide nor repeat others.
pub fn page<T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> String,
    marker: Option<&str>,
    most: usize,
) -> Result<Page<T>, BadMarker> {
    let after = match marker.filter(|marker| !marker.is_empty()) {
        None => None,
        Some(marker) => Some(open(marker).ok_or(BadMarker)?),
    };
    let mut rest = items
        .into_iter()
        .skip_while(|item| after.as_ref().is_some_and(|after| key(item) <= *after));
    let items: Vec<T> = rest.by_ref().take(most.max(1)).collect();
    let next = match (rest.next(), items.last()) {
        (Some(_), Some(last)) => Some(URL_SAFE_NO_PAD.encode(key(last))),
        _ => None,
    };
    Ok(Page { items, next })
}

fn open(marker: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_make_the_whole(
            names in proptest::collection::btree_set("[a-f]{1,3}", 0..20),
            most in 1usize..7,
        ) {
            let mut seen = Vec::new();
            let mut marker = None;
            loop {
                let piece = page(names.iter().cloned(), Clone::clone, marker.as_deref(), most)
                    .expect("the marker is its own");
                prop_assert!(piece.items.len() <= most);
                seen.extend(piece.items);
                match piece.next {
                    Some(next) => marker = Some(next),
                    None => break,
                }
            }
            prop_assert_eq!(seen, names.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_marker_from_elsewhere_is_refused() {
        assert_eq!(
            page(["a"], |name| (*name).to_owned(), Some("!"), 1),
            Err(BadMarker)
        );
    }
}
