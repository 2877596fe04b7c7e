"""Elastic Load Balancing: application load balancers, listeners, rules, target groups, targets."""

import pytest

from tour import TAGS, Network, every, refused, tag_list, tags_of

OK = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "ContentType": "text/plain", "MessageBody": "ok"}}]


@pytest.fixture
def elb(aws):
    return aws("elbv2")


@pytest.fixture
def network(aws):
    return Network(aws("ec2"))


@pytest.fixture
def balancer(elb, network):
    return elb.create_load_balancer(
        Name="web", Subnets=network.subnets, SecurityGroups=[network.group], Tags=tag_list()
    )["LoadBalancers"][0]["LoadBalancerArn"]


def group(elb, network, name="app", **more):
    arguments = {"Protocol": "HTTP", "Port": 8080, "TargetType": "ip", "VpcId": network.vpc, **more}
    return elb.create_target_group(Name=name, **arguments)["TargetGroups"][0]["TargetGroupArn"]


def forward(arn):
    return [{"Type": "forward", "TargetGroupArn": arn}]


def listener(elb, balancer, actions=OK, port=80):
    return elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=port, DefaultActions=actions)["Listeners"][0][
        "ListenerArn"
    ]


def path(pattern):
    return [{"Field": "path-pattern", "Values": [pattern]}]


def test_a_load_balancer_lives(aws, elb, network, balancer):
    [seen] = every(elb, "describe_load_balancers", "LoadBalancers", Names=["web"])
    assert (seen["Type"], seen["Scheme"], seen["IpAddressType"]) == ("application", "internet-facing", "ipv4")
    assert seen["State"]["Code"] in ("provisioning", "active")
    assert sorted(zone["SubnetId"] for zone in seen["AvailabilityZones"]) == sorted(network.subnets)
    assert seen["DNSName"].startswith("web-") and seen["DNSName"].endswith(".elb.amazonaws.com")
    elb.get_waiter("load_balancer_exists").wait(LoadBalancerArns=[balancer])
    [told] = elb.describe_tags(ResourceArns=[balancer])["TagDescriptions"]
    assert tags_of(told["Tags"]) == TAGS
    elb.add_tags(ResourceArns=[balancer], Tags=[{"Key": "stage", "Value": "changed"}])
    elb.remove_tags(ResourceArns=[balancer], TagKeys=["team"])
    [told] = elb.describe_tags(ResourceArns=[balancer])["TagDescriptions"]
    assert tags_of(told["Tags"]) == {"stage": "changed"}

    with refused("DuplicateLoadBalancerName", "web"):
        elb.create_load_balancer(Name="web", Subnets=network.subnets[:2])
    cards = aws("ec2").describe_network_interfaces(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])["NetworkInterfaces"]
    assert {one["SubnetId"] for one in cards} == set(network.subnets)
    with refused("DependencyViolation"):
        aws("ec2").delete_security_group(GroupId=network.group)

    elb.set_subnets(LoadBalancerArn=balancer, Subnets=network.subnets[:2])
    [seen] = elb.describe_load_balancers(LoadBalancerArns=[balancer])["LoadBalancers"]
    assert len(seen["AvailabilityZones"]) == 2
    other = aws("ec2").create_security_group(GroupName="other", Description="x", VpcId=network.vpc)["GroupId"]
    assert elb.set_security_groups(LoadBalancerArn=balancer, SecurityGroups=[other])["SecurityGroupIds"] == [other]

    attributes = lambda: tags_of(elb.describe_load_balancer_attributes(LoadBalancerArn=balancer)["Attributes"])
    assert attributes()["idle_timeout.timeout_seconds"] == "60"
    protect = lambda on: elb.modify_load_balancer_attributes(
        LoadBalancerArn=balancer, Attributes=[{"Key": "deletion_protection.enabled", "Value": on}]
    )
    protect("true")
    with refused("OperationNotPermitted", "deletion protection is enabled"):
        elb.delete_load_balancer(LoadBalancerArn=balancer)
    protect("false")
    with refused("ValidationError", "idle_timeout.timeout_seconds"):
        elb.modify_load_balancer_attributes(
            LoadBalancerArn=balancer, Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "0"}]
        )
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[balancer], WaiterConfig={"Delay": 1})
    with refused("LoadBalancerNotFound"):
        elb.describe_load_balancers(Names=["web"])
    # AWS deletes what is gone already without a word.
    elb.delete_load_balancer(LoadBalancerArn=balancer)


