//! Reading an object: its bytes or a range of them, and what is known of it.

use region::services::s3::{self, Version};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use crate::s3::{Answer, Store, disk, timestamp};

impl Store {
    pub(in crate::s3) async fn get_object(&self, input: GetObjectInput) -> Answer<GetObjectOutput> {
        let version = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        let blob = version
            .blob
            .clone()
            .ok_or_else(|| s3_error!(MethodNotAllowed))?;
        preconditions(
            &version,
            &blob.etag,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
            input.if_modified_since.as_ref(),
            input.if_unmodified_since.as_ref(),
        )?;
        let range = input
            .range
            .map(|range| range.check(blob.size))
            .transpose()
            .map_err(|_| s3_error!(InvalidRange, "The requested range is not satisfiable"))?;
        let (start, end) = range
            .as_ref()
            .map_or((0, blob.size), |range| (range.start, range.end));
        let body = self
            .files
            .read(&blob, start, end - start)
            .await
            .map_err(disk)?;
        let header = |name: &str| version.headers.get(name).cloned();
        let wants_checksums = input.checksum_mode.is_some() && range.is_none();
        let sum = |name: &str| {
            wants_checksums
                .then(|| version.checksums.get(name).cloned())
                .flatten()
        };
        let output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(body),
            cache_control: input
                .response_cache_control
                .or_else(|| header("cache-control")),
            checksum_crc32: sum("CRC32"),
            checksum_crc32c: sum("CRC32C"),
            checksum_crc64nvme: sum("CRC64NVME"),
            checksum_sha1: sum("SHA1"),
            checksum_sha256: sum("SHA256"),
            content_disposition: input
                .response_content_disposition
                .or_else(|| header("content-disposition")),
            content_encoding: input
                .response_content_encoding
                .or_else(|| header("content-encoding")),
            content_language: input
                .response_content_language
                .or_else(|| header("content-language")),
            content_length: i64::try_from(end - start).ok(),
            content_range: range
                .map(|range| format!("bytes {}-{}/{}", range.start, range.end - 1, blob.size)),
            content_type: input
                .response_content_type
                .or_else(|| header("content-type")),
            e_tag: Some(ETag::Strong(blob.etag)),
            last_modified: Some(timestamp(version.last_modified)),
            metadata: Some(version.metadata.clone().into_iter().collect()),
            server_side_encryption: Some(version.encryption.clone().into()),
            ssekms_key_id: version.kms_key.clone(),
            tag_count: (!version.tags.is_empty())
                .then(|| i32::try_from(version.tags.len()).unwrap_or(i32::MAX)),
            version_id: self.shown_version(&input.bucket, &version)?,
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    pub(in crate::s3) async fn head_object(
        &self,
        input: HeadObjectInput,
    ) -> Answer<HeadObjectOutput> {
        let version = self.find(&input.bucket, &input.key, input.version_id.as_deref())?;
        let blob = version
            .blob
            .clone()
            .ok_or_else(|| s3_error!(MethodNotAllowed))?;
        preconditions(
            &version,
            &blob.etag,
            input.if_match.as_ref(),
            input.if_none_match.as_ref(),
            input.if_modified_since.as_ref(),
            input.if_unmodified_since.as_ref(),
        )?;
        let header = |name: &str| version.headers.get(name).cloned();
        let sum = |name: &str| {
            input
                .checksum_mode
                .as_ref()
                .and_then(|_| version.checksums.get(name).cloned())
        };
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: header("cache-control"),
            checksum_crc32: sum("CRC32"),
            checksum_crc32c: sum("CRC32C"),
            checksum_crc64nvme: sum("CRC64NVME"),
            checksum_sha1: sum("SHA1"),
            checksum_sha256: sum("SHA256"),
            content_disposition: header("content-disposition"),
            content_encoding: header("content-encoding"),
            content_language: header("content-language"),
            content_length: i64::try_from(blob.size).ok(),
            content_type: header("content-type"),
            e_tag: Some(ETag::Strong(blob.etag)),
            last_modified: Some(timestamp(version.last_modified)),
            metadata: Some(version.metadata.clone().into_iter().collect()),
            server_side_encryption: Some(version.encryption.clone().into()),
            ssekms_key_id: version.kms_key.clone(),
            version_id: self.shown_version(&input.bucket, &version)?,
            ..Default::default()
        }))
    }

    /// The version asked for, or the current one.
    pub(in crate::s3) fn find(
        &self,
        bucket: &str,
        key: &str,
        version_id: Option<&str>,
    ) -> S3Result<Version> {
        self.look(|region, _| match version_id {
            Some(id) => s3::version(region, bucket, key, id).cloned(),
            None => s3::current(region, bucket, key).cloned(),
        })
    }

    /// A version's id, which is told only where the bucket was ever versioned.
    pub(in crate::s3) fn shown_version(
        &self,
        bucket: &str,
        version: &Version,
    ) -> S3Result<Option<String>> {
        let versioned =
            self.look(|region, _| Ok(s3::bucket(region, bucket)?.versioning.is_some()))?;
        Ok(versioned.then(|| version.version_id.clone()))
    }
}

/// RFC 9110 §13.2.2, in its order.
pub(in crate::s3) fn preconditions(
    version: &Version,
    etag: &str,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
    if_modified_since: Option<&Timestamp>,
    if_unmodified_since: Option<&Timestamp>,
) -> S3Result<()> {
    let matches = |condition: &ETagCondition| match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(one) => one.value() == etag,
    };
    // HTTP dates hold whole seconds.
    let seconds = jiff::Timestamp::from_second(version.last_modified.as_second())
        .unwrap_or(version.last_modified);
    let modified = timestamp(seconds);
    let failed = || {
        s3_error!(
            PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold"
        )
    };
    match (if_match, if_unmodified_since) {
        (Some(condition), _) if !matches(condition) => return Err(failed()),
        (None, Some(since)) if modified > *since => return Err(failed()),
        _ => {}
    }
    match (if_none_match, if_modified_since) {
        (Some(condition), _) if matches(condition) => Err(s3_error!(NotModified)),
        (None, Some(since)) if modified <= *since => Err(s3_error!(NotModified)),
        _ => Ok(()),
    }
}
