"""EC2: security groups and their rules, network interfaces, endpoints, prefix lists, flow logs."""

import json

import pytest

from tour import ACCOUNT, REGION, TAGS, ZONES, every, refused, tag_list, tags_of


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def subnets(ec2, vpc):
    return [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(ZONES)
    ]


def group(ec2, vpc, name):
    return ec2.create_security_group(GroupName=name, Description=f"{name} of the tour", VpcId=vpc)["GroupId"]


def https(source):
    return [{"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **source}]


def test_a_security_group_lives(ec2, vpc):
    made = ec2.create_security_group(
        GroupName="web",
        Description="web",
        VpcId=vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tag_list()}],
    )
    web = made["GroupId"]
    ec2.get_waiter("security_group_exists").wait(GroupIds=[web])
    [seen] = ec2.describe_security_groups(GroupIds=[web])["SecurityGroups"]
    assert (seen["GroupName"], seen["VpcId"], tags_of(seen["Tags"])) == ("web", vpc, TAGS)
    assert seen["IpPermissions"] == []
    [out] = seen["IpPermissionsEgress"]
    assert (out["IpProtocol"], out["IpRanges"]) == ("-1", [{"CidrIp": "0.0.0.0/0"}])
    with refused("InvalidGroup.Duplicate", "'web' already exists"):
        group(ec2, vpc, "web")
    with refused("InvalidParameterValue"):
        group(ec2, vpc, "sg-mine")
    with refused("InvalidVpcID.NotFound"):
        group(ec2, "vpc-00000000000000000", "other")
    ec2.delete_security_group(GroupId=web)
    with refused("InvalidGroup.NotFound"):
        ec2.describe_security_groups(GroupIds=[web])


