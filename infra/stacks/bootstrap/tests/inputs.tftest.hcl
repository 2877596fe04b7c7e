# Every validation has a value that it refuses; all that are named must fail.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  # It was made before Terraform was; see main.tf.
  override_resource {
    target = module.state_bucket.aws_s3_bucket.this
    values = { bucket = "links-test-terraform-state", arn = "arn:aws:s3:::links-test-terraform-state" }
  }
}

run "refuses" {
  command = plan

  variables {
    region        = "Frankfurt"
    project       = "Links"
    environment   = "pre-prod"
    domain        = { name = "Links" }
    emails        = ["nobody"]
    promotes_from = ["pre-prod"]
  }

  expect_failures = [var.region, var.project, var.environment, var.domain, var.emails]
}

run "refuses_budget_that_tells_nobody_and_images_from_itself" {
  command = plan

  variables {
    monthly_budget = 100
    emails         = []
    promotes_from  = ["dev"]
  }

  expect_failures = [var.emails, var.promotes_from]
}

run "refuses_negative_budget" {
  command = plan

  variables {
    monthly_budget = -1
  }

  expect_failures = [var.monthly_budget]
}
