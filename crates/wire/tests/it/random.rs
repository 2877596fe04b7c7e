//! Random values survive the way through each protocol, and random bytes are only ever refused.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use wire::{
    Kind, Member, Members, OperationSchema, ProtocolKind, RequestParts, Schema, ServiceSchema,
    Value,
};

/// Values deeper than this have no optional members.
const MOST_LEVELS: usize = 5;

/// A value that an answer of this schema may be.
fn value(schema: &'static Schema, level: usize) -> BoxedStrategy<Value> {
    match schema.kind {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Integer => any::<i32>()
            .prop_map(|number| Value::Integer(number.into()))
            .boxed(),
        Kind::Long => any::<i64>().prop_map(Value::Integer).boxed(),
        Kind::Float | Kind::Double => (-1e6..1e6).prop_map(Value::Float).boxed(),
        Kind::Document => Just(Value::Document(serde_json::json!({"a": [1, null]}))).boxed(),
        Kind::Blob => proptest::collection::vec(any::<u8>(), 0..8)
            .prop_map(|bytes| Value::Blob(bytes.into()))
            .boxed(),
        Kind::Timestamp => (0i64..4_000_000_000)
            .prop_map(|seconds| {
                Value::Timestamp(jiff::Timestamp::from_second(seconds).expect("a time"))
            })
            .boxed(),
        // No spaces at the ends, which headers lose.
        Kind::String => "[a-zA-Z0-9<>&'\"é;/%+=]{1,8}"
            .prop_map(Value::String)
            .boxed(),
        Kind::List => {
            let element = schema.element().schema;
            proptest::collection::vec(value(element, level + 1), 0..3)
                .prop_map(Value::List)
                .boxed()
        }
        Kind::Map => {
            let element = schema.entry().1.schema;
            proptest::collection::btree_map("[a-z]{1,4}", value(element, level + 1), 0..3)
                .prop_map(|map| Value::Map(map.into_iter().collect()))
                .boxed()
        }
        Kind::Struct => structure(schema, level),
    }
}

fn structure(schema: &'static Schema, level: usize) -> BoxedStrategy<Value> {
    let mut all: BoxedStrategy<Members> = Just(Members::new()).boxed();
    if level < MOST_LEVELS {
        for (index, member) in (0u16..).zip(schema.members) {
            let one = proptest::option::weighted(0.3, value(member.schema, level + 1));
            all = (all, one)
                .prop_map(move |(mut members, value)| {
                    if let Some(value) = value {
                        members.set(index, value);
                    }
                    members
                })
                .boxed();
        }
    }
    all.prop_map(Value::Struct).boxed()
}

fn runner(cases: u32) -> TestRunner {
    // Deterministic, so that a failure comes again.
    let seed = proptest::test_runner::TestRng::deterministic_rng(
        proptest::test_runner::RngAlgorithm::ChaCha,
    );
    TestRunner::new_with_rng(
        Config {
            cases,
            failure_persistence: None,
            ..Config::default()
        },
        seed,
    )
}

/// An operation whose input is another's output, so that what is rendered can be parsed.
fn turned(operation: &'static OperationSchema) -> OperationSchema {
    OperationSchema {
        input: operation.output,
        ..*operation
    }
}

fn request<'a>(method: &'a Method, headers: &'a HeaderMap, body: &'a Bytes) -> RequestParts<'a> {
    RequestParts {
        method,
        path: "/",
        query: "",
        headers,
        body,
    }
}

#[test]
fn json_and_cbor_answers_can_be_read_again() {
    for service in wire::SERVICES {
        for kind in [ProtocolKind::AwsJson11, ProtocolKind::RpcV2Cbor] {
            for operation in service
                .operations
                .iter()
                .copied()
                .filter(|operation| !operation.output.members.is_empty())
            {
                if kind == ProtocolKind::RpcV2Cbor && has(operation.output, Kind::Document, 0) {
                    continue;
                }
                let back = turned(operation);
                let outcome = runner(3).run(&value(operation.output, 0), |value| {
                    let response = wire::render(kind, service, operation, value.clone(), "id");
                    let (method, headers) = (Method::POST, HeaderMap::new());
                    let parts = request(&method, &headers, response.body());
                    let again = wire::parse(kind, service, &back, &parts);
                    prop_assert_eq!(again.map_err(|error| error.to_string()), Ok(value));
                    Ok(())
                });
                outcome.unwrap_or_else(|error| {
                    panic!("{} {} in {kind:?}: {error}", service.id, operation.name)
                });
            }
        }
    }
}

fn has(schema: &Schema, kind: Kind, level: usize) -> bool {
    schema.kind == kind
        || level < 8
            && schema
                .members
                .iter()
                .any(|member| has(member.schema, kind, level + 1))
}

/// What XML cannot tell apart: an empty flattened list or map and an absent one.
fn plain(schema: &Schema, value: Value) -> Value {
    let Value::Struct(members) = value else {
        return value;
    };
    let mut kept = Members::new();
    for (index, value) in members {
        let member: &Member = &schema.members[usize::from(index)];
        let empty = matches!(&value, Value::List(list) if list.is_empty())
            || matches!(&value, Value::Map(map) if map.is_empty());
        if !(member.flattened && empty) {
            kept.set(index, plain(member.schema, value));
        }
    }
    Value::Struct(kept)
}

