//! Security group rules: authorised, revoked, changed, and shown one by one.

use wire::{Error, ec2 as api};

use super::filter::{Kind, Query, text};
use super::permission::{self, Described};
use super::state::{Peer, Permission, SecurityGroup, SecurityGroupRule};
use super::{error, prefix_list, security_group, tags, vpc};
use crate::{Context, Region, Tags};

/// Rules of one direction of a group; a prefix list counts as many as it may hold.
const MOST: i64 = 60;

/// Both directions' requests, made alike. The flat members are an older way to say one
/// permission.
struct Asked {
    group: String,
    permissions: Vec<api::IpPermission>,
    rule_ids: Vec<String>,
}

struct Flat {
    protocol: Option<String>,
    from: Option<i64>,
    to: Option<i64>,
    cidr: Option<String>,
    source_group: Option<String>,
}

fn permissions(
    list: Option<Vec<api::IpPermission>>,
    flat: Flat,
) -> Result<Vec<api::IpPermission>, Error> {
    let list = list.unwrap_or_default();
    let given = flat.protocol.is_some() || flat.cidr.is_some() || flat.source_group.is_some();
    if !given {
        return Ok(list);
    }
    if !list.is_empty() {
        return Err(error::refused(
            "InvalidParameterCombination",
            "The parameter 'ipProtocol' may not be used in combination with 'ipPermissions'",
        ));
    }
    Ok(vec![api::IpPermission {
        ip_protocol: flat.protocol,
        from_port: flat.from,
        to_port: flat.to,
        ip_ranges: flat.cidr.map(|cidr_ip| {
            vec![api::IpRange {
                cidr_ip: Some(cidr_ip),
                description: None,
            }]
        }),
        user_id_group_pairs: flat.source_group.map(|group_name| {
            vec![api::UserIdGroupPair {
                group_name: Some(group_name),
                ..Default::default()
            }]
        }),
        ..Default::default()
    }])
}

pub(super) fn authorize_security_group_ingress(
    region: &mut Region,
    context: &Context,
    input: api::AuthorizeSecurityGroupIngressRequest,
) -> Result<api::AuthorizeSecurityGroupIngressResult, Error> {
    error::dry_run(input.dry_run)?;
    let flat = Flat {
        protocol: input.ip_protocol,
        from: input.from_port,
        to: input.to_port,
        cidr: input.cidr_ip,
        source_group: input.source_security_group_name,
    };
    let asked = Asked {
        group: security_group::named(region, input.group_id, input.group_name)?,
        permissions: permissions(input.ip_permissions, flat)?,
        rule_ids: Vec::new(),
    };
    let rules = authorize(region, context, asked, input.tag_specifications, false)?;
    Ok(api::AuthorizeSecurityGroupIngressResult {
        r#return: Some(true),
        security_group_rules: Some(rules),
    })
}

pub(super) fn authorize_security_group_egress(
    region: &mut Region,
    context: &Context,
    input: api::AuthorizeSecurityGroupEgressRequest,
) -> Result<api::AuthorizeSecurityGroupEgressResult, Error> {
    error::dry_run(input.dry_run)?;
    let flat = Flat {
        protocol: input.ip_protocol,
        from: input.from_port,
        to: input.to_port,
        cidr: input.cidr_ip,
        source_group: input.source_security_group_name,
    };
    let asked = Asked {
        group: security_group::named(region, Some(input.group_id), None)?,
        permissions: permissions(input.ip_permissions, flat)?,
        rule_ids: Vec::new(),
    };
    let rules = authorize(region, context, asked, input.tag_specifications, true)?;
    Ok(api::AuthorizeSecurityGroupEgressResult {
        r#return: Some(true),
        security_group_rules: Some(rules),
    })
}

fn authorize(
    region: &mut Region,
    context: &Context,
    asked: Asked,
    specifications: Option<Vec<api::TagSpecification>>,
    egress: bool,
) -> Result<Vec<api::SecurityGroupRule>, Error> {
    if asked.permissions.is_empty() {
        return Err(error::missing("ipPermissions"));
    }
    let tags = tags::specified(specifications, "security-group-rule")?;
    let group = security_group::get(region, &asked.group)?;
    let new = permission::read(region, &group.vpc, asked.permissions)?;
    let own = || group.rules.iter().filter(|rule| rule.egress == egress);
    for (permission, _) in &new {
        if own().any(|rule| rule.permission == *permission) {
            return Err(permission::duplicate(permission));
        }
    }
    let there = own().map(|rule| &rule.permission);
    let count: i64 = there
        .chain(new.iter().map(|(permission, _)| permission))
        .map(|permission| weight(region, permission))
        .sum();
    if count > MOST {
        return Err(error::refused(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        ));
    }
    let new: Vec<SecurityGroupRule> = new
        .into_iter()
        .map(|(permission, description)| SecurityGroupRule {
            id: context.ec2_id("sgr"),
            egress,
            permission,
            description,
        })
        .collect();
    for rule in &new {
        tags::keep(region, &rule.id, Tags::clone(&tags));
    }
    if let Some(group) = region.ec2.security_groups.get_mut(&asked.group) {
        group.rules.extend(new.iter().cloned());
    }
    let group = security_group::get(region, &asked.group)?;
    Ok(new.iter().map(|rule| answer(region, group, rule)).collect())
}

