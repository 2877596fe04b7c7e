//! The address under which people reach this service.

use http::uri::Authority;
use http::{HeaderMap, header};

use crate::config;

/// `scheme://host[:port]`, or nothing when neither the configuration nor the request tells.
pub(super) struct OwnAddress(Option<(&'static str, String)>);

impl OwnAddress {
    pub(super) fn of(config: &config::Server, headers: &HeaderMap) -> Self {
        let scheme = |https: bool| if https { "https" } else { "http" };
        if let Some(url) = &config.public_url {
            let host = url.host_str().unwrap_or_default();
            let authority = match url.port() {
                Some(port) => format!("{host}:{port}"),
                None => host.to_owned(),
            };
            return Self(Some((scheme(url.scheme() == "https"), authority)));
        }
        let https = headers
            .get("x-forwarded-proto")
            .is_some_and(|proto| proto == "https");
        // Checked, because it is repeated in the answer.
        let authority = headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .and_then(|host| host.parse::<Authority>().ok())
            .filter(|authority| !authority.as_str().contains('@'));
        Self(authority.map(|authority| (scheme(https), authority.to_string())))
    }

    pub(super) fn host(&self) -> Option<&str> {
        self.0.as_ref().map(|(_, host)| host.as_str())
    }

    /// Relative when the host is not known.
    pub(super) fn url_of(&self, slug: &str) -> String {
        match &self.0 {
            Some((scheme, host)) => format!("{scheme}://{host}/{slug}"),
            None => format!("/{slug}"),
        }
    }
}
