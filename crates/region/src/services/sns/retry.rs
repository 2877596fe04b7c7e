//! How often and after what time a delivery that failed is tried again.
//!
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html>

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::state::{Protocol, Subscription, Topic};

const CONTENT_TYPE: &str = "text/plain; charset=UTF-8";
/// The media types that AWS lets a notification to a web server have.
const CONTENT_TYPES: [&str; 12] = [
    "text/css",
    "text/csv",
    "text/html",
    "text/plain",
    "text/xml",
    "application/atom+xml",
    "application/json",
    "application/octet-stream",
    "application/soap+xml",
    "application/x-www-form-urlencoded",
    "application/xhtml+xml",
    "application/xml",
];
/// A web server's message is given up after this, whatever its policy says.
pub(super) const MOST_HTTP_TIME: SignedDuration = SignedDuration::from_hours(1);
const MOST_DELAY: u32 = 3600;
const MOST_RETRIES: u32 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Backoff {
    Linear,
    Arithmetic,
    Geometric,
    Exponential,
}

/// Four phases, one after the other: at once, at the least delay, growing, at the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Retry {
    /// Seconds.
    min_delay_target: u32,
    /// Seconds.
    max_delay_target: u32,
    /// Of all phases together.
    num_retries: u32,
    num_max_delay_retries: u32,
    num_no_delay_retries: u32,
    num_min_delay_retries: u32,
    backoff_function: Backoff,
}

impl Default for Retry {
    /// A web server's, where nobody said otherwise.
    fn default() -> Self {
        Self {
            min_delay_target: 20,
            max_delay_target: 20,
            num_retries: 3,
            num_max_delay_retries: 0,
            num_no_delay_retries: 0,
            num_min_delay_retries: 0,
            backoff_function: Backoff::Linear,
        }
    }
}

impl Retry {
    /// Mail's, which nobody can change: 50 attempts over six hours.
    pub(super) const MAIL: Self = Self {
        min_delay_target: 10,
        max_delay_target: 600,
        num_retries: 50,
        num_max_delay_retries: 38,
        num_no_delay_retries: 0,
        num_min_delay_retries: 2,
        backoff_function: Backoff::Exponential,
    };

    fn check(self) -> Result<Self, String> {
        let phases =
            self.num_no_delay_retries + self.num_min_delay_retries + self.num_max_delay_retries;
        if self.num_retries > MOST_RETRIES {
            Err(format!("numRetries must be from 0 to {MOST_RETRIES}"))
        } else if !(1..=MOST_DELAY).contains(&self.max_delay_target) {
            Err(format!("maxDelayTarget must be from 1 to {MOST_DELAY}"))
        } else if !(1..=self.max_delay_target).contains(&self.min_delay_target) {
            Err("minDelayTarget must be from 1 to maxDelayTarget".to_owned())
        } else if phases > self.num_retries {
            Err("numRetries must not be less than the retries of its phases".to_owned())
        } else {
            Ok(self)
        }
    }

    /// How long after the failure that is the `failures`-th (from 1) the next attempt comes;
    /// `None`: there is none.
    pub(super) fn delay(self, failures: u32) -> Option<SignedDuration> {
        if failures == 0 || failures > self.num_retries {
            return None;
        }
        let least = f64::from(self.min_delay_target);
        let most = f64::from(self.max_delay_target);
        let growing = self.num_retries
            - self.num_no_delay_retries
            - self.num_min_delay_retries
            - self.num_max_delay_retries;
        let Some(at) = (failures - 1).checked_sub(self.num_no_delay_retries) else {
            return Some(SignedDuration::ZERO);
        };
        let seconds = match at.checked_sub(self.num_min_delay_retries) {
            None => least,
            Some(at) if at < growing => self.grown(at, growing, least, most),
            Some(_) => most,
        };
        Some(SignedDuration::from_secs_f64(seconds))
    }

