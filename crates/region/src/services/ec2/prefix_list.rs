//! Prefix lists: those that AWS keeps (the addresses of S3 and DynamoDB), and the account's own,
//! which [`own`] changes.

pub(super) mod own;

use ipnet::{IpNet, Ipv4Net};
use sha2::{Digest, Sha256};
use wire::{Error, ec2 as api};

use super::filter::{Kind, Query, page, text};
use super::state::{self, Destination, Peer, PrefixListEntry};
use super::{aws_service, error, tags};
use crate::{Context, Region, Settings};

/// A list, whoever keeps it.
pub(super) struct PrefixList {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) entries: Vec<PrefixListEntry>,
    /// What a rule that names the list counts for.
    pub(super) max_entries: i64,
    ipv6: bool,
    /// `None`: AWS's.
    own: Option<(api::PrefixListState, i64)>,
}

impl PrefixList {
    /// Where packets may come from or go to; none here is of IPv6.
    pub(super) fn ranges(&self) -> Vec<Ipv4Net> {
        let cidrs = self.entries.iter().map(|entry| entry.cidr);
        cidrs
            .filter_map(|cidr| match cidr {
                IpNet::V4(range) => Some(range),
                IpNet::V6(_) => None,
            })
            .collect()
    }
}

impl From<&state::PrefixList> for PrefixList {
    fn from(row: &state::PrefixList) -> Self {
        Self {
            id: row.id.clone(),
            name: row.name.clone(),
            entries: row.entries().to_vec(),
            max_entries: row.max_entries,
            ipv6: row.ipv6,
            own: Some((row.state, row.version())),
        }
    }
}

/// AWS's own ids where they are known; they are the same for every account.
const IDS: &[(&str, &str, &str)] = &[
    ("eu-central-1", "s3", "pl-6ea54007"),
    ("eu-central-1", "dynamodb", "pl-66a5400f"),
];

fn all(region: &Region) -> impl Iterator<Item = PrefixList> {
    let settings = &region.settings;
    let kept_by_aws = aws_service::SERVICES
        .iter()
        .filter(|service| service.gateway)
        .map(|service| PrefixList {
            id: id(settings, service.name),
            name: service.full_name(settings),
            entries: aws_service::range(service.name)
                .into_iter()
                .map(|range| PrefixListEntry {
                    cidr: range.into(),
                    description: None,
                })
                .collect(),
            max_entries: 1,
            ipv6: false,
            own: None,
        });
    let own = region.ec2.prefix_lists.values().map(PrefixList::from);
    kept_by_aws.chain(own)
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
    all(region)
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
    // Only AWS's own are told here.
    let lists = all(region)
        .filter(|list| list.own.is_none())
        .map(|list| api::PrefixList {
            cidrs: Some(list.ranges().iter().map(ToString::to_string).collect()),
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
    let lists = all(region).map(|list| answer(region, &list));
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

fn answer(region: &Region, list: &PrefixList) -> api::ManagedPrefixList {
    let Settings {
        region: name,
        account,
        ..
    } = &region.settings;
    let owner = if list.own.is_some() { account } else { "aws" };
    let (state, version) = list
        .own
        .unwrap_or((api::PrefixListState::CreateComplete, 1));
    api::ManagedPrefixList {
        address_family: Some(if list.ipv6 { "IPv6" } else { "IPv4" }.to_owned()),
        max_entries: Some(list.max_entries),
        owner_id: Some(if list.own.is_some() {
            account.clone()
        } else {
            "AWS".to_owned()
        }),
        prefix_list_arn: Some(format!(
            "arn:aws:ec2:{name}:{owner}:prefix-list/{}",
            list.id
        )),
        prefix_list_id: Some(list.id.clone()),
        prefix_list_name: Some(list.name.clone()),
        state: Some(state),
        tags: tags::of(region, &list.id),
        version: Some(version),
        ..Default::default()
    }
}

pub(super) fn get_managed_prefix_list_entries(
    region: &Region,
    _: &Context,
    input: api::GetManagedPrefixListEntriesRequest,
) -> Result<api::GetManagedPrefixListEntriesResult, Error> {
    error::dry_run(input.dry_run)?;
    let mut list = get(region, &input.prefix_list_id)?;
    if let (Some(wanted), Some(row)) = (
        input.target_version,
        region.ec2.prefix_lists.get(&input.prefix_list_id),
    ) {
        list.entries = own::version(row, wanted)?.to_vec();
    }
    let entries = list.entries.into_iter().map(|entry| api::PrefixListEntry {
        cidr: Some(entry.cidr.to_string()),
        description: entry.description,
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

/// What names a list, in order: security groups and route tables.
fn associations(region: &Region, id: &str) -> Vec<String> {
    let peer = Peer::PrefixList(id.to_owned());
    let destination = Destination::PrefixList(id.to_owned());
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
    let mut ids: Vec<String> = ids.cloned().collect();
    ids.sort();
    ids
}

pub(super) fn get_managed_prefix_list_associations(
    region: &Region,
    _: &Context,
    input: api::GetManagedPrefixListAssociationsRequest,
) -> Result<api::GetManagedPrefixListAssociationsResult, Error> {
    error::dry_run(input.dry_run)?;
    let list = get(region, &input.prefix_list_id)?;
    let all = associations(region, &list.id);
    let all = all.into_iter().map(|id| api::PrefixListAssociation {
        resource_id: Some(id),
        resource_owner: Some(region.settings.account.clone()),
    });
    let (associations, next_token) = page(
        all.collect(),
        |one| one.resource_id.clone().unwrap_or_default(),
        input.max_results,
        input.next_token,
    )?;
    Ok(api::GetManagedPrefixListAssociationsResult {
        prefix_list_associations: Some(associations),
        next_token,
    })
}
