# Every validation has a value that it refuses; all that are named must fail.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name        = "links-test"
  emails      = ["links@example.com"]
  kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/33333333-3333-3333-3333-333333333333"
  service     = { cluster_name = "links-test", service_name = "links-test", min_tasks = 2 }
  balancer    = { arn_suffix = "app/links-test/0123456789abcdef", target_group_arn_suffix = "targetgroup/links-test/0123456789abcdef" }
  database    = { instance_identifier = "links-test", allocated_storage = 20 }
  thresholds  = { database_connections = 60 }
}

run "refuses" {
  command = plan

  variables {
    name        = "Links"
    emails      = ["nobody"]
    kms_key_arn = "alias/aws/sns"
    service     = { cluster_name = "links-test", service_name = "links-test", min_tasks = -1 }
    balancer    = { arn_suffix = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/links-test/0123456789abcdef", target_group_arn_suffix = "targetgroup/links-test/0123456789abcdef" }
    database    = { instance_identifier = "links-test", allocated_storage = 5 }
    thresholds  = { database_connections = 60, minutes = 0 }
  }

  expect_failures = [var.name, var.emails, var.kms_key_arn, var.service, var.balancer, var.database, var.thresholds]
}

run "refuses_alarm_that_never_fires" {
  command = plan

  variables {
    thresholds = { database_connections = 60, service_cpu_percent = 100 }
  }

  expect_failures = [var.thresholds]
}

run "refuses_average_for_percentile" {
  command = plan

  variables {
    thresholds = { database_connections = 60, latency_percentile = "Average" }
  }

  expect_failures = [var.thresholds]
}

run "refuses_no_connections" {
  command = plan

  variables {
    thresholds = { database_connections = 0 }
  }

  expect_failures = [var.thresholds]
}
