"""EC2: VPCs, their default ones, subnets, DHCP options, zones and attributes."""

import pytest

from tour import ACCOUNT, REGION, TAGS, ZONES, every, refused, tag_list, tags_of


@pytest.fixture
def ec2(aws):
    return aws("ec2")


def tagged(kind):
    return [{"ResourceType": kind, "Tags": tag_list()}]


def test_an_account_begins_with_a_default_vpc(ec2):
    [vpc] = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
    assert (vpc["CidrBlock"], vpc["State"], vpc["OwnerId"]) == ("172.31.0.0/16", "available", ACCOUNT)
    subnets = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    assert sorted(one["AvailabilityZone"] for one in subnets) == ZONES
    assert all(one["MapPublicIpOnLaunch"] for one in subnets)
    [gateway] = ec2.describe_internet_gateways(
        Filters=[{"Name": "attachment.vpc-id", "Values": [vpc["VpcId"]]}]
    )["InternetGateways"]
    assert gateway["Attachments"] == [{"State": "available", "VpcId": vpc["VpcId"]}]
    with refused("DefaultVpcAlreadyExists"):
        ec2.create_default_vpc()
    with refused("DefaultSubnetAlreadyExistsInAvailabilityZone"):
        ec2.create_default_subnet(AvailabilityZone=ZONES[0])


def test_a_vpc_lives(ec2):
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]
    assert (made["State"], made["InstanceTenancy"], made["IsDefault"]) == ("pending", "default", False)
    vpc = made["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc], WaiterConfig={"Delay": 1})
    [seen] = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert tags_of(seen["Tags"]) == TAGS

    attribute = lambda name: ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name)
    assert attribute("enableDnsSupport")["EnableDnsSupport"] == {"Value": True}
    assert attribute("enableDnsHostnames")["EnableDnsHostnames"] == {"Value": False}
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    assert attribute("enableDnsHostnames")["EnableDnsHostnames"] == {"Value": True}

    # What every VPC comes with.
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    [table] = ec2.describe_route_tables(Filters=of_vpc)["RouteTables"]
    assert [one["Main"] for one in table["Associations"]] == [True]
    assert [(one["DestinationCidrBlock"], one["GatewayId"]) for one in table["Routes"]] == [("10.0.0.0/16", "local")]
    [group] = ec2.describe_security_groups(Filters=of_vpc)["SecurityGroups"]
    assert group["GroupName"] == "default"
    [acl] = ec2.describe_network_acls(Filters=of_vpc)["NetworkAcls"]
    assert acl["IsDefault"] and len(acl["Entries"]) == 4
    for refusal, call in [
        ("CannotDelete", lambda: ec2.delete_security_group(GroupId=group["GroupId"])),
        ("DependencyViolation", lambda: ec2.delete_route_table(RouteTableId=table["RouteTableId"])),
        ("InvalidParameterValue", lambda: ec2.delete_network_acl(NetworkAclId=acl["NetworkAclId"])),
    ]:
        with refused(refusal):
            call()

    ec2.delete_vpc(VpcId=vpc)
    with refused("InvalidVpcID.NotFound", f"The vpc ID '{vpc}' does not exist"):
        ec2.describe_vpcs(VpcIds=[vpc])
    with refused("InvalidVpcID.NotFound"):
        ec2.delete_vpc(VpcId=vpc)


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ("10.0.0.0/15", "InvalidVpc.Range"),
        ("10.0.0.0/29", "InvalidVpc.Range"),
        ("10.0.0.0", "InvalidParameterValue"),
        ("10.0.0.300/16", "InvalidParameterValue"),
        ("nonsense", "InvalidParameterValue"),
    ],
)
def test_a_vpc_has_a_range_that_aws_takes(ec2, block, code):
    with refused(code, block):
        ec2.create_vpc(CidrBlock=block)


def test_a_vpc_s_second_range(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    got = ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.1.0.0/16")["CidrBlockAssociation"]
    assert got["CidrBlock"] == "10.1.0.0/16"
    [seen] = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]
    assert {one["CidrBlock"] for one in seen["CidrBlockAssociationSet"]} == {"10.0.0.0/16", "10.1.0.0/16"}
    with refused("InvalidVpc.Range", "conflicts"):
        ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.1.128.0/17")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.0.0/24")["Subnet"]["SubnetId"]
    with refused("InvalidCidrBlock.InUse"):
        ec2.disassociate_vpc_cidr_block(AssociationId=got["AssociationId"])
    ec2.delete_subnet(SubnetId=subnet)
    ec2.disassociate_vpc_cidr_block(AssociationId=got["AssociationId"])


