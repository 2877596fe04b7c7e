//! From a layout to a registry: what is there already is not sent again.

use std::path::Path;

use bytes::Bytes;
use http::{Method, StatusCode};
use oci_spec::image::Descriptor;

use crate::error::PushError;
use crate::layout::Image;
use crate::reference::Reference;
use crate::registry::{Ask, Credentials, Registry};

const DIGEST_HEADER: &str = "docker-content-digest";

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The image's digest, which the registry confirmed.
    pub digest: String,
    pub blobs_sent: usize,
    pub blobs_present: usize,
    /// Whether the tag was set; not when it already meant this image, as an immutable tag could not be set again.
    pub tagged: bool,
}

/// Sends the one image of a layout. Safe to repeat after any failure: only what is missing is sent.
pub async fn push(
    layout: &Path,
    reference: &Reference,
    credentials: Option<&Credentials>,
) -> Result<Pushed, PushError> {
    let image = Image::open(layout)?;
    let registry = Registry::new(reference, credentials)?;
    let target = Target {
        reference,
        registry,
    };
    let digest = image.manifest_descriptor.digest().to_string();
    let mut pushed = Pushed {
        digest,
        blobs_sent: 0,
        blobs_present: 0,
        tagged: false,
    };
    for blob in image.blobs() {
        if target.has_blob(blob).await? {
            pushed.blobs_present += 1;
        } else {
            target
                .send_blob(blob, image.read_blob(blob)?.into())
                .await?;
            pushed.blobs_sent += 1;
        }
    }
    if target.tag_means().await?.as_ref() != Some(&pushed.digest) {
        target.send_manifest(&image, &pushed.digest).await?;
        pushed.tagged = true;
    }
    Ok(pushed)
}

struct Target<'a> {
    reference: &'a Reference,
    registry: Registry<'a>,
}

impl Target<'_> {
    async fn has_blob(&self, blob: &Descriptor) -> Result<bool, PushError> {
        let url = self.reference.url(&format!("blobs/{}", blob.digest()));
        let ask = Ask {
            step: &format!("look for {}", blob.digest()),
            method: Method::HEAD,
            url: &url,
            content_type: None,
            body: Bytes::new(),
        };
        let answer = self
            .registry
            .ask(ask, &[StatusCode::OK, StatusCode::NOT_FOUND])
            .await?;
        Ok(answer.status == StatusCode::OK)
    }

    /// Opens an upload, sends the whole blob into it, and closes it: the way that every registry knows.
    async fn send_blob(&self, blob: &Descriptor, bytes: Bytes) -> Result<(), PushError> {
        let digest = blob.digest().to_string();
        let open = format!("open an upload for {digest}");
        let asked = self.reference.url("blobs/uploads/");
        let ask = Ask {
            step: &open,
            method: Method::POST,
            url: &asked,
            content_type: None,
            body: Bytes::new(),
        };
        let opened = self.registry.ask(ask, &[StatusCode::ACCEPTED]).await?;
        let upload = opened.location(&open, &asked)?;

        let send = format!("send {digest}");
        let ask = Ask {
            step: &send,
            method: Method::PATCH,
            url: upload.as_str(),
            content_type: Some("application/octet-stream"),
            body: bytes,
        };
        let sent = self.registry.ask(ask, &[StatusCode::ACCEPTED]).await?;
        let mut upload = sent.location(&send, upload.as_str())?;

        upload.query_pairs_mut().append_pair("digest", &digest);
        let ask = Ask {
            step: &format!("finish {digest}"),
            method: Method::PUT,
            url: upload.as_str(),
            content_type: None,
            body: Bytes::new(),
        };
        self.registry.ask(ask, &[StatusCode::CREATED]).await?;
        Ok(())
    }

    /// The digest the tag stands for now.
    async fn tag_means(&self) -> Result<Option<String>, PushError> {
        let url = self
            .reference
            .url(&format!("manifests/{}", self.reference.tag()));
        let ask = Ask {
            step: &format!("look for tag {}", self.reference.tag()),
            method: Method::HEAD,
            url: &url,
            content_type: None,
            body: Bytes::new(),
        };
        let answer = self
            .registry
            .ask(ask, &[StatusCode::OK, StatusCode::NOT_FOUND])
            .await?;
        Ok((answer.status == StatusCode::OK)
            .then(|| answer.header(DIGEST_HEADER).map(str::to_owned))
            .flatten())
    }

    async fn send_manifest(&self, image: &Image, digest: &str) -> Result<(), PushError> {
        let step = format!("set tag {}", self.reference.tag());
        let url = self
            .reference
            .url(&format!("manifests/{}", self.reference.tag()));
        let ask = Ask {
            step: &step,
            method: Method::PUT,
            url: &url,
            content_type: Some(image.manifest_descriptor.media_type().as_ref()),
            body: image.manifest_bytes.clone().into(),
        };
        let answer = self.registry.ask(ask, &[StatusCode::CREATED]).await?;
        match answer.header(DIGEST_HEADER) {
            Some(stored) if stored != digest => Err(PushError::Protocol {
                step,
                reason: format!("it stored {stored} where {digest} was sent"),
            }),
            _ => Ok(()),
        }
    }
}
