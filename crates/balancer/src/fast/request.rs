//! A client's request as bytes: whether it is one of the plain ones, and the head the target gets.
//! Pure, and strict: whatever two readers could understand differently is not plain.

use std::borrow::Cow;

use httparse::{Header, Status};
use world::balancer::XffMode;

use super::names::{self, Kind, kind};
use crate::fields::{Fields, text};
use crate::headers::{self, Fresh};

/// Requests with more fields, or with a longer head, are not plain.
pub(super) const FIELDS_LIMIT: usize = 64;
pub(super) const HEAD_LIMIT: usize = 8 * 1024;

/// Room for the fields of a head.
pub(super) type Room<'a> = names::Room<'a, FIELDS_LIMIT>;

#[derive(Debug)]
pub(super) enum Seen<'a> {
    /// More must be read to know.
    Partial,
    Plain(Plain<'a>),
    /// Nothing this path understands; bytes up to here, if that is beyond doubt, are the request.
    Other(Option<u64>),
}

/// A request of HTTP/1.1 that is all there and has nothing special.
#[derive(Debug)]
pub(super) struct Plain<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: Option<&'a str>,
    target: &'a str,
    pub fields: &'a [Header<'a>],
    kinds: &'a [Kind],
    host: &'a str,
    trace: Option<&'a [u8]>,
    /// As the limits of a load balancer count it.
    field_bytes: usize,
    /// Some name has other characters than letters, digits and hyphens.
    pub odd_names: bool,
    pub body: &'a [u8],
    /// Head and body.
    pub length: usize,
}

/// What the load balancer says of the client and of itself.
pub(super) struct Introduction<'a> {
    pub xff_mode: XffMode,
    pub client: &'a [u8],
    pub scheme: &'a str,
    pub port: &'a [u8],
    pub listener_port: u16,
    pub preserve_host: bool,
    /// Version and cipher suite, where the target is to know.
    pub tls: Option<(&'a str, &'a str)>,
}

/// Looks at what was read of a connection, from the beginning of a request.
pub(super) fn look<'a>(bytes: &'a [u8], room: &'a mut Room<'a>) -> Seen<'a> {
    let Room { fields, kinds } = room;
    let mut request = httparse::Request::new(&mut []);
    let head = match request.parse_with_uninit_headers(bytes, fields) {
        Ok(Status::Partial) if bytes.len() < HEAD_LIMIT && begins_well(bytes) => {
            return Seen::Partial;
        }
        Ok(Status::Complete(head)) if head <= HEAD_LIMIT && begins_well(bytes) => head,
        _ => return Seen::Other(None),
    };
    let (Some(method), Some(target), Some(1)) = (request.method, request.path, request.version)
    else {
        return Seen::Other(None);
    };
    if !lines_end_well(&bytes[..head]) || matches!(method, "CONNECT" | "TRACE") {
        return Seen::Other(None);
    }
    let mut length = None;
    let mut host = None;
    let mut trace = None;
    let mut field_bytes = 0;
    let mut odd_names = false;
    let mut addresses = 0;
    let mut special = false;
    for (field, of) in request.headers.iter().zip(&mut *kinds) {
        *of = kind(field.name);
        field_bytes += field.name.len() + field.value.len() + ": \r\n".len();
        odd_names |= !field
            .name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-');
        match of {
            Kind::ContentLength => match names::digits(field.value) {
                Some(n) if length.is_none() => length = Some(n),
                _ => return Seen::Other(None),
            },
            Kind::TransferEncoding | Kind::Upgrade | Kind::Expect => return Seen::Other(None),
            Kind::Connection if !field.value.eq_ignore_ascii_case(b"keep-alive") => {
                return Seen::Other(None);
            }
            Kind::Host => {
                special |= host.is_some();
                host = text(field.value);
                special |= host.is_none();
            }
            Kind::HopByHop => special = true,
            Kind::TraceId if trace.is_none() => trace = Some(field.value),
            Kind::ForwardedFor => {
                addresses += field.value.split(|b| *b == b',').count();
            }
            _ => {}
        }
    }
    let Some(whole) = length.unwrap_or(0).checked_add(head as u64) else {
        return Seen::Other(None);
    };
    let whole_there = usize::try_from(whole).ok().filter(|n| *n <= bytes.len());
    match (host, whole_there) {
        (Some(host), Some(whole))
            if !special && addresses <= headers::XFF_LIMIT && is_plain_target(target) =>
        {
            let (path, query) = match target.split_once('?') {
                Some((path, query)) => (path, Some(query)),
                None => (target, None),
            };
            Seen::Plain(Plain {
                method,
                path,
                query,
                target,
                fields: request.headers,
                kinds,
                host,
                trace,
                field_bytes,
                odd_names,
                body: &bytes[head..whole],
                length: whole,
            })
        }
        _ => Seen::Other(Some(whole)),
    }
}

