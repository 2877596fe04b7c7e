//! What security group rules say: read from requests, compared, and shown.

use wire::{Error, ec2 as api};

use super::state::{Peer, Permission, SecurityGroup, SecurityGroupRule};
use super::{cidr, error, prefix_list};
use crate::Region;

/// A permission and the description its range carries.
pub(super) type Described = (Permission, Option<String>);

/// The permissions of a request, one per peer. `vpc` is where groups may be referred to.
pub(super) fn read(
    region: &Region,
    vpc: &str,
    asked: Vec<api::IpPermission>,
) -> Result<Vec<Described>, Error> {
    let mut all: Vec<Described> = Vec::new();
    for one in asked {
        let protocol = protocol(one.ip_protocol.as_deref())?;
        let (from, to) = ports(&protocol, one.from_port, one.to_port)?;
        let mut peers = Vec::new();
        for range in one.ip_ranges.into_iter().flatten() {
            let text = range.cidr_ip.unwrap_or_default();
            peers.push((Peer::Cidr(cidr::parse_rule(&text)?), range.description));
        }
        for range in one.ipv6_ranges.into_iter().flatten() {
            let text = range.cidr_ipv6.unwrap_or_default();
            peers.push((Peer::Ipv6(cidr::parse_ipv6(&text)?), range.description));
        }
        for list in one.prefix_list_ids.into_iter().flatten() {
            let id = list.prefix_list_id.unwrap_or_default();
            prefix_list::get(region, &id)?;
            peers.push((Peer::PrefixList(id), list.description));
        }
        for pair in one.user_id_group_pairs.into_iter().flatten() {
            let id = referenced(region, vpc, pair.group_id, pair.group_name)?;
            peers.push((Peer::Group(id), pair.description));
        }
        if peers.is_empty() {
            return Err(error::missing(
                "cidrIp, cidrIpv6, prefixListId or groupId in ipPermissions",
            ));
        }
        for (peer, description) in peers {
            check_description(description.as_deref())?;
            let permission = Permission {
                protocol: protocol.clone(),
                from,
                to,
                peer,
            };
            if all.iter().any(|(other, _)| *other == permission) {
                return Err(error::invalid(
                    "The same permission must not appear multiple times",
                ));
            }
            all.push((permission, description.filter(|text| !text.is_empty())));
        }
    }
    Ok(all)
}

/// A permission out of a rule request, as `ModifySecurityGroupRules` has it.
pub(super) fn read_rule(
    region: &Region,
    vpc: &str,
    asked: api::SecurityGroupRuleRequest,
) -> Result<Described, Error> {
    let permission = api::IpPermission {
        ip_protocol: asked.ip_protocol,
        from_port: asked.from_port,
        to_port: asked.to_port,
        ip_ranges: asked.cidr_ipv4.map(|cidr_ip| {
            vec![api::IpRange {
                cidr_ip: Some(cidr_ip),
                description: asked.description.clone(),
            }]
        }),
        ipv6_ranges: asked.cidr_ipv6.map(|cidr_ipv6| {
            vec![api::Ipv6Range {
                cidr_ipv6: Some(cidr_ipv6),
                description: asked.description.clone(),
            }]
        }),
        prefix_list_ids: asked.prefix_list_id.map(|id| {
            vec![api::PrefixListId {
                prefix_list_id: Some(id),
                description: asked.description.clone(),
            }]
        }),
        user_id_group_pairs: asked.referenced_group_id.map(|id| {
            vec![api::UserIdGroupPair {
                group_id: Some(id),
                description: asked.description.clone(),
                ..Default::default()
            }]
        }),
    };
    let mut all = read(region, vpc, vec![permission])?;
    if all.len() != 1 {
        return Err(error::refused(
            "InvalidParameterCombination",
            "Exactly one source or destination must be specified in a security group rule.",
        ));
    }
    Ok(all.remove(0))
}

