"""Route 53: hosted zones, record sets, changes, and who is led where."""

import uuid

import pytest

from tour import TAGS, Network, every, refused, tag_list, tags_of, wait_until


@pytest.fixture
def route53(aws):
    return aws("route53")


def make_zone(route53, name="example.com", **more):
    made = route53.create_hosted_zone(Name=name, CallerReference=str(uuid.uuid4()), **more)
    return made["HostedZone"]["Id"].removeprefix("/hostedzone/")


def record(name, kind, *values, ttl=300, **more):
    return {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in values], **more}


def alias(name, zone, target, kind="A"):
    return {
        "Name": name,
        "Type": kind,
        "AliasTarget": {"HostedZoneId": zone, "DNSName": target, "EvaluateTargetHealth": True},
    }


def change(route53, zone, *changes):
    """Changes as pairs of action and record set."""
    batch = [{"Action": action, "ResourceRecordSet": one} for action, one in changes]
    return route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})["ChangeInfo"]


def listed(route53, zone):
    sets = every(route53, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone)
    return [(one["Name"], one["Type"]) for one in sets]


def test_a_zone_lives(route53):
    made = route53.create_hosted_zone(
        Name="Example.com", CallerReference="one", HostedZoneConfig={"Comment": "mine", "PrivateZone": False}
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    zone = made["HostedZone"]["Id"].removeprefix("/hostedzone/")
    assert made["Location"].endswith(f"/2013-04-01/hostedzone/{zone}")
    assert made["HostedZone"]["Name"] == "example.com."
    assert made["HostedZone"]["ResourceRecordSetCount"] == 2
    assert made["HostedZone"]["Config"] == {"Comment": "mine", "PrivateZone": False}
    assert len(made["DelegationSet"]["NameServers"]) == 4
    assert listed(route53, zone) == [("example.com.", "NS"), ("example.com.", "SOA")]

    route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone, AddTags=tag_list())
    told = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone)["ResourceTagSet"]
    assert tags_of(told["Tags"]) == TAGS
    changed = route53.update_hosted_zone_comment(Id=zone, Comment="ours")
    assert changed["HostedZone"]["Config"]["Comment"] == "ours"
    assert route53.get_dnssec(HostedZoneId=zone)["Status"]["ServeSignature"] == "NOT_SIGNING"

    with refused("HostedZoneAlreadyExists", "caller reference", 409):
        route53.create_hosted_zone(Name="example.org", CallerReference="one")
    with refused("InvalidDomainName"):
        route53.create_hosted_zone(Name="example..org", CallerReference="two")
    with refused("NoSuchHostedZone", "No hosted zone found with ID: Z1", 404):
        route53.get_hosted_zone(Id="Z1")

    change(route53, zone, ("CREATE", record("www.example.com", "A", "192.0.2.1")))
    with refused("HostedZoneNotEmpty", "non-required resource record sets", 400):
        route53.delete_hosted_zone(Id=zone)
    change(route53, zone, ("DELETE", record("www.example.com", "A", "192.0.2.1")))
    gone = route53.delete_hosted_zone(Id=zone)["ChangeInfo"]
    assert gone["Status"] == "PENDING"
    with refused("NoSuchHostedZone"):
        route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone)


def test_a_change_is_pending_and_then_everywhere(route53):
    zone = make_zone(route53)
    made = change(route53, zone, ("UPSERT", record("www.example.com", "A", "192.0.2.1")))
    assert made["Status"] == "PENDING"
    wait_until(lambda: route53.get_change(Id=made["Id"])["ChangeInfo"]["Status"] == "INSYNC", "the change", 30)
    with refused("NoSuchChange", status=404):
        route53.get_change(Id="C1")


