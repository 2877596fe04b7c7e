# Every validation has a value that it refuses. Values for different variables
# share a run, because each run costs a second; all that are named must fail.

mock_provider "aws" {
  override_resource {
    target          = aws_db_instance.this
    override_during = plan
    values = {
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-1-abcdef" }]
    }
  }
}

variables {
  name              = "links-test"
  subnet_ids        = ["subnet-1", "subnet-2"]
  security_group_id = "sg-1"
  database_name     = "links"
  username          = "links"
}

run "refuses" {
  command = plan

  variables {
    name                   = "links--test"
    subnet_ids             = ["subnet-1"]
    security_group_id      = "default"
    port                   = 80
    engine_version         = "12"
    instance_class         = "t4g.micro"
    allocated_storage      = 10
    parameters             = { work_mem = { value = "8192", apply_method = "later" } }
    database_name          = "links-db"
    username               = "postgres"
    password_version       = 0
    secret_recovery_days   = 3
    kms_key_arn            = "alias/database"
    logs_kms_key_arn       = "alias/logs"
    replica_instance_class = "micro"
    backup_retention_days  = 36
    backup_window          = "2am"
    maintenance_window     = "Sun:03:00-Sun:03:30"
    log_exports            = ["slowquery"]
    log_retention_days     = 10
  }

  expect_failures = [
    var.name,
    var.subnet_ids,
    var.security_group_id,
    var.port,
    var.engine_version,
    var.instance_class,
    var.allocated_storage,
    var.parameters,
    var.database_name,
    var.username,
    var.password_version,
    var.secret_recovery_days,
    var.kms_key_arn,
    var.logs_kms_key_arn,
    var.replica_instance_class,
    var.backup_retention_days,
    var.backup_window,
    var.maintenance_window,
    var.log_exports,
    var.log_retention_days,
  ]
}

run "refuses_too_little_room_and_tls_switched_off_and_half_a_replica" {
  command = plan

  variables {
    allocated_storage     = 100
    max_allocated_storage = 105
    parameters            = { "rds.force_ssl" = { value = "0" } }
    replica_count         = 0.5
    password              = "not-a-real-password"
  }

  expect_failures = [var.max_allocated_storage, var.parameters, var.replica_count]
}

run "refuses_replicas_without_password" {
  command = plan

  variables {
    replica_count = 1
  }

  expect_failures = [var.password]
}

run "refuses_password_without_replicas" {
  command = plan

  variables {
    password = "not-a-real-password"
  }

  expect_failures = [var.password]
}

run "refuses_password_that_rds_refuses" {
  command = plan

  variables {
    replica_count = 1
    password      = "not/a/real/password"
  }

  expect_failures = [var.password]
}

run "refuses_replicas_without_backups" {
  command = plan

  variables {
    replica_count         = 1
    password              = "not-a-real-password"
    backup_retention_days = 0
  }

  expect_failures = [aws_db_instance.this]
}
