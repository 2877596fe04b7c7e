//! Lifecycle policies: which images have had their time.
//!
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html>

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::repository::fits;

/// In seconds.
const DAY: i64 = 24 * 60 * 60;
const MOST_WILDCARDS: usize = 4;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    rules: Vec<Rule>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    rule_priority: u32,
    #[serde(default, rename = "description")]
    _description: String,
    selection: Selection,
    #[serde(rename = "action")]
    _action: Action,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selection {
    tag_status: TagStatus,
    #[serde(default)]
    tag_prefix_list: Vec<String>,
    #[serde(default)]
    tag_pattern_list: Vec<String>,
    count_type: CountType,
    count_unit: Option<CountUnit>,
    count_number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TagStatus {
    Tagged,
    Untagged,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum CountType {
    ImageCountMoreThan,
    SinceImagePushed,
    SinceImagePulled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum CountUnit {
    Days,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    #[serde(rename = "type")]
    _kind: ActionKind,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ActionKind {
    Expire,
}

/// An image as rules see it.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) digest: String,
    pub(super) tags: Vec<String>,
    pub(super) pushed_at: Timestamp,
    pub(super) pulled_at: Option<Timestamp>,
}

impl Policy {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut policy: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if policy.rules.is_empty() {
            return Err("a policy has at least one rule".into());
        }
        policy.rules.sort_by_key(|rule| rule.rule_priority);
        let mut before = 0;
        for rule in &policy.rules {
            if rule.rule_priority <= before {
                return Err("rule priorities are unique and above zero".into());
            }
            before = rule.rule_priority;
            rule.selection.check()?;
        }
        let rest = policy.rules.split_last().map_or(&[][..], |(_, rest)| rest);
        if rest
            .iter()
            .any(|rule| rule.selection.tag_status == TagStatus::Any)
        {
            return Err(
                "a rule for images with any tag status has the highest rulePriority, and there is one at most".into(),
            );
        }
        Ok(policy)
    }

    /// The digests of images whose time is over.
    pub(super) fn expired(&self, images: &[Candidate], now: Timestamp) -> BTreeSet<String> {
        let mut claimed = BTreeSet::new();
        let mut expired = BTreeSet::new();
        for rule in &self.rules {
            let mut matched: Vec<&Candidate> = images
                .iter()
                .filter(|image| !claimed.contains(&image.digest) && rule.selection.matches(image))
                .collect();
            claimed.extend(matched.iter().map(|image| image.digest.clone()));
            // Youngest first; the digest settles equal moments.
            matched.sort_by(|a, b| (b.pushed_at, &b.digest).cmp(&(a.pushed_at, &a.digest)));
            let count = rule.selection.count_number;
            let old = |at: Timestamp| {
                now.duration_since(at) >= SignedDuration::from_secs(DAY * i64::from(count))
            };
            let over = matched.into_iter().enumerate().filter(|(index, image)| {
                match rule.selection.count_type {
                    CountType::ImageCountMoreThan => *index >= count as usize,
                    CountType::SinceImagePushed => old(image.pushed_at),
                    CountType::SinceImagePulled => old(image.pulled_at.unwrap_or(image.pushed_at)),
                }
            });
            expired.extend(over.map(|(_, image)| image.digest.clone()));
        }
        expired
    }
}

impl Selection {
    fn check(&self) -> Result<(), String> {
        if self.count_number == 0 {
            return Err("countNumber is above zero".into());
        }
        let by_time = self.count_type != CountType::ImageCountMoreThan;
        if by_time != self.count_unit.is_some() {
            return Err("countUnit goes with a countType by time, and only with that".into());
        }
        let lists = [&self.tag_prefix_list, &self.tag_pattern_list];
        let given = lists.iter().filter(|list| !list.is_empty()).count();
        if given != usize::from(self.tag_status == TagStatus::Tagged) {
            return Err(
                "exactly one of tagPrefixList and tagPatternList goes with tagStatus tagged, and only with that".into(),
            );
        }
        let wildcards = |one: &String| one.matches('*').count();
        if (self.tag_pattern_list.iter()).any(|one| wildcards(one) > MOST_WILDCARDS) {
            return Err(format!("a pattern has at most {MOST_WILDCARDS} wildcards"));
        }
        Ok(())
    }

    fn matches(&self, image: &Candidate) -> bool {
        let any = |fits: &dyn Fn(&str) -> bool| image.tags.iter().any(|tag| fits(tag));
        match self.tag_status {
            TagStatus::Any => true,
            TagStatus::Untagged => image.tags.is_empty(),
            // Every entry of a list has to be met, by one tag or another.
            TagStatus::Tagged => {
                self.tag_prefix_list
                    .iter()
                    .all(|prefix| any(&|tag| tag.starts_with(prefix.as_str())))
                    && self
                        .tag_pattern_list
                        .iter()
                        .all(|pattern| any(&|tag| fits(pattern, tag)))
            }
        }
    }
}
