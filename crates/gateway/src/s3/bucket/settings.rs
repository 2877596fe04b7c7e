//! What is kept of a bucket and told, and what never exists here.

use region::services::s3;
use s3s::dto::*;
use s3s::{S3Response, s3_error};

use super::absent;
use crate::s3::{Answer, Store};

impl Store {
    pub(in crate::s3) async fn get_bucket_tagging(
        &self,
        input: GetBucketTaggingInput,
    ) -> Answer<GetBucketTaggingOutput> {
        let tagging: Tagging = self.kept(
            &input.bucket,
            "tagging",
            "NoSuchTagSet",
            "The TagSet does not exist",
        )?;
        Ok(S3Response::new(GetBucketTaggingOutput {
            tag_set: tagging.tag_set,
        }))
    }

    pub(in crate::s3) async fn put_bucket_tagging(
        &self,
        input: PutBucketTaggingInput,
    ) -> Answer<PutBucketTaggingOutput> {
        crate::s3::object::tags_of(&input.tagging.tag_set, 50)?;
        self.keep(&input.bucket, "tagging", &input.tagging).await?;
        Ok(S3Response::new(PutBucketTaggingOutput {}))
    }

    pub(in crate::s3) async fn delete_bucket_tagging(
        &self,
        input: DeleteBucketTaggingInput,
    ) -> Answer<DeleteBucketTaggingOutput> {
        self.drop_kept(input.bucket, "tagging").await?;
        Ok(S3Response::new(DeleteBucketTaggingOutput {}))
    }

    pub(in crate::s3) async fn get_bucket_logging(
        &self,
        input: GetBucketLoggingInput,
    ) -> Answer<GetBucketLoggingOutput> {
        let target: Option<(String, String)> = self.kept_or(&input.bucket, "logging")?;
        Ok(S3Response::new(GetBucketLoggingOutput {
            logging_enabled: target.map(|(bucket, prefix)| LoggingEnabled {
                target_bucket: bucket,
                target_grants: None,
                target_object_key_format: None,
                target_prefix: prefix,
            }),
        }))
    }

    pub(in crate::s3) async fn put_bucket_logging(
        &self,
        input: PutBucketLoggingInput,
    ) -> Answer<PutBucketLoggingOutput> {
        match input.bucket_logging_status.logging_enabled {
            None => self.drop_kept(input.bucket, "logging").await?,
            Some(LoggingEnabled {
                target_grants: Some(_),
                ..
            }) => {
                return Err(s3_error!(NotImplemented, "Target grants are not there."));
            }
            Some(LoggingEnabled {
                target_object_key_format: Some(_),
                ..
            }) => {
                return Err(s3_error!(
                    NotImplemented,
                    "Target object key formats are not there."
                ));
            }
            Some(enabled) => {
                let target = (enabled.target_bucket, enabled.target_prefix);
                self.keep(&input.bucket, "logging", &target).await?;
            }
        }
        Ok(S3Response::new(PutBucketLoggingOutput {}))
    }

    pub(in crate::s3) async fn get_bucket_cors(
        &self,
        input: GetBucketCorsInput,
    ) -> Answer<GetBucketCorsOutput> {
        let cors: CORSConfiguration = self.kept(
            &input.bucket,
            "cors",
            "NoSuchCORSConfiguration",
            "The CORS configuration does not exist",
        )?;
        Ok(S3Response::new(GetBucketCorsOutput {
            cors_rules: Some(cors.cors_rules),
        }))
    }

    pub(in crate::s3) async fn put_bucket_cors(
        &self,
        input: PutBucketCorsInput,
    ) -> Answer<PutBucketCorsOutput> {
        self.keep(&input.bucket, "cors", &input.cors_configuration)
            .await?;
        Ok(S3Response::new(PutBucketCorsOutput {}))
    }

    pub(in crate::s3) async fn delete_bucket_cors(
        &self,
        input: DeleteBucketCorsInput,
    ) -> Answer<DeleteBucketCorsOutput> {
        self.drop_kept(input.bucket, "cors").await?;
        Ok(S3Response::new(DeleteBucketCorsOutput {}))
    }

    pub(in crate::s3) async fn get_bucket_request_payment(
        &self,
        input: GetBucketRequestPaymentInput,
    ) -> Answer<GetBucketRequestPaymentOutput> {
        self.look(|region, _| s3::bucket(region, &input.bucket).map(|_| ()))?;
        Ok(S3Response::new(GetBucketRequestPaymentOutput {
            payer: Some(Payer::from_static(Payer::BUCKET_OWNER)),
        }))
    }

    pub(in crate::s3) async fn get_bucket_accelerate_configuration(
        &self,
        input: GetBucketAccelerateConfigurationInput,
    ) -> Answer<GetBucketAccelerateConfigurationOutput> {
        self.look(|region, _| s3::bucket(region, &input.bucket).map(|_| ()))?;
        Ok(S3Response::new(
            GetBucketAccelerateConfigurationOutput::default(),
        ))
    }

    pub(in crate::s3) async fn get_bucket_website(
        &self,
        input: GetBucketWebsiteInput,
    ) -> Answer<GetBucketWebsiteOutput> {
        self.never(
            &input.bucket,
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration",
        )
    }

    pub(in crate::s3) async fn get_bucket_replication(
        &self,
        input: GetBucketReplicationInput,
    ) -> Answer<GetBucketReplicationOutput> {
        self.never(
            &input.bucket,
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
        )
    }

    pub(in crate::s3) async fn get_object_lock_configuration(
        &self,
        input: GetObjectLockConfigurationInput,
    ) -> Answer<GetObjectLockConfigurationOutput> {
        self.never(
            &input.bucket,
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        )
    }

    pub(in crate::s3) async fn get_bucket_notification_configuration(
        &self,
        input: GetBucketNotificationConfigurationInput,
    ) -> Answer<GetBucketNotificationConfigurationOutput> {
        self.look(|region, _| s3::bucket(region, &input.bucket).map(|_| ()))?;
        Ok(S3Response::new(
            GetBucketNotificationConfigurationOutput::default(),
        ))
    }

    /// A sub-resource that can be read but not put here, so it never exists.
    fn never<T>(&self, bucket: &str, code: &'static str, message: &'static str) -> Answer<T> {
        self.look(|region, _| s3::bucket(region, bucket).map(|_| ()))?;
        Err(absent(code, message))
    }
}
