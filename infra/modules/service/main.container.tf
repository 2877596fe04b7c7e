# What runs in a task. Its file system is read-only and it is not root, so what
# breaks into it finds little to work with.

data "aws_region" "current" {}

locals {
  environment = merge(
    var.environment,
    { for name, secret in var.secrets : name => secret.arn },
    { PORT = tostring(var.port) },
  )

  container = merge(
    {
      name      = "app"
      image     = var.image
      command   = var.command
      essential = true
      user      = var.user

      readonlyRootFilesystem = true
      # From SIGTERM to SIGKILL. The balancer has stopped sending requests by
      # then, so this is for those that are still being answered.
      stopTimeout = var.stop_timeout

      portMappings = [{
        containerPort = var.port
        protocol      = "tcp"
      }]

      # By name, as maps are, so that equal environments give equal revisions.
      environment = [for name, value in local.environment : { name = name, value = value }]

      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = aws_cloudwatch_log_group.this.name
          awslogs-region        = data.aws_region.current.name
          awslogs-stream-prefix = "app"
        }
      }
    },
    var.health_check_command == null ? {} : {
      healthCheck = {
        command     = concat(["CMD"], var.health_check_command)
        interval    = 10
        timeout     = 5
        retries     = 3
        startPeriod = var.start_period
      }
    },
  )
}
