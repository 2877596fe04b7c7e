//! S3: the protocol is spoken by `s3s`, the rules are the region's, the bytes are files here.

#![allow(
    clippy::wildcard_imports,
    reason = "the inputs and outputs of sixty operations are what this module is made of"
)]
#![expect(
    clippy::unused_async,
    reason = "operations are one table, whether or not each has to wait"
)]

mod bucket;
mod bytes;
mod front;
mod object;
mod upload;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use engine::Engine;
use region::{Caller, Context, Region};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::*;
use s3s::host::{S3Host, VirtualHost};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

pub(crate) use self::bytes::Files;

type Answer<T> = S3Result<S3Response<T>>;

/// Makes the service that answers S3 requests, and where it keeps bytes: under `<data>/objects`.
///
/// # Errors
/// If that folder cannot be made.
pub(crate) fn service(engine: &Arc<Engine>, data: &Path) -> std::io::Result<(S3Service, Files)> {
    let known = engine.read(|region, _| blobs(region));
    let files = Files::open(&data.join("objects"), &known)?;
    let store = Store {
        engine: Arc::clone(engine),
        files: files.clone(),
    };
    let mut builder = S3ServiceBuilder::new(store);
    builder.set_auth(Keys(Arc::clone(engine)));
    builder.set_host(Hosts);
    Ok((builder.build(), files))
}

/// The names of all bytes that rows refer to.
pub(crate) fn blobs(region: &Region) -> BTreeSet<String> {
    let whole = region
        .s3
        .versions
        .values()
        .filter_map(|one| one.blob.as_ref());
    let parts = region
        .s3
        .uploads
        .values()
        .flat_map(|one| one.parts.values());
    whole
        .chain(parts.map(|part| &part.blob))
        .map(|blob| blob.id.clone())
        .collect()
}

struct Store {
    engine: Arc<Engine>,
    files: Files,
}

impl Store {
    /// Changes the region off the reactor's thread, since it waits for the disk.
    async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Region, &Context) -> Result<T, wire::Error> + Send + 'static,
    ) -> S3Result<T> {
        let engine = Arc::clone(&self.engine);
        tokio::task::spawn_blocking(move || engine.write(Caller::Root, change))
            .await
            .map_err(|error| s3_error!(error, InternalError))?
            .map_err(refused)
    }

    fn look<T>(
        &self,
        look: impl FnOnce(&Region, &Context) -> Result<T, wire::Error>,
    ) -> S3Result<T> {
        self.engine.read(look).map_err(refused)
    }

    fn id(&self) -> String {
        self.engine.read(|_, context| context.hex(32))
    }
}

/// Who holds which key.
struct Keys(Arc<Engine>);

#[async_trait]
impl S3Auth for Keys {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        crate::keys::find(&self.0, access_key)
            .map(|key| SecretKey::from(key.secret))
            .ok_or_else(|| {
                s3_error!(
                    InvalidAccessKeyId,
                    "The AWS Access Key Id you provided does not exist in our records."
                )
            })
    }
}

/// Buckets may stand in the host name: `<bucket>.s3.<region>.amazonaws.com`, `<bucket>.localhost`.
struct Hosts;

impl S3Host for Hosts {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let bucket = bucket_of_host(name);
        Ok(match bucket {
            Some(bucket) => VirtualHost::new(host).with_bucket(bucket),
            None => VirtualHost::new(host),
        })
    }
}

fn bucket_of_host(name: &str) -> Option<&str> {
    if name.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    if let Some(bucket) = name.strip_suffix(".localhost") {
        return Some(bucket.strip_suffix(".s3").unwrap_or(bucket)).filter(|bucket| *bucket != "s3");
    }
    let inner = name.strip_suffix(".amazonaws.com")?;
    // `<bucket>.s3.<region>` or `<bucket>.s3`; a bucket's name may itself hold dots.
    if let Some(at) = inner.rfind(".s3.") {
        return Some(&inner[..at]);
    }
    inner.strip_suffix(".s3")
}

fn refused(error: wire::Error) -> S3Error {
    let code = S3ErrorCode::from_bytes(error.code.as_bytes()).unwrap_or(S3ErrorCode::InternalError);
    let mut answer = S3Error::with_message(code, error.message);
    if let Ok(status) = http::StatusCode::from_u16(error.status) {
        answer.set_status_code(status);
    }
    answer
}

fn disk(error: std::io::Error) -> S3Error {
    tracing::error!(%error, "an object's bytes could not be read or written");
    s3_error!(
        error,
        InternalError,
        "The bytes could not be read or written; is the disk full?"
    )
}

fn timestamp(instant: jiff::Timestamp) -> Timestamp {
    std::time::SystemTime::try_from(instant)
        .unwrap_or(std::time::UNIX_EPOCH)
        .into()
}

fn owner(context: &Context) -> Owner {
    Owner {
        display_name: None,
        id: Some(format!("{:0>64}", context.settings.account)),
    }
}

