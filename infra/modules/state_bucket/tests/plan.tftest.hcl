# What is planned for the bucket of the states. Nothing is asked of AWS.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  override_resource {
    target          = aws_s3_bucket.this
    override_during = plan
    values          = { arn = "arn:aws:s3:::links-test-terraform-state" }
  }
}

variables {
  name = "links-test-terraform-state"
}

run "versioned_private_encrypted" {
  command = plan

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "Old states can be taken back."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls,
      aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls,
      aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "Nobody can make the states public."
  }

  assert {
    condition     = aws_s3_bucket_ownership_controls.this.rule[0].object_ownership == "BucketOwnerEnforced"
    error_message = "Access lists count for nothing."
  }

  assert {
    condition     = one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "AES256"
    error_message = "States are encrypted."
  }

  assert {
    condition     = length(aws_s3_bucket_lifecycle_configuration.this) == 0
    error_message = "Lifecycle rules, for which the provider waits 55 s, are there only when asked for."
  }
}

run "tls_only" {
  command = plan

  assert {
    condition = (
      data.aws_iam_policy_document.this[0].statement[0].effect == "Deny" &&
      one(data.aws_iam_policy_document.this[0].statement[0].condition).variable == "aws:SecureTransport" &&
      one(data.aws_iam_policy_document.this[0].statement[0].condition).values == tolist(["false"]) &&
      data.aws_iam_policy_document.this[0].statement[0].resources == toset(["arn:aws:s3:::links-test-terraform-state", "arn:aws:s3:::links-test-terraform-state/*"])
    )
    error_message = "The bucket and all in it refuse requests without TLS."
  }
}

run "without_tls_policy" {
  command = plan

  variables {
    tls_only = false
  }

  assert {
    condition     = length(aws_s3_bucket_policy.this) == 0
    error_message = "A region without TLS can be served."
  }
}

run "key_of_ours_and_old_states_removed" {
  command = plan

  variables {
    kms_key_arn              = "arn:aws:kms:eu-central-1:111122223333:key/0e0c5f5e-9c0e-4b4f-9d0a-1f0a2b3c4d5e"
    noncurrent_version_days  = 90
    noncurrent_versions_kept = 5
  }

  assert {
    condition = (
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms" &&
      one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn
    )
    error_message = "States are encrypted with the key that was given."
  }

  assert {
    condition = (
      aws_s3_bucket_lifecycle_configuration.this[0].rule[0].noncurrent_version_expiration[0].noncurrent_days == 90 &&
      aws_s3_bucket_lifecycle_configuration.this[0].rule[0].noncurrent_version_expiration[0].newer_noncurrent_versions == 5 &&
      length(aws_s3_bucket_lifecycle_configuration.this[0].rule[0].expiration) == 0
    )
    error_message = "Old versions are removed, the current one never."
  }
}