def test_a_load_balancer_needs_two_zones_and_a_way_out(aws, elb, network):
    ec2 = aws("ec2")
    twin = ec2.create_subnet(VpcId=network.vpc, CidrBlock="10.0.9.0/24", AvailabilityZone="eu-central-1a")["Subnet"]["SubnetId"]
    with refused("ValidationError", "At least two subnets in two different Availability Zones must be specified"):
        elb.create_load_balancer(Name="web", Subnets=network.subnets[:1])
    with refused("InvalidConfigurationRequest", "Availability Zone"):
        elb.create_load_balancer(Name="web", Subnets=[network.subnets[0], network.subnets[1], twin])
    with refused("SubnetNotFound"):
        elb.create_load_balancer(Name="web", Subnets=["subnet-00000000000000000", network.subnets[0]])
    closed = Closed(ec2)
    with refused("InvalidSubnet", "has no internet gateway"):
        elb.create_load_balancer(Name="web", Subnets=closed.subnets)
    elb.create_load_balancer(Name="inner", Subnets=closed.subnets, Scheme="internal")
    for name in ("internal-mine", "-web", "web-", "a" * 33, "we_b"):
        with refused("ValidationError"):
            elb.create_load_balancer(Name=name, Subnets=network.subnets)


class Closed:
    """Two zones of a VPC without an internet gateway."""

    def __init__(self, ec2):
        self.vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.1.{number}.0/24", AvailabilityZone=f"eu-central-1{zone}")["Subnet"]["SubnetId"]
            for number, zone in enumerate("ab")
        ]


def test_a_target_group_lives(elb, network, balancer):
    arn = group(elb, network, HealthCheckPath="/health", Tags=tag_list())
    [seen] = every(elb, "describe_target_groups", "TargetGroups", TargetGroupArns=[arn])
    assert (seen["HealthCheckPath"], seen["HealthCheckIntervalSeconds"], seen["Matcher"]) == ("/health", 30, {"HttpCode": "200"})
    assert seen["LoadBalancerArns"] == []
    with refused("DuplicateTargetGroupName"):
        group(elb, network, Port=9090)
    elb.modify_target_group(TargetGroupArn=arn, HealthCheckIntervalSeconds=10, Matcher={"HttpCode": "200-299"})
    [seen] = elb.describe_target_groups(Names=["app"])["TargetGroups"]
    assert (seen["HealthCheckIntervalSeconds"], seen["Matcher"]) == (10, {"HttpCode": "200-299"})
    elb.modify_target_group_attributes(
        TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "10"}]
    )
    got = tags_of(elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"])
    assert got["deregistration_delay.timeout_seconds"] == "10"
    with refused("ValidationError"):
        elb.modify_target_group_attributes(
            TargetGroupArn=arn, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "4000"}]
        )
    with refused("ValidationError"):
        group(elb, network, "other", HealthCheckTimeoutSeconds=30, HealthCheckIntervalSeconds=10)

    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "10.0.0.10"}, {"Id": "10.0.1.10", "Port": 9000}])
    health = elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
    assert {(one["Target"]["Id"], one["Target"]["Port"], one["TargetHealth"]["State"]) for one in health} == {
        ("10.0.0.10", 8080, "unused"),
        ("10.0.1.10", 9000, "unused"),
    }
    with refused("InvalidTarget", "8.8.8.8"):
        elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": "8.8.8.8"}])
    elb.deregister_targets(TargetGroupArn=arn, Targets=[{"Id": "10.0.0.10"}])
    one = listener(elb, balancer, forward(arn))
    states = {one["TargetHealth"]["State"] for one in elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]}
    assert states == {"initial"}
    with refused("ResourceInUse", "currently in use by a listener or a rule"):
        elb.delete_target_group(TargetGroupArn=arn)
    elb.delete_listener(ListenerArn=one)
    elb.delete_target_group(TargetGroupArn=arn)
    with refused("TargetGroupNotFound"):
        elb.describe_target_groups(TargetGroupArns=[arn])


