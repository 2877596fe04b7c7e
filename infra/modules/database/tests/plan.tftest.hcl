# What is planned for a database. Nothing is asked of AWS.

mock_provider "aws" {
  override_resource {
    target          = aws_db_instance.this
    override_during = plan
    values = {
      master_user_secret = [{ secret_arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-1-abcdef" }]
    }
  }

  override_resource {
    target          = aws_secretsmanager_secret.this
    override_during = plan
    values          = { arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:links-test-database-abcdef" }
  }
}

variables {
  name              = "links-test"
  subnet_ids        = ["subnet-1", "subnet-2", "subnet-3"]
  security_group_id = "sg-1"
  database_name     = "links"
  username          = "links"
}

run "private_encrypted_and_kept" {
  command = plan

  assert {
    condition     = aws_db_instance.this.publicly_accessible == false && aws_db_instance.this.vpc_security_group_ids == toset(["sg-1"]) && aws_db_subnet_group.this.subnet_ids == toset(var.subnet_ids)
    error_message = "The database has no public address and stands in the private subnets, all of them."
  }

  assert {
    condition     = aws_db_instance.this.storage_encrypted
    error_message = "Storage is encrypted."
  }

  assert {
    condition     = aws_db_instance.this.deletion_protection && aws_db_instance.this.skip_final_snapshot == false && aws_db_instance.this.final_snapshot_identifier == "links-test-final" && aws_db_instance.this.delete_automated_backups == false
    error_message = "Unless told otherwise the data is protected, and kept when it is deleted after all."
  }

  assert {
    condition     = [for parameter in aws_db_parameter_group.this.parameter : parameter.value if parameter.name == "rds.force_ssl"] == ["1"]
    error_message = "Connections without TLS are refused."
  }

  assert {
    condition     = length(aws_cloudwatch_log_group.this) == 0 && length(aws_db_instance.replica) == 0 && aws_db_instance.this.multi_az == false
    error_message = "Log exports, replicas and a standby are there only when asked for."
  }
}

run "rds_keeps_the_password" {
  command = plan

  assert {
    condition     = aws_db_instance.this.manage_master_user_password == true && aws_db_instance.this.password == null && aws_db_instance.this.password_wo_version == null
    error_message = "Without replicas RDS makes the password and keeps it."
  }

  assert {
    condition     = length(aws_secretsmanager_secret.this) == 0 && output.secret_arn == "arn:aws:secretsmanager:eu-central-1:111122223333:secret:rds!db-1-abcdef"
    error_message = "The secret is RDS's own."
  }
}

run "replicas_and_a_password_of_ours" {
  command = plan

  variables {
    replica_count          = 2
    replica_instance_class = "db.t4g.small"
    password               = "not-a-real-password"
    password_version       = 3
  }

  assert {
    condition     = aws_db_instance.this.manage_master_user_password == null && aws_db_instance.this.password == null && aws_db_instance.this.password_wo_version == 3
    error_message = "With replicas the password is written to the instance and read nowhere."
  }

  assert {
    condition     = aws_secretsmanager_secret_version.this[0].secret_string_wo_version == 3 && aws_secretsmanager_secret_version.this[0].secret_string_wo == null
    error_message = "The same version of it is written to the secret, and planned nowhere."
  }

  assert {
    condition     = output.secret_arn == "arn:aws:secretsmanager:eu-central-1:111122223333:secret:links-test-database-abcdef"
    error_message = "The secret is ours."
  }

  assert {
    condition     = { for number, replica in aws_db_instance.replica : number => [replica.identifier, replica.replicate_source_db, replica.instance_class] } == { "1" = ["links-test-replica-1", "links-test", "db.t4g.small"], "2" = ["links-test-replica-2", "links-test", "db.t4g.small"] }
    error_message = "Two replicas follow the writer."
  }
}

run "standby_logs_and_insights" {
  command = plan

  variables {
    multi_az             = true
    log_exports          = ["postgresql"]
    log_retention_days   = 90
    performance_insights = true
  }

  assert {
    condition     = aws_db_instance.this.multi_az
    error_message = "A standby was asked for."
  }

  assert {
    condition     = { for name, group in aws_cloudwatch_log_group.this : group.name => group.retention_in_days } == { "/aws/rds/instance/links-test/postgresql" = 90 }
    error_message = "Exported logs are kept as long as asked."
  }

  assert {
    condition     = aws_db_instance.this.performance_insights_enabled && aws_db_instance.this.performance_insights_retention_period == 7
    error_message = "Insights are kept for the seven days that cost nothing."
  }
}

run "thrown_away" {
  command = plan

  variables {
    deletion_protection   = false
    final_snapshot        = false
    backup_retention_days = 0
  }

  assert {
    condition     = aws_db_instance.this.deletion_protection == false && aws_db_instance.this.skip_final_snapshot && aws_db_instance.this.final_snapshot_identifier == null && aws_db_instance.this.delete_automated_backups
    error_message = "What is not worth keeping leaves nothing behind."
  }
}

run "another_major_version" {
  command = plan

  variables {
    engine_version = "17.4"
    parameters = {
      log_min_duration_statement = { value = "250" }
      max_connections            = { value = "200", apply_method = "pending-reboot" }
    }
  }

  assert {
    condition     = aws_db_parameter_group.this.family == "postgres17" && aws_db_parameter_group.this.name == "links-test-postgres17" && aws_db_instance.this.engine_version == "17.4"
    error_message = "A major version has a parameter group of its own."
  }

  assert {
    condition = {
      for parameter in aws_db_parameter_group.this.parameter : parameter.name => "${parameter.value} ${parameter.apply_method}"
      if contains(keys(var.parameters), parameter.name)
      } == {
      log_min_duration_statement = "250 immediate"
      max_connections            = "200 pending-reboot"
    }
    error_message = "Given parameters stand beside the module's own, or instead of them."
  }
}
