//! The image registry: the OCI distribution protocol. Rules and rows are the region's, bytes of
//! blobs are files here.
//!
//! <https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md>

mod blob;
mod error;
mod files;
mod manifest;
mod path;

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use engine::Engine;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use region::services::ecr::manifest::is_digest;
use region::services::ecr::{registry as rules, token};
use region::{Caller, Context, Region};

use self::error::Refusal;
use self::files::Files;
use self::path::{Place, place};
use crate::keys;

type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
type Answer = Result<Response<Body>, Refusal>;

const VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// Answers the registry's protocol.
#[derive(Debug)]
pub(crate) struct Registry {
    engine: Arc<Engine>,
    files: Files,
}

/// One request whose sender is known.
struct Asked<'a> {
    parts: &'a Parts,
    caller: Caller,
}

impl Registry {
    /// Keeps bytes under `<data>/blobs`, where the machine finds them too.
    ///
    /// # Errors
    /// If that folder cannot be made or tidied.
    pub(crate) fn open(engine: &Arc<Engine>, data: &Path) -> io::Result<Self> {
        engine
            .write(
                Caller::Service {
                    principal: "ecr.amazonaws.com",
                },
                |region, context| {
                    rules::forget_orphans(region, context);
                    Ok(())
                },
            )
            .map_err(io::Error::other)?;
        let kept = engine.read(|region, _| rules::kept(region));
        Ok(Self {
            engine: Arc::clone(engine),
            files: Files::open(data, &kept)?,
        })
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let mut response = match self.route(&parts, body).await {
            Ok(response) => response,
            Err(refusal) => {
                if refusal.status.is_server_error() {
                    tracing::warn!(
                        path = parts.uri.path(),
                        ?refusal,
                        "a registry request failed"
                    );
                }
                refusal.answer().map(whole)
            }
        };
        response
            .headers_mut()
            .insert(VERSION, HeaderValue::from_static("registry/2.0"));
        response
    }

    async fn route(&self, parts: &Parts, body: Incoming) -> Answer {
        let caller = self.authenticate(parts)?;
        let asked = Asked { parts, caller };
        let unknown = || Refusal::unsupported("The registry does not have this");
        let Some(place) = place(parts.uri.path()) else {
            return Err(unknown());
        };
        match (&parts.method, place) {
            (&Method::GET | &Method::HEAD, Place::Root) => Ok(reply(StatusCode::OK, &[])),
            (&Method::GET | &Method::HEAD, Place::Blob { name, digest }) => {
                self.get_blob(&asked, &name, &digest).await
            }
            (&Method::POST, Place::Uploads { name }) => self.begin(&asked, &name, body).await,
            (&Method::GET, Place::Upload { name, id }) => self.progress(&asked, &name, &id),
            (&Method::PATCH, Place::Upload { name, id }) => {
                self.append(&asked, &name, &id, body).await
            }
            (&Method::PUT, Place::Upload { name, id }) => {
                self.complete(&asked, &name, &id, body).await
            }
            (&Method::DELETE, Place::Upload { name, id }) => self.cancel(&asked, &name, &id),
            (&Method::GET | &Method::HEAD, Place::Manifest { name, reference }) => {
                self.get_manifest(&asked, &name, &reference).await
            }
            (&Method::PUT, Place::Manifest { name, reference }) => {
                self.put_manifest(&asked, &name, &reference, body).await
            }
            (&Method::DELETE, Place::Manifest { name, reference }) => {
                self.delete_manifest(&asked, &name, &reference).await
            }
            (&Method::GET, Place::Tags { name }) => self.list_tags(&asked, &name),
            (&Method::GET, Place::Referrers { name, digest }) => {
                self.list_referrers(&asked, &name, &digest)
            }
            _ => Err(unknown()),
        }
    }

    /// Who asks: `AWS` with a password of ECR's, or the root's key with its secret.
    fn authenticate(&self, parts: &Parts) -> Result<Caller, Refusal> {
        let host = parts
            .headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .or_else(|| parts.uri.authority().map(http::uri::Authority::as_str))
            .unwrap_or_default();
        let Some(header) = parts.headers.get(AUTHORIZATION) else {
            return Err(Refusal::unauthorized(host, "Not Authorized"));
        };
        let refused = || {
            Refusal::unauthorized(
                host,
                "Your authorization token is not valid or has expired. Reauthenticate and try again.",
            )
        };
        let (user, password) = credentials(header).ok_or_else(refused)?;
        let found = if user == "AWS" {
            self.engine
                .read(|region, context| token::caller(region, context.wall, &password))
        } else if user == keys::ROOT_KEY {
            keys::find(&self.engine, &user)
                .filter(|key| key.secret == password)
                .map(|key| key.caller)
        } else {
            None
        };
        found.ok_or_else(refused)
    }

    /// Refuses what the caller may not do to a repository, or one that is not there.
    fn admit(&self, asked: &Asked<'_>, action: &str, name: &str) -> Result<(), Refusal> {
        self.engine
            .read(|region, context| rules::admit(region, context, &asked.caller, action, name))
            .map_err(Refusal::from)
    }

    /// Changes the region off the reactor's thread, since it waits for the disk.
    async fn write<T: Send + 'static>(
        &self,
        asked: &Asked<'_>,
        change: impl FnOnce(&mut Region, &Context) -> Result<T, wire::Error> + Send + 'static,
    ) -> Result<T, Refusal> {
        let engine = Arc::clone(&self.engine);
        let caller = asked.caller.clone();
        tokio::task::spawn_blocking(move || engine.write(caller, change))
            .await
            .map_err(|error| wire::Error::internal(error.to_string()))?
            .map_err(Refusal::from)
    }
}

fn credentials(header: &HeaderValue) -> Option<(String, String)> {
    let text = header.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

fn checked_digest(digest: &str) -> Result<(), Refusal> {
    if is_digest(digest) {
        Ok(())
    } else {
        Err(Refusal::digest(format!(
            "{digest:?} is not a SHA-256 digest, the only kind that is taken"
        )))
    }
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// An answer without a body.
fn reply(status: StatusCode, headers: &[(HeaderName, String)]) -> Response<Body> {
    with(status, headers, whole(Bytes::new()))
}

fn with(status: StatusCode, headers: &[(HeaderName, String)], body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name.clone(), value);
        }
    }
    response
}

fn query(parts: &Parts, name: &str) -> Option<String> {
    parts.uri.query()?.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key == name).then(|| {
            percent_encoding::percent_decode_str(value)
                .decode_utf8_lossy()
                .into_owned()
        })
    })
}