/// Whether a group keeps to its quota when every rule that names this prefix list counts for so
/// many more.
pub(super) fn fits(region: &Region, group: &SecurityGroup, list: &str, more: i64) -> bool {
    let named = Peer::PrefixList(list.to_owned());
    [false, true].into_iter().all(|egress| {
        let rules = group.rules.iter().filter(|rule| rule.egress == egress);
        let count: i64 = rules
            .map(|rule| {
                let more = if rule.permission.peer == named {
                    more
                } else {
                    0
                };
                weight(region, &rule.permission) + more
            })
            .sum();
        count <= MOST
    })
}

fn weight(region: &Region, permission: &Permission) -> i64 {
    match &permission.peer {
        Peer::PrefixList(id) => prefix_list::get(region, id).map_or(1, |list| list.max_entries),
        _ => 1,
    }
}

pub(super) fn revoke_security_group_ingress(
    region: &mut Region,
    _: &Context,
    input: api::RevokeSecurityGroupIngressRequest,
) -> Result<api::RevokeSecurityGroupIngressResult, Error> {
    error::dry_run(input.dry_run)?;
    let flat = Flat {
        protocol: input.ip_protocol,
        from: input.from_port,
        to: input.to_port,
        cidr: input.cidr_ip,
        source_group: input.source_security_group_name,
    };
    let asked = Asked {
        group: security_group::named(region, input.group_id, input.group_name)?,
        permissions: permissions(input.ip_permissions, flat)?,
        rule_ids: input.security_group_rule_ids.unwrap_or_default(),
    };
    let (revoked, unknown) = revoke(region, asked, false)?;
    Ok(api::RevokeSecurityGroupIngressResult {
        r#return: Some(true),
        revoked_security_group_rules: Some(revoked),
        unknown_ip_permissions: unknown,
    })
}

pub(super) fn revoke_security_group_egress(
    region: &mut Region,
    _: &Context,
    input: api::RevokeSecurityGroupEgressRequest,
) -> Result<api::RevokeSecurityGroupEgressResult, Error> {
    error::dry_run(input.dry_run)?;
    let flat = Flat {
        protocol: input.ip_protocol,
        from: input.from_port,
        to: input.to_port,
        cidr: input.cidr_ip,
        source_group: input.source_security_group_name,
    };
    let asked = Asked {
        group: security_group::named(region, Some(input.group_id), None)?,
        permissions: permissions(input.ip_permissions, flat)?,
        rule_ids: input.security_group_rule_ids.unwrap_or_default(),
    };
    let (revoked, unknown) = revoke(region, asked, true)?;
    Ok(api::RevokeSecurityGroupEgressResult {
        r#return: Some(true),
        revoked_security_group_rules: Some(revoked),
        unknown_ip_permissions: unknown,
    })
}

type Revoked = (
    Vec<api::RevokedSecurityGroupRule>,
    Option<Vec<api::IpPermission>>,
);

