//! Record sets: how they are kept and listed, and what a question is answered with.

use std::collections::BTreeMap;

use wire::{Error, Stored, route53 as api};
use world::network::{Answers, Choice};

use super::name::Name;
use super::{delegation, error, page, zone};
use crate::services::elbv2;
use crate::{Context, Region};

/// Record sets of one zone.
pub(super) const MOST: usize = 10_000;
/// Record sets in one piece of a list.
const PAGE: usize = 300;
/// Seconds that an alias of a load balancer may be kept.
const BALANCER_TTL: u32 = 60;
/// Aliases that lead to aliases.
const MOST_ALIASES: usize = 8;
/// Names that lead to other names; certificates are not validated over more.
const MOST_NAMES: usize = 5;
/// Values that a multivalue answer has at most.
const MOST_VALUES: usize = 8;

/// Orders record sets as Route 53 lists them: by name, its labels read from the right, then by type,
/// then by identifier.
pub(super) fn key(name: &Name, kind: api::RRType, identifier: Option<&str>) -> String {
    let identifier = identifier.unwrap_or_default();
    format!("{}\u{1}{kind}\u{1}{identifier}", name.reversed())
}

/// A zone's record sets in order.
pub(super) fn of<'a>(
    region: &'a Region,
    zone: &str,
) -> impl Iterator<Item = &'a api::ResourceRecordSet> {
    from(region, zone, String::new()).map(|(_, set)| set)
}

/// A zone's record sets in order, from a key on.
fn from<'a>(
    region: &'a Region,
    zone: &str,
    key: String,
) -> impl Iterator<Item = (&'a str, &'a api::ResourceRecordSet)> {
    let zone = zone.to_owned();
    region
        .route53
        .records
        .range((zone.clone(), key)..)
        .take_while(move |((of, _), _)| *of == zone)
        .map(|((_, key), set)| (key.as_str(), &set.0))
}

/// Every record set of one name and type: one, or several with identifiers.
pub(super) fn group<'a>(
    region: &'a Region,
    zone: &str,
    name: &Name,
    kind: api::RRType,
) -> Vec<&'a api::ResourceRecordSet> {
    let first = key(name, kind, None);
    from(region, zone, first.clone())
        .take_while(|(key, _)| key.starts_with(&first))
        .map(|(_, set)| set)
        .collect()
}

/// Whether anything is kept for a name.
fn has_name(region: &Region, zone: &str, name: &Name) -> bool {
    let first = format!("{}\u{1}", name.reversed());
    from(region, zone, first.clone())
        .next()
        .is_some_and(|(key, _)| key.starts_with(&first))
}

pub(super) fn list_resource_record_sets(
    region: &Region,
    _: &Context,
    input: api::ListResourceRecordSetsRequest,
) -> Result<api::ListResourceRecordSetsResponse, Error> {
    let zone = zone::get(region, &input.hosted_zone_id)?;
    let most = page::most(input.max_items.as_deref(), PAGE)?;
    let start = input.start_record_name.filter(|name| !name.is_empty());
    let identifier = input.start_record_identifier.filter(|id| !id.is_empty());
    let missing = |what: &str, beside: &str| {
        error::invalid_input(format!("{beside} can only be given together with {what}."))
    };
    let first = match (start, input.start_record_type, identifier) {
        (None, None, None) => String::new(),
        (None, Some(_), _) => return Err(missing("StartRecordName", "StartRecordType")),
        (_, None, Some(_)) => return Err(missing("StartRecordType", "StartRecordIdentifier")),
        (Some(name), kind, identifier) => {
            let name = Name::parse(&name).map_err(|why| error::invalid_input(why.0))?;
            match kind {
                None => name.reversed(),
                Some(kind) => key(&name, kind, identifier.as_deref()),
            }
        }
    };
    let (sets, next) = page::cut(from(region, &zone.id, first).map(|(_, set)| set), most);
    Ok(api::ListResourceRecordSetsResponse {
        is_truncated: Some(next.is_some()),
        max_items: Some(most.to_string()),
        next_record_identifier: next.and_then(|set| set.set_identifier.clone()),
        next_record_name: next.map(|set| set.name.clone()),
        next_record_type: next.map(|set| set.r#type),
        resource_record_sets: Some(sets.into_iter().cloned().collect()),
    })
}

/// The values a record set holds itself.
fn own_values(set: &api::ResourceRecordSet) -> Vec<String> {
    let records = set.resource_records.iter().flatten();
    records.map(|record| record.value.clone()).collect()
}

/// The values of the record sets of a name and type, without aliases and choices.
pub(super) fn values(region: &Region, zone: &str, name: &Name, kind: api::RRType) -> Vec<String> {
    let sets = group(region, zone, name, kind);
    sets.into_iter().flat_map(own_values).collect()
}

/// What a question for a name and type is answered with; `None` if nothing is kept for it.
pub(super) fn answers(
    region: &Region,
    zone: &str,
    name: &Name,
    kind: api::RRType,
) -> Option<Answers> {
    answers_to(region, zone, name, kind, MOST_ALIASES)
}

/// One record set made ready to be chosen among its likes.
struct Candidate<'a> {
    set: &'a api::ResourceRecordSet,
    values: Vec<String>,
    ttl: u32,
    healthy: bool,
}

