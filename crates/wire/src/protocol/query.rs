//! awsQuery and ec2Query: a form in, XML out.

use super::{Answer, error_schema};
use crate::error::{Error, Fault};
use crate::form::{self, Node};
use crate::request::RequestParts;
use crate::scalar;
use crate::schema::{
    Kind, Location, Member, OperationSchema, ProtocolKind, Schema, ServiceSchema, TimestampFormat,
};
use crate::value::{Members, Value};
use crate::xml::{self, Writer};

fn content(kind: ProtocolKind) -> &'static str {
    if kind == ProtocolKind::Ec2Query {
        "text/xml;charset=UTF-8"
    } else {
        "text/xml"
    }
}

pub(super) fn route(
    request: &RequestParts<'_>,
    service: &ServiceSchema,
) -> Result<&'static OperationSchema, Error> {
    let form = form::read(request.query, request.body)?;
    let Some(action) = form.text("Action").filter(|action| !action.is_empty()) else {
        return Err(Error::new(
            "MissingAction",
            400,
            "The request is missing an action or a required parameter.",
        ));
    };
    let version = form.text("Version").unwrap_or(service.api_version);
    super::operation(service, action, || {
        let message = if service.speaks(ProtocolKind::Ec2Query) {
            format!("The action {action} is not valid for this web service.")
        } else {
            format!("Could not find operation {action} for version {version}")
        };
        Error::new("InvalidAction", 400, message)
    })
}

pub(super) fn parse(
    kind: ProtocolKind,
    service: &ServiceSchema,
    operation: &OperationSchema,
    request: &RequestParts<'_>,
) -> Result<Value, Error> {
    let form = form::read(request.query, request.body)?;
    let reader = Reader {
        ec2: kind == ProtocolKind::Ec2Query,
        service,
    };
    Ok(Value::Struct(reader.members(operation.input, &form, "")?))
}

struct Reader<'a> {
    ec2: bool,
    service: &'a ServiceSchema,
}

