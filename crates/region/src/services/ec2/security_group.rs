//! Security groups.

use wire::{Error, ec2 as api};

use super::filter::{Attribute, Kind, Query, text};
use super::state::{Peer, Permission, SecurityGroup, SecurityGroupRule};
use super::{error, permission, tags, vpc};
use crate::{Context, Region};

/// The group every VPC has, which cannot be deleted.
pub(super) const DEFAULT: &str = "default";
/// Groups of a region.
const MOST: usize = 2500;

/// A group by its id.
pub fn get<'a>(region: &'a Region, id: &str) -> Result<&'a SecurityGroup, Error> {
    region
        .ec2
        .security_groups
        .get(id)
        .ok_or_else(|| error::security_group(id))
}

/// The id of a VPC's default group.
pub fn default_of(region: &Region, vpc: &str) -> Option<String> {
    by_name(region, vpc, DEFAULT).map(|group| group.id.clone())
}

fn by_name<'a>(region: &'a Region, vpc: &str, name: &str) -> Option<&'a SecurityGroup> {
    region
        .ec2
        .security_groups
        .values()
        .find(|group| group.vpc == vpc && group.name == name)
}

/// A group that a request names by id or, in the default VPC, by name.
pub(super) fn named(
    region: &Region,
    id: Option<String>,
    name: Option<String>,
) -> Result<String, Error> {
    match (id, name) {
        (Some(id), _) => get(region, &id).map(|group| group.id.clone()),
        (None, Some(name)) => vpc::default(region)
            .and_then(|vpc| by_name(region, &vpc.id, &name))
            .map(|group| group.id.clone())
            .ok_or_else(|| error::security_group(&name)),
        (None, None) => Err(error::missing("groupName or groupId")),
    }
}

/// A VPC's default group: its members may talk to each other, and everything may go out.
pub(super) fn make_default(region: &mut Region, context: &Context, vpc: &str) {
    let id = make(region, context, vpc, DEFAULT, "default VPC security group");
    let own = SecurityGroupRule {
        id: context.ec2_id("sgr"),
        egress: false,
        permission: Permission {
            protocol: "-1".to_owned(),
            from: -1,
            to: -1,
            peer: Peer::Group(id.clone()),
        },
        description: None,
    };
    if let Some(group) = region.ec2.security_groups.get_mut(&id) {
        group.rules.push(own);
    }
}

fn make(
    region: &mut Region,
    context: &Context,
    vpc: &str,
    name: &str,
    description: &str,
) -> String {
    let id = context.ec2_id("sg");
    let all_out = SecurityGroupRule {
        id: context.ec2_id("sgr"),
        egress: true,
        permission: Permission {
            protocol: "-1".to_owned(),
            from: -1,
            to: -1,
            peer: Peer::Cidr(ipnet::Ipv4Net::default()),
        },
        description: None,
    };
    let group = SecurityGroup {
        id: id.clone(),
        name: name.to_owned(),
        description: description.to_owned(),
        vpc: vpc.to_owned(),
        rules: vec![all_out],
    };
    region.ec2.security_groups.insert(id.clone(), group);
    id
}

pub(super) fn create_security_group(
    region: &mut Region,
    context: &Context,
    input: api::CreateSecurityGroupRequest,
) -> Result<api::CreateSecurityGroupResult, Error> {
    error::dry_run(input.dry_run)?;
    let name = input.group_name;
    check_name(&name)?;
    check_description(&input.description)?;
    let vpc = match input.vpc_id {
        Some(id) => vpc::get(region, &id)?,
        None => vpc::default(region)
            .ok_or_else(|| error::refused("VPCIdNotSpecified", "No default VPC for this user"))?,
    };
    if by_name(region, &vpc.id, &name).is_some() {
        return Err(error::refused(
            "InvalidGroup.Duplicate",
            format!(
                "The security group '{name}' already exists for VPC '{}'",
                vpc.id
            ),
        ));
    }
    if region.ec2.security_groups.len() >= MOST {
        return Err(error::refused(
            "SecurityGroupLimitExceeded",
            "The maximum number of security groups has been reached.",
        ));
    }
    let tags = tags::specified(input.tag_specifications, "security-group")?;
    let vpc = vpc.id.clone();
    let id = make(region, context, &vpc, &name, &input.description);
    tags::keep(region, &id, tags);
    Ok(api::CreateSecurityGroupResult {
        security_group_arn: Some(arn(region, &id)),
        tags: tags::of(region, &id),
        group_id: Some(id),
    })
}

