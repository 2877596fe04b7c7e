# The bucket that holds every state of the environment, this one's included.
#
# A state cannot be written to a bucket that does not exist, so the empty bucket
# is made by one call before the first init (see README). Adopting it here makes
# the rest the same as in every other stack, and at no moment is there a state
# outside the bucket that could be lost or have to be moved.
import {
  to = module.state_bucket.aws_s3_bucket.this
  id = var.bucket
}

module "state_bucket" {
  source = "../../modules/state_bucket"

  name                     = var.bucket
  tls_only                 = var.tls_only
  noncurrent_version_days  = var.noncurrent_version_days
  noncurrent_versions_kept = var.noncurrent_versions_kept
}
