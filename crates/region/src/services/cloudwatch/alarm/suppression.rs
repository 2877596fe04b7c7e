//! Whether a composite alarm's actions wait, for what, and until when.
//!
//! They wait while the suppressor is in alarm; for the extension period after it left it; and, so
//! that the suppressor has time to go into alarm at all, for the wait period after the composite
//! alarm changed.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm_Suppression.html>

use jiff::{SignedDuration, Timestamp};
use wire::cloudwatch::{ActionsSuppressedBy, StateValue};

use super::super::state::{Kind, Suppressor};
use super::rule;
use crate::Region;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Suppressed {
    pub(super) by: ActionsSuppressedBy,
    /// When that ends by itself.
    pub(super) until: Option<Timestamp>,
}

/// `since`: when the actions began to wait.
pub(super) fn decide(
    region: &Region,
    suppressor: &Suppressor,
    since: Timestamp,
    now: Timestamp,
) -> Option<Suppressed> {
    let alarm = super::get(region, rule::name_of(&suppressor.alarm))?;
    if alarm.state == StateValue::Alarm {
        return Some(Suppressed {
            by: ActionsSuppressedBy::Alarm,
            until: None,
        });
    }
    let left = (alarm.previous == StateValue::Alarm).then_some(alarm.transitioned_at);
    if let Some(left) = left {
        let until = left + seconds(suppressor.extension);
        if until > now {
            return Some(Suppressed {
                by: ActionsSuppressedBy::ExtensionPeriod,
                until: Some(until),
            });
        }
        if left >= since {
            return None;
        }
    }
    let until = since + seconds(suppressor.wait);
    (until > now).then_some(Suppressed {
        by: ActionsSuppressedBy::WaitPeriod,
        until: Some(until),
    })
}

fn seconds(count: u32) -> SignedDuration {
    SignedDuration::from_secs(i64::from(count))
}

/// When a wait next ends by itself, as seen from `now`.
pub(super) fn deadline(region: &Region, now: Timestamp) -> Option<Timestamp> {
    region
        .cloudwatch
        .alarms
        .values()
        .filter_map(|alarm| {
            let Kind::Composite(rule) = &alarm.kind else {
                return None;
            };
            let (held, suppressor) = (rule.held.as_ref()?, rule.suppressor.as_ref()?);
            decide(region, suppressor, held.since, now)?.until
        })
        .min()
}
