# What is planned for a service, and what its roles may do. Nothing is asked of
# AWS.

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

  override_resource {
    target          = aws_cloudwatch_log_group.this
    override_during = plan
    values          = { arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/ecs/links-test" }
  }

  override_resource {
    target          = aws_iam_role.execution
    override_during = plan
    values          = { arn = "arn:aws:iam::111122223333:role/links-test-execution" }
  }

  override_resource {
    target          = aws_iam_role.task
    override_during = plan
    values          = { arn = "arn:aws:iam::111122223333:role/links-test-task" }
  }
}

variables {
  name              = "links-test"
  image             = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/links-test@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  repository_arn    = "arn:aws:ecr:eu-central-1:111122223333:repository/links-test"
  subnet_ids        = ["subnet-1", "subnet-2", "subnet-3"]
  security_group_id = "sg-1"
  target_group_arn  = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/links-test/0123456789abcdef"

  environment = { DATABASE_HOST = "database.internal" }
  secrets = {
    DATABASE_SECRET_ARN = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-1-abcdef" }
  }
}

run "spread_over_private_subnets" {
  command = plan

  assert {
    condition     = aws_ecs_service.this.network_configuration[0].subnets == toset(var.subnet_ids) && aws_ecs_service.this.network_configuration[0].assign_public_ip == false
    error_message = "Tasks are placed in all private subnets, without public addresses."
  }

  assert {
    condition     = aws_ecs_service.this.availability_zone_rebalancing == "ENABLED"
    error_message = "A zone that comes back gets its tasks back."
  }
}

run "bad_version_is_rolled_back" {
  command = plan

  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].enable && aws_ecs_service.this.deployment_circuit_breaker[0].rollback
    error_message = "A version that does not become healthy is rolled back."
  }

  assert {
    condition     = aws_ecs_service.this.deployment_minimum_healthy_percent == 100 && aws_ecs_service.this.deployment_maximum_percent == 200
    error_message = "There are never fewer tasks than wanted."
  }

  assert {
    condition     = aws_ecs_task_definition.this.skip_destroy && aws_ecs_service.this.wait_for_steady_state
    error_message = "The revision before stays to go back to, and an apply waits for the outcome."
  }
}

run "container" {
  command = plan

  assert {
    condition = jsondecode(aws_ecs_task_definition.this.container_definitions) == [{
      name                   = "app"
      image                  = var.image
      command                = ["serve"]
      essential              = true
      user                   = "65532:65532"
      readonlyRootFilesystem = true
      stopTimeout            = 30
      portMappings           = [{ containerPort = 8080, protocol = "tcp" }]
      environment = [
        { name = "DATABASE_HOST", value = "database.internal" },
        { name = "DATABASE_SECRET_ARN", value = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-1-abcdef" },
        { name = "PORT", value = "8080" },
      ]
      healthCheck = {
        command     = ["CMD", "/links", "health"]
        interval    = 10
        timeout     = 5
        retries     = 3
        startPeriod = 10
      }
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = "/ecs/links-test"
          awslogs-region        = "eu-central-1"
          awslogs-stream-prefix = "app"
        }
      }
    }]
    error_message = "The container is not root, cannot write its file system, is told where its secret is and not what it says."
  }

  assert {
    condition     = aws_ecs_task_definition.this.execution_role_arn == "arn:aws:iam::111122223333:role/links-test-execution" && aws_ecs_task_definition.this.task_role_arn == "arn:aws:iam::111122223333:role/links-test-task"
    error_message = "Starting a task and being one are two roles."
  }
}

run "execution_role_pulls_one_repository_and_writes_one_log_group" {
  command = plan

  assert {
    condition = { for statement in data.aws_iam_policy_document.execution.statement : statement.sid => statement.resources } == {
      PullImage       = toset(["arn:aws:ecr:eu-central-1:111122223333:repository/links-test"])
      LogInToRegistry = toset(["*"])
      WriteLogs       = toset(["arn:aws:logs:eu-central-1:111122223333:log-group:/ecs/links-test:*"])
    }
    error_message = "Nothing but the token is open to all resources."
  }

  assert {
    condition     = [for statement in data.aws_iam_policy_document.execution.statement : statement.actions if statement.sid == "LogInToRegistry"] == [toset(["ecr:GetAuthorizationToken"])]
    error_message = "And of the token, only getting it."
  }
}

run "task_role_reads_one_secret" {
  command = plan

  assert {
    condition     = [for statement in data.aws_iam_policy_document.task["this"].statement : [tolist(statement.actions), tolist(statement.resources)]] == [[tolist(["secretsmanager:GetSecretValue"]), tolist(["arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-1-abcdef"])]]
    error_message = "The task reads its secret, and that is all."
  }

  assert {
    condition     = { for condition in data.aws_iam_policy_document.assume.statement[0].condition : condition.variable => condition.values } == { "aws:SourceAccount" = tolist(["111122223333"]), "aws:SourceArn" = tolist(["arn:aws:ecs:eu-central-1:111122223333:*"]) }
    error_message = "Only this account's tasks may take the roles."
  }
}

run "secret_under_a_key_of_ours" {
  command = plan

  variables {
    secrets = {
      DATABASE_SECRET_ARN = {
        arn         = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:links-test-database-abcdef"
        kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/0e0c5f5e-9c0e-4b4f-9d0a-1f0a2b3c4d5e"
      }
    }
  }

  assert {
    condition = (
      data.aws_iam_policy_document.task["this"].statement[1].actions == toset(["kms:Decrypt"]) &&
      data.aws_iam_policy_document.task["this"].statement[1].resources == toset(["arn:aws:kms:eu-central-1:111122223333:key/0e0c5f5e-9c0e-4b4f-9d0a-1f0a2b3c4d5e"]) &&
      one(data.aws_iam_policy_document.task["this"].statement[1].condition).values == tolist(["secretsmanager.eu-central-1.amazonaws.com"])
    )
    error_message = "The task may use the key through Secrets Manager alone."
  }
}

run "nothing_to_read_and_no_health_command" {
  command = plan

  variables {
    environment          = {}
    secrets              = {}
    health_check_command = null
  }

  assert {
    condition     = length(aws_iam_role_policy.task) == 0
    error_message = "A task without secrets has no rights at all."
  }

  assert {
    condition     = !can(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck)
    error_message = "No command, no check."
  }
}
