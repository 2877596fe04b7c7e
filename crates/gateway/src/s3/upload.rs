//! Objects that are sent in parts.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use region::services::s3::list::{self, Asked};
use region::services::s3::{self, Blob, Part as PartRow, Upload, Version};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::bytes::{checksums, hasher};
use super::object::{Spelling, condition, delimiter, most, received_badly, tags_of_header};
use super::{Answer, Store, disk, owner, timestamp};

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
        let number = part_number(input.part_number)?;
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
        self.add_part(input.upload_id, number, received.blob, computed)
            .await?;
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

    pub(super) async fn upload_part_copy(
        &self,
        input: UploadPartCopyInput,
    ) -> Answer<UploadPartCopyOutput> {
        let number = part_number(input.part_number)?;
        self.upload(&input.bucket, &input.key, &input.upload_id)?;
        let (source, blob) = self.copied(
            &input.copy_source,
            input.copy_source_if_match.as_ref(),
            input.copy_source_if_none_match.as_ref(),
            input.copy_source_if_modified_since.as_ref(),
            input.copy_source_if_unmodified_since.as_ref(),
        )?;
        let range = match input.copy_source_range.as_deref() {
            None => 0..blob.size,
            Some(text) => range(text, blob.size)?,
        };
        let received = self
            .files
            .copy(&self.id(), &blob, range.start, range.end - range.start)
            .await
            .map_err(received_badly)?;
        let etag = received.blob.etag.clone();
        self.add_part(input.upload_id, number, received.blob, BTreeMap::new())
            .await?;
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(CopyPartResult {
                e_tag: Some(ETag::Strong(etag)),
                last_modified: Some(self.engine.read(|_, context| timestamp(context.now))),
                ..Default::default()
            }),
            copy_source_version_id: self.shown_version(&source.0, &source.1)?,
            ..Default::default()
        }))
    }

    /// Makes bytes that are kept already a part of an upload, in place of what the part was.
    async fn add_part(
        &self,
        upload: String,
        number: u32,
        blob: Blob,
        checksums: BTreeMap<String, String>,
    ) -> S3Result<()> {
        let id = blob.id.clone();
        let written = self
            .write(move |region, context| {
                let upload = region
                    .s3
                    .uploads
                    .get_mut(&upload)
                    .ok_or_else(s3::no_such_upload)?;
                let part = PartRow {
                    blob,
                    last_modified: context.now,
                    checksums,
                };
                Ok(upload.parts.insert(number, part).map(|old| old.blob.id))
            })
            .await;
        match written {
            Ok(old) => {
                self.files.forget(old.into_iter().collect()).await;
                Ok(())
            }
            Err(error) => {
                self.files.forget(vec![id]).await;
                Err(error)
            }
        }
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
            .and_then(|marker| u32::try_from(marker).ok())
            .unwrap_or_default();
        let most = most(input.max_parts, "max-parts")?;
        let mut rest = upload.parts.range(after.saturating_add(1)..).peekable();
        let parts: Vec<Part> = rest
            .by_ref()
            .take(most)
            .map(|(number, row)| Part {
                e_tag: Some(ETag::Strong(row.blob.etag.clone())),
                last_modified: Some(timestamp(row.last_modified)),
                part_number: i32::try_from(*number).ok(),
                size: i64::try_from(row.blob.size).ok(),
                checksum_crc32: row.checksums.get("CRC32").cloned(),
                checksum_crc32c: row.checksums.get("CRC32C").cloned(),
                checksum_crc64nvme: row.checksums.get("CRC64NVME").cloned(),
                checksum_sha1: row.checksums.get("SHA1").cloned(),
                checksum_sha256: row.checksums.get("SHA256").cloned(),
            })
            .collect();
        let last = parts.last().and_then(|part| part.part_number);
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(last.is_some() && rest.peek().is_some()),
            max_parts: i32::try_from(most).ok(),
            part_number_marker: i32::try_from(after).ok(),
            next_part_number_marker: Some(last.unwrap_or_default()),
            owner: Some(self.engine.read(|_, context| owner(context))),
            parts: Some(parts),
            storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
            ..Default::default()
        }))
    }

    pub(super) async fn list_multipart_uploads(
        &self,
        input: ListMultipartUploadsInput,
    ) -> Answer<ListMultipartUploadsOutput> {
        let spelling = Spelling::new(input.encoding_type);
        let most = most(input.max_uploads, "max-uploads")?;
        let asked = Asked {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: delimiter(input.delimiter.as_ref()),
            after: input.key_marker.as_deref().filter(|one| !one.is_empty()),
            most,
        };
        let marker = input
            .upload_id_marker
            .as_deref()
            .filter(|one| !one.is_empty());
        let (uploads, folders, next) = self.look(|region, context| {
            let page = list::uploads(region, &input.bucket, &asked, marker)?;
            let uploads: Vec<MultipartUpload> = page
                .items
                .iter()
                .map(|one| MultipartUpload {
                    initiated: Some(timestamp(one.upload.started_at)),
                    key: Some(spelling.of(&one.upload.key)),
                    owner: Some(owner(context)),
                    storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                    upload_id: Some(one.id.to_owned()),
                    ..Default::default()
                })
                .collect();
            Ok((uploads, page.folders, page.next))
        })?;
        let (next_key_marker, next_upload_id_marker) = spelling.next(next);
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            common_prefixes: Some(spelling.folders(folders)),
            delimiter: input.delimiter.map(|one| spelling.of(&one)),
            is_truncated: Some(next_key_marker.is_some()),
            key_marker: Some(spelling.of(input.key_marker.as_deref().unwrap_or_default())),
            max_uploads: i32::try_from(most).ok(),
            next_key_marker,
            next_upload_id_marker,
            prefix: Some(spelling.of(input.prefix.as_deref().unwrap_or_default())),
            upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
            uploads: Some(uploads),
            encoding_type: spelling.told,
            request_charged: None,
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

fn part_number(given: i32) -> S3Result<u32> {
    u32::try_from(given)
        .ok()
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(|| {
            s3_error!(
                InvalidArgument,
                "Part number must be an integer between 1 and 10000, inclusive"
            )
        })
}

/// `bytes=first-last`, both of which have to be there.
fn range(text: &str, size: u64) -> S3Result<std::ops::Range<u64>> {
    let ends = text
        .strip_prefix("bytes=")
        .and_then(|ends| ends.split_once('-'))
        .and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    match ends {
        Some((first, last)) if first <= last && last < size => Ok(first..last + 1),
        Some((first, last)) if first <= last => Err(s3_error!(
            InvalidArgument,
            "Range specified is not valid for source object of size: {size}"
        )),
        _ => Err(s3_error!(
            InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy"
        )),
    }
}
