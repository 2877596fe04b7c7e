//! A target's answer as bytes: its head, where its body ends, and the head the client gets. Pure.

use http::{HeaderValue, StatusCode};
use httparse::{Header, Status};

use super::chunks::Chunks;
use super::names::{self, Kind, kind, lists};
use crate::fields::{Fields, text};

/// Answers with more fields are bad, as they are to the general path.
pub(super) const FIELDS_LIMIT: usize = 100;

/// Room for the fields of a head.
pub(super) type Room<'a> = names::Room<'a, FIELDS_LIMIT>;

/// What came is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bad;

#[derive(Debug)]
pub(super) struct Head<'a> {
    pub status: StatusCode,
    fields: &'a [Header<'a>],
    kinds: &'a [Kind],
    /// Its Connection names fields that concern one connection only.
    names_fields: bool,
    /// Where the body begins.
    pub length: usize,
    pub body: Body,
    /// Whether the target will take another request.
    pub keep_alive: bool,
    /// How it told the length of its body.
    told_length: Option<&'a [u8]>,
    /// The answer is to a HEAD: its Content-Length, if alone, tells of another's body.
    keeps_length: bool,
    to_head: bool,
}

/// Where a body ends.
#[derive(Debug)]
pub(super) enum Body {
    /// After so many bytes more.
    Length(u64),
    Chunked(Box<Chunks>),
    /// With the connection.
    Close,
    Ended,
    /// It came to what cannot be a body.
    Broken,
}

/// Looks at what was read from the target since the request; `None` if more must be read.
/// Informational answers are passed over.
pub(super) fn look<'a>(
    bytes: &'a [u8],
    to_head: bool,
    room: &'a mut Room<'a>,
) -> Result<Option<Head<'a>>, Bad> {
    let mut start = 0;
    // What comes before the answer is looked at with the same room.
    while let Some(length) = informational(&bytes[start..])? {
        start += length;
    }
    let Room { fields, kinds } = room;
    let mut answer = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut answer,
        &bytes[start..],
        fields,
    );
    let length = match parsed {
        Ok(Status::Complete(length)) => start + length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(Bad),
    };
    let status = answer.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Bad)?;
    let http11 = answer.version == Some(1);
    let fields = &*answer.headers;
    let mut names_fields = false;
    let mut closes = false;
    let mut stays = http11;
    let mut chunked = None;
    let mut content_length = None;
    let mut lengths = 0;
    let mut told_length = None;
    for (field, of) in fields.iter().zip(&mut *kinds) {
        *of = kind(field.name);
        match of {
            Kind::Connection if field.value.eq_ignore_ascii_case(b"keep-alive") => stays = true,
            Kind::Connection => {
                closes |= lists(field.value, "close");
                stays |= lists(field.value, "keep-alive");
                names_fields |= !field.value.eq_ignore_ascii_case(b"close");
            }
            // Only the last coding tells.
            Kind::TransferEncoding => chunked = Some(ends_chunked(field.value)),
            Kind::ContentLength => {
                lengths += 1;
                told_length.get_or_insert(field.value);
                let one = agreed_length(field.value).ok_or(Bad);
                content_length = Some(match content_length {
                    None => one,
                    Some(before) if before == one => one,
                    Some(_) => Err(Bad),
                });
            }
            _ => {}
        }
    }
    let body = match (status.as_u16(), chunked) {
        (101 | 204, _) => Body::Ended,
        (304, _) if !to_head => Body::Ended,
        // The client could not tell which of several lengths a GET would have.
        (_, None) if to_head && lengths > 1 => return Err(Bad),
        _ if to_head => Body::Ended,
        (_, Some(_)) if !http11 => return Err(Bad),
        (_, Some(true)) => Body::Chunked(Box::default()),
        (_, Some(false)) => Body::Close,
        (_, None) => match content_length.transpose()? {
            None => Body::Close,
            Some(0) => Body::Ended,
            Some(length) => Body::Length(length),
        },
    };
    Ok(Some(Head {
        status,
        fields,
        kinds,
        names_fields,
        length,
        told_length,
        keep_alive: stays && !closes && !matches!(body, Body::Close) && status != 101,
        body,
        keeps_length: to_head && chunked.is_none(),
        to_head,
    }))
}

