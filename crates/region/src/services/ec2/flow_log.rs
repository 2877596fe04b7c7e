//! Flow logs, kept as configured. Nothing writes to them yet.

use wire::{Error, ec2 as api};

use super::filter::{Kind, Query, text};
use super::state::FlowLog;
use super::{error, tags};
use crate::{Context, Region};

const FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}";

pub(super) fn create_flow_logs(
    region: &mut Region,
    context: &Context,
    input: api::CreateFlowLogsRequest,
) -> Result<api::CreateFlowLogsResult, Error> {
    error::dry_run(input.dry_run)?;
    let wrong = |text: &str| Err(error::refused("InvalidParameter", text));
    let destination_type = input
        .log_destination_type
        .unwrap_or(api::LogDestinationType::CloudWatchLogs);
    let to_logs = destination_type == api::LogDestinationType::CloudWatchLogs;
    if to_logs && input.deliver_logs_permission_arn.is_none() {
        return wrong(
            "DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.",
        );
    }
    if input.log_group_name.is_some() && input.log_destination.is_some() {
        return wrong("Please only provide LogGroupName or only provide LogDestination.");
    }
    if !to_logs && input.log_group_name.is_some() {
        return wrong("LogGroupName must be empty unless LogDestinationType is cloud-watch-logs.");
    }
    if input.log_group_name.is_none() && input.log_destination.is_none() {
        return wrong("LogDestination can't be empty if LogGroupName is not provided.");
    }
    let interval = input.max_aggregation_interval.unwrap_or(600);
    if ![60, 600].contains(&interval) {
        return wrong("Invalid Flow Log Max Aggregation Interval");
    }
    let Some(traffic) = input.traffic_type else {
        return Err(error::missing("TrafficType"));
    };
    let tags = tags::specified(input.tag_specifications, "vpc-flow-log")?;
    let settings = &region.settings;
    let (group, destination) = match (input.log_group_name, input.log_destination) {
        (Some(name), _) => {
            let arn = settings.arn("logs", format_args!("log-group:{name}"));
            (Some(name), arn)
        }
        (None, given) => {
            let given = given.unwrap_or_default();
            let arn = given.strip_suffix(":*").unwrap_or(&given).to_owned();
            let name = arn
                .split_once(":log-group:")
                .map(|(_, name)| name.to_owned());
            (name.filter(|_| to_logs), arn)
        }
    };
    let options = input.destination_options.unwrap_or_default();
    let (mut ids, mut unsuccessful) = (Vec::new(), Vec::new());
    for resource in input.resource_ids {
        let log = FlowLog {
            id: context.ec2_id("fl"),
            resource: resource.clone(),
            traffic: Some(traffic),
            destination_type,
            destination: Some(destination.clone()),
            group: group.clone(),
            role: input.deliver_logs_permission_arn.clone(),
            format: input
                .log_format
                .clone()
                .unwrap_or_else(|| FORMAT.to_owned()),
            interval,
            file_format: options.file_format,
            hive_compatible: options.hive_compatible_partitions.unwrap_or(false),
            per_hour: options.per_hour_partition.unwrap_or(false),
            created_at: context.now,
        };
        match check(region, input.resource_type, &log) {
            Ok(()) => {
                tags::keep(region, &log.id, tags.clone());
                ids.push(log.id.clone());
                region.ec2.flow_logs.insert(log.id.clone(), log);
            }
            Err(error) => unsuccessful.push(failed(resource, error)),
        }
    }
    Ok(api::CreateFlowLogsResult {
        client_token: input.client_token,
        flow_log_ids: Some(ids),
        unsuccessful: Some(unsuccessful),
    })
}

fn failed(resource: String, error: Error) -> api::UnsuccessfulItem {
    api::UnsuccessfulItem {
        error: Some(api::UnsuccessfulItemError {
            code: Some(error.code.into_owned()),
            message: Some(error.message),
        }),
        resource_id: Some(resource),
    }
}