def test_subnets_live(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = [
        ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"10.0.{number}.0/24",
            AvailabilityZone=zone,
            TagSpecifications=tagged("subnet"),
        )["Subnet"]
        for number, zone in enumerate(ZONES)
    ]
    assert [one["AvailableIpAddressCount"] for one in made] == [251] * 3
    ec2.get_waiter("subnet_available").wait(SubnetIds=[one["SubnetId"] for one in made])
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    seen = every(ec2, "describe_subnets", "Subnets", Filters=of_vpc)
    assert [tags_of(one["Tags"]) for one in seen] == [TAGS] * 3

    first = made[0]["SubnetId"]
    assert not made[0]["MapPublicIpOnLaunch"]
    ec2.modify_subnet_attribute(SubnetId=first, MapPublicIpOnLaunch={"Value": True})
    [changed] = ec2.describe_subnets(SubnetIds=[first])["Subnets"]
    assert changed["MapPublicIpOnLaunch"]

    for block, code in [
        ("10.0.1.128/25", "InvalidSubnet.Conflict"),
        ("10.1.0.0/24", "InvalidSubnet.Range"),
        ("10.0.9.0/29", "InvalidSubnet.Range"),
        ("10.0.9.0/33", "InvalidParameterValue"),
    ]:
        with refused(code, block):
            ec2.create_subnet(VpcId=vpc, CidrBlock=block)
    with refused("InvalidParameterValue", "eu-central-1z"):
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.9.0/24", AvailabilityZone="eu-central-1z")
    with refused("DependencyViolation", f"The vpc '{vpc}' has dependencies and cannot be deleted."):
        ec2.delete_vpc(VpcId=vpc)

    for one in made:
        ec2.delete_subnet(SubnetId=one["SubnetId"])
    with refused("InvalidSubnetID.NotFound", f"The subnet ID '{first}' does not exist"):
        ec2.describe_subnets(SubnetIds=[first])
    ec2.delete_vpc(VpcId=vpc)


def test_lists_come_in_pages(aws, ec2):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    for number in range(12):
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    pages = list(
        ec2.get_paginator("describe_subnets").paginate(Filters=of_vpc, PaginationConfig={"PageSize": 5})
    )
    assert [len(page["Subnets"]) for page in pages] == [5, 5, 2]
    seen = {one["CidrBlock"] for page in pages for one in page["Subnets"]}
    assert seen == {f"10.0.{number}.0/24" for number in range(12)}
    with refused("InvalidParameterValue"):
        aws.unchecked("ec2").describe_subnets(MaxResults=4)
    with refused("InvalidNextToken"):
        ec2.describe_subnets(NextToken="nonsense", MaxResults=5)


def test_zones_and_regions(ec2):
    zones = ec2.describe_availability_zones()["AvailabilityZones"]
    assert [(one["ZoneName"], one["State"]) for one in zones] == [(zone, "available") for zone in ZONES]
    assert all(one["RegionName"] == REGION and one["ZoneType"] == "availability-zone" for one in zones)
    [one] = ec2.describe_availability_zones(ZoneIds=[zones[1]["ZoneId"]])["AvailabilityZones"]
    assert one["ZoneName"] == ZONES[1]
    with refused("InvalidParameterValue"):
        ec2.describe_availability_zones(ZoneNames=["eu-central-1q"])
    assert REGION in [one["RegionName"] for one in ec2.describe_regions()["Regions"]]


def test_tags_are_a_resource_of_their_own(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=tag_list())
    mine = [{"Name": "resource-id", "Values": [vpc]}]
    assert tags_of(every(ec2, "describe_tags", "Tags", Filters=mine)) == TAGS
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "stage", "Value": "changed"}])
    [found] = ec2.describe_vpcs(Filters=[{"Name": "tag:stage", "Values": ["changed"]}])["Vpcs"]
    assert found["VpcId"] == vpc
    # Only a tag with that very value goes.
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "stage", "Value": "other"}, {"Key": "team"}])
    assert tags_of(ec2.describe_tags(Filters=mine)["Tags"]) == {"stage": "changed"}
    with refused("InvalidVpcID.NotFound"):
        ec2.create_tags(Resources=["vpc-00000000000000000"], Tags=tag_list())
    with refused("InvalidParameterValue"):
        ec2.create_tags(Resources=[vpc], Tags=[{"Key": "aws:mine", "Value": "no"}])


def test_dhcp_options_live(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_dhcp_options(
        DhcpConfigurations=[{"Key": "domain-name", "Values": ["tour.internal"]}],
        TagSpecifications=tagged("dhcp-options"),
    )["DhcpOptions"]["DhcpOptionsId"]
    ec2.associate_dhcp_options(VpcId=vpc, DhcpOptionsId=made)
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["DhcpOptionsId"] == made
    with refused("DependencyViolation"):
        ec2.delete_dhcp_options(DhcpOptionsId=made)
    ec2.associate_dhcp_options(VpcId=vpc, DhcpOptionsId="default")
    ec2.delete_dhcp_options(DhcpOptionsId=made)
    with refused("InvalidDhcpOptionID.NotFound"):
        ec2.describe_dhcp_options(DhcpOptionsIds=[made])
