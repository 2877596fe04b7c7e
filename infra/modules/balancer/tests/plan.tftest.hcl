# What is planned for a load balancer. Nothing is asked of AWS.

mock_provider "aws" {
  override_resource {
    target          = aws_lb_target_group.this
    override_during = plan
    values          = { arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:targetgroup/links-test/0123456789abcdef" }
  }
}

variables {
  name              = "links-test"
  vpc_id            = "vpc-1"
  subnet_ids        = ["subnet-1", "subnet-2", "subnet-3"]
  security_group_id = "sg-1"
}

run "public_and_strict" {
  command = plan

  assert {
    condition     = aws_lb.this.internal == false && aws_lb.this.subnets == toset(var.subnet_ids) && aws_lb.this.security_groups == toset(["sg-1"])
    error_message = "The balancer stands in the public subnets, in its own group."
  }

  assert {
    condition     = aws_lb.this.drop_invalid_header_fields && aws_lb.this.enable_deletion_protection
    error_message = "Invalid headers are dropped, and the balancer is not deleted by accident."
  }

  assert {
    condition     = aws_lb_target_group.this.target_type == "ip" && aws_lb_target_group.this.port == 8080 && aws_lb_target_group.this.health_check[0].path == "/health/ready"
    error_message = "Targets are addresses, asked whether they are ready."
  }
}

run "plain_http_without_certificate" {
  command = plan

  assert {
    condition     = aws_lb_listener.http.port == 80 && aws_lb_listener.http.default_action[0].type == "forward" && aws_lb_listener.http.default_action[0].target_group_arn == aws_lb_target_group.this.arn
    error_message = "Without a certificate port 80 serves."
  }

  assert {
    condition     = length(aws_lb_listener.https) == 0 && keys(output.listener_arns) == ["http"]
    error_message = "Without a certificate there is no HTTPS."
  }
}

run "https_only_with_certificate" {
  command = plan

  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/0e0c5f5e-9c0e-4b4f-9d0a-1f0a2b3c4d5e"
  }

  assert {
    condition = (
      length(aws_lb_listener.http.default_action) == 1 &&
      aws_lb_listener.http.default_action[0].type == "redirect" &&
      aws_lb_listener.http.default_action[0].redirect[0].protocol == "HTTPS" &&
      aws_lb_listener.http.default_action[0].redirect[0].port == "443" &&
      aws_lb_listener.http.default_action[0].redirect[0].status_code == "HTTP_301"
    )
    error_message = "Port 80 sends everyone to HTTPS and serves no one."
  }

  assert {
    condition = (
      aws_lb_listener.https[0].port == 443 &&
      aws_lb_listener.https[0].protocol == "HTTPS" &&
      aws_lb_listener.https[0].certificate_arn == var.certificate_arn &&
      aws_lb_listener.https[0].default_action[0].target_group_arn == aws_lb_target_group.this.arn
    )
    error_message = "Port 443 serves with the certificate that was given."
  }
}

run "name_that_people_type" {
  command = plan

  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:111122223333:certificate/0e0c5f5e-9c0e-4b4f-9d0a-1f0a2b3c4d5e"
    domain          = { name = "links.example.com", zone_id = "Z0123456789" }
  }

  assert {
    condition     = [for record in aws_route53_record.this : [record.name, record.type, record.zone_id, record.alias[0].evaluate_target_health]] == [["links.example.com", "A", "Z0123456789", true]]
    error_message = "The name points to the balancer."
  }

  assert {
    condition     = output.url == "https://links.example.com"
    error_message = "That name is the address."
  }
}

run "requests_are_recorded_where_asked_for" {
  command = plan

  variables {
    access_logs = { bucket = "links-test-access-logs", prefix = "links-test" }
  }

  assert {
    condition     = [for logs in aws_lb.this.access_logs : [logs.enabled, logs.bucket, logs.prefix]] == [[true, "links-test-access-logs", "links-test"]]
    error_message = "Every request is recorded in the bucket."
  }
}
