use wire::ec2 as network;
use wire::route53::{self as api, op};

use super::{create, id_of, set};
use crate::services::ec2::tests::lab::Lab;
use crate::services::elbv2::tests::{balancer, place};

fn named(vpc: &str) -> api::VPC {
    api::VPC {
        vpc_id: Some(vpc.to_owned()),
        vpc_region: Some(api::VPCRegion::EuCentral1),
    }
}

fn private_zone(lab: &mut Lab, name: &str, vpc: &str) -> String {
    let reference = lab.region.route53.changes.len();
    let input = api::CreateHostedZoneRequest {
        name: name.to_owned(),
        caller_reference: format!("private {reference}"),
        vpc: Some(named(vpc)),
        ..Default::default()
    };
    id_of(lab.call(op::CreateHostedZone, input).hosted_zone)
}

fn hostnames(lab: &mut Lab, vpc: &str, on: bool) {
    lab.call(
        network::op::ModifyVpcAttribute,
        network::ModifyVpcAttributeRequest {
            vpc_id: vpc.to_owned(),
            enable_dns_hostnames: Some(network::AttributeBooleanValue { value: Some(on) }),
            ..Default::default()
        },
    );
}

#[test]
fn a_private_zone_is_seen_from_its_networks_alone() {
    let mut lab = Lab::new();
    let (one, other) = (place(&mut lab, "10.0"), place(&mut lab, "10.1"));
    // A network is part of the world once something is in it.
    balancer(&mut lab, &one, "one");
    balancer(&mut lab, &other, "other");
    let id = private_zone(&mut lab, "corp.internal", &one.vpc);
    create(
        &mut lab,
        &id,
        set("db.corp.internal", api::RRType::A, &["10.0.0.9"]),
    );
    let sees = |lab: &Lab, vpc: &str| {
        let world = lab.region.world();
        assert!(world.internet.zones.is_empty());
        let zone = world.vpcs[&vpc.into()].zones.get("corp.internal");
        zone.is_some_and(|zone| {
            zone.records["db.corp.internal"]["A"].choices[0].values == ["10.0.0.9"]
        })
    };
    // Both attributes have to be on, and one is off in a new network.
    assert!(!sees(&lab, &one.vpc));
    hostnames(&mut lab, &one.vpc, true);
    hostnames(&mut lab, &other.vpc, true);
    assert!(sees(&lab, &one.vpc) && !sees(&lab, &other.vpc));
    lab.call(
        op::AssociateVPCWithHostedZone,
        api::AssociateVPCWithHostedZoneRequest {
            hosted_zone_id: id.clone(),
            vpc: named(&other.vpc),
            comment: Some("too".into()),
        },
    );
    assert!(sees(&lab, &one.vpc) && sees(&lab, &other.vpc));
    let shown = lab.call(
        op::GetHostedZone,
        api::GetHostedZoneRequest { id: id.clone() },
    );
    assert_eq!(shown.vpcs.unwrap().len(), 2);
    assert!(shown.delegation_set.is_none());
    let listed = lab.call(
        op::ListHostedZonesByVPC,
        api::ListHostedZonesByVPCRequest {
            vpc_id: other.vpc.clone(),
            vpc_region: api::VPCRegion::EuCentral1,
            ..Default::default()
        },
    );
    let listed = listed.hosted_zone_summaries.unwrap();
    assert_eq!(listed[0].hosted_zone_id.as_deref(), Some(id.as_str()));

    let remove = |vpc: &str| api::DisassociateVPCFromHostedZoneRequest {
        hosted_zone_id: id.clone(),
        vpc: named(vpc),
        comment: None,
    };
    lab.call(op::DisassociateVPCFromHostedZone, remove(&one.vpc));
    assert!(!sees(&lab, &one.vpc) && sees(&lab, &other.vpc));
    for (vpc, code) in [
        (&one.vpc, "VPCAssociationNotFound"),
        (&other.vpc, "LastVPCAssociation"),
    ] {
        let (refused, _) = lab.refused(op::DisassociateVPCFromHostedZone, remove(vpc));
        assert_eq!(refused, code);
    }
    assert_eq!(
        lab.refused(op::GetDNSSEC, api::GetDNSSECRequest { hosted_zone_id: id })
            .0,
        "InvalidArgument"
    );
}

#[test]
fn associations_that_are_refused() {
    let mut lab = Lab::new();
    let place = place(&mut lab, "10.0");
    let public = super::zone(&mut lab, "example.com");
    let private = private_zone(&mut lab, "example.com", &place.vpc);
    let associate = |zone: &str, vpc: &str| api::AssociateVPCWithHostedZoneRequest {
        hosted_zone_id: zone.to_owned(),
        vpc: named(vpc),
        comment: None,
    };
    for (zone, vpc, code) in [
        (&public, place.vpc.as_str(), "PublicZoneVPCAssociation"),
        (&private, "vpc-0", "InvalidVPCId"),
        (&private, &place.vpc, "ConflictingDomainExists"),
        (&"Z1".to_owned(), &place.vpc, "NoSuchHostedZone"),
    ] {
        let input = associate(zone, vpc);
        assert_eq!(
            lab.refused(op::AssociateVPCWithHostedZone, input).0,
            code,
            "{zone} {vpc}"
        );
    }
    let again = api::CreateHostedZoneRequest {
        name: "example.com".into(),
        caller_reference: "again".into(),
        vpc: Some(named(&place.vpc)),
        ..Default::default()
    };
    let (code, text) = lab.refused(op::CreateHostedZone, again);
    assert_eq!(code, "ConflictingDomainExists");
    assert_eq!(
        text,
        format!(
            "The VPC {} in region eu-central-1 has already been associated with the hosted zone {private} with the same domain name.",
            place.vpc
        )
    );
}
