//! Reads what was counted.

use jiff::{SignedDuration, Timestamp};

use crate::database::time::DatabaseTime;
use crate::database::{Database, DatabaseError, Position};
use crate::links::Slug;

const MAX_SHARES: i64 = 10;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

const HOURLY: &str = "select extract(epoch from hour)::bigint, clicks from clicks_hourly \
    where slug = $1 and hour >= $2 and hour < $3 order by 1";
const DAILY: &str = "select extract(epoch from date_trunc('day', hour, 'UTC'))::bigint, sum(clicks)::bigint \
    from clicks_hourly where slug = $1 and hour >= $2 and hour < $3 group by 1 order by 1";
const TOTAL: &str = "select coalesce(sum(clicks), 0)::bigint from clicks_hourly where slug = $1";
const REFERRERS: &str = "select referrer, sum(clicks)::bigint from clicks_referrers \
    where slug = $1 and day >= ($2 at time zone 'UTC')::date and day < ($3 at time zone 'UTC')::date \
    group by 1 order by 2 desc, 1 limit $4";
const AGENTS: &str = "select agent, sum(clicks)::bigint from clicks_agents \
    where slug = $1 and day >= ($2 at time zone 'UTC')::date and day < ($3 at time zone 'UTC')::date \
    group by 1 order by 2 desc, 1 limit $4";

const RECENT: &str = "select slug, extract(epoch from date_trunc('day', hour, 'UTC'))::bigint, sum(clicks)::bigint \
    from clicks_hourly where slug = any($1) and hour >= $2 group by 1, 2";
const TOTALS: &str =
    "select slug, sum(clicks)::bigint from clicks_hourly where slug = any($1) group by 1";
const RECENT_DAYS: i64 = 14;

/// How long each part of the span is, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    Hour,
    Day,
}

/// From the first to before the last moment, both on whole parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub resolution: Resolution,
    pub from: Timestamp,
    pub to: Timestamp,
}

#[derive(Debug)]
pub struct Report {
    /// In the span.
    pub clicks: i64,
    /// Ever.
    pub total: i64,
    /// The beginning of each part, also of those without clicks.
    pub series: Vec<(Timestamp, i64)>,
    /// Most first, over the days that the span touches.
    pub referrers: Vec<Share>,
    pub agents: Vec<Share>,
}

/// A part of the clicks. An empty name: nothing was said.
#[derive(Debug)]
pub struct Share {
    pub name: String,
    pub clicks: i64,
}

/// What a list shows of a link.
#[derive(Debug, Default)]
pub struct Recent {
    /// Ever.
    pub total: i64,
    /// On each of the last 14 days, today last.
    pub days: Vec<i64>,
}