fn revoke(region: &mut Region, asked: Asked, egress: bool) -> Result<Revoked, Error> {
    let group = security_group::get(region, &asked.group)?;
    let mut gone: Vec<String> = Vec::new();
    let mut unknown = Vec::new();
    let own = |id: &str| {
        group
            .rules
            .iter()
            .any(|rule| rule.egress == egress && rule.id == id)
    };
    if asked.rule_ids.is_empty() && asked.permissions.is_empty() {
        return Err(error::missing("ipPermissions or securityGroupRuleIds"));
    }
    for id in asked.rule_ids {
        if !own(&id) {
            return Err(error::security_group_rule(&id));
        }
        gone.push(id);
    }
    let in_default_vpc = vpc::get(region, &group.vpc).is_ok_and(|vpc| vpc.is_default);
    for one in asked.permissions {
        for (permission, _) in permission::read(region, &group.vpc, vec![one.clone()])? {
            let found = group
                .rules
                .iter()
                .find(|rule| rule.egress == egress && rule.permission == permission);
            match found {
                Some(rule) => gone.push(rule.id.clone()),
                // In a default VPC that is told, elsewhere it is an error.
                None if in_default_vpc => unknown.push(one.clone()),
                None => {
                    return Err(error::refused(
                        "InvalidPermission.NotFound",
                        "The specified rule does not exist in this security group.",
                    ));
                }
            }
        }
    }
    let revoked = group.rules.iter().filter(|rule| gone.contains(&rule.id));
    let revoked = revoked.map(|rule| revoked_rule(group, rule)).collect();
    if let Some(group) = region.ec2.security_groups.get_mut(&asked.group) {
        group.rules.retain(|rule| !gone.contains(&rule.id));
    }
    for id in &gone {
        tags::forget(region, id);
    }
    Ok((revoked, Some(unknown).filter(|list| !list.is_empty())))
}

fn revoked_rule(group: &SecurityGroup, rule: &SecurityGroupRule) -> api::RevokedSecurityGroupRule {
    let permission = &rule.permission;
    let mut revoked = api::RevokedSecurityGroupRule {
        description: rule.description.clone(),
        from_port: Some(permission.from),
        to_port: Some(permission.to),
        group_id: Some(group.id.clone()),
        ip_protocol: Some(permission.protocol.clone()),
        is_egress: Some(rule.egress),
        security_group_rule_id: Some(rule.id.clone()),
        ..Default::default()
    };
    match &permission.peer {
        Peer::Cidr(range) => revoked.cidr_ipv4 = Some(range.to_string()),
        Peer::Ipv6(range) => revoked.cidr_ipv6 = Some(range.to_string()),
        Peer::Group(id) => revoked.referenced_group_id = Some(id.clone()),
        Peer::PrefixList(id) => revoked.prefix_list_id = Some(id.clone()),
    }
    revoked
}

pub(super) fn modify_security_group_rules(
    region: &mut Region,
    _: &Context,
    input: api::ModifySecurityGroupRulesRequest,
) -> Result<api::ModifySecurityGroupRulesResult, Error> {
    error::dry_run(input.dry_run)?;
    let group = security_group::get(region, &input.group_id)?;
    let mut rules = group.rules.clone();
    for update in input.security_group_rules {
        let id = update.security_group_rule_id;
        let at = rules
            .iter()
            .position(|rule| rule.id == id)
            .ok_or_else(|| error::security_group_rule(&id))?;
        let asked = update
            .security_group_rule
            .ok_or_else(|| error::missing("SecurityGroupRule"))?;
        let (permission, description): Described =
            permission::read_rule(region, &group.vpc, asked)?;
        let same_kind = std::mem::discriminant(&rules[at].permission.peer)
            == std::mem::discriminant(&permission.peer);
        if !same_kind {
            return Err(error::invalid(format!(
                "The source or destination type of security group rule {id} cannot be changed."
            )));
        }
        let egress = rules[at].egress;
        let taken = rules.iter().enumerate().any(|(other, rule)| {
            other != at && rule.egress == egress && rule.permission == permission
        });
        if taken {
            return Err(permission::duplicate(&permission));
        }
        rules[at].permission = permission;
        rules[at].description = description;
    }
    if let Some(group) = region.ec2.security_groups.get_mut(&input.group_id) {
        group.rules = rules;
    }
    Ok(api::ModifySecurityGroupRulesResult {
        r#return: Some(true),
    })
}

pub(super) fn update_security_group_rule_descriptions_ingress(
    region: &mut Region,
    _: &Context,
    input: api::UpdateSecurityGroupRuleDescriptionsIngressRequest,
) -> Result<api::UpdateSecurityGroupRuleDescriptionsIngressResult, Error> {
    error::dry_run(input.dry_run)?;
    let group = security_group::named(region, input.group_id, input.group_name)?;
    describe(
        region,
        &group,
        input.ip_permissions,
        input.security_group_rule_descriptions,
        false,
    )?;
    Ok(api::UpdateSecurityGroupRuleDescriptionsIngressResult {
        r#return: Some(true),
    })
}

pub(super) fn update_security_group_rule_descriptions_egress(
    region: &mut Region,
    _: &Context,
    input: api::UpdateSecurityGroupRuleDescriptionsEgressRequest,
) -> Result<api::UpdateSecurityGroupRuleDescriptionsEgressResult, Error> {
    error::dry_run(input.dry_run)?;
    let group = security_group::named(region, input.group_id, input.group_name)?;
    describe(
        region,
        &group,
        input.ip_permissions,
        input.security_group_rule_descriptions,
        true,
    )?;
    Ok(api::UpdateSecurityGroupRuleDescriptionsEgressResult {
        r#return: Some(true),
    })
}

