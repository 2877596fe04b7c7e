//! Where a link leads.

use std::fmt;

use url::Url;

pub(super) const MAX_LENGTH: usize = 2048;

/// An absolute http(s) address without credentials, in its normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("must not be longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("must not hold spaces or control characters")]
    Character,
    #[error("is not an absolute URL: {0}")]
    Syntax(url::ParseError),
    #[error("must start with http:// or https://")]
    Scheme,
    #[error("must not hold a user name or password")]
    Credentials,
    #[error("must not lead back to this service")]
    Loop,
}

impl Target {
    /// `own_host` is the `host[:port]` under which this service was asked, if known.
    pub fn parse(text: &str, own_host: Option<&str>) -> Result<Self, TargetError> {
        if text.len() > MAX_LENGTH {
            return Err(TargetError::TooLong);
        }
        // The parser would drop them silently, and the stored target would not be what was sent.
        if text
            .chars()
            .any(|char| char.is_control() || char.is_whitespace())
        {
            return Err(TargetError::Character);
        }
        let url = Url::parse(text).map_err(TargetError::Syntax)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(TargetError::Credentials);
        }
        if own_host.is_some_and(|own| same_host(&url, own)) {
            return Err(TargetError::Loop);
        }
        let normal = url.to_string();
        // The normal form may be longer: it percent-encodes.
        if normal.len() > MAX_LENGTH {
            return Err(TargetError::TooLong);
        }
        Ok(Self(normal))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Compared with the target's own scheme, so that a default port may be given or left out.
fn same_host(url: &Url, own: &str) -> bool {
    let Ok(own) = Url::parse(&format!("{}://{own}/", url.scheme())) else {
        return false;
    };
    own.host() == url.host() && own.port_or_known_default() == url.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_to_the_normal_form() {
        let cases = [
            ("https://example.org", "https://example.org/"),
            (
                "HTTP://EXAMPLE.org:80/a b".replace(' ', "%20").as_str(),
                "http://example.org/a%20b",
            ),
            (
                "https://bücher.example/ü?q=ß#x",
                "https://xn--bcher-kva.example/%C3%BC?q=%C3%9F#x",
            ),
            ("http://[::1]:8080/", "http://[::1]:8080/"),
        ]
        .map(|(text, expected)| (text.to_owned(), expected));
        for (text, expected) in cases {
            assert_eq!(
                Target::parse(&text, Some("sho.rt"))
                    .as_ref()
                    .map(Target::as_str),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_must_not_be_redirected_to() {
        let long = format!("https://example.org/{}", "a".repeat(MAX_LENGTH));
        let long_once_encoded = format!("https://example.org/{}", "ü".repeat(MAX_LENGTH / 3));
        let cases = [
            (
                "",
                TargetError::Syntax(url::ParseError::RelativeUrlWithoutBase),
            ),
            (
                "/relative",
                TargetError::Syntax(url::ParseError::RelativeUrlWithoutBase),
            ),
            ("https://", TargetError::Syntax(url::ParseError::EmptyHost)),
            ("javascript:alert(1)", TargetError::Scheme),
            ("data:text/html,x", TargetError::Scheme),
            ("ftp://example.org/", TargetError::Scheme),
            ("https://ann@example.org/", TargetError::Credentials),
            ("https://:pw@example.org/", TargetError::Credentials),
            ("https://example.org/a b", TargetError::Character),
            ("java\nscript:alert(1)", TargetError::Character),
            (
                "https://example.org/\r\nset-cookie:x",
                TargetError::Character,
            ),
            ("https://sho.rt/abc", TargetError::Loop),
            ("https://SHO.rt:443/abc", TargetError::Loop),
            (long.as_str(), TargetError::TooLong),
            (long_once_encoded.as_str(), TargetError::TooLong),
        ];
        for (text, expected) in cases {
            assert_eq!(
                Target::parse(text, Some("sho.rt")),
                Err(expected),
                "{text:?}"
            );
        }
    }

    #[test]
    fn another_port_is_another_service() {
        assert!(Target::parse("http://localhost:3000/", Some("localhost:8080")).is_ok());
        assert!(Target::parse("http://localhost:8080/x", Some("localhost:8080")).is_err());
    }
}
