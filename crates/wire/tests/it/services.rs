//! Real services' requests and answers, from bytes to types and back.

use bytes::Bytes;
use http::Request;
use wire::{Error, ProtocolKind, RequestParts, Shape as _, Value, ec2, ecs, iam, route53, sns};

fn request(builder: http::request::Builder, body: &str) -> (http::request::Parts, Bytes) {
    let (parts, ()) = builder.body(()).expect("a request").into_parts();
    (parts, Bytes::copy_from_slice(body.as_bytes()))
}

fn read(
    service: &str,
    builder: http::request::Builder,
    body: &str,
) -> Result<(ProtocolKind, &'static str, Value), Error> {
    let service = wire::service(service).expect("a service");
    let (parts, body) = request(builder, body);
    let parts = RequestParts::new(&parts, &body);
    let (kind, operation) = wire::route(&parts, service)?;
    Ok((
        kind,
        operation.name,
        wire::parse(kind, service, operation, &parts)?,
    ))
}

fn text(response: &http::Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).expect("text")
}

#[test]
fn ec2_create_vpc() {
    let body = "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16&InstanceTenancy=default&Ipv6Pool=\
                &TagSpecification.1.ResourceType=vpc&TagSpecification.1.Tag.1.Key=Name&TagSpecification.1.Tag.1.Value=a+b";
    let (kind, name, value) = read("ec2", Request::post("/"), body).unwrap();
    assert_eq!((kind, name), (ProtocolKind::Ec2Query, "CreateVpc"));
    let input = ec2::CreateVpcRequest::from_value(value).unwrap();
    assert_eq!(input.cidr_block.as_deref(), Some("10.0.0.0/16"));
    assert_eq!(input.instance_tenancy, Some(ec2::Tenancy::Default));
    assert_eq!(input.ipv6_pool, None, "an empty parameter counts as absent");
    let tags = &input.tag_specifications.unwrap()[0].tags.clone().unwrap();
    assert_eq!(tags[0].value.as_deref(), Some("a b"));

    let output = ec2::CreateVpcResult {
        vpc: Some(ec2::Vpc {
            vpc_id: Some("vpc-1".to_owned()),
            is_default: Some(false),
            tags: Some(vec![ec2::Tag {
                key: Some("<&>".to_owned()),
                value: Some(String::new()),
            }]),
            cidr_block_association_set: Some(Vec::new()),
            ..Default::default()
        }),
    };
    let operation = ec2::schema().operation("CreateVpc").unwrap();
    let response = wire::render(kind, ec2::schema(), operation, output.into_value(), "r-1");
    assert_eq!(response.status(), 200);
    assert_eq!(
        text(&response),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <CreateVpcResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15\"><requestId>r-1</requestId><vpc>\
         <cidrBlockAssociationSet></cidrBlockAssociationSet><isDefault>false</isDefault>\
         <tagSet><item><key>&lt;&amp;&gt;</key><value></value></item></tagSet><vpcId>vpc-1</vpcId></vpc></CreateVpcResponse>"
    );
}

#[test]
fn errors_in_each_protocol() {
    let error = Error::new(
        "InvalidVpcID.NotFound",
        400,
        "The vpc ID 'vpc-1' does not exist",
    );
    let response = wire::render_error(ProtocolKind::Ec2Query, ec2::schema(), None, &error, "r-1");
    assert_eq!(
        text(&response),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code>\
         <Message>The vpc ID &apos;vpc-1&apos; does not exist</Message></Error></Errors><RequestID>r-1</RequestID></Response>"
            .replace("&apos;", "'")
    );

    let error = iam::error::no_such_entity_exception("gone");
    assert_eq!((error.code.as_ref(), error.status), ("NoSuchEntity", 404));
    let operation = iam::schema().operation("GetRole");
    let response = wire::render_error(
        ProtocolKind::AwsQuery,
        iam::schema(),
        operation,
        &error,
        "r-1",
    );
    assert!(text(&response).contains(
        "<Type>Sender</Type><Code>NoSuchEntity</Code><Message>gone</Message></Error><RequestId>r-1"
    ));

    let error = ecs::error::cluster_not_found_exception("Cluster not found.");
    let operation = ecs::schema().operation("CreateService");
    let response = wire::render_error(
        ProtocolKind::AwsJson11,
        ecs::schema(),
        operation,
        &error,
        "r-1",
    );
    assert_eq!(
        text(&response),
        r#"{"__type":"ClusterNotFoundException","message":"Cluster not found."}"#
    );

    let error = route53::error::no_such_hosted_zone("none");
    let response = wire::render_error(
        ProtocolKind::RestXml,
        route53::schema(),
        None,
        &error,
        "r-1",
    );
    assert_eq!(response.status(), 404);
    assert!(text(&response).contains("<Code>NoSuchHostedZone</Code>"));
}

