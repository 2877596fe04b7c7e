# The load balancer and the tasks behind it: what a deployment changes.

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

data "terraform_remote_state" "database" {
  backend = "s3"

  config = {
    bucket = var.bucket
    key    = "database/terraform.tfstate"
    region = var.region
  }
}

locals {
  name     = "${var.project}-${var.environment}"
  network  = data.terraform_remote_state.network.outputs
  registry = data.terraform_remote_state.registry.outputs
  database = data.terraform_remote_state.database.outputs

  # A digest is appended with @, a tag with a colon.
  image = format("%s%s%s", local.registry.repository_url, startswith(var.image, "sha256:") ? "@" : ":", var.image)
}

module "balancer" {
  source = "../../modules/balancer"

  name              = local.name
  vpc_id            = local.network.vpc_id
  subnet_ids        = values(local.network.public_subnet_ids)
  security_group_id = local.network.balancer_security_group_id

  certificate_arn     = var.certificate_arn
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

  environment = merge(var.environment_variables, {
    DATABASE_HOST    = local.database.host
    DATABASE_PORT    = tostring(local.database.port)
    DATABASE_NAME    = local.database.database_name
    DATABASE_SSLMODE = var.database_sslmode
  })

  secrets = {
    DATABASE_SECRET_ARN = {
      arn         = local.database.secret_arn
      kms_key_arn = try(local.database.kms_key_arn, null) # A state keeps no null outputs.
    }
  }

  wait_for_steady_state     = var.wait_for_steady_state
  health_check_grace_period = var.health_check_grace_period
  log_retention_days        = var.log_retention_days
  container_insights        = var.container_insights
}
