//! Connections that are slow, that break off, and that go on.

use std::time::Duration;

use gateway::Patience;

use super::bench::{Bench, Request};

const SOON: Duration = Duration::from_millis(200);
const NEVER: Duration = Duration::from_hours(1);

fn call() -> Request {
    Request::form("sts", "Action=GetCallerIdentity&Version=2011-06-15")
}

#[tokio::test]
async fn a_connection_goes_on_after_a_refusal() {
    let bench = Bench::start().await;
    let mut connection = bench.connect().await;
    let mut wrong = call();
    wrong.secret = "wrong";
    let unknown = Request::form("sts", "Action=MakeTea&Version=2011-06-15");
    for (request, status) in [(wrong, 403), (unknown, 400), (call(), 200)] {
        let signature = request.signature(&bench.host());
        let length = format!("content-length: {}\r\n", request.body.len());
        let mut bytes = request
            .head(&bench.host(), &signature, &length)
            .into_bytes();
        bytes.extend(&request.body);
        connection.send(&bytes).await;
        connection
            .answer()
            .await
            .expect("an answer")
            .says(status, &[]);
    }
}

#[tokio::test]
async fn a_head_that_does_not_come_ends_the_connection() {
    let bench = Bench::with(Patience {
        head: SOON,
        body: NEVER,
    })
    .await;
    // Nothing; what may become HTTP/2; half a line; half a head.
    for sent in [
        "",
        "P",
        "PRI * HT",
        "POST / HT",
        "POST / HTTP/1.1\r\nhost: x\r\nx-am",
    ] {
        let mut connection = bench.connect().await;
        connection.send(sent.as_bytes()).await;
        connection.is_closed().await;
    }
    bench.is_well().await;
}

#[tokio::test]
async fn a_body_that_stops_coming_is_not_waited_for() {
    let bench = Bench::with(Patience {
        head: NEVER,
        body: SOON,
    })
    .await;
    let object = Request::new("s3", "").at("PUT", "/bucket/key");
    let cases = [
        (call(), 408, "RequestTimeout"),
        (
            Request::json(
                "ecs",
                "AmazonEC2ContainerServiceV20141113.ListClusters",
                "{}",
            ),
            408,
            "RequestTimeout",
        ),
        (
            Request::new("lambda", "").at("POST", "/2015-03-31/functions"),
            501,
            "NotImplemented",
        ),
    ];
    for (request, status, code) in cases {
        let mut connection = bench.connect().await;
        let signature = request.signature(&bench.host());
        let head = request.head(&bench.host(), &signature, "content-length: 1000\r\n");
        connection.send(head.as_bytes()).await;
        connection.send(b"half").await;
        connection
            .answer()
            .await
            .expect("an answer")
            .says(status, &[code]);
        connection.is_closed().await;
    }
    // An object's body is read as it comes.
    let bucket = Request::new("s3", "<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint></CreateBucketConfiguration>")
        .at("PUT", "/bucket");
    bench.ask(&bucket).await.says(200, &[]);
    let mut connection = bench.connect().await;
    let signature = object.signature(&bench.host());
    let head = object.head(&bench.host(), &signature, "content-length: 1000\r\n");
    connection.send(head.as_bytes()).await;
    connection.send(b"half").await;
    let answer = connection.answer().await.expect("an answer");
    answer.says(400, &["<Code>RequestTimeout</Code>"]);
    connection.is_closed().await;
    bench.is_well().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_acted_on() {
    let bench = Bench::start().await;
    let create = Request::form(
        "ec2",
        "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0%2F16",
    );
    let mut connection = bench.connect().await;
    let signature = create.signature(&bench.host());
    let length = format!("content-length: {}\r\n", create.body.len());
    let head = create.head(&bench.host(), &signature, &length);
    connection.send(head.as_bytes()).await;
    connection.send(&create.body[..create.body.len() - 1]).await;
    connection.finish().await;
    // Whether it is answered or not, nothing was made.
    if let Some(answer) = connection.answer().await {
        answer.says(400, &[]);
    }
    let list = Request::form(
        "ec2",
        "Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=cidr&Filter.1.Value.1=10.0.0.0%2F16",
    );
    let answer = bench.ask(&list).await;
    answer.says(200, &[]);
    assert!(!answer.text().contains("<vpcId>"), "{}", answer.text());
}

#[tokio::test]
async fn what_is_not_http_is_refused() {
    let bench = Bench::start().await;
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x-a: b\r\n".repeat(5000));
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(1 << 20));
    for sent in [
        "nonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        many.as_str(),
        long.as_str(),
    ] {
        let mut connection = bench.connect().await;
        connection.send(sent.as_bytes()).await;
        if let Some(answer) = connection.answer().await {
            assert!((400..500).contains(&answer.status), "{}", answer.head);
        }
        bench.is_well().await;
    }
}
