//! `/docs`: the OpenAPI document, to be read. `/openapi.json`: the same for programs.

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::layout::bare;
use crate::http::App;

const METHODS: [&str; 5] = ["get", "post", "patch", "put", "delete"];

pub(in crate::http) async fn document(State(app): State<App>) -> Response {
    axum::Json(&app.document).into_response()
}

pub(in crate::http) async fn docs(State(app): State<App>) -> Html<String> {
    let document = serde_json::to_value(&app.document).unwrap_or_default();
    Html(bare("API", render(&document)).into_string())
}

fn render(document: &Value) -> Markup {
    let empty = Map::new();
    let object = |value: &'_ Value| value.as_object().cloned().unwrap_or_else(|| empty.clone());
    let paths = object(&document["paths"]);
    let schemas = object(&document["components"]["schemas"]);
    html! {
        section.card {
            h1 { "API" }
            p { (text(&document["info"]["description"])) }
            p { "For programs: " a href="/openapi.json" { "openapi.json" } " (OpenAPI " (text(&document["openapi"])) ")." }
            nav.contents aria-label="Operations" {
                ul { @for (path, method, operation) in operations(&paths) {
                    li { a href=(format!("#{}", text(&operation["operationId"]))) { (verb(method)) " " code { (path) } } }
                } }
            }
        }
        @for (path, method, operation) in operations(&paths) { (one(path, method, operation)) }
        section.card #schemas {
            h2 { "Shapes" }
            @for (name, schema) in &schemas { (shape(name, schema)) }
        }
    }
}

fn operations(paths: &Map<String, Value>) -> impl Iterator<Item = (&str, &'static str, &Value)> {
    paths.iter().flat_map(|(path, item)| {
        METHODS
            .into_iter()
            .filter_map(move |method| Some((path.as_str(), method, item.get(method)?)))
    })
}

fn one(path: &str, method: &str, operation: &Value) -> Markup {
    let id = text(&operation["operationId"]);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let parameters = list(&operation["parameters"]);
    html! {
        section.card.operation id=(id) {
            h2 { (text(&operation["summary"])) }
            p.line { (verb(method)) " " code { (path) } }
            @if !text(&operation["description"]).is_empty() { p { (text(&operation["description"])) } }
            @if !parameters.is_empty() {
                h3 { "Parameters" }
                div.scroll { table {
                    thead { tr { th scope="col" { "Name" } th scope="col" { "In" } th scope="col" { "What" } } }
                    tbody { @for parameter in &parameters { tr {
                        th scope="row" { code { (text(&parameter["name"])) } }
                        td { (text(&parameter["in"])) }
                        td { (kind(&parameter["schema"])) " " (text(&parameter["description"])) }
                    } } }
                } }
            }
            @if let Some(content) = operation["requestBody"]["content"].as_object() {
                h3 { "Body" }
                ul { @for (media, body) in content { li { code { (media) } " " (kind(&body["schema"])) } } }
            }
            h3 { "Answers" }
            div.scroll { table {
                thead { tr { th scope="col" { "Status" } th scope="col" { "What" } } }
                tbody { @if let Some(responses) = operation["responses"].as_object() { @for (status, response) in responses { tr {
                    th scope="row" { (status) }
                    td {
                        (text(&response["description"]))
                        @if let Some(content) = response["content"].as_object() { @for (media, body) in content {
                            " " code { (media) } " " (kind(&body["schema"]))
                        } }
                    }
                } } } }
            } }
        }
    }
}

fn shape(name: &str, schema: &Value) -> Markup {
    let required: Vec<_> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    html! {
        h3 id=(format!("shape-{name}")) { (name) }
        @if !text(&schema["description"]).is_empty() { p { (text(&schema["description"])) } }
        @if let Some(values) = schema["enum"].as_array() {
            p { "One of " @for value in values { code { (text(value)) } " " } }
        }
        @if let Some(properties) = schema["properties"].as_object() {
            div.scroll { table {
                thead { tr { th scope="col" { "Field" } th scope="col" { "What" } } }
                tbody { @for (field, property) in properties { tr {
                    th scope="row" { code { (field) } @if required.contains(&field.as_str()) { abbr title="required" { "*" } } }
                    td { (kind(property)) " " (text(&property["description"])) }
                } } }
            } }
        }
    }
}

/// What a value looks like, in few words.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        return html! { a href=(format!("#shape-{name}")) { (name) } };
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        other => text(other),
    };
    let limits: Vec<_> = [
        ("format", ""),
        ("pattern", ""),
        ("minimum", "from "),
        ("maximum", "to "),
        ("minLength", "at least "),
        ("maxLength", "at most "),
        ("default", "default "),
    ]
    .into_iter()
    .filter(|(name, _)| !schema[*name].is_null())
    .map(|(name, before)| format!("{before}{}", text(&schema[name])))
    .collect();
    let others = ["oneOf", "anyOf", "allOf"]
        .into_iter()
        .find_map(|name| schema[name].as_array());
    html! {
        span.kind {
            (types)
            @if types == "array" { " of " (kind(&schema["items"])) }
            @if let Some(others) = others { @for (index, other) in others.iter().enumerate() {
                @if index > 0 { " or " } (kind(other))
            } }
            @if !limits.is_empty() { " (" (limits.join(", ")) ")" }
        }
    }
}

fn verb(method: &str) -> Markup {
    html! { span.verb data-verb=(method) { (method.to_uppercase()) } }
}

/// Strings as they are, everything else as JSON, nothing for nothing.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
