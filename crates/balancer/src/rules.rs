//! Listener rules: which of them a request meets first.

use std::net::IpAddr;

use http::header::{HOST, HeaderName};
use ipnet::IpNet;
use percent_encoding::percent_decode_str;

use crate::fields::{Fields, text};
use crate::pattern::Pattern;

/// A condition of a rule, ready to match.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Host(Vec<Pattern>),
    Path(Vec<Pattern>),
    Header(HeaderName, Vec<Pattern>),
    Method(Vec<String>),
    Query(Vec<(Option<Pattern>, Pattern)>),
    SourceIp(Vec<IpNet>),
}

/// What rules may look at.
pub(crate) struct Subject<'a> {
    pub method: &'a str,
    /// As in the request's target, for requests without a Host.
    pub authority: Option<&'a str>,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub headers: Fields<'a>,
    /// The TCP peer, whatever X-Forwarded-For says.
    pub peer: IpAddr,
}

impl<'a> Subject<'a> {
    /// The host name asked for, without a port.
    pub(crate) fn host(&self) -> &'a str {
        let host = match self.headers.first(&HOST) {
            Some(value) => text(value).unwrap_or_default(),
            None => self.authority.unwrap_or_default(),
        };
        without_port(host)
    }
}

/// `host` of `host:port`, also for an IPv6 address in brackets.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon)
            if !host[colon..].contains(']')
                && (host.starts_with('[') || !host[..colon].contains(':')) =>
        {
            &host[..colon]
        }
        _ => host,
    }
}

impl Condition {
    pub(crate) fn holds(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::Host(patterns) => any(patterns, subject.host().as_bytes()),
            Self::Path(patterns) => match normalized_path(subject.path) {
                Some(path) => any(patterns, path.as_bytes()),
                None => any(patterns, subject.path.as_bytes()),
            },
            Self::Header(name, patterns) => {
                let mut values = subject.headers.all(name);
                values.any(|value| any(patterns, value))
            }
            Self::Method(methods) => methods.iter().any(|m| m == subject.method),
            Self::Query(patterns) => subject.query.is_some_and(|query| {
                pairs(query).any(|(key, value)| {
                    patterns.iter().any(|(want_key, want_value)| {
                        want_key.as_ref().is_none_or(|k| k.matches(&key))
                            && want_value.matches(&value)
                    })
                })
            }),
            Self::SourceIp(networks) => networks.iter().any(|net| net.contains(&subject.peer)),
        }
    }
}

fn any(patterns: &[Pattern], value: &[u8]) -> bool {
    patterns.iter().any(|pattern| pattern.matches(value))
}

fn pairs(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (
                percent_decode_str(key).collect(),
                percent_decode_str(value).collect(),
            )
        })
}