/// The length of a whole 1xx answer, other than 101, at the beginning.
fn informational(bytes: &[u8]) -> Result<Option<usize>, Bad> {
    if !(bytes.starts_with(b"HTTP/1.1 1") || bytes.starts_with(b"HTTP/1.0 1"))
        || bytes.get(10..12) == Some(b"01")
    {
        return Ok(None);
    }
    let mut room = Room::default();
    let mut answer = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
        &mut answer,
        bytes,
        &mut room.fields,
    );
    match parsed {
        Ok(Status::Complete(length)) => Ok(Some(length)),
        Ok(Status::Partial) => Ok(None),
        Err(_) => Err(Bad),
    }
}

fn ends_chunked(value: &[u8]) -> bool {
    text(value)
        .and_then(|text| text.rsplit(',').next())
        .is_some_and(|last| last.trim().eq_ignore_ascii_case("chunked"))
}

/// The length that all numbers of a list agree on.
fn agreed_length(value: &[u8]) -> Option<u64> {
    // The parser of the general path keeps the two largest for itself.
    let fits = |n: &u64| *n <= u64::MAX - 2;
    if let Some(plain) = names::digits(value) {
        return Some(plain).filter(fits);
    }
    let mut numbers = text(value)?
        .split(',')
        .map(|number| names::digits(number.trim().as_bytes()));
    let first = numbers.next()??;
    numbers
        .all(|number| number == Some(first))
        .then_some(first)
        .filter(fits)
}

