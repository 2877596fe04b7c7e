//! Bodies that are not what their protocol wants, and bodies that are too large.

use super::bench::{Bench, Request};

const CLUSTERS: &str = "AmazonEC2ContainerServiceV20141113.ListClusters";
const METRICS: &str = "/service/GraniteServiceVersion20100801/operation/ListMetrics";
/// What a body may have at most.
const MOST: usize = 6 << 20;

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let bench = Bench::start().await;
    let deep = "[".repeat(100_000);
    let nested = format!("{{\"a\":{deep}");
    // Lists within lists, none of which ends.
    let deep_list = vec![0x9f; 100_000];
    let cases: Vec<(Request, u16, &str)> = vec![
        (
            Request::json("ecs", CLUSTERS, "{"),
            400,
            "SerializationException",
        ),
        (
            Request::json("ecs", CLUSTERS, "[]"),
            400,
            "SerializationException",
        ),
        (
            Request::json("ecs", CLUSTERS, "\u{0}"),
            400,
            "SerializationException",
        ),
        (
            Request::json("ecs", CLUSTERS, &nested),
            400,
            "SerializationException",
        ),
        (
            Request::json("ecs", CLUSTERS, "{\"maxResults\": \"many\"}"),
            400,
            "SerializationException",
        ),
        (
            Request::form("ec2", "Action=DescribeVpcs&MaxResults=many"),
            400,
            "InvalidParameterValue",
        ),
        (
            Request::form("sts", "Action=GetSessionToken&DurationSeconds=x"),
            400,
            "MalformedInput",
        ),
        (
            Request::cbor("monitoring", METRICS, b"\xff"),
            400,
            "SerializationException",
        ),
        (
            Request::cbor("monitoring", METRICS, b"\xa1"),
            400,
            "SerializationException",
        ),
        (
            Request::cbor("monitoring", METRICS, &deep_list),
            400,
            "SerializationException",
        ),
        (
            Request::new("s3", "<not xml").at("PUT", "/bucket?tagging"),
            400,
            "MalformedXML",
        ),
    ];
    for (request, status, code) in cases {
        bench.ask(&request).await.says(status, &[code]);
        bench.is_well().await;
    }
}

#[tokio::test]
async fn forms_that_name_much_cost_little() {
    let bench = Bench::start().await;
    // An index is not how many there are, and a member's member is not followed for ever.
    let cases = [
        "Action=DescribeVpcs&VpcId.4294967295=vpc-1".to_owned(),
        "Action=DescribeVpcs&VpcId.99999999999999999999=vpc-1".to_owned(),
        format!("Action=DescribeVpcs&Filter{}=x", ".1".repeat(100_000)),
        format!("Action=DescribeVpcs{}", "&VpcId.1=x".repeat(10_000)),
        "Action=DescribeVpcs&Filter.1.Name=%ff%fe&Filter.1.Value.1=%".to_owned(),
        "&&&===&Action=DescribeVpcs".to_owned(),
    ];
    for body in cases {
        let answer = bench.ask(&Request::form("ec2", &body)).await;
        assert!(matches!(answer.status, 200 | 400), "{}", answer.text());
    }
    bench.is_well().await;
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_not_read() {
    let bench = Bench::start().await;
    for call in [
        Request::form("sts", "Action=GetCallerIdentity"),
        Request::json("ecs", CLUSTERS, "{}"),
    ] {
        let mut connection = bench.connect().await;
        let signature = call.signature(&bench.host());
        let length = format!("content-length: {}\r\n", MOST + 1);
        let head = call.head(&bench.host(), &signature, &length);
        connection.send(head.as_bytes()).await;
        let answer = connection.answer().await.expect("an answer");
        answer.says(413, &["RequestEntityTooLarge"]);
        // What would follow cannot be told from a next request.
        connection.is_closed().await;
    }
    bench.is_well().await;
}

#[tokio::test]
async fn a_body_that_becomes_too_large_is_not_kept() {
    let bench = Bench::start().await;
    let call = Request::json("ecs", CLUSTERS, "{}");
    let mut connection = bench.connect().await;
    let signature = call.signature(&bench.host());
    let head = call.head(&bench.host(), &signature, "transfer-encoding: chunked\r\n");
    connection.send(head.as_bytes()).await;
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x1_0000], b"\r\n"].concat();
    for _ in 0..=MOST / 0x1_0000 {
        connection.send(&chunk).await;
    }
    let answer = connection.answer().await.expect("an answer");
    answer.says(413, &["RequestEntityTooLarge"]);
    bench.is_well().await;
}

#[tokio::test]
async fn a_body_that_grows_too_large_when_it_is_opened_is_refused() {
    use std::io::Write;
    let bench = Bench::start().await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let spaces = vec![b' '; 1 << 20];
    for _ in 0..64 {
        packed.write_all(&spaces).expect("memory");
    }
    let body = packed.finish().expect("memory");
    assert!(body.len() < 1 << 20);
    let mut call = Request::json("ecs", CLUSTERS, "").with("content-encoding", "gzip");
    call.body = body;
    let answer = bench.ask(&call).await;
    assert!(matches!(answer.status, 400 | 413), "{}", answer.text());
    bench.is_well().await;
}
