//! Network ACLs: stateless lists of what may cross a subnet's border.

use wire::{Error, Unit, ec2 as api};

use super::filter::{Kind, Query, each, text};
use super::state::{AclEntry, AclRange, NetworkAcl};
use super::{cidr, error, tags, vpc};
use crate::{Context, Region};

/// The closing entry, which denies what no other matched.
const LAST: i64 = 32_767;
/// Entries of one direction.
const MOST: usize = 20;

fn get<'a>(region: &'a Region, id: &str) -> Result<&'a NetworkAcl, Error> {
    region
        .ec2
        .network_acls
        .get(id)
        .ok_or_else(|| error::network_acl(id))
}

/// The id of a VPC's default list.
pub(super) fn default_of(region: &Region, vpc: &str) -> String {
    let mut all = region.ec2.network_acls.values();
    all.find(|acl| acl.vpc == vpc && acl.is_default)
        .map(|acl| acl.id.clone())
        .unwrap_or_default()
}

/// A VPC's default list, which lets everything through.
pub(super) fn make_default(region: &mut Region, context: &Context, vpc: &str) {
    let allow = |egress| AclEntry {
        number: 100,
        egress,
        allow: true,
        protocol: "-1".to_owned(),
        cidr: AclRange::Ipv4(ipnet::Ipv4Net::default()),
        ports: None,
        icmp: None,
    };
    let id = context.ec2_id("acl");
    let acl = NetworkAcl {
        id: id.clone(),
        vpc: vpc.to_owned(),
        is_default: true,
        entries: vec![allow(true), allow(false)],
    };
    region.ec2.network_acls.insert(id, acl);
}

pub(super) fn create_network_acl(
    region: &mut Region,
    context: &Context,
    input: api::CreateNetworkAclRequest,
) -> Result<api::CreateNetworkAclResult, Error> {
    error::dry_run(input.dry_run)?;
    vpc::get(region, &input.vpc_id)?;
    let tags = tags::specified(input.tag_specifications, "network-acl")?;
    let id = context.ec2_id("acl");
    let acl = NetworkAcl {
        id: id.clone(),
        vpc: input.vpc_id,
        is_default: false,
        entries: Vec::new(),
    };
    region.ec2.network_acls.insert(id.clone(), acl);
    tags::keep(region, &id, tags);
    Ok(api::CreateNetworkAclResult {
        network_acl: Some(answer(region, get(region, &id)?)),
        client_token: input.client_token,
    })
}

pub(super) fn delete_network_acl(
    region: &mut Region,
    _: &Context,
    input: api::DeleteNetworkAclRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let id = input.network_acl_id;
    if get(region, &id)?.is_default {
        return Err(error::invalid("cannot delete default network ACL"));
    }
    if region.ec2.subnets.values().any(|row| row.network_acl == id) {
        return Err(error::dependency(format!(
            "The networkAcl '{id}' has dependencies and cannot be deleted."
        )));
    }
    region.ec2.network_acls.remove(&id);
    tags::forget(region, &id);
    Ok(Unit {})
}

pub(super) fn replace_network_acl_association(
    region: &mut Region,
    context: &Context,
    input: api::ReplaceNetworkAclAssociationRequest,
) -> Result<api::ReplaceNetworkAclAssociationResult, Error> {
    error::dry_run(input.dry_run)?;
    let subnet = region
        .ec2
        .subnets
        .values()
        .find(|row| row.network_acl_association == input.association_id)
        .ok_or_else(|| error::association(&input.association_id))?;
    let acl = get(region, &input.network_acl_id)?;
    if acl.vpc != subnet.vpc {
        return Err(error::invalid(format!(
            "network ACL {} and subnet {} belong to different networks",
            acl.id, subnet.id
        )));
    }
    let subnet = subnet.id.clone();
    let id = context.ec2_id("aclassoc");
    if let Some(row) = region.ec2.subnets.get_mut(&subnet) {
        row.network_acl = input.network_acl_id;
        row.network_acl_association.clone_from(&id);
    }
    Ok(api::ReplaceNetworkAclAssociationResult {
        new_association_id: Some(id),
    })
}

