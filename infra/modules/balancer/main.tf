# An application load balancer before tasks that are known by address. Without a
# certificate it speaks plain HTTP, which is for development; with one it speaks
# HTTPS and sends HTTP there.

locals {
  https = var.certificate_arn != null
}

resource "aws_lb" "this" {
  # checkov:skip=CKV2_AWS_20:It does where there is a certificate (tests/plan.tftest.hcl); without one there is nothing to redirect to, and the environment says that it is for development.
  # checkov:skip=CKV2_AWS_28:A firewall for requests is paid for by rule and request, and is a decision of its own; this balancer takes one as it is.
  name               = var.name
  load_balancer_type = "application"
  internal           = false
  subnets            = var.subnet_ids
  security_groups    = [var.security_group_id]

  enable_deletion_protection = var.deletion_protection
  idle_timeout               = var.idle_timeout

  # A header whose name HTTP does not allow is how requests are smuggled.
  drop_invalid_header_fields = true

  dynamic "access_logs" {
    for_each = var.access_logs == null ? [] : [var.access_logs]

    content {
      enabled = true
      bucket  = access_logs.value.bucket
      prefix  = access_logs.value.prefix
    }
  }

  # A balancer costs the provider 60 s to make and 30 s per change, whatever
  # changes: keep its settings few.
}

resource "aws_lb_target_group" "this" {
  # checkov:skip=CKV_AWS_378:TLS ends here. Behind is the VPC, where only this balancer's security group reaches a task.
  name        = var.name
  target_type = "ip"
  protocol    = "HTTP"
  port        = var.target_port
  vpc_id      = var.vpc_id

  deregistration_delay          = var.deregistration_delay
  load_balancing_algorithm_type = var.algorithm

  health_check {
    path                = var.health_check.path
    interval            = var.health_check.interval
    timeout             = var.health_check.timeout
    healthy_threshold   = var.health_check.healthy_threshold
    unhealthy_threshold = var.health_check.unhealthy_threshold
    matcher             = var.health_check.matcher
  }
}

resource "aws_lb_listener" "http" {
  # checkov:skip=CKV_AWS_2:Redirects to HTTPS where there is a certificate (tests/plan.tftest.hcl).
  # checkov:skip=CKV_AWS_103:As above; the HTTPS listener takes TLS 1.2 and newer alone.
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTP"
  port              = 80

  dynamic "default_action" {
    for_each = local.https ? [] : ["forward"]

    content {
      type             = "forward"
      target_group_arn = aws_lb_target_group.this.arn
    }
  }

  dynamic "default_action" {
    for_each = local.https ? ["redirect"] : []

    content {
      type = "redirect"

      redirect {
        protocol    = "HTTPS"
        port        = "443"
        status_code = "HTTP_301"
      }
    }
  }
}

resource "aws_lb_listener" "https" {
  count = local.https ? 1 : 0

  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTPS"
  port              = 443
  ssl_policy        = var.ssl_policy
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

# The name that the certificate is for.
resource "aws_route53_record" "this" {
  count = var.domain == null ? 0 : 1

  zone_id = var.domain.zone_id
  name    = var.domain.name
  type    = "A"

  alias {
    name                   = aws_lb.this.dns_name
    zone_id                = aws_lb.this.zone_id
    evaluate_target_health = true
  }
}
