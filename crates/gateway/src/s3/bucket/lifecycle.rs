//! What happens to objects as they age. It is a record: nothing acts on it.

use s3s::dto::*;
use s3s::{S3Response, s3_error};

use crate::s3::{Answer, Store};

/// The rules, and the least size of what they move.
type Kept = (BucketLifecycleConfiguration, String);

impl Store {
    pub(in crate::s3) async fn get_bucket_lifecycle_configuration(
        &self,
        input: GetBucketLifecycleConfigurationInput,
    ) -> Answer<GetBucketLifecycleConfigurationOutput> {
        let (kept, size): Kept = self.kept(
            &input.bucket,
            "lifecycle",
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        )?;
        Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
            rules: Some(kept.rules),
            transition_default_minimum_object_size: Some(size.into()),
        }))
    }

    pub(in crate::s3) async fn put_bucket_lifecycle_configuration(
        &self,
        input: PutBucketLifecycleConfigurationInput,
    ) -> Answer<PutBucketLifecycleConfigurationOutput> {
        let configuration = input
            .lifecycle_configuration
            .ok_or_else(|| s3_error!(MalformedXML))?;
        if configuration.rules.is_empty() || configuration.rules.len() > 1000 {
            return Err(s3_error!(MalformedXML));
        }
        let size = input.transition_default_minimum_object_size.map_or_else(
            || "all_storage_classes_128K".to_owned(),
            |one| one.as_str().to_owned(),
        );
        let kept: Kept = (configuration, size);
        self.keep(&input.bucket, "lifecycle", &kept).await?;
        let (_, size) = kept;
        Ok(S3Response::new(PutBucketLifecycleConfigurationOutput {
            transition_default_minimum_object_size: Some(size.into()),
        }))
    }

    pub(in crate::s3) async fn delete_bucket_lifecycle(
        &self,
        input: DeleteBucketLifecycleInput,
    ) -> Answer<DeleteBucketLifecycleOutput> {
        self.drop_kept(input.bucket, "lifecycle").await?;
        Ok(S3Response::new(DeleteBucketLifecycleOutput {}))
    }
}
