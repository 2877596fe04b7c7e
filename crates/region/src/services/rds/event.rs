//! What happened to databases, kept for two weeks.

use jiff::{SignedDuration, Timestamp};
use wire::Error;
use wire::rds as api;

use super::common::piece;
use super::error::{invalid_combination, invalid_value};
use super::state::{Event, Instance};
use crate::{Context, Region};

const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Takes note of something.
pub(super) fn tell(
    region: &mut Region,
    context: &Context,
    source_type: api::SourceType,
    source: &str,
    arn: &str,
    category: &str,
    message: &str,
) {
    // By moment, then in the order of telling.
    let moment = format!("{:020}", context.now.as_millisecond());
    let from = (moment.clone(), 0);
    let same = region
        .rds
        .events
        .range(from..)
        .take_while(|((at, _), _)| *at == moment)
        .count();
    let event = Event {
        at: context.now,
        source: source.to_owned(),
        source_type,
        arn: arn.to_owned(),
        categories: vec![category.to_owned()],
        message: message.to_owned(),
    };
    region.rds.events.insert((moment, same as u64), event);
}

pub(super) fn of_instance(
    region: &mut Region,
    context: &Context,
    instance: &Instance,
    category: &str,
    message: &str,
) {
    tell(
        region,
        context,
        api::SourceType::DbInstance,
        &instance.name,
        &instance.arn,
        category,
        message,
    );
}

pub(super) fn describe_events(
    region: &Region,
    context: &Context,
    input: api::DescribeEventsMessage,
) -> Result<api::EventsMessage, Error> {
    if input.source_identifier.is_some() && input.source_type.is_none() {
        return Err(invalid_combination(
            "SourceType must be provided when SourceIdentifier is.",
        ));
    }
    let minutes = input.duration.unwrap_or(60);
    if !(1..=20_160).contains(&minutes) {
        return Err(invalid_value(
            "Duration must be between 1 and 20160 minutes.",
        ));
    }
    let from = input
        .start_time
        .unwrap_or(context.now - SignedDuration::from_mins(minutes));
    let to = input.end_time.unwrap_or(Timestamp::MAX);
    let events = region.rds.events.iter().filter(|(_, event)| {
        event.at >= from
            && event.at <= to
            && input
                .source_type
                .is_none_or(|kind| kind == event.source_type)
            && input
                .source_identifier
                .as_ref()
                .is_none_or(|source| *source == event.source)
            && input
                .event_categories
                .as_ref()
                .is_none_or(|wanted| event.categories.iter().any(|one| wanted.contains(one)))
    });
    let piece = piece(
        events,
        |((at, number), _)| format!("{at}{number:020}"),
        input.marker.as_deref(),
        input.max_records,
    )?;
    let shown = |event: &Event| api::Event {
        date: Some(event.at),
        event_categories: Some(event.categories.clone()),
        message: Some(event.message.clone()),
        source_arn: Some(event.arn.clone()),
        source_identifier: Some(event.source.clone()),
        source_type: Some(event.source_type),
    };
    Ok(api::EventsMessage {
        events: Some(
            piece
                .items
                .into_iter()
                .map(|(_, event)| shown(event))
                .collect(),
        ),
        marker: piece.next,
    })
}

/// Forgets what is too old to be asked for.
pub(super) fn reconcile(region: &mut Region, context: &Context) {
    if deadline(region).is_some_and(|at| at <= context.now) {
        let now = context.now;
        region.rds.events.retain(|_, event| event.at + KEPT > now);
    }
}

pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    region
        .rds
        .events
        .values()
        .next()
        .map(|event| event.at + KEPT)
}
