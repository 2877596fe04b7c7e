//! An object's tags.

use std::collections::BTreeMap;

use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use crate::s3::{Answer, Store};

impl Store {
    pub(in crate::s3) async fn get_object_tagging(
        &self,
        input: GetObjectTaggingInput,
    ) -> Answer<GetObjectTaggingOutput> {
        let version = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        Ok(S3Response::new(GetObjectTaggingOutput {
            tag_set: version
                .tags
                .iter()
                .map(|(key, value)| Tag {
                    key: Some(key.clone()),
                    value: Some(value.clone()),
                })
                .collect(),
            version_id: self.shown_version(&input.bucket, &version)?,
        }))
    }

    pub(in crate::s3) async fn put_object_tagging(
        &self,
        input: PutObjectTaggingInput,
    ) -> Answer<PutObjectTaggingOutput> {
        let tags = tags_of(&input.tagging.tag_set, 10)?;
        let version_id = self
            .set_tags(input.bucket, input.key, input.version_id, tags)
            .await?;
        Ok(S3Response::new(PutObjectTaggingOutput { version_id }))
    }

    pub(in crate::s3) async fn delete_object_tagging(
        &self,
        input: DeleteObjectTaggingInput,
    ) -> Answer<DeleteObjectTaggingOutput> {
        let version_id = self
            .set_tags(input.bucket, input.key, input.version_id, BTreeMap::new())
            .await?;
        Ok(S3Response::new(DeleteObjectTaggingOutput { version_id }))
    }

    async fn set_tags(
        &self,
        bucket: String,
        key: String,
        version_id: Option<String>,
        tags: BTreeMap<String, String>,
    ) -> S3Result<Option<String>> {
        let version = self.find(&bucket, &key, version_id.as_deref())?;
        let shown = self.shown_version(&bucket, &version)?;
        self.write(move |region, _| {
            let at = region
                .s3
                .versions_of(&bucket)
                .find(|(at, one)| at.key == key && one.version_id == version.version_id)
                .map(|(at, _)| at.clone());
            if let Some(row) = at.and_then(|at| region.s3.versions.get_mut(&at)) {
                row.tags = tags;
            }
            Ok(())
        })
        .await?;
        Ok(shown)
    }
}

/// Tags by key.
pub(in crate::s3) fn tags_of(set: &TagSet, most: usize) -> S3Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for tag in set {
        let key = tag.key.clone().unwrap_or_default();
        if key.is_empty() || key.chars().count() > 128 {
            return Err(s3_error!(
                InvalidTag,
                "The TagKey you have provided is invalid"
            ));
        }
        let value = tag.value.clone().unwrap_or_default();
        if value.chars().count() > 256 {
            return Err(s3_error!(
                InvalidTag,
                "The TagValue you have provided is invalid"
            ));
        }
        if tags.insert(key, value).is_some() {
            return Err(s3_error!(
                InvalidTag,
                "Cannot provide multiple Tags with the same key"
            ));
        }
    }
    if tags.len() > most {
        return Err(s3_error!(
            InvalidTag,
            "Object tags cannot be greater than {most}"
        ));
    }
    Ok(tags)
}

pub(in crate::s3) fn tags_of_header(header: &str) -> S3Result<BTreeMap<String, String>> {
    let decode = |text: &str| {
        percent_encoding::percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    let set = header
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Tag {
                key: Some(decode(key)),
                value: Some(decode(value)),
            }
        })
        .collect();
    tags_of(&set, 10)
}
