use std::fs;
use std::net::SocketAddr;

use image::{Credentials, LayoutError, PushError, Reference, push};

use crate::registry::{Registry, credentials};
use crate::{build, builder, skopeo};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_pushed_is_what_skopeo_pulls() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, built) = build(dir.path());
    let registry = Registry::start().await;
    let pushed = push(&layout, &reference(registry.address), Some(&credentials()))
        .await
        .unwrap();
    assert_eq!(pushed.digest, built.manifest_digest);
    assert_eq!(
        (pushed.blobs_sent, pushed.blobs_present, pushed.tagged),
        (3, 0, true)
    );

    let source = format!("docker://{}/team/links:1", registry.address);
    let target = format!("oci:{}", dir.path().join("pulled").display());
    let options = ["--src-tls-verify=false", "--src-creds=AWS:token"];
    tokio::task::spawn_blocking(move || {
        skopeo(&["copy", options[0], options[1], &source, &target]);
        let seen = skopeo(&["inspect", "--format={{.Digest}}", &target]);
        assert_eq!(seen.trim(), built.manifest_digest);
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_second_push_sends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _) = build(dir.path());
    let registry = Registry::start().await;
    let reference = reference(registry.address);
    push(&layout, &reference, Some(&credentials()))
        .await
        .unwrap();
    {
        let mut state = registry.state.lock().unwrap();
        state.immutable = true;
        state.requests.clear();
    }
    let again = push(&layout, &reference, Some(&credentials()))
        .await
        .unwrap();
    assert_eq!(
        (again.blobs_sent, again.blobs_present, again.tagged),
        (0, 3, false)
    );
    let requests = std::mem::take(&mut registry.state.lock().unwrap().requests);
    assert!(
        requests.iter().all(|line| line.starts_with("HEAD ")),
        "{requests:?}"
    );

    // Another image under the same, immutable tag: the registry's reason is passed on.
    let mut other = builder(dir.path());
    other.labels.clear();
    other.build(&layout).unwrap();
    let refused = push(&layout, &reference, Some(&credentials()))
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "set tag 1: the registry answered 400: the tag is immutable (TAG_INVALID)"
    );
}

#[tokio::test]
async fn a_push_that_was_cut_off_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, built) = build(dir.path());
    let registry = Registry::start().await;
    let reference = reference(registry.address);
    registry.state.lock().unwrap().failing = true;
    let failed = push(&layout, &reference, Some(&credentials()))
        .await
        .unwrap_err();
    assert!(failed.to_string().contains("the disk is full"), "{failed}");
    assert!(registry.state.lock().unwrap().manifests.is_empty());

    let pushed = push(&layout, &reference, Some(&credentials()))
        .await
        .unwrap();
    assert_eq!(pushed.digest, built.manifest_digest);
}

#[tokio::test]
async fn wrong_credentials_and_no_registry_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, _) = build(dir.path());
    let registry = Registry::start().await;
    let reference = reference(registry.address);
    let wrong = Credentials {
        password: "old token".to_owned(),
        ..credentials()
    };
    assert!(!format!("{wrong:?}").contains("old token"));
    for credentials in [None, Some(&wrong)] {
        let refused = push(&layout, &reference, credentials).await.unwrap_err();
        assert!(
            matches!(refused, PushError::Credentials { status: 401, .. }),
            "{refused}"
        );
    }
    // A port that nobody listens on, because we hold it without listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = self::reference(socket.local_addr().unwrap());
    let unreachable = push(&layout, &nobody, None).await.unwrap_err();
    assert!(
        matches!(unreachable, PushError::Connect { .. }),
        "{unreachable}"
    );
}

#[tokio::test]
async fn a_damaged_layout_is_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let (layout, built) = build(dir.path());
    let registry = Registry::start().await;
    let reference = reference(registry.address);
    let blob = layout
        .join("blobs")
        .join(built.layer_digests[1].replace(':', "/"));
    fs::write(&blob, "something else").unwrap();
    let damaged = push(&layout, &reference, Some(&credentials()))
        .await
        .unwrap_err();
    assert!(
        matches!(damaged, PushError::Layout(LayoutError::Invalid { .. })),
        "{damaged}"
    );
    let missing = push(&dir.path().join("none"), &reference, None)
        .await
        .unwrap_err();
    assert!(
        missing.to_string().contains("build the image first"),
        "{missing}"
    );
    assert!(registry.state.lock().unwrap().manifests.is_empty());
}

fn reference(address: SocketAddr) -> Reference {
    format!("{address}/team/links:1").parse().unwrap()
}
