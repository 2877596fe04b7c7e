//! Buckets and their sub-resources. What is put under a sub-resource is kept as it was put.

use region::services::s3::{self, Versioning};
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Response, s3_error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Answer, Store, owner, timestamp};

impl Store {
    pub(super) async fn list_buckets(&self, input: ListBucketsInput) -> Answer<ListBucketsOutput> {
        let output = self.engine.read(|region, context| {
            let buckets = region
                .s3
                .buckets
                .values()
                .filter(|bucket| {
                    input
                        .prefix
                        .as_deref()
                        .is_none_or(|prefix| bucket.name.starts_with(prefix))
                })
                .map(|bucket| Bucket {
                    bucket_region: Some(context.settings.region.clone()),
                    creation_date: Some(timestamp(bucket.created_at)),
                    name: Some(bucket.name.clone()),
                })
                .collect();
            ListBucketsOutput {
                buckets: Some(buckets),
                owner: Some(owner(context)),
                prefix: input.prefix.clone(),
                ..Default::default()
            }
        });
        Ok(S3Response::new(output))
    }

    pub(super) async fn create_bucket(
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
        self.write(move |region, context| {
            s3::create_bucket(region, context, &name)?;
            if let Some(ownership) = ownership {
                s3::bucket_mut(region, &name)?.object_ownership = ownership;
            }
            Ok(())
        })
        .await?;
        Ok(S3Response::new(CreateBucketOutput {
            location: Some(format!("/{}", input.bucket)),
        }))
    }

    pub(super) async fn delete_bucket(
        &self,
        input: DeleteBucketInput,
    ) -> Answer<DeleteBucketOutput> {
        self.write(move |region, _| s3::delete_bucket(region, &input.bucket))
            .await?;
        Ok(S3Response::new(DeleteBucketOutput {}))
    }

    pub(super) async fn head_bucket(&self, input: HeadBucketInput) -> Answer<HeadBucketOutput> {
        self.look(|region, _| s3::bucket(region, &input.bucket).map(|_| ()))?;
        Ok(S3Response::new(HeadBucketOutput {
            bucket_region: Some(self.engine.settings().region.clone()),
            ..Default::default()
        }))
    }

    pub(super) async fn get_bucket_location(
        &self,
        input: GetBucketLocationInput,
    ) -> Answer<GetBucketLocationOutput> {
        self.look(|region, _| s3::bucket(region, &input.bucket).map(|_| ()))?;
        let region = self.engine.settings().region.clone();
        Ok(S3Response::new(GetBucketLocationOutput {
            location_constraint: (region != "us-east-1").then(|| region.into()),
        }))
    }

