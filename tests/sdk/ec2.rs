use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, ResourceType, Tag, TagSpecification};
use aws_sdk_ec2::{Client, Error};
use sdk_tour::{REGION, Region, refused};

/// A VPC with a subnet in each zone and a security group.
pub(crate) struct Network {
    pub vpc: String,
    pub subnets: Vec<String>,
    pub group: String,
}

pub(crate) async fn network(ec2: &Client) -> Network {
    let vpc = ec2.create_vpc().cidr_block("10.0.0.0/16").send().await;
    let vpc = vpc.unwrap().vpc.unwrap().vpc_id.unwrap();
    let mut subnets = Vec::new();
    for (number, letter) in ["a", "b", "c"].into_iter().enumerate() {
        let made = ec2
            .create_subnet()
            .vpc_id(&vpc)
            .cidr_block(format!("10.0.{number}.0/24"))
            .availability_zone(format!("{REGION}{letter}"))
            .send()
            .await
            .unwrap();
        subnets.push(made.subnet.unwrap().subnet_id.unwrap());
    }
    let group = ec2
        .create_security_group()
        .group_name("web")
        .description("web")
        .vpc_id(&vpc)
        .send()
        .await
        .unwrap();
    Network {
        vpc,
        subnets,
        group: group.group_id.unwrap(),
    }
}

#[tokio::test]
async fn a_vpc_with_its_ways_out_lives() -> Result<(), Error> {
    let region = Region::serve();
    let ec2 = Client::new(&region.config().await);
    let tags = TagSpecification::builder()
        .resource_type(ResourceType::Vpc)
        .tags(Tag::builder().key("team").value("links").build())
        .build();
    let made = ec2
        .create_vpc()
        .cidr_block("10.1.0.0/16")
        .tag_specifications(tags)
        .send()
        .await?;
    let vpc = made.vpc().unwrap().vpc_id().unwrap();
    let subnet = ec2
        .create_subnet()
        .vpc_id(vpc)
        .cidr_block("10.1.0.0/24")
        .send()
        .await?;
    let subnet = subnet.subnet().unwrap().subnet_id().unwrap();

    let gateway = ec2.create_internet_gateway().send().await?;
    let gateway = gateway.internet_gateway().unwrap();
    let gateway = gateway.internet_gateway_id().unwrap();
    let attach = ec2.attach_internet_gateway().vpc_id(vpc);
    attach.internet_gateway_id(gateway).send().await?;
    let table = ec2.create_route_table().vpc_id(vpc).send().await?;
    let table = table.route_table().unwrap().route_table_id().unwrap();
    let route = ec2
        .create_route()
        .route_table_id(table)
        .destination_cidr_block("0.0.0.0/0");
    assert_eq!(
        route.gateway_id(gateway).send().await?.r#return(),
        Some(true)
    );
    let associated = ec2
        .associate_route_table()
        .route_table_id(table)
        .subnet_id(subnet)
        .send()
        .await?;

    let by_tag = Filter::builder().name("tag:team").values("links").build();
    let seen = ec2.describe_vpcs().filters(by_tag).send().await?;
    assert_eq!(seen.vpcs().len(), 1);
    assert_eq!(seen.vpcs()[0].cidr_block(), Some("10.1.0.0/16"));

    let in_use = ec2.delete_vpc().vpc_id(vpc).send().await;
    assert_eq!(refused(in_use), "DependencyViolation");
    ec2.disassociate_route_table()
        .association_id(associated.association_id().unwrap())
        .send()
        .await?;
    ec2.delete_route_table()
        .route_table_id(table)
        .send()
        .await?;
    let detach = ec2.detach_internet_gateway().vpc_id(vpc);
    detach.internet_gateway_id(gateway).send().await?;
    let delete = ec2.delete_internet_gateway();
    delete.internet_gateway_id(gateway).send().await?;
    ec2.delete_subnet().subnet_id(subnet).send().await?;
    ec2.delete_vpc().vpc_id(vpc).send().await?;
    let gone = ec2.describe_vpcs().vpc_ids(vpc).send().await;
    assert_eq!(refused(gone), "InvalidVpcID.NotFound");
    Ok(())
}

#[tokio::test]
async fn a_security_group_takes_rules() -> Result<(), Error> {
    let region = Region::serve();
    let ec2 = Client::new(&region.config().await);
    let network = network(&ec2).await;
    let rule = || {
        let range = IpRange::builder().cidr_ip("192.0.2.0/24").build();
        IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(443)
            .to_port(443)
            .ip_ranges(range)
            .build()
    };
    let authorize = || {
        let call = ec2.authorize_security_group_ingress();
        call.group_id(&network.group).ip_permissions(rule()).send()
    };
    let made = authorize().await?;
    let id = made.security_group_rules()[0].security_group_rule_id();
    assert!(id.unwrap().starts_with("sgr-"), "{id:?}");
    assert_eq!(refused(authorize().await), "InvalidPermission.Duplicate");

    let describe = ec2.describe_security_groups();
    let seen = describe.group_ids(&network.group).send().await?;
    let [shown] = seen.security_groups()[0].ip_permissions() else {
        panic!("one rule is there: {seen:?}");
    };
    assert_eq!((shown.from_port(), shown.to_port()), (Some(443), Some(443)));
    assert_eq!(shown.ip_ranges(), rule().ip_ranges());
    let revoke = ec2.revoke_security_group_ingress();
    revoke
        .group_id(&network.group)
        .security_group_rule_ids(id.unwrap())
        .send()
        .await?;
    let describe = ec2.describe_security_groups();
    let seen = describe.group_ids(&network.group).send().await?;
    assert_eq!(seen.security_groups()[0].ip_permissions(), []);
    Ok(())
}

#[tokio::test]
async fn pages_follow_each_other() -> Result<(), Error> {
    let region = Region::serve();
    let ec2 = Client::new(&region.config().await);
    let network = network(&ec2).await;
    let of_vpc = Filter::builder()
        .name("vpc-id")
        .values(&network.vpc)
        .build();
    let call = ec2.describe_subnets().filters(of_vpc).max_results(5);
    let mut seen = Vec::new();
    let mut pages = call.into_paginator().items().send();
    while let Some(subnet) = pages.next().await {
        seen.push(subnet?.subnet_id.unwrap());
    }
    let mut made = network.subnets;
    made.sort();
    seen.sort();
    assert_eq!(seen, made);
    Ok(())
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let region = Region::serve();
    let ec2 = Client::new(&region.config().await);
    let answer = ec2.describe_spot_fleet_requests().send().await;
    let error = answer.expect_err("the region has no spot fleets");
    let told = format!("{:?}", error.into_service_error());
    for words in ["NotImplemented", "DescribeSpotFleetRequests"] {
        assert!(told.contains(words), "{words} is not in {told}");
    }
}
