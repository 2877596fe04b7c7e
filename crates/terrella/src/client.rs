//! Requests to the region: what its administration answers, and the one call to AWS's API that
//! comes before Terraform.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use ring::{digest, hmac};

use crate::running::Served;

/// The key of the account's root.
pub(crate) const ACCESS_KEY: &str = "test";
pub(crate) const SECRET_KEY: &str = "test";

async fn ask(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes)> {
    let subject = format!("{} http://{address}{}", request.method(), request.uri());
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .with_context(|| format!("{subject}: nobody answers"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .with_context(|| subject.clone())?;
    let connection = tokio::spawn(connection);
    let answer = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok::<_, hyper::Error>((status, body))
    }
    .await;
    connection.abort();
    answer.context(subject)
}

/// `GET /_terrella/…`
pub(crate) async fn get(served: &Served, path: &str) -> Result<serde_json::Value> {
    let address = served.reached_at();
    let request = Request::get(path)
        .header(http::header::HOST, address.to_string())
        .body(Full::default())?;
    let (status, body) = ask(address, request).await?;
    if status != StatusCode::OK {
        bail!(
            "GET http://{address}{path}: {status}: {}",
            String::from_utf8_lossy(&body)
        );
    }
    serde_json::from_slice(&body)
        .with_context(|| format!("GET http://{address}{path}: the answer is no JSON"))
}

/// Makes the bucket in which Terraform keeps its states; that it is there is fine.
pub(crate) async fn create_bucket(served: &Served, bucket: &str) -> Result<()> {
    let address = served.reached_at();
    let body = if served.region == "us-east-1" {
        String::new()
    } else {
        format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
            served.region
        )
    };
    let time = jiff::Timestamp::now()
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string();
    let host = address.to_string();
    let hash = hex::encode(digest::digest(&digest::SHA256, body.as_bytes()));
    let path = format!("/{bucket}");
    let authorization = sign("PUT", &path, &host, &hash, &time, &served.region);
    let request = Request::builder()
        .method(Method::PUT)
        .uri(&path)
        .header(http::header::HOST, &host)
        .header("x-amz-content-sha256", &hash)
        .header("x-amz-date", &time)
        .header(http::header::AUTHORIZATION, authorization)
        .body(Full::from(body))?;
    let (status, body) = ask(address, request).await?;
    let text = String::from_utf8_lossy(&body);
    if status.is_success() || text.contains("<Code>BucketAlreadyOwnedByYou</Code>") {
        return Ok(());
    }
    bail!("the bucket {bucket} could not be made: {status}: {text}")
}

/// Signature Version 4 of a request to S3 without a query:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.
fn sign(method: &str, path: &str, host: &str, hash: &str, time: &str, region: &str) -> String {
    const HEADERS: &str = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!(
        "{method}\n{path}\n\nhost:{host}\nx-amz-content-sha256:{hash}\nx-amz-date:{time}\n\n\
         {HEADERS}\n{hash}"
    );
    let date = time.get(..8).unwrap_or_default();
    let scope = format!("{date}/{region}/s3/aws4_request");
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex::encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
    );
    let step = |key: &[u8], part: &str| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), part.as_bytes())
    };
    let key = [region, "s3", "aws4_request"].iter().fold(
        step(format!("AWS4{SECRET_KEY}").as_bytes(), date),
        |key, part| step(key.as_ref(), part),
    );
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={HEADERS}, Signature={}",
        hex::encode(step(key.as_ref(), &text))
    )
}

#[cfg(test)]
mod tests {
    use gateway::sigv4::{Claim, Signed, Verifier};

    use super::*;

    #[test]
    fn the_region_accepts_the_signature() {
        let hash = hex::encode(digest::digest(&digest::SHA256, b"body"));
        let time = "20260102T030405Z";
        let authorization = sign(
            "PUT",
            "/states",
            "127.0.0.1:4566",
            &hash,
            time,
            "eu-central-1",
        );
        let mut headers = http::HeaderMap::new();
        for (name, value) in [
            ("host", "127.0.0.1:4566"),
            ("x-amz-content-sha256", &hash),
            ("x-amz-date", time),
            ("authorization", &authorization),
        ] {
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
