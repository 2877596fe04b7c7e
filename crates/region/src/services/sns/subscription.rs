//! Subscriptions: from the asking, over the confirmation, to their end.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use wire::sns as api;
use wire::{Error, Unit};

use super::arn::{check_subscription, topic};
use super::delivery;
use super::error::{authorization_error, invalid, invalid_text, not_there};
use super::permission::is_unsigned;
use super::state::{Kind, Protocol, Standing, Subscription};
use super::subscription_attribute as attribute;
use super::topic::PAGE;
use crate::page::{Page, page};
use crate::services::iam;
use crate::{Context, Region};

/// How long a subscription waits to be confirmed, and one that was deleted to be restored.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(48);
/// What real tokens begin with and how long they are.
const TOKEN_START: &str = "2336412f37";
const TOKEN_DIGITS: usize = 214;

fn token(context: &Context) -> String {
    format!("{TOKEN_START}{}", context.hex(TOKEN_DIGITS))
}

fn protocol(name: &str) -> Result<Protocol, Error> {
    match name {
        "email" => Ok(Protocol::Email),
        "email-json" => Ok(Protocol::EmailJson),
        "http" => Ok(Protocol::Http),
        "https" => Ok(Protocol::Https),
        "sqs" => Err(not_there("SQS, so nothing can be delivered to a queue")),
        "lambda" => Err(not_there(
            "Lambda, so nothing can be delivered to a function",
        )),
        "firehose" => Err(not_there(
            "Firehose, so nothing can be delivered to a stream",
        )),
        "application" => Err(not_there("mobile push")),
        "sms" => Err(not_there("text messages to telephones")),
        other => Err(invalid(format!(
            "Amazon SNS does not support this protocol string: {other}"
        ))),
    }
}

fn check_endpoint(protocol: Protocol, endpoint: &str) -> Result<(), Error> {
    match protocol {
        Protocol::Email | Protocol::EmailJson => {
            let fine = endpoint.split_once('@').is_some_and(|(local, host)| {
                let plain = |one: char| !one.is_whitespace() && !one.is_control();
                !local.is_empty()
                    && !host.is_empty()
                    && !host.contains('@')
                    && endpoint.is_ascii()
                    && endpoint
                        .chars()
                        .all(|one| plain(one) && !"<>(),;:\\\"".contains(one))
            });
            if fine {
                Ok(())
            } else {
                Err(invalid("Email address"))
            }
        }
        Protocol::Http | Protocol::Https => {
            let scheme = format!("{}://", protocol.name());
            let Some(rest) = endpoint.strip_prefix(&scheme) else {
                return Err(invalid("Endpoint must match the specified protocol"));
            };
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let plain = endpoint.chars().all(|one| one.is_ascii_graphic());
            if host.is_empty() || !plain {
                return Err(invalid("Endpoint Reason: Invalid URL"));
            }
            Ok(())
        }
    }
}

pub(super) fn subscribe(
    region: &mut Region,
    context: &Context,
    input: api::SubscribeInput,
) -> Result<api::SubscribeResponse, Error> {
    let topic_arn = topic(region, &input.topic_arn)?.arn.clone();
    let protocol = protocol(&input.protocol)?;
    let endpoint = input.endpoint.unwrap_or_default();
    check_endpoint(protocol, &endpoint)?;
    let given = input.attributes.unwrap_or_default();
    let attributes = attribute::all_checked(protocol, given)?;
    let known = region.sns.subscriptions.values().find(|one| {
        one.topic_arn == topic_arn && one.protocol == protocol && one.endpoint == endpoint
    });
    let arn = match known {
        // A deleted one begins anew.
        Some(one) if matches!(one.standing, Standing::Deleted { .. }) => {
            let arn = one.arn.clone();
            region.sns.subscriptions.remove(&arn);
            None
        }
        Some(one) => {
            let same = |(name, value): (&String, &String)| {
                attribute::shown(one, name).is_some_and(|shown| shown == *value)
            };
            if !attributes.iter().all(same) {
                return Err(invalid(
                    "Attributes Reason: Subscription already exists with different attributes",
                ));
            }
            Some(one.arn.clone())
        }
        None => None,
    };
    let arn = arn.unwrap_or_else(|| {
        let row = Subscription {
            arn: format!("{topic_arn}:{}", context.uuid()),
            topic_arn: topic_arn.clone(),
            protocol,
            endpoint,
            principal: iam::authorize::caller_arn(region, &context.caller),
            standing: Standing::Pending { since: context.now },
            token: token(context),
            confirmed_by_signature: false,
            guarded: false,
            attributes,
            free_at: None,
        };
        let arn = row.arn.clone();
        region.sns.subscriptions.insert(arn.clone(), row);
        arn
    });
    let row = region.sns.subscriptions.get(&arn);
    let pending = row.is_some_and(|row| row.standing != Standing::Confirmed);
    if pending {
        ask_again(region, context, &arn);
    }
    let shown = match input.return_subscription_arn {
        Some(true) => arn,
        _ if !pending => arn,
        _ => "pending confirmation".to_owned(),
    };
    Ok(api::SubscribeResponse {
        subscription_arn: Some(shown),
    })
}

/// Asks the subscriber for a confirmation; the time to give it begins anew.
fn ask_again(region: &mut Region, context: &Context, arn: &str) {
    if let Some(row) = region.sns.subscriptions.get_mut(arn) {
        row.standing = Standing::Pending { since: context.now };
        let token = row.token.clone();
        let text = format!(
            "You have chosen to subscribe to the topic {}.\nTo confirm the subscription, visit the SubscribeURL included in this message.",
            row.topic_arn
        );
        delivery::tell(
            region,
            context,
            arn,
            Kind::SubscriptionConfirmation { token },
            text,
        );
    }
}

