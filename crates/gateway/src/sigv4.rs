//! Signature Version 4: is a request signed by whom it says, and is it fresh?
//!
//! Rules: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
//! and, for signatures in the query,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>.
//! Texts: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use percent_encoding::percent_decode_str;
use ring::{digest, hmac};
use wire::Error;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const TERMINATOR: &str = "aws4_request";
/// How far a request's time may be from ours, either way.
const MOST_SKEW: SignedDuration = SignedDuration::from_mins(15);
/// The longest life of a signature in the query.
const MOST_EXPIRES: i64 = 604_800;
/// Derived keys kept at most; then all are forgotten.
const MOST_KEYS: usize = 1024;

/// What a request says of its signature. Nothing is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub access_key: String,
    /// `YYYYMMDD`.
    pub date: String,
    pub region: String,
    pub service: String,
    pub signed_headers: Vec<String>,
    pub signature: String,
    pub session_token: Option<String>,
    /// `YYYYMMDDTHHMMSSZ`, as it was signed.
    pub time: String,
    /// Seconds that a signature in the query is good for; `None` for one in a header.
    pub expires: Option<i64>,
}

/// The parts of a request that are signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub method: &'a str,
    /// As received, percent-encoded.
    pub path: &'a str,
    /// As received, without the question mark.
    pub query: &'a str,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

impl Claim {
    /// Reads the claim of a request; `None` if it makes none.
    ///
    /// # Errors
    /// If there is a claim that is not whole.
    pub fn of(request: &Signed) -> Option<Result<Self, Error>> {
        if let Some(value) = request.headers.get(http::header::AUTHORIZATION) {
            let Ok(value) = value.to_str() else {
                return Some(Err(incomplete("Authorization header is not plain text.")));
            };
            if !value.trim_start().starts_with("AWS4") {
                return None;
            }
            return Some(Self::of_header(value, request.headers));
        }
        if query_value(request.query, "X-Amz-Algorithm").is_some() {
            return Some(Self::of_query(request.query));
        }
        None
    }

    fn of_header(value: &str, headers: &HeaderMap) -> Result<Self, Error> {
        let rest = value
            .trim_start()
            .strip_prefix(ALGORITHM)
            .and_then(|rest| rest.strip_prefix([' ', '\t']))
            .ok_or_else(|| {
                incomplete("Unsupported AWS 'algorithm': only AWS4-HMAC-SHA256 is taken.")
            })?;
        let mut credential = None;
        let mut signed_headers = None;
        let mut signature = None;
        for part in rest.split(',') {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            let (key, value) = part.split_once('=').ok_or_else(|| {
                incomplete(format!(
                    "'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{value}'."
                ))
            })?;
            match key {
                "Credential" => credential = Some(value.trim()),
                "SignedHeaders" => signed_headers = Some(value.trim()),
                "Signature" => signature = Some(value.trim()),
                _ => {}
            }
        }
        let missing = |name| {
            move || {
                incomplete(format!(
                    "Authorization header requires '{name}' parameter. Authorization={value}"
                ))
            }
        };
        let credential = credential.ok_or_else(missing("Credential"))?;
        let signature = signature.ok_or_else(missing("Signature"))?;
        let signed_headers = signed_headers.ok_or_else(missing("SignedHeaders"))?;
        let time = header_time(headers).ok_or_else(|| {
            incomplete(format!(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. Authorization={value}"
            ))
        })?;
        let session_token = headers
            .get("x-amz-security-token")
            .and_then(|token| token.to_str().ok())
            .map(ToOwned::to_owned);
        Self::build(
            credential,
            signed_headers,
            signature,
            time,
            session_token,
            None,
        )
    }

    fn of_query(query: &str) -> Result<Self, Error> {
        let value = |name: &str| {
            query_value(query, name).ok_or_else(|| {
                incomplete(format!(
                    "AWS query-string parameters must include '{name}'."
                ))
            })
        };
        if value("X-Amz-Algorithm")? != ALGORITHM {
            return Err(incomplete(
                "Unsupported AWS 'algorithm': only AWS4-HMAC-SHA256 is taken.",
            ));
        }
        let expires = match query_value(query, "X-Amz-Expires") {
            None => MOST_SKEW.as_secs(),
            Some(text) => text
                .parse()
                .ok()
                .filter(|seconds| (1..=MOST_EXPIRES).contains(seconds))
                .ok_or_else(|| {
                    Error::new(
                        "AuthorizationQueryParametersError",
                        400,
                        format!(
                            "X-Amz-Expires must be a number of seconds from 1 to {MOST_EXPIRES}"
                        ),
                    )
                })?,
        };
        Self::build(
            &value("X-Amz-Credential")?,
            &value("X-Amz-SignedHeaders")?,
            &value("X-Amz-Signature")?,
            value("X-Amz-Date")?,
            query_value(query, "X-Amz-Security-Token"),
            Some(expires),
        )
    }