/// Changes descriptions of rules named by permission or by id.
fn describe(
    region: &mut Region,
    group: &str,
    by_permission: Option<Vec<api::IpPermission>>,
    by_id: Option<Vec<api::SecurityGroupRuleDescription>>,
    egress: bool,
) -> Result<(), Error> {
    let row = security_group::get(region, group)?;
    let mut rules = row.rules.clone();
    if by_permission.is_none() && by_id.is_none() {
        return Err(error::missing("ipPermissions"));
    }
    let asked = permission::read(region, &row.vpc, by_permission.unwrap_or_default())?;
    for (permission, description) in asked {
        let rule = rules
            .iter_mut()
            .find(|rule| rule.egress == egress && rule.permission == permission);
        let Some(rule) = rule else {
            return Err(error::refused(
                "InvalidPermission.NotFound",
                "The specified rule does not exist in this security group.",
            ));
        };
        rule.description = description;
    }
    for one in by_id.unwrap_or_default() {
        let id = one.security_group_rule_id.unwrap_or_default();
        permission::check_description(one.description.as_deref())?;
        let rule = rules
            .iter_mut()
            .find(|rule| rule.egress == egress && rule.id == id)
            .ok_or_else(|| error::security_group_rule(&id))?;
        rule.description = one.description.filter(|text| !text.is_empty());
    }
    if let Some(row) = region.ec2.security_groups.get_mut(group) {
        row.rules = rules;
    }
    Ok(())
}

const RULES: Kind<api::SecurityGroupRule> = Kind {
    id: |rule| rule.security_group_rule_id.clone().unwrap_or_default(),
    tags: |rule| &rule.tags,
    filters: &[
        ("group-id", |one| text(one.group_id.as_ref())),
        ("security-group-rule-id", |one| {
            text(one.security_group_rule_id.as_ref())
        }),
    ],
    missing: error::security_group_rule,
};

pub(super) fn describe_security_group_rules(
    region: &Region,
    _: &Context,
    input: api::DescribeSecurityGroupRulesRequest,
) -> Result<api::DescribeSecurityGroupRulesResult, Error> {
    error::dry_run(input.dry_run)?;
    let groups = region.ec2.security_groups.values();
    let mut all: Vec<(&SecurityGroup, &SecurityGroupRule)> = groups
        .flat_map(|group| group.rules.iter().map(move |rule| (group, rule)))
        .collect();
    all.sort_by(|one, other| one.1.id.cmp(&other.1.id));
    let query = Query {
        ids: input.security_group_rule_ids,
        filters: input.filters,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let all = all
        .into_iter()
        .map(|(group, rule)| answer(region, group, rule));
    let (rules, next_token) = RULES.select(query, all)?;
    Ok(api::DescribeSecurityGroupRulesResult {
        security_group_rules: Some(rules),
        next_token,
    })
}

fn answer(
    region: &Region,
    group: &SecurityGroup,
    rule: &SecurityGroupRule,
) -> api::SecurityGroupRule {
    let settings = &region.settings;
    let permission = &rule.permission;
    let mut shown = api::SecurityGroupRule {
        description: rule.description.clone(),
        from_port: Some(permission.from),
        to_port: Some(permission.to),
        group_id: Some(group.id.clone()),
        group_owner_id: Some(settings.account.clone()),
        ip_protocol: Some(permission.protocol.clone()),
        is_egress: Some(rule.egress),
        security_group_rule_arn: Some(
            settings.arn("ec2", format_args!("security-group-rule/{}", rule.id)),
        ),
        security_group_rule_id: Some(rule.id.clone()),
        tags: Some(tags::of(region, &rule.id).unwrap_or_default()),
        ..Default::default()
    };
    match &permission.peer {
        Peer::Cidr(range) => shown.cidr_ipv4 = Some(range.to_string()),
        Peer::Ipv6(range) => shown.cidr_ipv6 = Some(range.to_string()),
        Peer::PrefixList(id) => shown.prefix_list_id = Some(id.clone()),
        Peer::Group(id) => {
            shown.referenced_group_info = Some(api::ReferencedSecurityGroup {
                group_id: Some(id.clone()),
                user_id: Some(settings.account.clone()),
                ..Default::default()
            });
        }
    }
    shown
}
