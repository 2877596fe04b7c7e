//! Objects: put, get, delete, copy, list, tag.

use std::collections::BTreeMap;

use region::services::s3::{self, Condition, Version};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::bytes::{ReceiveError, base64, checksums, hasher};
use super::{Answer, Store, disk, owner, refused, timestamp};

/// The most keys that one listing gives.
const MOST_KEYS: usize = 1000;
/// The largest body that one PUT may have: 5 GiB.
const MOST_BYTES: i64 = 5 << 30;

impl Store {
    pub(super) async fn put_object(&self, input: PutObjectInput) -> Answer<PutObjectOutput> {
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

    pub(super) async fn get_object(&self, input: GetObjectInput) -> Answer<GetObjectOutput> {
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

    pub(super) async fn head_object(&self, input: HeadObjectInput) -> Answer<HeadObjectOutput> {
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

    pub(super) async fn delete_object(
        &self,
        input: DeleteObjectInput,
    ) -> Answer<DeleteObjectOutput> {
        let deleted = self
            .write(move |region, context| {
                s3::delete_object(
                    region,
                    context,
                    &input.bucket,
                    &input.key,
                    input.version_id.as_deref(),
                )
            })
            .await?;
        self.files.forget(deleted.orphans).await;
        Ok(S3Response::new(DeleteObjectOutput {
            delete_marker: deleted.delete_marker.then_some(true),
            version_id: deleted.version_id,
            ..Default::default()
        }))
    }

    pub(super) async fn delete_objects(
        &self,
        input: DeleteObjectsInput,
    ) -> Answer<DeleteObjectsOutput> {
        if input.delete.objects.is_empty() || input.delete.objects.len() > MOST_KEYS {
            return Err(s3_error!(MalformedXML));
        }
        let quiet = input.delete.quiet == Some(true);
        let bucket = input.bucket;
        let objects = input.delete.objects;
        let (deleted, orphans) = self
            .write(move |region, context| {
                let mut deleted = Vec::new();
                let mut orphans = Vec::new();
                for object in objects {
                    let done = s3::delete_object(
                        region,
                        context,
                        &bucket,
                        &object.key,
                        object.version_id.as_deref(),
                    )?;
                    orphans.extend(done.orphans);
                    deleted.push(DeletedObject {
                        delete_marker: done.delete_marker.then_some(true),
                        delete_marker_version_id: done
                            .delete_marker
                            .then(|| done.version_id.clone())
                            .flatten(),
                        key: Some(object.key),
                        version_id: object.version_id,
                    });
                }
                Ok((deleted, orphans))
            })
            .await?;
        self.files.forget(orphans).await;
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: (!quiet).then_some(deleted),
            ..Default::default()
        }))
    }

