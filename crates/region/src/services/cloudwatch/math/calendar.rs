//! The functions that tell of each datapoint when it was, in UTC.

use jiff::Timestamp;

use super::series::float;

/// `None`: there is no such function.
pub(super) fn of(name: &str) -> Option<fn(i64) -> f64> {
    Some(match name {
        "EPOCH" => float,
        "MINUTE" => |at| part(at, "%M"),
        "HOUR" => |at| part(at, "%H"),
        // Monday is 1.
        "DAY" => |at| part(at, "%u"),
        "DATE" => |at| part(at, "%d"),
        "MONTH" => |at| part(at, "%m"),
        "YEAR" => |at| part(at, "%Y"),
        _ => return None,
    })
}

fn part(at: i64, which: &str) -> f64 {
    let at = Timestamp::from_second(at).unwrap_or_default();
    at.strftime(which).to_string().parse().unwrap_or(f64::NAN)
}
