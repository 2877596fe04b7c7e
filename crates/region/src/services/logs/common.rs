//! Pieces of lists and moments, as every noun here tells them.

use jiff::Timestamp;
use wire::Error;

use super::error::invalid_parameter;
use crate::page::{Page, page};

pub(super) fn milliseconds(at: Timestamp) -> i64 {
    at.as_millisecond()
}

pub(super) fn piece<T>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> String,
    marker: Option<&str>,
    most: Option<i64>,
) -> Result<Page<T>, Error> {
    let most = most
        .and_then(|most| usize::try_from(most).ok())
        .unwrap_or(50);
    page(items, key, marker, most)
        .map_err(|_| invalid_parameter("The specified nextToken is invalid."))
}
