use wire::ec2::{self as api, op};

use super::lab::Lab;
use super::{subnet, vpc};

#[test]
fn zones_and_regions() {
    let mut lab = Lab::new();
    let input = api::DescribeAvailabilityZonesRequest {
        filters: super::filters(&[("state", "available")]),
        ..Default::default()
    };
    let zones = lab
        .call(op::DescribeAvailabilityZones, input)
        .availability_zones
        .unwrap();
    let shown: Vec<_> = zones
        .iter()
        .map(|one| {
            (
                one.zone_name.as_deref().unwrap(),
                one.zone_id.as_deref().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("eu-central-1a", "euc1-az1"),
            ("eu-central-1b", "euc1-az2"),
            ("eu-central-1c", "euc1-az3")
        ]
    );
    let unknown = api::DescribeAvailabilityZonesRequest {
        zone_names: Some(vec!["eu-central-1z".into()]),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::DescribeAvailabilityZones, unknown).0,
        "InvalidParameterValue"
    );
    let regions = lab.call(op::DescribeRegions, api::DescribeRegionsRequest::default());
    assert_eq!(
        regions.regions.unwrap()[0].endpoint.as_deref(),
        Some("ec2.eu-central-1.amazonaws.com")
    );
}

#[test]
fn flow_logs() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let ask = |resource: &str| api::CreateFlowLogsRequest {
        resource_ids: vec![resource.to_owned()],
        resource_type: api::FlowLogsResourceType::Vpc,
        traffic_type: Some(api::TrafficType::All),
        log_destination: Some("arn:aws:logs:eu-central-1:000000000000:log-group:flow:*".into()),
        deliver_logs_permission_arn: Some("arn:aws:iam::000000000000:role/flow".into()),
        ..Default::default()
    };
    let made = lab
        .call(op::CreateFlowLogs, ask(&id))
        .flow_log_ids
        .unwrap()
        .remove(0);
    let again = lab.call(op::CreateFlowLogs, ask(&id)).unsuccessful.unwrap();
    assert_eq!(
        again[0].error.as_ref().unwrap().code.as_deref(),
        Some("FlowLogAlreadyExists")
    );
    let unknown = lab
        .call(op::CreateFlowLogs, ask("vpc-0"))
        .unsuccessful
        .unwrap();
    assert_eq!(unknown[0].resource_id.as_deref(), Some("vpc-0"));
    let input = api::DescribeFlowLogsRequest {
        flow_log_ids: Some(vec![made.clone()]),
        ..Default::default()
    };
    let shown = lab
        .call(op::DescribeFlowLogs, input.clone())
        .flow_logs
        .unwrap()
        .remove(0);
    assert_eq!(
        shown.log_destination.as_deref(),
        Some("arn:aws:logs:eu-central-1:000000000000:log-group:flow")
    );
    assert_eq!(shown.log_group_name.as_deref(), Some("flow"));
    assert_eq!(shown.max_aggregation_interval, Some(600));
    let no_role = api::CreateFlowLogsRequest {
        deliver_logs_permission_arn: None,
        ..ask(&id)
    };
    assert_eq!(
        lab.refused(op::CreateFlowLogs, no_role).0,
        "InvalidParameter"
    );
    let interval = api::CreateFlowLogsRequest {
        max_aggregation_interval: Some(61),
        ..ask(&id)
    };
    assert_eq!(
        lab.refused(op::CreateFlowLogs, interval).0,
        "InvalidParameter"
    );
    let drop = || api::DeleteFlowLogsRequest {
        flow_log_ids: vec![made.clone()],
        ..Default::default()
    };
    assert_eq!(
        lab.call(op::DeleteFlowLogs, drop())
            .unsuccessful
            .unwrap()
            .len(),
        0
    );
    assert_eq!(
        lab.call(op::DeleteFlowLogs, drop())
            .unsuccessful
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        lab.refused(op::DescribeFlowLogs, input).0,
        "InvalidFlowLogId.NotFound"
    );
}

#[test]
fn dhcp_options() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let ask = |key: &str| api::CreateDhcpOptionsRequest {
        dhcp_configurations: vec![api::NewDhcpConfiguration {
            key: Some(key.to_owned()),
            values: Some(vec!["example.test".into()]),
        }],
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::CreateDhcpOptions, ask("colour")).0,
        "InvalidParameterValue"
    );
    let made = lab
        .call(op::CreateDhcpOptions, ask("domain-name"))
        .dhcp_options
        .unwrap();
    let made = made.dhcp_options_id.unwrap();
    let associate = |options: &str| api::AssociateDhcpOptionsRequest {
        dhcp_options_id: options.to_owned(),
        vpc_id: id.clone(),
        ..Default::default()
    };
    lab.call(op::AssociateDhcpOptions, associate(&made));
    let drop = || api::DeleteDhcpOptionsRequest {
        dhcp_options_id: made.clone(),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::DeleteDhcpOptions, drop()).0,
        "DependencyViolation"
    );
    lab.call(op::AssociateDhcpOptions, associate("default"));
    lab.call(op::DeleteDhcpOptions, drop());
    assert_eq!(
        lab.refused(op::DeleteDhcpOptions, drop()).0,
        "InvalidDhcpOptionID.NotFound"
    );
}

#[test]
fn what_cannot_be_made_is_not_there() {
    let mut lab = Lab::new();
    let none = lab.call(
        op::DescribeInstances,
        api::DescribeInstancesRequest::default(),
    );
    assert_eq!(none.reservations.unwrap().len(), 0);
    let one = api::DescribeInstancesRequest {
        instance_ids: Some(vec!["i-0".into()]),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::DescribeInstances, one).0,
        "InvalidInstanceID.NotFound"
    );
    assert!(crate::Region::handler("ec2", "RunInstances").is_none());
    let attributes = lab.call(
        op::DescribeAccountAttributes,
        api::DescribeAccountAttributesRequest::default(),
    );
    let names: Vec<_> = attributes
        .account_attributes
        .unwrap()
        .into_iter()
        .filter_map(|one| one.attribute_name)
        .collect();
    assert!(names.contains(&"default-vpc".to_owned()));
}

/// A refused call of several steps: the endpoint is made, the second subnet is refused.
#[test]
fn a_refused_call_leaves_no_trace() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let a = subnet(&mut lab, &id, "10.0.0.0/24", "eu-central-1a");
    let input = api::CreateVpcEndpointRequest {
        vpc_id: id,
        vpc_endpoint_type: Some(api::VpcEndpointType::Interface),
        service_name: Some("com.amazonaws.eu-central-1.logs".into()),
        subnet_ids: Some(vec![a, "subnet-0".into()]),
        private_dns_enabled: Some(false),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::CreateVpcEndpoint, input).0,
        "InvalidSubnetID.NotFound"
    );
    assert_eq!(
        (
            lab.region.ec2.endpoints.len(),
            lab.region.ec2.interfaces.len()
        ),
        (0, 0)
    );
}
