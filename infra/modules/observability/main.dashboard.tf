# One page with the same metrics, from what users meet down to the disk.

locals {
  # Two columns of 12, rows of 6.
  panels = concat(
    [
      {
        title   = "Requests a minute"
        metrics = [["AWS/ApplicationELB", "RequestCount", "LoadBalancer", var.balancer.arn_suffix, { stat = "Sum" }]]
      },
      {
        title = "Errors a minute"
        metrics = [
          ["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", "LoadBalancer", var.balancer.arn_suffix, { stat = "Sum", label = "5xx of tasks" }],
          [".", "HTTPCode_ELB_5XX_Count", ".", ".", { stat = "Sum", label = "5xx of the balancer" }],
          [".", "HTTPCode_Target_4XX_Count", ".", ".", { stat = "Sum", label = "4xx of tasks" }],
          [".", "HTTPCode_ELB_4XX_Count", ".", ".", { stat = "Sum", label = "4xx of the balancer" }],
        ]
      },
      {
        title = "Time that tasks need, in seconds"
        lines = { latency = var.thresholds.latency_seconds }
        metrics = [for stat in ["p50", "p95", "p99"] :
          ["AWS/ApplicationELB", "TargetResponseTime", "LoadBalancer", var.balancer.arn_suffix, "TargetGroup", var.balancer.target_group_arn_suffix, { stat = stat, label = stat }]
        ]
      },
      {
        title = "Tasks that the balancer sees"
        metrics = [
          ["AWS/ApplicationELB", "HealthyHostCount", "TargetGroup", var.balancer.target_group_arn_suffix, "LoadBalancer", var.balancer.arn_suffix, { stat = "Maximum", label = "healthy" }],
          [".", "UnHealthyHostCount", ".", ".", ".", ".", { stat = "Maximum", label = "unhealthy" }],
        ]
      },
      {
        title = "Tasks: CPU and memory in percent"
        lines = { "CPU alarm" = var.thresholds.service_cpu_percent }
        metrics = [
          ["AWS/ECS", "CPUUtilization", "ClusterName", var.service.cluster_name, "ServiceName", var.service.service_name, { stat = "Average" }],
          [".", "MemoryUtilization", ".", ".", ".", ".", { stat = "Average" }],
        ]
      },
    ],
    var.service.container_insights ? [
      {
        title = "Tasks wanted and running"
        metrics = [
          ["ECS/ContainerInsights", "DesiredTaskCount", "ClusterName", var.service.cluster_name, "ServiceName", var.service.service_name, { stat = "Average" }],
          [".", "RunningTaskCount", ".", ".", ".", ".", { stat = "Average" }],
        ]
      },
    ] : [],
    [
      {
        title   = "Database: CPU in percent"
        lines   = { alarm = var.thresholds.database_cpu_percent }
        metrics = [for identifier in values(local.instances) : ["AWS/RDS", "CPUUtilization", "DBInstanceIdentifier", identifier, { stat = "Average" }]]
      },
      {
        title   = "Database: connections"
        lines   = { alarm = var.thresholds.database_connections }
        metrics = [for identifier in values(local.instances) : ["AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", identifier, { stat = "Average" }]]
      },
      {
        title   = "Database: free storage in bytes"
        lines   = { alarm = local.instance_alarms.storage.threshold }
        metrics = [for identifier in values(local.instances) : ["AWS/RDS", "FreeStorageSpace", "DBInstanceIdentifier", identifier, { stat = "Average" }]]
      },
      {
        title = "Database: reads and writes a second"
        metrics = concat(
          [for identifier in values(local.instances) : ["AWS/RDS", "ReadIOPS", "DBInstanceIdentifier", identifier, { stat = "Average" }]],
          [for identifier in values(local.instances) : ["AWS/RDS", "WriteIOPS", "DBInstanceIdentifier", identifier, { stat = "Average" }]],
        )
      },
    ],
    length(var.database.replica_identifiers) == 0 ? [] : [
      {
        title   = "Replicas: seconds behind"
        lines   = { alarm = var.thresholds.replica_lag_seconds }
        metrics = [for identifier in values(var.database.replica_identifiers) : ["AWS/RDS", "ReplicaLag", "DBInstanceIdentifier", identifier, { stat = "Maximum" }]]
      },
    ],
  )

  alarm_arns = concat(
    [aws_cloudwatch_composite_alarm.unhealthy.arn],
    [for alarm in aws_cloudwatch_metric_alarm.rate : alarm.arn],
    [for alarm in aws_cloudwatch_metric_alarm.this : alarm.arn],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type       = "alarm"
        x          = 0
        y          = 0
        width      = 24
        height     = 4
        properties = { title = "Alarms", alarms = local.alarm_arns }
      }],
      [for index, panel in local.panels : {
        type   = "metric"
        x      = index % 2 * 12
        y      = 4 + floor(index / 2) * 6
        width  = 12
        height = 6
        properties = merge(
          {
            title   = panel.title
            region  = data.aws_region.current.name
            view    = "timeSeries"
            stacked = false
            period  = 60
            metrics = panel.metrics
            yAxis   = { left = { min = 0 } }
          },
          try({ annotations = { horizontal = [for label, value in panel.lines : { label = label, value = value }] } }, {}),
        )
      }],
    )
  })
}
