//! Log streams: that they are there, and what of their events is known.

use jiff::Timestamp;
use wire::logs as api;
use wire::{Error, Unit};

use super::common::{milliseconds, piece};
use super::error::{already_exists, invalid_parameter, no_stream};
use super::group;
use super::state::Stream;
use crate::table::{Change, Key};
use crate::{Context, Region};

/// What an addition to a stream amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addition {
    pub first: Timestamp,
    pub last: Timestamp,
    /// As AWS counts: the messages' bytes and 26 for each event.
    pub bytes: u64,
}

/// Whether there is a stream of that name in the group.
pub fn exists(region: &Region, group: &str, stream: &str) -> bool {
    region.logs.streams.contains(&key(group, stream))
}

/// Takes note of events that were added to a stream. `create` makes the stream when it is not
/// there, as the `awslogs` driver does.
///
/// # Errors
/// If the group, or without `create` the stream, is not there.
pub fn touch(
    region: &mut Region,
    context: &Context,
    group: &str,
    stream: &str,
    addition: Addition,
    create: bool,
) -> Result<(), Error> {
    group::get(region, group)?;
    if create && !exists(region, group, stream) {
        insert(region, context, group, stream);
    }
    let row = region
        .logs
        .streams
        .get_mut(&key(group, stream))
        .ok_or_else(no_stream)?;
    row.first_event_at = Some(
        row.first_event_at
            .map_or(addition.first, |at| at.min(addition.first)),
    );
    row.last_event_at = Some(
        row.last_event_at
            .map_or(addition.last, |at| at.max(addition.last)),
    );
    row.last_ingested_at = Some(context.now);
    row.stored_bytes = row.stored_bytes.saturating_add(addition.bytes);
    Ok(())
}

/// The stream whose row a change removes, by group and name.
pub fn removed_by(change: &Change) -> Option<(String, String)> {
    (change.table == "logs.streams" && change.row.is_none())
        .then(|| Key::from_text(&change.key))
        .flatten()
}

/// A stream that holds events which its group does not keep any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outdated {
    pub group: String,
    pub stream: String,
    /// Events from before this moment are not kept.
    pub keeps_from: Timestamp,
}

/// Every stream with events that are to be removed now. AWS removes them within 72 hours.
/// (CloudWatch Logs User Guide, "Working with log groups and log streams")
pub fn outdated(region: &Region, now: Timestamp) -> Vec<Outdated> {
    region
        .logs
        .streams
        .iter()
        .filter_map(|((group, stream), row)| {
            let keeps_from = group::keeps_from(region, group, now)?;
            (row.first_event_at? < keeps_from).then(|| Outdated {
                group: group.clone(),
                stream: stream.clone(),
                keeps_from,
            })
        })
        .collect()
}

/// Takes note of what is left of a stream after old events were removed.
pub fn aged(region: &mut Region, outdated: &Outdated, oldest: Option<Timestamp>, bytes: u64) {
    // It may have been deleted since.
    let key = key(&outdated.group, &outdated.stream);
    if let Some(row) = region.logs.streams.get_mut(&key) {
        row.first_event_at = oldest;
        row.stored_bytes = bytes;
        if oldest.is_none() {
            row.last_event_at = None;
        }
    }
}

fn key(group: &str, stream: &str) -> (String, String) {
    (group.to_owned(), stream.to_owned())
}

fn insert(region: &mut Region, context: &Context, group: &str, stream: &str) {
    let arn = context
        .settings
        .arn("logs", format!("log-group:{group}:log-stream:{stream}"));
    let row = Stream {
        name: stream.to_owned(),
        arn,
        created_at: context.now,
        first_event_at: None,
        last_event_at: None,
        last_ingested_at: None,
        stored_bytes: 0,
    };
    region.logs.streams.insert(key(group, stream), row);
}

pub(super) fn create_log_stream(
    region: &mut Region,
    context: &Context,
    input: api::CreateLogStreamRequest,
) -> Result<Unit, Error> {
    let (group, stream) = (input.log_group_name, input.log_stream_name);
    if stream.is_empty() || stream.len() > 512 || stream.contains([':', '*']) {
        return Err(invalid_parameter(format!(
            "1 validation error detected: Value '{stream}' at 'logStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*"
        )));
    }
    group::get(region, &group)?;
    if exists(region, &group, &stream) {
        return Err(already_exists("The specified log stream already exists"));
    }
    insert(region, context, &group, &stream);
    Ok(Unit {})
}

pub(super) fn delete_log_stream(
    region: &mut Region,
    _: &Context,
    input: api::DeleteLogStreamRequest,
) -> Result<Unit, Error> {
    group::get(region, &input.log_group_name)?;
    let gone = region
        .logs
        .streams
        .remove(&key(&input.log_group_name, &input.log_stream_name));
    gone.map(|_| Unit {}).ok_or_else(no_stream)
}

pub(super) fn describe_log_streams(
    region: &Region,
    _: &Context,
    input: api::DescribeLogStreamsRequest,
) -> Result<api::DescribeLogStreamsResponse, Error> {
    let name = match (input.log_group_name, input.log_group_identifier) {
        (Some(name), None) => name,
        (None, Some(identifier)) => group::name_of(&identifier).to_owned(),
        _ => {
            return Err(invalid_parameter(
                "Exactly one of logGroupName and logGroupIdentifier must be given.",
            ));
        }
    };
    group::get(region, &name)?;
    let prefix = input.log_stream_name_prefix.unwrap_or_default();
    let by_time = input.order_by == Some(api::OrderBy::LastEventTime);
    if by_time && !prefix.is_empty() {
        return Err(invalid_parameter(
            "Cannot order by LastEventTime with a logStreamNamePrefix.",
        ));
    }
    // What orders them is also what the next piece begins after.
    let order = |stream: &Stream| {
        let at = stream
            .last_event_at
            .filter(|_| by_time)
            .map_or(0, milliseconds);
        let at = if input.descending == Some(true) {
            i64::MAX - at
        } else {
            at
        };
        (at, stream.name.clone())
    };
    let mut streams: Vec<&Stream> = (region.logs.streams.range(key(&name, &prefix)..))
        .take_while(|(key, _)| key.0 == name && key.1.starts_with(&prefix))
        .map(|(_, stream)| stream)
        .collect();
    streams.sort_by_key(|stream| order(stream));
    if input.descending == Some(true) && !by_time {
        streams.reverse();
    }
    // Markers ascend, so a name that descends is numbered.
    let numbered = streams.into_iter().enumerate();
    let piece = piece(
        numbered,
        |(at, _)| format!("{at:020}"),
        input.next_token.as_deref(),
        input.limit,
    )?;
    Ok(api::DescribeLogStreamsResponse {
        log_streams: Some(
            piece
                .items
                .into_iter()
                .map(|(_, stream)| shown(stream))
                .collect(),
        ),
        next_token: piece.next,
    })
}

fn shown(stream: &Stream) -> api::LogStream {
    api::LogStream {
        arn: Some(stream.arn.clone()),
        creation_time: Some(milliseconds(stream.created_at)),
        first_event_timestamp: stream.first_event_at.map(milliseconds),
        last_event_timestamp: stream.last_event_at.map(milliseconds),
        last_ingestion_time: stream.last_ingested_at.map(milliseconds),
        log_stream_name: Some(stream.name.clone()),
        // AWS stopped counting by stream in 2019 and says zero.
        stored_bytes: Some(0),
        upload_sequence_token: Some(format!("{:056}", stream.stored_bytes)),
    }
}
