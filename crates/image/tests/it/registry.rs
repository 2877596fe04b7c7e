//! A registry that keeps everything in memory and demands one name and password.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use image::Credentials;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const AUTHORIZATION: &str = "Basic QVdTOnRva2Vu";

pub(crate) fn credentials() -> Credentials {
    Credentials {
        username: "AWS".to_owned(),
        password: "token".to_owned(),
    }
}

pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    pub(crate) state: Shared,
    server: JoinHandle<()>,
}

pub(crate) type Shared = Arc<Mutex<Contents>>;

#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) blobs: BTreeMap<String, Bytes>,
    /// By tag and by digest.
    pub(crate) manifests: BTreeMap<String, (String, Bytes)>,
    uploads: Vec<Bytes>,
    pub(crate) immutable: bool,
    /// The next upload fails half way.
    pub(crate) failing: bool,
    pub(crate) requests: Vec<String>,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        let state = Shared::default();
        let app = Router::new()
            .route("/v2/", get(async || StatusCode::OK))
            .route("/v2/team/links/blobs/uploads/", post(open_upload))
            .route(
                "/v2/team/links/uploads/{id}",
                patch(fill_upload).put(finish_upload),
            )
            .route("/v2/team/links/blobs/{digest}", get(read_blob))
            .route(
                "/v2/team/links/manifests/{reference}",
                get(read_manifest).put(write_manifest),
            )
            .layer(DefaultBodyLimit::max(1024 * 1024))
            .layer(axum::middleware::from_fn_with_state(
                Arc::clone(&state),
                guard,
            ))
            .with_state(Arc::clone(&state));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("read the address");
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("serve");
        });
        Self {
            address,
            state,
            server,
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn guard(State(state): State<Shared>, request: Request, next: Next) -> Response {
    let authorized = request
        .headers()
        .get("authorization")
        .is_some_and(|value| value == AUTHORIZATION);
    if !authorized {
        let challenge = [("www-authenticate", "Basic realm=\"registry\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    let line = format!("{} {}", request.method(), request.uri().path());
    state.lock().expect("no holder panics").requests.push(line);
    next.run(request).await
}

async fn open_upload(State(state): State<Shared>) -> impl IntoResponse {
    let mut state = state.lock().expect("no holder panics");
    state.uploads.push(Bytes::new());
    // Relative, as the protocol allows, and with a query that must be kept.
    let location = format!("../../uploads/{}?state=open", state.uploads.len() - 1);
    (StatusCode::ACCEPTED, [("location", location)])
}

async fn fill_upload(
    State(state): State<Shared>,
    Path(id): Path<usize>,
    Query(query): Query<BTreeMap<String, String>>,
    body: Bytes,
) -> Response {
    assert_eq!(query["state"], "open");
    let mut state = state.lock().expect("no holder panics");
    if std::mem::take(&mut state.failing) {
        let error = r#"{"errors":[{"code":"BLOB_UPLOAD_INVALID","message":"the disk is full"}]}"#;
        return (StatusCode::INSUFFICIENT_STORAGE, error).into_response();
    }
    state.uploads[id] = body;
    let location = format!("/v2/team/links/uploads/{id}?state=filled");
    (StatusCode::ACCEPTED, [("location", location)]).into_response()
}

async fn finish_upload(
    State(state): State<Shared>,
    Path(id): Path<usize>,
    Query(query): Query<BTreeMap<String, String>>,
) -> StatusCode {
    assert_eq!(query["state"], "filled");
    let mut state = state.lock().expect("no holder panics");
    let bytes = state.uploads[id].clone();
    state.blobs.insert(query["digest"].clone(), bytes);
    StatusCode::CREATED
}

async fn read_blob(State(state): State<Shared>, Path(digest): Path<String>) -> Response {
    let state = state.lock().expect("no holder panics");
    match state.blobs.get(&digest) {
        Some(bytes) => bytes.clone().into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn read_manifest(State(state): State<Shared>, Path(reference): Path<String>) -> Response {
    let state = state.lock().expect("no holder panics");
    let Some((digest, bytes)) = state.manifests.get(&reference) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers = [
        ("docker-content-digest", digest.as_str()),
        ("content-type", "application/vnd.oci.image.manifest.v1+json"),
    ];
    (headers, bytes.clone()).into_response()
}

async fn write_manifest(
    State(state): State<Shared>,
    method: Method,
    Path(tag): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(method, Method::PUT);
    assert_eq!(
        headers["content-type"],
        "application/vnd.oci.image.manifest.v1+json"
    );
    let mut state = state.lock().expect("no holder panics");
    if state.immutable && state.manifests.contains_key(&tag) {
        let error = r#"{"errors":[{"code":"TAG_INVALID","message":"the tag is immutable"}]}"#;
        return (StatusCode::BAD_REQUEST, error).into_response();
    }
    let digest = format!("sha256:{}", sha256(&body));
    for name in [tag, digest.clone()] {
        state.manifests.insert(name, (digest.clone(), body.clone()));
    }
    (StatusCode::CREATED, [("docker-content-digest", digest)]).into_response()
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest;
    hex::encode(sha2::Sha256::digest(bytes))
}
