# The tasks. ECS tells of no metric while there are no tasks, so nothing here
# fires at night where a service closes.

locals {
  ecs = { ClusterName = var.service.cluster_name, ServiceName = var.service.service_name }

  service_alarms = {
    service-cpu = {
      description = "The tasks are nearly out of CPU although they are scaled: at their maximum, or too slow to come."
      namespace   = "AWS/ECS"
      metric      = "CPUUtilization"
      dimensions  = local.ecs
      statistic   = "Average"
      comparison  = "GreaterThanThreshold"
      threshold   = var.thresholds.service_cpu_percent
      minutes     = var.thresholds.minutes
    }
    service-memory = {
      description = "The tasks are nearly out of memory; one that is out of it is killed."
      namespace   = "AWS/ECS"
      metric      = "MemoryUtilization"
      dimensions  = local.ecs
      statistic   = "Average"
      comparison  = "GreaterThanThreshold"
      threshold   = var.thresholds.service_memory_percent
      minutes     = var.thresholds.minutes
    }
  }

  # Container Insights alone knows how many tasks are wanted.
  task_rates = var.service.container_insights ? {
    tasks-missing = {
      description = "Fewer tasks run than are wanted, for longer than a deployment takes: they do not start, or do not stay."
      label       = "Tasks missing"
      expression  = "desired - running"
      comparison  = "GreaterThanThreshold"
      threshold   = 0
      minutes     = var.thresholds.tasks_missing_minutes
      metrics = {
        for id, metric in { desired = "DesiredTaskCount", running = "RunningTaskCount" } : id => {
          namespace                 = "ECS/ContainerInsights"
          metric                    = metric
          dimensions                = local.ecs
          stat                      = "Average"
        }
      }
    }
  } : {}
}
