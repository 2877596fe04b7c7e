//! Log events, written and read: the rules are the region's, the events are on disk.

use engine::LogEvent;
use jiff::{SignedDuration, Timestamp};
use region::Caller;
use region::services::logs::{group, no_group, no_stream, stream};
use wire::logs as api;
use wire::{Error, Operation, Shape, Value};

use crate::server::Gateway;

/// What one call may carry at most. (botocore `PutLogEvents`)
const MOST_EVENTS: usize = 10_000;
const MOST_BYTES: usize = 1_048_576;
/// What AWS counts for each event beside its message.
const EVENT_BYTES: usize = 26;
/// The most events one answer gives.
const MOST_ANSWERED: usize = 10_000;

/// Whether an operation is answered here rather than by the region's table.
pub(crate) fn answers(service: &str, operation: &str) -> bool {
    service == "logs"
        && matches!(
            operation,
            "PutLogEvents" | "GetLogEvents" | "FilterLogEvents"
        )
}

impl Gateway {
    /// Answers one of the operations on events. It waits for the disk.
    pub(crate) fn log_call(&self, operation: &str, input: Value) -> Result<Value, Error> {
        match operation {
            "PutLogEvents" => {
                typed::<api::op::PutLogEvents>(input, |input| self.put_log_events(input))
            }
            "GetLogEvents" => {
                typed::<api::op::GetLogEvents>(input, |input| self.get_log_events(input))
            }
            _ => typed::<api::op::FilterLogEvents>(input, |input| self.filter_log_events(input)),
        }
    }

    fn put_log_events(
        &self,
        input: api::PutLogEventsRequest,
    ) -> Result<api::PutLogEventsResponse, Error> {
        let now = self.engine().clock().now();
        let bytes: usize = input
            .log_events
            .iter()
            .map(|one| one.message.len() + EVENT_BYTES)
            .sum();
        if input.log_events.is_empty() || input.log_events.len() > MOST_EVENTS || bytes > MOST_BYTES
        {
            return Err(api::error::invalid_parameter_exception(format!(
                "Log events must be one to {MOST_EVENTS} and {MOST_BYTES} bytes at most."
            )));
        }
        let times: Result<Vec<Timestamp>, _> = input
            .log_events
            .iter()
            .map(|one| Timestamp::from_millisecond(one.timestamp))
            .collect();
        let times = times.map_err(|_| {
            api::error::invalid_parameter_exception("A log event's timestamp is out of range.")
        })?;
        if times.windows(2).any(|pair| pair[0] > pair[1]) {
            return Err(api::error::invalid_parameter_exception(
                "Log events in a single PutLogEvents request must be in chronological order.",
            ));
        }
        // Events too old or too new are left out and told, the rest is kept.
        let oldest = now
            .checked_sub(SignedDuration::from_hours(14 * 24))
            .unwrap_or(Timestamp::MIN);
        let newest = now
            .checked_add(SignedDuration::from_hours(2))
            .unwrap_or(Timestamp::MAX);
        let events: Vec<LogEvent> = input
            .log_events
            .into_iter()
            .zip(&times)
            .filter(|(_, at)| (oldest..=newest).contains(*at))
            .map(|(one, at)| LogEvent {
                timestamp: *at,
                ingested_at: now,
                message: one.message,
            })
            .collect();
        let too_old = times.iter().filter(|at| **at < oldest).count();
        let too_new = times.iter().position(|at| *at > newest);
        if let (Some(first), Some(last)) = (events.first(), events.last()) {
            let addition = stream::Addition {
                first: first.timestamp,
                last: last.timestamp,
                bytes: bytes as u64,
            };
            let (group, stream) = (input.log_group_name.clone(), input.log_stream_name.clone());
            self.engine().write(Caller::Root, move |region, context| {
                stream::touch(region, context, &group, &stream, addition, false)
            })?;
            self.engine()
                .put_log_events(&input.log_group_name, &input.log_stream_name, &events)
                .map_err(|error| Error::internal(error.to_string()))?;
        } else {
            self.check_stream(&input.log_group_name, &input.log_stream_name)?;
        }
        let rejected = (too_old > 0 || too_new.is_some()).then(|| api::RejectedLogEventsInfo {
            too_old_log_event_end_index: (too_old > 0)
                .then(|| i64::try_from(too_old).unwrap_or(i64::MAX)),
            too_new_log_event_start_index: too_new.and_then(|index| i64::try_from(index).ok()),
            ..Default::default()
        });
        Ok(api::PutLogEventsResponse {
            // Sequence tokens are always accepted and never needed; clients of old still read one.
            next_sequence_token: Some(
                "49668987249607477284716193850486567889345923420930801666".to_owned(),
            ),
            rejected_log_events_info: rejected,
            ..Default::default()
        })
    }