impl Resolution {
    pub fn seconds(self) -> i64 {
        match self {
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// The longest span, in parts: a month of hours, a leap year of days.
    pub fn most(self) -> i64 {
        match self {
            Self::Hour => 31 * 24,
            Self::Day => 366,
        }
    }
}

impl Span {
    /// The last `parts`, of which the one that contains `now` is the last. At least one, at most `most`.
    pub fn last(resolution: Resolution, parts: i64, now: Timestamp) -> Self {
        let length = resolution.seconds();
        let parts = parts.clamp(1, resolution.most());
        let end = (now.as_second().div_euclid(length) + 1) * length;
        let at = |second| Timestamp::from_second(second).unwrap_or(now);
        Self {
            resolution,
            from: at(end - parts * length),
            to: at(end),
        }
    }
}

/// What was counted for a link. The series and the shares are read one after the other and may differ by what was
/// written between.
pub async fn report(
    database: &Database,
    slug: &Slug,
    span: Span,
    after: Position,
) -> Result<Report, DatabaseError> {
    let series = match span.resolution {
        Resolution::Hour => HOURLY,
        Resolution::Day => DAILY,
    };
    let (from, to) = (DatabaseTime(span.from), DatabaseTime(span.to));
    let rows: Vec<(i64, i64)> = database
        .read(after, || {
            sqlx::query_as(series)
                .bind(slug.as_str())
                .bind(from)
                .bind(to)
        })
        .await?;
    let total: Option<(i64,)> = database
        .read_one(after, || sqlx::query_as(TOTAL).bind(slug.as_str()))
        .await?;
    // Whole days, to which the last belongs.
    let end = DatabaseTime(
        span.to
            .checked_add(SignedDuration::from_secs(DAY - 1))
            .unwrap_or(span.to),
    );
    let shares = async |sql: &'static str| -> Result<Vec<Share>, DatabaseError> {
        let rows: Vec<(String, i64)> = database
            .read(after, || {
                sqlx::query_as(sql)
                    .bind(slug.as_str())
                    .bind(from)
                    .bind(end)
                    .bind(MAX_SHARES)
            })
            .await?;
        let share = |(name, clicks)| Share { name, clicks };
        Ok(rows.into_iter().map(share).collect())
    };
    Ok(Report {
        clicks: rows.iter().map(|(_, clicks)| clicks).sum(),
        total: total.map_or(0, |(total,)| total),
        series: fill(span, &rows),
        referrers: shares(REFERRERS).await?,
        agents: shares(AGENTS).await?,
    })
}

/// What was counted lately for each of these links, in their order.
pub async fn recent(
    database: &Database,
    slugs: &[String],
    now: Timestamp,
    after: Position,
) -> Result<Vec<Recent>, DatabaseError> {
    if slugs.is_empty() {
        return Ok(Vec::new());
    }
    let span = Span::last(Resolution::Day, RECENT_DAYS, now);
    let days: Vec<(String, i64, i64)> = database
        .read(after, || {
            sqlx::query_as(RECENT)
                .bind(slugs.to_vec())
                .bind(DatabaseTime(span.from))
        })
        .await?;
    let totals: Vec<(String, i64)> = database
        .read(after, || sqlx::query_as(TOTALS).bind(slugs.to_vec()))
        .await?;
    let of = |slug: &String| {
        let mut rows: Vec<_> = days
            .iter()
            .filter(|(of, _, _)| of == slug)
            .map(|(_, at, clicks)| (*at, *clicks))
            .collect();
        rows.sort_unstable();
        let days = fill(span, &rows).into_iter().map(|(_, clicks)| clicks);
        let total = totals.iter().find(|(of, _)| of == slug);
        Recent {
            total: total.map_or(0, |(_, clicks)| *clicks),
            days: days.collect(),
        }
    };
    Ok(slugs.iter().map(of).collect())
}

/// A value for each part of the span.
fn fill(span: Span, rows: &[(i64, i64)]) -> Vec<(Timestamp, i64)> {
    let length = usize::try_from(span.resolution.seconds()).unwrap_or(1);
    let mut rows = rows.iter().peekable();
    (span.from.as_second()..span.to.as_second())
        .step_by(length)
        .filter_map(|second| {
            let clicks = rows
                .next_if(|(at, _)| *at == second)
                .map_or(0, |(_, clicks)| *clicks);
            Some((Timestamp::from_second(second).ok()?, clicks))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_ends_with_the_part_that_is_now() {
        let now: Timestamp = "2026-11-25T13:30:00Z".parse().unwrap();
        let days = Span::last(Resolution::Day, 2, now);
        assert_eq!(days.from.to_string(), "2026-11-24T00:00:00Z");
        assert_eq!(days.to.to_string(), "2026-11-26T00:00:00Z");
        let hours = Span::last(Resolution::Hour, 3, now);
        assert_eq!(hours.from.to_string(), "2026-11-25T11:00:00Z");
        assert_eq!(
            Span::last(Resolution::Hour, 0, now),
            Span::last(Resolution::Hour, 1, now)
        );
        let series = fill(hours, &[(hours.from.as_second() + HOUR, 5)]);
        let clicks: Vec<_> = series.iter().map(|(_, clicks)| *clicks).collect();
        assert_eq!(clicks, [0, 5, 0]);
    }
}
