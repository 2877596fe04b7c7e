//! `terrella clock`: what time it is in the region, and moving it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use client::Client;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::running;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Change {
    /// Tell the region's time.
    Now,
    /// Let time run at a multiple of real time; 1 is as usual.
    Rate {
        #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
        times: u32,
    },
    /// Move time ahead, such as by `10h`, `90m` or `2d 4h`. What becomes due on the way is done.
    Jump { by: String },
    /// Move time ahead to the next such moment (UTC): `mon 18:00`, `08:00`, `2026-01-05T18:00:00Z`.
    JumpTo { moment: String },
}

pub(crate) fn run(data: &Path, change: &Change, as_json: bool) -> Result<()> {
    let Some(served) = running::find(data)? else {
        bail!("no region runs on {}", data.display());
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no thread could be started")?;
    let told = runtime.block_on(apply(&served.client(), change))?;
    if as_json {
        println!("{told}");
    } else {
        println!("{}", sentence(&told));
    }
    Ok(())
}

async fn apply(region: &Client, change: &Change) -> Result<Value> {
    const PATH: &str = "/_terrella/clock";
    let body = match change {
        Change::Now => return Ok(region.get(PATH).await?),
        Change::Rate { times } => json!({ "rate": times }),
        Change::Jump { by } => json!({ "jump_seconds": seconds(by)? }),
        Change::JumpTo { moment } => {
            let told = region.get(PATH).await?;
            let now: Timestamp = told["now"]
                .as_str()
                .and_then(|text| text.parse().ok())
                .context("the region does not tell its time")?;
            json!({ "jump_to": next(moment, now)?.to_string() })
        }
    };
    Ok(region.post(PATH, &body).await?)
}

/// What time it is, and how the clock was moved if it was just now.
pub(crate) fn sentence(told: &Value) -> String {
    let now = told["now"].as_str().unwrap_or_default();
    let shown = now.parse::<Timestamp>().map_or_else(
        |_| now.to_owned(),
        |at| at.strftime("%a %Y-%m-%d %H:%M:%S UTC").to_string(),
    );
    let rate = match told["rate"].as_u64() {
        None | Some(1) => String::new(),
        Some(rate) => format!(", {rate} times as fast as real time"),
    };
    let stops = match told["stops"].as_u64() {
        None => String::new(),
        Some(1) => "; nothing was due on the way".to_owned(),
        Some(stops) => format!("; something was due at {} moments on the way", stops - 1),
    };
    let unfinished = told["unfinished"]
        .as_str()
        .map_or_else(String::new, |doing| {
            format!("; it did not wait for everything: {doing}")
        });
    format!("{shown}{rate}{stops}{unfinished}")
}

/// A length of time in words; a day has 24 hours.
fn seconds(text: &str) -> Result<i64> {
    let span: Span = text
        .parse()
        .with_context(|| format!("{text:?} is no length of time: give it as 10h, 90m or 2d 4h"))?;
    let length = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .with_context(|| format!("{text:?} has no certain length: give days, hours and minutes"))?;
    if length.as_secs() <= 0 {
        bail!("time only goes ahead");
    }
    Ok(length.as_secs())
}

/// The first such moment after `now`.
fn next(text: &str, now: Timestamp) -> Result<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let unclear =
        || format!("{text:?} is no moment: give it as 'mon 18:00', 08:00 or 2026-01-05T18:00:00Z");
    let words: Vec<&str> = text.split_whitespace().collect();
    let (day, time) = match words.as_slice() {
        [time] => (None, time),
        [day, time] => (Some(weekday(day).with_context(unclear)?), time),
        _ => bail!(unclear()),
    };
    let time = Time::strptime("%H:%M", time)
        .or_else(|_| Time::strptime("%H:%M:%S", time))
        .with_context(unclear)?;
    let now = TimeZone::UTC.to_datetime(now);
    let mut date = now.date();
    loop {
        let at = date.to_datetime(time);
        if at > now && day.is_none_or(|day| date.weekday() == day) {
            return Ok(TimeZone::UTC.to_timestamp(at)?);
        }
        date = date.checked_add(1.day()).with_context(unclear)?;
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text.to_lowercase().as_str() {
        "mon" | "monday" => Weekday::Monday,
        "tue" | "tuesday" => Weekday::Tuesday,
        "wed" | "wednesday" => Weekday::Wednesday,
        "thu" | "thursday" => Weekday::Thursday,
        "fri" | "friday" => Weekday::Friday,
        "sat" | "saturday" => Weekday::Saturday,
        "sun" | "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_the_next_of_their_kind() {
        let now: Timestamp = "2026-01-05T18:00:00Z".parse().expect("a Monday");
        let cases = [
            ("18:00", "2026-01-06T18:00:00Z"),
            ("18:01", "2026-01-05T18:01:00Z"),
            ("mon 18:00", "2026-01-12T18:00:00Z"),
            ("Monday 19:30", "2026-01-05T19:30:00Z"),
            ("tue 08:00", "2026-01-06T08:00:00Z"),
            ("sun 23:59:30", "2026-01-11T23:59:30Z"),
            ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
        ];
        for (text, expected) in cases {
            let found = next(text, now).expect(text);
            assert_eq!(found.to_string(), expected, "{text}");
        }
        for bad in ["", "noon", "mon", "someday 18:00", "25:00", "mon 18:00 utc"] {
            assert!(next(bad, now).is_err(), "{bad}");
        }
    }

    #[test]
    fn lengths_are_read_in_words() {
        let cases = [
            ("10h", 36_000),
            ("90m", 5_400),
            ("2d 4h", 187_200),
            ("PT1H30M", 5_400),
        ];
        for (text, expected) in cases {
            assert_eq!(seconds(text).expect(text), expected, "{text}");
        }
        for bad in ["", "ten hours", "-1h", "0s", "1mo"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_time_is_told_in_a_sentence() {
        let told = json!({"now": "2026-01-05T18:00:00.5Z", "rate": 60, "stops": 3});
        assert_eq!(
            sentence(&told),
            "Mon 2026-01-05 18:00:00 UTC, 60 times as fast as real time; something was due at 2 moments on the way"
        );
        let told = json!({"now": "2026-01-05T18:00:00Z", "rate": 1, "stops": 1, "unfinished": "task 1 of service:a stops"});
        assert_eq!(
            sentence(&told),
            "Mon 2026-01-05 18:00:00 UTC; nothing was due on the way; it did not wait for everything: task 1 of service:a stops"
        );
    }
}
