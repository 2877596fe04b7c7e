//! Availability zones and regions.

use wire::{Error, ec2 as api};

use super::error;
use super::filter::{Kind, Query, text};
use crate::{Context, Region, Settings};

/// The ids that regions give their zones, which are the same for every account.
const ID_PREFIXES: &[(&str, &str)] = &[
    ("eu-central-1", "euc1"),
    ("eu-central-2", "euc2"),
    ("eu-north-1", "eun1"),
    ("eu-south-1", "eus1"),
    ("eu-south-2", "eus2"),
    ("eu-west-1", "euw1"),
    ("eu-west-2", "euw2"),
    ("eu-west-3", "euw3"),
    ("us-east-1", "use1"),
    ("us-east-2", "use2"),
    ("us-west-1", "usw1"),
    ("us-west-2", "usw2"),
    ("ap-northeast-1", "apne1"),
    ("ap-south-1", "aps1"),
    ("ap-southeast-1", "apse1"),
    ("ap-southeast-2", "apse2"),
    ("ca-central-1", "cac1"),
    ("sa-east-1", "sae1"),
];

/// The id of a zone, such as `euc1-az1`, by its name.
pub fn id(settings: &Settings, zone: &str) -> Option<String> {
    let at = settings.zone_names().position(|name| name == zone)?;
    let prefix = ID_PREFIXES
        .iter()
        .find(|(region, _)| *region == settings.region)
        .map_or(settings.region.as_str(), |(_, prefix)| prefix);
    Some(format!("{prefix}-az{}", at + 1))
}

/// A zone's name by its name or its id.
pub(super) fn resolve(
    settings: &Settings,
    name: Option<&str>,
    zone_id: Option<&str>,
) -> Result<Option<String>, Error> {
    let wanted = match (name, zone_id) {
        (Some(name), _) => name,
        (None, Some(zone_id)) => {
            let found = settings
                .zone_names()
                .find(|name| id(settings, name).as_deref() == Some(zone_id));
            return found.map(Some).ok_or_else(|| error::zone(zone_id));
        }
        (None, None) => return Ok(None),
    };
    let known: Vec<String> = settings.zone_names().collect();
    if known.iter().any(|name| name == wanted) {
        return Ok(Some(wanted.to_owned()));
    }
    Err(error::invalid(format!(
        "Value ({wanted}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: {}.",
        known.join(", ")
    )))
}

const ZONES: Kind<api::AvailabilityZone> = Kind {
    id: |zone| zone.zone_name.clone().unwrap_or_default(),
    tags: |_| &None,
    filters: &[
        ("zone-name", |zone| text(zone.zone_name.as_ref())),
        ("zone-id", |zone| text(zone.zone_id.as_ref())),
        ("zone-type", |zone| text(zone.zone_type.as_ref())),
        ("region-name", |zone| text(zone.region_name.as_ref())),
        ("group-name", |zone| text(zone.group_name.as_ref())),
        ("group-long-name", |zone| {
            text(zone.group_long_name.as_ref())
        }),
        ("opt-in-status", |zone| text(zone.opt_in_status.as_ref())),
        ("state", |zone| text(zone.state.as_ref())),
        ("message", |_| Vec::new()),
        ("parent-zone-id", |_| Vec::new()),
        ("parent-zone-name", |_| Vec::new()),
    ],
    missing: error::zone,
};

pub(super) fn describe_availability_zones(
    region: &Region,
    _: &Context,
    input: api::DescribeAvailabilityZonesRequest,
) -> Result<api::DescribeAvailabilityZonesResult, Error> {
    error::dry_run(input.dry_run)?;
    let settings = &region.settings;
    let mut names = input.zone_names.unwrap_or_default();
    for zone_id in input.zone_ids.unwrap_or_default() {
        names.extend(resolve(settings, None, Some(&zone_id))?);
    }
    let all = settings.zone_names().map(|name| api::AvailabilityZone {
        zone_id: id(settings, &name),
        zone_name: Some(name),
        zone_type: Some("availability-zone".to_owned()),
        region_name: Some(settings.region.clone()),
        network_border_group: Some(settings.region.clone()),
        group_name: Some(format!("{}-zg-1", settings.region)),
        opt_in_status: Some(api::AvailabilityZoneOptInStatus::OptInNotRequired),
        state: Some(api::AvailabilityZoneState::Available),
        ..Default::default()
    });
    let query = Query {
        ids: Some(names),
        filters: input.filters,
        max_results: None,
        next_token: None,
    };
    let (zones, _) = ZONES.select(query, all)?;
    Ok(api::DescribeAvailabilityZonesResult {
        availability_zones: Some(zones),
    })
}

const REGIONS: Kind<api::Region> = Kind {
    id: |region| region.region_name.clone().unwrap_or_default(),
    tags: |_| &None,
    filters: &[
        ("region-name", |region| text(region.region_name.as_ref())),
        ("endpoint", |region| text(region.endpoint.as_ref())),
        ("opt-in-status", |region| {
            text(region.opt_in_status.as_ref())
        }),
    ],
    missing: |name| error::invalid(format!("Invalid region: [{name}]")),
};

/// There is one region: this one.
pub(super) fn describe_regions(
    region: &Region,
    _: &Context,
    input: api::DescribeRegionsRequest,
) -> Result<api::DescribeRegionsResult, Error> {
    error::dry_run(input.dry_run)?;
    let name = &region.settings.region;
    let own = api::Region {
        endpoint: Some(format!("ec2.{name}.amazonaws.com")),
        opt_in_status: Some("opt-in-not-required".to_owned()),
        region_name: Some(name.clone()),
        ..Default::default()
    };
    let query = Query {
        ids: input.region_names,
        filters: input.filters,
        max_results: None,
        next_token: None,
    };
    let (regions, _) = REGIONS.select(query, std::iter::once(own))?;
    Ok(api::DescribeRegionsResult {
        regions: Some(regions),
    })
}