def test_listeners_and_rules_live(elb, network, balancer):
    app = group(elb, network)
    arn = listener(elb, balancer)
    with refused("DuplicateListener"):
        listener(elb, balancer)
    rule = elb.create_rule(ListenerArn=arn, Priority=10, Conditions=path("/api/*"), Actions=forward(app), Tags=tag_list())["Rules"][0]
    with refused("PriorityInUse"):
        elb.create_rule(ListenerArn=arn, Priority=10, Conditions=path("/other"), Actions=OK)
    redirect = [
        {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    ]
    second = elb.create_rule(
        ListenerArn=arn,
        Priority=20,
        Conditions=[
            {"Field": "host-header", "HostHeaderConfig": {"Values": ["*.example.org"]}},
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "x-tour", "Values": ["yes"]}},
        ],
        Actions=redirect,
    )["Rules"][0]["RuleArn"]
    rules = every(elb, "describe_rules", "Rules", ListenerArn=arn)
    assert [one["Priority"] for one in rules] == ["10", "20", "default"]
    [default] = [one["RuleArn"] for one in rules if one["IsDefault"]]
    with refused("OperationNotPermitted", "Default rule"):
        elb.delete_rule(RuleArn=default)
    elb.set_rule_priorities(RulePriorities=[{"RuleArn": second, "Priority": 5}])
    elb.modify_rule(RuleArn=rule["RuleArn"], Conditions=path("/v2/*"))
    rules = elb.describe_rules(ListenerArn=arn)["Rules"]
    assert [one["Priority"] for one in rules] == ["5", "10", "default"]
    assert rules[1]["Conditions"][0]["Values"] == ["/v2/*"]
    weighted = [
        {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": app, "Weight": 1}, {"TargetGroupArn": group(elb, network, "next"), "Weight": 9}]
            },
        }
    ]
    elb.modify_listener(ListenerArn=arn, DefaultActions=weighted)
    [seen] = every(elb, "describe_listeners", "Listeners", LoadBalancerArn=balancer)
    assert [one["Weight"] for one in seen["DefaultActions"][0]["ForwardConfig"]["TargetGroups"]] == [1, 9]
    [attached] = elb.describe_target_groups(TargetGroupArns=[app])["TargetGroups"]
    assert attached["LoadBalancerArns"] == [balancer]

    # Everything goes with its balancer; a rule or listener that is gone is not found.
    elb.delete_rule(RuleArn=second)
    with refused("RuleNotFound"):
        elb.describe_rules(RuleArns=[second])
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    with refused("ListenerNotFound"):
        elb.describe_listeners(ListenerArns=[arn])


@pytest.mark.parametrize(
    ("conditions", "actions", "code"),
    [
        (path("/" + "a" * 128), OK, "ValidationError"),
        ([{"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0"]}}], OK, "ValidationError"),
        ([{"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["get it"]}}], OK, "ValidationError"),
        ([], OK, "ValidationError"),
        (path("/x"), [{**one, "Order": at} for at, one in enumerate(OK + OK, 1)], "InvalidLoadBalancerAction"),
        (path("/x"), forward("arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/x/0000000000000000"), "TargetGroupNotFound"),
    ],
)
def test_rules_that_make_no_sense(elb, balancer, conditions, actions, code):
    arn = listener(elb, balancer)
    with refused(code):
        elb.create_rule(ListenerArn=arn, Priority=1, Conditions=conditions, Actions=actions)


def test_lists_come_in_pages(elb, network):
    for number in range(5):
        group(elb, network, f"app-{number}")
    pages = list(elb.get_paginator("describe_target_groups").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["TargetGroups"]) for page in pages] == [2, 2, 1]
    names = [one["TargetGroupName"] for page in pages for one in page["TargetGroups"]]
    assert sorted(names) == [f"app-{number}" for number in range(5)]


def test_what_the_account_may_have(elb):
    limits = every(elb, "describe_account_limits", "Limits")
    assert {"application-load-balancers", "target-groups", "rules-per-application-load-balancer"} <= {one["Name"] for one in limits}
    policies = every(elb, "describe_ssl_policies", "SslPolicies")
    assert "ELBSecurityPolicy-TLS13-1-2-2021-06" in [one["Name"] for one in policies]
    with refused("UnsupportedOperation", "network"):
        elb.create_load_balancer(Name="net", Type="network", Subnets=["subnet-00000000000000000"])
