//! Blobs: sent in one piece or several, mounted from another repository, read whole or in part.

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, LOCATION, RANGE,
};
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use region::services::ecr::registry as rules;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::error::Refusal;
use super::files::Upload;
use super::{Answer, Asked, Body, CONTENT_DIGEST, Registry, checked_digest, query, reply, with};

const UPLOAD: HeaderName = HeaderName::from_static("docker-upload-uuid");

impl Registry {
    pub(super) async fn get_blob(&self, asked: &Asked<'_>, name: &str, digest: &str) -> Answer {
        let head = asked.parts.method == Method::HEAD;
        let action = if head {
            "ecr:BatchCheckLayerAvailability"
        } else {
            "ecr:GetDownloadUrlForLayer"
        };
        self.admit(asked, action, name)?;
        checked_digest(digest)?;
        let size = self
            .engine
            .read(|region, _| rules::blob(region, name, digest))
            .ok_or_else(|| Refusal::no_blob(digest))?;
        let mut headers = vec![
            (CONTENT_TYPE, "application/octet-stream".to_owned()),
            (CONTENT_DIGEST, digest.to_owned()),
            (ACCEPT_RANGES, "bytes".to_owned()),
        ];
        let mut file = match self.files.read(digest).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                tracing::error!(digest, "the bytes of a blob are missing");
                return Err(Refusal::no_blob(digest));
            }
            Err(error) => return Err(Refusal::disk(&error)),
        };
        if head {
            headers.push((CONTENT_LENGTH, size.to_string()));
            return Ok(reply(StatusCode::OK, &headers));
        }
        let asked_range = (asked.parts.headers.get(RANGE)).and_then(|value| value.to_str().ok());
        let (status, start, length) = match asked_range.and_then(|text| range(text, size)) {
            None => (StatusCode::OK, 0, size),
            Some(Err(())) => {
                headers.push((CONTENT_RANGE, format!("bytes */{size}")));
                return Ok(reply(StatusCode::RANGE_NOT_SATISFIABLE, &headers));
            }
            Some(Ok((start, end))) => {
                headers.push((CONTENT_RANGE, format!("bytes {start}-{end}/{size}")));
                (StatusCode::PARTIAL_CONTENT, start, end - start + 1)
            }
        };
        headers.push((CONTENT_LENGTH, length.to_string()));
        if start > 0 {
            let sought = file.seek(std::io::SeekFrom::Start(start)).await;
            sought.map_err(|error| Refusal::disk(&error))?;
        }
        let stream = ReaderStream::with_capacity(file.take(length), 64 << 10);
        let stream = stream.map_ok(Frame::data).map_err(Into::into);
        Ok(with(
            status,
            &headers,
            BodyExt::boxed_unsync(StreamBody::new(stream)),
        ))
    }

    /// `POST`: mounts a blob that another repository holds, takes one whole, or opens an upload.
    pub(super) async fn begin(&self, asked: &Asked<'_>, name: &str, body: Incoming) -> Answer {
        self.admit(asked, "ecr:InitiateLayerUpload", name)?;
        if let Some(mounted) = self.mount(asked, name).await? {
            return Ok(mounted);
        }
        let id = self.engine.read(|_, context| context.uuid());
        let begun = self.files.begin(&id, name).await;
        let upload = begun.map_err(|error| Refusal::disk(&error))?;
        let mut upload = upload.ok_or_else(|| {
            Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TOOMANYREQUESTS",
                "Too many uploads are under way",
            )
        })?;
        if let Some(digest) = query(asked.parts, "digest") {
            checked_digest(&digest)?;
            receive(&mut upload, body).await?;
            return self.keep(asked, name, upload, &digest).await;
        }
        self.files.put_back(&id, upload);
        Ok(accepted(name, &id, 0))
    }

    async fn mount(
        &self,
        asked: &Asked<'_>,
        name: &str,
    ) -> Result<Option<Response<Body>>, Refusal> {
        let Some(digest) = query(asked.parts, "mount") else {
            return Ok(None);
        };
        let Some(from) = query(asked.parts, "from") else {
            return Ok(None);
        };
        checked_digest(&digest)?;
        if (self.admit(asked, "ecr:GetDownloadUrlForLayer", &from)).is_err() {
            return Ok(None);
        }
        let size = (self.engine).read(|region, _| rules::blob(region, &from, &digest));
        let Some(size) = size else {
            return Ok(None);
        };
        self.note(asked, name, &digest, size).await?;
        Ok(Some(created(name, &digest)))
    }

    /// `PATCH`: more of a blob.
    pub(super) async fn append(
        &self,
        asked: &Asked<'_>,
        name: &str,
        id: &str,
        body: Incoming,
    ) -> Answer {
        self.admit(asked, "ecr:UploadLayerPart", name)?;
        let mut upload = self.files.take(id, name).ok_or_else(Refusal::no_upload)?;
        if !continues(asked, &upload) {
            return Ok(self.out_of_order(name, id, upload));
        }
        receive(&mut upload, body).await?;
        let size = upload.size;
        self.files.put_back(id, upload);
        Ok(accepted(name, id, size))
    }

    /// `PUT`: the rest of a blob, if there is one, and its digest.
    pub(super) async fn complete(
        &self,
        asked: &Asked<'_>,
        name: &str,
        id: &str,
        body: Incoming,
    ) -> Answer {
        self.admit(asked, "ecr:CompleteLayerUpload", name)?;
        let digest = query(asked.parts, "digest")
            .ok_or_else(|| Refusal::digest("The digest of the blob has to be given"))?;
        checked_digest(&digest)?;
        let mut upload = self.files.take(id, name).ok_or_else(Refusal::no_upload)?;
        if !continues(asked, &upload) {
            return Ok(self.out_of_order(name, id, upload));
        }
        receive(&mut upload, body).await?;
        self.keep(asked, name, upload, &digest).await
    }

    pub(super) fn progress(&self, asked: &Asked<'_>, name: &str, id: &str) -> Answer {
        self.admit(asked, "ecr:UploadLayerPart", name)?;
        let upload = self.files.take(id, name).ok_or_else(Refusal::no_upload)?;
        let mut response = accepted(name, id, upload.size);
        self.files.put_back(id, upload);
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok(response)
    }

    pub(super) fn cancel(&self, asked: &Asked<'_>, name: &str, id: &str) -> Answer {
        self.admit(asked, "ecr:UploadLayerPart", name)?;
        let upload = self.files.take(id, name).ok_or_else(Refusal::no_upload)?;
        drop(upload);
        Ok(reply(StatusCode::NO_CONTENT, &[]))
    }

    fn out_of_order(&self, name: &str, id: &str, upload: Upload) -> Response<Body> {
        let mut response = accepted(name, id, upload.size);
        self.files.put_back(id, upload);
        *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
        response
    }

    async fn keep(&self, asked: &Asked<'_>, name: &str, upload: Upload, digest: &str) -> Answer {
        let kept = self.files.finish(upload, digest).await;
        let size = kept
            .map_err(|error| Refusal::disk(&error))?
            .map_err(|found| {
                Refusal::digest(format!("The blob was said to be {digest} and is {found}"))
            })?;
        self.note(asked, name, digest, size).await?;
        Ok(created(name, digest))
    }

    async fn note(
        &self,
        asked: &Asked<'_>,
        name: &str,
        digest: &str,
        size: u64,
    ) -> Result<(), Refusal> {
        let (name, digest) = (name.to_owned(), digest.to_owned());
        self.write(asked, move |region, context| {
            rules::add_blob(region, context, &name, &digest, size)
        })
        .await
    }
}

