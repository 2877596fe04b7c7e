//! EC2's networking: VPCs and all that decides where a packet goes. There are no instances.
//!
//! Other services make interfaces by [`interface`], look up by [`subnet::get`],
//! [`security_group::get`] and [`vpc::get`], and give an interface a public address by
//! [`address::associate_public`].

mod account;
pub mod address;
mod aws_service;
mod cidr;
mod desire;
mod dhcp_options;
mod endpoint;
mod error;
mod filter;
mod flow_log;
pub mod interface;
mod internet_gateway;
mod nat_gateway;
mod network_acl;
mod network_interface;
mod permission;
mod prefix_list;
mod route;
mod route_table;
pub mod security_group;
mod security_group_rule;
pub mod state;
pub mod subnet;
mod tags;
pub mod vpc;
pub mod zone;

#[cfg(test)]
pub(crate) mod tests;

pub use state::{Requester, State};

use crate::{Context, Region, Service};

pub(crate) const SERVICE: Service = Service {
    bootstrap,
    reconcile,
    deadline,
    desire: desire::desire,
    ..Service::new("ec2", handler)
};

fn bootstrap(region: &mut Region, context: &Context) {
    dhcp_options::make_default(region, context);
    vpc::make_default(region, context);
}

fn reconcile(region: &mut Region, context: &Context) {
    nat_gateway::reconcile(region, context);
    endpoint::reconcile(region, context);
}

fn deadline(region: &Region) -> Option<jiff::Timestamp> {
    let all = [nat_gateway::deadline(region), endpoint::deadline(region)];
    all.into_iter().flatten().min()
}