impl Reader<'_> {
    fn members(&self, schema: &Schema, node: &Node, path: &str) -> Result<Members, Error> {
        let mut members = Members::new();
        for (index, member) in (0u16..).zip(schema.members) {
            let name = self.name(member);
            if let Some(child) = node.child(&name)
                && let Some(value) = self.member(member, child, &join(path, &name))?
            {
                members.set(index, value);
            }
        }
        Ok(members)
    }

    /// A member's name in a request.
    fn name(&self, member: &Member) -> String {
        if self.ec2 {
            if let Some(name) = member.query_name {
                return name.to_owned();
            }
            let mut letters = member.wire_name().chars();
            return letters.next().map_or_else(String::new, |first| {
                first.to_ascii_uppercase().to_string() + letters.as_str()
            });
        }
        member.wire_name().to_owned()
    }

    /// An empty parameter counts as absent: SDKs send one for a member that is set to nothing.
    /// Only where a string is required is emptiness a value.
    fn member(&self, member: &Member, node: &Node, path: &str) -> Result<Option<Value>, Error> {
        let empty = node.value.as_deref() == Some("") && node.is_leaf();
        if empty
            && scalar::is_scalar(member.schema)
            && !(member.required && member.schema.kind == Kind::String)
        {
            return Ok(None);
        }
        if node.value.is_none() && scalar::is_scalar(member.schema) {
            return Ok(None);
        }
        self.value(member, member.flattened, node, path).map(Some)
    }

    fn value(
        &self,
        member: &Member,
        flattened: bool,
        node: &Node,
        path: &str,
    ) -> Result<Value, Error> {
        let schema = member.schema;
        match schema.kind {
            Kind::Struct => Ok(Value::Struct(self.members(schema, node, path)?)),
            Kind::List => {
                let element = schema.element();
                let wrapped = [element.location_name.unwrap_or("member"), "member"];
                let wrapped = wrapped.into_iter().find_map(|name| node.child(name));
                let holder = if flattened || self.ec2 {
                    node
                } else {
                    wrapped.unwrap_or(node)
                };
                let entries = (1..).zip(holder.numbered());
                let entries = entries
                    .map(|(at, entry)| self.value(element, false, entry, &format!("{path}.{at}")));
                Ok(Value::List(entries.collect::<Result<_, _>>()?))
            }
            Kind::Map => {
                let (key, value) = schema.entry();
                let holder = if flattened {
                    node
                } else {
                    node.child("entry").unwrap_or(node)
                };
                let mut map = Vec::new();
                for entry in holder.numbered() {
                    let name = entry
                        .text(key.location_name.unwrap_or("key"))
                        .unwrap_or_default()
                        .to_owned();
                    if let Some(child) = entry.child(value.location_name.unwrap_or("value")) {
                        let path = join(path, &name);
                        map.push((name, self.value(value, false, child, &path)?));
                    }
                }
                Ok(Value::Map(map))
            }
            _ => {
                let text = node.value.as_deref().unwrap_or_default();
                let format = member
                    .timestamp_format
                    .or(schema.timestamp_format)
                    .unwrap_or(TimestampFormat::Iso8601);
                scalar::read(schema, text, format).ok_or_else(|| self.malformed(schema, text, path))
            }
        }
    }

    fn malformed(&self, schema: &Schema, text: &str, path: &str) -> Error {
        if self.ec2 {
            let what = match schema.kind {
                Kind::Bool => "boolean",
                Kind::Integer | Kind::Long => "integer",
                Kind::Float | Kind::Double => "number",
                Kind::Timestamp => "date",
                _ => "value",
            };
            let message = format!("Invalid value '{text}' for {path}. Must be a valid {what}");
            return Error::new("InvalidParameterValue", 400, message);
        }
        let message = format!(
            "Invalid value '{text}' for parameter {path} of {}",
            self.service.sdk_id
        );
        Error::new("MalformedInput", 400, message)
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

pub(super) fn render(
    kind: ProtocolKind,
    service: &ServiceSchema,
    operation: &OperationSchema,
    output: &Value,
    request_id: &str,
) -> Answer {
    let mut out = Writer::document();
    let root = format!("{}Response", operation.name);
    let namespace = service.xml_namespace.map(|uri| ("xmlns", uri));
    out.open(&root, namespace.as_slice());
    let empty = Members::new();
    let members = output.as_struct().unwrap_or(&empty);
    if kind == ProtocolKind::Ec2Query {
        out.text("requestId", request_id);
        if std::ptr::eq(operation.output, &raw const crate::schema::UNIT) {
            // What EC2 says where it has nothing to say.
            out.text("return", "true");
        }
        xml::write_members(&mut out, operation.output, members);
    } else {
        if let Some(wrapper) = operation.result_wrapper {
            out.open(wrapper, &[]);
            xml::write_members(&mut out, operation.output, members);
            out.close(wrapper);
        } else {
            xml::write_members(&mut out, operation.output, members);
        }
        out.open("ResponseMetadata", &[]);
        out.text("RequestId", request_id);
        out.close("ResponseMetadata");
    }
    out.close(&root);
    Answer::new(operation.status, content(kind), out.finish())
}

pub(super) fn render_error(
    kind: ProtocolKind,
    service: &ServiceSchema,
    operation: Option<&OperationSchema>,
    error: &Error,
    request_id: &str,
) -> Answer {
    let mut out = Writer::document();
    if kind == ProtocolKind::Ec2Query {
        out.open("Response", &[]);
        out.open("Errors", &[]);
        out.open("Error", &[]);
        out.text("Code", &error.code);
        write_message(&mut out, error);
        write_fields(&mut out, operation, error);
        out.close("Error");
        out.close("Errors");
        out.text("RequestID", request_id);
        out.close("Response");
    } else {
        write_error(&mut out, service, operation, error, request_id);
    }
    Answer::new(error.status, content(kind), out.finish())
}

/// The error document that awsQuery and REST XML share.
pub(super) fn write_error(
    out: &mut Writer,
    service: &ServiceSchema,
    operation: Option<&OperationSchema>,
    error: &Error,
    request_id: &str,
) {
    let namespace = service.xml_namespace.map(|uri| ("xmlns", uri));
    out.open("ErrorResponse", namespace.as_slice());
    out.open("Error", &[]);
    out.text(
        "Type",
        if error.fault == Fault::Sender {
            "Sender"
        } else {
            "Receiver"
        },
    );
    out.text("Code", &error.code);
    write_message(out, error);
    write_fields(out, operation, error);
    out.close("Error");
    out.text("RequestId", request_id);
    out.close("ErrorResponse");
}

fn write_message(out: &mut Writer, error: &Error) {
    if !error.message.is_empty() {
        out.text("Message", &error.message);
    }
}

fn write_fields(out: &mut Writer, operation: Option<&OperationSchema>, error: &Error) {
    let schema = error_schema(operation, error);
    let mut members = Members::new();
    for (name, value) in &error.fields {
        match schema.and_then(|schema| schema.member(name)) {
            Some((_, member)) if member.location != Location::Body => {}
            Some((index, _)) => members.set(index, value.clone()),
            None => {
                if let Some(text) = scalar::write(value, TimestampFormat::Iso8601) {
                    out.text(name, &text);
                }
            }
        }
    }
    if let Some(schema) = schema {
        xml::write_members(out, schema, &members);
    }
}