    fn get_log_events(
        &self,
        input: api::GetLogEventsRequest,
    ) -> Result<api::GetLogEventsResponse, Error> {
        let name = group_of(
            input.log_group_name.as_deref(),
            input.log_group_identifier.as_deref(),
        )?;
        self.check_stream(&name, &input.log_stream_name)?;
        let most = limit(input.limit)?;
        let all = self.events(&name, &input.log_stream_name)?;
        let within: Vec<(u64, LogEvent)> = all
            .into_iter()
            .filter(|(_, event)| {
                in_range(event, input.start_time, input.end_time.map(|end| end - 1))
            })
            .collect();
        let token = input.next_token.as_deref().map(token_of).transpose()?;
        let page: Vec<(u64, LogEvent)> = match token {
            Some(('f', number)) => within
                .into_iter()
                .filter(|(at, _)| *at >= number)
                .take(most)
                .collect(),
            Some((_, number)) => last(
                within.into_iter().filter(|(at, _)| *at < number).collect(),
                most,
            ),
            None if input.start_from_head == Some(true) => within.into_iter().take(most).collect(),
            None => last(within, most),
        };
        let first = page.first().map(|(at, _)| *at);
        let end = page.last().map(|(at, _)| at + 1);
        // An empty page gives the same tokens back: that is how clients know the end.
        let asked = token.map_or(0, |(_, number)| number);
        Ok(api::GetLogEventsResponse {
            next_forward_token: Some(format!("f/{:056}", end.unwrap_or(asked))),
            next_backward_token: Some(format!("b/{:056}", first.unwrap_or(asked))),
            events: Some(
                page.into_iter()
                    .map(|(_, event)| api::OutputLogEvent {
                        ingestion_time: Some(event.ingested_at.as_millisecond()),
                        message: Some(event.message),
                        timestamp: Some(event.timestamp.as_millisecond()),
                    })
                    .collect(),
            ),
        })
    }

    fn filter_log_events(
        &self,
        input: api::FilterLogEventsRequest,
    ) -> Result<api::FilterLogEventsResponse, Error> {
        let name = group_of(
            input.log_group_name.as_deref(),
            input.log_group_identifier.as_deref(),
        )?;
        let terms = filter_terms(input.filter_pattern.as_deref().unwrap_or_default())?;
        let most = limit(input.limit)?;
        let streams: Vec<String> = self.engine().read(|region, _| {
            if !group::exists(region, &name) {
                return Err(no_group());
            }
            Ok(region
                .logs
                .streams
                .iter()
                .filter(|((group, _), _)| *group == name)
                .map(|(_, row)| row.name.clone())
                .filter(|stream| {
                    input
                        .log_stream_names
                        .as_ref()
                        .is_none_or(|names| names.contains(stream))
                })
                .filter(|stream| {
                    input
                        .log_stream_name_prefix
                        .as_ref()
                        .is_none_or(|prefix| stream.starts_with(prefix))
                })
                .collect())
        })?;
        let mut found: Vec<(i64, String, u64, LogEvent)> = Vec::new();
        for stream in streams {
            for (number, event) in self.events(&name, &stream)? {
                if in_range(&event, input.start_time, input.end_time)
                    && terms.iter().all(|term| event.message.contains(term))
                {
                    found.push((
                        event.timestamp.as_millisecond(),
                        stream.clone(),
                        number,
                        event,
                    ));
                }
            }
        }
        found.sort_by(|one, other| (one.0, &one.1, one.2).cmp(&(other.0, &other.1, other.2)));
        let from: usize = match input.next_token.as_deref() {
            None => 0,
            Some(token) => token.parse().map_err(|_| {
                api::error::invalid_parameter_exception("The specified nextToken is invalid.")
            })?,
        };
        let next = (found.len() > from + most).then(|| (from + most).to_string());
        Ok(api::FilterLogEventsResponse {
            events: Some(
                found
                    .into_iter()
                    .skip(from)
                    .take(most)
                    .map(|(at, stream, number, event)| api::FilteredLogEvent {
                        event_id: Some(format!("{at:020}{number:036}")),
                        ingestion_time: Some(event.ingested_at.as_millisecond()),
                        log_stream_name: Some(stream),
                        message: Some(event.message),
                        timestamp: Some(at),
                    })
                    .collect(),
            ),
            next_token: next,
            searched_log_streams: Some(Vec::new()),
        })
    }

