//! Changes of record sets: a batch is done whole or not at all, and is told to all name servers a
//! little later.
//!
//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>

use std::collections::BTreeSet;

use jiff::SignedDuration;
use wire::{Error, route53 as api};

use super::name::Name;
use super::state::{Change, Zone};
use super::{error, record, value, zone};
use crate::services::elbv2;
use crate::{Context, Region};

/// How long a change is `PENDING`. AWS says up to a minute.
const PROPAGATION: SignedDuration = SignedDuration::from_secs(10);
/// How long a change can be asked for.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);
/// Values in one batch, where those of an `UPSERT` count twice.
const MOST_VALUES: usize = 1000;
/// Characters of values in one batch, where those of an `UPSERT` count twice.
const MOST_CHARACTERS: usize = 32_000;
/// Values of one record set.
const MOST_OF_SET: usize = 400;

/// Notes a change that was made.
pub(super) fn submit(
    region: &mut Region,
    context: &Context,
    comment: Option<String>,
) -> api::ChangeInfo {
    let now = context.now;
    region
        .route53
        .changes
        .retain(|_, change| now.duration_since(change.submitted_at) < KEPT);
    let id = format!("C{}", zone::tail(context));
    let change = Change {
        submitted_at: now,
        comment,
    };
    let shown = answer(context, &id, &change);
    region.route53.changes.insert(id, change);
    shown
}

fn answer(context: &Context, id: &str, change: &Change) -> api::ChangeInfo {
    let age = context.now.duration_since(change.submitted_at);
    api::ChangeInfo {
        comment: change.comment.clone(),
        id: Some(format!("/change/{id}")),
        status: Some(if age < PROPAGATION {
            api::ChangeStatus::Pending
        } else {
            api::ChangeStatus::Insync
        }),
        submitted_at: Some(change.submitted_at),
    }
}

pub(super) fn get_change(
    region: &Region,
    context: &Context,
    input: api::GetChangeRequest,
) -> Result<api::GetChangeResponse, Error> {
    let id = input.id.strip_prefix("/change/").unwrap_or(&input.id);
    let change = region.route53.changes.get(id).ok_or_else(|| {
        error::no_such_change("A change with the specified change ID does not exist.")
    })?;
    Ok(api::GetChangeResponse {
        change_info: Some(answer(context, id, change)),
    })
}

pub(super) fn change_resource_record_sets(
    region: &mut Region,
    context: &Context,
    input: api::ChangeResourceRecordSetsRequest,
) -> Result<api::ChangeResourceRecordSetsResponse, Error> {
    let zone = zone::get(region, &input.hosted_zone_id)?.clone();
    let batch = input.change_batch;
    if batch.changes.is_empty() {
        return Err(error::invalid_input(
            "Invalid request: a batch needs a change",
        ));
    }
    check_size(&batch.changes)?;
    for change in &batch.changes {
        check_form(change)?;
    }
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for change in batch.changes {
        if let Err(mut found) = apply(region, &zone, change, &mut seen) {
            problems.append(&mut found);
        }
    }
    let apex = zone::name(&zone);
    for (kind, problem) in [
        (
            api::RRType::Ns,
            "A HostedZone must contain at least one NS record for the zone itself.",
        ),
        (
            api::RRType::Soa,
            "A HostedZone must contain exactly one SOA record.",
        ),
    ] {
        if record::group(region, &zone.id, &apex, kind).is_empty() {
            problems.push(problem.to_owned());
        }
    }
    // What was done up to here goes with the refused call.
    if !problems.is_empty() {
        return Err(error::invalid_change_batch(format!(
            "[{}]",
            problems.join(", ")
        )));
    }
    if record::of(region, &zone.id).count() > record::MOST {
        return Err(wire::route53::error::limits_exceeded(
            "Limits Exceeded: MAX_RRSETS_BY_ZONE",
        ));
    }
    Ok(api::ChangeResourceRecordSetsResponse {
        change_info: Some(submit(region, context, batch.comment)),
    })
}

