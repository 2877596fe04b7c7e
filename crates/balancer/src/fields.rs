//! Header fields, however they are held: parsed into a map, or as they lie in a read buffer.

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fields<'a> {
    Map(&'a HeaderMap),
    Read(&'a [httparse::Header<'a>]),
}

impl<'a> Fields<'a> {
    /// The values of all fields of that name, in order.
    pub(crate) fn all(self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        let (map, read) = match self {
            Self::Map(map) => (Some(map.get_all(name)), &[][..]),
            Self::Read(read) => (None, read),
        };
        let read = read
            .iter()
            .filter(move |field| field.name.eq_ignore_ascii_case(name.as_str()))
            .map(|field| field.value);
        map.into_iter()
            .flatten()
            .map(HeaderValue::as_bytes)
            .chain(read)
    }

    /// The value of the first field of that name.
    pub(crate) fn first(self, name: &HeaderName) -> Option<&'a [u8]> {
        self.all(name).next()
    }
}

/// A value as text, if all of it is printable ASCII or tabs: as [`HeaderValue::to_str`] has it.
pub(crate) fn text(value: &[u8]) -> Option<&str> {
    let plain = |b: &u8| matches!(b, b'\t' | b' '..=b'~');
    std::str::from_utf8(value)
        .ok()
        .filter(|_| value.iter().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_tell_the_same() {
        let read = [("Accept", "a"), ("host", "h"), ("ACCEPT", "b")];
        let mut map = HeaderMap::new();
        for (name, value) in read {
            map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        let read = read.map(|(name, value)| httparse::Header {
            name,
            value: value.as_bytes(),
        });
        for fields in [Fields::Map(&map), Fields::Read(&read)] {
            let all: Vec<_> = fields.all(&http::header::ACCEPT).collect();
            assert_eq!(all, [b"a", b"b"]);
            assert_eq!(fields.first(&http::header::HOST), Some(&b"h"[..]));
            assert_eq!(fields.first(&http::header::TE), None);
        }
    }

    #[test]
    fn text_is_what_the_http_crate_says_it_is() {
        for byte in 0..=255u8 {
            let bytes = [byte];
            let Ok(value) = HeaderValue::from_bytes(&bytes) else {
                continue;
            };
            assert_eq!(text(&bytes), value.to_str().ok(), "{byte}");
        }
    }
}
