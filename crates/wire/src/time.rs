//! Timestamps as the protocols write them.

use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::schema::TimestampFormat;

/// As text: ISO 8601 in UTC, an HTTP date, or seconds since 1970.
pub fn format(time: Timestamp, format: TimestampFormat) -> String {
    match format {
        TimestampFormat::Iso8601 => time.to_string(),
        TimestampFormat::HttpDate => time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        TimestampFormat::EpochSeconds => epoch(time).to_string(),
    }
}

/// Reads a timestamp in any of the three formats, the expected one first.
pub fn parse(text: &str, format: TimestampFormat) -> Option<Timestamp> {
    let text = text.trim();
    match format {
        TimestampFormat::Iso8601 => iso(text).or_else(|| number(text)).or_else(|| http(text)),
        TimestampFormat::HttpDate => http(text).or_else(|| iso(text)).or_else(|| number(text)),
        TimestampFormat::EpochSeconds => number(text).or_else(|| iso(text)).or_else(|| http(text)),
    }
}

/// Seconds since 1970 as a JSON number, whole where they are whole.
pub fn epoch(time: Timestamp) -> serde_json::Number {
    if time.subsec_nanosecond() == 0 {
        return time.as_second().into();
    }
    serde_json::Number::from_f64(seconds(time)).unwrap_or_else(|| time.as_second().into())
}

/// Seconds since 1970.
#[expect(
    clippy::cast_precision_loss,
    reason = "the protocols carry timestamps as doubles"
)]
pub fn seconds(time: Timestamp) -> f64 {
    time.as_microsecond() as f64 / 1e6
}

/// From seconds since 1970, to the microsecond, which is what a double can hold.
pub fn from_seconds(seconds: f64) -> Option<Timestamp> {
    if !seconds.is_finite() || seconds.abs() > 1e12 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    let micros = (seconds * 1e6).round() as i64;
    Timestamp::from_duration(SignedDuration::from_micros(micros)).ok()
}

fn iso(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    // Without an offset it is UTC.
    let time: DateTime = text.parse().ok()?;
    Offset::UTC.to_timestamp(time).ok()
}

fn http(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

fn number(text: &str) -> Option<Timestamp> {
    from_seconds(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_formats() {
        let time: Timestamp = "2014-04-29T18:30:38Z".parse().unwrap();
        let cases = [
            (TimestampFormat::Iso8601, "2014-04-29T18:30:38Z"),
            (TimestampFormat::HttpDate, "Tue, 29 Apr 2014 18:30:38 GMT"),
            (TimestampFormat::EpochSeconds, "1398796238"),
        ];
        for (kind, text) in cases {
            assert_eq!(format(time, kind), text);
            for (other, _) in cases {
                assert_eq!(parse(text, other), Some(time), "{text} as {other:?}");
            }
        }
    }

    #[test]
    fn other_spellings() {
        let time: Timestamp = "2014-04-29T18:30:38.123Z".parse().unwrap();
        for text in [
            "2014-04-29T18:30:38.123Z",
            "2014-04-29T18:30:38.123",
            "2014-04-29T20:30:38.123+02:00",
            "1398796238.123",
        ] {
            assert_eq!(parse(text, TimestampFormat::Iso8601), Some(time), "{text}");
        }
        assert_eq!(epoch(time).to_string(), "1398796238.123");
        for text in ["", "x", "NaN", "1e300", "99999-01-01T00:00:00Z"] {
            assert_eq!(parse(text, TimestampFormat::Iso8601), None, "{text}");
        }
    }
}
