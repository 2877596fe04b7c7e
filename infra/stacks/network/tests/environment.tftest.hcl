# Run once per environment, with its values: they pass every validation, and the
# system's promises hold in each.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
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
