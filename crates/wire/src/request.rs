//! A request as the protocols see it.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, Method};

use crate::error::Error;

/// The parts of a request that a protocol reads. The body is whole.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    pub method: &'a Method,
    /// As it was sent, percent-encoded.
    pub path: &'a str,
    /// Without the question mark; empty where there is none.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a Bytes,
}

impl<'a> RequestParts<'a> {
    pub fn new(parts: &'a http::request::Parts, body: &'a Bytes) -> Self {
        Self {
            method: &parts.method,
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
            body,
        }
    }

    /// A header's text, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The body as it was before its sender compressed it, which newer SDKs do to long ones.
/// The signature is over what was sent, so keep that for checking it.
///
/// # Errors
/// It is not what its header says, or would be longer than `most` bytes.
pub fn decompress(headers: &HeaderMap, body: &Bytes, most: usize) -> Result<Bytes, Error> {
    let encodings = headers.get_all("content-encoding").iter();
    let encodings = encodings
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(','));
    if encodings
        .last()
        .is_none_or(|encoding| !encoding.trim().eq_ignore_ascii_case("gzip"))
    {
        return Ok(body.clone());
    }
    let mut out = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(body.as_ref())
        .take(limit)
        .read_to_end(&mut out)
        .map_err(|error| {
            Error::new(
                "SerializationException",
                400,
                format!("The body is not valid gzip: {error}"),
            )
        })?;
    if out.len() > most {
        let message = format!("A request's body may have {most} bytes at most.");
        return Err(Error::new("RequestEntityTooLarge", 413, message));
    }
    Ok(out.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use http::HeaderValue;

    use super::*;

    #[test]
    fn compressed_bodies() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&[b'a'; 1000]).expect("a vector takes it");
        let sent = Bytes::from(encoder.finish().expect("a vector takes it"));
        let mut headers = HeaderMap::new();
        assert_eq!(
            decompress(&headers, &sent, 10),
            Ok(sent.clone()),
            "no header, nothing done"
        );
        headers.insert("content-encoding", HeaderValue::from_static("custom, gzip"));
        assert_eq!(
            decompress(&headers, &sent, 1000).map(|body| body.len()),
            Ok(1000)
        );
        assert_eq!(
            decompress(&headers, &sent, 999).map_err(|error| error.status),
            Err(413)
        );
        let torn = sent.slice(..sent.len() / 2);
        assert_eq!(
            decompress(&headers, &torn, 1000).map_err(|error| error.status),
            Err(400)
        );
    }
}