def test_rules_live(ec2, vpc):
    web, app = group(ec2, vpc, "web"), group(ec2, vpc, "app")
    everyone = https({"IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "the internet"}]})
    [rule] = ec2.authorize_security_group_ingress(
        GroupId=web,
        IpPermissions=everyone,
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tag_list()}],
    )["SecurityGroupRules"]
    assert (rule["FromPort"], rule["CidrIpv4"], rule["IsEgress"]) == (443, "0.0.0.0/0", False)
    assert tags_of(rule["Tags"]) == TAGS
    with refused(
        "InvalidPermission.Duplicate",
        'the specified rule "peer: 0.0.0.0/0, TCP, from port: 443, to port: 443, ALLOW" already exists',
    ):
        ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=everyone)
    ec2.authorize_security_group_ingress(GroupId=app, IpPermissions=https({"UserIdGroupPairs": [{"GroupId": web}]}))
    with refused("DependencyViolation", f"resource {web} has a dependent object"):
        ec2.delete_security_group(GroupId=web)
    [reference] = ec2.describe_security_group_rules(
        Filters=[{"Name": "group-id", "Values": [app]}]
    )["SecurityGroupRules"][:1]
    rules = every(ec2, "describe_security_group_rules", "SecurityGroupRules", Filters=[{"Name": "group-id", "Values": [app]}])
    assert {one.get("ReferencedGroupInfo", {}).get("GroupId") for one in rules if not one["IsEgress"]} == {web}

    ec2.modify_security_group_rules(
        GroupId=web,
        SecurityGroupRules=[
            {
                "SecurityGroupRuleId": rule["SecurityGroupRuleId"],
                "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "CidrIpv4": "0.0.0.0/0"},
            }
        ],
    )
    [seen] = ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])["SecurityGroupRules"]
    assert seen["FromPort"] == 8443
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=web,
        SecurityGroupRuleDescriptions=[{"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "Description": "new"}],
    )
    [seen] = ec2.describe_security_groups(GroupIds=[web])["SecurityGroups"]
    assert seen["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0", "Description": "new"}]

    ec2.revoke_security_group_ingress(GroupId=web, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    with refused("InvalidSecurityGroupRuleId.NotFound"):
        ec2.describe_security_group_rules(SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    with refused("InvalidPermission.NotFound"):
        ec2.revoke_security_group_ingress(GroupId=web, IpPermissions=everyone)
    ec2.revoke_security_group_ingress(GroupId=app, IpPermissions=https({"UserIdGroupPairs": [{"GroupId": web}]}))
    ec2.delete_security_group(GroupId=web)


@pytest.mark.parametrize(
    ("permission", "code"),
    [
        ({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, "InvalidParameterValue"),
        ({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 70000, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, "InvalidParameterValue"),
        ({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/40"}]}, "InvalidParameterValue"),
        ({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": "sg-00000000000000000"}]}, "InvalidGroup.NotFound"),
        ({"IpProtocol": "smoke", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}, "InvalidParameterValue"),
    ],
)
def test_rules_that_make_no_sense(ec2, vpc, permission, code):
    web = group(ec2, vpc, "web")
    with refused(code):
        ec2.authorize_security_group_ingress(GroupId=web, IpPermissions=[permission])
    assert ec2.describe_security_groups(GroupIds=[web])["SecurityGroups"][0]["IpPermissions"] == []


def test_a_network_interface_lives(ec2, vpc, subnets):
    web = group(ec2, vpc, "web")
    made = ec2.create_network_interface(
        SubnetId=subnets[0],
        PrivateIpAddress="10.0.0.10",
        Groups=[web],
        Description="tour",
        TagSpecifications=[{"ResourceType": "network-interface", "Tags": tag_list()}],
    )["NetworkInterface"]
    card = made["NetworkInterfaceId"]
    ec2.get_waiter("network_interface_available").wait(NetworkInterfaceIds=[card], WaiterConfig={"Delay": 1})
    [seen] = every(
        ec2, "describe_network_interfaces", "NetworkInterfaces", Filters=[{"Name": "group-id", "Values": [web]}]
    )
    assert (seen["PrivateIpAddress"], seen["AvailabilityZone"], seen["Status"]) == ("10.0.0.10", ZONES[0], "available")
    assert tags_of(seen["TagSet"]) == TAGS
    for address, code in [
        ("10.0.0.10", "InvalidIPAddress.InUse"),
        ("10.0.0.1", "InvalidParameterValue"),
        ("10.9.0.1", "InvalidParameterValue"),
    ]:
        with refused(code, address):
            ec2.create_network_interface(SubnetId=subnets[0], PrivateIpAddress=address)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=web)
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnets[0])
    ec2.assign_private_ip_addresses(NetworkInterfaceId=card, SecondaryPrivateIpAddressCount=2)
    [seen] = ec2.describe_network_interfaces(NetworkInterfaceIds=[card])["NetworkInterfaces"]
    assert [one["Primary"] for one in seen["PrivateIpAddresses"]] == [True, False, False]
    second = seen["PrivateIpAddresses"][1]["PrivateIpAddress"]
    ec2.unassign_private_ip_addresses(NetworkInterfaceId=card, PrivateIpAddresses=[second])
    ec2.modify_network_interface_attribute(NetworkInterfaceId=card, Description={"Value": "changed"})
    got = ec2.describe_network_interface_attribute(NetworkInterfaceId=card, Attribute="description")
    assert got["Description"] == {"Value": "changed"}
    ec2.delete_network_interface(NetworkInterfaceId=card)
    with refused("InvalidNetworkInterfaceID.NotFound"):
        ec2.describe_network_interfaces(NetworkInterfaceIds=[card])
    ec2.delete_security_group(GroupId=web)


def test_a_gateway_endpoint_lives(ec2, vpc, subnets):
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{REGION}.s3",
        RouteTableIds=[table],
        TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": tag_list()}],
    )["VpcEndpoint"]
    endpoint = made["VpcEndpointId"]
    assert (made["VpcEndpointType"], made["RouteTableIds"]) == ("Gateway", [table])
    [listed] = [
        one
        for one in ec2.describe_prefix_lists()["PrefixLists"]
        if one["PrefixListName"] == f"com.amazonaws.{REGION}.s3"
    ]
    [seen] = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    assert (listed["PrefixListId"], endpoint) in [
        (one.get("DestinationPrefixListId"), one["GatewayId"]) for one in seen["Routes"]
    ]
    entries = every(ec2, "get_managed_prefix_list_entries", "Entries", PrefixListId=listed["PrefixListId"])
    assert sorted(one["Cidr"] for one in entries) == sorted(listed["Cidrs"])
    with refused("RouteAlreadyExists"):
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.s3", RouteTableIds=[table])
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}]}
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PolicyDocument=json.dumps(policy))
    [seen] = every(ec2, "describe_vpc_endpoints", "VpcEndpoints", VpcEndpointIds=[endpoint])
    assert json.loads(seen["PolicyDocument"]) == policy
    assert (seen["State"], tags_of(seen["Tags"])) == ("available", TAGS)
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"] == []
    with refused("InvalidVpcEndpointId.NotFound"):
        ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])
    [seen] = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
    assert [one["GatewayId"] for one in seen["Routes"]] == ["local"]


