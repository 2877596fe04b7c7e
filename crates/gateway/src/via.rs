//! How a connection reached the region.

use serde::Deserialize;

/// By which way a connection came. Connections from inside the region's networks are forwarded
/// to a Unix socket and begin with one line of JSON that says so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Via {
    pub(crate) via: Way,
    /// The client's address and port.
    #[serde(default)]
    pub(crate) peer: String,
    /// The address and port it connected to.
    #[serde(default)]
    pub(crate) local: String,
    #[serde(default)]
    pub(crate) endpoint: Option<String>,
    #[serde(default)]
    pub(crate) vpc: Option<String>,
    #[serde(default)]
    pub(crate) interface: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Way {
    /// From the machine's own user.
    Host,
    /// Over the region's internet, at a service's public address.
    Internet,
    VpcEndpoint,
    /// From within a task, at its link-local address.
    Task,
}

impl Via {
    /// A connection from the machine itself.
    pub(crate) fn host(peer: String) -> Self {
        Self {
            via: Way::Host,
            peer,
            local: String::new(),
            endpoint: None,
            vpc: None,
            interface: None,
        }
    }
}
