//! Lists in pages: a marker says after which element the next page begins.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use wire::Error;

use super::error;

/// One page of a list that is ordered as told, and the next one's marker.
pub(super) fn page<T>(
    items: Vec<T>,
    key: fn(&T) -> &str,
    marker: Option<String>,
    size: Option<i64>,
) -> Result<(Vec<T>, Option<String>), Error> {
    let most = match size {
        None => 400,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (1..=400).contains(size))
            .ok_or_else(|| error::validation("Page size must be between 1 and 400"))?,
    };
    let mut items = items;
    if let Some(marker) = marker.filter(|text| !text.is_empty()) {
        let wrong = || error::validation(format!("Invalid marker '{marker}'"));
        let last = URL_SAFE_NO_PAD.decode(&marker).map_err(|_| wrong())?;
        let last = String::from_utf8(last).map_err(|_| wrong())?;
        let at = items.iter().position(|item| key(item) == last);
        items.drain(..=at.ok_or_else(wrong)?);
    }
    if items.len() <= most {
        return Ok((items, None));
    }
    items.truncate(most);
    let next = items.last().map(|last| URL_SAFE_NO_PAD.encode(key(last)));
    Ok((items, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other() {
        let all = || vec!["b", "a", "c"];
        let (one, next) = page(all(), |text| text, None, Some(2)).unwrap();
        assert_eq!(one, ["b", "a"]);
        let (two, end) = page(all(), |text| text, next, Some(2)).unwrap();
        assert_eq!((two, end), (vec!["c"], None));
        for size in [0, 401] {
            let error = page(all(), |text| text, None, Some(size)).unwrap_err();
            assert_eq!(error.code, "ValidationError");
        }
        assert!(page(all(), |text| text, Some("x".into()), None).is_err());
    }
}