    /// AWS shows the four functions as curves only; these have their forms.
    fn grown(self, at: u32, steps: u32, least: f64, most: f64) -> f64 {
        let last = f64::from(steps.saturating_sub(1));
        if last == 0.0 {
            return least;
        }
        let at = f64::from(at);
        let share = match self.backoff_function {
            Backoff::Linear => at / last,
            Backoff::Arithmetic => at * (at + 1.0) / (last * (last + 1.0)),
            Backoff::Geometric => return least * (most / least).powf(at / last),
            Backoff::Exponential => (at.exp2() - 1.0) / (last.exp2() - 1.0),
        };
        least + (most - least) * share
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Throttle {
    max_receives_per_second: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form {
    header_content_type: Option<String>,
}

fn check_form(form: Option<&Form>) -> Result<(), String> {
    let Some(text) = form.and_then(|form| form.header_content_type.as_deref()) else {
        return Ok(());
    };
    let media = text.split(';').next().unwrap_or_default().trim();
    if CONTENT_TYPES.contains(&media.to_ascii_lowercase().as_str()) {
        return Ok(());
    }
    Err(format!("headerContentType: {text} is not supported"))
}

fn check_throttle(throttle: Option<Throttle>) -> Result<(), String> {
    match throttle.and_then(|one| one.max_receives_per_second) {
        Some(0) => Err("maxReceivesPerSecond must be 1 or more".to_owned()),
        _ => Ok(()),
    }
}

/// A topic's `DeliveryPolicy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct TopicPolicy {
    #[serde(default)]
    http: HttpPolicy,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpPolicy {
    default_healthy_retry_policy: Option<Retry>,
    default_throttle_policy: Option<Throttle>,
    default_request_policy: Option<Form>,
    disable_subscription_overrides: Option<bool>,
}

fn unreadable(error: &serde_json::Error) -> String {
    format!("failed to parse JSON. {error}")
}

impl TopicPolicy {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let policy: Self = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        let http = &policy.http;
        http.default_healthy_retry_policy
            .map_or(Ok(()), |retry| retry.check().map(|_| ()))?;
        check_throttle(http.default_throttle_policy)?;
        check_form(http.default_request_policy.as_ref())?;
        Ok(policy)
    }

    pub(super) fn of(row: &Topic) -> Self {
        let text = row.attributes.get("DeliveryPolicy");
        text.and_then(|text| Self::parse(text).ok())
            .unwrap_or_default()
    }

    fn content_type(&self) -> &str {
        let form = self.http.default_request_policy.as_ref();
        form.and_then(|form| form.header_content_type.as_deref())
            .unwrap_or(CONTENT_TYPE)
    }

    /// As `EffectiveDeliveryPolicy` says it.
    pub(super) fn effective(&self) -> String {
        let http = &self.http;
        let mut shown = json!({
            "defaultHealthyRetryPolicy": http.default_healthy_retry_policy.unwrap_or_default(),
            "disableSubscriptionOverrides": http.disable_subscription_overrides.unwrap_or(false),
            "defaultRequestPolicy": {"headerContentType": self.content_type()},
        });
        if let Some(throttle) = http.default_throttle_policy {
            shown["defaultThrottlePolicy"] = json!(throttle);
        }
        json!({"http": shown}).to_string()
    }
}

/// A subscription's `DeliveryPolicy`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SubscriptionPolicy {
    healthy_retry_policy: Option<Retry>,
    throttle_policy: Option<Throttle>,
    request_policy: Option<Form>,
}

impl SubscriptionPolicy {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let policy: Self = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
        policy
            .healthy_retry_policy
            .map_or(Ok(()), |retry| retry.check().map(|_| ()))?;
        check_throttle(policy.throttle_policy)?;
        check_form(policy.request_policy.as_ref())?;
        Ok(policy)
    }

    /// As AWS keeps it: what was left out is there, and empty.
    pub(super) fn kept(&self) -> String {
        let mut shown = json!(self);
        shown["sicklyRetryPolicy"] = Value::Null;
        shown["guaranteed"] = Value::Bool(false);
        shown.to_string()
    }
}

/// How messages go to one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manner {
    pub(super) retry: Retry,
    /// Messages a second at most.
    pub(super) throttle: Option<u32>,
    pub(super) content_type: String,
}