    fn build(
        credential: &str,
        signed_headers: &str,
        signature: &str,
        time: String,
        session_token: Option<String>,
        expires: Option<i64>,
    ) -> Result<Self, Error> {
        // The access key comes first and may itself hold a slash, so the scope is read from the
        // end.
        let mut parts = credential.rsplitn(5, '/');
        let (Some(terminator), Some(service), Some(region), Some(date), Some(access_key)) = (
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
            parts.next(),
        ) else {
            return Err(incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{credential}'"
            )));
        };
        if terminator != TERMINATOR {
            return Err(mismatch(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'."
            )));
        }
        if time.len() != 16 || !time.is_ascii() || date != &time[..8] {
            return Err(mismatch(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != '{}', from '{time}'.",
                time.get(..8).unwrap_or_default()
            )));
        }
        Ok(Self {
            access_key: access_key.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            signed_headers: signed_headers
                .split(';')
                .map(str::to_ascii_lowercase)
                .collect(),
            signature: signature.to_owned(),
            session_token,
            time,
            expires,
        })
    }

    /// Whether the request is neither too old nor from the future.
    ///
    /// # Errors
    /// Which of both it is, in AWS's words.
    pub fn check_time(&self, now: Timestamp) -> Result<(), Error> {
        let signed = parse_time(&self.time).ok_or_else(|| {
            incomplete(format!(
                "Date must be in ISO-8601 basic format, got '{}'.",
                self.time
            ))
        })?;
        let life = match self.expires {
            Some(seconds) => SignedDuration::from_secs(seconds),
            None => MOST_SKEW,
        };
        if signed.saturating_add(life).is_ok_and(|last| last < now) {
            return Err(if self.expires.is_some() {
                Error::new("AccessDenied", 403, "Request has expired")
            } else {
                mismatch(format!(
                    "Signature expired: {} is now earlier than {} ({} - 15 min.)",
                    self.time,
                    format_time(now.saturating_sub(MOST_SKEW).unwrap_or(now)),
                    format_time(now)
                ))
            });
        }
        if now
            .saturating_add(MOST_SKEW)
            .is_ok_and(|latest| latest < signed)
        {
            return Err(mismatch(format!(
                "Signature not yet current: {} is still later than {} ({} + 15 min.)",
                self.time,
                format_time(now.saturating_add(MOST_SKEW).unwrap_or(now)),
                format_time(now)
            )));
        }
        Ok(())
    }
}

/// Verifies signatures. Keeps derived keys, which are good for a day each.
#[derive(Debug, Default)]
pub struct Verifier {
    keys: Mutex<HashMap<KeyScope, (String, hmac::Key)>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct KeyScope {
    access_key: String,
    date: String,
    region: String,
    service: String,
}

impl Verifier {
    /// Whether the request was signed with `secret`.
    ///
    /// # Errors
    /// `SignatureDoesNotMatch`, or what keeps the signature from being computed.
    pub fn verify(&self, claim: &Claim, request: &Signed, secret: &str) -> Result<(), Error> {
        if !claim.signed_headers.iter().any(|name| name == "host") {
            return Err(mismatch(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            ));
        }
        let payload = payload_hash(claim, request)?;
        let canonical = canonical_request(claim, request, &payload);
        let text = string_to_sign(claim, &canonical);
        let signature = hex::decode(&claim.signature).unwrap_or_default();
        let key = self.key(claim, secret);
        hmac::verify(&key, text.as_bytes(), &signature).map_err(|_| {
            mismatch(
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
            )
        })
    }

