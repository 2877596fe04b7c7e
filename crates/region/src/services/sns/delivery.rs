//! Messages on their way: each waits as a row until it arrived or was given up.
//!
//! Whoever delivers takes what is [`due`], waits for [`next_due`], and says how each went
//! ([`report`]). A delivery may be made twice if that one dies in between, never not at all.

use jiff::{SignedDuration, Timestamp};
use wire::Error;

use super::document::Document;
use super::error::not_found;
use super::filter::{Filter, Scope};
use super::mail;
use super::retry::{MOST_HTTP_TIME, Manner};
use super::state::{Delivery, Kind, Message, Protocol, Standing, Subscription};
use super::subscription_attribute::shown;
use crate::{Context, Region};

/// The message's id, and the delivery's number within it.
pub type Id = (String, u64);

/// One thing to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    pub id: Id,
    pub topic_arn: String,
    pub subscription_arn: String,
    /// When the message was published.
    pub at: Timestamp,
    pub to: To,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    Mailbox {
        address: String,
        /// Whom the mail says it is from.
        sender: String,
        subject: String,
        body: Body,
    },
    Server {
        url: String,
        /// As `x-amz-sns-message-type` says it.
        kind: &'static str,
        content_type: String,
        /// Whether the body is the message alone.
        raw: bool,
        body: Body,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    Text(String),
    /// To be signed first.
    Document(Box<Document>),
}

/// How an attempt went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// It may go better another time.
    Failed,
    /// It will never go.
    Refused,
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    Done,
    Again(Timestamp),
    GivenUp,
}

/// Puts one row for each confirmed subscriber of the message's topic that wants it. Gives the
/// message's id.
pub(super) fn enqueue(region: &mut Region, context: &Context, message: Message) -> String {
    let id = context.uuid();
    let Some(topic) = message
        .topic_arn
        .rsplit(':')
        .next()
        .and_then(|name| region.sns.topics.get(name))
    else {
        return id;
    };
    let wanted: Vec<(Delivery, Option<u32>)> = region
        .sns
        .subscriptions
        .values()
        .filter(|row| row.topic_arn == message.topic_arn && row.standing == Standing::Confirmed)
        .filter(|row| wants(row, &message))
        .map(|row| {
            let manner = Manner::of(topic, row);
            let throttle = manner.throttle;
            let delivery = delivery(context, row, manner, Kind::Notification);
            (delivery, throttle)
        })
        .collect();
    let any = !wanted.is_empty();
    for (number, (mut delivery, throttle)) in (0..).zip(wanted) {
        if let Some(most) = throttle
            && let Some(row) = region.sns.subscriptions.get_mut(&delivery.subscription_arn)
        {
            delivery.due_at = row.free_at.map_or(context.now, |at| at.max(context.now));
            let gap = SignedDuration::from_secs(1) / i32::try_from(most).unwrap_or(i32::MAX);
            row.free_at = Some(delivery.due_at + gap);
            delivery.begun_at = delivery.due_at;
        }
        region.sns.deliveries.insert((id.clone(), number), delivery);
    }
    if any {
        region.sns.messages.insert(id.clone(), message);
    }
    id
}

fn wants(row: &Subscription, message: &Message) -> bool {
    let Some(text) = row.attributes.get("FilterPolicy") else {
        return true;
    };
    let scope = Scope::named(shown(row, "FilterPolicyScope").as_deref());
    // It was checked when it came in.
    Filter::parse(text, scope)
        .is_ok_and(|filter| filter.wants(scope, message, message.body(row.protocol)))
}

fn delivery(context: &Context, row: &Subscription, manner: Manner, kind: Kind) -> Delivery {
    let raw = shown(row, "RawMessageDelivery").as_deref() == Some("true");
    Delivery {
        subscription_arn: row.arn.clone(),
        protocol: row.protocol,
        endpoint: row.endpoint.clone(),
        raw: raw && kind == Kind::Notification,
        kind,
        content_type: manner.content_type,
        retry: manner.retry,
        failures: 0,
        begun_at: context.now,
        due_at: context.now,
    }
}

/// Tells one subscriber about its subscription.
pub(super) fn tell(
    region: &mut Region,
    context: &Context,
    subscription_arn: &str,
    kind: Kind,
    text: String,
) {
    let Some(row) = region.sns.subscriptions.get(subscription_arn) else {
        return;
    };
    let name = row.topic_arn.rsplit(':').next().unwrap_or_default();
    let Some(topic) = region.sns.topics.get(name) else {
        return;
    };
    let attribute = |name: &str| topic.attributes.get(name).cloned();
    let message = Message {
        topic_arn: row.topic_arn.clone(),
        sender: attribute("DisplayName").unwrap_or_default(),
        at: context.now,
        subject: None,
        bodies: [("default".to_owned(), text)].into(),
        attributes: std::collections::BTreeMap::new(),
        signature_version: match attribute("SignatureVersion").as_deref() {
            Some("2") => 2,
            _ => 1,
        },
    };
    let delivery = delivery(context, row, Manner::of(topic, row), kind);
    let id = context.uuid();
    region.sns.messages.insert(id.clone(), message);
    region.sns.deliveries.insert((id, 0), delivery);
}

