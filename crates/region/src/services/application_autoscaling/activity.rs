//! Scaling activities: what was done to a target, why, and what came of it.
//!
//! Their texts are AWS's:
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scaling-activities.html>.

use jiff::{SignedDuration, Timestamp};
use wire::Error;
use wire::application_autoscaling as api;

use super::state::{Activity, ActivityStatus, NotScaled};
use super::target::{filters, page};
use crate::{Context, Region};

/// Activities can be looked up for six weeks.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(6 * 7 * 24);

/// Adds an activity that begins now.
pub(super) fn add(region: &mut Region, context: &Context, activity: Activity) {
    let activities = &mut region.application_autoscaling.activities;
    let mut number = u64::try_from(context.now.as_microsecond()).unwrap_or_default();
    let newest = activities
        .range((activity.resource_id.clone(), 0)..=(activity.resource_id.clone(), u64::MAX))
        .next_back()
        .map(|((_, number), _)| *number);
    if let Some(newest) = newest {
        number = number.max(newest.saturating_add(1));
    }
    activities.insert((activity.resource_id.clone(), number), activity);
}

/// The newest activity of a resource.
pub(super) fn newest<'a>(region: &'a Region, resource_id: &str) -> Option<&'a Activity> {
    region
        .application_autoscaling
        .activities
        .range((resource_id.to_owned(), 0)..=(resource_id.to_owned(), u64::MAX))
        .next_back()
        .map(|(_, activity)| activity)
}

/// Notes that an alarm asked for scaling and got none. The same reason is noted once in a row.
pub(super) fn add_not_scaled(
    region: &mut Region,
    context: &Context,
    resource_id: &str,
    cause: String,
    not_scaled: NotScaled,
) {
    let same = newest(region, resource_id)
        .is_some_and(|last| last.cause == cause && last.not_scaled.as_ref() == Some(&not_scaled));
    if same {
        return;
    }
    let activity = Activity {
        id: context.uuid(),
        resource_id: resource_id.to_owned(),
        started_at: context.now,
        ended_at: Some(context.now),
        description: "Attempting to scale due to alarm triggered".to_owned(),
        cause,
        status: ActivityStatus::Failed,
        message: None,
        not_scaled: Some(not_scaled),
        desired: None,
    };
    add(region, context, activity);
}

pub(super) fn describe_scaling_activities(
    region: &Region,
    _: &Context,
    input: api::DescribeScalingActivitiesRequest,
) -> Result<api::DescribeScalingActivitiesResponse, Error> {
    let ours = filters(
        input.service_namespace,
        input.scalable_dimension,
        input.resource_id.is_some(),
    )?;
    let all = input.include_not_scaled_activities == Some(true);
    let mut found: Vec<(u64, &Activity)> = region
        .application_autoscaling
        .activities
        .iter()
        .filter(|(_, one)| ours && (all || one.not_scaled.is_none()))
        .filter(|(_, one)| {
            input
                .resource_id
                .as_ref()
                .is_none_or(|id| *id == one.resource_id)
        })
        // The newest first, over all targets.
        .map(|((_, number), one)| (u64::MAX - number, one))
        .collect();
    let key = |one: &(u64, &Activity)| format!("{:020} {}", one.0, one.1.resource_id);
    found.sort_by_key(key);
    let page = page(
        found,
        key,
        input.next_token.as_deref(),
        input.max_results,
        50,
    )?;
    Ok(api::DescribeScalingActivitiesResponse {
        next_token: page.next,
        scaling_activities: Some(page.items.into_iter().map(|(_, one)| shown(one)).collect()),
    })
}

fn shown(activity: &Activity) -> api::ScalingActivity {
    let count = |one: Option<u32>| one.map(i64::from);
    api::ScalingActivity {
        activity_id: Some(activity.id.clone()),
        cause: Some(activity.cause.clone()),
        description: Some(activity.description.clone()),
        details: None,
        end_time: activity.ended_at,
        not_scaled_reasons: activity.not_scaled.as_ref().map(|one| {
            vec![api::NotScaledReason {
                code: Some(one.code.clone()),
                current_capacity: count(one.current),
                max_capacity: count(one.max),
                min_capacity: count(one.min),
            }]
        }),
        resource_id: Some(activity.resource_id.clone()),
        scalable_dimension: Some(api::ScalableDimension::EcsServiceDesiredCount),
        service_namespace: Some(api::ServiceNamespace::Ecs),
        start_time: Some(activity.started_at),
        status_code: Some(match activity.status {
            ActivityStatus::InProgress => api::ScalingActivityStatusCode::InProgress,
            ActivityStatus::Successful => api::ScalingActivityStatusCode::Successful,
            ActivityStatus::Overridden => api::ScalingActivityStatusCode::Overridden,
            ActivityStatus::Unfulfilled => api::ScalingActivityStatusCode::Unfulfilled,
            ActivityStatus::Failed => api::ScalingActivityStatusCode::Failed,
        }),
        status_message: activity.message.clone(),
    }
}

/// When an activity is forgotten.
pub(super) fn expires(activity: &Activity) -> Option<Timestamp> {
    activity.started_at.checked_add(KEPT).ok()
}
