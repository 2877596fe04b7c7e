//! What the API models say about a service, its operations and its shapes, as tables.

use crate::value::{Members, Value};

/// One AWS service as its API model describes it.
#[derive(Debug)]
pub struct ServiceSchema {
    /// The module's name, for example `elbv2` or `application_autoscaling`.
    pub id: &'static str,
    /// The name SDKs know it by, for example `Elastic Load Balancing v2`.
    pub sdk_id: &'static str,
    pub full_name: &'static str,
    pub signing_name: &'static str,
    pub endpoint_prefix: &'static str,
    /// The protocols it speaks, the preferred one first.
    pub protocols: &'static [ProtocolKind],
    /// What stands before the operation in `X-Amz-Target`; also the service's name in RPC v2 paths.
    pub target_prefix: Option<&'static str>,
    pub api_version: &'static str,
    pub xml_namespace: Option<&'static str>,
    /// Its JSON and CBOR errors also carry the code that its query protocol would give.
    pub query_compatible: bool,
    /// The operations spoken here, sorted by name.
    pub operations: &'static [&'static OperationSchema],
    /// Every operation of the full API, sorted by name.
    pub all_operations: &'static [&'static str],
    /// The operations that are not spoken here with their methods and path templates, where
    /// a request can be told by these only.
    pub unbuilt: &'static [(&'static str, &'static str, &'static str)],
}

impl ServiceSchema {
    pub fn operation(&self, name: &str) -> Option<&'static OperationSchema> {
        let at = self
            .operations
            .binary_search_by_key(&name, |operation| operation.name)
            .ok()?;
        Some(self.operations[at])
    }

    /// Whether AWS has the operation, be it spoken here or not.
    pub fn knows(&self, operation: &str) -> bool {
        self.all_operations.binary_search(&operation).is_ok()
    }

    pub fn speaks(&self, kind: ProtocolKind) -> bool {
        self.protocols.contains(&kind)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProtocolKind {
    Ec2Query,
    AwsQuery,
    AwsJson10,
    AwsJson11,
    RestXml,
    RestJson1,
    RpcV2Cbor,
}

#[derive(Debug)]
pub struct OperationSchema {
    pub name: &'static str,
    pub method: &'static str,
    pub uri: &'static str,
    /// The status of a success.
    pub status: u16,
    pub input: &'static Schema,
    pub output: &'static Schema,
    /// The root element of a REST XML request.
    pub input_name: Option<&'static str>,
    /// The element around the members of a query answer.
    pub result_wrapper: Option<&'static str>,
    pub errors: &'static [&'static Schema],
}

/// A shape.
#[derive(Debug)]
pub struct Schema {
    pub name: &'static str,
    pub kind: Kind,
    /// A structure's members; a list's element; a map's key and value.
    pub members: &'static [Member],
    /// The allowed values; empty where any will do.
    pub values: &'static [&'static str],
    pub pattern: Option<&'static str>,
    /// The least value, length or size.
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub timestamp_format: Option<TimestampFormat>,
    pub xml_name: Option<&'static str>,
    pub xml_namespace: Option<&'static Namespace>,
    /// The member that is the whole body.
    pub payload: Option<&'static str>,
    pub sensitive: bool,
    /// Exactly one member is set.
    pub union: bool,
    /// Reached from an operation's input, so that its required members are always there.
    pub input: bool,
    pub error: Option<&'static ErrorSchema>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Integer,
    Long,
    Float,
    Double,
    String,
    Blob,
    Timestamp,
    Document,
    List,
    Map,
    Struct,
}

#[derive(Debug)]
pub struct Member {
    /// The name in the model.
    pub name: &'static str,
    pub schema: &'static Schema,
    pub required: bool,
    pub location: Location,
    /// The name on the wire where it differs.
    pub location_name: Option<&'static str>,
    /// The name in an EC2 request where it differs again.
    pub query_name: Option<&'static str>,
    /// A list or map without an element around its entries.
    pub flattened: bool,
    pub xml_attribute: bool,
    pub xml_namespace: Option<&'static Namespace>,
    pub timestamp_format: Option<TimestampFormat>,
    pub idempotency_token: bool,
    /// A header that holds JSON in base64.
    pub json_value: bool,
    /// Owned through a box, since the structure contains itself.
    pub recursive: bool,
}

