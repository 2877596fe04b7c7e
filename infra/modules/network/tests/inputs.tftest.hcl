# Every validation has a value that it refuses. Values for different variables
# share a run, because each run costs a second; all that are named must fail.

mock_provider "aws" {}

variables {
  name = "links-test"
  cidr = "10.0.0.0/16"
  zones = {
    eu-central-1a = { public_cidr = "10.0.0.0/24", private_cidr = "10.0.16.0/20" }
    eu-central-1b = { public_cidr = "10.0.1.0/24", private_cidr = "10.0.32.0/20" }
  }
}

run "refuses" {
  command = plan

  variables {
    name = "Links"
    # Not by its first address.
    cidr                     = "10.0.0.1/16"
    nat_gateways             = "two"
    interface_endpoints      = ["Com.Amazonaws.ecr"]
    balancer_ports           = [80, 8080]
    service_port             = 80
    database_port            = 1024
    flow_log_retention_days  = 10
    logs_kms_key_arn         = "alias/logs"
    permissions_boundary_arn = "boundary"
  }

  expect_failures = [
    var.name,
    var.cidr,
    var.nat_gateways,
    var.interface_endpoints,
    var.balancer_ports,
    var.service_port,
    var.database_port,
    var.flow_log_retention_days,
    var.logs_kms_key_arn,
    var.permissions_boundary_arn,
  ]
}

run "refuses_wide_vpc_and_s3_interface_and_closed_balancer" {
  command = plan

  variables {
    cidr                = "10.0.0.0/15"
    interface_endpoints = ["s3"]
    balancer_ports      = []
  }

  expect_failures = [var.cidr, var.interface_endpoints, var.balancer_ports]
}

run "refuses_one_zone" {
  command = plan

  variables {
    zones = {
      eu-central-1a = { public_cidr = "10.0.0.0/24", private_cidr = "10.0.16.0/20" }
    }
  }

  expect_failures = [var.zones]
}

run "refuses_zone_by_its_letter" {
  command = plan

  variables {
    zones = {
      a = { public_cidr = "10.0.0.0/24", private_cidr = "10.0.16.0/20" }
      b = { public_cidr = "10.0.1.0/24", private_cidr = "10.0.32.0/20" }
    }
  }

  expect_failures = [var.zones]
}

run "refuses_subnet_not_by_its_first_address" {
  command = plan

  variables {
    zones = {
      eu-central-1a = { public_cidr = "10.0.0.7/24", private_cidr = "10.0.16.0/20" }
      eu-central-1b = { public_cidr = "10.0.1.0/24", private_cidr = "10.0.32.0/20" }
    }
  }

  expect_failures = [var.zones]
}

run "refuses_subnet_outside_the_vpc" {
  command = plan

  variables {
    zones = {
      eu-central-1a = { public_cidr = "10.1.0.0/24", private_cidr = "10.0.16.0/20" }
      eu-central-1b = { public_cidr = "10.0.1.0/24", private_cidr = "10.0.32.0/20" }
    }
  }

  expect_failures = [var.zones]
}

run "refuses_subnet_smaller_than_aws_has" {
  command = plan

  variables {
    zones = {
      eu-central-1a = { public_cidr = "10.0.0.0/29", private_cidr = "10.0.16.0/20" }
      eu-central-1b = { public_cidr = "10.0.1.0/24", private_cidr = "10.0.32.0/20" }
    }
  }

  expect_failures = [var.zones]
}

run "refuses_subnet_inside_another" {
  command = plan

  variables {
    zones = {
      eu-central-1a = { public_cidr = "10.0.0.0/24", private_cidr = "10.0.16.0/20" }
      eu-central-1b = { public_cidr = "10.0.17.0/24", private_cidr = "10.0.32.0/20" }
    }
  }

  expect_failures = [var.zones]
}

run "refuses_one_range_for_two_subnets" {
  command = plan

  variables {
    zones = {
      eu-central-1a = { public_cidr = "10.0.0.0/24", private_cidr = "10.0.16.0/20" }
      eu-central-1b = { public_cidr = "10.0.0.0/24", private_cidr = "10.0.32.0/20" }
    }
  }

  expect_failures = [var.zones]
}