#[test]
fn rest_xml_answers_can_be_read_again() {
    let service = wire::route53::schema();
    for operation in service.operations.iter().copied() {
        let body = |member: &Member| member.location == wire::Location::Body;
        if operation.output.members.is_empty()
            || !operation.output.members.iter().all(body)
            || operation.output.payload.is_some()
        {
            continue;
        }
        let back = OperationSchema {
            uri: "/",
            ..turned(operation)
        };
        let outcome = runner(8).run(&value(operation.output, 0), |value| {
            let value = plain(operation.output, value);
            let response = wire::render(
                ProtocolKind::RestXml,
                service,
                operation,
                value.clone(),
                "id",
            );
            let (method, headers) = (Method::POST, HeaderMap::new());
            let again = wire::parse(
                ProtocolKind::RestXml,
                service,
                &back,
                &request(&method, &headers, response.body()),
            );
            prop_assert_eq!(again.map_err(|error| error.to_string()), Ok(value));
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{}: {error}", operation.name));
    }
}

/// Whatever arrives, there is an answer.
fn survive(service: &'static ServiceSchema, request: &RequestParts<'_>) {
    let kind = wire::protocol_of(service, request);
    match wire::route(request, service) {
        Err(error) => drop(wire::render_error(kind, service, None, &error, "id")),
        Ok((kind, operation)) => match wire::parse(kind, service, operation, request) {
            Err(error) => drop(wire::render_error(
                kind,
                service,
                Some(operation),
                &error,
                "id",
            )),
            Ok(value) => {
                if let Err(error) = wire::validate_input(service, operation, &value) {
                    drop(wire::render_error(
                        kind,
                        service,
                        Some(operation),
                        &error,
                        "id",
                    ));
                }
            }
        },
    }
}

/// Bytes that look a little like what is expected.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let name = "[A-Z][A-Za-z]{0,8}";
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..64),
        "[\\[\\]{}\",:0-9a-z\\\\]{0,64}".prop_map(String::into_bytes),
        "[<>/a-zA-Z&;#\" =!\\[\\]-]{0,64}".prop_map(String::into_bytes),
        proptest::collection::vec((name, "[.0-9a-zA-Z=&%+]{0,24}"), 0..6).prop_map(|pairs| {
            let pairs: Vec<String> = pairs.into_iter().map(|(name, text)| name + &text).collect();
            pairs.join("&").into_bytes()
        }),
    ]
}

#[test]
fn random_requests_do_no_harm() {
    for service in wire::SERVICES {
        let name = service.operations[service.operations.len() / 2].name;
        let strategy = (
            body(),
            "/[a-zA-Z0-9/{}%.-]{0,32}",
            "[a-z=&%0-9]{0,16}",
            any::<u8>(),
        );
        let outcome = runner(200).run(&strategy, |(bytes, path, query, shape)| {
            let mut headers = HeaderMap::new();
            let target = format!("{}.{name}", service.target_prefix.unwrap_or_default());
            let mut path = path;
            let mut bytes = bytes;
            match shape % 4 {
                0 => drop(headers.insert(
                    "x-amz-target",
                    HeaderValue::from_str(&target).expect("a header"),
                )),
                1 => {
                    headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
                    path = format!(
                        "/service/{}/operation/{name}",
                        service.target_prefix.unwrap_or_default()
                    );
                }
                2 => bytes
                    .splice(0..0, format!("Action={name}&").into_bytes())
                    .for_each(drop),
                _ => {}
            }
            let body = Bytes::from(bytes);
            let method = if shape % 3 == 0 {
                Method::GET
            } else {
                Method::POST
            };
            survive(
                service,
                &RequestParts {
                    method: &method,
                    path: &path,
                    query: &query,
                    headers: &headers,
                    body: &body,
                },
            );
            Ok(())
        });
        outcome.unwrap_or_else(|error| panic!("{}: {error}", service.id));
    }
}

#[test]
fn deep_nesting_is_refused() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
    let ecs = HeaderMap::from_iter([(
        "x-amz-target".parse().expect("a name"),
        HeaderValue::from_static("AmazonEC2ContainerServiceV20141113.CreateCluster"),
    )]);
    let cbor = HeaderMap::from_iter([(
        "smithy-protocol".parse().expect("a name"),
        HeaderValue::from_static("rpc-v2-cbor"),
    )]);
    let none = HeaderMap::new();
    let cases = [
        ("ecs", "/", &ecs, deep("{\"tags\":[", "]}").into_bytes()),
        (
            "route53",
            "/2013-04-01/hostedzone",
            &none,
            deep("<a>", "</a>").into_bytes(),
        ),
        (
            "ec2",
            "/",
            &none,
            format!("Action=CreateVpc&{}=1", "A.1.".repeat(20_000)).into_bytes(),
        ),
        (
            "cloudwatch",
            "/service/GraniteServiceVersion20100801/operation/PutMetricData",
            &cbor,
            vec![0x81; 40_000],
        ),
    ];
    for (service, path, headers, bytes) in cases {
        let service = wire::service(service).expect("a service");
        let (method, body) = (Method::POST, Bytes::from(bytes));
        let parts = RequestParts {
            method: &method,
            path,
            query: "",
            headers,
            body: &body,
        };
        let error = wire::route(&parts, service)
            .and_then(|(kind, operation)| wire::parse(kind, service, operation, &parts));
        assert_eq!(error.expect_err("an error").status, 400, "{}", service.id);
    }
}
