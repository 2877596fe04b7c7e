//! The prefix lists of the account's own: made, changed version by version, and deleted.
//!
//! AWS needs a moment for each step and tells so by `…-in-progress`; here the answer tells it, and
//! the step is complete when the next call asks. Sources: API_CreateManagedPrefixList and
//! API_ModifyManagedPrefixList of the EC2 API, and "Prefix lists" of the VPC user guide.

use std::collections::BTreeSet;

use ipnet::IpNet;
use wire::{Error, ec2 as api};

use super::super::state::{PrefixList as Row, PrefixListEntry as Entry};
use super::super::{cidr, error, security_group_rule, tags};
use super::{answer, associations, get};
use crate::{Context, Region};

/// How many entries a call may add or remove.
const MOST_CHANGES: usize = 100;
/// The quota of entries in a list, which AWS raises on request.
const MOST_ENTRIES: i64 = 1000;
const LONGEST_NAME: usize = 255;

fn row<'a>(region: &'a Region, id: &str) -> Result<&'a Row, Error> {
    if let Some(row) = region.ec2.prefix_lists.get(id) {
        return Ok(row);
    }
    // One of AWS's is there, but not for us to change.
    let list = get(region, id)?;
    Err(error::refused(
        "OperationNotPermitted",
        format!("The prefix list {} ({id}) is owned by AWS.", list.name),
    ))
}

pub(in super::super) fn create_managed_prefix_list(
    region: &mut Region,
    context: &Context,
    input: api::CreateManagedPrefixListRequest,
) -> Result<api::CreateManagedPrefixListResult, Error> {
    error::dry_run(input.dry_run)?;
    let tags = tags::specified(input.tag_specifications, "prefix-list")?;
    let token = input.client_token.filter(|token| !token.is_empty());
    if let Some(token) = &token {
        let mut rows = region.ec2.prefix_lists.values();
        if let Some(same) = rows.find(|row| row.client_token.as_ref() == Some(token)) {
            return Ok(api::CreateManagedPrefixListResult {
                prefix_list: Some(answer(region, &same.into())),
            });
        }
    }
    let ipv6 = match input.address_family.as_str() {
        "IPv4" => false,
        "IPv6" => true,
        other => {
            return Err(error::invalid(format!(
                "The address family {other} is not valid: it is IPv4 or IPv6."
            )));
        }
    };
    check_name(&input.prefix_list_name)?;
    check_size(input.max_entries)?;
    let entries = added(Vec::new(), input.entries.unwrap_or_default(), ipv6)?;
    let id = context.ec2_id("pl");
    let list = Row {
        id: id.clone(),
        name: input.prefix_list_name,
        ipv6,
        max_entries: input.max_entries,
        state: api::PrefixListState::CreateComplete,
        versions: vec![entries],
        client_token: token,
    };
    check_room(&list)?;
    region.ec2.prefix_lists.insert(id.clone(), list);
    tags::keep(region, &id, tags);
    Ok(api::CreateManagedPrefixListResult {
        prefix_list: Some(in_progress(
            region,
            &id,
            api::PrefixListState::CreateInProgress,
        )?),
    })
}

pub(in super::super) fn modify_managed_prefix_list(
    region: &mut Region,
    _: &Context,
    input: api::ModifyManagedPrefixListRequest,
) -> Result<api::ModifyManagedPrefixListResult, Error> {
    error::dry_run(input.dry_run)?;
    error::none_of(&[(
        "IPAM's prefix list resolvers",
        input.ipam_prefix_list_resolver_sync_enabled == Some(true),
    )])?;
    let mut list = row(region, &input.prefix_list_id)?.clone();
    if let Some(version) = input.current_version
        && version != list.version()
    {
        return Err(error::refused(
            "PrefixListVersionMismatch",
            "The prefix list has the incorrect version number.",
        ));
    }
    if let Some(name) = input.prefix_list_name {
        check_name(&name)?;
        list.name = name;
    }
    let add = input.add_entries.unwrap_or_default();
    let remove = input.remove_entries.unwrap_or_default();
    let changes = !add.is_empty() || !remove.is_empty();
    if add.len() + remove.len() > MOST_CHANGES {
        return Err(error::invalid(format!(
            "The request cannot contain more than {MOST_CHANGES} entry additions or removals."
        )));
    }
    if let Some(most) = input.max_entries {
        if changes {
            return Err(error::invalid(
                "You cannot modify the entries of a prefix list and its size in one request.",
            ));
        }
        check_size(most)?;
        check_references(region, &list, most)?;
        list.max_entries = most;
    }
    if changes {
        if input.current_version.is_none() {
            return Err(error::missing("CurrentVersion"));
        }
        let kept = removed(list.entries().to_vec(), &remove)?;
        list.versions.push(added(kept, add, list.ipv6)?);
    }
    check_room(&list)?;
    list.state = api::PrefixListState::ModifyComplete;
    let id = list.id.clone();
    region.ec2.prefix_lists.insert(id.clone(), list);
    Ok(api::ModifyManagedPrefixListResult {
        prefix_list: Some(in_progress(
            region,
            &id,
            api::PrefixListState::ModifyInProgress,
        )?),
    })
}

