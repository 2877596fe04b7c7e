//! Hosted zones.

use wire::{Error, Stored, route53 as api};

use super::change;
use super::name::{BadName, Name};
use super::state::{Vpc, Zone};
use super::{delegation, error, page, record, tags, vpc};
use crate::{Context, Region};

/// Hosted zones of an account.
const MOST: usize = 500;
/// Zones in one piece of a list.
const PAGE: usize = 100;
/// Bytes of a comment.
const MOST_OF_COMMENT: usize = 256;

/// A zone by its id, with or without `/hostedzone/` before it.
pub(super) fn get<'a>(region: &'a Region, id: &str) -> Result<&'a Zone, Error> {
    let id = bare(id);
    let zone = region.route53.zones.get(id);
    zone.ok_or_else(|| error::no_zone(id))
}

pub(super) fn bare(id: &str) -> &str {
    id.strip_prefix("/hostedzone/").unwrap_or(id)
}

/// A zone's name.
///
/// # Panics
/// Never: a zone is kept only with a name that was read.
pub(super) fn name(zone: &Zone) -> Name {
    Name::parse(&zone.name).expect("a zone is kept with a name that was read")
}

/// What follows the letter of an id: a zero, seven digits and twelve letters or digits.
pub(super) fn tail(context: &Context) -> String {
    let digits = context.pick(7, b"0123456789");
    format!("0{digits}{}", context.upper_alphanumeric(12))
}

fn check_comment(comment: Option<&str>) -> Result<(), Error> {
    if comment.is_some_and(|text| text.chars().count() > MOST_OF_COMMENT) {
        return Err(error::invalid_input(format!(
            "A comment can have at most {MOST_OF_COMMENT} characters"
        )));
    }
    Ok(())
}

pub(super) fn create_hosted_zone(
    region: &mut Region,
    context: &Context,
    input: api::CreateHostedZoneRequest,
) -> Result<api::CreateHostedZoneResponse, Error> {
    let name = Name::parse(&input.name).map_err(|BadName(why)| {
        error::invalid_domain_name(format!("Invalid Domain Name: {why}"))
    })?;
    let config = input.hosted_zone_config.unwrap_or_default();
    check_comment(config.comment.as_deref())?;
    let all = || region.route53.zones.values();
    if all().any(|zone| zone.caller_reference == input.caller_reference) {
        return Err(error::hosted_zone_already_exists(
            "A hosted zone has already been created with the specified caller reference.",
        ));
    }
    if all().count() >= MOST {
        return Err(error::too_many_hosted_zones(
            "Limits Exceeded: MAX_HOSTED_ZONES_BY_OWNER",
        ));
    }
    if config.private_zone == Some(true) && input.vpc.is_none() {
        return Err(error::invalid_input(
            "When you're creating a private hosted zone (when you specify true for PrivateZone), you must also specify values for VPCId and VPCRegion.",
        ));
    }
    let vpcs: Vec<Vpc> = match &input.vpc {
        None => Vec::new(),
        Some(asked) => {
            let found = vpc::checked(region, asked)?;
            vpc::check_name_free(region, &found, &name)?;
            vec![found]
        }
    };
    let private = !vpcs.is_empty();
    let mut delegation_set = None;
    let mut name_servers = delegation::name_servers(context, private);
    if let Some(asked) = &input.delegation_set_id {
        if private {
            return Err(error::invalid_input(
                "A reusable delegation set cannot be used for a private hosted zone.",
            ));
        }
        let set = delegation::get(region, asked)?;
        if delegation::zones(region, &set.id).len() >= delegation::MOST_ZONES {
            return Err(wire::route53::error::limits_exceeded(
                "Limits Exceeded: MAX_ZONES_BY_REUSABLE_DELEGATION_SET",
            ));
        }
        // One set of name servers can answer for a name only once.
        let twice = delegation::zones(region, &set.id);
        if twice.iter().any(|zone| zone.name == name.to_string()) {
            return Err(error::conflicting_domain_exists(format!(
                "The delegation set {} already serves a hosted zone named {name}",
                set.id
            )));
        }
        delegation_set = Some(set.id.clone());
        name_servers.clone_from(&set.name_servers);
    }
    let zone = Zone {
        id: format!("Z{}", tail(context)),
        name: name.to_string(),
        caller_reference: input.caller_reference,
        comment: config.comment.filter(|text| !text.is_empty()),
        vpcs,
        delegation_set,
        name_servers,
        created_at: context.now,
    };
    let id = zone.id.clone();
    make_first_records(region, &zone, &name);
    region.route53.zones.insert(id.clone(), zone);
    let change_info = change::submit(region, context, None);
    let zone = get(region, &id)?;
    Ok(api::CreateHostedZoneResponse {
        change_info: Some(change_info),
        delegation_set: delegation_of(zone),
        hosted_zone: Some(answer(region, zone)),
        location: Some(format!(
            "https://route53.amazonaws.com/2013-04-01/hostedzone/{id}"
        )),
        vpc: zone.vpcs.first().map(vpc::answer),
    })
}

