//! The registry as `skopeo`, the project's own pusher and a bare client see it.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::Engine;
use gateway::Gateway;
use image::{Builder, Credentials};
use region::services::ecr::manifest::digest_of;
use region::{Caller, Region, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wire::ecr as api;
use wire::{Operation, Shape};

struct Bench {
    data: tempfile::TempDir,
    engine: Arc<Engine>,
    address: std::net::SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Bench {
    async fn start() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(data.path(), Settings::default()).expect("a region");
        let gateway = Gateway::new(Arc::clone(&engine), data.path()).expect("a gateway");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let server = tokio::spawn(gateway.serve(listener));
        Self {
            data,
            engine,
            address,
            server,
        }
    }

    fn call<O: Operation>(&self, input: O::Input) -> O::Output {
        let handler = Region::handler("ecr", O::SCHEMA.name).expect("it is there");
        let answer = self
            .engine
            .call(Caller::Root, "test", handler, input.into_value())
            .expect("it is done");
        O::Output::from_value(answer).expect("it has its shape")
    }

    fn create(&self, name: &str, mutability: api::ImageTagMutability) {
        self.call::<api::op::CreateRepository>(api::CreateRepositoryRequest {
            repository_name: name.to_owned(),
            image_tag_mutability: Some(mutability),
            ..Default::default()
        });
    }

    fn reference(&self, rest: &str) -> String {
        format!("docker://{}/{rest}", self.address)
    }

    fn holds(&self, digest: &str) -> bool {
        let hex = digest.strip_prefix("sha256:").expect("a digest");
        self.data.path().join("blobs/sha256").join(hex).exists()
    }

    /// Sends one request with the root's key; gives the head and the body of the answer.
    async fn ask(&self, request: &str, headers: &str, body: &[u8]) -> (String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).await.expect("connected");
        let key = STANDARD.encode("test:test");
        let head = format!(
            "{request} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\nauthorization: Basic {key}\r\n{headers}content-length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        // In one piece: an answer may come before the body is read.
        let request = [head.as_bytes(), body].concat();
        stream.write_all(&request).await.expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        let end = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a head");
        let body = answer.split_off(end + 4);
        (
            String::from_utf8(answer)
                .expect("a head is text")
                .to_ascii_lowercase(),
            body,
        )
    }
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    head.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        .unwrap_or_else(|| panic!("no {name} in {head}"))
}

async fn skopeo(arguments: &[&str]) -> Output {
    tokio::process::Command::new("skopeo")
        .arg("--insecure-policy")
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await
        .expect("these tests need skopeo: install the package `skopeo`")
}

async fn works(arguments: &[&str]) -> String {
    let done = skopeo(arguments).await;
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "skopeo {arguments:?}: {said}");
    String::from_utf8(done.stdout).expect("text")
}

async fn fails(arguments: &[&str]) -> String {
    let done = skopeo(arguments).await;
    assert!(!done.status.success(), "skopeo {arguments:?} went well");
    String::from_utf8_lossy(&done.stderr).into_owned()
}

