"""EC2: internet gateways, NAT gateways, elastic addresses, routes, network ACLs."""

import pytest

from tour import TAGS, ZONES, every, refused, tag_list, tags_of, wait_until


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def subnet(ec2, vpc):
    return ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone=ZONES[0])["Subnet"]["SubnetId"]


@pytest.fixture
def gateway(ec2, vpc):
    made = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=vpc)
    return made


def test_an_internet_gateway_lives(ec2, vpc):
    made = ec2.create_internet_gateway(
        TagSpecifications=[{"ResourceType": "internet-gateway", "Tags": tag_list()}]
    )["InternetGateway"]
    assert made["Attachments"] == []
    gateway = made["InternetGatewayId"]
    ec2.get_waiter("internet_gateway_exists").wait(InternetGatewayIds=[gateway])
    with refused("Gateway.NotAttached"):
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    with refused("Resource.AlreadyAssociated"):
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    [seen] = ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"]
    assert seen["Attachments"] == [{"State": "available", "VpcId": vpc}]
    assert tags_of(seen["Tags"]) == TAGS
    for call in (
        lambda: ec2.delete_internet_gateway(InternetGatewayId=gateway),
        lambda: ec2.delete_vpc(VpcId=vpc),
    ):
        with refused("DependencyViolation"):
            call()
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    with refused("InvalidInternetGatewayID.NotFound"):
        ec2.describe_internet_gateways(InternetGatewayIds=[gateway])


def test_an_elastic_address_lives(ec2, subnet):
    made = ec2.allocate_address(
        Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tag_list()}]
    )
    address = made["AllocationId"]
    [seen] = ec2.describe_addresses(AllocationIds=[address])["Addresses"]
    assert (seen["PublicIp"], seen["Domain"]) == (made["PublicIp"], "vpc")
    assert tags_of(seen["Tags"]) == TAGS

    card = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    with refused("Gateway.NotAttached"):
        ec2.associate_address(AllocationId=address, NetworkInterfaceId=card)
    vpc = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    held = ec2.associate_address(AllocationId=address, NetworkInterfaceId=card)["AssociationId"]
    [seen] = ec2.describe_network_interfaces(NetworkInterfaceIds=[card])["NetworkInterfaces"]
    assert seen["Association"]["PublicIp"] == made["PublicIp"]
    with refused("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=address)
    with refused("DependencyViolation"):
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.disassociate_address(AssociationId=held)
    ec2.release_address(AllocationId=address)
    with refused("InvalidAllocationID.NotFound"):
        ec2.describe_addresses(AllocationIds=[address])


def test_a_nat_gateway_lives(ec2, vpc, subnet, gateway):
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(
        SubnetId=subnet,
        AllocationId=address,
        TagSpecifications=[{"ResourceType": "natgateway", "Tags": tag_list()}],
    )["NatGateway"]
    assert (made["State"], made["ConnectivityType"]) == ("pending", "public")
    nat = made["NatGatewayId"]
    # It has its interface at once; without a machine nobody brings it up.
    [card] = wait_until(
        lambda: ec2.describe_network_interfaces(
            Filters=[{"Name": "interface-type", "Values": ["nat_gateway"]}]
        )["NetworkInterfaces"],
        "an interface of the NAT gateway",
    )
    assert card["SubnetId"] == subnet and card["RequesterManaged"]
    [seen] = every(ec2, "describe_nat_gateways", "NatGateways", NatGatewayIds=[nat])
    assert tags_of(seen["Tags"]) == TAGS
    assert seen["NatGatewayAddresses"][0]["AllocationId"] == address
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[nat], WaiterConfig={"Delay": 1})
    ec2.release_address(AllocationId=address)
    with refused("NatGatewayNotFound"):
        ec2.describe_nat_gateways(NatGatewayIds=["nat-00000000000000000"])


def test_routes_live(ec2, vpc, subnet, gateway):
    made = ec2.create_route_table(
        VpcId=vpc, TagSpecifications=[{"ResourceType": "route-table", "Tags": tag_list()}]
    )["RouteTable"]
    table = made["RouteTableId"]
    assert tags_of(made["Tags"]) == TAGS
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    card = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    with refused("RouteAlreadyExists", "0.0.0.0/0"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=card)
    with refused("InvalidGatewayID.NotFound"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="1.0.0.0/8", GatewayId="igw-00000000000000000")
    held = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    with refused("Resource.AlreadyAssociated"):
        other = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.associate_route_table(RouteTableId=other, SubnetId=subnet)
    [seen] = every(
        ec2, "describe_route_tables", "RouteTables", Filters=[{"Name": "association.subnet-id", "Values": [subnet]}]
    )
    assert {(one["DestinationCidrBlock"], one["GatewayId"], one["Origin"], one["State"]) for one in seen["Routes"]} == {
        ("10.0.0.0/16", "local", "CreateRouteTable", "active"),
        ("0.0.0.0/0", gateway, "CreateRoute", "active"),
    }
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NetworkInterfaceId=card)
    with refused("DependencyViolation"):
        ec2.delete_route_table(RouteTableId=table)
    moved = ec2.replace_route_table_association(AssociationId=held, RouteTableId=other)["NewAssociationId"]
    assert moved != held
    ec2.disassociate_route_table(AssociationId=moved)
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    with refused("InvalidRoute.NotFound"):
        ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
    with refused("InvalidParameterValue"):
        ec2.delete_route(RouteTableId=table, DestinationCidrBlock="10.0.0.0/16")
    ec2.delete_route_table(RouteTableId=table)
    with refused("InvalidRouteTableID.NotFound"):
        ec2.describe_route_tables(RouteTableIds=[table])


def test_network_acls_live(ec2, vpc, subnet):
    acl = ec2.create_network_acl(
        VpcId=vpc, TagSpecifications=[{"ResourceType": "network-acl", "Tags": tag_list()}]
    )["NetworkAcl"]["NetworkAclId"]
    entry = dict(
        NetworkAclId=acl,
        RuleNumber=100,
        Protocol="6",
        RuleAction="allow",
        Egress=False,
        CidrBlock="0.0.0.0/0",
        PortRange={"From": 443, "To": 443},
    )
    ec2.create_network_acl_entry(**entry)
    with refused("NetworkAclEntryAlreadyExists"):
        ec2.create_network_acl_entry(**entry)
    ec2.replace_network_acl_entry(**{**entry, "RuleAction": "deny"})
    [seen] = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"]
    assert [one["RuleAction"] for one in seen["Entries"] if one["RuleNumber"] == 100] == ["deny"]
    [before] = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"]
    [held] = [one for one in before["Associations"] if one["SubnetId"] == subnet]
    ec2.replace_network_acl_association(AssociationId=held["NetworkAclAssociationId"], NetworkAclId=acl)
    with refused("DependencyViolation"):
        ec2.delete_network_acl(NetworkAclId=acl)
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=False)
    with refused("InvalidNetworkAclEntry.NotFound"):
        ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=False)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_network_acl(NetworkAclId=acl)
    with refused("InvalidNetworkAclID.NotFound"):
        ec2.describe_network_acls(NetworkAclIds=[acl])
