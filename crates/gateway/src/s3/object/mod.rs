//! Objects: put here; read, listed, copied, tagged and deleted in the modules below.

mod copy;
mod delete;
mod list;
mod read;
mod tagging;

use std::collections::BTreeMap;

use region::services::s3::{self, Condition, Version};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use crate::patience::BodyError;

use super::bytes::{ReceiveError, base64, checksums, hasher};
use super::{Answer, Store, disk, refused};

pub(super) use list::{Spelling, bad_token, delimiter, most, open};
pub(super) use read::preconditions;
pub(super) use tagging::{tags_of, tags_of_header};

/// The largest body that one PUT may have: 5 GiB.
const MOST_BYTES: i64 = 5 << 30;

impl Store {
    pub(in crate::s3) async fn put_object(&self, input: PutObjectInput) -> Answer<PutObjectOutput> {
        if input
            .content_length
            .is_some_and(|length| length > MOST_BYTES)
        {
            return Err(s3_error!(
                EntityTooLarge,
                "Your proposed upload exceeds the maximum allowed size"
            ));
        }
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let bucket = input.bucket.clone();
        self.look(|region, _| s3::bucket(region, &bucket).map(|_| ()))?;
        let given = given_checksums(&input);
        let algorithms: Vec<&str> = given
            .keys()
            .map(String::as_str)
            .chain(
                input
                    .checksum_algorithm
                    .as_ref()
                    .map(ChecksumAlgorithm::as_str),
            )
            .collect();
        let headers = response_headers(&input);
        let (encryption, kms_key) = self.encryption(
            &bucket,
            input.server_side_encryption.as_ref(),
            input.ssekms_key_id.clone(),
        )?;
        let tags = match &input.tagging {
            Some(header) => tags_of_header(header)?,
            None => BTreeMap::new(),
        };
        let received = self
            .files
            .receive(&self.id(), input.body, hasher(algorithms))
            .await
            .map_err(received_badly)?;
        let computed = checksums(&received.checksum);
        let agrees = given
            .iter()
            .all(|(name, value)| computed.get(name) == Some(value))
            && input
                .content_md5
                .as_ref()
                .is_none_or(|value| *value == base64(&received.md5));
        let whole = input.content_length.is_none_or(|length| {
            u64::try_from(length).is_ok_and(|length| length == received.blob.size)
        });
        if !agrees || !whole {
            self.files.forget(vec![received.blob.id]).await;
            return Err(if whole {
                s3_error!(
                    BadDigest,
                    "The Content-MD5 or checksum value that you specified did not match what the server received."
                )
            } else {
                s3_error!(
                    IncompleteBody,
                    "You did not provide the number of bytes specified by the Content-Length HTTP header."
                )
            });
        }
        let etag = received.blob.etag.clone();
        let id = received.blob.id.clone();
        let version = Version {
            version_id: String::new(),
            last_modified: jiff::Timestamp::UNIX_EPOCH,
            blob: Some(received.blob),
            headers,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            tags,
            checksums: computed,
            encryption: encryption.clone(),
            kms_key: kms_key.clone(),
        };
        let key = input.key;
        let written = self
            .write(move |region, context| {
                s3::put_object(region, context, &bucket, &key, version, &condition)
            })
            .await;
        let outcome = match written {
            Ok(outcome) => outcome,
            Err(error) => {
                self.files.forget(vec![id]).await;
                return Err(error);
            }
        };
        self.files.forget(outcome.orphans).await;
        Ok(S3Response::new(PutObjectOutput {
            checksum_crc32: received.checksum.checksum_crc32,
            checksum_crc32c: received.checksum.checksum_crc32c,
            checksum_crc64nvme: received.checksum.checksum_crc64nvme,
            checksum_sha1: received.checksum.checksum_sha1,
            checksum_sha256: received.checksum.checksum_sha256,
            e_tag: Some(ETag::Strong(etag)),
            server_side_encryption: Some(encryption.into()),
            ssekms_key_id: kms_key,
            version_id: outcome.version_id,
            ..Default::default()
        }))
    }
}

/// What has to hold for a write.
pub(in crate::s3) fn condition(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<Condition> {
    let if_absent = match if_none_match {
        None => false,
        Some(ETagCondition::Any) => true,
        Some(ETagCondition::ETag(_)) => {
            return Err(s3_error!(
                NotImplemented,
                "A header you provided implies functionality that is not implemented"
            ));
        }
    };
    Ok(Condition {
        if_absent,
        if_match: if_match.map(|one| match one {
            ETagCondition::Any => "*".to_owned(),
            ETagCondition::ETag(etag) => etag.value().to_owned(),
        }),
    })
}

fn given_checksums(input: &PutObjectInput) -> BTreeMap<String, String> {
    [
        ("CRC32", &input.checksum_crc32),
        ("CRC32C", &input.checksum_crc32c),
        ("CRC64NVME", &input.checksum_crc64nvme),
        ("SHA1", &input.checksum_sha1),
        ("SHA256", &input.checksum_sha256),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)))
    .collect()
}

fn response_headers(input: &PutObjectInput) -> BTreeMap<String, String> {
    // `aws-chunked` says how the body came, not what it is.
    let encoding = input
        .content_encoding
        .as_deref()
        .map(|value| {
            value
                .split(',')
                .map(str::trim)
                .filter(|one| *one != "aws-chunked")
                .collect::<Vec<_>>()
                .join(",")
        })
        .filter(|value| !value.is_empty());
    [
        ("cache-control", input.cache_control.clone()),
        ("content-disposition", input.content_disposition.clone()),
        ("content-encoding", encoding),
        ("content-language", input.content_language.clone()),
        (
            "content-type",
            Some(
                input
                    .content_type
                    .clone()
                    .unwrap_or_else(|| "binary/octet-stream".to_owned()),
            ),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}

pub(in crate::s3) fn received_badly(error: ReceiveError) -> s3s::S3Error {
    match error {
        ReceiveError::Disk(error) => disk(error),
        ReceiveError::Stream(error) if BodyError::stalled(error.as_ref()) => {
            s3_error!(RequestTimeout, "{}", BodyError::STALLED)
        }
        ReceiveError::Stream(error) => {
            // What the stream found wrong is already an S3 error where it was a signature.
            match error.downcast::<s3s::S3Error>() {
                Ok(error) => *error,
                Err(error) => {
                    tracing::debug!(%error, "a body broke off");
                    refused(wire::Error::new(
                        "IncompleteBody",
                        400,
                        "The request body terminated unexpectedly",
                    ))
                }
            }
        }
    }
}
