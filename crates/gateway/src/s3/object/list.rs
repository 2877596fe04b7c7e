//! Listing a bucket: its objects, in both versions of the operation, and all their versions.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use region::services::s3::list::{self, Asked, Current, Next, Page};
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use crate::s3::{Answer, Store, owner, timestamp};

/// What `encoding-type=url` leaves as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*');

impl Store {
    pub(in crate::s3) async fn list_objects(
        &self,
        input: ListObjectsInput,
    ) -> Answer<ListObjectsOutput> {
        let spelling = Spelling::new(input.encoding_type);
        let most = most(input.max_keys, "maxKeys")?;
        let page = self.objects(
            &input.bucket,
            &Asked {
                prefix: input.prefix.as_deref().unwrap_or_default(),
                delimiter: delimiter(input.delimiter.as_ref()),
                after: input.marker.as_deref(),
                most,
            },
            &spelling,
        )?;
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(spelling.of(input.prefix.as_deref().unwrap_or_default())),
            marker: Some(spelling.of(input.marker.as_deref().unwrap_or_default())),
            max_keys: i32::try_from(most).ok(),
            is_truncated: Some(page.next.is_some()),
            // Only told with a delimiter: without one it is the last key.
            next_marker: input
                .delimiter
                .as_ref()
                .and(page.next)
                .map(|next| spelling.of(&next.name)),
            contents: Some(page.items),
            common_prefixes: Some(spelling.folders(page.folders)),
            delimiter: input.delimiter.map(|one| spelling.of(&one)),
            encoding_type: spelling.told,
            request_charged: None,
        }))
    }

    pub(in crate::s3) async fn list_objects_v2(
        &self,
        input: ListObjectsV2Input,
    ) -> Answer<ListObjectsV2Output> {
        let spelling = Spelling::new(input.encoding_type);
        let most = most(input.max_keys, "maxKeys")?;
        let token = input
            .continuation_token
            .as_deref()
            .map(|token| open(token).ok_or_else(bad_token))
            .transpose()?;
        let page = self.objects(
            &input.bucket,
            &Asked {
                prefix: input.prefix.as_deref().unwrap_or_default(),
                delimiter: delimiter(input.delimiter.as_ref()),
                after: token.as_deref().or(input.start_after.as_deref()),
                most,
            },
            &spelling,
        )?;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(spelling.of(input.prefix.as_deref().unwrap_or_default())),
            max_keys: i32::try_from(most).ok(),
            key_count: i32::try_from(page.items.len() + page.folders.len()).ok(),
            continuation_token: input.continuation_token,
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(|next| hex::encode(next.name)),
            contents: Some(page.items),
            common_prefixes: Some(spelling.folders(page.folders)),
            delimiter: input.delimiter.map(|one| spelling.of(&one)),
            encoding_type: spelling.told.clone(),
            start_after: input.start_after.map(|one| spelling.of(&one)),
            request_charged: None,
        }))
    }

    fn objects(&self, bucket: &str, asked: &Asked, spelling: &Spelling) -> S3Result<Page<Object>> {
        self.look(|region, _| {
            let page = list::objects(region, bucket, asked)?;
            let object = |Current { key, version }: Current| {
                let blob = version.blob.as_ref();
                Object {
                    e_tag: blob.map(|blob| ETag::Strong(blob.etag.clone())),
                    key: Some(spelling.of(key)),
                    last_modified: Some(timestamp(version.last_modified)),
                    size: blob.and_then(|blob| i64::try_from(blob.size).ok()),
                    storage_class: Some(ObjectStorageClass::from_static(
                        ObjectStorageClass::STANDARD,
                    )),
                    ..Default::default()
                }
            };
            Ok(Page {
                items: page.items.into_iter().map(object).collect(),
                folders: page.folders,
                next: page.next,
            })
        })
    }

    pub(in crate::s3) async fn list_object_versions(
        &self,
        input: ListObjectVersionsInput,
    ) -> Answer<ListObjectVersionsOutput> {
        let spelling = Spelling::new(input.encoding_type);
        let most = most(input.max_keys, "maxKeys")?;
        let marker = input
            .version_id_marker
            .as_deref()
            .filter(|one| !one.is_empty());
        if marker.is_some() && input.key_marker.is_none() {
            return Err(s3_error!(
                InvalidArgument,
                "A version-id marker cannot be specified without a key marker."
            ));
        }
        let asked = Asked {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: delimiter(input.delimiter.as_ref()),
            after: input.key_marker.as_deref().filter(|one| !one.is_empty()),
            most,
        };
        let (mut versions, mut markers) = (Vec::new(), Vec::new());
        let (folders, next) = self.look(|region, context| {
            let page = list::versions(region, &input.bucket, &asked, marker)?;
            for one in page.items {
                let version = one.version;
                match &version.blob {
                    Some(blob) => versions.push(ObjectVersion {
                        e_tag: Some(ETag::Strong(blob.etag.clone())),
                        is_latest: Some(one.latest),
                        key: Some(spelling.of(one.key)),
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
                        is_latest: Some(one.latest),
                        key: Some(spelling.of(one.key)),
                        last_modified: Some(timestamp(version.last_modified)),
                        owner: Some(owner(context)),
                        version_id: Some(version.version_id.clone()),
                    }),
                }
            }
            Ok((page.folders, page.next))
        })?;
        let (next_key_marker, next_version_id_marker) = spelling.next(next);
        Ok(S3Response::new(ListObjectVersionsOutput {
            common_prefixes: Some(spelling.folders(folders)),
            delete_markers: Some(markers),
            delimiter: input.delimiter.map(|one| spelling.of(&one)),
            is_truncated: Some(next_key_marker.is_some()),
            key_marker: Some(spelling.of(input.key_marker.as_deref().unwrap_or_default())),
            max_keys: i32::try_from(most).ok(),
            name: Some(input.bucket),
            next_key_marker,
            next_version_id_marker,
            prefix: Some(spelling.of(input.prefix.as_deref().unwrap_or_default())),
            version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
            versions: Some(versions),
            encoding_type: spelling.told,
            request_charged: None,
        }))
    }
}