/// What every zone begins with: where it is authoritative, and by whom.
fn make_first_records(region: &mut Region, zone: &Zone, name: &Name) {
    let authority = format!(
        "{} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400",
        zone.name_servers[0]
    );
    for (kind, ttl, values) in [
        (api::RRType::Ns, 172_800, zone.name_servers.clone()),
        (api::RRType::Soa, 900, vec![authority]),
    ] {
        let set = api::ResourceRecordSet {
            name: zone.name.clone(),
            r#type: kind,
            ttl: Some(ttl),
            resource_records: Some(
                values
                    .into_iter()
                    .map(|value| api::ResourceRecord { value })
                    .collect(),
            ),
            ..Default::default()
        };
        let key = (zone.id.clone(), record::key(name, kind, None));
        region.route53.records.insert(key, Stored(set));
    }
}

/// The name servers of a public zone.
fn delegation_of(zone: &Zone) -> Option<api::DelegationSet> {
    (!zone.private()).then(|| api::DelegationSet {
        caller_reference: None,
        id: zone
            .delegation_set
            .as_ref()
            .map(|id| format!("/delegationset/{id}")),
        name_servers: Some(delegation::plain(&zone.name_servers)),
    })
}

fn answer(region: &Region, zone: &Zone) -> api::HostedZone {
    api::HostedZone {
        caller_reference: Some(zone.caller_reference.clone()),
        config: Some(api::HostedZoneConfig {
            comment: zone.comment.clone(),
            private_zone: Some(zone.private()),
        }),
        id: Some(format!("/hostedzone/{}", zone.id)),
        name: Some(zone.name.clone()),
        resource_record_set_count: Some(delegation::count(record::of(region, &zone.id).count())),
        ..Default::default()
    }
}

pub(super) fn get_hosted_zone(
    region: &Region,
    _: &Context,
    input: api::GetHostedZoneRequest,
) -> Result<api::GetHostedZoneResponse, Error> {
    let zone = get(region, &input.id)?;
    Ok(api::GetHostedZoneResponse {
        delegation_set: delegation_of(zone),
        hosted_zone: Some(answer(region, zone)),
        vpcs: zone
            .private()
            .then(|| zone.vpcs.iter().map(vpc::answer).collect()),
    })
}

pub(super) fn update_hosted_zone_comment(
    region: &mut Region,
    _: &Context,
    input: api::UpdateHostedZoneCommentRequest,
) -> Result<api::UpdateHostedZoneCommentResponse, Error> {
    check_comment(input.comment.as_deref())?;
    let id = get(region, &input.id)?.id.clone();
    if let Some(zone) = region.route53.zones.get_mut(&id) {
        zone.comment = input.comment.filter(|text| !text.is_empty());
    }
    Ok(api::UpdateHostedZoneCommentResponse {
        hosted_zone: Some(answer(region, get(region, &id)?)),
    })
}

