//! Answers the load balancer makes by itself when something is wrong.

use bytes::Bytes;
use http::StatusCode;

pub(crate) const SERVER: &str = "awselb/2.0";

/// The words behind a status code; ALB's own codes have none that are registered.
pub(crate) fn reason(status: StatusCode) -> &'static str {
    match status.as_u16() {
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        408 => "Request Time-out",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        463 => "Too Many Forwarded Addresses",
        464 => "Incompatible Protocol Versions",
        _ => status.canonical_reason().unwrap_or("Error"),
    }
}

/// The body of such an answer.
pub(crate) fn html(status: StatusCode) -> Bytes {
    let title = format!("{} {}", status.as_u16(), reason(status));
    Bytes::from(format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n</html>\r\n"
    ))
}

/// A whole HTTP/1.1 answer as bytes, after which the connection ends.
pub(crate) fn raw(status: StatusCode, now: std::time::SystemTime) -> Vec<u8> {
    let body = html(status);
    let mut out = format!(
        "HTTP/1.1 {} {}\r\nServer: {SERVER}\r\nDate: {}\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        status.as_u16(),
        reason(status),
        httpdate::fmt_http_date(now),
        body.len()
    )
    .into_bytes();
    out.extend_from_slice(&body);
    out
}

/// The status that stands for one the HTTP parser wanted to answer.
pub(crate) fn instead_of(parser: u16) -> StatusCode {
    match parser {
        414 => StatusCode::URI_TOO_LONG,
        505 => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        // ALB has no 431: headers that are too large are a bad request.
        _ => StatusCode::BAD_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_raw_page_says_its_length() {
        let raw = raw(StatusCode::REQUEST_TIMEOUT, std::time::UNIX_EPOCH);
        let text = String::from_utf8(raw).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 408 Request Time-out\r\nServer: awselb/2.0\r\n"));
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
        assert!(body.contains("<h1>408 Request Time-out</h1>"));
        assert_eq!(instead_of(431), StatusCode::BAD_REQUEST);
    }
}
