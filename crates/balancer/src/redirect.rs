//! Redirects: the `Location` that a template makes of a request.

use crate::rules::Subject;

/// A redirect, ready to apply.
#[derive(Debug, Clone)]
pub(crate) struct Redirect {
    pub status: http::StatusCode,
    pub protocol: String,
    pub host: String,
    pub port: String,
    pub path: String,
    pub query: String,
}

/// A `Location` longer than this is refused with 507.
pub(crate) const LOCATION_LIMIT: usize = 8192;

impl Redirect {
    /// The URL to go to, for a request that came to a listener of `scheme` on `port`.
    pub(crate) fn location(&self, subject: &Subject<'_>, https: bool, port: u16) -> String {
        let port = port.to_string();
        let fill = |template: &str| {
            fill(template, |keyword| match keyword {
                "protocol" => Some(if https { "https" } else { "http" }),
                "host" => Some(subject.host()),
                "port" => Some(&port),
                "path" => Some(subject.path.trim_start_matches('/')),
                "query" => Some(subject.query.unwrap_or_default()),
                _ => None,
            })
        };
        let protocol = fill(&self.protocol).to_ascii_lowercase();
        let port = fill(&self.port);
        let mut location = format!("{protocol}://{}:{port}", fill(&self.host));
        let path = fill(&self.path);
        if !path.starts_with('/') {
            location.push('/');
        }
        location.push_str(&path);
        let query = fill(&self.query);
        if !query.is_empty() {
            location.push('?');
            location.push_str(query.strip_prefix('?').unwrap_or(&query));
        }
        location
    }
}

/// Puts values for `#{keyword}`; what is no keyword stays as it is.
fn fill<'a>(template: &'a str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("#{") {
        out.push_str(&rest[..start]);
        let after = &rest[start + 2..];
        let keyword = after
            .find('}')
            .and_then(|end| Some((end, value(&after[..end])?)));
        if let Some((end, text)) = keyword {
            out.push_str(text);
            rest = &after[end + 1..];
        } else {
            out.push_str("#{");
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::fields::Fields;

    fn location(redirect: &Redirect, uri: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("host", "www.example.com:8080".parse().unwrap());
        let uri: http::Uri = uri.parse().unwrap();
        redirect.location(
            &Subject {
                method: "GET",
                authority: None,
                path: uri.path(),
                query: uri.query(),
                headers: Fields::Map(&headers),
                peer: "192.0.2.1".parse().unwrap(),
            },
            false,
            80,
        )
    }

    fn redirect(protocol: &str, host: &str, port: &str, path: &str, query: &str) -> Redirect {
        Redirect {
            status: StatusCode::FOUND,
            protocol: protocol.into(),
            host: host.into(),
            port: port.into(),
            path: path.into(),
            query: query.into(),
        }
    }

    #[test]
    fn templates() {
        let upgrade = redirect("HTTPS", "#{host}", "443", "/#{path}", "#{query}");
        assert_eq!(
            location(&upgrade, "/a/b?c=d"),
            "https://www.example.com:443/a/b?c=d"
        );
        assert_eq!(location(&upgrade, "/"), "https://www.example.com:443/");
        let moved = redirect(
            "#{protocol}",
            "new.#{host}",
            "#{port}",
            "/x/#{path}/y",
            "v=1&#{query}",
        );
        assert_eq!(
            location(&moved, "/p?q"),
            "http://new.www.example.com:80/x/p/y?v=1&q"
        );
        let odd = redirect("http", "#{nope}#{host", "1", "p", "");
        assert_eq!(location(&odd, "/"), "http://#{nope}#{host:1/p");
    }
}