pub(super) fn confirm_subscription(
    region: &mut Region,
    context: &Context,
    input: api::ConfirmSubscriptionInput,
) -> Result<api::ConfirmSubscriptionResponse, Error> {
    let here = context.settings.arn("sns", "");
    if !input.topic_arn.starts_with(&here) || input.topic_arn.split(':').count() != 6 {
        return Err(invalid("Topic"));
    }
    let hexadecimal = input.token.bytes().all(|one| one.is_ascii_hexdigit());
    if input.token.len() < 64 || !hexadecimal {
        return Err(invalid_text("Invalid token"));
    }
    // AWS looks for the token and does not mind another topic's name.
    let arn = region
        .sns
        .subscriptions
        .values()
        .find(|row| row.token == input.token)
        .map(|row| row.arn.clone())
        .ok_or_else(|| invalid("Token"))?;
    let guarded = input.authenticate_on_unsubscribe.as_deref() == Some("true");
    if let Some(row) = region.sns.subscriptions.get_mut(&arn)
        && row.standing != Standing::Confirmed
    {
        row.standing = Standing::Confirmed;
        row.confirmed_by_signature = !is_unsigned(context);
        row.guarded = guarded && !is_unsigned(context);
    }
    Ok(api::ConfirmSubscriptionResponse {
        subscription_arn: Some(arn),
    })
}

/// That it is not there is fine. Anybody who has the ARN may, unless the confirmation said that
/// only the account may.
pub(super) fn unsubscribe(
    region: &mut Region,
    context: &Context,
    input: api::UnsubscribeInput,
) -> Result<Unit, Error> {
    let arn = input.subscription_arn;
    check_subscription(region, &arn)?;
    let Some(row) = region.sns.subscriptions.get(&arn) else {
        return Ok(Unit {});
    };
    match row.standing {
        Standing::Deleted { .. } => return Ok(Unit {}),
        Standing::Pending { .. } => {
            return Err(invalid(
                "Cannot unsubscribe a subscription that is pending confirmation",
            ));
        }
        Standing::Confirmed => {}
    }
    let unsigned = is_unsigned(context);
    if row.guarded && unsigned {
        return Err(authorization_error(
            "This subscription can be removed by its owner only.",
        ));
    }
    let farewell = unsigned || !row.protocol.is_mail();
    let token = token(context);
    let text = format!(
        "You have chosen to deactivate subscription {arn}.\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
    );
    if farewell {
        let kind = Kind::UnsubscribeConfirmation {
            token: token.clone(),
        };
        delivery::tell(region, context, &arn, kind, text);
    }
    if let Some(row) = region.sns.subscriptions.get_mut(&arn) {
        row.standing = Standing::Deleted { at: context.now };
        row.token = token;
    }
    Ok(Unit {})
}

fn shown(region: &Region, row: &Subscription) -> api::Subscription {
    let arn = match row.standing {
        Standing::Pending { .. } => "PendingConfirmation".to_owned(),
        _ => row.arn.clone(),
    };
    api::Subscription {
        endpoint: Some(row.endpoint.clone()),
        owner: Some(region.settings.account.clone()),
        protocol: Some(row.protocol.name().to_owned()),
        subscription_arn: Some(arn),
        topic_arn: Some(row.topic_arn.clone()),
    }
}

fn piece<'a>(
    region: &'a Region,
    topic_arn: Option<&str>,
    marker: Option<&str>,
) -> Result<Page<&'a Subscription>, Error> {
    let rows = region.sns.subscriptions.values().filter(|row| {
        topic_arn.is_none_or(|arn| row.topic_arn == arn)
            && !matches!(row.standing, Standing::Deleted { .. })
    });
    page(rows, |row| row.arn.clone(), marker, PAGE).map_err(|_| invalid("NextToken"))
}

pub(super) fn list_subscriptions(
    region: &Region,
    _: &Context,
    input: api::ListSubscriptionsInput,
) -> Result<api::ListSubscriptionsResponse, Error> {
    let piece = piece(region, None, input.next_token.as_deref())?;
    let rows = piece.items.into_iter().map(|row| shown(region, row));
    Ok(api::ListSubscriptionsResponse {
        next_token: piece.next,
        subscriptions: Some(rows.collect()),
    })
}

pub(super) fn list_subscriptions_by_topic(
    region: &Region,
    _: &Context,
    input: api::ListSubscriptionsByTopicInput,
) -> Result<api::ListSubscriptionsByTopicResponse, Error> {
    let arn = &topic(region, &input.topic_arn)?.arn;
    let piece = piece(region, Some(arn), input.next_token.as_deref())?;
    let rows = piece.items.into_iter().map(|row| shown(region, row));
    Ok(api::ListSubscriptionsByTopicResponse {
        next_token: piece.next,
        subscriptions: Some(rows.collect()),
    })
}

fn ends_at(row: &Subscription) -> Option<Timestamp> {
    match row.standing {
        Standing::Pending { since: at } | Standing::Deleted { at } => Some(at + TOKEN_LIFE),
        Standing::Confirmed => None,
    }
}

/// Forgets subscriptions that nobody confirmed in time, and deleted ones that nobody restored.
pub(super) fn reconcile(region: &mut Region, context: &Context) {
    region
        .sns
        .subscriptions
        .retain(|_, row| ends_at(row).is_none_or(|at| at > context.now));
}

pub(super) fn deadline(region: &Region) -> Option<Timestamp> {
    region.sns.subscriptions.values().filter_map(ends_at).min()
}

/// Attributes by name, as rows keep them.
pub(super) type Attributes = BTreeMap<String, String>;