/// The path with unreserved characters decoded and dot segments resolved, or `None` when it is
/// like that already.
fn normalized_path(path: &str) -> Option<String> {
    if !path.contains('%') && !path.contains("/.") {
        return None;
    }
    let mut decoded = String::with_capacity(path.len());
    let bytes = path.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let hex = |at: usize| {
            bytes
                .get(at)
                .and_then(|b| char::from(*b).to_digit(16))
                .and_then(|d| u8::try_from(d).ok())
        };
        if bytes[i] == b'%'
            && let (Some(high), Some(low)) = (hex(i + 1), hex(i + 2))
        {
            let byte = high * 16 + low;
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                decoded.push(char::from(byte));
            } else {
                decoded.push('%');
                decoded.push(char::from(bytes[i + 1].to_ascii_uppercase()));
                decoded.push(char::from(bytes[i + 2].to_ascii_uppercase()));
            }
            i += 3;
        } else {
            // A `Uri` path may hold bytes beyond ASCII; keep whole characters together.
            let character = path[i..].chars().next().unwrap_or('%');
            decoded.push(character);
            i += character.len_utf8();
        }
    }
    if !decoded.contains("/.") {
        return Some(decoded);
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = decoded.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    Some(format!("/{}", kept.join("/")))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Uri};
    use proptest::prelude::*;

    use super::*;

    fn holds(condition: &Condition, method: &str, uri: &str, headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                value.parse().unwrap(),
            );
        }
        let uri: Uri = uri.parse().unwrap();
        condition.holds(&Subject {
            method,
            authority: uri.authority().map(http::uri::Authority::as_str),
            path: uri.path(),
            query: uri.query(),
            headers: Fields::Map(&map),
            peer: "192.0.2.9".parse().unwrap(),
        })
    }

    fn folded(values: &[&str]) -> Vec<Pattern> {
        values.iter().map(|v| Pattern::folded(v)).collect()
    }

    #[test]
    fn each_kind_of_condition() {
        let host = Condition::Host(folded(&["*.example.com"]));
        assert!(holds(
            &host,
            "GET",
            "/",
            &[("host", "WWW.Example.com:8080")]
        ));
        assert!(!holds(&host, "GET", "/", &[("host", "example.com")]));
        assert!(holds(&host, "GET", "https://a.example.com/", &[]));
        assert!(!holds(&host, "GET", "/", &[]));

        let path = Condition::Path(vec![Pattern::exact("/img/*"), Pattern::exact("/i?")]);
        assert!(holds(&path, "GET", "/img/a?x=/no", &[]));
        assert!(holds(&path, "GET", "/%69mg/a", &[]));
        assert!(holds(&path, "GET", "/other/../img/a", &[]));
        assert!(holds(&path, "GET", "/ix", &[]));
        assert!(!holds(&path, "GET", "/IMG/a", &[]));

        let header = Condition::Header(HeaderName::from_static("x-team"), folded(&["blue*"]));
        assert!(holds(
            &header,
            "GET",
            "/",
            &[("x-team", "red"), ("X-Team", "BLUE-1")]
        ));
        assert!(!holds(&header, "GET", "/", &[]));

        let method = Condition::Method(vec!["PUT".into(), "LOCK".into()]);
        assert!(holds(&method, "LOCK", "/", &[]));
        assert!(!holds(&method, "put", "/", &[]));

        let query = Condition::Query(vec![
            (Some(Pattern::folded("version")), Pattern::folded("v1")),
            (None, Pattern::folded("*beta*")),
        ]);
        assert!(holds(&query, "GET", "/?a=1&Version=V1", &[]));
        assert!(holds(&query, "GET", "/?x=the%62eta", &[]));
        assert!(!holds(&query, "GET", "/?version=v2", &[]));
        assert!(!holds(&query, "GET", "/", &[]));

        let source = Condition::SourceIp(vec!["192.0.2.0/24".parse().unwrap()]);
        assert!(holds(
            &source,
            "GET",
            "/",
            &[("x-forwarded-for", "10.0.0.1")]
        ));
        let other = Condition::SourceIp(vec!["10.0.0.0/8".parse().unwrap()]);
        assert!(!holds(
            &other,
            "GET",
            "/",
            &[("x-forwarded-for", "10.0.0.1")]
        ));
    }

    #[test]
    fn hosts_lose_their_port() {
        for (host, expected) in [
            ("a.b:80", "a.b"),
            ("a.b", "a.b"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(without_port(host), expected);
        }
    }

    #[test]
    fn paths_are_normalized() {
        for (path, expected) in [
            ("/a/./b", "/a/b"),
            ("/a/../../b", "/b"),
            ("/a/..", "/"),
            ("/a/b/.", "/a/b/"),
            ("/%7euser", "/~user"),
            ("/%2fx", "/%2Fx"),
            ("/%zz", "/%zz"),
            ("/%", "/%"),
            ("/.well-known", "/.well-known"),
        ] {
            assert_eq!(normalized_path(path).as_deref(), Some(expected), "{path}");
        }
        assert_eq!(normalized_path("/plain"), None);
    }

    proptest! {
        #[test]
        fn normalizing_twice_changes_nothing(path in "(/[a-c.%0-9é]{0,5}){1,5}") {
            let once = normalized_path(&path).unwrap_or(path);
            // Decoding may uncover an escape; AWS decodes once too.
            if !once.contains('%') {
                let twice = normalized_path(&once).unwrap_or_else(|| once.clone());
                prop_assert_eq!(twice, once);
            }
        }
    }
}
