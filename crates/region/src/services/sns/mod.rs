//! SNS: topics, subscriptions, and messages on their way to mailboxes and web servers.
//!
//! A publish becomes one row per subscriber. Whoever drives the region takes what is due
//! ([`delivery::due`]), sends it, and says how it went ([`delivery::report`]); a row goes only
//! when its message arrived or was given up, so nothing that was accepted is lost.

mod alarm_mail;
mod arn;
mod attribute;
pub mod delivery;
pub mod document;
mod error;
mod filter;
mod mail;
mod message;
mod permission;
pub mod publish;
mod retry;
mod state;
mod subscription;
mod subscription_attribute;
mod tags;
#[cfg(test)]
mod tests;
mod topic;

pub use state::State;

use crate::Service;

crate::operations! { wire::sns::op;
    write AddPermission => permission::add_permission,
    write ConfirmSubscription => subscription::confirm_subscription,
    write CreateTopic => topic::create_topic,
    write DeleteTopic => topic::delete_topic,
    read GetSubscriptionAttributes => subscription_attribute::get_subscription_attributes,
    read GetTopicAttributes => attribute::get_topic_attributes,
    read ListSubscriptions => subscription::list_subscriptions,
    read ListSubscriptionsByTopic => subscription::list_subscriptions_by_topic,
    read ListTagsForResource => tags::list_tags_for_resource,
    read ListTopics => topic::list_topics,
    write Publish => publish::publish_message,
    write PublishBatch => publish::publish_batch,
    write RemovePermission => permission::remove_permission,
    write SetSubscriptionAttributes => subscription_attribute::set_subscription_attributes,
    write SetTopicAttributes => attribute::set_topic_attributes,
    write Subscribe => subscription::subscribe,
    write TagResource => tags::tag_resource,
    write Unsubscribe => subscription::unsubscribe,
    write UntagResource => tags::untag_resource,
}

pub(crate) const SERVICE: Service = Service {
    reconcile: subscription::reconcile,
    deadline: subscription::deadline,
    ..Service::new("sns", handler)
};