    fn check_stream(&self, group_name: &str, stream_name: &str) -> Result<(), Error> {
        self.engine().read(|region, _| {
            if !group::exists(region, group_name) {
                Err(no_group())
            } else if stream::exists(region, group_name, stream_name) {
                Ok(())
            } else {
                Err(no_stream())
            }
        })
    }

    fn events(&self, group: &str, stream: &str) -> Result<Vec<(u64, LogEvent)>, Error> {
        let mut events = self
            .engine()
            .log_events(group, stream, 0, usize::MAX)
            .map_err(|error| Error::internal(error.to_string()))?;
        events.sort_by_key(|(number, event)| (event.timestamp, *number));
        Ok(events)
    }
}

fn typed<O: Operation>(
    input: Value,
    answer: impl FnOnce(O::Input) -> Result<O::Output, Error>,
) -> Result<Value, Error> {
    answer(O::Input::from_value(input)?).map(Shape::into_value)
}

fn group_of(name: Option<&str>, identifier: Option<&str>) -> Result<String, Error> {
    name.or(identifier)
        .map(|given| group::name_of(given).to_owned())
        .ok_or_else(|| {
            api::error::invalid_parameter_exception(
                "Either logGroupName or logGroupIdentifier must be given.",
            )
        })
}

fn limit(given: Option<i64>) -> Result<usize, Error> {
    match given {
        None => Ok(MOST_ANSWERED),
        Some(given) => usize::try_from(given)
            .ok()
            .filter(|most| (1..=MOST_ANSWERED).contains(most))
            .ok_or_else(|| {
                api::error::invalid_parameter_exception(format!(
                    "limit must be between 1 and {MOST_ANSWERED}."
                ))
            }),
    }
}

/// Both ends belong to the range; times are milliseconds.
fn in_range(event: &LogEvent, start: Option<i64>, end: Option<i64>) -> bool {
    let at = event.timestamp.as_millisecond();
    start.is_none_or(|start| at >= start) && end.is_none_or(|end| at <= end)
}

fn last<T>(mut all: Vec<T>, most: usize) -> Vec<T> {
    let skip = all.len().saturating_sub(most);
    all.drain(..skip);
    all
}

fn token_of(token: &str) -> Result<(char, u64), Error> {
    let invalid = || api::error::invalid_parameter_exception("The specified nextToken is invalid.");
    let (way, number) = token.split_once('/').ok_or_else(invalid)?;
    let way = match way {
        "f" => 'f',
        "b" => 'b',
        _ => return Err(invalid()),
    };
    Ok((way, number.parse().map_err(|_| invalid())?))
}

/// Terms that all have to be there; anything else of the filter language is refused by name.
fn filter_terms(pattern: &str) -> Result<Vec<String>, Error> {
    let pattern = pattern.trim();
    if pattern.starts_with(['{', '[', '%']) || pattern.contains('?') {
        return Err(Error::new(
            "NotImplemented",
            501,
            "Terrella filters log events by plain terms only, not by JSON, column, regular expression or optional terms.",
        ));
    }
    let mut terms = Vec::new();
    let mut rest = pattern;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (term, after) = quoted.split_once('"').ok_or_else(|| {
                api::error::invalid_parameter_exception(
                    "Invalid filter pattern: a quote is not closed.",
                )
            })?;
            terms.push(term.to_owned());
            rest = after.trim_start();
        } else {
            let (term, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            terms.push(term.to_owned());
            rest = after.trim_start();
        }
    }
    Ok(terms)
}

#[cfg(test)]
mod tests {
    use super::{filter_terms, last, token_of};

    #[test]
    fn patterns_of_plain_terms() {
        assert_eq!(filter_terms("").expect("nothing"), Vec::<String>::new());
        assert_eq!(
            filter_terms("ERROR \"not found\" x").expect("terms"),
            ["ERROR", "not found", "x"]
        );
        assert_eq!(
            filter_terms("{ $.a = 1 }").expect_err("absent").code,
            "NotImplemented"
        );
        assert!(filter_terms("\"open").is_err());
    }

    #[test]
    fn tokens_and_last() {
        assert_eq!(token_of("f/0007").expect("a token"), ('f', 7));
        assert!(token_of("x/1").is_err() && token_of("f/x").is_err() && token_of("").is_err());
        assert_eq!(last(vec![1, 2, 3], 2), [2, 3]);
        assert_eq!(last(vec![1], 2), [1]);
    }
}
