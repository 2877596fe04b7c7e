# Every validation has a value that it refuses; all that are named must fail.

mock_provider "aws" {}

run "refuses" {
  command = plan

  variables {
    name    = "Links.Example.com."
    zone_id = "example.com"
  }

  expect_failures = [var.name, var.zone_id]
}
