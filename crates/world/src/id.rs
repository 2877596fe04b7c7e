//! Identifiers of the things a world holds, one type each.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            pub fn new(id: impl Into<String>) -> Self { Self(id.into()) }
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl From<&str> for $name { fn from(id: &str) -> Self { Self(id.to_owned()) } }
        impl From<String> for $name { fn from(id: String) -> Self { Self(id) } }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) }
        }
        impl AsRef<str> for $name { fn as_ref(&self) -> &str { &self.0 } }
    )*};
}

ids! {
    /// `vpc-…`
    VpcId,
    /// `subnet-…`
    SubnetId,
    /// `eni-…`
    InterfaceId,
    /// `sg-…`
    SecurityGroupId,
    /// `nat-…`
    NatGatewayId,
    /// `vpce-…`
    EndpointId,
    /// A task's 32 hexadecimal digits.
    TaskId,
    /// An instance's resource id, `db-…`: it survives a rename.
    DatabaseId,
    /// A snapshot's own id, chosen by the control plane; it survives a rename too.
    SnapshotId,
    /// The tail of a load balancer's ARN, `app/<name>/<16 hex>`.
    BalancerId,
}