    pub(super) async fn get_bucket_versioning(
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

    pub(super) async fn put_bucket_versioning(
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

    pub(super) async fn get_bucket_acl(
        &self,
        input: GetBucketAclInput,
    ) -> Answer<GetBucketAclOutput> {
        let owner = self.look(|region, context| {
            s3::bucket(region, &input.bucket)?;
            Ok(owner(context))
        })?;
        Ok(S3Response::new(GetBucketAclOutput {
            grants: Some(vec![Grant {
                grantee: Some(Grantee {
                    display_name: None,
                    email_address: None,
                    id: owner.id.clone(),
                    type_: Type::from_static(Type::CANONICAL_USER),
                    uri: None,
                }),
                permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
            }]),
            owner: Some(owner),
        }))
    }

    pub(super) async fn put_bucket_acl(
        &self,
        input: PutBucketAclInput,
    ) -> Answer<PutBucketAclOutput> {
        let ownership =
            self.look(|region, _| Ok(s3::bucket(region, &input.bucket)?.object_ownership.clone()))?;
        let private = input
            .acl
            .as_ref()
            .is_some_and(|one| one.as_str() == "private");
        if private {
            return Ok(S3Response::new(PutBucketAclOutput {}));
        }
        if ownership == "BucketOwnerEnforced" {
            return Err(S3Error::with_message(
                S3ErrorCode::Custom("AccessControlListNotSupported".into()),
                "The bucket does not allow ACLs",
            ));
        }
        Err(s3_error!(
            NotImplemented,
            "Access control lists other than private are not there."
        ))
    }

    pub(super) async fn get_bucket_request_payment(
        &self,
        input: GetBucketRequestPaymentInput,
    ) -> Answer<GetBucketRequestPaymentOutput> {
        self.look(|region, _| s3::bucket(region, &input.bucket).map(|_| ()))?;
        Ok(S3Response::new(GetBucketRequestPaymentOutput {
            payer: Some(Payer::from_static(Payer::BUCKET_OWNER)),
        }))
    }

    pub(super) async fn get_bucket_accelerate_configuration(
        &self,
        input: GetBucketAccelerateConfigurationInput,
    ) -> Answer<GetBucketAccelerateConfigurationOutput> {
        self.look(|region, _| s3::bucket(region, &input.bucket).map(|_| ()))?;
        Ok(S3Response::new(
            GetBucketAccelerateConfigurationOutput::default(),
        ))
    }

    pub(super) async fn get_bucket_ownership_controls(
        &self,
        input: GetBucketOwnershipControlsInput,
    ) -> Answer<GetBucketOwnershipControlsOutput> {
        let ownership: String = self.kept(
            &input.bucket,
            "ownershipControls",
            "OwnershipControlsNotFoundError",
            "The bucket ownership controls were not found",
        )?;
        Ok(S3Response::new(GetBucketOwnershipControlsOutput {
            ownership_controls: Some(OwnershipControls {
                rules: vec![OwnershipControlsRule {
                    object_ownership: ownership.into(),
                }],
            }),
        }))
    }

    pub(super) async fn put_bucket_ownership_controls(
        &self,
        input: PutBucketOwnershipControlsInput,
    ) -> Answer<PutBucketOwnershipControlsOutput> {
        let ownership = input
            .ownership_controls
            .rules
            .first()
            .map(|rule| rule.object_ownership.as_str().to_owned())
            .ok_or_else(|| s3_error!(MalformedXML))?;
        self.keep(&input.bucket, "ownershipControls", &ownership)
            .await?;
        self.write(move |region, _| {
            s3::bucket_mut(region, &input.bucket)?.object_ownership = ownership;
            Ok(())
        })
        .await?;
        Ok(S3Response::new(PutBucketOwnershipControlsOutput {}))
    }

    pub(super) async fn delete_bucket_ownership_controls(
        &self,
        input: DeleteBucketOwnershipControlsInput,
    ) -> Answer<DeleteBucketOwnershipControlsOutput> {
        self.drop_kept(input.bucket, "ownershipControls").await?;
        Ok(S3Response::new(DeleteBucketOwnershipControlsOutput {}))
    }

    pub(super) async fn get_bucket_policy(
        &self,
        input: GetBucketPolicyInput,
    ) -> Answer<GetBucketPolicyOutput> {
        let policy = self.kept(
            &input.bucket,
            "policy",
            "NoSuchBucketPolicy",
            "The bucket policy does not exist",
        )?;
        Ok(S3Response::new(GetBucketPolicyOutput {
            policy: Some(policy),
        }))
    }

    pub(super) async fn put_bucket_policy(
        &self,
        input: PutBucketPolicyInput,
    ) -> Answer<PutBucketPolicyOutput> {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(&input.policy);
        if !parsed.is_ok_and(|policy| policy.is_object()) {
            return Err(s3_error!(
                MalformedPolicy,
                "Policies must be valid JSON and the first byte must be '{{'"
            ));
        }
        self.keep(&input.bucket, "policy", &input.policy).await?;
        Ok(S3Response::new(PutBucketPolicyOutput {}))
    }

    pub(super) async fn delete_bucket_policy(
        &self,
        input: DeleteBucketPolicyInput,
    ) -> Answer<DeleteBucketPolicyOutput> {
        self.drop_kept(input.bucket, "policy").await?;
        Ok(S3Response::new(DeleteBucketPolicyOutput {}))
    }

    pub(super) async fn get_bucket_tagging(
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

    pub(super) async fn put_bucket_tagging(
        &self,
        input: PutBucketTaggingInput,
    ) -> Answer<PutBucketTaggingOutput> {
        super::object::tags_of(&input.tagging.tag_set, 50)?;
        self.keep(&input.bucket, "tagging", &input.tagging).await?;
        Ok(S3Response::new(PutBucketTaggingOutput {}))
    }

    pub(super) async fn delete_bucket_tagging(
        &self,
        input: DeleteBucketTaggingInput,
    ) -> Answer<DeleteBucketTaggingOutput> {
        self.drop_kept(input.bucket, "tagging").await?;
        Ok(S3Response::new(DeleteBucketTaggingOutput {}))
    }

    pub(super) async fn get_bucket_encryption(
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

    pub(super) async fn put_bucket_encryption(
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

    pub(super) async fn delete_bucket_encryption(
        &self,
        input: DeleteBucketEncryptionInput,
    ) -> Answer<DeleteBucketEncryptionOutput> {
        self.drop_kept(input.bucket, "encryption").await?;
        Ok(S3Response::new(DeleteBucketEncryptionOutput {}))
    }

    pub(super) async fn get_public_access_block(
        &self,
        input: GetPublicAccessBlockInput,
    ) -> Answer<GetPublicAccessBlockOutput> {
        let configuration = self.kept(
            &input.bucket,
            "publicAccessBlock",
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        )?;
        Ok(S3Response::new(GetPublicAccessBlockOutput {
            public_access_block_configuration: Some(configuration),
        }))
    }

    pub(super) async fn put_public_access_block(
        &self,
        input: PutPublicAccessBlockInput,
    ) -> Answer<PutPublicAccessBlockOutput> {
        let given = input.public_access_block_configuration;
        let whole = PublicAccessBlockConfiguration {
            block_public_acls: Some(given.block_public_acls.unwrap_or(false)),
            block_public_policy: Some(given.block_public_policy.unwrap_or(false)),
            ignore_public_acls: Some(given.ignore_public_acls.unwrap_or(false)),
            restrict_public_buckets: Some(given.restrict_public_buckets.unwrap_or(false)),
        };
        self.keep(&input.bucket, "publicAccessBlock", &whole)
            .await?;
        Ok(S3Response::new(PutPublicAccessBlockOutput {}))
    }

    pub(super) async fn delete_public_access_block(
        &self,
        input: DeletePublicAccessBlockInput,
    ) -> Answer<DeletePublicAccessBlockOutput> {
        self.drop_kept(input.bucket, "publicAccessBlock").await?;
        Ok(S3Response::new(DeletePublicAccessBlockOutput {}))
    }

    pub(super) async fn get_bucket_lifecycle_configuration(
        &self,
        input: GetBucketLifecycleConfigurationInput,
    ) -> Answer<GetBucketLifecycleConfigurationOutput> {
        let kept: BucketLifecycleConfiguration = self.kept(
            &input.bucket,
            "lifecycle",
            "NoSuchLifecycleConfiguration",
            "The lifecycle configuration does not exist",
        )?;
        let size: Option<String> = self.kept_or(&input.bucket, "lifecycleMinimumSize")?;
        Ok(S3Response::new(GetBucketLifecycleConfigurationOutput {
            rules: Some(kept.rules),
            transition_default_minimum_object_size: Some(
                size.unwrap_or_else(|| "all_storage_classes_128K".to_owned())
                    .into(),
            ),
        }))
    }

    pub(super) async fn put_bucket_lifecycle_configuration(
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
        self.keep(&input.bucket, "lifecycle", &configuration)
            .await?;
        self.keep(&input.bucket, "lifecycleMinimumSize", &size)
            .await?;
        Ok(S3Response::new(PutBucketLifecycleConfigurationOutput {
            transition_default_minimum_object_size: Some(size.into()),
        }))
    }

    pub(super) async fn delete_bucket_lifecycle(
        &self,
        input: DeleteBucketLifecycleInput,
    ) -> Answer<DeleteBucketLifecycleOutput> {
        self.drop_kept(input.bucket, "lifecycle").await?;
        Ok(S3Response::new(DeleteBucketLifecycleOutput {}))
    }

    pub(super) async fn get_bucket_logging(
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

    pub(super) async fn put_bucket_logging(
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

    pub(super) async fn get_bucket_cors(
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

    pub(super) async fn put_bucket_cors(
        &self,
        input: PutBucketCorsInput,
    ) -> Answer<PutBucketCorsOutput> {
        self.keep(&input.bucket, "cors", &input.cors_configuration)
            .await?;
        Ok(S3Response::new(PutBucketCorsOutput {}))
    }

    pub(super) async fn delete_bucket_cors(
        &self,
        input: DeleteBucketCorsInput,
    ) -> Answer<DeleteBucketCorsOutput> {
        self.drop_kept(input.bucket, "cors").await?;
        Ok(S3Response::new(DeleteBucketCorsOutput {}))
    }

    pub(super) async fn get_bucket_website(
        &self,
        input: GetBucketWebsiteInput,
    ) -> Answer<GetBucketWebsiteOutput> {
        self.never(
            &input.bucket,
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration",
        )
    }

    pub(super) async fn get_bucket_replication(
        &self,
        input: GetBucketReplicationInput,
    ) -> Answer<GetBucketReplicationOutput> {
        self.never(
            &input.bucket,
            "ReplicationConfigurationNotFoundError",
            "The replication configuration was not found",
        )
    }

    pub(super) async fn get_object_lock_configuration(
        &self,
        input: GetObjectLockConfigurationInput,
    ) -> Answer<GetObjectLockConfigurationOutput> {
        self.never(
            &input.bucket,
            "ObjectLockConfigurationNotFoundError",
            "Object Lock configuration does not exist for this bucket",
        )
    }

    pub(super) async fn get_bucket_notification_configuration(
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
