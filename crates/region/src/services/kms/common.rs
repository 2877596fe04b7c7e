//! Pieces of lists.

use wire::Error;

use super::error::invalid_marker;
use crate::page::{Page, page};

pub(super) fn piece<T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> String,
    marker: Option<&str>,
    most: Option<i64>,
    usual: usize,
) -> Result<Page<T>, Error> {
    let most = most
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(usual);
    page(items, key, marker, most).map_err(|_| invalid_marker("The marker is invalid."))
}
