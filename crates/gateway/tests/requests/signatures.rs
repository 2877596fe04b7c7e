//! Requests that are unsigned, wrongly signed, too old, or by nobody known.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>

use std::time::{Duration, SystemTime};

use super::bench::{Bench, Request};

fn calls() -> [Request; 4] {
    [
        Request::form("sts", "Action=GetCallerIdentity&Version=2011-06-15"),
        Request::form("ec2", "Action=DescribeVpcs&Version=2016-11-15"),
        Request::json(
            "ecs",
            "AmazonEC2ContainerServiceV20141113.ListClusters",
            "{}",
        ),
        Request::new("route53", "").at("GET", "/2013-04-01/trafficpolicies"),
    ]
}

/// Those that come as far as a signature: what is not there is said to anyone.
fn built() -> impl Iterator<Item = Request> {
    calls().into_iter().take(3)
}

#[tokio::test]
async fn an_unsigned_call_is_refused() {
    let bench = Bench::start().await;
    for call in built() {
        let mut call = call;
        // Without a signature the service is known from the target or the host.
        let host = format!("{}.eu-central-1.amazonaws.com", call.service);
        call.headers
            .push(("x-forwarded-for", "192.0.2.1".to_owned()));
        let mut connection = bench.connect().await;
        let length = format!("content-length: {}\r\n", call.body.len());
        let mut bytes = call.head(&host, &[], &length).into_bytes();
        bytes.extend(&call.body);
        connection.send(&bytes).await;
        let answer = connection.answer().await.expect("an answer");
        answer.says(
            403,
            &["MissingAuthenticationToken", "Missing Authentication Token"],
        );
    }
}

#[tokio::test]
async fn a_wrong_secret_is_refused() {
    let bench = Bench::start().await;
    for mut call in built() {
        call.secret = "wrong";
        bench.ask(&call).await.says(403, &["SignatureDoesNotMatch"]);
    }
}

#[tokio::test]
async fn an_unknown_key_is_refused_in_the_words_of_its_protocol() {
    let bench = Bench::start().await;
    let codes = [
        "InvalidClientTokenId",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
    ];
    for (mut call, code) in built().zip(codes) {
        call.key = "AKIAABSENT0000000000";
        let text = "The security token included in the request is invalid.";
        bench.ask(&call).await.says(403, &[code, text]);
    }
}

#[tokio::test]
async fn what_was_changed_after_it_was_signed_is_refused() {
    let bench = Bench::start().await;
    for call in built() {
        let signature = call.signature(&bench.host());
        let mut changed = call.clone();
        changed.body.push(b' ');
        let answer = bench.ask_with(&changed, &signature).await;
        answer.says(403, &["SignatureDoesNotMatch"]);
        let mut changed = call.clone();
        changed.path.push_str("?more=1");
        let answer = bench.ask_with(&changed, &signature).await;
        answer.says(403, &["SignatureDoesNotMatch"]);
        let mut cut = signature.clone();
        for (name, value) in &mut cut {
            if name == "authorization" {
                value.truncate(value.len() - 2);
            }
        }
        let answer = bench.ask_with(&call, &cut).await;
        answer.says(403, &["SignatureDoesNotMatch"]);
    }
}

#[tokio::test]
async fn a_signature_lives_a_quarter_of_an_hour() {
    let bench = Bench::start().await;
    let minutes = Duration::from_mins;
    for call in built() {
        let mut old = call.clone();
        old.time = SystemTime::now() - minutes(16);
        let answer = bench.ask(&old).await;
        answer.says(
            403,
            &["SignatureDoesNotMatch", "Signature expired", "15 min."],
        );
        let mut early = call.clone();
        early.time = SystemTime::now() + minutes(16);
        let answer = bench.ask(&early).await;
        answer.says(403, &["SignatureDoesNotMatch", "Signature not yet current"]);
        let mut still = call;
        still.time = SystemTime::now() - minutes(14);
        bench.ask(&still).await.says(200, &[]);
    }
}

#[tokio::test]
async fn half_a_signature_is_incomplete() {
    let bench = Bench::start().await;
    let call = Request::form("sts", "Action=GetCallerIdentity&Version=2011-06-15");
    let cases = [
        (
            "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/sts/aws4_request, Signature=00",
            "'SignedHeaders'",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/sts/aws4_request, SignedHeaders=host",
            "'Signature'",
        ),
        (
            "AWS4-HMAC-SHA256 Credential=/sts/aws4_request, nonsense",
            "nonsense",
        ),
    ];
    for (value, text) in cases {
        let signature = [("authorization".to_owned(), value.to_owned())];
        let answer = bench.ask_with(&call, &signature).await;
        answer.says(400, &["IncompleteSignature", text]);
    }
}

#[tokio::test]
async fn s3_says_it_in_its_own_words() {
    let bench = Bench::start().await;
    let list = Request::new("s3", "").at("GET", "/");
    let mut wrong = list.clone();
    wrong.secret = "wrong";
    let answer = bench.ask(&wrong).await;
    answer.says(
        403,
        &[
            "<Code>SignatureDoesNotMatch</Code>",
            "<RequestId>",
            "<Resource>/</Resource>",
        ],
    );
    assert!(
        answer.header("x-amz-request-id").is_some(),
        "{}",
        answer.head
    );
    let mut unknown = list.clone();
    unknown.key = "AKIAABSENT0000000000";
    let answer = bench.ask(&unknown).await;
    answer.says(403, &["<Code>InvalidAccessKeyId</Code>"]);
    let mut old = list.clone();
    old.time = SystemTime::now() - Duration::from_mins(16);
    let answer = bench.ask(&old).await;
    answer.says(403, &["<Code>RequestTimeTooSkewed</Code>"]);
    let answer = bench.ask_with(&list, &[]).await;
    answer.says(403, &["<Code>AccessDenied</Code>"]);
}
