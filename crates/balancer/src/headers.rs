//! What the load balancer changes in the headers of requests and answers.

use std::net::IpAddr;

use http::header::{
    CONNECTION, HeaderName, HeaderValue, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, Version};
use world::balancer::XffMode;

pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
pub(crate) const X_AMZN_TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// More addresses than this in X-Forwarded-For are refused with 463.
pub(crate) const XFF_LIMIT: usize = 30;

/// The request said more addresses in X-Forwarded-For than are allowed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManyAddresses;

/// Sets X-Forwarded-For. `own` is the client as [`client_address`] writes it.
pub(crate) fn forwarded_for(
    headers: &mut HeaderMap,
    mode: XffMode,
    own: &HeaderValue,
) -> Result<(), TooManyAddresses> {
    // Most requests carry none.
    if !headers.contains_key(X_FORWARDED_FOR) {
        if mode == XffMode::Append {
            headers.insert(X_FORWARDED_FOR, own.clone());
        }
        return Ok(());
    }
    let count: usize = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .map(|value| value.as_bytes().split(|b| *b == b',').count())
        .sum();
    if count > XFF_LIMIT {
        return Err(TooManyAddresses);
    }
    match mode {
        XffMode::Append => {
            let mut joined = Vec::new();
            for value in headers.get_all(X_FORWARDED_FOR) {
                joined.extend_from_slice(value.as_bytes());
                joined.extend_from_slice(b", ");
            }
            joined.extend_from_slice(own.as_bytes());
            if let Ok(value) = HeaderValue::from_bytes(&joined) {
                headers.insert(X_FORWARDED_FOR, value);
            }
        }
        XffMode::Preserve => {}
        XffMode::Remove => {
            headers.remove(X_FORWARDED_FOR);
        }
    }
    Ok(())
}

/// The client's address as X-Forwarded-For tells it; with a port, IPv6 stands in brackets.
pub(crate) fn client_address(ip: IpAddr, port: Option<u16>) -> HeaderValue {
    let text = match (ip, port) {
        (ip, None) => ip.to_string(),
        (IpAddr::V4(ip), Some(port)) => format!("{ip}:{port}"),
        (IpAddr::V6(ip), Some(port)) => format!("[{ip}]:{port}"),
    };
    HeaderValue::from_str(&text).expect("an address is plain ASCII")
}

/// The Host header for the target, where it is another than the client's: lower case, without
/// the listener's port when that is the scheme's own, with it otherwise.
pub(crate) fn host(host: &str, listener_port: u16) -> Option<String> {
    let mut text = std::borrow::Cow::Borrowed(host);
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        text = host.to_ascii_lowercase().into();
    }
    let name = crate::rules::without_port(&text);
    let bare = name.len() == text.len();
    let changed = match listener_port {
        80 | 443 if !bare && text[name.len() + 1..].parse() == Ok(listener_port) => {
            Some(name.to_owned())
        }
        80 | 443 => None,
        port if bare && !text.is_empty() => Some(format!("{text}:{port}")),
        _ => None,
    };
    match (changed, text) {
        (Some(changed), _) => Some(changed),
        (None, std::borrow::Cow::Owned(lower)) => Some(lower),
        (None, std::borrow::Cow::Borrowed(_)) => None,
    }
}

/// Whether the client asks to go on with another protocol, as WebSocket does.
pub(crate) fn wants_upgrade(headers: &HeaderMap, version: Version) -> bool {
    version == Version::HTTP_11
        && headers.contains_key(UPGRADE)
        && headers.get_all(CONNECTION).iter().any(|value| {
            value.to_str().is_ok_and(|text| {
                text.split(',')
                    .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
            })
        })
}

/// Takes away what concerns one connection only. `Transfer-Encoding` stays where the next hop
/// speaks HTTP/1.1 too: it says how the body comes.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap, keep_transfer_encoding: bool) {
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','))
            .filter_map(|token| token.trim().parse().ok())
            // A sender must not talk us out of these.
            .filter(|name: &HeaderName| {
                *name != TRANSFER_ENCODING
                    && *name != http::header::HOST
                    && *name != http::header::CONTENT_LENGTH
            })
            .collect();
        for name in named {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    for name in [
        KEEP_ALIVE,
        PROXY_CONNECTION,
        PROXY_AUTHENTICATE,
        TE,
        TRAILER,
        UPGRADE,
    ] {
        if headers.contains_key(&name) {
            headers.remove(name);
        }
    }
    if !keep_transfer_encoding && headers.contains_key(TRANSFER_ENCODING) {
        headers.remove(TRANSFER_ENCODING);
    }
}