def test_a_batch_is_done_whole_or_not_at_all(route53):
    zone = make_zone(route53)
    before = listed(route53, zone)
    good = record("www.example.com", "A", "192.0.2.1", "192.0.2.2")
    with refused("InvalidChangeBatch", "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)", 400):
        change(route53, zone, ("CREATE", good), ("CREATE", record("a.example.com", "A", "x")))
    assert listed(route53, zone) == before
    change(route53, zone, ("CREATE", good))
    already = "[Tried to create resource record set [name='www.example.com.', type='A'] but it already exists]"
    with refused("InvalidChangeBatch", already):
        change(route53, zone, ("CREATE", good))
    with refused("InvalidChangeBatch", "but it was not found]"):
        change(route53, zone, ("DELETE", record("a.example.com", "A", "192.0.2.1")))
    with refused("InvalidChangeBatch", "but the values provided do not match the current values]"):
        change(route53, zone, ("DELETE", record("www.example.com", "A", "192.0.2.1")))
    with refused("InvalidChangeBatch", "is not permitted in zone example.com."):
        change(route53, zone, ("CREATE", record("www.example.org", "A", "192.0.2.1")))
    with refused("InvalidChangeBatch", "is not permitted at apex in zone example.com."):
        change(route53, zone, ("CREATE", record("example.com", "CNAME", "example.net")))
    with refused("InvalidChangeBatch", "as it conflicts with other records"):
        change(route53, zone, ("CREATE", record("www.example.com", "CNAME", "example.net")))
    with refused("InvalidInput", "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]"):
        change(route53, zone, ("CREATE", {"Name": "a.example.com", "Type": "A"}))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("A", "192.0.2.1"),
        ("AAAA", "2001:db8::1"),
        ("CAA", '0 issue "amazon.com"'),
        ("CNAME", "www.example.net"),
        ("MX", "10 mail.example.com."),
        ("PTR", "host.example.com"),
        ("SRV", "1 10 5269 xmpp.example.com."),
        ("TXT", '"v=spf1 -all" "and more"'),
    ],
)
def test_records_of_every_kind_are_told_as_they_were_given(route53, kind, value):
    zone = make_zone(route53)
    change(route53, zone, ("UPSERT", record("*.a.example.com", kind, value)))
    [found] = route53.list_resource_record_sets(
        HostedZoneId=zone, StartRecordName="*.a.example.com", StartRecordType=kind, MaxItems="1"
    )["ResourceRecordSets"]
    assert found == record("\\052.a.example.com.", kind, value)


def test_lists_are_ordered_from_the_right_and_come_in_pages(route53):
    zone = make_zone(route53)
    names = [f"n{number}.example.com" for number in range(5)]
    change(route53, zone, *[("CREATE", record(name, "A", "192.0.2.1")) for name in reversed(names)])
    sets = every(route53, "list_resource_record_sets", "ResourceRecordSets", size=2, HostedZoneId=zone)
    assert [one["Name"] for one in sets] == ["example.com."] * 2 + [f"{name}." for name in names]
    for name in ("b.com", "a.org", "a.com"):
        make_zone(route53, name)
    zones = every(route53, "list_hosted_zones", "HostedZones", size=3)
    assert sorted(one["Name"] for one in zones) == ["a.com.", "a.org.", "b.com.", "example.com."]
    by_name = route53.list_hosted_zones_by_name(DNSName="b.com")
    assert [one["Name"] for one in by_name["HostedZones"]] == ["b.com.", "example.com.", "a.org."]
    assert route53.get_hosted_zone_count()["HostedZoneCount"] == 4


