//! Name servers: the four that a public zone is given, sets of them that several zones share, and
//! which zones a resolver that begins at the root arrives at.

use std::collections::BTreeMap;

use wire::{Error, route53 as api};

use super::name::Name;
use super::state::{DelegationSet, Zone};
use super::{error, page, record, zone};
use crate::{Context, Region};

/// Reusable delegation sets of an account.
pub(super) const MOST: usize = 100;
/// Zones that may share one.
pub(super) const MOST_ZONES: usize = 100;

/// What private zones show, which no resolver is told.
const OF_PRIVATE_ZONES: [&str; 4] = [
    "ns-1536.awsdns-00.co.uk.",
    "ns-0.awsdns-00.com.",
    "ns-1024.awsdns-00.org.",
    "ns-512.awsdns-00.net.",
];

/// Four name servers under four top-level domains, numbered as AWS numbers them: 512 under each, in
/// blocks of eight.
pub(super) fn name_servers(context: &Context, private: bool) -> Vec<String> {
    if private {
        return OF_PRIVATE_ZONES.map(str::to_owned).to_vec();
    }
    [(0, "com"), (512, "net"), (1024, "org"), (1536, "co.uk")]
        .map(|(first, domain)| {
            let number = context.below(512);
            format!("ns-{}.awsdns-{:02}.{domain}.", first + number, number / 8)
        })
        .to_vec()
}

/// The public zones that answer, by name: those that a registrar would delegate to, and those that
/// the zone above them delegates to by a record set of type NS.
///
/// Here every domain is registered and its registrar knows the oldest zone of that name. A zone
/// below another hosted one answers only where that one names its name servers, as on the internet.
pub(super) fn reached(region: &Region) -> BTreeMap<String, &Zone> {
    let mut zones: Vec<(Name, &Zone)> = region
        .route53
        .zones
        .values()
        .filter(|zone| !zone.private())
        .map(|zone| (zone::name(zone), zone))
        .collect();
    // Zones above before those below, older before younger.
    zones.sort_by_key(|(name, zone)| (name.plain().matches('.').count(), zone.created_at));
    let mut reached: Vec<(Name, &Zone)> = Vec::new();
    for (name, zone) in zones {
        if reached.iter().any(|(other, _)| *other == name) {
            continue;
        }
        let above = reached
            .iter()
            .filter(|(other, _)| name.is_within(other))
            .max_by_key(|(other, _)| other.plain().len());
        let delegated = above.is_none_or(|(_, above)| {
            let servers = record::values(region, &above.id, &name, api::RRType::Ns);
            servers.iter().any(|server| {
                let server = format!("{}.", server.trim_end_matches('.').to_ascii_lowercase());
                zone.name_servers.contains(&server)
            })
        });
        if delegated {
            reached.push((name, zone));
        }
    }
    reached
        .into_iter()
        .map(|(name, zone)| (name.plain(), zone))
        .collect()
}

pub(super) fn get<'a>(region: &'a Region, id: &str) -> Result<&'a DelegationSet, Error> {
    let id = bare(id);
    region.route53.delegation_sets.get(id).ok_or_else(|| {
        error::no_such_delegation_set(format!("No delegation set found with ID: {id}"))
    })
}

fn bare(id: &str) -> &str {
    id.strip_prefix("/delegationset/").unwrap_or(id)
}

/// The zones that use one.
pub(super) fn zones<'a>(region: &'a Region, id: &str) -> Vec<&'a Zone> {
    let all = region.route53.zones.values();
    all.filter(|zone| zone.delegation_set.as_deref() == Some(id))
        .collect()
}

fn answer(row: &DelegationSet) -> api::DelegationSet {
    api::DelegationSet {
        caller_reference: Some(row.caller_reference.clone()),
        id: Some(format!("/delegationset/{}", row.id)),
        name_servers: Some(plain(&row.name_servers)),
    }
}

/// Name servers as answers show them: without the dot at the end.
pub(super) fn plain(servers: &[String]) -> Vec<String> {
    servers
        .iter()
        .map(|one| one.trim_end_matches('.').to_owned())
        .collect()
}

