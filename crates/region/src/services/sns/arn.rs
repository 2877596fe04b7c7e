//! ARNs of topics and subscriptions, with the answers AWS has for those that are none.

use wire::Error;

use super::error::{invalid, no_subscription, no_topic};
use super::state::{Standing, Subscription, Topic};
use crate::Region;

fn checked(region: &Region, arn: &str, parameter: &str) -> Result<(), Error> {
    let elements = arn.split(':').count();
    if elements < 6 {
        return Err(invalid(format!(
            "{parameter} Reason: An ARN must have at least 6 elements, not {elements}"
        )));
    }
    if !arn.starts_with(&region.settings.arn("sns", "")) {
        return Err(invalid(parameter));
    }
    Ok(())
}

pub(super) fn topic_name(region: &Region, arn: &str) -> Result<String, Error> {
    checked(region, arn, "TopicArn")?;
    match arn.split(':').nth(5) {
        Some(name) if arn.split(':').count() == 6 => Ok(name.to_owned()),
        _ => Err(invalid("TopicArn")),
    }
}

pub(super) fn topic<'a>(region: &'a Region, arn: &str) -> Result<&'a Topic, Error> {
    let name = topic_name(region, arn)?;
    region.sns.topics.get(&name).ok_or_else(no_topic)
}

pub(super) fn topic_mut<'a>(region: &'a mut Region, arn: &str) -> Result<&'a mut Topic, Error> {
    let name = topic_name(region, arn)?;
    region.sns.topics.get_mut(&name).ok_or_else(no_topic)
}

/// Whether the text can be a subscription's ARN at all.
pub(super) fn check_subscription(region: &Region, arn: &str) -> Result<(), Error> {
    if arn.is_empty() {
        return Err(invalid(
            "SubscriptionArn Reason: no value for required parameter",
        ));
    }
    checked(region, arn, "SubscriptionArn")?;
    let id = arn.split(':').nth(6).unwrap_or_default();
    if id.len() != 36 || id.split('-').count() != 5 {
        return Err(invalid("SubscriptionId"));
    }
    Ok(())
}

/// A subscription that callers can see.
pub(super) fn subscription<'a>(region: &'a Region, arn: &str) -> Result<&'a Subscription, Error> {
    check_subscription(region, arn)?;
    region
        .sns
        .subscriptions
        .get(arn)
        .filter(|one| !matches!(one.standing, Standing::Deleted { .. }))
        .ok_or_else(no_subscription)
}
