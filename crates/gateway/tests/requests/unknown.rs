//! Operations and services that are not there: each protocol's own error, which names them.

use super::bench::{Bench, Request};

/// A request, the content type and the texts of the answer.
type Case = (Request, u16, &'static str, Vec<&'static str>);

#[tokio::test]
async fn an_operation_that_is_not_there_is_named() {
    let bench = Bench::start().await;
    let not = |operation: &'static str| vec!["NotImplemented", operation];
    let cases: Vec<Case> = vec![
        (
            Request::form("ec2", "Action=RunInstances&Version=2016-11-15"),
            501,
            "text/xml;charset=utf-8",
            vec![
                "<Response><Errors><Error><Code>NotImplemented</Code>",
                "RunInstances",
                "<RequestID>",
            ],
        ),
        (
            Request::form("iam", "Action=CreateSAMLProvider&Version=2010-05-08"),
            501,
            "text/xml",
            vec![
                "<ErrorResponse",
                "<Code>NotImplemented</Code>",
                "CreateSAMLProvider",
                "<RequestId>",
            ],
        ),
        (
            Request::json(
                "ecs",
                "AmazonEC2ContainerServiceV20141113.RegisterContainerInstance",
                "{}",
            ),
            501,
            "application/x-amz-json-1.1",
            not("RegisterContainerInstance"),
        ),
        (
            Request::json(
                "monitoring",
                "GraniteServiceVersion20100801.PutInsightRule",
                "{}",
            ),
            501,
            "application/x-amz-json-1.0",
            not("PutInsightRule"),
        ),
        (
            Request::new("route53", "<x/>").at("POST", "/2013-04-01/trafficpolicy"),
            501,
            "application/xml",
            vec![
                "<ErrorResponse",
                "<Code>NotImplemented</Code>",
                "CreateTrafficPolicy",
            ],
        ),
        (
            Request::cbor(
                "monitoring",
                "/service/GraniteServiceVersion20100801/operation/PutInsightRule",
                b"\xa0",
            ),
            501,
            "application/cbor",
            not("PutInsightRule"),
        ),
    ];
    for (request, status, content, texts) in cases {
        let answer = bench.ask(&request).await;
        answer.says(status, &texts);
        assert_eq!(
            answer.header("content-type"),
            Some(content),
            "{}",
            answer.head
        );
        assert!(
            answer.header("x-amzn-requestid").is_some(),
            "{}",
            answer.head
        );
    }
}

#[tokio::test]
async fn an_operation_that_aws_does_not_have_is_unknown() {
    let bench = Bench::start().await;
    let cases: Vec<Case> = vec![
        (
            Request::form("ec2", "Action=MakeTea&Version=2016-11-15"),
            400,
            "",
            vec![
                "<Code>InvalidAction</Code>",
                "The action MakeTea is not valid for this web service.",
            ],
        ),
        (
            Request::form("sts", "Action=MakeTea&Version=2011-06-15"),
            400,
            "",
            vec![
                "<Code>InvalidAction</Code>",
                "Could not find operation MakeTea for version 2011-06-15",
            ],
        ),
        (
            Request::form("sts", "Version=2011-06-15"),
            400,
            "",
            vec!["<Code>MissingAction</Code>"],
        ),
        (
            Request::json("ecs", "AmazonEC2ContainerServiceV20141113.MakeTea", "{}"),
            400,
            "",
            vec!["UnknownOperationException", "MakeTea"],
        ),
        (
            Request::new("ecs", "{}").with("content-type", "application/x-amz-json-1.1"),
            400,
            "",
            vec!["UnknownOperationException"],
        ),
        (
            Request::new("route53", "").at("GET", "/2013-04-01/tea"),
            404,
            "",
            vec![
                "<Code>UnknownOperationException</Code>",
                "GET /2013-04-01/tea",
            ],
        ),
        (
            Request::cbor(
                "monitoring",
                "/service/GraniteServiceVersion20100801/operation/MakeTea",
                b"\xa0",
            ),
            404,
            "",
            vec!["UnknownOperationException", "MakeTea"],
        ),
    ];
    for (request, status, _, texts) in cases {
        bench.ask(&request).await.says(status, &texts);
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named_in_the_callers_protocol() {
    let bench = Bench::start().await;
    let cases: Vec<Case> = vec![
        (
            Request::form("cloudformation", "Action=ListStacks&Version=2010-05-15"),
            501,
            "text/xml",
            vec![
                "<ErrorResponse>",
                "<Code>NotImplemented</Code>",
                "the service cloudformation",
                "ListStacks",
            ],
        ),
        (
            Request::new("dynamodb", "{}")
                .with("content-type", "application/x-amz-json-1.0")
                .with("x-amz-target", "DynamoDB_20120810.ListTables"),
            501,
            "application/x-amz-json-1.0",
            vec!["NotImplemented", "the service dynamodb", "ListTables"],
        ),
        (
            Request::new("lambda", "").at("GET", "/2015-03-31/functions"),
            501,
            "application/json",
            vec![
                "NotImplemented",
                "the service lambda",
                "GET /2015-03-31/functions",
            ],
        ),
        (
            Request::new("cloudfront", "").at("GET", "/2020-05-31/distribution"),
            501,
            "text/xml",
            vec!["<ErrorResponse>", "GET /2020-05-31/distribution"],
        ),
        (
            Request::cbor(
                "arc-region-switch",
                "/service/X/operation/ListPlans",
                b"\xa0",
            ),
            501,
            "application/cbor",
            vec!["NotImplemented", "ListPlans"],
        ),
    ];
    for (request, status, content, texts) in cases {
        let answer = bench.ask(&request).await;
        answer.says(status, &texts);
        assert_eq!(
            answer.header("content-type"),
            Some(content),
            "{}",
            answer.head
        );
    }
}
