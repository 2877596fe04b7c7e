//! Application Auto Scaling for ECS services: scalable targets, their policies and scheduled
//! actions, and what was done because of them.
//!
//! What to do is decided in pure functions ([`decide`], [`schedule`]); [`scale`] does it by ECS's
//! public functions and writes the activity down.

mod activity;
mod closed;
mod cron;
mod decide;
mod error;
pub mod policy;
mod reconcile;
mod resource;
mod scale;
mod schedule;
mod scheduled_action;
mod state;
mod tags;
mod target;
#[cfg(test)]
mod tests;

pub use closed::{Closed, closed};
pub use policy::Breach;
pub use state::State;

use crate::Service;

crate::operations! { wire::application_autoscaling::op;
    write RegisterScalableTarget => target::register_scalable_target,
    read DescribeScalableTargets => target::describe_scalable_targets,
    write DeregisterScalableTarget => target::deregister_scalable_target,
    write PutScalingPolicy => policy::put_scaling_policy,
    read DescribeScalingPolicies => policy::describe_scaling_policies,
    write DeleteScalingPolicy => policy::delete_scaling_policy,
    write PutScheduledAction => scheduled_action::put_scheduled_action,
    read DescribeScheduledActions => scheduled_action::describe_scheduled_actions,
    write DeleteScheduledAction => scheduled_action::delete_scheduled_action,
    read DescribeScalingActivities => activity::describe_scaling_activities,
    write TagResource => tags::tag_resource,
    write UntagResource => tags::untag_resource,
    read ListTagsForResource => tags::list_tags_for_resource,
}

pub(crate) const SERVICE: Service = Service {
    reconcile: reconcile::reconcile,
    deadline: reconcile::deadline,
    ..Service::new("application_autoscaling", handler)
};
