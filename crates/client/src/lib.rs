//! Speaks to a running region from outside, as the account's root: what its administration
//! answers, and AWS's API in the JSON, query and S3 protocols. For the command line and the
//! drills, which ask for what a person would ask for; it knows no operation by itself.

mod sign;
mod tree;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;

pub use tree::Tree;

/// The key of the account's root.
pub const ACCESS_KEY: &str = "test";
pub const SECRET_KEY: &str = "test";

/// The certificate of the authority that signs for the region with this folder, for who trusts it.
pub fn authority(data: &Path) -> PathBuf {
    data.join("ca").join("ca.pem")
}

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{subject}: nobody answers")]
    Unreachable {
        subject: String,
        source: std::io::Error,
    },
    #[error("{subject}")]
    Broken {
        subject: String,
        source: hyper::Error,
    },
    #[error("{subject} cannot be asked")]
    Request {
        subject: String,
        source: http::Error,
    },
    /// The region understood and said no.
    #[error("{subject}: {code}: {message}")]
    Refused {
        subject: String,
        status: StatusCode,
        code: String,
        message: String,
    },
    #[error("{subject}: the answer cannot be read: {problem}")]
    Answer { subject: String, problem: String },
}

impl Error {
    /// The code of a refusal, such as `BucketAlreadyOwnedByYou`.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }
}

/// A region, by where it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// An IP address, so that S3 requests go to `/bucket`.
    pub address: SocketAddr,
    /// Such as `eu-central-1`.
    pub region: String,
}

