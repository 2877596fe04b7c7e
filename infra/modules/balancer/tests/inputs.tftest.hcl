# Every validation has a value that it refuses. Values for different variables
# share a run, because each run costs a second; all that are named must fail.

mock_provider "aws" {}

variables {
  name              = "links-test"
  vpc_id            = "vpc-1"
  subnet_ids        = ["subnet-1", "subnet-2"]
  security_group_id = "sg-1"
}

run "refuses" {
  command = plan

  variables {
    name                 = "internal-links"
    vpc_id               = "links"
    subnet_ids           = ["subnet-1", "subnet-1"]
    security_group_id    = "default"
    certificate_arn      = "links.example"
    ssl_policy           = "ELBSecurityPolicy-2016-08"
    idle_timeout         = 0
    target_port          = 65536
    algorithm            = "random"
    deregistration_delay = 3601
    health_check         = { path = "health" }
    access_logs          = { bucket = "links-logs", prefix = "/links/" }
  }

  expect_failures = [
    var.name,
    var.vpc_id,
    var.subnet_ids,
    var.security_group_id,
    var.certificate_arn,
    var.ssl_policy,
    var.idle_timeout,
    var.target_port,
    var.algorithm,
    var.deregistration_delay,
    var.health_check,
    var.access_logs,
  ]
}

run "refuses_zone_by_its_name" {
  command = plan

  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/0e0c5f5e-9c0e-4b4f-9d0a-1f0a2b3c4d5e"
    domain          = { name = "links.example.com", zone_id = "example.com" }
  }

  expect_failures = [var.domain]
}

run "refuses_name_without_certificate" {
  command = plan

  variables {
    domain = { name = "links.example.com", zone_id = "Z0123456789" }
  }

  expect_failures = [var.domain]
}

run "refuses_health_check_too_often" {
  command = plan

  variables {
    health_check = { interval = 4, timeout = 2 }
  }

  expect_failures = [var.health_check]
}

run "refuses_health_check_timeout_as_long_as_its_interval" {
  command = plan

  variables {
    health_check = { interval = 5, timeout = 5 }
  }

  expect_failures = [var.health_check]
}

run "refuses_health_check_decided_by_one_answer" {
  command = plan

  variables {
    health_check = { healthy_threshold = 1 }
  }

  expect_failures = [var.health_check]
}