/// A fresh trace id as a field of X-Amzn-Trace-Id: `Root=1-`, 8 hexadecimal digits of time, 24 of
/// chance.
pub(crate) struct Fresh([u8; 40]);

impl Fresh {
    pub(crate) fn new(unix_seconds: u64, chance: [u64; 2]) -> Self {
        let mut text = *b"Root=1-00000000-000000000000000000000000";
        hexadecimal(unix_seconds, &mut text[7..15]);
        hexadecimal(chance[0], &mut text[16..32]);
        hexadecimal(chance[1], &mut text[32..]);
        Self(text)
    }

    pub(crate) fn root(&self) -> &str {
        std::str::from_utf8(&self.0).expect("it is plain ASCII")
    }

    pub(crate) fn id(&self) -> &str {
        &self.root()["Root=".len()..]
    }
}

/// Writes the last digits of a number, as many as there is room for.
fn hexadecimal(mut number: u64, to: &mut [u8]) {
    for digit in to.iter_mut().rev() {
        *digit = b"0123456789abcdef"[usize::try_from(number & 15).unwrap_or(0)];
        number >>= 4;
    }
}

/// The X-Amzn-Trace-Id for the target, given the client's and a fresh id.
pub(crate) fn trace(existing: Option<&str>, header_bytes: usize, fresh: &str) -> String {
    // Past this, what clients added to the header is dropped.
    const HEADERS_LIMIT: usize = 7 * 1024;
    let fields = || {
        existing
            .unwrap_or_default()
            .split(';')
            .map(str::trim)
            .filter(|field| !field.is_empty())
    };
    let named = |field: &str, name: &str| {
        field
            .split_once('=')
            .is_some_and(|(key, _)| key.trim().eq_ignore_ascii_case(name))
    };
    let root = fields().find(|field| named(field, "Root"));
    if header_bytes > HEADERS_LIMIT {
        return root.map_or_else(|| format!("Root={fresh}"), str::to_owned);
    }
    let mut value = match root {
        Some(_) => format!("Self={fresh}"),
        None => format!("Root={fresh}"),
    };
    for field in fields().filter(|field| !named(field, "Self")) {
        value.push(';');
        value.push_str(field);
    }
    value
}