def test_an_interface_endpoint_lives(ec2, vpc, subnets):
    web = group(ec2, vpc, "web")
    service = f"com.amazonaws.{REGION}.secretsmanager"
    details = ec2.describe_vpc_endpoint_services(ServiceNames=[service])["ServiceDetails"][0]
    assert details["PrivateDnsName"] == f"secretsmanager.{REGION}.amazonaws.com"
    arguments = dict(
        VpcId=vpc, ServiceName=service, VpcEndpointType="Interface", SubnetIds=subnets[:2], SecurityGroupIds=[web]
    )
    with refused("InvalidParameter", "enableDnsSupport and enableDnsHostnames"):
        ec2.create_vpc_endpoint(**arguments, PrivateDnsEnabled=True)
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    endpoint = ec2.create_vpc_endpoint(**arguments, PrivateDnsEnabled=True)["VpcEndpoint"]["VpcEndpointId"]
    [seen] = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    assert sorted(seen["SubnetIds"]) == sorted(subnets[:2]) and len(seen["NetworkInterfaceIds"]) == 2
    assert [one["GroupId"] for one in seen["Groups"]] == [web]
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddSubnetIds=[subnets[2]])
    [seen] = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    assert len(seen["NetworkInterfaceIds"]) == 3
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
    with refused("InvalidServiceName"):
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.absent")


def test_flow_logs_live(ec2, aws, vpc):
    aws("logs").create_log_group(logGroupName="/vpc/flow")
    role = aws("iam").create_role(
        RoleName="flow",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
                ],
            }
        ),
    )["Role"]["Arn"]
    arguments = dict(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="REJECT",
        LogDestinationType="cloud-watch-logs",
        LogDestination=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/vpc/flow",
        DeliverLogsPermissionArn=role,
        MaxAggregationInterval=60,
    )
    [log] = ec2.create_flow_logs(
        **arguments, TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": tag_list()}]
    )["FlowLogIds"]
    [seen] = every(ec2, "describe_flow_logs", "FlowLogs", FlowLogIds=[log])
    assert (seen["ResourceId"], seen["TrafficType"], seen["FlowLogStatus"]) == (vpc, "REJECT", "ACTIVE")
    assert tags_of(seen["Tags"]) == TAGS
    again = ec2.create_flow_logs(**arguments)
    assert [one["Error"]["Code"] for one in again["Unsuccessful"]] == ["FlowLogAlreadyExists"]
    assert ec2.delete_flow_logs(FlowLogIds=[log])["Unsuccessful"] == []
    with refused("InvalidFlowLogId.NotFound"):
        ec2.describe_flow_logs(FlowLogIds=[log])


def test_what_is_not_there_is_refused_by_name(ec2):
    with refused("NotImplemented", "RunInstances"):
        ec2.run_instances(ImageId="ami-00000000", MinCount=1, MaxCount=1)
    with refused("NotImplemented", "CreateTransitGateway"):
        ec2.create_transit_gateway()
    assert ec2.describe_instances()["Reservations"] == []


def test_a_dry_run_changes_nothing(ec2):
    before = len(ec2.describe_vpcs()["Vpcs"])
    with refused("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", status=412):
        ec2.create_vpc(CidrBlock="10.0.0.0/16", DryRun=True)
    assert len(ec2.describe_vpcs()["Vpcs"]) == before