fn check_name(name: &str) -> Result<(), Error> {
    if name == DEFAULT {
        return Err(error::refused(
            "InvalidGroup.Reserved",
            "Cannot use reserved security group name: default",
        ));
    }
    if name.starts_with("sg-") {
        return Err(error::invalid(format!(
            "Invalid value '{name}' for groupName. Group names may not be in the format sg-*."
        )));
    }
    if name.is_empty() || !plain(name) {
        return Err(error::invalid(
            "Invalid security group name. Valid names are non-empty strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        ));
    }
    Ok(())
}

fn check_description(text: &str) -> Result<(), Error> {
    if text.is_empty() || !plain(text) {
        return Err(error::invalid(
            "Invalid security group description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        ));
    }
    Ok(())
}

fn plain(text: &str) -> bool {
    let valid =
        |letter: char| letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter);
    text.chars().count() <= 255 && text.chars().all(valid)
}

pub(super) fn delete_security_group(
    region: &mut Region,
    _: &Context,
    input: api::DeleteSecurityGroupRequest,
) -> Result<api::DeleteSecurityGroupResult, Error> {
    error::dry_run(input.dry_run)?;
    let id = named(region, input.group_id, input.group_name)?;
    let group = get(region, &id)?;
    if group.name == DEFAULT {
        return Err(error::refused(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        ));
    }
    let on_interface = region
        .ec2
        .interfaces
        .values()
        .any(|row| row.security_groups.contains(&id));
    let on_endpoint = region
        .ec2
        .endpoints
        .values()
        .any(|row| row.security_groups.contains(&id));
    if on_interface || on_endpoint || is_referenced(region, &id) {
        return Err(error::dependency(format!(
            "resource {id} has a dependent object"
        )));
    }
    let rules: Vec<String> = group.rules.iter().map(|rule| rule.id.clone()).collect();
    region.ec2.security_groups.remove(&id);
    for rule in rules {
        tags::forget(region, &rule);
    }
    tags::forget(region, &id);
    Ok(api::DeleteSecurityGroupResult {
        group_id: Some(id),
        r#return: Some(true),
    })
}

/// Whether another group's rule names the group.
fn is_referenced(region: &Region, id: &str) -> bool {
    let mut others = region
        .ec2
        .security_groups
        .values()
        .filter(|group| group.id != id);
    others.any(|group| {
        group
            .rules
            .iter()
            .any(|rule| rule.permission.peer == Peer::Group(id.to_owned()))
    })
}

/// The filters on permissions, for one direction.
macro_rules! permission_filters {
    ($($prefix:literal, $member:ident);*) => {
        [$(
            (concat!($prefix, ".cidr"), |group| each_permission(group.$member.as_ref(), |one, to| {
                to.extend(one.ip_ranges.iter().flatten().filter_map(|range| range.cidr_ip.clone()));
            })),
            (concat!($prefix, ".ipv6-cidr"), |group| each_permission(group.$member.as_ref(), |one, to| {
                to.extend(one.ipv6_ranges.iter().flatten().filter_map(|range| range.cidr_ipv6.clone()));
            })),
            (concat!($prefix, ".from-port"), |group| each_permission(group.$member.as_ref(), |one, to| {
                to.extend(one.from_port.map(|port| port.to_string()));
            })),
            (concat!($prefix, ".to-port"), |group| each_permission(group.$member.as_ref(), |one, to| {
                to.extend(one.to_port.map(|port| port.to_string()));
            })),
            (concat!($prefix, ".protocol"), |group| each_permission(group.$member.as_ref(), |one, to| {
                to.extend(one.ip_protocol.clone());
            })),
            (concat!($prefix, ".group-id"), |group| each_permission(group.$member.as_ref(), |one, to| {
                to.extend(one.user_id_group_pairs.iter().flatten().filter_map(|pair| pair.group_id.clone()));
            })),
            (concat!($prefix, ".group-name"), |_| Vec::new()),
            (concat!($prefix, ".user-id"), |group| each_permission(group.$member.as_ref(), |one, to| {
                to.extend(one.user_id_group_pairs.iter().flatten().filter_map(|pair| pair.user_id.clone()));
            })),
            (concat!($prefix, ".prefix-list-id"), |group| each_permission(group.$member.as_ref(), |one, to| {
                to.extend(one.prefix_list_ids.iter().flatten().filter_map(|list| list.prefix_list_id.clone()));
            })),
        )*
            ("description", |group| text(group.description.as_ref())),
            ("group-id", |group| text(group.group_id.as_ref())),
            ("group-name", |group| text(group.group_name.as_ref())),
            ("owner-id", |group| text(group.owner_id.as_ref())),
            ("vpc-id", |group| text(group.vpc_id.as_ref())),
        ]
    };
}

fn each_permission(
    permissions: Option<&Vec<api::IpPermission>>,
    values: fn(&api::IpPermission, &mut Vec<String>),
) -> Vec<String> {
    let mut all = Vec::new();
    for permission in permissions.into_iter().flatten() {
        values(permission, &mut all);
    }
    all
}

const FILTERS: &[Attribute<api::SecurityGroup>] = &permission_filters!("ip-permission", ip_permissions; "egress.ip-permission", ip_permissions_egress);

const GROUPS: Kind<api::SecurityGroup> = Kind {
    id: |group| group.group_id.clone().unwrap_or_default(),
    tags: |group| &group.tags,
    filters: FILTERS,
    missing: error::security_group,
};

pub(super) fn describe_security_groups(
    region: &Region,
    _: &Context,
    input: api::DescribeSecurityGroupsRequest,
) -> Result<api::DescribeSecurityGroupsResult, Error> {
    error::dry_run(input.dry_run)?;
    let mut ids = input.group_ids.unwrap_or_default();
    for name in input.group_names.into_iter().flatten() {
        ids.push(named(region, None, Some(name))?);
    }
    let all = region
        .ec2
        .security_groups
        .values()
        .map(|row| answer(region, row));
    let query = Query {
        ids: Some(ids),
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (groups, next_token) = GROUPS.select(query, all)?;
    Ok(api::DescribeSecurityGroupsResult {
        security_groups: Some(groups),
        next_token,
    })
}

fn arn(region: &Region, id: &str) -> String {
    region
        .settings
        .arn("ec2", format_args!("security-group/{id}"))
}

fn answer(region: &Region, group: &SecurityGroup) -> api::SecurityGroup {
    api::SecurityGroup {
        description: Some(group.description.clone()),
        group_id: Some(group.id.clone()),
        group_name: Some(group.name.clone()),
        ip_permissions: Some(permission::grouped(region, group, false)),
        ip_permissions_egress: Some(permission::grouped(region, group, true)),
        owner_id: Some(region.settings.account.clone()),
        security_group_arn: Some(arn(region, &group.id)),
        tags: tags::of(region, &group.id),
        vpc_id: Some(group.vpc.clone()),
    }
}

/// Only peered VPCs can refer to a group from elsewhere, and there is no peering.
pub(super) fn describe_security_group_references(
    region: &Region,
    _: &Context,
    input: api::DescribeSecurityGroupReferencesRequest,
) -> Result<api::DescribeSecurityGroupReferencesResult, Error> {
    error::dry_run(input.dry_run)?;
    for id in &input.group_id {
        get(region, id)?;
    }
    Ok(api::DescribeSecurityGroupReferencesResult {
        security_group_reference_set: Some(Vec::new()),
    })
}

/// A rule becomes stale when a peering ends, and there is no peering.
pub(super) fn describe_stale_security_groups(
    region: &Region,
    _: &Context,
    input: api::DescribeStaleSecurityGroupsRequest,
) -> Result<api::DescribeStaleSecurityGroupsResult, Error> {
    error::dry_run(input.dry_run)?;
    vpc::get(region, &input.vpc_id)?;
    Ok(api::DescribeStaleSecurityGroupsResult {
        stale_security_group_set: Some(Vec::new()),
        next_token: None,
    })
}

const GROUPS_FOR_VPC: Kind<api::SecurityGroupForVpc> = Kind {
    id: |group| group.group_id.clone().unwrap_or_default(),
    tags: |group| &group.tags,
    filters: &[
        ("group-id", |one| text(one.group_id.as_ref())),
        ("group-name", |one| text(one.group_name.as_ref())),
        ("description", |one| text(one.description.as_ref())),
        ("owner-id", |one| text(one.owner_id.as_ref())),
        ("primary-vpc-id", |one| text(one.primary_vpc_id.as_ref())),
    ],
    missing: error::security_group,
};

pub(super) fn get_security_groups_for_vpc(
    region: &Region,
    _: &Context,
    input: api::GetSecurityGroupsForVpcRequest,
) -> Result<api::GetSecurityGroupsForVpcResult, Error> {
    error::dry_run(input.dry_run)?;
    vpc::get(region, &input.vpc_id)?;
    let own = region.ec2.security_groups.values();
    let own = own.filter(|group| group.vpc == input.vpc_id);
    let all = own.map(|group| api::SecurityGroupForVpc {
        description: Some(group.description.clone()),
        group_id: Some(group.id.clone()),
        group_name: Some(group.name.clone()),
        owner_id: Some(region.settings.account.clone()),
        primary_vpc_id: Some(group.vpc.clone()),
        tags: tags::of(region, &group.id),
    });
    let query = Query {
        ids: None,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (groups, next_token) = GROUPS_FOR_VPC.select(query, all)?;
    Ok(api::GetSecurityGroupsForVpcResult {
        security_group_for_vpcs: Some(groups),
        next_token,
    })
}
