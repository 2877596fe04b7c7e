# Every validation has a value that it refuses; all that are named must fail.

mock_provider "aws" {}

variables {
  region = "eu-central-1"
}

override_data {
  target = data.terraform_remote_state.bootstrap
  values = {
    outputs = {
      kms_key_arns = {
        states    = "arn:aws:kms:eu-central-1:111122223333:key/11111111-1111-1111-1111-111111111111"
        data      = "arn:aws:kms:eu-central-1:111122223333:key/22222222-2222-2222-2222-222222222222"
        telemetry = "arn:aws:kms:eu-central-1:111122223333:key/33333333-3333-3333-3333-333333333333"
      }
      workload_boundary_arn = "arn:aws:iam::111122223333:policy/links-test-workload-boundary"
      emails                = ["links@example.com"]
    }
  }
}

run "refuses_two_zones" {
  command = plan

  variables {
    zones = {
      eu-central-1a = { public_cidr = "10.0.0.0/24", private_cidr = "10.0.16.0/20" }
      eu-central-1b = { public_cidr = "10.0.1.0/24", private_cidr = "10.0.32.0/20" }
    }
  }

  expect_failures = [var.zones]
}

run "refuses_misnamed_environment" {
  command = plan

  variables {
    project     = "Links"
    environment = "pre-prod"
  }

  expect_failures = [var.project, var.environment]
}

run "refuses_region_by_its_city" {
  command = plan

  variables {
    region = "Frankfurt"
  }

  # Zones are the region's, so they fail with it.
  expect_failures = [var.region]
}