/// An image whose one label tells it from others.
fn build(folder: &Path, label: &str) -> (String, image::Built) {
    // A static program as far as its headers tell, which is all that building looks at.
    let mut program = vec![0; 4096];
    program[..6].copy_from_slice(b"\x7fELF\x02\x01");
    program[18] = 62;
    program[32] = 64;
    program[54] = 56;
    let binary = folder.join("program");
    std::fs::write(&binary, program).expect("written");
    let layout = folder.join(label);
    let built = Builder {
        binary,
        name: "app".to_owned(),
        labels: [("label".to_owned(), label.to_owned())].into(),
        ..Builder::default()
    }
    .build(&layout)
    .expect("an image");
    (layout.to_string_lossy().into_owned(), built)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_goes_in_and_comes_back() {
    let bench = Bench::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (layout, built) = build(folder.path(), "one");
    bench.create("team/app", api::ImageTagMutability::Immutable);

    let token =
        bench.call::<api::op::GetAuthorizationToken>(api::GetAuthorizationTokenRequest::default());
    let token = token.authorization_data.expect("one")[0]
        .authorization_token
        .clone();
    let password = STANDARD.decode(token.expect("a token")).expect("base64");
    let credentials = String::from_utf8(password).expect("text");
    let target = bench.reference("team/app:1");
    let source = format!("oci:{layout}");
    works(&[
        "copy",
        "--dest-tls-verify=false",
        "--dest-creds",
        &credentials,
        &source,
        &target,
    ])
    .await;

    let resolved = bench
        .engine
        .read(|region, _| {
            let reference = format!("{}/team/app:1", bench.address);
            region::services::ecr::image::resolve(region, &reference)
        })
        .expect("it is there");
    assert_eq!(resolved.manifest_digest, built.manifest_digest);
    assert_eq!(resolved.config_digest, built.config_digest);
    let layers: Vec<&String> = resolved.layers.iter().map(|layer| &layer.digest).collect();
    assert_eq!(layers, built.layer_digests.iter().collect::<Vec<_>>());
    for blob in built.layer_digests.iter().chain([&built.config_digest]) {
        assert!(bench.holds(blob), "{blob}");
    }

    let back = folder.path().join("back");
    let back_to = format!("dir:{}", back.display());
    works(&[
        "copy",
        "--src-tls-verify=false",
        "--src-creds",
        "test:test",
        &target,
        &back_to,
    ])
    .await;
    let manifest = std::fs::read(back.join("manifest.json")).expect("it came back");
    assert_eq!(digest_of(&manifest), built.manifest_digest);
    let tags = works(&[
        "list-tags",
        "--tls-verify=false",
        "--creds",
        "test:test",
        &bench.reference("team/app"),
    ])
    .await;
    assert!(tags.contains("\"1\""), "{tags}");

    // The same again is no change; another image under the tag is refused.
    works(&[
        "copy",
        "--dest-tls-verify=false",
        "--dest-creds",
        "test:test",
        &source,
        &target,
    ])
    .await;
    let (other, _) = build(folder.path(), "two");
    let said = fails(&[
        "copy",
        "--dest-tls-verify=false",
        "--dest-creds",
        "test:test",
        &format!("oci:{other}"),
        &target,
    ])
    .await;
    assert!(
        said.contains("The image tag '1' already exists in the 'team/app' repository and cannot be overwritten because the repository is immutable."),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_and_unknown_repositories_are_refused() {
    let bench = Bench::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (layout, _) = build(folder.path(), "one");
    let source = format!("oci:{layout}");
    bench.create("app", api::ImageTagMutability::Mutable);
    for credentials in ["AWS:test", "test:wrong", "nobody:test"] {
        let said = fails(&[
            "copy",
            "--dest-tls-verify=false",
            "--dest-creds",
            credentials,
            &source,
            &bench.reference("app:1"),
        ])
        .await;
        assert!(said.contains("unauthorized"), "{credentials}: {said}");
    }
    let said = fails(&[
        "copy",
        "--dest-tls-verify=false",
        "--dest-creds",
        "test:test",
        &source,
        &bench.reference("none:1"),
    ])
    .await;
    assert!(
        said.contains(
            "The repository with name 'none' does not exist in the registry with id '000000000000'"
        ),
        "{said}"
    );

    let mut stream = TcpStream::connect(bench.address).await.expect("connected");
    let request = "GET /v2/ HTTP/1.1\r\nhost: registry.example\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(
        header(&answer.to_ascii_lowercase(), "www-authenticate"),
        "basic realm=\"https://registry.example/\",service=\"ecr.amazonaws.com\""
    );
}

/// Begins a request of `length` bytes, sends some of them and hangs up.
async fn cut_off(bench: &Bench, request: &str, headers: &str, some: &[u8], length: usize) {
    let mut stream = TcpStream::connect(bench.address).await.expect("connected");
    let key = STANDARD.encode("test:test");
    let head = format!(
        "{request} HTTP/1.1\r\nhost: {}\r\nauthorization: Basic {key}\r\n{headers}content-length: {length}\r\n\r\n",
        bench.address,
    );
    let sent = [head.as_bytes(), some].concat();
    stream.write_all(&sent).await.expect("sent");
    stream.shutdown().await.expect("hung up");
    // Whatever it answers, it is done with the request then.
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_is_cut_off_leaves_nothing_and_can_be_done_again() {
    let bench = Bench::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (layout, built) = build(folder.path(), "one");
    bench.create("app", api::ImageTagMutability::Immutable);
    let digest = &built.layer_digests[0];
    let blob = folder.path().join("one/blobs/sha256").join(&digest[7..]);
    let blob = std::fs::read(blob).expect("a layer");
    let half = &blob[..blob.len() / 2];

    // In one request.
    let whole = format!("POST /v2/app/blobs/uploads/?digest={digest}");
    cut_off(&bench, &whole, "", half, blob.len()).await;
    // In pieces: the second is cut off.
    let (head, _) = bench.ask("POST /v2/app/blobs/uploads/", "", b"").await;
    assert!(head.starts_with("http/1.1 202 "), "{head}");
    let place = header(&head, "location").to_owned();
    let (head, _) = bench.ask(&format!("PATCH {place}"), "", &half[..10]).await;
    assert!(head.starts_with("http/1.1 202 "), "{head}");
    cut_off(
        &bench,
        &format!("PATCH {place}"),
        "",
        &half[10..],
        blob.len() - 10,
    )
    .await;
    let manifest = "content-type: application/vnd.oci.image.manifest.v1+json\r\n";
    cut_off(
        &bench,
        "PUT /v2/app/manifests/1",
        manifest,
        b"{\"schemaVersion\"",
        500,
    )
    .await;

    assert!(!bench.holds(digest));
    let (head, body) = bench.ask(&format!("GET {place}"), "", b"").await;
    let body = String::from_utf8_lossy(&body).into_owned();
    assert!(head.starts_with("http/1.1 404 "), "{head}");
    assert!(body.contains("BLOB_UPLOAD_UNKNOWN"), "{body}");
    let unfinished = bench.data.path().join("blobs/unfinished");
    let left = std::fs::read_dir(unfinished).expect("the folder").count();
    assert_eq!(left, 0);
    let listed = bench.call::<api::op::ListImages>(api::ListImagesRequest {
        repository_name: "app".to_owned(),
        ..Default::default()
    });
    assert_eq!(listed.image_ids.unwrap_or_default().len(), 0);

    works(&[
        "copy",
        "--dest-tls-verify=false",
        "--dest-creds",
        "test:test",
        &format!("oci:{layout}"),
        &bench.reference("app:1"),
    ])
    .await;
    assert!(bench.holds(digest));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_pusher_sends_only_what_is_missing() {
    let bench = Bench::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (layout, built) = build(folder.path(), "one");
    bench.create("app", api::ImageTagMutability::Immutable);
    let reference = format!("{}/app:1", bench.address)
        .parse()
        .expect("a reference");
    let credentials = Credentials {
        username: "test".to_owned(),
        password: "test".to_owned(),
    };
    let push = async || {
        image::push(Path::new(&layout), &reference, Some(&credentials))
            .await
            .expect("it is pushed")
    };
    let first = push().await;
    assert_eq!(first.digest, built.manifest_digest);
    assert!(first.tagged && first.blobs_sent > 0 && first.blobs_present == 0);
    let second = push().await;
    assert!(!second.tagged && second.blobs_sent == 0 && second.blobs_present == first.blobs_sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blobs_come_in_pieces_and_are_what_they_are_said_to_be() {
    let bench = Bench::start().await;
    bench.create("app", api::ImageTagMutability::Mutable);
    bench.create("team/other", api::ImageTagMutability::Mutable);
    let own = digest_of(b"some bytes");
    let open = async || {
        let (head, _) = bench.ask("POST /v2/app/blobs/uploads/", "", b"").await;
        assert!(head.starts_with("http/1.1 202 "), "{head}");
        header(&head, "location").to_owned()
    };

    // Another digest than the bytes have: refused, and nothing stays.
    let upload = open().await;
    let wrong = digest_of(b"else");
    let (head, body) = bench
        .ask(&format!("PUT {upload}?digest={wrong}"), "", b"some bytes")
        .await;
    assert!(head.starts_with("http/1.1 400 "), "{head}");
    let said = String::from_utf8(body).expect("text");
    assert!(said.contains("\"code\":\"DIGEST_INVALID\""), "{said}");
    assert!(!bench.holds(&own) && !bench.holds(&wrong));
    let (head, _) = bench.ask(&format!("PATCH {upload}"), "", b"more").await;
    assert!(head.starts_with("http/1.1 404 "), "{head}");

    // In pieces, one of which is out of order.
    let upload = open().await;
    let (head, _) = bench
        .ask(
            &format!("PATCH {upload}"),
            "content-range: 0-3\r\n",
            b"some",
        )
        .await;
    assert!(head.starts_with("http/1.1 202 "), "{head}");
    assert_eq!(header(&head, "range"), "0-3");
    let (head, _) = bench
        .ask(&format!("PATCH {upload}"), "content-range: 9-9\r\n", b"s")
        .await;
    assert!(head.starts_with("http/1.1 416 "), "{head}");
    let (head, _) = bench.ask(&format!("GET {upload}"), "", b"").await;
    assert!(head.starts_with("http/1.1 204 "), "{head}");
    assert_eq!(header(&head, "range"), "0-3");
    let (head, _) = bench
        .ask(
            &format!("PUT {upload}?digest={own}"),
            "content-range: 4-9\r\n",
            b" bytes",
        )
        .await;
    assert!(head.starts_with("http/1.1 201 "), "{head}");
    assert!(bench.holds(&own));

    let blob = format!("/v2/app/blobs/{own}");
    let (head, body) = bench
        .ask(&format!("GET {blob}"), "range: bytes=5-\r\n", b"")
        .await;
    assert!(head.starts_with("http/1.1 206 "), "{head}");
    assert_eq!(body, b"bytes");
    let (head, _) = bench.ask(&format!("HEAD {blob}"), "", b"").await;
    assert_eq!(header(&head, "content-length"), "10");

    // Another repository has it only once it is mounted there.
    let elsewhere = format!("/v2/team/other/blobs/{own}");
    let (head, _) = bench.ask(&format!("HEAD {elsewhere}"), "", b"").await;
    assert!(head.starts_with("http/1.1 404 "), "{head}");
    let mount = format!("POST /v2/team/other/blobs/uploads/?mount={own}&from=app");
    let (head, _) = bench.ask(&mount, "", b"").await;
    assert!(head.starts_with("http/1.1 201 "), "{head}");
    let (head, _) = bench.ask(&format!("HEAD {elsewhere}"), "", b"").await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");

    // A manifest whose parts are not there.
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"c","digest":"{wrong}","size":1}},"layers":[]}}"#
    );
    let kind = "content-type: application/vnd.oci.image.manifest.v1+json\r\n";
    let (head, body) = bench
        .ask("PUT /v2/app/manifests/1", kind, manifest.as_bytes())
        .await;
    assert!(head.starts_with("http/1.1 404 "), "{head}");
    let said = String::from_utf8(body).expect("text");
    assert!(
        said.contains("MANIFEST_BLOB_UNKNOWN") && said.contains(&wrong),
        "{said}"
    );
    let whole = manifest.replace(&wrong, &own);
    let (head, _) = bench
        .ask("PUT /v2/app/manifests/1", kind, whole.as_bytes())
        .await;
    assert!(head.starts_with("http/1.1 201 "), "{head}");
    let (head, body) = bench.ask("GET /v2/app/manifests/1", "", b"").await;
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    assert_eq!(body, whole.as_bytes());
    let (head, _) = bench.ask("DELETE /v2/app/manifests/1", "", b"").await;
    assert!(head.starts_with("http/1.1 202 "), "{head}");
    let (head, body) = bench.ask("GET /v2/app/manifests/1", "", b"").await;
    assert!(head.starts_with("http/1.1 404 "), "{head}");
    assert!(String::from_utf8_lossy(&body).contains("MANIFEST_UNKNOWN"));
}
