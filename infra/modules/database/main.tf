# PostgreSQL on RDS: one writer, a standby in another zone where asked for, and
# read replicas. Encrypted, private, TLS only.

locals {
  engine_major     = split(".", var.engine_version)[0]
  parameter_family = "postgres${local.engine_major}"

  # RDS makes and keeps the password itself, except for an instance with
  # replicas, which it refuses to. Then the caller brings one that is written
  # and never read: into the instance, and into a secret of ours.
  rds_keeps_password = var.replica_count == 0
  secret_arn         = local.rds_keeps_password ? aws_db_instance.this.master_user_secret[0].secret_arn : aws_secretsmanager_secret.this[0].arn

  parameters = merge(
    {
      # Refuse connections without TLS.
      "rds.force_ssl" = { value = "1", apply_method = "immediate" }
      # A transaction that was forgotten holds locks and keeps vacuum from its
      # work: end it after a minute.
      idle_in_transaction_session_timeout = { value = "60000", apply_method = "immediate" }
      # Say what was slower than a second and what waited for a lock.
      log_min_duration_statement = { value = "1000", apply_method = "immediate" }
      log_lock_waits             = { value = "1", apply_method = "immediate" }
    },
    var.parameters,
  )

  # Name of each replica, by number.
  replica_names = { for number in range(1, var.replica_count + 1) : tostring(number) => "${var.name}-replica-${number}" }
}

resource "aws_db_subnet_group" "this" {
  name        = var.name
  description = "Private subnets of ${var.name}"
  subnet_ids  = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  # The family is in the name so that a new major version gets a group of its
  # own beside the old one, which is in use until the upgrade is done.
  name        = "${var.name}-${local.parameter_family}"
  family      = local.parameter_family
  description = "Parameters of ${var.name}"

  dynamic "parameter" {
    for_each = local.parameters

    content {
      name         = parameter.key
      value        = parameter.value.value
      apply_method = parameter.value.apply_method
    }
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Made before the instances, else RDS makes the groups and keeps logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  for_each = toset([
    for pair in setproduct(concat([var.name], values(local.replica_names)), var.log_exports) : join("/", pair)
  ])

  name              = "/aws/rds/instance/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.logs_kms_key_arn
}

resource "aws_db_instance" "this" {
  # checkov:skip=CKV_AWS_118:What the machine below does is seen by Performance Insights, with the query that does it.
  # checkov:skip=CKV_AWS_161:One way in: a password that nobody knows, from a secret that tasks read.
  identifier     = var.name
  engine         = "postgres"
  engine_version = var.engine_version
  instance_class = var.instance_class

  db_name  = var.database_name
  username = var.username
  port     = var.port

  manage_master_user_password   = local.rds_keeps_password ? true : null
  master_user_secret_kms_key_id = local.rds_keeps_password ? var.kms_key_arn : null
  password_wo                   = local.rds_keeps_password ? null : var.password
  password_wo_version           = local.rds_keeps_password ? null : var.password_version

  # With a ceiling set, the provider itself overlooks that storage has grown.
  allocated_storage     = var.allocated_storage
  max_allocated_storage = var.max_allocated_storage
  storage_type          = "gp3"
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  multi_az               = var.multi_az
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.security_group_id]
  publicly_accessible    = false

  parameter_group_name        = aws_db_parameter_group.this.name
  auto_minor_version_upgrade  = true
  allow_major_version_upgrade = var.allow_major_version_upgrade
  apply_immediately           = var.apply_immediately

  backup_retention_period = var.backup_retention_days
  backup_window           = var.backup_window
  maintenance_window      = var.maintenance_window
  copy_tags_to_snapshot   = true

  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = !var.final_snapshot
  final_snapshot_identifier = var.final_snapshot ? "${var.name}-final" : null
  # What is thrown away without a snapshot leaves no paid backups behind.
  delete_automated_backups = !var.final_snapshot

  enabled_cloudwatch_logs_exports       = var.log_exports
  performance_insights_enabled          = var.performance_insights
  performance_insights_retention_period = var.performance_insights ? 7 : null
  performance_insights_kms_key_id       = var.performance_insights ? var.kms_key_arn : null

  depends_on = [aws_cloudwatch_log_group.this]

  lifecycle {
    precondition {
      condition     = var.replica_count == 0 || var.backup_retention_days > 0
      error_message = "Read replicas are made from backups: set backup_retention_days to at least 1."
    }
  }
}

resource "aws_db_instance" "replica" {
  # checkov:skip=CKV_AWS_118:As for the writer.
  # checkov:skip=CKV_AWS_157:The writer has the standby; a replica that is lost is made again.
  for_each = local.replica_names

  identifier          = each.value
  replicate_source_db = aws_db_instance.this.identifier
  instance_class      = coalesce(var.replica_instance_class, var.instance_class)

  storage_type           = "gp3"
  storage_encrypted      = true
  vpc_security_group_ids = [var.security_group_id]
  publicly_accessible    = false

  # A replica that cannot grow stops when the writer does. RDS takes this only
  # as a modification afterwards, for which the provider waits 80 s.
  max_allocated_storage = var.max_allocated_storage

  # The writer's group: another one costs a modification and a restart more.
  parameter_group_name       = aws_db_parameter_group.this.name
  auto_minor_version_upgrade = true
  apply_immediately          = var.apply_immediately
  copy_tags_to_snapshot      = true

  # A replica holds nothing that the writer does not.
  skip_final_snapshot = true
  deletion_protection = var.deletion_protection

  # Reads are slow where reads are.
  enabled_cloudwatch_logs_exports = var.log_exports

  performance_insights_enabled          = var.performance_insights
  performance_insights_retention_period = var.performance_insights ? 7 : null
  performance_insights_kms_key_id       = var.performance_insights ? var.kms_key_arn : null

  depends_on = [aws_cloudwatch_log_group.this]
}

# The application's secret, where RDS does not keep one. Same form as RDS's own,
# so that the application need not know which it was given.
resource "aws_secretsmanager_secret" "this" {
  # checkov:skip=CKV2_AWS_57:Changed with password_version, together with the instance: RDS, which would rotate by itself, keeps no password of an instance with replicas.
  count = local.rds_keeps_password ? 0 : 1

  name                    = "${var.name}-database"
  description             = "Master user of ${var.name}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "this" {
  count = local.rds_keeps_password ? 0 : 1

  secret_id = aws_secretsmanager_secret.this[0].id
  secret_string_wo = jsonencode({
    username = var.username
    password = var.password
  })
  secret_string_wo_version = var.password_version

  # The password is another in every run, and instance and secret must be
  # written in the same one. The instance is what can fail, so it comes first:
  # then nothing was written, and the next run writes both.
  depends_on = [aws_db_instance.this]

  lifecycle {
    # So a destroy would begin here, before the instances refuse: the secret
    # would go all the same, and the next run write it a password that the
    # instance does not have. This makes the plan refuse.
    prevent_destroy = true
  }
}
