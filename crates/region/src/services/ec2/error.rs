//! The errors EC2 answers with. EC2's model names none, so the codes and texts stand here.

use wire::Error;

/// A refusal of a call; EC2 answers nearly all of them with 400.
pub(super) fn refused(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(code, 400, message)
}

pub(super) fn invalid(message: impl Into<String>) -> Error {
    refused("InvalidParameterValue", message)
}

pub(super) fn missing(parameter: &str) -> Error {
    refused(
        "MissingParameter",
        format!("The request must contain the parameter {parameter}"),
    )
}

/// A feature of an operation that is not there.
pub(super) fn absent(feature: &str) -> Error {
    refused(
        "UnsupportedOperation",
        format!("Terrella does not implement {feature}."),
    )
}

pub(super) fn dependency(message: impl Into<String>) -> Error {
    refused("DependencyViolation", message)
}

/// Ends a call that only asked whether it may be made.
pub(super) fn dry_run(asked: Option<bool>) -> Result<(), Error> {
    if asked == Some(true) {
        return Err(Error::new(
            "DryRunOperation",
            412,
            "Request would have succeeded, but DryRun flag is set.",
        ));
    }
    Ok(())
}

/// Refuses the first of the given features that a request asks for.
pub(super) fn none_of(asked: &[(&str, bool)]) -> Result<(), Error> {
    match asked.iter().find(|(_, present)| *present) {
        Some((feature, _)) => Err(absent(feature)),
        None => Ok(()),
    }
}

macro_rules! not_found {
    ($($name:ident: $code:literal, $text:literal;)*) => {$(
        pub(super) fn $name(id: &str) -> Error {
            refused($code, $text.replace("{}", id))
        }
    )*};
}

not_found! {
    vpc: "InvalidVpcID.NotFound", "The vpc ID '{}' does not exist";
    subnet: "InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist";
    security_group: "InvalidGroup.NotFound", "The security group '{}' does not exist";
    security_group_rule: "InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '{}' does not exist";
    route_table: "InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist";
    association: "InvalidAssociationID.NotFound", "The association ID '{}' does not exist";
    gateway: "InvalidGatewayID.NotFound", "The gateway ID '{}' does not exist";
    internet_gateway: "InvalidInternetGatewayID.NotFound", "The internetGateway ID '{}' does not exist";
    nat_gateway: "NatGatewayNotFound", "NAT gateway {} was not found";
    allocation: "InvalidAllocationID.NotFound", "The allocation ID '{}' does not exist";
    public_address: "InvalidAddress.NotFound", "Address '{}' not found.";
    endpoint: "InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{}' does not exist";
    endpoint_service: "InvalidServiceName", "The Vpc Endpoint Service '{}' does not exist";
    flow_log: "InvalidFlowLogId.NotFound", "The specified flow log id {} does not exist";
    network_acl: "InvalidNetworkAclID.NotFound", "The networkAcl ID '{}' does not exist";
    interface: "InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '{}' does not exist";
    attachment: "InvalidAttachmentID.NotFound", "The attachment ID '{}' does not exist";
    dhcp_options: "InvalidDhcpOptionID.NotFound", "The dhcpOption ID '{}' does not exist";
    prefix_list: "InvalidPrefixListID.NotFound", "The prefix list ID '{}' does not exist";
    instance: "InvalidInstanceID.NotFound", "The instance ID '{}' does not exist";
    peering: "InvalidVpcPeeringConnectionID.NotFound", "The vpcPeeringConnection ID '{}' does not exist";
    vpn_gateway: "InvalidVpnGatewayID.NotFound", "The vpnGateway ID '{}' does not exist";
    transit_gateway: "InvalidTransitGatewayID.NotFound", "Transit Gateway {} was deleted or does not exist.";
    egress_only_gateway: "InvalidEgressOnlyInternetGatewayId.NotFound", "The egressOnlyInternetGateway ID '{}' does not exist";
    zone: "InvalidParameterValue", "Invalid availability zone: [{}]";
}
