//! Lists in pieces. Route 53's markers say where the next piece begins, in the clear.

use wire::Error;

use super::error;

/// How many a call wants at most, from the text it gives, of those that a piece may hold.
pub(super) fn most(max_items: Option<&str>, most: usize) -> Result<usize, Error> {
    let Some(text) = max_items.filter(|text| !text.is_empty()) else {
        return Ok(most);
    };
    match text.parse::<usize>() {
        Ok(count) if count > 0 => Ok(count.min(most)),
        _ => Err(error::invalid_input(format!(
            "Invalid value for MaxItems: '{text}' is not a positive number"
        ))),
    }
}

/// The first items of a list and the one after them, where the next piece begins.
pub(super) fn cut<T>(items: impl Iterator<Item = T>, most: usize) -> (Vec<T>, Option<T>) {
    let mut items = items;
    let piece: Vec<T> = items.by_ref().take(most).collect();
    (piece, items.next())
}
