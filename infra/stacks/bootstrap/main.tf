# What comes before everything else and outlives it: the bucket that holds every
# state of the environment, this one's included; the keys; the pipeline's rights.
# Applied by a person, because a pipeline that could would decide its own rights.
#
# A state cannot be written to a bucket that does not exist, so the empty bucket
# is made by one call before the first init (see README). Adopting it here makes
# the rest the same as in every other stack, and at no moment is there a state
# outside the bucket that could be lost or have to be moved.
import {
  to = module.state_bucket.aws_s3_bucket.this
  id = var.bucket
}

module "state_bucket" {
  source = "../../modules/state_bucket"

  name                     = var.bucket
  kms_key_arn              = module.key["states"].arn
  tls_only                 = var.tls_only
  noncurrent_version_days  = var.noncurrent_version_days
  noncurrent_versions_kept = var.noncurrent_versions_kept
}

locals {
  name = "${var.project}-${var.environment}"

  # Three keys, because different things use them: a role that may read a state
  # cannot read the database's password for that.
  keys = {
    states    = { description = "States of ${local.name}", users = [] }
    data      = { description = "Database, secrets and images of ${local.name}", users = [] }
    telemetry = { description = "Logs and alarms of ${local.name}", users = ["logs", "alarms"] }
  }

  # Who reads whose state. Compared with the stacks themselves by infra/test.sh.
  state_reads = {
    network       = ["bootstrap"]
    registry      = ["bootstrap"]
    domain        = ["bootstrap"]
    database      = ["bootstrap", "network"]
    service       = ["bootstrap", "database", "domain", "network", "registry"]
    observability = ["bootstrap", "database", "service"]
  }
}

module "key" {
  source   = "../../modules/key"
  for_each = local.keys

  name        = "${local.name}-${each.key}"
  description = each.value.description
  users       = each.value.users
}

data "aws_caller_identity" "current" {}

# Logs outlive the balancer that writes them.
module "log_bucket" {
  source   = "../../modules/log_bucket"
  for_each = var.access_log_days == null ? toset([]) : toset(["this"])

  # Names are global, so the account makes it ours.
  name           = "${local.name}-access-logs-${data.aws_caller_identity.current.account_id}"
  retention_days = var.access_log_days
  tls_only       = var.tls_only
}

module "delivery" {
  source = "../../modules/delivery"

  name            = local.name
  environment_tag = var.environment

  state_bucket       = module.state_bucket.bucket_name
  state_reads        = local.state_reads
  states_kms_key_arn = module.key["states"].arn
  data_kms_key_arn   = module.key["data"].arn

  github          = var.github
  create_provider = var.create_github_provider
  plan_subjects   = var.plan_subjects
  apply           = { environment = var.environment, refs = var.apply_refs }
  image_sources   = [for environment in var.promotes_from : "${var.project}-${environment}"]

  domain      = try(var.domain.name, null)
  create_zone = var.domain == null ? false : var.domain.zone_id == null
}

module "budget" {
  source   = "../../modules/budget"
  for_each = var.monthly_budget == 0 ? toset([]) : toset(["this"])

  name        = local.name
  monthly_usd = var.monthly_budget
  tag         = { key = "environment", value = var.environment }
  emails      = var.emails
}
