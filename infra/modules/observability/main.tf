# What is watched, who is told, and one page to look at. An alarm fires when its
# metric has been past a threshold for a set time, and tells of it and of the
# recovery.

locals {
  # Every alarm tells the same people, of both.
  actions = [aws_sns_topic.this.arn]

  alarms = merge(local.service_alarms, local.balancer_alarms, local.database_alarms)
  rates  = local.rate_alarms
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = each.value.description

  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = try(each.value.statistic, null)
  extended_statistic  = try(each.value.percentile, null)
  period              = 60
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = each.value.minutes
  treat_missing_data  = try(each.value.missing, "notBreaching")

  # A percentile of a handful of requests says nothing.
  evaluate_low_sample_count_percentiles = try(each.value.percentile, null) == null ? null : "ignore"

  alarm_actions = local.actions
  ok_actions    = local.actions
}

# Alarms on what several metrics say together.
resource "aws_cloudwatch_metric_alarm" "rate" {
  for_each = local.rates

  alarm_name        = "${var.name}-${each.key}"
  alarm_description = each.value.description

  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  evaluation_periods  = each.value.minutes
  datapoints_to_alarm = each.value.minutes
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "result"
    expression  = each.value.expression
    label       = each.value.label
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric
        dimensions  = metric_query.value.dimensions
        stat        = metric_query.value.stat
        period      = 60
      }
    }
  }

  alarm_actions = local.actions
  ok_actions    = local.actions
}

# What users notice, in one alarm: whoever looks at only one looks at this.
resource "aws_cloudwatch_composite_alarm" "unhealthy" {
  alarm_name        = "${var.name}-service-unhealthy"
  alarm_description = "The service is unhealthy: it fails requests, is slow, or has nothing healthy to answer with. The alarms that make it so say which."

  alarm_rule = join(" OR ", [for alarm in concat(
    [aws_cloudwatch_metric_alarm.rate["server-errors"]],
    [for key in ["latency", "no-healthy-targets"] : aws_cloudwatch_metric_alarm.this[key]],
  ) : "ALARM(\"${alarm.alarm_name}\")"])

  alarm_actions = local.actions
  ok_actions    = local.actions
}
