# What is watched and who is told. Nothing is asked of AWS.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "111122223333" }
  }

  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }

  mock_resource "aws_cloudwatch_metric_alarm" {
    override_during = plan
    defaults        = { arn = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:an-alarm" }
  }

  mock_resource "aws_cloudwatch_composite_alarm" {
    override_during = plan
    defaults        = { arn = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:links-test-service-unhealthy" }
  }

  override_resource {
    target          = aws_sns_topic.this
    override_during = plan
    values          = { arn = "arn:aws:sns:eu-central-1:111122223333:links-test-alarms" }
  }
}

variables {
  name        = "links-test"
  emails      = ["links@example.com"]
  kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/33333333-3333-3333-3333-333333333333"
  service     = { cluster_name = "cluster", service_name = "service", min_tasks = 2, container_insights = true }
  balancer    = { arn_suffix = "app/links-test/0123456789abcdef", target_group_arn_suffix = "targetgroup/links-test/0123456789abcdef" }
  database    = { instance_identifier = "writer", replica_identifiers = { "1" = "reader" }, allocated_storage = 20 }
  thresholds  = { database_connections = 60 }
}

run "everything_is_watched" {
  command = plan

  assert {
    condition = toset(keys(output.alarm_names)) == toset([
      "service-cpu", "service-memory", "tasks-missing",
      "server-errors", "client-errors", "latency", "unhealthy-targets", "few-healthy-targets", "no-healthy-targets",
      "database-cpu", "database-memory", "database-connections", "database-storage",
      "replica-1-cpu", "replica-1-memory", "replica-1-connections", "replica-1-storage", "replica-1-lag",
      "service-unhealthy",
    ])
    error_message = "Tasks, balancer, database and replicas are watched."
  }

  assert {
    condition = alltrue([
      for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_metric_alarm.rate), [aws_cloudwatch_composite_alarm.unhealthy]) :
      alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:111122223333:links-test-alarms"]) && alarm.ok_actions == alarm.alarm_actions && startswith(alarm.alarm_name, "links-test-") && length(alarm.alarm_description) > 20
    ])
    error_message = "Every alarm tells of itself and of the recovery, and says what it means."
  }

  assert {
    condition     = alltrue([for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_metric_alarm.rate)) : alarm.evaluation_periods == alarm.datapoints_to_alarm && alarm.evaluation_periods >= 2])
    error_message = "No single minute makes an alarm."
  }
}

run "thresholds" {
  command = plan

  assert {
    condition     = [aws_cloudwatch_metric_alarm.this["service-cpu"].threshold, aws_cloudwatch_metric_alarm.this["database-connections"].threshold, aws_cloudwatch_metric_alarm.this["database-storage"].threshold, aws_cloudwatch_metric_alarm.this["few-healthy-targets"].threshold] == [85, 60, 3221225472, 2]
    error_message = "Thresholds are those given; storage is counted in bytes."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["latency"].extended_statistic == "p95" && aws_cloudwatch_metric_alarm.this["latency"].evaluate_low_sample_count_percentiles == "ignore" && aws_cloudwatch_metric_alarm.this["latency"].statistic == null
    error_message = "Latency is a percentile, not an average."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.this["replica-1-lag"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.this["service-cpu"].treat_missing_data == "notBreaching"
    error_message = "A silent replica is behind; a closed service is not in trouble."
  }
}

run "rates" {
  command = plan

  assert {
    condition     = { for query in aws_cloudwatch_metric_alarm.rate["server-errors"].metric_query : query.id => try(one(query.metric).metric_name, "expression") } == { result = "expression", requests = "RequestCount", balancer = "HTTPCode_ELB_5XX_Count", target = "HTTPCode_Target_5XX_Count" }
    error_message = "Failures are counted at the balancer and behind it."
  }

  assert {
    condition     = [for query in aws_cloudwatch_metric_alarm.rate["server-errors"].metric_query : query.id if query.return_data == true] == ["result"]
    error_message = "An alarm watches one result."
  }

  assert {
    condition     = strcontains(one([for query in aws_cloudwatch_metric_alarm.rate["server-errors"].metric_query : query.expression if query.id == "result"]), ">= 20, 100 * ")
    error_message = "Next to no requests make no rate."
  }
}

run "one_alarm_for_what_users_notice" {
  command = plan

  assert {
    condition     = aws_cloudwatch_composite_alarm.unhealthy.alarm_rule == "ALARM(\"links-test-server-errors\") OR ALARM(\"links-test-latency\") OR ALARM(\"links-test-no-healthy-targets\")"
    error_message = "Errors, latency, or nothing to answer with."
  }
}

run "told_in_confidence" {
  command = plan

  assert {
    condition     = aws_sns_topic.this.kms_master_key_id == var.kms_key_arn && keys(aws_sns_topic_subscription.email) == ["links@example.com"]
    error_message = "The topic is encrypted with a key of ours and has its readers."
  }

  assert {
    condition     = { for condition in data.aws_iam_policy_document.topic.statement[0].condition : condition.variable => one(condition.values) } == { "aws:SourceArn" = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:links-test-*", "aws:SourceAccount" = "111122223333" }
    error_message = "Only this system's alarms are let in."
  }
}

run "dashboard" {
  command = plan

  assert {
    condition     = length([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget if widget.type == "metric"]) == 11
    error_message = "Every metric has its panel."
  }

  assert {
    condition     = alltrue([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.x + widget.width <= 24])
    error_message = "Panels lie on the page."
  }
}

run "without_insights_and_replicas" {
  command = plan

  variables {
    service  = { cluster_name = "cluster", service_name = "service", min_tasks = 1 }
    database = { instance_identifier = "writer", allocated_storage = 20 }
  }

  assert {
    condition     = !contains(keys(output.alarm_names), "tasks-missing") && !anytrue([for name in keys(output.alarm_names) : startswith(name, "replica")])
    error_message = "What is not there is not watched."
  }
}