fn protocol(text: Option<&str>) -> Result<String, Error> {
    let text = text.unwrap_or("-1").to_ascii_lowercase();
    let name = match text.as_str() {
        "6" => "tcp",
        "17" => "udp",
        "1" => "icmp",
        "58" => "icmpv6",
        "all" => "-1",
        other => other,
    };
    let number = name.parse::<u8>().is_ok();
    if number || matches!(name, "tcp" | "udp" | "icmp" | "icmpv6" | "-1") {
        return Ok(name.to_owned());
    }
    Err(error::invalid(format!(
        "Invalid value '{text}' for IP protocol. Unknown protocol."
    )))
}

fn ports(protocol: &str, from: Option<i64>, to: Option<i64>) -> Result<(i64, i64), Error> {
    match protocol {
        "tcp" | "udp" => {
            let (Some(from), Some(to)) = (from, to) else {
                return Err(error::invalid(
                    "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
                ));
            };
            let valid = 0..=65_535;
            if !valid.contains(&from) || !valid.contains(&to) || from > to {
                let name = protocol.to_ascii_uppercase();
                return Err(error::invalid(format!(
                    "Invalid {name} port range ({from}:{to})"
                )));
            }
            Ok((from, to))
        }
        "icmp" | "icmpv6" => {
            let (from, to) = (from.unwrap_or(-1), to.unwrap_or(-1));
            let valid = -1..=255;
            if !valid.contains(&from) || !valid.contains(&to) {
                return Err(error::invalid(format!(
                    "ICMP code ({to}) or type ({from}) out of range"
                )));
            }
            Ok((from, to))
        }
        _ => Ok((-1, -1)),
    }
}

/// A group that a rule names, by its id or its name.
fn referenced(
    region: &Region,
    vpc: &str,
    id: Option<String>,
    name: Option<String>,
) -> Result<String, Error> {
    if let Some(id) = id {
        let group = region
            .ec2
            .security_groups
            .get(&id)
            .ok_or_else(|| error::security_group(&id))?;
        if group.vpc != vpc {
            return Err(error::refused(
                "InvalidGroup.NotFound",
                "You have specified two resources that belong to different networks.",
            ));
        }
        return Ok(id);
    }
    let name = name.unwrap_or_default();
    region
        .ec2
        .security_groups
        .values()
        .find(|group| group.vpc == vpc && group.name == name)
        .map(|group| group.id.clone())
        .ok_or_else(|| error::security_group(&name))
}

pub(super) fn check_description(text: Option<&str>) -> Result<(), Error> {
    let Some(text) = text else { return Ok(()) };
    let valid =
        |letter: char| letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter);
    if text.chars().count() > 255 || !text.chars().all(valid) {
        return Err(error::invalid(
            "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*",
        ));
    }
    Ok(())
}

/// The error for a rule that is there already.
pub(super) fn duplicate(permission: &Permission) -> Error {
    let peer = match &permission.peer {
        Peer::Cidr(range) => range.to_string(),
        Peer::Ipv6(range) => range.to_string(),
        Peer::Group(id) | Peer::PrefixList(id) => id.clone(),
    };
    let number = |value: i64| match value {
        -1 => "ALL".to_owned(),
        other => other.to_string(),
    };
    let what = match permission.protocol.as_str() {
        "-1" => "ALL".to_owned(),
        name @ ("tcp" | "udp") => format!(
            "{}, from port: {}, to port: {}",
            name.to_ascii_uppercase(),
            permission.from,
            permission.to
        ),
        name @ ("icmp" | "icmpv6") => format!(
            "{}, type: {}, code: {}",
            name.to_ascii_uppercase(),
            number(permission.from),
            number(permission.to)
        ),
        other => other.to_owned(),
    };
    error::refused(
        "InvalidPermission.Duplicate",
        format!("the specified rule \"peer: {peer}, {what}, ALLOW\" already exists"),
    )
}

