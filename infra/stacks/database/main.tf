# The database, in the private subnets of the network.

data "terraform_remote_state" "bootstrap" {
  backend = "s3"

  config = {
    bucket = var.bucket
    key    = "bootstrap/terraform.tfstate"
    region = var.region
  }
}

data "terraform_remote_state" "network" {
  backend = "s3"

  config = {
    bucket = var.bucket
    key    = "network/terraform.tfstate"
    region = var.region
  }
}

locals {
  bootstrap = data.terraform_remote_state.bootstrap.outputs
  network   = data.terraform_remote_state.network.outputs
}

# A new one in every run and in no state and no plan; written only when the
# database is made or password_version is raised. Without replicas RDS makes the
# password, and none is asked for here.
ephemeral "aws_secretsmanager_random_password" "master" {
  count = var.replica_count > 0 ? 1 : 0

  password_length     = 40
  exclude_punctuation = true
}

module "database" {
  source = "../../modules/database"

  name              = "${var.project}-${var.environment}"
  subnet_ids        = values(local.network.private_subnet_ids)
  security_group_id = local.network.database_security_group_id
  port              = local.network.database_port

  engine_version              = var.engine_version
  instance_class              = var.instance_class
  allocated_storage           = var.allocated_storage
  max_allocated_storage       = var.max_allocated_storage
  parameters                  = var.parameters
  allow_major_version_upgrade = var.allow_major_version_upgrade
  apply_immediately           = var.apply_immediately

  database_name        = "links"
  username             = "links"
  password             = one(ephemeral.aws_secretsmanager_random_password.master[*].random_password)
  password_version     = var.password_version
  secret_recovery_days = var.secret_recovery_days

  multi_az               = var.multi_az
  replica_count          = var.replica_count
  replica_instance_class = var.replica_instance_class

  backup_retention_days = var.backup_retention_days
  deletion_protection   = var.deletion_protection
  final_snapshot        = var.final_snapshot

  log_exports          = var.log_exports
  log_retention_days   = var.log_retention_days
  performance_insights = var.performance_insights

  kms_key_arn      = local.bootstrap.kms_key_arns.data
  logs_kms_key_arn = local.bootstrap.kms_key_arns.telemetry
}
