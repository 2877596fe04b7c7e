# Every validation has a value that it refuses; all that are named must fail.

mock_provider "aws" {}

run "refuses" {
  command = plan

  variables {
    name           = "Links"
    monthly_usd    = 0
    actual_percent = 101
    tag            = { key = "", value = "" }
    emails         = ["nobody"]
  }

  expect_failures = [var.name, var.monthly_usd, var.actual_percent, var.tag, var.emails]
}

run "refuses_to_tell_nobody" {
  command = plan

  variables {
    name        = "links-test"
    monthly_usd = 100
    tag         = { key = "environment", value = "test" }
    emails      = []
  }

  expect_failures = [var.emails]
}