    fn key(&self, claim: &Claim, secret: &str) -> hmac::Key {
        let scope = KeyScope {
            access_key: claim.access_key.clone(),
            date: claim.date.clone(),
            region: claim.region.clone(),
            service: claim.service.clone(),
        };
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, key)) = keys.get(&scope)
            && of == secret
        {
            return key.clone();
        }
        let key = signing_key(secret, &claim.date, &claim.region, &claim.service);
        if keys.len() >= MOST_KEYS {
            keys.clear();
        }
        keys.insert(scope, (secret.to_owned(), key.clone()));
        key
    }
}

fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> hmac::Key {
    let mut key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    for part in [date, region, service, TERMINATOR] {
        key = hmac::Key::new(
            hmac::HMAC_SHA256,
            hmac::sign(&key, part.as_bytes()).as_ref(),
        );
    }
    key
}

/// The hash that was signed: the body's own, or what `X-Amz-Content-Sha256` says if the body
/// bears it out.
fn payload_hash(claim: &Claim, request: &Signed) -> Result<String, Error> {
    let said = request
        .headers
        .get("x-amz-content-sha256")
        .and_then(|value| value.to_str().ok());
    match said {
        Some("UNSIGNED-PAYLOAD") => Ok("UNSIGNED-PAYLOAD".to_owned()),
        None if claim.expires.is_some() && claim.service == "s3" => {
            Ok("UNSIGNED-PAYLOAD".to_owned())
        }
        said => {
            let hash = hex::encode(digest::digest(&digest::SHA256, request.body));
            match said {
                Some(said) if said != hash => Err(mismatch(
                    "The value of the header 'x-amz-content-sha256' does not match the hash of the body.",
                )),
                _ => Ok(hash),
            }
        }
    }
}

fn canonical_request(claim: &Claim, request: &Signed, payload: &str) -> String {
    let mut text = String::with_capacity(512);
    text.push_str(request.method);
    text.push('\n');
    canonical_path(&mut text, request.path, claim.service == "s3");
    text.push('\n');
    canonical_query(&mut text, request.query);
    text.push('\n');
    for name in &claim.signed_headers {
        text.push_str(name);
        text.push(':');
        let mut first = true;
        for value in request.headers.get_all(name.as_str()) {
            if !first {
                text.push(',');
            }
            first = false;
            push_collapsed(&mut text, &String::from_utf8_lossy(value.as_bytes()));
        }
        text.push('\n');
    }
    text.push('\n');
    text.push_str(&claim.signed_headers.join(";"));
    text.push('\n');
    text.push_str(payload);
    text
}

fn string_to_sign(claim: &Claim, canonical: &str) -> String {
    format!(
        "{ALGORITHM}\n{}\n{}/{}/{}/{TERMINATOR}\n{}",
        claim.time,
        claim.date,
        claim.region,
        claim.service,
        hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
    )
}

/// S3 signs the path as it is; every other service removes `.`, `..` and doubled slashes and
/// encodes what is already encoded once more.
fn canonical_path(into: &mut String, path: &str, s3: bool) {
    if path.is_empty() || path == "/" {
        into.push('/');
        return;
    }
    if s3 {
        let plain: Vec<u8> = percent_decode_str(path).collect();
        encode(into, &plain, true);
        return;
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    for segment in &kept {
        into.push('/');
        encode(into, segment.as_bytes(), false);
    }
    if kept.is_empty() || path.ends_with('/') {
        into.push('/');
    }
}

fn canonical_query(into: &mut String, query: &str) {
    if query.is_empty() {
        return;
    }
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (reencode(key), reencode(value))
        })
        .filter(|(key, _)| key != "X-Amz-Signature")
        .collect();
    pairs.sort();
    for (index, (key, value)) in pairs.iter().enumerate() {
        if index > 0 {
            into.push('&');
        }
        into.push_str(key);
        into.push('=');
        into.push_str(value);
    }
}

fn reencode(text: &str) -> String {
    let plain: Vec<u8> = percent_decode_str(text).collect();
    let mut encoded = String::with_capacity(text.len());
    encode(&mut encoded, &plain, false);
    encoded
}

fn encode(into: &mut String, bytes: &[u8], keep_slash: bool) {
    for &byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                into.push(char::from(byte));
            }
            b'/' if keep_slash => into.push('/'),
            byte => {
                write!(into, "%{byte:02X}").expect("a string takes any text");
            }
        }
    }
}