/// Mail and web servers are delivered to apart from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    Mail,
    Servers,
}

fn in_lane(region: &Region, lane: Lane) -> impl Iterator<Item = (&Id, &Delivery)> {
    let all = region.sns.deliveries.iter();
    all.filter(move |(_, row)| row.protocol.is_mail() == (lane == Lane::Mail))
}

/// What is due now, at most `most`, without those that `busy` says are under way.
pub fn due(
    region: &Region,
    now: Timestamp,
    lane: Lane,
    most: usize,
    busy: impl Fn(&Id) -> bool,
) -> Vec<Parcel> {
    in_lane(region, lane)
        .filter(|(id, row)| row.due_at <= now && !busy(id))
        .filter_map(|(id, row)| Some(parcel(region, id, row, region.sns.messages.get(&id.0)?)))
        .take(most)
        .collect()
}

/// When the next delivery becomes due that is not due yet.
pub fn next_due(region: &Region, now: Timestamp, lane: Lane) -> Option<Timestamp> {
    in_lane(region, lane)
        .map(|(_, row)| row.due_at)
        .filter(|at| *at > now)
        .min()
}

/// Takes note of how an attempt went.
///
/// # Errors
/// `NotFound` if there is no such delivery, as after the region was emptied.
pub fn report(
    region: &mut Region,
    context: &Context,
    id: &Id,
    outcome: Outcome,
) -> Result<Next, Error> {
    let row = region
        .sns
        .deliveries
        .get(id)
        .ok_or_else(|| not_found("Delivery does not exist"))?;
    if outcome == Outcome::Delivered {
        forget(region, id);
        return Ok(Next::Done);
    }
    let again = (outcome == Outcome::Failed)
        .then(|| row.retry.delay(row.failures + 1))
        .flatten()
        .map(|delay| context.now + delay)
        .filter(|at| row.protocol.is_mail() || *at <= row.begun_at + MOST_HTTP_TIME);
    let Some(at) = again else {
        forget(region, id);
        return Ok(Next::GivenUp);
    };
    if let Some(row) = region.sns.deliveries.get_mut(id) {
        row.failures += 1;
        row.due_at = at;
    }
    Ok(Next::Again(at))
}

/// A message goes with its last delivery.
fn forget(region: &mut Region, id: &Id) {
    region.sns.deliveries.remove(id);
    let first = (id.0.clone(), 0);
    let last = (id.0.clone(), u64::MAX);
    if region.sns.deliveries.range(first..=last).next().is_none() {
        region.sns.messages.remove(&id.0);
    }
}

fn parcel(region: &Region, id: &Id, row: &Delivery, message: &Message) -> Parcel {
    let document = || Body::Document(Box::new(document(region, id, row, message)));
    let to = match row.protocol {
        Protocol::Email | Protocol::EmailJson => {
            let letter = mail::letter(region, row, message);
            let json = row.protocol == Protocol::EmailJson && row.kind == Kind::Notification;
            To::Mailbox {
                address: row.endpoint.clone(),
                sender: match message.sender.as_str() {
                    "" => "AWS Notifications".to_owned(),
                    name => name.to_owned(),
                },
                subject: letter.subject,
                body: if json {
                    document()
                } else {
                    Body::Text(letter.text)
                },
            }
        }
        Protocol::Http | Protocol::Https => To::Server {
            url: row.endpoint.clone(),
            kind: kind_name(&row.kind),
            content_type: row.content_type.clone(),
            raw: row.raw,
            body: if row.raw {
                Body::Text(message.body(row.protocol).to_owned())
            } else {
                document()
            },
        },
    };
    Parcel {
        id: id.clone(),
        topic_arn: message.topic_arn.clone(),
        subscription_arn: row.subscription_arn.clone(),
        at: message.at,
        to,
    }
}

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Notification => "Notification",
        Kind::SubscriptionConfirmation { .. } => "SubscriptionConfirmation",
        Kind::UnsubscribeConfirmation { .. } => "UnsubscribeConfirmation",
    }
}

fn document(region: &Region, id: &Id, row: &Delivery, message: &Message) -> Document {
    let base = mail::base_url(region);
    let token = match &row.kind {
        Kind::Notification => None,
        Kind::SubscriptionConfirmation { token } | Kind::UnsubscribeConfirmation { token } => {
            Some(token.clone())
        }
    };
    let subscribe_url = token.as_ref().map(|token| {
        let topic = &message.topic_arn;
        format!("{base}/?Action=ConfirmSubscription&TopicArn={topic}&Token={token}")
    });
    let unsubscribe_url = token.is_none().then(|| {
        let subscription = &row.subscription_arn;
        format!("{base}/?Action=Unsubscribe&SubscriptionArn={subscription}")
    });
    let attributes = message.attributes.iter();
    Document {
        kind: kind_name(&row.kind),
        message_id: id.0.clone(),
        token,
        topic_arn: message.topic_arn.clone(),
        subject: message.subject.clone(),
        message: message.body(row.protocol).to_owned(),
        subscribe_url,
        unsubscribe_url,
        timestamp: message.at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(),
        signature_version: message.signature_version,
        attributes: attributes
            .map(|(name, one)| (name.clone(), one.data_type.clone(), one.value.clone()))
            .collect(),
    }
}