/// Where a member travels in a REST protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    Body,
    Uri,
    Query,
    Header,
    /// All headers with a prefix.
    Headers,
    Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampFormat {
    Iso8601,
    HttpDate,
    EpochSeconds,
}

#[derive(Debug)]
pub struct Namespace {
    pub uri: &'static str,
    pub prefix: Option<&'static str>,
}

/// How an error travels.
#[derive(Debug)]
pub struct ErrorSchema {
    /// The code in the query protocols.
    pub code: &'static str,
    pub status: u16,
    /// Whether the caller is at fault.
    pub sender: bool,
}

impl Schema {
    /// The plainest schema of a kind, to build others from.
    pub const fn new(name: &'static str, kind: Kind, members: &'static [Member]) -> Self {
        Self {
            name,
            kind,
            members,
            values: &[],
            pattern: None,
            min: None,
            max: None,
            timestamp_format: None,
            xml_name: None,
            xml_namespace: None,
            payload: None,
            sensitive: false,
            union: false,
            input: false,
            error: None,
        }
    }

    /// A structure's member and its place.
    pub fn member(&self, name: &str) -> Option<(u16, &'static Member)> {
        let at = self.members.iter().position(|member| member.name == name)?;
        Some((u16::try_from(at).ok()?, &self.members[at]))
    }

    /// A list's element.
    pub fn element(&self) -> &'static Member {
        self.members.first().unwrap_or(&ANY)
    }

    /// A map's key and value.
    pub fn entry(&self) -> (&'static Member, &'static Member) {
        match self.members {
            [key, value, ..] => (key, value),
            _ => (&ANY, &ANY),
        }
    }

    /// A structure's present members with what the schema says about them.
    pub fn present<'a>(
        &self,
        members: &'a Members,
    ) -> impl Iterator<Item = (&'static Member, &'a Value)> {
        let known = self.members;
        members
            .iter()
            .filter_map(move |(index, value)| Some((known.get(usize::from(index))?, value)))
    }

    /// The value of a structure's member.
    pub fn get<'a>(&self, value: &'a Value, name: &str) -> Option<&'a Value> {
        let (index, _) = self.member(name)?;
        value.as_struct()?.get(index)
    }
}

impl Member {
    pub const fn new(name: &'static str, schema: &'static Schema) -> Self {
        Self {
            name,
            schema,
            required: false,
            location: Location::Body,
            location_name: None,
            query_name: None,
            flattened: false,
            xml_attribute: false,
            xml_namespace: None,
            timestamp_format: None,
            idempotency_token: false,
            json_value: false,
            recursive: false,
        }
    }

    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    #[must_use]
    pub const fn named(mut self, name: &'static str) -> Self {
        self.location_name = Some(name);
        self
    }

    #[must_use]
    pub const fn at(mut self, location: Location) -> Self {
        self.location = location;
        self
    }

    /// The name on the wire.
    pub fn wire_name(&self) -> &'static str {
        self.location_name.unwrap_or(self.name)
    }
}

/// Stands in for a list or map schema that is missing its parts.
static ANY: Member = Member::new("member", &STRING);

pub static BOOL: Schema = Schema::new("Boolean", Kind::Bool, &[]);
pub static INTEGER: Schema = Schema::new("Integer", Kind::Integer, &[]);
pub static LONG: Schema = Schema::new("Long", Kind::Long, &[]);
pub static FLOAT: Schema = Schema::new("Float", Kind::Float, &[]);
pub static DOUBLE: Schema = Schema::new("Double", Kind::Double, &[]);
pub static STRING: Schema = Schema::new("String", Kind::String, &[]);
pub static BLOB: Schema = Schema::new("Blob", Kind::Blob, &[]);
pub static TIMESTAMP: Schema = Schema::new("Timestamp", Kind::Timestamp, &[]);
pub static DOCUMENT: Schema = Schema::new("Document", Kind::Document, &[]);
/// Where an operation has no input or no output.
pub static UNIT: Schema = Schema::new("Unit", Kind::Struct, &[]);
