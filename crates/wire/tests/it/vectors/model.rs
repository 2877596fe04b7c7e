//! Schemas and values from the vectors' own models. They live as long as the test does.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use wire::schema::{ErrorSchema, Namespace, TimestampFormat, UNIT};
use wire::{
    Kind, Location, Member, Members, OperationSchema, ProtocolKind, Schema, ServiceSchema, Value,
};

/// How often a shape is unrolled inside itself.
const MOST_TURNS: usize = 4;

pub(crate) struct Case {
    pub(crate) kind: ProtocolKind,
    pub(crate) service: &'static ServiceSchema,
    pub(crate) operation: &'static OperationSchema,
}

fn keep<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn text(json: &Json, key: &str) -> Option<&'static str> {
    json[key].as_str().map(|text| &**keep(text.to_owned()))
}

fn flag(json: &Json, key: &str) -> bool {
    json[key].as_bool().unwrap_or(false)
}

impl Case {
    pub(crate) fn new(file: &str, suite: &Json, case: &Json) -> Self {
        let meta = &suite["metadata"];
        let kind = match file {
            "ec2" => ProtocolKind::Ec2Query,
            "query" => ProtocolKind::AwsQuery,
            "json" => ProtocolKind::AwsJson11,
            "json_1_0" | "json_1_0-query-compatible" => ProtocolKind::AwsJson10,
            "rest-json" => ProtocolKind::RestJson1,
            "rest-xml" => ProtocolKind::RestXml,
            _ if file.starts_with("smithy-rpc-v2-cbor") => ProtocolKind::RpcV2Cbor,
            _ => panic!("a file of vectors for an unknown protocol: {file}"),
        };
        let given = &case["given"];
        let shapes = Shapes(suite["shapes"].as_object().expect("shapes"));
        let part = |key: &str| {
            given[key]["shape"]
                .as_str()
                .map(|name| shapes.build(name, &mut Vec::new()))
        };
        let errors = given["errors"].as_array().into_iter().flatten();
        let errors: Vec<&'static Schema> = errors
            .map(|error| shapes.build(error["shape"].as_str().expect("a shape"), &mut Vec::new()))
            .collect();
        let operation: &'static OperationSchema = keep(OperationSchema {
            name: text(given, "name").expect("a name"),
            method: text(&given["http"], "method").unwrap_or("POST"),
            uri: text(&given["http"], "requestUri").unwrap_or("/"),
            status: given["http"]["responseCode"]
                .as_u64()
                .map_or(200, |code| u16::try_from(code).expect("a status")),
            input: part("input").unwrap_or(&UNIT),
            output: part("output").unwrap_or(&UNIT),
            input_name: text(&given["input"], "locationName"),
            result_wrapper: text(&given["output"], "resultWrapper")
                .or_else(|| wrapper(kind, &case["response"], text(given, "name"))),
            errors: keep(errors),
        });
        let service = keep(ServiceSchema {
            id: "vectors",
            sdk_id: "Vectors",
            full_name: "Vectors",
            signing_name: "vectors",
            endpoint_prefix: "vectors",
            protocols: keep([kind]),
            target_prefix: text(meta, "targetPrefix"),
            api_version: text(meta, "apiVersion").unwrap_or_default(),
            xml_namespace: namespace_of(case),
            query_compatible: meta.get("awsQueryCompatible").is_some(),
            operations: keep([operation]),
            all_operations: keep([operation.name]),
            unbuilt: &[],
        });
        Self {
            kind,
            service,
            operation,
        }
    }
}

/// The vectors' models leave out the wrapper and the namespace that query services always have.
fn wrapper(kind: ProtocolKind, response: &Json, name: Option<&str>) -> Option<&'static str> {
    let wrapper = format!("{}Result", name?);
    let stated = response["body"].as_str()?.contains(&format!("<{wrapper}"));
    (kind == ProtocolKind::AwsQuery && stated).then(|| &**keep(wrapper))
}

fn namespace_of(case: &Json) -> Option<&'static str> {
    let (root, _) = case["response"]["body"].as_str()?.split_once('>')?;
    let (_, rest) = root.split_once("xmlns=\"")?;
    Some(keep(rest.split('"').next()?.to_owned()))
}

struct Shapes<'a>(&'a Map<String, Json>);