fn answers_to(
    region: &Region,
    zone: &str,
    name: &Name,
    kind: api::RRType,
    aliases: usize,
) -> Option<Answers> {
    let sets = group(region, zone, name, kind);
    if sets.is_empty() {
        return None;
    }
    let candidates: Vec<Candidate> = sets
        .into_iter()
        .map(|set| candidate(region, zone, set, aliases))
        .collect();
    // Where none is healthy, all are taken for healthy.
    let any_healthy = candidates.iter().any(|one| one.healthy);
    let usable = || candidates.iter().filter(|one| one.healthy || !any_healthy);
    let first = &candidates[0];
    let ttl = candidates.iter().map(|one| one.ttl).min().unwrap_or(0);
    let single = |one: Option<&Candidate>| {
        let one = one.filter(|one| !one.values.is_empty())?;
        Some(Answers {
            ttl: one.ttl,
            choices: vec![Choice {
                weight: 1,
                values: one.values.clone(),
            }],
        })
    };
    let set = first.set;
    let none = || Answers {
        ttl,
        choices: Vec::new(),
    };
    let chosen = if set.weight.is_some() {
        let choices = usable().map(|one| Choice {
            weight: one
                .set
                .weight
                .and_then(|weight| u32::try_from(weight).ok())
                .unwrap_or(0),
            values: one.values.clone(),
        });
        let choices = choices.filter(|one| !one.values.is_empty()).collect();
        Some(Answers { ttl, choices })
    } else if set.failover.is_some() {
        let role = |wanted| usable().find(move |one| one.set.failover == Some(wanted));
        single(
            role(api::ResourceRecordSetFailover::Primary)
                .or_else(|| role(api::ResourceRecordSetFailover::Secondary)),
        )
    } else if set.region.is_some() {
        // Who asks is in this region, so the nearest is the one that is here.
        let here = usable().find(|one| {
            one.set
                .region
                .is_some_and(|place| place.as_str() == region.settings.region)
        });
        single(here.or_else(|| usable().next()))
    } else if set.geo_location.is_some() {
        // Who asks is nowhere on Earth, so gets what is for everywhere else.
        let default = usable().find(|one| {
            let place = one.set.geo_location.as_ref();
            place.is_some_and(|place| place.country_code.as_deref() == Some("*"))
        });
        single(default)
    } else if set.multi_value_answer == Some(true) {
        let values = usable().flat_map(|one| one.values.clone());
        let values: Vec<String> = values.take(MOST_VALUES).collect();
        Some(Answers {
            ttl,
            choices: vec![Choice { weight: 1, values }],
        })
    } else {
        single(Some(first))
    };
    Some(chosen.unwrap_or_else(none))
}

