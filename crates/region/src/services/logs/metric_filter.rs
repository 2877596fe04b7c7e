//! Metric filters, as records: what they would count is not counted yet.

use wire::logs as api;
use wire::{Error, Unit};

use super::common::{milliseconds, piece};
use super::error::{invalid_parameter, limit_exceeded, not_found};
use super::group;
use super::state::{MetricFilter, Transformation};
use crate::{Context, Region};

const MOST_OF_A_GROUP: usize = 100;
const MOST_DIMENSIONS: usize = 3;

/// One with the same name is replaced.
pub(super) fn put_metric_filter(
    region: &mut Region,
    context: &Context,
    input: api::PutMetricFilterRequest,
) -> Result<Unit, Error> {
    let group = input.log_group_name;
    group::get(region, &group)?;
    let name = input.filter_name;
    if name.is_empty() || name.len() > 512 || name.contains([':', '*']) {
        return Err(invalid_parameter(format!(
            "1 validation error detected: Value '{name}' at 'filterName' failed to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*"
        )));
    }
    if input.metric_transformations.len() != 1 {
        return Err(invalid_parameter(
            "A metric filter must have exactly one metric transformation.",
        ));
    }
    let mut transformations = Vec::new();
    for one in input.metric_transformations {
        let dimensions = one.dimensions.unwrap_or_default();
        if dimensions.len() > MOST_DIMENSIONS {
            return Err(invalid_parameter(format!(
                "A metric transformation can have at most {MOST_DIMENSIONS} dimensions."
            )));
        }
        if one.default_value.is_some() && !dimensions.is_empty() {
            return Err(invalid_parameter(
                "Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
            ));
        }
        if one.metric_namespace.starts_with("AWS/") {
            return Err(invalid_parameter("The namespace must not begin with AWS/."));
        }
        transformations.push(Transformation {
            metric: one.metric_name,
            namespace: one.metric_namespace,
            value: one.metric_value,
            default: one.default_value,
            unit: one.unit.unwrap_or(api::StandardUnit::None),
            dimensions,
        });
    }
    let key = (group, name.clone());
    let old = region.logs.metric_filters.get(&key);
    if old.is_none() && of_group(region, &key.0).count() >= MOST_OF_A_GROUP {
        return Err(limit_exceeded("Resource limit exceeded."));
    }
    let filter = MetricFilter {
        name,
        pattern: input.filter_pattern,
        created_at: old.map_or(context.now, |old| old.created_at),
        transformations,
    };
    region.logs.metric_filters.insert(key, filter);
    Ok(Unit {})
}

fn of_group<'a>(
    region: &'a Region,
    group: &'a str,
) -> impl Iterator<Item = (&'a (String, String), &'a MetricFilter)> {
    let from = (group.to_owned(), String::new());
    region
        .logs
        .metric_filters
        .range(from..)
        .take_while(move |(key, _)| key.0 == group)
}

pub(super) fn describe_metric_filters(
    region: &Region,
    _: &Context,
    input: api::DescribeMetricFiltersRequest,
) -> Result<api::DescribeMetricFiltersResponse, Error> {
    if let Some(group) = &input.log_group_name {
        group::get(region, group)?;
    }
    if input.metric_name.is_some() != input.metric_namespace.is_some() {
        return Err(invalid_parameter(
            "metricName and metricNamespace must both be specified, or neither.",
        ));
    }
    let prefix = input.filter_name_prefix.unwrap_or_default();
    let filters = region
        .logs
        .metric_filters
        .iter()
        .filter(|((group, name), filter)| {
            input
                .log_group_name
                .as_ref()
                .is_none_or(|wanted| wanted == group)
                && name.starts_with(&prefix)
                && input.metric_name.as_ref().is_none_or(|metric| {
                    filter.transformations.iter().any(|one| {
                        one.metric == *metric
                            && Some(&one.namespace) == input.metric_namespace.as_ref()
                    })
                })
        });
    let piece = piece(
        filters,
        |((group, name), _)| format!("{group}\u{1f}{name}"),
        input.next_token.as_deref(),
        input.limit,
    )?;
    let shown = piece
        .items
        .into_iter()
        .map(|((group, _), filter)| shown(group, filter));
    Ok(api::DescribeMetricFiltersResponse {
        metric_filters: Some(shown.collect()),
        next_token: piece.next,
    })
}

fn shown(group: &str, filter: &MetricFilter) -> api::MetricFilter {
    let transformation = |one: &Transformation| api::MetricTransformation {
        default_value: one.default,
        dimensions: Some(one.dimensions.clone()).filter(|all| !all.is_empty()),
        metric_name: one.metric.clone(),
        metric_namespace: one.namespace.clone(),
        metric_value: one.value.clone(),
        unit: Some(one.unit),
    };
    api::MetricFilter {
        creation_time: Some(milliseconds(filter.created_at)),
        filter_name: Some(filter.name.clone()),
        filter_pattern: Some(filter.pattern.clone()),
        log_group_name: Some(group.to_owned()),
        metric_transformations: Some(filter.transformations.iter().map(transformation).collect()),
        ..api::MetricFilter::default()
    }
}

pub(super) fn delete_metric_filter(
    region: &mut Region,
    _: &Context,
    input: api::DeleteMetricFilterRequest,
) -> Result<Unit, Error> {
    group::get(region, &input.log_group_name)?;
    match region
        .logs
        .metric_filters
        .remove(&(input.log_group_name, input.filter_name))
    {
        Some(_) => Ok(Unit {}),
        None => Err(not_found("The specified metric filter does not exist.")),
    }
}
