//! Each noun's tests drive operations with typed inputs through the region.

mod change;
mod delegation;
mod record;
mod vpc;
mod zone;

use wire::route53::{self as api, op};

use crate::services::ec2::tests::lab::Lab;

/// A public zone of a name; its id.
pub(crate) fn zone(lab: &mut Lab, name: &str) -> String {
    let reference = lab.region.route53.changes.len();
    let input = api::CreateHostedZoneRequest {
        name: name.to_owned(),
        caller_reference: format!("test {reference}"),
        ..Default::default()
    };
    id_of(lab.call(op::CreateHostedZone, input).hosted_zone)
}

fn id_of(zone: Option<api::HostedZone>) -> String {
    let id = zone.unwrap().id.unwrap();
    id.strip_prefix("/hostedzone/").unwrap().to_owned()
}

pub(crate) fn set(name: &str, kind: api::RRType, values: &[&str]) -> api::ResourceRecordSet {
    api::ResourceRecordSet {
        name: name.to_owned(),
        r#type: kind,
        ttl: Some(300),
        resource_records: Some(
            values
                .iter()
                .map(|value| api::ResourceRecord {
                    value: (*value).to_owned(),
                })
                .collect(),
        ),
        ..Default::default()
    }
}

fn alias(name: &str, zone: &str, target: &str) -> api::ResourceRecordSet {
    api::ResourceRecordSet {
        name: name.to_owned(),
        r#type: api::RRType::A,
        alias_target: Some(api::AliasTarget {
            dns_name: target.to_owned(),
            evaluate_target_health: true,
            hosted_zone_id: zone.to_owned(),
        }),
        ..Default::default()
    }
}

pub(crate) fn batch(
    zone: &str,
    changes: Vec<(api::ChangeAction, api::ResourceRecordSet)>,
) -> api::ChangeResourceRecordSetsRequest {
    let changes = changes
        .into_iter()
        .map(|(action, resource_record_set)| api::Change {
            action,
            resource_record_set,
        });
    api::ChangeResourceRecordSetsRequest {
        hosted_zone_id: zone.to_owned(),
        change_batch: api::ChangeBatch {
            changes: changes.collect(),
            comment: None,
        },
    }
}

pub(crate) fn create(lab: &mut Lab, zone: &str, set: api::ResourceRecordSet) {
    let input = batch(zone, vec![(api::ChangeAction::Create, set)]);
    lab.call(op::ChangeResourceRecordSets, input);
}

/// A zone's record sets, each as one line.
fn listed(lab: &mut Lab, zone: &str) -> Vec<String> {
    let input = api::ListResourceRecordSetsRequest {
        hosted_zone_id: zone.to_owned(),
        ..Default::default()
    };
    let sets = lab.call(op::ListResourceRecordSets, input);
    let sets = sets.resource_record_sets.unwrap();
    sets.iter().map(line).collect()
}

fn line(set: &api::ResourceRecordSet) -> String {
    let identifier = set.set_identifier.as_deref().unwrap_or_default();
    format!("{} {} {identifier}", set.name, set.r#type)
        .trim_end()
        .to_owned()
}