fn check(region: &Region, kind: api::FlowLogsResourceType, log: &FlowLog) -> Result<(), Error> {
    let ec2 = &region.ec2;
    let id = log.resource.as_str();
    let there = match kind {
        api::FlowLogsResourceType::Vpc => ec2
            .vpcs
            .contains(id)
            .then_some(())
            .ok_or_else(|| error::vpc(id)),
        api::FlowLogsResourceType::Subnet => ec2
            .subnets
            .contains(id)
            .then_some(())
            .ok_or_else(|| error::subnet(id)),
        api::FlowLogsResourceType::NetworkInterface => ec2
            .interfaces
            .contains(id)
            .then_some(())
            .ok_or_else(|| error::interface(id)),
        other => Err(error::absent(&format!("flow logs of {other}"))),
    };
    there?;
    let same = ec2.flow_logs.values().any(|other| {
        other.resource == log.resource
            && other.traffic == log.traffic
            && other.destination == log.destination
            && other.format == log.format
    });
    if same {
        return Err(error::refused(
            "FlowLogAlreadyExists",
            "Error. There is an existing Flow Log with the same configuration and log destination.",
        ));
    }
    Ok(())
}

pub(super) fn delete_flow_logs(
    region: &mut Region,
    _: &Context,
    input: api::DeleteFlowLogsRequest,
) -> Result<api::DeleteFlowLogsResult, Error> {
    error::dry_run(input.dry_run)?;
    let mut unsuccessful = Vec::new();
    for id in input.flow_log_ids {
        if region.ec2.flow_logs.remove(&id).is_some() {
            tags::forget(region, &id);
        } else {
            let error = error::flow_log(&id);
            unsuccessful.push(failed(id, error));
        }
    }
    Ok(api::DeleteFlowLogsResult {
        unsuccessful: Some(unsuccessful),
    })
}

const LOGS: Kind<api::FlowLog> = Kind {
    id: |log| log.flow_log_id.clone().unwrap_or_default(),
    tags: |log| &log.tags,
    filters: &[
        ("deliver-log-status", |one| {
            text(one.deliver_logs_status.as_ref())
        }),
        ("log-destination-type", |one| {
            text(one.log_destination_type.as_ref())
        }),
        ("flow-log-id", |one| text(one.flow_log_id.as_ref())),
        ("log-group-name", |one| text(one.log_group_name.as_ref())),
        ("resource-id", |one| text(one.resource_id.as_ref())),
        ("traffic-type", |one| text(one.traffic_type.as_ref())),
    ],
    missing: error::flow_log,
};

pub(super) fn describe_flow_logs(
    region: &Region,
    _: &Context,
    input: api::DescribeFlowLogsRequest,
) -> Result<api::DescribeFlowLogsResult, Error> {
    error::dry_run(input.dry_run)?;
    let all = region.ec2.flow_logs.values().map(|row| answer(region, row));
    let query = Query {
        ids: input.flow_log_ids,
        filters: input.filter,
        max_results: input.max_results,
        next_token: input.next_token,
    };
    let (logs, next_token) = LOGS.select(query, all)?;
    Ok(api::DescribeFlowLogsResult {
        flow_logs: Some(logs),
        next_token,
    })
}

fn answer(region: &Region, log: &FlowLog) -> api::FlowLog {
    let to_s3 = log.destination_type == api::LogDestinationType::S3;
    api::FlowLog {
        creation_time: Some(log.created_at),
        deliver_logs_permission_arn: log.role.clone(),
        destination_options: to_s3.then(|| api::DestinationOptionsResponse {
            file_format: Some(
                log.file_format
                    .unwrap_or(api::DestinationFileFormat::PlainText),
            ),
            hive_compatible_partitions: Some(log.hive_compatible),
            per_hour_partition: Some(log.per_hour),
        }),
        flow_log_id: Some(log.id.clone()),
        flow_log_status: Some("ACTIVE".to_owned()),
        log_destination: log.destination.clone(),
        log_destination_type: Some(log.destination_type),
        log_format: Some(log.format.clone()),
        log_group_name: log.group.clone(),
        max_aggregation_interval: Some(log.interval),
        resource_id: Some(log.resource.clone()),
        tags: tags::of(region, &log.id),
        traffic_type: log.traffic,
        ..Default::default()
    }
}
