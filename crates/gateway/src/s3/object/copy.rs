//! Copying an object within the region.

use region::services::s3::{self, Blob, Condition, Version};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::{preconditions, tags_of_header};
use crate::s3::bytes::hasher;
use crate::s3::{Answer, Store, disk, timestamp};

impl Store {
    pub(in crate::s3) async fn copy_object(
        &self,
        input: CopyObjectInput,
    ) -> Answer<CopyObjectOutput> {
        let ((bucket, source), blob) = self.copied(
            &input.copy_source,
            input.copy_source_if_match.as_ref(),
            input.copy_source_if_none_match.as_ref(),
            input.copy_source_if_modified_since.as_ref(),
            input.copy_source_if_unmodified_since.as_ref(),
        )?;
        let sum = hasher(source.checksums.keys().map(String::as_str));
        let id = self.id();
        self.files
            .join(&id, std::slice::from_ref(&blob), sum)
            .await
            .map_err(disk)?;
        let mut new = source.clone();
        new.blob = Some(Blob {
            id: id.clone(),
            ..blob.clone()
        });
        if input
            .metadata_directive
            .as_ref()
            .is_some_and(|one| one.as_str() == "REPLACE")
        {
            new.metadata = input
                .metadata
                .clone()
                .unwrap_or_default()
                .into_iter()
                .collect();
            new.headers = input
                .content_type
                .clone()
                .map(|one| ("content-type".to_owned(), one))
                .into_iter()
                .collect();
        }
        if input
            .tagging_directive
            .as_ref()
            .is_some_and(|one| one.as_str() == "REPLACE")
        {
            new.tags = tags_of_header(input.tagging.as_deref().unwrap_or_default())?;
        }
        let (encryption, kms_key) = self.encryption(
            &input.bucket,
            input.server_side_encryption.as_ref(),
            input.ssekms_key_id.clone(),
        )?;
        new.encryption.clone_from(&encryption);
        new.kms_key.clone_from(&kms_key);
        let (to_bucket, to_key) = (input.bucket.clone(), input.key.clone());
        let written = self
            .write(move |region, context| {
                let outcome = s3::put_object(
                    region,
                    context,
                    &to_bucket,
                    &to_key,
                    new,
                    &Condition::default(),
                )?;
                Ok((outcome, context.now))
            })
            .await;
        let (outcome, now) = match written {
            Ok(done) => done,
            Err(error) => {
                self.files.forget(vec![id]).await;
                return Err(error);
            }
        };
        self.files.forget(outcome.orphans).await;
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(CopyObjectResult {
                e_tag: Some(ETag::Strong(blob.etag)),
                last_modified: Some(timestamp(now)),
                ..Default::default()
            }),
            copy_source_version_id: self.shown_version(&bucket, &source)?,
            server_side_encryption: Some(encryption.into()),
            ssekms_key_id: kms_key,
            version_id: outcome.version_id,
            ..Default::default()
        }))
    }

    /// What a copy is made of, if its conditions hold: its bucket and version, and its bytes.
    pub(in crate::s3) fn copied(
        &self,
        source: &CopySource,
        if_match: Option<&ETagCondition>,
        if_none_match: Option<&ETagCondition>,
        if_modified_since: Option<&Timestamp>,
        if_unmodified_since: Option<&Timestamp>,
    ) -> S3Result<((String, Version), Blob)> {
        let CopySource::Bucket {
            bucket,
            key,
            version_id,
        } = source
        else {
            return Err(s3_error!(NotImplemented, "Access points are not there."));
        };
        let version = self.find(bucket, key, version_id.as_deref())?;
        let blob = version.blob.clone().ok_or_else(|| {
            s3_error!(
                InvalidRequest,
                "The source of a copy request may not specifically refer to a delete marker by version id."
            )
        })?;
        preconditions(
            &version,
            &blob.etag,
            if_match,
            if_none_match,
            if_modified_since,
            if_unmodified_since,
        )
        .map_err(|_| {
            s3_error!(
                PreconditionFailed,
                "At least one of the pre-conditions you specified did not hold"
            )
        })?;
        Ok(((bucket.to_string(), version), blob))
    }
}
