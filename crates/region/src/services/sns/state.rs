//! What SNS remembers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::retry::Retry;
use crate::Tags;

crate::tables! { "sns" {
    /// By name.
    topics: String => Topic,
    /// By ARN, so those of a topic are neighbours.
    subscriptions: String => Subscription,
    /// Messages with deliveries still to make, by id.
    messages: String => Message,
    /// By message and number.
    deliveries: (String, u64) => Delivery,
} }

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    pub name: String,
    pub arn: String,
    pub tags: Tags,
    /// Those that were set, checked when they came in.
    pub attributes: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    Email,
    EmailJson,
    Http,
    Https,
}

impl Protocol {
    /// As callers and messages' structures name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::EmailJson => "email-json",
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub fn is_mail(self) -> bool {
        matches!(self, Self::Email | Self::EmailJson)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    pub arn: String,
    pub topic_arn: String,
    pub protocol: Protocol,
    pub endpoint: String,
    /// The ARN of who subscribed.
    pub principal: String,
    pub standing: Standing,
    /// What confirms it, or restores it after it was deleted.
    pub token: String,
    pub confirmed_by_signature: bool,
    /// Only the account may unsubscribe it.
    pub guarded: bool,
    /// Those that were set, checked when they came in.
    pub attributes: BTreeMap<String, String>,
    /// With a throttle: when the next message may go out.
    pub free_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It goes away when nobody confirms it.
    Pending {
        since: Timestamp,
    },
    Confirmed,
    /// Seen by nobody, but its token restores it for some time.
    Deleted {
        at: Timestamp,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub topic_arn: String,
    /// The topic's display name when it was published.
    pub sender: String,
    pub at: Timestamp,
    pub subject: Option<String>,
    /// The text by protocol; `default` is for all others.
    pub bodies: BTreeMap<String, String>,
    pub attributes: BTreeMap<String, Attribute>,
    /// 1 (SHA-1) or 2 (SHA-256).
    pub signature_version: u8,
}

impl Message {
    pub fn body(&self, protocol: Protocol) -> &str {
        self.bodies
            .get(protocol.name())
            .or_else(|| self.bodies.get("default"))
            .map_or("", String::as_str)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Such as `String`, `String.Array`, `Number`, `Binary`.
    pub data_type: String,
    /// Base64 if it is binary.
    pub value: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub subscription_arn: String,
    pub protocol: Protocol,
    pub endpoint: String,
    pub kind: Kind,
    pub raw: bool,
    pub content_type: String,
    pub retry: Retry,
    /// Attempts that failed.
    pub failures: u32,
    /// When it was first due.
    pub begun_at: Timestamp,
    pub due_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Notification,
    /// Asks the subscriber to confirm with this token.
    SubscriptionConfirmation {
        token: String,
    },
    /// Says goodbye; the token restores the subscription.
    UnsubscribeConfirmation {
        token: String,
    },
}
