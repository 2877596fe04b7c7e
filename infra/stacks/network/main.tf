# The VPC, apart from everything that lives in it. Reads no other state.

locals {
  name = "${var.project}-${var.environment}"
}

module "network" {
  source = "../../modules/network"

  name                    = local.name
  cidr                    = var.cidr
  zones                   = var.zones
  nat_gateways            = var.nat_gateways
  s3_endpoint             = var.s3_endpoint
  interface_endpoints     = var.interface_endpoints
  balancer_ports          = var.balancer_ports
  flow_log_retention_days = var.flow_log_retention_days
}
