# How many tasks there are. Target tracking follows the load between a minimum
# and a maximum; office hours, where wanted, follow the clock.
#
# A scheduled action writes its own bounds into the target: at night the target
# says 0 to 0, and an apply that put the day's bounds back would wake what is
# meant to sleep. So there are two targets, of which one is made: with office
# hours the bounds are left to the schedule, without them they are held.

locals {
  scales       = var.scaling == null ? toset([]) : toset(["this"])
  office_hours = try(var.scaling.office_hours, null) == null ? {} : { this = var.scaling.office_hours }
  bounds_held  = length(local.office_hours) == 0 ? local.scales : toset([])

  scaling_resource_id = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.this.name}"
}

# Both targets are one thing to AWS. Replacing this between them makes Terraform
# take the one away before it makes the other.
resource "terraform_data" "scaling_mode" {
  for_each = local.scales

  triggers_replace = length(local.office_hours) > 0 ? "office hours" : "always on"
}

resource "aws_appautoscaling_target" "this" {
  for_each = local.bounds_held

  service_namespace  = "ecs"
  resource_id        = local.scaling_resource_id
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.scaling.min_tasks
  max_capacity       = var.scaling.max_tasks

  depends_on = [terraform_data.scaling_mode]
}

resource "aws_appautoscaling_target" "office_hours" {
  for_each = local.office_hours

  service_namespace  = "ecs"
  resource_id        = local.scaling_resource_id
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.scaling.min_tasks
  max_capacity       = var.scaling.max_tasks

  depends_on = [terraform_data.scaling_mode]

  lifecycle {
    # The schedule's. New bounds come with the next opening.
    ignore_changes = [min_capacity, max_capacity]
  }
}

resource "aws_appautoscaling_policy" "cpu" {
  for_each = local.scales

  name               = "${var.name}-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = "ecs"
  resource_id        = local.scaling_resource_id
  scalable_dimension = "ecs:service:DesiredCount"

  target_tracking_scaling_policy_configuration {
    target_value       = var.scaling.cpu_target
    scale_out_cooldown = var.scaling.scale_out_cooldown
    scale_in_cooldown  = var.scaling.scale_in_cooldown

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }

  depends_on = [aws_appautoscaling_target.this, aws_appautoscaling_target.office_hours]

  lifecycle {
    # AWS removes a target's policies with the target.
    replace_triggered_by = [terraform_data.scaling_mode]
  }
}

resource "aws_appautoscaling_scheduled_action" "close" {
  for_each = local.office_hours

  name               = "${var.name}-close"
  service_namespace  = "ecs"
  resource_id        = local.scaling_resource_id
  scalable_dimension = "ecs:service:DesiredCount"
  schedule           = "cron(${tonumber(split(":", each.value.close)[1])} ${tonumber(split(":", each.value.close)[0])} ? * MON-FRI *)"
  timezone           = each.value.timezone

  scalable_target_action {
    min_capacity = 0
    max_capacity = 0
  }

  depends_on = [aws_appautoscaling_target.office_hours]
}

resource "aws_appautoscaling_scheduled_action" "open" {
  for_each = local.office_hours

  name               = "${var.name}-open"
  service_namespace  = "ecs"
  resource_id        = local.scaling_resource_id
  scalable_dimension = "ecs:service:DesiredCount"
  schedule           = "cron(${tonumber(split(":", each.value.open)[1])} ${tonumber(split(":", each.value.open)[0])} ? * MON-FRI *)"
  timezone           = each.value.timezone

  scalable_target_action {
    min_capacity = var.scaling.min_tasks
    max_capacity = var.scaling.max_tasks
  }

  depends_on = [aws_appautoscaling_target.office_hours]
}
