# The VPC, apart from everything that lives in it.

data "terraform_remote_state" "bootstrap" {
  backend = "s3"

  config = {
    bucket = var.bucket
    key    = "bootstrap/terraform.tfstate"
    region = var.region
  }
}

locals {
  name      = "${var.project}-${var.environment}"
  bootstrap = data.terraform_remote_state.bootstrap.outputs

  # A state keeps no outputs that are null.
  domain = try(local.bootstrap.domain, null)
}

module "network" {
  source = "../../modules/network"

  name                    = local.name
  cidr                    = var.cidr
  zones                   = var.zones
  nat_gateways            = var.nat_gateways
  s3_endpoint             = var.s3_endpoint
  interface_endpoints     = var.interface_endpoints
  flow_log_retention_days = var.flow_log_retention_days

  # HTTPS is open where there is a name to have a certificate for.
  balancer_ports = local.domain == null ? [80] : [80, 443]

  logs_kms_key_arn         = local.bootstrap.kms_key_arns.telemetry
  permissions_boundary_arn = local.bootstrap.workload_boundary_arn
}