fn check_size(changes: &[api::Change]) -> Result<(), Error> {
    let (mut values, mut characters) = (0, 0);
    for change in changes {
        let times = if change.action == api::ChangeAction::Upsert {
            2
        } else {
            1
        };
        let records = change.resource_record_set.resource_records.iter().flatten();
        for record in records {
            values += times;
            characters += times * record.value.chars().count();
        }
    }
    let exceeded = |what: &str, most: usize| {
        Err(error::invalid_change_batch(format!(
            "[Number of {what} limit of {most} exceeded.]"
        )))
    };
    if changes.len() > MOST_VALUES || values > MOST_VALUES {
        return exceeded("records", MOST_VALUES);
    }
    if characters > MOST_CHARACTERS {
        return exceeded("characters", MOST_CHARACTERS);
    }
    Ok(())
}

/// Refuses a record set whose members do not go together, before anything is looked up.
fn check_form(change: &api::Change) -> Result<(), Error> {
    let set = &change.resource_record_set;
    let whose = || {
        format!(
            "in Change with [Action={}, Name={}, Type={}, SetIdentifier={}]",
            change.action,
            set.name,
            set.r#type,
            set.set_identifier.as_deref().unwrap_or("null")
        )
    };
    let refuse = |what: String| {
        Err(error::invalid_input(format!(
            "Invalid request: {what} {}",
            whose()
        )))
    };
    for (feature, asked) in [
        ("geoproximity routing", set.geo_proximity_location.is_some()),
        ("IP-based routing", set.cidr_routing_config.is_some()),
        ("traffic policies", set.traffic_policy_instance_id.is_some()),
    ] {
        if asked {
            return Err(error::absent(feature));
        }
    }
    let values = set.resource_records.iter().flatten().count();
    let expected = "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], but found";
    match (&set.alias_target, set.ttl, values) {
        (Some(_), None, 0) | (None, Some(_), 1..) => {}
        (Some(_), ..) => return refuse(format!("{expected} more than one")),
        (None, ..) => return refuse(format!("{expected} none")),
    }
    let routings = [
        set.weight.is_some(),
        set.region.is_some(),
        set.failover.is_some(),
        set.geo_location.is_some(),
        set.multi_value_answer == Some(true),
    ];
    let routings = routings.into_iter().filter(|asked| *asked).count();
    let expected = "Expected exactly one of [Weight, Region, Failover, GeoLocation, MultiValueAnswer, GeoProximityLocation, or CidrRoutingConfig], but found";
    match (&set.set_identifier, routings) {
        (None, 0) | (Some(_), 1) => {}
        (Some(_), 0) => return refuse(format!("{expected} none")),
        (_, 2..) => return refuse(format!("{expected} more than one")),
        (None, _) => return refuse("Missing field 'SetIdentifier'".to_owned()),
    }
    if set.multi_value_answer == Some(true) && set.alias_target.is_some() {
        return refuse("MultiValueAnswer cannot be used with AliasTarget".to_owned());
    }
    if let Some(id) = &set.health_check_id {
        return Err(error::no_such_health_check(format!(
            "No health check exists with the specified ID: {id}"
        )));
    }
    Ok(())
}

