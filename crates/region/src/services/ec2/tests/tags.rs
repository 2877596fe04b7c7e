use wire::ec2::{self as api, op};

use super::lab::Lab;
use super::{filters, security_group, vpc};

fn tag(key: &str, value: &str) -> api::Tag {
    api::Tag {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    }
}

fn create(resource: &str, tags: Vec<api::Tag>) -> api::CreateTagsRequest {
    api::CreateTagsRequest {
        resources: vec![resource.to_owned()],
        tags,
        ..Default::default()
    }
}

fn shown(lab: &mut Lab, resource: &str) -> Vec<(String, String)> {
    let input = api::DescribeTagsRequest {
        filters: filters(&[("resource-id", resource)]),
        ..Default::default()
    };
    let tags = lab.call(op::DescribeTags, input).tags.unwrap();
    tags.into_iter()
        .map(|one| (one.key.unwrap(), one.value.unwrap()))
        .collect()
}

#[test]
fn tags_come_change_and_go() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    lab.call(
        op::CreateTags,
        create(&id, vec![tag("a", "1"), tag("b", "2")]),
    );
    lab.call(op::CreateTags, create(&id, vec![tag("a", "3")]));
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(shown(&mut lab, &id), [pair("a", "3"), pair("b", "2")]);
    let found = |lab: &mut Lab, name: &str, value: &str| {
        let input = api::DescribeVpcsRequest {
            filters: filters(&[(name, value)]),
            ..Default::default()
        };
        lab.call(op::DescribeVpcs, input).vpcs.unwrap().len()
    };
    assert_eq!(found(&mut lab, "tag:a", "3"), 1);
    assert_eq!(found(&mut lab, "tag:a", "1"), 0);
    assert_eq!(found(&mut lab, "tag-key", "b"), 1);
    let drop = |tags| api::DeleteTagsRequest {
        resources: vec![id.clone()],
        tags,
        ..Default::default()
    };
    lab.call(
        op::DeleteTags,
        drop(Some(vec![tag("a", "not this"), tag("b", "2")])),
    );
    assert_eq!(shown(&mut lab, &id), [pair("a", "3")]);
    let by_key = api::Tag {
        key: Some("a".into()),
        value: None,
    };
    lab.call(op::DeleteTags, drop(Some(vec![by_key])));
    assert_eq!(shown(&mut lab, &id), []);
}

#[test]
fn tags_that_are_refused() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let cases = [
        (
            create("vpc-0", vec![tag("a", "1")]),
            "InvalidVpcID.NotFound",
        ),
        (
            create("sgr-0", vec![tag("a", "1")]),
            "InvalidSecurityGroupRuleId.NotFound",
        ),
        (create("thing", vec![tag("a", "1")]), "InvalidID"),
        (create(&id, vec![]), "MissingParameter"),
        (create(&id, vec![tag("", "1")]), "InvalidParameterValue"),
        (
            create(&id, vec![tag("aws:a", "1")]),
            "InvalidParameterValue",
        ),
        (
            create(&id, vec![tag(&"k".repeat(129), "1")]),
            "InvalidParameterValue",
        ),
        (
            create(&id, vec![tag("a", &"v".repeat(257))]),
            "InvalidParameterValue",
        ),
        (
            create(
                &id,
                (0..51).map(|number| tag(&number.to_string(), "")).collect(),
            ),
            "TagLimitExceeded",
        ),
    ];
    for (input, code) in cases {
        assert_eq!(lab.refused(op::CreateTags, input).0, code);
    }
    let wrong_kind = api::CreateVpcRequest {
        cidr_block: Some("10.1.0.0/16".into()),
        tag_specifications: Some(vec![api::TagSpecification {
            resource_type: Some("subnet".into()),
            tags: Some(vec![tag("a", "1")]),
        }]),
        ..Default::default()
    };
    assert_eq!(
        lab.refused(op::CreateVpc, wrong_kind).0,
        "InvalidParameterValue"
    );
}

#[test]
fn tags_go_with_their_resource() {
    let mut lab = Lab::new();
    let id = vpc(&mut lab, "10.0.0.0/16");
    let group = security_group(&mut lab, &id, "web");
    let rule = lab.region.ec2.security_groups.get(&group).unwrap().rules[0]
        .id
        .clone();
    for resource in [&group, &rule] {
        lab.call(op::CreateTags, create(resource, vec![tag("a", "1")]));
    }
    lab.call(
        op::DeleteSecurityGroup,
        api::DeleteSecurityGroupRequest {
            group_id: Some(group),
            ..Default::default()
        },
    );
    assert_eq!(lab.region.ec2.tags.len(), 0);
}