/// What both entry calls say.
struct Asked {
    number: i64,
    egress: bool,
    action: api::RuleAction,
    protocol: String,
    cidr: Option<String>,
    ipv6: Option<String>,
    ports: Option<api::PortRange>,
    icmp: Option<api::IcmpTypeCode>,
}

fn read(asked: Asked) -> Result<AclEntry, Error> {
    let number = u16::try_from(asked.number)
        .ok()
        .filter(|number| (1..=32_766).contains(number))
        .ok_or_else(|| {
            error::invalid(format!(
                "Value ({}) for parameter ruleNumber is invalid. Rule number must be between 1 and 32766.",
                asked.number
            ))
        })?;
    let protocol = match asked.protocol.to_ascii_lowercase().as_str() {
        "tcp" => "6".to_owned(),
        "udp" => "17".to_owned(),
        "icmp" => "1".to_owned(),
        "icmpv6" => "58".to_owned(),
        "all" | "-1" => "-1".to_owned(),
        other if other.parse::<u8>().is_ok() => other.to_owned(),
        other => {
            return Err(error::invalid(format!(
                "Invalid value '{other}' for IP protocol. Unknown protocol."
            )));
        }
    };
    let range = match (asked.cidr, asked.ipv6) {
        (Some(text), None) => AclRange::Ipv4(cidr::parse_rule(&text)?),
        (None, Some(text)) => AclRange::Ipv6(cidr::parse_ipv6(&text)?),
        _ => {
            return Err(error::refused(
                "InvalidParameterCombination",
                "Exactly one of cidrBlock and ipv6CidrBlock must be specified.",
            ));
        }
    };
    let ports = match protocol.as_str() {
        "6" | "17" => {
            let asked = asked.ports.unwrap_or_default();
            let port = |value: Option<i64>| {
                value
                    .and_then(|value| u16::try_from(value).ok())
                    .ok_or_else(|| {
                        error::invalid("TCP and UDP entries need a port range from 0 to 65535")
                    })
            };
            let (from, to) = (port(asked.from)?, port(asked.to)?);
            if from > to {
                return Err(error::invalid(format!("Invalid port range ({from}:{to})")));
            }
            Some((from, to))
        }
        _ => None,
    };
    let icmp = match protocol.as_str() {
        "1" | "58" => {
            let asked = asked.icmp.ok_or_else(|| error::missing("icmpTypeCode"))?;
            Some((asked.r#type.unwrap_or(-1), asked.code.unwrap_or(-1)))
        }
        _ => None,
    };
    Ok(AclEntry {
        number,
        egress: asked.egress,
        allow: asked.action == api::RuleAction::Allow,
        protocol,
        cidr: range,
        ports,
        icmp,
    })
}

pub(super) fn create_network_acl_entry(
    region: &mut Region,
    _: &Context,
    input: api::CreateNetworkAclEntryRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let acl = get(region, &input.network_acl_id)?;
    let entry = read(Asked {
        number: input.rule_number,
        egress: input.egress,
        action: input.rule_action,
        protocol: input.protocol,
        cidr: input.cidr_block,
        ipv6: input.ipv6_cidr_block,
        ports: input.port_range,
        icmp: input.icmp_type_code,
    })?;
    let same = acl.entries.iter().filter(|one| one.egress == entry.egress);
    if same.clone().any(|one| one.number == entry.number) {
        return Err(error::refused(
            "NetworkAclEntryAlreadyExists",
            format!(
                "The network acl entry identified by {} already exists.",
                entry.number
            ),
        ));
    }
    if same.count() >= MOST {
        return Err(error::refused(
            "NetworkAclEntryLimitExceeded",
            "The maximum number of network acl entries has been reached.",
        ));
    }
    put(region, &input.network_acl_id, entry);
    Ok(Unit {})
}

/// Puts an entry in its place, replacing one of its number and direction.
fn put(region: &mut Region, acl: &str, entry: AclEntry) {
    if let Some(acl) = region.ec2.network_acls.get_mut(acl) {
        let place = |one: &AclEntry| (!one.egress, one.number);
        acl.entries.retain(|one| place(one) != place(&entry));
        acl.entries.push(entry);
        acl.entries.sort_by_key(place);
    }
}

fn unknown_entry(number: i64) -> Error {
    error::refused(
        "InvalidNetworkAclEntry.NotFound",
        format!("The network acl entry identified by {number} does not exist."),
    )
}

fn check_entry(acl: &NetworkAcl, number: i64, egress: bool) -> Result<(), Error> {
    let there = |one: &AclEntry| one.egress == egress && i64::from(one.number) == number;
    if acl.entries.iter().any(there) {
        return Ok(());
    }
    Err(unknown_entry(number))
}

pub(super) fn replace_network_acl_entry(
    region: &mut Region,
    _: &Context,
    input: api::ReplaceNetworkAclEntryRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    check_entry(
        get(region, &input.network_acl_id)?,
        input.rule_number,
        input.egress,
    )?;
    let entry = read(Asked {
        number: input.rule_number,
        egress: input.egress,
        action: input.rule_action,
        protocol: input.protocol,
        cidr: input.cidr_block,
        ipv6: input.ipv6_cidr_block,
        ports: input.port_range,
        icmp: input.icmp_type_code,
    })?;
    put(region, &input.network_acl_id, entry);
    Ok(Unit {})
}

pub(super) fn delete_network_acl_entry(
    region: &mut Region,
    _: &Context,
    input: api::DeleteNetworkAclEntryRequest,
) -> Result<Unit, Error> {
    error::dry_run(input.dry_run)?;
    let acl = get(region, &input.network_acl_id)?;
    check_entry(acl, input.rule_number, input.egress)?;
    if let Some(acl) = region.ec2.network_acls.get_mut(&input.network_acl_id) {
        acl.entries
            .retain(|one| one.egress != input.egress || i64::from(one.number) != input.rule_number);
    }
    Ok(Unit {})
}

const ACLS: Kind<api::NetworkAcl> = Kind {
    id: |acl| acl.network_acl_id.clone().unwrap_or_default(),
    tags: |acl| &acl.tags,
    filters: &[
        ("network-acl-id", |one| text(one.network_acl_id.as_ref())),
        ("vpc-id", |one| text(one.vpc_id.as_ref())),
        ("owner-id", |one| text(one.owner_id.as_ref())),
        ("default", |one| text(one.is_default.as_ref())),
        ("association.association-id", |one| {
            each(one.associations.as_ref(), |to| {
                to.network_acl_association_id.clone()
            })
        }),
        ("association.network-acl-id", |one| {
            each(one.associations.as_ref(), |to| to.network_acl_id.clone())
        }),
        ("association.subnet-id", |one| {
            each(one.associations.as_ref(), |to| to.subnet_id.clone())
        }),
        ("entry.cidr", |one| {
            each(one.entries.as_ref(), |entry| entry.cidr_block.clone())
        }),
        ("entry.ipv6-cidr", |one| {
            each(one.entries.as_ref(), |entry| entry.ipv6_cidr_block.clone())
        }),
        ("entry.egress", |one| {
            each(one.entries.as_ref(), |entry| {
                Some(entry.egress?.to_string())
            })
        }),
        ("entry.protocol", |one| {
            each(one.entries.as_ref(), |entry| entry.protocol.clone())
        }),
        ("entry.rule-action", |one| {
            each(one.entries.as_ref(), |entry| {
                Some(entry.rule_action?.to_string())
            })
        }),
        ("entry.rule-number", |one| {
            each(one.entries.as_ref(), |entry| {
                Some(entry.rule_number?.to_string())
            })
        }),
        ("entry.port-range.from", |one| {
            each(one.entries.as_ref(), |entry| {
                Some(entry.port_range.as_ref()?.from?.to_string())
            })
        }),
        ("entry.port-range.to", |one| {
            each(one.entries.as_ref(), |entry| {
                Some(entry.port_range.as_ref()?.to?.to_string())
            })
        }),
        ("entry.icmp.code", |one| {
            each(one.entries.as_ref(), |entry| {
                Some(entry.icmp_type_code.as_ref()?.code?.to_string())
            })
        }),
        ("entry.icmp.type", |one| {
            each(one.entries.as_ref(), |entry| {
                Some(entry.icmp_type_code.as_ref()?.r#type?.to_string())
            })
        }),
    ],
    missing: error::network_acl,
};

pub(super) fn describe_network_acls(
    region: &Region,
    _: &Context,
    input: api::DescribeNetworkAclsRequest,
) -> Result<api::DescribeNetworkAclsResult, Error> {
    error::dry_run(input.dry_run)?;
    let all = region
        .ec2
        .network_acls
        .values()
        .map(|row| answer(region, row));
    let query = Query {
        ids: input.network_acl_ids,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (acls, next_token) = ACLS.select(query, all)?;
    Ok(api::DescribeNetworkAclsResult {
        network_acls: Some(acls),
        next_token,
    })
}

fn answer(region: &Region, acl: &NetworkAcl) -> api::NetworkAcl {
    let subnets = region.ec2.subnets.values();
    let associations =
        subnets
            .filter(|row| row.network_acl == acl.id)
            .map(|row| api::NetworkAclAssociation {
                network_acl_association_id: Some(row.network_acl_association.clone()),
                network_acl_id: Some(acl.id.clone()),
                subnet_id: Some(row.id.clone()),
            });
    let direction = |egress| {
        let own = acl.entries.iter().filter(move |one| one.egress == egress);
        own.map(shown_entry).chain([closing(egress)])
    };
    api::NetworkAcl {
        associations: Some(associations.collect()),
        entries: Some(direction(true).chain(direction(false)).collect()),
        is_default: Some(acl.is_default),
        network_acl_id: Some(acl.id.clone()),
        owner_id: Some(region.settings.account.clone()),
        tags: tags::of(region, &acl.id),
        vpc_id: Some(acl.vpc.clone()),
    }
}

fn closing(egress: bool) -> api::NetworkAclEntry {
    api::NetworkAclEntry {
        cidr_block: Some("0.0.0.0/0".to_owned()),
        egress: Some(egress),
        protocol: Some("-1".to_owned()),
        rule_action: Some(api::RuleAction::Deny),
        rule_number: Some(LAST),
        ..Default::default()
    }
}

fn shown_entry(entry: &AclEntry) -> api::NetworkAclEntry {
    let mut shown = api::NetworkAclEntry {
        egress: Some(entry.egress),
        protocol: Some(entry.protocol.clone()),
        rule_action: Some(if entry.allow {
            api::RuleAction::Allow
        } else {
            api::RuleAction::Deny
        }),
        rule_number: Some(i64::from(entry.number)),
        port_range: entry.ports.map(|(from, to)| api::PortRange {
            from: Some(i64::from(from)),
            to: Some(i64::from(to)),
        }),
        icmp_type_code: entry.icmp.map(|(kind, code)| api::IcmpTypeCode {
            code: Some(code),
            r#type: Some(kind),
        }),
        ..Default::default()
    };
    match &entry.cidr {
        AclRange::Ipv4(range) => shown.cidr_block = Some(range.to_string()),
        AclRange::Ipv6(range) => shown.ipv6_cidr_block = Some(range.to_string()),
    }
    shown
}
