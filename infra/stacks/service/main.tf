# The load balancer and the tasks behind it: what a deployment changes.

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

data "terraform_remote_state" "registry" {
  backend = "s3"

  config = {
    bucket = var.bucket
    key    = "registry/terraform.tfstate"
    region = var.region
  }
}

data "terraform_remote_state" "domain" {
  backend = "s3"

  config = {
    bucket = var.bucket
    key    = "domain/terraform.tfstate"
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

locals {
  name      = "${var.project}-${var.environment}"
  bootstrap = data.terraform_remote_state.bootstrap.outputs
  network   = data.terraform_remote_state.network.outputs
  registry  = data.terraform_remote_state.registry.outputs
  database  = data.terraform_remote_state.database.outputs

  # A state keeps no outputs that are null.
  domain     = try(data.terraform_remote_state.domain.outputs.domain, null)
  log_bucket = try(local.bootstrap.log_bucket_name, null)

  # The application takes the reads to one of these, as long as it is close
  # enough behind, and to the writer where there is none.
  readers = values(try(local.database.replica_hosts, {}))

  # A digest is appended with @, a tag with a colon.
  image = format("%s%s%s", local.registry.repository_url, startswith(var.image, "sha256:") ? "@" : ":", var.image)
}

module "balancer" {
  source = "../../modules/balancer"

  name              = local.name
  vpc_id            = local.network.vpc_id
  subnet_ids        = values(local.network.public_subnet_ids)
  security_group_id = local.network.balancer_security_group_id

  certificate_arn     = try(local.domain.certificate_arn, null)
  domain              = local.domain == null ? null : { name = local.domain.name, zone_id = local.domain.zone_id }
  access_logs         = local.log_bucket == null ? null : { bucket = local.log_bucket, prefix = local.name }
  deletion_protection = var.deletion_protection

  target_port          = local.network.service_port
  deregistration_delay = var.deregistration_delay
  health_check         = var.health_check
}

module "service" {
  source = "../../modules/service"

  name              = local.name
  subnet_ids        = values(local.network.private_subnet_ids)
  security_group_id = local.network.service_security_group_id
  target_group_arn  = module.balancer.target_group_arn

  image            = local.image
  repository_arn   = local.registry.repository_arn
  port             = local.network.service_port
  cpu              = var.cpu
  memory           = var.memory
  cpu_architecture = var.cpu_architecture
  desired_count    = var.desired_count
  scaling          = var.scaling

  environment = merge(
    var.settings,
    {
      DATABASE_HOST    = local.database.host
      DATABASE_PORT    = tostring(local.database.port)
      DATABASE_NAME    = local.database.database_name
      DATABASE_SSLMODE = var.database_sslmode
    },
    length(local.readers) == 0 ? {} : { DATABASE_READER_HOST = join(",", local.readers) },
  )

  secrets = {
    DATABASE_SECRET_ARN = {
      arn         = local.database.secret_arn
      kms_key_arn = local.database.kms_key_arn
    }
  }

  wait_for_steady_state     = var.wait_for_steady_state
  health_check_grace_period = var.health_check_grace_period
  log_retention_days        = var.log_retention_days
  container_insights        = var.container_insights

  logs_kms_key_arn         = local.bootstrap.kms_key_arns.telemetry
  permissions_boundary_arn = local.bootstrap.workload_boundary_arn
}

# Said in every plan and apply, and stops neither.
check "https" {
  assert {
    condition     = local.domain != null
    error_message = "This environment has no domain: it serves plain HTTP, which is for development. Set `domain` in its bootstrap.tfvars to have HTTPS."
  }
}
