# The load balancer: what users meet. Counts that are zero are not told at all,
# so they are filled in; rates of next to no requests count as none.

locals {
  alb    = { LoadBalancer = var.balancer.arn_suffix }
  target = { LoadBalancer = var.balancer.arn_suffix, TargetGroup = var.balancer.target_group_arn_suffix }

  balancer_alarms = {
    latency = {
      description = "Requests take long: ${var.thresholds.latency_percentile} of the time that tasks need is over ${var.thresholds.latency_seconds} s."
      namespace   = "AWS/ApplicationELB"
      metric      = "TargetResponseTime"
      dimensions  = local.target
      percentile  = var.thresholds.latency_percentile
      comparison  = "GreaterThanThreshold"
      threshold   = var.thresholds.latency_seconds
      minutes     = var.thresholds.minutes
    }
    unhealthy-targets = {
      description = "Tasks fail the load balancer's health check and are not replaced."
      namespace   = "AWS/ApplicationELB"
      metric      = "UnHealthyHostCount"
      dimensions  = local.target
      statistic   = "Maximum"
      comparison  = "GreaterThanOrEqualToThreshold"
      threshold   = 1
      minutes     = var.thresholds.minutes
    }
    # Maximum, because every node of the balancer counts for itself.
    no-healthy-targets = {
      description = "No task is healthy: every request fails."
      namespace   = "AWS/ApplicationELB"
      metric      = "HealthyHostCount"
      dimensions  = local.target
      statistic   = "Maximum"
      comparison  = "LessThanThreshold"
      threshold   = 1
      minutes     = 2
    }
    few-healthy-targets = {
      description = "Fewer tasks are healthy than the service is to have at least."
      namespace   = "AWS/ApplicationELB"
      metric      = "HealthyHostCount"
      dimensions  = local.target
      statistic   = "Maximum"
      comparison  = "LessThanThreshold"
      threshold   = var.service.min_tasks
      minutes     = var.thresholds.tasks_missing_minutes
    }
  }

  # A request that found no task is the balancer's 5xx and no RequestCount, so
  # both are in what the rate is of.
  rate_alarms = merge(local.task_rates, {
    server-errors = {
      description = "More than ${var.thresholds.server_error_percent} % of the requests fail on our side."
      label       = "5xx in percent"
      expression  = "IF(FILL(requests, 0) + FILL(balancer, 0) >= ${var.thresholds.least_requests}, 100 * (FILL(balancer, 0) + FILL(target, 0)) / (FILL(requests, 0) + FILL(balancer, 0)), 0)"
      comparison  = "GreaterThanThreshold"
      threshold   = var.thresholds.server_error_percent
      minutes     = var.thresholds.minutes
      metrics = {
        requests = { namespace = "AWS/ApplicationELB", metric = "RequestCount", dimensions = local.alb, stat = "Sum" }
        balancer = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", dimensions = local.alb, stat = "Sum" }
        target   = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_5XX_Count", dimensions = local.alb, stat = "Sum" }
      }
    }
    client-errors = {
      description = "More than ${var.thresholds.client_error_percent} % of the requests are refused: a client has gone wrong, or we refuse what we should not."
      label       = "4xx in percent"
      expression  = "IF(FILL(requests, 0) + FILL(balancer, 0) >= ${var.thresholds.least_requests}, 100 * (FILL(balancer, 0) + FILL(target, 0)) / (FILL(requests, 0) + FILL(balancer, 0)), 0)"
      comparison  = "GreaterThanThreshold"
      threshold   = var.thresholds.client_error_percent
      minutes     = var.thresholds.minutes
      metrics = {
        requests = { namespace = "AWS/ApplicationELB", metric = "RequestCount", dimensions = local.alb, stat = "Sum" }
        balancer = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_4XX_Count", dimensions = local.alb, stat = "Sum" }
        target   = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_Target_4XX_Count", dimensions = local.alb, stat = "Sum" }
      }
    }
  })
}
