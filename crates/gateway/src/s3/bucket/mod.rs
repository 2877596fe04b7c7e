//! Buckets, and what is put under their sub-resources: it is kept as it was put.

mod access;
mod encryption;
mod lifecycle;
mod settings;
mod versioning;

use region::services::s3;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Response, s3_error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::object::{bad_token, open};
use super::{Answer, Store, owner, timestamp};

/// The most buckets that one page may be asked to hold.
const MOST_BUCKETS: usize = 10_000;

impl Store {
    pub(in crate::s3) async fn list_buckets(
        &self,
        input: ListBucketsInput,
    ) -> Answer<ListBucketsOutput> {
        let most = match input.max_buckets {
            None => usize::MAX,
            Some(asked) => usize::try_from(asked)
                .ok()
                .filter(|asked| (1..=MOST_BUCKETS).contains(asked))
                .ok_or_else(|| {
                    s3_error!(
                        InvalidArgument,
                        "Argument max-buckets must be an integer between 1 and {MOST_BUCKETS}"
                    )
                })?,
        };
        let after = input
            .continuation_token
            .as_deref()
            .map(|token| open(token).ok_or_else(bad_token))
            .transpose()?;
        let output = self.engine.read(|region, context| {
            let here = &context.settings.region;
            let mut rest = region
                .s3
                .buckets
                .values()
                .filter(|bucket| {
                    let name = bucket.name.as_str();
                    after.as_deref().is_none_or(|after| name > after)
                        && name.starts_with(input.prefix.as_deref().unwrap_or_default())
                        && input.bucket_region.as_ref().is_none_or(|one| one == here)
                })
                .peekable();
            let buckets: Vec<Bucket> = rest
                .by_ref()
                .take(most)
                .map(|bucket| Bucket {
                    bucket_region: Some(here.clone()),
                    creation_date: Some(timestamp(bucket.created_at)),
                    name: Some(bucket.name.clone()),
                })
                .collect();
            let more = rest.peek().is_some();
            ListBucketsOutput {
                continuation_token: buckets
                    .last()
                    .and_then(|bucket| bucket.name.as_ref())
                    .filter(|_| more)
                    .map(hex::encode),
                buckets: Some(buckets),
                owner: Some(owner(context)),
                prefix: input.prefix.clone(),
            }
        });
        Ok(S3Response::new(output))
    }

    pub(in crate::s3) async fn create_bucket(
        &self,
        input: CreateBucketInput,
    ) -> Answer<CreateBucketOutput> {
        let wanted = input
            .create_bucket_configuration
            .as_ref()
            .and_then(|one| one.location_constraint.as_ref())
            .map(|one| one.as_str().to_owned());
        let region = self.engine.settings().region.clone();
        match wanted.as_deref() {
            Some(wanted) if wanted != region => {
                return Err(s3_error!(
                    IllegalLocationConstraintException,
                    "The {wanted} location constraint is incompatible for the region specific endpoint this request was sent to."
                ));
            }
            None if region != "us-east-1" => {
                return Err(s3_error!(
                    IllegalLocationConstraintException,
                    "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to."
                ));
            }
            _ => {}
        }
        let name = input.bucket.clone();
        let ownership = input.object_ownership.map(|one| one.as_str().to_owned());
        self.write(move |region, context| s3::create_bucket(region, context, &name, ownership))
            .await?;
        Ok(S3Response::new(CreateBucketOutput {
            location: Some(format!("/{}", input.bucket)),
        }))
    }

    pub(in crate::s3) async fn delete_bucket(
        &self,
        input: DeleteBucketInput,
    ) -> Answer<DeleteBucketOutput> {
        self.write(move |region, _| s3::delete_bucket(region, &input.bucket))
            .await?;
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    pub(in crate::s3) async fn head_bucket(
        &self,
        input: HeadBucketInput,
    ) -> Answer<HeadBucketOutput> {
        self.look(|region, _| s3::bucket(region, &input.bucket).map(|_| ()))?;
        Ok(S3Response::new(HeadBucketOutput {
            bucket_region: Some(self.engine.settings().region.clone()),
            ..Default::default()
        }))
    }

    pub(in crate::s3) async fn get_bucket_location(
        &self,
        input: GetBucketLocationInput,
    ) -> Answer<GetBucketLocationOutput> {
        self.look(|region, _| s3::bucket(region, &input.bucket).map(|_| ()))?;
        let region = self.engine.settings().region.clone();
        Ok(S3Response::new(GetBucketLocationOutput {
            location_constraint: (region != "us-east-1").then(|| region.into()),
        }))
    }

    async fn keep<T: Serialize>(
        &self,
        bucket: &str,
        name: &'static str,
        value: &T,
    ) -> s3s::S3Result<()> {
        let value = serde_json::to_value(value).map_err(|error| s3_error!(error, InternalError))?;
        let bucket = bucket.to_owned();
        self.write(move |region, _| {
            s3::bucket_mut(region, &bucket)?
                .configurations
                .insert(name.to_owned(), value);
            Ok(())
        })
        .await
    }

    async fn drop_kept(&self, bucket: String, name: &'static str) -> s3s::S3Result<()> {
        self.write(move |region, _| {
            s3::bucket_mut(region, &bucket)?.configurations.remove(name);
            Ok(())
        })
        .await
    }

    fn kept_or<T: DeserializeOwned>(
        &self,
        bucket: &str,
        name: &'static str,
    ) -> s3s::S3Result<Option<T>> {
        let value = self.look(|region, _| {
            Ok(s3::bucket(region, bucket)?
                .configurations
                .get(name)
                .cloned())
        })?;
        value
            .map(|value| {
                serde_json::from_value(value).map_err(|error| s3_error!(error, InternalError))
            })
            .transpose()
    }

    fn kept<T: DeserializeOwned>(
        &self,
        bucket: &str,
        name: &'static str,
        code: &'static str,
        message: &'static str,
    ) -> s3s::S3Result<T> {
        self.kept_or(bucket, name)?
            .ok_or_else(|| absent(code, message))
    }
}

fn absent(code: &'static str, message: &'static str) -> S3Error {
    let mut error = S3Error::with_message(
        S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError),
        message,
    );
    error.set_status_code(http::StatusCode::NOT_FOUND);
    error
}