/// Trims a header value and makes each run of spaces one space.
fn push_collapsed(into: &mut String, value: &str) {
    let mut first = true;
    for word in value.split_ascii_whitespace() {
        if !first {
            into.push(' ');
        }
        first = false;
        into.push_str(word);
    }
}

fn header_time(headers: &HeaderMap) -> Option<String> {
    if let Some(value) = headers.get("x-amz-date") {
        return value.to_str().ok().map(ToOwned::to_owned);
    }
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    let instant = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(format_time(instant))
}

fn parse_time(text: &str) -> Option<Timestamp> {
    jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text)
        .ok()?
        .to_zoned_datetime(jiff::tz::TimeZone::UTC)
        .ok()
        .map(|zoned| zoned.timestamp())
}

fn format_time(instant: Timestamp) -> String {
    instant.strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn query_value(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decode_str(key).decode_utf8().ok()? == name)
            .then(|| percent_decode_str(value).decode_utf8_lossy().into_owned())
    })
}

fn incomplete(message: impl Into<String>) -> Error {
    Error::new("IncompleteSignature", 400, message)
}

fn mismatch(message: impl Into<String>) -> Error {
    Error::new("SignatureDoesNotMatch", 403, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::{Path, PathBuf};

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    struct Vector {
        method: String,
        path: String,
        query: String,
        headers: HeaderMap,
        body: String,
    }

    impl Vector {
        /// Reads a request as the vectors write them: header lines may go on in the next line.
        fn parse(text: &str) -> Self {
            let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
            let mut lines = head.lines();
            let first = lines.next().expect("a request line");
            let (method, rest) = first.split_once(' ').expect("a method");
            let target = rest.strip_suffix(" HTTP/1.1").expect("a version");
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let mut headers: Vec<(String, String)> = Vec::new();
            for line in lines {
                if line.starts_with(' ') {
                    let (_, value) = headers.last_mut().expect("a header to go on");
                    value.push(' ');
                    value.push_str(line.trim());
                } else {
                    let (name, value) = line.split_once(':').expect("a header");
                    headers.push((name.to_lowercase(), value.to_owned()));
                }
            }
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(
                    http::HeaderName::from_bytes(name.as_bytes()).expect("a header name"),
                    http::HeaderValue::from_bytes(value.trim().as_bytes()).expect("a header value"),
                );
            }
            Self {
                method: method.to_owned(),
                path: path.to_owned(),
                query: query.to_owned(),
                headers: map,
                body: body.to_owned(),
            }
        }

        fn signed(&self) -> Signed<'_> {
            Signed {
                method: &self.method,
                path: &self.path,
                query: &self.query,
                headers: &self.headers,
                body: self.body.as_bytes(),
            }
        }
    }

    /// The vectors beside the checkout, or where `TERRELLA_VECTORS` says.
    fn vectors() -> PathBuf {
        let root = std::env::var_os("TERRELLA_VECTORS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
            PathBuf::from,
        );
        let sigv4 = root.join("sigv4");
        assert!(
            sigv4.is_dir(),
            "no signature vectors at {}; set TERRELLA_VECTORS to the folder that holds sigv4/",
            sigv4.display()
        );
        sigv4
    }

    fn each_case(folder: &Path, check: &mut dyn FnMut(&Path)) -> usize {
        let mut cases = 0;
        let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
            .expect("a folder of vectors")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        entries.sort();
        for entry in entries {
            if entry.is_dir() {
                cases += each_case(&entry, check);
            } else if entry.extension().is_some_and(|one| one == "sreq") {
                check(&entry);
                cases += 1;
            }
        }
        cases
    }

    #[test]
    fn every_vector_verifies_and_any_other_secret_does_not() {
        let verifier = Verifier::default();
        let cases = each_case(&vectors(), &mut |path| {
            let name = path.display();
            let mut vector = Vector::parse(&std::fs::read_to_string(path).expect("text"));
            // The signed request of one vector carries a signature that is not its own; what is
            // to be sent stands in the .authz file.
            let header = std::fs::read_to_string(path.with_extension("authz")).expect("text");
            vector
                .headers
                .insert("authorization", header.trim().parse().expect("a header"));
            let request = vector.signed();
            let claim = Claim::of(&request).expect("a claim").expect("whole");
            let canonical = std::fs::read_to_string(path.with_extension("creq")).expect("text");
            let payload = payload_hash(&claim, &request).expect("a hash");
            assert_eq!(
                canonical_request(&claim, &request, &payload),
                canonical,
                "{name}"
            );
            let text = std::fs::read_to_string(path.with_extension("sts")).expect("text");
            assert_eq!(string_to_sign(&claim, &canonical), text, "{name}");
            verifier
                .verify(&claim, &request, SECRET)
                .unwrap_or_else(|error| panic!("{name}: {error:?}"));
            let other = verifier
                .verify(&claim, &request, "another")
                .expect_err("a wrong secret");
            assert_eq!(other.code, "SignatureDoesNotMatch", "{name}");
            claim
                .check_time(parse_time("20150830T123600Z").expect("a time"))
                .expect("it is fresh");
        });
        assert!(cases >= 30, "only {cases} vectors were found");
    }

    fn claim(time: &str, expires: Option<i64>) -> Claim {
        let mut claim = Claim::build(
            &format!("AKID/{}/eu-central-1/ec2/aws4_request", &time[..8]),
            "host;x-amz-date",
            "00",
            time.to_owned(),
            None,
            expires,
        )
        .expect("whole");
        claim.expires = expires;
        claim
    }

    #[test]
    fn time_is_bounded_both_ways() {
        let now = parse_time("20260101T120000Z").expect("a time");
        let cases = [
            ("20260101T114500Z", None, None),
            ("20260101T114459Z", None, Some("Signature expired")),
            ("20260101T121500Z", None, None),
            ("20260101T121501Z", None, Some("Signature not yet current")),
            ("20260101T110000Z", Some(3600), None),
            ("20260101T110000Z", Some(3599), Some("Request has expired")),
        ];
        for (time, expires, wanted) in cases {
            let said = claim(time, expires)
                .check_time(now)
                .err()
                .map(|error| error.message);
            match (wanted, &said) {
                (None, None) => {}
                (Some(wanted), Some(said)) if said.starts_with(wanted) => {}
                _ => panic!("{time} {expires:?}: {said:?}"),
            }
        }
    }

    #[test]
    fn claims_that_are_not_whole_say_what_is_missing() {
        let cases = [
            (
                "AWS4-HMAC-SHA256 Credential=a/20260101/r/s/aws4_request, SignedHeaders=host",
                "'Signature'",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=a/20260101/r/s/aws4_request, Signature=00",
                "'SignedHeaders'",
            ),
            (
                "AWS4-HMAC-SHA256 SignedHeaders=host, Signature=00",
                "'Credential'",
            ),
            ("AWS4-HMAC-SHA256 Credential", "missing equal-sign"),
            (
                "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00",
                "5 slash-delimited",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=a/20260101/r/s/aws5, SignedHeaders=host, Signature=00",
                "valid terminator",
            ),
            (
                "AWS4-HMAC-SHA256 Credential=a/20260102/r/s/aws4_request, SignedHeaders=host, Signature=00",
                "does not match YYYYMMDD",
            ),
            (
                "AWS4-ECDSA-P256-SHA256 Credential=a",
                "Unsupported AWS 'algorithm'",
            ),
        ];
        for (value, wanted) in cases {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", value.parse().expect("a header"));
            headers.insert("x-amz-date", "20260101T120000Z".parse().expect("a header"));
            let request = Signed {
                method: "GET",
                path: "/",
                query: "",
                headers: &headers,
                body: b"",
            };
            let error = Claim::of(&request).expect("a claim").expect_err(value);
            assert!(error.message.contains(wanted), "{value}: {}", error.message);
        }
    }

    proptest! {
        #[test]
        fn nothing_in_a_request_makes_it_panic(
            path in "\\PC{0,40}", query in "\\PC{0,60}", value in "[ -~]{0,120}", body in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", format!("AWS4-HMAC-SHA256 {value}").parse().expect("printable"));
            headers.insert("x-amz-date", "20260101T120000Z".parse().expect("printable"));
            let request = Signed { method: "POST", path: &path, query: &query, headers: &headers, body: &body };
            if let Some(Ok(claim)) = Claim::of(&request) {
                let _ = Verifier::default().verify(&claim, &request, SECRET);
                let _ = claim.check_time(Timestamp::UNIX_EPOCH);
            }
            let _ = Claim::of_query(&query);
        }
    }
}
