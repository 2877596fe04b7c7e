# Every validation has a value that it refuses; all that are named must fail.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "refuses" {
  command = plan

  variables {
    name                 = "aws-key"
    description          = ""
    users                = ["everyone"]
    deletion_window_days = 1
  }

  expect_failures = [
    var.name,
    var.description,
    var.users,
    var.deletion_window_days,
  ]
}