def test_several_record_sets_of_one_name(route53):
    zone = make_zone(route53)
    one = record("www.example.com", "A", "192.0.2.1", ttl=60, SetIdentifier="one", Weight=1)
    two = record("www.example.com", "A", "192.0.2.2", ttl=60, SetIdentifier="two", Weight=3)
    change(route53, zone, ("CREATE", one), ("CREATE", two))
    sets = every(route53, "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone)
    assert [(each["SetIdentifier"], each["Weight"]) for each in sets if each["Type"] == "A"] == [("one", 1), ("two", 3)]
    with refused("InvalidChangeBatch", "other RRSets exist with the same name and type"):
        change(route53, zone, ("CREATE", record("www.example.com", "A", "192.0.2.3")))
    with refused("InvalidInput", "Missing field 'SetIdentifier'"):
        change(route53, zone, ("CREATE", record("a.example.com", "A", "192.0.2.3", Weight=1)))
    with refused("NoSuchHealthCheck", status=404):
        change(route53, zone, ("CREATE", record("a.example.com", "A", "192.0.2.3", HealthCheckId="x")))


def test_an_alias_leads_to_a_load_balancer(aws, route53):
    network = Network(aws("ec2"))
    [balancer] = aws("elbv2").create_load_balancer(Name="web", Subnets=network.subnets)["LoadBalancers"]
    zone = make_zone(route53)
    canonical, name = balancer["CanonicalHostedZoneId"], balancer["DNSName"]
    change(route53, zone, ("CREATE", alias("example.com", canonical, f"dualstack.{name}")))
    [found] = route53.list_resource_record_sets(HostedZoneId=zone, MaxItems="1")["ResourceRecordSets"]
    assert found == alias("example.com.", canonical, f"dualstack.{name}.")
    change(route53, zone, ("CREATE", alias("www.example.com", zone, "example.com")))
    with refused("InvalidChangeBatch", "but that target was not found"):
        change(route53, zone, ("CREATE", alias("a.example.com", canonical, f"other-{name}")))
    with refused("InvalidChangeBatch", "but the alias target name does not lie within the target zone"):
        change(route53, zone, ("CREATE", alias("a.example.com", zone, name)))


def test_a_private_zone_has_its_networks(aws, route53):
    one, other = Network(aws("ec2")), Network(aws("ec2"))
    vpc = lambda network: {"VPCId": network.vpc, "VPCRegion": "eu-central-1"}
    zone = make_zone(route53, "corp.internal", VPC=vpc(one))
    told = route53.get_hosted_zone(Id=zone)
    assert told["HostedZone"]["Config"]["PrivateZone"] and told["VPCs"] == [vpc(one)]
    assert "DelegationSet" not in told
    with refused("ConflictingDomainExists", "has already been associated with the hosted zone"):
        make_zone(route53, "corp.internal", VPC=vpc(one))
    with refused("LastVPCAssociation"):
        route53.disassociate_vpc_from_hosted_zone(HostedZoneId=zone, VPC=vpc(one))
    with refused("VPCAssociationNotFound", status=404):
        route53.disassociate_vpc_from_hosted_zone(HostedZoneId=zone, VPC=vpc(other))
    route53.associate_vpc_with_hosted_zone(HostedZoneId=zone, VPC=vpc(other))
    [summary] = route53.list_hosted_zones_by_vpc(**vpc(other))["HostedZoneSummaries"]
    assert summary["HostedZoneId"] == zone
    route53.disassociate_vpc_from_hosted_zone(HostedZoneId=zone, VPC=vpc(one))
    with refused("PublicZoneVPCAssociation"):
        route53.associate_vpc_with_hosted_zone(HostedZoneId=make_zone(route53), VPC=vpc(one))
    with refused("InvalidVPCId"):
        route53.associate_vpc_with_hosted_zone(HostedZoneId=zone, VPC={"VPCId": "vpc-0", "VPCRegion": "eu-central-1"})


def test_zones_share_a_delegation_set(route53):
    made = route53.create_reusable_delegation_set(CallerReference="one")["DelegationSet"]
    zone = make_zone(route53, DelegationSetId=made["Id"])
    assert route53.get_hosted_zone(Id=zone)["DelegationSet"]["NameServers"] == made["NameServers"]
    with refused("DelegationSetInUse"):
        route53.delete_reusable_delegation_set(Id=made["Id"])
    route53.delete_hosted_zone(Id=zone)
    route53.delete_reusable_delegation_set(Id=made["Id"])
    with refused("NoSuchDelegationSet"):
        route53.get_reusable_delegation_set(Id=made["Id"])


def test_what_is_not_there_says_so(route53):
    with refused("NotImplemented", "CreateHealthCheck"):
        route53.create_health_check(CallerReference="one", HealthCheckConfig={"Type": "HTTP", "IPAddress": "192.0.2.1"})