    pub(super) async fn copy_object(&self, input: CopyObjectInput) -> Answer<CopyObjectOutput> {
        let CopySource::Bucket {
            bucket,
            key,
            version_id,
        } = &input.copy_source
        else {
            return Err(s3_error!(NotImplemented, "Access points are not there."));
        };
        let source = self.find(bucket, key, version_id.as_deref())?;
        let blob = source.blob.clone().ok_or_else(|| s3_error!(InvalidRequest, "The source of a copy request may not specifically refer to a delete marker by version id."))?;
        let sum = hasher(source.checksums.keys().map(String::as_str));
        let id = self.id();
        self.files
            .join(&id, std::slice::from_ref(&blob), sum)
            .await
            .map_err(disk)?;
        let mut new = source.clone();
        new.blob = Some(s3::Blob {
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
            copy_source_version_id: self.shown_version(bucket, &source)?,
            server_side_encryption: Some(encryption.into()),
            ssekms_key_id: kms_key,
            version_id: outcome.version_id,
            ..Default::default()
        }))
    }

    pub(super) async fn list_objects(&self, input: ListObjectsInput) -> Answer<ListObjectsOutput> {
        let page = self.page(
            &input.bucket,
            input.prefix.as_deref(),
            input.delimiter.as_deref(),
            input.marker.as_deref(),
            input.max_keys,
        )?;
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(input.prefix.unwrap_or_default()),
            marker: Some(input.marker.unwrap_or_default()),
            max_keys: Some(page.asked),
            is_truncated: Some(page.next.is_some()),
            // Only told with a delimiter: without one it is the last key.
            next_marker: input.delimiter.as_ref().and(page.next),
            contents: Some(page.objects),
            common_prefixes: Some(page.prefixes),
            delimiter: input.delimiter,
            encoding_type: None,
            request_charged: None,
        }))
    }

    pub(super) async fn list_objects_v2(
        &self,
        input: ListObjectsV2Input,
    ) -> Answer<ListObjectsV2Output> {
        let after = input
            .continuation_token
            .as_deref()
            .map(|token| {
                hex::decode(token)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
            })
            .map(|key| {
                key.ok_or_else(|| {
                    s3_error!(
                        InvalidArgument,
                        "The continuation token provided is incorrect"
                    )
                })
            })
            .transpose()?
            .or(input.start_after.clone());
        let page = self.page(
            &input.bucket,
            input.prefix.as_deref(),
            input.delimiter.as_deref(),
            after.as_deref(),
            input.max_keys,
        )?;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(input.prefix.unwrap_or_default()),
            max_keys: Some(page.asked),
            key_count: i32::try_from(page.objects.len() + page.prefixes.len()).ok(),
            continuation_token: input.continuation_token,
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(hex::encode),
            contents: Some(page.objects),
            common_prefixes: Some(page.prefixes),
            delimiter: input.delimiter,
            encoding_type: None,
            start_after: input.start_after,
            request_charged: None,
        }))
    }

    fn page(
        &self,
        bucket: &str,
        prefix: Option<&str>,
        delimiter: Option<&str>,
        after: Option<&str>,
        max_keys: Option<i32>,
    ) -> S3Result<Page> {
        let asked = asked(max_keys)?;
        let prefix = prefix.unwrap_or_default();
        let delimiter = delimiter.filter(|one| !one.is_empty());
        self.look(|region, _| {
            s3::bucket(region, bucket)?;
            let mut page = Page {
                asked: i32::try_from(asked).unwrap_or(i32::MAX),
                ..Page::default()
            };
            let mut last: Option<String> = None;
            for (at, version) in region.s3.versions_of(bucket) {
                let Some(blob) = &version.blob else { continue };
                let key = at.key.as_str();
                let newest = region
                    .s3
                    .newest(bucket, key)
                    .is_some_and(|newest| newest.version_id == version.version_id);
                if !newest || !key.starts_with(prefix) {
                    continue;
                }
                let shared = delimiter.and_then(|delimiter| {
                    key[prefix.len()..]
                        .find(delimiter)
                        .map(|found| key[..prefix.len() + found + delimiter.len()].to_owned())
                });
                let name = shared.as_deref().unwrap_or(key);
                // Keys come in order of bytes within a bucket, as S3 lists them.
                if after.is_some_and(|after| name <= after) || last.as_deref() == Some(name) {
                    continue;
                }
                if page.objects.len() + page.prefixes.len() == asked {
                    page.next = last;
                    break;
                }
                last = Some(name.to_owned());
                match shared {
                    Some(prefix) => page.prefixes.push(CommonPrefix {
                        prefix: Some(prefix),
                    }),
                    None => page.objects.push(Object {
                        e_tag: Some(ETag::Strong(blob.etag.clone())),
                        key: Some(key.to_owned()),
                        last_modified: Some(timestamp(version.last_modified)),
                        size: i64::try_from(blob.size).ok(),
                        storage_class: Some(ObjectStorageClass::from_static(
                            ObjectStorageClass::STANDARD,
                        )),
                        ..Default::default()
                    }),
                }
            }
            Ok(page)
        })
    }

    pub(super) async fn list_object_versions(
        &self,
        input: ListObjectVersionsInput,
    ) -> Answer<ListObjectVersionsOutput> {
        let asked = asked(input.max_keys)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        if input.delimiter.as_ref().is_some_and(|one| !one.is_empty()) {
            return Err(s3_error!(
                NotImplemented,
                "Listing versions by a delimiter is not there yet."
            ));
        }
        let bucket = input.bucket.clone();
        let (versions, markers, next) = self.look(|region, context| {
            s3::bucket(region, &bucket)?;
            // Newest first within a key.
            let mut keys: BTreeMap<&str, Vec<&Version>> = BTreeMap::new();
            for (at, version) in region.s3.versions_of(&bucket) {
                if at.key.starts_with(&prefix) {
                    keys.entry(&at.key).or_default().insert(0, version);
                }
            }
            let mut versions = Vec::new();
            let mut markers = Vec::new();
            let mut last: Option<(String, String)> = None;
            let mut started = input.key_marker.is_none();
            let mut next = None;
            'keys: for (key, all) in keys {
                for (index, version) in all.iter().enumerate() {
                    if !started {
                        let marker = input.key_marker.as_deref().unwrap_or_default();
                        match input.version_id_marker.as_deref() {
                            Some(id) if key == marker => {
                                started = version.version_id == id;
                                continue;
                            }
                            _ if key <= marker => continue,
                            _ => started = true,
                        }
                    }
                    if versions.len() + markers.len() == asked {
                        next = last;
                        break 'keys;
                    }
                    last = Some((key.to_owned(), version.version_id.clone()));
                    match &version.blob {
                        Some(blob) => versions.push(ObjectVersion {
                            e_tag: Some(ETag::Strong(blob.etag.clone())),
                            is_latest: Some(index == 0),
                            key: Some(key.to_owned()),
                            last_modified: Some(timestamp(version.last_modified)),
                            owner: Some(owner(context)),
                            size: i64::try_from(blob.size).ok(),
                            storage_class: Some(ObjectVersionStorageClass::from_static(
                                ObjectVersionStorageClass::STANDARD,
                            )),
                            version_id: Some(version.version_id.clone()),
                            ..Default::default()
                        }),
                        None => markers.push(DeleteMarkerEntry {
                            is_latest: Some(index == 0),
                            key: Some(key.to_owned()),
                            last_modified: Some(timestamp(version.last_modified)),
                            owner: Some(owner(context)),
                            version_id: Some(version.version_id.clone()),
                        }),
                    }
                }
            }
            Ok((versions, markers, next))
        })?;
        let (next_key_marker, next_version_id_marker) = next.unzip();
        Ok(S3Response::new(ListObjectVersionsOutput {
            delete_markers: Some(markers),
            is_truncated: Some(next_key_marker.is_some()),
            key_marker: input.key_marker,
            max_keys: i32::try_from(asked).ok(),
            name: Some(input.bucket),
            next_key_marker,
            next_version_id_marker,
            prefix: input.prefix,
            version_id_marker: input.version_id_marker,
            versions: Some(versions),
            ..Default::default()
        }))
    }

    pub(super) async fn get_object_tagging(
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

    pub(super) async fn put_object_tagging(
        &self,
        input: PutObjectTaggingInput,
    ) -> Answer<PutObjectTaggingOutput> {
        let tags = tags_of(&input.tagging.tag_set, 10)?;
        let version_id = self
            .set_tags(input.bucket, input.key, input.version_id, tags)
            .await?;
        Ok(S3Response::new(PutObjectTaggingOutput { version_id }))
    }

    pub(super) async fn delete_object_tagging(
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

    /// The version asked for, or the current one.
    pub(super) fn find(
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
    fn shown_version(&self, bucket: &str, version: &Version) -> S3Result<Option<String>> {
        let versioned =
            self.look(|region, _| Ok(s3::bucket(region, bucket)?.versioning.is_some()))?;
        Ok(versioned.then(|| version.version_id.clone()))
    }

    /// How an object is encrypted: as asked, else as the bucket says, else with S3's keys.
    pub(super) fn encryption(
        &self,
        bucket: &str,
        asked: Option<&ServerSideEncryption>,
        key: Option<String>,
    ) -> S3Result<(String, Option<String>)> {
        if let Some(asked) = asked {
            return Ok((asked.as_str().to_owned(), key));
        }
        let kept = self.look(|region, _| {
            Ok(s3::bucket(region, bucket)?
                .configurations
                .get("encryption")
                .cloned())
        })?;
        let rule = kept
            .and_then(|value| {
                serde_json::from_value::<ServerSideEncryptionConfiguration>(value).ok()
            })
            .and_then(|configuration| configuration.rules.into_iter().next())
            .and_then(|rule| rule.apply_server_side_encryption_by_default);
        Ok(rule.map_or_else(
            || ("AES256".to_owned(), None),
            |rule| {
                (
                    rule.sse_algorithm.as_str().to_owned(),
                    rule.kms_master_key_id,
                )
            },
        ))
    }
}

#[derive(Default)]
struct Page {
    asked: i32,
    objects: Vec<Object>,
    prefixes: Vec<CommonPrefix>,
    /// The last name on this page, if there are more.
    next: Option<String>,
}

fn asked(max_keys: Option<i32>) -> S3Result<usize> {
    match max_keys.map(usize::try_from) {
        None => Ok(MOST_KEYS),
        Some(Ok(keys)) => Ok(keys.min(MOST_KEYS)),
        Some(Err(_)) => Err(s3_error!(
            InvalidArgument,
            "Argument maxKeys must be an integer between 0 and 2147483647"
        )),
    }
}

/// What has to hold for a write.
pub(super) fn condition(
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

/// RFC 9110 §13.2.2, in its order.
fn preconditions(
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

/// Tags by key.
pub(super) fn tags_of(set: &TagSet, most: usize) -> S3Result<BTreeMap<String, String>> {
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

pub(super) fn tags_of_header(header: &str) -> S3Result<BTreeMap<String, String>> {
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

pub(super) fn received_badly(error: ReceiveError) -> s3s::S3Error {
    match error {
        ReceiveError::Disk(error) => disk(error),
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
