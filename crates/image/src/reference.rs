//! Where an image goes: registry, repository and tag.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::error::ReferenceError;

/// `[http://|https://]host[:port]/repository:tag`. Without a scheme, plain HTTP is spoken with this machine only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    scheme: &'static str,
    registry: String,
    repository: String,
    tag: String,
}

impl Reference {
    pub fn registry(&self) -> &str {
        &self.registry
    }

    pub fn repository(&self) -> &str {
        &self.repository
    }

    pub fn tag(&self) -> &str {
        &self.tag
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.scheme == "https"
    }

    /// The base of every address of the repository.
    pub(crate) fn url(&self, path: &str) -> String {
        format!(
            "{}://{}/v2/{}/{path}",
            self.scheme, self.registry, self.repository
        )
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let wrong = |reason| ReferenceError {
            text: text.to_owned(),
            reason,
        };
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Some("http"), rest),
            Some(("https", rest)) => (Some("https"), rest),
            Some(_) => return Err(wrong("only http:// and https:// are known")),
            None => (None, text),
        };
        let (registry, path) = rest
            .split_once('/')
            .ok_or_else(|| wrong("it names no repository"))?;
        let host = host_of(registry).ok_or_else(|| wrong("the registry is not host[:port]"))?;
        if path.contains('@') {
            return Err(wrong("a digest cannot be chosen when pushing, only a tag"));
        }
        let (repository, tag) = path
            .split_once(':')
            .ok_or_else(|| wrong("it names no tag"))?;
        if repository.len() > 255 || !repository.split('/').all(is_repository_part) {
            return Err(wrong("the repository's name is not valid"));
        }
        if !is_tag(tag) {
            return Err(wrong("the tag is not valid"));
        }
        Ok(Self {
            scheme: scheme.unwrap_or(if is_this_machine(host) {
                "http"
            } else {
                "https"
            }),
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}:{}", self.registry, self.repository, self.tag)
    }
}

fn host_of(registry: &str) -> Option<&str> {
    let (host, port) = match registry.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                after.strip_prefix(':').or(after.is_empty().then_some("")),
            )
        }
        None => match registry.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (registry, Some("")),
        },
    };
    let port = port?;
    if !port.is_empty() {
        port.parse::<u16>().ok()?;
    } else if registry.ends_with(':') {
        return None;
    }
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
    (!host.is_empty() && host.bytes().all(valid)).then_some(host)
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Lower-case words, joined by one `.`, one or two `_`, or any number of `-`.
fn is_repository_part(part: &str) -> bool {
    let word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let ends = bytes.first().is_some_and(word) && bytes.last().is_some_and(word);
    let known = |byte: &u8| word(byte) || matches!(byte, b'.' | b'_' | b'-');
    ends && bytes.iter().all(known)
        && bytes.split(word).all(|joint| {
            matches!(joint, b"" | b"." | b"_" | b"__") || joint.iter().all(|byte| *byte == b'-')
        })
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag
            .bytes()
            .all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_registries_are_called() {
        let cases = [
            ("localhost:4566/links:1", "http://localhost:4566/v2/links/"),
            ("127.0.0.1:80/a/b:x", "http://127.0.0.1:80/v2/a/b/"),
            ("[::1]:80/a:x", "http://[::1]:80/v2/a/"),
            (
                "000000000000.dkr.ecr.eu-central-1.localhost:4566/links:v1.0-rc_1",
                "http://000000000000.dkr.ecr.eu-central-1.localhost:4566/v2/links/",
            ),
            (
                "000000000000.dkr.ecr.eu-central-1.amazonaws.com/a-b/c_d.e--f:1",
                "https://000000000000.dkr.ecr.eu-central-1.amazonaws.com/v2/a-b/c_d.e--f/",
            ),
            ("http://registry:5000/x:y", "http://registry:5000/v2/x/"),
            ("https://localhost/x:y", "https://localhost/v2/x/"),
        ];
        for (text, url) in cases {
            let reference: Reference = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(reference.url(""), url);
        }
    }

    #[test]
    fn refuses_the_rest_with_the_reason() {
        let cases = [
            ("", "no repository"),
            ("links:1", "no repository"),
            ("host/links", "no tag"),
            ("host/links:", "tag is not valid"),
            ("host/links:-x", "tag is not valid"),
            ("host/links:a/b", "tag is not valid"),
            ("host/Links:1", "repository"),
            ("host//x:1", "repository"),
            ("host/a..b:1", "repository"),
            ("host/../x:1", "repository"),
            ("host/a___b:1", "repository"),
            ("host/links@sha256:00", "digest"),
            ("host:/links:1", "host[:port]"),
            ("host:99999/links:1", "host[:port]"),
            ("user@host/links:1", "host[:port]"),
            ("[::1/links:1", "host[:port]"),
            ("ftp://host/links:1", "http"),
        ];
        for (text, reason) in cases {
            let said = text.parse::<Reference>().expect_err(text).to_string();
            assert!(said.contains(reason), "{text}: {said}");
        }
    }
}