impl Manner {
    pub(super) fn of(topic: &Topic, row: &Subscription) -> Self {
        if row.protocol.is_mail() {
            return Self {
                retry: Retry::MAIL,
                throttle: None,
                content_type: CONTENT_TYPE.to_owned(),
            };
        }
        let general = TopicPolicy::of(topic);
        let own = row
            .attributes
            .get("DeliveryPolicy")
            .filter(|_| general.http.disable_subscription_overrides != Some(true))
            .and_then(|text| SubscriptionPolicy::parse(text).ok())
            .unwrap_or_default();
        let throttle = own.throttle_policy.or(general.http.default_throttle_policy);
        Self {
            retry: own
                .healthy_retry_policy
                .or(general.http.default_healthy_retry_policy)
                .unwrap_or_default(),
            throttle: throttle.and_then(|one| one.max_receives_per_second),
            content_type: own
                .request_policy
                .and_then(|form| form.header_content_type)
                .unwrap_or_else(|| general.content_type().to_owned()),
        }
    }

    /// As a subscription's `EffectiveDeliveryPolicy` says it; mail has none.
    pub(super) fn effective(&self, protocol: Protocol) -> Option<String> {
        let throttle = self
            .throttle
            .map(|most| json!({"maxReceivesPerSecond": most}));
        (!protocol.is_mail()).then(|| {
            json!({
                "healthyRetryPolicy": self.retry,
                "sicklyRetryPolicy": null,
                "throttlePolicy": throttle,
                "requestPolicy": {"headerContentType": self.content_type},
                "guaranteed": false,
            })
            .to_string()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delays(retry: Retry) -> Vec<i64> {
        (1..)
            .map_while(|failures| retry.delay(failures))
            .map(|one| one.as_secs())
            .collect()
    }

    #[test]
    fn a_web_server_is_tried_three_times_more_and_mail_for_six_hours() {
        assert_eq!(delays(Retry::default()), [20, 20, 20]);
        let mail = delays(Retry::MAIL);
        assert_eq!(mail.len(), 50);
        assert_eq!(mail[..4], [10, 10, 10, 11]);
        assert_eq!(mail[11..], [600; 39]);
        assert!(mail.is_sorted());
        assert!(
            (6..8).contains(&(mail.iter().sum::<i64>() / 3600)),
            "{mail:?}"
        );
    }

    #[test]
    fn phases_follow_one_another() {
        for function in ["linear", "arithmetic", "geometric", "exponential"] {
            let text = format!(
                r#"{{"healthyRetryPolicy": {{"numRetries": 9, "numNoDelayRetries": 2,
                    "numMinDelayRetries": 2, "numMaxDelayRetries": 2, "minDelayTarget": 2,
                    "maxDelayTarget": 50, "backoffFunction": "{function}"}}}}"#
            );
            let policy = SubscriptionPolicy::parse(&text).expect("it is one");
            let delays = delays(policy.healthy_retry_policy.expect("it has one"));
            assert_eq!(delays[..5], [0, 0, 2, 2, 2], "{function}");
            assert_eq!(delays[6..], [50; 3], "{function}");
            assert!((2..=50).contains(&delays[5]), "{function}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for policy in [
            r#"{"healthyRetryPolicy": {"numRetries": 101}}"#,
            r#"{"healthyRetryPolicy": {"minDelayTarget": 21}}"#,
            r#"{"healthyRetryPolicy": {"minDelayTarget": 0}}"#,
            r#"{"healthyRetryPolicy": {"maxDelayTarget": 3601}}"#,
            r#"{"healthyRetryPolicy": {"numRetries": 1, "numNoDelayRetries": 2}}"#,
            r#"{"throttlePolicy": {"maxReceivesPerSecond": 0}}"#,
            r#"{"requestPolicy": {"headerContentType": "image/png"}}"#,
            "{",
        ] {
            assert!(SubscriptionPolicy::parse(policy).is_err(), "{policy}");
        }
    }
}
