//! Who may use a bucket: its policy, its ownership, its access control list, the public.

use region::services::s3;
use s3s::dto::*;
use s3s::{S3Error, S3ErrorCode, S3Response, s3_error};

use crate::s3::{Answer, Store, owner};

impl Store {
    pub(in crate::s3) async fn get_bucket_acl(
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

    pub(in crate::s3) async fn put_bucket_acl(
        &self,
        input: PutBucketAclInput,
    ) -> Answer<PutBucketAclOutput> {
        let ownership: Option<String> = self.kept_or(&input.bucket, s3::OWNERSHIP)?;
        let private = input
            .acl
            .as_ref()
            .is_some_and(|one| one.as_str() == "private");
        if private {
            return Ok(S3Response::new(PutBucketAclOutput {}));
        }
        if ownership.as_deref() == Some("BucketOwnerEnforced") {
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

    pub(in crate::s3) async fn get_bucket_ownership_controls(
        &self,
        input: GetBucketOwnershipControlsInput,
    ) -> Answer<GetBucketOwnershipControlsOutput> {
        let ownership: String = self.kept(
            &input.bucket,
            s3::OWNERSHIP,
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

    pub(in crate::s3) async fn put_bucket_ownership_controls(
        &self,
        input: PutBucketOwnershipControlsInput,
    ) -> Answer<PutBucketOwnershipControlsOutput> {
        let ownership = input
            .ownership_controls
            .rules
            .first()
            .map(|rule| rule.object_ownership.as_str().to_owned())
            .ok_or_else(|| s3_error!(MalformedXML))?;
        self.keep(&input.bucket, s3::OWNERSHIP, &ownership).await?;
        Ok(S3Response::new(PutBucketOwnershipControlsOutput {}))
    }

    pub(in crate::s3) async fn delete_bucket_ownership_controls(
        &self,
        input: DeleteBucketOwnershipControlsInput,
    ) -> Answer<DeleteBucketOwnershipControlsOutput> {
        self.drop_kept(input.bucket, s3::OWNERSHIP).await?;
        Ok(S3Response::new(DeleteBucketOwnershipControlsOutput {}))
    }

    pub(in crate::s3) async fn get_bucket_policy(
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

    pub(in crate::s3) async fn put_bucket_policy(
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

    pub(in crate::s3) async fn delete_bucket_policy(
        &self,
        input: DeleteBucketPolicyInput,
    ) -> Answer<DeleteBucketPolicyOutput> {
        self.drop_kept(input.bucket, "policy").await?;
        Ok(S3Response::new(DeleteBucketPolicyOutput {}))
    }

    pub(in crate::s3) async fn get_public_access_block(
        &self,
        input: GetPublicAccessBlockInput,
    ) -> Answer<GetPublicAccessBlockOutput> {
        let configuration = self.kept(
            &input.bucket,
            s3::PUBLIC_ACCESS,
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        )?;
        Ok(S3Response::new(GetPublicAccessBlockOutput {
            public_access_block_configuration: Some(configuration),
        }))
    }

    pub(in crate::s3) async fn put_public_access_block(
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
        self.keep(&input.bucket, s3::PUBLIC_ACCESS, &whole).await?;
        Ok(S3Response::new(PutPublicAccessBlockOutput {}))
    }

    pub(in crate::s3) async fn delete_public_access_block(
        &self,
        input: DeletePublicAccessBlockInput,
    ) -> Answer<DeletePublicAccessBlockOutput> {
        self.drop_kept(input.bucket, s3::PUBLIC_ACCESS).await?;
        Ok(S3Response::new(DeletePublicAccessBlockOutput {}))
    }
}