pub(super) fn delete_hosted_zone(
    region: &mut Region,
    context: &Context,
    input: api::DeleteHostedZoneRequest,
) -> Result<api::DeleteHostedZoneResponse, Error> {
    let zone = get(region, &input.id)?;
    let id = zone.id.clone();
    let required = |set: &api::ResourceRecordSet| {
        set.name == zone.name && matches!(set.r#type, api::RRType::Ns | api::RRType::Soa)
    };
    if !record::of(region, &id).all(required) {
        return Err(error::hosted_zone_not_empty(
            "The specified hosted zone contains non-required resource record sets and so cannot be deleted.",
        ));
    }
    region.route53.records.retain(|(of, _), _| *of != id);
    region.route53.zones.remove(&id);
    tags::forget(region, &id);
    Ok(api::DeleteHostedZoneResponse {
        change_info: Some(change::submit(region, context, None)),
    })
}

pub(super) fn list_hosted_zones(
    region: &Region,
    _: &Context,
    input: api::ListHostedZonesRequest,
) -> Result<api::ListHostedZonesResponse, Error> {
    let most = page::most(input.max_items.as_deref(), PAGE)?;
    let from = input.marker.as_deref().map(bare).unwrap_or_default();
    let set = match &input.delegation_set_id {
        Some(id) if !id.is_empty() => Some(delegation::get(region, id)?.id.clone()),
        _ => None,
    };
    let all = region.route53.zones.values().filter(|zone| {
        zone.id.as_str() >= from
            && set
                .as_ref()
                .is_none_or(|set| zone.delegation_set.as_ref() == Some(set))
            && (input.hosted_zone_type.is_none() || zone.private())
    });
    let (zones, next) = page::cut(all, most);
    Ok(api::ListHostedZonesResponse {
        hosted_zones: Some(zones.into_iter().map(|zone| answer(region, zone)).collect()),
        is_truncated: Some(next.is_some()),
        marker: Some(input.marker.unwrap_or_default()),
        max_items: Some(most.to_string()),
        next_marker: next.map(|zone| zone.id.clone()),
    })
}

/// By name, its labels read from the right.
pub(super) fn list_hosted_zones_by_name(
    region: &Region,
    _: &Context,
    input: api::ListHostedZonesByNameRequest,
) -> Result<api::ListHostedZonesByNameResponse, Error> {
    let most = page::most(input.max_items.as_deref(), PAGE)?;
    let asked_name = input.dns_name.filter(|name| !name.is_empty());
    let asked_id = input.hosted_zone_id.filter(|id| !id.is_empty());
    if asked_id.is_some() && asked_name.is_none() {
        return Err(error::invalid_input(
            "A hosted zone ID can only be given together with a DNS name.",
        ));
    }
    let from = match &asked_name {
        None => String::new(),
        Some(text) => Name::parse(text)
            .map_err(|BadName(why)| {
                error::invalid_domain_name(format!("Invalid Domain Name: {why}"))
            })?
            .reversed(),
    };
    let from = (
        from,
        asked_id.as_deref().map(bare).unwrap_or_default().to_owned(),
    );
    let mut all: Vec<((String, String), &Zone)> = region
        .route53
        .zones
        .values()
        .map(|zone| ((name(zone).reversed(), zone.id.clone()), zone))
        .filter(|(key, _)| *key >= from)
        .collect();
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    let (zones, next) = page::cut(all.into_iter(), most);
    let zones = zones.into_iter().map(|(_, zone)| answer(region, zone));
    Ok(api::ListHostedZonesByNameResponse {
        dns_name: asked_name,
        hosted_zone_id: asked_id,
        hosted_zones: Some(zones.collect()),
        is_truncated: Some(next.is_some()),
        max_items: Some(most.to_string()),
        next_dns_name: next.as_ref().map(|(_, zone)| zone.name.clone()),
        next_hosted_zone_id: next.map(|(_, zone)| zone.id.clone()),
    })
}

pub(super) fn get_hosted_zone_count(
    region: &Region,
    _: &Context,
    _: api::GetHostedZoneCountRequest,
) -> Result<api::GetHostedZoneCountResponse, Error> {
    Ok(api::GetHostedZoneCountResponse {
        hosted_zone_count: Some(delegation::count(region.route53.zones.len())),
    })
}

pub(super) fn get_hosted_zone_limit(
    region: &Region,
    _: &Context,
    input: api::GetHostedZoneLimitRequest,
) -> Result<api::GetHostedZoneLimitResponse, Error> {
    let zone = get(region, &input.hosted_zone_id)?;
    let (used, most) = match input.r#type {
        api::HostedZoneLimitType::MaxRrsetsByZone => {
            (record::of(region, &zone.id).count(), record::MOST)
        }
        api::HostedZoneLimitType::MaxVpcsAssociatedByZone if zone.private() => {
            (zone.vpcs.len(), vpc::MOST)
        }
        api::HostedZoneLimitType::MaxVpcsAssociatedByZone => {
            return Err(wire::route53::error::hosted_zone_not_private(
                "The specified hosted zone is a public hosted zone.",
            ));
        }
    };
    Ok(api::GetHostedZoneLimitResponse {
        count: Some(delegation::count(used)),
        limit: Some(api::HostedZoneLimit {
            r#type: Some(input.r#type),
            value: Some(delegation::count(most)),
        }),
    })
}

pub(super) fn get_account_limit(
    region: &Region,
    _: &Context,
    input: api::GetAccountLimitRequest,
) -> Result<api::GetAccountLimitResponse, Error> {
    use api::AccountLimitType as Kind;
    let (used, most) = match input.r#type {
        Kind::MaxHostedZonesByOwner => (region.route53.zones.len(), MOST),
        Kind::MaxReusableDelegationSetsByOwner => {
            (region.route53.delegation_sets.len(), delegation::MOST)
        }
        Kind::MaxHealthChecksByOwner => (0, 200),
        Kind::MaxTrafficPoliciesByOwner => (0, 50),
        Kind::MaxTrafficPolicyInstancesByOwner => (0, 5),
    };
    Ok(api::GetAccountLimitResponse {
        count: Some(delegation::count(used)),
        limit: Some(api::AccountLimit {
            r#type: Some(input.r#type),
            value: Some(delegation::count(most)),
        }),
    })
}

/// Nothing is signed here, which is what a zone without a signing key says on AWS too.
pub(super) fn get_dnssec(
    region: &Region,
    _: &Context,
    input: api::GetDNSSECRequest,
) -> Result<api::GetDNSSECResponse, Error> {
    if get(region, &input.hosted_zone_id)?.private() {
        return Err(error::invalid_argument(
            "Operation is unsupported for private hosted zones.",
        ));
    }
    Ok(api::GetDNSSECResponse {
        key_signing_keys: Some(Vec::new()),
        status: Some(api::DNSSECStatus {
            serve_signature: Some("NOT_SIGNING".to_owned()),
            status_message: None,
        }),
    })
}
