//! Signature Version 4 of a request without a query string:
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.

use jiff::Timestamp;
use ring::{digest, hmac};

use crate::{ACCESS_KEY, SECRET_KEY};

pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    /// In lower case. All are signed.
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

impl Unsigned<'_> {
    /// Every header to send, the signature's own among them.
    pub(crate) fn headers(&self, time: Timestamp) -> Vec<(String, String)> {
        let time = time.strftime("%Y%m%dT%H%M%SZ").to_string();
        let hash = hex::encode(digest::digest(&digest::SHA256, self.body));
        let mut headers: Vec<(String, String)> = self
            .headers
            .iter()
            .copied()
            .chain([
                ("host", self.host),
                ("x-amz-content-sha256", &hash),
                ("x-amz-date", &time),
            ])
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        headers.sort();
        let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let lines = headers.iter().fold(String::new(), |lines, (name, value)| {
            lines + name + ":" + value + "\n"
        });
        let canonical = format!("{}\n{}\n\n{lines}\n{names}\n{hash}", self.method, self.path);
        let date = &time[..8];
        let scope = format!("{date}/{}/{}/aws4_request", self.region, self.service);
        let text = format!(
            "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
            hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
        );
        let step = |key: &[u8], part: &str| {
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), part.as_bytes())
        };
        let key = [self.region, self.service, "aws4_request"].iter().fold(
            step(format!("AWS4{SECRET_KEY}").as_bytes(), date),
            |key, part| step(key.as_ref(), part),
        );
        let signature = hex::encode(step(key.as_ref(), &text));
        headers.push((
            "authorization".to_owned(),
            format!(
                "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, \
                 Signature={signature}"
            ),
        ));
        headers
    }
}

#[cfg(test)]
mod tests {
    use gateway::sigv4::{Claim, Signed, Verifier};

    use super::*;

    #[test]
    fn the_region_accepts_the_signature() {
        let unsigned = Unsigned {
            method: "PUT",
            path: "/states",
            host: "127.0.0.1:4566",
            headers: &[
                ("x-amz-target", "Some.Operation"),
                ("content-type", "text/plain"),
            ],
            body: b"body",
            region: "eu-central-1",
            service: "s3",
        };
        let time = "2026-01-02T03:04:05Z".parse().expect("a moment");
        let mut headers = http::HeaderMap::new();
        for (name, value) in unsigned.headers(time) {
            let name: http::HeaderName = name.parse().expect("a header's name");
            headers.insert(name, value.parse().expect("a header's value"));
        }
        let request = Signed {
            method: "PUT",
            path: "/states",
            query: "",
            headers: &headers,
            body: b"body",
        };
        let claim = Claim::of(&request).expect("it is signed").expect("wholly");
        Verifier::default()
            .verify(&claim, &request, SECRET_KEY)
            .expect("the signature is right");
        assert!(
            Verifier::default()
                .verify(&claim, &request, "other")
                .is_err()
        );
    }
}