/// Does one change; says all that is wrong with it.
fn apply(
    region: &mut Region,
    zone: &Zone,
    change: api::Change,
    seen: &mut BTreeSet<String>,
) -> Result<(), Vec<String>> {
    let mut set = change.resource_record_set;
    let name = Name::parse(&set.name).map_err(|why| vec![why.0])?;
    set.name = name.to_string();
    if let Some(alias) = &mut set.alias_target {
        zone::bare(&alias.hosted_zone_id)
            .to_owned()
            .clone_into(&mut alias.hosted_zone_id);
        alias.dns_name = match Name::parse(&alias.dns_name) {
            Ok(target) => target.to_string(),
            Err(why) => return Err(vec![why.0]),
        };
    }
    let apex = zone::name(zone);
    if !name.is_within(&apex) {
        return Err(vec![format!(
            "RRSet with DNS name {name} is not permitted in zone {apex}"
        )]);
    }
    let key = record::key(&name, set.r#type, set.set_identifier.as_deref());
    let stored = region.route53.records.get(&(zone.id.clone(), key.clone()));
    let which = which(&set);
    if change.action == api::ChangeAction::Delete {
        let problem = match stored {
            None => format!("Tried to delete resource record set {which} but it was not found"),
            Some(stored) if !equal(&stored.0, &set) => format!(
                "Tried to delete resource record set {which} but the values provided do not match the current values"
            ),
            Some(_) => {
                region.route53.records.remove(&(zone.id.clone(), key));
                return Ok(());
            }
        };
        return Err(vec![problem]);
    }
    let mut problems = Vec::new();
    if !seen.insert(key.clone()) {
        problems.push(format!(
            "The request contains an invalid set of changes for a resource record set '{} {name}'",
            set.r#type
        ));
    } else if stored.is_some() && change.action == api::ChangeAction::Create {
        problems.push(format!(
            "Tried to create resource record set {which} but it already exists"
        ));
    }
    check_values(&set, &mut problems);
    check_neighbours(region, zone, &name, &set, &mut problems);
    check_alias(region, zone, &set, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    record::keep(region, &zone.id, key, set);
    Ok(())
}

/// A record set as errors name it.
fn which(set: &api::ResourceRecordSet) -> String {
    let identifier = set.set_identifier.as_ref();
    let identifier = identifier.map(|id| format!(", set-identifier='{id}'"));
    format!(
        "[name='{}', type='{}'{}]",
        set.name,
        set.r#type,
        identifier.unwrap_or_default()
    )
}

/// Whether two record sets say the same; the order of values does not matter.
fn equal(one: &api::ResourceRecordSet, other: &api::ResourceRecordSet) -> bool {
    let ordered = |set: &api::ResourceRecordSet| {
        let mut set = set.clone();
        if let Some(records) = &mut set.resource_records {
            records.sort_by(|one, other| one.value.cmp(&other.value));
        }
        set.multi_value_answer = set.multi_value_answer.filter(|on| *on);
        set
    };
    wire::same(&ordered(one), &ordered(other))
}

fn check_values(set: &api::ResourceRecordSet, problems: &mut Vec<String>) {
    let mut values = BTreeSet::new();
    for record in set.resource_records.iter().flatten() {
        if let Err(problem) = value::check(set.r#type, &record.value) {
            problems.push(problem);
        } else if !values.insert(&record.value) {
            problems.push(format!("Duplicate Resource Record: '{}'", record.value));
        }
    }
    if values.len() > MOST_OF_SET {
        problems.push(format!(
            "RRSet with DNS name {} and type {} has more than {MOST_OF_SET} values",
            set.name, set.r#type
        ));
    }
    let single = matches!(set.r#type, api::RRType::Cname | api::RRType::Soa);
    if single && values.len() > 1 {
        problems.push(format!(
            "RRSet of type {} with DNS name {} must have exactly one value",
            set.r#type, set.name
        ));
    }
}

/// Whether a record set may stand beside the others of its name.
fn check_neighbours(
    region: &Region,
    zone: &Zone,
    name: &Name,
    set: &api::ResourceRecordSet,
    problems: &mut Vec<String>,
) {
    let kind = set.r#type;
    let apex = zone::name(zone);
    if kind == api::RRType::Cname && *name == apex {
        problems.push(format!(
            "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {apex}"
        ));
        return;
    }
    if kind == api::RRType::Soa && *name != apex {
        problems.push(format!(
            "RRSet of type SOA with DNS name {name} is not permitted: only the zone {apex} itself has one"
        ));
    }
    for other in api::RRType::ALL {
        let there = *other != kind && !record::group(region, &zone.id, name, *other).is_empty();
        if there && kind == api::RRType::Cname {
            problems.push(format!(
                "RRSet of type CNAME with DNS name {name} is not permitted as it conflicts with other records with the same DNS name in zone {apex}"
            ));
            break;
        }
        if there && *other == api::RRType::Cname {
            problems.push(format!(
                "RRSet of type {kind} with DNS name {name} is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone {apex}"
            ));
        }
    }
    for other in record::group(region, &zone.id, name, kind) {
        if other.set_identifier == set.set_identifier {
            continue;
        }
        if routing(other) != routing(set) {
            let identifier = set.set_identifier.as_ref();
            let identifier = identifier.map(|id| format!(", SetIdentifier {id}"));
            problems.push(format!(
                "RRSet with DNS name {name}, type {kind}{} cannot be created as other RRSets exist with the same name and type.",
                identifier.unwrap_or_default()
            ));
            break;
        }
        if set.weight.is_some() && other.ttl.is_some() && set.ttl.is_some() && other.ttl != set.ttl
        {
            problems.push(format!(
                "RRSet with DNS name {name} and type {kind}, SetIdentifier {} cannot be created as weighted sets must contain the same TTL.",
                set.set_identifier.as_deref().unwrap_or_default()
            ));
            break;
        }
        let same_place = set.failover.is_some() && other.failover == set.failover
            || set.region.is_some() && other.region == set.region
            || set.geo_location.is_some() && place(other) == place(set);
        if same_place {
            problems.push(format!(
                "RRSet with DNS name {name}, type {kind}, SetIdentifier {} cannot be created as another RRSet exists with the same name, type and routing.",
                set.set_identifier.as_deref().unwrap_or_default()
            ));
            break;
        }
    }
}

/// By what several record sets of a name and type are told apart.
fn routing(set: &api::ResourceRecordSet) -> &'static str {
    if set.weight.is_some() {
        "weighted"
    } else if set.region.is_some() {
        "latency"
    } else if set.failover.is_some() {
        "failover"
    } else if set.geo_location.is_some() {
        "geolocation"
    } else if set.multi_value_answer == Some(true) {
        "multivalue"
    } else {
        "simple"
    }
}

fn place(set: &api::ResourceRecordSet) -> Option<[Option<&str>; 3]> {
    let place = set.geo_location.as_ref()?;
    Some([
        place.continent_code.as_deref(),
        place.country_code.as_deref(),
        place.subdivision_code.as_deref(),
    ])
}

/// Whether an alias leads to something: another record set of the zone, or a load balancer.
fn check_alias(
    region: &Region,
    zone: &Zone,
    set: &api::ResourceRecordSet,
    problems: &mut Vec<String>,
) {
    let Some(alias) = &set.alias_target else {
        return;
    };
    let tried = format!(
        "Tried to create an alias that targets {}, type {} in zone {}",
        alias.dns_name, set.r#type, alias.hosted_zone_id
    );
    if matches!(set.r#type, api::RRType::Ns | api::RRType::Soa) {
        problems.push(format!(
            "{tried}, but an alias of that type is not permitted"
        ));
        return;
    }
    let not_found = format!("{tried}, but that target was not found");
    if alias.hosted_zone_id == zone.id {
        let Ok(target) = Name::parse(&alias.dns_name) else {
            return;
        };
        if !target.is_within(&zone::name(zone)) {
            problems.push(format!(
                "{tried}, but the alias target name does not lie within the target zone"
            ));
            problems.push(not_found);
        } else if record::group(region, &zone.id, &target, set.r#type).is_empty() {
            problems.push(not_found);
        }
        return;
    }
    let balancers = elbv2::hosted_zone(&region.settings.region);
    if balancers != Some(alias.hosted_zone_id.as_str()) {
        if region.route53.zones.contains(&alias.hosted_zone_id) {
            problems.push(format!(
                "{tried}, but the alias target name does not lie within the target zone"
            ));
        }
        problems.push(not_found);
        return;
    }
    // Load balancers have IPv4 addresses; that they have no others is answered with none.
    let known = matches!(set.r#type, api::RRType::A | api::RRType::Aaaa)
        && elbv2::by_name(region, &alias.dns_name).is_some();
    if !known {
        problems.push(not_found);
    }
}
