//! Whether a bucket keeps old versions.

use region::services::s3::{self, Versioning};
use s3s::dto::*;
use s3s::{S3Response, s3_error};

use crate::s3::{Answer, Store};

impl Store {
    pub(in crate::s3) async fn get_bucket_versioning(
        &self,
        input: GetBucketVersioningInput,
    ) -> Answer<GetBucketVersioningOutput> {
        let versioning =
            self.look(|region, _| Ok(s3::bucket(region, &input.bucket)?.versioning))?;
        Ok(S3Response::new(GetBucketVersioningOutput {
            status: versioning.map(|one| {
                BucketVersioningStatus::from_static(match one {
                    Versioning::Enabled => BucketVersioningStatus::ENABLED,
                    Versioning::Suspended => BucketVersioningStatus::SUSPENDED,
                })
            }),
            ..Default::default()
        }))
    }

    pub(in crate::s3) async fn put_bucket_versioning(
        &self,
        input: PutBucketVersioningInput,
    ) -> Answer<PutBucketVersioningOutput> {
        let versioning = match input
            .versioning_configuration
            .status
            .as_ref()
            .map(BucketVersioningStatus::as_str)
        {
            Some(BucketVersioningStatus::ENABLED) => Versioning::Enabled,
            Some(BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
            _ => {
                return Err(s3_error!(
                    IllegalVersioningConfigurationException,
                    "The Versioning element must be specified"
                ));
            }
        };
        if input
            .versioning_configuration
            .mfa_delete
            .is_some_and(|one| one.as_str() == "Enabled")
        {
            return Err(s3_error!(NotImplemented, "MFA delete is not there yet."));
        }
        self.write(move |region, _| {
            s3::bucket_mut(region, &input.bucket)?.versioning = Some(versioning);
            Ok(())
        })
        .await?;
        Ok(S3Response::new(PutBucketVersioningOutput {}))
    }
}
