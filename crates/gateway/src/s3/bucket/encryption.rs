//! How what is put into a bucket is encrypted. It is a record: bytes here are not encrypted.

use region::services::s3;
use s3s::dto::*;
use s3s::{S3Response, S3Result};

use crate::s3::{Answer, Store};

impl Store {
    pub(in crate::s3) async fn get_bucket_encryption(
        &self,
        input: GetBucketEncryptionInput,
    ) -> Answer<GetBucketEncryptionOutput> {
        // Every bucket encrypts: without a configuration of its own it does so with S3's keys.
        let configuration = self
            .kept_or(&input.bucket, "encryption")?
            .unwrap_or_else(|| ServerSideEncryptionConfiguration {
                rules: vec![ServerSideEncryptionRule {
                    apply_server_side_encryption_by_default: Some(ServerSideEncryptionByDefault {
                        kms_master_key_id: None,
                        sse_algorithm: ServerSideEncryption::from_static(
                            ServerSideEncryption::AES256,
                        ),
                    }),
                    bucket_key_enabled: Some(false),
                }],
            });
        Ok(S3Response::new(GetBucketEncryptionOutput {
            server_side_encryption_configuration: Some(configuration),
        }))
    }

    pub(in crate::s3) async fn put_bucket_encryption(
        &self,
        input: PutBucketEncryptionInput,
    ) -> Answer<PutBucketEncryptionOutput> {
        self.keep(
            &input.bucket,
            "encryption",
            &input.server_side_encryption_configuration,
        )
        .await?;
        Ok(S3Response::new(PutBucketEncryptionOutput {}))
    }

    pub(in crate::s3) async fn delete_bucket_encryption(
        &self,
        input: DeleteBucketEncryptionInput,
    ) -> Answer<DeleteBucketEncryptionOutput> {
        self.drop_kept(input.bucket, "encryption").await?;
        Ok(S3Response::new(DeleteBucketEncryptionOutput {}))
    }

    /// How an object is encrypted: as asked, else as the bucket says, else with S3's keys.
    pub(in crate::s3) fn encryption(
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
