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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn url(public_url: &str, headers: &[(&'static str, &str)]) -> String {
        let config = Config::read(&|name| match name {
            "DATABASE_URL" => Some("postgres://ann@db.test/links".to_owned()),
            "PUBLIC_URL" => Some(public_url.to_owned()),
            _ => None,
        })
        .unwrap();
        let headers = headers
            .iter()
            .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        OwnAddress::of(&config.server, &headers).url_of("x")
    }

    #[test]
    fn the_configured_address_wins_over_the_requests() {
        let https = ("x-forwarded-proto", "https");
        assert_eq!(
            url("https://sho.rt", &[("host", "evil.test")]),
            "https://sho.rt/x"
        );
        assert_eq!(url("http://[::1]:81/", &[https]), "http://[::1]:81/x");
        assert_eq!(
            url("", &[("host", "sho.rt:81"), https]),
            "https://sho.rt:81/x"
        );
        assert_eq!(url("", &[("host", "sho.rt")]), "http://sho.rt/x");
    }

    #[test]
    fn a_host_that_is_none_is_not_repeated() {
        for host in ["", "a b", "me@sho.rt", "sho.rt/<script>", "sho.rt?x"] {
            assert_eq!(url("", &[("host", host)]), "/x", "{host:?}");
        }
        assert_eq!(url("", &[]), "/x");
    }
}
