cidr = "10.1.0.0/16"

zones = {
  eu-central-1a = { public_cidr = "10.1.0.0/24", private_cidr = "10.1.16.0/20" }
  eu-central-1b = { public_cidr = "10.1.1.0/24", private_cidr = "10.1.32.0/20" }
  eu-central-1c = { public_cidr = "10.1.2.0/24", private_cidr = "10.1.48.0/20" }
}

# No way to the internet at all: tasks talk to AWS and the database only. About
# the price of a NAT gateway per zone, and nothing can be carried out.
nat_gateways        = "none"
interface_endpoints = ["ecr.api", "ecr.dkr", "logs", "secretsmanager"]

flow_log_retention_days = 30
