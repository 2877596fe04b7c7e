# Run once per environment, with its values: they pass every validation, and the
# system's promises hold in each.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
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

run "three_zones_and_a_way_to_aws" {
  command = plan

  assert {
    condition     = length(output.public_subnet_ids) == 3 && length(output.private_subnet_ids) == 3
    error_message = "One public and one private subnet in each of three zones."
  }

  assert {
    condition     = var.nat_gateways != "none" || length(setsubtract(["ecr.api", "ecr.dkr", "logs", "secretsmanager"], var.interface_endpoints)) == 0
    error_message = "Without a NAT gateway tasks need these four endpoints to start."
  }

  assert {
    condition     = var.environment != "prod" || (var.nat_gateways != "single" && var.flow_log_retention_days != null)
    error_message = "In production no zone depends on another, and traffic is recorded."
  }
}