impl Client {
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `GET /_terrella/…`
    ///
    /// # Errors
    /// If the region does not answer 200 with JSON.
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.administer(Method::GET, path, None).await
    }

    /// `POST /_terrella/…`
    ///
    /// # Errors
    /// If the region does not answer 200 with JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.administer(Method::POST, path, Some(body)).await
    }

    async fn administer(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Error> {
        let subject = format!("{method} {}{path}", self.url());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::from(body.map(Value::to_string).unwrap_or_default()))
            .map_err(|source| Error::Request {
                subject: subject.clone(),
                source,
            })?;
        let (status, body) = self.ask(&subject, request).await?;
        if status != StatusCode::OK {
            let said: Value = serde_json::from_slice(&body).unwrap_or_default();
            return Err(Error::Refused {
                subject,
                status,
                code: status.to_string(),
                message: said["error"].as_str().map_or_else(
                    || String::from_utf8_lossy(&body).into_owned(),
                    str::to_owned,
                ),
            });
        }
        json(&subject, &body)
    }

    /// Calls an operation of a service that speaks JSON 1.0 or 1.1; `target` as in its
    /// `X-Amz-Target`, such as `AmazonEC2ContainerServiceV20141113.ListTasks`.
    ///
    /// # Errors
    /// What the service answers when it refuses, and whatever keeps it from answering.
    pub async fn json(&self, service: &str, target: &str, input: &Value) -> Result<Value, Error> {
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target),
        ];
        let body = input.to_string();
        let (status, answer) = self
            .signed(Method::POST, service, target, "/", &headers, body.into())
            .await?;
        let answer = json(target, &answer)?;
        if status.is_success() {
            return Ok(answer);
        }
        let code = answer["__type"].as_str().unwrap_or_default();
        Err(Error::Refused {
            subject: target.to_owned(),
            status,
            code: code.rsplit('#').next().unwrap_or_default().to_owned(),
            message: ["message", "Message"]
                .iter()
                .find_map(|name| answer[*name].as_str())
                .unwrap_or_default()
                .to_owned(),
        })
    }

    /// Calls an operation of a service that speaks the query protocol, or EC2's kind of it.
    ///
    /// # Errors
    /// What the service answers when it refuses, and whatever keeps it from answering.
    pub async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Tree, Error> {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .append_pair("Version", version)
            .extend_pairs(parameters)
            .finish();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let (status, answer) = self
            .signed(Method::POST, service, action, "/", &headers, body.into())
            .await?;
        let tree = Tree::read(&answer).map_err(|problem| Error::Answer {
            subject: action.to_owned(),
            problem,
        })?;
        if status.is_success() {
            return Ok(tree);
        }
        Err(refused(action, status, &tree))
    }

    /// Calls an operation of a query service as a link does that somebody opens: `GET /?Action=…`
    /// without a signature.
    ///
    /// # Errors
    /// What the service answers when it refuses, and whatever keeps it from answering.
    pub async fn link(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Tree, Error> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("Action", action)
            .extend_pairs(parameters)
            .finish();
        let request = Request::get(format!("/?{query}"))
            .header(header::HOST, self.address.to_string())
            .body(Full::default())
            .map_err(|source| Error::Request {
                subject: action.to_owned(),
                source,
            })?;
        let (status, answer) = self.ask(action, request).await?;
        let tree = Tree::read(&answer).map_err(|problem| Error::Answer {
            subject: action.to_owned(),
            problem,
        })?;
        if status.is_success() {
            return Ok(tree);
        }
        Err(refused(action, status, &tree))
    }

    /// An S3 request; the path is `/bucket` or `/bucket/key`, of characters that need no escape.
    ///
    /// # Errors
    /// What S3 answers when it refuses, and whatever keeps it from answering.
    pub async fn s3(&self, method: Method, path: &str, body: Bytes) -> Result<Bytes, Error> {
        let subject = format!("{method} s3:/{path}");
        let (status, answer) = self.signed(method, "s3", &subject, path, &[], body).await?;
        if status.is_success() {
            return Ok(answer);
        }
        match Tree::read(&answer) {
            Ok(tree) => Err(refused(&subject, status, &tree)),
            Err(problem) => Err(Error::Answer { subject, problem }),
        }
    }

    /// Makes a bucket; that it is there already is fine.
    ///
    /// # Errors
    /// What S3 answers when it refuses, and whatever keeps it from answering.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), Error> {
        let body = if self.region == "us-east-1" {
            String::new()
        } else {
            format!(
                "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <LocationConstraint>{}</LocationConstraint></CreateBucketConfiguration>",
                self.region
            )
        };
        match self
            .s3(Method::PUT, &format!("/{bucket}"), body.into())
            .await
        {
            Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            done => done.map(|_| ()),
        }
    }

    async fn signed(
        &self,
        method: Method,
        service: &str,
        subject: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), Error> {
        let time = jiff::Timestamp::now();
        let host = self.address.to_string();
        let unsigned = sign::Unsigned {
            method: method.as_str(),
            path,
            host: &host,
            headers,
            body: &body,
            region: &self.region,
            service,
        };
        let mut request = Request::builder().method(method.clone()).uri(path);
        for (name, value) in unsigned.headers(time) {
            request = request.header(name, value);
        }
        let request = request
            .body(Full::from(body.clone()))
            .map_err(|source| Error::Request {
                subject: subject.to_owned(),
                source,
            })?;
        self.ask(subject, request).await
    }

    async fn ask(
        &self,
        subject: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), Error> {
        let subject = || format!("{subject} at {}", self.address);
        let stream = tokio::net::TcpStream::connect(self.address)
            .await
            .map_err(|source| Error::Unreachable {
                subject: subject(),
                source,
            })?;
        let broken = |source| Error::Broken {
            subject: subject(),
            source,
        };
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let connection = tokio::spawn(connection);
        let answer = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>((status, body))
        }
        .await;
        connection.abort();
        answer.map_err(broken)
    }
}

fn json(subject: &str, body: &[u8]) -> Result<Value, Error> {
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|error| Error::Answer {
        subject: subject.to_owned(),
        problem: error.to_string(),
    })
}

/// The error of the query, EC2 and S3 protocols, which wrap the same two elements differently.
fn refused(subject: &str, status: StatusCode, tree: &Tree) -> Error {
    let error = tree
        .first("Error")
        .or_else(|| {
            tree.first("Errors")
                .and_then(|errors| errors.first("Error"))
        })
        .unwrap_or(tree);
    Error::Refused {
        subject: subject.to_owned(),
        status,
        code: error.text("Code").to_owned(),
        message: error.text("Message").to_owned(),
    }
}
