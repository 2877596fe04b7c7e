//! The public protocol test vectors, seen from the server's side: the requests that clients
//! must send are read, and the answers that clients must understand are written.
//!
//! `vectors/not-applicable.json` lists those that say nothing about a server, each with its
//! reason. A listed one that passes fails the test, as does one that is not listed and fails.

mod compare;
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value as Json;
use wire::{Error, ProtocolKind, RequestParts, Value};

/// The folder of the vectors: beside the checkout, or where `TERRELLA_VECTORS` says.
fn folder() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    let folder = std::env::var_os("TERRELLA_VECTORS").map_or(beside, PathBuf::from);
    assert!(
        folder.join("protocols/input").is_dir(),
        "the protocol test vectors are not in {}; set TERRELLA_VECTORS to their folder",
        folder.display()
    );
    folder.join("protocols")
}

fn read(path: &Path) -> Json {
    let text = std::fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("reading {}: {error}", path.display()));
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("parsing {}: {error}", path.display()))
}

type Check = fn(&model::Case, &Json) -> Result<(), String>;

fn run(direction: &str, check: Check) {
    let listed =
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/vectors/not-applicable.json"));
    let listed: BTreeMap<String, String> =
        serde_json::from_value(listed[direction].clone()).expect("a reason for each case");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join(direction))
        .expect("the folder of vectors")
        .map(|entry| entry.expect("an entry of the folder of vectors").path())
        .collect();
    files.sort();
    let (mut seen, mut passed, mut problems) = (BTreeSet::new(), 0, Vec::new());
    for file in files {
        let name = file
            .file_stem()
            .expect("a file name")
            .to_string_lossy()
            .into_owned();
        for suite in read(&file).as_array().expect("suites") {
            for case in suite["cases"].as_array().expect("cases") {
                let id = format!("{name}/{}", case["id"].as_str().expect("an id"));
                assert!(seen.insert(id.clone()), "two cases are called {id}");
                let outcome = check(&model::Case::new(&name, suite, case), case);
                match (outcome, listed.get(&id)) {
                    (Ok(()), None) => passed += 1,
                    (Ok(()), Some(_)) => {
                        problems.push(format!("{id} passes, but is listed as not applicable"));
                    }
                    (Err(_), Some(_)) => {}
                    (Err(problem), None) => problems.push(format!("{id}: {problem}")),
                }
            }
        }
    }
    let stale = listed
        .keys()
        .filter(|id| !seen.contains(*id))
        .map(|id| format!("{id} is listed, but there is no such case"));
    problems.extend(stale);
    assert!(
        problems.is_empty(),
        "{passed} pass, {} do not:\n{}",
        problems.len(),
        problems.join("\n")
    );
    assert!(passed > 200, "only {passed} cases ran");
}

#[test]
fn requests_are_read() {
    run("input", input);
}

#[test]
fn answers_are_written() {
    run("output", output);
}

fn input(case: &model::Case, json: &Json) -> Result<(), String> {
    let serialized = &json["serialized"];
    let uri: http::Uri = serialized["uri"]
        .as_str()
        .unwrap_or("/")
        .parse()
        .map_err(|error| format!("{error}"))?;
    let headers = headers(&serialized["headers"]);
    let text = serialized["body"].as_str().unwrap_or_default();
    let body = if case.kind == ProtocolKind::RpcV2Cbor {
        decode(text)
    } else {
        Bytes::copy_from_slice(text.as_bytes())
    };
    let method: Method = serialized["method"]
        .as_str()
        .unwrap_or("POST")
        .parse()
        .map_err(|error| format!("{error}"))?;
    let parts = RequestParts {
        method: &method,
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        headers: &headers,
        body: &body,
    };
    let (kind, operation) =
        wire::route(&parts, case.service).map_err(|error| format!("routing: {error}"))?;
    if (kind, operation.name) != (case.kind, case.operation.name) {
        return Err(format!("went to {kind:?} {}", operation.name));
    }
    let value = wire::parse(kind, case.service, operation, &parts)
        .map_err(|error| format!("parsing: {error}"))?;
    let expected = model::value(operation.input, &json["params"]);
    compare::values(&value, &expected)
}

fn output(case: &model::Case, json: &Json) -> Result<(), String> {
    let response = &json["response"];
    let body = response["body"].as_str().unwrap_or_default();
    let id = request_id(body, response);
    let written = if let Some(code) = json["errorCode"].as_str() {
        let error = error(case, code, json);
        wire::render_error(case.kind, case.service, Some(case.operation), &error, &id)
    } else {
        let value = model::value(case.operation.output, &json["result"]);
        wire::render(case.kind, case.service, case.operation, value, &id)
    };
    let status = response["status_code"].as_u64().unwrap_or(200);
    if u64::from(written.status().as_u16()) != status {
        return Err(format!("status {} instead of {status}", written.status()));
    }
    compare::headers(written.headers(), &headers(&response["headers"]))?;
    let content = written
        .headers()
        .get("content-type")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let expected = if case.kind == ProtocolKind::RpcV2Cbor {
        decode(body)
    } else {
        Bytes::copy_from_slice(body.as_bytes())
    };
    let written = if body.to_lowercase().contains("requestid>") {
        written.body().clone()
    } else {
        without_id(written.body(), &id)
    };
    compare::bodies(case.kind, content, &written, &expected)
}

fn error(case: &model::Case, code: &str, json: &Json) -> Error {
    let errors = case.operation.errors.iter().copied();
    let schema = errors
        .clone()
        .find(|schema| schema.name == code || schema.error.is_some_and(|how| how.code == code));
    let Some(schema) = schema else {
        return Error::new(code.to_owned(), 400, "");
    };
    let Value::Struct(members) = model::value(schema, &json["error"]) else {
        unreachable!("errors are structures")
    };
    let mut error = Error::modelled(schema, json["errorMessage"].as_str().unwrap_or_default());
    for (member, value) in schema.present(&members) {
        match value {
            Value::String(text) if member.name.eq_ignore_ascii_case("message") => {
                error.message.clone_from(text);
            }
            value => error.fields.push((member.name.into(), value.clone())),
        }
    }
    error
}

/// The request id that the expected answer carries.
fn request_id(body: &str, response: &Json) -> String {
    for tag in ["RequestId>", "requestId>", "RequestID>"] {
        if let Some((_, rest)) = body.split_once(tag) {
            return rest.split('<').next().unwrap_or_default().to_owned();
        }
    }
    let headers = headers(&response["headers"]);
    headers
        .get("x-amzn-requestid")
        .and_then(|value| value.to_str().ok())
        .unwrap_or("id")
        .to_owned()
}

/// Some expected answers have no request id; ours always do.
fn without_id(body: &Bytes, id: &str) -> Bytes {
    let Ok(text) = std::str::from_utf8(body) else {
        return body.clone();
    };
    let metadata = format!("<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>");
    text.replace(&format!("<requestId>{id}</requestId>"), "")
        .replace(&metadata, "")
        .into()
}

fn headers(json: &Json) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in json.as_object().into_iter().flatten() {
        let name: HeaderName = name.parse().expect("a header name");
        let value =
            HeaderValue::from_str(value.as_str().expect("a header value")).expect("a header value");
        headers.append(name, value);
    }
    headers
}

fn decode(text: &str) -> Bytes {
    base64::engine::general_purpose::STANDARD
        .decode(text)
        .expect("base64")
        .into()
}