async fn receive(upload: &mut Upload, mut body: Incoming) -> Result<(), Refusal> {
    let mut written = Ok(());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(Refusal::broken)?;
        let chunk: Bytes = frame.into_data().unwrap_or_default();
        // What cannot be kept is still read: a client hears no answer while it sends.
        if written.is_ok() {
            written = upload.write(&chunk).await;
        }
    }
    written.map_err(|error| Refusal::disk(&error))
}

/// Whether a piece begins where the last one ended; one that does not say is taken to.
fn continues(asked: &Asked<'_>, upload: &Upload) -> bool {
    let Some(value) = asked.parts.headers.get(CONTENT_RANGE) else {
        return true;
    };
    let start = value.to_str().ok().and_then(|text| {
        let text = text.strip_prefix("bytes ").unwrap_or(text);
        text.split_once('-')?.0.trim().parse::<u64>().ok()
    });
    start == Some(upload.size)
}

fn accepted(name: &str, id: &str, size: u64) -> Response<Body> {
    reply(
        StatusCode::ACCEPTED,
        &[
            (LOCATION, format!("/v2/{name}/blobs/uploads/{id}")),
            (RANGE, format!("0-{}", size.saturating_sub(1))),
            (UPLOAD, id.to_owned()),
        ],
    )
}

fn created(name: &str, digest: &str) -> Response<Body> {
    reply(
        StatusCode::CREATED,
        &[
            (LOCATION, format!("/v2/{name}/blobs/{digest}")),
            (CONTENT_DIGEST, digest.to_owned()),
        ],
    )
}

/// The first and last byte that a `Range` names. `None`: it is not one that has to be heeded.
fn range(text: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (start, end) = text.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (start.is_empty(), end.is_empty()) {
        (true, true) => return None,
        (true, false) => {
            let last: u64 = end.parse().ok()?;
            if last == 0 {
                return Some(Err(()));
            }
            (size.saturating_sub(last), size.checked_sub(1)?)
        }
        (false, true) => (start.parse().ok()?, size.checked_sub(1)?),
        (false, false) => {
            let (start, end): (u64, u64) = (start.parse().ok()?, end.parse().ok()?);
            if end < start {
                return None;
            }
            (start, end.min(size.checked_sub(1)?))
        }
    };
    Some(if start > end || start >= size {
        Err(())
    } else {
        Ok((start, end))
    })
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges() {
        let cases = [
            ("bytes=0-3", Some(Ok((0, 3)))),
            ("bytes=4-", Some(Ok((4, 9)))),
            ("bytes=4-99", Some(Ok((4, 9)))),
            ("bytes=-3", Some(Ok((7, 9)))),
            ("bytes=-99", Some(Ok((0, 9)))),
            ("bytes=10-", Some(Err(()))),
            ("bytes=-0", Some(Err(()))),
            ("bytes=10-12", Some(Err(()))),
            ("bytes=3-2", None),
            ("bytes=-", None),
            ("bytes=a-b", None),
            ("bytes=0-1,3-4", None),
            ("lines=0-1", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(range(text, 10), wanted, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), None);
    }
}