/// The permissions of one direction as `DescribeSecurityGroups` shows them: one element per
/// protocol and ports, with all its peers.
pub(super) fn grouped(
    region: &Region,
    group: &SecurityGroup,
    egress: bool,
) -> Vec<api::IpPermission> {
    let mut all: Vec<api::IpPermission> = Vec::new();
    for rule in group.rules.iter().filter(|rule| rule.egress == egress) {
        let permission = &rule.permission;
        let ports = has_ports(permission);
        let (from, to) = (
            ports.then_some(permission.from),
            ports.then_some(permission.to),
        );
        let at = all.iter().position(|one| {
            one.ip_protocol.as_ref() == Some(&permission.protocol)
                && one.from_port == from
                && one.to_port == to
        });
        let at = at.unwrap_or_else(|| {
            all.push(api::IpPermission {
                ip_protocol: Some(permission.protocol.clone()),
                from_port: from,
                to_port: to,
                ip_ranges: Some(Vec::new()),
                ipv6_ranges: Some(Vec::new()),
                prefix_list_ids: Some(Vec::new()),
                user_id_group_pairs: Some(Vec::new()),
            });
            all.len() - 1
        });
        add_peer(region, &mut all[at], rule);
    }
    all
}

fn has_ports(permission: &Permission) -> bool {
    matches!(
        permission.protocol.as_str(),
        "tcp" | "udp" | "icmp" | "icmpv6"
    )
}

fn add_peer(region: &Region, to: &mut api::IpPermission, rule: &SecurityGroupRule) {
    let description = rule.description.clone();
    match &rule.permission.peer {
        Peer::Cidr(range) => to.ip_ranges.get_or_insert_default().push(api::IpRange {
            cidr_ip: Some(range.to_string()),
            description,
        }),
        Peer::Ipv6(range) => to.ipv6_ranges.get_or_insert_default().push(api::Ipv6Range {
            cidr_ipv6: Some(range.to_string()),
            description,
        }),
        Peer::PrefixList(id) => {
            to.prefix_list_ids
                .get_or_insert_default()
                .push(api::PrefixListId {
                    prefix_list_id: Some(id.clone()),
                    description,
                });
        }
        Peer::Group(id) => {
            to.user_id_group_pairs
                .get_or_insert_default()
                .push(api::UserIdGroupPair {
                    group_id: Some(id.clone()),
                    user_id: Some(region.settings.account.clone()),
                    description,
                    ..Default::default()
                });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_and_ports() {
        let cases = [
            ("tcp", Some(80), Some(80), Ok(("tcp", 80, 80))),
            ("6", Some(0), Some(65_535), Ok(("tcp", 0, 65_535))),
            ("TCP", Some(1), Some(2), Ok(("tcp", 1, 2))),
            ("-1", Some(0), Some(0), Ok(("-1", -1, -1))),
            ("all", None, None, Ok(("-1", -1, -1))),
            ("icmp", None, None, Ok(("icmp", -1, -1))),
            ("icmp", Some(8), Some(0), Ok(("icmp", 8, 0))),
            ("50", Some(1), Some(2), Ok(("50", -1, -1))),
            ("tcp", None, Some(2), Err(())),
            ("tcp", Some(3), Some(2), Err(())),
            ("udp", Some(3), Some(65_536), Err(())),
            ("icmp", Some(256), Some(0), Err(())),
            ("bogus", None, None, Err(())),
        ];
        for (text, from, to, expected) in cases {
            let got = protocol(Some(text)).and_then(|name| {
                let (from, to) = ports(&name, from, to)?;
                Ok((name, from, to))
            });
            match (got, expected) {
                (Ok((name, from, to)), Ok(expected)) => {
                    assert_eq!((name.as_str(), from, to), expected);
                }
                (Err(error), Err(())) => assert_eq!(error.code, "InvalidParameterValue"),
                (got, expected) => panic!("{text}: {got:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn duplicate_texts() {
        let permission = |protocol: &str, from, to, peer| Permission {
            protocol: protocol.to_owned(),
            from,
            to,
            peer,
        };
        let any = || Peer::Cidr(ipnet::Ipv4Net::default());
        let cases = [
            (
                permission("tcp", 22, 22, any()),
                "the specified rule \"peer: 0.0.0.0/0, TCP, from port: 22, to port: 22, ALLOW\" already exists",
            ),
            (
                permission("-1", -1, -1, Peer::Group("sg-1".into())),
                "the specified rule \"peer: sg-1, ALL, ALLOW\" already exists",
            ),
        ];
        for (permission, text) in cases {
            let error = duplicate(&permission);
            assert_eq!(error.code, "InvalidPermission.Duplicate");
            assert_eq!(error.message, text);
        }
    }
}
