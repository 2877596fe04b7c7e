# What is watched, who is told, and one page to look at.

data "terraform_remote_state" "bootstrap" {
  backend = "s3"

  config = {
    bucket = var.bucket
    key    = "bootstrap/terraform.tfstate"
    region = var.region
  }
}

data "terraform_remote_state" "database" {
  backend = "s3"

  config = {
    bucket = var.bucket
    key    = "database/terraform.tfstate"
    region = var.region
  }
}

data "terraform_remote_state" "service" {
  backend = "s3"

  config = {
    bucket = var.bucket
    key    = "service/terraform.tfstate"
    region = var.region
  }
}

locals {
  bootstrap = data.terraform_remote_state.bootstrap.outputs
  database  = data.terraform_remote_state.database.outputs
  service   = data.terraform_remote_state.service.outputs
}

module "observability" {
  source = "../../modules/observability"

  name        = "${var.project}-${var.environment}"
  emails      = local.bootstrap.emails
  kms_key_arn = local.bootstrap.kms_key_arns.telemetry

  service = {
    cluster_name       = local.service.cluster_name
    service_name       = local.service.service_name
    min_tasks          = local.service.min_tasks
    container_insights = local.service.container_insights != "disabled"
  }

  balancer = {
    arn_suffix              = local.service.balancer_arn_suffix
    target_group_arn_suffix = local.service.target_group_arn_suffix
  }

  database = {
    instance_identifier = local.database.instance_identifier
    replica_identifiers = local.database.replica_identifiers
    allocated_storage   = local.database.allocated_storage
  }

  thresholds = var.thresholds
}
