# Every validation has a value that it refuses; all that are named must fail.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

run "refuses" {
  command = plan

  variables {
    name           = "links.logs"
    retention_days = 0.5
  }

  expect_failures = [var.name, var.retention_days]
}
