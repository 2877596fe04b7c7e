//! The prefix lists that AWS keeps: the addresses of S3 and DynamoDB.

use ipnet::Ipv4Net;
use sha2::{Digest, Sha256};
use wire::{Error, ec2 as api};

use super::filter::{Kind, Query, page, text};
use super::state::{Destination, Peer};
use super::{aws_service, error};
use crate::{Context, Region, Settings};

pub(super) struct PrefixList {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) ranges: Vec<Ipv4Net>,
    /// What a rule that names the list counts for.
    pub(super) max_entries: i64,
}

/// AWS's own ids where they are known; they are the same for every account.
const IDS: &[(&str, &str, &str)] = &[
    ("eu-central-1", "s3", "pl-6ea54007"),
    ("eu-central-1", "dynamodb", "pl-66a5400f"),
];

fn all(settings: &Settings) -> Vec<PrefixList> {
    aws_service::SERVICES
        .iter()
        .filter(|service| service.gateway)
        .map(|service| PrefixList {
            id: id(settings, service.name),
            name: service.full_name(settings),
            ranges: aws_service::range(service.name).into_iter().collect(),
            max_entries: 1,
        })
        .collect()
}

/// The id of a service's list.
pub(super) fn id(settings: &Settings, service: &str) -> String {
    let known = IDS
        .iter()
        .find(|(region, name, _)| *region == settings.region && *name == service);
    if let Some((_, _, id)) = known {
        return (*id).to_owned();
    }
    let digest = Sha256::digest(format!("{}/{service}", settings.region));
    format!("pl-{}", hex::encode(&digest[..4]))
}

pub(super) fn get(region: &Region, id: &str) -> Result<PrefixList, Error> {
    all(&region.settings)
        .into_iter()
        .find(|list| list.id == id)
        .ok_or_else(|| error::prefix_list(id))
}

const LISTS: Kind<api::PrefixList> = Kind {
    id: |list| list.prefix_list_id.clone().unwrap_or_default(),
    tags: |_| &None,
    filters: &[
        ("prefix-list-id", |one| text(one.prefix_list_id.as_ref())),
        ("prefix-list-name", |one| {
            text(one.prefix_list_name.as_ref())
        }),
    ],
    missing: error::prefix_list,
};

pub(super) fn describe_prefix_lists(
    region: &Region,
    _: &Context,
    input: api::DescribePrefixListsRequest,
) -> Result<api::DescribePrefixListsResult, Error> {
    error::dry_run(input.dry_run)?;
    let lists = all(&region.settings)
        .into_iter()
        .map(|list| api::PrefixList {
            cidrs: Some(list.ranges.iter().map(ToString::to_string).collect()),
            prefix_list_id: Some(list.id),
            prefix_list_name: Some(list.name),
        });
    let query = Query {
        ids: input.prefix_list_ids,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (prefix_lists, next_token) = LISTS.select(query, lists)?;
    Ok(api::DescribePrefixListsResult {
        prefix_lists: Some(prefix_lists),
        next_token,
    })
}

const MANAGED: Kind<api::ManagedPrefixList> = Kind {
    id: |list| list.prefix_list_id.clone().unwrap_or_default(),
    tags: |list| &list.tags,
    filters: &[
        ("owner-id", |one| text(one.owner_id.as_ref())),
        ("prefix-list-id", |one| text(one.prefix_list_id.as_ref())),
        ("prefix-list-name", |one| {
            text(one.prefix_list_name.as_ref())
        }),
    ],
    missing: error::prefix_list,
};

pub(super) fn describe_managed_prefix_lists(
    region: &Region,
    _: &Context,
    input: api::DescribeManagedPrefixListsRequest,
) -> Result<api::DescribeManagedPrefixListsResult, Error> {
    error::dry_run(input.dry_run)?;
    let name = &region.settings.region;
    let lists = all(&region.settings)
        .into_iter()
        .map(|list| api::ManagedPrefixList {
            address_family: Some("IPv4".to_owned()),
            max_entries: Some(list.max_entries),
            owner_id: Some("AWS".to_owned()),
            prefix_list_arn: Some(format!("arn:aws:ec2:{name}:aws:prefix-list/{}", list.id)),
            prefix_list_id: Some(list.id),
            prefix_list_name: Some(list.name),
            state: Some(api::PrefixListState::CreateComplete),
            version: Some(1),
            ..Default::default()
        });
    let query = Query {
        ids: input.prefix_list_ids,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (prefix_lists, next_token) = MANAGED.select(query, lists)?;
    Ok(api::DescribeManagedPrefixListsResult {
        prefix_lists: Some(prefix_lists),
        next_token,
    })
}

pub(super) fn get_managed_prefix_list_entries(
    region: &Region,
    _: &Context,
    input: api::GetManagedPrefixListEntriesRequest,
) -> Result<api::GetManagedPrefixListEntriesResult, Error> {
    error::dry_run(input.dry_run)?;
    let list = get(region, &input.prefix_list_id)?;
    let entries = list.ranges.iter().map(|range| api::PrefixListEntry {
        cidr: Some(range.to_string()),
        description: None,
    });
    let (entries, next_token) = page(
        entries.collect(),
        |entry| entry.cidr.clone().unwrap_or_default(),
        input.max_results,
        input.next_token,
    )?;
    Ok(api::GetManagedPrefixListEntriesResult {
        entries: Some(entries),
        next_token,
    })
}

/// What names a list: security groups and route tables.
pub(super) fn get_managed_prefix_list_associations(
    region: &Region,
    _: &Context,
    input: api::GetManagedPrefixListAssociationsRequest,
) -> Result<api::GetManagedPrefixListAssociationsResult, Error> {
    error::dry_run(input.dry_run)?;
    let list = get(region, &input.prefix_list_id)?;
    let peer = Peer::PrefixList(list.id.clone());
    let destination = Destination::PrefixList(list.id);
    let groups = region
        .ec2
        .security_groups
        .values()
        .filter(|group| group.rules.iter().any(|rule| rule.permission.peer == peer));
    let tables = region.ec2.route_tables.values().filter(|table| {
        table
            .routes
            .iter()
            .any(|route| route.destination == destination)
    });
    let ids = groups
        .map(|group| &group.id)
        .chain(tables.map(|table| &table.id));
    let all = ids.map(|id| api::PrefixListAssociation {
        resource_id: Some(id.clone()),
        resource_owner: Some(region.settings.account.clone()),
    });
    let mut all: Vec<_> = all.collect();
    all.sort_by(|one, other| one.resource_id.cmp(&other.resource_id));
    let (associations, next_token) = page(
        all,
        |one| one.resource_id.clone().unwrap_or_default(),
        input.max_results,
        input.next_token,
    )?;
    Ok(api::GetManagedPrefixListAssociationsResult {
        prefix_list_associations: Some(associations),
        next_token,
    })
}