impl Head<'_> {
    pub(super) fn fields(&self) -> Fields<'_> {
        Fields::Read(self.fields)
    }

    /// Writes the head for the client, in the way of [`crate::forward`] and of hyper, which
    /// writes it there. `now` is for answers without a date.
    pub(super) fn write(
        &self,
        cookies: &[HeaderValue],
        close: bool,
        now: impl FnOnce() -> std::time::SystemTime,
        out: &mut Vec<u8>,
    ) {
        status_line(
            self.status,
            self.status.canonical_reason().unwrap_or("<none>"),
            out,
        );
        let mut dated = false;
        for (field, kind) in self.fields.iter().zip(self.kinds.iter().copied()) {
            if self.names_fields && self.is_named(field.name, kind) {
                continue;
            }
            match kind {
                Kind::Connection | Kind::HopByHop | Kind::Upgrade | Kind::TransferEncoding => {}
                Kind::ContentLength if !self.keeps_length => {}
                _ => {
                    dated |= kind == Kind::Date;
                    names::write(out, field.name, field.value);
                }
            }
        }
        for cookie in cookies {
            names::write(out, "set-cookie", cookie.as_bytes());
        }
        match &self.body {
            Body::Length(length) => match self.told_length {
                Some(told) if names::digits(told).is_some() => {
                    names::write(out, "content-length", told);
                }
                _ => names::write(out, "content-length", length.to_string().as_bytes()),
            },
            Body::Chunked(_) | Body::Close => {
                out.extend_from_slice(b"transfer-encoding: chunked\r\n");
            }
            Body::Ended if self.to_head || matches!(self.status.as_u16(), 204 | 304) => {}
            Body::Ended | Body::Broken => out.extend_from_slice(b"content-length: 0\r\n"),
        }
        if close {
            out.extend_from_slice(b"connection: close\r\n");
        }
        if !dated {
            names::write(out, "date", httpdate::fmt_http_date(now()).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Whether the target's Connection names the field. What says where the message ends cannot
    /// be named away.
    fn is_named(&self, name: &str, kind: Kind) -> bool {
        !matches!(
            kind,
            Kind::TransferEncoding | Kind::Host | Kind::ContentLength
        ) && Fields::Read(self.fields)
            .all(&http::header::CONNECTION)
            .any(|value| lists(value, name))
    }
}

pub(super) fn status_line(status: StatusCode, reason: &str, out: &mut Vec<u8>) {
    for part in ["HTTP/1.1 ", status.as_str(), " ", reason, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

impl Body {
    /// Writes what came of the body as the client gets it. Says how much of it was body.
    pub(super) fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, Bad> {
        match self {
            Self::Length(left) => {
                let now = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                out.extend_from_slice(&bytes[..now]);
                *left -= now as u64;
                if *left == 0 {
                    *self = Self::Ended;
                }
                Ok(now)
            }
            Self::Chunked(chunks) => {
                let used = chunks.pass(bytes, out)?;
                if chunks.ended() {
                    out.extend_from_slice(super::chunks::LAST);
                    *self = Self::Ended;
                }
                Ok(used)
            }
            Self::Close => {
                super::chunks::write(bytes, out);
                Ok(bytes.len())
            }
            Self::Ended => Ok(0),
            Self::Broken => Err(Bad),
        }
    }

    /// The target closed the connection.
    pub(super) fn close(&mut self, out: &mut Vec<u8>) -> Result<(), Bad> {
        match self {
            Self::Close => {
                out.extend_from_slice(super::chunks::LAST);
                *self = Self::Ended;
                Ok(())
            }
            Self::Ended => Ok(()),
            Self::Length(_) | Self::Chunked(_) | Self::Broken => Err(Bad),
        }
    }

    pub(super) fn ended(&self) -> bool {
        matches!(self, Self::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head for the client, or what is wrong, and whether the target goes on.
    fn passed(bytes: &str, to_head: bool) -> String {
        let mut room = Room::default();
        match look(bytes.as_bytes(), to_head, &mut room) {
            Err(Bad) => "bad".into(),
            Ok(None) => "partial".into(),
            Ok(Some(mut head)) => {
                let mut out = Vec::new();
                head.write(&[], false, || std::time::UNIX_EPOCH, &mut out);
                let rest = head.length;
                let used = head.body.pass(&bytes.as_bytes()[rest..], &mut out).unwrap();
                let text = String::from_utf8(out).unwrap();
                let goes_on = if head.keep_alive { "stays" } else { "closes" };
                let ended = if head.body.ended() { "ended" } else { "more" };
                format!(
                    "{} | {used} {ended} {goes_on}",
                    text.replace("date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "")
                        .replace("\r\n", "|")
                )
            }
        }
    }

    #[test]
    fn answers_as_the_client_gets_them() {
        for (answer, expected) in [
            (
                "HTTP/1.1 200 Fine\r\nContent-Length: 3\r\nX-A: 1\r\n\r\nabc",
                "HTTP/1.1 200 OK|x-a: 1|content-length: 3||abc | 3 ended stays",
            ),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\nLink: a\r\n\r\nHTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 404 Not Found|content-length: 0|| | 0 ended stays",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n3;x\r\nabc\r\n0\r\nTr: a\r\n\r\n",
                "HTTP/1.1 200 OK|transfer-encoding: chunked||3|abc|0|| | 22 ended stays",
            ),
            (
                "HTTP/1.0 200 OK\r\nConnection: x-b\r\nX-B: 1\r\nServer: s\r\n\r\nab",
                "HTTP/1.1 200 OK|server: s|transfer-encoding: chunked||2|ab| | 2 more closes",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                "HTTP/1.1 200 OK|transfer-encoding: chunked|| | 0 more closes",
            ),
            (
                "HTTP/1.1 299 X\r\nConnection: keep-alive, close\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nabc",
                "HTTP/1.1 299 <none>|content-length: 2||ab | 2 ended closes",
            ),
            (
                "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
                "HTTP/1.1 204 No Content|| | 0 ended stays",
            ),
            (
                "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nab",
                "HTTP/1.1 200 OK|content-length: 4||ab | 2 more stays",
            ),
            ("HTTP/1.1 200 OK\r\nContent-Le", "partial"),
            ("HTTP/1.1 103 Early\r\n", "partial"),
            ("", "partial"),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "bad",
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "bad"),
            (
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "bad",
            ),
            ("HTTP/1.1 099 OK\r\n\r\n", "bad"),
            ("HTTP/2.0 200 OK\r\n\r\n", "bad"),
            ("HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "bad"),
            ("SSH-2.0-x\r\n", "bad"),
        ] {
            assert_eq!(passed(answer, false), expected, "{answer:?}");
        }
        assert_eq!(
            passed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true),
            "HTTP/1.1 200 OK|content-length: 5|| | 0 ended stays"
        );
        let fields = |count| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a:\r\n".repeat(count));
        assert_ne!(passed(&fields(FIELDS_LIMIT), false), "bad");
        assert_eq!(passed(&fields(FIELDS_LIMIT + 1), false), "bad");
    }
}
