//! The mails that subscribers get, as SNS writes them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::state::{Delivery, Kind, Message, Protocol};
use crate::Region;

/// What is safe in a link that people read.
pub(super) const IN_LINKS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'@')
    .remove(b':')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_');

const NO_REPLY: &str = "Please do not reply directly to this email. If you have any questions or comments regarding this email, please contact us at https://aws.amazon.com/support";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) subject: String,
    pub(super) text: String,
}

/// Where links lead: this region, as its machine reaches it.
pub(super) fn base_url(region: &Region) -> String {
    let endpoint = &region.settings.endpoint;
    match endpoint.strip_prefix("0.0.0.0:") {
        Some(port) => format!("http://127.0.0.1:{port}"),
        None => format!("http://{endpoint}"),
    }
}

pub(super) fn letter(region: &Region, row: &Delivery, message: &Message) -> Letter {
    let base = base_url(region);
    let endpoint = utf8_percent_encode(&row.endpoint, IN_LINKS);
    let topic = &message.topic_arn;
    let confirm = |token: &str| {
        format!("{base}/confirmation.html?TopicArn={topic}&Token={token}&Endpoint={endpoint}")
    };
    match &row.kind {
        Kind::SubscriptionConfirmation { token } => Letter {
            subject: "AWS Notification - Subscription Confirmation".to_owned(),
            text: format!(
                "You have chosen to subscribe to the topic:\n{topic}\n\n\
                 To confirm this subscription, click or visit the link below (If this was in error no action is necessary):\n{}\n\n\
                 {NO_REPLY}\n",
                confirm(token)
            ),
        },
        Kind::UnsubscribeConfirmation { token } => Letter {
            subject: "AWS Notification - Unsubscribe Confirmation".to_owned(),
            text: format!(
                "Your subscription to the topic below has been deactivated:\n{topic}\n\n\
                 If this was in error or you wish to resubscribe, click or visit the link below:\n{}\n\n\
                 {NO_REPLY}\n",
                confirm(token)
            ),
        },
        Kind::Notification => Letter {
            subject: message
                .subject
                .clone()
                .unwrap_or_else(|| "AWS Notification Message".to_owned()),
            text: format!(
                "{}\n\n--\n\
                 If you wish to stop receiving notifications from this topic, please click or visit the link below to unsubscribe:\n\
                 {base}/unsubscribe.html?SubscriptionArn={}&Endpoint={endpoint}\n\n\
                 {NO_REPLY}\n",
                message.body(Protocol::Email),
                row.subscription_arn
            ),
        },
    }
}
