//! Objects that are sent in parts.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use region::services::s3::{self, Blob, Part as PartRow, Upload, Version};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::bytes::{checksums, hasher};
use super::object::{condition, received_badly, tags_of_header};
use super::{Answer, Store, disk, timestamp};

/// Every part but the last has at least this many bytes.
const LEAST_PART: u64 = 5 << 20;

impl Store {
    pub(super) async fn create_multipart_upload(
        &self,
        input: CreateMultipartUploadInput,
    ) -> Answer<CreateMultipartUploadOutput> {
        let (encryption, kms_key) = self.encryption(
            &input.bucket,
            input.server_side_encryption.as_ref(),
            input.ssekms_key_id.clone(),
        )?;
        let headers = [
            ("cache-control", input.cache_control.clone()),
            ("content-disposition", input.content_disposition.clone()),
            ("content-encoding", input.content_encoding.clone()),
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
        ];
        let template = Version {
            version_id: String::new(),
            last_modified: jiff::Timestamp::UNIX_EPOCH,
            blob: None,
            headers: headers
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
            metadata: input
                .metadata
                .clone()
                .unwrap_or_default()
                .into_iter()
                .collect(),
            tags: input
                .tagging
                .as_deref()
                .map(tags_of_header)
                .transpose()?
                .unwrap_or_default(),
            checksums: BTreeMap::new(),
            encryption: encryption.clone(),
            kms_key: kms_key.clone(),
        };
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let id = self
            .write(move |region, context| {
                s3::bucket(region, &bucket)?;
                let id = context.alphanumeric(64);
                let upload = Upload {
                    bucket,
                    key,
                    started_at: context.now,
                    template,
                    parts: BTreeMap::new(),
                };
                region.s3.uploads.insert(id.clone(), upload);
                Ok(id)
            })
            .await?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            checksum_algorithm: input.checksum_algorithm,
            key: Some(input.key),
            server_side_encryption: Some(encryption.into()),
            ssekms_key_id: kms_key,
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    pub(super) async fn upload_part(&self, input: UploadPartInput) -> Answer<UploadPartOutput> {
        let number = u32::try_from(input.part_number)
            .ok()
            .filter(|number| (1..=10_000).contains(number))
            .ok_or_else(|| {
                s3_error!(
                    InvalidArgument,
                    "Part number must be an integer between 1 and 10000, inclusive"
                )
            })?;
        self.upload(&input.bucket, &input.key, &input.upload_id)?;
        let given: Vec<(&str, Option<&String>)> = vec![
            ("CRC32", input.checksum_crc32.as_ref()),
            ("CRC32C", input.checksum_crc32c.as_ref()),
            ("CRC64NVME", input.checksum_crc64nvme.as_ref()),
            ("SHA1", input.checksum_sha1.as_ref()),
            ("SHA256", input.checksum_sha256.as_ref()),
        ];
        let algorithms = given
            .iter()
            .filter(|(_, value)| value.is_some())
            .map(|(name, _)| *name)
            .chain(
                input
                    .checksum_algorithm
                    .as_ref()
                    .map(ChecksumAlgorithm::as_str),
            );
        let received = self
            .files
            .receive(&self.id(), input.body, hasher(algorithms))
            .await
            .map_err(received_badly)?;
        let computed = checksums(&received.checksum);
        if given
            .iter()
            .any(|(name, value)| value.is_some_and(|value| computed.get(*name) != Some(value)))
        {
            self.files.forget(vec![received.blob.id]).await;
            return Err(s3_error!(BadDigest));
        }
        let etag = received.blob.etag.clone();
        let upload_id = input.upload_id;
        let blob = received.blob.clone();
        let written = self
            .write(move |region, context| {
                let upload = region
                    .s3
                    .uploads
                    .get_mut(&upload_id)
                    .ok_or_else(s3::no_such_upload)?;
                let part = PartRow {
                    blob,
                    last_modified: context.now,
                    checksums: computed,
                };
                Ok(upload.parts.insert(number, part).map(|old| old.blob.id))
            })
            .await;
        match written {
            Ok(old) => self.files.forget(old.into_iter().collect()).await,
            Err(error) => {
                self.files.forget(vec![received.blob.id]).await;
                return Err(error);
            }
        }
        Ok(S3Response::new(UploadPartOutput {
            checksum_crc32: received.checksum.checksum_crc32,
            checksum_crc32c: received.checksum.checksum_crc32c,
            checksum_crc64nvme: received.checksum.checksum_crc64nvme,
            checksum_sha1: received.checksum.checksum_sha1,
            checksum_sha256: received.checksum.checksum_sha256,
            e_tag: Some(ETag::Strong(etag)),
            ..Default::default()
        }))
    }

    pub(super) async fn complete_multipart_upload(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> Answer<CompleteMultipartUploadOutput> {
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let upload = self.upload(&input.bucket, &input.key, &input.upload_id)?;
        let named = input
            .multipart_upload
            .as_ref()
            .and_then(|one| one.parts.as_ref())
            .filter(|parts| !parts.is_empty())
            .ok_or_else(|| s3_error!(MalformedXML))?;
        let mut parts: Vec<Blob> = Vec::with_capacity(named.len());
        let mut last = 0;
        for part in named {
            let number = part
                .part_number
                .and_then(|one| u32::try_from(one).ok())
                .unwrap_or_default();
            if number <= last {
                return Err(s3_error!(
                    InvalidPartOrder,
                    "The list of parts was not in ascending order. Parts must be ordered by part number."
                ));
            }
            last = number;
            let row = upload
                .parts
                .get(&number)
                .filter(|row| part.e_tag.as_ref().is_none_or(|etag| etag.value() == row.blob.etag))
                .ok_or_else(|| s3_error!(InvalidPart, "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."))?;
            parts.push(row.blob.clone());
        }
        if parts
            .iter()
            .rev()
            .skip(1)
            .any(|part| part.size < LEAST_PART)
        {
            return Err(s3_error!(
                EntityTooSmall,
                "Your proposed upload is smaller than the minimum allowed size"
            ));
        }
        let id = self.id();
        self.files
            .join(&id, &parts, hasher([]))
            .await
            .map_err(disk)?;
        let blob = Blob {
            id: id.clone(),
            size: parts.iter().map(|part| part.size).sum(),
            etag: joined_etag(&parts),
        };
        let etag = blob.etag.clone();
        let upload_id = input.upload_id.clone();
        let written = self
            .write(move |region, context| {
                s3::complete_upload(
                    region,
                    context,
                    &upload_id,
                    blob,
                    BTreeMap::new(),
                    &condition,
                )
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
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            location: Some(format!(
                "http://{}/{}/{}",
                self.engine.settings().endpoint,
                input.bucket,
                input.key
            )),
            bucket: Some(input.bucket),
            e_tag: Some(ETag::Strong(etag)),
            key: Some(input.key),
            server_side_encryption: Some(upload.template.encryption.into()),
            ssekms_key_id: upload.template.kms_key,
            version_id: outcome.version_id,
            ..Default::default()
        }))
    }

    pub(super) async fn abort_multipart_upload(
        &self,
        input: AbortMultipartUploadInput,
    ) -> Answer<AbortMultipartUploadOutput> {
        self.upload(&input.bucket, &input.key, &input.upload_id)?;
        let orphans = self
            .write(move |region, _| {
                let upload = region
                    .s3
                    .uploads
                    .remove(&input.upload_id)
                    .ok_or_else(s3::no_such_upload)?;
                Ok(upload
                    .parts
                    .into_values()
                    .map(|part| part.blob.id)
                    .collect())
            })
            .await?;
        self.files.forget(orphans).await;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    pub(super) async fn list_parts(&self, input: ListPartsInput) -> Answer<ListPartsOutput> {
        let upload = self.upload(&input.bucket, &input.key, &input.upload_id)?;
        let after = input
            .part_number_marker
            .as_ref()
            .and_then(|marker| marker.to_string().parse::<u32>().ok())
            .unwrap_or_default();
        let most = usize::try_from(input.max_parts.unwrap_or(1000))
            .unwrap_or(1000)
            .min(1000);
        let rest: Vec<_> = upload.parts.range(after.saturating_add(1)..).collect();
        let truncated = rest.len() > most;
        let parts = rest
            .into_iter()
            .take(most)
            .map(|(number, row)| Part {
                e_tag: Some(ETag::Strong(row.blob.etag.clone())),
                last_modified: Some(timestamp(row.last_modified)),
                part_number: i32::try_from(*number).ok(),
                size: i64::try_from(row.blob.size).ok(),
                ..Default::default()
            })
            .collect();
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(truncated),
            max_parts: i32::try_from(most).ok(),
            parts: Some(parts),
            ..Default::default()
        }))
    }

    pub(super) async fn list_multipart_uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> Answer<ListMultipartUploadsOutput> {
        let uploads = self.look(|region, _| {
            s3::bucket(region, &input.bucket)?;
            Ok(region
                .s3
                .uploads
                .iter()
                .filter(|(_, upload)| {
                    upload.bucket == input.bucket
                        && input
                            .prefix
                            .as_deref()
                            .is_none_or(|prefix| upload.key.starts_with(prefix))
                })
                .map(|(id, upload)| MultipartUpload {
                    initiated: Some(timestamp(upload.started_at)),
                    key: Some(upload.key.clone()),
                    upload_id: Some(id.clone()),
                    ..Default::default()
                })
                .collect::<Vec<_>>())
        })?;
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            is_truncated: Some(false),
            prefix: input.prefix,
            uploads: Some(uploads),
            ..Default::default()
        }))
    }

    fn upload(&self, bucket: &str, key: &str, id: &str) -> S3Result<Upload> {
        self.look(|region, _| {
            s3::bucket(region, bucket)?;
            region
                .s3
                .uploads
                .get(id)
                .filter(|upload| upload.bucket == bucket && upload.key == key)
                .cloned()
                .ok_or_else(s3::no_such_upload)
        })
    }
}

/// The hash of the parts' hashes, and how many there were.
fn joined_etag(parts: &[Blob]) -> String {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(hex::decode(&part.etag).unwrap_or_default());
    }
    format!("{}-{}", hex::encode(md5.finalize()), parts.len())
}
