# Every validation has a value that it refuses. Values for different variables
# share a run, because each run costs a second; all that are named must fail.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name              = "links-test"
  image             = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/links-test:v1"
  repository_arn    = "arn:aws:ecr:eu-central-1:111122223333:repository/links-test"
  subnet_ids        = ["subnet-1", "subnet-2"]
  security_group_id = "sg-1"
  target_group_arn  = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/links-test/0123456789abcdef"
}

run "refuses" {
  command = plan

  variables {
    name                      = "links_test"
    image                     = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/links-test:latest"
    repository_arn            = "links-test"
    user                      = "root"
    port                      = 80
    environment               = { "database-host" = "x" }
    health_check_command      = []
    cpu                       = 300
    cpu_architecture          = "RISCV"
    desired_count             = -1
    subnet_ids                = ["subnet-1"]
    security_group_id         = "default"
    target_group_arn          = "links-test"
    health_check_grace_period = 7201
    start_period              = 301
    stop_timeout              = 121
    log_retention_days        = 10
    logs_kms_key_arn          = "alias/logs"
    container_insights        = "on"
    permissions_boundary_arn  = "boundary"
  }

  expect_failures = [
    var.name,
    var.image,
    var.repository_arn,
    var.user,
    var.port,
    var.environment,
    var.health_check_command,
    var.cpu,
    var.cpu_architecture,
    var.desired_count,
    var.subnet_ids,
    var.security_group_id,
    var.target_group_arn,
    var.health_check_grace_period,
    var.start_period,
    var.stop_timeout,
    var.log_retention_days,
    var.logs_kms_key_arn,
    var.container_insights,
    var.permissions_boundary_arn,
  ]
}

run "refuses_image_without_tag_and_secret_by_wildcard_and_too_little_memory" {
  command = plan

  variables {
    image   = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/links-test"
    secrets = { SECRET_ARN = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:links-*" } }
    cpu     = 512
    memory  = 512
  }

  expect_failures = [var.image, var.secrets, var.memory]
}

run "refuses_name_used_twice" {
  command = plan

  variables {
    environment = { DATABASE = "x" }
    secrets     = { DATABASE = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:links-abcdef" } }
  }

  expect_failures = [var.secrets]
}