macro_rules! operations {
    ($($name:ident($input:ty) -> $output:ty;)*) => {
        #[async_trait]
        impl S3 for Store {
            $(async fn $name(&self, request: S3Request<$input>) -> Answer<$output> {
                self.$name(request.input).await
            })*
        }
    };
}

operations! {
    list_buckets(ListBucketsInput) -> ListBucketsOutput;
    create_bucket(CreateBucketInput) -> CreateBucketOutput;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
    head_bucket(HeadBucketInput) -> HeadBucketOutput;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput;
    put_bucket_versioning(PutBucketVersioningInput) -> PutBucketVersioningOutput;
    get_bucket_acl(GetBucketAclInput) -> GetBucketAclOutput;
    put_bucket_acl(PutBucketAclInput) -> PutBucketAclOutput;
    get_bucket_request_payment(GetBucketRequestPaymentInput) -> GetBucketRequestPaymentOutput;
    get_bucket_accelerate_configuration(GetBucketAccelerateConfigurationInput) -> GetBucketAccelerateConfigurationOutput;
    get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput;
    put_bucket_policy(PutBucketPolicyInput) -> PutBucketPolicyOutput;
    delete_bucket_policy(DeleteBucketPolicyInput) -> DeleteBucketPolicyOutput;
    get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput;
    put_bucket_tagging(PutBucketTaggingInput) -> PutBucketTaggingOutput;
    delete_bucket_tagging(DeleteBucketTaggingInput) -> DeleteBucketTaggingOutput;
    get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput;
    put_bucket_encryption(PutBucketEncryptionInput) -> PutBucketEncryptionOutput;
    delete_bucket_encryption(DeleteBucketEncryptionInput) -> DeleteBucketEncryptionOutput;
    get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput;
    put_public_access_block(PutPublicAccessBlockInput) -> PutPublicAccessBlockOutput;
    delete_public_access_block(DeletePublicAccessBlockInput) -> DeletePublicAccessBlockOutput;
    get_bucket_ownership_controls(GetBucketOwnershipControlsInput) -> GetBucketOwnershipControlsOutput;
    put_bucket_ownership_controls(PutBucketOwnershipControlsInput) -> PutBucketOwnershipControlsOutput;
    delete_bucket_ownership_controls(DeleteBucketOwnershipControlsInput) -> DeleteBucketOwnershipControlsOutput;
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput;
    put_bucket_lifecycle_configuration(PutBucketLifecycleConfigurationInput) -> PutBucketLifecycleConfigurationOutput;
    delete_bucket_lifecycle(DeleteBucketLifecycleInput) -> DeleteBucketLifecycleOutput;
    get_bucket_logging(GetBucketLoggingInput) -> GetBucketLoggingOutput;
    put_bucket_logging(PutBucketLoggingInput) -> PutBucketLoggingOutput;
    get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput;
    put_bucket_cors(PutBucketCorsInput) -> PutBucketCorsOutput;
    delete_bucket_cors(DeleteBucketCorsInput) -> DeleteBucketCorsOutput;
    get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput;
    get_bucket_replication(GetBucketReplicationInput) -> GetBucketReplicationOutput;
    get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput;
    get_bucket_notification_configuration(GetBucketNotificationConfigurationInput) -> GetBucketNotificationConfigurationOutput;
    put_object(PutObjectInput) -> PutObjectOutput;
    get_object(GetObjectInput) -> GetObjectOutput;
    head_object(HeadObjectInput) -> HeadObjectOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    copy_object(CopyObjectInput) -> CopyObjectOutput;
    list_objects(ListObjectsInput) -> ListObjectsOutput;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    list_object_versions(ListObjectVersionsInput) -> ListObjectVersionsOutput;
    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput;
    put_object_tagging(PutObjectTaggingInput) -> PutObjectTaggingOutput;
    delete_object_tagging(DeleteObjectTaggingInput) -> DeleteObjectTaggingOutput;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    upload_part(UploadPartInput) -> UploadPartOutput;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
    list_parts(ListPartsInput) -> ListPartsOutput;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput;
}

#[cfg(test)]
mod tests {
    use super::bucket_of_host;

    #[test]
    fn buckets_in_host_names() {
        let cases = [
            ("state.s3.eu-central-1.amazonaws.com", Some("state")),
            ("a.b.s3.eu-central-1.amazonaws.com", Some("a.b")),
            ("state.s3.amazonaws.com", Some("state")),
            ("s3.eu-central-1.amazonaws.com", None),
            ("s3.amazonaws.com", None),
            ("state.localhost", Some("state")),
            ("state.s3.localhost", Some("state")),
            ("s3.localhost", None),
            ("localhost", None),
            ("127.0.0.1", None),
        ];
        for (host, bucket) in cases {
            assert_eq!(bucket_of_host(host), bucket, "{host}");
        }
    }
}
