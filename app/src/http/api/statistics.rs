//! `/api/links/{slug}/statistics`: who followed, and when.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use http::header;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::links::existing;
use crate::clicks::{self, Report, Resolution, Share, Span};
use crate::http::App;
use crate::http::consistency::After;
use crate::http::problem::Problem;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct StatisticsQuery {
    /// Clicks by the hour or by the day, in UTC.
    #[serde(default)]
    #[param(inline)]
    by: By,
    /// How many hours or days, the one that is now among them: at most 744 hours or 366 days. By default 48 hours or
    /// 30 days.
    #[serde(default)]
    #[param(minimum = 1, maximum = 744)]
    last: Option<u16>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum By {
    Hour,
    #[default]
    Day,
}

/// How often a link was followed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Statistics")]
struct StatisticsBody {
    slug: String,
    /// Ever.
    total: i64,
    /// Between `from` and `to`.
    clicks: i64,
    from: Timestamp,
    /// Not included.
    to: Timestamp,
    by: By,
    /// Each hour or day, also those without clicks.
    series: Vec<PointBody>,
    /// The ten hosts from which most came, on the days between `from` and `to`. An empty name: no host was told.
    referrers: Vec<ShareBody>,
    /// Families of programs, the same way.
    agents: Vec<ShareBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Point")]
struct PointBody {
    at: Timestamp,
    clicks: i64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(title = "Share")]
struct ShareBody {
    name: String,
    clicks: i64,
}

/// Read a link's statistics
///
/// Clicks are counted in batches: what is new is here after a second or so.
#[utoipa::path(
    get,
    path = "/api/links/{slug}/statistics",
    tag = "links",
    operation_id = "readStatistics",
    params(("slug" = String, Path, description = "The link's short name."), StatisticsQuery),
    responses(
        (status = 200, description = "The statistics.", body = StatisticsBody),
        (status = 400, description = "A parameter is not valid.", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such link.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Something else.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("key" = [])),
)]
pub(super) async fn read(
    State(app): State<App>,
    After(after): After,
    slug: Result<Path<String>, PathRejection>,
    query: Result<Query<StatisticsQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let slug = existing(slug)?;
    let Query(query) = query?;
    let (resolution, default) = match query.by {
        By::Hour => (Resolution::Hour, 48),
        By::Day => (Resolution::Day, 30),
    };
    let parts = i64::from(query.last.unwrap_or(default));
    if !(1..=Resolution::Hour.most()).contains(&parts) {
        return Err(Problem::bad_request("last must be 1 to 744"));
    }
    app.store
        .get(&slug, after)
        .await?
        .ok_or_else(Problem::no_link)?;
    let span = Span::last(resolution, parts, Timestamp::now());
    let report = clicks::report(&app.database, &slug, span, after).await?;
    let body = StatisticsBody::new(slug.to_string(), query.by, span, report);
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(body)).into_response())
}

impl StatisticsBody {
    fn new(slug: String, by: By, span: Span, report: Report) -> Self {
        let point = |(at, clicks)| PointBody { at, clicks };
        let share = |Share { name, clicks }| ShareBody { name, clicks };
        Self {
            slug,
            total: report.total,
            clicks: report.clicks,
            from: span.from,
            to: span.to,
            by,
            series: report.series.into_iter().map(point).collect(),
            referrers: report.referrers.into_iter().map(share).collect(),
            agents: report.agents.into_iter().map(share).collect(),
        }
    }
}
