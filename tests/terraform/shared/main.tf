# A service in the account's default VPC, as quick starts have it: everything is looked up, nothing is
# laid out. Security group rules are inline, and the balancer has a rule for each path and host.

terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = "eu-central-1"

  default_tags {
    tags = { project = "shared" }
  }
}

variable "paths" {
  description = "Priority and pattern of each rule."
  type        = map(string)
  default     = { "10" = "/api/*", "20" = "/static/*" }
}

variable "open_ports" {
  type    = list(number)
  default = [80]
}

variable "offices" {
  description = "Who may see the balancer's status port."
  type        = map(string)
  default     = { "192.0.2.0/24" = "north", "198.51.100.0/24" = "south" }
}

data "aws_caller_identity" "me" {}

data "aws_region" "here" {}

data "aws_availability_zones" "all" {
  state = "available"
}

data "aws_vpc" "default" {
  default = true
}

data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}

data "aws_subnet" "each" {
  for_each = toset(data.aws_subnets.default.ids)
  id       = each.value
}

resource "aws_ec2_managed_prefix_list" "offices" {
  name           = "offices"
  address_family = "IPv4"
  max_entries    = 5

  dynamic "entry" {
    for_each = var.offices
    content {
      cidr        = entry.key
      description = entry.value
    }
  }
}

resource "aws_vpc_security_group_ingress_rule" "status" {
  security_group_id = aws_security_group.status.id
  prefix_list_id    = aws_ec2_managed_prefix_list.offices.id
  ip_protocol       = "tcp"
  from_port         = 8081
  to_port           = 8081
}

resource "aws_security_group" "status" {
  name        = "status"
  description = "Who may look"
  vpc_id      = data.aws_vpc.default.id
}

resource "aws_security_group" "web" {
  name_prefix = "web-"
  description = "The balancer"
  vpc_id      = data.aws_vpc.default.id

  dynamic "ingress" {
    for_each = var.open_ports
    content {
      description = "port ${ingress.value}"
      from_port   = ingress.value
      to_port     = ingress.value
      protocol    = "tcp"
      cidr_blocks = ["0.0.0.0/0"]
    }
  }

  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = [data.aws_vpc.default.cidr_block]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lb" "web" {
  name            = "shared"
  subnets         = [for subnet in data.aws_subnet.each : subnet.id if subnet.default_for_az]
  security_groups = [aws_security_group.web.id]
  idle_timeout    = 30
}

resource "aws_lb_target_group" "app" {
  for_each    = toset(["blue", "green"])
  name        = "shared-${each.key}"
  port        = 8080
  protocol    = "HTTP"
  target_type = "ip"
  vpc_id      = data.aws_vpc.default.id

  health_check {
    path    = "/health"
    matcher = "200-299"
  }

  stickiness {
    type    = "lb_cookie"
    enabled = false
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.web.arn
  port              = 80
  protocol          = "HTTP"

  default_action {
    type = "forward"
    forward {
      target_group {
        arn    = aws_lb_target_group.app["blue"].arn
        weight = 90
      }
      target_group {
        arn    = aws_lb_target_group.app["green"].arn
        weight = 10
      }
    }
  }
}

resource "aws_lb_listener_rule" "path" {
  for_each     = var.paths
  listener_arn = aws_lb_listener.http.arn
  priority     = each.key

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.app["green"].arn
  }

  condition {
    path_pattern {
      values = [each.value]
    }
  }

  condition {
    http_request_method {
      values = ["GET", "HEAD"]
    }
  }
}

resource "aws_lb_listener_rule" "moved" {
  listener_arn = aws_lb_listener.http.arn
  priority     = 100

  action {
    type = "redirect"
    redirect {
      host        = "www.example.org"
      status_code = "HTTP_301"
    }
  }

  condition {
    host_header {
      values = ["example.org", "*.example.net"]
    }
  }
}

resource "aws_s3_bucket" "assets" {
  bucket        = "shared-assets-${data.aws_caller_identity.me.account_id}"
  force_destroy = true
}

resource "aws_s3_object" "page" {
  bucket       = aws_s3_bucket.assets.id
  key          = "index.html"
  content      = "<p>${data.aws_region.here.name}</p>"
  content_type = "text/html"
}

output "zones" {
  value = length(data.aws_availability_zones.all.names)
}