#[test]
fn operations_that_are_not_there() {
    let form = |action: &str| format!("Action={action}&Version=2016-11-15");
    let json = |target: &str| {
        Request::post("/").header(
            "x-amz-target",
            format!("AmazonEC2ContainerServiceV20141113.{target}"),
        )
    };
    let cases = [
        (
            read("ec2", Request::post("/"), &form("RunInstances")),
            "NotImplemented",
            "RunInstances",
        ),
        (
            read("ec2", Request::post("/"), &form("Nonsense")),
            "InvalidAction",
            "Nonsense",
        ),
        (
            read("ec2", Request::post("/"), ""),
            "MissingAction",
            "action",
        ),
        (
            read("ecs", json("CreateTaskSet"), "{}"),
            "NotImplemented",
            "CreateTaskSet",
        ),
        (
            read("ecs", json("Nonsense"), "{}"),
            "UnknownOperationException",
            "Nonsense",
        ),
        (
            read("route53", Request::get("/2013-04-01/trafficpolicies"), ""),
            "NotImplemented",
            "ListTrafficPolicies",
        ),
        (
            read("route53", Request::get("/nonsense"), ""),
            "UnknownOperationException",
            "/nonsense",
        ),
    ];
    for (answer, code, part) in cases {
        let error = answer.expect_err(part);
        assert_eq!(error.code, code);
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn route53_change() {
    let body = r#"<?xml version="1.0"?><ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/">
        <ChangeBatch><Changes><Change><Action>UPSERT</Action><ResourceRecordSet><Name>a.example.</Name><Type>A</Type>
        <TTL>60</TTL><ResourceRecords><ResourceRecord><Value>10.0.0.1 &amp; &#x41;</Value></ResourceRecord></ResourceRecords>
        </ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"#;
    let (_, name, value) = read(
        "route53",
        Request::post("/2013-04-01/hostedzone/Z1/rrset/"),
        body,
    )
    .unwrap();
    assert_eq!(name, "ChangeResourceRecordSets");
    let input = route53::ChangeResourceRecordSetsRequest::from_value(value).unwrap();
    assert_eq!(input.hosted_zone_id, "Z1");
    let set = &input.change_batch.changes[0].resource_record_set;
    assert_eq!(set.ttl, Some(60));
    assert_eq!(
        set.resource_records.as_ref().unwrap()[0].value,
        "10.0.0.1 & A"
    );
}

#[test]
fn sns_attributes_map() {
    let body = "Action=CreateTopic&Name=t&Attributes.entry.1.key=Policy&Attributes.entry.1.value=%7B%7D\
                &Tags.member.1.Key=k&Tags.member.1.Value=";
    let (_, _, value) = read("sns", Request::post("/"), body).unwrap();
    let input = sns::CreateTopicInput::from_value(value).unwrap();
    assert_eq!(input.attributes.unwrap()["Policy"], "{}");
    assert_eq!(
        input.tags.unwrap()[0].value,
        "",
        "a required string may be empty"
    );
}

#[test]
fn stored_shapes_come_back_as_they_were() {
    let (_, _, value) = read(
        "ecs",
        Request::post("/").header("x-amz-target", "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition"),
        r#"{"family":"f","unknown":1,"containerDefinitions":[{"name":"c","image":"i","environment":[],"portMappings":[{"containerPort":80}]}]}"#,
    )
    .unwrap();
    let input = ecs::RegisterTaskDefinitionRequest::from_value(value).unwrap();
    let stored = wire::Stored(input.container_definitions[0].clone());
    let text = serde_json::to_string(&stored).unwrap();
    assert_eq!(
        text,
        r#"{"environment":[],"image":"i","name":"c","portMappings":[{"containerPort":80}]}"#
    );
    let again: wire::Stored<ecs::ContainerDefinition> = serde_json::from_str(&text).unwrap();
    assert_eq!(again, stored);
}
