//! What an account may have of each.

use wire::{Error, elbv2 as api};

use super::page;
use crate::{Context, Region};

/// AWS's quotas, which the calls keep to.
const LIMITS: &[(&str, &str)] = &[
    ("application-load-balancers", "50"),
    ("target-groups", "3000"),
    ("targets-per-application-load-balancer", "1000"),
    ("listeners-per-application-load-balancer", "50"),
    ("rules-per-application-load-balancer", "100"),
    ("certificates-per-application-load-balancer", "25"),
    ("target-groups-per-application-load-balancer", "100"),
    ("target-groups-per-action-on-application-load-balancer", "5"),
    ("condition-values-per-alb-rule", "5"),
    ("condition-wildcards-per-alb-rule", "6"),
];

pub(super) fn describe_account_limits(
    _: &Region,
    _: &Context,
    input: api::DescribeAccountLimitsInput,
) -> Result<api::DescribeAccountLimitsOutput, Error> {
    let (limits, next_marker) = page::page(
        LIMITS.iter().collect(),
        |limit: &&(&str, &str)| limit.0,
        input.marker,
        input.page_size,
    )?;
    let limits = limits.into_iter().map(|(name, most)| api::Limit {
        name: Some((*name).to_owned()),
        max: Some((*most).to_owned()),
    });
    Ok(api::DescribeAccountLimitsOutput {
        limits: Some(limits.collect()),
        next_marker,
    })
}
