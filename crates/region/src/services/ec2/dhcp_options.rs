//! DHCP option sets, kept as configured. Every VPC's own resolver answers, whatever they say.

use wire::{Error, Unit, ec2 as api};

use super::filter::{Kind, Query, each, text};
use super::state::DhcpOptions;
use super::{error, tags};
use crate::{Context, Region};

const KEYS: &[&str] = &[
    "domain-name",
    "domain-name-servers",
    "ntp-servers",
    "netbios-name-servers",
    "netbios-node-type",
    "ipv6-address-preferred-lease-time",
];

/// The set that every new VPC begins with.
pub(super) fn make_default(region: &mut Region, context: &Context) {
    let domain = match region.settings.region.as_str() {
        "us-east-1" => "ec2.internal".to_owned(),
        other => format!("{other}.compute.internal"),
    };
    let id = context.ec2_id("dopt");
    let configurations = vec![
        ("domain-name".to_owned(), vec![domain]),
        (
            "domain-name-servers".to_owned(),
            vec!["AmazonProvidedDNS".to_owned()],
        ),
    ];
    let row = DhcpOptions {
        id: id.clone(),
        configurations,
    };
    region.ec2.dhcp_options.insert(id, row);
}

pub(super) fn create_dhcp_options(
    region: &mut Region,
    context: &Context,
    input: api::CreateDhcpOptionsRequest,
) -> Result<api::CreateDhcpOptionsResult, Error> {
    error::dry_run(input.dry_run)?;
    let mut configurations = Vec::new();
    for one in input.dhcp_configurations {
        let key = one.key.unwrap_or_default();
        if !KEYS.contains(&key.as_str()) {
            return Err(error::invalid(format!(
                "Value ({key}) for parameter dhcpConfiguration is invalid. Unknown DHCP option"
            )));
        }
        configurations.push((key, one.values.unwrap_or_default()));
    }
    if configurations.is_empty() {
        return Err(error::missing("dhcpConfiguration"));
    }
    let tags = tags::specified(input.tag_specifications, "dhcp-options")?;
    let id = context.ec2_id("dopt");
    let row = DhcpOptions {
        id: id.clone(),
        configurations,
    };
    let shown = answer(region, &row);
    region.ec2.dhcp_options.insert(id.clone(), row);
    tags::keep(region, &id, tags);
    Ok(api::CreateDhcpOptionsResult {
        dhcp_options: Some(api::DhcpOptions {
            tags: tags::of(region, &id),
            ..shown
        }),
    })
}

pub(super) fn delete_dhcp_options(
    region: &mut Region,
    _: &Context,
    input: api::DeleteDhcpOptionsRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let id = input.dhcp_options_id;
    if !region.ec2.dhcp_options.contains(&id) {
        return Err(error::dhcp_options(&id));
    }
    if region.ec2.vpcs.values().any(|vpc| vpc.dhcp_options == id) {
        return Err(error::dependency(format!(
            "The dhcpOptions '{id}' has dependencies and cannot be deleted."
        )));
    }
    region.ec2.dhcp_options.remove(&id);
    tags::forget(region, &id);
    Ok(Unit {})
}

const OPTIONS: Kind<api::DhcpOptions> = Kind {
    id: |options| options.dhcp_options_id.clone().unwrap_or_default(),
    tags: |options| &options.tags,
    filters: &[
        ("dhcp-options-id", |one| text(one.dhcp_options_id.as_ref())),
        ("owner-id", |one| text(one.owner_id.as_ref())),
        ("key", |one| {
            each(one.dhcp_configurations.as_ref(), |entry| entry.key.clone())
        }),
        ("value", |one| {
            let entries = one.dhcp_configurations.iter().flatten();
            let values = entries.flat_map(|entry| entry.values.iter().flatten());
            values.filter_map(|value| value.value.clone()).collect()
        }),
    ],
    missing: error::dhcp_options,
};

pub(super) fn describe_dhcp_options(
    region: &Region,
    _: &Context,
    input: api::DescribeDhcpOptionsRequest,
) -> Result<api::DescribeDhcpOptionsResult, Error> {
    error::dry_run(input.dry_run)?;
    let all = region
        .ec2
        .dhcp_options
        .values()
        .map(|row| answer(region, row));
    let query = Query {
        ids: input.dhcp_options_ids,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (options, next_token) = OPTIONS.select(query, all)?;
    Ok(api::DescribeDhcpOptionsResult {
        dhcp_options: Some(options),
        next_token,
    })
}

fn answer(region: &Region, row: &DhcpOptions) -> api::DhcpOptions {
    let entries = row.configurations.iter().map(|(key, values)| {
        let values = values.iter().map(|value| api::AttributeValue {
            value: Some(value.clone()),
        });
        api::DhcpConfiguration {
            key: Some(key.clone()),
            values: Some(values.collect()),
        }
    });
    api::DhcpOptions {
        dhcp_configurations: Some(entries.collect()),
        dhcp_options_id: Some(row.id.clone()),
        owner_id: Some(region.settings.account.clone()),
        tags: tags::of(region, &row.id),
    }
}