crate::operations! { wire::ec2::op;
    write AllocateAddress => address::allocate_address,
    write AssignPrivateIpAddresses => network_interface::assign_private_ip_addresses,
    write AssociateAddress => address::associate_address,
    write AssociateDhcpOptions => vpc::associate_dhcp_options,
    write AssociateRouteTable => route_table::associate_route_table,
    write AssociateVpcCidrBlock => vpc::associate_vpc_cidr_block,
    write AttachInternetGateway => internet_gateway::attach_internet_gateway,
    write AttachNetworkInterface => network_interface::attach_network_interface,
    write AuthorizeSecurityGroupEgress => security_group_rule::authorize_security_group_egress,
    write AuthorizeSecurityGroupIngress => security_group_rule::authorize_security_group_ingress,
    write CreateDefaultSubnet => subnet::create_default_subnet,
    write CreateDefaultVpc => vpc::create_default_vpc,
    write CreateDhcpOptions => dhcp_options::create_dhcp_options,
    write CreateFlowLogs => flow_log::create_flow_logs,
    write CreateInternetGateway => internet_gateway::create_internet_gateway,
    write CreateManagedPrefixList => prefix_list::own::create_managed_prefix_list,
    write CreateNatGateway => nat_gateway::create_nat_gateway,
    write CreateNetworkAcl => network_acl::create_network_acl,
    write CreateNetworkAclEntry => network_acl::create_network_acl_entry,
    write CreateNetworkInterface => network_interface::create_network_interface,
    write CreateRoute => route::create_route,
    write CreateRouteTable => route_table::create_route_table,
    write CreateSecurityGroup => security_group::create_security_group,
    write CreateSubnet => subnet::create_subnet,
    write CreateTags => tags::create_tags,
    write CreateVpc => vpc::create_vpc,
    write CreateVpcEndpoint => endpoint::create_vpc_endpoint,
    write DeleteDhcpOptions => dhcp_options::delete_dhcp_options,
    write DeleteFlowLogs => flow_log::delete_flow_logs,
    write DeleteInternetGateway => internet_gateway::delete_internet_gateway,
    write DeleteManagedPrefixList => prefix_list::own::delete_managed_prefix_list,
    write DeleteNatGateway => nat_gateway::delete_nat_gateway,
    write DeleteNetworkAcl => network_acl::delete_network_acl,
    write DeleteNetworkAclEntry => network_acl::delete_network_acl_entry,
    write DeleteNetworkInterface => network_interface::delete_network_interface,
    write DeleteRoute => route::delete_route,
    write DeleteRouteTable => route_table::delete_route_table,
    write DeleteSecurityGroup => security_group::delete_security_group,
    write DeleteSubnet => subnet::delete_subnet,
    write DeleteTags => tags::delete_tags,
    write DeleteVpc => vpc::delete_vpc,
    write DeleteVpcEndpoints => endpoint::delete_vpc_endpoints,
    read DescribeAccountAttributes => account::describe_account_attributes,
    read DescribeAddresses => address::describe_addresses,
    read DescribeAddressesAttribute => address::describe_addresses_attribute,
    read DescribeAvailabilityZones => zone::describe_availability_zones,
    read DescribeDhcpOptions => dhcp_options::describe_dhcp_options,
    read DescribeEgressOnlyInternetGateways => account::describe_egress_only_internet_gateways,
    read DescribeFlowLogs => flow_log::describe_flow_logs,
    read DescribeInstances => account::describe_instances,
    read DescribeInternetGateways => internet_gateway::describe_internet_gateways,
    read DescribeManagedPrefixLists => prefix_list::describe_managed_prefix_lists,
    read DescribeNatGateways => nat_gateway::describe_nat_gateways,
    read DescribeNetworkAcls => network_acl::describe_network_acls,
    read DescribeNetworkInterfaceAttribute => network_interface::describe_network_interface_attribute,
    read DescribeNetworkInterfaces => network_interface::describe_network_interfaces,
    read DescribePrefixLists => prefix_list::describe_prefix_lists,
    read DescribeRegions => zone::describe_regions,
    read DescribeRouteTables => route_table::describe_route_tables,
    read DescribeSecurityGroupReferences => security_group::describe_security_group_references,
    read DescribeSecurityGroupRules => security_group_rule::describe_security_group_rules,
    read DescribeSecurityGroups => security_group::describe_security_groups,
    read DescribeStaleSecurityGroups => security_group::describe_stale_security_groups,
    read DescribeSubnets => subnet::describe_subnets,
    read DescribeTags => tags::describe_tags,
    read DescribeTransitGateways => account::describe_transit_gateways,
    read DescribeVpcAttribute => vpc::describe_vpc_attribute,
    read DescribeVpcBlockPublicAccessOptions => account::describe_vpc_block_public_access_options,
    read DescribeVpcClassicLink => account::describe_vpc_classic_link,
    read DescribeVpcClassicLinkDnsSupport => account::describe_vpc_classic_link_dns_support,
    read DescribeVpcEndpointServices => endpoint::describe_vpc_endpoint_services,
    read DescribeVpcEndpoints => endpoint::describe_vpc_endpoints,
    read DescribeVpcPeeringConnections => account::describe_vpc_peering_connections,
    read DescribeVpcs => vpc::describe_vpcs,
    read DescribeVpnGateways => account::describe_vpn_gateways,
    write DetachInternetGateway => internet_gateway::detach_internet_gateway,
    write DetachNetworkInterface => network_interface::detach_network_interface,
    write DisassociateAddress => address::disassociate_address,
    write DisassociateRouteTable => route_table::disassociate_route_table,
    write DisassociateVpcCidrBlock => vpc::disassociate_vpc_cidr_block,
    read GetManagedPrefixListAssociations => prefix_list::get_managed_prefix_list_associations,
    read GetManagedPrefixListEntries => prefix_list::get_managed_prefix_list_entries,
    read GetSecurityGroupsForVpc => security_group::get_security_groups_for_vpc,
    write ModifyManagedPrefixList => prefix_list::own::modify_managed_prefix_list,
    write ModifyNetworkInterfaceAttribute => network_interface::modify_network_interface_attribute,
    write ModifySecurityGroupRules => security_group_rule::modify_security_group_rules,
    write ModifySubnetAttribute => subnet::modify_subnet_attribute,
    write ModifyVpcAttribute => vpc::modify_vpc_attribute,
    write ModifyVpcEndpoint => endpoint::modify_vpc_endpoint,
    write ReleaseAddress => address::release_address,
    write ReplaceNetworkAclAssociation => network_acl::replace_network_acl_association,
    write ReplaceNetworkAclEntry => network_acl::replace_network_acl_entry,
    write ReplaceRoute => route::replace_route,
    write ReplaceRouteTableAssociation => route_table::replace_route_table_association,
    write RevokeSecurityGroupEgress => security_group_rule::revoke_security_group_egress,
    write RevokeSecurityGroupIngress => security_group_rule::revoke_security_group_ingress,
    write UnassignPrivateIpAddresses => network_interface::unassign_private_ip_addresses,
    write UpdateSecurityGroupRuleDescriptionsEgress => security_group_rule::update_security_group_rule_descriptions_egress,
    write UpdateSecurityGroupRuleDescriptionsIngress => security_group_rule::update_security_group_rule_descriptions_ingress,
}