pub(super) fn create_reusable_delegation_set(
    region: &mut Region,
    context: &Context,
    input: api::CreateReusableDelegationSetRequest,
) -> Result<api::CreateReusableDelegationSetResponse, Error> {
    let same = |row: &DelegationSet| row.caller_reference == input.caller_reference;
    if region.route53.delegation_sets.values().any(same) {
        return Err(error::delegation_set_already_created(
            "A delegation set has already been created with the specified caller reference.",
        ));
    }
    if region.route53.delegation_sets.len() >= MOST {
        return Err(wire::route53::error::limits_exceeded(
            "Limits Exceeded: MAX_REUSABLE_DELEGATION_SETS_BY_OWNER",
        ));
    }
    let id = format!("N{}", zone::tail(context));
    let mut name_servers = name_servers(context, false);
    if let Some(asked) = &input.hosted_zone_id {
        let row = zone::get(region, asked).map_err(|_| {
            error::hosted_zone_not_found(format!("No hosted zone found with ID: {asked}"))
        })?;
        if row.private() {
            return Err(error::invalid_argument(
                "A private hosted zone has no delegation set that could be reused.",
            ));
        }
        if row.delegation_set.is_some() {
            return Err(error::delegation_set_already_reusable(format!(
                "The delegation set of hosted zone {asked} is reusable already."
            )));
        }
        name_servers.clone_from(&row.name_servers);
        let zone = row.id.clone();
        if let Some(row) = region.route53.zones.get_mut(&zone) {
            row.delegation_set = Some(id.clone());
        }
    }
    let row = DelegationSet {
        id: id.clone(),
        caller_reference: input.caller_reference,
        name_servers,
    };
    let shown = answer(&row);
    region.route53.delegation_sets.insert(id.clone(), row);
    Ok(api::CreateReusableDelegationSetResponse {
        delegation_set: Some(shown),
        location: Some(format!(
            "https://route53.amazonaws.com/2013-04-01/delegationset/{id}"
        )),
    })
}

pub(super) fn get_reusable_delegation_set(
    region: &Region,
    _: &Context,
    input: api::GetReusableDelegationSetRequest,
) -> Result<api::GetReusableDelegationSetResponse, Error> {
    Ok(api::GetReusableDelegationSetResponse {
        delegation_set: Some(answer(get(region, &input.id)?)),
    })
}

pub(super) fn delete_reusable_delegation_set(
    region: &mut Region,
    _: &Context,
    input: api::DeleteReusableDelegationSetRequest,
) -> Result<api::DeleteReusableDelegationSetResponse, Error> {
    let id = get(region, &input.id)?.id.clone();
    if !zones(region, &id).is_empty() {
        return Err(error::delegation_set_in_use(format!(
            "The delegation set {id} is used by hosted zones and cannot be deleted."
        )));
    }
    region.route53.delegation_sets.remove(&id);
    Ok(api::DeleteReusableDelegationSetResponse {})
}

pub(super) fn list_reusable_delegation_sets(
    region: &Region,
    _: &Context,
    input: api::ListReusableDelegationSetsRequest,
) -> Result<api::ListReusableDelegationSetsResponse, Error> {
    let most = page::most(input.max_items.as_deref(), 100)?;
    let from = input.marker.as_deref().map(bare).unwrap_or_default();
    let all = region.route53.delegation_sets.values();
    let (rows, next) = page::cut(all.filter(|row| row.id.as_str() >= from), most);
    Ok(api::ListReusableDelegationSetsResponse {
        delegation_sets: Some(rows.into_iter().map(answer).collect()),
        is_truncated: Some(next.is_some()),
        marker: Some(input.marker.unwrap_or_default()),
        max_items: Some(most.to_string()),
        next_marker: next.map(|row| row.id.clone()),
    })
}

pub(super) fn get_reusable_delegation_set_limit(
    region: &Region,
    _: &Context,
    input: api::GetReusableDelegationSetLimitRequest,
) -> Result<api::GetReusableDelegationSetLimitResponse, Error> {
    let row = get(region, &input.delegation_set_id)?;
    Ok(api::GetReusableDelegationSetLimitResponse {
        count: Some(count(zones(region, &row.id).len())),
        limit: Some(api::ReusableDelegationSetLimit {
            r#type: Some(input.r#type),
            value: Some(count(MOST_ZONES)),
        }),
    })
}

pub(super) fn count(items: usize) -> i64 {
    i64::try_from(items).unwrap_or(i64::MAX)
}
