# Every validation has a value that it refuses; all that are named must fail.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "refuses" {
  command = plan

  variables {
    name                     = "links.state"
    kms_key_arn              = "alias/states"
    noncurrent_version_days  = 0
    noncurrent_versions_kept = 101
  }

  expect_failures = [
    var.name,
    var.kms_key_arn,
    var.noncurrent_version_days,
    var.noncurrent_versions_kept,
  ]
}