pub(in super::super) fn delete_managed_prefix_list(
    region: &mut Region,
    _: &Context,
    input: api::DeleteManagedPrefixListRequest,
) -> Result<api::DeleteManagedPrefixListResult, Error> {
    error::dry_run(input.dry_run)?;
    let id = input.prefix_list_id;
    row(region, &id)?;
    if let Some(by) = associations(region, &id).first() {
        return Err(error::dependency(format!(
            "The prefix list '{id}' is referenced by {by} and cannot be deleted."
        )));
    }
    let list = in_progress(region, &id, api::PrefixListState::DeleteInProgress)?;
    region.ec2.prefix_lists.remove(&id);
    tags::forget(region, &id);
    Ok(api::DeleteManagedPrefixListResult {
        prefix_list: Some(list),
    })
}

/// The entries of one of a list's versions.
pub(super) fn version(list: &Row, number: i64) -> Result<&[Entry], Error> {
    usize::try_from(number)
        .ok()
        .and_then(|number| list.versions.get(number.checked_sub(1)?))
        .map(Vec::as_slice)
        .ok_or_else(|| {
            error::invalid(format!(
                "The prefix list {} has no version {number}.",
                list.id
            ))
        })
}

/// A list as it is while a step is on its way.
fn in_progress(
    region: &Region,
    id: &str,
    state: api::PrefixListState,
) -> Result<api::ManagedPrefixList, Error> {
    Ok(api::ManagedPrefixList {
        state: Some(state),
        ..answer(region, &row(region, id)?.into())
    })
}

fn added(
    mut entries: Vec<Entry>,
    new: Vec<api::AddPrefixListEntry>,
    ipv6: bool,
) -> Result<Vec<Entry>, Error> {
    if new.len() > MOST_CHANGES {
        return Err(error::invalid(format!(
            "The request cannot contain more than {MOST_CHANGES} entry additions or removals."
        )));
    }
    let mut there: BTreeSet<IpNet> = entries.iter().map(|entry| entry.cidr).collect();
    for entry in new {
        let range: IpNet = if ipv6 {
            cidr::parse_ipv6(&entry.cidr)?.into()
        } else {
            cidr::parse_rule(&entry.cidr)?.into()
        };
        if !there.insert(range) {
            return Err(error::refused(
                "InvalidPrefixListModification",
                format!("The entry {range} already exists."),
            ));
        }
        entries.push(Entry {
            cidr: range,
            description: entry.description.filter(|text| !text.is_empty()),
        });
    }
    entries.sort_by_key(|entry| entry.cidr);
    Ok(entries)
}

fn removed(
    mut entries: Vec<Entry>,
    gone: &[api::RemovePrefixListEntry],
) -> Result<Vec<Entry>, Error> {
    for entry in gone {
        let range: Option<IpNet> = entry.cidr.parse().ok();
        let place = entries
            .iter()
            .position(|kept| Some(kept.cidr) == range.map(|range| range.trunc()));
        let Some(place) = place else {
            return Err(error::refused(
                "InvalidPrefixListModification",
                format!("The entry {} does not exist.", entry.cidr),
            ));
        };
        entries.remove(place);
    }
    Ok(entries)
}

fn check_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.chars().count() > LONGEST_NAME {
        return Err(error::invalid(format!(
            "The name of a prefix list has 1 to {LONGEST_NAME} characters."
        )));
    }
    if name.starts_with("com.amazonaws") {
        return Err(error::invalid(
            "The name of a prefix list cannot begin with com.amazonaws.",
        ));
    }
    Ok(())
}

fn check_size(most: i64) -> Result<(), Error> {
    if (1..=MOST_ENTRIES).contains(&most) {
        return Ok(());
    }
    Err(error::invalid(format!(
        "The maximum number of entries of a prefix list is from 1 to {MOST_ENTRIES}."
    )))
}

fn check_room(list: &Row) -> Result<(), Error> {
    let count = i64::try_from(list.entries().len()).unwrap_or(i64::MAX);
    if count > list.max_entries {
        return Err(error::refused(
            "PrefixListMaxEntriesExceeded",
            "You've reached the maximum number of entries for the prefix list.",
        ));
    }
    Ok(())
}

/// Whether all security groups that name a list still keep to their quota when it takes so many
/// entries.
fn check_references(region: &Region, list: &Row, most: i64) -> Result<(), Error> {
    let more = most - list.max_entries;
    let full = region
        .ec2
        .security_groups
        .values()
        .find(|group| !security_group_rule::fits(region, group, &list.id, more));
    match full {
        None => Ok(()),
        Some(group) => Err(error::refused(
            "RulesPerSecurityGroupLimitExceeded",
            format!(
                "The prefix list {} cannot have {most} entries: {} would have too many rules.",
                list.id, group.id
            ),
        )),
    }
}
