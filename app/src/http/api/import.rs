//! `/api/import` and `/api/export`: all links, streamed.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::own_address::OwnAddress;
use crate::http::problem::Problem;
use crate::logs::Chain;
use crate::transfer::{Export, Failure, Format, Import, Summary};

/// Some hundred thousand links.
const MAX_IMPORT: u64 = 64 * 1024 * 1024;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    #[serde(default)]
    #[param(inline)]
    format: FormatName,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum FormatName {
    #[default]
    Csv,
    Jsonl,
}

/// Import links
///
/// CSV with a line of names first, or a JSON object on each line: `target`, and if wanted `slug`, `note`, `redirect`,
/// `enabled`, `expires_at`. A record whose slug is taken is skipped, so an import that broke off may be sent again. At
/// most 64 MiB.
#[utoipa::path(
    post,
    path = "/api/import",
    tag = "transfer",
    operation_id = "importLinks",
    request_body(description = "The links.", content((String = "text/csv"), (String = "application/x-ndjson"))),
    responses(
        (status = 200, description = "What became of the records.", body = Summary),
        (status = 413, description = "Too large.", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Neither CSV nor JSON lines.", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Nothing in it is a valid link.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Something else.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("key" = [])),
)]
pub(super) async fn import(
    State(app): State<App>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let format = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(Format::from_media_type)
        .ok_or_else(|| Problem::unsupported("send text/csv or application/x-ndjson"))?;
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_IMPORT) {
        return Err(Problem::too_large(
            "at most 64 MiB; send the rest afterwards",
        ));
    }
    let _slot = slot(&app)?;
    let own = OwnAddress::of(&app.config, &headers);
    let import = Import {
        store: &app.store,
        routes: Some(&app.routes),
        own_host: own.host(),
    };
    let mut left = MAX_IMPORT;
    let pieces = body.into_data_stream().map(move |piece| {
        let piece = piece.map_err(|error| error.to_string())?;
        left = left
            .checked_sub(piece.len() as u64)
            .ok_or_else(|| "at most 64 MiB are read".to_owned())?;
        Ok::<_, String>(piece)
    });
    let limit = app.config.transfer_timeout;
    let summary = timeout(limit, import.run(format, pieces))
        .await
        .map_err(|_| Problem::unavailable("the import took too long; send it again to go on"))??;
    if summary.created + summary.skipped == 0
        && let Some(first) = summary.stopped.as_ref().or(summary.failures.first())
    {
        let Failure { line, detail } = first;
        return Err(Problem::unprocessable(format!(
            "nothing could be imported; line {line}: {detail}"
        )));
    }
    tracing::info!(
        created = summary.created,
        skipped = summary.skipped,
        failed = summary.failed,
        "imported"
    );
    Ok(Json(summary).into_response())
}

/// Export links
///
/// All links in the order of their slugs, in a form that can be imported.
#[utoipa::path(
    get,
    path = "/api/export",
    tag = "transfer",
    operation_id = "exportLinks",
    params(ExportQuery),
    responses(
        (status = 200, description = "The links.", content((String = "text/csv"), (String = "application/x-ndjson"))),
        (status = 400, description = "A parameter is not valid.", body = Problem, content_type = "application/problem+json"),
        (status = "default", description = "Something else.", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("key" = [])),
)]
pub(super) async fn export(
    State(app): State<App>,
    query: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let (format, name) = match query.format {
        FormatName::Csv => (Format::Csv, "links.csv"),
        FormatName::Jsonl => (Format::JsonLines, "links.jsonl"),
    };
    let slot = slot(&app)?;
    let mut export = Export::new(app.store.clone(), format);
    // The first part is read before anything is answered, so that a database that is away is told as such.
    let first = export.next().await?;
    let state = Sending {
        export,
        first: first.map(Bytes::from),
        deadline: Instant::now() + app.config.transfer_timeout,
        _slot: slot,
    };
    let stream = futures_util::stream::unfold(Some(state), Sending::next);
    let mut response = Body::from_stream(stream).into_response();
    let fixed = [
        (header::CONTENT_TYPE, format.media_type().to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    for (name, value) in fixed {
        let value = HeaderValue::try_from(value).expect("it is printable");
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// An export on its way. Dropped with the connection, it frees its slot.
struct Sending {
    export: Export,
    first: Option<Bytes>,
    deadline: Instant,
    _slot: OwnedSemaphorePermit,
}

impl Sending {
    /// A file that cannot be finished breaks off: it must not look whole.
    async fn next(state: Option<Self>) -> Option<(Result<Bytes, String>, Option<Self>)> {
        let mut state = state?;
        if let Some(first) = state.first.take() {
            return Some((Ok(first), Some(state)));
        }
        let error = match timeout_at(state.deadline, state.export.next()).await {
            Ok(Ok(part)) => return part.map(|part| (Ok(Bytes::from(part)), Some(state))),
            Ok(Err(error)) => Chain(&error).to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        tracing::warn!(error, "an export broke off");
        Some((Err(error), None))
    }
}

fn slot(app: &App) -> Result<OwnedSemaphorePermit, Problem> {
    std::sync::Arc::clone(&app.transfers)
        .try_acquire_owned()
        .map_err(|_| Problem::unavailable("too many imports and exports at once; try again"))
}
