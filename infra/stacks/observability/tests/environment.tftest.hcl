# Run once per environment, with its values: they pass every validation, and the
# system's promises hold in each.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_resource "aws_cloudwatch_metric_alarm" {
    override_during = plan
    defaults        = { arn = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:an-alarm" }
  }
}

override_data {
  target = data.terraform_remote_state.bootstrap
  values = {
    outputs = {
      kms_key_arns = { telemetry = "arn:aws:kms:eu-central-1:111122223333:key/33333333-3333-3333-3333-333333333333" }
      emails       = ["links@example.com"]
    }
  }
}

override_data {
  target = data.terraform_remote_state.database
  values = {
    outputs = {
      instance_identifier = "links-test"
      replica_identifiers = { "1" = "links-test-replica-1" }
      allocated_storage   = 20
    }
  }
}

override_data {
  target = data.terraform_remote_state.service
  values = {
    outputs = {
      cluster_name            = "links-test"
      service_name            = "links-test"
      min_tasks               = 1
      container_insights      = "disabled"
      balancer_arn_suffix     = "app/links-test/0123456789abcdef"
      target_group_arn_suffix = "targetgroup/links-test/0123456789abcdef"
    }
  }
}

run "everyone_who_should_be_is_told" {
  command = plan

  assert {
    condition     = contains(keys(output.alarm_names), "service-unhealthy") && contains(keys(output.alarm_names), "replica-1-lag") && output.dashboard_name == "${var.project}-${var.environment}"
    error_message = "Service and replicas are watched."
  }

  assert {
    condition     = var.environment != "prod" || (var.thresholds.server_error_percent <= 1 && var.thresholds.minutes <= 5)
    error_message = "In production one request in a hundred is too many to lose, and five minutes is long."
  }
}