/// The parser would skip empty lines before a request.
fn begins_well(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_uppercase)
}

/// The parser takes a bare line feed for the end of a line; not everybody does.
fn lines_end_well(head: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', head).all(|at| at > 0 && head[at - 1] == b'\r')
}

/// A path, maybe with a query, of characters that no URI parser objects to or changes.
fn is_plain_target(target: &str) -> bool {
    let plain = |b| {
        matches!(b, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b'%' | b'/'
            | b'?' | b':' | b'@' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
    };
    target.starts_with('/') && target.bytes().all(plain)
}

impl Plain<'_> {
    /// The id that goes with the request, made of the client's and a fresh one.
    pub(super) fn trace<'t>(&self, fresh: &'t Fresh) -> Cow<'t, str> {
        match self.trace.and_then(text) {
            None => fresh.root().into(),
            existing => headers::trace(existing, self.field_bytes, fresh.id()).into(),
        }
    }

    /// Writes the request for the target, in the way of [`crate::forward`].
    pub(super) fn write(&self, by: &Introduction<'_>, trace: &str, out: &mut Vec<u8>) {
        for part in [self.method, " ", self.target, " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        let mut client_known = false;
        for (field, kind) in self.fields.iter().zip(self.kinds.iter().copied()) {
            match kind {
                Kind::Host => {
                    let host = (!by.preserve_host)
                        .then(|| headers::host(self.host, by.listener_port))
                        .flatten();
                    let host = host.as_deref().unwrap_or(self.host);
                    names::write(out, "host", host.as_bytes());
                }
                Kind::ForwardedFor => {
                    client_known = true;
                    if by.xff_mode == XffMode::Preserve {
                        names::write(out, field.name, field.value);
                    }
                }
                Kind::Connection | Kind::Forwarded | Kind::TraceId => {}
                Kind::Tls if by.tls.is_some() => {}
                _ => names::write(out, field.name, field.value),
            }
        }
        if by.xff_mode == XffMode::Append {
            out.extend_from_slice(b"x-forwarded-for: ");
            if client_known {
                for value in Fields::Read(self.fields).all(&headers::X_FORWARDED_FOR) {
                    out.extend_from_slice(value);
                    out.extend_from_slice(b", ");
                }
            }
            out.extend_from_slice(by.client);
            out.extend_from_slice(b"\r\n");
        }
        let own: [&[u8]; 5] = [
            b"x-forwarded-proto: ",
            by.scheme.as_bytes(),
            b"\r\nx-forwarded-port: ",
            by.port,
            b"\r\n",
        ];
        for part in own {
            out.extend_from_slice(part);
        }
        if let Some((version, cipher)) = by.tls {
            names::write(out, "x-amzn-tls-version", version.as_bytes());
            names::write(out, "x-amzn-tls-cipher-suite", cipher.as_bytes());
        }
        names::write(out, "x-amzn-trace-id", trace.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(bytes: &[u8]) -> String {
        let mut room = Room::default();
        match look(bytes, &mut room) {
            Seen::Partial => "partial".into(),
            Seen::Other(None) => "other".into(),
            Seen::Other(Some(length)) => format!("other of {length}"),
            Seen::Plain(plain) => format!("plain of {}", plain.length),
        }
    }

    #[test]
    fn only_what_nobody_can_misread_is_plain() {
        for (request, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "plain of 27"),
            (
                "GET /a%20b?c=d HTTP/1.1\r\nhost:a\r\nConnection: Keep-Alive\r\n\r\nGET",
                "plain of 59",
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET",
                "plain of 50",
            ),
            (
                "PURGE / HTTP/1.1\r\nHost: a\r\nX_Odd: 1\r\n\r\n",
                "plain of 39",
            ),
            ("GET / HTTP/1.1\r\nHost: a\r\n", "partial"),
            ("G", "partial"),
            // Its body is not all there.
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab",
                "other of 50",
            ),
            // These have one meaning, but want more care.
            (
                "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n",
                "other of 41",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nKeep-Alive: 5\r\n\r\n",
                "other of 42",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nProxy-Connection: a\r\n\r\n",
                "other of 48",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
                "other of 36",
            ),
            ("GET / HTTP/1.1\r\nHost: \u{e9}\r\n\r\n", "other of 28"),
            ("GET / HTTP/1.1\r\n\r\n", "other of 18"),
            ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "other of 35"),
            ("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", "other of 29"),
            ("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "other of 29"),
            ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "other of 31"),
            // Where these end is a matter of taste, or something follows that is no request.
            ("", "other"),
            ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "other"),
            ("get / HTTP/1.1\r\nHost: a\r\n\r\n", "other"),
            ("GET / HTTP/1.0\r\nHost: a\r\n\r\n", "other"),
            ("GET / HTTP/1.1\nHost: a\r\n\r\n", "other"),
            ("GET / HTTP/1.1\r\nHost: a\r\n\n", "other"),
            ("GET / HTTP/1.1\r\nHost: a\n\r\n", "other"),
            ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "other"),
            ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "other"),
            ("GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n", "other"),
            ("GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", "other"),
            ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", "other"),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                "other",
            ),
            (
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x-a\r\n\r\n",
                "other",
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
                "other",
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                "other",
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
                "other",
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
                "other",
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
                "other",
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
                "other",
            ),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc",
                "other",
            ),
            ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", "other"),
            ("CONNECT /a HTTP/1.1\r\nHost: a\r\n\r\n", "other"),
        ] {
            assert_eq!(seen(request.as_bytes()), expected, "{request:?}");
        }
        let many = |count| {
            format!(
                "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
                "a:\r\n".repeat(count)
            )
        };
        assert!(seen(many(FIELDS_LIMIT - 1).as_bytes()).starts_with("plain"));
        assert_eq!(seen(many(FIELDS_LIMIT).as_bytes()), "other");
        let long = format!("GET / HTTP/1.1\r\nHost: a\r\nb: {}", "c".repeat(HEAD_LIMIT));
        assert_eq!(seen(long.as_bytes()), "other");
    }

    #[test]
    fn the_target_gets_the_head_with_the_load_balancers_fields() {
        let bytes = b"POST /p?q HTTP/1.1\r\nHOST: WWW.A\r\nX-Forwarded-For: 10.0.0.1\r\nConnection: keep-alive\r\n\
            X-Forwarded-For: 10.0.0.2\r\nX-Forwarded-Port: 1\r\nX-Amzn-Tls-Version: x\r\nX-Amzn-Trace-Id: Root=1-a-b\r\n\
            Content-Length: 2\r\n\r\nhi";
        let written = |xff_mode, tls| {
            let mut room = Room::default();
            let Seen::Plain(plain) = look(bytes, &mut room) else {
                panic!("not plain");
            };
            let mut out = Vec::new();
            let by = Introduction {
                xff_mode,
                client: b"192.0.2.1",
                scheme: "https",
                port: b"443",
                listener_port: 8443,
                preserve_host: false,
                tls,
            };
            let fresh = Fresh::new(1, [2, 3]);
            plain.write(&by, &plain.trace(&fresh), &mut out);
            String::from_utf8(out).unwrap().replace(fresh.id(), "1-f-f")
        };
        let rest = "x-forwarded-proto: https\r\nx-forwarded-port: 443\r\n";
        assert_eq!(
            written(XffMode::Append, None),
            format!(
                "POST /p?q HTTP/1.1\r\nhost: www.a:8443\r\nx-amzn-tls-version: x\r\ncontent-length: 2\r\n\
                 x-forwarded-for: 10.0.0.1, 10.0.0.2, 192.0.2.1\r\n{rest}x-amzn-trace-id: Self=1-f-f;Root=1-a-b\r\n\r\nhi"
            )
        );
        assert_eq!(
            written(XffMode::Preserve, Some(("TLSv1.3", "C"))),
            format!(
                "POST /p?q HTTP/1.1\r\nhost: www.a:8443\r\nx-forwarded-for: 10.0.0.1\r\nx-forwarded-for: 10.0.0.2\r\n\
                 content-length: 2\r\n{rest}x-amzn-tls-version: TLSv1.3\r\nx-amzn-tls-cipher-suite: C\r\n\
                 x-amzn-trace-id: Self=1-f-f;Root=1-a-b\r\n\r\nhi"
            )
        );
        assert!(!written(XffMode::Remove, None).contains("x-forwarded-for"));
    }
}