/// How names are written: as they are, or percent-encoded, since XML cannot hold every character
/// that a key may have.
pub(in crate::s3) struct Spelling {
    pub(in crate::s3) told: Option<EncodingType>,
}

impl Spelling {
    pub(in crate::s3) fn new(asked: Option<EncodingType>) -> Self {
        Self {
            told: asked.filter(|one| one.as_str() == EncodingType::URL),
        }
    }

    pub(in crate::s3) fn of(&self, name: &str) -> String {
        if self.told.is_some() {
            utf8_percent_encode(name, PLAIN).to_string()
        } else {
            name.to_owned()
        }
    }

    pub(in crate::s3) fn folders(&self, names: Vec<String>) -> Vec<CommonPrefix> {
        names
            .iter()
            .map(|name| CommonPrefix {
                prefix: Some(self.of(name)),
            })
            .collect()
    }

    /// The markers of the next page: of a key, and of a version or an upload.
    pub(in crate::s3) fn next(&self, next: Option<Next>) -> (Option<String>, Option<String>) {
        match next {
            None => (None, None),
            Some(next) => (Some(self.of(&next.name)), next.id),
        }
    }
}

/// How many entries a page may have, when so many were asked for.
pub(in crate::s3) fn most(asked: Option<i32>, name: &str) -> S3Result<usize> {
    match asked.map(usize::try_from) {
        None => Ok(list::MOST),
        Some(Ok(asked)) => Ok(asked.min(list::MOST)),
        Some(Err(_)) => Err(s3_error!(
            InvalidArgument,
            "Argument {name} must be an integer between 0 and 2147483647"
        )),
    }
}

pub(in crate::s3) fn delimiter(asked: Option<&String>) -> Option<&str> {
    asked.map(String::as_str).filter(|one| !one.is_empty())
}

/// The name in a continuation token.
pub(in crate::s3) fn open(token: &str) -> Option<String> {
    String::from_utf8(hex::decode(token).ok()?).ok()
}

pub(in crate::s3) fn bad_token() -> s3s::S3Error {
    s3_error!(
        InvalidArgument,
        "The continuation token provided is incorrect"
    )
}