/// Whether a header name is one that `drop_invalid_header_fields` lets through.
pub(crate) fn valid_name(name: &HeaderName) -> bool {
    name.as_str()
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        map
    }

    #[test]
    fn forwarded_for_in_its_three_modes() {
        let own = client_address("192.0.2.1".parse().unwrap(), None);
        for (mode, existing, expected) in [
            (XffMode::Append, &[][..], Some("192.0.2.1")),
            (
                XffMode::Append,
                &[("x-forwarded-for", "10.0.0.1")],
                Some("10.0.0.1, 192.0.2.1"),
            ),
            (
                XffMode::Append,
                &[("x-forwarded-for", "a"), ("x-forwarded-for", "b, c")],
                Some("a, b, c, 192.0.2.1"),
            ),
            (XffMode::Preserve, &[("x-forwarded-for", "a")], Some("a")),
            (XffMode::Preserve, &[], None),
            (XffMode::Remove, &[("x-forwarded-for", "a")], None),
        ] {
            let mut headers = map(existing);
            forwarded_for(&mut headers, mode, &own).unwrap();
            assert_eq!(
                headers.get(X_FORWARDED_FOR).map(|v| v.to_str().unwrap()),
                expected,
                "{mode:?}"
            );
            assert!(headers.get_all(X_FORWARDED_FOR).iter().count() <= 1);
        }
        for (count, fine) in [(30, true), (31, false)] {
            let mut headers = map(&[("x-forwarded-for", &vec!["10.0.0.1"; count].join(","))]);
            assert_eq!(
                forwarded_for(&mut headers, XffMode::Append, &own).is_ok(),
                fine
            );
        }
        assert_eq!(client_address("::1".parse().unwrap(), Some(9)), "[::1]:9");
        assert_eq!(client_address("::1".parse().unwrap(), None), "::1");
        assert_eq!(
            client_address("1.2.3.4".parse().unwrap(), Some(9)),
            "1.2.3.4:9"
        );
    }

    #[test]
    fn hosts() {
        for (given, port, expected) in [
            ("www.example.com", 80, None),
            ("WWW.example.com", 80, Some("www.example.com")),
            ("www.example.com:80", 80, Some("www.example.com")),
            ("www.example.com:443", 443, Some("www.example.com")),
            ("www.example.com:8080", 80, None),
            ("www.example.com", 8443, Some("www.example.com:8443")),
            ("www.example.com:8443", 8443, None),
            ("[::1]", 8080, Some("[::1]:8080")),
            ("", 8080, None),
        ] {
            assert_eq!(host(given, port).as_deref(), expected, "{given} {port}");
        }
    }

    #[test]
    fn hop_by_hop_headers_go_and_so_does_what_connection_names() {
        let mut headers = map(&[
            ("connection", "keep-alive, X-Mine, transfer-encoding, host"),
            ("keep-alive", "timeout=5"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("transfer-encoding", "chunked"),
            ("host", "a"),
            ("accept", "*/*"),
        ]);
        remove_hop_by_hop(&mut headers, true);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "host", "transfer-encoding"]);
        remove_hop_by_hop(&mut headers, false);
        assert!(!headers.contains_key("transfer-encoding"));
    }

    #[test]
    fn upgrades() {
        let asks = map(&[
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
        ]);
        assert!(wants_upgrade(&asks, Version::HTTP_11));
        assert!(!wants_upgrade(&asks, Version::HTTP_10));
        assert!(!wants_upgrade(
            &map(&[("upgrade", "h2c")]),
            Version::HTTP_11
        ));
    }

    #[test]
    fn traces() {
        let fresh = Fresh::new(0x1_5f00_0000, [1, 0xa_0000_0002]);
        assert_eq!(fresh.root(), "Root=1-5f000000-000000000000000100000002");
        assert_eq!(fresh.id(), "1-5f000000-000000000000000100000002");
        for (existing, bytes, expected) in [
            (None, 0, "Root=F"),
            (Some("Root=1-a-b"), 0, "Self=F;Root=1-a-b"),
            (
                Some("Self=1-x-y;Root=1-a-b;App=z"),
                0,
                "Self=F;Root=1-a-b;App=z",
            ),
            (Some("App=z"), 0, "Root=F;App=z"),
            (Some("Self=q;Root=1-a-b;App=z"), 8000, "Root=1-a-b"),
            (Some("App=z"), 8000, "Root=F"),
            (Some(" ;; "), 0, "Root=F"),
        ] {
            assert_eq!(trace(existing, bytes, "F"), expected, "{existing:?}");
        }
    }

    #[test]
    fn names_that_may_stay() {
        assert!(valid_name(&HeaderName::from_static("x-a1")));
        assert!(!valid_name(&HeaderName::from_static("x_a")));
    }

    proptest! {
        #[test]
        fn a_trace_has_one_root_and_at_most_one_self(existing in "([A-Z][a-z]{0,4}=[0-9a-f-]{0,9};?|Root=1;|Self=2;|;){0,5}") {
            let value = trace(Some(&existing), 0, "F");
            prop_assert!(value.split(';').filter(|f| f.starts_with("Self=")).count() <= 1);
            prop_assert!(value.split(';').any(|f| f.starts_with("Root=")));
            prop_assert!(HeaderValue::from_str(&value).is_ok());
        }

        #[test]
        fn the_host_is_settled_after_one_step(given in "[A-Za-z.]{0,8}(:[0-9]{1,5})?", port in 1u16..) {
            let once = host(&given, port).unwrap_or(given);
            if let Some(twice) = host(&once, port) {
                prop_assert_eq!(twice, once);
            }
        }
    }
}