impl Shapes<'_> {
    fn build(&self, name: &str, inside: &mut Vec<String>) -> &'static Schema {
        let shape = &self.0[name];
        let over = inside.iter().filter(|other| *other == name).count() > MOST_TURNS;
        inside.push(name.to_owned());
        let document = flag(shape, "document");
        let kind = match shape["type"].as_str().expect("a type") {
            "structure" if document => Kind::Document,
            "structure" => Kind::Struct,
            "string" | "character" => Kind::String,
            "boolean" => Kind::Bool,
            "integer" => Kind::Integer,
            "long" => Kind::Long,
            "float" => Kind::Float,
            "double" => Kind::Double,
            "timestamp" => Kind::Timestamp,
            "blob" => Kind::Blob,
            "list" => Kind::List,
            "map" => Kind::Map,
            other => panic!("a shape of unknown type {other}"),
        };
        let required: Vec<&str> = shape["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Json::as_str)
            .collect();
        let mut members: Vec<Member> = Vec::new();
        if !over && !document {
            for (name, reference) in shape["members"].as_object().into_iter().flatten() {
                members.push(self.member(
                    name,
                    reference,
                    required.contains(&name.as_str()),
                    inside,
                ));
            }
            for part in ["member", "key", "value"] {
                if let Some(reference) = shape.get(part) {
                    members.push(self.member(part, reference, false, inside));
                }
            }
        }
        inside.pop();
        let mut schema = Schema::new(keep(name.to_owned()), kind, keep(members));
        schema.timestamp_format = format(shape);
        schema.xml_name = text(shape, "locationName");
        schema.xml_namespace = namespace(shape);
        schema.payload = text(shape, "payload");
        schema.union = flag(shape, "union");
        if flag(shape, "exception") {
            let code = text(&shape["error"], "code").unwrap_or(schema.name);
            let usual = if flag(shape, "fault") { 500 } else { 400 };
            let status = shape["error"]["httpStatusCode"].as_u64().unwrap_or(usual);
            let status = u16::try_from(status).expect("a status");
            schema.error = Some(keep(ErrorSchema {
                code,
                status,
                sender: status < 500,
            }));
        }
        keep(schema)
    }

    fn member(
        &self,
        name: &str,
        reference: &Json,
        required: bool,
        inside: &mut Vec<String>,
    ) -> Member {
        let mut member = Member::new(
            keep(name.to_owned()),
            self.build(reference["shape"].as_str().expect("a shape"), inside),
        );
        member.required = required;
        member.location = match reference["location"].as_str() {
            None => Location::Body,
            Some("uri") => Location::Uri,
            Some("querystring") => Location::Query,
            Some("header") => Location::Header,
            Some("headers") => Location::Headers,
            Some("statusCode") => Location::Status,
            Some(other) => panic!("a member at the unknown place {other}"),
        };
        member.location_name = text(reference, "locationName");
        member.query_name = text(reference, "queryName");
        member.flattened = flag(reference, "flattened");
        member.xml_attribute = flag(reference, "xmlAttribute");
        member.xml_namespace = namespace(reference);
        member.timestamp_format = format(reference);
        member.json_value = flag(reference, "jsonvalue");
        member
    }
}

fn format(json: &Json) -> Option<TimestampFormat> {
    match json["timestampFormat"].as_str()? {
        "iso8601" => Some(TimestampFormat::Iso8601),
        "rfc822" => Some(TimestampFormat::HttpDate),
        "unixTimestamp" => Some(TimestampFormat::EpochSeconds),
        other => panic!("an unknown timestamp format {other}"),
    }
}

fn namespace(json: &Json) -> Option<&'static Namespace> {
    let stated = json.get("xmlNamespace")?;
    let uri = stated
        .as_str()
        .map(|uri| &**keep(uri.to_owned()))
        .or_else(|| text(stated, "uri"))?;
    Some(keep(Namespace {
        uri,
        prefix: text(stated, "prefix"),
    }))
}

/// A value in the vectors' notation: timestamps are seconds, blobs are plain text.
pub(crate) fn value(schema: &Schema, json: &Json) -> Value {
    match (schema.kind, json) {
        (Kind::Document, json) => Value::Document(json.clone()),
        (Kind::Struct, json) => {
            let mut members = Members::new();
            for (index, member) in (0u16..).zip(schema.members) {
                match json.get(member.name) {
                    None | Some(Json::Null) => {}
                    Some(json) => members.set(index, value(member.schema, json)),
                }
            }
            Value::Struct(members)
        }
        (_, Json::Null) => Value::Null,
        (Kind::List, json) => {
            let element = schema.element().schema;
            let list = json.as_array().expect("a list").iter();
            Value::List(list.map(|json| value(element, json)).collect())
        }
        (Kind::Map, json) => {
            let element = schema.entry().1.schema;
            let map: BTreeMap<&String, &Json> = json.as_object().expect("a map").iter().collect();
            Value::Map(
                map.into_iter()
                    .map(|(key, json)| (key.clone(), value(element, json)))
                    .collect(),
            )
        }
        (Kind::Bool, json) => Value::Bool(json.as_bool().expect("a boolean")),
        (Kind::Integer | Kind::Long, json) => Value::Integer(json.as_i64().expect("an integer")),
        (Kind::Float | Kind::Double, json) => Value::Float(match json.as_str() {
            Some("NaN") => f64::NAN,
            Some("Infinity") => f64::INFINITY,
            Some("-Infinity") => f64::NEG_INFINITY,
            _ => json.as_f64().expect("a number"),
        }),
        (Kind::String, Json::String(text)) => Value::String(text.clone()),
        // A header that holds JSON is given as that JSON.
        (Kind::String, json) => Value::String(json.to_string()),
        (Kind::Blob, json) => Value::Blob(json.as_str().expect("a blob").to_owned().into()),
        (Kind::Timestamp, json) => {
            let seconds = json.as_f64().expect("a timestamp");
            let time = wire::time::from_seconds(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
            Value::Timestamp(time)
        }
    }
}
