//! Manifests and tags.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LINK, LOCATION};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use region::services::ecr::manifest::{MOST_BYTES, OCI_INDEX, is_digest, is_tag};
use region::services::ecr::{registry as rules, store};
use serde_json::json;

use super::error::Refusal;
use super::{Answer, Asked, CONTENT_DIGEST, Registry, checked_digest, query, reply, whole, with};

const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// A reference as a tag or a digest.
fn split(reference: &str) -> Result<(Option<&str>, Option<&str>), Refusal> {
    if is_digest(reference) {
        Ok((None, Some(reference)))
    } else if is_tag(reference) {
        Ok((Some(reference), None))
    } else {
        Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "TAG_INVALID",
            format!("{reference:?} is neither a tag nor a SHA-256 digest"),
        ))
    }
}

impl Registry {
    pub(super) async fn get_manifest(
        &self,
        asked: &Asked<'_>,
        name: &str,
        reference: &str,
    ) -> Answer {
        self.admit(asked, "ecr:BatchGetImage", name)?;
        let (tag, digest) = split(reference)?;
        let (media_type, digest, content, counts) = self.engine.read(|region, context| {
            let row = rules::manifest(region, name, tag, digest)?;
            Ok::<_, wire::Error>((
                row.media_type.clone(),
                row.digest.clone(),
                row.content.clone(),
                rules::pull_counts(context, row),
            ))
        })?;
        let headers = [
            (CONTENT_TYPE, media_type),
            (CONTENT_DIGEST, digest.clone()),
            (CONTENT_LENGTH, content.len().to_string()),
        ];
        if asked.parts.method == Method::HEAD {
            return Ok(reply(StatusCode::OK, &headers));
        }
        if counts {
            let name = name.to_owned();
            self.write(asked, move |region, context| {
                rules::pulled(region, context, &name, &digest);
                Ok(())
            })
            .await?;
        }
        Ok(with(StatusCode::OK, &headers, whole(Bytes::from(content))))
    }

    pub(super) async fn put_manifest(
        &self,
        asked: &Asked<'_>,
        name: &str,
        reference: &str,
        body: Incoming,
    ) -> Answer {
        self.admit(asked, "ecr:PutImage", name)?;
        let (tag, digest) = split(reference)?;
        let (tag, digest) = (tag.map(str::to_owned), digest.map(str::to_owned));
        let invalid =
            |message: String| Refusal::new(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", message);
        let content = match Limited::new(body, MOST_BYTES).collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) => {
                return Err(invalid(format!("The manifest could not be taken: {error}")));
            }
        };
        let content = String::from_utf8(content.to_vec())
            .map_err(|_| invalid("The manifest is not UTF-8".to_owned()))?;
        let media_type = (asked.parts.headers.get(CONTENT_TYPE))
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .map(|value| value.trim().to_owned())
            // What clients send that do not say.
            .filter(|value| value != "application/json" && value != "application/octet-stream");
        let repository = name.to_owned();
        let (digest, subject) = self
            .write(asked, move |region, context| {
                let new = store::New {
                    content: &content,
                    media_type: media_type.as_deref(),
                    digest: digest.as_deref(),
                    tag: tag.as_deref(),
                };
                let (digest, _) = store::put(region, context, &repository, new)?;
                let row = rules::manifest(region, &repository, None, Some(&digest))?;
                let subject = row.subject.clone();
                Ok((digest, subject))
            })
            .await?;
        let mut headers = vec![
            (LOCATION, format!("/v2/{name}/manifests/{digest}")),
            (CONTENT_DIGEST, digest),
        ];
        headers.extend(subject.map(|subject| (SUBJECT, subject)));
        Ok(reply(StatusCode::CREATED, &headers))
    }

    pub(super) async fn delete_manifest(
        &self,
        asked: &Asked<'_>,
        name: &str,
        reference: &str,
    ) -> Answer {
        self.admit(asked, "ecr:BatchDeleteImage", name)?;
        let (tag, digest) = split(reference)?;
        let (tag, digest) = (tag.map(str::to_owned), digest.map(str::to_owned));
        let name = name.to_owned();
        self.write(asked, move |region, _| {
            rules::delete(region, &name, tag.as_deref(), digest.as_deref())
        })
        .await?;
        Ok(reply(StatusCode::ACCEPTED, &[]))
    }

    pub(super) fn list_tags(&self, asked: &Asked<'_>, name: &str) -> Answer {
        self.admit(asked, "ecr:ListImages", name)?;
        let mut tags = self.engine.read(|region, _| rules::tags(region, name));
        if let Some(last) = query(asked.parts, "last") {
            tags.retain(|tag| *tag > last);
        }
        let most = query(asked.parts, "n").and_then(|most| most.parse::<usize>().ok());
        let mut headers = vec![(CONTENT_TYPE, "application/json".to_owned())];
        if let Some(most) = most
            && tags.len() > most
        {
            tags.truncate(most);
            if let Some(last) = tags.last() {
                let next = format!("</v2/{name}/tags/list?n={most}&last={last}>; rel=\"next\"");
                headers.push((LINK, next));
            }
        }
        let body = json!({"name": name, "tags": tags}).to_string();
        Ok(with(StatusCode::OK, &headers, whole(Bytes::from(body))))
    }

    pub(super) fn list_referrers(&self, asked: &Asked<'_>, name: &str, digest: &str) -> Answer {
        self.admit(asked, "ecr:BatchGetImage", name)?;
        checked_digest(digest)?;
        let wanted = query(asked.parts, "artifactType");
        let manifests: Vec<serde_json::Value> = self.engine.read(|region, _| {
            rules::referrers(region, name, digest)
                .filter(|row| wanted.is_none() || wanted == row.artifact_type)
                .map(|row| {
                    json!({
                        "mediaType": row.media_type,
                        "digest": row.digest,
                        "size": row.content.len(),
                        "artifactType": row.artifact_type,
                    })
                })
                .collect()
        });
        let mut headers = vec![(CONTENT_TYPE, OCI_INDEX.to_owned())];
        if wanted.is_some() {
            let applied = HeaderName::from_static("oci-filters-applied");
            headers.push((applied, "artifactType".to_owned()));
        }
        let body = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests});
        Ok(with(
            StatusCode::OK,
            &headers,
            whole(Bytes::from(body.to_string())),
        ))
    }
}