fn candidate<'a>(
    region: &Region,
    zone: &str,
    set: &'a api::ResourceRecordSet,
    aliases: usize,
) -> Candidate<'a> {
    let mut candidate = Candidate {
        set,
        values: own_values(set),
        ttl: set.ttl.and_then(|ttl| u32::try_from(ttl).ok()).unwrap_or(0),
        healthy: true,
    };
    let Some(alias) = &set.alias_target else {
        return candidate;
    };
    candidate.ttl = BALANCER_TTL;
    if alias.hosted_zone_id == zone {
        let target = Name::parse(&alias.dns_name).ok().filter(|_| aliases > 0);
        let found =
            target.and_then(|name| answers_to(region, zone, &name, set.r#type, aliases - 1));
        if let Some(found) = found {
            candidate.ttl = found.ttl;
            // A choice within a choice is made once, here.
            let first = found.choices.into_iter().next();
            candidate.values = first.map(|one| one.values).unwrap_or_default();
        }
        candidate.healthy = !alias.evaluate_target_health || !candidate.values.is_empty();
    } else if let Some(balancer) = elbv2::by_name(region, &alias.dns_name) {
        if set.r#type == api::RRType::A {
            let addresses = balancer.addresses.iter();
            candidate.values = addresses.map(ToString::to_string).collect();
        }
        candidate.healthy = !alias.evaluate_target_health || balancer.healthy;
    } else {
        candidate.healthy = !alias.evaluate_target_health;
    }
    candidate
}

/// What the world is told of one zone.
pub(super) fn world(region: &Region, zone: &super::state::Zone) -> world::network::Zone {
    let mut records: BTreeMap<String, BTreeMap<String, Answers>> = BTreeMap::new();
    for set in of(region, &zone.id) {
        let Ok(name) = Name::parse(&set.name) else {
            continue;
        };
        let kinds = records.entry(name.plain()).or_default();
        let kind = set.r#type.as_str();
        if !kinds.contains_key(kind)
            && let Some(answers) = answers(region, &zone.id, &name, set.r#type)
        {
            kinds.insert(kind.to_owned(), answers);
        }
    }
    world::network::Zone { records }
}

/// What everybody finds under a name, as a resolver does that begins at the root: names that lead to
/// other names are followed, wildcards count. Of several choices the first is told.
pub fn lookup(region: &Region, name: &str, kind: api::RRType) -> Vec<String> {
    let zones = delegation::reached(region);
    let Ok(mut name) = Name::parse(name) else {
        return Vec::new();
    };
    for _ in 0..=MOST_NAMES {
        let zone = zones
            .values()
            .filter(|zone| name.is_within(&zone::name(zone)))
            .max_by_key(|zone| zone.name.len());
        let Some(zone) = zone else {
            return Vec::new();
        };
        let owner = owner(region, &zone.id, &zone::name(zone), &name);
        let Some(owner) = owner else {
            return Vec::new();
        };
        let first = |kind| {
            answers(region, &zone.id, &owner, kind)
                .and_then(|found| found.choices.into_iter().next())
                .map(|choice| choice.values)
        };
        if let Some(values) = first(kind) {
            return values;
        }
        let Some(next) = first(api::RRType::Cname).and_then(|mut values| values.pop()) else {
            return Vec::new();
        };
        let Ok(next) = Name::parse(&next) else {
            return Vec::new();
        };
        name = next;
    }
    Vec::new()
}

/// The name under which a zone keeps what it answers for another: itself, or the wildcard beside the
/// closest name that exists (RFC 4592).
fn owner(region: &Region, zone: &str, apex: &Name, name: &Name) -> Option<Name> {
    if exists(region, zone, name) {
        return Some(name.clone());
    }
    let mut below = name.clone();
    while below != *apex {
        let wildcard = below.wildcard_above()?;
        if has_name(region, zone, &wildcard) {
            return Some(wildcard);
        }
        let parent = below.parent()?;
        if exists(region, zone, &parent) {
            return None;
        }
        below = parent;
    }
    None
}

/// Whether a name or one below it is kept: then no wildcard answers for it.
fn exists(region: &Region, zone: &str, name: &Name) -> bool {
    let first = name.reversed();
    from(region, zone, first.clone())
        .next()
        .is_some_and(|(key, _)| key.starts_with(&first))
}

pub(super) fn keep(region: &mut Region, zone: &str, key: String, set: api::ResourceRecordSet) {
    let key = (zone.to_owned(), key);
    region.route53.records.insert(key, Stored(set));
}
