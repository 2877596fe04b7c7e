# A bucket for Terraform states: versioned so that a bad state can be taken
# back, private, encrypted, reachable over TLS only, and not to be destroyed.

resource "aws_s3_bucket" "this" {
  # checkov:skip=CKV_AWS_18:Who touched a state is told by CloudTrail's data events, with names and not only addresses.
  # checkov:skip=CKV_AWS_144:A state in another region would describe what is not there.
  # checkov:skip=CKV2_AWS_62:Nobody waits for a state.
  bucket = var.name

  lifecycle {
    # Whoever destroys the states orphans everything they describe.
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    # One data key per bucket instead of one per object: fewer KMS calls.
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

data "aws_iam_policy_document" "this" {
  count = var.tls_only ? 1 : 0

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  count = var.tls_only ? 1 : 0

  bucket = aws_s3_bucket.this.id
  policy = data.aws_iam_policy_document.this[0].json

  # Two writes to one bucket's access settings at once are answered with a
  # conflict.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

# The provider waits 55 s for lifecycle rules to settle, so an environment that
# is made and thrown away often leaves them out.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  count = var.noncurrent_version_days == null ? 0 : 1

  bucket = aws_s3_bucket.this.id

  rule {
    id     = "old-states"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days           = var.noncurrent_version_days
      newer_noncurrent_versions = var.noncurrent_versions_kept
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}
