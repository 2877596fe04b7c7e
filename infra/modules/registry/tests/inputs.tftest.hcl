# Every validation has a value that it refuses; all that are named must fail.

mock_provider "aws" {}

run "refuses" {
  command = plan

  variables {
    name                = "Links"
    kms_key_arn         = "alias/images"
    images_kept         = 1
    untagged_image_days = 0
  }

  expect_failures = [
    var.name,
    var.kms_key_arn,
    var.images_kept,
    var.untagged_image_days,
  ]
}
